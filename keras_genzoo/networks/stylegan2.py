"""The networks of StyleGAN2 (Karras et al. 2020): a generator with mapping and synthesis, and a
discriminator.
"""

import itertools
import math
from typing import Annotated

import keras
from keras import initializers, ops

from keras_genzoo.arguments import Check, Flag, NumClasses, PositiveInt, PositiveInts, checked, one_of
from keras_genzoo.layers import (
    EqualizedConv2D,
    EqualizedDense,
    LeakyReLU,
    MinibatchStandardDeviation,
    PixelNormalization,
    StyledConv2D,
)
from keras_genzoo.layers.resampling import enlarged
from keras_genzoo.networks.configurable import Configurable
from keras_genzoo.networks.progressive import num_levels_of

Architecture = Annotated[str, Check(one_of("resnet", "plain"))]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StyleGAN2Generator(Configurable, keras.Model):
    """Generator of StyleGAN2: a mapping network from latents to styles, and a synthesis network.

    The mapping normalizes the latent and the embedded label; its dense layers have a hundredth of the
    learning rate. The synthesis starts with a trained 4x4 map. Each level has two modulated convolutions, of
    which the first doubles the side (one at 4x4), and a linear 1x1 convolution. Its images are added to the
    upsampled images of the level below. The level with side `r` has `min(channel_base / r, channel_max)`
    channels. For 1024x1024x3 it has 30,370,060 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k.
        latent_dim: Positive int, length of a latent.
        num_classes: Int of at least 2, or None for a network without labels.
        style_dim: Positive int, length of a style.
        num_mapping_layers: Positive int, number of dense layers of the mapping.
        channel_base, channel_max: Positive ints that determine the number of channels.
        noise: Bool, whether the convolutions add noise.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or a list of latents and int labels `(batch,)`.
        truncation: Float or scalar tensor, factor of the distance of the styles from their average. Below 1,
            images are less diverse, and often better.

    Returns:
        Float32 images `(batch, height, width, channels)`, approximately in [-1, 1] once trained.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.StyleGAN2Generator(
        (8, 8, 3), latent_dim=8, style_dim=8, num_mapping_layers=2, channel_max=8
    )
    images = generator(kg.latent.normal(2, 8, seed=0))  # (2, 8, 8, 3)
    ```

    Reference: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020, arXiv:1912.04958,
    figures 2 and 7 ("output skips"). Karras et al., "A style-based generator architecture for generative
    adversarial networks", 2019, arXiv:1812.04948, section 2 and appendix B.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (1024, 1024, 3),
        latent_dim: PositiveInt = 512,
        num_classes: NumClasses = None,
        style_dim: PositiveInt = 512,
        num_mapping_layers: PositiveInt = 8,
        channel_base: PositiveInt = 32768,
        channel_max: PositiveInt = 512,
        noise: Flag = True,
        name="generator",
    ):
        # Latents, styles and images are float32; the convolutions use the global dtype policy.
        super().__init__(name=name, dtype="float32")
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.style_dim = style_dim
        self.has_noise = noise
        channels = channels_of(image_shape, channel_base, channel_max)
        self.mapping = Mapping(style_dim, num_mapping_layers, num_classes, name="mapping", dtype="float32")
        self.mapping.build((None, latent_dim))
        self.constant = self.add_weight(
            name="constant",
            shape=(4, 4, channels[0]),
            initializer=initializers.RandomNormal(0.0, 1.0),
        )
        self.convolutions = [_styled(channels[0], 4, style_dim, StyledConv2D(channels[0], noise=noise))]
        for level, (below, own) in enumerate(itertools.pairwise(channels)):
            self.convolutions += [
                _styled(below, 4 << level, style_dim, StyledConv2D(own, upsampling=True, noise=noise)),
                _styled(own, 8 << level, style_dim, StyledConv2D(own, noise=noise)),
            ]
        self.images = [
            _styled(own, 4 << level, style_dim, StyledConv2D(image_shape[-1], 1, to_images=True))
            for level, own in enumerate(channels)
        ]
        self.built = True

    @property
    def num_styles(self):
        """Number of styles of an image: one per convolution, and one for the last layer that outputs images."""
        return len(self.convolutions) + 1

    @property
    def noise_sides(self):
        """Sides of the noise maps, one per convolution."""
        return [4, *(side for level in range(1, len(self.images)) for side in (4 << level,) * 2)]

    def call(self, inputs, truncation=1.0):
        styles = self.truncated(self.styles(inputs), truncation)
        return self.synthesize(self.repeated(styles))

    def styles(self, inputs):
        """Maps latents to styles, float32 `(batch, style_dim)`; `inputs` as for a call."""
        latents, labels = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        return self.mapping(latents, labels)

    def truncated(self, styles, truncation):
        """Scales the distance of styles from their average."""
        average = ops.convert_to_tensor(self.mapping.average)
        return average + ops.cast(truncation, "float32") * (styles - average)

    def repeated(self, styles):
        """Repeats a style `(batch, style_dim)` for all convolutions, `(batch, num_styles, style_dim)`."""
        return ops.repeat(styles[:, None], self.num_styles, axis=1)

    def synthesize(self, styles, noise=None):
        """Maps styles to images.

        Args:
            styles: Float tensor `(batch, num_styles, style_dim)`.
            noise: List of float tensors `(batch, side, side, 1)` with the sides `noise_sides`. Defaults to
                the saved noise.

        Returns:
            Float32 images `(batch, height, width, channels)`.
        """
        noise = noise or [None] * len(self.convolutions)
        x = ops.broadcast_to(self.constant, (ops.shape(styles)[0], *self.constant.shape))
        images = None
        for level, to_images in enumerate(self.images):
            # The first level has one convolution, the others two.
            first = max(0, 2 * level - 1)
            for index in range(first, 2 * level + 1):
                x = self.convolutions[index](x, styles[:, index], noise[index])
            # Uses the style of the first convolution of the next level.
            own = ops.cast(to_images(x, styles[:, 2 * level + 1]), "float32")
            images = own if images is None else enlarged(images) + own
        return images


class Mapping(keras.layers.Layer):
    """Mapping network: maps latents, labels, or both, to styles.

    Args:
        style_dim: Int.
        num_layers: Int.
        num_classes: Int or None.
        average: Bool, whether the average of the styles is tracked.

    Call arguments:
        latents: Float `(batch, latent_dim)`, or None for a mapping of labels only.
        labels: Ints `(batch,)` or None.

    Returns:
        Float32 `(batch, style_dim)`.

    Reference: Karras et al., "A style-based generator architecture for generative adversarial networks",
    2019, arXiv:1812.04948, section 2; labels as in the authors' code.
    """

    def __init__(self, style_dim, num_layers, num_classes=None, average=True, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.normalization = PixelNormalization(dtype="float32")
        self.activation = LeakyReLU(0.2, gain=math.sqrt(2.0), dtype="float32")
        self.embedding = None
        if num_classes is not None:
            self.embedding = EqualizedDense(style_dim, gain=1.0, dtype="float32", name="embedding")
        self.dense = [
            EqualizedDense(style_dim, gain=1.0, rate=0.01, dtype="float32") for _ in range(num_layers)
        ]
        if average:
            self.average = self.add_weight(
                name="average", shape=(style_dim,), initializer="zeros", trainable=False, aggregation="mean"
            )

    def build(self, latents_shape):
        inputs = latents_shape[-1] if latents_shape else 0
        if self.embedding is not None:
            self.embedding.build((None, self.num_classes))
            inputs += self.embedding.units
        for dense in self.dense:
            dense.build((None, inputs))
            inputs = dense.units
        for layer in (self.normalization, self.activation):
            layer.build((None, inputs))

    def call(self, latents, labels=None):
        parts = [] if latents is None else [self.normalization(latents)]
        if self.embedding is not None:
            embedded = self.embedding(ops.one_hot(labels, self.num_classes, dtype="float32"))
            parts.append(self.normalization(embedded))
        x = ops.concatenate(parts, axis=-1)
        for dense in self.dense:
            x = self.activation(dense(x))
        return x

    def track_average(self, styles):
        """Moves the average by 0.5 % towards the mean of a batch of styles."""
        average = ops.convert_to_tensor(self.average)
        self.average.assign(average + 0.005 * (ops.mean(ops.stop_gradient(styles), axis=0) - average))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StyleGAN2Discriminator(Configurable, keras.Model):
    """Discriminator of StyleGAN2: maps images to one logit.

    A 1x1 convolution takes the image. Each level except the first has two 3x3 convolutions, of which the
    second smooths and halves the side, and in the residual architecture a 1x1 convolution as shortcut. At 4x4
    there are the minibatch standard deviation, a 3x3 convolution, a dense layer, and a dense layer for the
    logit. With labels, the last layer outputs a vector, and the logit is its inner product with the vector of
    the label. For 1024x1024x3 it has 29,012,513 parameters.

    Args:
        image_shape, channel_base, channel_max: As for `StyleGAN2Generator`.
        num_classes: Int of at least 2, or None for a network without labels.
        num_mapping_layers: Positive int, number of dense layers of the mapping of labels.
        architecture: `"resnet"`, or `"plain"` without shortcuts (the authors' `orig`).
        group_size: Positive int, group size of the minibatch standard deviation. The batch size (per replica)
            must be a multiple of it.

    Call arguments:
        inputs: Float images `(batch, height, width, channels)`, or a list of images and int labels
            `(batch,)`.

    Returns:
        Float32 logits `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range or unknown, or the side of `image_shape` is not
            supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.StyleGAN2Discriminator((8, 8, 3), channel_max=8, group_size=2)
    logits = discriminator(keras.ops.zeros((2, 8, 8, 3)))  # (2, 1)
    ```

    Reference: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020, arXiv:1912.04958,
    figure 7 ("residual nets"). Labels as in Karras et al., "Training generative adversarial networks with
    limited data", 2020, arXiv:2006.06676, appendix C.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (1024, 1024, 3),
        num_classes: NumClasses = None,
        num_mapping_layers: PositiveInt = 8,
        channel_base: PositiveInt = 32768,
        channel_max: PositiveInt = 512,
        architecture: Architecture = "resnet",
        group_size: PositiveInt = 4,
        name="discriminator",
    ):
        super().__init__(name=name, dtype="float32")
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.group_size = group_size
        channels = channels_of(image_shape, channel_base, channel_max)
        smallest, largest = channels[0], channels[-1]
        residual = architecture == "resnet"
        # Each branch has half of the variance, so that the sum keeps it.
        share = math.sqrt(0.5) if residual else 1.0
        self.from_images = _built(_convolution(largest, 1), image_shape[-1])
        # Starting with the largest images.
        pairs = list(itertools.pairwise(channels[::-1]))
        self.first = [_built(_convolution(own, 3), own) for own, _ in pairs]
        self.second = [_built(_convolution(below, 3, share, downsampling=True), own) for own, below in pairs]
        self.beside = [
            _built(EqualizedConv2D(below, 1, gain=share, downsampling=True, use_bias=False), own)
            for own, below in pairs * residual
        ]
        self.deviation = _built(MinibatchStandardDeviation(group_size), smallest)
        self.final = _built(_convolution(smallest, 3), smallest + 1)
        self.dense = _built(EqualizedDense(smallest, gain=1.0), 16 * smallest)
        self.activation = _built(LeakyReLU(0.2, gain=math.sqrt(2.0)), smallest)
        self.embedding = None
        if num_classes is not None:
            self.embedding = Mapping(
                smallest, num_mapping_layers, num_classes, average=False, name="embedding", dtype="float32"
            )
            self.embedding.build(None)
        self.logits = _built(EqualizedDense(smallest if num_classes else 1, gain=1.0), smallest)
        self.built = True

    def call(self, inputs):
        images, labels = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        x = _leaky_relu(self.from_images(images))
        for level, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            halved = _leaky_relu(second(_leaky_relu(first(x))))
            x = halved + self.beside[level](x) if self.beside else halved
        x = _leaky_relu(self.final(self.deviation(x)))
        x = self.activation(self.dense(ops.reshape(x, (-1, self.dense.kernel.shape[0]))))
        logits = ops.cast(self.logits(x), "float32")
        if self.embedding is None:
            return logits
        return ops.sum(logits * self.embedding(None, labels), axis=-1, keepdims=True) / math.sqrt(
            logits.shape[-1]
        )


def channels_of(image_shape, channel_base, channel_max):
    """Returns the channels of each level, starting with 4x4."""
    num_levels = num_levels_of(image_shape)
    return [max(1, min(channel_base >> (level + 2), channel_max)) for level in range(num_levels)]


def _convolution(units, kernel_size, share=1.0, **kwargs):
    """Creates a convolution with the gain of the leaky ReLU that follows."""
    gain = share * math.sqrt(2.0)
    return EqualizedConv2D(units, kernel_size, gain=gain, bias_gain=gain, **kwargs)


def _leaky_relu(x):
    return ops.leaky_relu(x, 0.2)


def _styled(inputs, side, style_dim, layer):
    layer.build((None, side, side, inputs), (None, style_dim))
    return layer


def _built(layer, inputs):
    layer.build((None, inputs) if isinstance(layer, EqualizedDense) else (None, None, None, inputs))
    return layer
