"""The base class of families that translate images with a discriminator, trained on pairs."""

from typing import ClassVar

from keras import ops

from keras_genzoo import backends
from keras_genzoo.models.perceptual import PerceptualFeatures
from keras_genzoo.models.translation_model import TranslationModel


class PairedGAN(TranslationModel):
    """A generator that translates images, and a discriminator of translations, with or without sources.

    A family defines `discriminator_loss` and `generator_loss`. It may have an option `discriminator_steps`,
    the number of discriminator updates per step, all with the same images, and an option `perceptual_weight`,
    the weight of a perceptual loss (`keras_genzoo.models.perceptual`). The network of the perceptual loss is
    not part of the model's weights and presets.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    trains_on = ("pairs",)
    perceptual_weight = 0.0
    discriminator_steps = 1

    def set_networks(self, **networks):
        """As for `TranslationModel`; also checks that images have 1 or 3 channels if there is a perceptual
        loss.
        """
        if self.perceptual_weight and self.image_shape[-1] not in (1, 3):
            raise ValueError(
                "`perceptual_weight` must be 0 unless images have 1 or 3 channels, as required by the feature "
                f"extractor. Received: perceptual_weight={self.perceptual_weight}, "
                f"image_shape={self.image_shape}"
            )
        super().set_networks(**networks)

    def _compile(self, optimizers, **options):
        super()._compile(optimizers, **options)
        if self.perceptual_weight and "_features" not in vars(self):
            with backends.strategy_scope(self):
                # Bypasses the attribute tracking of Keras: the network is not trained and not saved.
                vars(self)["_features"] = PerceptualFeatures()

    def perceptual_difference(self, targets, fakes):
        """Computes the perceptual loss of two batches, a float32 scalar; 0 if it has no weight."""
        if not self.perceptual_weight:
            return ops.zeros(())
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
        """Runs the generator in training: returns images, or a list of tensors that the losses of a family
        expect.
        """
        return self.generator(sources, training=True)

    def generate_in_inference(self, sources):
        """Returns what `generate` returns, for evaluation."""
        return self.images_from_images(sources)

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Computes the loss of the discriminator, a float32 scalar. No gradient flows to `fakes`."""
        raise NotImplementedError

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the loss of the generator.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses, including the loss itself.
        """
        raise NotImplementedError
