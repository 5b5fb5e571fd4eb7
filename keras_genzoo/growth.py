"""The schedule by which a progressive GAN grows: images seen to level, fade-in, batch size and learning rate."""

from dataclasses import dataclass

import keras
from keras import ops

from keras_genzoo import arguments


@dataclass(frozen=True)
class Phase:
    """A stretch of training in which the networks keep their form.

    Attributes:
        level: Int, number of doublings: images have the side `4 * 2**level`.
        fading: Bool, whether the level's layers are being faded in.
        first_image, num_images: Ints, images of training seen before the phase and in it. The last phase goes on
            after its `num_images`.
        first_step, num_steps: Ints, the same in batches.
        batch_size: Int.
        learning_rate: Float, or None for the optimizers' own.
    """

    level: int
    fading: bool
    first_image: int
    num_images: int
    first_step: int
    num_steps: int
    batch_size: int
    learning_rate: float | None

    def alpha(self, images_seen):
        """Share of the level's own layers in its images, from 0 to 1.

        Args:
            images_seen: Int or tensor, images of training with those of the running step.

        Returns:
            Float32 scalar tensor while the level fades in, else None: its layers stand alone.
        """
        if not self.fading:
            return None
        seen = ops.cast(ops.convert_to_tensor(images_seen) - self.first_image, "float32")
        return ops.clip(seen / self.num_images, 0.0, 1.0)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GrowthSchedule:
    """Stabilizes 4x4 images, then fades in and stabilizes each level in turn.

    Args:
        num_levels: Int, number of levels: the last has the side `4 * 2**(num_levels - 1)`.
        fading_images: Int, or list of one a level (that of the first is not used), images over which a level is
            faded in.
        stabilizing_images: Int, or list of one a level, images seen at a level after that.
        batch_size: Int, or list of one a level, images a batch (of all replicas).
        learning_rate: Float, list of one a level, or None to leave the optimizers as they are.
        steps_per_execution: Int. A phase has a multiple of these steps, so that `steps_per_execution` of `compile`
            may be this or a divisor.

    A phase takes as many images as whole batches hold, rounded up.

    Example:

    >>> schedule = GrowthSchedule(4, fading_images=1000, stabilizing_images=1000, batch_size=10)
    >>> [(phase.level, phase.fading, phase.first_image) for phase in schedule.phases[:3]]
    [(0, False, 0), (1, True, 1000), (1, False, 2000)]

    Source: Karras et al. 2018, section 2 and appendix A.1, with the 800,000 images of both by default.
    """

    def __init__(
        self,
        num_levels,
        fading_images=800_000,
        stabilizing_images=800_000,
        batch_size=16,
        learning_rate=None,
        steps_per_execution=1,
    ):
        self.num_levels = arguments.integer("num_levels", num_levels, at_least=1, below=32)
        arguments.integer("steps_per_execution", steps_per_execution, at_least=1)
        self.fading_images = fading_images
        self.stabilizing_images = stabilizing_images
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.steps_per_execution = steps_per_execution
        fading = self._a_level("fading_images", fading_images)
        stabilizing = self._a_level("stabilizing_images", stabilizing_images)
        batch_sizes = self._a_level("batch_size", batch_size)
        rates = (
            [None] * num_levels if learning_rate is None else self._a_level("learning_rate", learning_rate)
        )
        self.phases = []
        image = step = 0
        for level in range(num_levels):
            for fades, images in ((True, fading[level]), (False, stabilizing[level])):
                if fades and level == 0:
                    continue
                executions = -(-images // (batch_sizes[level] * steps_per_execution))
                num_steps = executions * steps_per_execution
                num_images = num_steps * batch_sizes[level]
                self.phases.append(
                    Phase(level, fades, image, num_images, step, num_steps, batch_sizes[level], rates[level])
                )
                image += num_images
                step += num_steps

    def _a_level(self, argument, value):
        values = list(value) if isinstance(value, list | tuple) else [value] * self.num_levels
        if len(values) != self.num_levels:
            raise ValueError(
                f"`{argument}` must be one value, or one for each of the {self.num_levels} levels. Received: {value}"
            )
        check = arguments.number if argument == "learning_rate" else arguments.integer
        least = {"above": 0} if argument == "learning_rate" else {"at_least": 1}
        return [check(argument, value, **least) for value in values]

    @property
    def num_images(self):
        """Images of all phases."""
        return self.phases[-1].first_image + self.phases[-1].num_images

    @property
    def num_steps(self):
        """Batches of all phases."""
        return self.phases[-1].first_step + self.phases[-1].num_steps

    def phase_at(self, images_seen):
        """The phase of the step that follows `images_seen` images of training; the last one has no end."""
        return max(
            (phase for phase in self.phases if phase.first_image <= images_seen),
            key=lambda phase: phase.first_image,
        )

    def batches(self, make_dataset, initial_step=None):
        """The batches of all phases, each of its own size.

        Args:
            make_dataset: Callable of the keywords `batch_size` and `initial_step` that returns an endless dataset
                beginning with that batch, such as `functools.partial(keras_genzoo.datasets.load, "mnist")`.
            initial_step: None for the batches of all phases, once; an integer for an endless dataset that begins
                at this step of the schedule and stays in the last phase.

        Returns:
            `tf.data.Dataset`.

        Raises:
            ValueError: If `make_dataset` gives other batches than it was asked for.

        Example:

        ```python
        load = functools.partial(keras_genzoo.datasets.load, "fashion_mnist_padded")
        gan.fit(gan.schedule.batches(load))
        ```
        """
        first = initial_step or 0
        dataset = None
        for phase in self.phases:
            last = phase is self.phases[-1]
            done = max(0, first - phase.first_step)
            if done >= phase.num_steps and not last:
                continue
            # Where this phase would stand, had its batch size been that of all: no phase sees the same order.
            begin = phase.first_image // phase.batch_size + done
            part = make_dataset(batch_size=phase.batch_size, initial_step=begin)
            _check_batch_size(part, phase.batch_size)
            if not last or initial_step is None:
                part = part.take(phase.num_steps - done)
            dataset = part if dataset is None else dataset.concatenate(part)
        return dataset

    def get_config(self):
        return {
            "num_levels": self.num_levels,
            "fading_images": self.fading_images,
            "stabilizing_images": self.stabilizing_images,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "steps_per_execution": self.steps_per_execution,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _check_batch_size(dataset, batch_size):
    images, _, _ = keras.utils.unpack_x_y_sample_weight(dataset.element_spec)
    if images.shape[0] != batch_size:
        raise ValueError(
            f"`make_dataset` must give batches of `batch_size` images, {batch_size} here, all of them whole (batch "
            f"with `drop_remainder=True`). Received batches of the shape {tuple(images.shape)}."
        )
