"""The signs of a failing training: pure functions of a window of losses."""

import math

import numpy as np
import pytest

from keras_genzoo.callbacks import signs

RANDOM = np.random.default_rng(0)
GUESS = 2 * math.log(2)
STEADY = 0.6 + 0.05 * RANDOM.normal(size=signs.WINDOW)


class TestDetectors:
    def test_near_zero(self):
        near = np.full(signs.WINDOW, 1e-3)
        assert signs.near_zero(near, GUESS)
        assert not signs.near_zero(STEADY, GUESS)
        assert not signs.near_zero(np.where(np.arange(signs.WINDOW) % 20 == 0, 1.0, near), GUESS), (
            "it does not stay"
        )
        assert not signs.near_zero(near, 0.25 * GUESS / 10), "of a loss that is small by its factor"

    def test_generator_wins(self):
        falling = np.linspace(0.69, 0.1, signs.WINDOW) + 0.01 * RANDOM.normal(size=signs.WINDOW)
        guessing = GUESS + 0.01 * RANDOM.normal(size=signs.WINDOW)
        assert signs.generator_wins(falling, guessing, GUESS)
        assert not signs.generator_wins(falling, STEADY, GUESS), "the discriminator tells them apart"
        assert not signs.generator_wins(falling[::-1], guessing, GUESS), "it rises"
        assert not signs.generator_wins(np.full(signs.WINDOW, math.log(2)), guessing, GUESS), "equilibrium"

    @pytest.mark.parametrize(("norm", "is_large"), [(99.0, False), (101.0, True), (math.inf, False)])
    def test_large_gradient(self, norm, is_large):
        assert signs.large_gradient(norm) == is_large

    def test_unsteady(self):
        assert signs.unsteady(np.tile([0.0, 3.0], signs.WINDOW // 2), size=1.5)
        assert not signs.unsteady(STEADY, size=0.6)
        assert not signs.unsteady(np.linspace(100, 1, signs.WINDOW), size=50.0), "a trend is no variance"

    def test_look_alike(self):
        assert signs.look_alike(0.9, reference=10.0)
        assert not signs.look_alike(1.1, reference=10.0)
        assert not signs.look_alike(0.0, reference=0.0), "nothing to compare with"


class TestStatistics:
    def test_spread_of_independent_values_is_their_standard_deviation(self):
        noise = 3.0 * RANDOM.normal(size=100_000)
        assert signs.spread(noise) == pytest.approx(3.0, rel=0.02)
        assert signs.spread(noise + np.linspace(0, 1000, len(noise))) == pytest.approx(3.0, rel=0.02)

    @pytest.mark.parametrize("shape", [(2,), (4, 4, 3)])
    def test_mean_pairwise_distance_is_the_mean_over_all_pairs(self, shape):
        samples = RANDOM.normal(size=(7, *shape))
        distances = [np.linalg.norm(samples[i] - samples[j]) for i in range(7) for j in range(i)]
        assert signs.mean_pairwise_distance(samples) == pytest.approx(np.mean(distances))

    def test_mean_pairwise_distance_of_almost_equal_samples(self):
        samples = 1e3 + 1e-3 * np.array([[0.0], [1.0]])
        assert signs.mean_pairwise_distance(samples) == pytest.approx(1e-3, rel=1e-6)
