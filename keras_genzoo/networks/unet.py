"""The U-Net of pix2pix (Isola et al. 2017)."""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, OptionalPositiveInt, PositiveInt, PositiveInts, Share, checked
from keras_genzoo.layers import Conv2DTranspose, Dropout, ResizeConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.normalization import check_normalization, normalization_layer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class UNetGenerator(ConfigurableNetwork):
    """Generator of pix2pix: a U-Net of 4x4 convolutions with stride 2, down to one pixel and back.

    Each level of the encoder has leaky ReLU (0.2, not at the first), a convolution, and normalization (not at
    the first and the innermost); channels are `width` times 1, 2, 4, 8, 8, ... Each level of the decoder has
    ReLU, a transposed convolution, normalization, dropout in some, and concatenation with the encoder's map
    of the same level, which comes first. The output has tanh. For 256x256x3, width 64 and batch normalization
    it has 54,413,955 trainable parameters.

    The network is fully convolutional. The sides of the images must be multiples of `size_multiple`, the side
    of `image_shape`.

    Args:
        image_shape: Tuple `(side, side, channels)` of the source images. The side is a power of two from 32
            to 1024, and determines the number of levels.
        output_channels: Positive int, channels of the output. Defaults to those of the source.
        width: Positive int, channels of the first convolution.
        normalization: `"batch"` or `"instance"` (without trained scale and offset; convolutions then have
            biases).
        dropout: Float in [0, 1), rate of dropout; 0 for none.
        dropout_blocks: `"paper"` uses dropout in the three innermost blocks of the decoder. `"reference"`
            uses it, as the authors' PyTorch code, in blocks with 8 times `width` channels on both sides
            except the innermost (three at 256, two at 128, none at 32).
        sampling_dropout: Bool, whether dropout is also applied in inference. It does not affect
            normalization.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        upsampling: `"transposed"`, or `"resize"` for nearest-neighbor upsampling and a 3x3 convolution
            instead of each transposed convolution (Odena et al. 2016), which reduces checkerboard artifacts
            and parameters with the same number of operations.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, output_channels)`.

    Raises:
        ValueError: If an argument is out of its range or unknown, or the side of `image_shape` is not
            supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.UNetGenerator((32, 32, 3), width=4)
    images = generator(keras.ops.zeros((2, 32, 32, 3)))  # (2, 32, 32, 3)
    ```

    Reference: Isola et al., "Image-to-image translation with conditional adversarial networks", 2017,
    arXiv:1611.07004, section 3.2 and appendix 6.1 (where the first decoder blocks have dropout); biases, the
    order of ReLU and convolution, and the innermost level follow the authors' code. Initialization with
    normal(0, 0.02), the scale of batch normalization with normal(1, 0.02).
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        output_channels: OptionalPositiveInt = None,
        width: PositiveInt = 64,
        normalization="batch",
        dropout: Share = 0.5,
        dropout_blocks="paper",
        sampling_dropout: Flag = False,
        synchronized: Flag = False,
        upsampling="transposed",
        name="generator",
    ):
        levels = _levels(image_shape)
        check_normalization(normalization)
        if dropout_blocks not in ("paper", "reference"):
            raise ValueError(
                f"`dropout_blocks` must be 'paper' or 'reference'. Received: dropout_blocks={dropout_blocks!r}"
            )
        if upsampling not in ("transposed", "resize"):
            raise ValueError(
                f"`upsampling` must be 'transposed' or 'resize'. Received: upsampling={upsampling!r}"
            )
        channels = [width * min(2**level, 8) for level in range(levels)]
        # The innermost level has the largest index.
        dropped = (
            set(range(levels - 1, levels - 4, -1)) if dropout_blocks == "paper" else set(range(4, levels - 1))
        )
        use_bias = normalization == "instance"
        source_channels = image_shape[-1]

        images = keras.Input((None, None, source_channels), name="images")
        x = images
        skips = []
        for level in range(levels):
            if level > 0:
                x = layers.LeakyReLU(0.2)(x)
            x = layers.Conv2D(
                channels[level],
                4,
                strides=2,
                padding="same",
                # The innermost level has no normalization, but also no bias with batch normalization.
                use_bias=use_bias,
                kernel_initializer=_normal(),
                name=f"down_{level + 1}_conv",
            )(x)
            if 0 < level < levels - 1:
                x = normalization_layer(normalization, f"down_{level + 1}_norm", synchronized)(x)
            skips.append(x)
        skips.pop()
        for level in range(levels - 1, 0, -1):
            x = layers.ReLU()(x)
            x = _doubling_convolution(upsampling, channels[level - 1], use_bias, f"up_{level + 1}_conv")(x)
            x = normalization_layer(normalization, f"up_{level + 1}_norm", synchronized)(x)
            if dropout and level in dropped:
                x = Dropout(dropout, sampling=sampling_dropout, name=f"up_{level + 1}_dropout")(x)
            x = layers.Concatenate(name=f"up_{level + 1}")([skips.pop(), x])
        x = layers.ReLU()(x)
        x = _doubling_convolution(upsampling, output_channels or source_channels, True, "up_1_conv")(x)
        outputs = layers.Activation("tanh", dtype="float32", name="translations")(x)
        super().__init__(images, outputs, name=name)
        self.size_multiple = 2**levels


def _levels(image_shape):
    if len(image_shape) != 3:
        raise ValueError(f"`image_shape` must be (side, side, channels). Received: {tuple(image_shape)}")
    height, width, _ = image_shape
    levels = height.bit_length() - 1
    if height != width or height != 2**levels or not 32 <= height <= 1024:
        raise ValueError(
            "`image_shape` must be square with a side that is a power of two from 32 to 1024: each level halves "
            f"it. Received: {tuple(image_shape)}. Resize the images, for example with `image_size=256`."
        )
    return levels


def _normal():
    return initializers.RandomNormal(0.0, 0.02)


def _doubling_convolution(upsampling, channels, use_bias, name):
    arguments = {"use_bias": use_bias, "kernel_initializer": _normal(), "name": name}
    if upsampling == "resize":
        return ResizeConv2D(channels, **arguments)
    return Conv2DTranspose(channels, 4, strides=2, padding="same", **arguments)
