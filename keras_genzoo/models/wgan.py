"""Wasserstein GANs: WGAN with weight clipping, and WGAN-GP with a gradient penalty."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, losses, penalties
from keras_genzoo.arguments import Flag, Network, Positive, PositiveInt
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.batch_parts import batch_parts, check_parts
from keras_genzoo.models.network_checks import (
    argument_or_own,
    check_for_penalty,
    check_label_inputs,
    check_packs,
    first_of,
    join,
    shape_and_latent_dim,
)
from keras_genzoo.models.options import Penalty, checked_options
from keras_genzoo.networks import MLPDiscriminator, MLPGenerator, StridedCritic, UpsamplingGenerator
from keras_genzoo.optimizers import Adam


class WassersteinGAN(AdversarialModel):
    """Base class of `WGAN` and `WGANGP`: a critic with several updates per update of the generator.

    Subclasses implement `critic_loss`, and `constrain_critic` if the critic is also constrained after each
    update.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(num_features,)` for points. Defaults to the
            output shape of `generator`. The default networks need a square image with a side of at least 8.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 128.
        generator: `keras.Model` that maps latents (or a list of latents and labels) to images in [-1, 1].
            Defaults to `UpsamplingGenerator`, for points to `MLPGenerator`.
        critic: `keras.Model` that maps images (or a list of images and labels) to values. Defaults to
            `StridedCritic`, for points to `MLPDiscriminator`.
        width: Positive int, base width of the default networks for images.
        num_classes: Int of at least 2, or None for an unconditional model, which ignores labels in the data.
            With classes, pass a generator and a critic that take labels.
        critic_steps: Positive int, number of critic updates per step.
        split_batches: Bool. If True, each update of the critic uses its own part of the batch. With batches
            of `critic_steps * b` images, each update uses `b` new images, as in the algorithms of the papers.
            If False, each update uses the whole batch.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.
    """

    has_logits = False
    players: ClassVar = {"generator": ("generator",), "critic": ("critic",)}

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator: Network = None,
        critic: Network = None,
        width=64,
        num_classes=None,
        critic_steps: PositiveInt = 5,
        split_batches: Flag = False,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 128)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, num_classes=num_classes, **kwargs)
        if len(self.image_shape) == 1:
            generator = generator or MLPGenerator(latent_dim, image_shape)
            critic = critic or MLPDiscriminator(image_shape, name="critic")
        else:
            generator = generator or UpsamplingGenerator(image_shape, latent_dim, width)
            critic = critic or StridedCritic(image_shape, width)
        argument_or_own("image_shape", image_shape, critic, lambda: first_of(critic.input_shape)[1:])
        check_label_inputs(num_classes, generator, critic)
        self.wasserstein_loss = losses.Wasserstein()
        self.set_networks(generator=generator, critic=critic)

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        critic_logs = []
        for real, real_labels in self._critic_batches(images, labels):
            latents = self.draw_latents(ops.shape(real)[0])
            fakes = self.generator(join(latents, real_labels), training=True)
            _, logs = self.minimize(
                lambda: self.critic_loss(real, fakes, real_labels, True),  # noqa: B023
                "critic",
                has_aux=True,
            )
            self.constrain_critic()
            critic_logs.append(logs)
        latents = self.draw_latents(ops.shape(real)[0])
        generator_loss = self.minimize(lambda: self.generator_loss(latents, real_labels, True), "generator")
        self.update_average(ops.shape(images)[0])
        means = {name: sum(logs[name] for logs in critic_logs) / self.critic_steps for name in critic_logs[0]}
        return self.update_trackers(**means, generator_loss=generator_loss)

    @backends.test_step
    def test_step(self, data):
        images, labels = self.unpack(data)
        latents = self.draw_latents(ops.shape(images)[0])
        fakes = self.sampling_network(join(latents, labels), training=False)
        _, logs = self.critic_loss(images, fakes, labels, False)
        generator_loss = self.wasserstein_loss.generator(self.values(fakes, labels))
        return self.update_trackers(**logs, generator_loss=generator_loss)

    def critic_loss(self, images, fakes, labels=None, training=False):
        """Computes the loss of the critic for a batch of real and a batch of generated images.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses.
        """
        raise NotImplementedError

    def constrain_critic(self):
        """Called after each update of the critic; the default implementation does nothing."""

    def generator_loss(self, latents, labels=None, training=False):
        """Computes `-E[D(G(z))]`, a float32 scalar."""
        fakes = self.generator(join(latents, labels), training=training)
        return self.wasserstein_loss.generator(self.values(fakes, labels, training))

    def values(self, images, labels=None, training=False):
        """Computes the critic's values of images."""
        return self.critic(join(self.seen(images, training), labels), training=training)

    def _critic_batches(self, images, labels):
        """Returns pairs of images and labels, one per update of the critic."""
        return batch_parts(images, labels, self.critic_steps, self.split_batches)

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`. Samples are generated by an average, which is more stable."""
        return {"model": {"average_half_life": 2000}, "data": {"batch_size": 32}, "num_steps": 20_000}

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if not training:
            return
        parts = backends.num_replicas_of(self)
        if self.split_batches:
            parts *= self.critic_steps
            check_parts(num, parts, "critic_steps")
        check_packs(self.critic, num // parts)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class WGAN(WassersteinGAN):
    """A Wasserstein GAN with weight clipping (WGAN).

    The critic minimizes `E[D(G(z))] - E[D(x)]`, the generator `-E[D(G(z))]`. After each update, the weights
    of the critic are clipped. The negative loss of the critic estimates the Wasserstein-1 distance up to a
    factor.

    Args:
        image_shape, latent_dim, generator, critic, width, num_classes, critic_steps: As for `WassersteinGAN`.
        split_batches, augmentation, average_decay, average_half_life, seed: As for `WassersteinGAN`.
        clip_value: Positive float, bound of the absolute value of all trainable weights of the critic.
        **kwargs: As for `LatentModel`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    gan = kg.models.WGAN(image_shape=(8, 8, 1), width=4, critic_steps=2, split_batches=True)
    gan.compile()
    gan.fit(images, batch_size=8, epochs=1)
    samples = gan.sample(4, seed=0)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Arjovsky et al., "Wasserstein GAN", 2017, arXiv:1701.07875, algorithm 1.
    """

    loss_names = ("critic_loss", "generator_loss")

    @checked_options
    def __init__(self, image_shape=None, latent_dim=None, *, clip_value: Positive = 0.01, **kwargs):
        super().__init__(image_shape, latent_dim, **kwargs)

    def default_optimizers(self):
        """RMSprop with learning rate 5e-5 for both (Arjovsky et al. 2017, algorithm 1).

        The constants are those of PyTorch's RMSprop, which the authors use. Keras adds epsilon inside the
        square root. The squared gradients of a clipped critic are smaller than the default epsilon 1e-7, with
        which the weights would hardly change.
        """
        return {player: keras.optimizers.RMSprop(5e-5, rho=0.99, epsilon=1e-16) for player in self.players}

    def critic_loss(self, images, fakes, labels=None, training=False):
        """Computes `E[D(G(z))] - E[D(x)]`, with separate batches; see `WassersteinGAN.critic_loss`."""
        loss = self.wasserstein_loss.discriminator(
            self.values(images, labels, training), self.values(fakes, labels, training)
        )
        return loss, {"critic_loss": loss}

    def constrain_critic(self):
        """Clips the weights of the critic."""
        for variable in self.critic.trainable_variables:
            variable.assign(ops.clip(variable.value, -self.clip_value, self.clip_value))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class WGANGP(WassersteinGAN):
    """A Wasserstein GAN with a gradient penalty (WGAN-GP).

    The critic minimizes `E[D(G(z))] - E[D(x)] + weight * E[(|grad D(x^)| - 1)^2]` at points `x^` between real
    and generated images, the generator `-E[D(G(z))]`.

    Args:
        image_shape, latent_dim, generator, width, num_classes, critic_steps: As for `WassersteinGAN`.
        split_batches, augmentation, average_decay, average_half_life, seed: As for `WassersteinGAN`.
        critic: As for `WassersteinGAN`, without batch normalization: the penalty is on the gradient at single
            images (section 4).
        penalty: `keras_genzoo.penalties.GradientPenalty`, or its name. Defaults to
            `WassersteinGradientPenalty(weight=10)`.
        **kwargs: As for `LatentModel`.

    Raises:
        ValueError: If an argument is out of its range, the networks do not match the other arguments, or the
            critic has batch normalization or packing.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    gan = kg.models.WGANGP(image_shape=(8, 8, 1), width=4, critic_steps=2)
    gan.compile()
    gan.fit(images, batch_size=8, epochs=1)
    samples = gan.sample(4, seed=0)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, arXiv:1704.00028, algorithm 1.
    """

    loss_names = ("critic_loss", "gradient_penalty", "generator_loss")

    @checked_options
    def __init__(self, image_shape=None, latent_dim=None, *, penalty: Penalty = None, **kwargs):
        super().__init__(image_shape, latent_dim, **kwargs)
        check_for_penalty(self.critic)
        self.penalty = penalty or penalties.WassersteinGradientPenalty()

    def default_optimizers(self):
        """Adam with learning rate 1e-4, beta_1 0, beta_2 0.9 for both (Gulrajani et al. 2017, algorithm 1)."""
        return {player: Adam(learning_rate=1e-4, beta_1=0.0, beta_2=0.9) for player in self.players}

    def critic_loss(self, images, fakes, labels=None, training=False):
        """Computes `E[D(G(z))] - E[D(x)]` plus the penalty; see `WassersteinGAN.critic_loss`."""
        both_labels = None if labels is None else ops.concatenate([labels, labels])
        # Without batch normalization, one pass over both batches gives the same result and is faster.
        values = self.values(ops.concatenate([images, fakes]), both_labels, training)
        real_values, fake_values = ops.split(values, 2)
        penalty = self.penalty(
            lambda samples: self.values(samples, labels, training), images, fakes, self.noise
        )
        loss = self.wasserstein_loss.discriminator(real_values, fake_values) + penalty
        return loss, {"critic_loss": loss, "gradient_penalty": penalty}
