"""The Inception score of class probabilities."""

import numpy as np
import pytest

from keras_genzoo.metrics import inception_score


def test_sure_and_diverse_predictions_score_the_number_of_classes():
    assert inception_score(np.eye(7), num_splits=1, from_logits=False) == (pytest.approx(7), 0)


@pytest.mark.parametrize("row", [[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
def test_predictions_that_are_all_alike_score_1(row):
    assert inception_score(np.tile(row, (8, 1)), 2, from_logits=False) == (pytest.approx(1), pytest.approx(0))


def test_the_score_is_the_exponential_of_the_mutual_information():
    """`H(class) - H(class | image)`, the same in other words."""
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), size=40)

    def entropy(p):
        return -(p * np.log(p)).sum(axis=-1)

    expected = np.exp(entropy(probabilities.mean(0)) - entropy(probabilities).mean())
    score, _ = inception_score(probabilities, num_splits=1, from_logits=False)
    assert score == pytest.approx(expected, rel=1e-12)


def test_logits_are_softmaxed_without_overflow():
    logits = 1000 + np.log(np.random.default_rng(0).dirichlet(np.ones(5), size=40))
    probabilities = np.exp(logits - 1000)
    assert inception_score(logits) == pytest.approx(inception_score(probabilities, from_logits=False))


def test_splits_are_parts_in_the_order_given():
    """Two sure halves, the first of two classes, the second of four."""
    predictions = np.concatenate([np.eye(4)[[0, 1, 0, 1]], np.eye(4)])
    assert inception_score(predictions, 2, from_logits=False) == (pytest.approx(3), pytest.approx(1))


def test_refusals():
    with pytest.raises(ValueError, match=r"`num_splits` must be from 1 to the number of predictions, 3"):
        inception_score(np.eye(3), num_splits=4)
    with pytest.raises(ValueError, match=r"probabilities that sum to 1"):
        inception_score(2 * np.eye(3), num_splits=1, from_logits=False)
