"""Adam on the fused kernel is Keras' Adam; schedules of the learning rate."""

import keras
import numpy as np
import pytest

from keras_genzoo import optimizers
from keras_genzoo.optimizers import Adam


def train(optimizer, embedding=False):
    """Weights and optimizer state after some steps of a small model under `fit`."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(9, 4), keras.layers.Flatten()] if embedding else [keras.layers.Dense(4)]
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    model.compile(optimizer=optimizer, loss="mse")
    random = np.random.default_rng(0)
    x = random.integers(0, 9, (32, 3)) if embedding else random.normal(size=(32, 3))
    model.fit(x, random.normal(size=(32, 2)), batch_size=8, epochs=3, shuffle=False, verbose=0)
    return [keras.ops.convert_to_numpy(variable.value) for variable in model.weights + optimizer.variables]


@pytest.mark.slow_but("{}-dense", "{'clipnorm': 0.1}-sparse gradients", ci=True)
@pytest.mark.parametrize("embedding", [False, True], ids=["dense", "sparse gradients"])
@pytest.mark.parametrize(
    "arguments", [{}, {"amsgrad": True}, {"clipnorm": 0.1}, {"weight_decay": 0.01}], ids=str
)
def test_takes_the_steps_of_keras_adam(arguments, embedding):
    constants = {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-6}
    ours = train(Adam(**constants, **arguments), embedding)
    stock = train(keras.optimizers.Adam(**constants, **arguments), embedding)
    for own, other in zip(ours, stock, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("gradient", ["dense", "sparse"])
def test_an_l2_penalty_is_part_of_the_gradient(gradient):
    """PyTorch's Adam with `weight_decay`, whose formulas these are: the penalty enters both moments."""
    start = np.array([[1.0, -2.0], [0.5, 3.0]], "float32")
    gradients = np.random.default_rng(0).normal(size=(4, 2, 2)).astype("float32")
    l2, rate, beta_1, beta_2, epsilon = 0.3, 0.1, 0.5, 0.9, 1e-8
    expected, momentum, velocity = start.astype("float64"), 0.0, 0.0
    for step, each in enumerate(gradients, 1):
        total = each + l2 * expected
        momentum = beta_1 * momentum + (1 - beta_1) * total
        velocity = beta_2 * velocity + (1 - beta_2) * total**2
        corrected = np.sqrt(velocity / (1 - beta_2**step)) + epsilon
        expected = expected - rate * momentum / (1 - beta_1**step) / corrected
    variable = keras.Variable(start)
    optimizer = Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, l2=l2)
    optimizer.build([variable])
    for each in gradients:
        if gradient == "sparse" and keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            each = tf.IndexedSlices(tf.constant(each), tf.constant([0, 1]), (2, 2))
        optimizer.apply([each], [variable])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), expected, atol=1e-5)
    assert Adam.from_config(optimizer.get_config()).l2 == l2


@pytest.mark.ci
def test_follows_a_learning_rate_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=2, decay_rate=0.5)
    ours = train(Adam(schedule, beta_1=0.9, epsilon=1e-7))
    stock = train(keras.optimizers.Adam(schedule))
    for own, other in zip(ours, stock, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


def test_config_round_trip():
    optimizer = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Adam(beta_2=0.99)))
    assert isinstance(optimizer, Adam)
    assert optimizer.get_config() == Adam(beta_2=0.99).get_config()
    assert optimizer.epsilon == 1e-8


@pytest.mark.parametrize(("step", "expected"), [(0, 2e-4), (100, 2e-4), (150, 1e-4), (200, 0.0), (500, 0.0)])
def test_constant_then_linear_decay(step, expected):
    schedule = optimizers.ConstantThenLinearDecay(2e-4, constant_steps=100, decay_steps=100)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    for each in (schedule, again):
        assert float(each(step)) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("arguments", [(-1, 10), (0, 0)])
def test_a_decay_without_steps_is_refused(arguments):
    with pytest.raises(
        ValueError, match=r"`constant_steps` must be at least 0|`decay_steps` must be at least 1"
    ):
        optimizers.ConstantThenLinearDecay(2e-4, *arguments)
