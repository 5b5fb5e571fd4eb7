"""The small convolutional networks of the textbooks, every layer a hyper-parameter."""

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
    """Latents to images by upsampling and convolution.

    A dense layer makes the initial map; each level upsamples (nearest neighbor) and convolves; batch
    normalization and the activation follow all but the last layer, whose activation is tanh.

    Args:
        latent_dim: Int, length of a latent.
        initial_shape: Tuple `(height, width, channels)` of the dense layer's map.
        filters: Sequence of ints, output channels of the convolutions; the last is the image's.
        upsample: Sequence of ints of the same length, factor before each convolution.
        kernel_size: Int.
        activation: Keras activation.
        batch_norm_momentum: Float, or None for no batch normalization.
        num_classes, label_encoding, embedding_dim, synchronized: As for `DCGANGenerator`.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or with classes a list of them and of int labels
            `(batch,)`.

    Returns:
        Float32 images in [-1, 1].

    Example:

    >>> ConvGenerator(initial_shape=(7, 7, 64), filters=(128, 64, 64, 1)).count_params()
    844161
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
    """Images to logits by convolutions with dropout.

    The sigmoid of the textbooks is part of the loss here, which works on logits.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        filters: Sequence of ints, output channels of the convolutions.
        strides: Sequence of ints of the same length.
        kernel_size: Int.
        activation: Keras activation.
        dropout: Float in [0, 1), rate after each convolution.
        num_classes, conditioning: As for `DCGANDiscriminator`.

    Call arguments:
        inputs: Float images in [-1, 1], or with classes a list of them and of int labels `(batch,)`.

    Returns:
        Float32 logits, `(batch, 1)`.

    Example:

    >>> ConvDiscriminator((28, 28, 1), filters=(64, 64, 128, 128), strides=(2, 2, 2, 1)).count_params()
    720833
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
            f"`{argument}` and `filters` must have one entry a convolution. "
            f"Received: {argument}={tuple(values)}, filters={tuple(filters)}"
        )
