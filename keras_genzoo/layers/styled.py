"""The modulated convolution of StyleGAN2."""

import math

import keras
from keras import initializers, ops

from keras_genzoo.arguments import Flag, PositiveInt, checked
from keras_genzoo.layers.equalized import EqualizedDense
from keras_genzoo.layers.resampling import smoothed


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StyledConv2D(keras.layers.Layer):
    """A modulated convolution, with noise, bias and activation (StyleGAN2).

    A dense layer maps the style to a scale `s_i` per input channel. The weights for an image are `w'_ijk =
    s_i w_ijk`, divided by their norm per output channel (demodulation). This is computed as a convolution of
    the scaled inputs with shared weights, divided by the norms, which is one convolution for all images.

    Args:
        units: Positive int, number of output channels.
        kernel_size: Positive int, 3 or 1.
        upsampling: Bool, whether maps are upsampled by 2, with zeros between the pixels and the filter [1, 3,
            3, 1].
        noise: Bool, whether noise is added, equal for all channels, with a trained strength whose initial
            value is 0.
        to_images: Bool. True is for the linear layer that outputs images, without demodulation, noise and
            activation. The scales are then divided by the square root of the number of inputs.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.
        styles: Float tensor `(batch, style_dim)`.
        noise: Float tensor `(batch, side, side, 1)` with the side of the output, or None for the noise of the
            layer, which is drawn once and saved.

    Returns:
        Tensor `(batch, side, side, units)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.StyledConv2D(8, upsampling=True)
    outputs = layer(keras.ops.ones((2, 4, 4, 16)), keras.ops.ones((2, 32)))  # (2, 8, 8, 8)
    ```

    Reference: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020, arXiv:1912.04958,
    section 2.2, equations 1 and 3; the constant 1e-8, and the bias of 1 in the dense layer, as in the
    authors' code.
    """

    @checked
    def __init__(
        self,
        units: PositiveInt,
        kernel_size: PositiveInt = 3,
        upsampling: Flag = False,
        noise: Flag = True,
        to_images: Flag = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_size = kernel_size
        self.upsampling = upsampling
        self.noise = noise and not to_images
        self.to_images = to_images

    def build(self, inputs_shape, styles_shape):
        _, height, width, channels = inputs_shape
        self.affine = EqualizedDense(channels, gain=1.0, bias=1.0, name="affine", dtype=self.dtype_policy)
        self.affine.build(styles_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, channels, self.units),
            initializer=initializers.RandomNormal(0.0, 1.0),
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        if self.noise:
            self.noise_strength = self.add_weight(name="noise_strength", shape=(), initializer="zeros")
            factor = 2 if self.upsampling else 1
            self.own_noise = self.add_weight(
                name="own_noise",
                shape=(factor * height, factor * width),
                initializer=initializers.RandomNormal(0.0, 1.0),
                trainable=False,
            )

    def call(self, inputs, styles, noise=None):
        scales = self.affine(styles)
        if self.to_images:
            scales = scales * (1.0 / math.sqrt(inputs.shape[-1]))
            return self._convolved(inputs * scales[:, None, None]) + self.bias
        # The gain of the activation is applied before it, where it needs no further operation.
        gain = math.sqrt(2.0)
        norms = ops.cast(gain * ops.rsqrt(self._squared_norms(scales) + 1e-8), inputs.dtype)
        x = self._convolved(inputs * scales[:, None, None]) * norms[:, None, None]
        if self.noise:
            noise = self.own_noise[None, :, :, None] if noise is None else ops.cast(noise, x.dtype)
            x = x + gain * self.noise_strength * noise
        return ops.leaky_relu(x + gain * self.bias, 0.2)

    def _squared_norms(self, scales):
        """Sums of the squared weights for each image, float32 `(batch, units)`."""
        squares = ops.sum(ops.square(ops.cast(self.kernel, "float32")), axis=(0, 1))
        return ops.matmul(ops.square(ops.cast(scales, "float32")), squares)

    def _convolved(self, x):
        if not self.upsampling:
            return ops.conv(x, self.kernel, padding="same", data_format="channels_last")
        kernel = ops.transpose(self.kernel, (0, 1, 3, 2))
        x = ops.conv_transpose(x, kernel, strides=2, padding="valid", data_format="channels_last")
        return smoothed(x, (1, 1), gain=4.0)

    def compute_output_shape(self, inputs_shape, styles_shape):
        batch, *sides, _ = inputs_shape
        factor = 2 if self.upsampling else 1
        return (batch, *(factor * side for side in sides), self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_size": self.kernel_size,
            "upsampling": self.upsampling,
            "noise": self.noise,
            "to_images": self.to_images,
        }
