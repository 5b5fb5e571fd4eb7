"""The base of the families that translate images against a discriminator, trained on pairs."""

from typing import ClassVar

from keras import ops

from keras_genzoo import backends
from keras_genzoo.models.translation_model import Task, TranslationModel


class PairedGAN(TranslationModel):
    """A generator from images to images, and a discriminator of what it makes, with or without the sources.

    A family defines `discriminator_loss` and `generator_loss`.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    trains_on = ("pairs",)

    @property
    def tasks(self):
        return {"source_to_target": Task("generator", self.source_modality, self.modality)}

    @backends.train_step
    def train_step(self, data):
        sources, targets = self.unpack(data)
        fakes, pullback = self.vjp(lambda: self.generator(sources, training=True), "generator")
        discriminator_loss = self.minimize(
            lambda: self.discriminator_loss(sources, targets, fakes, True), "discriminator"
        )
        _, logs = self.minimize_through(
            lambda fakes: self.generator_loss(sources, targets, fakes, True),
            fakes,
            pullback,
            "generator",
            has_aux=True,
        )
        self.update_average(ops.shape(targets)[0])
        return self.update_trackers(discriminator_loss=discriminator_loss, **logs)

    @backends.test_step
    def test_step(self, data):
        sources, targets = self.unpack(data)
        fakes = self.images_from_images(sources)
        _, logs = self.generator_loss(sources, targets, fakes, False)
        return self.update_trackers(
            discriminator_loss=self.discriminator_loss(sources, targets, fakes, False), **logs
        )

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Loss of the discriminator, float32 scalar; no gradient passes to `fakes`."""
        raise NotImplementedError

    def generator_loss(self, sources, targets, fakes, training=False):
        """Loss of the generator.

        Returns:
            Tuple of the float32 scalar and a dict of the other logged losses, itself among them.
        """
        raise NotImplementedError
