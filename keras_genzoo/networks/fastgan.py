"""The networks of FastGAN (Liu et al. 2021): skip-layer excitation, and a discriminator whose maps can be decoded.

The layers with weights have spectral normalization and no biases. The channels of a map follow from its side, so that
networks of all sizes share their inner part. The paper has sizes from 256 on; a smaller network is the part of that
of 256 that there is room for.
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
    """Latents to images, and to small images of the same.

    A map of 4x4 is doubled up to the image, each time by nearest neighbors and a 3x3 convolution, batch
    normalization and a gated linear unit; to 8, 32, 128 and 512 there are two convolutions with noise. Maps of 64 to
    512 are multiplied, channel by channel, by what their ancestor of a sixteenth of the side says (skip-layer
    excitation). The small image, of half the side and of 128 at most, is a 1x1 convolution of the map there. With
    256x256x3 and width 64 there are 29,127,846 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 32, 64, 128, 256, 512 or 1024.
        latent_dim: Int, length of a latent.
        width: Int, channels of the map of 128x128.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        List of float32 images in [-1, 1], `(batch, height, width, channels)` and the small ones.

    Source: Liu et al. 2021, section 3.1 and figures 2 and 3, and the authors' program.
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
    """Images at two sizes to logits of patches, and the maps that `FastGANDecoder`s make images of.

    One path takes the images down to 8x8, by blocks that are the mean of two convolutions and of a pooled one, with
    skip-layer excitation over an eighth of the side; one of plain convolutions takes the small images there. Each
    ends in a map of 5x5 logits. With 256x256x3, width 64 and the three decoders there are 11,526,160 trainable
    parameters.

    Args:
        image_shape: As for `FastGANGenerator`.
        width: Int, channels of the map of 64x64.

    Call arguments:
        images: List of float images in [-1, 1], of `image_shape` and small ones, as `FastGANGenerator` returns them.

    Returns:
        List of the float32 logits `(batch, 50)`, the maps of 16x16 and of 8x8 of the first path, and that of 8x8 of
        the second.

    Source: Liu et al. 2021, section 3.2 and figure 4, and the authors' program.
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
    """A map of 8x8 to small images, by nearest neighbors and 3x3 convolutions with gated linear units.

    Args:
        image_shape: Tuple `(height, width, channels)` of the small images, 16x16 to 128x128.
        map_channels: Int, channels of the map.
        width: Int, that of the discriminator.

    Call arguments:
        maps: Float `(batch, 8, 8, map_channels)`.

    Returns:
        Float32 images in [-1, 1].

    Source: Liu et al. 2021, section 3.2 and figure 4, and the authors' program.
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
    """The side of the small images that go with images of a shape."""
    return min(image_shape[0] // 2, 128)


_NAMES = ("images", "small_images")
# Side of a map -> its channels in units of the width.
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
    """Skip-layer excitation: a map times what an earlier map of another size says of its channels."""
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
