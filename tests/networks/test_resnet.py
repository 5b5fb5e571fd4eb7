"""The residual networks of WGAN-GP: the paper's table, the authors' blocks, exact counts."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends
from keras_genzoo.networks.resnet import ResNetCritic, ResNetGenerator
from tests import support

SHAPE, LATENT_DIM, WIDTH = (16, 16, 3), 5, 2
LATENTS = np.random.default_rng(0).normal(size=(3, LATENT_DIM)).astype("float32")
IMAGES = np.random.default_rng(1).uniform(-1, 1, (3, *SHAPE)).astype("float32")


def _output_shapes(network, names):
    return [network.get_layer(name).output.shape[1:] for name in names]


class TestThePapersTable:
    """Gulrajani et al. 2017, appendix F: the output shapes, here channels last."""

    def test_generator(self):
        network = ResNetGenerator()
        assert network.input_shape == (None, 128)
        assert network.get_layer("initial_map").output.shape[1] == 128 * 4 * 4
        assert _output_shapes(network, ["block_1", "block_2", "block_3", "images"]) == [
            (8, 8, 128),
            (16, 16, 128),
            (32, 32, 128),
            (32, 32, 3),
        ]

    def test_critic(self):
        network = ResNetCritic()
        assert network.input_shape == (None, 32, 32, 3)
        assert _output_shapes(
            network, ["block_1", "block_2", "block_3", "block_4", "features", "values"]
        ) == [(16, 16, 128), (8, 8, 128), (8, 8, 128), (8, 8, 128), (128,), (1,)]

    def test_only_the_generator_is_normalised(self):
        def normalisations(network):
            return [layer.name for layer in network.layers if "Normalization" in type(layer).__name__]

        assert normalisations(ResNetCritic(SHAPE, WIDTH)) == []
        assert len(normalisations(ResNetGenerator(SHAPE, LATENT_DIM, WIDTH))) == 2 * 2 + 1


def _conv(kernel_size, inputs, outputs):
    return kernel_size**2 * inputs * outputs + outputs


class TestParameterCounts:
    """Every layer counted by its formula: weights and biases."""

    @pytest.mark.parametrize("width, side, blocks", [(128, 32, 3), (6, 64, 4)])
    def test_generator(self, width, side, blocks):
        network = ResNetGenerator((side, side, 3), 128, width)
        block = (
            2 * width + _conv(3, width, width) + 2 * width + _conv(3, width, width) + _conv(1, width, width)
        )
        initial_map = 128 * 16 * width + 16 * width
        count = initial_map + blocks * block + 2 * width + _conv(3, width, 3)
        assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == count
        # The moving mean and variance of each normalisation.
        assert network.count_params() == count + (2 * blocks + 1) * 2 * width
        if width == 128:
            assert count == 1_204_483

    @pytest.mark.parametrize("width, side, halvings", [(128, 32, 2), (6, 64, 3)])
    def test_critic(self, width, side, halvings):
        network = ResNetCritic((side, side, 3), width)
        first = _conv(3, 3, width) + _conv(3, width, width) + _conv(1, 3, width)
        halving = _conv(3, width, width) + _conv(3, width, width) + _conv(1, width, width)
        plain = _conv(3, width, width) + _conv(3, width, width)
        count = first + (halvings - 1) * halving + 2 * plain + width + 1
        assert network.count_params() == count
        if width == 128:
            assert count == 1_053_825


class TestSizes:
    @pytest.mark.parametrize("side, blocks", [(16, 2), (32, 3), (64, 4)])
    def test_a_block_doubles_or_halves_the_side(self, side, blocks):
        generator = ResNetGenerator((side, side, 1), LATENT_DIM, WIDTH)
        names = [f"block_{block + 1}" for block in range(blocks)]
        assert [shape[0] for shape in _output_shapes(generator, names)] == [8 * 2**i for i in range(blocks)]
        images = support.output_of(generator, LATENTS)
        assert images.shape == (3, side, side, 1) and images.dtype == np.float32
        assert np.abs(images).max() <= 1
        critic = ResNetCritic((side, side, 1), WIDTH)
        names = [f"block_{block + 1}" for block in range(blocks + 1)]
        halved = [side // 2 ** (i + 1) for i in range(blocks - 1)]
        assert [shape[0] for shape in _output_shapes(critic, names)] == [*halved, 8, 8]
        values = support.output_of(critic, images)
        assert values.shape == (3, 1) and values.dtype == np.float32

    @pytest.mark.parametrize("shape", [(8, 8, 3), (28, 28, 1), (48, 48, 3), (33, 33, 3), (16, 32, 3)])
    def test_others_are_refused(self, shape):
        for network in (ResNetGenerator, ResNetCritic):
            with pytest.raises(ValueError, match=r"side of 4 \* 2\^k \(16, 32, 64, ...\).*Received: \(\d"):
                network(image_shape=shape)

    def test_points_are_refused(self):
        with pytest.raises(ValueError, match=r"must be \(height, width, channels\). Received: \(2,\)"):
            ResNetCritic((2,))


class TestBlocks:
    """The networks against NumPy, written in the order of the authors' code."""

    def test_generator(self):
        network = _with_random_weights(ResNetGenerator(SHAPE, LATENT_DIM, WIDTH))
        layer = _LayersInNumPy(network)
        x = layer.dense("initial_map", LATENTS).reshape(3, 4, 4, WIDTH)
        for block in ("block_1", "block_2"):
            shortcut = layer.convolution(f"{block}_shortcut", _upsample(x))
            x = _upsample(_relu(layer.batch_normalization(f"{block}_norm_1", x)))
            x = layer.convolution(f"{block}_conv_1", x)
            x = _relu(layer.batch_normalization(f"{block}_norm_2", x))
            x = layer.convolution(f"{block}_conv_2", x) + shortcut
        x = layer.convolution("output_conv", _relu(layer.batch_normalization("output_norm", x)))
        np.testing.assert_allclose(support.output_of(network, LATENTS), np.tanh(x), atol=1e-5)
        assert layer.unused == set()

    def test_critic(self):
        network = _with_random_weights(ResNetCritic(SHAPE, WIDTH))
        layer = _LayersInNumPy(network)
        shortcut = layer.convolution("block_1_shortcut", _mean_pool(IMAGES))
        x = layer.convolution("block_1_conv_1", IMAGES)
        x = shortcut + _mean_pool(layer.convolution("block_1_conv_2", _relu(x)))
        for block in ("block_2", "block_3"):
            residual = layer.convolution(f"{block}_conv_1", _relu(x))
            x = x + layer.convolution(f"{block}_conv_2", _relu(residual))
        values = layer.dense("values", _relu(x).mean((1, 2)))
        np.testing.assert_allclose(support.output_of(network, IMAGES), values, rtol=1e-4, atol=1e-5)
        assert layer.unused == set()

    def test_a_halving_block_pools_its_shortcut_too(self):
        network = _with_random_weights(ResNetCritic((32, 32, 3), WIDTH))
        layer = _LayersInNumPy(network)
        block_2 = keras.Model(network.get_layer("block_1").output, network.get_layer("block_2").output)
        x = np.random.default_rng(2).normal(size=(3, 16, 16, WIDTH)).astype("float32")
        residual = layer.convolution("block_2_conv_1", _relu(x))
        residual = layer.convolution("block_2_conv_2", _relu(residual))
        # As in the authors' code, which pools after the 1x1 convolution.
        expected = _mean_pool(layer.convolution("block_2_shortcut", x)) + _mean_pool(residual)
        np.testing.assert_allclose(support.output_of(block_2, x), expected, rtol=1e-4, atol=1e-5)


