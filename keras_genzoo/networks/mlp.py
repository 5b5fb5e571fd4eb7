"""Multilayer perceptrons for points in the plane, and for small images."""

import math

import keras
from keras import layers

from keras_genzoo.arguments import Activation, Flag, OptionalProbability, PositiveInt, PositiveInts, checked
from keras_genzoo.layers import BatchNormalization, Pack
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MLPGenerator(ConfigurableNetwork):
    """Generator that maps latents to points or images with dense layers.

    The output layer is linear for points, and has tanh for images. The defaults are VEEGAN's generator for
    rings and grids of Gaussians. PacGAN's has `hidden=(400,) * 4` with batch normalization.

    Args:
        latent_dim: Positive int, length of a latent.
        image_shape: Tuple `(num_features,)` for points, `(height, width, channels)` for images.
        hidden: Sequence of positive ints, units of the hidden layers.
        activation: Keras activation of the hidden layers.
        batch_norm_momentum: Float from 0 to 1, or None for no batch normalization. Normalized layers have no
            bias.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 points `(batch, num_features)`, or float32 images in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range, or `image_shape` has neither 1 nor 3 entries.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.MLPGenerator()
    generator.count_params()  # 17,154
    points = generator(kg.latent.normal(4, 2, seed=0))  # (4, 2)
    ```

    Reference: Srivastava et al., "VEEGAN: Reducing mode collapse in GANs using implicit variational
    learning", 2017, arXiv:1705.07761, and Lin et al., "PacGAN: The power of two samples in generative
    adversarial networks", 2018, arXiv:1712.04086, experiments on synthetic data.
    """

    @checked
    def __init__(
        self,
        latent_dim: PositiveInt = 2,
        image_shape: PositiveInts = (2,),
        hidden: PositiveInts = (128, 128),
        activation: Activation = "relu",
        batch_norm_momentum: OptionalProbability = None,
        synchronized: Flag = False,
        name="generator",
    ):
        _check_shape(image_shape)
        x = latents = keras.Input((latent_dim,), name="latents")
        for width in hidden:
            x = layers.Dense(width, use_bias=batch_norm_momentum is None)(x)
            if batch_norm_momentum is not None:
                x = BatchNormalization(batch_norm_momentum, synchronized=synchronized)(x)
            x = layers.Activation(activation)(x)
        if len(image_shape) == 1:
            # In float32: rounding to bfloat16 would be as large as the width of a narrow mode.
            outputs = layers.Dense(image_shape[0], dtype="float32", name="points")(x)
        else:
            x = layers.Reshape(tuple(image_shape))(layers.Dense(math.prod(image_shape), name="pixels")(x))
            outputs = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(latents, outputs, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MLPDiscriminator(ConfigurableNetwork):
    """Discriminator that maps points or images to logits with dense layers; also used as a critic.

    With `packing=m`, one logit judges `m` samples of the batch together (PacGAN). The discriminator of that
    paper has maxout layers instead, three with 200 units and 5 pieces.

    Args:
        image_shape: Tuple `(num_features,)` for points, `(height, width, channels)` for images.
        hidden: Sequence of positive ints, units of the hidden layers.
        activation: Keras activation of the hidden layers.
        packing: Positive int, number of samples judged together. The batch size must be a multiple of it.

    Call arguments:
        samples: Float points or images, `(batch, *image_shape)`.

    Returns:
        Float32 logits, `(batch / packing, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or `image_shape` has neither 1 nor 3 entries.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.MLPDiscriminator()
    discriminator.count_params()  # 17,025
    logits = discriminator(keras.ops.zeros((4, 2)))  # (4, 1)
    ```

    Reference: Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018,
    arXiv:1712.04086, section 2.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (2,),
        hidden: PositiveInts = (128, 128),
        activation: Activation = "relu",
        packing: PositiveInt = 1,
        name="discriminator",
    ):
        _check_shape(image_shape)
        if packing < 1:
            raise ValueError(
                f"`packing` must be at least 1, which judges each sample by itself. Received: packing={packing}"
            )
        x = samples = keras.Input(tuple(image_shape), name="points" if len(image_shape) == 1 else "images")
        if packing > 1:
            x = Pack(packing, name="packs")(x)
        if len(image_shape) > 1:
            x = layers.Flatten()(x)
        for width in hidden:
            x = layers.Activation(activation)(layers.Dense(width)(x))
        logits = layers.Dense(1, name="logits")(x)
        outputs = layers.Activation("linear", dtype="float32", name="float32_logits")(logits)
        super().__init__(samples, outputs, name=name)


def _check_shape(image_shape):
    if len(image_shape) not in (1, 3):
        raise ValueError(
            "`image_shape` must be (num_features,) for points or (height, width, channels) for images. "
            f"Received: {tuple(image_shape)}"
        )
