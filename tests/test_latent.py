"""Latents as a function of the seed: the cipher, the normals, and one set of numbers for every backend."""

import math

import keras
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


class TestTruncatedNormal:
    @pytest.mark.parametrize("threshold", [0.04, 0.5, 2.0, 5.0])
    def test_values_are_the_quantiles_of_uniform_ones(self, threshold):
        """By the distribution function of Python, whose inverse every backend approximates by the same steps."""
        truncated = latent.TruncatedNormal(5, threshold)
        values = ops.convert_to_numpy(truncated.from_seed(300, 7)).astype("float64")
        assert np.abs(values).max() <= np.float32(threshold)
        shares = np.vectorize(math.erf)(values / math.sqrt(2)) / math.erf(threshold / math.sqrt(2))
        expected = ops.convert_to_numpy(latent.uniform(300, 5, 7))
        np.testing.assert_allclose((shares + 1) / 2, expected, atol=1e-6)

    def test_training_draws_without_truncation(self):
        noise = keras.random.SeedGenerator(0)
        drawn = ops.convert_to_numpy(latent.TruncatedNormal(100, 0.5).draw(100, noise))
        assert drawn.std() == pytest.approx(1, abs=0.05)

    def test_paths_and_edits_stay_within_the_threshold(self):
        truncated = latent.TruncatedNormal(2, 0.5)
        way = truncated.between(np.array([0.5, 0.5]), np.array([-0.5, 0.5]), 5)
        np.testing.assert_allclose(way, [[0.5, 0.5], [0.25, 0.5], [0, 0.5], [-0.25, 0.5], [-0.5, 0.5]])
        nearest = ops.convert_to_numpy(truncated.nearest(np.float32([[0.7, -0.1]])))
        np.testing.assert_allclose(nearest, [[0.5, -0.1]])

    def test_a_threshold_that_leaves_nothing_is_refused(self):
        with pytest.raises(ValueError, match=r"`truncation` must be .*0. Received: truncation=0"):
            latent.TruncatedNormal(2, 0)


@pytest.mark.parametrize("seed", [-1, 2**32, np.int64(-5)])
def test_seed_outside_its_range_is_refused(seed):
    with pytest.raises(
        ValueError, match=rf"`seed` must be an integer from 0 to 2\*\*32 - 1. Received: seed={seed}"
    ):
        latent.normal(2, 3, seed)


def _expected(num, latent_dim, seed):
    """The definition again, in NumPy; it wrote the numbers below."""
    pairs = -(-latent_dim // 2)
    rows, columns = np.meshgrid(np.arange(num), np.arange(pairs), indexing="ij")
    a, b = _cipher(rows, columns, (seed, 0))
    u, v = (((bits >> np.uint64(9)) + 0.5) / 2**23 for bits in (a, b))
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :latent_dim]


def _cipher(left, right, key):
    rotations = ((13, 15, 26, 6), (17, 29, 16, 24))
    keys = [np.uint64(key[0]), np.uint64(key[1]), np.uint64(key[0] ^ key[1] ^ 0x1BD11BDA)]
    mask = np.uint64(0xFFFFFFFF)
    a, b = (left.astype("uint64") + keys[0]) & mask, (right.astype("uint64") + keys[1]) & mask
    for group in range(5):
        for distance in rotations[group % 2]:
            a = (a + b) & mask
            b = ((b << np.uint64(distance)) | (b >> np.uint64(32 - distance))) & mask
            b ^= a
        a = (a + keys[(group + 1) % 3]) & mask
        b = (b + keys[(group + 2) % 3] + np.uint64(group + 1)) & mask
    return a, b


@pytest.mark.parametrize(("num", "latent_dim", "seed"), [(1, 1, 0), (5, 7, 123), (3, 100, 2**31)])
def test_definition_restated_in_numpy(num, latent_dim, seed):
    drawn = ops.convert_to_numpy(latent.normal(num, latent_dim, seed))
    np.testing.assert_allclose(drawn, _expected(num, latent_dim, seed), atol=1e-5)


EXPECTED_OF_SEED_0 = [[-1.065453, 0.583695, -0.779213], [0.032399, 0.210641, -1.520308]]
EXPECTED_OF_LARGEST_SEED = [[0.830496, 1.715869, -1.431055, -0.274642]]


WEIGHTS = np.array([0.125, 0.625, 0.25])
MEANS = np.array([[10.0, 0.0], [0.0, -20.0], [-30.0, 5.0]])
FACTORS = np.array([[[1.0, 0.0], [0.5, 2.0]], [[0.1, 0.0], [0.0, 0.2]], [[3.0, 0.0], [-1.0, 1.0]]])


def _mixture(num, seed, weights=WEIGHTS):
    return ops.convert_to_numpy(latent.mixture(num, seed, weights, MEANS, FACTORS))


