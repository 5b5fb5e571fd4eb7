"""InfoGAN: latents of which a part can be read from the image."""

import math
from typing import ClassVar

import keras
import numpy as np
from keras import initializers, layers, ops

from keras_genzoo import backends, conditions, latent, losses
from keras_genzoo.arguments import (
    Flag,
    Network,
    NonNegative,
    NonNegativeInt,
    OptionalPositiveInt,
    OptionalSeed,
    PositiveInt,
    PositiveInts,
    Seed,
    array,
    checked,
)
from keras_genzoo.arguments import integer as check_integer
from keras_genzoo.layers import BatchNormalization
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.network_checks import (
    argument_or_own,
    check_label_inputs,
    shape_and_latent_dim,
    without_labels,
)
from keras_genzoo.models.options import checked_options
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class InfoGAN(AdversarialModel):
    """A GAN whose latents hold a category and codes that the discriminator's second head reads from the images.

    A latent is a one-hot category, then continuous codes and noise, both uniform in (-1, 1). Without any label the
    categories come to stand for kinds of images, and the codes for how they vary. Both players maximize a lower bound
    of the mutual information between an image and its category and codes (equation 6): the log-likelihood of these by
    the second head, which shares the discriminator's trunk. The distribution of a code given an image is normal with
    variance 1.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to what `generator` makes.
        latent_dim: Int, length of a latent. Defaults to what `generator` takes, or 74.
        num_categories: Int, at least 2.
        num_codes: Int, number of continuous codes.
        generator: `keras.Model` from latents to images in [-1, 1]. Defaults to `InfoGANGenerator`.
        discriminator: `keras.Model` from images to a list of logits `(batch, 1)` and of what is read, `(batch,
            num_categories + num_codes)`: the logits of the categories, then the means of the codes. Defaults to
            `InfoGANDiscriminator`.
        information_weight: Float, lambda of the paper.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Example:

    ```python
    gan = keras_genzoo.models.InfoGAN(image_shape=(28, 28, 1))
    gan.compile()
    gan.fit(keras_genzoo.datasets.load("mnist", batch_size=128), epochs=20)
    latents = gan.latents_with(category=3, codes=[[-1, 0], [0, 0], [1, 0]], seed=0)
    images = gan.sample(latents=latents)
    ```

    Source: Chen et al. 2016, "InfoGAN" (arXiv:1606.03657); constants as in the authors' code.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = ("discriminator_loss", "generator_loss", "adversarial_loss", "mutual_information")
    adversarial_log = "adversarial_loss"

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        num_categories: PositiveInt = 10,
        num_codes: NonNegativeInt = 2,
        generator: Network = None,
        discriminator: Network = None,
        information_weight: NonNegative = 1.0,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 74)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, **without_labels(kwargs))
        check_integer("num_categories", num_categories, at_least=2)
        num_read = num_categories + num_codes
        if latent_dim < num_read:
            raise ValueError(
                f"`latent_dim` must be at least the {num_read} of `num_categories` and `num_codes`. Received: "
                f"latent_dim={latent_dim}"
            )
        generator = generator or InfoGANGenerator(image_shape, latent_dim)
        discriminator = discriminator or InfoGANDiscriminator(image_shape, num_read)
        check_label_inputs(None, generator, discriminator)
        shapes = [tuple(output.shape[1:]) for output in discriminator.outputs]
        if shapes != [(1,), (num_read,)]:
            raise ValueError(
                f"`discriminator` must give a list of logits (batch, 1) and of what is read, (batch, {num_read}). "
                f"Received: {discriminator.name!r} with outputs of the shapes {shapes}"
            )
        argument_or_own("image_shape", image_shape, discriminator, lambda: discriminator.input_shape[1:])
        self.source_loss = losses.NonSaturating()
        self.set_networks(generator=generator, discriminator=discriminator)

    def default_optimizers(self):
        """Adam with beta_1 0.5, learning rate 1e-3 for the generator, 2e-4 for the discriminator (appendix C.1)."""
        return {
            "generator": Adam(learning_rate=1e-3, beta_1=0.5),
            "discriminator": Adam(learning_rate=2e-4, beta_1=0.5),
        }

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        fakes, pullback = self.vjp(lambda: self.generator(latents, training=True), "generator")
        discriminator_loss = self.minimize(
            lambda: self.discriminator_loss(images, fakes, latents, True), "discriminator"
        )
        _, logs = self.minimize_through(
            lambda fakes: self.generator_loss(fakes, latents, True),
            fakes,
            pullback,
            "generator",
            has_aux=True,
        )
        self.update_average(num)
        return self.update_trackers(discriminator_loss=discriminator_loss, **logs)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        latents = self.draw_latents(ops.shape(images)[0])
        fakes = self.sampling_network(latents, training=False)
        _, logs = self.generator_loss(fakes, latents)
        return self.update_trackers(
            discriminator_loss=self.discriminator_loss(images, fakes, latents), **logs
        )

    def discriminator_loss(self, images, fakes, latents, training=False):
        """The loss of a discriminator less the weighted bound of the information, float32 scalar."""
        real_logits, _ = self._read(images, training)
        fake_logits, read = self._read(ops.stop_gradient(fakes), training)
        self.update_augmentation(real_logits, training)
        adversarial_loss = self.source_loss.discriminator(real_logits, fake_logits)
        return adversarial_loss - self.information_weight * self.mutual_information(latents, read)

    def generator_loss(self, fakes, latents, training=False):
        """The non-saturating loss less the weighted bound of the information.

        Returns:
            Tuple of the float32 scalar and a dict of the logged values.
        """
        logits, read = self._read(fakes, training)
        adversarial_loss, information = (
            self.source_loss.generator(logits),
            self.mutual_information(latents, read),
        )
        loss = adversarial_loss - self.information_weight * information
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "mutual_information": information,
        }

    def mutual_information(self, latents, read):
        """The lower bound in nats: the entropy of category and codes, and their mean log-likelihood by what was read.

        Args:
            latents: Float tensor `(batch, latent_dim)`.
            read: Float tensor `(batch, num_categories + num_codes)`, logits of categories and means of codes.

        Returns:
            Float32 scalar tensor, at most `log(num_categories) + num_codes * (log 2 - log(2 pi) / 2)`.
        """
        read = ops.cast(read, "float32")
        categories, codes = self.num_categories, self.num_codes
        category = latents[:, :categories]
        of_category = ops.sum(category * ops.log_softmax(read[:, :categories]), axis=1)
        errors = latents[:, categories : categories + codes] - read[:, categories:]
        of_codes = -0.5 * ops.sum(ops.square(errors), axis=1) - codes * 0.5 * math.log(2 * math.pi)
        return ops.mean(of_category + of_codes) + math.log(categories) + codes * math.log(2)

    def _read(self, images, training):
        return self.discriminator(self.seen(images, training), training=training)

    # Using a trained model.

    @property
    def latent(self):
        """A category, and values uniform in (-1, 1): the codes, then the noise."""
        return latent.CategoryAndUniform(self.latent_dim, num_categories=self.num_categories)

    @checked
    def latents_with(
        self, num: OptionalPositiveInt = None, seed: OptionalSeed = None, category=None, codes=None
    ):
        """Latents of a seed with a category and codes of choice, for `sample(latents=...)`.

        Args:
            num: Int, number of latents. Defaults to the number of categories or codes given.
            seed: Int from 0 to 2**32 - 1, of what is not given. Defaults to a fresh seed.
            category: Int, or ints `(num,)`, from 0 to `num_categories - 1`; None leaves them to the seed.
            codes: Floats from -1 to 1, `(num_codes,)` or `(num, num_codes)`; None leaves them to the seed.

        Returns:
            Float32 NumPy array `(num, latent_dim)`.

        Raises:
            ValueError: If an argument has another shape or lies outside its range.
        """
        categories = None if category is None else np.atleast_1d(array("category", category))
        codes = None if codes is None else np.atleast_2d(array("codes", codes, "float32"))
        if num is None:
            num = max((len(given) for given in (categories, codes) if given is not None), default=None)
        latents = self.latents_to_sample(num, seed, None).copy()
        num = len(latents)
        if categories is not None:
            is_int = categories.dtype.kind in "iu" and categories.shape in ((1,), (num,))
            if not is_int or categories.min() < 0 or categories.max() >= self.num_categories:
                raise ValueError(
                    f"`category` must be an int from 0 to {self.num_categories - 1}, or {num} of them. Received: "
                    f"category={category!r}"
                )
            latents[:, : self.num_categories] = np.eye(self.num_categories, dtype="float32")[categories]
        if codes is not None:
            shapes = ((1, self.num_codes), (num, self.num_codes))
            if codes.shape not in shapes or not (np.abs(codes) <= 1).all():
                raise ValueError(
                    f"`codes` must lie from -1 to 1 and have the shape ({self.num_codes},) or ({num}, "
                    f"{self.num_codes}). Received: shape {codes.shape} with values up to {np.abs(codes).max()}"
                )
            latents[:, self.num_categories : self.num_categories + self.num_codes] = codes
        return latents

    @checked
    def preview(self, examples=None, seed: Seed = 0, num: OptionalPositiveInt = None):
        """As for `ZooModel`: samples, the categories in turn, so that each column holds one."""
        num = num or self.modality.num_shown
        categories = conditions.Labels(self.num_categories)
        latents = self.latents_with(num, seed, category=categories.in_turn(num))
        return self.modality.show(
            self.sample(latents=latents), columns=categories.columns(num), examples=examples
        )

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; samples are those of an average, which flicker less."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 128}, "num_steps": 10_000}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class InfoGANGenerator(ConfigurableNetwork):
    """Latents to images by two dense layers and two 4x4 transposed convolutions of stride 2.

    Batch normalization and ReLU follow all but the last, tanh the last. With 28x28x1 and a latent of 74 it has
    6,652,481 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`, the sides multiples of 4.
        latent_dim: Int, length of a latent.
        width: Int, channels before the last layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images in [-1, 1].

    Source: Chen et al. 2016, appendix C.1, and the authors' code.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 74,
        width: PositiveInt = 64,
        synchronized: Flag = False,
        name="generator",
    ):
        height, breadth, channels = _divisible(image_shape)
        latents = x = keras.Input((latent_dim,), name="latents")
        for units in (16 * width, height // 4 * (breadth // 4) * 2 * width):
            x = layers.ReLU()(_normalized(_dense(units)(x), synchronized))
        x = layers.Reshape((height // 4, breadth // 4, 2 * width))(x)
        x = layers.Conv2DTranspose(width, 4, 2, "same", kernel_initializer=_normal())(x)
        x = layers.ReLU()(_normalized(x, synchronized))
        x = layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=_normal())(x)
        outputs = layers.Activation("tanh", dtype="float32", name="images")(x)
        super().__init__(latents, outputs, name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class InfoGANDiscriminator(ConfigurableNetwork):
    """Images to logits and to what is read of a latent, by two 4x4 convolutions of stride 2 and dense layers.

    Batch normalization follows all but the first layer, leaky ReLU of slope 0.01 each. With 28x28x1 and 12 values to
    read it has 6,692,173 trainable parameters: the authors' network, but for two outputs of theirs that are not used.

    Args:
        image_shape: Tuple `(height, width, channels)`, the sides multiples of 4.
        num_read: Int, number of values that are read.
        width: Int, channels after the first layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        List of float32 logits `(batch, 1)` and float32 values `(batch, num_read)`.

    Source: as for `InfoGANGenerator`.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        num_read: PositiveInt = 12,
        width: PositiveInt = 64,
        synchronized: Flag = False,
        name="discriminator",
    ):
        images = keras.Input(_divisible(image_shape), name="images")
        x = _leaky(layers.Conv2D(width, 4, 2, "same", kernel_initializer=_normal())(images))
        x = layers.Conv2D(2 * width, 4, 2, "same", kernel_initializer=_normal())(x)
        x = layers.Flatten()(_leaky(_normalized(x, synchronized)))
        features = _leaky(_normalized(_dense(16 * width)(x), synchronized))
        logits = _dense(1, dtype="float32", name="logits")(features)
        x = _leaky(_normalized(_dense(2 * width)(features), synchronized))
        super().__init__(images, [logits, _dense(num_read, dtype="float32", name="read")(x)], name=name)


def _divisible(image_shape):
    height, width, _ = image_shape
    if height % 4 or width % 4:
        raise ValueError(
            "The sides of `image_shape` must be multiples of 4: the networks halve them twice. Received: "
            f"{tuple(image_shape)}. Resize the images, for example with `image_size=32` when loading."
        )
    return tuple(image_shape)


def _normal(mean=0.0):
    return initializers.RandomNormal(mean, 0.02)


def _dense(units, **arguments):
    return layers.Dense(units, kernel_initializer=_normal(), **arguments)


def _normalized(x, synchronized):
    return BatchNormalization(gamma_initializer=_normal(1.0), synchronized=synchronized)(x)


def _leaky(x):
    return layers.LeakyReLU(negative_slope=0.01)(x)
