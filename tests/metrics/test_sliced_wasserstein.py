"""The sliced Wasserstein distance: known distances, and the pyramid it rests on."""

import numpy as np
import pytest

from keras_genzoo import metrics
from keras_genzoo.metrics.sliced_wasserstein import laplacian_pyramid

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (12, 32, 32, 3)).astype("float32")


def test_equal_images_have_no_distance():
    assert metrics.sliced_wasserstein(IMAGES, IMAGES) == {32: 0.0, 16: 0.0}


def test_brightness_and_contrast_are_normalised_away():
    distances = metrics.sliced_wasserstein(IMAGES, 0.5 * IMAGES + 0.25)
    assert max(distances.values()) < 0.5


@pytest.mark.slow
def test_distance_of_gaussian_and_uniform_patches():
    """Of independent pixels: a direction mixes many of them, so that both are near a Gaussian."""
    shape = (400, 16, 16, 1)
    uniform, other = RNG.uniform(-1, 1, shape), RNG.normal(size=shape)
    (own,) = metrics.sliced_wasserstein(uniform, RNG.uniform(-1, 1, shape), seed=1).values()
    (distance,) = metrics.sliced_wasserstein(uniform, other, seed=1).values()
    assert 0 < own < 20
    assert own < distance < 60
    # One pixel a patch: W1 of the uniform and the normal distribution of variance 1, by their quantiles.
    (single,) = metrics.sliced_wasserstein(uniform, other, patch_size=1).values()
    quantiles = np.arange(0.5, 100_000) / 100_000
    normal = np.sort(RNG.normal(size=100_000))
    expected = np.abs(np.sqrt(3) * (2 * quantiles - 1) - normal).mean()
    assert single == pytest.approx(1000 * expected, rel=0.1)


def test_noise_is_seen_in_the_finest_level():
    """Smooth images against the same with noise of single pixels."""
    grid = np.linspace(0, 2 * np.pi, 32)
    phases = RNG.uniform(0, 6, (40, 1, 1, 1))
    smooth = np.sin(grid[None, :, None, None] + grid[None, None, :, None] + phases).astype("float32")
    noise = 0.3 * RNG.normal(size=smooth.shape)
    noise -= sum(np.roll(noise, shift, (1, 2)) for shift in ((0, 1), (1, 0), (1, 1))) / 3
    distances = metrics.sliced_wasserstein(smooth, smooth + noise)
    assert distances[32] > 3 * distances[16]


def test_pyramid_adds_up():
    finest, coarsest = laplacian_pyramid(IMAGES)
    assert finest.shape == (12, 32, 32, 3) and coarsest.shape == (12, 16, 16, 3)
    constant = laplacian_pyramid(np.full((1, 64, 64, 1), 3.0))
    assert [level.shape[1] for level in constant] == [64, 32, 16]
    for level, value in zip(constant, (0, 0, 3), strict=True):
        np.testing.assert_allclose(level, value, atol=1e-5)
    # A ramp is what its halves say, away from the edges.
    ramp = np.broadcast_to(np.arange(32.0)[None, :, None, None], (1, 32, 32, 1))
    finest, coarsest = laplacian_pyramid(ramp)
    np.testing.assert_allclose(finest[0, 6:-6, 6:-6], 0, atol=1e-4)
    np.testing.assert_allclose(coarsest[0, 2:-2, 2, 0], 2 * np.arange(16)[2:-2], atol=1e-4)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (IMAGES, IMAGES[:5], "must have the same shape"),
        (IMAGES[:, :8], IMAGES[:, :8], "sides of at least 16"),
    ],
)
def test_bad_input(real, fake, message):
    with pytest.raises(ValueError, match=message):
        metrics.sliced_wasserstein(real, fake)
