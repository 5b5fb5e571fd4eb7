"""Layers with equalized learning rate (Karras et al. 2018, section 4.1)."""

import math

import keras
from keras import initializers, ops

from keras_genzoo.layers.convolution import kernel_behind_upsampling
from keras_genzoo.layers.resampling import smoothed

# He's gain for a layer followed by ReLU.
_HE_GAIN = math.sqrt(2.0)


class _Equalized(keras.layers.Layer):
    """A layer whose weights have initial variance 1 and are multiplied by He's constant at run time.

    Args:
        units: Int, number of output channels.
        gain: Float. The weights are multiplied by `gain / sqrt(number of inputs of a unit)`.
    """

    def __init__(self, units, gain=_HE_GAIN, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gain = gain

    # Factor of the learning rate: initial weights are divided by it, and multiplied by it at run time.
    rate = 1.0

    def _add_weights(self, kernel_shape, bias_shape=None, bias=0.0, use_bias=True):
        self.kernel = self.add_weight(
            name="kernel", shape=kernel_shape, initializer=initializers.RandomNormal(0.0, 1.0 / self.rate)
        )
        if use_bias:
            initializer = initializers.Constant(bias / self.rate)
            self.bias = self.add_weight(
                name="bias", shape=bias_shape or (self.units,), initializer=initializer
            )

    def scaled_kernel(self):
        """Returns the effective weights of the layer."""
        return self.kernel * (self.rate * self.gain / math.sqrt(math.prod(self.kernel.shape[:-1])))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "gain": self.gain}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedDense(_Equalized):
    """A dense layer with equalized learning rate.

    The weights have initial variance 1 and are multiplied by `gain / sqrt(inputs)` at run time. Adam then
    changes all weights of a network at the same relative rate.

    Args:
        units: Int, number of output channels.
        gain: Float. The default sqrt(2) is for layers followed by ReLU; use 1 otherwise.
        rate: Float, factor of the learning rate of this layer: initial weights and biases are divided by
            `rate`, and multiplied by it at run time. The mapping network of StyleGAN uses 0.01.
        bias: Float, initial effective bias.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.EqualizedDense(8, gain=1.0)
    outputs = layer(keras.ops.ones((2, 4)))  # (2, 8)
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, section 4.1. Karras et al., "A style-based generator architecture for generative
    adversarial networks", 2019, arXiv:1812.04948, appendix C, on the learning rate of the mapping network.
    """

    def __init__(self, units, gain=_HE_GAIN, rate=1.0, bias=0.0, **kwargs):
        super().__init__(units, gain, **kwargs)
        self.rate = rate
        self.first_bias = bias

    def build(self, input_shape):
        self._add_weights((input_shape[-1], self.units), bias=self.first_bias)

    def call(self, inputs):
        return ops.matmul(inputs, self.scaled_kernel()) + self.rate * self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "bias": self.first_bias}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedProjection(_Equalized):
    """Projects latents to feature maps, with equalized learning rate.

    It is a transposed convolution of a single pixel, with a kernel of the size of the map.

    Args:
        units: Int, number of output channels.
        side: Int, height and width of the map.
        gain: Float. Defaults to sqrt(2).
        pixel_bias: Bool, whether each pixel of the map has its own bias.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Tensor `(batch, side, side, units)`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.EqualizedProjection(16)
    outputs = layer(keras.ops.ones((2, 8)))  # (2, 4, 4, 16)
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, table 2, "Conv 4x4" of the generator.
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
    """A convolution with stride 1 and padding "same" and equalized learning rate; see `EqualizedDense`.

    Args:
        units: Int, number of output channels.
        kernel_size: Int.
        gain: Float. Defaults to sqrt(2).
        upsampling: Bool, whether maps are upsampled by 2 with nearest neighbors before the convolution. Both
            are computed as one transposed convolution with 16/36 of the operations. It needs a kernel size of
            3.
        downsampling: Bool, whether maps are smoothed with [1, 3, 3, 1] and downsampled by 2. It needs a
            kernel size of 3 or 1.
        use_bias: Bool, whether the layer has a bias.
        bias_gain: Float, factor of the bias. If `gain` and `bias_gain` include the gain of a following leaky
            ReLU, that gain needs no further operation.

    Raises:
        ValueError: If `kernel_size` does not support upsampling or downsampling, or both are given.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.EqualizedConv2D(8, 3, downsampling=True)
    outputs = layer(keras.ops.ones((2, 8, 8, 4)))  # (2, 4, 4, 8)
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, section 4.1. Karras et al., "A style-based generator architecture for generative
    adversarial networks", 2019, arXiv:1812.04948, appendix C, on the smoothing.
    """

    def __init__(
        self,
        units,
        kernel_size,
        gain=_HE_GAIN,
        upsampling=False,
        downsampling=False,
        use_bias=True,
        bias_gain=1.0,
        **kwargs,
    ):
        super().__init__(units, gain, **kwargs)
        if upsampling and kernel_size != 3:
            raise ValueError(f"`upsampling` needs `kernel_size=3`. Received: kernel_size={kernel_size}")
        if downsampling and (upsampling or kernel_size not in (1, 3)):
            raise ValueError(
                "`downsampling` needs `kernel_size` 1 or 3, and no `upsampling`. Received: "
                f"kernel_size={kernel_size}, upsampling={upsampling}"
            )
        self.kernel_size = kernel_size
        self.upsampling = upsampling
        self.downsampling = downsampling
        self.use_bias = use_bias
        self.bias_gain = bias_gain

    def build(self, input_shape):
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.units)
        self._add_weights(shape, use_bias=self.use_bias)

    def call(self, inputs):
        outputs = self._convolved(inputs, self.scaled_kernel())
        return outputs + self.bias_gain * self.bias if self.use_bias else outputs

    def _convolved(self, x, kernel):
        if self.upsampling:
            kernel = kernel_behind_upsampling(kernel)
            return ops.conv_transpose(x, kernel, strides=2, padding="same", data_format="channels_last")
        if self.downsampling and self.kernel_size == 3:
            return ops.conv(smoothed(x, (2, 2)), kernel, strides=2, data_format="channels_last")
        if self.downsampling:
            # A kernel of size 1 only needs every second pixel.
            x = smoothed(x, (1, 1), strides=2)
        return ops.conv(x, kernel, padding="same", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        factor = 2.0 if self.upsampling else 0.5 if self.downsampling else 1.0
        sides = (side if side is None else int(factor * side) for side in (height, width))
        return (batch, *sides, self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "upsampling": self.upsampling,
            "downsampling": self.downsampling,
            "use_bias": self.use_bias,
            "bias_gain": self.bias_gain,
        }
