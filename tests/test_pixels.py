"""The convention for images, and the checks that guard it."""

import numpy as np
import pytest
from keras import ops

from keras_genzoo import pixels


def _normalized(images, **arguments):
    return ops.convert_to_numpy(pixels.normalize(images, **arguments))


def test_uint8_becomes_minus_one_to_one():
    normalized = _normalized(np.array([0, 51, 255], "uint8"))
    np.testing.assert_allclose(normalized, [-1, -0.6, 1], atol=1e-6)
    assert normalized.dtype == np.float32


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_float_images_keep_their_values(dtype):
    normalized = _normalized(np.array([-1, 0.25, 1], dtype))
    np.testing.assert_array_equal(normalized, [-1, 0.25, 1])
    assert normalized.dtype == np.float32


def test_another_range_is_mapped_and_does_not_touch_uint8():
    np.testing.assert_allclose(_normalized(np.array([0, 0.25, 1]), value_range=(0, 1)), [-1, -0.5, 1])
    np.testing.assert_allclose(_normalized(np.array([0, 255], "uint8"), value_range=(0, 1)), [-1, 1])


def test_to_uint8_rounds_and_clips():
    np.testing.assert_array_equal(
        pixels.to_uint8(np.float32([-2, -1, -0.6, 0.001, 1, 1.5])), [0, 0, 51, 128, 255, 255]
    )


def test_every_uint8_value_survives_the_way_there_and_back():
    values = np.arange(256, dtype="uint8")
    np.testing.assert_array_equal(pixels.to_uint8(pixels.normalize(values)), values)
    np.testing.assert_array_equal(pixels.to_uint8(values), values)


@pytest.mark.parametrize(
    ("images", "value_range"),
    [
        (np.array([0, 255], "uint8"), (-1, 1)),
        (np.array([-1, 1], "float16"), (-1, 1)),
        (np.array([-1.005, 1.005]), (-1, 1)),  # a rounding error too far
        (np.array([0.0, 1.0]), (0, 1)),
        (np.array([0.0, 255.0]), (0, 255)),
        (np.zeros((0, 8, 8, 1)), (-1, 1)),
    ],
)
def test_good_images_pass(images, value_range):
    pixels.check_range(images, "x", value_range)


@pytest.mark.parametrize(
    ("images", "value_range", "message"),
    [
        ([-1.1, 0], (-1, 1), r"`photos` must be in \[-1, 1\]. Received float values from -1.1 to 0"),
        (
            [0.0, 255.0],
            (-1, 1),
            r"must be in \[-1, 1\].*Pass uint8 images, or scale with `images / 127.5 - 1`",
        ),
        ([-0.5, 0.5], (0, 1), r"must be in \[0, 1\]. Received float values from -0.5 to 0.5"),
        ([0.0, 1.0], (-1, 1), r"none negative: it looks like images in \[0, 1\].*`value_range=\(0, 1\)`"),
        ([np.nan, -0.5], (-1, 1), r"`photos` contains NaN or infinite values"),
        ([-np.inf, 0.5], (-1, 1), r"`photos` contains NaN or infinite values"),
        (np.array([0, 255]), (-1, 1), r"Received dtype int64. Convert with `.astype\('uint8'\)`"),
        (np.array([True, False]), (-1, 1), r"Received dtype bool"),
    ],
)
def test_bad_images_are_refused(images, value_range, message):
    with pytest.raises(ValueError, match=message):
        pixels.check_range(np.asarray(images), "photos", value_range)
