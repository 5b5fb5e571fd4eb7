"""MNIST: handwritten digits."""

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import tfds
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Images

MNIST = register(
    Info(
        name="mnist",
        description="digits",
        modality=Images((28, 28, 1)),
        condition=Labels(10),
        class_names=tuple("0123456789"),
        splits={"train": 60_000, "test": 10_000},
        make=tfds.arrays,
        files=(
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        ),
        license="Copyright Y. LeCun and C. Cortes; commonly given as CC BY-SA 3.0.",
        homepage="yann.lecun.com/exdb/mnist",
        citation="LeCun, Bottou, Bengio, Haffner, Gradient-Based Learning Applied to Document Recognition, 1998.",
    )
)
