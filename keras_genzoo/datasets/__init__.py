"""Batches of images for `fit`: data sets by name, arrays and folders of pictures, all in [-1, 1]."""

from keras_genzoo.datasets.arrays import from_arrays
from keras_genzoo.datasets.folder import image_folder
from keras_genzoo.datasets.named import arrays, info, load

__all__ = ["arrays", "from_arrays", "image_folder", "info", "load"]
