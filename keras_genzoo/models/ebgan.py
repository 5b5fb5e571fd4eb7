"""Energy-based GANs: the discriminator is an autoencoder whose reconstruction error is the energy of an
image.
"""

from typing import ClassVar

import keras
from keras import initializers, layers, ops

from keras_genzoo import backends
from keras_genzoo.arguments import Flag, Network, NonNegative, Positive, PositiveInt, PositiveInts, checked
from keras_genzoo.layers import BatchNormalization
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.network_checks import (
    argument_or_own,
    check_label_inputs,
    shape_and_latent_dim,
    without_labels,
)
from keras_genzoo.models.options import checked_options
from keras_genzoo.networks import DCGANGenerator
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EBGAN(AdversarialModel):
    """A generator and an autoencoder as the discriminator, which assigns energies to images (EBGAN).

    The energy `D` of an image is the Euclidean norm of its reconstruction error (equation 13). The
    autoencoder minimizes `E[D(x)] + E[max(0, m - D(G(z)))]` (equation 1). The generator minimizes
    `E[D(G(z))]` (equation 2) plus the weighted pull-away term, which makes the codes of a batch of generated
    images orthogonal and the images diverse (equation 14, EBGAN-PT). Under `tf.distribute` the pull-away term
    is computed for the batch of each replica.

    At the equilibrium of the paper's theorem 1, `discriminator_loss` is the margin.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the output shape of `generator`. The
            default networks need a square image with a side of 4 * 2^k or 7 * 2^k that is a multiple of 4.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 100.
        generator: `keras.Model` that maps latents to images in [-1, 1]. Defaults to `DCGANGenerator`.
        encoder: `keras.Model` that maps images to codes of any shape. Defaults to `EBGANEncoder`.
        decoder: `keras.Model` that maps codes to images. Defaults to `EBGANDecoder`.
        width: Positive int, base width of the default networks.
        margin: Positive float, m of the paper: energy that the discriminator assigns to generated images. It
            should be above the energy of real images (`real_energy` in the logs). The paper uses 10 for 28x28
            digits, and 20 to 80 for larger images.
        pull_away_weight: Float of at least 0, weight of the pull-away term; 0 omits it (plain EBGAN).
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is given, or the networks do not match
            the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), dtype="uint8")
    gan = kg.models.EBGAN(image_shape=(16, 16, 1), width=4)
    gan.compile()
    gan.fit(images, batch_size=8, epochs=1)
    samples = gan.sample(4, seed=0)  # float32 (4, 16, 16, 1) in [-1, 1]
    ```

    Reference: Zhao et al., "Energy-based generative adversarial network", 2016, arXiv:1609.03126.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("encoder", "decoder")}
    loss_names = ("discriminator_loss", "real_energy", "generator_loss", "pull_away")
    has_logits = False

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator: Network = None,
        encoder: Network = None,
        decoder: Network = None,
        width=64,
        margin: Positive = 10.0,
        pull_away_weight: NonNegative = 0.1,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 100)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, **without_labels(kwargs))
        if generator is not None:
            check_label_inputs(None, generator)
        generator = generator or DCGANGenerator(image_shape, latent_dim, width)
        encoder = encoder or EBGANEncoder(image_shape, width)
        decoder = decoder or EBGANDecoder(image_shape, width)
        argument_or_own("image_shape", image_shape, encoder, lambda: encoder.input_shape[1:])
        argument_or_own("image_shape", image_shape, decoder, lambda: decoder.output_shape[1:])
        self.set_networks(generator=generator, encoder=encoder, decoder=decoder)

    def default_optimizers(self):
        """Adam with learning rate 1e-3 and beta_1 0.5 for both."""
        return {player: Adam(learning_rate=1e-3, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        fakes, pullback = self.vjp(lambda: self.generator(latents, training=True), "generator")
        _, logs = self.minimize(
            lambda: self.discriminator_loss(images, fakes, True), "discriminator", has_aux=True
        )
        _, generator_logs = self.minimize_through(
            lambda fakes: self.generator_loss(fakes, True), fakes, pullback, "generator", has_aux=True
        )
        self.update_average(num)
        return self.update_trackers(**logs, **generator_logs)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        fakes = self.sampling_network(self.draw_latents(ops.shape(images)[0]), training=False)
        _, logs = self.discriminator_loss(images, fakes)
        _, generator_logs = self.generator_loss(fakes)
        return self.update_trackers(**logs, **generator_logs)

    def discriminator_loss(self, images, fakes, training=False):
        """Computes `E[D(x)] + E[max(0, m - D(G(z)))]` with the energy D (equation 1).

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged values.
        """
        real_energy = ops.mean(self.energy_and_codes(images, training)[0])
        fake_energies, _ = self.energy_and_codes(ops.stop_gradient(fakes), training)
        loss = real_energy + ops.mean(ops.relu(self.margin - fake_energies))
        return loss, {"discriminator_loss": loss, "real_energy": real_energy}

    def generator_loss(self, fakes, training=False):
        """Computes `E[D(G(z))]` (equation 2) plus the weighted pull-away term; returns as
        `discriminator_loss`.
        """
        energies, codes = self.energy_and_codes(fakes, training)
        term = pull_away(codes)
        loss = ops.mean(energies) + self.pull_away_weight * term
        return loss, {"generator_loss": loss, "pull_away": term}

    def energy_and_codes(self, images, training=False):
        """Computes the energies of images, float32 `(batch,)`, and their codes."""
        images = self.seen(images, training)
        codes = self.encoder(images, training=training)
        errors = ops.cast(self.decoder(codes, training=training), "float32") - ops.cast(images, "float32")
        # The constant keeps the gradient of the square root finite.
        return ops.sqrt(ops.sum(ops.square(_flat(errors)), axis=1) + 1e-8), codes

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`. Samples are generated by an average, which is more stable."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 32}, "num_steps": 20_000}

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if self.pull_away_weight and num < 2 * backends.num_replicas_of(self):
            raise ValueError(
                "The pull-away term needs at least 2 images per batch and replica. Received a batch of "
                f"{num}. Change the batch size, or drop the last partial batch (`drop_remainder=True`)."
            )


def pull_away(codes):
    """Computes the pull-away term: the mean squared cosine between the codes of two images of a batch.

    The term is `1 / (N (N - 1)) sum_{i != j} cos^2(s_i, s_j)`. It is between 0 (all codes orthogonal) and 1.

    Args:
        codes: Float tensor `(batch, ...)`, batch at least 2.

    Returns:
        Float32 scalar tensor.

    Reference: Zhao et al., "Energy-based generative adversarial network", 2016, arXiv:1609.03126, equation
    14.
    """
    codes = _flat(ops.cast(codes, "float32"))
    codes = codes / ops.sqrt(ops.sum(ops.square(codes), axis=1, keepdims=True) + 1e-12)
    squares = ops.square(ops.matmul(codes, ops.transpose(codes)))
    num = ops.shape(codes)[0]
    # The diagonal, the cosine of each code with itself, is excluded.
    return ops.sum(squares * (1.0 - ops.eye(num))) / ops.cast(ops.maximum(num * (num - 1), 1), "float32")


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EBGANEncoder(ConfigurableNetwork):
    """Encoder of EBGAN: 4x4 convolutions with stride 2 that map images to maps of codes.

    The first convolution has `width` channels; each further one doubles them. All but the first are followed
    by batch normalization, and all by leaky ReLU with slope 0.2. For 64x64x3 the codes are 8x8x256.

    Args:
        image_shape: Tuple `(height, width, channels)`. Sides must be multiples of 4. There are three
            convolutions for multiples of 8, otherwise two.
        width: Positive int, channels of the first convolution.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        Codes `(batch, height / 8, width / 8, channels)`, or with a quarter of the sides.

    Raises:
        ValueError: If an argument is out of its range, or the sides are not multiples of 4.

    Reference: Zhao et al., "Energy-based generative adversarial network", 2016, arXiv:1609.03126, appendix,
    "(64)4c2s-(128)4c2s-(256)4c2s"; initialization as in `DCGANDiscriminator`.
    """

    @checked
    def __init__(
        self, image_shape: PositiveInts, width: PositiveInt = 64, synchronized: Flag = False, name="encoder"
    ):
        images = x = keras.Input(tuple(image_shape), name="images")
        for level in range(_depth(image_shape)):
            x = layers.Conv2D(width * 2**level, 4, 2, "same", kernel_initializer=_normal())(x)
            if level > 0:
                x = BatchNormalization(gamma_initializer=_normal(1.0), synchronized=synchronized)(x)
            x = layers.LeakyReLU(negative_slope=0.2)(x)
        super().__init__(images, x, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EBGANDecoder(ConfigurableNetwork):
    """Decoder of EBGAN: 4x4 transposed convolutions with stride 2, the mirror image of `EBGANEncoder`.

    All but the last are followed by batch normalization and leaky ReLU, the last by tanh.

    Args:
        image_shape, width, synchronized: As for `EBGANEncoder`.

    Call arguments:
        codes: Float tensor of the shape that `EBGANEncoder` returns.

    Returns:
        Float32 images in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range, or the sides are not multiples of 4.

    Reference: Zhao et al., "Energy-based generative adversarial network", 2016, arXiv:1609.03126, appendix,
    "(128)4c2s-(64)4c2s-(3)4c2s".
    """

    @checked
    def __init__(
        self, image_shape: PositiveInts, width: PositiveInt = 64, synchronized: Flag = False, name="decoder"
    ):
        depth = _depth(image_shape)
        height, breadth, channels = image_shape
        codes = x = keras.Input((height >> depth, breadth >> depth, width << (depth - 1)), name="codes")
        for level in reversed(range(depth - 1)):
            x = _transposed_convolution(width * 2**level)(x)
            x = BatchNormalization(gamma_initializer=_normal(1.0), synchronized=synchronized)(x)
            x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = _transposed_convolution(channels)(x)
        outputs = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(codes, outputs, name=name)


def _depth(image_shape):
    height, width, _ = image_shape
    if height % 4 or width % 4:
        raise ValueError(
            "The sides of `image_shape` must be multiples of 4: the networks halve them two or three times. "
            f"Received: {tuple(image_shape)}. Resize the images, for example with `image_size=64` when loading."
        )
    return 2 if height % 8 or width % 8 else 3


def _flat(x):
    return ops.reshape(x, (ops.shape(x)[0], -1))


def _normal(mean=0.0):
    return initializers.RandomNormal(mean, 0.02)


def _transposed_convolution(channels):
    return layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=_normal())
