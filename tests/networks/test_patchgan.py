"""PatchGAN: the reference's numbers, what a logit sees, and where it sits."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends
from keras_genzoo.networks import PatchGANDiscriminator
from tests import support


class TestNumbers:
    @pytest.mark.parametrize(
        ("channels", "arguments", "expected"),
        [
            (6, {}, 2_768_705),
            (3, {"normalization": "instance"}, 2_764_737),
            # 1x1: to 64 channels, to 128 without a bias, to 1 without a bias; scale and offset.
            (6, {"num_layers": 0}, 7 * 64 + 64 * 128 + 128 + 2 * 128),
            (6, {"num_layers": 0, "normalization": "instance"}, 7 * 64 + 65 * 128 + 129),
            (6, {"num_layers": 1}, 97 * 64 + 16 * 64 * 128 + 16 * 128 + 1 + 2 * 128),
        ],
    )
    def test_trainable_parameters(self, channels, arguments, expected):
        network = PatchGANDiscriminator(channels, **arguments)
        assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == expected

    @pytest.mark.parametrize(("num_layers", "ends"), [(3, {"conv_1", "logits"}), (0, {"conv_1"})])
    def test_biases(self, num_layers, ends):
        def convolutions(normalization, biased):
            network = PatchGANDiscriminator(3, 1, num_layers, normalization)
            return {layer.name for layer in network.layers if getattr(layer, "use_bias", None) in biased}

        assert convolutions("batch", {True}) == ends
        everywhere = convolutions("instance", {True, False})
        assert convolutions("instance", {True}) == everywhere
        assert len(everywhere) == (5 if num_layers else 3)

    def test_channels_double_up_to_8_times_the_width(self):
        network = PatchGANDiscriminator(3, 2, 5)
        kernels = [layer.kernel.shape[-1] for layer in network.layers if hasattr(layer, "kernel")]
        assert kernels == [2, 4, 8, 16, 16, 16, 1]

    def test_names_of_the_layers_with_weights(self):
        names = ["conv_1", "conv_2", "norm_2", "conv_3", "norm_3", "conv_4", "norm_4", "logits"]
        assert [layer.name for layer in PatchGANDiscriminator(3, 1).layers if layer.weights] == names

    def test_initialisation(self):
        for layer in PatchGANDiscriminator(3, 16).layers:
            if layer.weights:
                weights, mean = layer.get_weights()[0], 1.0 if layer.name.startswith("norm") else 0.0
                assert weights.mean() == pytest.approx(mean, abs=5 * 0.02 / weights.size**0.5), layer.name
                assert weights.std() == pytest.approx(0.02, abs=5 * 0.02 / (2 * weights.size) ** 0.5)


class TestPatches:
    @pytest.mark.parametrize(("num_layers", "side"), [(0, 256), (1, 126), (2, 62), (3, 30), (4, 14), (5, 6)])
    def test_256_pixels_become_so_many_logits(self, num_layers, side):
        logits = support.output_of(
            PatchGANDiscriminator(6, 1, num_layers), support.toy_images(1, (256, 256, 6))
        )
        assert logits.shape == (1, side, side, 1) and logits.dtype == np.float32

    def test_other_sizes(self):
        network = PatchGANDiscriminator(3, 2)
        # The last two have odd sides on the way: 25, and 95, 47, 23 and 11.
        for height, width in ((32, 32), (64, 96), (100, 100), (95, 47)):
            logits = support.output_of(network, support.toy_images(2, (height, width, 3)))
            assert logits.shape == (2, height // 8 - 2, width // 8 - 2, 1)

    @pytest.mark.slow_but("2-34-64")
    @pytest.mark.parametrize(
        ("num_layers", "side", "image_side"),
        [(0, 1, 8), (1, 16, 32), (2, 34, 64), (3, 70, 128), (5, 286, 512)],
    )
    def test_a_logit_depends_on_the_receptive_field_and_nothing_else(self, num_layers, side, image_side):
        network = PatchGANDiscriminator(1, 1, num_layers)
        assert network.receptive_field == side
        # Positive weights: no two ways from a pixel to a logit cancel.
        for layer in network.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.assign(np.full(layer.kernel.shape, 0.1))
        row, column = (
            np.array(support.output_of(network, np.zeros((1, image_side, image_side, 1))).shape[1:3]) // 2
        ) - [0, 1]

        def logit(images):
            return network(images, training=False)[:, row, column, :]

        images = ops.convert_to_tensor(support.toy_images(1, (image_side, image_side, 1)))
        seen = ops.convert_to_numpy(backends.input_value_and_grad(logit, images)[1])[0, :, :, 0] != 0
        for axis, index in ((1, row), (0, column)):
            (pixels,) = np.nonzero(seen.any(axis))
            # A pixel of padding at each side of each convolution, in units of its input's pixels.
            start = index * 2**num_layers - (3 * 2**num_layers - 1 if num_layers else 0)
            np.testing.assert_array_equal(pixels, np.arange(start, start + side))
        assert seen.sum() == side**2

    @pytest.mark.parametrize(("num_layers", "side"), [(1, 18), (2, 40)])
    def test_antialiased_patches(self, num_layers, side):
        network = PatchGANDiscriminator(1, 1, num_layers, antialias=True)
        assert network.receptive_field == side
        assert PatchGANDiscriminator(3, 1, antialias=True).receptive_field == 84
        for layer in network.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.assign(np.full(layer.kernel.shape, 0.1))
        images = ops.convert_to_tensor(support.toy_images(1, (96, 96, 1)))
        middle = 96 // 2**num_layers // 2
        _, gradient = backends.input_value_and_grad(
            lambda images: network(images)[:, middle, middle, :], images
        )
        (pixels,) = np.nonzero(ops.convert_to_numpy(gradient)[0, :, :, 0].any(axis=0))
        np.testing.assert_array_equal(pixels, np.arange(pixels[0], pixels[0] + side))

    @pytest.mark.parametrize("size", [(24, 24), (32, 32), (100, 95)])
    def test_antialiasing_keeps_sizes_and_parameters(self, size):
        plain, smooth = (PatchGANDiscriminator(3, 2, antialias=antialias) for antialias in (False, True))
        images = support.toy_images(1, (*size, 3))
        assert support.output_of(smooth, images).shape == support.output_of(plain, images).shape
        assert [weight.path for weight in smooth.weights] == [weight.path for weight in plain.weights]
        assert smooth.count_params() == plain.count_params()

    @pytest.mark.parametrize(("num_layers", "side"), [(0, 1), (1, 6), (2, 12), (3, 24)])
    def test_an_image_of_the_smallest_side_has_one_logit_and_a_smaller_one_none(self, num_layers, side):
        network = PatchGANDiscriminator(1, 1, num_layers)
        assert network.smallest_side == side
        assert support.output_of(network, support.toy_images(1, (side, side, 1))).size == 1
        if num_layers > 0:
            with pytest.raises(ValueError, match="output"):
                network.compute_output_shape((1, side - 1, side - 1, 1))

    def test_negative_num_layers_is_refused(self):
        with pytest.raises(ValueError, match=r"`num_layers` must be at least 0. Received: num_layers=-1"):
            PatchGANDiscriminator(3, num_layers=-1)


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_an_image_does_not_know_its_neighbours(normalization):
    network = support.as_if_trained(PatchGANDiscriminator(3, 2, normalization=normalization))
    images = support.toy_images(3, (32, 32, 3))
    together = support.output_of(network, images)
    assert together.std() > 0.01
    for index in range(3):
        alone = support.output_of(network, images[index : index + 1])
        np.testing.assert_allclose(together[index : index + 1], alone, atol=1e-5)


def test_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match=r"`normalization` must be 'batch' or 'instance'. Received: 'layer'"):
        PatchGANDiscriminator(3, normalization="layer")


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_output_is_float32_under_mixed_precision(normalization):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = PatchGANDiscriminator(3, 2, normalization=normalization)
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.get_layer("conv_2").compute_dtype == "bfloat16"
    logits = support.output_of(network, support.toy_images(1, (32, 32, 3)), training=True)
    assert logits.dtype == np.float32 and np.isfinite(logits).all()


def test_config_round_trip_gives_the_same_output():
    network = PatchGANDiscriminator(3, 2, num_layers=2, normalization="instance", name="critic")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is PatchGANDiscriminator and again.name == "critic"
    assert again.get_config() == network.get_config()
    assert again.receptive_field == network.receptive_field == 34
    again.set_weights(network.get_weights())
    images = support.toy_images(2, (32, 32, 3))
    np.testing.assert_array_equal(support.output_of(again, images), support.output_of(network, images))
