"""Progressive growing of GANs (Karras et al. 2018)."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, losses, penalties
from keras_genzoo.growth import GrowthSchedule
from keras_genzoo.models.generative_model import in_batches
from keras_genzoo.models.latent_model import LatentModel
from keras_genzoo.models.network_arguments import agreeing
from keras_genzoo.models.zoo_model import has_fixed_batches
from keras_genzoo.networks.progressive import (
    ProgressiveDiscriminator,
    ProgressiveGenerator,
    blend,
    enlarge,
    num_levels_of,
    shrink,
)
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ProgressiveGAN(LatentModel):
    """A generator and a discriminator that grow from 4x4 images to large ones while they train.

    `fit` takes images of the last level's size and shrinks them to the running level's; the number of images seen
    says which that is. The blocks of all levels exist from the start, but a step costs what a network of its level
    costs. When a level begins, the optimizers start anew: a new block would otherwise take first steps many times
    as long as the learning rate.

    Args:
        image_shape: Tuple `(height, width, channels)` of the last level; height = width = 4 * 2^k. Defaults to what
            `generator` makes.
        latent_dim: Int, length of a latent. Defaults to what `generator` takes, or 512.
        generator: `keras_genzoo.networks.ProgressiveGenerator`. Defaults to that of the paper's widths.
        discriminator: `keras_genzoo.networks.ProgressiveDiscriminator`. Defaults to that of the paper's widths.
        schedule: `keras_genzoo.growth.GrowthSchedule`. Defaults to the paper's.
        images_seen: Int, images of training that the networks have seen: where in the schedule they stand. A
            preset records it.
        loss: `keras_genzoo.losses.AdversarialLoss`, its name, or a config. Defaults to Wasserstein.
        penalty: `keras_genzoo.penalties.GradientPenalty`, `"wasserstein"` for
            `WassersteinGradientPenalty(weight=10)`, or None. The paper's least squares have none.
        drift: Float, weight of the mean square of the values of real images, which keeps them near zero.
        average_decay, average_half_life, seed, **kwargs: As for `LatentModel`.

    Example:

    ```python
    load = functools.partial(keras_genzoo.datasets.load, "fashion_mnist_padded")
    schedule = keras_genzoo.growth.GrowthSchedule(4, fading_images=60_000, stabilizing_images=60_000, batch_size=16)
    gan = keras_genzoo.models.ProgressiveGAN(image_shape=(32, 32, 1), schedule=schedule)
    gan.compile()
    gan.fit(schedule.batches(load))
    ```

    Source: Karras et al. 2018. One latent makes the images of both updates of a step.
    """

    players: ClassVar = {"discriminator": ("discriminator",), "generator": ("generator",)}
    loss_names = ("discriminator_loss", "generator_loss", "gradient_penalty")

    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator=None,
        discriminator=None,
        schedule=None,
        images_seen=0,
        loss="wasserstein",
        penalty="wasserstein",
        drift=0.001,
        average_decay=0.999,
        **kwargs,
    ):
        image_shape = agreeing("image_shape", image_shape, generator, lambda: generator.image_shape)
        latent_dim = agreeing("latent_dim", latent_dim, generator, lambda: generator.latent_dim, default=512)
        super().__init__(
            image_shape=image_shape, latent_dim=latent_dim, average_decay=average_decay, **kwargs
        )
        num_levels = num_levels_of(image_shape)
        generator = generator or ProgressiveGenerator(image_shape, latent_dim)
        discriminator = discriminator or ProgressiveDiscriminator(image_shape)
        agreeing("image_shape", image_shape, discriminator, lambda: discriminator.image_shape)
        self.schedule = schedule or GrowthSchedule(num_levels)
        if self.schedule.num_levels != num_levels:
            raise ValueError(
                f"`schedule` has {self.schedule.num_levels} levels, but images of {tuple(image_shape)} have "
                f"{num_levels}, from 4x4 on. Change its `num_levels`."
            )
        if images_seen < 0:
            raise ValueError(f"`images_seen` must be at least 0. Received: images_seen={images_seen}")
        if drift < 0:
            raise ValueError(f"`drift` must be at least 0. Received: drift={drift}")
        self.adversarial_loss = losses.get(loss)
        if penalty == "wasserstein":
            penalty = penalties.WassersteinGradientPenalty()
        self.penalty = penalties.get(penalty)
        self.drift = drift
        self.images_seen = self.add_weight(
            name="images_seen",
            shape=(),
            dtype="int32",
            initializer=keras.initializers.Constant(images_seen),
            trainable=False,
            aggregation="only_first_replica",
        )
        self.set_networks(generator=generator, discriminator=discriminator)
        # What a step is traced for; `fit` moves it.
        self.phase = self.schedule.phase_at(images_seen)

    def default_optimizers(self):
        """Adam with learning rate 1e-3, beta_1 0, beta_2 0.99, epsilon 1e-8 (Karras et al. 2018, appendix A.1)."""
        return {player: Adam(learning_rate=1e-3, beta_1=0.0, beta_2=0.99) for player in self.players}

    def compile(self, generator_optimizer=None, discriminator_optimizer=None, **kwargs):
        """Configures the model for training.

        Args:
            generator_optimizer: `keras.optimizers.Optimizer`. Defaults to the paper's.
            discriminator_optimizer: `keras.optimizers.Optimizer`. Defaults to the paper's.
            **kwargs: `run_eagerly`, `steps_per_execution` and `jit_compile` of `keras.Model.compile`. The steps of
                the schedule's phases must be multiples of `steps_per_execution`.

        Raises:
            ValueError: If an optimizer cannot be used, or `steps_per_execution` does not suit the schedule.
        """
        steps = kwargs.get("steps_per_execution", 1)
        if any(phase.num_steps % steps for phase in self.schedule.phases):
            raise ValueError(
                f"`steps_per_execution` is {steps}, but a level would end within an execution. Make the schedule "
                f"with `steps_per_execution={steps}`, which rounds its phases to that."
            )
        super().compile(
            {"discriminator": discriminator_optimizer, "generator": generator_optimizer}, **kwargs
        )

    def fit(self, x=None, y=None, *args, callbacks=None, **kwargs):
        """As `ZooModel.fit`; the level follows the images seen, from those seen before on.

        Args:
            x: Images of the last level's size, or a dataset of batches of them, such as `schedule.batches(...)`.
            y, *args, callbacks, **kwargs: As for `ZooModel.fit`.
        """
        given = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks or [])
        return super().fit(x, y, *args, callbacks=[_Growing(), *given], **kwargs)

    def _check_batches(self, x, num, batch_size, training):
        super()._check_batches(x, num, batch_size, training)
        group, replicas = self.discriminator.group_size, backends.num_replicas_of(self)
        sizes = {num} if batch_size is None else {min(batch_size, num), num % batch_size} - {0}
        if not has_fixed_batches(x):
            # Of several sizes: those of the schedule.
            sizes |= {phase.batch_size for phase in self.schedule.phases}
        if training and any(size % (group * replicas) for size in sizes):
            raise ValueError(
                f"A batch (of a replica) must be a multiple of the {group} images of a group, over which the "
                f"discriminator looks at their deviation. Received batches of {sorted(sizes)} images on {replicas} "
                "replicas. Change the batch size, or the discriminator's `group_size`."
            )

    def follow_schedule(self):
        """Goes to the phase that the images seen call for. `fit` does so after every execution.

        Where that is another level, the optimizers start anew, and take the level's learning rate.
        """
        phase = self.schedule.phase_at(int(self.images_seen.numpy()))
        before, self.phase = self.phase, phase
        with backends.strategy_scope(self):
            for optimizer in self.optimizers.values():
                if phase.level != before.level:
                    _restart(optimizer)
                if phase.learning_rate is not None:
                    optimizer.learning_rate = phase.learning_rate
        if phase != before:
            # A step is traced for one phase.
            self.make_train_function(force=True)
            self.test_function = None

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        seen = self.images_seen.value + num * backends.num_replicas()
        alpha = self.phase.alpha(seen)
        real = self.shrunk(images, alpha)
        latents = self.draw_latents(num)
        fakes, pullback = self.keep_forward(
            lambda: self.generator(latents, level=self.phase.level, alpha=alpha, training=True), "generator"
        )
        _, logs = self.minimize(
            lambda: self.discriminator_loss(real, fakes, alpha, True), "discriminator", has_aux=True
        )
        generator_loss = self.minimize_through(
            lambda fakes: self.adversarial_loss.generator(self._values(fakes, alpha, True)),
            fakes,
            pullback,
            "generator",
        )
        self.update_average(num)
        self.images_seen.assign(seen)
        return self.update_trackers(**logs, generator_loss=generator_loss)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        alpha = self.phase.alpha(self.images_seen.value)
        latents = self.draw_latents(ops.shape(images)[0])
        fakes = self.sampling_network(latents, level=self.phase.level, alpha=alpha, training=False)
        _, logs = self.discriminator_loss(self.shrunk(images, alpha), fakes, alpha, False)
        generator_loss = self.adversarial_loss.generator(self._values(fakes, alpha, False))
        return self.update_trackers(**logs, generator_loss=generator_loss)

    def discriminator_loss(self, real, fakes, alpha=None, training=False):
        """The adversarial loss with the drift term `drift E[D(x)^2]` and the penalty, at the running level.

        Returns:
            Tuple of the float32 scalar and a dict of the logged losses.
        """
        # A group's deviation is that of images in a row: one pass over both does not mix them.
        values = self._values(ops.concatenate([real, fakes]), alpha, training)
        real_values, fake_values = ops.split(values, 2)
        penalty = ops.zeros(())
        if self.penalty is not None:
            penalty = self.penalty(
                lambda samples: self._values(samples, alpha, training), real, fakes, self.noise
            )
        loss = self.adversarial_loss.discriminator(real_values, fake_values) + penalty
        loss += self.drift * ops.mean(ops.square(real_values))
        return loss, {"discriminator_loss": loss, "gradient_penalty": penalty}

    def shrunk(self, images, alpha=None):
        """Images of the last level's size as those of the running level, faded like the generator's own."""
        for _ in range(self.schedule.num_levels - 1 - self.phase.level):
            images = shrink(images)
        return images if alpha is None else blend(images, enlarge(shrink(images)), alpha)

    def _values(self, images, alpha, training):
        return self.discriminator(images, level=self.phase.level, alpha=alpha, training=training)

    def active_variables_of(self, player):
        network = getattr(self, player)
        return [
            variable
            for variable in network.weights_at(self.phase.level, self.phase.fading)
            if variable.trainable
        ]

    def _averaged_weights(self):
        return [
            network.weights_at(self.phase.level, self.phase.fading)
            for network in (self.averaged_network, self.generator)
        ]

    # Using a trained model.

    def call(self, inputs, training=False):
        return self.images_from_latents(inputs)

    def images_from_latents(self, latents, labels=None, level=None, truncation=1.0):
        """Images in [-1, 1] of the network that samples, as a float32 tensor.

        Args:
            latents: Float tensor `(batch, latent_dim)`.
            labels: None.
            level: Int, or None for the level, and the fade-in, that training has come to.
            truncation: As for `sample`.
        """
        alpha = None
        if level is None:
            level, alpha = self.phase.level, self.phase.alpha(self.images_seen.value)
        images = self.sampling_network(
            latents, level=level, alpha=alpha, truncation=truncation, training=False
        )
        return ops.clip(images, -1.0, 1.0)

    def sample(
        self, num=None, seed=None, latents=None, labels=None, batch_size=64, level=None, truncation=1.0
    ):
        """Draws images.

        Args:
            num, seed, latents, batch_size: As for `LatentModel.sample`.
            labels: None: there are no classes.
            level: Int, 0 for 4x4 images, or None for the level that training has come to. The layer that makes a
                lower level's images stays as it was when training left that level, while those before it train on.
            truncation: Float, length of the normalised latents as a share of the trained one: below 1 images are
                more alike, and often better.

        Returns:
            Float32 NumPy array `(num, side, side, channels)` in [-1, 1], `side = 4 * 2**level`.

        Raises:
            ValueError: If the arguments do not fit one another or the model.
        """
        if labels is not None:
            raise ValueError("`labels` was given, but this model was not trained with classes.")
        self._check_level(level)
        if truncation < 0:
            raise ValueError(f"`truncation` must be at least 0. Received: truncation={truncation}")
        latents = self.latents_to_sample(num, seed, latents)
        return in_batches(
            lambda latents: self.images_from_latents(latents, level=level, truncation=truncation),
            [latents],
            batch_size,
        )

    def at_level(self, level):
        """A model of its own that ends at a level of this one, as trained so far, to export or to save.

        Args:
            level: Int.

        Returns:
            `ProgressiveGAN`, at the end of its schedule.

        Example:

        ```python
        gan.at_level(2).export("serving/gan_16x16/1")
        ```
        """
        self._check_level(level)
        side = 4 * 2**level
        config = self.get_config()
        for name, network in self.networks.items():
            arguments = {**network.get_config(), "image_shape": [side, side, self.image_shape[-1]]}
            config[name] = type(network).from_config(arguments)
        config["image_shape"] = (side, side, self.image_shape[-1])
        parts = self.schedule.get_config()
        parts |= {
            name: value[: level + 1] for name, value in parts.items() if isinstance(value, list | tuple)
        }
        config["schedule"] = GrowthSchedule(**{**parts, "num_levels": level + 1})
        config["images_seen"] = config["schedule"].num_images
        model = type(self)(**config)
        for name, network in self._with_averages().items():
            target = model._with_averages()[name]
            for layer, kept in zip(network.layers_up_to(level), target.layers_up_to(level), strict=True):
                kept.set_weights(layer.get_weights())
        return model

    def _with_averages(self):
        averages = {} if self.averaged_network is None else {"average": self.averaged_network}
        return {**self.networks, **averages}

    def _check_level(self, level):
        if level is not None and not 0 <= level < self.schedule.num_levels:
            raise ValueError(
                f"`level` must be from 0 to {self.schedule.num_levels - 1}. Received: level={level}"
            )

    def _functional_sampler(self):
        latents = keras.Input((self.latent_dim,), name="latents")
        return keras.Model(latents, self.images_from_latents(latents))

    # Saving.

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.phase = self.schedule.phase_at(int(self.images_seen.numpy()))
        # What was traced before is of another phase.
        self.train_function = self.test_function = None

    def get_config(self):
        return {
            **super().get_config(),
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "images_seen": int(self.images_seen.numpy()),
            "loss": keras.saving.serialize_keras_object(self.adversarial_loss),
            "penalty": keras.saving.serialize_keras_object(self.penalty),
            "drift": self.drift,
        }


class _Growing(keras.callbacks.Callback):
    """Moves a `ProgressiveGAN` through its schedule. The first callback: what others save is of the new level."""

    def on_train_begin(self, logs=None):
        self.model.follow_schedule()

    def on_train_batch_end(self, batch, logs=None):
        self.model.follow_schedule()


def _restart(optimizer):
    """Sets an optimizer's moments and its count of steps to zero."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    for variable in optimizer.variables:
        if variable is not optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape, keras.backend.standardize_dtype(variable.dtype)))
