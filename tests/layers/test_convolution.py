import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers
from tests import support


class TestConv2DTranspose:
    @pytest.mark.parametrize(
        ("shape", "arguments"),
        [
            ((1, 4, 3, 5), {}),
            ((2, 1, 1, 5), {"activation": "relu"}),
            # 240 pixels, then more than the product takes.
            ((15, 4, 4, 5), {"use_bias": False}),
            ((17, 4, 4, 5), {}),
            ((1, 3, 3, 2), {"output_padding": 1}),
            ((1, 3, 3, 2), {"padding": "valid"}),
        ],
    )
    def test_is_the_stock_layer(self, shape, arguments):
        arguments = {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", **arguments}
        ours, stock = layers.Conv2DTranspose(**arguments), keras.layers.Conv2DTranspose(**arguments)
        x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=shape).astype("float32"))
        ours.build(shape)
        stock.build(shape)
        stock.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in ours.get_weights()])
        ours.set_weights(stock.get_weights())
        results = []
        for layer in (ours, stock):
            weights = np.random.default_rng(2).normal(size=layer(x).shape).astype("float32")

            def loss(layer=layer, weights=weights):
                output = layer(x)
                return ops.sum(output * weights), output

            (_, output), gradients = backends.value_and_grad(loss, layer.trainable_variables, has_aux=True)
            results.append([ops.convert_to_numpy(value) for value in (output, *gradients)])
        for actual, expected in zip(*results, strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-4)


class TestResizeConv2D:
    # The last has more pixels than the product takes.
    @pytest.mark.parametrize("shape", [(1, 1, 1, 4), (2, 4, 3, 4), (2, 5, 5, 4), (17, 4, 4, 4)])
    @pytest.mark.parametrize("arguments", [{}, {"use_bias": False, "activation": "relu"}])
    def test_is_upsampling_by_nearest_neighbours_and_a_convolution(self, shape, arguments):
        layer, convolution = (
            layers.ResizeConv2D(3, **arguments),
            keras.layers.Conv2D(3, 3, padding="same", **arguments),
        )
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        layer.build(shape)
        convolution.build(shape)
        layer.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in convolution.get_weights()])
        convolution.set_weights(layer.get_weights())
        expected = convolution(x.repeat(2, axis=1).repeat(2, axis=2))
        np.testing.assert_allclose(support.to_numpy(layer(x)), support.to_numpy(expected), atol=1e-4)
        assert layer.compute_output_shape(shape) == tuple(expected.shape)

    def test_a_map_of_one_colour_stays_one(self):
        """But for the border, whose pixels see the padding."""
        output = support.to_numpy(layers.ResizeConv2D(1)(np.ones((1, 5, 5, 2), "float32")))[:, 1:-1, 1:-1]
        assert np.ptp(output) < 1e-5

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.ResizeConv2D(3)(images))
        assert network.output_shape == (None, None, None, 3)
        assert network(np.zeros((1, 3, 5, 2), "float32")).shape == (1, 6, 10, 3)

    @pytest.mark.parametrize("fixed", ["kernel_size", "strides", "dilation_rate", "groups"])
    def test_what_it_cannot_do_is_refused(self, fixed):
        with pytest.raises(ValueError, match=f"'{fixed}'. cannot be set"):
            layers.ResizeConv2D(4, **{fixed: 2})

    def test_config(self):
        layer = layers.ResizeConv2D(3, use_bias=False, kernel_initializer="zeros")
        again = layers.ResizeConv2D.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        assert (again.filters, again.use_bias) == (3, False)
