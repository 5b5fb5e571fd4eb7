"""Named datasets: their description, arrays and batches."""

import dataclasses
import difflib
import functools
import os
from collections.abc import Callable
from typing import Any

from keras_genzoo.arguments import (
    Flag,
    Int64,
    OptionalNonNegativeInt,
    OptionalPath,
    OptionalPositiveInt,
    PositiveInt,
    checked,
)
from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import archives, pipeline
from keras_genzoo.datasets.arrays import from_arrays
from keras_genzoo.datasets.pairs import check_divisible, from_pairs, prepared_size
from keras_genzoo.modalities import Images, LabelMaps, Points


@checked
def load(
    name,
    split="train",
    batch_size: PositiveInt = 64,
    image_size=None,
    data_dir: OptionalPath = None,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    augment: Flag = False,
    labels_per_class: OptionalPositiveInt = None,
):
    """Loads a named dataset as batches of images and labels, or of image pairs.

    TABLE

    `mnist` and `fashion_mnist` are downloaded and prepared by tensorflow-datasets at the first call (about 15 seconds
    for MNIST), in `~/tensorflow_datasets` or the folder of the environment variable `TFDS_DATA_DIR`. Nothing is
    downloaded if the original files are in `data_dir`. The other images come from archives that are not downloaded
    automatically: `info(name).archive` names the archive and its origin.

    Stacked digits and points are generated with fixed seeds. The label of a stacked image is 100 a + 10 b + c for its
    digits a, b and c; test images contain only test digits of MNIST. The label of a point is the index of its mode,
    whose center is in `info(name).modes`; points are not scaled.

    The default size of pairs is that of the archive; edges are computed at the requested size. Emoji that repeat an
    earlier one in either style are dropped, and every tenth of the sorted rest is a test image. In unpaired training
    sets, each domain has an order of its own, and an epoch is as long as the larger domain.

    Args:
        name: String, name of the dataset.
        split: `"train"` or `"test"`; for `"facades"` also `"validation"`.
        batch_size: Int, number of images or pairs per batch. The last, partial batch of an epoch is dropped.
        image_size: Int or tuple `(height, width)` to resize to (bilinear, antialiased). None keeps the size. Must be
            None for points.
        data_dir: Folder that contains the original files, directly or in a subfolder named after the dataset (`mnist`
            for `"stacked_mnist"`, the archive's folder for pairs). Defaults to the environment variable
            `KERAS_GENZOO_DATA_DIR`. Ignored for points, which need no files.
        shuffle: Bool, whether to shuffle.
        seed: Int, seed of the order and of the augmentation.
        initial_step: None for a finite dataset, an int for an infinite one that starts at this batch; see
            `from_arrays`.
        augment: Bool, whether to augment pairs at random: scale, crop and mirror both images of a pair, as
            `paired_folder` does, or each image of an unpaired dataset independently; rotate and mirror pairs for
            super-resolution, as `reduced_folder` does; mirror label maps and their images. Must be False for other
            datasets.
        labels_per_class: Int, number of labeled images per class; see `from_arrays`. None for all. Must be None for
            pairs.

    Returns:
        `tf.data.Dataset` of tuples: images `(batch_size, height, width, channels)`, float32 in [-1, 1], or points
        `(batch_size, 2)`, float32, with int32 labels `(batch_size,)`; or source and target images. Label maps are
        uint8.

    Raises:
        ValueError: If the name or split is unknown, the batch is larger than the dataset, `data_dir` does not contain
            the files, or an argument does not apply to the dataset.
        ImportError: If TensorFlow or tensorflow-datasets is not installed.
        ConnectionError: If the files cannot be downloaded.

    Example:

    ```python
    load = keras_genzoo.datasets.load
    model.fit(load("fashion_mnist", batch_size=128), epochs=20)

    # Training in two parts: the second part continues with the batches that come next.
    model.fit(load("fashion_mnist", batch_size=128, initial_step=0), epochs=10, steps_per_epoch=468)
    dataset = load("fashion_mnist", batch_size=128, initial_step=10 * 468)
    model.fit(dataset, initial_epoch=10, epochs=20, steps_per_epoch=468)
    ```
    """
    dataset = info(name)
    # All arguments are checked before anything is prepared.
    _check_split(dataset, split)
    pipeline.check_batch_size(batch_size, dataset.splits[split])
    if image_size is not None:
        pipeline.height_and_width(image_size)
    if labels_per_class is not None and dataset.condition is None:
        raise ValueError(
            f"`labels_per_class` applies to labeled images only. Received: labels_per_class={labels_per_class} for "
            f"{name!r}. Leave it out."
        )
    if dataset.source_modality is not None:
        size = _height_and_width(dataset, image_size)
        cropped = dataset.scale == 1 and dataset.source_modality.interpolates
        given_size = prepared_size(size, augment) if cropped else size
        sources, targets = arrays(name, split, data_dir, given_size)
        paired = split in dataset.paired_splits
        return from_pairs(
            sources,
            targets,
            size,
            paired,
            batch_size,
            augment,
            shuffle,
            seed,
            initial_step,
            label_maps=not dataset.source_modality.interpolates,
            draw_sources=dataset.draw_sources if split == "train" else None,
        )
    if augment:
        raise ValueError(
            f"`augment` applies to pairs of images only. Received augment={augment!r} for {name!r}. Leave it out."
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
        labels_per_class=labels_per_class,
    )


