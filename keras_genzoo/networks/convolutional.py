"""Small convolutional networks, as in textbooks, with all layers configurable."""

import math

import keras
from keras import layers

from keras_genzoo.arguments import (
    Activation,
    Flag,
    ImageShape,
    NumClasses,
    OptionalProbability,
    PositiveInt,
    PositiveIntOrInts,
    PositiveInts,
    Share,
    checked,
)
from keras_genzoo.layers import BatchNormalization, Dropout
from keras_genzoo.networks.conditioning import image_inputs, label_projection, latent_inputs
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ConvGenerator(ConfigurableNetwork):
    """Generator that maps latents to images with upsampling and convolutions.

    A dense layer outputs the initial map. Each level upsamples (nearest neighbor) and convolves. All but the
    last layer are followed by batch normalization and the activation, the last by tanh.

    Args:
        latent_dim: Positive int, length of a latent.
        initial_shape: Tuple `(height, width, channels)` of the initial map.
        filters: Sequence of positive ints, output channels of the convolutions; the last is that of the
            image.
        upsample: Sequence of positive ints of the same length, upsampling factor before each convolution.
        kernel_size: Positive int, or pair of positive ints.
        activation: Keras activation.
        batch_norm_momentum: Float from 0 to 1, or None for no batch normalization.
        num_classes, label_encoding, embedding_dim, synchronized: As for `DCGANGenerator`.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or with classes a list of latents and int labels
            `(batch,)`.

    Returns:
        Float32 images in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range, or `upsample` and `filters` have different lengths.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.ConvGenerator(initial_shape=(7, 7, 64), filters=(128, 64, 64, 1))
    generator.count_params()  # 844,161
    ```
    """

    @checked
    def __init__(
        self,
        latent_dim: PositiveInt = 100,
        initial_shape: ImageShape = (7, 7, 64),
        filters: PositiveInts = (128, 64, 64, 1),
        upsample: PositiveInts = (2, 2, 1, 1),
        kernel_size: PositiveIntOrInts = 5,
        activation: Activation = "relu",
        batch_norm_momentum: OptionalProbability = 0.9,
        num_classes: NumClasses = None,
        label_encoding="embedding",
        embedding_dim: PositiveInt = 50,
        synchronized: Flag = False,
        name="generator",
    ):
        _check_same_length("upsample", upsample, filters)

        def normalized_activation(x):
            if batch_norm_momentum is not None:
                x = BatchNormalization(batch_norm_momentum, epsilon=1e-3, synchronized=synchronized)(x)
            return layers.Activation(activation)(x)

        inputs, x = latent_inputs(latent_dim, num_classes, label_encoding, embedding_dim)
        x = normalized_activation(layers.Dense(math.prod(initial_shape), name="initial_map")(x))
        x = layers.Reshape(tuple(initial_shape))(x)
        for level, (channels, factor) in enumerate(zip(filters, upsample, strict=True)):
            if factor > 1:
                x = layers.UpSampling2D(factor)(x)
            x = layers.Conv2D(channels, kernel_size, padding="same")(x)
            if level < len(filters) - 1:
                x = normalized_activation(x)
        outputs = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(inputs, outputs, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ConvDiscriminator(ConfigurableNetwork):
    """Discriminator that maps images to logits with convolutions and dropout.

    The network has no sigmoid: losses take logits.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        filters: Sequence of positive ints, output channels of the convolutions.
        strides: Sequence of positive ints of the same length.
        kernel_size: Positive int, or pair of positive ints.
        activation: Keras activation.
        dropout: Float in [0, 1), rate of dropout after each convolution.
        num_classes, conditioning: As for `DCGANDiscriminator`.

    Call arguments:
        inputs: Float images in [-1, 1], or with classes a list of images and int labels `(batch,)`.

    Returns:
        Float32 logits, `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or `strides` and `filters` have different lengths.

    Example:

    ```python
    import keras_genzoo as kg

    discriminator = kg.networks.ConvDiscriminator((28, 28, 1), filters=(64, 64, 128, 128), strides=(2, 2, 2, 1))
    discriminator.count_params()  # 720,833
    ```
    """

    @checked
    def __init__(
        self,
        image_shape: ImageShape,
        filters: PositiveInts = (64, 64, 128, 128),
        strides: PositiveInts = (2, 2, 2, 1),
        kernel_size: PositiveIntOrInts = 5,
        activation: Activation = "relu",
        dropout: Share = 0.4,
        num_classes: NumClasses = None,
        conditioning="concatenation",
        name="discriminator",
    ):
        _check_same_length("strides", strides, filters)
        inputs, x, labels = image_inputs(tuple(image_shape), num_classes, conditioning)
        for channels, stride in zip(filters, strides, strict=True):
            x = layers.Conv2D(channels, kernel_size, strides=stride, padding="same")(x)
            x = layers.Activation(activation)(x)
            if dropout > 0:
                x = Dropout(dropout)(x)
        features = layers.Flatten(name="features")(x)
        logits = layers.Dense(1, name="logits")(features)
        if labels is not None and conditioning == "projection":
            logits = label_projection(logits, features, labels, num_classes, "glorot_uniform")
        outputs = layers.Activation("linear", dtype="float32", name="float32_logits")(logits)
        super().__init__(inputs, outputs, name=name)


def _check_same_length(argument, values, filters):
    if len(values) != len(filters):
        raise ValueError(
            f"`{argument}` and `filters` must have one entry per convolution. "
            f"Received: {argument}={tuple(values)}, filters={tuple(filters)}"
        )
