"""pix2pix: a conditional GAN for image translation, trained on pairs."""

import dataclasses

import keras
from keras import ops

from keras_genzoo import modalities
from keras_genzoo.arguments import Network, NonNegative, OptionalPositiveInt
from keras_genzoo.models.augmented_discriminator import AugmentedDiscriminator
from keras_genzoo.models.network_checks import argument_or_own
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.translation_model import Task, mean_absolute_difference
from keras_genzoo.networks import PatchGANDiscriminator, UNetGenerator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Pix2Pix(AugmentedDiscriminator, PairedGAN):
    """A generator that translates images, and a discriminator of pairs (pix2pix).

    With `image_shape` only, the networks are the paper's U-Net and 70x70 PatchGAN. The generator minimizes
    its adversarial loss plus `l1_weight * E[|y - G(x)|]`, the discriminator half of its adversarial loss,
    which slows it down relative to the generator (section 3.3).

    Args:
        image_shape: Tuple `(height, width, channels)` of the target images. The default generator needs a
            square image whose side is a power of two from 32 to 1024.
        source_channels: Positive int, number of channels of the source images. Defaults to the input of
            `generator`, or the number of channels of the targets.
        generator: `keras.Model` that maps source images to images in [-1, 1]. Defaults to `UNetGenerator`.
        discriminator: `keras.Model` that maps source and target images, concatenated along the channels
            (source first), to logits of patches. Defaults to `PatchGANDiscriminator`.
        width: Positive int, base width of the default networks.
        loss: `"non_saturating"`, `"mean_squared_error"`, another name for `keras_genzoo.losses.get`, or a
            `keras_genzoo.losses.AdversarialLoss`.
        l1_weight: Float of at least 0, weight of the mean absolute difference to the target.
        dropout_blocks: `"paper"` or `"reference"`, the blocks of the default generator with dropout; see
            `UNetGenerator`.
        sampling_dropout: Bool, whether dropout of the default generator is also applied in `translate`,
            evaluation and export, as in the paper, where it is the only noise of the model. (The paper also
            normalizes by the statistics of the test batch; here the moving statistics are used.) If False, a
            translation only depends on its source. It is part of the config of the generator, and of presets.
        augmentation: As for `AdversarialModel`. The sources are moved like the images.
        average_decay, average_half_life, seed: As for `GenerativeModel`. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    rng = np.random.default_rng(0)
    sources = rng.integers(0, 256, (2, 32, 32, 1), dtype="uint8")
    targets = rng.integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    model = kg.models.Pix2Pix(image_shape=(32, 32, 3), source_channels=1, width=4)
    model.compile()
    model.fit(sources, targets, batch_size=2, epochs=1)
    translations = model.translate(sources)  # float32 (2, 32, 32, 3) in [-1, 1]
    ```

    Reference: Isola et al., "Image-to-image translation with conditional adversarial networks", 2017,
    arXiv:1611.07004, equation 4 and sections 3.3 and 6.
    """

    loss_names = ("discriminator_loss", "generator_loss", "l1_loss")

    @checked_options
    def __init__(
        self,
        image_shape,
        source_channels: OptionalPositiveInt = None,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        loss: Loss = "non_saturating",
        l1_weight: NonNegative = 100.0,
        dropout_blocks="paper",
        sampling_dropout=False,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        *size, channels = image_shape
        source_channels = argument_or_own(
            "source_channels",
            source_channels,
            generator,
            lambda: generator.input_shape[-1],
            default=channels,
        )
        super().__init__(image_shape=image_shape, source_channels=source_channels, **kwargs)
        generator = generator or UNetGenerator(
            (*size, source_channels),
            channels,
            width,
            dropout_blocks=dropout_blocks,
            sampling_dropout=sampling_dropout,
        )
        discriminator = discriminator or PatchGANDiscriminator(source_channels + channels, width)
        argument_or_own("image_shape[-1]", channels, generator, lambda: generator.output_shape[-1])
        argument_or_own(
            "source_channels + image_shape[-1]",
            source_channels + channels,
            discriminator,
            lambda: discriminator.input_shape[-1],
        )
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def source_modality(self):
        """As for `TranslationModel`; grayscale sources are drawings, such as edges."""
        kind = "drawing" if self.source_channels == 1 else "image"
        return dataclasses.replace(super().source_modality, kind=kind)

    @property
    def tasks(self):
        return {"source_to_target": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for both (Isola et al. 2017, section 3.3)."""
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Computes half the adversarial loss of the discriminator, a float32 scalar, with separate real and
        generated batches.
        """
        fakes = ops.stop_gradient(fakes)
        real_logits = self._logits(sources, targets, training)
        self.update_augmentation(real_logits, training)
        return 0.5 * self.adversarial_loss.discriminator(real_logits, self._logits(sources, fakes, training))

    @property
    def chance_level(self):
        level = self.adversarial_loss.chance_level()
        return None if level is None else 0.5 * level

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the adversarial loss of the generator plus `l1_weight` times the mean absolute difference.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses, the difference without its
            weight.
        """
        l1_loss = mean_absolute_difference(targets, fakes)
        adversarial = self.adversarial_loss.generator(self._logits(sources, fakes, training))
        loss = adversarial + self.l1_weight * l1_loss
        return loss, {"generator_loss": loss, "l1_loss": l1_loss}

    def _logits(self, sources, images, training):
        images, sources = self.seen(images, training, beside=sources)
        joined = ops.concatenate([sources, ops.cast(images, sources.dtype)], axis=-1)
        return self.discriminator(joined, training=training)
