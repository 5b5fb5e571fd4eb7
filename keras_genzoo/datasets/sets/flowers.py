"""Photographs of flowers, 128x128: with the kind as class; paired with reduced, gray, blurred or masked versions."""

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import archives
from keras_genzoo.datasets.masks import masks_of
from keras_genzoo.datasets.motion import blurred, blurred_of
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.datasets.pairs import masked, reduced
from keras_genzoo.images import pictures
from keras_genzoo.modalities import Images, MaskedImages

_KINDS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def _photographs(dataset, split, data_dir, image_size):
    return archives.folders_as_classes(dataset, _KINDS, split, data_dir, image_size)


def _reduced(dataset, photographs):
    return reduced(photographs, dataset.scale)


def _grey(dataset, photographs):
    return pictures.greyed(photographs)


def _with_holes(dataset, photographs):
    holes = masks_of(len(photographs), photographs.shape[1:3])
    return np.concatenate([np.where(holes > 0, np.uint8(128), photographs), holes], axis=-1)


def _blurred(dataset, photographs):
    return blurred_of(photographs)


_ARCHIVE = archives.Archive(
    folder="flowers128",
    file="flowers128.zip",
    sha256="4d53c996caf7bbd591103267109e3b99a30408f8efb29d165d03b897680bbe50",
    origin="the pictures of flower_photos.tgz (tf_flowers of tensorflow-datasets), without exact duplicates, their "
    "center squares resized to 128x128 with a Lanczos filter, as webp of quality 90",
)

_ABOUT = {
    "make": _photographs,
    "modality": Images((128, 128, 3)),
    "splits": {"train": 3303, "test": 364},
    "archive": _ARCHIVE,
    "files": (_ARCHIVE.file,),
    "license": "CC BY 2.0",
    "homepage": "www.tensorflow.org/datasets/catalog/tf_flowers",
    "citation": "Flower photos by many photographers, CC BY 2.0, by way of the TensorFlow flowers data set.",
}

register(
    Info(
        name="flowers128",
        description="photographs of flowers, five kinds",
        condition=Labels(len(_KINDS)),
        class_names=_KINDS,
        **_ABOUT,
    )
)

for _scale in (2, 4):
    register(
        Info(
            name=f"flowers_x{_scale}",
            description=f"photographs of flowers, reduced by {_scale} and original",
            source_modality=Images((128 // _scale, 128 // _scale, 3)),
            paired_splits=("train", "test"),
            make_sources=_reduced,
            **_ABOUT,
        )
    )

register(
    Info(
        name="flowers_grey",
        description="photographs of flowers, in gray and in color",
        source_modality=Images((128, 128, 1)),
        paired_splits=("train", "test"),
        make_sources=_grey,
        **_ABOUT,
    )
)

register(
    Info(
        name="flowers_masked",
        description="photographs of flowers, masked and original",
        source_modality=MaskedImages((128, 128, 4)),
        paired_splits=("train", "test"),
        make_sources=_with_holes,
        draw_sources=masked,
        **_ABOUT,
    )
)

register(
    Info(
        name="flowers_blurred",
        description="photographs of flowers, blurred by camera shake and sharp",
        source_modality=Images((128, 128, 3)),
        paired_splits=("train", "test"),
        make_sources=_blurred,
        draw_sources=blurred,
        **_ABOUT,
    )
)
