"""The kernel distance between two sets of features."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo.metrics.features import checked_pair
from keras_genzoo.metrics.measures import an_extractor, measure


def kernel_distance(
    real: ArrayLike, fake: ArrayLike, num_subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Computes the kernel distance, an unbiased estimate of the squared maximum mean discrepancy (MMD).

    With Inception features it is the kernel inception distance (KID). The kernel is `(x . y / feature_dim + 1)^3`.
    The estimate is averaged over random subsets, drawn without replacement. It may be negative.

    Args:
        real: Array of features `(num, feature_dim)`.
        fake: Array of features `(num, feature_dim)`.
        num_subsets: Int, number of subsets.
        subset_size: Int of at least 2, number of real and of generated features per subset.
        seed: Int, seed of the subsets.

    Returns:
        Tuple of floats: mean and standard deviation of the estimates over the subsets.

    Raises:
        ValueError: If the features are invalid or differ in length, `subset_size` is larger than the number of
            features, or `num_subsets` is less than 1.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> real, fake = rng.normal(size=(500, 8)), rng.normal(size=(500, 8)) + 1
    >>> mean, deviation = keras_genzoo.metrics.kernel_distance(real, fake, subset_size=200)

    Reference: Binkowski et al. 2018, "Demystifying MMD GANs" (arXiv:1801.01401), section 4.
    """
    real, fake = checked_pair(real, fake)
    if not 2 <= subset_size <= min(len(real), len(fake)):
        raise ValueError(
            f"`subset_size` must be from 2 to the number of features, {len(real)} real and {len(fake)} "
            f"generated. Received: subset_size={subset_size}"
        )
    if num_subsets < 1:
        raise ValueError(f"`num_subsets` must be at least 1. Received: num_subsets={num_subsets}")
    rng = np.random.default_rng(seed)
    estimates = [
        _squared_mmd(
            real[rng.choice(len(real), subset_size, replace=False)],
            fake[rng.choice(len(fake), subset_size, replace=False)],
        )
        for _ in range(num_subsets)
    ]
    return float(np.mean(estimates)), float(np.std(estimates))


@measure("kernel_distance", ability="sample", needs=(an_extractor,), abbreviation="KID")
def _kernel_distance(subject):
    """`kernel_inception_distance` (KID) with Inception, `classifier_kernel_distance` with a classifier of the zoo,
    `kernel_distance` with other extractors (lower is better), and its `..._deviation` over the subsets. Requires
    `extractor`."""
    real, fake = subject.real_features, subject.fake_features
    constants = kernel_constants(real, fake)
    values = kernel_distance(real, fake, **constants, seed=subject.seed)
    return subject.mean_and_deviation("kernel_distance", *values, **constants)


def kernel_constants(real, fake):
    """Returns the number and size of the subsets for these features, as arguments of `kernel_distance`."""
    return {"num_subsets": 100, "subset_size": max(2, min(1000, len(real) // 2, len(fake) // 2))}


def _squared_mmd(real, fake):
    """Unbiased: pairs of a feature with itself are excluded.

    Reference: Gretton et al. 2012, "A kernel two-sample test", equation 3.
    """
    pairs = len(real) * (len(real) - 1)
    within = sum(kernels.sum() - np.trace(kernels) for kernels in (_kernel(real, real), _kernel(fake, fake)))
    return within / pairs - 2 * _kernel(real, fake).mean()


def _kernel(first, second):
    return (first @ second.T / first.shape[1] + 1) ** 3
