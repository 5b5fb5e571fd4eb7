"""Data sets by name: prepared by tensorflow-datasets, or generated."""

import dataclasses
import difflib
import functools
import os
import pathlib
import tempfile

from keras_genzoo.datasets import generated, pipeline
from keras_genzoo.datasets.arrays import from_arrays


@dataclasses.dataclass(frozen=True)
class Info:
    """What is known of a data set without reading it.

    One that tensorflow-datasets prepares has its name there. Points in the plane have the `image_shape` `(2,)`
    and the `modes` that they are drawn from.
    """

    name: str
    image_shape: tuple
    class_names: tuple
    splits: dict
    files: tuple
    license: str
    homepage: str
    citation: str
    modes: generated.Modes | None = None

    @property
    def num_classes(self):
        return len(self.class_names)


_MNIST = Info(
    name="mnist",
    image_shape=(28, 28, 1),
    class_names=tuple("0123456789"),
    splits={"train": 60_000, "test": 10_000},
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

_FASHION_MNIST = dataclasses.replace(
    _MNIST,
    name="fashion_mnist",
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
    license="MIT, copyright Zalando SE.",
    homepage="github.com/zalandoresearch/fashion-mnist",
    citation="Xiao, Rasul, Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
    "Algorithms, arXiv:1708.07747.",
)

_STACKED_MNIST = dataclasses.replace(
    _MNIST,
    name="stacked_mnist",
    image_shape=(28, 28, 3),
    class_names=tuple(f"{number:03d}" for number in range(1000)),
    splits={"train": 128_000, "test": 26_000},
    homepage="arxiv.org/abs/1611.02163",
    citation="Metz, Poole, Pfau, Sohl-Dickstein, Unrolled Generative Adversarial Networks, 2017, made of the "
    f"digits of {_MNIST.citation}",
)

_RING = Info(
    name="ring",
    image_shape=(2,),
    class_names=tuple(map(str, range(8))),
    splits={"train": 100_000, "test": 10_000},
    files=(),
    license="generated",
    homepage="arxiv.org/abs/1705.07761",
    citation="Srivastava, Valkov, Russell, Gutmann, Sutton, VEEGAN: Reducing Mode Collapse in GANs using "
    "Implicit Variational Learning, 2017.",
    modes=generated.RING,
)

_GRID = dataclasses.replace(_RING, name="grid", class_names=tuple(map(str, range(25))), modes=generated.GRID)

_DATASETS = {dataset.name: dataset for dataset in (_MNIST, _FASHION_MNIST, _STACKED_MNIST, _RING, _GRID)}

# Part of what the generated data sets are: another seed makes another data set.
_SEEDS = {"train": 0, "test": 1}


def load(
    name,
    split="train",
    batch_size=64,
    image_size=None,
    data_dir=None,
    shuffle=True,
    seed=0,
    initial_step=None,
):
    """Batches of images and labels of a named data set.

    | name | what | train | test |
    | --- | --- | --- | --- |
    | `"mnist"` | digits, (28, 28, 1) | 60,000 | 10,000 |
    | `"fashion_mnist"` | clothes, (28, 28, 1) | 60,000 | 10,000 |
    | `"stacked_mnist"` | three MNIST digits as channels, (28, 28, 3), 1000 classes | 128,000 | 26,000 |
    | `"ring"` | points of 8 Gaussians on a circle, (2,) | 100,000 | 10,000 |
    | `"grid"` | points of 25 Gaussians on a grid, (2,) | 100,000 | 10,000 |

    The last three are drawn with fixed seeds and always the same. A stacked image's label reads its digits,
    100 a + 10 b + c; they come from the same split of MNIST, so that no test digit is seen in training. A
    point's label is the index of its mode, whose centre is in `info(name).modes`; points are not scaled.

    For the others and for the digits, the first call downloads the data and prepares it with
    tensorflow-datasets (MNIST: about 15 seconds) in the folder `~/tensorflow_datasets`, or that of the variable
    `TFDS_DATA_DIR`. Where the original files are on disk nothing is downloaded.

    Args:
        name: Name of the data set.
        split: `"train"` or `"test"`.
        batch_size: Number of images per batch. The last, partial batch of an epoch is dropped.
        image_size: Integer or pair `(height, width)` to resize to (bilinear, antialiased). None keeps the
            size. Must be None for points.
        data_dir: Folder that holds the original files, or a folder of the data set's name that does (`mnist`
            for `"stacked_mnist"`). Defaults to the environment variable `KERAS_GENZOO_DATA_DIR`, where such a
            folder is found there. Points need no files and ignore it.
        shuffle: Whether to shuffle.
        seed: Integer that fixes the order.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`.

    Returns:
        `tf.data.Dataset` of pairs: images `(batch_size, height, width, channels)`, float32 in [-1, 1], or
        points `(batch_size, 2)`, float32, and labels `(batch_size,)`, int32.

    Raises:
        ValueError: If the name or the split is unknown, `data_dir` does not hold the files, or points are to
            be resized.

    Example:

    ```python
    model.fit(load("fashion_mnist", batch_size=128), epochs=20)

    # Trained in parts: the second goes on with the batches that would have come next.
    model.fit(load("fashion_mnist", batch_size=128, initial_step=0), epochs=10, steps_per_epoch=468)
    dataset = load("fashion_mnist", batch_size=128, initial_step=10 * 468)
    model.fit(dataset, initial_epoch=10, epochs=20, steps_per_epoch=468)
    ```
    """
    images, labels = arrays(name, split, data_dir)
    return from_arrays(
        images,
        labels,
        batch_size=batch_size,
        image_size=image_size,
        shuffle=shuffle,
        seed=seed,
        initial_step=initial_step,
    )


def arrays(name, split="train", data_dir=None):
    """A named data set as a whole, as NumPy arrays.

    Args:
        name: Name of the data set, as for `load`.
        split: `"train"` or `"test"`.
        data_dir: Folder of the original files; see `load`.

    Returns:
        Pair of images `(n, height, width, channels)`, uint8 in [0, 255], or points `(n, 2)`, float32, and
        labels `(n,)`, int32. The arrays are kept for the next call and are therefore read-only.

    Raises:
        ValueError: If the name or the split is unknown, or `data_dir` does not hold the files.

    Example:

    ```python
    images, labels = arrays("mnist", split="test")
    ```
    """
    dataset = info(name)
    if split not in dataset.splits:
        raise ValueError(
            f"`split` of {name!r} must be one of {list(dataset.splits)}. Received split={split!r}."
        )
    num = dataset.splits[split]
    if dataset.modes is not None:
        return _draw_points(dataset.modes, num, split)
    if name == "stacked_mnist":
        return _stack_digits(num, split, _original_files("mnist", data_dir))
    return _prepare(name, split, _original_files(name, data_dir))


def info(name):
    """The shape, classes, sizes, license and origin of a named data set; reads and downloads nothing.

    Args:
        name: Name of the data set, as for `load`.

    Returns:
        `Info` with the fields `name`, `image_shape`, `class_names`, `num_classes`, `splits` (number of images
        by split), `files` (names of the original files), `license`, `homepage`, `citation` and `modes`: for
        points the mixture that they are drawn from, with `centers` `(num_modes, 2)`, float64, and `stddev`;
        None for images.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> info("mnist").splits["train"]
    60000
    >>> info("ring").modes.stddev
    0.01
    """
    if name not in _DATASETS:
        nearest = difflib.get_close_matches(str(name), _DATASETS, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"`name` must be one of {list(_DATASETS)}. Received name={name!r}.{hint}")
    return _DATASETS[name]


def _original_files(name, data_dir):
    """The folder that holds the original files, or None to download them."""
    given = data_dir or os.environ.get("KERAS_GENZOO_DATA_DIR")
    if not given:
        return None
    files = info(name).files
    given = pathlib.Path(given).expanduser()
    for folder in (given / name, given):
        if all((folder / file).is_file() for file in files):
            return folder
    if data_dir:
        raise ValueError(
            f"`data_dir` must hold the original files of {name!r} ({', '.join(files)}), or a folder "
            f"{name!r} that does. Received data_dir={str(data_dir)!r}. Leave it out to download them."
        )
    return None


@functools.lru_cache(maxsize=4)
def _draw_points(modes, num, split):
    return _read_only(modes.draw(num, seed=_SEEDS[split]))


# One split of it is 300 MB: a training needs one, and its evaluation another.
@functools.lru_cache(maxsize=2)
def _stack_digits(num, split, folder):
    return _read_only(generated.stack_digits(*_prepare("mnist", split, folder), num, seed=_SEEDS[split]))


@functools.lru_cache(maxsize=4)
def _prepare(name, split, folder):
    tfds = pipeline.require("tensorflow_datasets")
    tfds.disable_progress_bar()
    builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    try:
        # TFDS names what it unpacks after the file alone and reuses it: MNIST's files, unpacked in a common
        # folder, would be taken for Fashion-MNIST's.
        with tempfile.TemporaryDirectory() as extract_dir:
            # Never the copies already prepared in the cloud: everybody's examples come in the same order.
            config = tfds.download.DownloadConfig(
                manual_dir=folder, extract_dir=extract_dir, try_download_gcs=False
            )
            builder.download_and_prepare(download_config=config)
    except OSError as error:
        raise ConnectionError(
            f"Could not prepare {name!r}: {error}. Where it cannot be downloaded, put its original files "
            f"({', '.join(info(name).files)}) in a folder and pass `data_dir`, or set KERAS_GENZOO_DATA_DIR to it."
        ) from error
    except tfds.core.download.download_manager.NonMatchingChecksumError as error:
        # MNIST and Fashion-MNIST name their files alike.
        raise ValueError(
            f"`data_dir` must hold the original files of {name!r}. Those in {str(folder)!r} are others or "
            f"damaged. {error}"
        ) from error
    images, labels = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, as_supervised=True))
    return _read_only((images, labels.astype("int32")))


def _read_only(arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays
