"""The networks of FastGAN (Liu et al. 2021): skip-layer excitation, and a discriminator with decodable
feature maps.

Layers with weights have spectral normalization and no biases. The channels of a map depend on its side, so
that networks of all sizes share their inner layers. The paper has sizes of 256 and more; a smaller network is
a part of that for 256.
"""

import keras
from keras import initializers, layers, ops

from keras_genzoo.arguments import PositiveInt, PositiveInts, checked
from keras_genzoo.layers import (
    BatchNormalization,
    NoiseInjection,
    SpectralConv2D,
    SpectralDense,
    SpectralResizeConv2D,
)
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class FastGANGenerator(ConfigurableNetwork):
    """Generator of FastGAN: maps latents to images and small images.

    The side is doubled from 4x4 to that of the image with nearest-neighbor upsampling, a 3x3 convolution,
    batch normalization and a gated linear unit. The blocks for 8, 32, 128 and 512 have two convolutions with
    noise. Maps of 64 to 512 are multiplied, per channel, by factors computed from the map with a sixteenth of
    the side (skip-layer excitation). The small image has half the side, at most 128, and is a 1x1 convolution
    of the map of that side. For 256x256x3 and width 64 there are 29,127,846 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 32, 64, 128, 256, 512 or 1024.
        latent_dim: Positive int, length of a latent.
        width: Positive int, channels of the map of 128x128.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        List of float32 images in [-1, 1], `(batch, height, width, channels)`, and small images.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.FastGANGenerator((32, 32, 3), latent_dim=8, width=4)
    images, small_images = generator(kg.latent.normal(2, 8, seed=0))  # (2, 32, 32, 3) and (2, 16, 16, 3)
    ```

    Reference: Liu et al., "Towards faster and stabilized GAN training for high-fidelity few-shot image
    synthesis", 2021, arXiv:2101.04775, section 3.1 and figures 2 and 3, and the authors' code.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 256,
        width: PositiveInt = 64,
        name="generator",
    ):
        side = _side_of(image_shape)
        channels = {map_side: _scaled(width, multiple) for map_side, multiple in _GENERATOR_WIDTHS.items()}
        latents = keras.Input((latent_dim,), name="latents")
        x = SpectralDense(4 * 4 * 2 * channels[4], use_bias=False, kernel_initializer=_normal())(latents)
        maps = {4: _gated(layers.Reshape((4, 4, 2 * channels[4]))(x))}
        for map_side in _doubled_sides(8, side):
            with_noise = map_side in _SIDES_WITH_NOISE
            x = _enlarged(maps[map_side // 2], channels[map_side], with_noise)
            if with_noise:
                x = _gated(NoiseInjection()(_convolution(2 * channels[map_side], 3)(x)))
            if 64 <= map_side <= 512:
                x = _excited(x, maps[map_side // 16])
            maps[map_side] = x
        images = _images(_convolution(image_shape[-1], 3)(maps[side]), _NAMES[0])
        small_images = _images(_convolution(image_shape[-1], 1)(maps[small_side_of(image_shape)]), _NAMES[1])
        super().__init__(latents, [images, small_images], name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class FastGANDiscriminator(ConfigurableNetwork):
    """Discriminator of FastGAN: maps images at two sizes to logits, and to maps for `FastGANDecoder`s.

    One path reduces the images to 8x8. Its blocks are the mean of two convolutions and of a pooled one, with
    skip-layer excitation from maps of eight times the side. Another path reduces the small images to 8x8 with
    plain convolutions. Each path ends in 5x5 logits. For 256x256x3, width 64 and the three decoders there are
    11,526,160 trainable parameters.

    Args:
        image_shape: As for `FastGANGenerator`.
        width: Positive int, channels of the map of 64x64.

    Call arguments:
        images: List of float images in [-1, 1] and small images, as returned by `FastGANGenerator`.

    Returns:
        List of the float32 logits `(batch, 50)`, the maps of 16x16 and of 8x8 of the first path, and the map
        of 8x8 of the second path.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.FastGANDiscriminator((32, 32, 3), width=4)
    logits, *maps = discriminator([keras.ops.zeros((2, 32, 32, 3)), keras.ops.zeros((2, 16, 16, 3))])
    ```

    Reference: Liu et al., "Towards faster and stabilized GAN training for high-fidelity few-shot image
    synthesis", 2021, arXiv:2101.04775, section 3.2 and figure 4, and the authors' code.
    """

    @checked
    def __init__(self, image_shape: PositiveInts, width: PositiveInt = 64, name="discriminator"):
        side, small_side = _side_of(image_shape), small_side_of(image_shape)
        images = keras.Input(tuple(image_shape), name=_NAMES[0])
        small_images = keras.Input((small_side, small_side, image_shape[-1]), name=_NAMES[1])

        def channels(map_side):
            return max(1, 64 * width // map_side)

        top = min(side, 256)
        x = images
        for map_side in _halved_sides(side // 2, top):
            x = _convolution(channels(map_side), 4, strides=2)(x)
            x = _leaky(x if map_side == side // 2 else _normalized(x))
        if side == top:
            x = _leaky(_convolution(channels(top), 3)(x))
        maps = {top: x}
        for map_side in _halved_sides(top // 2, 8):
            x = _halved(maps[2 * map_side], channels(map_side))
            if 8 * map_side in maps:
                x = _excited(x, maps[8 * map_side])
            maps[map_side] = x

        small_map = small_images
        for map_side in _halved_sides(small_side // 2, 8):
            small_map = _convolution(max(1, channels(map_side) // 2), 4, strides=2)(small_map)
            small_map = _leaky(small_map if map_side == small_side // 2 else _normalized(small_map))

        logits = _leaky(_normalized(_convolution(2 * channels(8), 1)(maps[8])))
        logits = [_convolution(1, 4, padding="valid")(x) for x in (logits, small_map)]
        logits = layers.Concatenate()([layers.Flatten()(x) for x in logits])
        logits = layers.Activation("linear", dtype="float32", name="logits")(logits)
        super().__init__([images, small_images], [logits, maps[16], maps[8], small_map], name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class FastGANDecoder(ConfigurableNetwork):
    """Decoder of FastGAN: maps 8x8 maps to small images.

    It has nearest-neighbor upsampling, 3x3 convolutions and gated linear units.

    Args:
        image_shape: Tuple `(height, width, channels)` of the small images, 16x16 to 128x128.
        map_channels: Positive int, channels of the maps.
        width: Positive int, width of the discriminator.

    Call arguments:
        maps: Float `(batch, 8, 8, map_channels)`.

    Returns:
        Float32 images in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    decoder = kg.networks.FastGANDecoder((16, 16, 3), map_channels=8, width=4)
    images = decoder(keras.ops.zeros((2, 8, 8, 8)))  # (2, 16, 16, 3)
    ```

    Reference: Liu et al., "Towards faster and stabilized GAN training for high-fidelity few-shot image
    synthesis", 2021, arXiv:2101.04775, section 3.2 and figure 4, and the authors' code.
    """

    @checked
    def __init__(
        self, image_shape: PositiveInts, map_channels: PositiveInt, width: PositiveInt = 64, name="decoder"
    ):
        maps = x = keras.Input((8, 8, map_channels), name="maps")
        for map_side in _doubled_sides(16, image_shape[0]):
            x = _enlarged(x, _scaled(width, _DECODER_WIDTHS[map_side]))
        super().__init__(maps, _images(_convolution(image_shape[-1], 3)(x), "images"), name=name)


def small_side_of(image_shape):
    """Returns the side of the small images for images of a shape."""
    return min(image_shape[0] // 2, 128)


_NAMES = ("images", "small_images")
# Side of a map -> its channels relative to the width.
_GENERATOR_WIDTHS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
_DECODER_WIDTHS = {16: 2, 32: 1, 64: 1, 128: 1 / 2}
_SIDES_WITH_NOISE = (8, 32, 128, 512)


def _side_of(image_shape):
    if len(image_shape) != 3 or image_shape[0] != image_shape[1] or image_shape[0] not in _SIDES:
        raise ValueError(
            f"`image_shape` must be (side, side, channels) with a side of {', '.join(map(str, _SIDES))}. Received: "
            f"{tuple(image_shape)}. Resize the images, for example with `image_size=64` when loading."
        )
    return image_shape[0]


_SIDES = (32, 64, 128, 256, 512, 1024)


def _doubled_sides(first, last):
    return [first << number for number in range((last // first).bit_length())]


def _halved_sides(first, last):
    return [first >> number for number in range((first // last).bit_length())]


def _scaled(width, multiple):
    return max(1, int(width * multiple))


# Blocks.


def _enlarged(x, channels, with_noise=False):
    x = SpectralResizeConv2D(2 * channels, use_bias=False, kernel_initializer=_normal())(x)
    return _gated(NoiseInjection()(x) if with_noise else x)


def _halved(x, channels):
    main = _leaky(_normalized(_convolution(channels, 4, strides=2)(x)))
    main = _leaky(_normalized(_convolution(channels, 3)(main)))
    direct = _leaky(_normalized(_convolution(channels, 1)(layers.AveragePooling2D(2)(x))))
    return layers.Average()([main, direct])


def _excited(x, ancestor):
    """Skip-layer excitation: multiplies the channels of a map by factors computed from an earlier map."""
    channels, side = x.shape[-1], ancestor.shape[1]
    pooled = layers.AveragePooling2D(side // 4)(ancestor) if side > 4 else ancestor
    factors = layers.Activation("silu")(_convolution(channels, 4, padding="valid")(pooled))
    return layers.Multiply()([x, layers.Activation("sigmoid")(_convolution(channels, 1)(factors))])


def _gated(x):
    return ops.glu(_normalized(x), axis=-1)


def _normalized(x):
    return BatchNormalization(gamma_initializer=_normal(1.0))(x)


def _leaky(x):
    return layers.LeakyReLU(negative_slope=0.2)(x)


def _images(x, name):
    return layers.Activation("tanh", dtype="float32", name=name)(x)


def _convolution(channels, kernel_size, strides=1, padding="same"):
    return SpectralConv2D(
        channels, kernel_size, strides, padding, use_bias=False, kernel_initializer=_normal()
    )


def _normal(mean=0.0):
    return initializers.RandomNormal(mean, 0.02)
