"""Batches for `fit`: images in [-1, 1], by a data set's name, of arrays and of folders of pictures; points."""

from keras_genzoo.datasets.arrays import from_arrays
from keras_genzoo.datasets.folder import image_folder
from keras_genzoo.datasets.named import arrays, info, load

__all__ = ["arrays", "from_arrays", "image_folder", "info", "load"]
