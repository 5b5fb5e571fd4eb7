"""The residual generator of CycleGAN (Zhu et al. 2017, after Johnson et al. 2016) and of CUT."""

import keras
from keras import layers

from keras_genzoo.arguments import Flag, NonNegativeInt, OptionalPositiveInt, PositiveInt, Share, checked
from keras_genzoo.layers import BilinearUpSampling2D, BlurPool2D, Cropping2D, Dropout, ReflectionPadding2D
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import check_initialization, kernel_initializer
from keras_genzoo.networks.normalization import check_normalization, normalization_layer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ResNetTranslator(ConfigurableNetwork):
    """Images to images by residual blocks at a quarter of the side.

    A 7x7 convolution, two 3x3 convolutions of stride 2, `num_blocks` residual blocks of two 3x3 convolutions, two
    3x3 transposed convolutions of stride 2, a 7x7 convolution and tanh. Channels are `width` times 1, 2, 4 and
    back. All but the last are normalised and, but for the second of a block, followed by ReLU; the 7x7
    convolutions and the blocks are padded by reflection. With width 64 and 3 channels it has 11,378,179 parameters
    with 9 blocks, 7,837,699 with 6.

    It takes images whose sides are multiples of `size_multiple`, 4, and at least 8: a quarter of less cannot be
    mirrored.

    Args:
        channels: Int, channels of the source images.
        output_channels: Int, channels of the images made. Defaults to those of the source.
        width: Int, channels after the first convolution.
        num_blocks: Int, number of residual blocks.
        normalization: `"instance"` (without learnt scale and offset; the convolutions then have biases) or
            `"batch"`.
        dropout: Float in [0, 1), rate between the two convolutions of a block; 0 for none.
        sampling_dropout: Bool, whether dropout acts outside of training too.
        synchronized: Bool, whether batch normalisation uses the statistics of all replicas.
        antialias: Bool, whether convolutions of stride 1 with `BlurPool2D` behind them stand for those of stride 2,
            and bilinear enlargement before them for transposed ones: as many parameters, smoother maps.
        initialization: `"normal"`, normal(0, 0.02), or `"xavier"`, Xavier's normal distribution times 0.02.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, output_channels)`.

    Source: Zhu et al. 2017, section 4 and appendix 7.2; padding and biases follow the authors' PyTorch code;
    `antialias` and `"xavier"` that of Park et al. 2020 (CUT).
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt,
        output_channels: OptionalPositiveInt = None,
        width: PositiveInt = 64,
        num_blocks: NonNegativeInt = 9,
        normalization="instance",
        dropout: Share = 0.0,
        sampling_dropout: Flag = False,
        synchronized: Flag = False,
        antialias: Flag = False,
        initialization="normal",
        name="generator",
    ):
        check_normalization(normalization)
        check_initialization(initialization)
        if num_blocks < 0:
            raise ValueError(f"`num_blocks` must be at least 0. Received: num_blocks={num_blocks}")
        use_bias = normalization == "instance"

        def convolution(channels, kernel_size, name, use_bias=use_bias, kind=layers.Conv2D, **arguments):
            return kind(
                channels,
                kernel_size,
                use_bias=use_bias,
                kernel_initializer=kernel_initializer(initialization),
                name=f"{name}_conv",
                **arguments,
            )

        def normalized(x, name):
            return normalization_layer(normalization, f"{name}_norm", synchronized)(x)

        images = keras.Input((None, None, channels), name="images")
        x = convolution(width, 7, "input")(ReflectionPadding2D(3, name="padded_images")(images))
        x = layers.ReLU()(normalized(x, "input"))
        for level in (1, 2):
            # A pixel at each side; 'same' would put it at the right and below only.
            x = layers.ZeroPadding2D(1)(x)
            x = convolution(width * 2**level, 3, f"down_{level}", strides=1 if antialias else 2)(x)
            x = layers.ReLU()(normalized(x, f"down_{level}"))
            if antialias:
                x = BlurPool2D(name=f"down_{level}_blur")(x)
        for block in (f"block_{index + 1}" for index in range(num_blocks)):
            residual = convolution(4 * width, 3, f"{block}_first")(ReflectionPadding2D(1)(x))
            residual = layers.ReLU()(normalized(residual, f"{block}_first"))
            if dropout:
                residual = Dropout(dropout, sampling=sampling_dropout, name=f"{block}_dropout")(residual)
            residual = convolution(4 * width, 3, f"{block}_second")(ReflectionPadding2D(1)(residual))
            x = layers.Add(name=block)([x, normalized(residual, f"{block}_second")])
        for level in (2, 1):
            if antialias:
                # The reference's filter [1, 3, 3, 1] with repeated edges is bilinear interpolation.
                x = BilinearUpSampling2D(name=f"up_{level}_enlarged")(x)
                x = convolution(width * 2 ** (level - 1), 3, f"up_{level}", padding="same")(x)
            else:
                # The full result is 2 n + 1 wide; the reference leaves out the first row and column, 'same' the last.
                x = convolution(
                    width * 2 ** (level - 1),
                    3,
                    f"up_{level}",
                    kind=layers.Conv2DTranspose,
                    strides=2,
                    padding="valid",
                )(x)
                x = Cropping2D(((1, 0), (1, 0)))(x)
            x = layers.ReLU()(normalized(x, f"up_{level}"))
        x = convolution(output_channels or channels, 7, "output", use_bias=True)(ReflectionPadding2D(3)(x))
        outputs = layers.Activation("tanh", dtype="float32", name="translations")(x)
        super().__init__(images, outputs, name=name)
        self.size_multiple = 4

    @property
    def feature_layers(self):
        """Names of the layers that CUT compares: the padded images, both halvings, the first and the fifth block.

        With fewer than five blocks the last one stands for the fifth.
        """
        num_blocks = self._arguments["num_blocks"]
        blocks = sorted({1, min(5, num_blocks)}) if num_blocks else []
        return ["padded_images", "down_1_conv", "down_2_conv", *(f"block_{block}" for block in blocks)]
