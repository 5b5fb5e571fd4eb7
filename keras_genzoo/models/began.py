"""BEGAN: an autoencoder as the discriminator, kept in balance with the generator by a controlled weight."""

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
    """A generator against an autoencoder, with a balance between the two that is controlled during training.

    `L(v)` is the mean absolute reconstruction error of an image. The autoencoder minimizes
    `L(x) - k L(G(z))`, the generator `L(G(z))`, and after each step k moves by
    `balance_rate * (diversity_ratio * L(x) - L(G(z)))` within [0, 1] (section 3.4), so that `L(G(z))` stays at
    `diversity_ratio * L(x)`. Both updates of a step use the same generated images.

    The logs hold k as `balance`, and as `convergence` the measure `L(x) + |diversity_ratio * L(x) - L(G(z))|`
    (section 3.4.1), which falls as the training converges. k is a weight of the model that no optimizer moves:
    `.keras` files and backups hold it, presets do not. Under `tf.distribute` it moves by the mean over the
    replicas.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to what `generator` makes.
        latent_dim: Int, length of a latent, which is uniform in [-1, 1]. Defaults to what `generator` takes, or 64.
        generator: `keras.Model` from latents to images. Defaults to `BEGANDecoder`.
        encoder: `keras.Model` from images to codes. Defaults to `BEGANEncoder`, its codes as long as a latent.
        decoder: `keras.Model` from codes to images. Defaults to `BEGANDecoder`.
        width: Int, n of the paper, channels of the default networks.
        diversity_ratio: Float, gamma of the paper: lower values give clearer images of less variety.
        balance_rate: Float, lambda_k of the paper.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Example:

    ```python
    gan = keras_genzoo.models.BEGAN(image_shape=(32, 32, 1), width=32)
    gan.compile()
    gan.fit(keras_genzoo.datasets.load("fashion_mnist_padded", batch_size=16), epochs=20)
    images = gan.sample(16, seed=0)
    ```

    Source: Berthelot et al. 2017, "BEGAN: Boundary equilibrium generative adversarial networks"
    (arXiv:1703.10717).
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

        The authors halve the learning rate every 100,000 steps down to 2e-5.
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
        """`L`, the mean absolute difference of images and their reconstructions, float32 scalar."""
        images = self.seen(images, training)
        reconstructions = self.decoder(self.encoder(images, training=training), training=training)
        return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(reconstructions, "float32")))

    def discriminator_loss(self, images, fakes, training=False):
        """`L(x) - k L(G(z))`.

        Returns:
            Tuple of the float32 scalar and `L(x)`.
        """
        real_error = self.reconstruction_error(images, training)
        fake_error = self.reconstruction_error(ops.stop_gradient(fakes), training)
        return real_error - self.balance * fake_error, real_error

    def update_balance(self, real_error, fake_error):
        """Moves k towards the balance of `L(G(z)) = diversity_ratio * L(x)`."""
        self.balance.assign_add(self.balance_rate * (self.diversity_ratio * real_error - fake_error))
        # After the mean over the replicas.
        self.balance.assign(ops.clip(self.balance, 0.0, 1.0))

    def convergence(self, real_error, fake_error):
        """The convergence measure M of the errors of real and of generated images."""
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
        """Uniform in [-1, 1]."""
        return latent.Uniform(self.latent_dim)

    def images_from_latents(self, latents, labels=None):
        """As for `LatentModel`; the generator itself is not bounded."""
        return ops.clip(super().images_from_latents(latents, labels), -1.0, 1.0)

    # What is asked of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 16}, "num_steps": 20_000}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BEGANEncoder(ConfigurableNetwork):
    """Images to codes by 3x3 convolutions with ELU.

    A convolution to `width` channels; at each scale i = 1, 2, ... two convolutions to `i * width`, and between
    scales one of stride 2; a dense layer at the end, on maps of 8x8 (7x7 where the size asks for it). With
    64x64x3 and width 64 it has 3,448,256 parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 8, 14, 16, 28, 32, 56, 64, ...
        latent_dim: Int, length of a code.
        width: Int, n of the paper.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        Float32 codes `(batch, latent_dim)`.

    Source: Berthelot et al. 2017, section 3.5 and figure 1.
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
    """Latents or codes to images by 3x3 convolutions with ELU and nearest-neighbor upsampling.

    A dense layer makes a map of 8x8 (7x7 where the size asks for it); two convolutions follow at each scale, all
    of `width` channels, and a last one makes the image, whose values are not bounded. The paper's later variant
    with skip connections is not built. With 64x64x3 and width 64 it has 563,395 parameters.

    Args:
        image_shape, latent_dim, width: As for `BEGANEncoder`.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images, about in [-1, 1].

    Source: Berthelot et al. 2017, section 3.5 and figure 1.
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
    """The side of the smallest map, 8 or 7, and the number of scales from it to the image."""
    side, doublings = side_and_doublings(image_shape)
    return (8, doublings) if side == 4 else (7, doublings + 1)


def _convolution(channels, strides=1):
    return layers.Conv2D(channels, 3, strides, "same", activation="elu")
