"""Generative adversarial networks: the original GAN, DCGAN, and the conditional GAN."""

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
    """A generator and a discriminator that are trained alternately.

    With `image_shape` only, this is DCGAN. Other networks can be passed. With `num_classes` the model is
    conditional on labels. `loss` selects the losses of both players; see `keras_genzoo.losses`.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(num_features,)` for points. Defaults to the
            output shape of `generator`. The default networks need a square image with a side of 4 * 2^k or
            7 * 2^k, such as 28, 32 or 64.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 100.
        generator: `keras.Model` that maps latents (or a list of latents and labels) to images in [-1, 1].
            Defaults to `DCGANGenerator`, for points to `MLPGenerator`.
        discriminator: `keras.Model` that maps images (or a list of images and labels) to logits. Defaults to
            `DCGANDiscriminator`, for points to `MLPDiscriminator`. With `packing`, it judges several samples
            together (PacGAN).
        width: Positive int, base width of the default networks for images.
        num_classes: Int of at least 2, or None for an unconditional model, which ignores labels in the data.
        loss: `"non_saturating"`, `"minimax"`, `"least_squares"`, `"mean_squared_error"`, `"hinge"`,
            `"wasserstein"`, or a `keras_genzoo.losses.AdversarialLoss`.
        penalty: `keras_genzoo.penalties.GradientPenalty`, its name (such as `"r1"`), or None. Added to the
            loss of the discriminator. It needs a discriminator without batch normalization and packing; the
            default discriminator has batch normalization.
        discriminator_steps: Positive int, number of discriminator updates per step. Each uses new generated
            images and the same real images. The update of the generator uses the last generated images.
        separate_batches: Bool. If True, real and generated images are passed through the discriminator
            separately, so that batch normalization has separate statistics. If False, they are joined into
            one batch, which is not allowed with batch normalization.
        real_targets, fake_targets: Float, or a pair `(low, high)` from which the target of each image is
            drawn uniformly (label smoothing; Salimans et al. 2016, section 3.4).
        label_flip_probability: Float in [0, 1), fraction of images whose target is swapped.
        instance_noise: Float of at least 0, standard deviation of the Gaussian noise added to all images that
            the discriminator sees (Sønderby et al. 2017, section 3.2).
        history_size: Int of at least 0, number of earlier generated images kept for the discriminator (0 for
            none); see `keras_genzoo.layers.ImageHistory`.
        prediction_step: Bool. If True, the generator is updated against a discriminator extrapolated by its
            last update, which dampens oscillations (Yadav et al., "Stabilizing adversarial nets with
            prediction methods", 2018, arXiv:1705.07364, equation 4; here only for the update of the
            generator).
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, the networks do not match `image_shape`, `latent_dim`
            or `num_classes`, or the loss, the penalty or the batches are not supported by the discriminator.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 1), dtype="uint8")
    gan = kg.models.GAN(image_shape=(28, 28, 1), width=4)
    gan.compile()
    gan.fit(images, batch_size=8, epochs=1)
    samples = gan.sample(4, seed=0)  # float32 (4, 28, 28, 1) in [-1, 1]
    ```

    Reference: Goodfellow et al., "Generative adversarial nets", 2014, arXiv:1406.2661, algorithm 1. Radford
    et al., "Unsupervised representation learning with deep convolutional generative adversarial networks",
    2015, arXiv:1511.06434. Mirza & Osindero, "Conditional generative adversarial nets", 2014,
    arXiv:1411.1784.
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
            # A random stream that differs from that of the noise.
            seed = None if self.seed is None else (self.seed + 1) % 2**32
            self.image_history = layers.ImageHistory(history_size, seed=seed, name="image_history")
            self.image_history.build((None, *self.image_shape))
        self._check_options(generator, discriminator)
        self.set_networks(generator=generator, discriminator=discriminator)

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
        """Context manager in which the discriminator is extrapolated by its last update."""
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
        """Generates images with the generator that is being trained."""
        return self.generator(join(latents, labels), training=training)

    def discriminator_loss(self, images, fakes, labels=None, training=False):
        """Computes the loss of the discriminator, including the penalty.

        Args:
            images: Float tensor of real images.
            fakes: Float tensor of generated images. No gradient flows to the generator.
            labels: Int tensor `(batch,)`, or None.
            training: Bool.

        Returns:
            Float32 scalar tensor.
        """
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
        """Computes the loss of the generator for a batch of generated images, a float32 scalar."""
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

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`. Samples are generated by an average, which is more stable."""
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
                "`separate_batches=False` is not supported: the discriminator has batch normalization, which would "
                "mix the statistics of real and generated images. Use `separate_batches=True`."
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
