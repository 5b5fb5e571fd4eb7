"""Normalisation, that over the batch aside, which is in backends/test_backends.py."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers


class TestInstanceNormalization:
    @pytest.mark.parametrize("num", [1, 3, 9])
    def test_closed_form(self, num):
        x = np.random.default_rng(0).normal(2.0, 3.0, (num, 5, 4, 3)).astype("float32")
        expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.01)
        layer = layers.InstanceNormalization(epsilon=0.01)
        np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=1e-5)
        assert layer.weights == []

    def test_one_image_has_the_gradient_that_it_has_among_others(self):
        """Few images take another way through TensorFlow than many."""
        rng = np.random.default_rng(0)
        images, weights = rng.normal(2.0, 3.0, (2, 9, 5, 4, 2)).astype("float32")
        layer = layers.InstanceNormalization()

        def gradient(some):
            x = ops.convert_to_tensor(images[some])
            return ops.convert_to_numpy(
                backends.input_value_and_grad(lambda x: ops.sum(layer(x) * weights[some], axis=(1, 2, 3)), x)[
                    1
                ]
            )

        together = gradient(slice(9))
        for index in range(3):
            alone = gradient(slice(index, index + 1))
            assert np.abs(alone).max() > 0.1
            np.testing.assert_allclose(alone, together[index : index + 1], atol=1e-5)

    @pytest.mark.parametrize("num", [2, 9])
    def test_statistics_are_float32_in_half_precision(self, num):
        rng = np.random.default_rng(0)
        # Squares of 1000 with a deviation of 8 would drown in bfloat16's 8 bits.
        x = ops.cast(rng.normal(1000.0, 8.0, (num, 16, 16, 2)), "bfloat16")
        output = layers.InstanceNormalization(dtype="mixed_bfloat16")(x)
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        x = ops.convert_to_numpy(ops.cast(x, "float32")).astype("float64")
        expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
        np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(output, "float32")), expected, atol=0.02)

    @pytest.mark.tensorflow  # JAX computes in float64 only where it is told to at its start
    @pytest.mark.parametrize("num", [2, 64])
    def test_float64_is_float64(self, num):
        x = np.random.default_rng(0).normal(1e6, 1.0, (num, 5, 4, 3))
        expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
        output = layers.InstanceNormalization(dtype="float64")(x)
        np.testing.assert_allclose(ops.convert_to_numpy(output), expected, atol=1e-6)

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.InstanceNormalization()(images))
        assert network.output_shape == (None, None, None, 2)
        for shape in ((1, 4, 6, 2), (3, 5, 2, 2)):
            output = ops.convert_to_numpy(network(np.random.default_rng(0).normal(size=shape)))
            assert output.shape == shape
            np.testing.assert_allclose(output.mean((1, 2)), 0, atol=1e-5)

    def test_config(self):
        layer = layers.InstanceNormalization(1e-3, name="norm")
        layer = layers.InstanceNormalization.from_config(layer.get_config())
        assert (layer.epsilon, layer.name) == (1e-3, "norm")


class TestPixelNormalization:
    def test_closed_form(self):
        x = np.random.default_rng(0).normal(2.0, 3.0, (2, 3, 3, 5)).astype("float32")
        output = ops.convert_to_numpy(layers.PixelNormalization()(x))
        np.testing.assert_allclose(output, x / np.sqrt((x**2).mean(-1, keepdims=True)), rtol=1e-5)

    def test_config(self):
        layer = layers.PixelNormalization(1e-3, name="pixel")
        layer = layers.PixelNormalization.from_config(layer.get_config())
        assert (layer.epsilon, layer.name) == (1e-3, "pixel")
