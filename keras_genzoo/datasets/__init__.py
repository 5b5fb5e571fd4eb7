"""Datasets for `fit`: named datasets, arrays and folders of pictures, as batches of images, image pairs or points."""

from keras_genzoo.datasets import named, sets  # noqa: F401  The data sets register themselves.
from keras_genzoo.datasets.arrays import from_arrays
from keras_genzoo.datasets.edges import edges, edges_to_images, instance_edges
from keras_genzoo.datasets.folder import image_folder
from keras_genzoo.datasets.named import Info, arrays, attributes, info, load
from keras_genzoo.datasets.pairs import (
    blurred_folder,
    grey_folder,
    masked_folder,
    paired_folder,
    reduced_folder,
    unpaired_folders,
)

__all__ = [
    "Info",
    "arrays",
    "attributes",
    "blurred_folder",
    "edges",
    "edges_to_images",
    "from_arrays",
    "grey_folder",
    "image_folder",
    "info",
    "instance_edges",
    "load",
    "masked_folder",
    "paired_folder",
    "reduced_folder",
    "unpaired_folders",
]

if load.__doc__:
    load.__doc__ = load.__doc__.replace("TABLE", named.table())
