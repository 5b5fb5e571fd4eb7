"""The residual generators of CycleGAN (Zhu et al. 2017, after Johnson et al. 2016), CUT, DeblurGAN and
pix2pixHD.
"""

import dataclasses

import keras
from keras import layers, ops

from keras_genzoo.arguments import Flag, NonNegativeInt, OptionalPositiveInt, PositiveInt, Share, checked
from keras_genzoo.layers import (
    BilinearUpSampling2D,
    BlurPool2D,
    Cropping2D,
    Dropout,
    LabelMapEncoding,
    ReflectionPadding2D,
)
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import check_initialization, kernel_initializer
from keras_genzoo.networks.normalization import check_normalization, normalization_layer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ResNetTranslator(ConfigurableNetwork):
    """Generator that maps images, or label maps, to images with residual blocks at a quarter of the side.

    It has a 7x7 convolution, two 3x3 convolutions with stride 2, `num_blocks` residual blocks with two 3x3
    convolutions, two 3x3 transposed convolutions with stride 2, a 7x7 convolution and tanh. Channels are
    `width` times 1, 2, 4 and back. All but the last are normalized and, except the second of a block,
    followed by ReLU. The 7x7 convolutions and the blocks use reflection padding. For width 64 and 3 channels
    it has 11,378,179 parameters with 9 blocks, 7,837,699 with 6; with 9 blocks of one convolution, as in
    DeblurGAN, 6,067,459. With `num_downsamplings=4` it is the global generator of pix2pixHD: 182,546,755
    parameters for 35 labels and edges.

    The sides of the images must be multiples of `size_multiple`, 4 with two downsamplings, and at least twice
    as large, because a map with a side of one pixel cannot be padded by reflection.

    Args:
        channels: Positive int, channels of the source images; for label maps 1, or 2 with edges.
        output_channels: Positive int, channels of the output. Defaults to those of the source.
        width: Positive int, channels of the first convolution.
        num_blocks: Int of at least 0, number of residual blocks.
        normalization: `"instance"` (without trained scale and offset; convolutions then have biases) or
            `"batch"`.
        dropout: Float in [0, 1), rate of dropout between the two convolutions of a block; 0 for none.
        sampling_dropout: Bool, whether dropout is also applied in inference.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        antialias: Bool, whether convolutions with stride 2 are replaced by stride 1 and `BlurPool2D`, and
            transposed convolutions by bilinear upsampling and a convolution. The number of parameters is the
            same.
        initialization: `"normal"`, normal(0, 0.02), or `"xavier"`, Xavier's normal distribution times 0.02.
        num_downsamplings: Positive int, number of convolutions with stride 2, and of transposed convolutions.
        num_labels: Positive int, number of labels of label maps; None for images.
        block_convolutions: Int, 1 or 2, convolutions per block. A block with one convolution ends with ReLU
            and dropout.
        residual: Bool, whether the output is added to the input and the sum is clipped to [-1, 1].

    Call arguments:
        images: Float images in [-1, 1], or label maps, `(batch, height, width, channels)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, output_channels)`.

    Raises:
        ValueError: If an argument is out of its range or unknown, or `residual` is used with different
            channels or label maps.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.ResNetTranslator(3, width=4, num_blocks=1)
    images = generator(keras.ops.zeros((2, 16, 16, 3)))  # (2, 16, 16, 3)
    ```

    Reference: Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial networks",
    2017, arXiv:1703.10593, section 4 and appendix 7.2; padding and biases follow the authors' PyTorch code.
    `antialias` and `"xavier"`: the authors' code of Park et al., "Contrastive learning for unpaired
    image-to-image translation", 2020, arXiv:2007.15651. `num_labels`: Wang et al., "High-resolution image
    synthesis and semantic manipulation with conditional GANs", 2018, arXiv:1711.11585, section 3.2.
    `block_convolutions=1` and `residual`: Kupyn et al., "DeblurGAN: Blind motion deblurring using conditional
    adversarial networks", 2018, arXiv:1711.07064, section 3.2.
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
        num_downsamplings: PositiveInt = 2,
        num_labels: OptionalPositiveInt = None,
        block_convolutions: PositiveInt = 2,
        residual: Flag = False,
        name="generator",
    ):
        check_normalization(normalization)
        check_initialization(initialization)
        output_channels = output_channels or channels
        if block_convolutions > 2:
            raise ValueError(f"`block_convolutions` must be 1 or 2. Received: {block_convolutions}")
        if residual and (output_channels != channels or num_labels is not None):
            raise ValueError(
                "`residual` adds the output to the input, which must be images with the same number of channels. "
                f"Received: channels={channels}, output_channels={output_channels}, num_labels={num_labels}"
            )
        images = keras.Input((None, None, channels), name="images")
        x = images if num_labels is None else LabelMapEncoding(num_labels, name="encoding")(images)
        build = _Layers(
            normalization, synchronized, antialias, initialization, block_convolutions=block_convolutions
        )
        x = build.features(x, width, num_downsamplings, num_blocks, dropout, sampling_dropout)
        made = build.images(x, output_channels)
        if residual:
            made = ops.clip(ops.cast(images, "float32") + made, -1.0, 1.0)
        super().__init__(images, made, name=name)
        self.size_multiple = 2**num_downsamplings

    @property
    def feature_layers(self):
        """Names of the layers that CUT compares.

        These are the padded images, both downsamplings, and the first and the fifth block.

        With fewer than five blocks, the last one replaces the fifth.
        """
        num_blocks = self._arguments["num_blocks"]
        blocks = sorted({1, min(5, num_blocks)}) if num_blocks else []
        return ["padded_images", "down_1_conv", "down_2_conv", *(f"block_{block}" for block in blocks)]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class LocalEnhancer(ConfigurableNetwork):
    """Generator of pix2pixHD with a global generator at half the side, and a local enhancer.

    The global generator, without its last convolution, takes the encoded label map at half the size. Its
    features are added to those of a 7x7 convolution and a 3x3 convolution with stride 2 of the label map at
    full size. Residual blocks, a transposed convolution, a 7x7 convolution and tanh follow. For 35 labels and
    edges it has 182,857,059 parameters.

    First train a `ResNetTranslator` with the same `num_downsamplings` and twice the width at half the side.
    Then pass it to `load_global`.

    Args:
        num_labels: Positive int.
        has_edges: Bool, whether the label maps have a second channel with the edges between objects.
        output_channels: Positive int, channels of the output.
        width: Positive int, channels of the first convolution; the global generator has twice as many.
        num_blocks: Int of at least 0, residual blocks of the global generator.
        num_local_blocks: Int of at least 0, residual blocks after the sum.
        num_downsamplings: Positive int, convolutions with stride 2 of the global generator.

    Call arguments:
        images: Label maps `(batch, height, width, 1 or 2)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, output_channels)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.LocalEnhancer(
        num_labels=5, width=2, num_blocks=1, num_local_blocks=1, num_downsamplings=1
    )
    images = generator(keras.ops.zeros((2, 16, 16, 1)))  # (2, 16, 16, 3)
    ```

    Reference: Wang et al., "High-resolution image synthesis and semantic manipulation with conditional GANs",
    2018, arXiv:1711.11585, figure 3.
    """

    @checked
    def __init__(
        self,
        num_labels: PositiveInt,
        has_edges: Flag = False,
        output_channels: PositiveInt = 3,
        width: PositiveInt = 32,
        num_blocks: NonNegativeInt = 9,
        num_local_blocks: NonNegativeInt = 3,
        num_downsamplings: PositiveInt = 4,
        name="generator",
    ):
        images = keras.Input((None, None, 1 + has_edges), name="images")
        encoded = LabelMapEncoding(num_labels, name="encoding")(images)
        of_global, local = _Layers("instance", prefix="global_"), _Layers("instance")
        features = of_global.features(in_half_size(encoded), 2 * width, num_downsamplings, num_blocks)
        x = local.halved(local.entered(encoded, width), 2 * width, "down_1")
        x = layers.Add(name="sum")([x, features])
        for index in range(num_local_blocks):
            x = local.block(x, f"block_{index + 1}")
        x = local.doubled(x, width, "up_1")
        super().__init__(images, local.images(x, output_channels), name=name)
        self.size_multiple = 2 ** (num_downsamplings + 1)

    def load_global(self, generator):
        """Copies the weights of a trained global generator, except those of its last convolution.

        Args:
            generator: `ResNetTranslator` with the same labels, numbers of blocks and of downsamplings, and
                twice the width.

        Raises:
            ValueError: If `generator` does not match.
        """
        own = {
            layer.name.removeprefix("global_"): layer
            for layer in self.layers
            if layer.name.startswith("global_") and layer.weights
        }
        given = {}
        if isinstance(generator, ResNetTranslator) and self._takes_maps_of(generator):
            given = {layer.name: layer for layer in generator.layers if layer.weights}
            given.pop("output_conv")
        if _shapes_of_weights(own) != _shapes_of_weights(given):
            raise ValueError(
                "`generator` must be a `ResNetTranslator` with the same labels, blocks and downsamplings, and twice "
                f"the width. Received: {generator!r}"
            )
        for name, layer in own.items():
            layer.set_weights(given[name].get_weights())

    def _takes_maps_of(self, generator):
        """Whether a `ResNetTranslator` takes the same label maps. Others may have the same number of channels
        once encoded.
        """
        own, others = self._arguments, generator._arguments
        return (others["num_labels"], others["channels"]) == (own["num_labels"], 1 + own["has_edges"])


def _shapes_of_weights(layers):
    return {name: [weight.shape for weight in layer.weights] for name, layer in layers.items()}


def in_half_size(images):
    """Downsamples images by 2: means over 3x3 pixels within the image, at every second pixel."""

    def sums(x):
        return ops.average_pool(layers.ZeroPadding2D(1)(x), 3, strides=2, padding="valid")

    return sums(images) / sums(ops.ones_like(images[..., :1]))


@dataclasses.dataclass(frozen=True)
class _Layers:
    """Parts of residual generators, with names that start with `prefix`."""

    normalization: str
    synchronized: bool = False
    antialias: bool = False
    initialization: str = "normal"
    prefix: str = ""
    block_convolutions: int = 2

    def features(self, x, width, num_downsamplings, num_blocks, dropout=0.0, sampling_dropout=False):
        """Creates all layers except the last convolution."""
        x = self.entered(x, width)
        for level in range(1, num_downsamplings + 1):
            x = self.halved(x, width * 2**level, f"down_{level}")
        for index in range(num_blocks):
            x = self.block(x, f"block_{index + 1}", dropout, sampling_dropout)
        for level in range(num_downsamplings, 0, -1):
            x = self.doubled(x, width * 2 ** (level - 1), f"up_{level}")
        return x

    def entered(self, x, width):
        padded = ReflectionPadding2D(3, name=f"{self.prefix}padded_images")(x)
        return layers.ReLU()(self._normalized(self._convolution(width, 7, "input")(padded), "input"))

    def halved(self, x, channels, name):
        # One pixel on each side; "same" would only pad at the right and bottom.
        x = layers.ZeroPadding2D(1)(x)
        x = self._convolution(channels, 3, name, strides=1 if self.antialias else 2)(x)
        x = layers.ReLU()(self._normalized(x, name))
        return BlurPool2D(name=f"{self.prefix}{name}_blur")(x) if self.antialias else x

    def block(self, x, name, dropout=0.0, sampling_dropout=False):
        first, second = f"{name}_first", f"{name}_second"
        residual = self._convolution(x.shape[-1], 3, first)(ReflectionPadding2D(1)(x))
        residual = layers.ReLU()(self._normalized(residual, first))
        if dropout:
            residual = Dropout(dropout, sampling=sampling_dropout, name=f"{self.prefix}{name}_dropout")(
                residual
            )
        if self.block_convolutions == 2:
            residual = self._convolution(x.shape[-1], 3, second)(ReflectionPadding2D(1)(residual))
            residual = self._normalized(residual, second)
        return layers.Add(name=f"{self.prefix}{name}")([x, residual])

    def doubled(self, x, channels, name):
        if self.antialias:
            # The filter [1, 3, 3, 1] of the reference, with repeated borders, is bilinear interpolation.
            x = BilinearUpSampling2D(name=f"{self.prefix}{name}_enlarged")(x)
            x = self._convolution(channels, 3, name, padding="same")(x)
        else:
            # The full output has the side 2 n + 1; the reference crops the first row and column, "same" the last.
            kind = layers.Conv2DTranspose
            x = self._convolution(channels, 3, name, kind=kind, strides=2, padding="valid")(x)
            x = Cropping2D(((1, 0), (1, 0)))(x)
        return layers.ReLU()(self._normalized(x, name))

    def images(self, x, channels):
        x = self._convolution(channels, 7, "output", use_bias=True)(ReflectionPadding2D(3)(x))
        return layers.Activation("tanh", dtype="float32", name=f"{self.prefix}translations")(x)

    def _convolution(self, channels, kernel_size, name, use_bias=None, kind=layers.Conv2D, **arguments):
        return kind(
            channels,
            kernel_size,
            use_bias=self.normalization == "instance" if use_bias is None else use_bias,
            kernel_initializer=kernel_initializer(self.initialization),
            name=f"{self.prefix}{name}_conv",
            **arguments,
        )

    def _normalized(self, x, name):
        return normalization_layer(self.normalization, f"{self.prefix}{name}_norm", self.synchronized)(x)
