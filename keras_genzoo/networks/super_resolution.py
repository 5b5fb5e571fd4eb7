"""Generators and discriminators of SRGAN, ESRGAN and Real-ESRGAN.

All generators take images of any size in [-1, 1]. As in the papers' code, they compute on the scale from 0 to
1, so that zero padding is black. Their output is not limited to [-1, 1]; `UpscalingModel` clips it in
inference.
"""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, ImageShape, NonNegativeInt, PositiveInt, checked
from keras_genzoo.layers import BatchNormalization, PixelShuffle, PixelUnshuffle, SpectralConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork


class _SuperResolver(ConfigurableNetwork):
    """Base class of the generators.

    Attributes:
        scale: Int, the side of an enlarged image divided by that of its source.
        receptive_radius: Int, number of source pixels in each direction on which a pixel depends.
        size_multiple: Int, the sides of a source must be multiples of it.
    """

    size_multiple = 1

    def __init__(self, images, outputs, name, receptive_radius):
        outputs = layers.Rescaling(2.0, -1.0, dtype="float32", name="images_enlarged")(outputs)
        super().__init__(images, outputs, name=name)
        self.receptive_radius = receptive_radius

    @property
    def scale(self):
        return self._arguments["scale"]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SRResNet(_SuperResolver):
    """Generator of SRGAN: residual blocks with batch normalization.

    A 9x9 convolution and PReLU are followed by `num_blocks` residual blocks with two normalized 3x3
    convolutions, of which the first has PReLU, and by a normalized 3x3 convolution, to which the output of
    the first layer is added. Each doubling has a 3x3 convolution to four times the channels, pixel shuffle
    and PReLU. A 9x9 convolution outputs the image. A PReLU has one slope for all channels. With the defaults
    and 3 channels it has 1,549,462 trainable parameters.

    Args:
        channels: Positive int, channels of the images.
        scale: Int, 2 or 4.
        width: Positive int, channels of the convolutions.
        num_blocks: Int of at least 0, number of residual blocks.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 images `(batch, scale * height, scale * width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, or `scale` is neither 2 nor 4.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.SRResNet(3, scale=2, width=4, num_blocks=1)
    images = generator(keras.ops.zeros((2, 8, 8, 3)))  # (2, 16, 16, 3)
    ```

    Reference: Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial
    network", 2017, arXiv:1609.04802, figure 4.
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt,
        scale: PositiveInt = 4,
        width: PositiveInt = 64,
        num_blocks: NonNegativeInt = 16,
        synchronized: Flag = False,
        name="generator",
    ):
        _check_scale(scale)

        def convolution(x, filters, name, kernel_size=3):
            return layers.Conv2D(filters, kernel_size, padding="same", name=name)(x)

        def normalized(x, name):
            return BatchNormalization(synchronized=synchronized, name=name)(x)

        def prelu(x, name):
            return layers.PReLU(initializers.Constant(0.25), shared_axes=[1, 2, 3], name=name)(x)

        images = keras.Input((None, None, channels), name="images")
        x = convolution(_from_zero_to_one(images), width, "input_conv", 9)
        first = x = prelu(x, "input_prelu")
        for block in (f"block_{index + 1}" for index in range(num_blocks)):
            residual = normalized(convolution(x, width, f"{block}_first_conv"), f"{block}_first_norm")
            residual = prelu(residual, f"{block}_prelu")
            residual = normalized(
                convolution(residual, width, f"{block}_second_conv"), f"{block}_second_norm"
            )
            x = layers.Add(name=block)([x, residual])
        x = normalized(convolution(x, width, "body_conv"), "body_norm")
        x = layers.Add(name="body")([x, first])
        for number in range(1, scale.bit_length()):
            x = PixelShuffle(2)(convolution(x, 4 * width, f"up_{number}_conv"))
            x = prelu(x, f"up_{number}_prelu")
        # 4 pixels for the first convolution, 1 for each other one, and at most 4 pixels of the larger images.
        super().__init__(images, convolution(x, channels, "output_conv", 9), name, 2 * num_blocks + 9)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class RRDBSuperResolver(_SuperResolver):
    """Generator of ESRGAN: residual-in-residual dense blocks without normalization.

    A 3x3 convolution is followed by `num_blocks` blocks and a 3x3 convolution, to which the output of the
    first layer is added. Two times nearest-neighbor upsampling and a 3x3 convolution, and two 3x3
    convolutions follow. A block has three dense blocks, and adds 0.2 times their output to its input. A dense
    block has five 3x3 convolutions, each of which takes all maps before it. The first four add `growth`
    channels each; 0.2 times the output of the fifth is added to the input. Leaky ReLU (0.2) follows all
    convolutions except the first and the last, those whose output is added, and the fifth of a dense block.

    The network upsamples by 4. For `scale` 2, squares of 2x2 pixels are first rearranged to channels. For 3
    channels it has 16,697,987 parameters (for `scale` 2 16,703,171), with 6 blocks 4,467,779.

    Args:
        channels: Positive int, channels of the images.
        scale: Int, 2 or 4.
        width: Positive int, channels of the convolutions.
        growth: Positive int, channels that each convolution of a dense block adds.
        num_blocks: Int of at least 0, number of blocks.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`, with even sides for `scale` 2.

    Returns:
        Float32 images `(batch, scale * height, scale * width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, or `scale` is neither 2 nor 4.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.RRDBSuperResolver(3, scale=4, width=4, growth=2, num_blocks=1)
    images = generator(keras.ops.zeros((2, 8, 8, 3)))  # (2, 32, 32, 3)
    ```

    Reference: Wang et al., "ESRGAN: Enhanced super-resolution generative adversarial networks", 2018,
    arXiv:1809.00219, section 3.1. For `scale` 2: Wang et al., "Real-ESRGAN: Training real-world blind
    super-resolution with pure synthetic data", 2021, arXiv:2107.10833, section 3.4. The initial weights of
    the blocks are a tenth of those of He et al. 2015.
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt,
        scale: PositiveInt = 4,
        width: PositiveInt = 64,
        growth: PositiveInt = 32,
        num_blocks: NonNegativeInt = 23,
        name="generator",
    ):
        _check_scale(scale)

        def convolution(x, filters, name, initializer=_uniform):
            return layers.Conv2D(filters, 3, padding="same", kernel_initializer=initializer(), name=name)(x)

        def activated(x):
            return layers.LeakyReLU(0.2)(x)

        def added_to(x, residual, name):
            return layers.Add(name=name)([x, layers.Rescaling(0.2)(residual)])

        def dense_block(x, name):
            maps = [x]
            for number in range(1, 5):
                joined = layers.Concatenate()(maps) if len(maps) > 1 else x
                maps.append(activated(convolution(joined, growth, f"{name}_conv_{number}", _small)))
            return added_to(x, convolution(layers.Concatenate()(maps), width, f"{name}_conv_5", _small), name)

        images = keras.Input((None, None, channels), name="images")
        x = _from_zero_to_one(images)
        fold = 4 // scale
        if fold > 1:
            x = PixelUnshuffle(fold)(x)
        first = x = convolution(x, width, "input_conv")
        for block in (f"block_{index + 1}" for index in range(num_blocks)):
            residual = x
            for number in range(1, 4):
                residual = dense_block(residual, f"{block}_dense_{number}")
            x = added_to(x, residual, block)
        x = layers.Add(name="body")([first, convolution(x, width, "body_conv")])
        for number in (1, 2):
            x = activated(convolution(layers.UpSampling2D(2)(x), width, f"up_{number}_conv"))
        x = activated(convolution(x, width, "large_conv"))
        # 15 convolutions per block, two outside of the blocks, and less than 3 pixels of the larger images.
        radius = fold * (15 * num_blocks + 5)
        super().__init__(images, convolution(x, channels, "output_conv"), name, radius)

    @property
    def size_multiple(self):
        return 4 // self.scale


@keras.saving.register_keras_serializable(package="keras_genzoo")
class CompactSuperResolver(_SuperResolver):
    """Generator of the compact models of Real-ESRGAN: convolutions at the size of the source.

    The output of the convolutions is added to the nearest-neighbor upsampling of the source.

    It has `num_layers + 1` 3x3 convolutions with PReLU (one slope per channel), a 3x3 convolution to
    `scale**2 * channels` channels, and pixel shuffle. For 3 channels and 16 layers it has 621,424 parameters,
    with 32 layers 1,213,296. The initial output is close to nearest-neighbor upsampling.

    Args:
        channels: Positive int, channels of the images.
        scale: Positive int.
        width: Positive int, channels of the convolutions.
        num_layers: Int of at least 0, number of convolutions between the first and the last.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 images `(batch, scale * height, scale * width, channels)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.CompactSuperResolver(3, scale=3, width=4, num_layers=1)
    images = generator(keras.ops.zeros((2, 8, 8, 3)))  # (2, 24, 24, 3)
    ```

    Reference: Wang et al., "Real-ESRGAN: Training real-world blind super-resolution with pure synthetic
    data", 2021, arXiv:2107.10833; SRVGGNetCompact in the authors' code. Here initial kernels follow He et al.
    2015, a tenth of that for the last convolution.
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt,
        scale: PositiveInt = 4,
        width: PositiveInt = 64,
        num_layers: NonNegativeInt = 16,
        name="generator",
    ):
        images = keras.Input((None, None, channels), name="images")
        source = x = _from_zero_to_one(images)
        for number in range(num_layers + 1):
            x = layers.Conv2D(
                width, 3, padding="same", kernel_initializer="he_normal", name=f"conv_{number + 1}"
            )(x)
            slope = initializers.Constant(0.25)
            x = layers.PReLU(slope, shared_axes=[1, 2], name=f"prelu_{number + 1}")(x)
        x = layers.Conv2D(
            scale**2 * channels, 3, padding="same", kernel_initializer=_small(), name="output_conv"
        )(x)
        outputs = layers.Add()([PixelShuffle(scale)(x), layers.UpSampling2D(scale)(source)])
        super().__init__(images, outputs, name, num_layers + 2)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class CroppedDiscriminator(ConfigurableNetwork):
    """Discriminator of SRGAN: maps images of a fixed size to one logit.

    It has eight 3x3 convolutions, every second with stride 2, with `width` times 1, 1, 2, 2, 4, 4, 8, 8
    channels, all but the first normalized, and two dense layers with 1,024 units and 1 unit; all but the last
    are followed by leaky ReLU (0.2). With width 64 it has 23,565,505 trainable parameters for color images of
    96x96, 38,245,569 for 128x128.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        width: Positive int, channels of the first convolution.
        hidden: Positive int, units of the first dense layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 logits `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.CroppedDiscriminator((32, 32, 3), width=2, hidden=8)
    logits = discriminator(keras.ops.zeros((2, 32, 32, 3)))  # (2, 1)
    ```

    Reference: Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial
    network", 2017, arXiv:1609.04802, figure 4, without its sigmoid: losses take logits.
    """

    @checked
    def __init__(
        self,
        image_shape: ImageShape,
        width: PositiveInt = 64,
        hidden: PositiveInt = 1024,
        synchronized: Flag = False,
        name="discriminator",
    ):
        images = keras.Input(image_shape, name="images")
        x = images
        for index in range(8):
            filters = width * 2 ** (index // 2)
            x = layers.Conv2D(filters, 3, 1 + index % 2, padding="same", name=f"conv_{index + 1}")(x)
            if index:
                x = BatchNormalization(synchronized=synchronized, name=f"norm_{index + 1}")(x)
            x = layers.LeakyReLU(0.2)(x)
        super().__init__(images, _dense_logits(x, hidden), name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class VGGDiscriminator(ConfigurableNetwork):
    """Discriminator of ESRGAN: maps images of a fixed size to one logit.

    It has five pairs of a 3x3 convolution and a 4x4 convolution with stride 2, with `width` times 1, 2, 4, 8,
    8 channels, all but the first normalized and without biases, and two dense layers with 100 units and 1
    unit; all but the last are followed by leaky ReLU (0.2). With width 64 it has 14,499,401 trainable
    parameters for color images of 128x128.

    Args:
        image_shape: Tuple `(height, width, channels)` with sides that are multiples of 32.
        width: Positive int, channels of the first convolution.
        hidden: Positive int, units of the first dense layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 logits `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or the sides are not multiples of 32.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.VGGDiscriminator((32, 32, 3), width=2, hidden=8)
    logits = discriminator(keras.ops.zeros((2, 32, 32, 3)))  # (2, 1)
    ```

    Reference: Wang et al., "ESRGAN: Enhanced super-resolution generative adversarial networks", 2018,
    arXiv:1809.00219, section 3.2, as in the authors' code.
    """

    size_multiple = 32

    @checked
    def __init__(
        self,
        image_shape: ImageShape,
        width: PositiveInt = 64,
        hidden: PositiveInt = 100,
        synchronized: Flag = False,
        name="discriminator",
    ):
        if any(side % self.size_multiple for side in image_shape[:2]):
            raise ValueError(
                f"`image_shape` must have sides that are multiples of {self.size_multiple}. Received: {image_shape}"
            )
        images = keras.Input(image_shape, name="images")
        x = images
        for index, factor in enumerate((1, 2, 4, 8, 8)):
            for part, (kernel_size, strides) in enumerate(((3, 1), (4, 2))):
                number, is_first = 2 * index + part + 1, index == part == 0
                x = layers.Conv2D(
                    factor * width,
                    kernel_size,
                    strides,
                    padding="same",
                    use_bias=is_first,
                    name=f"conv_{number}",
                )(x)
                if not is_first:
                    x = BatchNormalization(synchronized=synchronized, name=f"norm_{number}")(x)
                x = layers.LeakyReLU(0.2)(x)
        super().__init__(images, _dense_logits(x, hidden), name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralUNetDiscriminator(ConfigurableNetwork):
    """Discriminator of Real-ESRGAN: maps images to one logit per pixel with a U-Net.

    A 3x3 convolution is followed by three 4x4 convolutions with stride 2 and `width` times 2, 4, 8 channels.
    Then there are three times bilinear upsampling by 2 and a 3x3 convolution with `width` times 4, 2, 1
    channels, to which the encoder's map of the same size is added, followed by two 3x3 convolutions, and one
    for the logits. All but the first and the last have spectral normalization and no bias; all but the last
    are followed by leaky ReLU (0.2). For width 64 and 3 channels it has 4,376,897 trainable parameters.

    Args:
        channels: Positive int, channels of the images.
        width: Positive int, channels of the first convolution.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`, with sides that are multiples of
            8.

    Returns:
        Float32 logits `(batch, height, width, 1)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.SpectralUNetDiscriminator(3, width=2)
    logits = discriminator(keras.ops.zeros((2, 16, 16, 3)))  # (2, 16, 16, 1)
    ```

    Reference: Wang et al., "Real-ESRGAN: Training real-world blind super-resolution with pure synthetic
    data", 2021, arXiv:2107.10833, section 3.4.
    """

    size_multiple = 8

    @checked
    def __init__(self, channels: PositiveInt, width: PositiveInt = 64, name="discriminator"):
        def convolution(x, filters, name, kernel_size=3, strides=1):
            x = SpectralConv2D(filters, kernel_size, strides, padding="same", use_bias=False, name=name)(x)
            return layers.LeakyReLU(0.2)(x)

        images = keras.Input((None, None, channels), name="images")
        x = layers.LeakyReLU(0.2)(layers.Conv2D(width, 3, padding="same", name="input_conv")(images))
        maps = [x]
        for level in (1, 2, 3):
            maps.append(convolution(maps[-1], 2**level * width, f"down_{level}_conv", 4, 2))
        x = maps.pop()
        for level in (2, 1, 0):
            x = layers.UpSampling2D(2, interpolation="bilinear")(x)
            x = convolution(x, 2**level * width, f"up_{level + 1}_conv")
            x = layers.Add()([x, maps.pop()])
        for number in (1, 2):
            x = convolution(x, width, f"output_{number}_conv")
        x = layers.Conv2D(1, 3, padding="same", name="logits")(x)
        outputs = layers.Activation("linear", dtype="float32", name="float32_logits")(x)
        super().__init__(images, outputs, name=name)


def _check_scale(scale):
    if scale not in (2, 4):
        raise ValueError(f"`scale` must be 2 or 4. Received: scale={scale}")


def _from_zero_to_one(images):
    return layers.Rescaling(0.5, 0.5, name="scaled")(images)


def _dense_logits(x, hidden):
    x = layers.Dense(hidden, name="hidden")(layers.Flatten()(x))
    x = layers.Dense(1, name="logits")(layers.LeakyReLU(0.2)(x))
    return layers.Activation("linear", dtype="float32", name="float32_logits")(x)


# Created for each layer, because an initializer returns equal values for equal shapes.


def _uniform():
    """PyTorch's default: uniform up to 1 / sqrt(fan_in)."""
    return initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _small():
    """A tenth of He et al.'s standard deviation."""
    return initializers.VarianceScaling(0.02, "fan_in", "untruncated_normal")
