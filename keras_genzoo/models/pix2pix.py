"""pix2pix: a conditional GAN that translates images, trained on pairs."""

import keras
from keras import ops

from keras_genzoo import modalities
from keras_genzoo.arguments import Network, NonNegative, OptionalPositiveInt
from keras_genzoo.models.network_checks import argument_or_own
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.translation_model import Task, mean_absolute_difference
from keras_genzoo.networks import PatchGANDiscriminator, UNetGenerator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Pix2Pix(PairedGAN):
    """A generator from images to images, and a discriminator of pairs.

    With `image_shape` alone these are the paper's U-Net and 70x70 PatchGAN.

    Args:
        image_shape: Tuple `(height, width, channels)` of the target images.
        source_channels: Int, channels of the source images. Defaults to what `generator` takes, or those of
            the targets.
        generator: `keras.Model` from source images to images in [-1, 1]. Defaults to `UNetGenerator`.
        discriminator: `keras.Model` from source and target images, joined along their channels (source
            first), to logits of patches. Defaults to `PatchGANDiscriminator`.
        width: Int, base width of the default networks.
        loss: `"non_saturating"`, `"mean_squared_error"`, another name of `keras_genzoo.losses.get`, or a
            `keras_genzoo.losses.AdversarialLoss`. The discriminator's is halved, which slows it down
            relative to the generator (section 3.3).
        l1_weight: Float, weight of the mean absolute difference to the target.
        dropout_blocks: `"paper"` or `"reference"`: which blocks of the default generator have dropout; see
            `UNetGenerator`.
        sampling_dropout: Bool, whether the default generator's dropout acts in `translate`, evaluation and
            export too, as in the paper's protocol, where it is the model's only noise. (The paper also normalizes
            by the statistics of the test batch; here they are the moving ones of training.) Off, a translation
            depends on its source image alone. It is part of the generator's config, and so of presets.
        average_decay, average_half_life, seed: As for `GenerativeModel`; the paper keeps no average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    model = keras_genzoo.models.Pix2Pix(image_shape=(256, 256, 3))
    model.compile()
    model.fit(keras_genzoo.datasets.paired_folder("facades/train", 256, augment=True), epochs=200)
    photographs = model.translate(label_maps)
    ```

    Source: Isola et al. 2017, equation 4 and sections 3.3 and 6.
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
    def tasks(self):
        return {"source_to_target": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for both (Isola et al. 2017, section 3.3)."""
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Half the adversarial loss of the discriminator, float32 scalar. Real and made pairs pass apart."""
        fakes = ops.stop_gradient(fakes)
        real_logits = self._logits(sources, targets, training)
        return 0.5 * self.adversarial_loss.discriminator(real_logits, self._logits(sources, fakes, training))

    @property
    def chance_level(self):
        level = self.adversarial_loss.chance_level()
        return None if level is None else 0.5 * level

    def generator_loss(self, sources, targets, fakes, training=False):
        """Adversarial loss of the generator, and `l1_weight` times the mean absolute difference.

        Returns:
            Tuple of the float32 scalar and a dict of the logged losses, the difference without its weight.
        """
        l1_loss = mean_absolute_difference(targets, fakes)
        adversarial = self.adversarial_loss.generator(self._logits(sources, fakes, training))
        loss = adversarial + self.l1_weight * l1_loss
        return loss, {"generator_loss": loss, "l1_loss": l1_loss}

    def _logits(self, sources, images, training):
        joined = ops.concatenate([sources, ops.cast(images, sources.dtype)], axis=-1)
        return self.discriminator(joined, training=training)
