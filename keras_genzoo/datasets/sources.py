"""The data source that the `[data]` table of a recipe describes: a named dataset, or folders of pictures.

Both kinds of sources have the same interface:

- `kind`: `"images"`, `"pairs"` of images, or `"unpaired"` images of two domains;
- `keys` and `required`: the allowed and the required keys of the table;
- `check(where)`: raises a ValueError for invalid values, without reading a picture;
- `modality`: the type of an example, such as `keras_genzoo.modalities.Images`; for pairs, of the targets;
- `source_modality`: the type of the sources of pairs, else None;
- `condition`: the type of the labels, such as `keras_genzoo.conditions.Labels`, or None;
- `num_images`: number of images or pairs per epoch;
- `label`: name of the source in messages;
- `metadata`: dict that describes the source on a card;
- `load(data_dir, **arguments)`: dataset of batches, with the arguments of `keras_genzoo.datasets.load`;
- `examples(num, data_dir, labelled)`: examples for the model's `preview`: a pair of arrays of sources and targets;
  for points, the centers of their modes; with `labelled`, a pair of arrays of images and labels; else None.
"""

import dataclasses
import functools
import inspect
from pathlib import Path

import numpy as np

from keras_genzoo import arguments
from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import folder, named, pairs, pipeline
from keras_genzoo.images import pictures, pixels
from keras_genzoo.modalities import Images, LabelMaps, MaskedImages

_FOLDERS = ("folder", "target_folder", "folder_a", "folder_b")
# Kind of sources that can be made from the pictures of a folder -> the loader.
_MADE_SOURCES = {
    "grey": pairs.grey_folder,
    "masked": pairs.masked_folder,
    "blurred": pairs.blurred_folder,
}


def of(table):
    """Returns the `NamedSource` or `FolderSource` that a table describes."""
    return FolderSource(table) if any(key in table for key in _FOLDERS) else NamedSource(table)


def with_absolute_paths(table, base):
    """Returns the table with absolute paths. Relative paths are relative to the folder `base`."""
    paths = {key: str(absolute(table[key], base)) for key in _FOLDERS if isinstance(table.get(key), str)}
    return {**table, **paths}


def absolute(path, base):
    return (Path(base) / Path(path).expanduser()).resolve()


class _Source:
    """Base class with the shapes of the examples."""

    @property
    def image_shape(self):
        return self.modality.shape

    @property
    def source_shape(self):
        """Shape of the sources of pairs; else None."""
        return self.source_modality and self.source_modality.shape

    @property
    def num_classes(self):
        """Int, number of classes, or None without labels."""
        return self.condition and self.condition.num_classes