class TestInitialisation:
    def test_of_the_blocks_is_he_s_and_of_all_else_glorot_s(self):
        for network in (ResNetGenerator(SHAPE, 64, 64), ResNetCritic(SHAPE, 64)):
            for layer in network.layers:
                if not isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
                    continue
                kernel, bias = layer.get_weights()
                *receptive, inputs, outputs = kernel.shape
                gain = 4 if "_conv_" in layer.name else 2
                variance = gain / ((inputs + outputs) * np.prod(receptive))
                assert np.abs(kernel).max() <= np.sqrt(3 * variance), layer.name
                # Five standard errors of a uniform variable's mean square.
                tolerance = 5 * np.sqrt(0.8 / kernel.size)
                assert np.mean(kernel**2) / variance == pytest.approx(1, abs=tolerance), layer.name
                assert not bias.any()


class TestGradientPenalty:
    def test_reaches_every_kernel(self):
        kernels, gradients = self._penalty_gradients("kernel")
        for kernel, gradient in zip(kernels, gradients, strict=True):
            assert np.abs(ops.convert_to_numpy(gradient)).max() > 0, kernel.path

    @pytest.mark.tensorflow
    def test_does_not_compute_the_second_derivative_of_relu(self):
        """Only through it could the penalty depend on a bias: no gradient at all, where a stock ReLU has zeros."""
        biases, gradients = self._penalty_gradients("bias")
        assert len(biases) == 3 + 2 + 2 + 1 and gradients == [None] * len(biases)

    def _penalty_gradients(self, kind):
        critic = _with_random_weights(ResNetCritic(SHAPE, WIDTH))
        variables = [weight for weight in critic.trainable_weights if weight.name == kind]

        def penalty():
            _, gradient = backends.input_value_and_grad(critic, ops.convert_to_tensor(IMAGES))
            return ops.mean(ops.square(gradient))

        return variables, backends.value_and_grad(penalty, variables)[1]


