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
    """A generator that makes its images at all sizes, and a discriminator that sees them all at once.

    The sizes of an image meet the discriminator each at its own level, so that gradients reach every level of the
    generator directly: nothing has to grow, and there is no schedule to choose. The paper calls this form MSG-ProGAN.

    Args:
        image_shape, latent_dim: As for `MultiResolutionGAN`.
        generator: `keras_genzoo.networks.ProgressiveGenerator`. Defaults to that of the paper's widths.
        discriminator: `keras_genzoo.networks.MultiScaleDiscriminator`. Defaults to that of the paper's widths.
        loss, drift, augmentation, average_decay, average_half_life, seed, **kwargs: As for `MultiResolutionGAN`.
        penalty: `keras_genzoo.penalties.GradientPenalty`, its name, or None: the mean of the penalties on the
            gradients with respect to the image at each size. Defaults to `WassersteinGradientPenalty(weight=10)`.

    Example:

    ```python
    gan = keras_genzoo.models.MSGGAN(image_shape=(32, 32, 1))
    gan.compile()
    gan.fit(keras_genzoo.datasets.load("fashion_mnist_padded", batch_size=16), epochs=20)
    strip = [gan.sample(8, seed=0, level=level) for level in range(gan.num_levels)]
    ```

    Source: Karnewar & Wang 2020, section 2. One latent makes the images of both updates of a step.
    """

    discriminator_class = MultiScaleDiscriminator

    def default_optimizers(self):
        """Adam with learning rate 3e-3, beta_1 0, beta_2 0.99, epsilon 1e-8, as in the authors' program BMSG-GAN.

        The paper's learning rate is the same, with RMSprop.
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
        """As `MultiResolutionGAN.discriminator_loss_of`, of lists of the images at all sizes from 4x4 on."""
        return self.discriminator_loss_of(
            lambda images: self._values(images, training), real, fakes, training
        )

    def _values(self, images, training):
        return self.discriminator(self.seen(images, training), training=training)

    def pyramid(self, images):
        """Images at all sizes from 4x4 on, each the mean of 2x2 pixels of the next."""
        sizes = [images]
        while len(sizes) < self.num_levels:
            sizes.append(shrink(sizes[-1]))
        return sizes[::-1]
