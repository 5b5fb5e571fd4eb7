"""Generators and discriminators: sizes, numbers, labels, configs."""

import keras
import numpy as np
import pytest

from keras_genzoo import networks
from keras_genzoo.networks import convolutional, dcgan
from tests import support

LATENTS = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")


class TestSizes:
    @pytest.mark.slow_but("1-28", "3-64")
    @pytest.mark.parametrize("side", [8, 14, 16, 28, 32, 56, 64])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_every_4_or_7_times_a_power_of_two(self, side, channels):
        images = support.output_of(networks.DCGANGenerator((side, side, channels), 5, 2), LATENTS)
        assert images.shape == (3, side, side, channels) and images.dtype == np.float32
        assert np.abs(images).max() <= 1
        logits = support.output_of(networks.DCGANDiscriminator((side, side, channels), 2), images)
        assert logits.shape == (3, 1) and logits.dtype == np.float32

    @pytest.mark.parametrize(
        "shape", [(4, 4, 1), (7, 7, 1), (12, 12, 1), (29, 29, 1), (30, 30, 3), (8, 16, 3)]
    )
    def test_other_sizes_are_refused(self, shape):
        for network in (networks.DCGANGenerator, networks.DCGANDiscriminator):
            with pytest.raises(
                ValueError, match=r"`image_shape` must be square with a side of 4 \* 2\^k or 7 \* 2\^k"
            ):
                network(shape)

    def test_textbook_networks_make_the_size_of_their_hyper_parameters(self):
        generator = networks.ConvGenerator(5, (3, 5, 2), (4, 3), (2, 3), 3)
        assert support.output_of(generator, LATENTS).shape == (3, 18, 30, 3)
        discriminator = networks.ConvDiscriminator((18, 30, 3), (2, 2), (2, 2), 3)
        assert support.output_of(discriminator, support.toy_images(3, (18, 30, 3))).shape == (3, 1)

    def test_lists_of_different_length_are_refused(self):
        with pytest.raises(ValueError, match=r"`upsample` and `filters` must have one entry per convolution"):
            networks.ConvGenerator(filters=(4, 1), upsample=(2, 2, 1))
        with pytest.raises(ValueError, match=r"`strides` and `filters`.*strides=\(2,\), filters=\(4, 4\)"):
            networks.ConvDiscriminator((8, 8, 1), filters=(4, 4), strides=(2,))

    def test_outputs_are_float32_under_mixed_precision(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            pairs = [
                (networks.DCGANGenerator((8, 8, 1), 5, 2), networks.DCGANDiscriminator((8, 8, 1), 2)),
                (
                    networks.ConvGenerator(5, (4, 4, 2), (2, 1), (2, 1), 3),
                    networks.ConvDiscriminator((8, 8, 1), (2,), (2,), 3),
                ),
            ]
        finally:
            keras.config.set_dtype_policy("float32")
        for generator, discriminator in pairs:
            assert generator.layers[-3].compute_dtype == "bfloat16"
            images = support.output_of(generator, LATENTS)
            assert images.dtype == support.output_of(discriminator, images).dtype == np.float32


def test_batch_normalisation_is_everywhere_but_on_the_discriminator_s_first_layer():
    def batch_normalizations(network):
        return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)

    assert batch_normalizations(networks.DCGANGenerator((32, 32, 1), 5, 2)) == 3
    assert batch_normalizations(networks.DCGANDiscriminator((32, 32, 1), 2)) == 2


def _conditional_generators():
    for encoding in ("embedding", "one_hot"):
        yield networks.DCGANGenerator((8, 8, 1), 5, 2, num_classes=3, label_encoding=encoding)
        yield networks.ConvGenerator(
            5, (4, 4, 2), (2, 1), (2, 1), 3, num_classes=3, label_encoding=encoding, embedding_dim=4
        )


def _conditional_discriminators():
    for conditioning in ("concatenation", "projection"):
        yield networks.DCGANDiscriminator((8, 8, 1), 2, num_classes=3, conditioning=conditioning)
        yield networks.ConvDiscriminator((8, 8, 1), (2,), (2,), 3, num_classes=3, conditioning=conditioning)


