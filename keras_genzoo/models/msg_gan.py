"""MSG-GAN: multi-scale gradients (Karnewar & Wang 2020)."""

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.models.multi_resolution_gan import MultiResolutionGAN
from keras_genzoo.networks import MultiScaleDiscriminator
from keras_genzoo.networks.progressive import shrink
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MSGGAN(MultiResolutionGAN):
    """A generator of images at all sizes, and a discriminator that sees all sizes at once (MSG-GAN).

    Each size of an image enters the discriminator at its own level, so that gradients reach every level of
    the generator directly. Nothing has to grow, and no schedule is needed. The paper calls this variant
    MSG-ProGAN. By default the losses are those of WGAN-GP with a drift term.

    Args:
        image_shape, latent_dim: As for `MultiResolutionGAN`.
        generator: `keras_genzoo.networks.ProgressiveGenerator`. Defaults to one with the paper's widths.
        discriminator: `keras_genzoo.networks.MultiScaleDiscriminator`. Defaults to one with the paper's
            widths.
        loss, drift, augmentation, average_decay, average_half_life, seed, **kwargs: As for
            `MultiResolutionGAN`.
        penalty: `keras_genzoo.penalties.GradientPenalty`, its name, or None. The penalty is the mean over the
            sizes. Defaults to `WassersteinGradientPenalty(weight=10)`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is given, or the networks have another
            class or do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype="uint8")
    gan = kg.models.MSGGAN(
        generator=kg.networks.ProgressiveGenerator((8, 8, 1), latent_dim=8, fmap_max=8),
        discriminator=kg.networks.MultiScaleDiscriminator((8, 8, 1), fmap_max=8),
    )
    gan.compile()
    gan.fit(images, batch_size=4, epochs=1)
    sizes = [gan.sample(4, seed=0, level=level) for level in range(gan.num_levels)]  # 4x4 and 8x8
    ```

    Reference: Karnewar & Wang, "MSG-GAN: Multi-scale gradients for generative adversarial networks", 2020,
    arXiv:1903.06048, section 2. Both updates of a step use the same latents.
    """

    discriminator_class = MultiScaleDiscriminator

    def default_optimizers(self):
        """Adam with learning rate 3e-3, beta_1 0, beta_2 0.99 and epsilon 1e-8 for both.

        This follows the authors' code BMSG-GAN. The paper uses RMSprop with the same learning rate.
        """
        return {player: Adam(learning_rate=3e-3, beta_1=0.0, beta_2=0.99) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        real = self.pyramid(images)
        latents = self.draw_latents(num)
        fakes, pullback = self.vjp(lambda: self.generator.pyramid(latents), "generator")
        _, logs = self.minimize(
            lambda: self.discriminator_loss(real, fakes, True), "discriminator", has_aux=True
        )
        generator_loss = self.minimize_through(
            lambda fakes: self.adversarial_loss.generator(self._values(fakes, True)),
            fakes,
            pullback,
            "generator",
        )
        self.update_average(num)
        return self.update_trackers(**logs, generator_loss=generator_loss)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        fakes = self.sampling_network.pyramid(self.draw_latents(ops.shape(images)[0]))
        _, logs = self.discriminator_loss(self.pyramid(images), fakes, False)
        generator_loss = self.adversarial_loss.generator(self._values(fakes, False))
        return self.update_trackers(**logs, generator_loss=generator_loss)

    def discriminator_loss(self, real, fakes, training=False):
        """As `MultiResolutionGAN.discriminator_loss_of`, for lists of images at all sizes, starting with 4x4."""
        return self.discriminator_loss_of(
            lambda images: self._values(images, training), real, fakes, training
        )

    def _values(self, images, training):
        return self.discriminator(self.seen(images, training), training=training)

    def pyramid(self, images):
        """Downsamples images to all sizes, starting with 4x4; each pixel is the mean of 2x2 pixels of the
        next size.
        """
        sizes = [images]
        while len(sizes) < self.num_levels:
            sizes.append(shrink(sizes[-1]))
        return sizes[::-1]
