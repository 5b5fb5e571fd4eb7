"""Data sets by name: prepared by tensorflow-datasets, generated, or read from an archive."""

import dataclasses
import difflib
import functools
import itertools
import os
import pathlib
import queue
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from keras_genzoo import pixels
from keras_genzoo.datasets import archives, generated, pipeline
from keras_genzoo.datasets.arrays import from_arrays
from keras_genzoo.datasets.edges import edges
from keras_genzoo.datasets.pairs import from_pairs, prepared_size


@dataclasses.dataclass(frozen=True)
class Info:
    """What is known of a data set without reading it.

    One that tensorflow-datasets prepares has its name there. Points in the plane have the `image_shape` `(2,)`
    and the `modes` that they are drawn from. Pairs of images have the `image_shape` of the targets, the
    `source_shape`, and the `archive` that they are read from.
    """

    name: str
    image_shape: tuple
    class_names: tuple
    splits: dict
    files: tuple
    license: str
    homepage: str
    citation: str
    kind: str = "labelled"
    modes: generated.Modes | None = None
    source_shape: tuple | None = None
    paired_splits: tuple = ()
    archive: archives.Archive | None = None
    margin: int = 0

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

_FASHION_MNIST_PADDED = dataclasses.replace(
    _FASHION_MNIST, name="fashion_mnist_padded", image_shape=(32, 32, 1), margin=2
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
    kind="points",
    modes=generated.RING,
)

_GRID = dataclasses.replace(_RING, name="grid", class_names=tuple(map(str, range(25))), modes=generated.GRID)

_NOTO_TO_TWEMOJI = Info(
    name="noto_to_twemoji",
    image_shape=(112, 112, 3),
    class_names=(),
    splits={"train": 1678, "test": 186},
    files=(archives.EMOJI.file,),
    license="Noto Emoji, Copyright Google LLC, Apache License 2.0 (SIL OFL 1.1 in the repository the files are "
    "from). Twemoji graphics, Copyright Twitter, Inc and other contributors, CC BY 4.0.",
    homepage="github.com/googlefonts/noto-emoji, github.com/jdecked/twemoji",
    citation="Noto Emoji, Copyright Google LLC; Twemoji graphics, Copyright Twitter, Inc and other contributors, "
    "CC BY 4.0; both taken from github.com/RealityRipple/emoji at db08071.",
    kind="paired",
    source_shape=(112, 112, 3),
    paired_splits=("train", "test"),
    archive=archives.EMOJI,
)

_EMOJI = dataclasses.replace(
    _NOTO_TO_TWEMOJI,
    name="emoji",
    class_names=("Noto", "Twemoji"),
    splits={"train": 2 * 1678, "test": 2 * 186},
    kind="labelled",
    source_shape=None,
    paired_splits=(),
)

_EDGES_TO_EMOJI = dataclasses.replace(
    _NOTO_TO_TWEMOJI,
    name="edges_to_emoji",
    license="Noto Emoji, Copyright Google LLC, Apache License 2.0 (SIL OFL 1.1 in the repository the files are "
    "from).",
    homepage="github.com/googlefonts/noto-emoji",
    citation="Noto Emoji, Copyright Google LLC; taken from github.com/RealityRipple/emoji at db08071.",
    source_shape=(112, 112, 1),
)

_NOTO_TWEMOJI_UNPAIRED = dataclasses.replace(
    _NOTO_TO_TWEMOJI, name="noto_twemoji_unpaired", kind="unpaired", paired_splits=("test",)
)

_FACADES = Info(
    name="facades",
    image_shape=(256, 256, 3),
    class_names=(),
    splits={"train": 400, "validation": 50, "test": 50},
    files=(archives.FACADES.file,),
    license="Unclear: no licence of the authors was found. For research; check the homepage before publishing "
    "anything derived from it.",
    homepage="cmp.felk.cvut.cz/~tylecr1/facade",
    citation="Tylecek, Sara, Spatial Pattern Templates for Recognition of Objects with Regular Structure, GCPR "
    "2013; side by side as in Isola, Zhu, Zhou, Efros, Image-to-Image Translation with Conditional Adversarial "
    "Networks, CVPR 2017; 500 of the 606 pairs, in a split of this library's own.",
    kind="paired",
    source_shape=(256, 256, 3),
    paired_splits=("train", "validation", "test"),
    archive=archives.FACADES,
)

