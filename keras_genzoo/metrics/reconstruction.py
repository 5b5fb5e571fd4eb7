"""How well a model reconstructs real images."""

import numpy as np

from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.similarity import psnr, squared_error, ssim


@measure("reconstruction", ability="reconstruct")
def _reconstruction(subject):
    """`reconstruction_error` (squared, summed over an image's values on the scale from 0 to 1),
    `reconstruction_psnr` in decibels and `reconstruction_ssim`, the means over real images. Needs a model with
    `reconstruct`."""
    images = subject.images
    pairs = images, subject.model.reconstruct(images)
    values = {"error": squared_error(*pairs), "psnr": psnr(*pairs), "ssim": ssim(*pairs)}
    return [subject.about_images(f"reconstruction_{name}", np.mean(each)) for name, each in values.items()]
