"""Generative adversarial networks: the GAN of 2014, DCGAN, and the conditional GAN."""

import contextlib
from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, layers
from keras_genzoo.arguments import Flag, Network, NonNegative, NonNegativeInt, PositiveInt, Share
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.discriminator_inputs import Targets, with_noise
from keras_genzoo.models.network_checks import (
    argument_or_own,
    check_for_penalty,
    check_history,
    check_label_inputs,
    check_packs,
    first_of,
    has_batch_normalization,
    join,
    shape_and_latent_dim,
)
from keras_genzoo.models.options import Interval, Loss, Penalty, checked_options
from keras_genzoo.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GAN(AdversarialModel):
    """A generator and a discriminator in alternating updates.

    With `image_shape` alone this is DCGAN. Other networks are passed ready made; `num_classes` makes the
    model conditional on labels.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(num_features,)` for points. Defaults to what
            `generator` makes.
        latent_dim: Int, length of a latent. Defaults to what `generator` takes, or 100.
        generator: `keras.Model` from latents (or a list of latents and labels) to images in [-1, 1].
            Defaults to `DCGANGenerator`, for points to `MLPGenerator`.
        discriminator: `keras.Model` from images (or a list of images and labels) to logits. Defaults to
            `DCGANDiscriminator`, for points to `MLPDiscriminator`. One made with `packing` judges several
            samples together (Lin et al. 2018).
        width: Int, base width of the default networks for images.
        num_classes: Int, or None for an unconditional model (labels in the data are then ignored).
        loss: `"non_saturating"`, `"minimax"`, `"least_squares"`, `"mean_squared_error"`, `"hinge"`,
            `"wasserstein"`, or a `keras_genzoo.losses.AdversarialLoss`.
        penalty: `keras_genzoo.penalties.GradientPenalty`, or its name (`"r1"`), that is added to the
            discriminator's loss, or None. The discriminator must then have neither batch normalization, which
            the default one has, nor packing.
        discriminator_steps: Int, updates of the discriminator per step, each with new generated images and the
            same real ones. The generator's update uses the last of the generated images.
        separate_batches: Bool. True passes real and generated images through the discriminator one after
            the other, so that batch normalization sees each apart. False joins them into one batch, which is
            refused for a discriminator with batch normalization.
        real_targets, fake_targets: Float, or a pair `(low, high)` from which each image's target is drawn
            (label smoothing; Salimans et al. 2016, section 3.4).
        label_flip_probability: Float in [0, 1), share of images whose target is that of the other side.
        instance_noise: Float, standard deviation of the noise added to every image that the discriminator
            sees (Sonderby et al. 2017, section 3.2).
        history_size: Int, number of earlier generated images kept for the discriminator (0 for none); see
            `keras_genzoo.layers.ImageHistory`.
        prediction_step: Bool. True lets the generator's update see the discriminator where it would be after its last
            update once more (Yadav et al. 2018, "Stabilizing adversarial nets with prediction methods", equation 4,
            here for the generator's sight alone), which dampens players that circle around each other.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Example:

    ```python
    gan = keras_genzoo.models.GAN(image_shape=(28, 28, 1))
    gan.compile()
    gan.fit(keras_genzoo.datasets.load("fashion_mnist"), epochs=20)
    images = gan.sample(16, seed=0)
    ```

    Source: Goodfellow et al. 2014, algorithm 1; Radford et al. 2015; Mirza & Osindero 2014.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = ("discriminator_loss", "generator_loss")
    adversarial_log = "generator_loss"

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        num_classes=None,
        loss: Loss = "non_saturating",
        penalty: Penalty = None,
        discriminator_steps: PositiveInt = 1,
        separate_batches: Flag = True,
        real_targets: Interval = 1.0,
        fake_targets: Interval = 0.0,
        label_flip_probability: Share = 0.0,
        instance_noise: NonNegative = 0.0,
        history_size: NonNegativeInt = 0,
        prediction_step: Flag = False,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 100)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, num_classes=num_classes, **kwargs)
        if len(self.image_shape) == 1:
            generator = generator or MLPGenerator(latent_dim, image_shape)
            discriminator = discriminator or MLPDiscriminator(image_shape)
        else:
            generator = generator or DCGANGenerator(image_shape, latent_dim, width, num_classes)
            discriminator = discriminator or DCGANDiscriminator(image_shape, width, num_classes)
        argument_or_own(
            "image_shape", image_shape, discriminator, lambda: first_of(discriminator.input_shape)[1:]
        )
        self.targets = Targets(real_targets, fake_targets, label_flip_probability)
        self.image_history = None
        if history_size:
            # Another stream than that of the noise.
            seed = None if self.seed is None else (self.seed + 1) % 2**32
            self.image_history = layers.ImageHistory(history_size, seed=seed, name="image_history")
            self.image_history.build((None, *self.image_shape))
        self._check_options(generator, discriminator)
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def has_logits(self):
        return self.adversarial_loss.is_balanced_at_zero

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for both (Radford et al. 2015, section 4)."""
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        num = ops.shape(images)[0]
        for _ in range(self.discriminator_steps):
            latents = self.draw_latents(num)
            fakes, pullback = self.vjp(lambda: self.generate(latents, labels, True), "generator")  # noqa: B023
            before = self._weights_to_predict_from()
            discriminator_loss = self.minimize(
                lambda: self.discriminator_loss(images, fakes, labels, True),  # noqa: B023
                "discriminator",
            )
        with self._predicted_discriminator(before):
            generator_loss = self.minimize_through(
                lambda fakes: self.generator_loss(fakes, labels, True), fakes, pullback, "generator"
            )
        self.update_average(num)
        return self.update_trackers(discriminator_loss=discriminator_loss, generator_loss=generator_loss)

    @backends.test_step
    def test_step(self, data):
        images, labels = self.unpack(data)
        latents = self.draw_latents(ops.shape(images)[0])
        fakes = self.sampling_network(join(latents, labels), training=False)
        return self.update_trackers(
            discriminator_loss=self.discriminator_loss(images, fakes, labels, False),
            generator_loss=self.generator_loss(fakes, labels, False),
        )

    def _weights_to_predict_from(self):
        if not self.prediction_step:
            return None
        return [ops.copy(variable.value) for variable in self.discriminator.trainable_variables]

    @contextlib.contextmanager
    def _predicted_discriminator(self, before):
        """Inside, the discriminator has moved on from where it was `before` by as much again."""
        if before is None:
            yield
            return
        variables = self.discriminator.trainable_variables
        after = [ops.copy(variable.value) for variable in variables]
        for variable, old, new in zip(variables, before, after, strict=True):
            variable.assign(2.0 * new - old)
        yield
        for variable, new in zip(variables, after, strict=True):
            variable.assign(new)

    def generate(self, latents, labels=None, training=False):
        """Images of the generator that is being trained."""
        return self.generator(join(latents, labels), training=training)

    def discriminator_loss(self, images, fakes, labels=None, training=False):
        """Loss of the discriminator on a batch of real and one of generated images, float32 scalar."""
        fakes = ops.stop_gradient(fakes)
        if training and self.image_history is not None:
            fakes = self.image_history(fakes)
        real_logits, fake_logits = self._logits_of_both(images, fakes, labels, training)
        self.update_augmentation(real_logits, training)
        targets = ()
        if training and not self.targets.are_constant:
            targets = self.targets.draw(real_logits, fake_logits, self.noise)
        loss = self.adversarial_loss.discriminator(real_logits, fake_logits, *targets)
        if self.penalty is None:
            return loss
        return loss + self.penalty(
            lambda samples: self._logits(samples, labels, training), images, fakes, self.noise
        )

    def generator_loss(self, fakes, labels=None, training=False):
        """Loss of the generator, float32 scalar."""
        return self.adversarial_loss.generator(self._logits(fakes, labels, training))

    def _logits_of_both(self, images, fakes, labels, training):
        if self.separate_batches:
            return self._logits(images, labels, training), self._logits(fakes, labels, training)
        both_labels = None if labels is None else ops.concatenate([labels, labels])
        return ops.split(self._logits(ops.concatenate([images, fakes]), both_labels, training), 2)

    def _logits(self, images, labels, training):
        images = self.seen(images, training)
        if training and self.instance_noise:
            images = with_noise(images, self.instance_noise, self.noise)
        return self.discriminator(join(images, labels), training=training)

    # What is asked of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; samples are those of an average, which flicker less."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 32}, "num_steps": 20_000}

    def _check_options(self, generator, discriminator):
        check_label_inputs(self.num_classes, generator, discriminator)
        if self.penalty is not None:
            check_for_penalty(discriminator)
        if not self.targets.are_constant and not self.adversarial_loss.uses_targets:
            raise ValueError(
                "`real_targets`, `fake_targets` and `label_flip_probability` need a loss with targets "
                "(minimax, non_saturating, least_squares, mean_squared_error). Received: "
                f"loss={type(self.adversarial_loss).__name__}"
            )
        if not self.separate_batches and has_batch_normalization(discriminator):
            raise ValueError(
                "`separate_batches=False` would normalize real and generated images by common statistics: "
                "the discriminator has batch normalization. Use `separate_batches=True`."
            )

    @property
    def chance_level(self):
        if self.penalty is not None and not self.penalty.is_zero_for_constants:
            return None
        if self.targets.are_constant:
            return self.adversarial_loss.chance_level()
        return self.adversarial_loss.chance_level(self.real_targets, self.fake_targets)

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if training:
            replicas = backends.num_replicas_of(self)
            check_packs(self.discriminator, num // replicas)
            check_history(self.history_size, -(-num // replicas))
