"""Antialiased downsampling and upsampling."""

import keras
import numpy as np
from keras import ops

from keras_genzoo.layers.reshaping import ReflectionPadding2D

_TAPS = np.array([1.0, 2.0, 1.0], "float32") / 4.0


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BlurPool2D(ReflectionPadding2D):
    """Antialiased downsampling: blurs maps with the filter [1, 2, 1], and keeps every second pixel.

    Borders are padded by reflection. The pixels 0, 2, 4, ... are kept: a side of `n` becomes `(n + 1) // 2`.

    Args:
        **kwargs: `name` and other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)` with sides of at least 2.

    Returns:
        Tensor `(batch, (height + 1) // 2, (width + 1) // 2, channels)`.

    Raises:
        ValueError: If a side of the input is less than 2.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.BlurPool2D()
    outputs = layer(keras.ops.ones((2, 8, 8, 3)))  # (2, 4, 4, 3)
    ```

    Reference: Zhang, "Making convolutional networks shift-invariant again", 2019, arXiv:1904.11486, the
    filter "Triangle-3".
    """

    def __init__(self, **kwargs):
        super().__init__(padding=1, **kwargs)

    def call(self, inputs):
        return _smoothed(super().call(inputs), strides=2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, *(side if side is None else (side + 1) // 2 for side in (height, width)), channels)

    def get_config(self):
        config = super().get_config()
        del config["padding"]
        return config


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BilinearUpSampling2D(keras.layers.UpSampling2D):
    """Doubles the sides of maps with bilinear interpolation, also for maps of unknown size.

    `keras.layers.UpSampling2D` does not support maps whose size is unknown when a function is traced, as in
    an exported network. For these, pixels are repeated and smoothed with [1, 2, 1], which gives the same
    result but takes longer.

    Args:
        **kwargs: `name` and other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, 2 * height, 2 * width, channels)`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.BilinearUpSampling2D()
    outputs = layer(keras.ops.ones((2, 4, 4, 3)))  # (2, 8, 8, 3)
    ```
    """

    def __init__(self, **kwargs):
        super().__init__(2, data_format="channels_last", interpolation="bilinear", **kwargs)

    def call(self, inputs):
        if None not in inputs.shape[1:3]:
            return super().call(inputs)
        batch, height, width, channels = ops.shape(inputs)
        # LiteRT would not know the number of channels after `ops.repeat`.
        wide = ops.reshape(ops.concatenate([inputs, inputs], axis=3), (batch, height, 2 * width, channels))
        doubled = ops.reshape(ops.concatenate([wide, wide], axis=2), (batch, 2 * height, 2 * width, channels))
        return _smoothed(ops.pad(doubled, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), strides=1)

    def get_config(self):
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in self._FIXED}

    _FIXED = frozenset({"size", "data_format", "interpolation"})


def _smoothed(padded, strides):
    kernel = np.broadcast_to(np.outer(_TAPS, _TAPS)[:, :, None, None], (3, 3, padded.shape[-1], 1))
    return ops.depthwise_conv(
        padded, ops.cast(kernel, padded.dtype), strides=strides, padding="valid", data_format="channels_last"
    )
