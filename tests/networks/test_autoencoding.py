"""Encoders and decoders: parameters layer by layer, sizes, outputs, configs."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import networks
from tests import support


def _dense(inputs, units):
    return (inputs + 1) * units


def _conv(side, channels_in, channels_out):
    return side * side * channels_in * channels_out + channels_out


def _parameters_of_layers(network):
    return [layer.count_params() for layer in network.layers if layer.count_params()]


class TestParameters:
    """Layer by layer, from the sizes that the docstrings state."""

    def _check(self, network, layers, total):
        assert _parameters_of_layers(network) == layers
        assert network.count_params() == sum(layers) == total

    def test_mlp_784_400_20(self):
        self._check(
            networks.MLPEncoder((28, 28, 1)), [_dense(784, 400), _dense(400, 20), _dense(400, 20)], 330_040
        )
        self._check(networks.MLPDecoder(20, (28, 28, 1)), [_dense(20, 400), _dense(400, 784)], 322_784)
        assert 330_040 + 322_784 == 652_824

    def test_mlp_of_the_importance_weighted_autoencoder(self):
        encoder = networks.MLPEncoder((28, 28, 1), 50, (200, 200), "tanh")
        decoder = networks.MLPDecoder(50, (28, 28, 1), (200, 200), "tanh")
        heads = [_dense(200, 50), _dense(200, 50)]
        self._check(encoder, [_dense(784, 200), _dense(200, 200), *heads], 217_300)
        self._check(decoder, [_dense(50, 200), _dense(200, 200), _dense(200, 784)], 207_984)

    def test_convolutional_28_with_two_latents(self):
        maps = [_conv(3, 1, 32), _conv(3, 32, 64)]  # 28 -> 14 -> 7
        head = [_dense(7 * 7 * 64, 16), _dense(16, 2), _dense(16, 2)]
        self._check(networks.ConvEncoder((28, 28, 1), 2, hidden=(16,)), [*maps, *head], 69_076)
        maps = [_conv(3, 64, 64), _conv(3, 64, 32), _conv(3, 32, 1)]  # 7 -> 14 -> 28
        self._check(networks.ConvDecoder(2, (28, 28, 1)), [_dense(2, 7 * 7 * 64), *maps], 65_089)

    def test_convolutional_64_rgb(self):
        maps = [_conv(3, 3, 32), _conv(3, 32, 64), _conv(3, 64, 128), _conv(3, 128, 256)]  # 64 -> 4
        head = [_dense(4 * 4 * 256, 256), _dense(256, 20), _dense(256, 20)]
        self._check(networks.ConvEncoder((64, 64, 3)), [*maps, *head], 1_447_528)
        maps = [_conv(3, 256, 256), _conv(3, 256, 128), _conv(3, 128, 64), _conv(3, 64, 32), _conv(3, 32, 3)]
        self._check(networks.ConvDecoder(20, (64, 64, 3)), [_dense(20, 4 * 4 * 256), *maps], 1_064_259)

    def test_one_output_where_the_encoder_is_not_stochastic(self):
        self._check(
            networks.MLPEncoder((4, 4, 1), 3, (5,), stochastic=False), [_dense(16, 5), _dense(5, 3)], 103
        )
        encoder = networks.ConvEncoder((8, 8, 1), 3, (2,), (5,), stochastic=False)
        self._check(encoder, [_conv(3, 1, 2), _dense(4 * 4 * 2, 5), _dense(5, 3)], 203)


ENCODERS = {
    "mlp": lambda shape, **arguments: networks.MLPEncoder(shape, 3, (5,), **arguments),
    "convolutional": lambda shape, **arguments: networks.ConvEncoder(shape, 3, hidden=(5,), **arguments),
}
DECODERS = {
    "mlp": lambda shape: networks.MLPDecoder(3, shape, (5,)),
    "convolutional": lambda shape: networks.ConvDecoder(3, shape),
}


class TestOutputs:
    @pytest.mark.parametrize("shape", [(8, 8, 1), (14, 14, 3), (32, 32, 1)])
    @pytest.mark.parametrize("kind", ENCODERS)
    def test_sizes(self, kind, shape):
        images = support.toy_images(2, shape)
        posterior = ENCODERS[kind](shape)(images)
        assert len(posterior) == 2
        assert [tuple(x.shape) for x in posterior] == [(2, 3), (2, 3)]
        assert np.abs(posterior[0] - posterior[1]).max() > 0  # two heads
        latents = ENCODERS[kind](shape, stochastic=False)(images)
        assert tuple(latents.shape) == (2, 3)
        logits = ops.convert_to_numpy(DECODERS[kind](shape)(latents))
        assert logits.shape == (2, *shape)

    def test_dense_layers_take_images_that_are_not_square(self):
        images = support.toy_images(2, (3, 5, 2))
        latents = networks.MLPEncoder((3, 5, 2), 4, stochastic=False)(images)
        assert tuple(networks.MLPDecoder(4, (3, 5, 2))(latents).shape) == (2, 3, 5, 2)

    @pytest.mark.parametrize("kind", DECODERS)
    def test_logits_are_not_bounded(self, kind):
        latents = np.random.default_rng(0).normal(size=(4, 3)).astype("float32") * 1e3
        logits = ops.convert_to_numpy(DECODERS[kind]((8, 8, 1))(latents))
        assert logits.min() < -1 and logits.max() > 1

    def test_without_padding_the_maps_are_those_of_world_models(self):
        encoder = networks.ConvEncoder(
            (64, 64, 3), 32, (32, 64, 128, 256), (), kernel_size=4, padding="valid"
        )
        sides = [layer.output.shape[1] for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
        assert sides == [31, 14, 6, 2]

    @pytest.mark.parametrize("kind", ENCODERS)
    def test_are_float32_under_mixed_precision(self, kind):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            encoder, decoder = ENCODERS[kind]((8, 8, 1)), DECODERS[kind]((8, 8, 1))
        finally:
            keras.config.set_dtype_policy("float32")
        assert encoder.layers[2].compute_dtype == decoder.layers[1].compute_dtype == "bfloat16"
        mean, log_variance = encoder(support.toy_images(2))
        outputs = [ops.convert_to_numpy(x) for x in (mean, log_variance, decoder(mean))]
        assert [x.dtype for x in outputs] == [np.float32] * 3


def test_sides_that_are_not_4_or_7_times_a_power_of_two_are_refused_where_the_filters_are_missing():
    for make in (
        lambda: networks.ConvEncoder((30, 30, 1), 2),
        lambda: networks.ConvDecoder(2, (30, 30, 1)),
    ):
        with pytest.raises(ValueError, match=r"`image_shape` must be square with a side of 4 \* 2\^k"):
            make()
    assert networks.ConvEncoder((30, 30, 1), 2, filters=(4, 8)).output_shape == [(None, 2), (None, 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": (4, 1)}, r"`filters` needs `initial_shape`, and `strides`.*filters=\(4, 1\)"),
        (
            {"filters": (4, 1), "initial_shape": (4, 4, 4), "strides": (2,)},
            r"of the same length.*strides=\(2,\)",
        ),
        (
            {"filters": (4, 1), "initial_shape": (4, 4, 4), "strides": (2, 1), "kernel_sizes": (3,)},
            r"of the same length.*kernel_sizes=\(3,\)",
        ),
        (
            {"filters": (4, 1), "initial_shape": (4, 4, 4), "strides": (2, 2)},
            r"output images of shape \(16, 16, 1\), but `image_shape` is \(8, 8, 1\)",
        ),
    ],
)
def test_decoder_s_lists_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        networks.ConvDecoder(3, (8, 8, 1), **arguments)


@pytest.mark.parametrize(
    "make_network",
    [
        lambda: networks.MLPEncoder((8, 8, 1), 3, (5, 4), "tanh", False),
        lambda: networks.MLPDecoder(3, (8, 8, 1), (5, 4), "tanh"),
        lambda: networks.ConvEncoder((8, 8, 1), 3, (2, 3), (5,), 2, "valid", "elu"),
        lambda: networks.ConvDecoder(3, (8, 8, 1), (4, 4, 4), (4, 1), (2, 1), (4, 3)),
    ],
    ids=["mlp_encoder", "mlp_decoder", "conv_encoder", "conv_decoder"],
)
def test_config_rebuilds_the_network(make_network):
    network = make_network()
    again = type(network).from_config(network.get_config())
    assert again.get_config() == network.get_config()
    again.set_weights(network.get_weights())
    x = np.random.default_rng(0).uniform(-1, 1, (2, *network.input_shape[1:])).astype("float32")
    for ours, theirs in zip(keras.tree.flatten(again(x)), keras.tree.flatten(network(x)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_an_encoder_may_scale_its_images_first():
    images = np.random.default_rng(0).uniform(-1, 1, (3, 4, 4, 1)).astype("float32")
    plain, scaled = (
        networks.MLPEncoder((4, 4, 1), 3, (5,), stochastic=False, value_range=value_range)
        for value_range in ((-1, 1), (0, 1))
    )
    scaled.set_weights(plain.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(scaled(images)), ops.convert_to_numpy(plain((images + 1) / 2)), atol=1e-6
    )


def test_a_decoder_starts_at_the_bias_given():
    logits = networks.MLPDecoder(3, (4, 4, 1), (5,), output_bias=-1.9)(np.zeros((1, 3), "float32"))
    np.testing.assert_allclose(ops.convert_to_numpy(logits), -1.9, atol=1e-6)
