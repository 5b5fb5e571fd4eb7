"""DeblurGAN: deblurring of images with a perceptual loss and a critic."""

import keras
from keras import ops

from keras_genzoo import losses, modalities, penalties
from keras_genzoo.arguments import Network, NonNegative, PositiveInt, checked
from keras_genzoo.models.network_checks import argument_or_own, check_for_penalty
from keras_genzoo.models.options import Penalty, checked_options
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.translation_model import Task, mean_absolute_difference
from keras_genzoo.networks import PatchGANDiscriminator, ResNetTranslator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class DeblurGAN(PairedGAN):
    """A generator that sharpens images, and a critic of sharp images (DeblurGAN).

    The generator predicts the difference between the sharp and the blurred image. It minimizes `-E[D(G(x))]`
    plus the weighted perceptual loss and the weighted mean absolute difference of pixels. The critic
    minimizes `E[D(G(x))] - E[D(y)]` plus the gradient penalty. The critic's value of an image is the mean
    over its patches.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images. Sides must be multiples of the
            generator's `size_multiple`.
        generator: `keras.Model` that maps blurred to sharp images in [-1, 1]. Defaults to the paper's
            `keras_genzoo.networks.ResNetTranslator`: residual, with one convolution per block and dropout
            0.5.
        discriminator: `keras.Model` that maps images to values of patches, without batch normalization.
            Defaults to `keras_genzoo.networks.PatchGANDiscriminator` with instance normalization.
        width: Positive int, base width of the default networks.
        perceptual_weight: Float of at least 0, weight of the perceptual loss
            (`keras_genzoo.models.perceptual`), for images with 1 or 3 channels. The paper uses the squared
            difference of VGG19 features with the weight 100.
        l1_weight: Float of at least 0, weight of the mean absolute difference of pixels; 0 in the paper.
        discriminator_steps: Positive int, number of critic updates per step, all with the same images.
        penalty: `keras_genzoo.penalties.GradientPenalty`, or its name. Defaults to
            `WassersteinGradientPenalty(weight=10)`.
        average_decay, average_half_life, seed: As for `GenerativeModel`. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, the networks do not match the other arguments, or the
            critic has batch normalization.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    sharp = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), dtype="uint8")
    blurred = ((sharp.astype("int32") + np.roll(sharp, 1, axis=2)) // 2).astype("uint8")
    generator = kg.networks.ResNetTranslator(3, width=4, num_blocks=1, block_convolutions=1, residual=True)
    model = kg.models.DeblurGAN(
        (24, 24, 3), generator=generator, width=4, perceptual_weight=0.0, l1_weight=1.0, discriminator_steps=1
    )
    model.compile()
    model.fit(blurred, sharp, batch_size=2, epochs=1)
    deblurred = model.deblur(blurred)  # float32 (2, 24, 24, 3) in [-1, 1]
    ```

    Reference: Kupyn et al., "DeblurGAN: Blind motion deblurring using conditional adversarial networks",
    2018, arXiv:1711.07064, section 3. The networks and the order of updates follow the authors' code, whose
    penalty takes norms per pixel. Here it is that of Gulrajani et al., "Improved training of Wasserstein
    GANs", 2017, arXiv:1704.00028, which the paper refers to.
    """

    abilities = frozenset({"translate", "deblur"})
    loss_names = (
        "discriminator_loss",
        "generator_loss",
        "adversarial_loss",
        "perceptual_loss",
        "l1_loss",
    )
    adversarial_log = "adversarial_loss"
    # The loss of a critic has no chance level.
    chance_level = None

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: sharp images, from which blurred ones are computed."""
        return {
            "model": {"width": 16},
            "data": {"sources": "blurred", "batch_size": 4, "augment": True},
            "num_steps": 20_000,
        }

    @checked_options
    def __init__(
        self,
        image_shape,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        perceptual_weight: NonNegative = 100.0,
        l1_weight: NonNegative = 0.0,
        discriminator_steps: PositiveInt = 5,
        penalty: Penalty = None,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        channels = image_shape[-1]
        super().__init__(image_shape=image_shape, source_channels=channels, **kwargs)
        generator = generator or ResNetTranslator(
            channels, width=width, block_convolutions=1, dropout=0.5, residual=True
        )
        discriminator = discriminator or PatchGANDiscriminator(channels, width, normalization="instance")
        for network in (generator, discriminator):
            argument_or_own(
                "image_shape[-1]", channels, network, lambda network=network: network.input_shape[-1]
            )
        argument_or_own("image_shape[-1]", channels, generator, lambda: generator.output_shape[-1])
        check_for_penalty(discriminator)
        self.penalty = penalty or penalties.WassersteinGradientPenalty()
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def tasks(self):
        return {"blurred_to_sharp": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 1e-4 and beta_1 0.5 for both, as the authors' code."""
        return {player: Adam(learning_rate=1e-4, beta_1=0.5) for player in self.players}

    def default_measures(self):
        return ("translation", "deblurring")

    @property
    def preset_usage(self):
        """As for `TranslationModel`."""
        return {
            "python": "sharp = model.deblur(images)  # uint8 or float in [-1, 1], or the path of a picture",
            "shell": "genzoo deblur picture.png --model {name}",
        }

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Computes `E[D(G(x))] - E[D(y)]` plus the penalty, a float32 scalar."""
        fakes = ops.stop_gradient(ops.cast(fakes, targets.dtype))
        # Without batch normalization, one pass over both batches gives the same result and is faster.
        values = self._values(ops.concatenate([targets, fakes]), training)
        real_values, fake_values = ops.split(values, 2)
        penalty = self.penalty(lambda images: self._values(images, training), targets, fakes, self.noise)
        return _ADVERSARIAL.discriminator(real_values, fake_values) + penalty

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the weighted sum of the adversarial, perceptual and pixel losses.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, and the terms
            without weights.
        """
        adversarial_loss = _ADVERSARIAL.generator(self._values(fakes, training))
        perceptual_loss = self.perceptual_difference(targets, fakes)
        l1_loss = mean_absolute_difference(targets, fakes)
        loss = adversarial_loss + self.perceptual_weight * perceptual_loss + self.l1_weight * l1_loss
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "perceptual_loss": perceptual_loss,
            "l1_loss": l1_loss,
        }

    def _values(self, images, training):
        """The critic's value of each image, float32 `(batch,)`."""
        return ops.mean(ops.cast(self.discriminator(images, training=training), "float32"), axis=(1, 2, 3))

    # Using a trained model.

    @checked
    def deblur(self, images, batch_size: PositiveInt = 8):
        """Sharpens images or image files of any size.

        Args:
            images: As for `translate`: images, an image file, or a list of files.
            batch_size: Positive int, number of images sharpened at once.

        Returns:
            Float32 NumPy array of the shape of `images` in [-1, 1]; a list of files returns a list.

        Raises:
            ValueError: As for `translate`.
            OSError: If a file cannot be opened.

        Example:

        ```python
        import numpy as np
        import keras_genzoo as kg

        image = np.random.default_rng(0).integers(0, 256, (30, 26, 3), dtype="uint8")
        generator = kg.networks.ResNetTranslator(3, width=4, num_blocks=1, block_convolutions=1, residual=True)
        model = kg.models.DeblurGAN((24, 24, 3), generator=generator, width=4)
        deblurred = model.deblur(image)  # float32 (30, 26, 3) in [-1, 1]
        ```
        """
        return self.translate(images, fit="pad", batch_size=batch_size)


_ADVERSARIAL = losses.Wasserstein()
