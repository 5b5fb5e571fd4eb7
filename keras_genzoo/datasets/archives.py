"""Archives of pictures that the user provides, and helpers for the datasets read from them."""

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
    """A zip file of pictures that the user provides; it is not downloaded.

    Args:
        folder: String, name of the folder that contains the file.
        file: String, name of the file.
        sha256: String, hexadecimal SHA-256 of the file.
        origin: String, content and origin of the file, for the error message if it is missing.
    """

    folder: str
    file: str
    sha256: str
    origin: str

    def find(self, data_dir=None):
        """Returns the path of the file.

        Args:
            data_dir: Folder that contains the file, or the folder of the file. Defaults to the environment
                variable `KERAS_GENZOO_DATA_DIR`.

        Raises:
            ValueError: If the file is missing, or its SHA-256 differs.
        """
        given = data_dir or os.environ.get("KERAS_GENZOO_DATA_DIR")
        if given:
            given = pathlib.Path(given).expanduser()
            for path in (given / self.folder / self.file, given / self.file):
                if path.is_file():
                    return _verified(path, self.sha256)
        place = "`data_dir`" if data_dir else "`data_dir`, or the environment variable KERAS_GENZOO_DATA_DIR,"
        raise ValueError(
            f"{place} must be a folder that contains {self.folder}/{self.file}. Received: "
            f"{None if given is None else str(given)!r}. The file is not downloaded automatically. Its content: "
            f"{self.origin}."
        )


# Each file is hashed once per process: 40 MB take a tenth of a second.
@functools.lru_cache
def _verified(path, sha256):
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} is not the expected file: its SHA-256 is {found}, not {sha256}. It is damaged or a different "
            "version: replace it."
        )
    return path


def picture(archive, name):
    """Reads a picture from an open `zipfile.ZipFile`, uint8 `(height, width, 3)`."""
    with archive.open(name) as file:
        return pictures.read(file, channels=3)


def scaled(picture, image_size):
    """Resizes a picture to `(height, width)`, bilinear and antialiased."""
    height, width = image_size
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def resized(images, image_size):
    """Resizes images `(n, height, width, channels)`, each with `scaled`."""
    if images.shape[1:3] == image_size:
        return images
    return np.stack([scaled(image, image_size) for image in images])


def stacked(pairs):
    """Converts a sequence of pairs of images to a pair of arrays."""
    return tuple(np.stack(images) for images in zip(*pairs, strict=True))


def of_split(examples, split):
    """Returns every tenth example of a list for the split `"test"`, the others for `"train"`."""
    return [each for number, each in enumerate(examples) if (number % 10 == 9) == (split == "test")]


def folders_as_classes(dataset, folders, split, data_dir, image_size):
    """Reads the pictures in the folders of a dataset's archive, sorted by name. The folder's index is the label.

    Args:
        dataset, split, data_dir, image_size: See `make` of `keras_genzoo.datasets.Info`.
        folders: Iterable of strings, names of top-level folders. `of_split` splits each of them separately.

    Returns:
        Tuple of uint8 images `(n, height, width, 3)`, with transparent pixels white, and int32 labels `(n,)`.
    """
    images, labels = [], []
    with zipfile.ZipFile(dataset.archive.find(data_dir)) as archive:
        names = sorted(archive.namelist())
        for label, folder in enumerate(folders):
            chosen = of_split([name for name in names if name.startswith(f"{folder}/")], split)
            images += [picture(archive, name) for name in chosen]
            labels += [label] * len(chosen)
    return resized(np.stack(images), image_size), np.array(labels, "int32")
