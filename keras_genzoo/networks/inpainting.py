"""The two-stage network of gated convolutions that fills holes, and SN-PatchGAN (Yu et al. 2019)."""

import keras
from keras import layers, ops

from keras_genzoo.arguments import PositiveInt, checked
from keras_genzoo.layers import GatedConv2D, SpectralConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GatedInpainter(ConfigurableNetwork):
    """Images with holes to whole images, coarsely and then refined, by gated convolutions.

    The first stage halves the side twice, sees far by dilations of 2, 4, 8 and 16, and doubles the side twice by
    nearest pixels. Its result is pasted into the holes, and the second stage goes over it in two branches, one of
    them dilated, which are joined at a quarter of the side. With the defaults the stages have 1,631,151 and 2,421,327
    parameters.

    The authors' second branch also has contextual attention, without weights, which fills holes by patches from
    outside of them. It is left out here.

    Args:
        channels: Int, channels of the images, without the mask.
        width: Int, channels of the first convolution, half of which are left behind its gate; a multiple of 4.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels + 1)`: the last channel is the mask, 1 in
            the holes and -1 elsewhere, and what the others hold in the holes is not looked at. Sides are multiples of
            4.

    Returns:
        List of the coarse and the refined images, float32 in [-1, 1], `(batch, height, width, channels)`.

    Source: Yu et al. 2019, figure 3; channels and padding follow the authors' code.
    """

    @checked
    def __init__(self, channels: PositiveInt = 3, width: PositiveInt = 48, name="generator"):
        if width % 4:
            raise ValueError(f"`width` must be a multiple of 4. Received: width={width}")

        def gated(x, multiple, name, kernel_size=3, **arguments):
            return GatedConv2D(int(width * multiple), kernel_size, name=name, **arguments)(x)

        def dilated(x, name):
            for rate in (2, 4, 8, 16):
                x = gated(x, 4, f"{name}_dilated_{rate}", dilation_rate=rate)
            return x

        def enlarged(x, name):
            """From a quarter of the side to images."""
            x = gated(layers.UpSampling2D(2)(x), 2, f"{name}_up_1")
            x = gated(x, 2, f"{name}_up_2")
            x = gated(layers.UpSampling2D(2)(x), 1, f"{name}_up_3")
            x = gated(x, 0.5, f"{name}_up_4")
            x = layers.Conv2D(channels, 3, padding="same", name=f"{name}_output")(x)
            return layers.Activation("tanh", dtype="float32", name=f"{name}_images")(x)

        images = keras.Input((None, None, channels + 1), name="images")
        holes = (images[..., -1:] + 1.0) / 2.0
        known = images[..., :-1] * (1.0 - holes)

        x = layers.Concatenate(name="coarse_inputs")([known, ops.ones_like(holes), holes])
        x = gated(x, 1, "coarse_1", 5)
        x = gated(x, 2, "coarse_2", strides=2)
        x = gated(x, 2, "coarse_3")
        x = gated(x, 4, "coarse_4", strides=2)
        x = gated(gated(x, 4, "coarse_5"), 4, "coarse_6")
        x = dilated(x, "coarse")
        x = gated(gated(x, 4, "coarse_7"), 4, "coarse_8")
        coarse = enlarged(x, "coarse")

        pasted = known + ops.cast(coarse, known.dtype) * holes
        x = gated(pasted, 1, "refined_1", 5)
        x = gated(x, 1, "refined_2", strides=2)
        x = gated(x, 2, "refined_3")
        x = gated(x, 2, "refined_4", strides=2)
        x = gated(gated(x, 4, "refined_5"), 4, "refined_6")
        far = dilated(x, "refined")
        x = gated(pasted, 1, "branch_1", 5)
        x = gated(x, 1, "branch_2", strides=2)
        x = gated(x, 2, "branch_3")
        x = gated(x, 4, "branch_4", strides=2)
        x = gated(gated(x, 4, "branch_5"), 4, "branch_6", activation="relu")
        near = gated(gated(x, 4, "branch_7"), 4, "branch_8")
        x = layers.Concatenate(name="branches")([far, near])
        x = gated(gated(x, 4, "joined_1"), 4, "joined_2")
        super().__init__(images, [coarse, enlarged(x, "refined")], name=name)
        self.size_multiple = 4


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SNPatchGANDiscriminator(ConfigurableNetwork):
    """Images and masks to maps of scores, each value of which judges a place in a way of its own.

    Six 5x5 convolutions of stride 2 with spectral normalization and leaky ReLU (0.2), the last one's too, of `width`
    times 1, 2, 4, 4, 4, 4 channels. With 4 channels and width 64 it has 5,946,816 trainable parameters.

    Args:
        channels: Int, channels of the images and of the mask.
        width: Int, channels behind the first convolution.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 scores, `(batch, height / 64, width / 64, 4 * width)`, sides rounded up.

    Source: Yu et al. 2019, section 3.3 and figure 3.
    """

    @checked
    def __init__(self, channels: PositiveInt = 4, width: PositiveInt = 64, name="discriminator"):
        x = images = keras.Input((None, None, channels), name="images")
        for number, multiple in enumerate((1, 2, 4, 4, 4, 4), start=1):
            x = SpectralConv2D(multiple * width, 5, strides=2, padding="same", name=f"conv_{number}")(x)
            x = layers.LeakyReLU(0.2)(x)
        outputs = layers.Activation("linear", dtype="float32", name="float32_scores")(x)
        super().__init__(images, outputs, name=name)
