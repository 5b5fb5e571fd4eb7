"""SNGAN: spectral normalization and a projection discriminator; with self-attention, SAGAN."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Flag, Network, PositiveInt
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.batch_parts import batch_parts, check_parts
from keras_genzoo.models.network_checks import (
    argument_or_own,
    check_label_inputs,
    check_packs,
    first_of,
    has_batch_normalization,
    join,
    shape_and_latent_dim,
)
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.networks import SNGANDiscriminator, SNGANGenerator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SNGAN(AdversarialModel):
    """A generator, and a discriminator with spectral normalization in all layers (SNGAN).

    With `num_classes`, the discriminator adds the inner product of its features and the label embedding to
    its logits (projection), and the batch normalization of the generator has a scale and an offset per class.
    For SAGAN, pass networks with `attention_side`. `loss` selects the losses of both players, by default the
    hinge loss.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the output shape of `generator`. The
            default networks need a square image with a side of 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 128.
        generator: `keras.Model` that maps latents (or a list of latents and labels) to images in [-1, 1].
            Defaults to `SNGANGenerator`.
        discriminator: `keras.Model` that maps images (or a list of images and labels) to logits. It must not
            have batch normalization: real and generated images are in one batch. Defaults to
            `SNGANDiscriminator`.
        width: Positive int, base width of the default networks.
        num_classes: Int of at least 2, or None for an unconditional model, which ignores labels in the data.
        loss: `"hinge"`, or another loss as for `GAN`.
        discriminator_steps: Positive int, number of discriminator updates per step, each with new generated
            images.
        split_batches: Bool. If True, each update of the discriminator uses its own part of the batch, as in
            the paper: with 5 updates, a batch of 320 images is split into parts of 64. If False, each update
            uses the whole batch.
        generator_batches: Positive int, size of the generator's batch relative to the discriminator's.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, the networks do not match the other arguments, or the
            discriminator has batch normalization.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    labels = np.arange(8) % 4
    gan = kg.models.SNGAN(image_shape=(8, 8, 1), width=4, num_classes=4, discriminator_steps=2, split_batches=True)
    gan.compile()
    gan.fit(images, labels, batch_size=8, epochs=1)
    samples = gan.sample(4, seed=0, labels=3)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Miyato et al., "Spectral normalization for generative adversarial networks", 2018,
    arXiv:1802.05957, algorithm 1. Miyato & Koyama, "cGANs with projection discriminator", 2018,
    arXiv:1802.05637; the size of the generator's batch as in their code. Zhang et al., "Self-attention
    generative adversarial networks", 2019, arXiv:1805.08318.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = ("discriminator_loss", "generator_loss")
    adversarial_log = "generator_loss"

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        num_classes=None,
        loss: Loss = "hinge",
        discriminator_steps: PositiveInt = 5,
        split_batches: Flag = False,
        generator_batches: PositiveInt = 2,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 128)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, num_classes=num_classes, **kwargs)
        generator = generator or SNGANGenerator(image_shape, latent_dim, width, num_classes)
        discriminator = discriminator or SNGANDiscriminator(image_shape, width, num_classes)
        argument_or_own(
            "image_shape", image_shape, discriminator, lambda: first_of(discriminator.input_shape)[1:]
        )
        check_label_inputs(num_classes, generator, discriminator)
        if has_batch_normalization(discriminator):
            raise ValueError(
                "`discriminator` has batch normalization, which would mix the statistics of real and generated "
                "images. Use spectral normalization, or the family `GAN`."
            )
        self.set_networks(generator=generator, discriminator=discriminator)

    def default_optimizers(self):
        """Adam with learning rate 2e-4, beta_1 0 and beta_2 0.9 for both (Miyato & Koyama 2018, section 4)."""
        return {player: Adam(learning_rate=2e-4, beta_1=0.0, beta_2=0.9) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        discriminator_losses = []
        for real, real_labels in batch_parts(images, labels, self.discriminator_steps, self.split_batches):
            latents = self.draw_latents(ops.shape(real)[0])
            fakes = self.generator(join(latents, real_labels), training=True)
            loss = self.minimize(
                lambda: self.discriminator_loss(real, fakes, real_labels, True),  # noqa: B023
                "discriminator",
            )
            discriminator_losses.append(loss)
        latents = self.draw_latents(ops.shape(real)[0] * self.generator_batches)
        wanted = None if labels is None else ops.tile(real_labels, (self.generator_batches,))
        _, generator_loss = self.minimize(
            lambda: self._generator_losses(latents, wanted), "generator", has_aux=True
        )
        self.update_average(ops.shape(images)[0])
        return self.update_trackers(
            discriminator_loss=sum(discriminator_losses) / self.discriminator_steps,
            generator_loss=generator_loss,
        )

    @backends.test_step
    def test_step(self, data):
        images, labels = self.unpack(data)
        latents = self.draw_latents(ops.shape(images)[0])
        fakes = self.sampling_network(join(latents, labels), training=False)
        return self.update_trackers(
            discriminator_loss=self.discriminator_loss(images, fakes, labels, False),
            generator_loss=self.generator_loss(fakes, labels, False),
        )

    def discriminator_loss(self, images, fakes, labels=None, training=False):
        """Computes the loss of the discriminator for a batch of real and a batch of generated images, a
        float32 scalar.
        """
        both_labels = None if labels is None else ops.concatenate([labels, labels])
        both = ops.concatenate([images, ops.stop_gradient(fakes)])
        real_logits, fake_logits = ops.split(self._logits(both, both_labels, training), 2)
        self.update_augmentation(real_logits, training)
        return self.adversarial_loss.discriminator(real_logits, fake_logits)

    def generator_loss(self, fakes, labels=None, training=False):
        """Computes the loss of the generator for a batch of generated images, a float32 scalar."""
        return self.adversarial_loss.generator(self._logits(fakes, labels, training))

    def regularization(self):
        """Computes a term to add to the loss of the generator, a float32 scalar; 0 in this class."""
        return 0.0

    def _generator_losses(self, latents, labels):
        """Computes the loss with regularization, and without."""
        loss = self.generator_loss(self.generator(join(latents, labels), training=True), labels, True)
        return loss + self.regularization(), loss

    def _logits(self, images, labels, training):
        return self.discriminator(join(self.seen(images, training), labels), training=training)

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`. Samples are generated by an average, which is more stable."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 32}, "num_steps": 20_000}

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if not training:
            return
        parts = backends.num_replicas_of(self)
        if self.split_batches:
            parts *= self.discriminator_steps
            check_parts(num, parts, "discriminator_steps")
        check_packs(self.discriminator, num // parts)
