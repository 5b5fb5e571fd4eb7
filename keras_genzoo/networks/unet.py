"""The U-Net of pix2pix (Isola et al. 2017)."""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, OptionalPositiveInt, PositiveInt, PositiveInts, Share, checked
from keras_genzoo.layers import Conv2DTranspose, Dropout, ResizeConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.normalization import check_normalization, normalization_layer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class UNetGenerator(ConfigurableNetwork):
    """Images to images by 4x4 convolutions of stride 2 down to one pixel and back, with skip connections.

    At level k of the encoder: leaky ReLU (0.2) but for the first, convolution, normalization but for the first
    and the innermost; channels are `width` times 1, 2, 4, 8, 8, ... At each level of the decoder: ReLU, transposed
    convolution, normalization, dropout in some, concatenation with the encoder's map of that level (which comes
    first); tanh at the end. With 256x256x3, width 64 and batch normalization it has 54,413,955 trainable
    parameters.

    The network is convolutional throughout: it takes images whose sides are multiples of `size_multiple`, the
    side of `image_shape`.

    Args:
        image_shape: Tuple `(side, side, channels)` of the source images; the side is a power of two from 32 to
            1024 and fixes the number of levels.
        output_channels: Int, channels of the images made. Defaults to those of the source.
        width: Int, channels after the first convolution.
        normalization: `"batch"` or `"instance"` (without learned scale and offset; the convolutions then have
            biases).
        dropout: Float in [0, 1), rate; 0 for none.
        dropout_blocks: `"paper"` puts dropout into the three innermost blocks of the decoder; `"reference"`,
            as the authors' PyTorch code, into those with 8 times `width` channels on both sides but the
            innermost (three at 256, two at 128, none at 32).
        sampling_dropout: Bool, whether dropout acts outside of training too. Normalization does not change.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        upsampling: `"transposed"`, or `"resize"` for nearest-neighbor upsampling and a 3x3 convolution in the
            place of each transposed convolution (Odena et al. 2016): less of a pattern in the images, and fewer
            parameters, for the same work.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, output_channels)`.

    Source: Isola et al. 2017, section 3.2 and appendix 6.1 (the first decoder blocks have dropout there);
    biases, the order of ReLU and convolution and the innermost level follow the authors' code. Initialization
    normal(0, 0.02), batch normalization's scale normal(1, 0.02).
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
        # From the innermost level, which has the last number.
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
                # No normalization behind the innermost, and yet no bias with batch normalization.
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