_YOSEMITE = Info(
    name="summer2winter_yosemite",
    image_shape=(256, 256, 3),
    class_names=(),
    splits={"train": 375, "test": 56},
    files=(archives.YOSEMITE.file,),
    license="Unclear: photographs from Flickr, whose rights stay with the photographers. Research only.",
    homepage="junyanz.github.io/CycleGAN",
    citation="Zhu, Park, Isola, Efros, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial "
    "Networks, ICCV 2017; a subset without repeats.",
    kind="unpaired",
    source_shape=(256, 256, 3),
    archive=archives.YOSEMITE,
)

_DATASETS = {
    dataset.name: dataset
    for dataset in (
        _MNIST,
        _FASHION_MNIST,
        _FASHION_MNIST_PADDED,
        _STACKED_MNIST,
        _RING,
        _GRID,
        _EMOJI,
        _NOTO_TO_TWEMOJI,
        _EDGES_TO_EMOJI,
        _NOTO_TWEMOJI_UNPAIRED,
        _FACADES,
        _YOSEMITE,
    )
}

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
    augment=False,
):
    """Batches of images and labels, or of pairs of images, of a named data set.

    | name | what | train | test |
    | --- | --- | --- | --- |
    | `"mnist"` | digits, (28, 28, 1) | 60,000 | 10,000 |
    | `"fashion_mnist"` | clothes, (28, 28, 1) | 60,000 | 10,000 |
    | `"fashion_mnist_padded"` | the same with two black pixels at each side, (32, 32, 1) | 60,000 | 10,000 |
    | `"stacked_mnist"` | three MNIST digits as channels, (28, 28, 3), 1000 classes | 128,000 | 26,000 |
    | `"ring"` | points of 8 Gaussians on a circle, (2,) | 100,000 | 10,000 |
    | `"grid"` | points of 25 Gaussians on a grid, (2,) | 100,000 | 10,000 |
    | `"emoji"` | emoji drawn in two styles, (112, 112, 3), the style as class | 3,356 | 372 |
    | `"noto_to_twemoji"` | two drawings of an emoji, (112, 112, 3) both | 1,678 | 186 |
    | `"edges_to_emoji"` | edges and drawing of an emoji, (112, 112, 1) and (112, 112, 3) | 1,678 | 186 |
    | `"noto_twemoji_unpaired"` | the same drawings, pairs broken up in train | 1,678 | 186 |
    | `"facades"` | labels and photograph, (256, 256, 3) both; validation: 50 | 400 | 50 |
    | `"summer2winter_yosemite"` | photographs, unpaired, (256, 256, 3) both | 375 and 293 | 56 and 55 |

    Stacked digits and points are drawn with fixed seeds and always the same. A stacked image's label reads its
    digits, 100 a + 10 b + c; they come from the same split of MNIST, so that no test digit is seen in training.
    A point's label is the index of its mode, whose centre is in `info(name).modes`; points are not scaled.

    Pairs are read from archives that nothing downloads: `info(name).archive` says which, and where its pictures
    come from. Their default size is that of the archive; edges are drawn (by `edges`) at the size asked for.
    Emoji that repeat an earlier one in either style are left out, and of the sorted rest every tenth is test.
    Where train is unpaired each kind has an order of its own, and an epoch is as long as the larger one.

    For digits and clothes, the first call downloads the data and prepares it with
    tensorflow-datasets (MNIST: about 15 seconds) in the folder `~/tensorflow_datasets`, or that of the variable
    `TFDS_DATA_DIR`. Where the original files are on disk nothing is downloaded.

    Args:
        name: Name of the data set.
        split: `"train"` or `"test"`, of `"facades"` also `"validation"`.
        batch_size: Number of images, or pairs, per batch. The last, partial batch of an epoch is dropped.
        image_size: Integer or pair `(height, width)` to resize to (bilinear, antialiased). None keeps the
            size. Must be None for points.
        data_dir: Folder that holds the original files, or a folder of the data set's name that does (`mnist`
            for `"stacked_mnist"`, that of the archive for pairs). Defaults to the environment variable
            `KERAS_GENZOO_DATA_DIR`, where such a folder is found there. Points need no files and ignore it.
        shuffle: Whether to shuffle.
        seed: Integer that fixes the order and the augmentation.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`.
        augment: Whether to scale, crop and mirror pairs at random, as `paired_folder` does, or each image of an
            unpaired set by itself. Must be False for the others.

    Returns:
        `tf.data.Dataset` of pairs: images `(batch_size, height, width, channels)`, float32 in [-1, 1], or
        points `(batch_size, 2)`, float32, and labels `(batch_size,)`, int32; or of source and target images.

    Raises:
        ValueError: If the name or the split is unknown, `data_dir` does not hold the files, or points are to
            be resized, or anything but pairs augmented.

    Example:

    ```python
    model.fit(load("fashion_mnist", batch_size=128), epochs=20)

    # Trained in parts: the second goes on with the batches that would have come next.
    model.fit(load("fashion_mnist", batch_size=128, initial_step=0), epochs=10, steps_per_epoch=468)
    dataset = load("fashion_mnist", batch_size=128, initial_step=10 * 468)
    model.fit(dataset, initial_epoch=10, epochs=20, steps_per_epoch=468)
    ```
    """
    dataset = info(name)
    if dataset.source_shape is not None:
        size = _size_of_pairs(dataset, image_size)
        sources, targets = arrays(name, split, data_dir, prepared_size(size, augment))
        paired = split in dataset.paired_splits
        return from_pairs(sources, targets, size, paired, batch_size, augment, shuffle, seed, initial_step)
    if augment:
        raise ValueError(
            f"`augment` is for pairs of images. Received augment={augment!r} for {name!r}. Leave it out."
        )
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


