"""ProgressiveGAN: progressive growing (Karras et al. 2018)."""

from typing import Annotated

import keras
from keras import ops

from keras_genzoo import arguments, backends
from keras_genzoo.arguments import Check
from keras_genzoo.growth import GrowthSchedule
from keras_genzoo.models.data_checks import has_fixed_batches
from keras_genzoo.models.growing import Growing, restart
from keras_genzoo.models.multi_resolution_gan import MultiResolutionGAN
from keras_genzoo.models.options import checked_options
from keras_genzoo.networks.progressive import ProgressiveDiscriminator, blend, enlarge, num_levels_of, shrink
from keras_genzoo.optimizers import Adam


def _schedule(argument, value):
    if value is None or isinstance(value, GrowthSchedule):
        return value
    raise ValueError(
        f"`{argument}` must be a `keras_genzoo.growth.GrowthSchedule`. Received: {argument}={value!r}"
    )


Schedule = Annotated[GrowthSchedule | None, Check(_schedule)]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ProgressiveGAN(MultiResolutionGAN):
    """A generator and a discriminator that grow from 4x4 images to large ones (progressive growing).

    `fit` takes images of the size of the last level and downsamples them to the current level. The number of
    images seen determines the level. The layers of all levels exist from the start, but a step only computes
    those of the current level. The optimizers are reset when a level begins to fade in, and when it has faded
    in, as in the authors' code. Otherwise the first updates of new layers would be much larger than the
    learning rate. By default the losses are those of WGAN-GP with a drift term.

    Args:
        image_shape, latent_dim: As for `MultiResolutionGAN`.
        generator: `keras_genzoo.networks.ProgressiveGenerator`. Defaults to one with the paper's widths.
        discriminator: `keras_genzoo.networks.ProgressiveDiscriminator`. Defaults to one with the paper's
            widths.
        schedule: `keras_genzoo.growth.GrowthSchedule`. Defaults to that of the paper.
        images_seen: Int of at least 0, number of training images that the networks have seen, which is their
            position in the schedule. Presets store it.
        penalty: As for `MultiResolutionGAN`. The paper's least squares variant has no penalty.
        loss, drift, augmentation, average_decay, average_half_life, seed, **kwargs: As for
            `MultiResolutionGAN`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is given, the networks have another
            class or do not match the other arguments, or the schedule has another number of levels than the
            images.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    schedule = kg.growth.GrowthSchedule(2, fading_images=4, stabilizing_images=4, batch_size=4)
    gan = kg.models.ProgressiveGAN(
        generator=kg.networks.ProgressiveGenerator((8, 8, 1), latent_dim=8, fmap_max=8),
        discriminator=kg.networks.ProgressiveDiscriminator((8, 8, 1), fmap_max=8),
        schedule=schedule,
    )
    gan.compile()
    gan.fit(images, batch_size=4, epochs=2)
    samples = gan.sample(4, seed=0)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196. Both updates of a step use the same latents.
    """

    discriminator_class = ProgressiveDiscriminator
    planned_by = "schedule"

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        schedule: Schedule = None,
        images_seen=0,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.schedule = schedule or GrowthSchedule(self.num_levels)
        if self.schedule.num_levels != self.num_levels:
            raise ValueError(
                f"`schedule` has {self.schedule.num_levels} levels, but images of {self.image_shape} have "
                f"{self.num_levels}, from 4x4 on. Change its `num_levels`."
            )
        images_seen = arguments.integer("images_seen", images_seen, at_least=0)
        self.images_seen = self.add_counter("images_seen", images_seen)
        self._trained_before = images_seen > 0
        # The phase for which a step is traced; `fit` updates it.
        self.phase = self.schedule.phase_at(images_seen)

    def default_optimizers(self):
        """Adam with learning rate 1e-3, beta_1 0, beta_2 0.99, epsilon 1e-8 (Karras et al. 2018, appendix A.1)."""
        return {player: Adam(learning_rate=1e-3, beta_1=0.0, beta_2=0.99) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        seen = self.images_seen.value + num * backends.num_replicas()
        alpha = self.phase.alpha(seen)
        real = self.shrunk(images, alpha)
        latents = self.draw_latents(num)
        fakes, pullback = self.vjp(
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
        """As `MultiResolutionGAN.discriminator_loss_of`, at the current level."""
        return self.discriminator_loss_of(
            lambda images: self._values(images, alpha, training), real, fakes, training
        )

    def shrunk(self, images, alpha=None):
        """Downsamples images of the last level's size to the current level, with the same fade-in as the
        generator.
        """
        for _ in range(self.schedule.num_levels - 1 - self.phase.level):
            images = shrink(images)
        return images if alpha is None else blend(images, enlarge(shrink(images)), alpha)

    def _values(self, images, alpha, training):
        images = self.seen(images, training)
        return self.discriminator(images, level=self.phase.level, alpha=alpha, training=training)

    # Growing.

    def fit(self, x=None, y=None, *args, callbacks=None, **kwargs):
        """Trains the model, as `ZooModel.fit`. The number of images seen determines the level.

        Args:
            x: Images of the last level's size, or a dataset of batches of such images, for example
                `schedule.batches(...)`.
            y, *args, callbacks, **kwargs: As for `ZooModel.fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: As for `ZooModel.fit`.
        """
        given = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks or [])
        return super().fit(x, y, *args, callbacks=[Growing(), *given], **kwargs)

    def follow_schedule(self):
        """Moves to the phase that the number of images seen requires. `fit` calls it when a phase ends.

        If the phase changes, the optimizers are reset: when a level begins to fade in, and when it has faded
        in. They take the learning rate of the level.

        Returns:
            Int, the number of images seen.
        """
        images_seen = int(self.images_seen.numpy())
        phase = self.schedule.phase_at(images_seen)
        before, self.phase = self.phase, phase
        with backends.strategy_scope(self):
            for optimizer in self.optimizers.values():
                if phase != before:
                    restart(optimizer)
                if phase.learning_rate is not None:
                    optimizer.learning_rate = phase.learning_rate
        if phase != before:
            # A traced step is only valid for one phase.
            self.make_train_function(force=True)
            self.test_function = None
        return images_seen

    def active_variables_of(self, player):
        network = getattr(self, player)
        return [
            variable
            for variable in network.weights_at(self.phase.level, self.phase.fading)
            if variable.trainable
        ]

    def _averaged_weights(self):
        active = [
            network.weights_at(self.phase.level, self.phase.fading)
            for network in (self.averaged_network, self.generator)
        ]
        return list(zip(*active, strict=True))

    def coming_batch_sizes(self, dataset):
        # Batches of unknown size are assumed to be those of the schedule.
        return set() if has_fixed_batches(dataset) else {phase.batch_size for phase in self.schedule.phases}

    def check_compile(self, steps_per_execution):
        if any(phase.num_steps % steps_per_execution for phase in self.schedule.phases):
            raise ValueError(
                f"`steps_per_execution` is {steps_per_execution}, but a level would end within an execution. Create "
                f"the schedule with `steps_per_execution={steps_per_execution}`, which rounds its phases to it."
            )

    def training_batches(self, load, step=0):
        """As for `ZooModel`, with the batch sizes of the schedule; a pretrained model uses that of `load`."""
        if self._trained_before:
            return load(initial_step=step)
        return self.schedule.batches(load, initial_step=step)

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `MultiResolutionGAN`; 50,000 images to fade in each level, and 50,000 to train it."""
        defaults = super().recipe_defaults(image_shape)
        schedule = {
            "class": "GrowthSchedule",
            "num_levels": num_levels_of(image_shape),
            "fading_images": 50_000,
            "stabilizing_images": 50_000,
            "batch_size": defaults["data"]["batch_size"],
        }
        return {**defaults, "model": {**defaults["model"], "schedule": schedule}}

    # Using a trained model.

    def trained_level(self):
        return self.phase.level, self.phase.alpha(self.images_seen.value)

    @property
    def compiled_state(self):
        return self.phase

    def at_level(self, level):
        """Creates a model that ends at a level of this one, with the current weights, to export or save.

        Args:
            level: Int of at least 0.

        Returns:
            `ProgressiveGAN`, at the end of its schedule.

        Raises:
            ValueError: If the model has no such level.

        Example:

        ```python
        import keras_genzoo as kg

        gan = kg.models.ProgressiveGAN(
            generator=kg.networks.ProgressiveGenerator((16, 16, 1), latent_dim=8, fmap_max=8),
            discriminator=kg.networks.ProgressiveDiscriminator((16, 16, 1), fmap_max=8),
        )
        small_gan = gan.at_level(1)  # 8x8 images
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
        whole = [*self.networks.values(), *self.averages.values()]
        for network, part in zip(whole, [*model.networks.values(), *model.averages.values()], strict=True):
            for layer, kept in zip(network.layers_up_to(level), part.layers_up_to(level), strict=True):
                kept.set_weights(layer.get_weights())
        return model

    # Saving.

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.phase = self.schedule.phase_at(int(self.images_seen.numpy()))
        # Functions traced before are for another phase. A callback may load weights during `fit`, which then uses the
        # new function.
        if self.train_function is not None:
            self.make_train_function(force=True)
        self.test_function = None

    def get_config(self):
        return {**super().get_config(), "images_seen": int(self.images_seen.numpy())}
