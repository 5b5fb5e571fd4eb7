"""The classifier behind the zoo's measures."""

from functools import partial

import keras
import numpy as np
import pytest

from keras_genzoo import models
from tests import support


def make_classifier(**arguments):
    keras.utils.set_random_seed(0)
    classifier = models.Classifier(
        **{"image_shape": (8, 8, 1), "num_classes": 3, "filters": (4, 4, 8), **arguments}
    )
    classifier.compile()
    return classifier


def logits_of(model):
    return model.predict(support.toy_images(4), verbose=0)


def test_parameters_of_the_default_network():
    classifier = models.Classifier((28, 28, 1), 10)
    convolutions = (9 * 1 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 128
    dense = (7 * 7 * 128 + 1) * 128 + (128 + 1) * 10
    assert classifier.count_params() == convolutions + dense


def test_defaults_are_adam_cross_entropy_on_logits_and_accuracy():
    classifier = make_classifier()
    assert isinstance(classifier.optimizer, keras.optimizers.Adam)
    assert float(classifier.optimizer.learning_rate) == pytest.approx(1e-3)
    images, labels = support.toy_images(6), support.toy_labels(6)
    logs = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    logits = classifier.predict(images, verbose=0)
    log_sums = np.log(np.exp(logits).sum(-1))
    assert logs["loss"] == pytest.approx(np.mean(log_sums - logits[np.arange(6), labels]), abs=1e-5)
    assert logs["accuracy"] == pytest.approx(np.mean(logits.argmax(-1) == labels))


def test_learns_to_tell_dark_from_bright():
    images = np.concatenate([np.full((16, 8, 8, 1), value, "float32") for value in (-0.8, 0.8)])
    images += 0.1 * support.toy_images(32)
    labels = np.repeat([0, 1], 16)
    classifier = make_classifier(num_classes=2)
    classifier.fit(images, labels, epochs=20, verbose=0)
    assert classifier.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"] == 1.0


def test_features_come_with_the_logits():
    classifier = make_classifier(feature_dim=5)
    features, logits = classifier.predict_features(support.toy_images(4))
    assert (features.shape, logits.shape) == ((4, 5), (4, 3))
    assert features.min() >= 0  # after the ReLU
    np.testing.assert_allclose(logits, logits_of(classifier), atol=1e-6)
    weights, bias = classifier.network.get_layer("logits").get_weights()
    np.testing.assert_allclose(features @ weights + bias, logits, atol=1e-5)


def test_uint8_and_float_images_mean_the_same():
    classifier = make_classifier()
    numbers = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), "uint8")
    by_float = classifier.predict_features(numbers / np.float32(127.5) - 1)[1]
    np.testing.assert_allclose(classifier.predict_features(numbers)[1], by_float, atol=1e-5)
    np.testing.assert_allclose(classifier.predict(numbers, verbose=0), by_float, atol=1e-5)


def test_images_of_another_shape_are_refused():
    with pytest.raises(
        ValueError, match=r"`images` must have the shape \(num, 8, 8, 1\). Received: \(4, 16, 16, 1\)"
    ):
        make_classifier().predict_features(support.toy_images(4, (16, 16, 1)))


@pytest.mark.slow
def test_preset_round_trip(tmp_path):
    make_model = partial(make_classifier, feature_dim=5)
    support.check_preset_round_trip(make_model, tmp_path / "classifier", output=logits_of)
