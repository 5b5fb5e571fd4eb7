"""The server draws without Keras what `model.sample` draws."""

import numpy as np
import pytest

from keras_genzoo import latent
from keras_genzoo.layers import GaussianMixture
from keras_genzoo.serving import latents


def of_seed(description, num, seed):
    rows = np.arange(num, dtype="uint32")
    return latents.draw({"prior": None, **description}, np.full(num, seed, "uint32"), rows)


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize(
    "distribution",
    [
        latent.Normal(7),
        latent.Uniform(8, -2.0, 3.0),
        latent.TruncatedNormal(7, 0.5),
        latent.TruncatedNormal(7, 4.0),
        latent.CategoryAndUniform(9, num_categories=3),
    ],
)
def test_latents_of_a_seed_are_those_of_the_model(distribution, seed):
    expected = np.asarray(distribution.from_seed(9, seed))
    found = of_seed({"latent": distribution.description()}, 9, seed)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_latents_of_a_fitted_prior_are_those_of_the_model():
    mixture = GaussianMixture(num_components=3, dim=4)
    rng = np.random.default_rng(0)
    factors = np.tril(rng.uniform(0.1, 1.0, (3, 4, 4)))
    mixture._assign(np.array([0.2, 0.5, 0.3]), rng.normal(size=(3, 4)), factors)
    found = of_seed({"latent": latent.Normal(4).description(), "prior": mixture.description()}, 200, 5)
    np.testing.assert_allclose(found, np.asarray(mixture.draw(200, 5)), rtol=1e-5, atol=1e-5)


def test_rows_of_several_seeds_are_drawn_at_once():
    description = {"latent": latent.Normal(6).description(), "prior": None}
    seeds, rows = np.uint32([3, 3, 9]), np.uint32([0, 1, 0])
    together = latents.draw(description, seeds, rows)
    np.testing.assert_array_equal(together[:2], of_seed(description, 2, 3))
    np.testing.assert_array_equal(together[2:], of_seed(description, 1, 9))
