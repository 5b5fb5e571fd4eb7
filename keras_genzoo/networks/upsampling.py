"""The small generator and critic of WGAN-GP tutorials, for images of any side."""

import math

import keras
from keras import layers

from keras_genzoo.arguments import Flag, PositiveInt, PositiveInts, Share, checked
from keras_genzoo.layers import BatchNormalization, Dropout, LeakyReLU
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class UpsamplingGenerator(ConfigurableNetwork):
    """Generator that maps latents to images with nearest-neighbor upsampling and 3x3 convolutions.

    A dense layer outputs a 4x4 map. Each level doubles the side and convolves. Each layer is followed by
    batch normalization and leaky ReLU (0.2), the last one by batch normalization and tanh. If the side is not
    4 * 2^k, the image is cropped from the next larger side. No layer has a bias: batch normalization has
    offsets.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width, at least 8.
        latent_dim: Positive int, length of a latent.
        width: Positive int, channels of the map before the last convolution.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range, or the image is not square with a side of at least 8.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.UpsamplingGenerator((28, 28, 1))  # channels 256, 128, 64, 1
    generator.count_params()  # 910,660
    ```

    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, arXiv:1704.00028, with the
    networks of Keras' WGAN-GP example.
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
    """Critic that maps images to one value with 5x5 convolutions with stride 2, leaky ReLU (0.2) and dropout.

    If the side is not 4 * 2^k, the image is padded to the next larger side. The map is halved down to 2x2.
    There is no normalization.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width, at least 8.
        width: Positive int, channels of the first convolution, doubled by each further one.
        dropout: Float in [0, 1), rate of dropout after each convolution except the first and the last.
        final_dropout: Float in [0, 1), rate of dropout before the dense layer.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        Float32 values `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or the image is not square with a side of at least 8.

    Example:

    ```python
    import keras_genzoo as kg

    critic = kg.networks.StridedCritic((28, 28, 1))  # channels 64, 128, 256, 512
    critic.count_params()  # 4,305,409
    ```

    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, arXiv:1704.00028, with the
    networks of Keras' WGAN-GP example.
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
            f"Received: image_shape={tuple(image_shape)}. Pass custom networks for other shapes."
        )
    side, _, channels = image_shape
    return side, channels, math.ceil(math.log2(side / 4))


def _margins(side, doublings):
    """Rows (and columns) between the image and a map of side 4 * 2^doublings, `((top, bottom), ...)`."""
    margin = 4 * 2**doublings - side
    return ((margin // 2, margin - margin // 2),) * 2
