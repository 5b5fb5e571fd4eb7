"""The small generator and critic of WGAN-GP: layer by layer, for any side."""

import keras
import numpy as np
import pytest

from keras_genzoo import layers
from keras_genzoo.networks.upsampling import StridedCritic, UpsamplingGenerator
from tests import support

LATENTS = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")


def _parameters(network, kind):
    return [layer.count_params() for layer in network.layers if isinstance(layer, kind)]


class TestNumbers:
    """28x28x1, width 64: every layer by its formula."""

    def test_generator(self):
        network = UpsamplingGenerator((28, 28, 1))
        dense = 128 * (4 * 4 * 256)
        convolutions = [3 * 3 * 256 * 128, 3 * 3 * 128 * 64, 3 * 3 * 64 * 1]
        # Scale, offset, moving mean and variance of each value of the dense layer, then of each channel.
        normalisations = [4 * 4 * 4 * 256, 4 * 128, 4 * 64, 4 * 1]
        assert _parameters(network, keras.layers.Dense) == [dense]
        assert _parameters(network, keras.layers.Conv2D) == convolutions
        assert _parameters(network, keras.layers.BatchNormalization) == normalisations
        assert network.count_params() == dense + sum(convolutions) + sum(normalisations) == 910_660

    def test_critic(self):
        network = StridedCritic((28, 28, 1))
        convolutions = [
            5 * 5 * inputs * outputs + outputs
            for inputs, outputs in ((1, 64), (64, 128), (128, 256), (256, 512))
        ]
        dense = 2 * 2 * 512 + 1
        assert _parameters(network, keras.layers.Conv2D) == convolutions
        assert _parameters(network, keras.layers.Dense) == [dense]
        assert network.count_params() == sum(convolutions) + dense == 4_305_409

    def test_critic_s_dropout(self):
        """Not after the first convolution, nor directly after the last; before the dense layer."""
        order = [
            layer.rate if isinstance(layer, layers.Dropout) else type(layer).__name__
            for layer in StridedCritic((28, 28, 1), 2).layers
            if isinstance(layer, layers.Dropout | keras.layers.Conv2D | keras.layers.Dense)
        ]
        assert order == ["Conv2D", "Conv2D", 0.3, "Conv2D", 0.3, "Conv2D", 0.2, "Dense"]
        without = StridedCritic((28, 28, 1), 2, dropout=0.0, final_dropout=0.0)
        assert not any(isinstance(layer, layers.Dropout) for layer in without.layers)

    def test_only_the_generator_is_normalised(self):
        assert _parameters(StridedCritic((28, 28, 1), 2), keras.layers.BatchNormalization) == []


class TestSizes:
    @pytest.mark.slow_but("33-4-1")
    @pytest.mark.parametrize(
        ("side", "doublings", "channels"),
        [(8, 1, 1), (9, 2, 3), (20, 3, 1), (28, 3, 1), (32, 3, 3), (33, 4, 1), (64, 4, 3)],
    )
    def test_any_side(self, side, doublings, channels):
        generator = UpsamplingGenerator((side, side, channels), 5, 2)
        assert [layer.output.shape[1] for layer in _of_type(generator, keras.layers.Conv2D)] == [
            4 * 2 ** (level + 1) for level in range(doublings)
        ]
        images = support.output_of(generator, LATENTS)
        assert images.shape == (3, side, side, channels) and images.dtype == np.float32
        assert np.abs(images).max() <= 1
        critic = StridedCritic((side, side, channels), 2)
        # Halved from the padded side to 2.
        assert [layer.output.shape[1:] for layer in _of_type(critic, keras.layers.Conv2D)] == [
            (2 * 2 ** (doublings - level), 2 * 2 ** (doublings - level), 2 * 2**level)
            for level in range(doublings + 1)
        ]
        values = support.output_of(critic, images)
        assert values.shape == (3, 1) and values.dtype == np.float32

    def test_the_middle_of_the_larger_map_is_kept(self):
        network = UpsamplingGenerator((21, 21, 1), 5, 2)
        before = keras.Model(network.input, network.get_layer("images").input)
        whole = support.output_of(before, LATENTS)
        assert whole.shape == (3, 32, 32, 1)
        np.testing.assert_array_equal(support.output_of(network, LATENTS), whole[:, 5:-6, 5:-6])

    def test_images_are_padded_with_zeros_on_all_sides(self):
        small, large = StridedCritic((21, 21, 1), 2), StridedCritic((32, 32, 1), 2)
        large.set_weights(small.get_weights())
        images = support.toy_images(3, (21, 21, 1))
        padded = np.pad(images, ((0, 0), (5, 6), (5, 6), (0, 0)))
        np.testing.assert_allclose(
            support.output_of(small, images), support.output_of(large, padded), atol=1e-6
        )

    @pytest.mark.parametrize("shape", [(7, 7, 1), (28, 32, 1), (28, 28), (2,)])
    def test_other_shapes_are_refused(self, shape):
        for network in (UpsamplingGenerator, StridedCritic):
            with pytest.raises(
                ValueError,
                match=r"`image_shape` must be \(height, width, channels\), square, with a side of at",
            ):
                network(shape)


def _of_type(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_generator_restated():
    """8x8, one doubling, in NumPy: dense, normalise, leaky ReLU, repeat, convolve, normalise, tanh."""
    network = UpsamplingGenerator((8, 8, 2), 5, 3)
    rng = np.random.default_rng(1)
    network.set_weights([rng.uniform(0.2, 0.9, weight.shape) - 0.3 for weight in network.weights])
    norms = _of_type(network, keras.layers.BatchNormalization)
    for norm in norms:
        norm.moving_variance.assign(np.abs(norm.moving_variance) + 0.5)

    def normalise(norm, x):
        gamma, beta, mean, variance = norm.get_weights()
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    x = normalise(norms[0], LATENTS @ network.get_layer("initial_map").get_weights()[0])
    x = np.where(x > 0, x, 0.2 * x).reshape(3, 4, 4, 3).repeat(2, 1).repeat(2, 2)
    (kernel,) = _of_type(network, keras.layers.Conv2D)[0].get_weights()
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = sum(
        x[:, row : row + 8, column : column + 8] @ kernel[row, column]
        for row in range(3)
        for column in range(3)
    )
    np.testing.assert_allclose(
        support.output_of(network, LATENTS), np.tanh(normalise(norms[1], x)), atol=1e-5
    )


def test_outputs_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator, critic = UpsamplingGenerator((20, 20, 1), 5, 2), StridedCritic((20, 20, 1), 2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert _of_type(critic, keras.layers.Conv2D)[0].compute_dtype == "bfloat16"
    images = support.output_of(generator, LATENTS)
    assert images.dtype == support.output_of(critic, images).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: UpsamplingGenerator((20, 20, 1), 5, 2, name="a_generator"), LATENTS),
        (lambda: StridedCritic((8, 8, 1), 2, dropout=0.1, final_dropout=0.4), support.toy_images(3)),
    ],
    ids=["generator", "critic"],
)
def test_config_round_trip_gives_the_same_output(make, x):
    network = make()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is type(network) and again.name == network.name
    assert again.get_config() == network.get_config()
    again.set_weights(network.get_weights())
    np.testing.assert_array_equal(support.output_of(again, x), support.output_of(network, x))