@checked
def arrays(name, split="train", data_dir: OptionalPath = None, image_size=None):
    """Loads a split of a named dataset as NumPy arrays.

    Args:
        name: String, name of the dataset; see `load`.
        split: String, name of the split; see `load`.
        data_dir: Folder with the original files; see `load`.
        image_size: Int or tuple `(height, width)` to resize to (bilinear, antialiased), for datasets that are read
            from an archive of pictures; edges are computed at that size. None keeps the size. Must be None for other
            datasets.

    Returns:
        Tuple of two read-only arrays, which are cached: images `(n, height, width, channels)`, uint8 in [0, 255], or
        points `(n, 2)`, float32, and int32 labels `(n,)`; or uint8 source and target images. Sources and targets
        of splits that are not in `info(name).paired_splits` are unrelated and may differ in number.

    Raises:
        ValueError: If the name or split is unknown, `data_dir` does not contain the files, or `image_size` does not
            apply to the dataset.
        ImportError: If tensorflow-datasets is not installed.
        ConnectionError: If the files cannot be downloaded.

    Example:

    ```python
    images, labels = keras_genzoo.datasets.arrays("mnist", split="test")
    edges, drawings = keras_genzoo.datasets.arrays("edges_to_emoji", split="test", image_size=64)
    ```
    """
    dataset = info(name)
    _check_split(dataset, split)
    if dataset.any_size:
        image_size = _height_and_width(dataset, image_size)
    elif image_size is not None:
        raise ValueError(
            f"`image_size` applies to datasets of picture files only. Received image_size={image_size!r} for "
            f"{name!r}. Leave it out, or use `load`."
        )
    return _made(dataset, split, data_dir, image_size, os.environ.get("KERAS_GENZOO_DATA_DIR"))


def attributes(name, split="train", data_dir: OptionalPath = None):
    """Loads the binary attributes of the examples of a named dataset.

    Args:
        name: String, name of a dataset with attributes; see `load`.
        split: String, name of the split; see `load`.
        data_dir: Folder with the original files; see `load`.

    Returns:
        Dict that maps the names of attributes to bool arrays `(n,)`, in the order of `arrays`.

    Raises:
        ValueError: If the name or split is unknown, the dataset has no attributes, or `data_dir` does not contain the
            files.

    Example:

    ```python
    glasses = keras_genzoo.datasets.attributes("avatar_faces")["glasses"]
    ```
    """
    dataset = info(name)
    _check_split(dataset, split)
    if dataset.attributes is None:
        known = [each.name for each in _DATASETS.values() if each.attributes is not None]
        raise ValueError(f"`name` must be a dataset with attributes, one of {known}. Received name={name!r}.")
    return dataset.attributes(dataset, split, data_dir)


def info(name):
    """Returns the description of a named dataset, without reading or downloading it.

    Args:
        name: String, name of the dataset; see `load`.

    Returns:
        `keras_genzoo.datasets.Info`: shape, classes, sizes of the splits, license and origin.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> keras_genzoo.datasets.info("mnist").image_shape
    (28, 28, 1)
    >>> keras_genzoo.datasets.info("ring").modes.stddev
    0.01
    """
    if not isinstance(name, str) or name not in _DATASETS:
        nearest = difflib.get_close_matches(str(name), _DATASETS, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"`name` must be one of {sorted(_DATASETS)}. Received name={name!r}.{hint}")
    return _DATASETS[name]


