"""Convolutions that enlarge maps, computed in the way that is fastest."""

import keras
from keras import ops

from keras_genzoo.arguments import PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, as one matrix product on small maps.

    Same weights, same result. Where a 4x4 kernel of stride 2 with padding "same" meets few images of few pixels,
    a library's convolution is a multiple slower than the product of all pixels with all of the kernel, whose
    parts are then added where they overlap.

    Args:
        filters, kernel_size, strides, padding, **kwargs: As for `keras.layers.Conv2DTranspose`.
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
    """Nearest-neighbor upsampling, each pixel to 2x2, and a 3x3 convolution with padding "same".

    Both together are one transposed convolution with a kernel of 4 and stride 2, of 16/36 the work, and are
    computed so. Unlike one whose 4x4 kernel is free, it gives a map of one color no pattern.

    Args:
        filters: Int, channels of the result.
        **kwargs: As for `keras.layers.Conv2D`, without strides, dilation and groups.

    Raises:
        ValueError: If an argument is given that is fixed.

    Source: Odena et al. 2016 (Deconvolution and checkerboard artifacts).
    """

    _FIXED = frozenset({"kernel_size", "padding", "data_format", "strides", "dilation_rate", "groups"})

    @checked
    def __init__(self, filters: PositiveInt, **kwargs):
        if given := sorted(kwargs.keys() & self._FIXED):
            raise ValueError(f"{given} cannot be given: the layer is upsampling and a plain 3x3 convolution.")
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
    """Nearest-neighbor upsampling and a convolution with a kernel `(3, 3, channels, filters)`, as one."""
    return _doubled(inputs, kernel_behind_upsampling(kernel))


# Pixels of a batch up to which a matrix product is faster than a library's transposed convolution, measured on
# two CPU cores.
_FEW_PIXELS = 256


def _doubled(inputs, kernel):
    """Transposed convolution of stride 2 with a kernel `(4, 4, filters, channels)` and padding "same"."""
    batch, height, width, channels = inputs.shape
    if None in (batch, height, width) or batch * height * width > _FEW_PIXELS:
        return ops.conv_transpose(inputs, kernel, strides=2, padding="same", data_format="channels_last")
    # The product of all pixels with all of the kernel, whose parts are then added where they overlap: pixel i
    # adds its product with row k of the kernel to row 2 i + k - 1 of the result.
    filters = kernel.shape[2]
    # Turning the kernel round would cost more than the product.
    kernel = ops.reshape(kernel, (-1, channels))
    parts = ops.einsum("kc,pc->pk", kernel, ops.reshape(inputs, (-1, channels)))
    parts = ops.reshape(parts, (batch, height, width, 4, 4, filters))
    rows = _overlapped(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), axis=1)
    rows = ops.reshape(rows, (batch, 2 * height, width, 4, filters))
    return ops.reshape(_overlapped(rows, axis=2), (batch, 2 * height, 2 * width, filters))


def kernel_behind_upsampling(kernel):
    """The kernel of the transposed convolution that upsampling and a convolution are together.

    A pixel reaches 4 along a side: the first and last by one weight, those between by the sum of two.

    Args:
        kernel: Tensor `(3, 3, channels, filters)`.

    Returns:
        Tensor `(4, 4, filters, channels)`.
    """
    for axis in (0, 1):
        kernel = ops.flip(kernel, axis=axis)  # one axis at a time: OpenVINO turns round no more
        padding = [(0, 0)] * 4
        padding[axis] = (1, 0)
        late = ops.pad(kernel, padding)
        padding[axis] = (0, 1)
        kernel = late + ops.pad(kernel, padding)
    return ops.transpose(kernel, (0, 1, 3, 2))


def _overlapped(parts, axis):
    """Adds the four rows (axis + 1) of each of n pixels (axis) into 2 n rows, two a pixel."""
    first, second, third, fourth = ops.unstack(parts, axis=axis + 1)
    num = parts.shape[axis]

    def shifted(rows, by):
        padding = [(0, 0)] * len(rows.shape)
        padding[axis] = (1, 0) if by > 0 else (0, 1)
        kept = ops.take(rows, range(num - 1) if by > 0 else range(1, num), axis=axis)
        return ops.pad(kept, padding)

    return ops.stack([second + shifted(fourth, 1), third + shifted(first, -1)], axis=axis + 1)
