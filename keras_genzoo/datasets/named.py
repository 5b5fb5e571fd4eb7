"""Data sets by name: what is known of each, its arrays, and its batches."""

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
    """Batches of images and labels, or of pairs of images, of a named data set.

    TABLE

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
            unpaired set by itself; those whose sources are smaller are turned and mirrored, as by `reduced_folder`;
            those of label maps are mirrored.
            Must be False for the others.
        labels_per_class: Int, of how many images of each class the labels are known, as for `from_arrays`; None for
            all. Must be None for pairs.

    Returns:
        `tf.data.Dataset` of pairs: images `(batch_size, height, width, channels)`, float32 in [-1, 1], or
        points `(batch_size, 2)`, float32, and labels `(batch_size,)`, int32; or of source and target images. Label
        maps are uint8.

    Raises:
        ValueError: If the name or the split is unknown, the batch is larger than the data set, `data_dir` does not
            hold the files, or points are to be resized, or anything but pairs augmented.

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
    # All that can be refused is, before anything is prepared.
    _check_split(dataset, split)
    pipeline.check_batch_size(batch_size, dataset.splits[split])
    if image_size is not None:
        pipeline.height_and_width(image_size)
    if labels_per_class is not None and dataset.condition is None:
        raise ValueError(
            f"`labels_per_class` is for labeled images. Received: labels_per_class={labels_per_class} for {name!r}. "
            "Leave it out."
        )
    if dataset.source_modality is not None:
        size = _height_and_width(dataset, image_size)
        cropped = dataset.scale == 1 and dataset.source_modality.interpolates
        given_size = prepared_size(size, augment) if cropped else size
        draw_sources = dataset.draw_sources if split == "train" else None
        if draw_sources is None:
            sources, targets = arrays(name, split, data_dir, given_size)
        else:
            sources, targets = None, _made(dataset, split, data_dir, given_size, _default_data_dir())[0]
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
            draw_sources=draw_sources,
        )
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
        labels_per_class=labels_per_class,
    )


@checked
def arrays(name, split="train", data_dir: OptionalPath = None, image_size=None):
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
    _check_split(dataset, split)
    if dataset.any_size:
        image_size = _height_and_width(dataset, image_size)
    elif image_size is not None:
        raise ValueError(
            f"`image_size` is for pairs of images. Received image_size={image_size!r} for {name!r}. Leave it "
            "out, or use `load`."
        )
    place = (dataset, split, data_dir, image_size, _default_data_dir())
    if dataset.make_sources is None:
        return _made(*place)
    return _made_sources(*place), _made(*place)[0]


def attributes(name, split="train", data_dir: OptionalPath = None):
    """What else is known of each example of a named data set, beside its label.

    Args:
        name: Name of the data set, as for `load`; one whose `Info` has `attributes`.
        split: Name of the split, as for `load`.
        data_dir: Folder of the original files; see `load`.

    Returns:
        Dict of names of attributes to bools `(n,)`, in the order of `arrays`.

    Raises:
        ValueError: If the name or the split is unknown, the data set has no attributes, or `data_dir` does not hold
            the files.

    Example:

    ```python
    glasses = attributes("avatar_faces")["glasses"]
    ```
    """
    dataset = info(name)
    _check_split(dataset, split)
    if dataset.attributes is None:
        known = [each.name for each in _DATASETS.values() if each.attributes is not None]
        raise ValueError(
            f"`name` must be a data set with attributes, one of {known}. Received name={name!r}."
        )
    return dataset.attributes(dataset, split, data_dir)


def info(name):
    """The shape, classes, sizes, license and origin of a named data set; reads and downloads nothing.

    Args:
        name: Name of the data set, as for `load`.

    Returns:
        `keras_genzoo.datasets.Info`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> info("mnist").splits["train"]
    60000
    >>> info("ring").modes.stddev
    0.01
    """
    if not isinstance(name, str) or name not in _DATASETS:
        nearest = difflib.get_close_matches(str(name), _DATASETS, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"`name` must be one of {sorted(_DATASETS)}. Received name={name!r}.{hint}")
    return _DATASETS[name]


@dataclasses.dataclass(frozen=True, eq=False)
class Info:
    """What is known of a data set without reading it, and how its arrays are made.

    Args:
        name: String; of one that tensorflow-datasets prepares, its name there.
        description: String, what an example is, for the table of `load`.
        modality: What an example is, `keras_genzoo.modalities.Images` or `Points`; of pairs, the targets.
        splits: Dict of split -> number of images or pairs; of unpaired images, that of the larger kind.
        make: Function from this `Info`, a split, `data_dir` and `image_size`, as for `arrays`, to the two arrays of
            the split. `image_size` is a pair `(height, width)` where the data set is read at any size, else None.
            With `make_sources` the first array is the targets, and the other is not used.
        license: String.
        homepage: String.
        citation: String.
        condition: What an example is labelled with, `keras_genzoo.conditions.Labels`, or None.
        class_names: Tuple of strings, the names of the labels.
        source_modality: Of pairs, what the sources are, `Images` or `LabelMaps`; None of others.
        paired_splits: Tuple of the splits whose sources and targets belong together.
        files: Tuple of the names of the original files.
        archive: `keras_genzoo.datasets.archives.Archive` that pictures are read from, or None.
        modes: Of points, the mixture that they are drawn from, with `centers` `(num_modes, 2)`, float64, and
            `stddev`; None of images.
        margin: Int, number of black pixels that were added at each side.
        attributes: Function from this `Info`, a split and `data_dir` to what `keras_genzoo.datasets.attributes`
            returns, or None.
        default_measures: Tuple of names of the measures of `keras_genzoo.metrics.evaluate` that this data set was
            made for. They take the place of the model's where they have what they need, such as an extractor.
        make_sources: Of pairs whose sources are made of the targets, the function from this `Info` and the targets,
            uint8, to the sources, uint8; None of others.
        draw_sources: Of pairs with `make_sources` whose sources are drawn anew each epoch of training, the function
            that draws them, as for `keras_genzoo.datasets.pairs.from_pairs`; None of others.
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
    make_sources: Callable | None = None
    draw_sources: Callable | None = None

    @property
    def kind(self):
        """`"labelled"`, `"points"`, or of pairs `"paired"` or `"unpaired"`."""
        if self.source_modality is not None:
            return "paired" if "train" in self.paired_splits else "unpaired"
        return "labelled" if self.modes is None else "points"

    @property
    def image_shape(self):
        """Shape of an example; of pairs, of a target."""
        return self.modality.shape

    @property
    def source_shape(self):
        """Of pairs, the shape of a source; None of others."""
        return None if self.source_modality is None else self.source_modality.shape

    @property
    def scale(self):
        """Int, the side of a target over that of its source; 1 of others than pairs."""
        return 1 if self.source_modality is None else self.image_shape[0] // self.source_shape[0]

    @property
    def num_classes(self):
        """Int, 0 without labels."""
        return 0 if self.condition is None else self.condition.num_classes

    @property
    def any_size(self):
        """Whether its pictures are read at the size that is asked for."""
        return self.archive is not None


