"""SRGAN and ESRGAN: super-resolution with a discriminator."""

import keras
from keras import ops

from keras_genzoo import losses, modalities
from keras_genzoo.arguments import Flag, Network, NonNegative, PositiveInt
from keras_genzoo.models.options import checked_options
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.upscaling_model import PixelLoss, UpscalingModel
from keras_genzoo.networks import CroppedDiscriminator, RRDBSuperResolver, SRResNet, VGGDiscriminator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SRGAN(UpscalingModel, PairedGAN):
    """A generator from small to large images, and a discriminator of large images (SRGAN).

    The generator minimizes `pixel_weight` times the pixel loss plus `perceptual_weight` times the perceptual
    loss plus `adversarial_weight` times the non-saturating loss. Start from the generator of a trained
    `SuperResolution`; recipes have stages for that.

    Args:
        image_shape, scale, pixel_loss: As for `UpscalingModel`.
        generator: `keras.Model` that maps small images to large ones in [-1, 1]. Its output is clipped in
            inference. Defaults to `keras_genzoo.networks.SRResNet`.
        discriminator: `keras.Model` that maps large images to logits, one per image or per patch. Defaults to
            `keras_genzoo.networks.CroppedDiscriminator`.
        pixel_weight: Float of at least 0, weight of the pixel loss. The default is 4, because the paper's
            mean squared error is that of images in [-1, 1], which is four times that on the scale from 0 to
            1.
        perceptual_weight: Float of at least 0, weight of the perceptual loss
            (`keras_genzoo.models.perceptual`), for images with 1 or 3 channels. The paper compares VGG19
            features instead of pixels; with 0 this is the paper's SRGAN-MSE. The feature extractor is not
            part of the model's weights and presets.
        adversarial_weight: Float of at least 0, weight of the adversarial loss of the generator.
        average_decay, average_half_life, seed: As for `GenerativeModel`.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    large = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    small = large[:, ::4, ::4]
    generator = kg.networks.SRResNet(3, scale=4, width=4, num_blocks=1)
    discriminator = kg.networks.CroppedDiscriminator((32, 32, 3), width=2, hidden=8)
    model = kg.models.SRGAN((32, 32, 3), scale=4, generator=generator, discriminator=discriminator)
    model.compile()
    model.fit(small, large, batch_size=2, epochs=1)
    upscaled = model.upscale(small)  # float32 (2, 32, 32, 3) in [-1, 1]
    ```

    Reference: Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial
    network", 2017, arXiv:1609.04802, equations 3 to 6.
    """

    loss_names = (
        "discriminator_loss",
        "generator_loss",
        "adversarial_loss",
        "pixel_loss",
        "perceptual_loss",
        "psnr",
    )
    adversarial_log = "adversarial_loss"

    @checked_options
    def __init__(
        self,
        image_shape,
        scale: PositiveInt = 4,
        *,
        generator: Network = None,
        discriminator: Network = None,
        pixel_loss: PixelLoss = "l2",
        pixel_weight: NonNegative = 4.0,
        perceptual_weight: NonNegative = 0.0,
        adversarial_weight: NonNegative = 1e-3,
        **kwargs,
    ):
        super().__init__(image_shape, scale, pixel_loss=pixel_loss, **kwargs)
        self.set_networks(
            generator=generator or SRResNet(self.source_channels, scale),
            discriminator=discriminator or CroppedDiscriminator(self.image_shape),
        )

    def default_optimizers(self):
        """Adam with learning rate 1e-4 and beta_1 0.9 for both (Ledig et al. 2017, section 3.2)."""
        return {player: Adam(learning_rate=1e-4, beta_1=0.9) for player in self.players}

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Computes the loss of the discriminator, a float32 scalar, with separate real and generated batches."""
        return _ADVERSARIAL.discriminator(
            self.discriminator(targets, training=training),
            self.discriminator(ops.stop_gradient(fakes), training=training),
        )

    def adversarial_loss(self, targets, fakes, training=False):
        """Computes the adversarial loss of the generator without its weight, a float32 scalar."""
        return _ADVERSARIAL.generator(self.discriminator(fakes, training=training))

    @property
    def chance_level(self):
        return _ADVERSARIAL.chance_level()

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the weighted sum of the pixel, perceptual and adversarial losses.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged values: the sum, and the terms
            without weights.
        """
        pixel_loss = self.unit_difference(targets, fakes)
        adversarial_loss = self.adversarial_loss(targets, fakes, training)
        perceptual_loss = self.perceptual_difference(targets, fakes)
        loss = (
            self.pixel_weight * pixel_loss
            + self.perceptual_weight * perceptual_loss
            + self.adversarial_weight * adversarial_loss
        )
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "pixel_loss": pixel_loss,
            "perceptual_loss": perceptual_loss,
            "psnr": self.psnr(targets, fakes),
        }


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ESRGAN(SRGAN):
    """SRGAN without batch normalization in the generator, and with a relativistic discriminator (ESRGAN).

    The discriminator compares the logit of an image with the mean logit of the other kind of images: `D_Ra(x,
    x_f) = sigma(D(x) - E[D(x_f)])`. The loss of the generator therefore also depends on real images. For
    Real-ESRGAN, use `relativistic=False`, `pixel_weight=1`, `adversarial_weight=0.1` and
    `keras_genzoo.networks.SpectralUNetDiscriminator`. Its authors also sharpen the targets of the pixel and
    perceptual losses, which is not implemented.

    Args:
        image_shape, scale: As for `SRGAN`.
        pixel_loss, pixel_weight, adversarial_weight: As for `SRGAN`. Default to the paper's `"l1"`, 0.01 and
            0.005.
        generator: As for `SRGAN`. Defaults to `keras_genzoo.networks.RRDBSuperResolver` with 23 blocks.
        discriminator: As for `SRGAN`. Defaults to `keras_genzoo.networks.VGGDiscriminator`.
        perceptual_weight: As for `SRGAN`. The paper uses VGG19.
        relativistic: Bool. If False, the adversarial losses are those of `SRGAN`.
        average_decay, average_half_life, seed: As for `GenerativeModel`.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    large = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    small = large[:, ::4, ::4]
    generator = kg.networks.RRDBSuperResolver(3, width=4, growth=2, num_blocks=1)
    discriminator = kg.networks.VGGDiscriminator((32, 32, 3), width=2, hidden=8)
    model = kg.models.ESRGAN(
        (32, 32, 3), generator=generator, discriminator=discriminator, perceptual_weight=0.0
    )
    model.compile()
    model.fit(small, large, batch_size=2, epochs=1)
    upscaled = model.upscale(small)  # float32 (2, 32, 32, 3) in [-1, 1]
    ```

    Reference: Wang et al., "ESRGAN: Enhanced super-resolution generative adversarial networks", 2018,
    arXiv:1809.00219, equations 1 to 3; both relativistic losses are halved, as in the authors' code. Wang et
    al., "Real-ESRGAN: Training real-world blind super-resolution with pure synthetic data", 2021,
    arXiv:2107.10833.
    """

    @checked_options
    def __init__(
        self,
        image_shape,
        scale: PositiveInt = 4,
        *,
        generator: Network = None,
        discriminator: Network = None,
        pixel_loss: PixelLoss = "l1",
        pixel_weight: NonNegative = 1e-2,
        perceptual_weight: NonNegative = 1.0,
        adversarial_weight: NonNegative = 5e-3,
        relativistic: Flag = True,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        super().__init__(
            image_shape,
            scale,
            generator=generator or RRDBSuperResolver(image_shape[-1], scale),
            discriminator=discriminator or VGGDiscriminator(image_shape),
            pixel_loss=pixel_loss,
            pixel_weight=pixel_weight,
            perceptual_weight=perceptual_weight,
            adversarial_weight=adversarial_weight,
            **kwargs,
        )

    def default_optimizers(self):
        """Adam with learning rate 1e-4, beta_1 0.9 and beta_2 0.99 for both (Wang et al. 2018, section 4.1)."""
        return {player: Adam(learning_rate=1e-4, beta_1=0.9, beta_2=0.99) for player in self.players}

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """As for `SRGAN`; equation 1."""
        if not self.relativistic:
            return super().discriminator_loss(sources, targets, fakes, training)
        real, fake = self._relative_logits(targets, ops.stop_gradient(fakes), training)
        return 0.5 * _ADVERSARIAL.discriminator(real, fake)

    def adversarial_loss(self, targets, fakes, training=False):
        """As for `SRGAN`; equation 2."""
        if not self.relativistic:
            return super().adversarial_loss(targets, fakes, training)
        real, fake = self._relative_logits(targets, fakes, training)
        return 0.5 * _ADVERSARIAL.discriminator(fake, real)

    @property
    def chance_level(self):
        return (0.5 if self.relativistic else 1.0) * _ADVERSARIAL.chance_level()

    def _relative_logits(self, targets, fakes, training):
        """Logits of real and generated images, each minus the mean of the other batch."""
        real = ops.cast(self.discriminator(targets, training=training), "float32")
        fake = ops.cast(self.discriminator(fakes, training=training), "float32")
        return real - ops.mean(fake), fake - ops.mean(real)


_ADVERSARIAL = losses.NonSaturating()
