"""Stacked MNIST: three digits as the channels of an image, a dataset with 1000 modes."""

import dataclasses

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import named
from keras_genzoo.datasets.generated import SEEDS
from keras_genzoo.datasets.named import register
from keras_genzoo.datasets.sets.mnist import MNIST
from keras_genzoo.modalities import Images


def _stacked(dataset, split, data_dir, image_size):
    """Returns images whose channels are digits drawn with replacement, and labels 100 a + 10 b + c.

    Reference: Metz et al. 2017, "Unrolled generative adversarial networks" (arXiv:1611.02163).
    """
    # From the same split of MNIST, so that no test digit is seen in training.
    images, labels = named.arrays(MNIST.name, split, data_dir)
    num = dataset.splits[split]
    chosen = np.random.RandomState(SEEDS[split]).randint(len(images), size=(num, 3), dtype="int32")
    # Filled in place: stacking the selected images would take twice the memory.
    stacked = np.empty((num, *dataset.image_shape), "uint8")
    for channel in range(3):
        stacked[..., channel] = images[..., 0][chosen[:, channel]]
    return stacked, labels[chosen].astype("int32") @ np.array([100, 10, 1], "int32")


register(
    dataclasses.replace(
        MNIST,
        name="stacked_mnist",
        description="three MNIST digits as channels",
        modality=Images((28, 28, 3)),
        condition=Labels(1000),
        class_names=tuple(f"{number:03d}" for number in range(1000)),
        splits={"train": 128_000, "test": 26_000},
        make=_stacked,
        homepage="arxiv.org/abs/1611.02163",
        citation="Metz, Poole, Pfau, Sohl-Dickstein, Unrolled Generative Adversarial Networks, 2017, made of the "
        f"digits of {MNIST.citation}",
        default_measures=("modes",),
    )
)
