"""Each adversarial loss: its value in closed form, the sign of its gradient, its stability."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, losses

REAL = np.array([[2.0], [-1.0]])
FAKE = np.array([[0.5], [-3.0]])


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


# name -> (discriminator's loss, generator's loss), as the papers write them
FORMULAS = {
    "minimax": (
        -np.log(_sigmoid(REAL)).mean() - np.log(1 - _sigmoid(FAKE)).mean(),
        np.log(1 - _sigmoid(FAKE)).mean(),
    ),
    "non_saturating": (
        -np.log(_sigmoid(REAL)).mean() - np.log(1 - _sigmoid(FAKE)).mean(),
        -np.log(_sigmoid(FAKE)).mean(),
    ),
    "least_squares": (
        ((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2,
        ((FAKE - 1) ** 2).mean() / 2,
    ),
    "mean_squared_error": (((REAL - 1) ** 2).mean() + (FAKE**2).mean(), ((FAKE - 1) ** 2).mean()),
    "hinge": (np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean(), -FAKE.mean()),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
}
WITH_TARGETS = ["minimax", "non_saturating", "least_squares", "mean_squared_error"]


@pytest.mark.parametrize("name", FORMULAS)
def test_value(name):
    loss = losses.get(name)
    discriminator, generator = FORMULAS[name]
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(discriminator, abs=1e-6)
    assert float(loss.generator(FAKE)) == pytest.approx(generator, abs=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_descent_raises_what_should_rise(name):
    """The discriminator raises real logits and lowers fake ones; the generator raises fake ones."""
    loss, logits = losses.get(name), ops.full((4, 1), 0.5)
    for function, sign in (
        (lambda real_logits: loss.discriminator(real_logits, logits), -1),
        (lambda fake_logits: loss.discriminator(logits, fake_logits), 1),
        (loss.generator, -1),
    ):
        _, gradient = backends.input_value_and_grad(function, logits)
        assert (np.sign(ops.convert_to_numpy(gradient)) == sign).all()


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_huge_logits_give_finite_values_and_gradients(name, logit):
    loss, logits = losses.get(name), ops.full((2, 1), logit)
    for function in (
        lambda x: loss.discriminator(x, -x),
        lambda x: loss.discriminator(-x, x),
        loss.generator,
    ):
        value, gradient = backends.input_value_and_grad(function, logits)
        assert np.isfinite(float(value)) and np.isfinite(ops.convert_to_numpy(gradient)).all()


def test_where_minimax_saturates_non_saturating_does_not():
    def steepness(loss):
        return abs(float(backends.input_value_and_grad(loss.generator, ops.full((1, 1), -20.0))[1][0, 0]))

    assert steepness(losses.Minimax()) < 1e-8
    assert steepness(losses.NonSaturating()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", WITH_TARGETS)
def test_targets_an_image(name):
    real_targets, fake_targets = np.array([[0.9], [0.7]]), np.array([[0.1], [0.0]])

    def cost(logits, targets):
        if name in ("least_squares", "mean_squared_error"):
            return ((logits - targets) ** 2).mean() / (2 if name == "least_squares" else 1)
        return -(targets * np.log(_sigmoid(logits)) + (1 - targets) * np.log(1 - _sigmoid(logits))).mean()

    value = losses.get(name).discriminator(
        REAL, FAKE, real_targets.astype("float32"), fake_targets.astype("float32")
    )
    assert float(value) == pytest.approx(cost(REAL, real_targets) + cost(FAKE, fake_targets), abs=1e-6)


def test_only_losses_with_targets_say_so():
    assert [name for name in FORMULAS if losses.get(name).uses_targets] == WITH_TARGETS


def test_half_precision_logits_are_computed_in_float32():
    # 4096 + 1 is not a float16: the mean of the squares would be infinite there.
    value = losses.LeastSquares().generator(ops.cast(ops.full((2, 1), 4096.0), "float16"))
    assert float(value) == pytest.approx(4095**2 / 2)


@pytest.mark.parametrize("name", FORMULAS)
def test_get_and_serialization(name):
    loss = losses.get(name)
    assert losses.get(loss) is loss
    assert type(losses.get(keras.saving.serialize_keras_object(loss))) is type(loss)


def test_unknown_name_is_refused():
    with pytest.raises(
        ValueError, match=r"`loss` must be one of \['hinge', .*'wasserstein'\].*Received: 'wgan'"
    ):
        losses.get("wgan")


def test_a_coefficient_of_least_squares_must_be_positive():
    with pytest.raises(ValueError, match="`coefficient` must be above 0"):
        losses.LeastSquares(0)
