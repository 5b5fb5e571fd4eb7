import numpy as np
import pytest
from keras import ops

from keras_genzoo import layers


class TestEqualized:
    """The weights have variance 1; what a layer computes with has He's."""

    @pytest.mark.parametrize(
        ("layer", "shape", "fan_in"),
        [
            (layers.EqualizedDense(200), (2, 50), 50),
            (layers.EqualizedConv2D(50, 3), (1, 4, 4, 20), 180),
            (layers.EqualizedProjection(50), (2, 20), 320),
        ],
        ids=["dense", "convolution", "projection"],
    )
    def test_scale(self, layer, shape, fan_in):
        output = ops.convert_to_numpy(layer(np.ones(shape, "float32")))
        kernel, bias = layer.get_weights()
        assert kernel.std() == pytest.approx(1, abs=0.02) and not bias.any()
        used = ops.convert_to_numpy(layer.scaled_kernel())
        np.testing.assert_allclose(used, kernel * np.sqrt(2 / fan_in), rtol=1e-5)
        assert output.shape == tuple(layer.compute_output_shape(shape))

    def test_a_gain_of_its_own(self):
        layer = layers.EqualizedDense(3, gain=1.0)
        x = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
        output = ops.convert_to_numpy(layer(x))
        np.testing.assert_allclose(output, x @ layer.get_weights()[0] / np.sqrt(5), atol=1e-6)

    @pytest.mark.parametrize("side", [1, 4, 5])
    def test_upsampling_is_that_of_nearest_neighbours(self, side):
        layer = layers.EqualizedConv2D(3, 3, upsampling=True)
        x = np.random.default_rng(0).normal(size=(2, side, side, 4)).astype("float32")
        output = ops.convert_to_numpy(layer(x))
        layer.upsampling = False
        expected = ops.convert_to_numpy(layer(x.repeat(2, axis=1).repeat(2, axis=2)))
        np.testing.assert_allclose(output, expected, atol=1e-5)
        with pytest.raises(ValueError, match="`kernel_size=3`"):
            layers.EqualizedConv2D(3, 1, upsampling=True)

    @pytest.mark.parametrize(
        "layer",
        [
            layers.EqualizedDense(3, gain=0.5),
            layers.EqualizedConv2D(3, 3, upsampling=True),
            layers.EqualizedProjection(3, side=2),
        ],
        ids=lambda layer: layer.name,
    )
    def test_config(self, layer):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
