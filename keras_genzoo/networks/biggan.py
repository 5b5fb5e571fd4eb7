"""The networks of BigGAN and of BigGAN-deep (Brock et al. 2019)."""

import keras
from keras import layers, ops

from keras_genzoo.arguments import Flag, NumClasses, OptionalPositiveInt, PositiveInt, PositiveInts, checked
from keras_genzoo.layers import (
    BatchNormalization,
    ModulatedBatchNormalization,
    SelfAttention,
    SpectralConv2D,
    SpectralDense,
    SpectralResizeConv2D,
)
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.sngan import (
    DISCRIMINATOR_WIDTHS,
    GENERATOR_WIDTHS,
    SNGANDiscriminator,
    check_attention,
    projected_logits,
    side_and_depth,
)

# Of the spectral normalization.
_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BigGANGenerator(ConfigurableNetwork):
    """Latents to images by residual blocks, each of which has a part of the latent of its own.

    The latent is split into equal parts. A dense layer makes a map of 4x4 (7x7 where the size asks for it) of the
    first; each block doubles the side as those of `SNGANGenerator` do, its batch normalization scaled and moved by
    linear functions of the block's part and of the label's embedding, which all blocks share. All but the embedding
    is spectrally normalized and starts from orthogonal matrices. With 128x128x3, latent 120, width 96, 1,000 classes
    and attention at 64 it has 70,433,988 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Int, length of a latent, a multiple of k + 1.
        width: Int, channels of the last map; the first has 16 times as many. Up to a side of 32 all have 4 times as
            many.
        num_classes: Int, or None for an unconditional generator.
        embedding_dim: Int, length of an embedded label.
        attention_side: Int, the side of the map that attends to itself, or None.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or with classes a list of them and of int labels `(batch,)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Source: Brock et al. 2019, appendix B.1, figure 15 and table 4.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (128, 128, 3),
        latent_dim: PositiveInt = 120,
        width: PositiveInt = 96,
        num_classes: NumClasses = None,
        embedding_dim: PositiveInt = 128,
        attention_side: OptionalPositiveInt = None,
        synchronized: Flag = False,
        name="generator",
    ):
        side, doublings = side_and_depth(image_shape)
        check_attention(attention_side, [side * 2**level for level in range(1, doublings + 1)])
        if latent_dim % (doublings + 1):
            raise ValueError(
                f"`latent_dim` must be a multiple of {doublings + 1}, for equal parts to the first map and to each "
                f"of the {doublings} blocks. Received: latent_dim={latent_dim}"
            )
        initial, *outputs = (width * multiple for multiple in GENERATOR_WIDTHS[doublings])
        latents = keras.Input((latent_dim,), name="latents")
        first, *parts = ops.split(latents, doublings + 1, axis=-1)
        labels, embedded = _label_inputs(num_classes, embedding_dim)
        x = _dense(side**2 * initial, name="initial_map")(first)
        x = layers.Reshape((side, side, initial))(x)
        for level, (channels, part) in enumerate(zip(outputs, parts, strict=True), 1):
            block = f"block_{level}"
            condition = part if embedded is None else layers.Concatenate()([embedded, part])
            # Upsampling after the 1x1 convolution gives the same map as before it, for a quarter of the work.
            shortcut = layers.UpSampling2D(2)(_convolution(channels, 1, name=f"{block}_shortcut")(x))
            residual = _modulated_relu(x, condition, synchronized, f"{block}_norm_1")
            residual = _resizing(channels, name=f"{block}_conv_1")(residual)
            residual = _modulated_relu(residual, condition, synchronized, f"{block}_norm_2")
            residual = _convolution(channels, 3, name=f"{block}_conv_2")(residual)
            x = layers.Add(name=block)([shortcut, residual])
            side *= 2
            if side == attention_side:
                x = SelfAttention(epsilon=_EPSILON, name="attention")(x)
        images = _images(x, image_shape[-1], synchronized)
        super().__init__(latents if labels is None else [latents, labels], images, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BigGANDiscriminator(SNGANDiscriminator):
    """`SNGANDiscriminator` with wide blocks and orthogonal initialization.

    With 128x128x3, width 96, 1,000 classes and attention at 64 it has 87,982,370 trainable parameters.

    Args:
        image_shape, num_classes, attention_side: As for `SNGANDiscriminator`.
        width: Int, channels behind the first block; behind the last there are 16 times as many. Up to a side of 32
            all blocks have 4 times as many, as in the authors' network for CIFAR-10.

    Call arguments, returns: As for `SNGANDiscriminator`.

    Source: Brock et al. 2019, appendix B.1, figure 15 and table 4.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (128, 128, 3),
        width: PositiveInt = 96,
        num_classes: NumClasses = None,
        attention_side: OptionalPositiveInt = None,
        name="discriminator",
    ):
        _, doublings = side_and_depth(image_shape)
        super().__init__(
            image_shape,
            2 * width if doublings <= 3 else width,
            num_classes,
            attention_side,
            wide=True,
            initializer="orthogonal",
            epsilon=_EPSILON,
            name=name,
        )


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BigGANDeepGenerator(ConfigurableNetwork):
    """Latents to images by bottleneck blocks, two for each side, all of which see the whole latent.

    The residual branch of a block is four times batch normalization, ReLU and convolution, the first 1x1 to a
    quarter of the channels, two of 3x3, the last 1x1; where the block doubles the side, before its first 3x3
    convolution. Its shortcut leaves out the last channels, and is upsampled. Normalization and initialization are
    those of `BigGANGenerator`. With 128x128x3, width 128, latent 128, 1,000 classes and attention at 64 it has
    50,244,484 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Int, length of a latent.
        width: Int, channels of the last map, a multiple of 4; as for `BigGANGenerator`.
        num_classes, embedding_dim, attention_side, synchronized: As for `BigGANGenerator`.

    Call arguments, returns: As for `BigGANGenerator`.

    Source: Brock et al. 2019, appendix B.2, figure 16 and table 7.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (128, 128, 3),
        latent_dim: PositiveInt = 128,
        width: PositiveInt = 128,
        num_classes: NumClasses = None,
        embedding_dim: PositiveInt = 128,
        attention_side: OptionalPositiveInt = None,
        synchronized: Flag = False,
        name="generator",
    ):
        _check_bottleneck(width)
        side, doublings = side_and_depth(image_shape)
        check_attention(attention_side, [side * 2**level for level in range(1, doublings + 1)])
        initial, *outputs = (width * multiple for multiple in GENERATOR_WIDTHS[doublings])
        latents = keras.Input((latent_dim,), name="latents")
        labels, embedded = _label_inputs(num_classes, embedding_dim)
        condition = latents if embedded is None else layers.Concatenate()([embedded, latents])

        def block_of(x, channels, upsamples, name):
            hidden = x.shape[-1] // 4
            shortcut = x[..., :channels]
            residual = x
            for number, (filters, size) in enumerate(
                ((hidden, 1), (hidden, 3), (hidden, 3), (channels, 1)), 1
            ):
                residual = _modulated_relu(residual, condition, synchronized, f"{name}_norm_{number}")
                resizes = upsamples and number == 2
                layer = (
                    _resizing(filters, name=f"{name}_conv_{number}")
                    if resizes
                    else _convolution(filters, size, name=f"{name}_conv_{number}")
                )
                residual = layer(residual)
            if upsamples:
                shortcut = layers.UpSampling2D(2)(shortcut)
            return layers.Add(name=name)([shortcut, residual])

        x = _dense(side**2 * initial, name="initial_map")(condition)
        x = layers.Reshape((side, side, initial))(x)
        for level, channels in enumerate(outputs, 1):
            x = block_of(x, x.shape[-1], False, f"block_{level}_a")
            x = block_of(x, channels, True, f"block_{level}_b")
            side *= 2
            if side == attention_side:
                x = SelfAttention(epsilon=_EPSILON, name="attention")(x)
        images = _images(x, image_shape[-1], synchronized)
        super().__init__(latents if labels is None else [latents, labels], images, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BigGANDeepDiscriminator(ConfigurableNetwork):
    """Images to logits by bottleneck blocks, two for each side, every layer spectrally normalized.

    A 3x3 convolution comes first. The residual branch of a block is four times ReLU and convolution, as in
    `BigGANDeepGenerator`, mean-pooled before the last where the block halves the side; its shortcut is pooled, and
    a 1x1 convolution adds the channels that it lacks. The end is that of `SNGANDiscriminator`. With 128x128x3, width
    128, 1,000 classes and attention at 64 it has 34,590,210 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        width: Int, channels of the first map, a multiple of 4.
        num_classes, attention_side: As for `SNGANDiscriminator`.

    Call arguments, returns: As for `SNGANDiscriminator`.

    Source: Brock et al. 2019, appendix B.2, figure 16 and table 7.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (128, 128, 3),
        width: PositiveInt = 128,
        num_classes: NumClasses = None,
        attention_side: OptionalPositiveInt = None,
        name="discriminator",
    ):
        _check_bottleneck(width)
        _, doublings = side_and_depth(image_shape)
        multiples, halvings = DISCRIMINATOR_WIDTHS[doublings]
        side = image_shape[0]
        # Of the first of those widths there is no block: the stem has it.
        outputs = [width * multiple for multiple in multiples[1:]]
        halvings -= 1
        check_attention(attention_side, [side // 2**level for level in range(1, halvings + 1)])

        def block_of(x, channels, halves, name):
            hidden = channels // 4
            residual = x
            for number, (filters, size) in enumerate(((hidden, 1), (hidden, 3), (hidden, 3)), 1):
                residual = _convolution(filters, size, name=f"{name}_conv_{number}")(layers.ReLU()(residual))
            residual, shortcut = layers.ReLU()(residual), x
            if halves:
                shortcut, residual = (layers.AveragePooling2D(2)(part) for part in (shortcut, residual))
            residual = _convolution(channels, 1, name=f"{name}_conv_4")(residual)
            if missing := channels - x.shape[-1]:
                added = _convolution(missing, 1, name=f"{name}_shortcut")(shortcut)
                shortcut = layers.Concatenate()([shortcut, added])
            return layers.Add(name=name)([shortcut, residual])

        images = keras.Input(tuple(image_shape), name="images")
        x = _convolution(width, 3, name="initial_map")(images)
        for level, channels in enumerate(outputs):
            halves = level < halvings
            x = block_of(x, channels, halves, f"block_{level + 1}_a")
            x = block_of(x, channels, False, f"block_{level + 1}_b")
            side //= 1 + halves
            if halves and side == attention_side:
                x = SelfAttention(epsilon=_EPSILON, name="attention")(x)
        labels = None if num_classes is None else keras.Input((), dtype="int32", name="labels")
        outputs = projected_logits(x, labels, num_classes, True, "orthogonal", _EPSILON)
        super().__init__(images if labels is None else [images, labels], outputs, name=name)


def _check_bottleneck(width):
    if width % 4:
        raise ValueError(f"`width` must be a multiple of 4. Received: width={width}")


def _label_inputs(num_classes, embedding_dim):
    """The input of labels and the embedding that all blocks share, both None without classes."""
    if num_classes is None:
        return None, None
    labels = keras.Input((), dtype="int32", name="labels")
    embedding = layers.Embedding(
        num_classes, embedding_dim, embeddings_initializer="orthogonal", name="label_embedding"
    )
    return labels, embedding(labels)


def _modulated_relu(x, condition, synchronized, name):
    normalization = ModulatedBatchNormalization(_EPSILON, synchronized=synchronized, name=name)
    return layers.ReLU()(normalization([x, condition]))


def _images(x, channels, synchronized):
    x = layers.ReLU()(BatchNormalization(synchronized=synchronized, name="output_norm")(x))
    x = _convolution(channels, 3, name="output_conv")(x)
    return layers.Activation("tanh", dtype="float32", name="images")(x)


def _dense(units, name):
    return SpectralDense(units, kernel_initializer="orthogonal", epsilon=_EPSILON, name=name)


def _convolution(channels, size, name):
    return SpectralConv2D(
        channels, size, padding="same", kernel_initializer="orthogonal", epsilon=_EPSILON, name=name
    )


def _resizing(channels, name):
    return SpectralResizeConv2D(channels, kernel_initializer="orthogonal", epsilon=_EPSILON, name=name)
