"""What is measured by moving latents: the nearest samples to real images, and the length of paths."""

import numpy as np
import pytest

from keras_genzoo import datasets, editing, latent, metrics, models, pixels
from keras_genzoo.metrics import inversion
from tests import support
from tests.metrics.test_evaluation import INFOS

IMAGES = pixels.to_uint8(support.toy_images(40, (8, 8, 1)))


@pytest.mark.ci
def test_inversion_is_the_error_of_the_nearest_samples(monkeypatch):
    monkeypatch.setattr(inversion, "_NUM_STEPS", 10)
    monkeypatch.setattr(datasets, "info", INFOS.get)
    monkeypatch.setattr(datasets, "arrays", lambda *arguments, **keywords: (IMAGES, None))
    vae = models.VAE(image_shape=(8, 8, 1), latent_dim=2)
    mean, median = metrics.evaluate(vae, "toy", measures=["inversion"], num_samples=5, prior="standard")
    errors = editing.project(vae, IMAGES[:5], num_restarts=3, num_steps=10).errors
    np.testing.assert_allclose(
        [mean["value"], median["value"]], [errors.mean(), np.median(errors)], rtol=1e-3
    )
    assert mean["protocol"]["num_real"] == 5
    assert mean["protocol"]["num_restarts"] == 3


class Identity:
    """A model whose images are its latents, as far as paths ask for one."""

    maps_latents = False
    priors = ("standard",)

    def __init__(self, latent):
        self.latent = latent

    def latents_from_seed(self, num, seed):
        return self.latent.from_seed(num, seed)


def expected_speed(latents, positions):
    """Mean of `|d slerp / dt|^2` without the lowest and the highest percent, by the derivative of the formula."""
    speeds = []
    for start, end, at in zip(latents[::2], latents[1::2], positions, strict=True):
        angle = np.arccos(start @ end / np.linalg.norm(start) / np.linalg.norm(end))
        slope = angle / np.sin(angle) * (np.cos(at * angle) * end - np.cos((1 - at) * angle) * start)
        speeds.append(slope @ slope)
    return np.mean(np.sort(speeds)[2:-2])


def test_path_length_is_the_mean_squared_speed_along_the_great_circles(monkeypatch):
    monkeypatch.setattr(editing, "images", lambda model, codes, labels: codes)
    distribution = latent.Normal(16)
    model = Identity(distribution)
    latents = np.asarray(distribution.from_seed(400, 3), "float64")
    positions = np.random.default_rng(3).uniform(0, 1, 200)
    length = metrics.path_length(model, lambda images: 2 * images, num_paths=200, seed=3)
    np.testing.assert_allclose(length, 4 * expected_speed(latents, positions), rtol=0.02)


def test_latents_of_an_interval_move_along_straight_lines(monkeypatch):
    monkeypatch.setattr(editing, "images", lambda model, codes, labels: codes)
    distribution = latent.Uniform(16)
    latents = np.asarray(distribution.from_seed(400, 0), "float64")
    lengths = np.sort(((latents[1::2] - latents[::2]) ** 2).sum(axis=1))[2:-2]
    length = metrics.path_length(Identity(distribution), lambda images: images, num_paths=200)
    np.testing.assert_allclose(length, lengths.mean(), rtol=1e-2)