def register(dataset):
    """Makes a data set known by its name.

    Args:
        dataset: `Info`.

    Returns:
        The `Info`.
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


# A split may take 300 MB: a training needs one, and its evaluation others.
@functools.lru_cache(maxsize=4)
def _made(dataset, split, data_dir, image_size, default_data_dir):
    """The arrays of a data set, read-only. `default_data_dir` only tells calls apart."""
    made = dataset.make(dataset, split, data_dir, image_size)
    for array in made:
        array.flags.writeable = False
    return made


@functools.lru_cache(maxsize=4)
def _made_sources(dataset, *place):
    """The sources that are made of the targets of a data set, read-only; the arguments are those of `_made`."""
    sources = dataset.make_sources(dataset, _made(dataset, *place)[0])
    sources.flags.writeable = False
    return sources


def _default_data_dir():
    return os.environ.get("KERAS_GENZOO_DATA_DIR")


def table():
    """The data sets as a table in Markdown, for the documentation of `load`."""
    rows = ["| name | what | shape | examples |", "| --- | --- | --- | --- |"]
    for name in sorted(_DATASETS):
        dataset = _DATASETS[name]
        shape = " to ".join(str(shape) for shape in (dataset.source_shape, dataset.image_shape) if shape)
        sizes = ", ".join(f"{split} {num:,}" for split, num in dataset.splits.items())
        rows.append(f'| `"{name}"` | {dataset.description} | {shape} | {sizes} |')
    return "\n    ".join(rows)
