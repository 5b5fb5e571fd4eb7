"""The generator and the style encoder of SPADE."""

import math

import keras
from keras import layers

from keras_genzoo.arguments import (
    Flag,
    ImageShape,
    OptionalPositiveInt,
    PositiveInt,
    PositiveInts,
    checked,
)
from keras_genzoo.layers import BatchNormalization, InstanceNormalization, LabelMapEncoding, SpectralConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import kernel_initializer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SPADEGenerator(ConfigurableNetwork):
    """Generator of SPADE: maps label maps, and with `style_dim` also styles, to images.

    The first map is computed from the downsampled label map, or from the style by a dense layer. Residual
    blocks follow; the side is doubled (nearest neighbor) before each block except the first and the third.
    All normalizations of a block are spatially adaptive: batch normalization, followed by a scale and an
    offset per pixel and channel, which two convolutions compute from the label map. Leaky ReLU (0.2), a 3x3
    convolution and tanh output the image. For 184 labels it has 97,480,899 trainable parameters; with
    `style_dim=256` for 256x256 112,626,883.

    Args:
        num_labels: Positive int.
        has_edges: Bool, whether the label maps have a second channel with the edges between objects.
        image_shape: Tuple `(height, width, channels)` of the images in training. Without styles, other sizes
            that are multiples of `size_multiple` are supported in inference.
        width: Positive int.
        multiples: Tuple of positive ints, channels after each block relative to `width`. The first map has as
            many channels as the first block.
        hidden: Positive int, channels of the hidden map that is computed from the label map.
        doubles_middle: Bool, whether the side is also doubled before the third block.
        style_dim: Positive int, length of a style, or None.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        inputs: Label maps `(batch, height, width, 1 or 2)`; with styles a list of label maps and float styles
            `(batch, style_dim)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, or with styles, if the sides of `image_shape` are not
            multiples of `size_multiple`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.SPADEGenerator(5, image_shape=(8, 8, 3), width=2, multiples=(4, 2, 1), hidden=4)
    images = generator(keras.ops.zeros((2, 8, 8, 1)))  # (2, 8, 8, 3)
    ```

    Reference: Park et al., "Semantic image synthesis with spatially-adaptive normalization", 2019,
    arXiv:1903.07291, equation 1, figures 2 and 4, appendix A; initialization as in the authors' code.
    """

    @checked
    def __init__(
        self,
        num_labels: PositiveInt,
        has_edges: Flag = False,
        image_shape: ImageShape = (256, 256, 3),
        width: PositiveInt = 64,
        multiples: PositiveInts = (16, 16, 16, 8, 4, 2, 1),
        hidden: PositiveInt = 128,
        doubles_middle: Flag = False,
        style_dim: OptionalPositiveInt = None,
        synchronized: Flag = False,
        name="generator",
    ):
        channels = [multiple * width for multiple in multiples]
        doubles = [index not in (0, 2) or (index == 2 and doubles_middle) for index in range(len(channels))]
        height, width_of_images, _ = image_shape
        multiple = 2 ** sum(doubles)
        sides = (height // multiple, width_of_images // multiple)
        if style_dim and any(side % multiple for side in image_shape[:2]):
            raise ValueError(
                f"`image_shape` must have sides that are multiples of {multiple}, one doubling for each block. "
                f"Received: {image_shape}"
            )
        size = image_shape[:2] if style_dim else (None, None)
        label_maps = keras.Input((*size, 1 + has_edges), name="label_maps")
        styles = keras.Input((style_dim,), name="styles") if style_dim else None
        encoding = LabelMapEncoding(num_labels, name="encoding")

        def encoded(step):
            # The same as nearest-neighbor resizing by an integer.
            return encoding(label_maps[:, ::step, ::step])

        def adaptive(x, labels, name):
            hidden_map = layers.ReLU()(_convolution(hidden, 3, f"{name}_shared")(labels))
            scale, offset = (
                _convolution(x.shape[-1], 3, f"{name}_{part}")(hidden_map) for part in ("scale", "offset")
            )
            normalized = BatchNormalization(
                center=False, scale=False, synchronized=synchronized, name=f"{name}_norm"
            )(x)
            return normalized * (1.0 + scale) + offset

        def block(x, channels, labels, name):
            middle = min(x.shape[-1], channels)
            shortcut = x
            if channels != x.shape[-1]:
                shortcut = adaptive(x, labels, f"{name}_shortcut")
                shortcut = _spectral(channels, 1, f"{name}_shortcut_conv", use_bias=False)(shortcut)
            for index, filters in enumerate((middle, channels), 1):
                x = layers.LeakyReLU(0.2)(adaptive(x, labels, f"{name}_{index}"))
                x = _spectral(filters, 3, f"{name}_conv_{index}")(x)
            return layers.Add(name=name)([shortcut, x])

        labels = encoded(multiple)
        if styles is None:
            x = _convolution(channels[0], 3, "first_map")(labels)
        else:
            x = layers.Dense(
                channels[0] * math.prod(sides),
                kernel_initializer=kernel_initializer("xavier"),
                name="first_map",
            )(styles)
            x = layers.Reshape((*sides, channels[0]))(x)
        step = multiple
        for index, filters in enumerate(channels):
            if doubles[index]:
                x = layers.UpSampling2D(2, interpolation="nearest")(x)
                step //= 2
                labels = encoded(step)
            x = block(x, filters, labels, f"block_{index + 1}")
        x = _convolution(image_shape[-1], 3, "output_conv")(layers.LeakyReLU(0.2)(x))
        images = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(label_maps if styles is None else [label_maps, styles], images, name=name)
        self.size_multiple = multiple


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StyleEncoder(ConfigurableNetwork):
    """Style encoder of SPADE: maps images to the mean and log variance of their styles.

    3x3 convolutions with stride 2, spectral normalization, instance normalization and leaky ReLU (0.2) reduce
    the side to 4 or less. Two dense layers output the mean and the log variance. Channels are `width` times
    1, 2, 4, 8, 8, ... For 256x256x3 it has 10,463,424 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        style_dim: Positive int, length of a style.
        width: Positive int.

    Call arguments:
        images: Float images in [-1, 1] `(batch, height, width, channels)`.

    Returns:
        List of the float32 means and log variances, each `(batch, style_dim)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    encoder = kg.networks.StyleEncoder((16, 16, 3), style_dim=8, width=2)
    mean, log_variance = encoder(keras.ops.zeros((2, 16, 16, 3)))  # (2, 8) each
    ```

    Reference: Park et al., "Semantic image synthesis with spatially-adaptive normalization", 2019,
    arXiv:1903.07291, figure 14.
    """

    @checked
    def __init__(
        self,
        image_shape: ImageShape = (256, 256, 3),
        style_dim: PositiveInt = 256,
        width: PositiveInt = 64,
        name="encoder",
    ):
        images = keras.Input(tuple(image_shape), name="images")
        x = images
        for level in range(max(1, math.ceil(math.log2(max(image_shape[:2]) / 4)))):
            x = layers.LeakyReLU(0.2)(x) if level else x
            x = layers.ZeroPadding2D(1)(x)
            x = SpectralConv2D(
                width * min(2**level, 8),
                3,
                strides=2,
                use_bias=False,
                kernel_initializer=kernel_initializer("xavier"),
                name=f"conv_{level + 1}",
            )(x)
            x = InstanceNormalization(name=f"norm_{level + 1}")(x)
        x = layers.Flatten()(layers.LeakyReLU(0.2)(x))
        outputs = [
            layers.Dense(
                style_dim, kernel_initializer=kernel_initializer("xavier"), dtype="float32", name=part
            )(x)
            for part in ("mean", "log_variance")
        ]
        super().__init__(images, outputs, name=name)


def _convolution(filters, size, name):
    return layers.Conv2D(
        filters, size, padding="same", kernel_initializer=kernel_initializer("xavier"), name=name
    )


def _spectral(filters, size, name, use_bias=True):
    return SpectralConv2D(
        filters,
        size,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=kernel_initializer("xavier"),
        name=name,
    )
