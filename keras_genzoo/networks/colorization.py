"""The U-Net that colors grey images, and the discriminator of its colors (Nazeri et al. 2018)."""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, PositiveInt, PositiveInts, Share, checked
from keras_genzoo.layers import BatchNormalization, Conv2DTranspose, Dropout
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ColorizationUNet(ConfigurableNetwork):
    """Grey images to L*a*b* by 4x4 convolutions down and back, with skip connections.

    Encoder: a convolution of stride 1, then some of stride 2, each with batch normalization and leaky ReLU (0.2).
    Decoder: transposed convolutions of stride 2 with batch normalization and ReLU, dropout behind the first two, each
    joined to the encoder's map of its size, which comes first. A 1x1 convolution to three channels, and tanh.

    The paper's of 32x32 (`filters=(64, 128, 256, 512, 512)`) has 16,654,851 trainable parameters, that
    of 256x256 (`(64, 64, 128, 256, 512, 512, 512, 512)`) 42,023,811.

    Args:
        filters: Tuple of ints, the channels of the encoder's convolutions. The decoder has all but the last, from the
            last but one to the first.
        dropout: Float in [0, 1), rate; 0 for none.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, 1)`, of sides that are multiples of `size_multiple`.

    Returns:
        Float32 L*a*b* in [-1, 1], `(batch, height, width, 3)`.

    Source: Nazeri et al. 2018, figure 2; strides, dropout and the initialization (He et al. 2015, truncated) follow
    the authors' code, which normalizes by the batch in inference too. Here inference uses the moving statistics.
    """

    @checked
    def __init__(
        self,
        filters: PositiveInts = (64, 128, 256, 512, 512),
        dropout: Share = 0.5,
        synchronized: Flag = False,
        name="generator",
    ):
        if len(filters) < 2:
            raise ValueError(f"`filters` must have at least two numbers. Received: {tuple(filters)}")

        def normalized(x, level):
            return BatchNormalization(synchronized=synchronized, name=f"{level}_norm")(x)

        x = images = keras.Input((None, None, 1), name="images")
        skips = []
        for number, channels in enumerate(filters, start=1):
            level = f"down_{number}"
            convolution = layers.Conv2D(
                channels,
                4,
                strides=1 if number == 1 else 2,
                padding="same",
                kernel_initializer=_he(),
                name=f"{level}_conv",
            )
            x = layers.LeakyReLU(0.2)(normalized(convolution(x), level))
            skips.append(x)
        skips.pop()
        for number, channels in enumerate(filters[-2::-1]):
            level = f"up_{len(filters) - number}"
            convolution = Conv2DTranspose(
                channels, 4, strides=2, padding="same", kernel_initializer=_he(), name=f"{level}_conv"
            )
            x = layers.ReLU()(normalized(convolution(x), level))
            if dropout and number < 2:
                x = Dropout(dropout, name=f"{level}_dropout")(x)
            x = layers.Concatenate(name=level)([skips.pop(), x])
        x = layers.Conv2D(3, 1, kernel_initializer=_he(), name="output_conv")(x)
        outputs = layers.Activation("tanh", dtype="float32", name="colors")(x)
        super().__init__(images, outputs, name=name)
        self.size_multiple = 2 ** (len(filters) - 1)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ColorizationDiscriminator(ConfigurableNetwork):
    """Images to a map of logits, each of one patch.

    4x4 convolutions, padded "same", of `width` times 1, 2, 4, 8 channels, all but the last of stride 2, all but the
    first with batch normalization, each with leaky ReLU (0.2); one of stride 1 to the logits. With 4 channels and
    width 64 it has 2,767,553 trainable parameters.

    Args:
        channels: Int, channels of the images: those of a grey image and of its colors.
        width: Int, channels behind the first convolution.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 logits, `(batch, height / 8, width / 8, 1)`, rounded up.

    Source: Nazeri et al. 2018, section 3; the convolutions follow the authors' code.
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt = 4,
        width: PositiveInt = 64,
        synchronized: Flag = False,
        name="discriminator",
    ):
        def convolution(x, filters, strides, name):
            return layers.Conv2D(
                filters, 4, strides=strides, padding="same", kernel_initializer=_he(), name=name
            )(x)

        x = images = keras.Input((None, None, channels), name="images")
        for number in range(1, 5):
            x = convolution(x, width * 2 ** (number - 1), 2 if number < 4 else 1, f"conv_{number}")
            if number > 1:
                x = BatchNormalization(synchronized=synchronized, name=f"norm_{number}")(x)
            x = layers.LeakyReLU(0.2)(x)
        x = convolution(x, 1, 1, "logits")
        outputs = layers.Activation("linear", dtype="float32", name="float32_logits")(x)
        super().__init__(images, outputs, name=name)


def _he():
    return initializers.VarianceScaling(2.0, "fan_in", "truncated_normal")
