"""The differences between upscaled images and the originals."""

import numpy as np

from keras_genzoo.images import pictures, pixels
from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.similarity import psnr, ssim
from keras_genzoo.models.perceptual import PerceptualFeatures

# Batch size: 16 images of 128x128 take 100 MB in the feature extractor.
_BATCH = 16


def _reduced_pairs(subject):
    """Requires pairs with the model's ratio of sizes."""
    info, scale = subject.info, subject.model.scale
    if info.scale != scale or subject.split not in info.paired_splits:
        return (
            f"a dataset of images and their reductions by {scale}. Received: dataset={subject.dataset!r}, "
            f"split={subject.split!r}"
        )


@measure("upscaling", ability="upscale", needs=(_reduced_pairs,))
def _upscaling(subject):
    """For a model with `upscale`, on images and their reductions: `upscaling_psnr` in decibels and `upscaling_ssim`
    (higher is better), and `upscaling_perceptual`, the mean absolute difference of features in standard deviations,
    as in `keras_genzoo.models.perceptual` (lower is better). They are averaged over the images, in color, rounded to
    8 bits, including the border. The same values of Pillow's bicubic filter are reported for comparison:
    `bicubic_psnr`, `bicubic_ssim`, `bicubic_perceptual`."""
    sources, targets = (pixels.to_uint8(images) for images in subject.pairs)
    made = pixels.to_uint8(subject.model.upscale(sources, batch_size=_BATCH))
    features = PerceptualFeatures()
    about = {"scale": subject.model.scale}
    results = []
    for name, images, constants in (
        ("upscaling", made, {**about, "averaged_generator": bool(subject.model.averages)}),
        ("bicubic", bicubic(sources, subject.model.scale), about),
    ):
        values = {
            "psnr": np.mean(psnr(images, targets)),
            "ssim": np.mean(ssim(images, targets)),
            "perceptual": perceptual_difference(features, images, targets),
        }
        results += [
            subject.about_images(f"{name}_{measure_name}", value, num_real=len(targets), **constants)
            for measure_name, value in values.items()
        ]
    return results


def bicubic(images, scale):
    """Enlarges images with Pillow's bicubic filter.

    Args:
        images: uint8 array `(num, height, width, channels)`.
        scale: Int.

    Returns:
        uint8 array `(num, scale * height, scale * width, channels)`.
    """
    height, width = images.shape[1:3]
    return pictures.bicubic(images, (scale * height, scale * width))


def perceptual_difference(features, images, targets):
    """Returns the mean difference between the features of pairs of images.

    Args:
        features: `PerceptualFeatures`.
        images, targets: uint8 arrays `(num, height, width, channels)`.
    """
    total = 0.0
    for start in range(0, len(images), _BATCH):
        parts = [pixels.normalize(each[start : start + _BATCH]) for each in (images, targets)]
        total += float(features.difference(*parts)) * len(parts[0])
    return total / len(images)
