"""The two-stage network with gated convolutions, and SN-PatchGAN, for inpainting (Yu et al. 2019)."""

import keras
from keras import layers, ops

from keras_genzoo.arguments import Flag, PositiveInt, checked
from keras_genzoo.layers import ContextualAttention, GatedConv2D, SpectralConv2D
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GatedInpainter(ConfigurableNetwork):
    """Generator for inpainting: fills holes in two stages, coarse and refined, with gated convolutions.

    The first stage downsamples twice, has dilated convolutions with rates 2, 4, 8 and 16, and upsamples twice
    with nearest neighbors. Its output is pasted into the holes. The second stage processes the result in two
    branches, one of them dilated, the other with contextual attention, which are joined at a quarter of the
    side. With the defaults, the stages have 1,631,151 and 2,421,327 parameters.

    Args:
        channels: Positive int, channels of the images without the mask.
        width: Positive int, channels of the first convolution, half of which remain after the gates; a
            multiple of 4.
        attention: Bool, whether the second branch has `keras_genzoo.layers.ContextualAttention`, which fills
            holes with patches from outside. It has no weights. The memory of its scores grows with the fourth
            power of the side: 4 MiB per image of 256x256, a few times over. Images for `inpaint` and servers may
            then have at most 512 * 512 pixels (`max_pixels`).

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels + 1)`, with sides that are multiples
            of 4. The last channel is the mask, 1 in the holes and -1 elsewhere. Other channels are ignored in
            the holes.

    Returns:
        List of the coarse and the refined images, float32 in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, or `width` is not a multiple of 4.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    generator = kg.networks.GatedInpainter(3, width=4)
    coarse, refined = generator(keras.ops.ones((2, 16, 16, 4)))  # (2, 16, 16, 3) each
    ```

    Reference: Yu et al., "Free-form image inpainting with gated convolution", 2019, arXiv:1806.03589, figure
    3; channels and padding follow the authors' code.
    """

    @checked
    def __init__(
        self,
        channels: PositiveInt = 3,
        width: PositiveInt = 48,
        attention: Flag = True,
        name="generator",
    ):
        if width % 4:
            raise ValueError(f"`width` must be a multiple of 4. Received: width={width}")

        def gated(x, multiple, name, kernel_size=3, **arguments):
            return GatedConv2D(int(width * multiple), kernel_size, name=name, **arguments)(x)

        def dilated(x, name):
            for rate in (2, 4, 8, 16):
                x = gated(x, 4, f"{name}_dilated_{rate}", dilation_rate=rate)
            return x

        def enlarged(x, name):
            """Upsamples maps with a quarter of the side to images."""
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
        if attention:
            x = ContextualAttention(name="attention")(x, holes[:, ::4, ::4])
        near = gated(gated(x, 4, "branch_7"), 4, "branch_8")
        x = layers.Concatenate(name="branches")([far, near])
        x = gated(gated(x, 4, "joined_1"), 4, "joined_2")
        super().__init__(images, [coarse, enlarged(x, "refined")], name=name)
        self.size_multiple = 4
        # The memory of the attention grows with the square: 64 MiB per image and array of scores at this limit.
        self.max_pixels = 512 * 512 if attention else None


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SNPatchGANDiscriminator(ConfigurableNetwork):
    """Discriminator for inpainting: maps images and masks to maps of scores (SN-PatchGAN).

    It has six 5x5 convolutions with stride 2, spectral normalization and leaky ReLU (0.2), also after the
    last one, with `width` times 1, 2, 4, 4, 4, 4 channels. For 4 channels and width 64 it has 5,946,816
    trainable parameters.

    Args:
        channels: Positive int, channels of the images including the mask.
        width: Positive int, channels of the first convolution.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 scores, `(batch, height / 64, width / 64, 4 * width)`, sides rounded up.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.SNPatchGANDiscriminator(4, width=4)
    scores = discriminator(keras.ops.zeros((2, 64, 64, 4)))  # (2, 1, 1, 16)
    ```

    Reference: Yu et al., "Free-form image inpainting with gated convolution", 2019, arXiv:1806.03589, section
    3.3 and figure 3.
    """

    @checked
    def __init__(self, channels: PositiveInt = 4, width: PositiveInt = 64, name="discriminator"):
        x = images = keras.Input((None, None, channels), name="images")
        for number, multiple in enumerate((1, 2, 4, 4, 4, 4), start=1):
            x = SpectralConv2D(multiple * width, 5, strides=2, padding="same", name=f"conv_{number}")(x)
            x = layers.LeakyReLU(0.2)(x)
        outputs = layers.Activation("linear", dtype="float32", name="float32_scores")(x)
        super().__init__(images, outputs, name=name)
