"""Convolutions that upsample feature maps, computed in the fastest way."""

import keras
from keras import ops

from keras_genzoo.arguments import PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, computed as a matrix product for small maps.

    Weights and results are those of `keras.layers.Conv2DTranspose`. For a 4x4 kernel with stride 2 and
    padding "same" and few images with few pixels, the convolution of the backend is several times slower than
    a product of all pixels with the whole kernel whose overlapping parts are then added.

    Args:
        filters, kernel_size, strides, padding, **kwargs: As for `keras.layers.Conv2DTranspose`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.Conv2DTranspose(8, 4, strides=2, padding="same")
    outputs = layer(keras.ops.ones((2, 4, 4, 16)))  # (2, 8, 8, 8)
    ```
    """

    def call(self, inputs):
        doubles = (self.kernel_size, self.strides, self.padding) == ((4, 4), (2, 2), "same")
        doubles = doubles and self.output_padding is None and self.data_format == "channels_last"
        if not doubles:
            return super().call(inputs)
        outputs = _doubled(inputs, ops.cast(self.kernel, inputs.dtype))
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ResizeConv2D(keras.layers.Conv2D):
    """Nearest-neighbor upsampling by 2, followed by a 3x3 convolution with padding "same".

    Both are computed as one transposed convolution with a kernel of size 4 and stride 2, which needs 16/36 of
    the operations. Unlike a transposed convolution with a free 4x4 kernel, it does not create checkerboard
    artifacts.

    Args:
        filters: Positive int, number of output channels.
        **kwargs: As for `keras.layers.Conv2D`, except kernel size, padding, data format, strides, dilation
            and groups.

    Raises:
        ValueError: If `filters` is not a positive int, or a fixed argument is given.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.ResizeConv2D(8)
    outputs = layer(keras.ops.ones((2, 4, 4, 16)))  # (2, 8, 8, 8)
    ```

    Reference: Odena et al., "Deconvolution and checkerboard artifacts", 2016.
    """

    _FIXED = frozenset({"kernel_size", "padding", "data_format", "strides", "dilation_rate", "groups"})

    @checked
    def __init__(self, filters: PositiveInt, **kwargs):
        if given := sorted(kwargs.keys() & self._FIXED):
            raise ValueError(f"{given} cannot be set: the layer is an upsampling and a 3x3 convolution.")
        super().__init__(filters, 3, padding="same", data_format="channels_last", **kwargs)

    def call(self, inputs):
        outputs = enlarged(inputs, ops.cast(self.kernel, inputs.dtype))
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, *(side if side is None else 2 * side for side in (height, width)), self.filters)

    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name not in self._FIXED}


def enlarged(inputs, kernel):
    """Computes nearest-neighbor upsampling and a convolution with a kernel `(3, 3, channels, filters)` as one
    operation.
    """
    return _doubled(inputs, kernel_behind_upsampling(kernel))


# Largest number of pixels of a batch for which a matrix product is faster than a transposed convolution, measured on
# two CPU cores.
_FEW_PIXELS = 256


def _doubled(inputs, kernel):
    """Computes a transposed convolution with stride 2, a kernel `(4, 4, filters, channels)` and padding
    "same".
    """
    batch, height, width, channels = inputs.shape
    if None in (batch, height, width) or batch * height * width > _FEW_PIXELS:
        return ops.conv_transpose(inputs, kernel, strides=2, padding="same", data_format="channels_last")
    # The product of all pixels with the whole kernel; overlapping parts are then added: pixel i adds its product with
    # row k of the kernel to row 2 i + k - 1 of the result.
    filters = kernel.shape[2]
    # Transposing the kernel would take longer than the product.
    kernel = ops.reshape(kernel, (-1, channels))
    parts = ops.einsum("kc,pc->pk", kernel, ops.reshape(inputs, (-1, channels)))
    parts = ops.reshape(parts, (batch, height, width, 4, 4, filters))
    rows = _overlapped(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), axis=1)
    rows = ops.reshape(rows, (batch, 2 * height, width, 4, filters))
    return ops.reshape(_overlapped(rows, axis=2), (batch, 2 * height, 2 * width, filters))


def kernel_behind_upsampling(kernel):
    """Computes the kernel of the transposed convolution that is equal to upsampling and a convolution.

    A pixel contributes to 4 pixels along a side: to the first and last by one weight, to the others by the
    sum of two.

    Args:
        kernel: Tensor `(3, 3, channels, filters)`.

    Returns:
        Tensor `(4, 4, filters, channels)`.
    """
    for axis in (0, 1):
        kernel = ops.flip(kernel, axis=axis)  # one axis at a time, as OpenVINO requires
        padding = [(0, 0)] * 4
        padding[axis] = (1, 0)
        late = ops.pad(kernel, padding)
        padding[axis] = (0, 1)
        kernel = late + ops.pad(kernel, padding)
    return ops.transpose(kernel, (0, 1, 3, 2))


def _overlapped(parts, axis):
    """Adds the four rows (axis + 1) of each of n pixels (axis) to 2 n rows, two per pixel."""
    first, second, third, fourth = ops.unstack(parts, axis=axis + 1)
    num = parts.shape[axis]

    def shifted(rows, by):
        padding = [(0, 0)] * len(rows.shape)
        padding[axis] = (1, 0) if by > 0 else (0, 1)
        kept = ops.take(rows, range(num - 1) if by > 0 else range(1, num), axis=axis)
        return ops.pad(kept, padding)

    return ops.stack([second + shifted(fourth, 1), third + shifted(first, -1)], axis=axis + 1)
