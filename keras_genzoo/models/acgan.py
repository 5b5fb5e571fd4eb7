"""Auxiliary classifier GANs: a discriminator that also reads the class of what it sees."""

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
    """A generator of classes against a discriminator that tells real from generated images and reads their class.

    The discriminator does not know the class that an image should have. It maximizes `L_S + L_C`, the
    log-likelihoods of the source and of the class (equations 2 and 3), the generator `L_C - L_S`; its part of
    `-L_S` is that of the non-saturating loss. Generated images have the classes of the real ones of the batch.

    With many classes in one model the images of a class become alike: the paper trains 100 models of 10 classes of
    ImageNet each.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to what `generator` makes.
        latent_dim: Int, length of a latent. Defaults to what `generator` takes, or 100.
        num_classes: Int, needed.
        generator: `keras.Model` from a list of latents and labels to images in [-1, 1]. Defaults to
            `DCGANGenerator`.
        discriminator: `keras.Model` from images to a list of logits `(batch, 1)` and class logits
            `(batch, num_classes)`. Defaults to `DCGANAuxiliaryDiscriminator`.
        width: Int, base width of the default networks.
        real_class_weight, fake_class_weight: Floats, weights of the cross-entropy of the classes of real and of
            generated images in the discriminator's loss.
        generator_class_weight: Float, weight of the cross-entropy of the classes in the generator's loss. Gulrajani
            et al. 2017 have 1, 0 and 0.1 for the three.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Example:

    ```python
    gan = keras_genzoo.models.ACGAN(image_shape=(28, 28, 1), num_classes=10)
    gan.compile()
    gan.fit(keras_genzoo.datasets.load("mnist"), epochs=20)
    threes = gan.sample(16, seed=0, labels=3)
    ```

    Source: Odena et al. 2017, "Conditional image synthesis with auxiliary classifier GANs" (arXiv:1610.09585).
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
            raise ValueError("`num_classes` is needed: the number of labels in the data.")
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
        """`-(L_S + L_C)`, the terms of the class weighted.

        Returns:
            Tuple of the float32 scalar and a dict of the logged values.
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
        """`L_S - L_C`, the term of the class weighted: see `discriminator_loss`."""
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

    # What is asked of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; samples are those of an average, which flicker less."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 32}, "num_steps": 20_000}


def cross_entropy(labels, logits):
    """The mean cross-entropy of int labels `(batch,)` and class logits `(batch, num_classes)`, float32 scalar."""
    losses_of_images = keras.losses.sparse_categorical_crossentropy(
        labels, ops.cast(logits, "float32"), from_logits=True
    )
    return ops.mean(losses_of_images)


def _check_discriminator(network, num_classes):
    check_label_inputs(None, network)
    shapes = [tuple(output.shape[1:]) for output in network.outputs]
    if shapes != [(1,), (num_classes,)]:
        raise ValueError(
            f"`discriminator` must give a list of logits (batch, 1) and class logits (batch, {num_classes}), such as "
            f"those of `DCGANAuxiliaryDiscriminator`. Received: {network.name!r} with outputs of the shapes {shapes}"
        )
