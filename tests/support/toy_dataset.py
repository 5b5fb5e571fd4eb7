"""A generated stand-in for MNIST, so that the paths of the named data sets run without its files.

`ring` and `grid` need none: they are generated as they are.
"""

import dataclasses

import numpy as np

from keras_genzoo.datasets import named

SPLITS = {"train": 96, "test": 64}
STACKED_SPLITS = {"train": 80, "test": 48}


def install(setattr=setattr):
    """Puts the stand-in, blobs at a place that tells their class, in the place of `mnist`.

    `stacked_mnist` is stacked of it.

    Args:
        setattr: Pass `monkeypatch.setattr` to undo it after the test.
    """
    stand_in = dataclasses.replace(named.info("mnist"), splits=SPLITS, make=_make)
    stacked = dataclasses.replace(named.info("stacked_mnist"), splits=STACKED_SPLITS)
    setattr(named, "_DATASETS", {**named._DATASETS, "mnist": stand_in, "stacked_mnist": stacked})


def _make(dataset, split, data_dir, image_size):
    return images_and_labels(dataset.splits[split])


def images_and_labels(num):
    """Images `(num, 28, 28, 1)`, uint8, and labels `(num,)`, int32, the same at every call."""
    labels = np.arange(num, dtype="int32") % 10
    images = np.random.default_rng(0).integers(0, 60, (num, 28, 28, 1)).astype("uint8")
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[8 * row : 8 * row + 7, 7 * column : 7 * column + 7] += 180
    return images, labels
