"""Fidelity and diversity apart, by spheres that reach to each feature's nearest neighbors."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo import arguments
from keras_genzoo.metrics.features import checked_pair
from keras_genzoo.metrics.measures import an_extractor, measure

# Values in a block of distances: 128 MB of float64.
_BLOCK = 16_000_000


def precision_recall(real: ArrayLike, fake: ArrayLike, num_neighbours: int = 3) -> tuple[float, float]:
    """Computes improved precision and recall.

    Precision is the share of generated features within the sphere of a real one, recall the share of real
    features within the sphere of a generated one. A feature's sphere reaches to its `num_neighbours`-th
    nearest neighbor in its own set.

    Args:
        real: Array of features `(num, feature_dim)`.
        fake: Array of features `(num, feature_dim)`; as many as of `real`, for numbers that compare.
        num_neighbours: Int.

    Returns:
        Tuple of floats in [0, 1]: precision and recall.

    Raises:
        ValueError: If the features do not fit one another, or are no more than `num_neighbours`.

    Source: Kynkaanniemi et al. 2019, equations 1 and 2.
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
    """Computes density and coverage, which outliers and the number of generated features sway less.

    Density is the mean number of spheres of real features that a generated one lies in, over
    `num_neighbours`; coverage the share of real features with a generated one in their sphere. Spheres are
    those of `precision_recall`, their surface included.

    Args:
        real: Array of features `(num, feature_dim)`.
        fake: Array of features `(num, feature_dim)`.
        num_neighbours: Int.

    Returns:
        Tuple of floats: density, at least 0 and for equal distributions 1 on average, and coverage in [0, 1].

    Raises:
        ValueError: If the features do not fit one another, or the real ones are no more than `num_neighbours`.

    Source: Naeem et al. 2020, section 3.
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
    """`precision` and `recall`. Needs `extractor`."""
    constants = {"num_neighbours": 3}
    values = precision_recall(subject.real_features, subject.fake_features, **constants)
    names = ("precision", "recall")
    return [subject.about_both(name, value, **constants) for name, value in zip(names, values, strict=True)]


@measure("density_coverage", ability="sample", needs=(an_extractor,))
def _density_coverage(subject):
    """`density` and `coverage`. Needs `extractor`."""
    constants = {"num_neighbours": 5}
    values = density_coverage(subject.real_features, subject.fake_features, **constants)
    names = ("density", "coverage")
    return [subject.about_both(name, value, **constants) for name, value in zip(names, values, strict=True)]


def _centred(real, fake):
    # Squared distances from norms and products lose the digits that a common offset takes.
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
        # Not among its own neighbors, whatever rounding has made of its distance.
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