def arrays(name, split="train", data_dir=None, image_size=None):
    """A named data set as a whole, as NumPy arrays.

    Args:
        name: Name of the data set, as for `load`.
        split: Name of the split, as for `load`.
        data_dir: Folder of the original files; see `load`.
        image_size: Integer or pair `(height, width)` to scale pairs of images, and the emoji, to (bilinear,
            antialiased); edges are drawn at that size. None keeps the size. Must be None for the others.

    Returns:
        Pair of images `(n, height, width, channels)`, uint8 in [0, 255], or points `(n, 2)`, float32, and
        labels `(n,)`, int32; or of source and target images, uint8. Where the split is not one of
        `info(name).paired_splits`, sources and targets do not belong together and may differ in number. The
        arrays are kept for the next call and are therefore read-only.

    Raises:
        ValueError: If the name or the split is unknown, `data_dir` does not hold the files, or anything but
            pairs is to be scaled.

    Example:

    ```python
    images, labels = arrays("mnist", split="test")
    edges, drawings = arrays("edges_to_emoji", split="test", image_size=64)
    ```
    """
    dataset = info(name)
    if split not in dataset.splits:
        raise ValueError(
            f"`split` of {name!r} must be one of {list(dataset.splits)}. Received split={split!r}."
        )
    if dataset.source_shape is not None:
        size = _size_of_pairs(dataset, image_size)
        return _pairs(name, split, dataset.archive.find(data_dir), size)
    if name == "emoji":
        return _drawings(split, dataset.archive.find(data_dir), _size_of_pairs(dataset, image_size))
    if image_size is not None:
        raise ValueError(
            f"`image_size` is for pairs of images. Received image_size={image_size!r} for {name!r}. Leave it "
            "out, or use `load`."
        )
    num = dataset.splits[split]
    if dataset.modes is not None:
        return _draw_points(dataset.modes, num, split)
    if name == "stacked_mnist":
        return _stack_digits(num, split, _original_files("mnist", data_dir))
    if name == "fashion_mnist_padded":
        return _pad(split, _original_files("fashion_mnist", data_dir))
    return _prepare(name, split, _original_files(name, data_dir))


