"""SRGAN and ESRGAN: super-resolution whose images a discriminator cannot tell from real ones."""

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
    """A generator of large images from small ones, and a discriminator of large ones.

    It begins best with the generator of a `SuperResolution`: recipes have stages for that.

    Args:
        image_shape, scale, pixel_loss: As for `UpscalingModel`.
        generator: `keras.Model` from small images to large ones, in [-1, 1]; what lies outside is clipped after
            training. Defaults to `keras_genzoo.networks.SRResNet`.
        discriminator: `keras.Model` from large images to logits, one for each image or each patch. Defaults to
            `keras_genzoo.networks.CroppedDiscriminator`.
        pixel_weight: Float, weight of the pixel loss. Defaults to 4: the paper's mean squared error is that of images
            in [-1, 1], four times that on the scale from 0 to 1.
        perceptual_weight: Float, weight of the difference of features (`keras_genzoo.models.perceptual`), for images
            of 1 or 3 channels. The paper compares those of VGG19 in the place of pixels; with 0 this is its
            SRGAN-MSE. The network of the features is no part of the model's weights and presets.
        adversarial_weight: Float, weight of the generator's loss against the discriminator.
        average_decay, average_half_life, seed: As for `GenerativeModel`.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    model = keras_genzoo.models.SRGAN((96, 96, 3), scale=4)
    model.generator.set_weights(pretrained.generator.get_weights())
    model.compile()
    model.fit(small_images, large_images, batch_size=16, epochs=10)
    large = model.upscale("photograph.jpg")  # float32 (4 * height, 4 * width, 3)
    ```

    Source: Ledig et al. 2017, equations 3 to 6.
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
        """Loss of the discriminator, float32 scalar. Real and made images pass apart."""
        return _ADVERSARIAL.discriminator(
            self.discriminator(targets, training=training),
            self.discriminator(ops.stop_gradient(fakes), training=training),
        )

    def adversarial_loss(self, targets, fakes, training=False):
        """Loss of the generator against the discriminator, without its weight, float32 scalar."""
        return _ADVERSARIAL.generator(self.discriminator(fakes, training=training))

    @property
    def chance_level(self):
        return _ADVERSARIAL.chance_level()

    def generator_loss(self, sources, targets, fakes, training=False):
        """The weighted sum of the losses of pixels, of features and against the discriminator.

        Returns:
            Tuple of the float32 scalar and a dict of what is logged, all but the sum without weights.
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
    """SRGAN without batch normalization in the generator, whose discriminator judges images relative to one another.

    The relativistic average discriminator says how much more real an image is than the mean of the other kind, and
    the generator's loss sees real images too. `relativistic=False`, `pixel_weight=1`, `adversarial_weight=0.1` and
    `keras_genzoo.networks.SpectralUNetDiscriminator` make it a Real-ESRGAN, whose authors also sharpen the targets
    of the losses of pixels and features; here they are not.

    Args:
        image_shape, scale: As for `SRGAN`.
        pixel_loss, pixel_weight, adversarial_weight: As for `SRGAN`. Default to this paper's `"l1"`, 0.01 and 0.005.
        generator: As for `SRGAN`. Defaults to `keras_genzoo.networks.RRDBSuperResolver` of 23 blocks.
        discriminator: As for `SRGAN`. Defaults to `keras_genzoo.networks.VGGDiscriminator`.
        perceptual_weight: As for `SRGAN`. The paper's features are those of VGG19.
        relativistic: Bool. False leaves the losses of `SRGAN`.
        average_decay, average_half_life, seed: As for `GenerativeModel`.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    generator = keras_genzoo.networks.RRDBSuperResolver(3, num_blocks=6)
    model = keras_genzoo.models.ESRGAN((128, 128, 3), scale=4, generator=generator)
    model.compile()
    model.fit(keras_genzoo.datasets.load("flowers_x4", batch_size=16, augment=True), epochs=20)
    large = model.upscale("photograph.jpg")  # float32 (4 * height, 4 * width, 3)
    ```

    Source: Wang et al. 2018, equations 1 to 3; both relativistic losses are halved, as in the authors' code.
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
        """The logits of real and of made images, each less the mean of the others."""
        real = ops.cast(self.discriminator(targets, training=training), "float32")
        fake = ops.cast(self.discriminator(fakes, training=training), "float32")
        return real - ops.mean(fake), fake - ops.mean(real)


_ADVERSARIAL = losses.NonSaturating()
