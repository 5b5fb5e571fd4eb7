"""The similarity of pairs of images."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo.images import pixels

_WINDOW_SIZE, _WINDOW_STDDEV = 11, 1.5
_K1, _K2 = 0.01, 0.03
# Batch size: the intermediate maps of a batch of 256x256 color images take a few hundred MB.
_BATCH = 64


def ssim(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Computes the structural similarity (SSIM) of pairs of images.

    The mean over the channels and over all positions of an 11x11 Gaussian window (standard deviation 1.5) inside the
    image, with the constants 0.01 and 0.03, for values in [0, 1]. The image is not downsampled first.

    Args:
        first: Array `(num, height, width, channels)`, uint8 in [0, 255] or float in [-1, 1].
        second: Array of the same shape, uint8 or float.

    Returns:
        Float64 NumPy array `(num,)`, 1 for equal images.

    Raises:
        ValueError: If the shapes differ, the images are smaller than the window, or values are out of range.

    Reference: Wang et al. 2004, "Image quality assessment: From error visibility to structural similarity",
    equation 13 and section III-C.
    """
    first, second = _checked_pair(first, second)
    if min(first.shape[1:3]) < _WINDOW_SIZE:
        raise ValueError(
            f"`first` must contain images of at least {_WINDOW_SIZE}x{_WINDOW_SIZE} pixels, the size of the "
            f"window. Received shape {first.shape}"
        )
    return _in_batches(_ssim, first, second)


def psnr(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Computes the peak signal-to-noise ratio (PSNR) of pairs of images, in decibels.

    Args:
        first: Array `(num, height, width, channels)`, uint8 in [0, 255] or float in [-1, 1].
        second: Array of the same shape, uint8 or float.

    Returns:
        Float64 NumPy array `(num,)`: `-10 log10(mse)` with the mean squared error of each pair for values in [0, 1];
        infinite for equal images.

    Raises:
        ValueError: If the shapes differ or values are out of range.

    Example:

    >>> black, white = np.full((1, 4, 4, 1), 0, "uint8"), np.full((1, 4, 4, 1), 255, "uint8")
    >>> float(keras_genzoo.metrics.psnr(black, white)[0])
    -0.0
    """
    first, second = _checked_pair(first, second)
    with np.errstate(divide="ignore"):
        return -10 * np.log10(_in_batches(squared_error, first, second) / np.prod(first.shape[1:]))


def squared_error(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Returns the squared error of image pairs for values in [0, 1], summed over pixels and channels, `(num,)`."""
    return np.square(_unit(first) - _unit(second)).sum(axis=(1, 2, 3))


def _ssim(first, second):
    # The luminance term needs non-negative values: with means near 0 it would be meaningless.
    x, y = _unit(first), _unit(second)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = _K1**2, _K2**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * (2 * covariance + c2) / (variance_x + variance_y + c2)).mean(axis=(1, 2, 3))


def _blur(images):
    """Returns the weighted means of all windows inside the images."""
    offsets = np.arange(_WINDOW_SIZE) - (_WINDOW_SIZE - 1) / 2
    weights = np.exp(-0.5 * np.square(offsets / _WINDOW_STDDEV))
    weights /= weights.sum()
    for axis in (1, 2):
        size = images.shape[axis] - _WINDOW_SIZE + 1
        parts = (np.take(images, range(start, start + size), axis) for start in range(_WINDOW_SIZE))
        images = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    return images


def _unit(images):
    if images.dtype == np.uint8:
        return images / 255.0
    return (images.astype("float64") + 1) / 2


def _in_batches(function, first, second):
    starts = range(0, len(first), _BATCH)
    return np.concatenate([function(first[i : i + _BATCH], second[i : i + _BATCH]) for i in starts])


def _checked_pair(first, second):
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 4 or first.shape != second.shape or not first.size:
        raise ValueError(
            "`first` and `second` must have the same shape (num, height, width, channels). Received shapes "
            f"{first.shape} and {second.shape}"
        )
    for images, argument in ((first, "first"), (second, "second")):
        # A single image may have no dark pixels, so the usual check for values in [0, 1] does not apply.
        pixels.check_range(images, argument, value_range=(-1.0, 1.0 + 1e-6))
    return first, second
