"""The kernel distance: an unbiased squared MMD with a cubic kernel."""

import itertools

import numpy as np
import pytest

from keras_genzoo.metrics import kernel_distance


def features(num, dim=4, shift=0.0, seed=0):
    return np.random.default_rng(seed).normal(size=(num, dim)) + shift


def test_one_subset_of_everything_is_the_estimate_pair_by_pair():
    real, fake = features(6), features(6, shift=0.5, seed=1)

    def kernel(x, y):
        return (sum(x * y) / 4 + 1) ** 3

    def mean_within(points):
        return np.mean([kernel(x, y) for x, y in itertools.permutations(points, 2)])

    across = np.mean([kernel(x, y) for x, y in itertools.product(real, fake)])
    expected = mean_within(real) + mean_within(fake) - 2 * across
    mean, deviation = kernel_distance(real, fake, num_subsets=1, subset_size=6)
    assert mean == pytest.approx(expected, rel=1e-12)
    assert deviation == 0


def test_closed_form_of_two_points():
    """All features equal to 1 against all equal to 0, one dimension: `8 + 1 - 2` of the kernels 8, 1 and 1."""
    mean, _ = kernel_distance(np.ones((5, 1)), np.zeros((5, 1)), num_subsets=3, subset_size=4)
    assert mean == pytest.approx(8 + 1 - 2)


def test_unbiased_where_the_distributions_are_the_same():
    """The mean over many draws vanishes; with each feature's kernel with itself it would not."""
    estimates = [
        kernel_distance(features(20, seed=2 * i), features(20, seed=2 * i + 1), 1, 20)[0] for i in range(400)
    ]
    assert abs(np.mean(estimates)) < 3 * np.std(estimates) / np.sqrt(400)
    assert min(estimates) < 0


def test_subsets_are_drawn_by_the_seed():
    real, fake = features(200), features(300, shift=0.3, seed=1)
    first = kernel_distance(real, fake, num_subsets=20, subset_size=50, seed=1)
    assert first == kernel_distance(real, fake, num_subsets=20, subset_size=50, seed=1)
    assert first != kernel_distance(real, fake, num_subsets=20, subset_size=50, seed=2)
    whole, _ = kernel_distance(real, fake[:200], num_subsets=1, subset_size=200)
    mean, deviation = first
    assert deviation > 0
    assert abs(mean - whole) < 4 * deviation


def test_float32_features_are_compared_in_float64():
    real, fake = features(50).astype("float32"), features(50, seed=1).astype("float32")
    expected = kernel_distance(real.astype("float64"), fake.astype("float64"), 2, 50)
    assert kernel_distance(real, fake, 2, 50) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subset_size": 11}, r"`subset_size` must be from 2 to .* 20 real and 10 generated.*subset_size=11"),
        ({"subset_size": 1}, r"`subset_size` must be from 2"),
        ({"subset_size": 5, "num_subsets": 0}, r"`num_subsets` must be at least 1"),
        (
            {"subset_size": 5, "real": np.zeros((20, 3))},
            r"features of the same extractor.*of 3 and of 4 values",
        ),
        ({"subset_size": 5, "fake": np.zeros(20)}, r"`fake` must have the shape \(num, feature_dim\)"),
        ({"subset_size": 5, "fake": np.full((20, 4), np.nan)}, r"`fake` contains NaN"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(**{"real": features(20), "fake": features(10), **arguments})
