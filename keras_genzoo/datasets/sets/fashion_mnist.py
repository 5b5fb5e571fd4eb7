"""Fashion-MNIST: clothes, original and with a margin of black pixels."""

import dataclasses

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import named, tfds
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Images


def _padded(dataset, split, data_dir, image_size):
    images, labels = named.arrays(FASHION_MNIST.name, split, data_dir)
    margin = (dataset.margin,) * 2
    return np.pad(images, ((0, 0), margin, margin, (0, 0))), labels


FASHION_MNIST = register(
    Info(
        name="fashion_mnist",
        description="clothes",
        modality=Images((28, 28, 1)),
        condition=Labels(10),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        splits={"train": 60_000, "test": 10_000},
        make=tfds.arrays,
        files=(
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        ),
        license="MIT, copyright Zalando SE.",
        homepage="github.com/zalandoresearch/fashion-mnist",
        citation="Xiao, Rasul, Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
        "Algorithms, arXiv:1708.07747.",
    )
)

register(
    dataclasses.replace(
        FASHION_MNIST,
        name="fashion_mnist_padded",
        description="clothes with two black pixels at each side",
        modality=Images((32, 32, 1)),
        margin=2,
        make=_padded,
    )
)
