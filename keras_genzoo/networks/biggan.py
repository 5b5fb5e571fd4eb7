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

# Epsilon of spectral normalization.
_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BigGANGenerator(ConfigurableNetwork):
    """Generator of BigGAN: residual blocks, each with its own part of the latent.

    The latent is split into equal parts. A dense layer maps the first part to a map of 4x4 (7x7 for sides of
    7 * 2^k). Each block doubles the side, as in `SNGANGenerator`. The scale and offset of its batch
    normalization are linear functions of the block's part of the latent and of the label embedding, which all
    blocks share. All layers except the embedding have spectral normalization and orthogonal initialization.
    For 128x128x3, latents of length 120, width 96, 1,000 classes and self-attention at 64 it has 70,433,988
    trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Positive int, length of a latent, a multiple of k + 1.
        width: Positive int, channels of the last map; the first has 16 times as many. For sides up to 32, all
            maps have 4 times as many.
        num_classes: Int of at least 2, or None for an unconditional generator.
        embedding_dim: Positive int, length of a label embedding.
        attention_side: Int, side of the map with self-attention, or None.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or with classes a list of latents and int labels
            `(batch,)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, the side of `image_shape` is not supported,
            `latent_dim` cannot be split, or no block has a map of side `attention_side`.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.BigGANGenerator((8, 8, 3), latent_dim=8, width=4)
    images = generator(kg.latent.normal(2, 8, seed=0))  # (2, 8, 8, 3)
    ```

    Reference: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019,
    arXiv:1809.11096, appendix B.1, figure 15 and table 4.
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
                f"`latent_dim` must be a multiple of {doublings + 1}, to be split equally over the first map and "
                f"{doublings} block{'s' * (doublings > 1)}. Received: latent_dim={latent_dim}"
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
            # Upsampling after the 1x1 convolution gives the same map as before it, with a quarter of the operations.
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
    """Discriminator of BigGAN: `SNGANDiscriminator` with wide blocks and orthogonal initialization.

    For 128x128x3, width 96, 1,000 classes and self-attention at 64 it has 87,982,370 trainable parameters.

    Args:
        image_shape, num_classes, attention_side: As for `SNGANDiscriminator`.
        width: Positive int, channels after the first block; after the last there are 16 times as many. For
            sides up to 32, all blocks have 4 times as many, as in the authors' network for CIFAR-10.

    Call arguments:
        inputs: As for `SNGANDiscriminator`.

    Returns:
        Float32 logits, `(batch, 1)`.

    Raises:
        ValueError: As for `SNGANDiscriminator`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.BigGANDiscriminator((8, 8, 3), width=4)
    logits = discriminator(keras.ops.zeros((2, 8, 8, 3)))  # (2, 1)
    ```

    Reference: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019,
    arXiv:1809.11096, appendix B.1, figure 15 and table 4.
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
    """Generator of BigGAN-deep: bottleneck blocks, two per side, which all use the whole latent.

    The residual branch of a block has four times batch normalization, ReLU and convolution: 1x1 to a quarter
    of the channels, two 3x3, and 1x1. Blocks that double the side upsample before the first 3x3 convolution.
    The shortcut drops the last channels, and is upsampled. Normalization and initialization are those of
    `BigGANGenerator`. For 128x128x3, width 128, latents of length 128, 1,000 classes and self-attention at 64
    it has 50,244,484 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Positive int, length of a latent.
        width: Positive int, channels of the last map, a multiple of 4; as for `BigGANGenerator`.
        num_classes, embedding_dim, attention_side, synchronized: As for `BigGANGenerator`.

    Call arguments:
        inputs: As for `BigGANGenerator`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, `width` is not a multiple of 4, the side of
            `image_shape` is not supported, or no block has a map of side `attention_side`.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.BigGANDeepGenerator((8, 8, 3), latent_dim=8, width=4)
    images = generator(kg.latent.normal(2, 8, seed=0))  # (2, 8, 8, 3)
    ```

    Reference: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019,
    arXiv:1809.11096, appendix B.2, figure 16 and table 7.
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
    """Discriminator of BigGAN-deep: bottleneck blocks with spectral normalization, two per side.

    A 3x3 convolution is followed by the blocks. Their residual branch has four times ReLU and convolution, as
    in `BigGANDeepGenerator`, with mean pooling before the last convolution if the block halves the side. The
    shortcut is pooled, and a 1x1 convolution adds missing channels. The output layers are those of
    `SNGANDiscriminator`. For 128x128x3, width 128, 1,000 classes and self-attention at 64 it has 34,590,210
    trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        width: Positive int, channels of the first map, a multiple of 4.
        num_classes, attention_side: As for `SNGANDiscriminator`.

    Call arguments:
        inputs: As for `SNGANDiscriminator`.

    Returns:
        Float32 logits, `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, `width` is not a multiple of 4, the side of
            `image_shape` is not supported, or no block has a map of side `attention_side`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.BigGANDeepDiscriminator((8, 8, 3), width=4)
    logits = discriminator(keras.ops.zeros((2, 8, 8, 3)))  # (2, 1)
    ```

    Reference: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019,
    arXiv:1809.11096, appendix B.2, figure 16 and table 7.
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
        # The first width is that of the stem, not of a block.
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
    """Creates the label input and the embedding that all blocks share; both are None without classes."""
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