def test_outputs_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator, critic = ResNetGenerator(SHAPE, LATENT_DIM, WIDTH), ResNetCritic(SHAPE, WIDTH)
    finally:
        keras.config.set_dtype_policy("float32")
    assert critic.get_layer("block_2").compute_dtype == "bfloat16"
    assert (
        support.output_of(generator, LATENTS).dtype == support.output_of(critic, IMAGES).dtype == np.float32
    )


@pytest.mark.parametrize("network_class", [ResNetGenerator, ResNetCritic])
def test_config_round_trip_gives_the_same_output(network_class):
    network = network_class(image_shape=SHAPE, width=WIDTH, name="a_name")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is network_class and again.name == "a_name"
    assert again.get_config() == network.get_config()
    again.set_weights(network.get_weights())
    x = IMAGES if network_class is ResNetCritic else np.ones((3, 128), "float32")
    np.testing.assert_array_equal(support.output_of(again, x), support.output_of(network, x))


def _with_random_weights(network):
    """All weights away from their initial zeros and ones; variances positive."""
    rng = np.random.default_rng(3)
    network.set_weights(
        [rng.uniform(0.1, 0.9, w.shape) * rng.choice([-1, 1], w.shape) for w in network.weights]
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(np.abs(layer.moving_variance))
    return network


class _LayersInNumPy:
    def __init__(self, network):
        self.network = network
        self.unused = {layer.name for layer in network.layers if layer.weights}

    def _weights(self, name):
        self.unused.discard(name)
        return [weight.astype("float64") for weight in self.network.get_layer(name).get_weights()]

    def dense(self, name, x):
        kernel, bias = self._weights(name)
        return x @ kernel + bias

    def convolution(self, name, x):
        kernel, bias = self._weights(name)
        size, (height, width) = len(kernel), x.shape[1:3]
        margin = size // 2
        x = np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
        return bias + sum(
            x[:, row : row + height, column : column + width] @ kernel[row, column]
            for row in range(size)
            for column in range(size)
        )

    def batch_normalization(self, name, x):
        gamma, beta, mean, variance = self._weights(name)
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def _relu(x):
    return np.maximum(x, 0)


def _upsample(x):
    return x.repeat(2, 1).repeat(2, 2)


def _mean_pool(x):
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4
