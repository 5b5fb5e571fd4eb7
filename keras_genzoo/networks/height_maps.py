"""Networks for height maps: 5x5 convolutions, upsampling and max pooling."""

import keras
from keras import layers

from keras_genzoo.arguments import Flag, PositiveInt, PositiveInts, checked
from keras_genzoo.layers import BatchNormalization, LeakyReLU
from keras_genzoo.networks.configurable import ConfigurableNetwork

# Channels of the levels as multiples of the width: for the generator, 4x4 is first, for the discriminator last.
_GENERATOR = (4, 4, 2, 2, 1, 1, 1)
_DISCRIMINATOR = (1, 2, 2, 2, 4, 4, 4)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class HeightMapGenerator(ConfigurableNetwork):
    """Generator of height maps: 5x5 convolutions and nearest-neighbor upsampling.

    A dense layer with batch normalization outputs a 4x4 map with 8 times `width` channels. Each level has a
    convolution, batch normalization, leaky ReLU (0.2) and upsampling by 2; channels are `width` times 4, 4,
    2, 2, 1, 1, ... A last convolution and tanh follow. All layers have biases. For 512x512x1, latents of
    length 1000 and width 64 it has 14,774,657 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k, k >= 1.
        latent_dim: Positive int, length of a latent.
        width: Positive int, channels before the last convolution at a side of 512.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 height maps in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.HeightMapGenerator((8, 8, 1), latent_dim=8, width=2)
    heights = generator(kg.latent.normal(2, 8, seed=0))  # (2, 8, 8, 1)
    ```

    Reference: Beckham & Pal, "A step towards procedural terrain generation with GANs", 2017,
    arXiv:1707.03383, and the authors' code, whose sigmoid, scaled to [-1, 1], is a tanh.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 1000,
        width: PositiveInt = 64,
        synchronized: Flag = False,
        name="height_generator",
    ):
        def normalized(x):
            return BatchNormalization(epsilon=1e-4, synchronized=synchronized)(x)

        latents = keras.Input((latent_dim,), name="latents")
        x = normalized(layers.Dense(4 * 4 * 8 * width, name="initial_map")(latents))
        x = layers.Reshape((4, 4, 8 * width))(x)
        for factor in _of_levels(_GENERATOR, image_shape):
            x = layers.Conv2D(factor * width, 5, padding="same")(x)
            x = LeakyReLU(0.2)(normalized(x))
            x = layers.UpSampling2D(2)(x)
        x = layers.Conv2D(image_shape[-1], 5, padding="same")(x)
        heights = layers.Activation("tanh", dtype="float32", name="heights")(x)
        super().__init__(latents, heights, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class HeightMapDiscriminator(ConfigurableNetwork):
    """Discriminator of height maps: 5x5 convolutions and max pooling, without normalization.

    Each level has a convolution, leaky ReLU (0.2) and max pooling by 2; channels are `width` times 1, 2, 2,
    2, 4, 4, ... The logit is the mean over the 4x4 map of a last convolution. For 512x512x1 and width 64 it
    has 5,129,217 parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k, k >= 1.
        width: Positive int, channels of the first convolution.

    Call arguments:
        heights: Float height maps in [-1, 1] `(batch, height, width, channels)`.

    Returns:
        Float32 logits, `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.HeightMapDiscriminator((8, 8, 1), width=2)
    logits = discriminator(keras.ops.zeros((2, 8, 8, 1)))  # (2, 1)
    ```

    Reference: as for `HeightMapGenerator`.
    """

    @checked
    def __init__(self, image_shape: PositiveInts, width: PositiveInt = 64, name="height_discriminator"):
        heights = keras.Input(tuple(image_shape), name="heights")
        x = heights
        for factor in _of_levels(_DISCRIMINATOR, image_shape):
            x = layers.Conv2D(factor * width, 5, padding="same")(x)
            x = layers.MaxPooling2D(2)(LeakyReLU(0.2)(x))
        x = layers.Conv2D(1, 5, padding="same")(x)
        logits = layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
        super().__init__(heights, logits, name=name)


def _of_levels(factors, image_shape):
    """Factors of the levels between 4x4 and the image; the last factor is repeated for further levels."""
    side = image_shape[0]
    levels = (side // 4).bit_length() - 1
    if len(image_shape) != 3 or image_shape[1] != side or levels < 1 or side != 4 * 2**levels:
        raise ValueError(
            "`image_shape` must be (height, width, channels), square with a side of 4 * 2^k (8, 16, 32, ...). "
            f"Received: {tuple(image_shape)}. Resize the images, for example with `image_size=64`."
        )
    return [*factors, *factors[-1:] * levels][:levels]
