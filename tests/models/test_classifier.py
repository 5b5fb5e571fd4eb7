"""The classifier behind the zoo's measures."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family

from keras_genzoo import models
from tests import support


def make_classifier(**arguments):
    keras.utils.set_random_seed(0)
    classifier = models.Classifier(
        **{"image_shape": (8, 8, 1), "num_classes": 3, "filters": (4, 4, 8), **arguments}
    )
    classifier.compile()
    return classifier


# Released checkpoints hold these names: change them and no released file loads.
WEIGHT_PATHS = [
    "network/layers/conv2d/vars/0 (3, 3, 1, 4)",
    "network/layers/conv2d/vars/1 (4,)",
    "network/layers/conv2d_1/vars/0 (3, 3, 4, 4)",
    "network/layers/conv2d_1/vars/1 (4,)",
    "network/layers/conv2d_2/vars/0 (3, 3, 4, 8)",
    "network/layers/conv2d_2/vars/1 (8,)",
    "network/layers/dense/vars/0 (32, 128)",
    "network/layers/dense/vars/1 (128,)",
    "network/layers/dense_1/vars/0 (128, 3)",
    "network/layers/dense_1/vars/1 (3,)",
]


# Convolutions and dense layers of the default network.
PARAMETERS = (
    ((9 * 1 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 128) + (7 * 7 * 128 + 1) * 128 + (128 + 1) * 10
)


class TestContract(Contract):
    family = Family(
        models.Classifier,
        make_classifier,
        at_full_size=partial(models.Classifier, (28, 28, 1), 10),
        counts={"network": PARAMETERS},
        optimizers={"optimizer": (keras.optimizers.Adam, {"learning_rate": 1e-3})},
        weight_paths=WEIGHT_PATHS,
        represents_its_base=True,
    )
    # Its dropout draws other numbers on another device or backend, and Keras' own step has no two workers.
    test_two_replicas_take_the_step_of_one_device = None
    test_the_other_backend_trains_to_the_same_weights = None
    test_two_workers_end_with_the_same_weights = None


@pytest.mark.ci
def test_default_loss_is_cross_entropy_on_logits_and_metric_accuracy():
    classifier = make_classifier()
    images, labels = support.toy_images(6), support.toy_labels(6)
    logs = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    logits = classifier.predict(images, verbose=0)
    log_sums = np.log(np.exp(logits).sum(-1))
    assert logs["loss"] == pytest.approx(np.mean(log_sums - logits[np.arange(6), labels]), abs=1e-5)
    assert logs["accuracy"] == pytest.approx(np.mean(logits.argmax(-1) == labels))


@pytest.mark.slow
def test_learns_to_tell_dark_from_bright():
    images = np.concatenate([np.full((16, 8, 8, 1), value, "float32") for value in (-0.8, 0.8)])
    images += 0.1 * support.toy_images(32)
    labels = np.repeat([0, 1], 16)
    classifier = make_classifier(num_classes=2)
    classifier.fit(images, labels, epochs=20, verbose=0)
    assert classifier.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"] == 1.0


@pytest.mark.ci
def test_features_come_with_the_logits():
    classifier = make_classifier(feature_dim=5)
    features, logits = classifier.predict_features(support.toy_images(4))
    assert (features.shape, logits.shape) == ((4, 5), (4, 3))
    assert features.min() >= 0  # after the ReLU
    np.testing.assert_allclose(logits, classifier.predict(support.toy_images(4), verbose=0), atol=1e-6)
    weights, bias = classifier.network.get_layer("logits").get_weights()
    np.testing.assert_allclose(features @ weights + bias, logits, atol=1e-5)


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize("callback", [keras.callbacks.SwapEMAWeights, keras.callbacks.TerminateOnNaN])
def test_callbacks_of_the_one_optimizer_and_loss_work(callback):
    classifier = make_classifier()
    classifier.compile(optimizer=keras.optimizers.Adam(use_ema=True))
    data = support.toy_data(classifier)
    history = classifier.fit(*data, verbose=0, callbacks=[callback()], validation_data=data).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.ci
@pytest.mark.tensorflow
def test_export_after_predict(tmp_path):
    import tensorflow as tf

    classifier = make_classifier(feature_dim=5)
    numbers = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), "uint8")
    classifier.predict(numbers, verbose=0)
    classifier.export(tmp_path / "classifier")
    features, logits = classifier.predict_features(numbers)
    signatures = tf.saved_model.load(str(tmp_path / "classifier")).signatures
    for name, images in (
        ("classify", numbers),
        ("serving_default", numbers),
        ("classify_float32", numbers / np.float32(127.5) - 1),
    ):
        outputs = signatures[name](images=tf.constant(images))
        np.testing.assert_allclose(outputs["logits"], logits, atol=1e-5)
        np.testing.assert_allclose(outputs["features"], features, atol=1e-5)
