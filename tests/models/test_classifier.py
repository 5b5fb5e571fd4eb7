"""The classifier behind the zoo's measures."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

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


def test_weight_paths(tmp_path):
    """The network is stored by its name, which sorts after Keras' `layers`."""
    make_classifier().save_to_preset(tmp_path / "classifier")
    support.check_weight_paths(tmp_path / "classifier" / "model.weights.h5", GOLDEN_WEIGHT_PATHS)


def test_weight_files_hold_the_optimizer_and_the_noise(tmp_path):
    saved, loaded = make_classifier(), make_classifier()
    fresh = support.state_of(loaded)
    for _ in range(2):
        saved.train_on_batch(support.toy_images(8), support.toy_labels(8))
    saved.save_weights(tmp_path / "classifier.weights.h5")
    loaded.load_weights(tmp_path / "classifier.weights.h5")
    support.assert_same_state(support.state_of(loaded), support.state_of(saved))
    assert int(loaded.optimizer.iterations) == 2
    (seed,) = [variable for variable in loaded.variables if variable.name == "seed_generator_state"]
    (before,) = [value for name, value in fresh.items() if name.endswith("seed_generator_state")]
    assert (ops.convert_to_numpy(seed) != before).any()


@pytest.mark.slow
def test_resume(tmp_path):
    support.check_resume(make_classifier, (support.toy_images(16), support.toy_labels(16)), tmp_path)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            255 * np.abs(support.toy_images(8)),
            support.toy_labels(8),
            r"`x` must lie in \[-1, 1\]. Received float values from .*`images / 127.5 - 1`",
        ),
        (support.toy_images(8), None, r"`y` is missing: this model has 3 classes"),
        (support.toy_images(8), np.full(8, 3), r"`y` must lie from 0 to 2. Received labels from 3 to 3"),
    ],
    ids=["range", "no_labels", "label"],
)
def test_bad_data_are_refused(method, images, labels, message):
    classifier = make_classifier()
    before = support.state_of(classifier)
    with pytest.raises(ValueError, match=message):
        getattr(classifier, method)(images, labels, verbose=0)
    support.assert_same_state(support.state_of(classifier), before)


# Released checkpoints hold these names: change them and no released file loads.
GOLDEN_WEIGHT_PATHS = [
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


@pytest.mark.tensorflow
@pytest.mark.parametrize("used", [False, True], ids=["as made", "after predict"])
def test_export_gives_logits_and_features_of_both_kinds_of_images(used, tmp_path):
    import tensorflow as tf

    classifier = make_classifier(feature_dim=5)
    numbers = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), "uint8")
    if used:
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
