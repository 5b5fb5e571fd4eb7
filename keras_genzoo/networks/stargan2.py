"""The networks of StarGAN v2: generator, mapping, style encoder and discriminator."""

import math

import keras
from keras import initializers, layers, ops

from keras_genzoo.arguments import ImageShape, NonNegativeInt, PositiveInt, checked
from keras_genzoo.layers import AdaptiveInstanceNormalization, InstanceNormalization, LeakyReLU
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.progressive import num_levels_of


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANv2Generator(ConfigurableNetwork):
    """Generator of StarGAN v2: maps images and styles to images with residual blocks.

    A 3x3 convolution is followed by blocks that halve the side and double the channels, and by blocks at the
    smallest side, with instance normalization. The decoder mirrors them with adaptive instance normalization.
    Instance normalization, leaky ReLU (0.2) and a linear 1x1 convolution output the images. With width 64 and
    4 downsamplings, for 256x256, it has 33,892,995 parameters; with width 128 and 3, for 128x128, 33,632,003.

    The high-pass filter of the authors' model for faces, and its network for facial landmarks, are not
    implemented. This is their generator for animals.

    Args:
        channels: Positive int, channels of the images.
        style_dim: Positive int, length of a style.
        width: Positive int, channels of the first convolution.
        max_width: Positive int, largest number of channels.
        num_downsamplings: Positive int. Sides must be multiples of `size_multiple`, 2 to this power.
        num_blocks: Int of at least 0, number of blocks of each kind at the smallest side.

    Call arguments:
        inputs: List of float images in [-1, 1] `(batch, height, width, channels)` and styles `(batch,
            style_dim)`.

    Returns:
        Float32 images of the shape of the first input, approximately in [-1, 1] once trained.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.StarGANv2Generator(style_dim=8, width=2, max_width=4, num_downsamplings=1)
    images = generator([keras.ops.zeros((2, 16, 16, 3)), keras.ops.ones((2, 8))])  # (2, 16, 16, 3)
    ```

    Reference: Choi et al., "StarGAN v2: Diverse image synthesis for multiple domains", 2020,
    arXiv:1912.01865, appendix E.
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt = 3,
        style_dim: PositiveInt = 64,
        width: PositiveInt = 64,
        max_width: PositiveInt = 512,
        num_downsamplings: PositiveInt = 4,
        num_blocks: NonNegativeInt = 2,
        name="generator",
    ):
        widths = _widths(width, max_width, num_downsamplings)
        images = keras.Input((None, None, channels), name="images")
        styles = keras.Input((style_dim,), name="styles")

        def normalized(x, name):
            return InstanceNormalization(affine=True, name=name)(x)

        def styled(x, name):
            return AdaptiveInstanceNormalization(kernel_initializer=_he(), name=name)([x, styles])

        x = _convolution(width, 3, "input_conv")(images)
        for level, filters in enumerate(widths[1:], 1):
            x = _halving_block(x, filters, f"down_{level}", normalized)
        for index in range(num_blocks):
            x = _halving_block(x, widths[-1], f"block_{index + 1}", normalized, halves=False)
        for index in range(num_blocks):
            x = _styled_block(x, widths[-1], f"styled_{index + 1}", styled, doubles=False)
        for level, filters in reversed([*enumerate(widths[:-1], 1)]):
            x = _styled_block(x, filters, f"up_{level}", styled)
        x = layers.LeakyReLU(0.2)(normalized(x, "output_norm"))
        x = _convolution(channels, 1, "output_conv", dtype="float32")(x)
        super().__init__([images, styles], x, name=name)
        self.size_multiple = 2**num_downsamplings


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANv2Mapping(ConfigurableNetwork):
    """Mapping network of StarGAN v2: maps latents to styles of a domain.

    It has dense layers that all domains share, and a branch of dense layers per domain. With 3 domains it has
    3,259,072 parameters.

    Args:
        num_domains: Positive int.
        latent_dim, style_dim: Positive ints, lengths of a latent and of a style.
        hidden: Positive int, units of the other layers: four shared layers, and three per branch.

    Call arguments:
        inputs: List of float latents `(batch, latent_dim)` and int domains `(batch,)`.

    Returns:
        Float32 styles `(batch, style_dim)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    mapping = kg.networks.StarGANv2Mapping(3, latent_dim=4, style_dim=8, hidden=8)
    styles = mapping([kg.latent.normal(2, 4, seed=0), keras.ops.array([0, 2])])  # (2, 8)
    ```

    Reference: Choi et al., "StarGAN v2: Diverse image synthesis for multiple domains", 2020,
    arXiv:1912.01865, appendix E.
    """

    @checked
    def __init__(
        self,
        num_domains: PositiveInt,
        latent_dim: PositiveInt = 16,
        style_dim: PositiveInt = 64,
        hidden: PositiveInt = 512,
        name="mapping",
    ):
        latents = keras.Input((latent_dim,), name="latents")
        domains = keras.Input((), dtype="int32", name="domains")
        shared = latents
        for index in range(_NUM_SHARED):
            shared = layers.ReLU()(_dense(hidden, f"shared_{index + 1}")(shared))
        branches = []
        for domain in range(num_domains):
            x = shared
            for index in range(_NUM_OWN):
                x = layers.ReLU()(_dense(hidden, f"domain_{domain}_dense_{index + 1}")(x))
            x = _dense(style_dim, f"domain_{domain}_styles", dtype="float32")(x)
            branches.append(layers.Reshape((1, style_dim), dtype="float32")(x))
        # Keras does not concatenate a list of one tensor.
        x = layers.Concatenate(axis=1, dtype="float32")(branches) if num_domains > 1 else branches[0]
        styles = OfDomain(dtype="float32", name="styles")([x, domains])
        super().__init__([latents, domains], styles, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANv2StyleEncoder(ConfigurableNetwork):
    """Style encoder of StarGAN v2: maps images to styles of a domain.

    It has a 3x3 convolution, residual blocks that halve the side down to 4x4, a 4x4 convolution, and a dense
    layer per domain. For 256x256 and 3 domains it has 20,949,760 parameters.

    Args:
        num_domains: Positive int.
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k.
        style_dim: Positive int, length of a style.
        width, max_width: As for `StarGANv2Generator`.

    Call arguments:
        inputs: List of float images in [-1, 1] `(batch, *image_shape)` and int domains `(batch,)`.

    Returns:
        Float32 styles `(batch, style_dim)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    encoder = kg.networks.StarGANv2StyleEncoder(3, (16, 16, 3), style_dim=8, width=2, max_width=4)
    styles = encoder([keras.ops.zeros((2, 16, 16, 3)), keras.ops.array([0, 2])])  # (2, 8)
    ```

    Reference: Choi et al., "StarGAN v2: Diverse image synthesis for multiple domains", 2020,
    arXiv:1912.01865, appendix E.
    """

    @checked
    def __init__(
        self,
        num_domains: PositiveInt,
        image_shape: ImageShape = (256, 256, 3),
        style_dim: PositiveInt = 64,
        width: PositiveInt = 64,
        max_width: PositiveInt = 512,
        name="encoder",
    ):
        super().__init__(*_judged(num_domains, image_shape, style_dim, width, max_width, False), name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANv2Discriminator(ConfigurableNetwork):
    """Discriminator of StarGAN v2: maps images and domains to one logit.

    It has the layers of `StarGANv2StyleEncoder`, with one output per domain. For 256x256 and 3 domains it has
    20,852,803 parameters.

    Args:
        num_domains, image_shape, width, max_width: As for `StarGANv2StyleEncoder`.

    Call arguments:
        inputs: List of float images in [-1, 1] `(batch, *image_shape)` and int domains `(batch,)`.

    Returns:
        Float32 logits `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.StarGANv2Discriminator(3, (16, 16, 3), width=2, max_width=4)
    logits = discriminator([keras.ops.zeros((2, 16, 16, 3)), keras.ops.array([0, 2])])  # (2, 1)
    ```

    Reference: Choi et al., "StarGAN v2: Diverse image synthesis for multiple domains", 2020,
    arXiv:1912.01865, appendix E.
    """

    @checked
    def __init__(
        self,
        num_domains: PositiveInt,
        image_shape: ImageShape = (256, 256, 3),
        width: PositiveInt = 64,
        max_width: PositiveInt = 512,
        name="discriminator",
    ):
        super().__init__(*_judged(num_domains, image_shape, 1, width, max_width, True), name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class OfDomain(layers.Layer):
    """Selects the values of one domain from those of all domains.

    Call arguments:
        inputs: List of a float tensor `(batch, num_domains, size)` and int domains `(batch,)`.

    Returns:
        Tensor `(batch, size)`.
    """

    def call(self, inputs):
        values, domains = inputs
        is_asked = ops.one_hot(domains, values.shape[1], dtype=values.dtype)
        return ops.sum(values * is_asked[..., None], axis=1)

    def compute_output_shape(self, input_shape):
        batch, _, size = input_shape[0]
        return (batch, size)


def _judged(num_domains, image_shape, size, width, max_width, is_penalized):
    """Creates inputs and output of a network that maps images and domains to `size` numbers."""
    # Without a gradient penalty, the layer of Keras is faster.
    activation = LeakyReLU if is_penalized else layers.LeakyReLU
    num_halvings = num_levels_of(image_shape) - 1
    images = keras.Input(image_shape, name="images")
    domains = keras.Input((), dtype="int32", name="domains")
    x = _convolution(width, 3, "input_conv")(images)
    widths = _widths(width, max_width, num_halvings)
    for level, filters in enumerate(widths[1:], 1):
        x = _halving_block(x, filters, f"down_{level}", activation=activation)
    x = _convolution(widths[-1], 4, "final_conv", padding="valid")(activation(0.2)(x))
    x = layers.Flatten()(activation(0.2)(x))
    x = _dense(num_domains * size, "of_domains", dtype="float32")(x)
    x = layers.Reshape((num_domains, size), dtype="float32")(x)
    return [images, domains], OfDomain(dtype="float32", name="of_domain")([x, domains])


def _halving_block(x, filters, name, normalized=None, halves=True, activation=layers.LeakyReLU):
    """Creates a residual block; `normalized` is a function of maps and a name, or None."""
    inputs = x.shape[-1]
    # Pooling and a 1x1 convolution without biases commute; pooling first needs fewer operations.
    shortcut = layers.AveragePooling2D(2)(x) if halves else x
    if inputs != filters:
        shortcut = _convolution(filters, 1, f"{name}_shortcut", use_bias=False)(shortcut)
    x = normalized(x, f"{name}_norm_1") if normalized else x
    x = _convolution(inputs, 3, f"{name}_conv_1")(activation(0.2)(x))
    x = layers.AveragePooling2D(2)(x) if halves else x
    x = normalized(x, f"{name}_norm_2") if normalized else x
    x = _convolution(filters, 3, f"{name}_conv_2")(activation(0.2)(x))
    return (x + shortcut) * math.sqrt(0.5)


def _styled_block(x, filters, name, styled, doubles=True):
    """Creates a residual block that is normalized by a style; `styled` is a function of maps and a name."""
    shortcut = x
    if x.shape[-1] != filters:
        # Before upsampling, which gives the same result with fewer operations.
        shortcut = _convolution(filters, 1, f"{name}_shortcut", use_bias=False)(x)
    x = layers.LeakyReLU(0.2)(styled(x, f"{name}_norm_1"))
    if doubles:
        x, shortcut = (layers.UpSampling2D(2, interpolation="nearest")(maps) for maps in (x, shortcut))
    x = _convolution(filters, 3, f"{name}_conv_1")(x)
    x = layers.LeakyReLU(0.2)(styled(x, f"{name}_norm_2"))
    x = _convolution(filters, 3, f"{name}_conv_2")(x)
    return (x + shortcut) * math.sqrt(0.5)


def _widths(width, max_width, num_halvings):
    return [width, *(min(width * 2**level, max_width) for level in range(1, num_halvings + 1))]


def _he():
    return initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def _convolution(filters, size, name, padding="same", **arguments):
    return layers.Conv2D(filters, size, padding=padding, kernel_initializer=_he(), name=name, **arguments)


def _dense(units, name, **arguments):
    return layers.Dense(units, kernel_initializer=_he(), name=name, **arguments)


# Number of layers of the mapping that all domains share, and of each branch.
_NUM_SHARED, _NUM_OWN = 4, 3
