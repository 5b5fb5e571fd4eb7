"""Latents as a function of the seed: the cipher, the normals, and one set of numbers for every backend."""

import numpy as np
import pytest
from keras import ops

from keras_genzoo import latent


@pytest.mark.parametrize(
    ("word", "expected"),
    [(0x00000000, (0x6B200159, 0x99BA4EFE)), (0xFFFFFFFF, (0x1CB996FC, 0xBB002BE7))],
)
def test_known_answers_of_threefry(word, expected):
    """The vectors published with the generator (Random123, threefry2x32 with 20 rounds)."""
    counter = ops.convert_to_tensor(np.array([word], "uint32"))
    left, right = latent.threefry_2x32((word, word), (counter, counter))
    assert (int(left[0]), int(right[0])) == expected


def test_every_backend_gives_these_numbers():
    drawn = ops.convert_to_numpy(latent.normal(2, 3, seed=0))
    np.testing.assert_allclose(drawn, EXPECTED_OF_SEED_0, atol=1e-5)
    drawn = ops.convert_to_numpy(latent.normal(1, 4, seed=2**32 - 1))
    np.testing.assert_allclose(drawn, EXPECTED_OF_LARGEST_SEED, atol=1e-5)


def test_moments_are_those_of_a_standard_normal():
    z = ops.convert_to_numpy(latent.normal(2000, 101, seed=1)).astype("float64")
    assert z.shape == (2000, 101) and np.isfinite(z).all()
    assert z.mean() == pytest.approx(0, abs=0.01)
    assert z.std() == pytest.approx(1, abs=0.01)
    assert (z**3).mean() == pytest.approx(0, abs=0.03)
    assert (z**4).mean() == pytest.approx(3, abs=0.06)
    correlations = np.corrcoef(z.T) - np.eye(101)
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)


def test_a_latent_depends_on_the_seed_and_its_index_alone():
    sixteen = ops.convert_to_numpy(latent.normal(16, 6, seed=5))
    # To the last bit but one: a kernel may round the end of an array differently from its middle.
    np.testing.assert_allclose(ops.convert_to_numpy(latent.normal(4, 6, seed=5)), sixteen[:4], atol=1e-6)
    assert len(np.unique(sixteen, axis=0)) == 16
    assert (ops.convert_to_numpy(latent.normal(16, 6, seed=6)) != sixteen).all()


def test_float32_even_for_numpy_seeds():
    drawn = latent.normal(2, 3, np.uint32(0))
    np.testing.assert_allclose(ops.convert_to_numpy(drawn), EXPECTED_OF_SEED_0, atol=1e-5)
    assert ops.convert_to_numpy(drawn).dtype == np.float32


@pytest.mark.parametrize("seed", [-1, 2**32, np.int64(-5)])
def test_seed_outside_its_range_is_refused(seed):
    with pytest.raises(
        ValueError, match=rf"`seed` must be an integer from 0 to 2\*\*32 - 1. Received: seed={seed}"
    ):
        latent.normal(2, 3, seed)


def _expected(num, latent_dim, seed):
    """The definition again, in NumPy; it wrote the numbers below."""
    rotations = ((13, 15, 26, 6), (17, 29, 16, 24))
    pairs = -(-latent_dim // 2)
    rows, columns = np.meshgrid(np.arange(num), np.arange(pairs), indexing="ij")
    keys = [np.uint64(seed), np.uint64(0), np.uint64(seed ^ 0x1BD11BDA)]
    mask = np.uint64(0xFFFFFFFF)
    a, b = (rows.astype("uint64") + keys[0]) & mask, columns.astype("uint64") + keys[1]
    for group in range(5):
        for distance in rotations[group % 2]:
            a = (a + b) & mask
            b = ((b << np.uint64(distance)) | (b >> np.uint64(32 - distance))) & mask
            b ^= a
        a = (a + keys[(group + 1) % 3]) & mask
        b = (b + keys[(group + 2) % 3] + np.uint64(group + 1)) & mask
    u, v = (((bits >> np.uint64(9)) + 0.5) / 2**23 for bits in (a, b))
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :latent_dim]


@pytest.mark.parametrize(("num", "latent_dim", "seed"), [(1, 1, 0), (5, 7, 123), (3, 100, 2**31)])
def test_definition_restated_in_numpy(num, latent_dim, seed):
    drawn = ops.convert_to_numpy(latent.normal(num, latent_dim, seed))
    np.testing.assert_allclose(drawn, _expected(num, latent_dim, seed), atol=1e-5)


EXPECTED_OF_SEED_0 = [[-1.065453, 0.583695, -0.779213], [0.032399, 0.210641, -1.520308]]
EXPECTED_OF_LARGEST_SEED = [[0.830496, 1.715869, -1.431055, -0.274642]]
