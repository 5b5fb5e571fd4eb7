"""Drawn faces in four styles, which are the classes, and their label maps."""

import gzip
import json

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import archives
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Images, LabelMaps

_STYLES = ("adventurer", "micah", "personas", "toon-head")


def _faces(dataset, split, data_dir, image_size):
    return archives.folders_as_classes(dataset, _STYLES, split, data_dir, image_size)


def _with_label_maps(dataset, split, data_dir, image_size):
    faces, _ = _faces(dataset, split, data_dir, image_size)
    with np.load(_LABEL_MAPS.find(data_dir)) as maps:
        parts = [np.stack(archives.of_split(list(maps[style.replace("-", "_")]), split)) for style in _STYLES]
    label_maps = np.concatenate(parts)[..., None]
    return dataset.source_modality.resize(label_maps, image_size), faces


def _attributes(dataset, split, data_dir):
    with gzip.open(_ATTRIBUTES.find(data_dir)) as file:
        parts = json.load(file)
    faces = [face for style in _STYLES for face in archives.of_split(parts[style], split)]
    return {
        "glasses": np.array(["glasses" in face for face in faces]),
        "beard": np.array(["beard" in face or "facialHair" in face for face in faces]),
        "dark hair": np.array([_is_dark(face["hairColor"]) for face in faces]),
        "dark skin": np.array([_is_dark(face.get("skinColor") or face["baseColor"]) for face in faces]),
    }


def _is_dark(color):
    """Returns whether the brightness of a color such as `"#9e5622"`, by ITU-R BT.601, is less than half."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return 0.299 * red + 0.587 * green + 0.114 * blue < 127.5


_ARCHIVE = archives.Archive(
    folder="avatar_faces",
    file="avatar_faces_64.zip",
    sha256="9d0c90595799f79bf585ee96f6efc77706c1db2bff867cfb5ed3390762df555b",
    origin="6,000 faces drawn by @dicebear/core 9.4.3, 1,500 each in the styles adventurer, micah, personas and "
    "toon-head, 64x64, as folders of lossless WebP files named after the styles",
)
_ATTRIBUTES = archives.Archive(
    folder="avatar_faces",
    file="attributes.json.gz",
    sha256="22c40ce3d51661396bdfe03f3a729edd3528da5fa4ea680b52923a1d5d7c197f",
    origin="the parts and colors of the faces, one list per style",
)

_LABEL_MAPS = archives.Archive(
    folder="avatar_faces",
    file="avatar_labels_64.npz",
    sha256="197939fd6bd938c5a34ff4b58a62844af9a6be0c8f6bb347d85e676fed134556",
    origin="the label maps of the faces: 0 background, 1 skin, 2 hair and beard, 3 clothes, 4 lines, eyes, mouth and "
    "glasses; one uint8 array (1500, 64, 64) per style",
)

_ABOUT = {
    "modality": Images((64, 64, 3)),
    "splits": {"train": 4 * 1350, "test": 4 * 150},
    "archive": _ARCHIVE,
    "license": "CC BY 4.0.",
    "homepage": "dicebear.com",
    "citation": "Adventurer by Lisa Wischofsky, Avatar Illustration System by Micah Lanier, Personas by Draftbit, "
    "ToonHead by Johan Melin, CC BY 4.0, by way of DiceBear; remixed.",
}

register(
    Info(
        name="avatar_faces",
        description="faces drawn in four styles; the style is the class",
        condition=Labels(4),
        class_names=("Adventurer", "Micah", "Personas", "Toon Head"),
        make=_faces,
        attributes=_attributes,
        files=(_ARCHIVE.file,),
        **_ABOUT,
    )
)

register(
    Info(
        name="avatar_label_maps",
        description="label maps of faces in four styles, and the faces",
        source_modality=LabelMaps((64, 64, 1), num_labels=5),
        paired_splits=("train", "test"),
        make=_with_label_maps,
        files=(_ARCHIVE.file, _LABEL_MAPS.file),
        **_ABOUT,
    )
)
