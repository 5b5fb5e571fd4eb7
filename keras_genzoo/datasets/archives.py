"""The archives of pictures that named data sets for image-to-image translation are read from."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import zipfile

import numpy as np
from PIL import Image

from keras_genzoo import pictures


@dataclasses.dataclass(frozen=True)
class Archive:
    """A zip file of pictures that the user puts in place; nothing downloads it.

    Args:
        folder: Name of the folder it lies in.
        file: Name of the file.
        sha256: Hexadecimal SHA-256 of the file.
        origin: What it holds and where that comes from, for the message when the file is missing.
    """

    folder: str
    file: str
    sha256: str
    origin: str

    def find(self, data_dir=None):
        """The path of the file.

        Args:
            data_dir: Folder that holds the file, or its folder. Defaults to the variable
                `KERAS_GENZOO_DATA_DIR`.

        Raises:
            ValueError: If the file is missing, or is another.
        """
        given = data_dir or os.environ.get("KERAS_GENZOO_DATA_DIR")
        if given:
            given = pathlib.Path(given).expanduser()
            for path in (given / self.folder / self.file, given / self.file):
                if path.is_file():
                    return _verified(path, self.sha256)
        place = "`data_dir`" if data_dir else "`data_dir`, or the variable KERAS_GENZOO_DATA_DIR,"
        raise ValueError(
            f"{place} must name a folder that holds {self.folder}/{self.file}. Received: "
            f"{None if given is None else str(given)!r}. The file is not downloaded. Put it there: {self.origin}."
        )


EMOJI = Archive(
    folder="emoji_pairs",
    file="emoji_noto_twemoji_112.zip",
    sha256="e588b5dd59be595d568d519d183d1433eb2c4265be6af06f80bc9dd25bbbb266",
    origin="the 1,898 pictures that github.com/RealityRipple/emoji at commit db08071 has under the same name in "
    "both noto/ and twemoji/, without skin tones, 112x112 RGBA png",
)
FACADES = Archive(
    folder="facades",
    file="facades_500.zip",
    sha256="485c6aea803d9ccc1a61ea43522cd829ae58a1cac98902810224434766d3b346",
    origin="image_001.jpg to image_500.jpg of the folder facades/ of github.com/AlejandroDopico2/GAN-Facades at "
    "commit b352d59, the photograph on the left and its labels on the right",
)
YOSEMITE = Archive(
    folder="summer2winter_yosemite",
    file="summer2winter_subset.zip",
    sha256="93e2133a57cd0ec228f9174de49373e948d47a15add6335ae3652861a2a72c7c",
    origin="779 pictures, none twice, of the folder data/ of github.com/Edgar454/Summer2Winter at commit 849fa9e, "
    "in trainA/, trainB/, testA/ and testB/",
)


def emoji(path, split, size):
    """Noto's and Twemoji's drawings of the same emoji, each uint8 `(n, *size, 3)`."""
    return tuple(_resized(images, size) for images in _emoji(path)[split])


# 140 MB. To leave out repeats all must be decoded, for whichever split or size is asked.
@functools.lru_cache(maxsize=1)
def _emoji(path):
    with zipfile.ZipFile(path) as archive:
        names = sorted(name.partition("/")[2] for name in archive.namelist() if name.startswith("noto/"))
        seen = set()
        pairs = []
        for name in names:
            pair = [_picture(archive, f"{domain}/{name}") for domain in ("noto", "twemoji")]
            keys = {(domain, hashlib.sha256(picture).digest()) for domain, picture in enumerate(pair)}
            if not keys & seen:
                pairs.append(pair)
            seen |= keys
    return {
        "train": _stacked(pair for number, pair in enumerate(pairs) if number % 10 != 9),
        "test": _stacked(pairs[9::10]),
    }


def facades(path, numbers, size):
    """Label maps and photographs of facades, each uint8 `(n, *size, 3)`, of the files of these places."""
    pairs = []
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        for number in numbers:
            picture = _picture(archive, names[number])
            middle = picture.shape[1] // 2
            pairs.append([_scaled(half, size) for half in (picture[:, middle:], picture[:, :middle])])
    return _stacked(pairs)


def yosemite(path, split, size):
    """Pictures taken in summer and in winter, uint8 `(n, *size, 3)` and `(m, *size, 3)`."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        return tuple(
            np.stack([_scaled(_picture(archive, name), size) for name in names if name.startswith(folder)])
            for folder in (f"{split}A/", f"{split}B/")
        )


# Once a process for each file: hashing 40 MB takes a tenth of a second.
@functools.lru_cache
def _verified(path, sha256):
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} is not the file that is expected there: its SHA-256 is {found}, not {sha256}. It is another or "
            "damaged: replace it."
        )
    return path


def _picture(archive, name):
    """A picture of the archive, uint8 `(height, width, 3)`."""
    with archive.open(name) as file:
        return pictures.read(file, channels=3)


def _stacked(pairs):
    return tuple(np.stack(images) for images in zip(*pairs, strict=True))


def _resized(images, size):
    return images if images.shape[1:3] == size else np.stack([_scaled(image, size) for image in images])


def _scaled(picture, size):
    """A picture in another size, scaled bilinearly, with antialiasing."""
    height, width = size
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
