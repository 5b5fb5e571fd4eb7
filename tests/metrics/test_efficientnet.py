"""The extractor of colour pictures that comes with the package, and the floor of real images."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import datasets, metrics, models
from keras_genzoo.metrics import efficientnet, extractors, frechet_distance
from tests import support

NAME = "effnet_lite0_224_pool1280"


@pytest.fixture(scope="module")
def extractor():
    return metrics.extractor(NAME)


def gradients():
    """A picture whose red rises from top to bottom, its green from left to right: uint8 `(32, 32, 3)`."""
    levels = 8 * np.arange(32, dtype="uint8")
    red, green = np.meshgrid(levels, levels, indexing="ij")
    return np.stack([red, green, np.full_like(red, 100)], axis=-1)


@pytest.mark.ci
def test_features_are_those_of_another_statement_of_the_network(extractor):
    """Computed by the program that came with the weights."""
    features, logits = extractor(gradients()[None])
    assert features.shape == (1, 1280) and features.dtype == "float32" and logits is None
    assert np.flatnonzero(features[0, :6]).tolist() == [2]
    assert features[0, 2] == pytest.approx(0.9891286, abs=1e-3)
    assert features.mean() == pytest.approx(0.08075887, abs=1e-4)
    assert features.std() == pytest.approx(0.35078073, abs=1e-3)


def test_pictures_are_resized_by_the_filter_of_the_protocol(extractor):
    picture = gradients()
    resized = np.asarray(Image.fromarray(picture).resize((224, 224), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(extractor.in_colour(picture[None])[0], resized)
    assert extractor.resizing == "bicubic to 224x224, antialiased"


def test_a_picture_has_one_answer_in_grey_levels_and_as_floats(extractor):
    picture = gradients()[None]
    np.testing.assert_allclose(extractor(picture / 127.5 - 1)[0], extractor(picture)[0], atol=1e-5)
    gray = picture[..., :1]
    np.testing.assert_allclose(extractor(gray)[0], extractor(gray.repeat(3, axis=-1))[0], atol=1e-5)


@pytest.mark.slow
def test_blurred_pictures_are_far_and_others_of_a_kind_are_near(extractor):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (24, 32, 32, 3), dtype="uint8")
    blurred = (pictures.astype("float32") + np.roll(pictures, 1, 1) + np.roll(pictures, 1, 2)) / 3
    features = [extractor(each)[0] for each in (pictures[:12], pictures[12:], blurred[:12].astype("uint8"))]
    near, far = (
        metrics.kernel_distance(features[0], other, num_subsets=1, subset_size=12)[0]
        for other in features[1:]
    )
    assert abs(near) < far / 10


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    damaged = tmp_path / "weights.npz"
    damaged.write_bytes(efficientnet.WEIGHTS.read_bytes()[:-1])
    monkeypatch.setattr(efficientnet, "WEIGHTS", damaged)
    with pytest.raises(ValueError, match=r"weights.npz is damaged. Install keras_genzoo again"):
        metrics.extractor(NAME)


class Mean(extractors.Extractor):
    """The mean and the standard deviation of a picture."""

    name, sha256, feature_dim = "mean", "0" * 64, 2

    def __call__(self, images):
        images = np.asarray(images, "float64")
        return np.stack([images.mean(axis=(1, 2, 3)), images.std(axis=(1, 2, 3))], axis=1), None


def test_the_floor_is_the_distance_of_as_many_images_of_another_split(monkeypatch):
    splits = {"train": support.toy_images(25, (28, 28, 1)), "test": support.toy_images(8, (28, 28, 1))[::-1]}
    monkeypatch.setattr(datasets, "arrays", lambda name, split, **_: (splits[split], None))
    gan = models.GAN(image_shape=(28, 28, 1), latent_dim=4, width=4)
    frechet, kernel = metrics.evaluate(gan, "mnist", Mean(), ["real_to_real"], num_samples=8)
    judge = Mean()
    expected = frechet_distance(judge(splits["test"])[0], judge(splits["train"][::3][:8])[0])
    assert frechet["metric"] == "real_frechet_distance"
    assert frechet["value"] == pytest.approx(expected, rel=1e-3)
    assert (frechet["protocol"]["num_real"], frechet["protocol"]["num_other"]) == (8, 8)
    assert frechet["protocol"]["other_split"] == "train"
    assert kernel["metric"] == "real_kernel_distance" and kernel["protocol"]["subset_size"] == 4
