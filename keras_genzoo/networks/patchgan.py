"""PatchGAN, the discriminator of patches of pix2pix, CycleGAN and CUT."""

import keras
from keras import layers

from keras_genzoo.arguments import Flag, NonNegativeInt, PositiveInt, checked
from keras_genzoo.layers import BlurPool2D
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import check_initialization, kernel_initializer
from keras_genzoo.networks.normalization import check_normalization, normalization_layer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class PatchGANDiscriminator(ConfigurableNetwork):
    """Images to a map of logits, each of which judges one patch.

    4x4 convolutions: `num_layers` of stride 2 and one of stride 1, all but the first normalized, each with leaky
    ReLU (0.2), and one of stride 1 to the logits. Channels are `width` times 1, 2, 4, 8, 8, ... Those of
    stride 1 shrink the map by a pixel. With `num_layers=0` all convolutions are 1x1.

    | `num_layers` | patch | 256x256 becomes | the paper's |
    | --- | --- | --- | --- |
    | 0 | 1x1 | 256x256 | PixelGAN |
    | 1 | 16x16 | 126x126 | |
    | 3 | 70x70 | 30x30 | PatchGAN |
    | 5 | 286x286 | 6x6 | ImageGAN |

    With width 64 and 3 layers it has 2,768,705 trainable parameters for a pair of color images (6 channels)
    and batch normalization, and 2,764,737 for 3 channels and instance normalization.

    Args:
        channels: Int, channels of the images; of a pair joined along the channels, of both.
        width: Int, channels after the first convolution.
        num_layers: Int, number of convolutions of stride 2.
        normalization: `"batch"` or `"instance"` (without learned scale and offset; the convolutions then have
            biases).
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        antialias: Bool, whether a convolution of stride 1 and, behind its leaky ReLU, `BlurPool2D` stand for one of
            stride 2. The maps keep their sizes, and patches grow: with 3 layers they have 84x84 pixels.
        initialization: `"normal"`, normal(0, 0.02), or `"xavier"`, Xavier's normal distribution times 0.02.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`; height and width at least
            `smallest_side`.

    Returns:
        Float32 logits, `(batch, rows, columns, 1)`: `height // 2**num_layers - 2` rows, and columns alike; with
        `num_layers=0` those of the images.

    Source: Isola et al. 2017, appendix 6.1.2, without its sigmoid, which is part of the loss here. Padding and
    biases follow the authors' PyTorch code; `antialias` and `"xavier"` that of Park et al. 2020 (CUT).
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt,
        width: PositiveInt = 64,
        num_layers: NonNegativeInt = 3,
        normalization="batch",
        synchronized: Flag = False,
        antialias: Flag = False,
        initialization="normal",
        name="discriminator",
    ):
        check_normalization(normalization)
        check_initialization(initialization)
        if num_layers < 0:
            raise ValueError(f"`num_layers` must be at least 0. Received: num_layers={num_layers}")

        def convolution(x, channels, strides, use_bias, name):
            if num_layers > 0:
                # One pixel at each side, for every stride and size; 'same' puts more where a side is odd.
                x = layers.ZeroPadding2D(1)(x)
            return layers.Conv2D(
                channels,
                4 if num_layers > 0 else 1,
                strides=strides,
                padding="valid",
                use_bias=use_bias,
                kernel_initializer=kernel_initializer(initialization),
                name=name,
            )(x)

        images = keras.Input((None, None, channels), name="images")
        strides = [2] * num_layers + [1] if num_layers > 0 else [1, 1]
        x = images
        for index, stride in enumerate(strides):
            level = index + 1
            use_bias = index == 0 or normalization == "instance"
            x = convolution(
                x, width * min(2**index, 8), 1 if antialias else stride, use_bias, f"conv_{level}"
            )
            if index > 0:
                x = normalization_layer(normalization, f"norm_{level}", synchronized)(x)
            x = layers.LeakyReLU(0.2)(x)
            if antialias and stride > 1:
                x = BlurPool2D(name=f"blur_{level}")(x)
        # The reference's 1x1 form gives its last convolution a bias with instance normalization only.
        last_bias = num_layers > 0 or normalization == "instance"
        x = convolution(x, 1, 1, last_bias, "logits")
        outputs = layers.Activation("linear", dtype="float32", name="float32_logits")(x)
        super().__init__(images, outputs, name=name)

    @property
    def receptive_field(self):
        """Side of the patch that a logit sees, in pixels."""
        num_layers = self._arguments["num_layers"]
        if num_layers == 0:
            return 1
        # The two of stride 1, then each halving, as kernels and strides from the logits to the image.
        steps = [(3, 2), (4, 1)] if self._arguments["antialias"] else [(4, 2)]
        side = 1
        for kernel_size, stride in [(4, 1)] * 2 + steps * num_layers:
            side = (side - 1) * stride + kernel_size
        return side

    @property
    def smallest_side(self):
        """Smallest side of an image for which a logit is left."""
        num_layers = self._arguments["num_layers"]
        # Three pixels behind the convolutions of stride 2, which round down; the two of stride 1 leave one.
        return 3 * 2**num_layers if num_layers > 0 else 1
