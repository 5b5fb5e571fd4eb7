"""The residual networks of SNGAN, its projection discriminator, and SAGAN."""

from typing import Annotated

import keras
from keras import initializers, layers, ops

from keras_genzoo.arguments import (
    Check,
    Flag,
    ImageShape,
    NumClasses,
    OptionalPositiveInt,
    OptionalPositiveInts,
    PositiveInt,
    checked,
    one_of,
)
from keras_genzoo.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
    ResizeConv2D,
    SelfAttention,
    SpectralConv2D,
    SpectralDense,
    SpectralEmbedding,
    SpectralResizeConv2D,
)
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.dcgan import side_and_doublings

# Doublings of the side -> channels of the maps of a generator, the initial map first, relative to the width.
GENERATOR_WIDTHS = {
    1: (4, 4),
    2: (4, 4, 4),
    3: (4, 4, 4, 4),
    4: (16, 16, 8, 4, 2),
    5: (16, 16, 8, 4, 2, 1),
    6: (16, 16, 8, 8, 4, 2, 1),
    7: (16, 16, 8, 8, 4, 2, 1, 1),
}
# Doublings of the side -> channels of the blocks of a discriminator relative to the width, and the number of blocks
# that halve the side.
DISCRIMINATOR_WIDTHS = {
    1: ((2, 2, 2), 1),
    2: ((2, 2, 2, 2), 2),
    3: ((2, 2, 2, 2), 2),
    4: ((1, 2, 4, 8, 16), 4),
    5: ((1, 2, 4, 8, 16, 16), 5),
    6: ((1, 2, 4, 8, 8, 16, 16), 6),
    7: ((1, 1, 2, 4, 8, 8, 16, 16), 7),
}


