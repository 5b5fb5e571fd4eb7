"""Inpainting with free-form masks: gated convolutions and SN-PatchGAN."""

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
    """A two-stage generator that fills holes in images, and a discriminator of whole images.

    Sources have one channel more than targets: the mask, which is 1 (255 for uint8 images) in the holes and
    -1 (0) elsewhere. Pixels outside of the holes are not changed. The discriminator sees filled images and
    masks. The generator minimizes its adversarial loss plus `l1_weight` times the mean absolute differences
    of the coarse and the refined images.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images. Sides must be multiples of 4.
        generator: `keras.Model` that maps images and masks to a list of coarse and refined images in [-1, 1].
            Defaults to `keras_genzoo.networks.GatedInpainter`.
        discriminator: `keras.Model` that maps images and masks, concatenated along the channels, to scores.
            Defaults to `keras_genzoo.networks.SNPatchGANDiscriminator`.
        width: Positive int, channels of the first convolution of the default generator, a multiple of 4. The
            default discriminator has 4/3 of it.
        loss: Name of an adversarial loss, or a `keras_genzoo.losses.AdversarialLoss`.
        l1_weight: Float of at least 0, weight of the mean absolute differences of the coarse and of the
            refined images, over whole images.
        average_decay, average_half_life, seed: As for `GenerativeModel`. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype="uint8")
    masks = np.zeros((2, 16, 16, 1), "uint8")
    masks[:, 4:8, 4:8] = 255
    model = kg.models.InpaintingGAN((16, 16, 3), width=4)
    model.compile()
    model.fit(np.concatenate([images, masks], axis=-1), images, batch_size=2, epochs=1)
    filled = model.inpaint(images, masks)  # float32 (2, 16, 16, 3) in [-1, 1]
    ```

    Reference: Yu et al., "Free-form image inpainting with gated convolution", 2019, arXiv:1806.03589,
    equations 2 to 4; weights, optimizer and the order of updates follow the authors' code.
    """

    abilities = frozenset({"translate", "inpaint"})
    loss_names = ("discriminator_loss", "generator_loss", "adversarial_loss", "l1_loss", "coarse_l1_loss")
    adversarial_log = "adversarial_loss"

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: images in which holes are drawn."""
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
                    f"`{name}` must take {channels + 1} channels, those of `image_shape` and the mask. Received a "
                    f"network that takes {network.input_shape[-1]}."
                )
        made = [output.shape[-1] for output in generator.outputs]
        if made != [channels, channels]:
            raise ValueError(
                f"`generator` must return two images with {channels} channels, coarse and refined. Received a "
                f"network that returns {made} channels."
            )
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def source_modality(self):
        """`keras_genzoo.modalities.MaskedImages` with the size of the targets."""
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
        """Computes the adversarial loss of the discriminator for targets and filled images, a float32 scalar."""
        filled = ops.stop_gradient(_filled(sources, fakes[1]))
        real_scores = self._scores(sources, targets, training)
        return self.adversarial_loss.discriminator(real_scores, self._scores(sources, filled, training))

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the adversarial loss of the filled images plus the weighted differences of both stages to
        the targets.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, and the terms
            without weights.
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
        """As for `TranslationModel`: the refined images, with the known pixels of the sources."""
        self.task(direction)
        return _filled(images, self.generate_in_inference(images)[1])

    def call(self, inputs, training=False):
        sources = self.source_modality.scale(inputs)
        return _filled(sources, self.translator()(sources, training=training)[1])

    @checked
    def inpaint(self, images, masks, batch_size: PositiveInt = 8):
        """Fills holes in images, or in an image file. Other pixels are not changed.

        Images may have any size; with the contextual attention of the default generator, at most 512 * 512 pixels.

        Args:
            images: Array `(num, height, width, channels)` or one image `(height, width, channels)`, uint8 or
                float in [-1, 1]; or an image file or `PIL.Image.Image`.
            masks: Array `(num, height, width)` or `(num, height, width, 1)`, or one mask without the first
                axis: bool, or uint8 with values above 127 in the holes. Or an image file of the same size
                that is white in the holes.
            batch_size: Positive int, number of images filled at once.

        Returns:
            Float32 NumPy array of the shape of `images` in [-1, 1].

        Raises:
            ValueError: If images and masks do not match each other or the model, have the wrong data type or
                range, or have more pixels than the generator supports.
            OSError: If a file cannot be opened.

        Example:

        ```python
        import numpy as np
        import keras_genzoo as kg

        image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype="uint8")
        mask = np.zeros((20, 30), bool)
        mask[4:8, 4:8] = True
        model = kg.models.InpaintingGAN((16, 16, 3), width=4)
        filled = model.inpaint(image, mask)  # float32 (20, 30, 3) in [-1, 1]
        ```
        """
        images = array_of(images, self.modality)
        if pictures.is_picture(masks):
            masks = pictures.read_any(masks, 1)
        masks = array("masks", masks)
        if masks.dtype not in (np.dtype(bool), np.dtype("uint8")):
            raise ValueError(
                f"`masks` must be bool or uint8. Received: {masks.dtype}. Convert with `masks > 0`."
            )
        holes = masks if masks.dtype == bool else masks > 127
        holes = holes[..., None] if holes.shape == images.shape[:-1] else holes
        channels = self.image_shape[-1]
        if images.ndim not in (3, 4) or images.shape[-1] != channels:
            raise ValueError(
                f"`images` must have the shape (num, height, width, {channels}) or that of one image. Received: "
                f"{images.shape}"
            )
        if holes.shape != (*images.shape[:-1], 1):
            raise ValueError(
                f"`masks` must have the size of `images`, {images.shape[:-1]}. Received: {masks.shape}"
            )
        self.modality.check_values(images, "images")
        given = np.asarray(pixels.normalize(images))
        sources = np.concatenate([given, np.where(holes, 1, -1).astype("float32")], axis=-1)
        return np.where(holes, self.translate(sources, fit="pad", batch_size=batch_size), given)


def _filled(sources, images):
    """Combines images in the holes with the sources elsewhere; float32."""
    sources = ops.cast(sources, "float32")
    return ops.where(sources[..., -1:] > 0.0, ops.cast(images, "float32"), sources[..., :-1])
