"""The residual networks of SNGAN, of its projection discriminator, and of SAGAN."""

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

# Doublings of the side -> channels of a generator's maps, the initial one first, in multiples of the width.
GENERATOR_WIDTHS = {
    1: (4, 4),
    2: (4, 4, 4),
    3: (4, 4, 4, 4),
    4: (16, 16, 8, 4, 2),
    5: (16, 16, 8, 4, 2, 1),
    6: (16, 16, 8, 8, 4, 2, 1),
    7: (16, 16, 8, 8, 4, 2, 1, 1),
}
# Doublings of the side -> channels of a discriminator's blocks in multiples of the width, and how many of the blocks
# halve the side.
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
    """Latents to images by pre-activation residual blocks, each of which doubles the side.

    A dense layer makes a map of 4x4 (7x7 where the size asks for it). The residual branch of a block is batch
    normalization, ReLU, nearest upsampling, 3x3 convolution, batch normalization, ReLU, 3x3 convolution; its
    shortcut is upsampling and a 1x1 convolution. Batch normalization, ReLU, a 3x3 convolution and tanh make the
    image. With classes, batch normalization has a scale and an offset for each. With 32x32x3 it has 4,276,739
    trainable parameters, of 10 classes 4,304,387; with 128x128x3 32,150,787, of 1,000 classes 41,996,931.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Int, length of a latent.
        width: Int. Maps have 4 times as many channels up to a side of 32; from 64 on they fall from 16 times as
            many to as many as this or twice that.
        num_classes: Int, or None for an unconditional generator.
        attention_side: Int, the side of the map that attends to itself (SAGAN's is 32), or None.
        spectral: Bool, whether convolutions and the dense layer are spectrally normalized, as SAGAN's are.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        channels: Tuple of ints, channels of the maps, the initial one first, instead of multiples of `width`. The
            side may then be any number doubled once per block, such as 48, from 6, with `(512, 256, 128, 64)`.
        interpolation: `"nearest"`, or `"bilinear"` upsampling.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or with classes a list of them and of int labels `(batch,)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Source: Miyato et al. 2018, tables 4 and 5; Miyato & Koyama 2018, figure 14; biases, initialization and epsilon
    as in their code. Zhang et al. 2019.
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
            # Upsampling after the 1x1 convolution gives the same map as before it, for a quarter of the work.
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
    """Images to logits by pre-activation residual blocks, every layer spectrally normalized.

    The residual branch of a block is ReLU, 3x3 convolution, ReLU, 3x3 convolution; its shortcut a 1x1 convolution;
    both are mean-pooled where the block halves the side. The first block has no ReLU before its first convolution:
    it sees the image itself. ReLU, the sum over the map and a dense layer follow. With classes, the inner product of
    the sum and the label's embedding is added to the logit. With 32x32x3 and `logits_bias=False` it has 1,053,824
    trainable parameters, of 10 classes 1,055,104; with 128x128x3 29,017,857, of 1,000 classes 30,041,857.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k from 1 to 7.
        width: Int. Maps have twice as many channels up to a side of 32; from 64 on they rise from as many to 16
            times as many.
        num_classes: Int, or None for an unconditional discriminator.
        attention_side: Int, the side of the map that attends to itself (SAGAN's is 32), or None.
        wide: Bool, whether a block widens the map by its first convolution, as in SAGAN and BigGAN, or by its second.
        logits_bias: Bool. The authors' network for 32x32 has none.
        initializer: Keras initializer of all layers, or None for Glorot's, and He's before a ReLU.
        epsilon: Float, as for `SpectralConv2D`.
        channels: Tuple of ints, channels behind each block, instead of multiples of `width`, for images of any side
            that can be halved `halvings` times.
        halvings: Int, with `channels`: the number of blocks, from the first, that halve the side. Defaults to all.

    Call arguments:
        inputs: Float images in [-1, 1] `(batch, height, width, channels)`, or with classes a list of them and of
            int labels `(batch,)`.

    Returns:
        Float32 logits, `(batch, 1)`.

    Source: as for `SNGANGenerator`; Miyato & Koyama 2018, equation 3.
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
                # Pooling before the 1x1 convolution gives the same map as after it, for a quarter of the work.
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
    """Logits of a map: the sum of its ReLU over all pixels, a dense layer, and the projection on the label."""
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
    """The side of the smallest map, and how often it is doubled to that of an image.

    Raises:
        ValueError: If there are no such networks.
    """
    side, doublings = side_and_doublings(image_shape)
    if doublings not in GENERATOR_WIDTHS:
        raise ValueError(
            f"`image_shape` must have a side of at most {side * 2 ** max(GENERATOR_WIDTHS)}. Received: "
            f"{tuple(image_shape)}. Resize the images, for example with `image_size=64` when loading."
        )
    return side, doublings


def _side_halved(image_shape, num):
    """The side of an image that is halved a number of times."""
    height, width, _ = image_shape
    if height != width or height % 2**num:
        raise ValueError(
            f"`image_shape` must be square with a side that is a multiple of {2**num}, to be halved {num} times. "
            f"Received: {tuple(image_shape)}. Change it or `channels`."
        )
    return height // 2**num


def check_attention(side, sides):
    """Refuses a side that none of a network's maps has."""
    if side is not None and side not in sides:
        raise ValueError(
            f"`attention_side` must be that of a map behind a block, one of {sorted(sides)}. Received: "
            f"attention_side={side}"
        )


def _he():
    # He's variance by the mean of fan-in and fan-out, as in the authors' code.
    return initializers.VarianceScaling(2.0, mode="fan_avg", distribution="uniform")
