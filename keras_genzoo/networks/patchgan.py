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
    """Discriminator that maps images to a map of logits, one per patch (PatchGAN).

    It has 4x4 convolutions: `num_layers` with stride 2 and one with stride 1. All but the first are
    normalized, and all have leaky ReLU (0.2). A convolution with stride 1 outputs the logits. Channels are
    `width` times 1, 2, 4, 8, 8, ... The convolutions with stride 1 shrink the map by one pixel. With
    `num_layers=0` all convolutions are 1x1.

    | `num_layers` | patch | logits for 256x256 | name in the paper |
    | --- | --- | --- | --- |
    | 0 | 1x1 | 256x256 | PixelGAN |
    | 1 | 16x16 | 126x126 | |
    | 3 | 70x70 | 30x30 | PatchGAN |
    | 5 | 286x286 | 6x6 | ImageGAN |

    With width 64 and 3 layers it has 2,768,705 trainable parameters for a pair of color images (6 channels)
    and batch normalization, and 2,764,737 for 3 channels and instance normalization.

    Args:
        channels: Positive int, channels of the images; for pairs concatenated along the channels, of both.
        width: Positive int, channels of the first convolution.
        num_layers: Int of at least 0, number of convolutions with stride 2.
        normalization: `"batch"` or `"instance"` (without trained scale and offset; convolutions then have
            biases).
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        antialias: Bool, whether convolutions with stride 2 are replaced by stride 1, leaky ReLU and
            `BlurPool2D`. The maps keep their sizes, and patches grow: with 3 layers they have 84x84 pixels.
        initialization: `"normal"`, normal(0, 0.02), or `"xavier"`, Xavier's normal distribution times 0.02.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`, with sides of at least
            `smallest_side`.

    Returns:
        Float32 logits, `(batch, rows, columns, 1)`, with `rows = height // 2**num_layers - 2`, and the same
        for columns; with `num_layers=0`, the size of the images.

    Raises:
        ValueError: If an argument is out of its range or unknown.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.PatchGANDiscriminator(3, width=4)
    logits = discriminator(keras.ops.zeros((2, 32, 32, 3)))  # (2, 2, 2, 1)
    ```

    Reference: Isola et al., "Image-to-image translation with conditional adversarial networks", 2017,
    arXiv:1611.07004, appendix 6.1.2, without its sigmoid: losses take logits. Padding and biases follow the
    authors' PyTorch code; `antialias` and `"xavier"` that of Park et al., "Contrastive learning for unpaired
    image-to-image translation", 2020, arXiv:2007.15651.
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
                # One pixel on each side, for every stride and size; "same" adds more if a side is odd.
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
        # In the reference, the last convolution of the 1x1 variant only has a bias with instance normalization.
        last_bias = num_layers > 0 or normalization == "instance"
        x = convolution(x, 1, 1, last_bias, "logits")
        outputs = layers.Activation("linear", dtype="float32", name="float32_logits")(x)
        super().__init__(images, outputs, name=name)

    @property
    def receptive_field(self):
        """Side of the patch of a logit, in pixels."""
        num_layers = self._arguments["num_layers"]
        if num_layers == 0:
            return 1
        # Kernel sizes and strides from the logits to the image: two convolutions with stride 1, then each halving.
        steps = [(3, 2), (4, 1)] if self._arguments["antialias"] else [(4, 2)]
        side = 1
        for kernel_size, stride in [(4, 1)] * 2 + steps * num_layers:
            side = (side - 1) * stride + kernel_size
        return side

    @property
    def smallest_side(self):
        """Smallest side of an image that gives at least one logit."""
        num_layers = self._arguments["num_layers"]
        # Three pixels after the convolutions with stride 2, which round down; the two with stride 1 leave one.
        return 3 * 2**num_layers if num_layers > 0 else 1
