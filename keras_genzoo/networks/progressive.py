"""The growing generator and discriminator of Karras et al. 2018, and the discriminator of all sizes at once.

A growing network holds the blocks of all levels; a call names the level and runs the blocks up to it, no others.
Level `l` has images of the side `4 * 2**l`.
"""

import itertools

import keras
from keras import ops

from keras_genzoo.arguments import Flag, PositiveInt, PositiveInts, checked
from keras_genzoo.layers import (
    EqualizedConv2D,
    EqualizedDense,
    EqualizedProjection,
    LeakyReLU,
    MinibatchStandardDeviation,
    PixelNormalization,
)
from keras_genzoo.networks.configurable import Configurable


class _LevelledNetwork(Configurable, keras.Model):
    """What all networks share: levels and their channels."""

    def __init__(self, image_shape, fmap_base, fmap_max, name):
        # Float32 are the images, the latents and alpha; the layers follow the policy in force.
        super().__init__(name=name, dtype="float32")
        self.image_shape = tuple(image_shape)
        self.num_levels = num_levels_of(image_shape)
        self.channels = [
            max(1, min(fmap_base // 2 ** (level + 1), fmap_max)) for level in range(self.num_levels)
        ]


class _GrowingNetwork(_LevelledNetwork):
    """A network that says which layers and weights a level has."""

    def layers_at(self, level, fading=False):
        """Layers that a call at a level runs, with those of the level below that a blend needs."""
        raise NotImplementedError

    def layers_up_to(self, level):
        """Layers of all levels up to one."""
        raise NotImplementedError

    def weights_at(self, level, fading=False):
        """Weights of `layers_at`."""
        return [weight for layer in self.layers_at(level, fading) for weight in layer.weights]


class _LevelledDiscriminator(_LevelledNetwork):
    """What both discriminators share: all behind the first convolution of each level."""

    def _make_rest(self, group_size, extra_channels):
        """Makes these layers; `extra_channels` come to those of 4x4, the deviation among them."""
        self.group_size = group_size
        self.second = [
            _built(EqualizedConv2D(below, 3), channels)
            for below, channels in itertools.pairwise(self.channels)
        ]
        smallest = self.channels[0]
        self.deviation = _built(MinibatchStandardDeviation(group_size), smallest)
        self.final = _built(EqualizedConv2D(smallest, 3), smallest + extra_channels)
        self.dense = _built(EqualizedDense(smallest), 16 * smallest)
        self.values = _built(EqualizedDense(1, gain=1.0), smallest)
        # In the form whose second derivative costs nothing in a gradient penalty.
        self.activation = _built(LeakyReLU(0.2), smallest)
        self.built = True

    def _value(self, x):
        """The value of what has come to 4x4."""
        x = self.activation(self.final(self.deviation(x)))
        x = self.activation(self.dense(ops.reshape(x, (-1, 16 * self.channels[0]))))
        return ops.cast(self.values(x), "float32")


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ProgressiveGenerator(_GrowingNetwork):
    """Latents to images, level by level.

    A latent is normalized to the hypersphere. A dense layer to 4x4 and a 3x3 convolution are the first level; each
    other doubles the side, with nearest neighbors, and has two 3x3 convolutions. Leaky ReLU of 0.2 and pixel
    normalization follow every one. A linear 1x1 convolution a level makes the image. Level `l` has
    `min(fmap_base / 2**(l + 1), fmap_max)` channels. With 1024x1024x3 it has 23,079,115 parameters, 23,071,507 in
    the last level's call.

    Args:
        image_shape: Tuple `(height, width, channels)` of the last level; height = width = 4 * 2^k.
        latent_dim: Int, length of a latent.
        fmap_base, fmap_max: Ints, for the numbers of channels.
        pixel_bias: Bool, whether each of the first 4x4 pixels has a bias of its own, as in some programs.

    Call arguments:
        latents: Float `(batch, latent_dim)`.
        level: Int, or None for the last.
        alpha: Float or scalar tensor from 0 to 1, share of the level's own image in a blend with that of the level
            below; None for the level's own alone.
        truncation: Float or scalar tensor, length of the normalized latent as a share of the trained one.

    Returns:
        Float32 images, in about [-1, 1] once trained, `(batch, 4 * 2**level, 4 * 2**level, channels)`.

    Source: Karras et al. 2018, table 2 and section 4.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (1024, 1024, 3),
        latent_dim: PositiveInt = 512,
        fmap_base: PositiveInt = 8192,
        fmap_max: PositiveInt = 512,
        pixel_bias: Flag = False,
        name="generator",
    ):
        super().__init__(image_shape, fmap_base, fmap_max, name)
        self.latent_dim = latent_dim
        self.initial = _built(EqualizedProjection(self.channels[0], pixel_bias=pixel_bias), latent_dim)
        # The first convolution of the first level is the projection.
        self.first = [
            _built(EqualizedConv2D(channels, 3, upsampling=True), below)
            for below, channels in itertools.pairwise(self.channels)
        ]
        self.second = [_built(EqualizedConv2D(channels, 3), channels) for channels in self.channels]
        self.to_images = [
            _built(EqualizedConv2D(image_shape[-1], 1, gain=1.0), channels) for channels in self.channels
        ]
        self.normalization = _built(PixelNormalization(), latent_dim)
        self.built = True

    def call(self, latents, level=None, alpha=None, truncation=1.0):
        level = self.num_levels - 1 if level is None else level
        features = self._features(latents, level, truncation)
        images = self._images(features, level)
        return images if alpha is None else blend(images, enlarge(self._images(features, level - 1)), alpha)

    def pyramid(self, latents):
        """Images of all levels in one pass, from 4x4 on: list of float32 `(batch, side, side, channels)`."""
        features = self._features(latents, self.num_levels - 1)
        return [self._images(features, level) for level in range(self.num_levels)]

    def _features(self, latents, level, truncation=1.0):
        """What each level up to one makes."""
        x = self.normalization(latents)
        x = self._normalized(self.initial(x * ops.cast(truncation, x.dtype)))
        features = [self._normalized(self.second[0](x))]
        for first, second in zip(self.first[:level], self.second[1:], strict=False):
            features.append(self._normalized(second(self._normalized(first(features[-1])))))
        return features

    def _images(self, features, level):
        return ops.cast(self.to_images[level](features[level]), "float32")

    def _normalized(self, x):
        return self.normalization(ops.leaky_relu(x, 0.2))

    def layers_up_to(self, level):
        return [
            self.initial,
            *self.first[:level],
            *self.second[: level + 1],
            *self.to_images[: level + 1],
        ]

    def layers_at(self, level, fading=False):
        return [
            self.initial,
            *self.first[:level],
            *self.second[: level + 1],
            *self.to_images[level - fading : level + 1],
        ]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ProgressiveDiscriminator(_LevelledDiscriminator, _GrowingNetwork):
    """Images to one value, from the level they have down to 4x4.

    A 1x1 convolution a level takes the images in; each level but the first has two 3x3 convolutions and halves the
    side by averaging. At 4x4 follow the standard deviation over a group of images, a 3x3 convolution, a dense layer
    to as many values as there are channels, and one to the value. Leaky ReLU of 0.2 follows all but the last. With
    1024x1024x3 it has 23,087,249 parameters, 23,077,137 in the last level's call.

    Args:
        image_shape, fmap_base, fmap_max: As for `ProgressiveGenerator`.
        group_size: Int, images of a group; a batch (of a replica) must be a multiple of it.

    Call arguments:
        images: Float `(batch, 4 * 2**level, 4 * 2**level, channels)`.
        level: Int, or None for the last.
        alpha: Float or scalar tensor from 0 to 1, share of the level's own layers in a blend with what the level
            below makes of the halved images; None for the level's own alone.

    Returns:
        Float32 values `(batch, 1)`.

    Source: Karras et al. 2018, table 2 and sections 2 and 3.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (1024, 1024, 3),
        fmap_base: PositiveInt = 8192,
        fmap_max: PositiveInt = 512,
        group_size: PositiveInt = 4,
        name="discriminator",
    ):
        super().__init__(image_shape, fmap_base, fmap_max, name)
        self.from_images = [
            _built(EqualizedConv2D(channels, 1), image_shape[-1]) for channels in self.channels
        ]
        # The first convolution of the first level is the last of all; its second is the dense layer.
        self.first = [_built(EqualizedConv2D(channels, 3), channels) for channels in self.channels[1:]]
        self._make_rest(group_size, extra_channels=1)

    def call(self, images, level=None, alpha=None):
        level = self.num_levels - 1 if level is None else level
        x = self.activation(self.from_images[level](images))
        for index in range(level, 0, -1):
            x = self.activation(self.first[index - 1](x))
            x = shrink(self.activation(self.second[index - 1](x)))
            if index == level and alpha is not None:
                x = blend(x, self.activation(self.from_images[level - 1](shrink(images))), alpha)
        return self._value(x)

    def layers_up_to(self, level):
        return [
            *self.from_images[: level + 1],
            *self.first[:level],
            *self.second[:level],
            self.final,
            self.dense,
            self.values,
        ]

    def layers_at(self, level, fading=False):
        return [
            *self.from_images[level - fading : level + 1],
            *self.first[:level],
            *self.second[:level],
            self.final,
            self.dense,
            self.values,
        ]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MultiScaleDiscriminator(_LevelledDiscriminator):
    """An image at all sizes to one value.

    The largest is taken in by a linear 1x1 convolution. Each level down to 8x8 has the standard deviation over a
    group of images and two 3x3 convolutions, and halves the side by averaging; the image of the halved size is then
    put before the channels (the paper's phi_simple). At 4x4 follow the deviation, a 3x3 convolution, a dense layer to
    as many values as there are channels, and one to the value. Leaky ReLU of 0.2 follows all but the first and the
    last. With 1024x1024x3 it has 23,163,681 parameters.

    Args:
        image_shape, fmap_base, fmap_max: As for `ProgressiveGenerator`.
        group_size: Int, images of a group; a batch (of a replica) must be a multiple of it.

    Call arguments:
        images: List of floats `(batch, side, side, channels)`, side 4, 8, ... to that of `image_shape`.

    Returns:
        Float32 values `(batch, 1)`.

    Source: Karnewar & Wang 2020, section 2 and table 7; the channels are those of Karras et al. 2018.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (1024, 1024, 3),
        fmap_base: PositiveInt = 8192,
        fmap_max: PositiveInt = 512,
        group_size: PositiveInt = 4,
        name="discriminator",
    ):
        super().__init__(image_shape, fmap_base, fmap_max, name)
        # The deviation is one; at all levels but the largest the image's own come too.
        extra_channels = [image_shape[-1] + 1] * (self.num_levels - 1) + [1]
        self.from_images = _built(EqualizedConv2D(self.channels[-1], 1), image_shape[-1])
        self.first = [
            _built(EqualizedConv2D(channels, 3), channels + extra)
            for channels, extra in zip(self.channels[1:], extra_channels[1:], strict=True)
        ]
        self._make_rest(group_size, extra_channels[0])

    def call(self, images):
        x = self.from_images(images[-1])
        for first, second, image in zip(self.first[::-1], self.second[::-1], images[-2::-1], strict=True):
            x = self.activation(second(self.activation(first(self.deviation(x)))))
            x = shrink(x)
            x = ops.concatenate([ops.cast(image, x.dtype), x], axis=-1)
        return self._value(x)


def enlarge(images):
    """Images of twice the side, each pixel as 2x2."""
    return ops.repeat(ops.repeat(images, 2, axis=1), 2, axis=2)


def shrink(images):
    """Images of half the side, each pixel the mean of 2x2."""
    return ops.average_pool(images, 2, 2, data_format="channels_last")


def blend(own, below, alpha):
    """`alpha own + (1 - alpha) below`."""
    return below + ops.cast(alpha, own.dtype) * (own - below)


def num_levels_of(image_shape):
    """Number of levels from 4x4 to images of a shape."""
    if len(image_shape) != 3:
        raise ValueError(f"`image_shape` must be (height, width, channels). Received: {tuple(image_shape)}")
    height, width, _ = image_shape
    num_levels = (height // 4).bit_length()
    if num_levels < 1 or height != width or height != 4 * 2 ** (num_levels - 1):
        raise ValueError(
            "`image_shape` must be square with a side of 4 * 2^k (8, 16, 32, ...): each level doubles it. Received: "
            f"{tuple(image_shape)}. Resize or pad the images."
        )
    return num_levels


def _built(layer, inputs):
    layer.build((None, inputs) if isinstance(layer, EqualizedDense) else (None, None, None, inputs))
    return layer
