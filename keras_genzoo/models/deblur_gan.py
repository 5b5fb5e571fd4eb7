"""DeblurGAN: sharp images from blurred ones, by features and a critic."""

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
    """A generator that sharpens images, and a critic of patches, which sees no blurred ones.

    The generator adds to a blurred image what it lacks. It learns to match the features of the sharp image and to
    lower the Wasserstein distance that the critic estimates. A critic's value of an image is the mean over its
    patches.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images, of sides that are multiples of the generator's
            `size_multiple`.
        generator: `keras.Model` from blurred to sharp images in [-1, 1]. Defaults to the paper's
            `keras_genzoo.networks.ResNetTranslator`: one convolution per block, dropout of 0.5, residual.
        discriminator: `keras.Model` from images to values of patches, without batch normalization. Defaults to
            `keras_genzoo.networks.PatchGANDiscriminator` with instance normalization.
        width: Int, base width of the default networks.
        perceptual_weight: Float, weight of the difference of features (`keras_genzoo.models.perceptual`), for images
            of 1 or 3 channels. The paper's features are those of VGG19, its difference is squared, and its weight
            is 100.
        l1_weight: Float, weight of the mean absolute difference of pixels; 0 in the paper.
        discriminator_steps: Int, updates of the critic per step, all on the images of the step.
        penalty: `keras_genzoo.penalties.GradientPenalty`, or its name. Defaults to
            `WassersteinGradientPenalty(weight=10)`.
        average_decay, average_half_life, seed: As for `GenerativeModel`; the paper keeps no average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    model = keras_genzoo.models.DeblurGAN((128, 128, 3), width=16)
    model.compile()
    model.fit(keras_genzoo.datasets.load("flowers_blurred", batch_size=8, augment=True), epochs=20)
    sharp = model.deblur("photograph.jpg")  # float32 (height, width, 3)
    ```

    Source: Kupyn et al. 2018, "DeblurGAN: Blind motion deblurring using conditional adversarial networks"
    (arXiv:1711.07064), section 3. The networks and the order of updates follow the authors' code, whose
    penalty takes norms per pixel; here it is that of Gulrajani et al. 2017, which the paper names.
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
    # The critic's loss is no distance from chance.
    chance_level = None

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: plain pictures, of which blurred ones are made."""
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
        """`E[D(G(x))] - E[D(y)]` and the penalty, float32 scalar."""
        fakes = ops.stop_gradient(ops.cast(fakes, targets.dtype))
        # Without batch normalization one pass over both is the same, and faster.
        values = self._values(ops.concatenate([targets, fakes]), training)
        real_values, fake_values = ops.split(values, 2)
        penalty = self.penalty(lambda images: self._values(images, training), targets, fakes, self.noise)
        return _ADVERSARIAL.discriminator(real_values, fake_values) + penalty

    def generator_loss(self, sources, targets, fakes, training=False):
        """The weighted sum of the losses against the critic, of features and of pixels.

        Returns:
            Tuple of the float32 scalar and a dict of what is logged, all but the sum without weights.
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
        """Sharpens images, or pictures, of any size.

        Args:
            images: As for `translate`: images, a picture or a list of pictures.
            batch_size: Int, images sharpened at once.

        Returns:
            Float32 NumPy array in [-1, 1] of the shape of `images`; of a list of pictures a list.

        Raises:
            ValueError: As for `translate`.
            OSError: If a file cannot be opened.

        Example:

        ```python
        model = keras_genzoo.models.load("my_preset")
        keras_genzoo.pictures.write(model.deblur("photograph.jpg"), "sharp.png")
        ```
        """
        return self.translate(images, fit="pad", batch_size=batch_size)


_ADVERSARIAL = losses.Wasserstein()
