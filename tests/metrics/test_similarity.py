"""SSIM and PSNR of pairs of images."""

import numpy as np
import pytest

from keras_genzoo.metrics import psnr, ssim


def pairs(num=3, shape=(16, 14, 2), noise=0.3):
    rng = np.random.default_rng(0)
    first = rng.uniform(-1, 1, (num, *shape))
    return first, np.clip(first + noise * rng.normal(size=first.shape), -1, 1)


def flat(level, num=2, shape=(12, 13, 1)):
    """Images of one gray level, from 0 to 1."""
    return np.full((num, *shape), 2 * level - 1)


class TestSSIM:
    def test_equal_images_score_1(self):
        first, _ = pairs()
        np.testing.assert_allclose(ssim(first, first), 1, atol=1e-12)

    def test_flat_images_leave_the_luminance(self):
        """`(2 a b + C1) / (a^2 + b^2 + C1)` with C1 = 0.01^2."""
        expected = (2 * 0.8 * 0.4 + 1e-4) / (0.8**2 + 0.4**2 + 1e-4)
        np.testing.assert_allclose(ssim(flat(0.8), flat(0.4)), expected, rtol=1e-12)

    def test_window_by_window(self):
        """Equation 13 in each 11x11 window of each channel, with weighted means and covariances."""
        first, second = pairs(num=1)
        offsets = np.arange(-5, 6)
        weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
        weights /= weights.sum()
        values = []
        for channel in range(2):
            x, y = ((image[0, ..., channel] + 1) / 2 for image in (first, second))
            for row in range(16 - 10):
                for column in range(14 - 10):
                    a, b = (image[row : row + 11, column : column + 11] for image in (x, y))
                    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
                    variance_a = (weights * (a - mean_a) ** 2).sum()
                    variance_b = (weights * (b - mean_b) ** 2).sum()
                    covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
                    values.append(
                        (2 * mean_a * mean_b + 0.01**2)
                        * (2 * covariance + 0.03**2)
                        / (mean_a**2 + mean_b**2 + 0.01**2)
                        / (variance_a + variance_b + 0.03**2)
                    )
        assert ssim(first, second)[0] == pytest.approx(np.mean(values), rel=1e-10)

    @pytest.mark.tensorflow
    def test_agrees_with_tensorflow_on_the_scale_from_0_to_1(self):
        import tensorflow as tf

        first, second = pairs(shape=(32, 32, 3))
        expected = tf.image.ssim(*(tf.constant((x + 1) / 2, "float32") for x in (first, second)), max_val=1.0)
        np.testing.assert_allclose(ssim(first, second), expected, atol=1e-4)

    def test_images_smaller_than_the_window_are_refused(self):
        with pytest.raises(ValueError, match=r"at least 11x11 pixels.*\(3, 16, 10, 2\)"):
            ssim(*pairs(shape=(16, 10, 2)))


class TestPSNR:
    def test_a_tenth_of_the_range_is_20_decibels(self):
        np.testing.assert_allclose(psnr(flat(0.5), flat(0.6)), 20)

    def test_each_image_has_its_own_error(self):
        first, second = pairs(num=70)
        second[3] = first[3]
        values = psnr(first, second)
        errors = np.square((first - second) / 2).mean(axis=(1, 2, 3))
        assert values[3] == np.inf
        np.testing.assert_allclose(np.delete(values, 3), -10 * np.log10(np.delete(errors, 3)))


@pytest.mark.parametrize("measure", [ssim, psnr])
class TestBoth:
    def test_uint8_is_the_same_as_its_floats(self, measure):
        rng = np.random.default_rng(0)
        first, second = rng.integers(0, 256, (2, 3, 12, 12, 1)).astype("uint8")
        as_floats = measure(first / 127.5 - 1, second / 127.5 - 1)
        np.testing.assert_allclose(measure(first, second), as_floats, rtol=1e-12)
        np.testing.assert_allclose(measure(first, second / 127.5 - 1), as_floats, rtol=1e-12)

    def test_refusals(self, measure):
        first, second = pairs()
        with pytest.raises(
            ValueError, match=r"must have the same shape .*\(3, 16, 14, 2\) and \(2, 16, 14, 2\)"
        ):
            measure(first, second[:2])
        with pytest.raises(ValueError, match=r"`second` must be in \[-1, 1\]"):
            measure(first, 200 * second)
