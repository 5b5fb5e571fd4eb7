"""The discriminator of pix2pixHD and SPADE: a PatchGAN at several scales, which gives its features too."""

import keras
from keras import layers, ops

from keras_genzoo.arguments import Flag, NonNegativeInt, PositiveInt, checked
from keras_genzoo.layers import InstanceNormalization, LabelMapEncoding, SpectralConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import kernel_initializer
from keras_genzoo.networks.translation_resnet import in_half_size


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MultiScalePatchGAN(ConfigurableNetwork):
    """Label maps and images to maps of logits, and to the features before them, at several scales.

    4x4 convolutions with two pixels of padding: `num_layers` of stride 2 and one of stride 1, with `width` times 1,
    2, 4, 8, 8, ... channels, all but the first with instance normalization, each with leaky ReLU (0.2), and one of
    stride 1 to the logits. Another such network sees the images in half the size, and so on. For 39 channels (35
    labels, edges, and a color image) two scales of width 64 have 5,603,202 trainable parameters, and 5,601,410 with
    `spectral=True`.

    Args:
        num_labels: Int.
        has_edges: Bool, whether the label maps have a second channel, of the edges between objects.
        channels: Int, channels of the images.
        width: Int, channels after the first convolution.
        num_layers: Int, convolutions of stride 2.
        num_scales: Int, number of scales.
        spectral: Bool, whether it is SPADE's: the normalized convolutions are spectrally normalized too, and without
            biases, which the instance normalization would take away, and all begin by Xavier's normal distribution
            times 0.02. Else it is pix2pixHD's, which begins by normal(0, 0.02).

    Call arguments:
        inputs: List of label maps `(batch, height, width, 1 or 2)` and float images in [-1, 1]
            `(batch, height, width, channels)`.

    Returns:
        A list for each scale, the finest first: the maps after each leaky ReLU, and at the end float32 logits
        `(batch, rows, columns, 1)`.

    Source: Wang et al. 2018, "High-resolution image synthesis and semantic manipulation with conditional GANs"
    (arXiv:1711.11585), section 3.2; Park et al. 2019 (arXiv:1903.07291), appendix A; padding and
    initialization as in their code.
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