@dataclasses.dataclass(frozen=True, eq=False)
class Info:
    """The description of a dataset, and the function that makes its arrays.

    Args:
        name: String. For datasets of tensorflow-datasets, their name there.
        description: String, describes an example in the table of `load`.
        modality: `keras_genzoo.modalities.Images` or `Points`, the type of an example; for pairs, of a target.
        splits: Dict that maps the name of a split to its number of images or pairs; for unpaired images, the number
            of images of the larger domain.
        make: Function of this `Info`, a split, `data_dir` and `image_size` (as for `arrays`) that returns the two
            arrays of the split. `image_size` is a tuple `(height, width)` if the dataset can be read at any size,
            else None.
        license: String.
        homepage: String.
        citation: String.
        condition: `keras_genzoo.conditions.Labels`, or None without labels.
        class_names: Tuple of strings, the names of the classes.
        source_modality: `Images` or `LabelMaps`, the type of a source, for pairs; else None.
        paired_splits: Tuple of the names of the splits with paired sources and targets.
        files: Tuple of the names of the original files.
        archive: `keras_genzoo.datasets.archives.Archive` with the pictures, or None.
        modes: For points, the mixture that they are drawn from, with the attributes `centers`, float64
            `(num_modes, 2)`, and `stddev`; else None.
        margin: Int, number of black pixels added at each side.
        attributes: Function of this `Info`, a split and `data_dir` that returns the dict of
            `keras_genzoo.datasets.attributes`, or None.
        default_measures: Tuple of names of measures of `keras_genzoo.metrics.evaluate`. They replace the default
            measures of a model if their requirements, such as an extractor, are met.
        draw_sources: For pairs whose sources are drawn anew in each epoch of training, the function that draws them;
            see `keras_genzoo.datasets.pairs.from_pairs`. Else None.
    """

    name: str
    description: str
    modality: Images | Points
    splits: dict
    make: Callable
    license: str
    homepage: str
    citation: str
    condition: Labels | None = None
    class_names: tuple = ()
    source_modality: Images | LabelMaps | None = None
    paired_splits: tuple = ()
    files: tuple = ()
    archive: archives.Archive | None = None
    modes: Any = None
    margin: int = 0
    attributes: Callable | None = None
    default_measures: tuple = ()
    draw_sources: Callable | None = None

    @property
    def kind(self):
        """String: `"labelled"`, `"points"`, `"paired"` or `"unpaired"`."""
        if self.source_modality is not None:
            return "paired" if "train" in self.paired_splits else "unpaired"
        return "labelled" if self.modes is None else "points"

    @property
    def image_shape(self):
        """Shape of an example; for pairs, of a target."""
        return self.modality.shape

    @property
    def source_shape(self):
        """Shape of a source, for pairs; else None."""
        return None if self.source_modality is None else self.source_modality.shape

    @property
    def scale(self):
        """Int, ratio of the sides of a target and its source; 1 for datasets without pairs."""
        return 1 if self.source_modality is None else self.image_shape[0] // self.source_shape[0]

    @property
    def num_classes(self):
        """Int, number of classes; 0 without labels."""
        return 0 if self.condition is None else self.condition.num_classes

    @property
    def any_size(self):
        """Bool, whether the dataset can be read at any size."""
        return self.archive is not None


def register(dataset):
    """Registers a dataset by its name.

    Args:
        dataset: `Info`.

    Returns:
        The same `Info`.
    """
    _DATASETS[dataset.name] = dataset
    return dataset


# Name -> `Info`. The files of `keras_genzoo.datasets.sets` fill it.
_DATASETS = {}


def _check_split(dataset, split):
    if not isinstance(split, str) or split not in dataset.splits:
        raise ValueError(
            f"`split` of {dataset.name!r} must be one of {list(dataset.splits)}. Received split={split!r}."
        )


def _height_and_width(dataset, image_size):
    size = dataset.image_shape[:2] if image_size is None else pipeline.height_and_width(image_size)
    check_divisible(size, dataset.scale)
    return size


# A split may take 300 MB. Training and evaluation together need several splits.
@functools.lru_cache(maxsize=4)
def _made(dataset, split, data_dir, image_size, default_data_dir):
    """Returns the read-only arrays of a dataset. `default_data_dir` is only part of the cache key."""
    made = dataset.make(dataset, split, data_dir, image_size)
    for array in made:
        array.flags.writeable = False
    return made


def table():
    """Returns a Markdown table of the datasets, for the docstring of `load`."""
    rows = ["| name | description | shape | examples |", "| --- | --- | --- | --- |"]
    for name in sorted(_DATASETS):
        dataset = _DATASETS[name]
        shape = " to ".join(str(shape) for shape in (dataset.source_shape, dataset.image_shape) if shape)
        sizes = ", ".join(f"{split} {num:,}" for split, num in dataset.splits.items())
        rows.append(f'| `"{name}"` | {dataset.description} | {shape} | {sizes} |')
    return "\n    ".join(rows)
