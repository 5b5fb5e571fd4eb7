"""The U-Net and the discriminator for colorization (Nazeri et al. 2018)."""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, PositiveInt, PositiveInts, Share, checked
from keras_genzoo.layers import BatchNormalization, Conv2DTranspose, Dropout
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ColorizationUNet(ConfigurableNetwork):
    """Generator for colorization: a U-Net of 4x4 convolutions from grayscale images to L*a*b*.

    The encoder has a convolution with stride 1, followed by convolutions with stride 2, each with batch
    normalization and leaky ReLU (0.2). The decoder has transposed convolutions with stride 2 with batch
    normalization and ReLU, with dropout after the first two. Each output is concatenated to the encoder's map
    of the same size, which comes first. A 1x1 convolution to three channels and tanh follow.

    The paper's network for 32x32 images (`filters=(64, 128, 256, 512, 512)`) has 16,654,851 trainable
    parameters, that for 256x256 images (`(64, 64, 128, 256, 512, 512, 512, 512)`) 42,023,811.

    Args:
        filters: Tuple of at least two positive ints, channels of the encoder's convolutions. The decoder has
            the same in reverse, without the last.
        dropout: Float in [0, 1), rate of dropout; 0 for none.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, 1)`, with sides that are multiples of
            `size_multiple`.

    Returns:
        Float32 L*a*b* in [-1, 1], `(batch, height, width, 3)`.

    Raises:
        ValueError: If an argument is out of its range, or `filters` has fewer than two entries.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.ColorizationUNet(filters=(4, 8, 8))
    lab = generator(keras.ops.zeros((2, 8, 8, 1)))  # (2, 8, 8, 3)
    ```

    Reference: Nazeri et al., "Image colorization using generative adversarial networks", 2018,
    arXiv:1803.05400, figure 2; strides, dropout and initialization (He et al. 2015, truncated) follow the
    authors' code. Their code also uses batch statistics in inference; here inference uses the moving
    statistics.
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
            raise ValueError(f"`filters` must have at least two entries. Received: {tuple(filters)}")

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
    """Discriminator for colorization: maps images to one logit per patch.

    It has 4x4 convolutions with padding "same" and `width` times 1, 2, 4, 8 channels. All but the last have
    stride 2, all but the first batch normalization, and all leaky ReLU (0.2). A convolution with stride 1
    outputs the logits. For 4 channels and width 64 it has 2,767,553 trainable parameters.

    Args:
        channels: Positive int, channels of the input: those of the grayscale image and of its colors.
        width: Positive int, channels of the first convolution.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 logits, `(batch, height / 8, width / 8, 1)`, rounded up.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.ColorizationDiscriminator(4, width=4)
    logits = discriminator(keras.ops.zeros((2, 16, 16, 4)))  # (2, 2, 2, 1)
    ```

    Reference: Nazeri et al., "Image colorization using generative adversarial networks", 2018,
    arXiv:1803.05400, section 3; the convolutions follow the authors' code.
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
