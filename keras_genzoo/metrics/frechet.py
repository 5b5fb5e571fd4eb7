"""The Frechet distance between two sets of features."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo.metrics.features import checked
from keras_genzoo.metrics.measures import an_extractor, measure


class Moments:
    """Running mean and covariance of features, updated batch by batch in float64.

    Args:
        feature_dim: Int, length of a feature vector.

    Raises:
        ValueError: By `update`, if the features have another length; by `covariance`, with fewer than 2 features.

    Example:

    >>> moments = keras_genzoo.metrics.Moments(2)
    >>> moments.update(np.array([[0.0, 0.0], [2.0, 2.0]]))
    >>> moments.mean
    array([1., 1.])
    """

    def __init__(self, feature_dim: int) -> None:
        self.count = 0
        self.mean = np.zeros(feature_dim)
        self._scatter = np.zeros((feature_dim, feature_dim))

    def update(self, features: ArrayLike) -> None:
        """Adds a batch of features, an array `(num, feature_dim)`.

        Raises:
            ValueError: If the features are invalid or have another length.

        Reference: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", equations 1.5 (pairwise
        update, numerically stable).
        """
        features = checked(features, "features")
        if features.shape[1] != len(self.mean):
            raise ValueError(
                f"`features` must have the shape (num, {len(self.mean)}). Received shape {features.shape}. Use "
                "features of one extractor."
            )
        count, mean = len(features), features.mean(axis=0)
        deviations = features - mean
        delta = mean - self.mean
        total = self.count + count
        self._scatter += deviations.T @ deviations + np.outer(delta, delta) * (self.count * count / total)
        self.mean += delta * (count / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance, `(feature_dim, feature_dim)`."""
        if self.count < 2:
            raise ValueError(f"A covariance needs at least 2 feature vectors. Received: {self.count}")
        return self._scatter / (self.count - 1)


def frechet_distance(real: "ArrayLike | Moments", fake: "ArrayLike | Moments") -> float:
    """Computes the Frechet distance between Gaussians fitted to two sets of features.

    `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))` for means `m1`, `m2` and covariances `C1`, `C2`. The
    square roots are computed by symmetric eigendecomposition, so covariances may be singular.

    Args:
        real: `Moments`, or an array of features `(num, feature_dim)`.
        fake: `Moments`, or an array of features `(num, feature_dim)`.

    Returns:
        Float, 0 for equal moments.

    Raises:
        ValueError: If the features are invalid, differ in length, or there are fewer than 2.

    Reference: Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium"
    (arXiv:1706.08500), equation 6; Dowson & Landau 1982, "The Frechet distance between multivariate normal
    distributions".
    """
    real, fake = (_as_moments(features, name) for features, name in ((real, "real"), (fake, "fake")))
    if len(real.mean) != len(fake.mean):
        raise ValueError(
            "`real` and `fake` must be features of the same extractor. Received vectors of "
            f"{len(real.mean)} and of {len(fake.mean)} values."
        )
    for moments in (real, fake):
        if moments.count <= len(moments.mean):
            warnings.warn(
                f"{moments.count} samples do not determine a covariance of {len(moments.mean)} dimensions: "
                "the Frechet distance is biased upward. Use more samples.",
                stacklevel=2,
            )
    root = _square_root(real.covariance)
    eigenvalues = np.linalg.eigvalsh(root @ fake.covariance @ root)
    trace_of_root = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    difference = real.mean - fake.mean
    distance = difference @ difference + np.trace(real.covariance + fake.covariance) - 2 * trace_of_root
    return float(max(distance, 0.0))


@measure("frechet_distance", ability="sample", needs=(an_extractor,), abbreviation="FID")
def _frechet_distance(subject):
    """`frechet_inception_distance` (FID) with Inception, `classifier_frechet_distance` with a classifier of the zoo,
    `frechet_distance` with other extractors (lower is better). Distances with different extractors are not
    comparable. Requires `extractor`."""
    real, fake = (Moments(subject.extractor.feature_dim) for _ in range(2))
    real.update(subject.real_features)
    fake.update(subject.fake_features)
    return [subject.about_both("frechet_distance", frechet_distance(real, fake))]


def _as_moments(features, argument):
    if isinstance(features, Moments):
        return features
    features = checked(features, argument)
    moments = Moments(features.shape[1])
    moments.update(features)
    return moments


def _square_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