def info(name):
    """The shape, classes, sizes, license and origin of a named data set; reads and downloads nothing.

    Args:
        name: Name of the data set, as for `load`.

    Returns:
        `Info` with the fields `name`, `kind` (`"labelled"`, `"points"`, `"paired"` or `"unpaired"`),
        `image_shape`, `class_names`, `num_classes`, `splits` (number of images, or pairs, by split; of unpaired
        ones that of the larger kind), `files` (names of the original files), `license`, `homepage`, `citation`
        and `modes`: for points the mixture that they are drawn from, with `centers` `(num_modes, 2)`, float64,
        and `stddev`; None for images. For pairs `image_shape` is that of the targets, `source_shape` that of
        the sources (None for the others), `paired_splits` names the splits whose sources and targets belong
        together, and `archive` is the file that they are read from. `margin` is the number of black pixels that
        were added at each side.

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


def _size_of_pairs(dataset, image_size):
    return dataset.image_shape[:2] if image_size is None else pipeline.height_and_width(image_size)


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


@functools.lru_cache(maxsize=2)
def _pad(split, folder):
    images, labels = _prepare("fashion_mnist", split, folder)
    margin = (_FASHION_MNIST_PADDED.margin,) * 2
    return _read_only((np.pad(images, ((0, 0), margin, margin, (0, 0))), labels))


@functools.lru_cache(maxsize=2)
def _drawings(split, path, size):
    styles = archives.emoji(path, split, size)
    labels = np.repeat(np.arange(2, dtype="int32"), [len(style) for style in styles])
    return _read_only((np.concatenate(styles), labels))


# Photographs at their full size are 160 MB a split.
@functools.lru_cache(maxsize=4)
def _pairs(name, split, path, size):
    if name == "facades":
        splits = info(name).splits
        first = sum(splits[earlier] for earlier in itertools.takewhile(lambda other: other != split, splits))
        return _read_only(archives.facades(path, range(first, first + splits[split]), size))
    if name == "summer2winter_yosemite":
        return _read_only(archives.yosemite(path, split, size))
    noto, twemoji = archives.emoji(path, split, size)
    if name == "edges_to_emoji":
        return _read_only((_drawn(noto), noto))
    if split not in info(name).paired_splits:
        twemoji = twemoji[np.random.RandomState(_SEEDS[split]).permutation(len(twemoji))]
    return _read_only((noto, twemoji))


def _drawn(images):
    """The edges of uint8 images, uint8; some at a time, as they take many times their memory."""
    parts = (edges(images[first : first + 64]) for first in range(0, len(images), 64))
    return np.concatenate([pixels.to_uint8(part) for part in parts])


@functools.lru_cache(maxsize=4)
def _prepare(name, split, folder):
    tfds = pipeline.require("tensorflow_datasets")
    tfds.disable_progress_bar()
    builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    try:
        if folder is None and not builder.is_prepared():
            _check_connection(builder)
        # TFDS names what it unpacks after the file alone and reuses it: MNIST's files, unpacked in a common
        # folder, would be taken for Fashion-MNIST's.
        with tempfile.TemporaryDirectory() as extract_dir:
            # Never the copies already prepared in the cloud: everybody's examples come in the same order.
            config = tfds.download.DownloadConfig(
                manual_dir=folder, extract_dir=extract_dir, try_download_gcs=False
            )
            builder.download_and_prepare(download_config=config)
    except OSError as error:
        # Of several processes that prepare at once the first to end is taken.
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
        if not builder.is_prepared():
            raise ConnectionError(
                f"Could not prepare {name!r}: {error}. Where it cannot be downloaded, put its original files "
                f"({', '.join(info(name).files)}) in a folder and pass `data_dir`, or set "
                "KERAS_GENZOO_DATA_DIR to it."
            ) from error
    except tfds.core.download.download_manager.NonMatchingChecksumError as error:
        # MNIST and Fashion-MNIST name their files alike.
        raise ValueError(
            f"`data_dir` must hold the original files of {name!r}. Those in {str(folder)!r} are others or "
            f"damaged. {error}"
        ) from error
    images, labels = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, as_supervised=True))
    return _read_only((images, labels.astype("int32")))


def _check_connection(builder):
    """Raises an OSError within seconds where the data set's host cannot be reached; TFDS tries for minutes."""
    downloads = pathlib.Path(builder.data_dir).parents[1] / "downloads"
    if any(downloads.rglob("*.gz")):
        return  # What an earlier call has downloaded may be all that is needed.
    outcome = queue.Queue()

    def connect():
        request = urllib.request.Request(next(iter(builder.url_infos)), method="HEAD")
        try:
            # Its own opener: the common one keeps the proxies of its first use.
            urllib.request.build_opener().open(request, timeout=_CONNECTION_TIMEOUT).close()
        except urllib.error.HTTPError:
            outcome.put(None)  # It answers.
        except OSError as error:
            outcome.put(error)
        else:
            outcome.put(None)

    # In a thread, as no timeout bounds the search for the host's address.
    threading.Thread(target=connect, daemon=True).start()
    try:
        error = outcome.get(timeout=_CONNECTION_TIMEOUT + 1)
    except queue.Empty:
        error = TimeoutError("timed out")
    if error is not None:
        host = urllib.parse.urlsplit(next(iter(builder.url_infos))).netloc
        raise OSError(f"{host} cannot be reached ({error})") from error


# Seconds.
_CONNECTION_TIMEOUT = 3


def _read_only(arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays
