"""Layers with equalised learning rate, of Karras et al. 2018, section 4.1."""

import math

import keras
from keras import initializers, ops

from keras_genzoo.layers.convolution import kernel_behind_upsampling

# He's gain for a layer that ReLU follows.
_HE_GAIN = math.sqrt(2.0)


class _Equalized(keras.layers.Layer):
    """Weights drawn with variance 1 and multiplied by He's constant at run time.

    Args:
        units: Int, channels of the result.
        gain: Float. The weights are multiplied by `gain / sqrt(number of inputs of a unit)`.
    """

    def __init__(self, units, gain=_HE_GAIN, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gain = gain

    def _add_weights(self, kernel_shape, bias_shape=None):
        self.kernel = self.add_weight(
            name="kernel", shape=kernel_shape, initializer=initializers.RandomNormal(0.0, 1.0)
        )
        self.bias = self.add_weight(name="bias", shape=bias_shape or (self.units,), initializer="zeros")

    def scaled_kernel(self):
        """The weights that the layer computes with."""
        return self.kernel * (self.gain / math.sqrt(math.prod(self.kernel.shape[:-1])))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "gain": self.gain}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedDense(_Equalized):
    """A dense layer with equalised learning rate.

    The weights are drawn with variance 1 and multiplied by `gain / sqrt(inputs)` at run time, so that Adam moves
    all weights of a network by the same share of their range.

    Args:
        units: Int.
        gain: Float. Defaults to sqrt(2), He's; 1 suits a layer that no ReLU follows.

    Source: Karras et al. 2018, section 4.1.
    """

    def build(self, input_shape):
        self._add_weights((input_shape[-1], self.units))

    def call(self, inputs):
        return ops.matmul(inputs, self.scaled_kernel()) + self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedProjection(_Equalized):
    """Latents to maps, with equalised learning rate: a convolution as large as the map that meets one pixel.

    Args:
        units: Int, channels of the map.
        side: Int, height and width of the map.
        gain: Float. Defaults to sqrt(2).
        pixel_bias: Bool, whether each pixel of the map has a bias of its own.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Tensor `(batch, side, side, units)`.

    Source: Karras et al. 2018, table 2, the generator's "Conv 4x4".
    """

    def __init__(self, units, side=4, gain=_HE_GAIN, pixel_bias=False, **kwargs):
        super().__init__(units, gain, **kwargs)
        self.side = side
        self.pixel_bias = pixel_bias

    def build(self, input_shape):
        bias_shape = (self.side, self.side, self.units) if self.pixel_bias else (self.units,)
        self._add_weights((self.side, self.side, input_shape[-1], self.units), bias_shape)

    def call(self, latents):
        return ops.einsum("bl,hwlu->bhwu", latents, self.scaled_kernel()) + self.bias

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.side, self.side, self.units)

    def get_config(self):
        return {**super().get_config(), "side": self.side, "pixel_bias": self.pixel_bias}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedConv2D(_Equalized):
    """A convolution of stride 1 and padding "same" with equalised learning rate; see `EqualizedDense`.

    Args:
        units: Int, channels of the result.
        kernel_size: Int.
        gain: Float. Defaults to sqrt(2).
        upsampling: Bool, whether the images are enlarged before, each pixel to 2x2. Both together are one transposed
            convolution with a kernel of 4, of 16/36 the work; needs a kernel of 3.

    Source: Karras et al. 2018, section 4.1.
    """

    def __init__(self, units, kernel_size, gain=_HE_GAIN, upsampling=False, **kwargs):
        super().__init__(units, gain, **kwargs)
        if upsampling and kernel_size != 3:
            raise ValueError(f"`upsampling` needs `kernel_size=3`. Received: kernel_size={kernel_size}")
        self.kernel_size = kernel_size
        self.upsampling = upsampling

    def build(self, input_shape):
        self._add_weights((self.kernel_size, self.kernel_size, input_shape[-1], self.units))

    def call(self, inputs):
        kernel = self.scaled_kernel()
        if not self.upsampling:
            return ops.conv(inputs, kernel, padding="same", data_format="channels_last") + self.bias
        kernel = kernel_behind_upsampling(kernel)
        enlarged = ops.conv_transpose(inputs, kernel, strides=2, padding="same", data_format="channels_last")
        return enlarged + self.bias

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        factor = 2 if self.upsampling else 1
        sides = (side if side is None else factor * side for side in (height, width))
        return (batch, *sides, self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "upsampling": self.upsampling,
        }
