import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers, losses, penalties
from tests import support


class TestLeakyReLU:
    """Values away from 0, where the backends' own layers differ in the slope."""

    @pytest.mark.parametrize("slope", [0.2, 0.0, 0.01])
    def test_values_and_gradients_are_those_of_keras(self, slope):
        x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(50, 3)).astype("float32"))
        ours, keras_own = layers.LeakyReLU(slope), keras.layers.LeakyReLU(slope)
        for actual, expected in zip(
            backends.input_value_and_grad(ours, x), backends.input_value_and_grad(keras_own, x), strict=True
        ):
            np.testing.assert_allclose(
                ops.convert_to_numpy(actual), ops.convert_to_numpy(expected), rtol=1e-6
            )

    def test_closed_form(self):
        x = np.array([-3.0, -0.5, 0.0, 0.5, 3.0], "float32")
        np.testing.assert_allclose(
            ops.convert_to_numpy(layers.LeakyReLU(0.2)(x)), [-0.6, -0.1, 0, 0.5, 3], rtol=1e-6
        )

    @pytest.mark.parametrize("convolutional", [True, False])
    def test_gradient_penalty_has_the_gradients_of_the_stock_layer(self, convolutional):
        gradients = []
        for activation in (layers.LeakyReLU, keras.layers.LeakyReLU):
            keras.utils.set_random_seed(0)
            critic = _critic_with(activation, convolutional)
            kernels = [variable for variable in critic.trainable_variables if variable.name == "kernel"]
            gradients.append(backends.value_and_grad(lambda: _penalty_of(critic), kernels)[1])  # noqa: B023
        for actual, expected in zip(*gradients, strict=True):
            assert np.abs(ops.convert_to_numpy(expected)).max() > 1e-4
            np.testing.assert_allclose(
                ops.convert_to_numpy(actual), ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-6
            )

    @pytest.mark.tensorflow
    def test_second_derivative_is_known_to_be_zero(self):
        """No gradient reaches the input twice: `None`, where the stock layer carries a tensor of zeros."""

        def slope(x):
            return backends.input_value_and_grad(layers.LeakyReLU(0.2), x)[1]

        assert backends.input_value_and_grad(slope, ops.convert_to_tensor([1.0, -1.0]))[1] is None

    def test_half_precision_stays(self):
        output = layers.LeakyReLU(0.2, dtype="bfloat16")(ops.cast(ops.ones((2, 2)), "bfloat16"))
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"

    def test_config(self):
        layer = layers.LeakyReLU.from_config(layers.LeakyReLU(0.3, name="leaky").get_config())
        assert (layer.negative_slope, layer.name) == (0.3, "leaky")


def _critic_with(activation, convolutional):
    x = images = keras.Input((8, 8, 1))
    if convolutional:
        for channels in (3, 4):
            x = activation(0.2)(keras.layers.Conv2D(channels, 3, strides=2, padding="same")(x))
        x = keras.layers.Flatten()(x)
    else:
        x = activation(0.2)(keras.layers.Dense(5)(keras.layers.Flatten()(x)))
    return keras.Model(images, keras.layers.Dense(1)(x))


def _penalty_of(critic):
    real, fake = (ops.convert_to_tensor(support.toy_images(6, seed=seed)) for seed in (1, 2))
    penalty = penalties.WassersteinGradientPenalty()(critic, real, fake, backends.SeedGenerator(0))
    return penalty + losses.Wasserstein().discriminator(critic(real), critic(fake))
