"""The discriminator of pix2pixHD and SPADE: a PatchGAN at several scales, which also returns its features."""

import keras
from keras import layers, ops

from keras_genzoo.arguments import Flag, NonNegativeInt, PositiveInt, checked
from keras_genzoo.layers import InstanceNormalization, LabelMapEncoding, SpectralConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import kernel_initializer
from keras_genzoo.networks.translation_resnet import in_half_size


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MultiScalePatchGAN(ConfigurableNetwork):
    """Discriminator that maps label maps and images to logits of patches, and features, at several scales.

    It has 4x4 convolutions with a padding of two pixels: `num_layers` with stride 2 and one with stride 1,
    with `width` times 1, 2, 4, 8, 8, ... channels. All but the first have instance normalization, and all
    leaky ReLU (0.2). A convolution with stride 1 outputs the logits. Each further scale is another such
    network for images of half the size. For 39 channels (35 labels, edges, and a color image), two scales
    with width 64 have 5,603,202 trainable parameters, and 5,601,410 with `spectral=True`.

    Args:
        num_labels: Positive int.
        has_edges: Bool, whether the label maps have a second channel with the edges between objects.
        channels: Positive int, channels of the images.
        width: Positive int, channels of the first convolution.
        num_layers: Int of at least 0, number of convolutions with stride 2.
        num_scales: Positive int, number of scales.
        spectral: Bool. True is for SPADE: normalized convolutions also have spectral normalization and no
            biases, which instance normalization would remove, and all kernels are initialized with Xavier's
            normal distribution times 0.02. False is for pix2pixHD, with normal(0, 0.02).

    Call arguments:
        inputs: List of label maps `(batch, height, width, 1 or 2)` and float images in [-1, 1] `(batch,
            height, width, channels)`.

    Returns:
        List with one list per scale, the finest scale first: the maps after each leaky ReLU, followed by
        float32 logits `(batch, rows, columns, 1)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.MultiScalePatchGAN(num_labels=5, width=4)
    fine, coarse = discriminator([keras.ops.zeros((2, 32, 32, 1)), keras.ops.zeros((2, 32, 32, 3))])
    logits = fine[-1]
    ```

    Reference: Wang et al., "High-resolution image synthesis and semantic manipulation with conditional GANs",
    2018, arXiv:1711.11585, section 3.2. Park et al., "Semantic image synthesis with spatially-adaptive
    normalization", 2019, arXiv:1903.07291, appendix A. Padding and initialization as in their code.
    """

    @checked
    def __init__(
        self,
        num_labels: PositiveInt,
        has_edges: Flag = False,
        channels: PositiveInt = 3,
        width: PositiveInt = 64,
        num_layers: NonNegativeInt = 3,
        num_scales: PositiveInt = 2,
        spectral: Flag = False,
        name="discriminator",
    ):
        label_maps = keras.Input((None, None, 1 + has_edges), name="label_maps")
        images = keras.Input((None, None, channels), name="images")
        initialization = "xavier" if spectral else "normal"

        def convolution(x, filters, strides, name, kind=layers.Conv2D, use_bias=True):
            return kind(
                filters,
                4,
                strides=strides,
                use_bias=use_bias,
                kernel_initializer=kernel_initializer(initialization),
                name=name,
            )(layers.ZeroPadding2D(2)(x))

        x = ops.concatenate([LabelMapEncoding(num_labels)(label_maps), images], axis=-1)
        outputs = []
        for scale in range(1, num_scales + 1):
            features, maps = x, []
            for level in range(1, num_layers + 2):
                layer = f"scale_{scale}_conv_{level}"
                filters, strides = width * min(2 ** (level - 1), 8), 2 if level <= num_layers else 1
                if level == 1:
                    features = convolution(features, filters, strides, layer)
                else:
                    kind = SpectralConv2D if spectral else layers.Conv2D
                    features = convolution(features, filters, strides, layer, kind, use_bias=not spectral)
                    features = InstanceNormalization(name=f"scale_{scale}_norm_{level}")(features)
                features = layers.LeakyReLU(0.2)(features)
                maps.append(features)
            logits = convolution(features, 1, 1, f"scale_{scale}_logits")
            outputs.append([*maps, layers.Activation("linear", dtype="float32")(logits)])
            if scale < num_scales:
                x = in_half_size(x)
        super().__init__([label_maps, images], outputs, name=name)
