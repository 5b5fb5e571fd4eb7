import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import layers


class TestBlurPool2D:
    @pytest.mark.parametrize("size", [(4, 6), (5, 2), (7, 3)])
    def test_is_the_filter_1_2_1_at_every_second_pixel(self, size):
        x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
        rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
        expected = ((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4)[:, ::2, ::2]
        layer = layers.BlurPool2D()
        np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=1e-6)
        assert layer.compute_output_shape(x.shape) == expected.shape

    def test_a_pattern_of_single_pixels_vanishes(self):
        stripes = np.tile([[1.0], [-1.0]], (1, 4, 8, 1)).astype("float32")
        assert np.abs(ops.convert_to_numpy(layers.BlurPool2D()(stripes))).max() < 1e-6

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.BlurPool2D()(images))
        assert network.output_shape == (None, None, None, 2)
        assert network(ops.zeros((3, 4, 5, 2))).shape == (3, 2, 3, 2)

    def test_a_map_of_one_pixel_is_refused(self):
        with pytest.raises(ValueError, match="A map of 1x4 cannot be padded by 1 reflected pixels"):
            layers.BlurPool2D()(np.zeros((1, 1, 4, 1), "float32"))

    def test_config(self):
        layer = layers.BlurPool2D.from_config(layers.BlurPool2D(name="blur").get_config())
        assert (layer.name, layer.padding) == ("blur", 1)


class TestBilinearUpSampling2D:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 2)).astype("float32")

    def test_is_the_filter_1_3_3_1_with_repeated_edges(self):
        expected = self.x
        for axis in (1, 2):
            edge = np.pad(expected, [(0, 0)] * axis + [(1, 1)] + [(0, 0)] * (3 - axis), mode="edge")
            before, after = (np.delete(edge, places, axis) for places in ([-1, -2], [0, 1]))
            pairs = [0.75 * expected + 0.25 * before, 0.75 * expected + 0.25 * after]
            shape = [side * (1 + (axis == index)) for index, side in enumerate(expected.shape)]
            expected = np.stack(pairs, axis + 1).reshape(shape)
        layer = layers.BilinearUpSampling2D()
        np.testing.assert_allclose(ops.convert_to_numpy(layer(self.x)), expected, atol=1e-5)
        assert layer.compute_output_shape(self.x.shape) == expected.shape

    @pytest.mark.tensorflow
    def test_size_may_be_unknown_in_a_function(self):
        import tensorflow as tf

        layer = layers.BilinearUpSampling2D()
        function = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 2))])
        for x in (self.x, self.x[:, :1, :1]):
            np.testing.assert_allclose(function(x), layer(x), atol=1e-5)

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.BilinearUpSampling2D()(images))
        assert network.output_shape == (None, None, None, 2)
        assert network(self.x).shape == (2, 6, 10, 2)

    def test_config(self):
        layer = layers.BilinearUpSampling2D.from_config(layers.BilinearUpSampling2D(name="up").get_config())
        assert (layer.name, layer.size, layer.interpolation) == ("up", (2, 2), "bilinear")
