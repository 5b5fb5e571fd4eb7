"""Conversion between sRGB and CIE L*a*b*, differentiable on every backend."""

import numpy as np
from keras import ops

# Linear sRGB to CIE XYZ, and the white point D65 for the 2 degree observer (IEC 61966-2-1).
_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
# Linear sRGB to XYZ relative to the white point.
_TO_RELATIVE = _TO_XYZ / _WHITE[:, None]
_FROM_RELATIVE = np.linalg.inv(_TO_RELATIVE)
# L*, a* and b* are linear in the cube roots of XYZ.
_TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
_FROM_LAB = np.linalg.inv(_TO_LAB)
# Below these values, the cube root and the power are replaced by linear functions.
_DARK, _SLOPE, _OFFSET = 0.008856, 7.787, 16.0 / 116.0
_DARK_ROOT = 0.2068966


def from_rgb(images):
    """Converts sRGB images to L*a*b*.

    Args:
        images: Float tensor `(..., 3)`, sRGB in [-1, 1].

    Returns:
        Float32 tensor `(..., 3)`: L* in [0, 100], a* in about [-86, 98] and b* in about [-108, 94].
    """
    values = (ops.cast(images, "float32") + 1.0) / 2.0
    # Each branch gets only its own values: the gradient of the power is not finite at or below 0.
    linear = ops.where(
        values > 0.04045, ops.power((ops.maximum(values, 0.04045) + 0.055) / 1.055, 2.4), values / 12.92
    )
    relative = _transformed(linear, _TO_RELATIVE)
    roots = ops.where(
        relative > _DARK, ops.power(ops.maximum(relative, _DARK), 1.0 / 3.0), _SLOPE * relative + _OFFSET
    )
    return _transformed(roots, _TO_LAB) - np.array([16.0, 0.0, 0.0], "float32")


def to_rgb(lab):
    """Converts L*a*b* to sRGB images, the inverse of `from_rgb`.

    Args:
        lab: Float tensor `(..., 3)`.

    Returns:
        Float32 tensor `(..., 3)`, sRGB in [-1, 1]; colors outside the sRGB gamut are outside this range.
    """
    roots = _transformed(ops.cast(lab, "float32") + np.array([16.0, 0.0, 0.0], "float32"), _FROM_LAB)
    relative = ops.where(
        roots > _DARK_ROOT, ops.power(ops.maximum(roots, _DARK_ROOT), 3.0), (roots - _OFFSET) / _SLOPE
    )
    linear = _transformed(relative, _FROM_RELATIVE)
    values = ops.where(
        linear > 0.0031308,
        1.055 * ops.power(ops.maximum(linear, 0.0031308), 1.0 / 2.4) - 0.055,
        12.92 * linear,
    )
    return 2.0 * values - 1.0


def _transformed(values, matrix):
    # A NumPy array, not a tensor: an exported network would have a tensor as another input.
    return ops.matmul(values, matrix.T.astype("float32"))
