"""The small generator and critic of the WGAN-GP tutorials, for any side."""

import math

import keras
from keras import layers

from keras_genzoo.arguments import Flag, PositiveInt, PositiveInts, Share, checked
from keras_genzoo.layers import BatchNormalization, Dropout, LeakyReLU
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class UpsamplingGenerator(ConfigurableNetwork):
    """Latents to images by nearest-neighbor upsampling and 3x3 convolutions.

    A dense layer makes a 4x4 map; each level doubles the side and convolves; batch normalization and leaky ReLU
    (0.2) follow each layer, of the last one batch normalization and tanh. A side that is not 4 * 2^k is
    cropped from the next larger one. No layer has a bias: the normalizations have offsets.

    Args:
        image_shape: Tuple `(height, width, channels)`, height and width equal.
        latent_dim: Int, length of a latent.
        width: Int, channels of the map before the last convolution.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images in [-1, 1].

    Example:

    >>> UpsamplingGenerator((28, 28, 1)).count_params()  # channels 256, 128, 64, 1
    910660

    Source: Gulrajani et al. 2017 with the networks that Keras' WGAN-GP example made common.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 128,
        width: PositiveInt = 64,
        synchronized: Flag = False,
        name="generator",
    ):
        side, channels, doublings = _side_channels_doublings(image_shape)
        latents = keras.Input((latent_dim,), name="latents")
        x = layers.Dense(4 * 4 * width * 2 ** (doublings - 1), use_bias=False, name="initial_map")(latents)
        x = layers.LeakyReLU(0.2)(BatchNormalization(synchronized=synchronized)(x))
        x = layers.Reshape((4, 4, -1))(x)
        for level in range(doublings):
            last = level == doublings - 1
            x = layers.UpSampling2D(2)(x)
            filters = channels if last else width * 2 ** (doublings - 2 - level)
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = BatchNormalization(synchronized=synchronized)(x)
            if not last:
                x = layers.LeakyReLU(0.2)(x)
        x = layers.Activation("tanh", dtype="float32")(x)
        images = layers.Cropping2D(_margins(side, doublings), dtype="float32", name="images")(x)
        super().__init__(latents, images, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StridedCritic(ConfigurableNetwork):
    """Images to one value by 5x5 convolutions with stride 2, leaky ReLU (0.2) and dropout, not normalized.

    A side that is not 4 * 2^k is padded to the next larger one. The map is halved until it is 2x2.

    Args:
        image_shape: Tuple `(height, width, channels)`, height and width equal.
        width: Int, channels of the first convolution, doubled at each.
        dropout: Float in [0, 1), rate after each convolution but the first and the last.
        final_dropout: Float in [0, 1), rate before the dense layer.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        Float32 values `(batch, 1)`.

    Example:

    >>> StridedCritic((28, 28, 1)).count_params()  # channels 64, 128, 256, 512
    4305409

    Source: Gulrajani et al. 2017 with the networks that Keras' WGAN-GP example made common.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        width: PositiveInt = 64,
        dropout: Share = 0.3,
        final_dropout: Share = 0.2,
        name="critic",
    ):
        side, _, doublings = _side_channels_doublings(image_shape)
        images = keras.Input(tuple(image_shape), name="images")
        x = layers.ZeroPadding2D(_margins(side, doublings))(images)
        for level in range(doublings + 1):
            x = layers.Conv2D(width * 2**level, 5, strides=2, padding="same")(x)
            x = LeakyReLU(0.2)(x)
            if 0 < level < doublings and dropout > 0:
                x = Dropout(dropout)(x)
        x = layers.Flatten()(x)
        if final_dropout > 0:
            x = Dropout(final_dropout)(x)
        values = layers.Dense(1, name="values")(x)
        outputs = layers.Activation("linear", dtype="float32", name="float32_values")(values)
        super().__init__(images, outputs, name=name)


def _side_channels_doublings(image_shape):
    if len(image_shape) != 3 or image_shape[0] != image_shape[1] or image_shape[0] < 8:
        raise ValueError(
            "`image_shape` must be (height, width, channels), square, with a side of at least 8. "
            f"Received: image_shape={tuple(image_shape)}. Pass networks of your own for other shapes."
        )
    side, _, channels = image_shape
    return side, channels, math.ceil(math.log2(side / 4))


def _margins(side, doublings):
    """Rows (and columns) between the image and the map of side 4 * 2^doublings, `((top, bottom), ...)`."""
    margin = 4 * 2**doublings - side
    return ((margin // 2, margin - margin // 2),) * 2
