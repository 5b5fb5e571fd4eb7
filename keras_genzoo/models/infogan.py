"""InfoGAN: latents with a category and codes that can be inferred from the image."""

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
    """A GAN that learns an interpretable category and continuous codes without labels (InfoGAN).

    A latent consists of a one-hot category, continuous codes, and noise; codes and noise are uniform in (-1,
    1). During training, categories come to represent types of images, and codes the variations within them.
    Both players maximize a lower bound of the mutual information between an image and its category and codes
    (equation 6): `L_I = H(c) + E[log Q(c | G(z))]`. `Q` is a second head of the discriminator. It outputs the
    logits of the category and the means of the codes, which are normal with variance 1.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the output shape of `generator`. The
            default networks need sides that are multiples of 4.
        latent_dim: Positive int, length of a latent, at least `num_categories + num_codes`. Defaults to the
            input of `generator`, or 74.
        num_categories: Int of at least 2, number of categories.
        num_codes: Int of at least 0, number of continuous codes.
        generator: `keras.Model` that maps latents to images in [-1, 1]. Defaults to `InfoGANGenerator`.
        discriminator: `keras.Model` that maps images to a list of logits `(batch, 1)` and of inferred values
            `(batch, num_categories + num_codes)`: the logits of the categories, then the means of the codes.
            Defaults to `InfoGANDiscriminator`.
        information_weight: Float of at least 0, weight of the mutual information, lambda of the paper.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is given, or the networks do not match
            the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    gan = kg.models.InfoGAN(image_shape=(8, 8, 1), latent_dim=16)
    gan.compile()
    gan.fit(images, batch_size=8, epochs=1)
    latents = gan.latents_with(category=3, codes=[[-1, 0], [0, 0], [1, 0]], seed=0)
    samples = gan.sample(latents=latents)  # float32 (3, 8, 8, 1) in [-1, 1]
    ```

    Reference: Chen et al., "InfoGAN: Interpretable representation learning by information maximizing
    generative adversarial nets", 2016, arXiv:1606.03657; constants as in the authors' code.
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
                f"`latent_dim` must be at least `num_categories + num_codes`, {num_read}. Received: "
                f"latent_dim={latent_dim}"
            )
        generator = generator or InfoGANGenerator(image_shape, latent_dim)
        discriminator = discriminator or InfoGANDiscriminator(image_shape, num_read)
        check_label_inputs(None, generator, discriminator)
        shapes = [tuple(output.shape[1:]) for output in discriminator.outputs]
        if shapes != [(1,), (num_read,)]:
            raise ValueError(
                "`discriminator` must return a list of logits (batch, 1) and of inferred values (batch, "
                f"{num_read}). Received: {discriminator.name!r} with outputs of shapes {shapes}"
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
        """Computes the loss of the discriminator minus the weighted mutual information, a float32 scalar."""
        real_logits, _ = self._read(images, training)
        fake_logits, read = self._read(ops.stop_gradient(fakes), training)
        self.update_augmentation(real_logits, training)
        adversarial_loss = self.source_loss.discriminator(real_logits, fake_logits)
        return adversarial_loss - self.information_weight * self.mutual_information(latents, read)

    def generator_loss(self, fakes, latents, training=False):
        """Computes the non-saturating loss minus the weighted mutual information.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged values.
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
        """Computes the lower bound of the mutual information: entropy plus mean log-likelihood, in nats.

        Args:
            latents: Float tensor `(batch, latent_dim)`.
            read: Float tensor `(batch, num_categories + num_codes)`, logits of the categories and means of
                the codes.

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
        """Latents with a category, and values uniform in (-1, 1): the codes, then the noise."""
        return latent.CategoryAndUniform(self.latent_dim, num_categories=self.num_categories)

    @checked
    def latents_with(
        self, num: OptionalPositiveInt = None, seed: OptionalSeed = None, category=None, codes=None
    ):
        """Creates latents with a given category and given codes, for `sample(latents=...)`.

        Args:
            num: Positive int, number of latents. Defaults to the number of categories or codes given.
            seed: Int from 0 to 2**32 - 1 for the values that are not given. Defaults to a random seed.
            category: Int, or int array `(num,)`, from 0 to `num_categories - 1`. Defaults to random
                categories.
            codes: Float array `(num_codes,)` or `(num, num_codes)` in [-1, 1]. Defaults to random codes.

        Returns:
            Float32 NumPy array `(num, latent_dim)`.

        Raises:
            ValueError: If an argument has another shape or is out of its range.

        Example:

        ```python
        import keras_genzoo as kg

        gan = kg.models.InfoGAN(image_shape=(8, 8, 1), latent_dim=16)
        latents = gan.latents_with(4, seed=0, category=3)  # float32 (4, 16)
        ```
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
                    f"`category` must be an int from 0 to {self.num_categories - 1}, or {num} such ints. Received: "
                    f"category={category!r}"
                )
            latents[:, : self.num_categories] = np.eye(self.num_categories, dtype="float32")[categories]
        if codes is not None:
            shapes = ((1, self.num_codes), (num, self.num_codes))
            if codes.shape not in shapes or not (np.abs(codes) <= 1).all():
                raise ValueError(
                    f"`codes` must be in [-1, 1] and have the shape ({self.num_codes},) or ({num}, "
                    f"{self.num_codes}). Received: shape {codes.shape} with values up to {np.abs(codes).max()}"
                )
            latents[:, self.num_categories : self.num_categories + self.num_codes] = codes
        return latents

    @checked
    def preview(self, examples=None, seed: Seed = 0, num: OptionalPositiveInt = None):
        """As for `ZooModel`: samples, with one category per column."""
        num = num or self.modality.num_shown
        categories = conditions.Labels(self.num_categories)
        latents = self.latents_with(num, seed, category=categories.in_turn(num))
        return self.modality.show(
            self.sample(latents=latents), columns=categories.columns(num), examples=examples
        )

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`. Samples are generated by an average, which is more stable."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 128}, "num_steps": 10_000}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class InfoGANGenerator(ConfigurableNetwork):
    """Generator of InfoGAN: two dense layers and two 4x4 transposed convolutions with stride 2.

    All but the last are followed by batch normalization and ReLU, the last by tanh. For 28x28x1 and latents
    of length 74 it has 6,652,481 trainable parameters.

    Args:
        image_shape: Tuple `(height, width, channels)` whose sides are multiples of 4.
        latent_dim: Positive int, length of a latent.
        width: Positive int, number of channels before the last layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range, or the sides are not multiples of 4.

    Reference: Chen et al., "InfoGAN: Interpretable representation learning by information maximizing
    generative adversarial nets", 2016, arXiv:1606.03657, appendix C.1, and the authors' code.
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
    """Discriminator of InfoGAN: two 4x4 convolutions with stride 2 and dense layers, with two heads.

    All but the first layer are followed by batch normalization, and all by leaky ReLU with slope 0.01. For
    28x28x1 and 12 inferred values it has 6,692,173 trainable parameters. The authors' network has two more
    outputs, which they do not use.

    Args:
        image_shape: Tuple `(height, width, channels)` whose sides are multiples of 4.
        num_read: Positive int, number of inferred values.
        width: Positive int, number of channels after the first layer.
        synchronized: Bool, whether batch normalization uses the statistics of all replicas.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        List of float32 logits `(batch, 1)` and float32 values `(batch, num_read)`.

    Raises:
        ValueError: If an argument is out of its range, or the sides are not multiples of 4.

    Reference: as for `InfoGANGenerator`.
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
