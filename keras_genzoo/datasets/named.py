"""Data sets by name, prepared by tensorflow-datasets."""

import dataclasses
import difflib
import functools
import os
import pathlib
import tempfile

from keras_genzoo.datasets import pipeline
from keras_genzoo.datasets.arrays import from_arrays


@dataclasses.dataclass(frozen=True)
class Info:
    """What is known of a data set without reading it. Its name here is its name in tensorflow-datasets."""

    name: str
    image_shape: tuple
    class_names: tuple
    splits: dict
    files: tuple
    license: str
    homepage: str
    citation: str

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

_DATASETS = {dataset.name: dataset for dataset in (_MNIST, _FASHION_MNIST)}


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

    The first call downloads the data and prepares it with tensorflow-datasets (MNIST: about 15 seconds) in
    the folder `~/tensorflow_datasets`, or that of the variable `TFDS_DATA_DIR`. Where the original
    files are on disk nothing is downloaded.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.
        split: `"train"` or `"test"`.
        batch_size: Number of images per batch. The last, partial batch of an epoch is dropped.
        image_size: Integer or pair `(height, width)` to resize to (bilinear, antialiased). None keeps the
            size.
        data_dir: Folder that holds the original files, or a folder of the data set's name that does. Defaults
            to the environment variable `KERAS_GENZOO_DATA_DIR`, where such a folder is found there.
        shuffle: Whether to shuffle.
        seed: Integer that fixes the order.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`.

    Returns:
        `tf.data.Dataset` of pairs: images `(batch_size, height, width, channels)`, float32 in [-1, 1], and
        labels `(batch_size,)`, int32.

    Raises:
        ValueError: If the name or the split is unknown, or `data_dir` does not hold the files.

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
        name: `"mnist"` or `"fashion_mnist"`.
        split: `"train"` or `"test"`.
        data_dir: Folder of the original files; see `load`.

    Returns:
        Pair of images `(n, height, width, channels)`, uint8 in [0, 255], and labels `(n,)`, int32. The arrays
        are kept for the next call and are therefore read-only.

    Raises:
        ValueError: If the name or the split is unknown, or `data_dir` does not hold the files.

    Example:

    ```python
    images, labels = arrays("mnist", split="test")
    ```
    """
    splits = info(name).splits
    if split not in splits:
        raise ValueError(f"`split` of {name!r} must be one of {list(splits)}. Received split={split!r}.")
    return _prepare(name, split, _original_files(name, data_dir))


def info(name):
    """The shape, classes, sizes, license and origin of a named data set; reads and downloads nothing.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.

    Returns:
        `Info` with the fields `name`, `image_shape`, `class_names`, `num_classes`, `splits` (number of images
        by split), `files` (names of the original files), `license`, `homepage` and `citation`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> info("mnist").splits["train"]
    60000
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
    labels = labels.astype("int32")
    for array in (images, labels):
        array.flags.writeable = False
    return images, labels
