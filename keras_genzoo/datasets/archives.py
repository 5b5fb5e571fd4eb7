"""Archives of pictures that the user puts in place, and what the data sets read from them share."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import zipfile

import numpy as np
from PIL import Image

from keras_genzoo.images import pictures


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


# Once per process for each file: hashing 40 MB takes a tenth of a second.
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


def picture(archive, name):
    """A picture of an open `zipfile.ZipFile`, uint8 `(height, width, 3)`."""
    with archive.open(name) as file:
        return pictures.read(file, channels=3)


def scaled(picture, image_size):
    """A picture in another size `(height, width)`, scaled bilinearly, with antialiasing."""
    height, width = image_size
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def resized(images, image_size):
    """Images `(n, height, width, channels)` in another size, each as by `scaled`."""
    if images.shape[1:3] == image_size:
        return images
    return np.stack([scaled(image, image_size) for image in images])


def stacked(pairs):
    """A sequence of pairs of images as a pair of arrays."""
    return tuple(np.stack(images) for images in zip(*pairs, strict=True))


def of_split(examples, split):
    """Of a list of examples every tenth for the split `"test"`, the others for `"train"`."""
    return [each for number, each in enumerate(examples) if (number % 10 == 9) == (split == "test")]


def folders_as_classes(dataset, folders, split, data_dir, image_size):
    """The pictures of folders in a data set's archive, in order of their names, the number of the folder as label.

    Args:
        dataset, split, data_dir, image_size: As for `keras_genzoo.datasets.Info`'s `make`.
        folders: Iterable of strings, names of top folders. Each is split for itself, by `of_split`.

    Returns:
        Pair of uint8 images `(n, height, width, 3)`, transparent pixels white, and int32 labels `(n,)`.
    """
    images, labels = [], []
    with zipfile.ZipFile(dataset.archive.find(data_dir)) as archive:
        names = sorted(archive.namelist())
        for label, folder in enumerate(folders):
            chosen = of_split([name for name in names if name.startswith(f"{folder}/")], split)
            images += [picture(archive, name) for name in chosen]
            labels += [label] * len(chosen)
    return resized(np.stack(images), image_size), np.array(labels, "int32")
