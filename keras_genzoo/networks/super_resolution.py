"""Networks that enlarge images, of SRGAN, ESRGAN and Real-ESRGAN, and the discriminators that judge them.

All generators take images of any size in [-1, 1]. As in the papers' code, they compute on the scale from 0 to 1, so
that zeros at the border are black; what they return is not limited to [-1, 1], which `UpscalingModel` does after
training.
"""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, ImageShape, NonNegativeInt, PositiveInt, checked
from keras_genzoo.layers import BatchNormalization, PixelShuffle, PixelUnshuffle, SpectralConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork


class _SuperResolver(ConfigurableNetwork):
    """The base of the generators.

    Attributes:
        scale: Int, the side of an enlarged image over that of its source.
        receptive_radius: Int, how many pixels of the source to either side a pixel depends on.
        size_multiple: Int, what the sides of a source must be multiples of.
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
    """Images to larger ones by residual blocks with batch normalization.

    A 9x9 convolution and PReLU; `num_blocks` residual blocks of two normalized 3x3 convolutions, the first with
    PReLU; a normalized 3x3 convolution, to which the first one's output is added; for each doubling a 3x3 convolution
    to four times the channels, pixel shuffle and PReLU; a 9x9 convolution. A PReLU has one slope for all channels.
    With the defaults and 3 channels it has 1,549,462 trainable parameters.

    Args:
        channels: Int, channels of the images.
        scale: Int, 2 or 4.
        width: Int, channels of the convolutions.
        num_blocks: Int.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 images `(batch, scale * height, scale * width, channels)`.

    Source: Ledig et al. 2017, figure 4.
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
        # 4 pixels of the first convolution, 1 of each other one, and 4 or fewer of the larger images.
        super().__init__(images, convolution(x, channels, "output_conv", 9), name, 2 * num_blocks + 9)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class RRDBSuperResolver(_SuperResolver):
    """Images to larger ones by residual-in-residual dense blocks, without normalization.

    A 3x3 convolution; `num_blocks` blocks; a 3x3 convolution, to which the first one's output is added; twice nearest
    pixels and a 3x3 convolution; two 3x3 convolutions. A block is three dense blocks, and 0.2 of their result is
    added to what went in. A dense block is five 3x3 convolutions, each of which sees all maps before it; the first
    four add `growth` channels, and 0.2 of the fifth's is added to what went in. Leaky ReLU (0.2) follows all but the
    first and the last convolution, those that are added, and the fifth of a dense block.

    It enlarges fourfold; for `scale` 2 squares of 2x2 pixels first become the channels of one. With 3 channels it has
    16,697,987 parameters (for `scale` 2 16,703,171), with 6 blocks 4,467,779.

    Args:
        channels: Int, channels of the images.
        scale: Int, 2 or 4.
        width: Int, channels of the convolutions.
        growth: Int, channels that a convolution of a dense block adds.
        num_blocks: Int.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`, for `scale` 2 of even sides.

    Returns:
        Float32 images `(batch, scale * height, scale * width, channels)`.

    Source: Wang et al. 2018, section 3.1, and for `scale` 2 Wang et al. 2021, section 3.4. The blocks begin a tenth
    as large as by He et al. 2015.
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
        # 15 convolutions of a block, two beside the blocks, and less than 3 pixels of the larger images.
        radius = fold * (15 * num_blocks + 5)
        super().__init__(images, convolution(x, channels, "output_conv"), name, radius)

    @property
    def size_multiple(self):
        return 4 // self.scale


@keras.saving.register_keras_serializable(package="keras_genzoo")
class CompactSuperResolver(_SuperResolver):
    """Images to larger ones by plain convolutions at the size of the source, added to its nearest pixels.

    `num_layers + 1` 3x3 convolutions, each with PReLU of a slope for each channel, a 3x3 convolution to
    `scale**2 * channels` channels, and pixel shuffle. With 3 channels and 16 layers it has 621,424 parameters, with
    32 1,213,296. It begins as the nearest pixels, nearly.

    Args:
        channels: Int, channels of the images.
        scale: Int, of any value.
        width: Int, channels of the convolutions.
        num_layers: Int, convolutions between the first and the last.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 images `(batch, scale * height, scale * width, channels)`.

    Source: Wang et al. 2021, whose code calls it SRVGGNetCompact. Initial kernels are by He et al. 2015 here, those
    of the last convolution a tenth.
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
    """SRGAN's discriminator: images of one size to a logit each.

    Eight 3x3 convolutions, every second of stride 2, of `width` times 1, 1, 2, 2, 4, 4, 8, 8 channels, all but the
    first normalized, and two dense layers of 1,024 and 1 values; leaky ReLU (0.2) between. With width 64 it has
    23,565,505 trainable parameters for images of 96x96 in color, 38,245,569 for 128x128.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        width: Int, channels after the first convolution.
        hidden: Int, values of the first dense layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 logits `(batch, 1)`.

    Source: Ledig et al. 2017, figure 4, without its sigmoid, which is part of the loss here.
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
    """ESRGAN's discriminator: images of one size to a logit each.

    Five pairs of a 3x3 convolution and a 4x4 one of stride 2, of `width` times 1, 2, 4, 8, 8 channels, all but the
    first normalized and without biases, and two dense layers of 100 and 1 values; leaky ReLU (0.2) between. With
    width 64 it has 14,499,401 trainable parameters for images of 128x128 in color.

    Args:
        image_shape: Tuple `(height, width, channels)`, both sides multiples of 32.
        width: Int, channels after the first convolution.
        hidden: Int, values of the first dense layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 logits `(batch, 1)`.

    Source: Wang et al. 2018, section 3.2, in the form of the authors' code.
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
    """Real-ESRGAN's discriminator: images to a logit for each pixel.

    A 3x3 convolution; three 4x4 convolutions of stride 2, of `width` times 2, 4, 8 channels; three times bilinear
    doubling and a 3x3 convolution of `width` times 4, 2, 1 channels, to which the map of that size on the way down is
    added; two 3x3 convolutions, and one to the logits. All but the first and the last have no bias and a kernel
    divided by its largest singular value; leaky ReLU (0.2) between. With width 64 and 3 channels it has 4,376,897
    trainable parameters.

    Args:
        channels: Int, channels of the images.
        width: Int, channels after the first convolution.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`, of sides that are multiples of 8.

    Returns:
        Float32 logits `(batch, height, width, 1)`.

    Source: Wang et al. 2021, section 3.4.
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


# Made anew for each layer: an initializer draws the same for equal shapes.


def _uniform():
    """PyTorch's default: uniform up to 1 / sqrt(fan_in)."""
    return initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _small():
    """A tenth of He et al.'s deviation."""
    return initializers.VarianceScaling(0.02, "fan_in", "untruncated_normal")
