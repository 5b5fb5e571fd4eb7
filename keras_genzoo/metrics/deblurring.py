"""The differences between deblurred images and the original sharp ones."""

import numpy as np

from keras_genzoo.images import pixels
from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.similarity import psnr
from keras_genzoo.metrics.translation import pairs_of_images
from keras_genzoo.metrics.upscaling import perceptual_difference
from keras_genzoo.models.perceptual import PerceptualFeatures


@measure("deblurring", ability="deblur", needs=(pairs_of_images,))
def _deblurring(subject):
    """For a model with `deblur`, on pairs of blurred and sharp images: `deblurring_psnr` in decibels (higher is
    better), and `deblurring_perceptual`, the mean absolute difference of features in standard deviations, as in
    `keras_genzoo.models.perceptual` (lower is better). Both are means over the images, rounded to 8 bits. The same
    values of the blurred images are reported for comparison: `blurred_psnr`, `blurred_perceptual`."""
    sources, targets = (pixels.to_uint8(images) for images in subject.pairs)
    made = pixels.to_uint8(subject.model.deblur(sources))
    features, direction = PerceptualFeatures(), next(iter(subject.model.tasks))
    about = {"averaged_generator": bool(subject.model.averages)}
    return [
        subject.about_pairs(f"{name}_{kind}", value, direction, **constants)
        for name, images, constants in (("deblurring", made, about), ("blurred", sources, {}))
        for kind, value in {
            "psnr": np.mean(psnr(images, targets)),
            "perceptual": perceptual_difference(features, images, targets),
        }.items()
    ]