class TestMixture:
    @pytest.mark.parametrize(("num", "seed"), [(1, 0), (50, 123), (20, 2**32 - 1)])
    def test_is_the_normal_of_the_seed_moved_by_the_component_that_a_stream_of_its_own_chooses(
        self, num, seed
    ):
        rows = np.arange(num)
        bits, _ = _cipher(rows, np.zeros_like(rows), (seed, 1))
        component = np.searchsorted(np.cumsum(WEIGHTS), ((bits >> np.uint64(9)) + 0.5) / 2**23)
        normals = _expected(num, 2, seed)
        expected = MEANS[component] + np.einsum("nij,nj->ni", FACTORS[component], normals)
        np.testing.assert_allclose(_mixture(num, seed), expected, atol=1e-4)

    def test_shares_and_moments_of_the_components_are_the_parameters(self):
        drawn = _mixture(40_000, 3).astype("float64")
        nearest = np.square(drawn[:, None] - MEANS).sum(-1).argmin(-1)
        for component, weight in enumerate(WEIGHTS):
            own = drawn[nearest == component]
            assert len(own) / len(drawn) == pytest.approx(weight, abs=0.01)
            covariance = FACTORS[component] @ FACTORS[component].T
            # Five standard errors of a mean, and of a covariance.
            tolerance = 5 * np.sqrt(np.diag(covariance) / len(own))
            assert (np.abs(own.mean(0) - MEANS[component]) < tolerance).all()
            np.testing.assert_allclose(np.cov(own.T), covariance, atol=0.08 * covariance.max())

    def test_a_latent_depends_on_the_seed_and_its_index_alone(self):
        sixty = _mixture(60, 5)
        np.testing.assert_allclose(_mixture(7, 5), sixty[:7], atol=1e-5)
        assert (_mixture(60, 6) != sixty).all()
        assert sixty.dtype == np.float32 and len(np.unique(sixty, axis=0)) == 60

    @pytest.mark.parametrize("component", [0, 1, 2])
    def test_a_component_of_weight_0_is_never_drawn(self, component):
        weights = np.eye(3)[component]
        distances = np.abs(_mixture(500, 0, weights) - MEANS[component]).max(1)
        assert (distances < 5 * np.abs(FACTORS[component]).sum(1).max()).all()

    def test_one_standard_component_is_the_standard_normal(self):
        drawn = latent.mixture(9, 4, [1.0], np.zeros((1, 3)), np.eye(3)[None])
        np.testing.assert_array_equal(
            ops.convert_to_numpy(drawn), ops.convert_to_numpy(latent.normal(9, 3, 4))
        )

    @pytest.mark.parametrize("seed", [-1, 2**32])
    def test_seed_outside_its_range_is_refused(self, seed):
        with pytest.raises(ValueError, match=r"`seed` must be an integer from 0 to"):
            _mixture(2, seed)


class TestDistributions:
    """What a model's `latent` is asked."""

    def test_uniform_latents_fill_their_interval_as_a_pure_function_of_the_seed(self):
        uniform = latent.Uniform(3, -1.0, 1.0)
        values = np.asarray(uniform.from_seed(40_000, 5))
        assert -1 < values.min() < -0.99 and 0.99 < values.max() < 1
        np.testing.assert_allclose(values.mean(axis=0), 0.0, atol=0.02)
        np.testing.assert_allclose(values.var(axis=0), 1 / 3, atol=0.02)
        np.testing.assert_allclose(np.corrcoef(values.T), np.eye(3), atol=0.05)
        np.testing.assert_array_equal(np.asarray(uniform.from_seed(7, 5)), values[:7])

    def test_normal_latents_are_those_of_the_function(self):
        np.testing.assert_array_equal(
            np.asarray(latent.Normal(5).from_seed(6, 2)), np.asarray(latent.normal(6, 5, 2))
        )

    @pytest.mark.parametrize("distribution", [latent.Normal(3), latent.Uniform(3)])
    def test_training_draws_by_the_noise_and_checks_name_the_shape(self, distribution):
        first = np.asarray(distribution.draw(4, keras.random.SeedGenerator(1)))
        again = np.asarray(distribution.draw(4, keras.random.SeedGenerator(1)))
        np.testing.assert_array_equal(first, again)
        assert first.shape == (4, 3) and distribution.spec.shape == (None, 3)
        distribution.check(first)
        with pytest.raises(ValueError, match=r"`latents` must have the shape \(num, 3\)"):
            distribution.check(first[:, :2])
        with pytest.raises(ValueError, match="NaN or infinite values in 1 of 4 rows"):
            distribution.check(np.where(np.arange(12).reshape(4, 3) == 4, np.nan, first))

    def test_the_way_between_uniform_latents_stays_in_their_interval(self):
        start, end = np.float32([-1.0, 1.0]), np.float32([1.0, 1.0])
        way = latent.Uniform(2).between(start, end, 3)
        np.testing.assert_allclose(way, [[-1, 1], [0, 1], [1, 1]])
        np.testing.assert_allclose(
            latent.Normal(2).between(start, end, 3), latent.slerp(start, end, 3), atol=1e-6
        )
