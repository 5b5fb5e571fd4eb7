"""Precision and recall, density and coverage: spheres of nearest neighbours."""

import numpy as np
import pytest

from keras_genzoo.metrics import density_coverage, manifold, precision_recall


def line(*values):
    """Features in one dimension, so that spheres are intervals that can be read off."""
    return np.array(values, "float64")[:, None]


def by_hand(real, fake, k):
    """The definitions, feature by feature: whether each fake lies in each real one's sphere, and back."""

    def radius(points, index):
        return np.sort([np.linalg.norm(points[index] - point) for point in np.delete(points, index, 0)])[
            k - 1
        ]

    in_real = np.array([[np.linalg.norm(y - x) <= radius(real, i) for y in fake] for i, x in enumerate(real)])
    in_fake = np.array([[np.linalg.norm(y - x) <= radius(fake, j) for j, y in enumerate(fake)] for x in real])
    return in_real, in_fake


class TestPrecisionRecall:
    def test_intervals_on_a_line(self):
        """Radii of nearest neighbours: 1, 1, 2 around 0, 1, 3; and 0.5, 0.5, 6 around 2.5, 3, 9."""
        precision, recall = precision_recall(line(0, 1, 3), line(2.5, 3, 9), num_neighbours=1)
        assert precision == pytest.approx(2 / 3)  # 9 lies in no interval: they end at 5
        assert recall == pytest.approx(1 / 3)  # 3 alone lies in one: [2, 3], [2.5, 3.5], [3, 15]

    def test_against_the_definition(self):
        rng = np.random.default_rng(0)
        real, fake = rng.normal(size=(30, 5)), 0.7 * rng.normal(size=(40, 5)) + 0.5
        in_real, in_fake = by_hand(real, fake, 3)
        precision, recall = precision_recall(real, fake)
        assert precision == pytest.approx(in_real.any(axis=0).mean())
        assert recall == pytest.approx(in_fake.any(axis=1).mean())
        assert 0 < recall < precision < 1

    def test_the_same_features_are_perfect(self):
        features = np.random.default_rng(0).normal(size=(50, 8))
        assert precision_recall(features, features[::-1]) == (1, 1)

    def test_collapse_costs_recall_and_noise_costs_precision(self):
        rng = np.random.default_rng(0)
        real = rng.normal(size=(500, 4))
        collapsed, scattered = 0.05 * rng.normal(size=(500, 4)), 4 * rng.normal(size=(500, 4))
        precision, recall = precision_recall(real, collapsed)
        assert precision > 0.95 and recall < 0.1
        precision, recall = precision_recall(real, scattered)
        assert precision < 0.3 and recall > 0.9


class TestDensityCoverage:
    def test_intervals_on_a_line(self):
        """Intervals [-1, 1], [0, 2], [1, 5] around 0, 1 and 3; their ends belong to them."""
        density, coverage = density_coverage(line(0, 1, 3), line(1, 1.5, 9), num_neighbours=1)
        assert density == pytest.approx((3 + 2 + 0) / 3)
        assert coverage == 1
        assert density_coverage(line(0, 1, 3), line(4, 4), num_neighbours=1) == (1, pytest.approx(1 / 3))

    def test_against_the_definition(self):
        rng = np.random.default_rng(0)
        real, fake = rng.normal(size=(30, 5)), 0.7 * rng.normal(size=(40, 5)) + 0.5
        in_real, _ = by_hand(real, fake, 5)
        density, coverage = density_coverage(real, fake)
        assert density == pytest.approx(in_real.sum() / (5 * 40))
        assert coverage == pytest.approx(in_real.any(axis=1).mean())

    def test_expectations_for_equal_distributions(self):
        """Density 1; coverage `1 - (n - 1) ... (n - k) / ((2n - 1) ... (2n - k))`, about `1 - 2^-k`."""
        rng = np.random.default_rng(0)
        density, coverage = density_coverage(rng.normal(size=(2000, 16)), rng.normal(size=(2000, 16)))
        assert density == pytest.approx(1, abs=0.1)
        assert coverage == pytest.approx(1 - 2**-5, abs=0.02)


@pytest.mark.parametrize("measure", [precision_recall, density_coverage])
class TestBoth:
    def test_blocks_change_nothing(self, measure, monkeypatch):
        rng = np.random.default_rng(0)
        real, fake = rng.normal(size=(53, 6)), rng.normal(size=(47, 6))
        whole = measure(real, fake)
        monkeypatch.setattr(manifold, "_BLOCK", 100)  # blocks of one or two rows
        assert measure(real, fake) == whole

    def test_a_common_offset_changes_nothing(self, measure):
        rng = np.random.default_rng(0)
        real, fake = rng.normal(size=(50, 6)), rng.normal(size=(50, 6))
        assert measure(real + 1e6, fake + 1e6) == measure(real, fake)

    def test_refusals(self, measure):
        with pytest.raises(ValueError, match=r"less than the number of features in `real`, 4.*=4"):
            measure(np.zeros((4, 2)), np.zeros((9, 2)), num_neighbours=4)
        with pytest.raises(ValueError, match=r"features of the same extractor"):
            measure(np.zeros((9, 2)), np.zeros((9, 3)))
