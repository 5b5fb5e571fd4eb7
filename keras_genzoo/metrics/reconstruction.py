"""The reconstruction error of real images."""

import numpy as np

from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.similarity import psnr, squared_error, ssim


@measure("reconstruction", ability="reconstruct")
def _reconstruction(subject):
    """`reconstruction_error` (squared error for values in [0, 1], summed over an image; lower is better),
    `reconstruction_psnr` in decibels and `reconstruction_ssim` (higher is better), averaged over real images.
    Requires a model with `reconstruct`."""
    images = subject.images
    pairs = images, subject.model.reconstruct(images)
    values = {"error": squared_error(*pairs), "psnr": psnr(*pairs), "ssim": ssim(*pairs)}
    return [subject.about_images(f"reconstruction_{name}", np.mean(each)) for name, each in values.items()]
