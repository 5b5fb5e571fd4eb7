"""The base class of GANs whose generator outputs images at several sizes."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import (
    NonNegative,
    OptionalNonNegativeInt,
    OptionalPositiveInt,
    OptionalSeed,
    PositiveInt,
    checked,
)
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.network_checks import argument_or_own, check_groups, without_labels
from keras_genzoo.models.options import Loss, Penalty, checked_options
from keras_genzoo.networks.progressive import ProgressiveGenerator, num_levels_of


class MultiResolutionGAN(AdversarialModel):
    """Base class of `ProgressiveGAN` and `MSGGAN`, with levels, a Wasserstein loss with drift, and sampling.

    Args:
        image_shape: Tuple `(height, width, channels)` of the last level; height = width = 4 * 2^k. Defaults
            to that of `generator`.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 512.
        generator: `keras_genzoo.networks.ProgressiveGenerator`. Defaults to one with the paper's widths.
        discriminator: Network of the family's discriminator class. Defaults to one with the paper's widths.
        loss: `keras_genzoo.losses.AdversarialLoss`, its name, or its config. Defaults to the Wasserstein
            loss.
        penalty: `keras_genzoo.penalties.GradientPenalty`, its name, or None. Defaults to
            `WassersteinGradientPenalty(weight=10)`.
        drift: Float of at least 0, weight of `E[D(x)^2]` for real images, which keeps the values near zero.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is given, or the networks have another
            class or do not match the other arguments.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = ("discriminator_loss", "generator_loss", "gradient_penalty")
    adversarial_log = "generator_loss"
    # Class of the default discriminator. Set by each family.
    discriminator_class = None

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator=None,
        discriminator=None,
        loss: Loss = "wasserstein",
        penalty: Penalty = "wasserstein",
        drift: NonNegative = 0.001,
        average_decay=0.999,
        **kwargs,
    ):
        for argument, network, kind in (
            ("generator", generator, ProgressiveGenerator),
            ("discriminator", discriminator, self.discriminator_class),
        ):
            if network is not None and not isinstance(network, kind):
                raise ValueError(
                    f"`{argument}` must be a `keras_genzoo.networks.{kind.__name__}`. Received: {network!r}"
                )
        image_shape = argument_or_own("image_shape", image_shape, generator, lambda: generator.image_shape)
        latent_dim = argument_or_own(
            "latent_dim", latent_dim, generator, lambda: generator.latent_dim, default=512
        )
        super().__init__(
            image_shape=image_shape,
            latent_dim=latent_dim,
            average_decay=average_decay,
            **without_labels(kwargs),
        )
        self.num_levels = num_levels_of(image_shape)
        generator = generator or ProgressiveGenerator(image_shape, latent_dim)
        discriminator = discriminator or self.discriminator_class(image_shape)
        argument_or_own("image_shape", image_shape, discriminator, lambda: discriminator.image_shape)
        self.set_networks(generator=generator, discriminator=discriminator)

    def discriminator_loss_of(self, discriminate, real, fakes, training):
        """Computes the adversarial loss of the discriminator plus the drift term `drift E[D(x)^2]` and the
        penalty.

        Args:
            discriminate: Callable that maps images, or a list of images at several sizes, to the
                discriminator's values.
            real, fakes: Batches of images, or lists of the same images at several sizes.
            training: Bool.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses.
        """
        # Groups of the minibatch standard deviation are consecutive images, so one pass over both does not mix them.
        both = keras.tree.map_structure(lambda real, fakes: ops.concatenate([real, fakes]), real, fakes)
        real_values, fake_values = ops.split(discriminate(both), 2)
        self.update_augmentation(real_values, training)
        penalty = (
            ops.zeros(()) if self.penalty is None else self.penalty(discriminate, real, fakes, self.noise)
        )
        loss = self.adversarial_loss.discriminator(real_values, fake_values) + penalty
        loss += self.drift * ops.mean(ops.square(real_values))
        return loss, {"discriminator_loss": loss, "gradient_penalty": penalty}

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; a quarter of the paper's widths, for small data sets."""
        num_levels_of(image_shape)
        shape, latent_dim = list(image_shape), 128
        networks = {
            "generator": {"class": "ProgressiveGenerator", "image_shape": shape, "latent_dim": latent_dim},
            "discriminator": {"class": cls.discriminator_class.__name__, "image_shape": shape},
        }
        networks = {name: {**network, "fmap_max": 128} for name, network in networks.items()}
        return {
            "model": {"latent_dim": latent_dim, **networks},
            "data": {"batch_size": 16},
            "num_steps": 30_000,
        }

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        # The discriminator also uses groups in evaluation.
        check_groups(self.discriminator.group_size, num, backends.num_replicas_of(self))

    @property
    def chance_level(self):
        # The drift term is 0 for logits of 0, where these losses have their chance level.
        loss = self.adversarial_loss
        if self.penalty is not None and not self.penalty.is_zero_for_constants:
            return None
        return loss.chance_level() if loss.is_balanced_at_zero or not self.drift else None

    # Using a trained model.

    def call(self, inputs, training=False):
        return self.images_from_latents(inputs)

    def images_from_latents(self, latents, labels=None, level=None, truncation=1.0):
        """Generates images in [-1, 1] with the sampling network.

        Args:
            latents: Float tensor `(batch, latent_dim)`.
            labels: None.
            level: Int. Defaults to the level, and the fade-in, that training has reached.
            truncation: As for `sample`.

        Returns:
            Float32 tensor of images.
        """
        level, alpha = self.trained_level() if level is None else (level, None)
        images = self.sampling_network(
            latents, level=level, alpha=alpha, truncation=truncation, training=False
        )
        return ops.clip(images, -1.0, 1.0)

    def trained_level(self):
        """Returns a tuple of the level that training has reached, and alpha of its fade-in or None."""
        return self.num_levels - 1, None

    @checked
    def sample(
        self,
        num: OptionalPositiveInt = None,
        seed: OptionalSeed = None,
        latents=None,
        labels=None,
        batch_size: PositiveInt = 64,
        level: OptionalNonNegativeInt = None,
        truncation: NonNegative = 1.0,
    ):
        """Generates images.

        Args:
            num, seed, latents, batch_size: As for `LatentModel.sample`.
            labels: None: the model has no classes.
            level: Int, 0 for 4x4 images. Defaults to the level that training has reached. In a network that
                grew, the output layer of a lower level has not changed since training left that level, while
                the layers before it have.
            truncation: Float of at least 0, factor of the length of the normalized latents. Below 1, images
                are less diverse, and often better.

        Returns:
            Float32 NumPy array `(num, side, side, channels)` in [-1, 1], `side = 4 * 2**level`.

        Raises:
            ValueError: If the number of images is not given, or the arguments are out of range or do not
                match each other or the model.
        """
        if labels is not None:
            raise ValueError("`labels` was given, but this model was not trained with classes.")
        self._check_level(level)
        latents = self.latents_to_sample(num, seed, latents)
        return self.in_batches(
            self.images_from_latents, [latents], batch_size, level=level, truncation=np.float32(truncation)
        )

    def _check_level(self, level):
        if level is not None and not 0 <= level < self.num_levels:
            raise ValueError(f"`level` must be from 0 to {self.num_levels - 1}. Received: level={level}")
