"""The networks of DCGAN (Radford et al. 2015), in the common form with 4x4 kernels and no biases."""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, NumClasses, PositiveInt, PositiveInts, checked
from keras_genzoo.layers import BatchNormalization, Pack
from keras_genzoo.networks.conditioning import image_inputs, label_projection, latent_inputs
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class DCGANGenerator(ConfigurableNetwork):
    """Generator of DCGAN: transposed convolutions with batch normalization and ReLU.

    A dense layer outputs a map of 4x4 (7x7 for sides of 7 * 2^k). Each 4x4 transposed convolution with stride
    2 doubles the side and halves the channels. The output has tanh. For 64x64x3, latents of length 100 and
    width 64 it has 3,576,704 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k >= 1.
        latent_dim: Positive int, length of a latent.
        width: Positive int, channels before the last layer.
        num_classes: Int of at least 2, or None for an unconditional generator.
        label_encoding: `"embedding"` or `"one_hot"`, the encoding of labels, which is concatenated to the
            latents.
        embedding_dim: Positive int, length of a label embedding.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        inputs: Float latents `(batch, latent_dim)`, or with classes a list of latents and int labels
            `(batch,)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range or unknown, or the side of `image_shape` is not
            supported.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.DCGANGenerator((8, 8, 1), latent_dim=8, width=4)
    images = generator(kg.latent.normal(2, 8, seed=0))  # (2, 8, 8, 1)
    ```

    Reference: Radford et al., "Unsupervised representation learning with deep convolutional generative
    adversarial networks", 2015, arXiv:1511.06434, section 3 and figure 1. Initialization with normal(0,
    0.02), the scale of batch normalization with normal(1, 0.02), as in the authors' code.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 100,
        width: PositiveInt = 64,
        num_classes: NumClasses = None,
        label_encoding="embedding",
        embedding_dim: PositiveInt = 50,
        synchronized: Flag = False,
        name="generator",
    ):
        initial_side, doublings = side_and_doublings(image_shape)
        inputs, x = latent_inputs(latent_dim, num_classes, label_encoding, embedding_dim)
        channels = width * 2 ** (doublings - 1)
        x = layers.Dense(
            initial_side**2 * channels, use_bias=False, kernel_initializer=_normal(), name="initial_map"
        )(x)
        x = layers.Reshape((initial_side, initial_side, channels))(x)
        x = layers.ReLU()(_batch_normalization(synchronized)(x))
        for _ in range(doublings - 1):
            channels //= 2
            x = _transposed_convolution(channels)(x)
            x = layers.ReLU()(_batch_normalization(synchronized)(x))
        x = _transposed_convolution(image_shape[-1])(x)
        outputs = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(inputs, outputs, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class DCGANDiscriminator(ConfigurableNetwork):
    """Discriminator of DCGAN: convolutions with stride 2, batch normalization and leaky ReLU.

    It mirrors `DCGANGenerator`, without batch normalization after the first layer. For 64x64x3 and width 64
    it has 2,765,568 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k or 7 * 2^k, k >= 1.
        width: Positive int, channels after the first layer.
        num_classes: Int of at least 2, or None for an unconditional discriminator.
        conditioning: `"concatenation"` (label maps are concatenated to the image) or `"projection"`.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.
        packing: Positive int, number of images that one logit judges together (PacGAN). Must be 1 with
            classes. The batch size must be a multiple of it.

    Call arguments:
        inputs: Float images in [-1, 1] `(batch, height, width, channels)`, or with classes a list of images
            and int labels `(batch,)`.

    Returns:
        Float32 logits, `(batch / packing, 1)`.

    Raises:
        ValueError: If an argument is out of its range or unknown, the side of `image_shape` is not supported,
            or `packing` is above 1 with classes.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.DCGANDiscriminator((8, 8, 1), width=4)
    logits = discriminator(keras.ops.zeros((2, 8, 8, 1)))  # (2, 1)
    ```

    Reference: as for `DCGANGenerator`. Lin et al., "PacGAN: The power of two samples in generative
    adversarial networks", 2018, arXiv:1712.04086, for `packing`.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        width: PositiveInt = 64,
        num_classes: NumClasses = None,
        conditioning="concatenation",
        synchronized: Flag = False,
        packing: PositiveInt = 1,
        name="discriminator",
    ):
        _, doublings = side_and_doublings(image_shape)
        inputs, x, labels = image_inputs(image_shape, num_classes, conditioning)
        if packing < 1 or (packing > 1 and num_classes is not None):
            raise ValueError(
                "`packing` must be 1 with classes, because the images of a pack have different labels. Received: "
                f"packing={packing}, num_classes={num_classes}"
            )
        if packing > 1:
            x = Pack(packing, name="packs")(x)
        features = _features(x, doublings, width, synchronized)
        logits = layers.Dense(1, use_bias=False, kernel_initializer=_normal(), name="logits")(features)
        if labels is not None and conditioning == "projection":
            logits = label_projection(logits, features, labels, num_classes, _normal())
        outputs = layers.Activation("linear", dtype="float32", name="float32_logits")(logits)
        super().__init__(inputs, outputs, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class DCGANAuxiliaryDiscriminator(ConfigurableNetwork):
    """Discriminator with the layers of an unconditional `DCGANDiscriminator` and two heads: source and class.

    Args:
        image_shape, width, synchronized: As for `DCGANDiscriminator`.
        num_classes: Positive int.

    Call arguments:
        images: Float images in [-1, 1] `(batch, height, width, channels)`.

    Returns:
        List of float32 logits `(batch, 1)` and float32 class logits `(batch, num_classes)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    discriminator = kg.networks.DCGANAuxiliaryDiscriminator((8, 8, 1), num_classes=10, width=4)
    logits, class_logits = discriminator(keras.ops.zeros((2, 8, 8, 1)))  # (2, 1) and (2, 10)
    ```

    Reference: Odena et al., "Conditional image synthesis with auxiliary classifier GANs", 2017,
    arXiv:1610.09585, section 3, for the two heads; the other layers are those of `DCGANDiscriminator`.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        num_classes: PositiveInt,
        width: PositiveInt = 64,
        synchronized: Flag = False,
        name="discriminator",
    ):
        _, doublings = side_and_doublings(image_shape)
        images = keras.Input(tuple(image_shape), name="images")
        features = _features(images, doublings, width, synchronized)
        heads = [
            layers.Dense(units, use_bias=False, kernel_initializer=_normal(), dtype="float32", name=head)(
                features
            )
            for head, units in (("logits", 1), ("class_logits", num_classes))
        ]
        super().__init__(images, heads, name=name)


def side_and_doublings(image_shape):
    """Splits the side of an image into 4 or 7 and a number of doublings.

    Raises:
        ValueError: If the shape is not a triple, the image is not square, or its side is neither 4 * 2^k nor
            7 * 2^k with k >= 1.
    """
    if len(image_shape) != 3:
        raise ValueError(f"`image_shape` must be (height, width, channels). Received: {tuple(image_shape)}")
    height, width, _ = image_shape
    for initial_side in (4, 7):
        doublings = (height // initial_side).bit_length() - 1
        if height == width and doublings >= 1 and initial_side * 2**doublings == height:
            return initial_side, doublings
    raise ValueError(
        "`image_shape` must be square with a side of 4 * 2^k or 7 * 2^k (8, 14, 16, 28, 32, 56, 64, ...): "
        f"each layer doubles or halves the side. Received: {tuple(image_shape)}. "
        "Resize the images, for example with `image_size=64` when loading."
    )


def _features(x, doublings, width, synchronized):
    """The flattened features of a discriminator: convolutions that double the channels, starting with
    `width`.
    """
    for level in range(doublings):
        x = layers.Conv2D(
            width * 2**level, 4, strides=2, padding="same", use_bias=False, kernel_initializer=_normal()
        )(x)
        if level > 0:
            x = _batch_normalization(synchronized)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    return layers.Flatten(name="features")(x)


def _normal(mean=0.0):
    return initializers.RandomNormal(mean, 0.02)


def _batch_normalization(synchronized):
    return BatchNormalization(gamma_initializer=_normal(1.0), synchronized=synchronized)


def _transposed_convolution(channels):
    return layers.Conv2DTranspose(
        channels, 4, strides=2, padding="same", use_bias=False, kernel_initializer=_normal()
    )
