"""pix2pix's U-Net: the reference's numbers, sizes, skips and dropout."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo.networks import UNetGenerator
from tests import support

SIDES = [32, 64, 128, 256, 512, 1024]


def _trainable(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def _part(network, *names):
    """From the images to the named layers."""
    return keras.Model(network.input, [network.get_layer(name).output for name in names])


class TestNumbers:
    @pytest.mark.slow_but("arguments0-54413955")
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"image_shape": (256, 256, 3)}, 54_413_955),
            # Without the innermost level but one: a convolution, a transposed one of twice the channels, two norms.
            ({"image_shape": (128, 128, 3)}, 54_413_955 - 3 * 16 * 512**2 - 4 * 512),
            # A bias where batch normalisation had scale and offset, and one in the first and the innermost
            # convolution of the encoder.
            (
                {"image_shape": (256, 256, 3), "normalization": "instance"},
                54_413_955 - (128 + 256 + 8 * 512 + 256 + 128 + 64) + 64 + 512,
            ),
            ({"image_shape": (256, 256, 1), "output_channels": 3}, 54_413_955 - 2 * 16 * 64),
            # 3x3 weights for 4x4 between the same channels.
            (
                {"image_shape": (256, 256, 3), "upsampling": "resize"},
                54_413_955 - 7 * 512 * (512 + 3 * 1024) - 7 * (1024 * 256 + 512 * 128 + 256 * 64 + 128 * 3),
            ),
        ],
    )
    def test_trainable_parameters(self, arguments, expected):
        assert _trainable(UNetGenerator(**arguments)) == expected

    def test_biases(self):
        def biased(normalization):
            network = UNetGenerator((32, 32, 1), width=1, normalization=normalization)
            return {layer.name for layer in network.layers if getattr(layer, "use_bias", False)}

        assert biased("batch") == {"up_1_conv"}
        everywhere = {f"{way}_{level}_conv" for way in ("down", "up") for level in range(1, 6)}
        assert biased("instance") == everywhere

    def test_names_of_the_layers_with_weights(self):
        network = UNetGenerator((32, 32, 1), width=1)
        assert [layer.name for layer in network.layers if layer.weights] == [
            *("down_1_conv", "down_2_conv", "down_2_norm", "down_3_conv", "down_3_norm"),
            *(
                "down_4_conv",
                "down_4_norm",
                "down_5_conv",
                "up_5_conv",
                "up_5_norm",
                "up_4_conv",
                "up_4_norm",
            ),
            *("up_3_conv", "up_3_norm", "up_2_conv", "up_2_norm", "up_1_conv"),
        ]

    def test_initialisation(self):
        network = UNetGenerator((32, 32, 3), width=16)
        for layer in network.layers:
            if layer.weights:
                weights = layer.get_weights()[0]
                mean = 1.0 if layer.name.endswith("norm") else 0.0
                # Five standard errors.
                assert weights.mean() == pytest.approx(mean, abs=5 * 0.02 / weights.size**0.5), layer.name
                assert weights.std() == pytest.approx(0.02, abs=5 * 0.02 / (2 * weights.size) ** 0.5)
        normalization = network.get_layer("up_2_norm")
        assert (normalization.momentum, normalization.epsilon) == (0.9, 1e-5)


class TestSizes:
    @pytest.mark.slow_but("batch-32", "batch-256", "instance-128")
    @pytest.mark.parametrize("side", SIDES)
    @pytest.mark.parametrize("normalization", ["batch", "instance"])
    def test_the_side_of_the_image_fixes_the_levels(self, side, normalization):
        network = UNetGenerator((side, side, 2), 1, width=1, normalization=normalization)
        levels = side.bit_length() - 1
        assert network.size_multiple == side
        maps = [f"down_{level}_conv" for level in range(1, levels + 1)]
        images = support.toy_images(1, (side, side, 2))
        *sizes, last = (x.shape[1:] for x in _part(network, *maps, "translations")(images))
        channels = [1, 2, 4, *[8] * (levels - 3)]
        assert sizes == [(side >> k + 1, side >> k + 1, channels[k]) for k in range(levels)]
        assert last == (side, side, 1)

    def test_multiples_of_the_side_and_other_shapes(self):
        network = UNetGenerator((32, 32, 3), width=2)
        for size in ((32, 32), (96, 64)):
            images = support.output_of(network, support.toy_images(2, (*size, 3)))
            assert images.shape == (2, *size, 3) and images.dtype == np.float32
            assert np.abs(images).max() <= 1

    @pytest.mark.parametrize("shape", [(16, 16, 3), (48, 48, 3), (2048, 2048, 3), (64, 32, 3)])
    def test_others_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"power of two from 32 to 1024.*Received: \(\d+.*Resize"):
            UNetGenerator(shape)

    def test_a_shape_without_channels_is_refused(self):
        with pytest.raises(ValueError, match=r"\(side, side, channels\). Received: \(32, 32\)"):
            UNetGenerator((32, 32))


def test_the_encoder_s_map_comes_first_in_a_skip():
    network = UNetGenerator((32, 32, 1), width=2, dropout=0)
    network.get_layer("up_3_norm").gamma.assign(np.zeros(4))
    network.get_layer("up_3_norm").beta.assign(np.full(4, 7.0))
    encoded, joined = _part(network, "down_2_norm", "up_3")(support.toy_images(2, (32, 32, 1)))
    encoded, joined = ops.convert_to_numpy(encoded), ops.convert_to_numpy(joined)
    np.testing.assert_array_equal(joined[..., :4], encoded)
    np.testing.assert_array_equal(joined[..., 4:], np.full_like(encoded, 7.0))


class TestDropout:
    @pytest.mark.slow_but("64-reference-levels7")
    @pytest.mark.parametrize(
        ("side", "blocks", "levels"),
        [
            (1024, "paper", {10, 9, 8}),
            (256, "paper", {8, 7, 6}),
            (128, "paper", {7, 6, 5}),
            (32, "paper", {5, 4, 3}),
            (1024, "reference", {9, 8, 7, 6, 5}),
            (256, "reference", {7, 6, 5}),
            (128, "reference", {6, 5}),
            (64, "reference", {5}),
            (32, "reference", set()),
        ],
    )
    def test_blocks(self, side, blocks, levels):
        network = UNetGenerator((side, side, 1), width=1, dropout_blocks=blocks)
        assert _dropped(network) == levels

    def test_rate_0_is_none(self):
        assert _dropped(UNetGenerator((32, 32, 1), width=1, dropout=0)) == set()

    def test_is_between_normalisation_and_the_skip(self):
        network = UNetGenerator((32, 32, 1), width=8, sampling_dropout=True)
        parts = _part(network, "up_4_norm", "up_4")(support.toy_images(1, (32, 32, 1)), training=False)
        normalized, joined = (ops.convert_to_numpy(x) for x in parts)
        skip, dropped = np.split(joined, 2, axis=-1)
        assert (skip != 0).all() and (normalized != 0).all()
        kept = dropped != 0
        assert kept.mean() == pytest.approx(0.5, abs=0.1)
        np.testing.assert_allclose(dropped[kept], 2 * normalized[kept], rtol=1e-6)

    def test_in_sampling_draws_anew_and_leaves_normalisation_as_it_is(self):
        network = UNetGenerator((32, 32, 1), width=2, sampling_dropout=True)
        images = support.toy_images(2, (32, 32, 1))
        before = [weights.copy() for weights in network.get_weights()]
        first, second = support.output_of(network, images), support.output_of(network, images)
        assert (first != second).any()
        for weights, old in zip(network.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weights, old)
        # Inference keeps the moving statistics: maps outside of dropout's reach do not know the batch.
        encoder = _part(network, "down_5_conv")
        alone = ops.convert_to_numpy(encoder(images[:1])[0])
        np.testing.assert_allclose(ops.convert_to_numpy(encoder(images)[0])[:1], alone, atol=1e-6)

    @pytest.mark.slow_but("batch")
    @pytest.mark.parametrize("normalization", ["batch", "instance"])
    def test_without_it_in_sampling_an_image_does_not_know_its_neighbours(self, normalization):
        network = UNetGenerator((32, 32, 1), width=2, normalization=normalization)
        images = support.toy_images(3, (32, 32, 1))
        together = support.output_of(network, images)
        for index in range(3):
            alone = support.output_of(network, images[index : index + 1])
            np.testing.assert_allclose(together[index : index + 1], alone, atol=1e-5)
        assert np.abs(together[0] - together[1]).max() > 1e-3

    def test_unknown_blocks_are_refused(self):
        with pytest.raises(
            ValueError, match=r"must be 'paper' or 'reference'. Received: dropout_blocks='all'"
        ):
            UNetGenerator((32, 32, 1), dropout_blocks="all")


def _dropped(network):
    return {int(layer.name.split("_")[1]) for layer in network.layers if layer.name.endswith("dropout")}


def test_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match=r"`normalization` must be 'batch' or 'instance'. Received: 'layer'"):
        UNetGenerator((32, 32, 1), normalization="layer")


def test_unknown_upsampling_is_refused():
    with pytest.raises(ValueError, match=r"'transposed' or 'resize'. Received: upsampling='bilinear'"):
        UNetGenerator((32, 32, 1), upsampling="bilinear")


@pytest.mark.slow_but("transposed-batch")
@pytest.mark.parametrize("normalization", ["batch", "instance"])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_output_is_float32_under_mixed_precision(normalization, upsampling):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = UNetGenerator((32, 32, 1), 1, 2, normalization, upsampling=upsampling)
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.get_layer("up_2_conv").compute_dtype == "bfloat16"
    images = support.output_of(network, support.toy_images(1, (32, 32, 1)), training=True)
    assert images.dtype == np.float32 and np.isfinite(images).all()


def test_config_round_trip_gives_the_same_output():
    network = UNetGenerator(
        (32, 32, 2),
        1,
        2,
        "instance",
        dropout=0.3,
        dropout_blocks="reference",
        upsampling="resize",
        name="net",
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is UNetGenerator and again.name == "net"
    assert again.get_config() == network.get_config()
    assert again.size_multiple == 32
    again.set_weights(network.get_weights())
    images = support.toy_images(2, (32, 32, 2))
    np.testing.assert_array_equal(support.output_of(again, images), support.output_of(network, images))
