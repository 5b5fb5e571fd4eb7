"""TerrainGAN: height maps from a GAN, and textures of height maps from pix2pix."""

import dataclasses
import math
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, latent, modalities
from keras_genzoo.arguments import (
    Network,
    NonNegative,
    OptionalNonNegative,
    OptionalPositiveInt,
    OptionalSeed,
    PositiveInt,
    Seed,
    checked,
)
from keras_genzoo.images import pixels
from keras_genzoo.models.latent_model import LatentModel
from keras_genzoo.models.network_checks import argument_or_own
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.translation_model import Task, TranslationModel, mean_absolute_difference
from keras_genzoo.networks import (
    HeightMapDiscriminator,
    HeightMapGenerator,
    PatchGANDiscriminator,
    UNetGenerator,
)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class TerrainGAN(PairedGAN, LatentModel):
    """A generator of height maps, a generator of textures from height maps, and a discriminator for each.

    The model is trained on pairs of height maps and textures. The height generator and its discriminator are
    trained on height maps only, the texture generator as pix2pix on real height maps. `sample` uses both
    generators. `translate` generates textures for other height maps, such as hand-drawn ones. The generators
    minimize both adversarial losses plus `l1_weight` times the mean absolute difference of textures.

    Args:
        image_shape: Tuple `(height, width, channels)` of the textures. The default networks need square
            images whose side is a power of two from 32 to 1024. Height maps have the same size and one
            channel.
        latent_dim: Positive int, length of a latent. Defaults to the input of `height_generator`, or 1000.
        height_generator: `keras.Model` that maps latents to height maps in [-1, 1]. Defaults to
            `keras_genzoo.networks.HeightMapGenerator`.
        height_discriminator: `keras.Model` that maps height maps to logits. Defaults to
            `keras_genzoo.networks.HeightMapDiscriminator`.
        texture_generator: `keras.Model` that maps height maps to textures in [-1, 1]. Defaults to
            `UNetGenerator`.
        texture_discriminator: `keras.Model` that maps height maps and textures, concatenated along the
            channels, to logits of patches. Defaults to `PatchGANDiscriminator`.
        width: Positive int, base width of the default networks.
        loss: As for `Pix2Pix`, for both discriminators.
        l1_weight: Float of at least 0, weight of the mean absolute difference to the texture.
        directions, average_decay, average_half_life, seed: As for `LatentModel`; both generators are
            averaged. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    rng = np.random.default_rng(0)
    heights = rng.integers(0, 256, (2, 32, 32, 1), dtype="uint8")
    textures = rng.integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    model = kg.models.TerrainGAN((32, 32, 3), latent_dim=8, width=2)
    model.compile()
    model.fit(heights, textures, batch_size=2, epochs=1)
    sampled_heights, sampled_textures = model.sample_terrain(4, seed=0)
    translations = model.translate(heights)  # float32 (2, 32, 32, 3) in [-1, 1]
    ```

    Reference: Beckham & Pal, "A step towards procedural terrain generation with GANs", 2017,
    arXiv:1707.03383. Latents, weights and optimizers follow the authors' code.
    """

    abilities = frozenset({"sample", "translate", "sample_terrain"})
    players: ClassVar = {
        "generator": ("height_generator", "texture_generator"),
        "discriminator": ("height_discriminator", "texture_discriminator"),
    }
    loss_names = ("discriminator_loss", "generator_loss", "height_loss", "texture_loss", "l1_loss")
    image_network = "height_generator"
    image_networks = ("height_generator", "texture_generator")

    @checked_options
    def __init__(
        self,
        image_shape,
        latent_dim=None,
        *,
        height_generator: Network = None,
        height_discriminator: Network = None,
        texture_generator: Network = None,
        texture_discriminator: Network = None,
        width=64,
        loss: Loss = "mean_squared_error",
        l1_weight: NonNegative = 100.0,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        *size, channels = image_shape
        latent_dim = argument_or_own(
            "latent_dim", latent_dim, height_generator, lambda: height_generator.input_shape[-1], default=1000
        )
        super().__init__(image_shape=image_shape, source_channels=1, latent_dim=latent_dim, **kwargs)
        height_shape = (*size, 1)
        networks = {
            "height_generator": height_generator or HeightMapGenerator(height_shape, latent_dim, width),
            "height_discriminator": height_discriminator or HeightMapDiscriminator(height_shape, width),
            "texture_generator": texture_generator
            or UNetGenerator(height_shape, channels, width, name="texture_generator"),
            "texture_discriminator": texture_discriminator
            or PatchGANDiscriminator(1 + channels, width, name="texture_discriminator"),
        }
        for argument, value, name, found in (
            ("image_shape[:2] + (1,)", height_shape, "height_generator", lambda net: net.output_shape[1:]),
            ("the channels of height maps", 1, "height_discriminator", lambda net: net.input_shape[-1]),
            ("the channels of height maps", 1, "texture_generator", lambda net: net.input_shape[-1]),
            ("image_shape[-1]", channels, "texture_generator", lambda net: net.output_shape[-1]),
            ("1 + image_shape[-1]", 1 + channels, "texture_discriminator", lambda net: net.input_shape[-1]),
        ):
            network = networks[name]
            argument_or_own(argument, value, network, lambda found=found, network=network: found(network))
        self.set_networks(**networks)

    @property
    def source_modality(self):
        """As for `TranslationModel`: height maps."""
        return dataclasses.replace(super().source_modality, kind="heights")

    @property
    def tasks(self):
        return {"heights_to_texture": Task("texture_generator", self.source_modality, self.modality)}

    @property
    def latent(self):
        """Uniform latents in [0, 1)."""
        return latent.Uniform(self.latent_dim, 0.0, 1.0)

    def default_optimizers(self):
        """RMSprop with learning rate 1e-4, one for both generators and one for both discriminators."""
        return {
            player: keras.optimizers.RMSprop(learning_rate=1e-4, rho=0.9, epsilon=1e-6)
            for player in self.players
        }

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; without random flips, because textures may be lit from one side."""
        return {
            "model": {"width": 16, "average_half_life": 2000},
            "data": {"batch_size": 16},
            "num_steps": 10_000,
        }

    # The parts of a training step.

    def generate(self, sources, targets):
        """Generates height maps from random latents, and textures of real height maps."""
        latents = self.draw_latents(ops.shape(sources)[0])
        return [
            self.height_generator(latents, training=True),
            self.texture_generator(sources, training=True),
        ]

    def generate_in_inference(self, sources):
        """As `generate`, with the networks for sampling and translation."""
        latents = self.draw_latents(ops.shape(sources)[0])
        return [self.heights_from_latents(latents), self.images_from_images(sources)]

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Computes the sum of the losses of both discriminators, a float32 scalar, with separate real and
        generated batches.
        """
        heights, textures = map(ops.stop_gradient, fakes)
        of_heights = self.adversarial_loss.discriminator(
            self.height_discriminator(sources, training=training),
            self.height_discriminator(heights, training=training),
        )
        return of_heights + self.adversarial_loss.discriminator(
            self._texture_logits(sources, targets, training),
            self._texture_logits(sources, textures, training),
        )

    @property
    def chance_level(self):
        level = self.adversarial_loss.chance_level()
        return None if level is None else 2.0 * level

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the adversarial losses of both generators plus `l1_weight` times the mean absolute
        difference of textures.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, and the terms
            without weights.
        """
        heights, textures = fakes
        height_loss = self.adversarial_loss.generator(self.height_discriminator(heights, training=training))
        texture_loss = self.adversarial_loss.generator(self._texture_logits(sources, textures, training))
        l1_loss = mean_absolute_difference(targets, textures)
        loss = height_loss + texture_loss + self.l1_weight * l1_loss
        return loss, {
            "generator_loss": loss,
            "height_loss": height_loss,
            "texture_loss": texture_loss,
            "l1_loss": l1_loss,
        }

    def _texture_logits(self, heights, textures, training):
        joined = ops.concatenate([heights, ops.cast(textures, heights.dtype)], axis=-1)
        return self.texture_discriminator(joined, training=training)

    # Using a trained model.

    def call(self, inputs, training=False):
        return self.translator()(self.sampling_network(inputs, training=training), training=training)

    def heights_from_latents(self, latents):
        """Generates height maps in [-1, 1] with the sampling network, a float32 tensor."""
        return ops.cast(self.sampling_network(latents, training=False), "float32")

    def images_from_latents(self, latents, labels=None):
        """As for `LatentModel`: textures of generated height maps."""
        return self.images_from_images(self.heights_from_latents(latents))

    def terrain_from_latents(self, latents):
        """Generates height maps and their textures in [-1, 1], a tuple of float32 tensors."""
        heights = self.heights_from_latents(latents)
        return heights, self.images_from_images(heights)

    @checked
    def sample_terrain(
        self,
        num: OptionalPositiveInt = None,
        seed: OptionalSeed = None,
        latents=None,
        batch_size: PositiveInt = 64,
        truncation: OptionalNonNegative = None,
    ):
        """Generates height maps and their textures. The textures are those of `sample`.

        Args:
            num, seed, latents, batch_size, truncation: As for `sample`.

        Returns:
            Tuple of float32 NumPy arrays in [-1, 1]: height maps `(num, height, width, 1)`, where -1 is the
            lowest and 1 the highest point of the training data, and textures `(num, height, width,
            channels)`.

        Raises:
            ValueError: As for `sample`.

        Example:

        ```python
        import keras_genzoo as kg

        model = kg.models.TerrainGAN((32, 32, 3), latent_dim=8, width=2)
        heights, textures = model.sample_terrain(4, seed=0)  # (4, 32, 32, 1) and (4, 32, 32, 3)
        ```
        """
        latents = self.latents_of_call(num, seed, latents, None)
        if truncation is not None:
            latents = self.truncated(latents, truncation)
        return self.in_batches(self.terrain_from_latents, [latents], batch_size)

    @property
    def preset_usage(self):
        """Usage examples for the card of a preset."""
        return {
            "python": "heights, textures = model.sample_terrain(16, seed=0)\n"
            "textures = model.translate(heights)  # also of height maps drawn by hand, uint8 or float in [-1, 1]",
            "shell": "genzoo terrain --model {name} --output terrain  # height maps, textures and meshes\n"
            f"genzoo translate {{name}} heights.png --output textures --size {max(self.image_shape[:2])}",
        }

    @checked
    def preview(self, examples=None, seed: Seed = 0, num: OptionalPositiveInt = None):
        """As for `ZooModel`: samples, each height map to the left of its texture, and below them the
        examples.

        Each example is a height map, the generated texture, and, if there are targets, its own texture.
        """
        num = num or 32
        heights, textures = self.sample_terrain(num, seed=seed)
        pictures = [self._rows([heights, textures], math.ceil(num**0.5))]
        if examples is not None:
            sources, targets = (images if images is None else images[:num] for images in examples)
            shown = [sources, self.translate(sources), *([] if targets is None else [targets])]
            pictures.append(self._rows(shown, math.ceil(len(sources) ** 0.5)))
        return _stacked(pictures)

    def _rows(self, images, columns):
        """Draws a grid of images next to each other, with gray height maps."""
        channels = self.image_shape[-1]
        images = [each.repeat(channels // each.shape[-1], axis=-1) for each in map(pixels.to_uint8, images)]
        return self.modality.show(np.concatenate(images, axis=2), columns=columns)

    def default_measures(self):
        return ("translation",)

    def signatures(self):
        """As `ZooModel.signatures`: samples, `generate_heights` from latents, and translations."""

        def generate_heights(latents):
            return {"heights": self.heights_from_latents(latents)}

        of_heights = (backends.graph_function(generate_heights), {"latents": self.latent.spec})
        return {
            **LatentModel.signatures(self),
            "generate_heights": of_heights,
            **TranslationModel.signatures(self),
        }

    def serving_description(self):
        """As for `TranslationModel`; the task also has `sources_from`, the network that samples height maps."""
        description = super().serving_description()
        tasks = {
            name: {**task, "sources_from": "generate_heights"} for name, task in description["tasks"].items()
        }
        return {**description, "tasks": tasks}

    def exported_networks(self, batch_size=None):
        latents = keras.Input((self.latent_dim,), batch_size=batch_size, name="latents")
        heights = keras.Model(latents, {"heights": self.heights_from_latents(latents)})
        return {
            **LatentModel.exported_networks(self, batch_size),
            "generate_heights": heights,
            **TranslationModel.exported_networks(self, batch_size),
        }


def _stacked(pictures):
    """Stacks images vertically, padded with white on the right."""
    width = max(picture.shape[1] for picture in pictures)
    margins = [((0, 0), (0, width - picture.shape[1]), (0, 0)) for picture in pictures]
    padded = [
        np.pad(picture, margin, constant_values=255)
        for picture, margin in zip(pictures, margins, strict=True)
    ]
    return np.concatenate(padded)
