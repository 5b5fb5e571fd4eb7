"""The networks of StarGAN: a generator that is told the domain, and a discriminator that finds it."""

import keras
from keras import initializers, layers, ops

from keras_genzoo.arguments import ImageShape, NonNegativeInt, OptionalPositiveInt, PositiveInt, checked
from keras_genzoo.layers import InstanceNormalization, LeakyReLU
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANGenerator(ConfigurableNetwork):
    """Images and vectors of domains to images by residual blocks at a quarter of the side.

    Each value of the vector is a map of its own beside the channels of the image. A 7x7 convolution, two 4x4
    convolutions of stride 2, `num_blocks` residual blocks of two 3x3 convolutions, two 4x4 transposed convolutions of
    stride 2, a 7x7 convolution and tanh. All but the last are followed by instance normalization with a learnt scale
    and offset and, but for the second of a block, by ReLU. Convolutions have no biases and are padded by zeros. For 5
    domains it has 8,430,528 parameters.

    Args:
        num_domains: Int, length of the vectors.
        channels: Int, channels of the images.
        width: Int, channels behind the first convolution.
        num_blocks: Int, number of residual blocks.

    Call arguments:
        inputs: List of float images in [-1, 1] `(batch, height, width, channels)`, of sides that are multiples of 4,
            and float vectors `(batch, num_domains)`: one-hot, or of several attributes 0 or 1 each.

    Returns:
        Float32 images in [-1, 1] of the shape of the first.

    Source: Choi et al. 2018, "StarGAN: unified generative adversarial networks for multi-domain image-to-image
    translation" (arXiv:1711.09020), table 4; biases and padding follow the authors' code.
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
    """Images to a map of values, each of a patch, and to logits of the domains.

    4x4 convolutions of stride 2 down to a side of 2, the channels doubled by each, with leaky ReLU (0.01). A 3x3
    convolution gives the values, and one as large as the map the logits, both without biases. For 128x128 and 5
    domains it has 44,762,048 parameters.

    Args:
        num_domains: Int.
        image_shape: Tuple `(height, width, channels)`; the convolutions of stride 2 must divide both sides.
        width: Int, channels behind the first convolution.
        num_layers: Int, convolutions of stride 2, or None for as many as bring the shorter side to 2 or 3.

    Call arguments:
        images: Float images in [-1, 1] `(batch, *image_shape)`.

    Returns:
        List of float32 values `(batch, height, width, 1)` and logits `(batch, num_domains)`.

    Source: Choi et al. 2018, table 5; biases follow the authors' code.
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
                f"`image_shape` must have a height and a width that {num_layers} convolutions of stride 2 halve "
                f"without a rest: multiples of {2**num_layers}. Received: {tuple(image_shape)}. Choose another size, "
                "or fewer `num_layers`."
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
    """Vectors as maps of the size of images."""
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
    """PyTorch's default: uniform up to 1 / sqrt(fan_in)."""
    return initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