class TestLabels:
    @pytest.mark.parametrize("index", range(4))
    def test_change_what_a_generator_makes(self, index):
        self._assert_labels_matter(list(_conditional_generators())[index], LATENTS)

    @pytest.mark.parametrize("index", range(4))
    def test_change_what_a_discriminator_says(self, index):
        self._assert_labels_matter(list(_conditional_discriminators())[index], support.toy_images(3))

    def _assert_labels_matter(self, network, x):
        outputs = [support.output_of(network, x, np.full(3, label, "int32")) for label in range(3)]
        for other in outputs[1:]:
            assert (np.abs(other - outputs[0]).reshape(3, -1).max(-1) > 0).all()
        # Each example by its own label.
        mixed = support.output_of(network, x, np.array([0, 1, 2], "int32"))
        for row, output in enumerate(outputs):
            np.testing.assert_allclose(mixed[row], output[row], atol=1e-6)

    def test_projection_is_an_inner_product_with_the_features(self):
        network = networks.ConvDiscriminator(
            (8, 8, 1), (2,), (2,), 3, num_classes=3, conditioning="projection"
        )
        features = keras.Model(network.inputs, network.get_layer("features").output)
        images, labels = support.toy_images(3), np.array([2, 0, 1], "int32")
        phi = support.output_of(features, images, labels)
        kernel, bias = network.get_layer("logits").get_weights()
        (embedding,) = network.get_layer("label_projection").get_weights()
        expected = phi @ kernel + bias + (embedding[labels] * phi).sum(-1, keepdims=True)
        np.testing.assert_allclose(support.output_of(network, images, labels), expected, atol=1e-5)

    def test_unknown_ways_are_refused(self):
        with pytest.raises(
            ValueError, match=r"`label_encoding` must be 'embedding' or 'one_hot'. Received: 'sum'"
        ):
            networks.DCGANGenerator((8, 8, 1), num_classes=3, label_encoding="sum")
        with pytest.raises(
            ValueError, match=r"`conditioning` must be 'concatenation' or 'projection'. Received: 'sum'"
        ):
            networks.DCGANDiscriminator((8, 8, 1), num_classes=3, conditioning="sum")


NETWORKS = {
    "dcgan_generator": lambda: networks.DCGANGenerator((8, 8, 1), 5, width=2),
    "dcgan_discriminator": lambda: networks.DCGANDiscriminator(image_shape=[8, 8, 1], width=2, name="critic"),
    "conv_generator": lambda: networks.ConvGenerator(5, (4, 4, 2), (2, 1), (2, 1), batch_norm_momentum=None),
    "conv_discriminator": lambda: networks.ConvDiscriminator((8, 8, 1), (2,), (2,), dropout=0.1),
    "conditional": lambda: networks.DCGANGenerator((8, 8, 1), 5, 2, num_classes=3, label_encoding="one_hot"),
}


class TestConfig:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_round_trip_gives_the_same_output(self, name):
        network = NETWORKS[name]()
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
        assert type(again) is type(network) and again.name == network.name
        assert again.get_config() == network.get_config()
        again.set_weights(network.get_weights())
        inputs = [LATENTS] if "generator" in type(network).__name__.lower() else [support.toy_images(3)]
        if len(network.inputs) == 2:
            inputs.append(np.array([0, 1, 2], "int32"))
        np.testing.assert_array_equal(support.output_of(again, *inputs), support.output_of(network, *inputs))

    def test_holds_the_defaults_too(self):
        config = networks.DCGANDiscriminator((8, 8, 1)).get_config()
        assert config == {
            "image_shape": [8, 8, 1],
            "width": 64,
            "num_classes": None,
            "conditioning": "concatenation",
            "synchronized": False,
            "packing": 1,
            "name": "discriminator",
        }

    def test_a_wrong_argument_is_reported_as_by_any_constructor(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'widht'"):
            networks.DCGANDiscriminator((8, 8, 1), widht=2)
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'image_shape'"):
            networks.DCGANDiscriminator()


def test_all_networks_are_public():
    for module in (convolutional, dcgan):
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__:
                assert name in networks.__all__
