"""Colors for grey images: a conditional GAN of lightness and two color axes."""

import keras
import numpy as np
from keras import ops

from keras_genzoo import modalities
from keras_genzoo.arguments import Network, NonNegative, OptionalPositiveInt, PositiveInt, checked
from keras_genzoo.images import lab, pictures
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.translation_model import Task, array_of, mean_absolute_difference
from keras_genzoo.networks import ColorizationDiscriminator, ColorizationUNet
from keras_genzoo.optimizers import Adam

# L* is 50 times what networks see, plus 50; a* and b* of sRGB lie within +-110.
_SCALE, _OFFSET = np.array([50.0, 110.0, 110.0], "float32"), np.array([50.0, 0.0, 0.0], "float32")


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ColorizationGAN(PairedGAN):
    """A generator of L*a*b* from grey images, and a discriminator of grey images and their colors.

    Images come and go as sRGB in [-1, 1]; losses compare L*a*b*, scaled to [-1, 1], its lightness L* included, as in
    the paper. A trained model is asked for a* and b* alone: the lightness of what it returns is that of the source,
    seen as a neutral grey, so that a photograph keeps every detail. Where sRGB has no color of that lightness, a*
    and b*, the color is clipped.

    Args:
        image_shape: Tuple `(height, width, 3)` of the images in color, of sides that are multiples of the
            generator's `size_multiple`.
        generator: `keras.Model` from grey images to L*a*b*, both in [-1, 1]. Defaults to
            `keras_genzoo.networks.ColorizationUNet`, the paper's of 32x32 for sides up to 64, its of 256x256 else.
        discriminator: `keras.Model` from grey images and L*a*b*, joined along their channels (grey first), to logits
            of patches. Defaults to `keras_genzoo.networks.ColorizationDiscriminator`.
        width: Int, base width of the default networks.
        loss: Name of an adversarial loss or a `keras_genzoo.losses.AdversarialLoss`.
        l1_weight: Float, weight of the mean absolute difference of L*a*b*.
        average_decay, average_half_life, seed: As for `GenerativeModel`; the paper keeps no average.
        **kwargs: `name` and other arguments of `keras.Model`.

    In inference batch normalization uses the moving statistics of training. The authors' code uses those of the
    batch, by which an image's colors depend on the others.

    Example:

    ```python
    model = keras_genzoo.models.ColorizationGAN((128, 128, 3), width=16)
    model.compile()
    model.fit(keras_genzoo.datasets.load("flowers_grey", batch_size=16, augment=True), epochs=20)
    colored = model.colorize("photograph.jpg")  # float32 (height, width, 3)
    ```

    Source: Nazeri et al. 2018, "Image colorization using generative adversarial networks" (arXiv:1803.05400),
    equations 2 to 4; the weight and the optimizer follow the authors' code.
    """

    abilities = frozenset({"translate", "colorize"})
    loss_names = ("discriminator_loss", "generator_loss", "l1_loss")

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: plain pictures, of which grey ones are made."""
        return {
            "model": {"width": 16},
            "data": {"sources": "grey", "batch_size": 16, "augment": True},
            "num_steps": 10_000,
        }

    @checked_options
    def __init__(
        self,
        image_shape,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        loss: Loss = "non_saturating",
        l1_weight: NonNegative = 100.0,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        if len(image_shape) != 3 or image_shape[-1] != 3:
            raise ValueError(
                f"`image_shape` must be (height, width, 3): grey images are colored. Received: {image_shape}"
            )
        super().__init__(image_shape=image_shape, source_channels=1, **kwargs)
        multiples = (1, 2, 4, 8, 8) if max(image_shape[:2]) <= 64 else (1, 1, 2, 4, 8, 8, 8, 8)
        generator = generator or ColorizationUNet([width * multiple for multiple in multiples])
        discriminator = discriminator or ColorizationDiscriminator(4, width)
        for name, network, shapes in (
            ("generator", generator, (1, 3)),
            ("discriminator", discriminator, (4, discriminator.output_shape[-1])),
        ):
            given = network.input_shape[-1], network.output_shape[-1]
            if given != shapes:
                raise ValueError(
                    f"`{name}` must make {shapes[1]} channels of {shapes[0]}. Received one that makes {given[1]} of "
                    f"{given[0]}."
                )
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def tasks(self):
        return {"grey_to_color": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 3e-4 and beta_1 0 for both, which the authors divide by 10 every 500,000 steps."""
        return {player: Adam(learning_rate=3e-4, beta_1=0.0) for player in self.players}

    def default_measures(self):
        return ("translation", "colorization")

    @property
    def preset_usage(self):
        """As for `TranslationModel`."""
        return {
            "python": "colored = model.colorize(images)  # uint8 or float in [-1, 1], or the path of a picture",
            "shell": "genzoo colorize picture.png --model {name}",
        }

    def unpack(self, data):
        """As for `TranslationModel`, the targets as L*a*b* in [-1, 1]."""
        sources, targets = super().unpack(data)
        return sources, (lab.from_rgb(targets) - _OFFSET) / _SCALE

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Adversarial loss of the discriminator, float32 scalar. Real and made pairs pass apart."""
        real_logits = self._logits(sources, targets, training)
        fake_logits = self._logits(sources, ops.stop_gradient(fakes), training)
        return self.adversarial_loss.discriminator(real_logits, fake_logits)

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def generator_loss(self, sources, targets, fakes, training=False):
        """Adversarial loss of the generator, and `l1_weight` times the mean absolute difference of L*a*b*.

        Returns:
            Tuple of the float32 scalar and a dict of the logged losses, the difference without its weight.
        """
        l1_loss = mean_absolute_difference(targets, fakes)
        loss = self.adversarial_loss.generator(self._logits(sources, fakes, training))
        loss = loss + self.l1_weight * l1_loss
        return loss, {"generator_loss": loss, "l1_loss": l1_loss}

    def _logits(self, sources, images, training):
        joined = ops.concatenate([sources, ops.cast(images, sources.dtype)], axis=-1)
        return self.discriminator(joined, training=training)

    # Using a trained model.

    def generate_in_inference(self, sources):
        """As for `PairedGAN`: L*a*b* as the generator makes it."""
        return super().images_from_images(sources)

    def images_from_images(self, images, direction=None, styles=None):
        """As for `TranslationModel`: sRGB, its lightness that of the sources."""
        made = super().images_from_images(images, direction, styles)
        return _colored(images, _SCALE[1:] * made[..., 1:])

    def call(self, inputs, training=False):
        made = ops.cast(super().call(inputs, training), "float32")
        return _colored(self.source_modality.scale(inputs), _SCALE[1:] * made[..., 1:])

    @checked
    def colorize(self, images, size: OptionalPositiveInt = None, batch_size: PositiveInt = 8):
        """Colors grey images, or pictures, of any size.

        The network sees them at about the size of its training, and its colors are enlarged and laid on the
        lightness that was given, whose detail is kept whole. `translate` lets the network see them as large as they
        are.

        Args:
            images: As for `translate`: grey images, a picture or a list of pictures. Pictures in color are made grey
                first.
            size: Int, pixels of the longer side that the network sees; smaller images are not enlarged. Defaults to
                that of `image_shape`.
            batch_size: Int, images colored at once.

        Returns:
            Float32 NumPy array in [-1, 1], `(num, height, width, 3)`, of one image without the first axis; of a list
            of pictures a list.

        Raises:
            ValueError: As for `translate`.
            OSError: If a file cannot be opened.

        Example:

        ```python
        model = keras_genzoo.models.load("my_preset")
        keras_genzoo.pictures.write(model.colorize("photograph.jpg"), "colored.png")
        ```
        """
        if isinstance(images, (list, tuple)) and any(map(pictures.is_picture, images)):
            return [self.colorize(image, size, batch_size) for image in images]
        images = array_of(images, self.source_modality)
        given = images[..., None] if images.ndim == 2 else images
        batch = given[None] if given.ndim == 3 else given
        if batch.ndim != 4 or batch.shape[-1] != 1 or not batch.size:
            # What has another shape is refused there.
            return self.translate(images)
        self.source_modality.check_values(batch, "images")
        full = batch.shape[1:3]
        multiple = getattr(self.translator(), "size_multiple", 1)
        factor = min(1.0, (size or max(self.image_shape[:2])) / max(full))
        seen = tuple(max(1, round(factor * side / multiple)) * multiple for side in full)
        if seen == full:
            colored = self.translate(batch, batch_size=batch_size)
        else:
            small = self.translate(self.source_modality.resize(batch, seen), batch_size=batch_size)
            colors = ops.image.resize(
                lab.from_rgb(small)[..., 1:], full, interpolation="bilinear", data_format="channels_last"
            )
            colored = np.empty((*batch.shape[:3], 3), "float32")
            # One at a time: they may be large.
            for number, image in enumerate(batch):
                sources = self.source_modality.scale(image[None])
                colored[number] = ops.convert_to_numpy(_colored(sources, colors[number][None]))[0]
        return colored if given.ndim == 4 else colored[0]


def _colored(sources, colors):
    """sRGB in [-1, 1] of the lightness of grey images, and of a* and b*."""
    lightness = lab.from_rgb(ops.repeat(ops.cast(sources, "float32"), 3, axis=-1))[..., :1]
    return ops.clip(lab.to_rgb(ops.concatenate([lightness, colors], axis=-1)), -1.0, 1.0)