class NamedSource(_Source):
    """A named dataset of `keras_genzoo.datasets.load`.

    Args:
        table: Dict with `name`, and optionally `split`, `batch_size`, `image_size`, `augment` and `labels_per_class`
            as for `load`.
    """

    keys = frozenset({"name", "split", "batch_size", "image_size", "augment", "labels_per_class"})
    required = frozenset({"name"})

    def __init__(self, table):
        self.table = table

    def check(self, where):
        splits = self._info.splits
        if self._split not in splits:
            raise ValueError(
                f"`data.split` in {where} must be one of {list(splits)}. Received: {self._split!r}"
            )
        batch_size = self.table.get("batch_size", 1)
        if not (isinstance(batch_size, int) and 1 <= batch_size <= self.num_images):
            raise ValueError(
                f"`data.batch_size` in {where} must be an int from 1 to the {self.num_images} images of "
                f"{self._split!r}. Received: {batch_size!r}"
            )

    @property
    def _info(self):
        return named.info(self.table["name"])

    @property
    def _split(self):
        return self.table.get("split", "train")

    @property
    def kind(self):
        return {"paired": "pairs", "unpaired": "unpaired"}.get(self._info.kind, "images")

    @property
    def modality(self):
        return self._resized(self._info.modality)

    @property
    def source_modality(self):
        return self._info.source_modality and self._resized(self._info.source_modality, self._info.scale)

    def _resized(self, modality, scale=1):
        size = self.table.get("image_size")
        if size is None:
            return modality
        height, width = pipeline.height_and_width(size)
        return dataclasses.replace(modality, shape=(height // scale, width // scale, modality.shape[-1]))

    @property
    def condition(self):
        return self._info.condition

    @property
    def num_images(self):
        return self._info.splits[self._split]

    @property
    def label(self):
        return self.table["name"]

    @property
    def metadata(self):
        return {"name": self._info.name, "license": self._info.license, "citation": self._info.citation}

    def load(self, data_dir=None, **arguments):
        return named.load(**{**self.table, **arguments}, data_dir=data_dir)

    def examples(self, num, data_dir=None, labelled=False):
        """Returns examples of the test split; pairs are evenly spaced in it."""
        if self._info.modes is not None:
            return self._info.modes.centers
        if self.source_modality is None:
            if not (labelled and self.condition):
                return None
            return _first_of(self.load(data_dir, split="test", batch_size=num, seed=0, initial_step=0))
        arrays = named.arrays(self.table["name"], "test", data_dir, self.table.get("image_size"))
        num = min(num, *map(len, arrays))
        # Adjacent examples of a dataset are often similar.
        return tuple(images[np.linspace(0, len(images) - 1, num).astype(int)] for images in arrays)


class FolderSource(_Source):
    """Folders of pictures: single images, pairs (side by side or in two folders), or unpaired images.

    Args:
        table: Dict with the folders and the other arguments of the loader. The keys select the loader:
            `folder` for `image_folder`; `folder` with `source` or `target_folder` for `paired_folder`, with `scale`
            for `reduced_folder`, with `sources = "grey"`, `"masked"` or `"blurred"` for `grey_folder`,
            `masked_folder` or `blurred_folder`; `folder_a` and `folder_b` for `unpaired_folders`. `crop = "none"`
            stands for None.
    """

    def __init__(self, table):
        self.table = table
        if "folder_a" in table or "folder_b" in table:
            self.kind, self._loader = "unpaired", pairs.unpaired_folders
            folders = {"folder_a": "path_a", "folder_b": "path_b"}
        elif "target_folder" in table or "source" in table:
            self.kind, self._loader = "pairs", pairs.paired_folder
            folders = {"folder": "path", "target_folder": "target_path"}
        elif "sources" in table:
            folder.check_choice("data.sources", table["sources"], tuple(_MADE_SOURCES))
            self.kind, self._loader = "pairs", _MADE_SOURCES[table["sources"]]
            folders = {"folder": "path"}
        elif "scale" in table:
            self.kind, self._loader, folders = "pairs", pairs.reduced_folder, {"folder": "path"}
        else:
            self.kind, self._loader, folders = "images", folder.image_folder, {"folder": "path"}
        self._arguments = {
            folders.get(key, key): None if (key, value) == ("crop", "none") else value
            for key, value in table.items()
            if key != "sources"
        }
        parameters = set(inspect.signature(self._loader).parameters)
        own = parameters - set(folders.values()) - {"shuffle", "seed", "initial_step"}
        self.keys = frozenset(folders) | own | ({"sources"} & set(table))
        self.required = frozenset(folders) - {"target_folder"} | {"image_size"}

    def check(self, where):
        for key in self._folders:
            if not self._path(key).is_dir():
                raise ValueError(
                    f"`data.{key}` in {where} must be an existing folder of pictures. Received: "
                    f"{self.table[key]!r}"
                )
        batch_size = self.table.get("batch_size", 1)
        if not (isinstance(batch_size, int) and batch_size >= 1):
            raise ValueError(
                f"`data.batch_size` in {where} must be an int of at least 1. Received: {batch_size!r}"
            )
        size = pipeline.height_and_width(self.table["image_size"])
        pairs.check_divisible(size, self._scale)

    @property
    def _scale(self):
        return arguments.integer("scale", self.table.get("scale", 1), at_least=1)

    @property
    def _folders(self):
        return [key for key in _FOLDERS if key in self.table]

    def _path(self, key):
        return Path(self.table[key]).expanduser()

    @property
    def modality(self):
        return self._images_of(self._channels)

    @property
    def source_modality(self):
        if self.kind == "images":
            return None
        if self.table.get("sources") == "masked":
            return MaskedImages((*self.image_shape[:2], self._channels + 1))
        channels = 1 if self.table.get("sources") == "grey" else self._channels
        images = self._images_of(self.table.get("source_channels", channels), self._scale)
        num_labels = self.table.get("num_labels")
        return LabelMaps((*images.shape[:2], 1), num_labels) if num_labels else images

    def _images_of(self, channels, scale=1):
        height, width = pipeline.height_and_width(self.table["image_size"])
        return Images((height // scale, width // scale, channels))

    @property
    def _channels(self):
        return self.table.get("channels", 3)

    @property
    def class_names(self):
        """List of the names of the subfolders, in the order of the labels; empty without labels."""
        if self.table.get("labels") != "folder":
            return []
        root = self._path("folder")
        parts = [file.relative_to(root).parts for file in pictures.find(root)]
        return sorted({first for first, *rest in parts if rest})

    @property
    def condition(self):
        num_classes = len(self.class_names)
        return Labels(num_classes) if num_classes else None

    @functools.cached_property
    def num_images(self):
        # Counted by the loader, which may skip files.
        return int(self.load(batch_size=1).cardinality())

    @property
    def num_files(self):
        """Int, number of files in the larger folder, without opening them."""
        return max(len(pictures.find(self._path(key))) for key in self._folders)

    @property
    def label(self):
        return " and ".join(self.table[key] for key in self._folders)

    @property
    def metadata(self):
        # Only the names: the location of the folders is private.
        names = " and ".join(self._path(key).name for key in self._folders)
        classes = ", ".join(f"{label} {name}" for label, name in enumerate(self.class_names))
        of = "pictures" if self.kind == "images" else "pairs of pictures"
        return {
            "name": f"folder {names}" if len(self._folders) == 1 else f"folders {names}",
            "size": f"{self.num_images} {of}",
            **({"classes": classes} if classes else {}),
            "license": "unknown: that of the pictures",
        }

    def load(self, data_dir=None, **arguments):
        """Calls the loader of the folders. `data_dir` is ignored: it is for named datasets."""
        return self._loader(**{**self._arguments, **arguments})

    def examples(self, num, data_dir=None, labelled=False):
        """Returns training examples: folders have no test split."""
        if self.source_modality is None and not (labelled and self.condition):
            return None
        plain = {"flip": False} if self.source_modality is None else {"augment": False}
        return _first_of(self.load(batch_size=min(num, self.num_images), seed=0, initial_step=0, **plain))


def _first_of(batches):
    """Returns the first batch as NumPy arrays, with images as uint8."""
    arrays = next(iter(batches.as_numpy_iterator()))
    return tuple(array if array.ndim == 1 else pixels.to_uint8(array) for array in arrays)
