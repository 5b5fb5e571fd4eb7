"""Each likelihood: its value in NumPy, its scale, its stability."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, likelihoods

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (5, 3, 4, 2)).astype("float32")
LOGITS = RNG.normal(size=(5, 3, 4, 2)).astype("float32") * 3


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def bernoulli(images, logits):
    x, m = (images + 1) / 2, _sigmoid(logits)
    return (x * np.log(m) + (1 - x) * np.log(1 - m)).sum((-3, -2, -1))


def gaussian(images, logits, stddev):
    x, m = (images + 1) / 2, _sigmoid(logits)
    density = np.exp(-(((x - m) / stddev) ** 2) / 2) / (stddev * np.sqrt(2 * np.pi))
    return np.log(density).sum((-3, -2, -1))


CASES = {
    "bernoulli": (likelihoods.Bernoulli(), bernoulli),
    "gaussian": (likelihoods.Gaussian(), lambda x, logits: gaussian(x, logits, 0.1)),
    "narrow gaussian": (likelihoods.Gaussian(0.3), lambda x, logits: gaussian(x, logits, 0.3)),
}


@pytest.mark.parametrize("name", CASES)
def test_value(name):
    likelihood, formula = CASES[name]
    value = ops.convert_to_numpy(likelihood.log_prob(IMAGES, LOGITS))
    assert value.shape == (5,) and value.dtype == np.float32
    np.testing.assert_allclose(value, formula(IMAGES, LOGITS), rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_several_logits_for_each_image(name):
    """What the importance-weighted bound needs: images `(batch, 1, ...)`, logits `(batch, k, ...)`."""
    likelihood, formula = CASES[name]
    logits = RNG.normal(size=(5, 7, 3, 4, 2)).astype("float32")
    value = ops.convert_to_numpy(likelihood.log_prob(IMAGES[:, None], logits))
    assert value.shape == (5, 7)
    np.testing.assert_allclose(value, formula(IMAGES[:, None], logits), rtol=1e-5)


def test_bernoulli_probabilities_of_all_binary_images_sum_to_one():
    images = np.array(list(itertools.product([-1, 1], repeat=4)), "float32").reshape(16, 2, 2, 1)
    logits = np.broadcast_to(LOGITS[0, :2, :2, :1], images.shape)
    probabilities = np.exp(ops.convert_to_numpy(likelihoods.Bernoulli().log_prob(images, logits)))
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("stddev", [0.1, 1.0])
def test_gaussian_density_integrates_to_one_on_the_scale_from_0_to_1(stddev):
    x = np.linspace(-8, 9, 20_001)
    images = (2 * x - 1).astype("float32").reshape(-1, 1, 1, 1)
    density = np.exp(
        ops.convert_to_numpy(likelihoods.Gaussian(stddev).log_prob(images, np.full_like(images, 0.7)))
    )
    assert density.sum() * (x[1] - x[0]) == pytest.approx(1, abs=1e-3)
    assert x[density.argmax()] == pytest.approx(_sigmoid(0.7), abs=1e-3)


def test_gaussian_of_the_square_root_of_a_half_is_the_squared_error():
    likelihood = likelihoods.Gaussian(math.sqrt(0.5))
    value = likelihood.log_prob(IMAGES, LOGITS) + likelihoods.squared_error(IMAGES, LOGITS)
    np.testing.assert_allclose(value, np.full(5, -0.5 * IMAGES[0].size * np.log(np.pi)), rtol=1e-5)


def test_squared_error_is_summed_on_the_scale_from_0_to_1():
    white, black = np.ones((2, 3, 4, 2), "float32"), -np.ones((2, 3, 4, 2), "float32")
    surely_black = np.full((2, 3, 4, 2), -1e4, "float32")
    np.testing.assert_allclose(likelihoods.squared_error(white, surely_black), [24, 24])
    np.testing.assert_allclose(likelihoods.squared_error(black, surely_black), [0, 0])


@pytest.mark.parametrize(
    ("likelihood", "right", "wrong"),
    [
        (likelihoods.Bernoulli(), 0.0, -1e4),
        (likelihoods.Gaussian(1.0), -0.5 * math.log(2 * math.pi), -0.5 * math.log(2 * math.pi) - 0.5),
    ],
    ids=["bernoulli", "gaussian"],
)
def test_huge_logits_give_exact_values_and_finite_gradients(likelihood, right, wrong):
    images = np.array([-1, 1, -1, 1], "float32").reshape(4, 1, 1, 1)
    logits = ops.convert_to_tensor(np.array([-1e4, 1e4, 1e4, -1e4], "float32").reshape(4, 1, 1, 1))
    value, gradient = backends.input_value_and_grad(lambda x: likelihood.log_prob(images, x), logits)
    np.testing.assert_allclose(value, [right, right, wrong, wrong], rtol=1e-5, atol=1e-6)
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


@pytest.mark.parametrize("name", CASES)
def test_half_precision_logits_are_computed_in_float32(name):
    likelihood, formula = CASES[name]
    logits = ops.cast(LOGITS, "bfloat16")
    rounded = ops.convert_to_numpy(ops.cast(logits, "float32"))
    value = ops.convert_to_numpy(likelihood.log_prob(IMAGES, logits))
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, formula(IMAGES, rounded), rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_get_and_serialization(name):
    likelihood, _ = CASES[name]
    assert likelihoods.get(likelihood) is likelihood
    again = likelihoods.get(keras.saving.serialize_keras_object(likelihood))
    assert type(again) is type(likelihood) and again.get_config() == likelihood.get_config()


def test_names():
    assert isinstance(likelihoods.get("bernoulli"), likelihoods.Bernoulli)
    assert likelihoods.get("gaussian").stddev == 0.1


def test_unknown_name_and_stddev_are_refused():
    with pytest.raises(
        ValueError, match=r"`likelihood` must be one of \['bernoulli', 'gaussian'\].*Received: 'normal'"
    ):
        likelihoods.get("normal")
    with pytest.raises(ValueError, match=r"`stddev` must be above 0. Received: stddev=0"):
        likelihoods.Gaussian(0)
