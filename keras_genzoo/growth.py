"""The schedule of a progressive GAN: level, fade-in, batch size and learning rate by the number of images
seen.
"""

from dataclasses import dataclass

import keras
from keras import ops

from keras_genzoo import arguments


@dataclass(frozen=True)
class Phase:
    """A part of training during which the networks keep their structure.

    Attributes:
        level: Int, number of doublings. Images have the side `4 * 2**level`.
        fading: Bool, whether the layers of the level are being faded in.
        first_image: Int, number of training images seen before the phase.
        num_images: Int, number of training images of the phase. The last phase continues after them.
        first_step: Int, number of training steps before the phase.
        num_steps: Int, number of training steps of the phase.
        batch_size: Int, number of images per batch.
        learning_rate: Float, or None to keep the learning rate of the optimizers.
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
        """Computes the weight of the level's own layers in its images.

        Args:
            images_seen: Int or scalar tensor, number of training images seen, including those of the current
                step.

        Returns:
            Float32 scalar tensor in [0, 1] while the level fades in, otherwise None.
        """
        if not self.fading:
            return None
        seen = ops.cast(ops.convert_to_tensor(images_seen) - self.first_image, "float32")
        return ops.clip(seen / self.num_images, 0.0, 1.0)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GrowthSchedule:
    """Growth schedule of a progressive GAN.

    Training starts with 4x4 images. Each further level is faded in and then stabilized, that is, trained
    without blending.

    Args:
        num_levels: Int from 1 to 31, number of levels. Images of the last level have the side `4 *
            2**(num_levels - 1)`.
        fading_images: Int, or list with one int per level. Number of images over which a level is faded in.
            The value for the first level is not used.
        stabilizing_images: Int, or list with one int per level. Number of images seen at a level after the
            fade-in.
        batch_size: Int, or list with one int per level. Number of images per batch (of all replicas).
        learning_rate: Float, list with one float per level, or None to keep the learning rate of the
            optimizers.
        steps_per_execution: Int. The number of steps of each phase is a multiple of it. `compile` then
            accepts this value, or a divisor of it, as `steps_per_execution`.

    The number of images of a phase is rounded up to whole batches.

    Raises:
        ValueError: If an argument is not a positive number of its type, or a list does not have one value per
            level.

    Example:

    ```python
    import keras_genzoo as kg

    schedule = kg.growth.GrowthSchedule(4, fading_images=1000, stabilizing_images=1000, batch_size=10)
    [(phase.level, phase.fading, phase.first_image) for phase in schedule.phases[:3]]
    # [(0, False, 0), (1, True, 1000), (1, False, 2000)]
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, section 2 and appendix A.1.
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
        fading = self._per_level("fading_images", fading_images)
        stabilizing = self._per_level("stabilizing_images", stabilizing_images)
        batch_sizes = self._per_level("batch_size", batch_size)
        rates = (
            [None] * num_levels if learning_rate is None else self._per_level("learning_rate", learning_rate)
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

    def _per_level(self, argument, value):
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
        """Total number of images of all phases."""
        return self.phases[-1].first_image + self.phases[-1].num_images

    @property
    def num_steps(self):
        """Total number of steps of all phases."""
        return self.phases[-1].first_step + self.phases[-1].num_steps

    def phase_at(self, images_seen):
        """Returns the phase of the step that follows `images_seen` training images. The last phase has no
        end.
        """
        return max(
            (phase for phase in self.phases if phase.first_image <= images_seen),
            key=lambda phase: phase.first_image,
        )

    def batches(self, make_dataset, initial_step=None):
        """Creates the dataset of all phases, with the batch size of each phase.

        Args:
            make_dataset: Callable with the keyword arguments `batch_size` and `initial_step`. It returns an
                endless `tf.data.Dataset` that starts with that batch, such as
                `functools.partial(keras_genzoo.datasets.load, "mnist")`.
            initial_step: Int or None. None returns the batches of all phases, once. An int returns an endless
                dataset that starts at this step of the schedule and stays in the last phase.

        Returns:
            `tf.data.Dataset`.

        Raises:
            ValueError: If `make_dataset` returns batches of another size than requested.

        Example:

        ```python
        import tensorflow as tf
        import keras_genzoo as kg

        def make_dataset(batch_size, initial_step=0):
            images = tf.zeros((16, 8, 8, 1))
            return tf.data.Dataset.from_tensor_slices(images).repeat().batch(batch_size, drop_remainder=True)

        schedule = kg.growth.GrowthSchedule(2, fading_images=8, stabilizing_images=8, batch_size=[8, 4])
        sizes = [len(images) for images in schedule.batches(make_dataset)]  # [8, 4, 4, 4, 4]
        ```
        """
        first = initial_step or 0
        dataset = None
        for phase in self.phases:
            last = phase is self.phases[-1]
            done = max(0, first - phase.first_step)
            if done >= phase.num_steps and not last:
                continue
            # The position as if all phases had this batch size, so that no phase repeats the order of another.
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
            f"`make_dataset` must return batches of exactly `batch_size` images, here {batch_size} (batch with "
            f"`drop_remainder=True`). Received batches of shape {tuple(images.shape)}."
        )
