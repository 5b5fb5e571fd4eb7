"""The Inception score of class probabilities."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo.metrics.features import checked
from keras_genzoo.metrics.measures import an_extractor, measure


def inception_score(
    predictions: ArrayLike, num_splits: int = 10, from_logits: bool = True
) -> tuple[float, float]:
    """Computes the Inception score of class predictions.

    `exp(mean(KL(p(class | image) || p(class))))`, averaged over consecutive parts of the predictions.

    Args:
        predictions: Array `(num, num_classes)`, logits or probabilities of a classifier.
        num_splits: Int, number of parts.
        from_logits: Bool, whether `predictions` are logits.

    Returns:
        Tuple of floats: mean, from 1 to `num_classes`, and standard deviation of the scores of the parts.

    Raises:
        ValueError: If there are fewer predictions than parts, or probabilities do not sum to 1.

    Example:

    >>> keras_genzoo.metrics.inception_score(np.eye(4), num_splits=1, from_logits=False)  # certain, all classes
    (4.0, 0.0)

    Reference: Salimans et al. 2016, "Improved techniques for training GANs" (arXiv:1606.03498), section 4.
    """
    predictions = checked(predictions, "predictions")
    if not 1 <= num_splits <= len(predictions):
        raise ValueError(
            f"`num_splits` must be from 1 to the number of predictions, {len(predictions)}. Received: "
            f"num_splits={num_splits}"
        )
    probabilities = _softmax(predictions) if from_logits else predictions
    if (probabilities < 0).any() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            "`predictions` must be probabilities that sum to 1. For logits, use `from_logits=True`."
        )
    scores = [_score(part) for part in np.array_split(probabilities, num_splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _logits(subject):
    if not subject.extractor.gives_logits:
        return f"an extractor with logits, a classifier or 'inception'. {subject.extractor.name!r} has none"


@measure("inception_score", ability="sample", needs=(an_extractor, _logits), abbreviation="IS")
def _inception_score(subject):
    """`inception_score`, or `classifier_score` with a classifier of the zoo (higher is better), and its
    `..._deviation` over the splits. Requires an `extractor` with logits."""
    num_splits = 10
    values = inception_score(subject.fake_logits, num_splits)
    return subject.mean_and_deviation("inception_score", *values, num_splits=num_splits)


def _score(probabilities):
    # A probability of 0 contributes 0, the limit of p log(p).
    ratios = probabilities / np.maximum(probabilities.mean(axis=0), np.finfo("float64").tiny)
    logs = np.log(ratios, out=np.zeros_like(ratios), where=ratios > 0)
    return np.exp((probabilities * logs).sum(axis=1).mean())


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
