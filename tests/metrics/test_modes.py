"""Mode counts with their reverse divergence."""

import numpy as np
import pytest

from keras_genzoo.metrics import class_statistics, mode_statistics

CENTERS = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], "float64")


class TestPoints:
    def test_a_perfect_sampler(self):
        """Shares within 3 sigma in the plane: `1 - exp(-9 / 2)`, the 98.9 % ceiling."""
        rng = np.random.default_rng(0)
        points = np.repeat(CENTERS, 5000, axis=0) + 0.1 * rng.normal(size=(20_000, 2))
        statistics = mode_statistics(points, CENTERS, 0.1)
        assert statistics.modes_covered == 4
        assert statistics.high_quality_share == pytest.approx(1 - np.exp(-4.5), abs=3e-3)
        assert statistics.reverse_kl == pytest.approx(0, abs=1e-12)

    def test_a_collapsed_sampler(self):
        statistics = mode_statistics(np.tile([10.0, 0.01], (50, 1)), CENTERS, 0.1)
        assert statistics == (1, 1.0, pytest.approx(np.log(4)))

    def test_the_circle_of_3_standard_deviations(self):
        points = np.array([[0.299, 0], [0.301, 0], [0.25, 0.25]])
        assert mode_statistics(points, CENTERS, 0.1).high_quality_share == pytest.approx(1 / 3)

    def test_a_stray_sample_covers_no_mode_but_counts_for_the_divergence(self):
        points = np.array([[0.0, 0], [0.0, 0], [0.0, 0], [7.0, 0]])
        statistics = mode_statistics(points, CENTERS, 0.1)
        assert statistics.modes_covered == 1
        assert statistics.high_quality_share == 0.75
        shares = np.array([0.75, 0.25])
        assert statistics.reverse_kl == pytest.approx((shares * np.log(shares * 4)).sum())

    def test_refusals(self):
        with pytest.raises(ValueError, match=r"`points` must have the shape \(num, 2\)"):
            mode_statistics(np.zeros((5, 3)), CENTERS, 0.1)
        with pytest.raises(ValueError, match=r"`points` contains NaN"):
            mode_statistics([[np.nan, 0.0]], CENTERS, 0.1)


class TestClasses:
    def test_all_classes_alike(self):
        assert class_statistics(np.tile(np.arange(1000), 3), 1000) == (1000, pytest.approx(0, abs=1e-12))

    def test_half_of_the_classes_cost_log_2(self):
        assert class_statistics(np.tile(np.arange(500), 3), 1000) == (500, pytest.approx(np.log(2)))

    def test_the_floor_of_26000_samples_of_1000_classes(self):
        """A perfect sampler shows about `(classes - 1) / (2 samples)`: the papers' sizes leave 0.019."""
        labels = np.random.default_rng(0).integers(0, 1000, 26_000)
        covered, reverse_kl = class_statistics(labels, 1000)
        assert covered == 1000
        assert reverse_kl == pytest.approx(999 / 52_000, rel=0.1)

    @pytest.mark.parametrize("labels", [[], [0, 4], [-1, 0], [[0, 1]]])
    def test_refusals(self, labels):
        with pytest.raises(ValueError, match=r"`labels` must contain at least one int from 0 to 3"):
            class_statistics(np.array(labels, "int64"), 4)
