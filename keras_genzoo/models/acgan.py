"""Auxiliary classifier GANs, whose discriminator also predicts the class of an image."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, losses
from keras_genzoo.arguments import Network, NonNegative
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.network_checks import (
    argument_or_own,
    check_label_inputs,
    join,
    shape_and_latent_dim,
)
from keras_genzoo.models.options import checked_options
from keras_genzoo.networks import DCGANAuxiliaryDiscriminator, DCGANGenerator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ACGAN(AdversarialModel):
    """A class-conditional generator, and a discriminator that also classifies images (ACGAN).

    The discriminator is not given the class of an image. It maximizes `L_S + L_C`, the log-likelihoods of the
    source and of the class (equations 2 and 3). The generator maximizes `L_C - L_S`, with the non-saturating
    loss in place of `-L_S`. Generated images have the classes of the real images of the batch.

    With many classes, the images of a class become similar. The paper trains 100 models with 10 ImageNet
    classes each.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the output shape of `generator`. The
            default networks need a square image with a side of 4 * 2^k or 7 * 2^k.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 100.
        num_classes: Int of at least 2. Required.
        generator: `keras.Model` that maps a list of latents and labels to images in [-1, 1]. Defaults to
            `DCGANGenerator`.
        discriminator: `keras.Model` that maps images to a list of logits `(batch, 1)` and class logits
            `(batch, num_classes)`. Defaults to `DCGANAuxiliaryDiscriminator`.
        width: Positive int, base width of the default networks.
        real_class_weight, fake_class_weight: Floats of at least 0, weights of the classification losses of
            real and generated images in the loss of the discriminator.
        generator_class_weight: Float of at least 0, weight of the classification loss in the loss of the
            generator. Gulrajani et al. 2017 use 1, 0 and 0.1 for the three weights.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If `num_classes` is missing, an argument is out of its range, or the networks do not match
            the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    labels = np.arange(8) % 4
    gan = kg.models.ACGAN(image_shape=(8, 8, 1), num_classes=4, width=4)
    gan.compile()
    gan.fit(images, labels, batch_size=8, epochs=1)
    threes = gan.sample(4, seed=0, labels=3)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Odena et al., "Conditional image synthesis with auxiliary classifier GANs", 2017,
    arXiv:1610.09585.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = (
        "discriminator_loss",
        "real_class_loss",
        "fake_class_loss",
        "generator_loss",
        "adversarial_loss",
        "generator_class_loss",
    )
    adversarial_log = "adversarial_loss"

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        num_classes=None,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        real_class_weight: NonNegative = 1.0,
        fake_class_weight: NonNegative = 1.0,
        generator_class_weight: NonNegative = 1.0,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 100)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, num_classes=num_classes, **kwargs)
        if num_classes is None:
            raise ValueError("`num_classes` is required: pass the number of classes in the data.")
        generator = generator or DCGANGenerator(image_shape, latent_dim, width, num_classes)
        discriminator = discriminator or DCGANAuxiliaryDiscriminator(image_shape, num_classes, width)
        check_label_inputs(num_classes, generator)
        _check_discriminator(discriminator, num_classes)
        argument_or_own("image_shape", image_shape, discriminator, lambda: discriminator.input_shape[1:])
        self.source_loss = losses.NonSaturating()
        self.set_networks(generator=generator, discriminator=discriminator)

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for both (appendix A)."""
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        fakes, pullback = self.vjp(lambda: self.generator(join(latents, labels), training=True), "generator")
        _, logs = self.minimize(
            lambda: self.discriminator_loss(images, fakes, labels, True), "discriminator", has_aux=True
        )
        _, generator_logs = self.minimize_through(
            lambda fakes: self.generator_loss(fakes, labels, True), fakes, pullback, "generator", has_aux=True
        )
        self.update_average(num)
        return self.update_trackers(**logs, **generator_logs)

    @backends.test_step
    def test_step(self, data):
        images, labels = self.unpack(data)
        latents = self.draw_latents(ops.shape(images)[0])
        fakes = self.sampling_network(join(latents, labels), training=False)
        _, logs = self.discriminator_loss(images, fakes, labels)
        _, generator_logs = self.generator_loss(fakes, labels)
        return self.update_trackers(**logs, **generator_logs)

    def discriminator_loss(self, images, fakes, labels, training=False):
        """Computes `-(L_S + L_C)` with weighted class terms.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged values.
        """
        real_logits, real_classes = self._read(images, training)
        fake_logits, fake_classes = self._read(ops.stop_gradient(fakes), training)
        self.update_augmentation(real_logits, training)
        real_class_loss = cross_entropy(labels, real_classes)
        fake_class_loss = cross_entropy(labels, fake_classes)
        loss = (
            self.source_loss.discriminator(real_logits, fake_logits)
            + self.real_class_weight * real_class_loss
            + self.fake_class_weight * fake_class_loss
        )
        return loss, {
            "discriminator_loss": loss,
            "real_class_loss": real_class_loss,
            "fake_class_loss": fake_class_loss,
        }

    def generator_loss(self, fakes, labels, training=False):
        """Computes `L_S - L_C` with a weighted class term; returns as `discriminator_loss`."""
        logits, classes = self._read(fakes, training)
        adversarial_loss, class_loss = self.source_loss.generator(logits), cross_entropy(labels, classes)
        loss = adversarial_loss + self.generator_class_weight * class_loss
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "generator_class_loss": class_loss,
        }

    def _read(self, images, training):
        return self.discriminator(self.seen(images, training), training=training)

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`. Samples are generated by an average, which is more stable."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 32}, "num_steps": 20_000}


def cross_entropy(labels, logits):
    """Computes the mean cross-entropy of int labels `(batch,)` and class logits `(batch, num_classes)`, a
    float32 scalar.
    """
    losses_of_images = keras.losses.sparse_categorical_crossentropy(
        labels, ops.cast(logits, "float32"), from_logits=True
    )
    return ops.mean(losses_of_images)


def _check_discriminator(network, num_classes):
    check_label_inputs(None, network)
    shapes = [tuple(output.shape[1:]) for output in network.outputs]
    if shapes != [(1,), (num_classes,)]:
        raise ValueError(
            f"`discriminator` must return a list of logits (batch, 1) and class logits (batch, {num_classes}), as "
            f"`DCGANAuxiliaryDiscriminator` does. Received: {network.name!r} with outputs of shapes {shapes}"
        )
