"""A callback that warns of early signs of failing training, and restores weights after losses that are not finite."""

import math
import threading
import warnings
from typing import NamedTuple

import keras
import numpy as np

from keras_genzoo import arguments
from keras_genzoo.callbacks import signs
from keras_genzoo.images import pixels


class TrainingHealth(keras.callbacks.Callback):
    """Warns of known signs of failing training, and stops training when a loss is not finite.

    | sign | in models with | function in `keras_genzoo.callbacks.signs` |
    | --- | --- | --- |
    | discriminator loss near 0 | a chance level | `near_zero` |
    | generator wins | a chance level, and a log of the generator's adversarial loss alone | `generator_wins` |
    | large gradient | a discriminator or critic | `large_gradient` |
    | unsteady loss | any loss | `unsteady` |
    | samples look alike | `sample` | `look_alike` |

    Each sign is reported as a `UserWarning` with its value, the step and common remedies. The sign is then not
    reported again for `cooldown` steps. The chance level (`model.chance_level`) is the loss of a discriminator that
    cannot distinguish real from generated images. The loss of a critic has no such level, so the first two signs do
    not apply to it.

    The logs are checked after every 50 executions, at the end of an epoch, and when weights are copied. In between,
    this callback does not make training wait for the logs. Keras itself (version 3.15) waits for them: always on
    TensorFlow, less often with `steps_per_execution`; on JAX if another callback, such as `Backup`, has an
    `on_train_batch_end`.

    If a loss (or another logged value, except gradient norms) is not finite, training stops at most 49 executions
    later, and the last good weights are restored: those of the networks, their average and the image history. The
    weights of a step are good if they are finite and the losses of a later step, computed from them, are finite too.
    The optimizers are not restored: call `compile` before you continue training.

    When used with `Backup`, this callback must come first (`Backup.fit` takes care of that), and `every` of `Backup`
    should be a multiple of 50. Otherwise a backup may see the loss before this callback does. It then raises
    `FloatingPointError`, and no weights are restored.

    Args:
        images: Array of at least 2 real images (uint8, or float in [-1, 1]) or points. The diversity of the first
            `num` is the reference for the diversity of samples. Without `images`, the reference is the largest
            diversity of earlier epochs.
        num: Int, number of samples to compare at the end of an epoch.
        snapshot_every: Int, number of steps between copies of the weights (in main memory).
        cooldown: Int, number of steps before a sign is reported again.

    Raises:
        ValueError: If an argument is out of range, or the shape of `images` is invalid.

    Example:

    ```python
    gan.fit(images, epochs=20, callbacks=[keras_genzoo.callbacks.TrainingHealth(images[:64])])
    ```

    Reference: Goodfellow 2016, "NIPS 2016 tutorial: Generative adversarial networks" (arXiv:1701.00160), sections 4
    and 5; Salimans et al. 2016, "Improved techniques for training GANs" (arXiv:1606.03498), section 3; Chintala et
    al. 2016, "How to train a GAN"; Arjovsky & Bottou 2017, "Towards principled methods for training generative
    adversarial networks" (arXiv:1701.04862).
    """

    # With this attribute, Keras passes the logs in a separate thread, without waiting for their step.
    async_safe = True

    def __init__(self, images=None, num=64, snapshot_every=500, cooldown=1000):
        super().__init__()
        if images is not None:
            images = np.asarray(images)
            if images.ndim not in (2, 4) or len(images) < 2:
                raise ValueError(
                    "`images` must contain at least 2 images (num, height, width, channels) or points (num, "
                    f"num_features). Received: shape {images.shape}"
                )
        self.num = arguments.integer("num", num, at_least=2)
        self.snapshot_every = arguments.integer("snapshot_every", snapshot_every, at_least=1)
        self.cooldown = arguments.integer("cooldown", cooldown, at_least=1)
        self.step = 0
        self._trained_model = None
        self._image_shape = None if images is None else images.shape[1:]
        self._real_diversity = None if images is None else _diversity_of_real(images[:num])
        self._largest_diversity = 0.0
        # Executions started and logs received since the last check.
        self._begun = []
        self._ended = []
        self._arrival = threading.Condition()
        self._good = None
        self._candidate = None
        self._stopped = False
        self._warned = {}
        self._values = {}
        self._scales = {}

    def set_model(self, model):
        if model is not self._trained_model:
            # The snapshot is of another model, or there is none yet.
            self._good = None
        self._trained_model = model
        super().set_model(model)
        if self._image_shape not in (None, model.image_shape):
            raise ValueError(
                f"`images` must have the shape (num, {', '.join(map(str, model.image_shape))}) of this model's "
                f"images. Received: (num, {', '.join(map(str, self._image_shape))})"
            )
        model.track_gradient_norms()

    def on_train_begin(self, logs=None):
        self._stopped = False
        self._thread = threading.get_ident()
        self._begun, self._ended = [], []
        self._candidate = _Snapshot(self.step, self.model.get_weights())
        self._good = self._good or self._candidate

    def on_train_end(self, logs=None):
        self._trained_model.untrack_gradient_norms()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._executions = 0
        self._means = {}
        self._largest_norms = {}

    def on_train_batch_begin(self, batch, logs=None):
        self._look_if_due()
        self._executions += 1
        self._begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        # Several workers may log one number each: reduced to one.
        ended = (batch, {name: float(np.mean(value)) for name, value in (logs or {}).items()})
        with self._arrival:
            self._ended.append(ended)
            self._arrival.notify()
        # If another callback makes Keras wait for every step: check before the callbacks that follow.
        if threading.get_ident() == self._thread:
            self._look_if_due(last=batch + 1 == (self.params or {}).get("steps"))

    def _look_if_due(self, last=False):
        """Checks the executions since the last check, once all of them have ended, if a check is due."""
        # Not through `self.model`, which on JAX would wait for the state of the current step.
        steps = self.step + len(self._begun) * self._trained_model.steps_per_execution
        snapshot_is_due = steps - (self._candidate or self._good).step >= self.snapshot_every
        if self._begun and (snapshot_is_due or last or self._executions % LOOK_EVERY == 0):
            self._look()

    def on_epoch_end(self, epoch, logs=None):
        # Keras has passed all logs. A step that started at the end of the data has none.
        del self._begun[len(self._ended) :]
        self._look()
        if self._stopped:
            # One more step may have started before training stopped.
            self.model.set_weights(self._good.weights)
            return
        # The samples of an untrained generator look alike too.
        if self.step < signs.WINDOW:
            return
        samples = self.model.preview_samples(self.num, seed=0)
        if samples is None:
            return
        diversity = signs.mean_pairwise_distance(samples)
        if self._real_diversity is not None:
            reference, whose = self._real_diversity, "that of real ones is"
        else:
            reference, whose = self._largest_diversity, "in earlier epochs it was up to"
        if signs.look_alike(diversity, reference):
            self._warn(
                "samples look alike",
                f"the mean distance of two samples is {diversity:.3g}, {whose} {reference:.3g}",
                self.step,
            )
        self._largest_diversity = max(self._largest_diversity, diversity)

    def _look(self):
        begun, self._begun = self._begun, []
        with self._arrival:
            self._arrival.wait_for(lambda: len(self._ended) >= len(begun), timeout=600)
            # Threads may have delivered them in any order.
            ended, self._ended = sorted(self._ended, key=lambda end: end[0]), []
        for first, (last, logs) in zip(begun, ended, strict=True):
            self.step += last - first + 1
            if not self._stopped:
                self._look_at(_Execution(self.step, first, last), logs)
        if not self._stopped and self.step - (self._candidate or self._good).step >= self.snapshot_every:
            self._candidate = _Snapshot(self.step, self.model.get_weights())
            # A ReLU can hide NaN from the losses: some kernels return 0 for max(NaN, 0).
            if not all(np.isfinite(weight).all() for weight in self._candidate.weights):
                self._stop("A weight became not finite, although the losses are finite,", self.step)

    def _look_at(self, execution, logs):
        step = execution.step
        norms = {name: logs.pop(name) for name in list(logs) if name.endswith("_gradient_norm")}
        for name, value in logs.items():
            if not math.isfinite(value):
                self._stop(f"`{name}` became {value}", step)
                return
        # The weights of the candidate gave finite losses in a later step.
        if self._candidate is not None and step > self._candidate.step:
            self._good, self._candidate = self._candidate, None
        for name, largest in norms.items():
            self._check_norm(name, largest, step)
        for name, value in self._of_execution(execution, logs).items():
            self._values.setdefault(name, []).append(value)
        if logs and len(next(iter(self._values.values()))) == signs.WINDOW:
            self._check_window(step)
            for values in self._values.values():
                del values[: signs.WINDOW // 4]

    def _of_execution(self, execution, means):
        """Computes the means over the steps of an execution, from logs that are means since the epoch's start."""
        before, after = execution.first_batch, execution.last_batch + 1
        values = {
            name: (after * mean - before * self._means.get(name, 0.0)) / (after - before)
            for name, mean in means.items()
        }
        self._means = means
        return values

    def _check_norm(self, name, largest, step):
        # The log is the maximum of the epoch: only a new maximum belongs to this step.
        if largest > self._largest_norms.get(name, 0.0):
            self._largest_norms[name] = largest
            if name.removesuffix("_gradient_norm") in _ADVERSARIES and signs.large_gradient(largest):
                self._warn("large gradient", f"`{name}` is {largest:.3g}", step)

    def _check_window(self, step):
        values = {name: np.array(values) for name, values in self._values.items()}
        chance_level = self.model.chance_level
        if chance_level is not None:
            discriminator = values["discriminator_loss"]
            if signs.near_zero(discriminator, chance_level):
                self._warn(
                    "discriminator loss near 0",
                    f"the mean of `discriminator_loss` over {signs.WINDOW} values is {discriminator.mean():.3g}",
                    step,
                )
            name = self.model.adversarial_log
            if name is not None and signs.generator_wins(values[name], discriminator, chance_level):
                self._warn(
                    "generator wins",
                    f"over {signs.WINDOW} values `{name}` fell to {signs.quarters(values[name])[-1]:.3g}, while "
                    f"`discriminator_loss` was {discriminator.mean():.3g}; its chance level is {chance_level:.3g}",
                    step,
                )
        for name in values:
            # A critic is defined up to a constant, so the absolute value of the generator's loss has no meaning.
            if name in _MEASURING_LOSSES or (name == "generator_loss" and chance_level is not None):
                mean = values[name].mean()
                self._scales[name] = max(self._scales.get(name, chance_level or 0.0), abs(mean))
                if signs.unsteady(values[name], self._scales[name]):
                    self._warn(
                        "unsteady loss",
                        f"`{name}` varies by {signs.spread(values[name]):.3g} from one value to the next; the mean "
                        f"of {signs.WINDOW} values is {mean:.3g}; its scale is {self._scales[name]:.3g}",
                        step,
                    )

    def _warn(self, sign, seen, step):
        if step - self._warned.get(sign, -math.inf) >= self.cooldown:
            self._warned[sign] = step
            warnings.warn(
                f"Sign of failing training at step {step} (epoch {self._epoch + 1}): {sign} ({seen}). "
                f"{signs.ADVICE[sign]}",
                stacklevel=2,
            )

    def _stop(self, cause, step):
        self._stopped = True
        model = self.model
        model.stop_training = True
        model.set_weights(self._good.weights)
        warnings.warn(
            f"{cause} at step {step} (epoch {self._epoch + 1}). Training stops, and the weights of step "
            f"{self._good.step} are restored. Check the data for broken images, lower the learning rates, or clip "
            "gradients (`global_clipnorm`). Call `compile` before you continue training: the moments of the "
            "optimizers may not be finite either.",
            stacklevel=2,
        )


class _Snapshot(NamedTuple):
    step: int
    weights: list


class _Execution(NamedTuple):
    """One or several steps: the total number of steps at its end, and its first and last step in the epoch."""

    step: int
    first_batch: int
    last_batch: int


# Number of executions between checks of the logs.
LOOK_EVERY = 50
# The threshold of Chintala et al. is for losses that are means over logits. The gradient of a likelihood, a sum over
# pixels, grows with the number of pixels.
_ADVERSARIES = ("discriminator", "critic", "generator")
_MEASURING_LOSSES = ("discriminator_loss", "critic_loss", "loss")


def _diversity_of_real(images):
    if np.ndim(images) == 4:
        pixels.check_range(images, "images")
        images = keras.ops.convert_to_numpy(pixels.normalize(images))
    return signs.mean_pairwise_distance(images)
