"""Halving and doubling without aliases."""

import keras
import numpy as np
from keras import ops

from keras_genzoo.layers.reshaping import ReflectionPadding2D

_TAPS = np.array([1.0, 2.0, 1.0], "float32") / 4.0


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BlurPool2D(ReflectionPadding2D):
    """Smooths maps by the filter [1, 2, 1] along both sides, mirrored at the edges, and keeps every second pixel.

    The pixels kept are 0, 2, 4, ...: a side of `n` becomes `(n + 1) // 2`.

    Args:
        **kwargs: `name` and other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)` with sides of at least 2.

    Returns:
        Tensor `(batch, (height + 1) // 2, (width + 1) // 2, channels)`.

    Source: Zhang 2019 (Making convolutional networks shift-invariant again), the filter "Triangle-3".
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
    """Doubles the sides of maps by bilinear interpolation, those of unknown size too.

    `keras.layers.UpSampling2D` refuses maps whose size is not known when a function is traced, as in an exported
    network. Of these the pixels are repeated and smoothed by [1, 2, 1], which gives the same and takes longer.

    Args:
        **kwargs: `name` and other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, 2 * height, 2 * width, channels)`.
    """

    def __init__(self, **kwargs):
        super().__init__(2, data_format="channels_last", interpolation="bilinear", **kwargs)

    def call(self, inputs):
        if None not in inputs.shape[1:3]:
            return super().call(inputs)
        batch, height, width, channels = ops.shape(inputs)
        # `ops.repeat` would hide the channels from LiteRT.
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
