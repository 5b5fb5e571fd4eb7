"""A callback that warns of the known early signs of a failing training, and survives losses that are not finite."""

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
    """Warns of the signs by which a training is known to fail; stops when a loss is not finite.

    | sign | in models with | what is looked at |
    | --- | --- | --- |
    | discriminator loss near 0 | a chance level | `near_zero` |
    | generator wins | a chance level, and a log of the generator's adversarial loss alone | `generator_wins` |
    | large gradient | a discriminator or critic | `large_gradient` |
    | unsteady loss | any loss | `unsteady` |
    | samples look alike | `sample` | `look_alike` |

    A sign is a `UserWarning` that names it, the value, the step, and what people do about it; then the sign is
    silent for `cooldown` steps. The chance level is the loss of a discriminator that cannot tell real from
    generated, as the model says it (`model.chance_level`): a critic's loss has neither the floor 0 nor a ceiling,
    so the first two signs cannot be told from it.

    The logs are looked at after every 50 executions, at the end of an epoch, and when weights are copied; in between
    this callback does not make training wait for them. Keras itself does (version 3.15): always on TensorFlow, where
    `steps_per_execution` makes it rarer; on JAX where another callback has an `on_train_batch_end`, as `Backup` has.

    When a loss (or another value in the logs, gradient norms aside) is not finite, training stops, up to 49
    executions later, and the last good weights are put back: those of the networks, their average and the image
    history. The weights of a step count as good if they are finite, and so are the losses of a later step, which
    come of them. The optimizers keep what they have: call `compile` before training on.

    With `Backup`, put this one first (`Backup.fit` does), and leave `Backup`'s `every` a multiple of 50: a backup
    that comes upon the loss before it is looked at raises `FloatingPointError`, and no weights are put back.

    Args:
        images: Array of at least 2 real images (uint8 or in [-1, 1]) or points, of which the first `num` tell
            how much samples should differ. Without them samples are compared with the most diverse ones of
            earlier epochs.
        num: Int, number of samples to compare at the end of an epoch.
        snapshot_every: Int, steps from one copy of the weights (in main memory) to the next.
        cooldown: Int, steps for which a sign is silent after its warning.

    Example:

    ```python
    gan.fit(images, epochs=20, callbacks=[keras_genzoo.callbacks.TrainingHealth(images[:64])])
    ```

    Source: Goodfellow 2016 (tutorial), sections 4 and 5; Salimans et al. 2016, section 3; Chintala et al. 2016
    ("How to train a GAN"); Arjovsky & Bottou 2017.
    """

    # Keras then hands over the logs in a thread of their own, and does not wait for the step that they are of.
    async_safe = True

    def __init__(self, images=None, num=64, snapshot_every=500, cooldown=1000):
        super().__init__()
        if images is not None:
            images = np.asarray(images)
            if images.ndim not in (2, 4) or len(images) < 2:
                raise ValueError(
                    "`images` must hold at least 2 images (num, height, width, channels) or points (num, "
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
        # Executions that were begun and logs that have come since the last look.
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
            # Weights of another model, or of none yet.
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
        # One number also where several workers log one each.
        ended = (batch, {name: float(np.mean(value)) for name, value in (logs or {}).items()})
        with self._arrival:
            self._ended.append(ended)
            self._arrival.notify()
        # Where another callback makes Keras wait for every step: before those behind this one.
        if threading.get_ident() == self._thread:
            self._look_if_due(last=batch + 1 == (self.params or {}).get("steps"))

    def _look_if_due(self, last=False):
        """Looks at the executions that were begun since the last look, all of them ended, where it is time."""
        # Not by `self.model`, which on JAX brings back the state of the step that is running.
        steps = self.step + len(self._begun) * self._trained_model.steps_per_execution
        snapshot_is_due = steps - (self._candidate or self._good).step >= self.snapshot_every
        if self._begun and (snapshot_is_due or last or self._executions % LOOK_EVERY == 0):
            self._look()

    def on_epoch_end(self, epoch, logs=None):
        # Keras has handed over all logs. A step that was begun where the data end has none.
        del self._begun[len(self._ended) :]
        self._look()
        if self._stopped:
            # One more step may have been begun before the training stopped.
            self.model.set_weights(self._good.weights)
            return
        # An untrained generator's samples look alike too.
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
            # Threads may have brought them in any order.
            ended, self._ended = sorted(self._ended, key=lambda end: end[0]), []
        for first, (last, logs) in zip(begun, ended, strict=True):
            self.step += last - first + 1
            if not self._stopped:
                self._look_at(_Execution(self.step, first, last), logs)
        if not self._stopped and self.step - (self._candidate or self._good).step >= self.snapshot_every:
            self._candidate = _Snapshot(self.step, self.model.get_weights())
            # A ReLU can hide NaN from the losses: of NaN and 0 some kernels take 0 for the larger.
            if not all(np.isfinite(weight).all() for weight in self._candidate.weights):
                self._stop("A weight was found not finite, although the losses are,", self.step)

    def _look_at(self, execution, logs):
        step = execution.step
        norms = {name: logs.pop(name) for name in list(logs) if name.endswith("_gradient_norm")}
        for name, value in logs.items():
            if not math.isfinite(value):
                self._stop(f"`{name}` became {value}", step)
                return
        # The candidate's weights gave the finite losses of a step after it.
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
        """Means over an execution's steps, from logs that are means since the epoch's start."""
        before, after = execution.first_batch, execution.last_batch + 1
        values = {
            name: (after * mean - before * self._means.get(name, 0.0)) / (after - before)
            for name, mean in means.items()
        }
        self._means = means
        return values

    def _check_norm(self, name, largest, step):
        # The log is the epoch's largest: only a new one tells of this step.
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
                    f"`discriminator_loss` was {discriminator.mean():.3g}; guessing costs {chance_level:.3g}",
                    step,
                )
        for name in values:
            # A critic is defined up to a constant: the generator's loss against it has no size of its own.
            if name in _MEASURING_LOSSES or (name == "generator_loss" and chance_level is not None):
                mean = values[name].mean()
                self._scales[name] = max(self._scales.get(name, chance_level or 0.0), abs(mean))
                if signs.unsteady(values[name], self._scales[name]):
                    self._warn(
                        "unsteady loss",
                        f"`{name}` varies by {signs.spread(values[name]):.3g} from one value to the next; the "
                        f"mean of {signs.WINDOW} is {mean:.3g}, and the size of this loss {self._scales[name]:.3g}",
                        step,
                    )

    def _warn(self, sign, seen, step):
        if step - self._warned.get(sign, -math.inf) >= self.cooldown:
            self._warned[sign] = step
            warnings.warn(
                f"Sign of a failing training at step {step} (epoch {self._epoch + 1}): {sign} ({seen}). "
                f"{signs.ADVICE[sign]}",
                stacklevel=2,
            )

    def _stop(self, cause, step):
        self._stopped = True
        model = self.model
        model.stop_training = True
        model.set_weights(self._good.weights)
        warnings.warn(
            f"{cause} at step {step} (epoch {self._epoch + 1}): training stops, and the "
            f"weights of step {self._good.step} are put back. Look for broken images in the data, lower the "
            "learning rates, or clip gradients (`global_clipnorm`); call `compile` before training on, because "
            "the optimizers' moments may not be finite either.",
            stacklevel=2,
        )


class _Snapshot(NamedTuple):
    step: int
    weights: list


class _Execution(NamedTuple):
    """One or several steps: the number of the last one in all, and the first and the last in the epoch."""

    step: int
    first_batch: int
    last_batch: int


# Executions from one look at the logs to the next.
LOOK_EVERY = 50
# Chintala et al.'s bound is on losses that are means over logits; the gradient of a likelihood, a sum over
# pixels, grows with their number.
_ADVERSARIES = ("discriminator", "critic", "generator")
_MEASURING_LOSSES = ("discriminator_loss", "critic_loss", "loss")


def _diversity_of_real(images):
    if np.ndim(images) == 4:
        pixels.check_range(images, "images")
        images = keras.ops.convert_to_numpy(pixels.normalize(images))
    return signs.mean_pairwise_distance(images)
