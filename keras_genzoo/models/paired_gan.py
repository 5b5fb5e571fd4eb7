"""The base of the families that translate images against a discriminator, trained on pairs."""

from typing import ClassVar

from keras import ops

from keras_genzoo import backends
from keras_genzoo.models.perceptual import PerceptualFeatures
from keras_genzoo.models.translation_model import TranslationModel


class PairedGAN(TranslationModel):
    """A generator from images to images, and a discriminator of what it makes, with or without the sources.

    A family defines `discriminator_loss` and `generator_loss`, and may have an option `discriminator_steps`: updates
    of the discriminator per step, all by the same images. One that compares the features of images too
    (`keras_genzoo.models.perceptual`) has an option `perceptual_weight`. The network of the features is no part of
    the model's weights and presets.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    trains_on = ("pairs",)
    perceptual_weight = 0.0
    discriminator_steps = 1

    def set_networks(self, **networks):
        """As for `TranslationModel`; refuses a perceptual loss of images that are neither grey nor in colour."""
        if self.perceptual_weight and self.image_shape[-1] not in (1, 3):
            raise ValueError(
                "`perceptual_weight` must be 0 for images of other than 1 or 3 channels, which the network of the "
                f"features takes. Received: perceptual_weight={self.perceptual_weight}, "
                f"image_shape={self.image_shape}"
            )
        super().set_networks(**networks)

    def _compile(self, optimizers, **options):
        super()._compile(optimizers, **options)
        if self.perceptual_weight and "_features" not in vars(self):
            with backends.strategy_scope(self):
                # Past the tracking of Keras: a network that is not trained is no part of what is saved.
                vars(self)["_features"] = PerceptualFeatures()

    def perceptual_difference(self, targets, fakes):
        """Mean absolute difference of the features of two batches, float32 scalar; 0 where it has no weight."""
        if not self.perceptual_weight:
            return ops.zeros(())
        if "_features" not in vars(self):
            raise ValueError(
                f"`perceptual_weight` was 0 when the model was compiled, and is {self.perceptual_weight} now. Call "
                "`compile` again, which loads the network of the features."
            )
        return vars(self)["_features"].difference(targets, fakes)

    @backends.train_step
    def train_step(self, data):
        sources, targets = self.unpack(data)
        generated, pullback = self.vjp(lambda: self.generate(sources, targets), "generator")
        for _ in range(self.discriminator_steps):
            discriminator_loss = self.minimize(
                lambda: self.discriminator_loss(sources, targets, generated, True), "discriminator"
            )
        _, logs = self.minimize_through(
            lambda generated: self.generator_loss(sources, targets, generated, True),
            generated,
            pullback,
            "generator",
            has_aux=True,
        )
        self.update_average(ops.shape(targets)[0])
        return self.update_trackers(discriminator_loss=discriminator_loss, **logs)

    @backends.test_step
    def test_step(self, data):
        sources, targets = self.unpack(data)
        fakes = self.generate_in_inference(sources)
        _, logs = self.generator_loss(sources, targets, fakes, False)
        return self.update_trackers(
            discriminator_loss=self.discriminator_loss(sources, targets, fakes, False), **logs
        )

    def generate(self, sources, targets):
        """What a step trains the generator by: its images, or a list of tensors that the losses of a family know."""
        return self.generator(sources, training=True)

    def generate_in_inference(self, sources):
        """What the losses of an evaluation take in the place of `generate`."""
        return self.images_from_images(sources)

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Loss of the discriminator, float32 scalar; no gradient passes to `fakes`."""
        raise NotImplementedError

    def generator_loss(self, sources, targets, fakes, training=False):
        """Loss of the generator.

        Returns:
            Tuple of the float32 scalar and a dict of the other logged losses, itself among them.
        """
        raise NotImplementedError
