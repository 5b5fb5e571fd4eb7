"""CycleGAN's generator: the reference's numbers, geometry and dropout."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo.networks import ResNetTranslator
from tests import support


class TestNumbers:
    @pytest.mark.slow_but("arguments0-11378179")
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({}, 11_378_179),
            ({"num_blocks": 6}, 7_837_699),
            # Scale and offset in place of a bias, of 64 + 128 + 256 + 9 * 2 * 256 + 128 + 64 channels.
            ({"normalization": "batch"}, 11_378_179 + 64 + 128 + 256 + 18 * 256 + 128 + 64),
            ({"output_channels": 1}, 11_378_179 - 2 * (49 * 64 + 1)),
        ],
    )
    def test_trainable_parameters(self, arguments, expected):
        network = ResNetTranslator(3, **arguments)
        assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == expected

    def test_biases(self):
        def biased(normalization):
            network = ResNetTranslator(3, width=1, num_blocks=1, normalization=normalization)
            return {layer.name for layer in network.layers if getattr(layer, "use_bias", False)}

        assert biased("batch") == {"output_conv"}
        steps = ("input", "down_1", "down_2", "block_1_first", "block_1_second", "up_2", "up_1", "output")
        assert biased("instance") == {f"{step}_conv" for step in steps}

    def test_names_of_the_layers_with_weights(self):
        network = ResNetTranslator(3, width=1, num_blocks=1, normalization="batch")
        steps = ("input", "down_1", "down_2", "block_1_first", "block_1_second", "up_2", "up_1")
        names = [f"{step}_{kind}" for step in steps for kind in ("conv", "norm")]
        assert [layer.name for layer in network.layers if layer.weights] == [*names, "output_conv"]

    def test_initialisation(self):
        for layer in ResNetTranslator(3, width=16, num_blocks=2).layers:
            if layer.weights:
                kernel, bias = layer.get_weights()
                assert kernel.mean() == pytest.approx(0, abs=5 * 0.02 / kernel.size**0.5), layer.name
                assert kernel.std() == pytest.approx(0.02, abs=5 * 0.02 / (2 * kernel.size) ** 0.5)
                assert not bias.any()

    def test_xavier_initialisation(self):
        for layer in ResNetTranslator(3, width=16, num_blocks=2, initialization="xavier").layers:
            if layer.weights:
                kernel, bias = layer.get_weights()
                deviation = 0.02 * (2 / (kernel.shape[0] ** 2 * sum(kernel.shape[2:]))) ** 0.5
                assert kernel.mean() == pytest.approx(0, abs=5 * deviation / kernel.size**0.5), layer.name
                assert kernel.std() == pytest.approx(deviation, rel=5 / (2 * kernel.size) ** 0.5)
                assert not bias.any()

    def test_unknown_initialisation_is_refused(self):
        with pytest.raises(
            ValueError, match=r"`initialization` must be 'normal' or 'xavier'. Received: 'he'"
        ):
            ResNetTranslator(3, initialization="he")


class TestAntialiasing:
    def test_keeps_sizes_and_parameters(self):
        plain, smooth = (ResNetTranslator(2, 3, 2, 2, antialias=antialias) for antialias in (False, True))
        for size in ((8, 8), (20, 32)):
            images = support.output_of(smooth, support.toy_images(2, (*size, 2)))
            assert images.shape == (2, *size, 3) and images.dtype == np.float32
        assert [weight.path for weight in smooth.weights] == [weight.path for weight in plain.weights]
        assert smooth.count_params() == plain.count_params()

    def test_blurs_lie_behind_the_relu_of_each_halving(self):
        network = ResNetTranslator(1, width=1, num_blocks=0, antialias=True)
        for level in (1, 2):
            entered = network.get_layer(f"down_{level}_blur").input
            assert (
                ops.convert_to_numpy(keras.Model(network.input, entered)(np.ones((1, 8, 8, 1)))) >= 0
            ).all()
            assert network.get_layer(f"down_{level}_conv").strides == (1, 1)


class TestGeometry:
    @pytest.mark.slow_but("size0-batch", "size1-instance")
    @pytest.mark.parametrize("normalization", ["batch", "instance"])
    @pytest.mark.parametrize("size", [(16, 16), (20, 32), (64, 48)])
    def test_multiples_of_4(self, normalization, size):
        network = ResNetTranslator(2, 3, width=2, num_blocks=2, normalization=normalization)
        assert network.size_multiple == 4
        images = support.output_of(network, support.toy_images(2, (*size, 2)))
        assert images.shape == (2, *size, 3) and images.dtype == np.float32
        assert np.abs(images).max() <= 1
        middle = keras.Model(network.input, network.get_layer("block_2").output)
        assert middle(support.toy_images(1, (*size, 2))).shape == (1, size[0] // 4, size[1] // 4, 8)

    def test_a_kernel_s_centre_meets_pixels_0_2_4_going_down_and_up(self):
        """What padding by one pixel means in the reference; 'same' would give 1, 3, 5."""
        network = ResNetTranslator(1, width=1, num_blocks=0)
        for name in ("down_1_conv", "up_1_conv"):
            layer = network.get_layer(name)
            kernel = np.zeros(layer.kernel.shape)
            kernel[1, 1, 0, 0] = 1
            layer.kernel.assign(kernel)
            layer.bias.assign(np.zeros(layer.bias.shape))
        tensors = {layer.name: layer for layer in network.layers}
        entered = _of_kind(network, "ZeroPadding2D")[0].input
        down = keras.Model(entered, tensors["down_1_conv"].output)
        x = support.toy_images(1, (8, 12, 1))
        np.testing.assert_array_equal(support.output_of(down, x)[..., 0], x[:, ::2, ::2, 0])
        up = keras.Model(tensors["up_1_conv"].input, _of_kind(network, "Cropping2D")[-1].output)
        x = support.toy_images(1, (4, 6, 2))
        expected = np.zeros((1, 8, 12, 1))
        expected[:, ::2, ::2, 0] = x[..., 0]
        np.testing.assert_array_equal(support.output_of(up, x), expected)

    def test_edges_are_mirrored_not_zero(self):
        """A constant image keeps no trace of its edges: with zeros around it, it would."""
        network = ResNetTranslator(1, width=2, num_blocks=1, normalization="batch")
        parts = [network.get_layer("input_conv").output, network.get_layer("block_1_first_conv").output]
        first = ops.convert_to_numpy(keras.Model(network.input, parts)(np.ones((1, 16, 16, 1)))[0])
        np.testing.assert_allclose(first, np.broadcast_to(first[:, 8:9, 8:9], first.shape), atol=1e-6)
        padded = [layer.padding for layer in _of_kind(network, "ReflectionPadding2D")]
        assert padded == [3, 1, 1, 3]

    def test_images_too_small_to_mirror_are_refused(self):
        network = ResNetTranslator(1, width=2, num_blocks=1)
        assert network(np.zeros((1, 8, 8, 1), "float32")).shape == (1, 8, 8, 1)
        with pytest.raises(ValueError, match="A map of 1x2 cannot be padded by 1 reflected pixels"):
            network(np.zeros((1, 4, 8, 1), "float32"))

    def test_a_block_adds_to_what_it_gets(self):
        network = ResNetTranslator(1, width=2, num_blocks=2)
        norm = network.get_layer("block_2_second_norm").output
        parts = [network.get_layer(name).output for name in ("block_1", "block_2")]
        got, added, result = keras.Model(network.input, [parts[0], norm, parts[1]])(
            support.toy_images(1, (16, 16, 1))
        )
        np.testing.assert_allclose(
            ops.convert_to_numpy(result), ops.convert_to_numpy(got) + ops.convert_to_numpy(added), atol=1e-6
        )

    def test_negative_num_blocks_is_refused(self):
        with pytest.raises(ValueError, match=r"`num_blocks` must be at least 0. Received: num_blocks=-1"):
            ResNetTranslator(3, num_blocks=-1)


class TestDropout:
    def test_is_in_every_block_between_relu_and_the_second_convolution(self):
        network = ResNetTranslator(1, width=4, num_blocks=2, dropout=0.5, sampling_dropout=True)
        dropouts = [layer for layer in network.layers if layer.name.endswith("dropout")]
        assert [layer.name for layer in dropouts] == ["block_1_dropout", "block_2_dropout"]
        parts = keras.Model(network.input, [dropouts[1].input, dropouts[1].output])
        before, after = (ops.convert_to_numpy(x) for x in parts(support.toy_images(1, (16, 16, 1))))
        assert (before >= 0).all()
        positive = before > 0
        kept = after[positive] != 0
        assert kept.mean() == pytest.approx(0.5, abs=0.15)
        np.testing.assert_allclose(after[positive][kept], 2 * before[positive][kept], rtol=1e-6)

    def test_by_default_there_is_none(self):
        network = ResNetTranslator(1, width=1, num_blocks=2)
        assert not any("dropout" in layer.name for layer in network.layers)

    def test_acts_in_sampling_only_where_asked(self):
        images = support.toy_images(1, (16, 16, 1))
        for sampling in (False, True):
            network = ResNetTranslator(1, width=2, num_blocks=1, dropout=0.5, sampling_dropout=sampling)
            assert (
                support.output_of(network, images) != support.output_of(network, images)
            ).any() == sampling
            trained = [support.output_of(network, images, training=True) for _ in range(2)]
            assert (trained[0] != trained[1]).any()


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_an_image_does_not_know_its_neighbours(normalization):
    network = support.as_if_trained(
        ResNetTranslator(1, width=2, num_blocks=1, normalization=normalization, dropout=0.5)
    )
    images = support.toy_images(3, (16, 16, 1))
    together = support.output_of(network, images)
    assert together.std() > 0.01
    for index in range(3):
        alone = support.output_of(network, images[index : index + 1])
        np.testing.assert_allclose(together[index : index + 1], alone, atol=1e-5)


def test_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match=r"`normalization` must be 'batch' or 'instance'. Received: 'layer'"):
        ResNetTranslator(3, normalization="layer")


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_output_is_float32_under_mixed_precision(normalization):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = ResNetTranslator(1, width=2, num_blocks=1, normalization=normalization)
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.get_layer("up_1_conv").compute_dtype == "bfloat16"
    images = support.output_of(network, support.toy_images(1, (16, 16, 1)), training=True)
    assert images.dtype == np.float32 and np.isfinite(images).all()


def test_config_round_trip_gives_the_same_output():
    network = ResNetTranslator(2, 1, width=2, num_blocks=2, normalization="batch", dropout=0.3, name="net")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is ResNetTranslator and again.name == "net"
    assert again.get_config() == network.get_config()
    assert again.size_multiple == 4
    again.set_weights(network.get_weights())
    images = support.toy_images(2, (16, 16, 2))
    np.testing.assert_array_equal(support.output_of(again, images), support.output_of(network, images))


def _of_kind(network, kind):
    return [layer for layer in network.layers if type(layer).__name__ == kind]
