"""The networks of StarGAN: generator and discriminator."""

import keras
from keras import initializers, layers, ops

from keras_genzoo.arguments import ImageShape, NonNegativeInt, OptionalPositiveInt, PositiveInt, checked
from keras_genzoo.layers import InstanceNormalization, LeakyReLU
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANGenerator(ConfigurableNetwork):
    """Generator of StarGAN: maps images and vectors of domains to images with residual blocks.

    Each value of the vector is a constant map that is concatenated to the channels of the image. A 7x7
    convolution and two 4x4 convolutions with stride 2 are followed by residual blocks of two 3x3 convolutions
    at a quarter of the side, two 4x4 transposed convolutions with stride 2, a 7x7 convolution and tanh. All
    convolutions but the last are followed by instance normalization with a trained scale and offset and,
    except for the second of a block, by ReLU. Convolutions have no biases and use zero padding. With 5 domains
    it has 8,430,528 parameters.

    Args:
        num_domains: Positive int, length of the vectors.
        channels: Positive int, channels of the images.
        width: Positive int, channels of the first convolution.
        num_blocks: Int of at least 0, number of residual blocks.

    Call arguments:
        inputs: List of float images in [-1, 1] `(batch, height, width, channels)`, whose sides are multiples
            of 4, and float vectors `(batch, num_domains)`: one-hot domains, or several attributes that are 0 or
            1 each.

    Returns:
        Float32 images in [-1, 1] of the shape of the first input.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.StarGANGenerator(num_domains=2, width=2, num_blocks=1)
    images = generator([keras.ops.zeros((2, 16, 16, 3)), keras.ops.eye(2)])  # (2, 16, 16, 3)
    ```

    Reference: Choi et al., "StarGAN: Unified generative adversarial networks for multi-domain image-to-image
    translation", 2018, arXiv:1711.09020, table 4; biases and padding as in the authors' code.
    """

    @checked
    def __init__(
        self,
        num_domains: PositiveInt,
        channels: PositiveInt = 3,
        width: PositiveInt = 64,
        num_blocks: NonNegativeInt = 6,
        name="generator",
    ):
        images = keras.Input((None, None, channels), name="images")
        domains = keras.Input((num_domains,), name="domains")
        x = layers.Concatenate(name="images_and_domains")([images, _maps(domains, images)])
        x = _normalized(_convolution(width, 7, "input_conv", use_bias=False)(x), "input_norm")
        for level in (1, 2):
            x = layers.ReLU()(x)
            x = _convolution(width * 2**level, 4, f"down_{level}_conv", strides=2, use_bias=False)(x)
            x = _normalized(x, f"down_{level}_norm")
        x = layers.ReLU()(x)
        for block in range(1, num_blocks + 1):
            residual = x
            for part in ("first", "second"):
                residual = layers.ReLU()(residual) if part == "second" else residual
                name_of_part = f"block_{block}_{part}"
                residual = _convolution(x.shape[-1], 3, f"{name_of_part}_conv", use_bias=False)(residual)
                residual = _normalized(residual, f"{name_of_part}_norm")
            x = layers.Add(name=f"block_{block}")([x, residual])
        for level in (2, 1):
            x = layers.Conv2DTranspose(
                width * 2 ** (level - 1),
                4,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=_uniform(),
                name=f"up_{level}_conv",
            )(x)
            x = layers.ReLU()(_normalized(x, f"up_{level}_norm"))
        x = _convolution(channels, 7, "output_conv", use_bias=False)(x)
        x = layers.Activation("tanh", dtype="float32", name="translations")(x)
        super().__init__([images, domains], x, name=name)
        self.size_multiple = 4


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANDiscriminator(ConfigurableNetwork):
    """Discriminator of StarGAN: maps images to one value per patch, and to logits of the domains.

    It has 4x4 convolutions with stride 2 down to a side of 2, with leaky ReLU (0.01); each doubles the
    channels. A 3x3 convolution outputs the values, and a convolution of the size of the feature map the
    logits, both without biases. For 128x128 and 5 domains it has 44,762,048 parameters.

    Args:
        num_domains: Positive int, number of logits.
        image_shape: Tuple `(height, width, channels)`. Both sides must be multiples of 2 to the power of the
            number of layers.
        width: Positive int, channels of the first convolution.
        num_layers: Positive int, number of convolutions with stride 2. Defaults to the number that reduces the
            shorter side to 2 or 3.

    Call arguments:
        images: Float images in [-1, 1] `(batch, *image_shape)`.

    Returns:
        List of float32 values `(batch, height / 2^num_layers, width / 2^num_layers, 1)` and float32 logits
        `(batch, num_domains)`.

    Raises:
        ValueError: If an argument is out of its range, or the sides of `image_shape` are not multiples of
            2^num_layers.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.StarGANDiscriminator(3, (16, 16, 3), width=2)
    values, logits = discriminator(keras.ops.zeros((2, 16, 16, 3)))  # (2, 2, 2, 1) and (2, 3)
    ```

    Reference: Choi et al., "StarGAN: Unified generative adversarial networks for multi-domain image-to-image
    translation", 2018, arXiv:1711.09020, table 5; biases as in the authors' code.
    """

    @checked
    def __init__(
        self,
        num_domains: PositiveInt,
        image_shape: ImageShape = (128, 128, 3),
        width: PositiveInt = 64,
        num_layers: OptionalPositiveInt = None,
        name="discriminator",
    ):
        *size, _ = image_shape
        num_layers = num_layers or max(1, min(size).bit_length() - 2)
        if any(side % 2**num_layers for side in size):
            raise ValueError(
                f"`image_shape` must have a height and a width that are multiples of {2**num_layers}, for "
                f"{num_layers} convolutions with stride 2. Received: {tuple(image_shape)}. Choose another size, or a "
                "smaller `num_layers`."
            )
        images = keras.Input(image_shape, name="images")
        x = images
        for level in range(num_layers):
            x = _convolution(width * 2**level, 4, f"conv_{level + 1}", strides=2)(x)
            x = LeakyReLU(0.01)(x)
        values = _convolution(1, 3, "values", use_bias=False, dtype="float32")(x)
        logits = _convolution(
            num_domains, x.shape[1:3], "logits_conv", padding="valid", use_bias=False, dtype="float32"
        )(x)
        logits = layers.Reshape((num_domains,), dtype="float32", name="logits")(logits)
        super().__init__(images, [values, logits], name=name)


def _maps(domains, images):
    """Repeats vectors to maps of the size of images."""
    return domains[:, None, None] * ops.ones_like(images[..., :1])


def _normalized(x, name):
    return InstanceNormalization(affine=True, name=name)(x)


def _convolution(filters, size, name, padding="same", use_bias=True, **arguments):
    return layers.Conv2D(
        filters,
        size,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer=_uniform(),
        name=name,
        **arguments,
    )


def _uniform():
    """The default of PyTorch for kernels: uniform up to 1 / sqrt(fan_in)."""
    return initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
