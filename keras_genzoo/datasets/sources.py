"""What the `[data]` of a recipe names: a data set, or folders of pictures.

Both answer the same questions. A source has

- `kind`: `"images"`, `"pairs"` that belong together, or `"unpaired"` images of two kinds;
- `keys` and `required`: the names that its table may and must hold;
- `check(where)`: refuses values that cannot be used, without reading a picture;
- `modality`: what an example is, such as `keras_genzoo.modalities.Images`; of pairs, the targets;
- `source_modality`: of pairs, what the sources are, else None;
- `condition`: what an example is labeled with, such as `keras_genzoo.conditions.Labels`, or None;
- `num_images`: number of images or pairs per epoch;
- `label`: what messages call it;
- `metadata`: what a card says of it, a dict;
- `load(data_dir, **arguments)`: batches, with the arguments of `keras_genzoo.datasets.load`;
- `examples(num, data_dir, labelled)`: what `preview` of a model shows beside it: of pairs two arrays of sources and
  targets, of points the centers of their modes, else None; with `labelled` of labeled images the arrays of both.
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
# What sources may be made of the pictures of a folder, by the loader that makes them.
_MADE_SOURCES = {
    "grey": pairs.grey_folder,
    "masked": pairs.masked_folder,
    "blurred": pairs.blurred_folder,
}


def of(table):
    """The source that a table names, `NamedSource` or `FolderSource`."""
    return FolderSource(table) if any(key in table for key in _FOLDERS) else NamedSource(table)


def with_absolute_paths(table, base):
    """The table with its folders as absolute paths; relative ones are those from the folder `base`."""
    paths = {key: str(absolute(table[key], base)) for key in _FOLDERS if isinstance(table.get(key), str)}
    return {**table, **paths}


def absolute(path, base):
    return (Path(base) / Path(path).expanduser()).resolve()


class _Source:
    """What both sources say of the shapes of their examples."""

    @property
    def image_shape(self):
        return self.modality.shape

    @property
    def source_shape(self):
        """Shape of the sources of pairs, else None."""
        return self.source_modality and self.source_modality.shape

    @property
    def num_classes(self):
        """Int, or None without labels."""
        return self.condition and self.condition.num_classes


class NamedSource(_Source):
    """A data set of `keras_genzoo.datasets.load`.

    Args:
        table: Dict of `name`, and of `split`, `batch_size`, `image_size`, `augment` and `labels_per_class` of `load`.
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
        """Of the test split; pairs are spread over it."""
        if self._info.modes is not None:
            return self._info.modes.centers
        if self.source_modality is None:
            if not (labelled and self.condition):
                return None
            return _first_of(self.load(data_dir, split="test", batch_size=num, seed=0, initial_step=0))
        arrays = named.arrays(self.table["name"], "test", data_dir, self.table.get("image_size"))
        num = min(num, *map(len, arrays))
        # Neighbors in the order of a data set are often alike.
        return tuple(images[np.linspace(0, len(images) - 1, num).astype(int)] for images in arrays)


class FolderSource(_Source):
    """Folders of pictures: of images, of pairs side by side or in two folders, or of two kinds without partners.

    Args:
        table: Dict of the folders, and of the other arguments of the loader: `folder` for `image_folder`; with
            `source` or `target_folder` for `paired_folder`, with `scale` for `reduced_folder`; `folder_a` and
            `folder_b` for `unpaired_folders`; with `sources = "grey"`,
            `"masked"` or `"blurred"` for `grey_folder`, `masked_folder` or `blurred_folder`.
            `crop = "none"` stands for None.
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
        """Names of the sub-folders that the labels number; none without labels."""
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
        # Counted by the loader, which knows what it leaves out.
        return int(self.load(batch_size=1).cardinality())

    @property
    def num_files(self):
        """Number of pictures, or pairs, before any is looked at: those of the larger folder."""
        return max(len(pictures.find(self._path(key))) for key in self._folders)

    @property
    def label(self):
        return " and ".join(self.table[key] for key in self._folders)

    @property
    def metadata(self):
        # The name alone: where the folder lies is nobody's business.
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
        """As the folders' loader; `data_dir` is that of named data sets, and not used."""
        return self._loader(**{**self._arguments, **arguments})

    def examples(self, num, data_dir=None, labelled=False):
        """Those that are trained on: folders have no test pictures."""
        if self.source_modality is None and not (labelled and self.condition):
            return None
        plain = {"flip": False} if self.source_modality is None else {"augment": False}
        return _first_of(self.load(batch_size=min(num, self.num_images), seed=0, initial_step=0, **plain))


def _first_of(batches):
    """The first batch as NumPy arrays, images as uint8."""
    arrays = next(iter(batches.as_numpy_iterator()))
    return tuple(array if array.ndim == 1 else pixels.to_uint8(array) for array in arrays)
