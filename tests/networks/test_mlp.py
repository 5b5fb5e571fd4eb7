"""Multilayer perceptrons for points and small images."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo.networks.mlp import MLPDiscriminator, MLPGenerator
from tests import support

LATENTS = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
POINTS = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")


def _dense(inputs, outputs):
    return inputs * outputs + outputs


class TestParameterCounts:
    def test_of_two_hidden_layers_of_128(self):
        hidden = _dense(2, 128) + _dense(128, 128)
        assert MLPGenerator().count_params() == hidden + _dense(128, 2) == 17_154
        assert MLPDiscriminator().count_params() == hidden + _dense(128, 1) == 17_025

    def test_of_pacgan_s_generator(self):
        """Four hidden layers of 400 without biases, each with a scale and an offset, and a linear layer."""
        network = MLPGenerator(hidden=(400,) * 4, batch_norm_momentum=0.95)
        count = 2 * 400 + 3 * 400 * 400 + 4 * 2 * 400 + _dense(400, 2)
        assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == count == 484_802
        normalisations = [
            layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)
        ]
        assert [layer.momentum for layer in normalisations] == [0.95] * 4

    @pytest.mark.parametrize("packing", [1, 2, 4])
    def test_packing_widens_only_the_first_layer(self, packing):
        network = MLPDiscriminator(hidden=(5, 3), packing=packing)
        assert network.count_params() == _dense(2 * packing, 5) + _dense(5, 3) + _dense(3, 1)


class TestOutputs:
    @pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
    def test_are_relu_layers_and_a_linear_one(self, hidden):
        for network in (MLPGenerator(hidden=hidden), MLPDiscriminator(hidden=hidden)):
            x, weights = LATENTS, network.get_weights()
            for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
                x = np.maximum(x @ kernel + bias, 0)
            np.testing.assert_allclose(
                support.output_of(network, LATENTS), x @ weights[-2] + weights[-1], atol=1e-6
            )

    def test_points_are_not_bounded(self):
        network = MLPGenerator(hidden=())
        network.set_weights([np.full((2, 2), 9.0), np.array([5.0, -5.0])])
        np.testing.assert_allclose(
            support.output_of(network, np.ones((1, 2), "float32")), [[9 + 9 + 5, 9 + 9 - 5]], rtol=1e-6
        )

    def test_images_are_the_tanh_of_rows_of_pixels(self):
        network = MLPGenerator(2, (4, 3, 2), hidden=())
        kernel, bias = network.get_weights()
        expected = np.tanh(LATENTS @ kernel + bias).reshape(6, 4, 3, 2)
        np.testing.assert_allclose(support.output_of(network, LATENTS), expected, atol=1e-6)

    def test_activation_is_that_of_all_hidden_layers(self):
        network = MLPDiscriminator(hidden=(4, 3), activation="tanh")
        kernel_1, bias_1, kernel_2, bias_2, kernel_3, bias_3 = network.get_weights()
        x = np.tanh(np.tanh(POINTS @ kernel_1 + bias_1) @ kernel_2 + bias_2)
        np.testing.assert_allclose(support.output_of(network, POINTS), x @ kernel_3 + bias_3, atol=1e-6)

    def test_images_are_flattened_for_the_discriminator(self):
        images = support.toy_images(6, (4, 3, 2))
        network = MLPDiscriminator((4, 3, 2), hidden=(7,))
        flat = MLPDiscriminator((24,), hidden=(7,))
        flat.set_weights(network.get_weights())
        np.testing.assert_allclose(
            support.output_of(network, images), support.output_of(flat, images.reshape(6, 24)), atol=1e-6
        )

    def test_are_float32_under_mixed_precision_and_points_not_rounded(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            generator, discriminator = MLPGenerator(), MLPDiscriminator(packing=2)
        finally:
            keras.config.set_dtype_policy("float32")
        points = support.output_of(generator, LATENTS)
        assert points.dtype == support.output_of(discriminator, points).dtype == np.float32
        rounded = ops.convert_to_numpy(ops.cast(ops.cast(points, "bfloat16"), "float32"))
        assert not np.array_equal(points, rounded)


class TestPacking:
    def test_gives_one_logit_a_pack_of_neighbours(self):
        packed = MLPDiscriminator(packing=3)
        by_hand = MLPDiscriminator((6,))
        by_hand.set_weights(packed.get_weights())
        logits = support.output_of(packed, POINTS)
        assert logits.shape == (2, 1)
        np.testing.assert_allclose(logits, support.output_of(by_hand, POINTS.reshape(2, 6)), atol=1e-6)

    def test_joins_images_along_their_channels(self):
        images = support.toy_images(4, (3, 3, 1))
        packed = MLPDiscriminator((3, 3, 1), packing=2)
        by_hand = MLPDiscriminator((3, 3, 2))
        by_hand.set_weights(packed.get_weights())
        joined = np.concatenate([images[0::2], images[1::2]], axis=-1)
        np.testing.assert_allclose(
            support.output_of(packed, images), support.output_of(by_hand, joined), atol=1e-6
        )

    def test_of_one_adds_no_layer(self):
        types = [type(layer).__name__ for layer in MLPDiscriminator(packing=1).layers]
        assert "Pack" not in types
        assert "Pack" in [type(layer).__name__ for layer in MLPDiscriminator(packing=2).layers]

    def test_of_none_is_refused(self):
        with pytest.raises(ValueError, match=r"`packing` must be at least 1.*Received: packing=0"):
            MLPDiscriminator(packing=0)


@pytest.mark.parametrize("network", [MLPGenerator, MLPDiscriminator])
@pytest.mark.parametrize("shape", [(), (8, 8), (2, 8, 8, 1)])
def test_other_ranks_are_refused(network, shape):
    with pytest.raises(ValueError, match=r"`image_shape` must be \(num_features,\) for points or \(height"):
        network(image_shape=shape)


@pytest.mark.parametrize(
    "make",
    [
        MLPGenerator,
        lambda: MLPGenerator(image_shape=(4, 4, 1), hidden=(3,), batch_norm_momentum=0.9, name="decoder"),
        lambda: MLPDiscriminator(hidden=(3,), activation="tanh", packing=2, name="critic"),
    ],
)
def test_config_round_trip_gives_the_same_output(make):
    network = make()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is type(network) and again.name == network.name
    assert again.get_config() == network.get_config()
    again.set_weights(network.get_weights())
    np.testing.assert_array_equal(support.output_of(again, POINTS), support.output_of(network, POINTS))
