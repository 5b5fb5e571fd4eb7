"""Colorization of grayscale images: a conditional GAN in the L*a*b* color space."""

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

# L* is 50 times the value that networks see, plus 50; a* and b* of sRGB are within +-110.
_SCALE, _OFFSET = np.array([50.0, 110.0, 110.0], "float32"), np.array([50.0, 0.0, 0.0], "float32")


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ColorizationGAN(PairedGAN):
    """A generator from grayscale images to L*a*b*, and a discriminator of grayscale images and their colors.

    Images are sRGB in [-1, 1]. The losses compare L*a*b* scaled to [-1, 1], including the lightness L*, as in
    the paper. In inference only a* and b* are used: the lightness of the result is that of the source, so
    that a photograph keeps every detail. Colors outside of sRGB are clipped. The generator minimizes its
    adversarial loss plus `l1_weight` times the mean absolute difference of L*a*b*.

    Args:
        image_shape: Tuple `(height, width, 3)` of the color images. Sides must be multiples of the
            generator's `size_multiple`.
        generator: `keras.Model` that maps grayscale images to L*a*b*, both in [-1, 1]. Defaults to
            `keras_genzoo.networks.ColorizationUNet`, the paper's network for 32x32 images for sides up to 64,
            otherwise that for 256x256 images.
        discriminator: `keras.Model` that maps grayscale images and L*a*b*, concatenated along the channels
            (grayscale first), to logits of patches. Defaults to
            `keras_genzoo.networks.ColorizationDiscriminator`.
        width: Positive int, base width of the default networks.
        loss: Name of an adversarial loss, or a `keras_genzoo.losses.AdversarialLoss`.
        l1_weight: Float of at least 0, weight of the mean absolute difference of L*a*b*.
        average_decay, average_half_life, seed: As for `GenerativeModel`. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    In inference, batch normalization uses the moving statistics of training. The authors' code uses the
    statistics of the batch, which makes the colors of an image depend on the other images.

    Raises:
        ValueError: If an argument is out of its range, `image_shape` does not have 3 channels, or the
            networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    color = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype="uint8")
    gray = color.mean(axis=-1, keepdims=True).astype("uint8")
    model = kg.models.ColorizationGAN((16, 16, 3), width=4)
    model.compile()
    model.fit(gray, color, batch_size=2, epochs=1)
    colored = model.colorize(gray)  # float32 (2, 16, 16, 3) in [-1, 1]
    ```

    Reference: Nazeri et al., "Image colorization using generative adversarial networks", 2018,
    arXiv:1803.05400, equations 2 to 4; the weight and the optimizer follow the authors' code.
    """

    abilities = frozenset({"translate", "colorize"})
    loss_names = ("discriminator_loss", "generator_loss", "l1_loss")

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: color images, from which grayscale images are computed."""
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
                f"`image_shape` must be (height, width, 3), the shape of the color images. Received: {image_shape}"
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
                    f"`{name}` must map {shapes[0]} to {shapes[1]} channels. Received a network that maps {given[0]} "
                    f"to {given[1]} channels."
                )
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def tasks(self):
        return {"grey_to_color": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 3e-4 and beta_1 0 for both.

        The authors divide the learning rate by 10 every 500,000 steps.
        """
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
        """As for `TranslationModel`, with targets as L*a*b* in [-1, 1]."""
        sources, targets = super().unpack(data)
        return sources, (lab.from_rgb(targets) - _OFFSET) / _SCALE

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Computes the adversarial loss of the discriminator, a float32 scalar, with separate real and
        generated batches.
        """
        real_logits = self._logits(sources, targets, training)
        fake_logits = self._logits(sources, ops.stop_gradient(fakes), training)
        return self.adversarial_loss.discriminator(real_logits, fake_logits)

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the adversarial loss of the generator plus `l1_weight` times the mean absolute difference
        of L*a*b*.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses, the difference without its
            weight.
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
        """As for `PairedGAN`: the L*a*b* output of the generator."""
        return super().images_from_images(sources)

    def images_from_images(self, images, direction=None, styles=None):
        """As for `TranslationModel`: sRGB with the lightness of the sources."""
        made = super().images_from_images(images, direction, styles)
        return _colored(images, made[..., 1:] * _SCALE[1:])

    def call(self, inputs, training=False):
        made = ops.cast(super().call(inputs, training), "float32")
        return _colored(self.source_modality.scale(inputs), made[..., 1:] * _SCALE[1:])

    @checked
    def colorize(self, images, size: OptionalPositiveInt = None, batch_size: PositiveInt = 8):
        """Colorizes grayscale images or image files of any size.

        The network sees images at about the size of its training. Its colors are resized and combined with
        the lightness of the source, which keeps its full resolution. `translate` runs the network at full
        size instead.

        Args:
            images: As for `translate`: grayscale images, an image file, or a list of files. Color files are
                converted to grayscale first.
            size: Positive int, longer side in pixels of the images that the network sees. Smaller images are
                not enlarged. Defaults to that of `image_shape`.
            batch_size: Positive int, number of images colorized at once.

        Returns:
            Float32 NumPy array `(num, height, width, 3)` in [-1, 1]. One image returns `(height, width, 3)`,
            a list of files returns a list of such arrays.

        Raises:
            ValueError: As for `translate`.
            OSError: If a file cannot be opened.

        Example:

        ```python
        import numpy as np
        import keras_genzoo as kg

        image = np.random.default_rng(0).integers(0, 256, (30, 20, 1), dtype="uint8")
        model = kg.models.ColorizationGAN((16, 16, 3), width=4)
        colored = model.colorize(image)  # float32 (30, 20, 3) in [-1, 1]
        ```
        """
        if isinstance(images, (list, tuple)) and any(map(pictures.is_picture, images)):
            return [self.colorize(image, size, batch_size) for image in images]
        images = array_of(images, self.source_modality)
        given = images[..., None] if images.ndim == 2 else images
        batch = given[None] if given.ndim == 3 else given
        if batch.ndim != 4 or batch.shape[-1] != 1 or not batch.size:
            # `translate` raises the error for other shapes.
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
            # One at a time, because images may be large.
            for number, image in enumerate(batch):
                sources = self.source_modality.scale(image[None])
                colored[number] = ops.convert_to_numpy(_colored(sources, colors[number][None]))[0]
        return colored if given.ndim == 4 else colored[0]


def _colored(sources, colors):
    """Combines the lightness of grayscale images with a* and b*; returns sRGB in [-1, 1]."""
    lightness = lab.from_rgb(ops.repeat(ops.cast(sources, "float32"), 3, axis=-1))[..., :1]
    return ops.clip(lab.to_rgb(ops.concatenate([lightness, colors], axis=-1)), -1.0, 1.0)
