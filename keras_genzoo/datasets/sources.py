"""What the `[data]` of a recipe names: a data set, or folders of pictures.

Both answer the same questions. A source has

- `kind`: `"images"`, `"pairs"` that belong together, or `"unpaired"` images of two kinds;
- `keys` and `required`: the names that its table may and must hold;
- `check(where)`: refuses values that cannot be used, without reading a picture;
- `image_shape` and, of pairs, `source_shape` (None of images);
- `num_classes`: int, or None without labels;
- `num_images`: number of images or pairs in an epoch;
- `modes`: of points in the plane, the mixture that they are drawn from, else None;
- `label`: what messages call it;
- `metadata`: what a card says of it, a dict;
- `load(data_dir, **arguments)`: batches, with the arguments of `keras_genzoo.datasets.load`;
- `modality`, `condition` and `source_modality`: what a model of the data is asked to have; the last two may be None;
- `examples(num, data_dir)`: what `preview` of a model takes: of pairs sources and targets, two arrays; of points the
  centers of their modes; of images None.
"""

import functools
import inspect
from pathlib import Path

import numpy as np

from keras_genzoo import conditions, modalities, pictures, pixels
from keras_genzoo.datasets import folder, named, pairs, pipeline

_FOLDERS = ("folder", "target_folder", "folder_a", "folder_b")


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
    """What both kinds say of their data as models do."""

    @property
    def modality(self):
        return modalities.of_shape(self.image_shape)

    @property
    def condition(self):
        return conditions.Labels(self.num_classes) if self.num_classes else None

    @property
    def source_modality(self):
        return modalities.of_shape(self.source_shape) if self.source_shape else None

    def examples(self, num, data_dir=None):
        if self.source_shape:
            return self.some_pairs(num, data_dir)
        return self.modes and self.modes.centers


class NamedSource(_Source):
    """A data set of `keras_genzoo.datasets.load`.

    Args:
        table: Dict of `name`, and of `split`, `batch_size`, `image_size` and `augment` of `load`.
    """

    keys = frozenset({"name", "split", "batch_size", "image_size", "augment"})
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
    def image_shape(self):
        return self._resized(self._info.image_shape)

    @property
    def source_shape(self):
        return self._info.source_shape and self._resized(self._info.source_shape)

    def _resized(self, shape):
        size = self.table.get("image_size")
        return shape if size is None else (*pipeline.height_and_width(size), shape[-1])

    @property
    def num_classes(self):
        return self._info.num_classes or None

    @property
    def num_images(self):
        return self._info.splits[self._split]

    @property
    def modes(self):
        return self._info.modes

    @property
    def label(self):
        return self.table["name"]

    @property
    def metadata(self):
        return {"name": self._info.name, "licence": self._info.license, "citation": self._info.citation}

    def load(self, data_dir=None, **arguments):
        return named.load(**{**self.table, **arguments}, data_dir=data_dir)

    def some_pairs(self, num, data_dir=None):
        """Pairs spread over the test split."""
        arrays = named.arrays(self.table["name"], "test", data_dir, self.table.get("image_size"))
        num = min(num, *map(len, arrays))
        # Neighbours in the order of a data set are often alike.
        return tuple(images[np.linspace(0, len(images) - 1, num).astype(int)] for images in arrays)


class FolderSource(_Source):
    """Folders of pictures: of images, of pairs side by side or in two folders, or of two kinds without partners.

    Args:
        table: Dict of the folders, and of the other arguments of the loader: `folder` for `image_folder`; with
            `source` or `target_folder` for `paired_folder`; `folder_a` and `folder_b` for `unpaired_folders`.
            `crop = "none"` stands for None.
    """

    modes = None

    def __init__(self, table):
        self.table = table
        if "folder_a" in table or "folder_b" in table:
            self.kind, self._loader = "unpaired", pairs.unpaired_folders
            folders = {"folder_a": "path_a", "folder_b": "path_b"}
        elif "target_folder" in table or "source" in table:
            self.kind, self._loader = "pairs", pairs.paired_folder
            folders = {"folder": "path", "target_folder": "target_path"}
        else:
            self.kind, self._loader, folders = "images", folder.image_folder, {"folder": "path"}
        self._arguments = {
            folders.get(key, key): None if (key, value) == ("crop", "none") else value
            for key, value in table.items()
        }
        parameters = set(inspect.signature(self._loader).parameters)
        own = parameters - set(folders.values()) - {"shuffle", "seed", "initial_step"}
        self.keys = frozenset(folders) | own
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
        pipeline.height_and_width(self.table["image_size"])

    @property
    def _folders(self):
        return [key for key in _FOLDERS if key in self.table]

    def _path(self, key):
        return Path(self.table[key]).expanduser()

    @property
    def image_shape(self):
        return (*pipeline.height_and_width(self.table["image_size"]), self._channels)

    @property
    def source_shape(self):
        if self.kind == "images":
            return None
        return (*self.image_shape[:2], self.table.get("source_channels", self._channels))

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
    def num_classes(self):
        return len(self.class_names) or None

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
            "licence": "unknown: that of the pictures",
        }

    def load(self, data_dir=None, **arguments):
        """As the folders' loader; `data_dir` is that of named data sets, and not used."""
        return self._loader(**{**self._arguments, **arguments})

    def some_pairs(self, num, data_dir=None):
        """Pairs drawn from the folders that are trained on: they have no test pictures."""
        num = min(num, self.num_images)
        batches = self.load(batch_size=num, augment=False, seed=0, initial_step=0)
        return tuple(pixels.to_uint8(images) for images in next(iter(batches.as_numpy_iterator())))