Interpolation = Annotated[str, Check(one_of("nearest", "bilinear"))]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SNGANGenerator(ConfigurableNetwork):
    """Generator of SNGAN and SAGAN: pre-activation residual blocks that double the side.

    A dense layer outputs a map of 4x4 (7x7 for sides of 7 * 2^k). The residual branch of a block has batch
    normalization, ReLU, nearest-neighbor upsampling, 3x3 convolution, batch normalization, ReLU and 3x3
    convolution. The shortcut has upsampling and a 1x1 convolution. Batch normalization, ReLU, a 3x3
    convolution and tanh output the image. With classes, batch normalization has a scale and an offset per
    class. For 32x32x3 it has 4,276,739 trainable parameters, with 10 classes 4,304,387; for 128x128x3
    32,150,787, with 1,000 classes 41,996,931.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Positive int, length of a latent.
        width: Positive int. For sides up to 32, maps have 4 times as many channels. From 64 on, the first map
            has 16 times as many, and the last as many or twice as many.
        num_classes: Int of at least 2, or None for an unconditional generator.
        attention_side: Int, side of the map with self-attention (32 in SAGAN), or None.
        spectral: Bool, whether convolutions and the dense layer have spectral normalization, as in SAGAN.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        channels: Tuple of positive ints, channels of the maps, the initial map first, instead of multiples of
            `width`. The side can then be any number that is halved once per block, such as 48 with `(512,
            256, 128, 64)`, which starts at 6.
        interpolation: `"nearest"` or `"bilinear"` upsampling.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or with classes a list of latents and int labels
            `(batch,)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range or unknown, the side of `image_shape` is not supported,
            or no block has a map of side `attention_side`.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.SNGANGenerator((8, 8, 3), latent_dim=8, width=4)
    images = generator(kg.latent.normal(2, 8, seed=0))  # (2, 8, 8, 3)
    ```

    Reference: Miyato et al., "Spectral normalization for generative adversarial networks", 2018,
    arXiv:1802.05957, tables 4 and 5. Miyato & Koyama, "cGANs with projection discriminator", 2018,
    arXiv:1802.05637, figure 14; biases, initialization and epsilon as in their code. Zhang et al.,
    "Self-attention generative adversarial networks", 2019, arXiv:1805.08318.
    """

    @checked
    def __init__(
        self,
        image_shape: ImageShape = (32, 32, 3),
        latent_dim: PositiveInt = 128,
        width: PositiveInt = 64,
        num_classes: NumClasses = None,
        attention_side: OptionalPositiveInt = None,
        spectral: Flag = False,
        synchronized: Flag = False,
        channels: OptionalPositiveInts = None,
        interpolation: Interpolation = "nearest",
        name="generator",
    ):
        if channels is None:
            side, doublings = side_and_depth(image_shape)
            channels = [width * multiple for multiple in GENERATOR_WIDTHS[doublings]]
        else:
            side = _side_halved(image_shape, len(channels) - 1)
        initial, *outputs = channels
        check_attention(attention_side, [side * 2**level for level in range(1, len(channels))])
        dense = SpectralDense if spectral else layers.Dense
        convolution = SpectralConv2D if spectral else layers.Conv2D
        resizing = SpectralResizeConv2D if spectral else ResizeConv2D

        def upsampled_convolution(filters, name):
            if interpolation == "nearest":
                return resizing(filters, kernel_initializer=_he(), name=name)
            layer = convolution(filters, 3, padding="same", kernel_initializer=_he(), name=name)
            return lambda x: layer(layers.UpSampling2D(2, interpolation=interpolation)(x))

        def normalized_relu(x, name):
            if num_classes is None:
                return layers.ReLU()(BatchNormalization(0.9, 2e-5, synchronized=synchronized, name=name)(x))
            normalization = ConditionalBatchNormalization(num_classes, synchronized=synchronized, name=name)
            return layers.ReLU()(normalization([x, labels]))

        latents = keras.Input((latent_dim,), name="latents")
        labels = None if num_classes is None else keras.Input((), dtype="int32", name="labels")
        x = layers.Reshape((side, side, initial))(dense(side**2 * initial, name="initial_map")(latents))
        for level, filters in enumerate(outputs, 1):
            block = f"block_{level}"
            # Upsampling after the 1x1 convolution gives the same map as before it, with a quarter of the operations.
            shortcut = convolution(filters, 1, name=f"{block}_shortcut")(x)
            shortcut = layers.UpSampling2D(2, interpolation=interpolation)(shortcut)
            residual = normalized_relu(x, f"{block}_norm_1")
            residual = upsampled_convolution(filters, f"{block}_conv_1")(residual)
            residual = normalized_relu(residual, f"{block}_norm_2")
            residual = convolution(
                filters, 3, padding="same", kernel_initializer=_he(), name=f"{block}_conv_2"
            )(residual)
            x = layers.Add(name=block)([shortcut, residual])
            side *= 2
            if side == attention_side:
                x = SelfAttention(name="attention")(x)
        x = BatchNormalization(0.9, 2e-5, synchronized=synchronized, name="output_norm")(x)
        x = convolution(image_shape[-1], 3, padding="same", name="output_conv")(layers.ReLU()(x))
        images = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(latents if labels is None else [latents, labels], images, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SNGANDiscriminator(ConfigurableNetwork):
    """Discriminator of SNGAN and SAGAN: pre-activation residual blocks with spectral normalization.

    The residual branch of a block has ReLU, 3x3 convolution, ReLU and 3x3 convolution. The shortcut has a 1x1
    convolution. Both are mean-pooled if the block halves the side. The first block has no ReLU before its
    first convolution. ReLU, the sum over the map and a dense layer follow. With classes, the inner product of
    the sum and the label embedding is added to the logit. For 32x32x3 and `logits_bias=False` it has
    1,053,824 trainable parameters, with 10 classes 1,055,104; for 128x128x3 29,017,857, with 1,000 classes
    30,041,857.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        width: Positive int. For sides up to 32, maps have twice as many channels. From 64 on, the first map
            has as many, and the last 16 times as many.
        num_classes: Int of at least 2, or None for an unconditional discriminator.
        attention_side: Int, side of the map with self-attention (32 in SAGAN), or None.
        wide: Bool, whether the first convolution of a block widens the map, as in SAGAN and BigGAN, or the
            second.
        logits_bias: Bool, whether the logit has a bias. The authors' network for 32x32 has none.
        initializer: Keras initializer of all layers. Defaults to Glorot's, and He's for layers with ReLU.
        epsilon: Positive float, as for `SpectralConv2D`.
        channels: Tuple of positive ints, channels after each block, instead of multiples of `width`, for
            images of any side that can be halved `halvings` times.
        halvings: Positive int, with `channels`: number of blocks, starting with the first, that halve the
            side. Defaults to all blocks.

    Call arguments:
        inputs: Float images in [-1, 1] `(batch, height, width, channels)`, or with classes a list of images
            and int labels `(batch,)`.

    Returns:
        Float32 logits, `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, the side of `image_shape` is not supported, or no
            block has a map of side `attention_side`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.SNGANDiscriminator((8, 8, 3), width=4)
    logits = discriminator(keras.ops.zeros((2, 8, 8, 3)))  # (2, 1)
    ```

    Reference: as for `SNGANGenerator`; equation 3 of Miyato & Koyama for the projection.
    """

    @checked
    def __init__(
        self,
        image_shape: ImageShape = (32, 32, 3),
        width: PositiveInt = 64,
        num_classes: NumClasses = None,
        attention_side: OptionalPositiveInt = None,
        wide: Flag = False,
        logits_bias: Flag = True,
        initializer=None,
        epsilon=1e-12,
        channels: OptionalPositiveInts = None,
        halvings: OptionalPositiveInt = None,
        name="discriminator",
    ):
        if channels is None:
            _, doublings = side_and_depth(image_shape)
            multiples, halvings = DISCRIMINATOR_WIDTHS[doublings]
            channels = [width * multiple for multiple in multiples]
        else:
            halvings = len(channels) if halvings is None else halvings
            _side_halved(image_shape, halvings)
        side = image_shape[0]
        check_attention(attention_side, [side // 2**level for level in range(1, halvings + 1)])

        def convolution(filters, size, name):
            kernel_initializer = initializer or ("glorot_uniform" if size == 1 else _he())
            return SpectralConv2D(
                filters,
                size,
                padding="same",
                kernel_initializer=kernel_initializer,
                epsilon=epsilon,
                name=name,
            )

        images = keras.Input(tuple(image_shape), name="images")
        x = images
        for level, filters in enumerate(channels):
            block, halves, is_first = f"block_{level + 1}", level < halvings, level == 0
            hidden = filters if wide or is_first else x.shape[-1]
            residual = x if is_first else layers.ReLU()(x)
            residual = layers.ReLU()(convolution(hidden, 3, f"{block}_conv_1")(residual))
            residual = convolution(filters, 3, f"{block}_conv_2")(residual)
            shortcut = x
            if halves:
                # Pooling before the 1x1 convolution gives the same map as after it, with a quarter of the operations.
                shortcut, residual = (layers.AveragePooling2D(2)(part) for part in (shortcut, residual))
                side //= 2
            if halves or filters != x.shape[-1]:
                shortcut = convolution(filters, 1, f"{block}_shortcut")(shortcut)
            x = layers.Add(name=block)([shortcut, residual])
            if halves and side == attention_side:
                x = SelfAttention(epsilon=epsilon, name="attention")(x)
        labels = None if num_classes is None else keras.Input((), dtype="int32", name="labels")
        outputs = projected_logits(x, labels, num_classes, logits_bias, initializer, epsilon)
        super().__init__(images if labels is None else [images, labels], outputs, name=name)


def projected_logits(x, labels, num_classes, use_bias, initializer, epsilon):
    """Computes logits from a map: the sum of its ReLU over all pixels, a dense layer, and the projection to
    the label.
    """
    initializer = initializer or "glorot_uniform"
    features = ops.sum(layers.ReLU()(x), axis=(1, 2))
    logits = SpectralDense(
        1, use_bias=use_bias, kernel_initializer=initializer, epsilon=epsilon, name="logits"
    )(features)
    if labels is not None:
        embedded = SpectralEmbedding(
            num_classes,
            features.shape[-1],
            embeddings_initializer=initializer,
            epsilon=epsilon,
            name="label_projection",
        )(labels)
        inner = layers.Dot(axes=-1, name="inner")([features, embedded])
        logits = layers.Add(name="projected_logits")([logits, inner])
    return layers.Activation("linear", dtype="float32", name="float32_logits")(logits)


def side_and_depth(image_shape):
    """Returns the side of the smallest map, and the number of doublings to the side of the image.

    Raises:
        ValueError: If the side of the image is not supported.
    """
    side, doublings = side_and_doublings(image_shape)
    if doublings not in GENERATOR_WIDTHS:
        raise ValueError(
            f"`image_shape` must have a side of at most {side * 2 ** max(GENERATOR_WIDTHS)}. Received: "
            f"{tuple(image_shape)}. Resize the images, for example with `image_size=64` when loading."
        )
    return side, doublings


def _side_halved(image_shape, num):
    """Returns the side of an image after a number of halvings."""
    height, width, _ = image_shape
    if height != width or height % 2**num:
        raise ValueError(
            f"`image_shape` must be square with a side that is a multiple of {2**num}, to be halved {num} times. "
            f"Received: {tuple(image_shape)}. Change it or `channels`."
        )
    return height // 2**num


def check_attention(side, sides):
    """Checks that a network has a map of a side."""
    if side is not None and side not in sides:
        raise ValueError(
            f"`attention_side` must be the side of the output of a block, one of {sorted(sides)}. Received: "
            f"attention_side={side}"
        )


def _he():
    # He's variance with the mean of fan-in and fan-out, as in the authors' code.
    return initializers.VarianceScaling(2.0, mode="fan_avg", distribution="uniform")
