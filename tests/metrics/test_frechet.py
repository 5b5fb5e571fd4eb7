"""The Frechet distance of two Gaussians."""

import warnings

import numpy as np
import pytest

from keras_genzoo import datasets, metrics
from keras_genzoo.metrics import Moments, frechet_distance
from tests import support


def _given(mean, covariance):
    """Moments that are set instead of counted."""
    moments = Moments(len(mean))
    moments.mean = np.array(mean, "float64")
    moments.count = 10_001
    moments._scatter = np.array(covariance, "float64") * 10_000
    return moments


def _random_covariance(rng, dim):
    factor = rng.normal(size=(dim, dim))
    return factor @ factor.T / dim


class TestClosedForms:
    def test_one_dimension(self):
        """`(m1 - m2)^2 + (s1 - s2)^2` for standard deviations `s`."""
        distance = frechet_distance(_given([1], [[9]]), _given([-1], [[4]]))
        assert distance == pytest.approx(2**2 + (3 - 2) ** 2, abs=1e-6)

    def test_diagonal_covariances(self):
        distance = frechet_distance(
            _given([0, 0, 3], np.diag([1, 4, 9])), _given([0, 4, 0], np.diag([16, 4, 1]))
        )
        assert distance == pytest.approx(4**2 + 3**2 + 3**2 + 0 + 2**2, abs=1e-6)

    def test_equal_covariances_leave_the_distance_of_the_means(self):
        covariance = _random_covariance(np.random.default_rng(0), 5)
        distance = frechet_distance(_given(np.zeros(5), covariance), _given(np.full(5, 2), covariance))
        assert distance == pytest.approx(20, abs=1e-6)

    def test_a_rotation_of_both_changes_nothing(self):
        rng = np.random.default_rng(0)
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        first, second = np.diag([1.0, 4, 9]), np.diag([16.0, 4, 1])
        rotated = [_given(np.zeros(3), rotation @ c @ rotation.T) for c in (first, second)]
        assert frechet_distance(*rotated) == pytest.approx(9 + 0 + 4, abs=1e-6)

    def test_a_point_against_a_gaussian_is_the_trace(self):
        covariance = _random_covariance(np.random.default_rng(0), 4)
        distance = frechet_distance(_given(np.zeros(4), np.zeros((4, 4))), _given(np.zeros(4), covariance))
        assert distance == pytest.approx(np.trace(covariance), abs=1e-6)


def test_square_root_by_another_road():
    """`tr (C1 C2)^(1/2)` from the eigenvalues of `C1 C2`, which is not symmetric."""
    rng = np.random.default_rng(3)
    first, second = _random_covariance(rng, 12), _random_covariance(rng, 12)
    trace = np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum()
    distance = frechet_distance(_given(np.zeros(12), first), _given(np.ones(12), second))
    assert distance == pytest.approx(12 + np.trace(first + second) - 2 * trace, abs=1e-6)


class TestAgainstScipy:
    """SciPy's `sqrtm` of the unsymmetric product, which the usual implementations of FID take."""

    @staticmethod
    def check(real, fake):
        linalg = pytest.importorskip("scipy.linalg")
        real, fake = (features.astype("float64") for features in (real, fake))
        first, second = np.cov(real.T), np.cov(fake.T)
        root = linalg.sqrtm(first @ second).real
        expected = np.square(real.mean(0) - fake.mean(0)).sum() + np.trace(first + second - 2 * root)
        assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-4)

    def test_correlated_features_of_a_random_network(self):
        rng = np.random.default_rng(0)
        hidden, out = rng.normal(size=(20, 64)) / 4, rng.normal(size=(64, 48)) / 8

        def features(noise):
            return np.maximum(np.maximum(noise @ hidden, 0) @ out, 0).astype("float32")

        self.check(features(rng.normal(size=(3000, 20))), features(1.2 * rng.normal(size=(3000, 20)) + 0.1))

    @pytest.mark.slow
    # Of features that are always 0, which `sqrtm` owns to and the symmetric square roots do not mind.
    @pytest.mark.filterwarnings("ignore:Matrix is singular")
    def test_features_of_real_digits(self):
        data_dir = support.require_original_files("mnist")
        images, labels = datasets.arrays("mnist", split="test", data_dir=data_dir)
        extract = metrics.extractor("classifier_mnist")
        features = extract(images[:4000])[0]
        # Odd against even digits: distributions that differ as those of a poor model do.
        self.check(*(features[labels[:4000] % 2 == parity] for parity in (0, 1)))


def test_symmetric_and_zero_for_the_same_features():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(200, 6)), 2 * rng.normal(size=(300, 6)) + 1
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first))
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)


def test_singular_covariances_do_no_harm():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    flat = frechet_distance(*(np.concatenate([x, np.zeros_like(x)], axis=1) for x in (first, second)))
    assert flat == pytest.approx(frechet_distance(first, second), abs=1e-6)


class TestMoments:
    features = 100 + np.random.default_rng(0).normal(size=(1000, 5))

    @pytest.mark.parametrize("sizes", [(1000,), (1, 999), (300, 300, 400), (500, 1, 499)])
    def test_batches_in_any_cut_give_the_moments_of_the_whole(self, sizes):
        moments = Moments(5)
        for batch in np.split(self.features, np.cumsum(sizes)[:-1]):
            moments.update(batch.astype("float64"))
        assert moments.count == 1000
        np.testing.assert_allclose(moments.mean, self.features.mean(0), rtol=1e-12)
        np.testing.assert_allclose(moments.covariance, np.cov(self.features.T), rtol=1e-9, atol=1e-12)

    def test_float32_features_are_summed_in_float64(self):
        moments = Moments(1)
        for value in (1e4, 1e4 + 1):
            moments.update(np.full((50_000, 1), value, "float32"))
        assert moments.mean[0] == pytest.approx(1e4 + 0.5, abs=1e-9)
        assert moments.covariance[0, 0] == pytest.approx(0.25, rel=1e-4)

    def test_one_sample_has_no_covariance(self):
        moments = Moments(2)
        moments.update(np.zeros((1, 2)))
        with pytest.raises(ValueError, match=r"A covariance needs at least 2 feature vectors. Received: 1"):
            _ = moments.covariance


def test_too_few_samples_are_warned_of():
    rng = np.random.default_rng(0)
    enough, few = rng.normal(size=(100, 8)), rng.normal(size=(8, 8))
    with pytest.warns(UserWarning, match=r"8 samples do not determine a covariance of 8 dimensions"):
        frechet_distance(enough, few)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(enough, enough[::-1])


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "`real` contains NaN"),
        (np.zeros((3, 2)), np.zeros((0, 2)), "`fake` must have the shape"),
        (np.zeros((3, 2)), np.zeros((3, 4)), "vectors of 2 and of 4 values"),
    ],
)
def test_bad_features(real, fake, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(real, fake)


def test_moments_take_features_of_one_length():
    with pytest.raises(ValueError, match=r"`features` must have the shape \(num, 2\)"):
        Moments(2).update(np.zeros((4, 3)))
