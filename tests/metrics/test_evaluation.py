"""What a card reports: results with their protocol."""

import keras
import numpy as np
import pytest

from keras_genzoo import datasets, metrics, models
from tests import support

IMAGES, LABELS = support.toy_images(60), support.toy_labels(60)


@pytest.fixture(autouse=True)
def _toy_data(monkeypatch):
    def arrays(name, split="train", data_dir=None):
        assert (name, split, data_dir) == ("toy", "test", None)
        return IMAGES, LABELS

    monkeypatch.setattr(datasets, "arrays", arrays)


@pytest.fixture
def judge(tmp_path):
    """Folder of an untrained classifier that sees all of three classes."""
    keras.utils.set_random_seed(3)
    models.Classifier((8, 8, 1), 3, (4, 4, 4), feature_dim=5).save_to_preset(tmp_path / "judge")
    return tmp_path / "judge"


def test_a_classifier_by_its_accuracy():
    classifier = models.Classifier((8, 8, 1), 3, (4, 4, 4))
    (result,) = metrics.evaluate(classifier, "toy")
    expected = np.mean(classifier.predict(IMAGES, verbose=0).argmax(-1) == LABELS)
    assert result["metric"] == "test_accuracy" and result["value"] == pytest.approx(expected, abs=1e-4)
    assert result["protocol"] == {"dataset": "toy", "split": "test", "num_real": 60}


def test_an_unconditional_model(judge):
    gan = models.GAN((8, 8, 1), 4, width=2, average_decay=0.9)
    distance, seen = metrics.evaluate(gan, "toy", classifier=judge, num_samples=50, seed=7)

    classifier = models.load(judge)
    fakes = classifier.predict_features(gan.sample(50, seed=7))
    expected = metrics.frechet_distance(classifier.predict_features(IMAGES[:50])[0], fakes[0])
    assert distance["metric"] == "classifier_frechet_distance"
    assert distance["value"] == pytest.approx(expected, abs=1e-3)
    assert seen["metric"] == "classes_seen"
    assert seen["value"] == len(np.unique(fakes[1].argmax(-1)))
    protocol = distance["protocol"]
    assert (protocol["num_real"], protocol["num_fake"], protocol["seed"]) == (50, 50, 7)
    assert protocol["averaged_generator"] is True
    assert len(protocol["classifier_sha256"]) == 64


def test_a_conditional_model_is_asked_for_every_class(judge):
    gan = models.GAN((8, 8, 1), 4, width=2, num_classes=3)
    _, agreement = metrics.evaluate(gan, "toy", classifier=judge, num_samples=60)
    asked = np.arange(60) % 3
    read = models.load(judge).predict_features(gan.sample(60, seed=0, labels=asked))[1].argmax(-1)
    assert agreement["metric"] == "label_agreement"
    assert agreement["value"] == pytest.approx(np.mean(read == asked), abs=1e-4)
