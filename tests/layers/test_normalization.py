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

    def test_affine(self):
        x = np.random.default_rng(0).normal(2.0, 3.0, (3, 5, 4, 3)).astype("float32")
        plain = ops.convert_to_numpy(layers.InstanceNormalization()(x))
        layer = layers.InstanceNormalization(affine=True)
        np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), plain, atol=1e-6)
        layer.gamma.assign([1.0, 2.0, -3.0])
        layer.beta.assign([0.5, 0.0, 1.0])
        expected = plain * [1.0, 2.0, -3.0] + [0.5, 0.0, 1.0]
        np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=1e-5)
        assert layers.InstanceNormalization.from_config(layer.get_config()).affine

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

    @pytest.mark.parametrize("num", [1, 9])
    def test_scale_and_offset_are_float32_in_half_precision(self, num):
        layer = layers.InstanceNormalization(affine=True, dtype="mixed_float16")
        layer.build((None, 2, 2, 1))
        # In float16 the scale is 4096, and what is left of the images 0.
        layer.set_weights([np.array([4097.0]), np.array([-4096.0])])
        x = np.tile(np.float32([1, -1]).reshape(1, 1, 2, 1), (num, 2, 1, 1))
        output = layer(x)
        assert keras.backend.standardize_dtype(output.dtype) == "float16"
        expected = 4097.0 * x / np.sqrt(1 + 1e-5) - 4096.0
        np.testing.assert_allclose(ops.convert_to_numpy(output), expected, rtol=0.01)

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


class TestAdaptiveInstanceNormalization:
    def test_closed_form(self):
        rng = np.random.default_rng(0)
        x, styles = rng.normal(2.0, 3.0, (3, 5, 4, 2)), rng.normal(size=(3, 6))
        kernel, bias = rng.normal(size=(6, 4)), rng.normal(size=4)
        layer = layers.AdaptiveInstanceNormalization(epsilon=0.01)
        layer.build([x.shape, styles.shape])
        layer.set_weights([kernel, bias])
        normalized = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.01)
        scale, offset = np.split((styles @ kernel + bias)[:, None, None], 2, axis=-1)
        output = layer([x.astype("float32"), styles.astype("float32")])
        np.testing.assert_allclose(ops.convert_to_numpy(output), (1 + scale) * normalized + offset, atol=1e-4)

    def test_is_float32_in_half_precision(self):
        rng = np.random.default_rng(0)
        x = ops.cast(rng.normal(1000.0, 8.0, (2, 16, 16, 2)), "bfloat16")
        styles = rng.normal(size=(2, 3)).astype("float32")
        half, full = (
            layers.AdaptiveInstanceNormalization(dtype=policy) for policy in ("mixed_bfloat16", "float32")
        )
        output = half([x, styles])
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        full.build([x.shape, styles.shape])
        full.set_weights(half.get_weights())
        expected = ops.convert_to_numpy(full([ops.cast(x, "float32"), styles]))
        np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(output, "float32")), expected, atol=0.05)

    def test_styles_are_not_rounded_to_half_precision(self):
        layer = layers.AdaptiveInstanceNormalization(dtype="mixed_bfloat16")
        layer.build([(2, 4, 4, 1), (2, 1)])
        layer.set_weights([np.array([[0.0, 4096.0]]), np.array([0.0, -4096.0])])
        # In bfloat16 the style is 1, and the offset 0.
        output = layer([np.zeros((2, 4, 4, 1), "float32"), np.full((2, 1), 1 + 2**-10, "float32")])
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(output, "float32")), 4.0)

    @pytest.mark.tensorflow  # JAX computes in float64 only where it is told to at its start
    def test_float64_is_float64(self):
        rng = np.random.default_rng(0)
        x, styles = rng.normal(1e6, 1.0, (3, 5, 4, 2)), rng.normal(size=(3, 6))
        layer = layers.AdaptiveInstanceNormalization(dtype="float64")
        output = ops.convert_to_numpy(layer([x, styles]))
        kernel, bias = (ops.convert_to_numpy(weight) for weight in layer.weights)
        normalized = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
        scale, offset = np.split((styles @ kernel + bias)[:, None, None], 2, axis=-1)
        assert output.dtype == "float64"
        np.testing.assert_allclose(output, (1 + scale) * normalized + offset, atol=1e-6)
