"""BEGAN: the discriminator is an autoencoder, balanced with the generator by an adaptive weight."""

from typing import ClassVar

import keras
from keras import layers, ops

from keras_genzoo import backends, latent
from keras_genzoo.arguments import Network, NonNegative, Positive, PositiveInt, PositiveInts, checked
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.network_checks import (
    argument_or_own,
    check_label_inputs,
    shape_and_latent_dim,
    without_labels,
)
from keras_genzoo.models.options import checked_options
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.dcgan import side_and_doublings
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BEGAN(AdversarialModel):
    """A generator, and an autoencoder as discriminator, kept in balance during training (BEGAN).

    `L(v)` is the mean absolute reconstruction error of an image. The autoencoder minimizes `L(x) - k L(G(z))`,
    the generator `L(G(z))`. After each step, `balance_rate * (diversity_ratio * L(x) - L(G(z)))` is added to
    `k`, which is clipped to [0, 1] (section 3.4). This keeps `L(G(z))` near `diversity_ratio * L(x)`. Both
    updates of a step use the same generated images.

    The logs contain `k` as `balance`, and `convergence`, the measure `L(x) + |diversity_ratio * L(x) -
    L(G(z))|` (section 3.4.1), which decreases as training converges. `k` is a weight of the model without
    optimizer. `.keras` files and backups contain it, presets do not. Under `tf.distribute`, its changes are
    averaged over the replicas.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the output shape of `generator`. The
            default networks need a square image with a side of 4 * 2^k or 7 * 2^k.
        latent_dim: Positive int, length of a latent, which is uniform in [-1, 1]. Defaults to the input of
            `generator`, or 64.
        generator: `keras.Model` that maps latents to images. Defaults to `BEGANDecoder`.
        encoder: `keras.Model` that maps images to codes. Defaults to `BEGANEncoder` with codes of length
            `latent_dim`.
        decoder: `keras.Model` that maps codes to images. Defaults to `BEGANDecoder`.
        width: Positive int, number of channels of the default networks, n of the paper.
        diversity_ratio: Positive float, gamma of the paper. Lower values give sharper images with less
            diversity.
        balance_rate: Float of at least 0, lambda_k of the paper.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is given, or the networks do not match
            the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), dtype="uint8")
    gan = kg.models.BEGAN(image_shape=(16, 16, 1), width=4)
    gan.compile()
    gan.fit(images, batch_size=8, epochs=1)
    samples = gan.sample(4, seed=0)  # float32 (4, 16, 16, 1) in [-1, 1]
    ```

    Reference: Berthelot et al., "BEGAN: Boundary equilibrium generative adversarial networks", 2017,
    arXiv:1703.10717.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("encoder", "decoder")}
    loss_names = ("discriminator_loss", "generator_loss", "convergence", "balance")
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
        diversity_ratio: Positive = 0.5,
        balance_rate: NonNegative = 0.001,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 64)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, **without_labels(kwargs))
        if generator is not None:
            check_label_inputs(None, generator)
        generator = generator or BEGANDecoder(image_shape, latent_dim, width, name="generator")
        encoder = encoder or BEGANEncoder(image_shape, latent_dim, width)
        decoder = decoder or BEGANDecoder(image_shape, latent_dim, width)
        argument_or_own("image_shape", image_shape, encoder, lambda: encoder.input_shape[1:])
        argument_or_own("image_shape", image_shape, decoder, lambda: decoder.output_shape[1:])
        self.balance = self.add_weight(
            (), "zeros", dtype="float32", trainable=False, aggregation="mean", name="balance"
        )
        self.set_networks(generator=generator, encoder=encoder, decoder=decoder)

    def default_optimizers(self):
        """Adam with learning rate 8e-5 and beta_1 0.5 for both.

        The authors halve the learning rate every 100,000 steps, down to 2e-5.
        """
        return {player: Adam(learning_rate=8e-5, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        fakes, pullback = self.vjp(lambda: self.generator(latents, training=True), "generator")
        discriminator_loss, real_error = self.minimize(
            lambda: self.discriminator_loss(images, fakes, True), "discriminator", has_aux=True
        )
        generator_loss = self.minimize_through(
            lambda fakes: self.reconstruction_error(fakes, True), fakes, pullback, "generator"
        )
        self.update_balance(real_error, generator_loss)
        self.update_average(num)
        return self._logs(discriminator_loss, real_error, generator_loss)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        fakes = self.sampling_network(self.draw_latents(ops.shape(images)[0]), training=False)
        discriminator_loss, real_error = self.discriminator_loss(images, fakes)
        return self._logs(discriminator_loss, real_error, self.reconstruction_error(fakes))

    def reconstruction_error(self, images, training=False):
        """Computes `L`, the mean absolute difference between images and their reconstructions, a float32
        scalar.
        """
        images = self.seen(images, training)
        reconstructions = self.decoder(self.encoder(images, training=training), training=training)
        return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(reconstructions, "float32")))

    def discriminator_loss(self, images, fakes, training=False):
        """Computes `L(x) - k L(G(z))`.

        Returns:
            Tuple of the loss and `L(x)`, float32 scalars.
        """
        real_error = self.reconstruction_error(images, training)
        fake_error = self.reconstruction_error(ops.stop_gradient(fakes), training)
        return real_error - self.balance * fake_error, real_error

    def update_balance(self, real_error, fake_error):
        """Updates `k` so that `L(G(z))` approaches `diversity_ratio * L(x)`."""
        self.balance.assign_add(self.balance_rate * (self.diversity_ratio * real_error - fake_error))
        # Clipped after averaging over the replicas.
        self.balance.assign(ops.clip(self.balance, 0.0, 1.0))

    def convergence(self, real_error, fake_error):
        """Computes the convergence measure M from the errors of real and of generated images."""
        return real_error + ops.abs(self.diversity_ratio * real_error - fake_error)

    def _logs(self, discriminator_loss, real_error, generator_loss):
        return self.update_trackers(
            discriminator_loss=discriminator_loss,
            generator_loss=generator_loss,
            convergence=self.convergence(real_error, generator_loss),
            balance=self.balance,
        )

    @property
    def latent(self):
        """Uniform latents in [-1, 1]."""
        return latent.Uniform(self.latent_dim)

    def images_from_latents(self, latents, labels=None):
        """As for `LatentModel`, clipped to [-1, 1]: the output of the generator is not bounded."""
        return ops.clip(super().images_from_latents(latents, labels), -1.0, 1.0)

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 16}, "num_steps": 20_000}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BEGANEncoder(ConfigurableNetwork):
    """Encoder of BEGAN: 3x3 convolutions with ELU that map images to codes.

    The first convolution has `width` channels. Scale i = 1, 2, ... has two convolutions with `i * width`
    channels, and a convolution with stride 2 between scales. A dense layer follows at 8x8 (7x7 for sides of
    7 * 2^k). For 64x64x3 and width 64 it has 3,448,256 parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 8, 14, 16, 28, 32, 56, 64, ...
        latent_dim: Positive int, length of a code.
        width: Positive int, n of the paper.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        Float32 codes `(batch, latent_dim)`.

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Reference: Berthelot et al., "BEGAN: Boundary equilibrium generative adversarial networks", 2017,
    arXiv:1703.10717, section 3.5 and figure 1.
    """

    @checked
    def __init__(
        self, image_shape: PositiveInts, latent_dim: PositiveInt = 64, width: PositiveInt = 64, name="encoder"
    ):
        _, num_scales = _side_and_scales(image_shape)
        images = keras.Input(tuple(image_shape), name="images")
        x = _convolution(width)(images)
        for scale in range(1, num_scales + 1):
            x = _convolution(scale * width)(_convolution(scale * width)(x))
            if scale < num_scales:
                x = _convolution(scale * width, strides=2)(x)
        codes = layers.Dense(latent_dim, dtype="float32", name="codes")(layers.Flatten()(x))
        super().__init__(images, codes, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BEGANDecoder(ConfigurableNetwork):
    """Decoder and generator of BEGAN: 3x3 convolutions with ELU and nearest-neighbor upsampling.

    A dense layer produces a map of 8x8 (7x7 for sides of 7 * 2^k). Each scale has two convolutions with
    `width` channels. The last convolution outputs the image, whose values are not bounded. The skip
    connections of the paper's later variant are not implemented. For 64x64x3 and width 64 it has 563,395
    parameters.

    Args:
        image_shape, latent_dim, width: As for `BEGANEncoder`.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images, approximately in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range, or the side of `image_shape` is not supported.

    Reference: Berthelot et al., "BEGAN: Boundary equilibrium generative adversarial networks", 2017,
    arXiv:1703.10717, section 3.5 and figure 1.
    """

    @checked
    def __init__(
        self, image_shape: PositiveInts, latent_dim: PositiveInt = 64, width: PositiveInt = 64, name="decoder"
    ):
        side, num_scales = _side_and_scales(image_shape)
        latents = keras.Input((latent_dim,), name="latents")
        x = layers.Dense(side * side * width, name="initial_map")(latents)
        x = layers.Reshape((side, side, width))(x)
        for scale in range(num_scales):
            if scale > 0:
                x = layers.UpSampling2D(2)(x)
            x = _convolution(width)(_convolution(width)(x))
        x = layers.Conv2D(image_shape[-1], 3, padding="same")(x)
        outputs = layers.Activation("linear", dtype="float32", name="images")(x)
        super().__init__(latents, outputs, name=name)


def _side_and_scales(image_shape):
    """Side of the smallest map, 8 or 7, and the number of scales up to the image."""
    side, doublings = side_and_doublings(image_shape)
    return (8, doublings) if side == 4 else (7, doublings + 1)


def _convolution(channels, strides=1):
    return layers.Conv2D(channels, 3, strides, "same", activation="elu")
