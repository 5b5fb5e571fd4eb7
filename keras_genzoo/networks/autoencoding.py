"""Encoders and decoders with dense layers, and with convolutions with stride 2.

An encoder outputs the mean and log variance of the posterior of a latent, or with `stochastic=False` the
latent itself. A decoder outputs one logit per value of an image.
"""

import math

import keras
from keras import initializers, layers

from keras_genzoo.arguments import (
    Activation,
    Finite,
    Flag,
    FloatRange,
    OptionalPositiveInts,
    Padding,
    PositiveInt,
    PositiveIntOrInts,
    PositiveInts,
    checked,
)
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.dcgan import side_and_doublings


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MLPEncoder(ConfigurableNetwork):
    """Encoder that maps images to latents with dense layers.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        latent_dim: Positive int, length of a latent.
        hidden: Sequence of positive ints, units of the hidden layers.
        activation: Keras activation of the hidden layers.
        stochastic: Bool. If True, the outputs are a mean and a log variance, otherwise one latent.
        value_range: Pair `(low, high)`, range to which images are scaled first. If most pixels are black,
            `(0, 1)` makes them 0, with which saturating layers learn much faster.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        List of the mean and log variance, or the latent; each float32 `(batch, latent_dim)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras_genzoo as kg

    encoder = kg.networks.MLPEncoder((28, 28, 1), latent_dim=2, hidden=(16,))
    encoder.count_params()  # 12,628
    ```

    Reference: Kingma & Welling, "Auto-encoding variational Bayes", 2013, arXiv:1312.6114, appendix C; the
    defaults are those of PyTorch's VAE example.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 20,
        hidden: PositiveInts = (400,),
        activation: Activation = "relu",
        stochastic: Flag = True,
        value_range: FloatRange = (-1.0, 1.0),
        name="encoder",
    ):
        images = keras.Input(tuple(image_shape), name="images")
        x = images
        low, high = value_range
        if (low, high) != (-1, 1):
            x = layers.Rescaling((high - low) / 2, (high + low) / 2)(x)
        x = layers.Flatten()(x)
        for units in hidden:
            x = layers.Dense(units, activation=activation)(x)
        super().__init__(images, _posterior(x, latent_dim, stochastic), name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MLPDecoder(ConfigurableNetwork):
    """Decoder that maps latents to logits of images with dense layers.

    Args:
        latent_dim: Positive int, length of a latent.
        image_shape: Tuple `(height, width, channels)`.
        hidden: Sequence of positive ints, units of the hidden layers.
        activation: Keras activation of the hidden layers.
        output_bias: Float, initial logit of every pixel, such as that of the mean of the data.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 logits of images.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras_genzoo as kg

    decoder = kg.networks.MLPDecoder(2, (28, 28, 1), hidden=(16,))
    decoder.count_params()  # 13,376
    ```
    """

    @checked
    def __init__(
        self,
        latent_dim: PositiveInt,
        image_shape: PositiveInts,
        hidden: PositiveInts = (400,),
        activation: Activation = "relu",
        output_bias: Finite = 0.0,
        name="decoder",
    ):
        latents = keras.Input((latent_dim,), name="latents")
        x = latents
        for units in hidden:
            x = layers.Dense(units, activation=activation)(x)
        x = layers.Dense(
            math.prod(image_shape),
            bias_initializer=initializers.Constant(output_bias),
            name="flat_logits",
        )(x)
        logits = layers.Reshape(tuple(image_shape), dtype="float32", name="logits")(x)
        super().__init__(latents, logits, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ConvEncoder(ConfigurableNetwork):
    """Encoder that maps images to latents with convolutions with stride 2 and dense layers.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        latent_dim: Positive int, length of a latent.
        filters: Sequence of positive ints, channels of the convolutions. Defaults to 32, 64, ... until the
            side of the map is 4 or 7 (for sides of 4 * 2^k or 7 * 2^k).
        hidden: Sequence of positive ints, units of the dense layers.
        kernel_size: Positive int, or pair of positive ints.
        padding: `"same"` or `"valid"`.
        activation: Keras activation of all convolutions and dense layers.
        stochastic: Bool. If True, the outputs are a mean and a log variance, otherwise one latent.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        List of the mean and log variance, or the latent; each float32 `(batch, latent_dim)`.

    Raises:
        ValueError: If an argument is out of its range, or `filters` has no default for the side of
            `image_shape`.

    Example:

    ```python
    import keras_genzoo as kg

    encoder = kg.networks.ConvEncoder((28, 28, 1), latent_dim=2, hidden=(16,))
    encoder.count_params()  # 69,076
    ```
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 20,
        filters: OptionalPositiveInts = None,
        hidden: PositiveInts = (256,),
        kernel_size: PositiveIntOrInts = 3,
        padding: Padding = "same",
        activation: Activation = "relu",
        stochastic: Flag = True,
        name="encoder",
    ):
        images = keras.Input(tuple(image_shape), name="images")
        x = images
        for channels in _default_filters(image_shape) if filters is None else filters:
            x = layers.Conv2D(channels, kernel_size, strides=2, padding=padding, activation=activation)(x)
        x = layers.Flatten()(x)
        for units in hidden:
            x = layers.Dense(units, activation=activation)(x)
        super().__init__(images, _posterior(x, latent_dim, stochastic), name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ConvDecoder(ConfigurableNetwork):
    """Decoder that maps latents to logits of images with a dense layer and transposed convolutions.

    Args:
        latent_dim: Positive int, length of a latent.
        image_shape: Tuple `(height, width, channels)`.
        initial_shape: Tuple `(height, width, channels)` of the map that the dense layer outputs. Defaults to
            the shape of the last map of the default `ConvEncoder`.
        filters: Sequence of positive ints, channels of the transposed convolutions. The last is that of the
            image. Defaults to the filters of the default `ConvEncoder` in reverse, followed by the channels
            of the image without stride.
        strides: Sequence of positive ints of the same length.
        kernel_sizes: Positive int, or a sequence of the same length.
        padding: `"same"` or `"valid"`.
        activation: Keras activation of all transposed convolutions except the last.
        initial_activation: Keras activation of the dense layer.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 logits of images.

    Raises:
        ValueError: If an argument is out of its range, the sequences have different lengths, or the layers do
            not output `image_shape`.

    Example:

    ```python
    import keras_genzoo as kg

    decoder = kg.networks.ConvDecoder(2, (28, 28, 1))
    decoder.count_params()  # 65,089
    ```
    """

    @checked
    def __init__(
        self,
        latent_dim: PositiveInt,
        image_shape: PositiveInts,
        initial_shape: OptionalPositiveInts = None,
        filters: OptionalPositiveInts = None,
        strides: OptionalPositiveInts = None,
        kernel_sizes: PositiveIntOrInts = 3,
        padding: Padding = "same",
        activation: Activation = "relu",
        initial_activation: Activation = "relu",
        name="decoder",
    ):
        if filters is None:
            encoder_filters = _default_filters(image_shape)
            side, _ = side_and_doublings(image_shape)
            initial_shape = (side, side, encoder_filters[-1])
            filters = (*reversed(encoder_filters), image_shape[-1])
            strides = (*[2] * len(encoder_filters), 1)
        if isinstance(kernel_sizes, int):
            kernel_sizes = [kernel_sizes] * len(filters)
        if initial_shape is None or strides is None or not len(filters) == len(strides) == len(kernel_sizes):
            raise ValueError(
                "`filters` needs `initial_shape`, and `strides` and `kernel_sizes` of the same length. Received: "
                f"initial_shape={initial_shape}, filters={filters}, strides={strides}, "
                f"kernel_sizes={kernel_sizes}"
            )
        latents = keras.Input((latent_dim,), name="latents")
        x = layers.Dense(math.prod(initial_shape), activation=initial_activation, name="initial_map")(latents)
        x = layers.Reshape(tuple(initial_shape))(x)
        for level, (channels, stride, kernel_size) in enumerate(
            zip(filters, strides, kernel_sizes, strict=True)
        ):
            last = level == len(filters) - 1
            x = layers.Conv2DTranspose(
                channels, kernel_size, stride, padding, activation=None if last else activation
            )(x)
        if x.shape[1:] != tuple(image_shape):
            raise ValueError(
                f"The layers output images of shape {x.shape[1:]}, but `image_shape` is {tuple(image_shape)}."
            )
        logits = layers.Activation("linear", dtype="float32", name="logits")(x)
        super().__init__(latents, logits, name=name)


def _posterior(x, latent_dim, stochastic):
    if not stochastic:
        return layers.Dense(latent_dim, dtype="float32", name="latents")(x)
    return [
        layers.Dense(latent_dim, dtype="float32", name="mean")(x),
        layers.Dense(latent_dim, dtype="float32", name="log_variance")(x),
    ]


def _default_filters(image_shape):
    _, doublings = side_and_doublings(image_shape)
    return [32 * 2**level for level in range(doublings)]
