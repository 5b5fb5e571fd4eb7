"""Inpainting with free-form masks: gated convolutions against SN-PatchGAN."""

import keras
import numpy as np
from keras import ops

from keras_genzoo import modalities
from keras_genzoo.arguments import Network, NonNegative, PositiveInt, array, checked
from keras_genzoo.images import pictures, pixels
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.translation_model import Task, array_of, mean_absolute_difference
from keras_genzoo.networks import GatedInpainter, SNPatchGANDiscriminator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class InpaintingGAN(PairedGAN):
    """A generator that fills holes in two stages, and a discriminator of whole images.

    Sources have a channel more than targets: the mask, 1 (of uint8 images 255) in the holes and -1 (0) elsewhere.
    What lies outside of the holes is kept exactly. The discriminator sees filled images and the masks.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images, of sides that are multiples of 4.
        generator: `keras.Model` from images and masks to a list of coarse and refined images in [-1, 1]. Defaults to
            `keras_genzoo.networks.GatedInpainter`, which leaves out the paper's contextual attention.
        discriminator: `keras.Model` from images and masks, joined along their channels, to scores. Defaults to
            `keras_genzoo.networks.SNPatchGANDiscriminator`.
        width: Int, channels of the first convolution of the default generator; of the discriminator 4/3 of it.
        loss: Name of an adversarial loss or a `keras_genzoo.losses.AdversarialLoss`.
        l1_weight: Float, weight of the mean absolute differences of the coarse and of the refined images, of the
            whole images.
        average_decay, average_half_life, seed: As for `GenerativeModel`; the paper keeps no average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    model = keras_genzoo.models.InpaintingGAN((128, 128, 3), width=24)
    model.compile()
    model.fit(keras_genzoo.datasets.masked_folder("photographs", 128, augment=True), epochs=100)
    filled = model.inpaint("photograph.png", "mask.png")  # float32 (height, width, 3)
    ```

    Source: Yu et al. 2019, "Free-form image inpainting with gated convolution" (arXiv:1806.03589), equations 2 to 4;
    weights, optimizer and the order of updates follow the authors' code.
    """

    abilities = frozenset({"translate", "inpaint"})
    loss_names = ("discriminator_loss", "generator_loss", "adversarial_loss", "l1_loss", "coarse_l1_loss")
    adversarial_log = "adversarial_loss"

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: plain pictures, in which holes are made."""
        return {
            "model": {"width": 24},
            "data": {"sources": "masked", "batch_size": 8, "augment": True},
            "num_steps": 20_000,
        }

    @checked_options
    def __init__(
        self,
        image_shape,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=48,
        loss: Loss = "hinge",
        l1_weight: NonNegative = 1.0,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        channels = image_shape[-1]
        super().__init__(image_shape=image_shape, source_channels=channels + 1, **kwargs)
        generator = generator or GatedInpainter(channels, width)
        discriminator = discriminator or SNPatchGANDiscriminator(channels + 1, max(1, 4 * width // 3))
        for name, network in (("generator", generator), ("discriminator", discriminator)):
            if network.input_shape[-1] != channels + 1:
                raise ValueError(
                    f"`{name}` must take {channels + 1} channels, those of `image_shape` and the mask. Received one "
                    f"that takes {network.input_shape[-1]}."
                )
        made = [output.shape[-1] for output in generator.outputs]
        if made != [channels, channels]:
            raise ValueError(
                f"`generator` must make two images of {channels} channels, a coarse and a refined one. Received one "
                f"that makes {made}."
            )
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def source_modality(self):
        """`keras_genzoo.modalities.MaskedImages` of the size of the targets."""
        return modalities.MaskedImages((*self.image_shape[:2], self.source_channels), may_be_bright=True)

    @property
    def picture_channels(self):
        """As for `TranslationModel`, without the mask."""
        return self.image_shape[-1]

    @property
    def tasks(self):
        return {"inpaint": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 1e-4 and beta_1 0.5 for both, as the authors' code."""
        return {player: Adam(learning_rate=1e-4, beta_1=0.5) for player in self.players}

    @property
    def preset_usage(self):
        """As for `TranslationModel`."""
        return {
            "python": "filled = model.inpaint(image, mask)  # arrays, or the paths of pictures; holes are white",
            "shell": "genzoo inpaint picture.png --mask mask.png --model {name}",
        }

    def generate_in_inference(self, sources):
        """As for `PairedGAN`: the coarse and the refined images."""
        return [ops.cast(each, "float32") for each in self.translator()(sources, training=False)]

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Adversarial loss of the discriminator, of targets and of filled images; float32 scalar."""
        filled = ops.stop_gradient(_filled(sources, fakes[1]))
        real_scores = self._scores(sources, targets, training)
        return self.adversarial_loss.discriminator(real_scores, self._scores(sources, filled, training))

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def generator_loss(self, sources, targets, fakes, training=False):
        """Adversarial loss of the filled images, and the weighted differences of both stages to the targets.

        Returns:
            Tuple of the float32 scalar and a dict of what is logged, all but the sum without weights.
        """
        coarse_l1_loss, l1_loss = (mean_absolute_difference(targets, images) for images in fakes)
        scores = self._scores(sources, _filled(sources, fakes[1]), training)
        adversarial_loss = self.adversarial_loss.generator(scores)
        loss = adversarial_loss + self.l1_weight * (coarse_l1_loss + l1_loss)
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "l1_loss": l1_loss,
            "coarse_l1_loss": coarse_l1_loss,
        }

    def _scores(self, sources, images, training):
        joined = ops.concatenate([ops.cast(images, sources.dtype), sources[..., -1:]], axis=-1)
        return self.discriminator(joined, training=training)

    # Using a trained model.

    def images_from_images(self, images, direction=None, styles=None):
        """As for `TranslationModel`: the refined images, known pixels as they are."""
        self.task(direction)
        return _filled(images, self.generate_in_inference(images)[1])

    def call(self, inputs, training=False):
        sources = self.source_modality.scale(inputs)
        return _filled(sources, self.translator()(sources, training=training)[1])

    @checked
    def inpaint(self, images, masks, batch_size: PositiveInt = 8):
        """Fills holes in images, or in a picture, of any size; all else is kept exactly.

        Args:
            images: Array `(num, height, width, channels)`, or of one image without the first axis, uint8 or float in
                [-1, 1]; or a picture, the path of a file or a `PIL.Image.Image`.
            masks: Array `(num, height, width)` or `(num, height, width, 1)`, or of one image without the first axis:
                bool, or uint8 with holes above 127. Or a picture of the image's size, white in the holes.
            batch_size: Int, images filled at once.

        Returns:
            Float32 NumPy array in [-1, 1] of the shape of `images`.

        Raises:
            ValueError: If images and masks do not fit each other or the model.
            OSError: If a file cannot be opened.

        Example:

        ```python
        model = keras_genzoo.models.load("my_preset")
        keras_genzoo.pictures.write(model.inpaint("photograph.jpg", "mask.png"), "filled.png")
        ```
        """
        images = array_of(images, self.modality)
        if pictures.is_picture(masks):
            masks = pictures.read_any(masks, 1)
        masks = array("masks", masks)
        if masks.dtype not in (np.dtype(bool), np.dtype("uint8")):
            raise ValueError(f"`masks` must be bool or uint8. Received: {masks.dtype}. Compare: `masks > 0`.")
        holes = masks if masks.dtype == bool else masks > 127
        holes = holes[..., None] if holes.shape == images.shape[:-1] else holes
        channels = self.image_shape[-1]
        if images.ndim not in (3, 4) or images.shape[-1] != channels:
            raise ValueError(
                f"`images` must have the shape (num, height, width, {channels}), or that of one image. Received: "
                f"{images.shape}"
            )
        if holes.shape != (*images.shape[:-1], 1):
            raise ValueError(
                f"`masks` must be as large as `images`, {images.shape[:-1]}. Received: {masks.shape}"
            )
        self.modality.check_values(images, "images")
        given = np.asarray(pixels.normalize(images))
        sources = np.concatenate([given, np.where(holes, 1, -1).astype("float32")], axis=-1)
        return np.where(holes, self.translate(sources, fit="pad", batch_size=batch_size), given)


def _filled(sources, images):
    """Images in the holes of sources, which are kept elsewhere; float32."""
    sources = ops.cast(sources, "float32")
    return ops.where(sources[..., -1:] > 0.0, ops.cast(images, "float32"), sources[..., :-1])
