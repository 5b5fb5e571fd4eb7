"""The differences between the colors of colorized and of original images."""

import numpy as np
from keras import ops

from keras_genzoo.images import lab, pixels
from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.translation import pairs_of_images
from keras_genzoo.metrics.upscaling import perceptual_difference
from keras_genzoo.models.perceptual import PerceptualFeatures

# The range of a* and b* of sRGB has about this length.
_PEAK = 220.0


@measure("colorization", ability="colorize", needs=(pairs_of_images,))
def _colorization(subject):
    """For a model with `colorize`, on pairs of gray and color images: `color_l1`, the mean absolute difference of
    a* and b* (lower is better); `color_psnr`, their peak signal-to-noise ratio in decibels with peak 220, averaged
    over the images (higher is better); and `color_perceptual`, the mean absolute difference of features in standard
    deviations, as in `keras_genzoo.models.perceptual` (lower is better). The same values of the gray images are
    reported for comparison: `grey_color_l1` and so on."""
    sources, targets = subject.pairs
    features = PerceptualFeatures()
    grey = np.repeat(sources, 3, axis=-1)
    true, direction = _colors(targets), next(iter(subject.model.tasks))
    results = []
    for name, images in (("color", subject.model.translate(sources)), ("grey_color", grey)):
        difference = _colors(images) - true
        errors = np.square(difference).mean(axis=(1, 2, 3))
        values = {
            "l1": np.abs(difference).mean(),
            "psnr": np.mean(10 * np.log10(_PEAK**2 / np.maximum(errors, 1e-10))),
            "perceptual": perceptual_difference(features, pixels.to_uint8(images), pixels.to_uint8(targets)),
        }
        about = {"averaged_generator": bool(subject.model.averages)} if name == "color" else {}
        results += [
            subject.about_pairs(f"{name}_{kind}", value, direction, **about) for kind, value in values.items()
        ]
    return results


def _colors(images):
    return ops.convert_to_numpy(lab.from_rgb(images))[..., 1:].astype("float64")
