"""Resampling with the smooth filter [1, 3, 3, 1], as in StyleGAN2.

The filter is a 4x4 depthwise convolution. On a CPU it takes a third of the time of a 3x3 convolution with 32
channels, while a single 6x6 kernel for both takes three times as long as the two.
"""

import numpy as np
from keras import ops

_TAPS = np.array([1.0, 3.0, 3.0, 1.0], "float32") / 8.0
_FILTER = np.outer(_TAPS, _TAPS)


def smoothed(images, padding, strides=1, gain=1.0):
    """Filters images with [1, 3, 3, 1] along both sides.

    Args:
        images: Float tensor `(batch, height, width, channels)`.
        padding: Pair of ints, number of zeros before and after each side. A side of `n` becomes `n +
            sum(padding) - 3`.
        strides: Int; 2 returns every second pixel only.
        gain: Float, sum of the filter.

    Returns:
        Tensor of the dtype of `images`.
    """
    channels = images.shape[-1]
    kernel = np.broadcast_to(gain * _FILTER[:, :, None, None], (4, 4, channels, 1))
    images = ops.pad(images, [(0, 0), padding, padding, (0, 0)])
    return ops.depthwise_conv(
        images, ops.cast(kernel, images.dtype), strides=strides, padding="valid", data_format="channels_last"
    )


def enlarged(images):
    """Upsamples images by 2: inserts zeros between the pixels, and filters with [1, 3, 3, 1].

    Args:
        images: Float tensor `(batch, height, width, channels)` with few channels.

    Returns:
        Tensor `(batch, 2 height, 2 width, channels)`.
    """
    kernel = 4.0 * _FILTER[:, :, None, None] * np.eye(images.shape[-1], dtype="float32")
    kernel = ops.cast(kernel, images.dtype)
    return ops.conv_transpose(images, kernel, strides=2, padding="same", data_format="channels_last")
