"""The growing networks of ProgressiveGAN (Karras et al. 2018), and the multi-scale discriminator of MSG-GAN.

A growing network contains the blocks of all levels. A call specifies the level and only runs the blocks up to
it. Images of level `l` have the side `4 * 2**l`.
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
    """Base class of all networks, with levels and their channels."""

    def __init__(self, image_shape, fmap_base, fmap_max, name):
        # Images, latents and alpha are float32; the layers use the global dtype policy.
        super().__init__(name=name, dtype="float32")
        self.image_shape = tuple(image_shape)
        self.num_levels = num_levels_of(image_shape)
        self.channels = [
            max(1, min(fmap_base // 2 ** (level + 1), fmap_max)) for level in range(self.num_levels)
        ]


class _GrowingNetwork(_LevelledNetwork):
    """A network with the layers and weights of each level."""

    def layers_at(self, level, fading=False):
        """Layers that a call at a level runs, including those of the level below that a blend needs."""
        raise NotImplementedError

    def layers_up_to(self, level):
        """Layers of all levels up to a level."""
        raise NotImplementedError

    def weights_at(self, level, fading=False):
        """Weights of `layers_at`."""
        return [weight for layer in self.layers_at(level, fading) for weight in layer.weights]


class _LevelledDiscriminator(_LevelledNetwork):
    """Base class of both discriminators, with the layers after the first convolution of each level."""

    def _make_rest(self, group_size, extra_channels):
        """Creates these layers. `extra_channels` is the number of channels added to those of 4x4, including
        the deviation.
        """
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
        # With this layer a gradient penalty does not compute the second derivative, which is zero.
        self.activation = _built(LeakyReLU(0.2), smallest)
        self.built = True

    def _value(self, x):
        """Computes the value from a map of 4x4."""
        x = self.activation(self.final(self.deviation(x)))
        x = self.activation(self.dense(ops.reshape(x, (-1, 16 * self.channels[0]))))
        return ops.cast(self.values(x), "float32")


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ProgressiveGenerator(_GrowingNetwork):
    """Generator of ProgressiveGAN and MSG-GAN: maps latents to images, level by level.

    Latents are normalized. The first level has a dense layer to 4x4 and a 3x3 convolution. Each further level
    doubles the side with nearest neighbors and has two 3x3 convolutions. All are followed by leaky ReLU (0.2)
    and pixel normalization. A linear 1x1 convolution per level outputs the image. Level `l` has
    `min(fmap_base / 2**(l + 1), fmap_max)` channels. For 1024x1024x3 it has 23,079,115 parameters, of which a
    call at the last level uses 23,071,507.

    Args:
        image_shape: Tuple `(height, width, channels)` of the last level; height = width = 4 * 2^k.
        latent_dim: Positive int, length of a latent.
        fmap_base, fmap_max: Positive ints that determine the number of channels.
        pixel_bias: Bool, whether each pixel of the first 4x4 map has its own bias, as in some
            implementations.

    Call arguments:
        latents: Float `(batch, latent_dim)`.
        level: Int. Defaults to the last level.
        alpha: Float or scalar tensor in [0, 1], weight of the level's own image in a blend with that of the
            level below. Defaults to the level's own image.
        truncation: Float or scalar tensor, factor of the length of the normalized latents.

    Returns:
        Float32 images `(batch, 4 * 2**level, 4 * 2**level, channels)`, approximately in [-1, 1] once trained.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.ProgressiveGenerator((16, 16, 3), latent_dim=8, fmap_max=8)
    images = generator(kg.latent.normal(2, 8, seed=0), level=1)  # (2, 8, 8, 3)
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, table 2 and section 4.
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
        """Generates images of all levels in one pass: list of float32 `(batch, side, side, channels)`."""
        features = self._features(latents, self.num_levels - 1)
        return [self._images(features, level) for level in range(self.num_levels)]

    def _features(self, latents, level, truncation=1.0):
        """Features of each level up to a level."""
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
    """Discriminator of ProgressiveGAN: maps images of a level to one value.

    A 1x1 convolution per level takes the images. Each level except the first has two 3x3 convolutions and
    halves the side by averaging. At 4x4 there are the minibatch standard deviation, a 3x3 convolution, a
    dense layer with the same number of channels, and a dense layer for the value. All but the last are
    followed by leaky ReLU (0.2). For 1024x1024x3 it has 23,087,249 parameters, of which a call at the last
    level uses 23,077,137.

    Args:
        image_shape, fmap_base, fmap_max: As for `ProgressiveGenerator`.
        group_size: Positive int, group size of the minibatch standard deviation. The batch size (per replica)
            must be a multiple of it.

    Call arguments:
        images: Float `(batch, 4 * 2**level, 4 * 2**level, channels)`.
        level: Int. Defaults to the last level.
        alpha: Float or scalar tensor in [0, 1], weight of the level's own layers in a blend with those of the
            level below, applied to downsampled images. Defaults to the level's own layers.

    Returns:
        Float32 values `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.ProgressiveDiscriminator((16, 16, 3), fmap_max=8, group_size=2)
    values = discriminator(keras.ops.zeros((2, 8, 8, 3)), level=1)  # (2, 1)
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, table 2 and sections 2 and 3.
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
    """Discriminator of MSG-GAN: maps an image at all sizes to one value.

    A linear 1x1 convolution takes the largest image. Each level down to 8x8 has the minibatch standard
    deviation and two 3x3 convolutions, and halves the side by averaging. Then the image of the next size is
    concatenated before the channels (the paper's phi_simple). At 4x4 there are the minibatch standard
    deviation, a 3x3 convolution, a dense layer with the same number of channels, and a dense layer for the
    value. All but the first and the last are followed by leaky ReLU (0.2). For 1024x1024x3 it has 23,163,681
    parameters.

    Args:
        image_shape, fmap_base, fmap_max: As for `ProgressiveGenerator`.
        group_size: Positive int, group size of the minibatch standard deviation. The batch size (per replica)
            must be a multiple of it.

    Call arguments:
        images: List of floats `(batch, side, side, channels)` with sides 4, 8, ... up to that of
            `image_shape`.

    Returns:
        Float32 values `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.MultiScaleDiscriminator((8, 8, 3), fmap_max=8, group_size=2)
    values = discriminator([keras.ops.zeros((2, 4, 4, 3)), keras.ops.zeros((2, 8, 8, 3))])  # (2, 1)
    ```

    Reference: Karnewar & Wang, "MSG-GAN: Multi-scale gradients for generative adversarial networks", 2020,
    arXiv:1903.06048, section 2 and table 7; the channels are those of Karras et al., "Progressive growing of
    GANs for improved quality, stability, and variation", 2018, arXiv:1710.10196.
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
        # One channel for the deviation; at all levels except the largest, also those of the image.
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
    """Doubles the side of images; each pixel becomes 2x2 pixels."""
    return ops.repeat(ops.repeat(images, 2, axis=1), 2, axis=2)


def shrink(images):
    """Halves the side of images; each pixel is the mean of 2x2 pixels."""
    return ops.average_pool(images, 2, 2, data_format="channels_last")


def blend(own, below, alpha):
    """Computes `alpha own + (1 - alpha) below`."""
    return below + ops.cast(alpha, own.dtype) * (own - below)


def num_levels_of(image_shape):
    """Returns the number of levels from 4x4 to images of a shape.

    Raises:
        ValueError: If the shape is not a triple, or the image is not square with a side of 4 * 2^k.
    """
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
