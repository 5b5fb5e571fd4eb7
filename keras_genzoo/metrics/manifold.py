"""Separate measures of fidelity and diversity, from nearest neighbors of features."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo import arguments
from keras_genzoo.metrics.features import checked_pair
from keras_genzoo.metrics.measures import an_extractor, measure

# Number of values in a block of distances: 128 MB of float64.
_BLOCK = 16_000_000


def precision_recall(real: ArrayLike, fake: ArrayLike, num_neighbours: int = 3) -> tuple[float, float]:
    """Computes improved precision and recall.

    Precision is the fraction of generated features inside the sphere of any real feature. Recall is the fraction of
    real features inside the sphere of any generated feature. The radius of a feature's sphere is the distance to its
    `num_neighbours`-th nearest neighbor in its own set.

    Args:
        real: Array of features `(num, feature_dim)`.
        fake: Array of features `(num, feature_dim)`. Use the same number as of `real` for comparable values.
        num_neighbours: Int, number of nearest neighbors.

    Returns:
        Tuple of floats in [0, 1]: precision and recall.

    Raises:
        ValueError: If the features are invalid, differ in length, or there are not more than `num_neighbours`.

    Reference: Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models"
    (arXiv:1904.06991), equations 1 and 2.
    """
    real, fake = _centred(*checked_pair(real, fake))
    real_radii, fake_radii = (
        _squared_radii(features, num_neighbours, argument)
        for features, argument in ((real, "real"), (fake, "fake"))
    )
    in_real, in_fake = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for rows, distances in _squared_distances(real, fake):
        in_real |= (distances <= real_radii[rows, None]).any(axis=0)
        in_fake[rows] = (distances <= fake_radii).any(axis=1)
    return float(in_real.mean()), float(in_fake.mean())


def density_coverage(real: ArrayLike, fake: ArrayLike, num_neighbours: int = 5) -> tuple[float, float]:
    """Computes density and coverage, which are less sensitive to outliers than precision and recall.

    Density is the mean number of spheres of real features that contain a generated feature, divided by
    `num_neighbours`. Coverage is the fraction of real features whose sphere contains a generated feature. The spheres
    are those of `precision_recall`, including their surface.

    Args:
        real: Array of features `(num, feature_dim)`.
        fake: Array of features `(num, feature_dim)`.
        num_neighbours: Int, number of nearest neighbors.

    Returns:
        Tuple of floats: density, at least 0 and 1 on average for equal distributions, and coverage in [0, 1].

    Raises:
        ValueError: If the features are invalid, differ in length, or there are not more than `num_neighbours` real
            ones.

    Reference: Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models" (arXiv:2002.09797),
    section 3.
    """
    real, fake = _centred(*checked_pair(real, fake))
    radii = _squared_radii(real, num_neighbours, "real")
    spheres, covered = 0, np.zeros(len(real), bool)
    for rows, distances in _squared_distances(real, fake):
        inside = distances <= radii[rows, None]
        spheres += inside.sum()
        covered[rows] = inside.any(axis=1)
    return float(spheres / (num_neighbours * len(fake))), float(covered.mean())


@measure("precision_recall", ability="sample", needs=(an_extractor,))
def _precision_recall(subject):
    """`precision` and `recall` (higher is better). Requires `extractor`."""
    constants = {"num_neighbours": 3}
    values = precision_recall(subject.real_features, subject.fake_features, **constants)
    names = ("precision", "recall")
    return [subject.about_both(name, value, **constants) for name, value in zip(names, values, strict=True)]


@measure("density_coverage", ability="sample", needs=(an_extractor,))
def _density_coverage(subject):
    """`density` and `coverage` (higher is better). Requires `extractor`."""
    constants = {"num_neighbours": 5}
    values = density_coverage(subject.real_features, subject.fake_features, **constants)
    names = ("density", "coverage")
    return [subject.about_both(name, value, **constants) for name, value in zip(names, values, strict=True)]


def _centred(real, fake):
    # A common offset would cost digits in squared distances computed from norms and products.
    centre = real.mean(axis=0)
    return real - centre, fake - centre


def _squared_radii(features, num_neighbours, argument):
    if arguments.integer("num_neighbours", num_neighbours, at_least=1) >= len(features):
        raise ValueError(
            f"`num_neighbours` must be from 1 to less than the number of features in `{argument}`, "
            f"{len(features)}. Received: num_neighbours={num_neighbours}"
        )
    radii = np.empty(len(features))
    for rows, distances in _squared_distances(features, features):
        # A feature is not its own neighbor, even if rounding makes its distance to itself nonzero.
        distances[np.arange(len(distances)), np.arange(len(features))[rows]] = np.inf
        radii[rows] = np.partition(distances, num_neighbours - 1, axis=1)[:, num_neighbours - 1]
    return radii


def _squared_distances(first, second):
    """Yields slices of `first` with the squared distances of their rows from all rows of `second`."""
    norms = np.square(second).sum(axis=1)
    size = max(1, _BLOCK // len(second))
    for start in range(0, len(first), size):
        rows = slice(start, start + size)
        block = first[rows]
        distances = np.square(block).sum(axis=1)[:, None] + norms - 2 * (block @ second.T)
        yield rows, np.maximum(distances, 0)
