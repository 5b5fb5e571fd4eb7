"""Drawn faces in four styles, the style as class."""

import zipfile

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import archives
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Images

_STYLES = ("adventurer", "micah", "personas", "toon-head")


def _faces(dataset, split, data_dir, image_size):
    """Every tenth face of a style is of the test split."""
    images, labels = [], []
    with zipfile.ZipFile(dataset.archive.find(data_dir)) as archive:
        for label, style in enumerate(_STYLES):
            names = sorted(name for name in archive.namelist() if name.startswith(f"{style}/"))
            chosen = [name for number, name in enumerate(names) if (number % 10 == 9) == (split == "test")]
            images += [archives.picture(archive, name) for name in chosen]
            labels += [label] * len(chosen)
    return archives.resized(np.stack(images), image_size), np.array(labels, "int32")


_ARCHIVE = archives.Archive(
    folder="avatar_faces",
    file="avatar_faces_64.zip",
    sha256="9d0c90595799f79bf585ee96f6efc77706c1db2bff867cfb5ed3390762df555b",
    origin="6,000 faces drawn by @dicebear/core 9.4.3, 1,500 each in the styles adventurer, micah, personas and "
    "toon-head, 64x64, as folders of lossless WebP files named after the styles",
)

register(
    Info(
        name="avatar_faces",
        description="faces drawn in four styles, the style as class",
        modality=Images((64, 64, 3)),
        condition=Labels(4),
        class_names=("Adventurer", "Micah", "Personas", "Toon Head"),
        splits={"train": 4 * 1350, "test": 4 * 150},
        make=_faces,
        archive=_ARCHIVE,
        files=(_ARCHIVE.file,),
        license="CC BY 4.0.",
        homepage="dicebear.com",
        citation="Adventurer by Lisa Wischofsky, Avatar Illustration System by Micah Lanier, Personas by Draftbit, "
        "ToonHead by Johan Melin, CC BY 4.0, by way of DiceBear; remixed.",
    )
)
