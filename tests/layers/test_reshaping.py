import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers


class TestCropping2D:
    @pytest.mark.parametrize("cropping", [((1, 0), (1, 0)), ((0, 2), (1, 1)), 0])
    def test_is_the_stock_layer(self, cropping):
        x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32"))
        weights = np.random.default_rng(1).normal(size=(2, 5, 4, 3)).astype("float32")
        results = []
        for layer in (layers.Cropping2D(cropping), keras.layers.Cropping2D(cropping)):
            output = ops.convert_to_numpy(layer(x))
            weighted = weights[:, : output.shape[1], : output.shape[2]]
            _, gradient = backends.input_value_and_grad(
                lambda x, layer=layer, weighted=weighted: ops.sum(layer(x) * weighted, axis=(1, 2, 3)), x
            )
            results.append((output, ops.convert_to_numpy(gradient)))
        for ours, stock in zip(*results, strict=True):
            np.testing.assert_array_equal(ours, stock)

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.Cropping2D(((1, 0), (2, 0)))(images))
        assert network(ops.zeros((3, 4, 5, 2))).shape == (3, 3, 3, 2)


class TestReflectionPadding2D:
    @pytest.mark.parametrize("padding", [1, 3])
    @pytest.mark.parametrize("num", [1, 2])
    def test_is_numpy_s(self, padding, num):
        x = np.random.default_rng(0).normal(size=(num, 4, 7, 2)).astype("float32")
        margin = (padding, padding)
        expected = np.pad(x, ((0, 0), margin, margin, (0, 0)), mode="reflect")
        layer = layers.ReflectionPadding2D(padding)
        np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), expected)
        assert layer.compute_output_shape(x.shape) == expected.shape

    def test_gradient_adds_up_where_a_pixel_is_repeated(self):
        x = ops.zeros((1, 3, 3, 1))
        _, gradient = backends.input_value_and_grad(layers.ReflectionPadding2D(1), x)
        # Of rows 0, 1 and 2 the middle one is at both edges.
        np.testing.assert_array_equal(
            ops.convert_to_numpy(gradient)[0, :, :, 0], np.outer([1, 3, 1], [1, 3, 1])
        )

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.ReflectionPadding2D(2)(images))
        assert network.output_shape == (None, None, None, 2)
        for height, width in ((3, 5), (8, 4)):
            x = np.random.default_rng(0).normal(size=(1, height, width, 2)).astype("float32")
            expected = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
            np.testing.assert_array_equal(ops.convert_to_numpy(network(x)), expected)

    def test_config(self):
        layer = layers.ReflectionPadding2D.from_config(layers.ReflectionPadding2D(2, name="pad").get_config())
        assert (layer.padding, layer.name) == (2, "pad")
