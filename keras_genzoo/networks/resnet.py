"""The residual generator and critic of WGAN-GP (Gulrajani et al. 2017), for images of 32x32 and similar
sizes.
"""

import keras
from keras import initializers, layers

from keras_genzoo.arguments import Flag, PositiveInt, PositiveInts, checked
from keras_genzoo.layers import BatchNormalization, LeakyReLU
from keras_genzoo.networks.configurable import ConfigurableNetwork


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ResNetGenerator(ConfigurableNetwork):
    """Generator of WGAN-GP: pre-activation residual blocks that double the side.

    A dense layer outputs a map of 4x4. The residual branch of a block has batch normalization, ReLU,
    nearest-neighbor upsampling, 3x3 convolution, batch normalization, ReLU and 3x3 convolution. The shortcut
    has upsampling and a 1x1 convolution. Batch normalization, ReLU, a 3x3 convolution and tanh output the
    image. All maps have `width` channels. For 32x32x3, latents of length 128 and width 128 it has 1,204,483
    trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k, k >= 2.
        latent_dim: Positive int, length of a latent.
        width: Positive int, channels of every map.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras_genzoo as kg

    generator = kg.networks.ResNetGenerator((16, 16, 3), latent_dim=8, width=4)
    images = generator(kg.latent.normal(2, 8, seed=0))  # (2, 16, 16, 3)
    ```

    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, arXiv:1704.00028, appendix F,
    table "Generator G(z)", and the authors' code (gan_cifar_resnet.py), unconditional. Details that the table
    omits (biases in every layer, initialization, normalization and ReLU before the last convolution) follow
    the code, and so does upsampling before the first convolution of a block, where the text of the appendix
    has the second. The code also uses batch statistics for sampling; here sampling uses moving statistics.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts = (32, 32, 3),
        latent_dim: PositiveInt = 128,
        width: PositiveInt = 128,
        synchronized: Flag = False,
        name="generator",
    ):
        doublings = _doublings(image_shape)

        def normalized_relu(x, name):
            return layers.ReLU()(BatchNormalization(synchronized=synchronized, name=name)(x))

        latents = keras.Input((latent_dim,), name="latents")
        x = layers.Dense(4 * 4 * width, name="initial_map")(latents)
        x = layers.Reshape((4, 4, width))(x)
        for block in (f"block_{level + 1}" for level in range(doublings)):
            # Upsampling after the 1x1 convolution gives the same map as before it, with a quarter of the operations.
            shortcut = layers.UpSampling2D(2)(layers.Conv2D(width, 1, name=f"{block}_shortcut")(x))
            residual = layers.UpSampling2D(2)(normalized_relu(x, f"{block}_norm_1"))
            residual = _convolution(width, f"{block}_conv_1")(residual)
            residual = normalized_relu(residual, f"{block}_norm_2")
            residual = _convolution(width, f"{block}_conv_2")(residual)
            x = layers.Add(name=block)([shortcut, residual])
        x = normalized_relu(x, "output_norm")
        x = layers.Conv2D(image_shape[-1], 3, padding="same", name="output_conv")(x)
        images = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(latents, images, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ResNetCritic(ConfigurableNetwork):
    """Critic of WGAN-GP: pre-activation residual blocks without normalization.

    Blocks with mean pooling halve the side down to 8; two more blocks keep it. ReLU, the mean over the map
    and a dense layer follow. The residual branch of a block has ReLU, 3x3 convolution, ReLU and 3x3
    convolution (and pooling). The shortcut is the identity, or pooling and a 1x1 convolution. The first block
    has no ReLU before its first convolution. All maps have `width` channels. For 32x32x3 and width 128 it has
    1,053,825 parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k, k >= 2.
        width: Positive int, channels of every map.

    Call arguments:
        images: Float images in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 values `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    critic = kg.networks.ResNetCritic((16, 16, 3), width=4)
    values = critic(keras.ops.zeros((2, 16, 16, 3)))  # (2, 1)
    ```

    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, arXiv:1704.00028, appendix F,
    table "Critic D(x)", and the authors' code (gan_cifar_resnet.py) without its classifier. Details that the
    table omits (no ReLU at the start of the first block, 1x1 convolutions in the shortcuts, biases in every
    layer, initialization) follow the code.
    """

    @checked
    def __init__(self, image_shape: PositiveInts = (32, 32, 3), width: PositiveInt = 128, name="critic"):
        halvings = _doublings(image_shape) - 1
        images = keras.Input(tuple(image_shape), name="images")
        x = images
        for level in range(halvings + 2):
            block = f"block_{level + 1}"
            shortcut, residual = x, x
            if level > 0:
                residual = _penalized_relu()(residual)
            residual = _convolution(width, f"{block}_conv_1")(residual)
            residual = _convolution(width, f"{block}_conv_2")(_penalized_relu()(residual))
            if level < halvings:
                # Pooling before the 1x1 convolution gives the same map as after it, with a quarter of the operations.
                shortcut = layers.AveragePooling2D(2)(shortcut)
                shortcut = layers.Conv2D(width, 1, name=f"{block}_shortcut")(shortcut)
                residual = layers.AveragePooling2D(2)(residual)
            x = layers.Add(name=block)([shortcut, residual])
        x = layers.GlobalAveragePooling2D(name="features")(_penalized_relu()(x))
        values = layers.Dense(1, name="values")(x)
        outputs = layers.Activation("linear", dtype="float32", name="float32_values")(values)
        super().__init__(images, outputs, name=name)


def _doublings(image_shape):
    if len(image_shape) != 3:
        raise ValueError(f"`image_shape` must be (height, width, channels). Received: {tuple(image_shape)}")
    height, width, _ = image_shape
    doublings = (height // 4).bit_length() - 1
    if height != width or doublings < 2 or height != 4 * 2**doublings:
        raise ValueError(
            "`image_shape` must be square with a side of 4 * 2^k (16, 32, 64, ...): each residual block "
            f"doubles or halves the side. Received: {tuple(image_shape)}. Resize the images, for example with "
            "`image_size=32` when loading."
        )
    return doublings


def _convolution(channels, name):
    # He's variance with the mean of fan-in and fan-out, as in the authors' code; all other layers use Glorot's.
    initializer = initializers.VarianceScaling(2.0, mode="fan_avg", distribution="uniform")
    return layers.Conv2D(channels, 3, padding="same", kernel_initializer=initializer, name=name)


def _penalized_relu():
    # With this layer a gradient penalty does not compute the second derivative, which is zero.
    return LeakyReLU(negative_slope=0.0)
