"""The number of modes of a known mixture that a model covers, and how evenly it covers them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo import arguments
from keras_genzoo.metrics.features import checked
from keras_genzoo.metrics.measures import measure


class ModeStatistics(NamedTuple):
    """What `mode_statistics` returns."""

    modes_covered: int
    high_quality_share: float
    reverse_kl: float


class ClassStatistics(NamedTuple):
    """What `class_statistics` returns."""

    modes_covered: int
    reverse_kl: float


def mode_statistics(points: ArrayLike, centers: ArrayLike, stddev: float) -> ModeStatistics:
    """Counts the modes of a mixture of equally likely Gaussians that samples cover.

    A sample is of high quality if its Euclidean distance to the nearest center is at most 3 standard deviations; in
    the plane, this holds for 98.9 % of the points of the mixture. A mode is covered if its center is the nearest one
    of at least one high-quality sample. The reverse divergence is `KL(q || uniform)` in nats, where `q` is the
    distribution of the nearest modes of all samples.

    Args:
        points: Array of samples `(num, num_features)`.
        centers: Array `(num_modes, num_features)`.
        stddev: Float, standard deviation of a mode along each axis.

    Returns:
        `ModeStatistics`, a named tuple of `modes_covered`, int; `high_quality_share`, float in [0, 1]; and
        `reverse_kl`, float from 0 (uniform) to `log(num_modes)` (a single mode).

    Raises:
        ValueError: If the points differ in dimension from the centers or are not finite.

    Example:

    >>> points = np.array([[0.0, 0.0], [2.0, 0.0]])
    >>> keras_genzoo.metrics.mode_statistics(points, [[0, 0], [1, 0], [2, 0]], stddev=0.01)
    ModeStatistics(modes_covered=2, high_quality_share=1.0, reverse_kl=0.4054651081081644)

    Reference: Lin et al. 2018, "PacGAN: The power of two samples in generative adversarial networks"
    (arXiv:1712.04086), section 4; Srivastava et al. 2017, "VEEGAN: Reducing mode collapse in GANs using implicit
    variational learning" (arXiv:1705.07761), section 4.1.
    """
    points, centers = checked(points, "points"), checked(centers, "centers")
    if points.shape[1] != centers.shape[1]:
        raise ValueError(
            f"`points` must have the shape (num, {centers.shape[1]}), like the centers. Received shape "
            f"{points.shape}"
        )
    distances = np.stack([np.linalg.norm(points - center, axis=1) for center in centers], axis=1)
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) <= 3 * stddev
    return ModeStatistics(
        len(np.unique(nearest[good])), float(good.mean()), _reverse_kl(nearest, len(centers))
    )


def class_statistics(labels: ArrayLike, num_classes: int) -> ClassStatistics:
    """Counts the classes that a classifier finds in samples. Each class is a mode.

    Args:
        labels: Ints `(num,)` from 0 to `num_classes - 1`, the predicted classes of the samples.
        num_classes: Int, number of equally likely classes in the data.

    Returns:
        `ClassStatistics`, a named tuple of `modes_covered`, the number of classes with at least one sample, and
        `reverse_kl`, the divergence `KL(classes of the samples || uniform)` in nats.

    Raises:
        ValueError: If there are no labels, or a label is out of range.

    Example:

    >>> keras_genzoo.metrics.class_statistics([0, 1, 1, 0], num_classes=4)
    ClassStatistics(modes_covered=2, reverse_kl=0.6931471805599453)

    Reference: Metz et al. 2017, "Unrolled generative adversarial networks" (arXiv:1611.02163), section 3.3.1; Lin et
    al. 2018, "PacGAN: The power of two samples in generative adversarial networks" (arXiv:1712.04086), section 4.2.
    """
    num_classes = arguments.integer("num_classes", num_classes, at_least=1)
    labels = arguments.array("labels", labels)
    if labels.ndim != 1 or not labels.size or labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"`labels` must contain at least one int from 0 to {num_classes - 1}, shape (num,). Received shape "
            f"{labels.shape}" + (f", values from {labels.min()} to {labels.max()}." if labels.size else ".")
        )
    return ClassStatistics(len(np.unique(labels)), _reverse_kl(labels, num_classes))


def _known_modes(subject):
    if subject.info.modes is None and not _reads_digits(subject):
        name = None if subject.extractor is None else subject.extractor.name
        return (
            "a dataset of points with known modes; or a dataset whose classes are numbers with one digit per "
            "channel, and as `extractor` a classifier of single-channel digits. "
            f"Received: dataset={subject.dataset!r}, extractor={name!r}"
        )


def _reads_digits(subject):
    """Returns whether the extractor can classify each channel of an image as a digit of its class."""
    *size, channels = subject.info.image_shape
    read = subject.extractor
    return (
        read is not None
        and read.image_shape == (*size, 1)
        and read.num_classes**channels == subject.info.num_classes
        and channels > 1
    )


@measure("modes", ability="sample", needs=(_known_modes,))
def _modes(subject):
    """`modes_covered`, `reverse_kl`, and for points `high_quality_share`. Requires a dataset of points with known
    modes; or a dataset whose classes are numbers with one digit per channel, and an `extractor` that classifies
    single channels (`"stacked_mnist"` with `"classifier_mnist"`)."""
    if subject.info.modes is not None:
        centers, stddev = subject.info.modes.centers, subject.info.modes.stddev
        statistics = mode_statistics(subject.samples, centers, stddev)
        constants = {"num_modes": len(centers), "high_quality_within": "3 standard deviations"}
    else:
        # The digits of the class are the digits of the channels, in order.
        digits = [
            subject.extractor(subject.samples[..., channel : channel + 1])[1].argmax(-1)
            for channel in range(subject.samples.shape[-1])
        ]
        base = subject.extractor.num_classes
        classes = np.ravel_multi_index(digits, (base,) * len(digits))
        statistics = class_statistics(classes, subject.info.num_classes)
        constants = {"num_modes": subject.info.num_classes, **subject.extractor_protocol}
    return [subject.about_samples(name, value, **constants) for name, value in statistics._asdict().items()]


def _reverse_kl(assigned, num_modes):
    shares = np.bincount(assigned, minlength=num_modes) / len(assigned)
    shares = shares[shares > 0]
    # A divergence is not negative, but rounding may make it so.
    return float(max(0.0, (shares * np.log(shares * num_modes)).sum()))
