"""A backup from which a killed run goes on as if nothing had happened."""

import os
import re
import signal
import threading
from pathlib import Path

import keras
import numpy as np

from keras_genzoo import arguments


class Interrupted(Exception):
    """Raised by `Backup` once it has saved a run that was asked to stop.

    Attributes:
        step: Int, number of steps taken.
    """

    def __init__(self, step):
        super().__init__(f"Training was interrupted after {step} steps; the state is saved.")
        self.step = step


class Backup(keras.callbacks.Callback):
    """Saves everything a run needs to go on: networks, averages, optimizers, noise, and the position.

    One file, `step-00001234.weights.h5`, replaced as a whole. A run that is killed and started again by `fit`
    ends with the weights of one that was never stopped, given data that begin at a step
    (`keras_genzoo.datasets.load(..., initial_step=step)`). `keras.callbacks.BackupAndRestore` knows neither the
    position in the epoch nor the order of the data.

    Ctrl-C and SIGTERM are answered after the running step, or after the other callbacks at the end of an
    epoch: the state is saved, then `Interrupted` raised. A loss that is not finite is never saved.

    Args:
        directory: String or path of the folder, which is created. Each process of a multi-worker run needs a
            folder of its own.
        every: Int, steps from one backup to the next.

    Example:

    ```python
    backup = keras_genzoo.callbacks.Backup("backup", every=500)
    backup.fit(
        gan,
        lambda step: keras_genzoo.datasets.load("fashion_mnist", batch_size=64, initial_step=step),
        steps_per_epoch=937,
        epochs=20,
    )
    ```
    """

    def __init__(self, directory, every=500):
        super().__init__()
        self.directory = Path(directory)
        self.every = arguments.integer("every", every, at_least=1)
        self.step = 0
        self._saved_step = 0
        self._signal = None
        self._previous_handlers = {}

    def fit(self, model, make_batches, steps_per_epoch, epochs, callbacks=(), **kwargs):
        """Trains a compiled model from its newest backup, or from the start, to the last epoch.

        Args:
            model: Compiled `keras.Model`.
            make_batches: Callable from a step to an endless dataset that begins with that step's batch.
            steps_per_epoch: Int.
            epochs: Int, number of epochs in all.
            callbacks: Sequence of callbacks; this one is added after them.
            **kwargs: As for `model.fit`.

        Raises:
            Interrupted: After Ctrl-C or SIGTERM, once the state is saved.
            FloatingPointError: If a loss is not finite.
        """
        self.restore(model)
        try:
            while self.step < epochs * steps_per_epoch:
                first_epoch, offset = divmod(self.step, steps_per_epoch)
                model.fit(
                    make_batches(self.step),
                    initial_epoch=first_epoch,
                    # `fit` counts whole epochs: the rest of a broken-off one is a call of its own.
                    epochs=first_epoch + 1 if offset else epochs,
                    steps_per_epoch=steps_per_epoch - offset,
                    callbacks=[*callbacks, self],
                    **kwargs,
                )
                if model.stop_training:
                    return
        finally:
            # A `model.fit` that fails does not come to `on_train_end`.
            self._restore_handlers()

    def restore(self, model):
        """Loads the newest backup into a compiled model.

        Returns:
            Int, number of steps that the model has been trained; 0 where there is no backup.
        """
        for unfinished in self.directory.glob("unfinished-*.weights.h5"):
            unfinished.unlink()
        file = self._newest()
        self.step = self._saved_step = 0 if file is None else _step_of(file)
        if file is not None:
            model.load_weights(file)
        return self.step

    def on_train_begin(self, logs=None):
        # Python answers signals in the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous_handlers[number] = signal.signal(number, self._remember_signal)

    def on_train_end(self, logs=None):
        self._restore_handlers()

    def on_train_batch_begin(self, batch, logs=None):
        self._first_batch = batch

    def on_train_batch_end(self, batch, logs=None):
        self.step += batch - self._first_batch + 1
        # The end of an epoch is saved after the other callbacks, so that a resumed run does not miss them.
        last = batch + 1 == self.params["steps"]
        due = self.step - self._saved_step >= self.every
        if due or last:
            self._check_finite(logs)
        if not last:
            self._answer(logs, due)

    def on_epoch_end(self, epoch, logs=None):
        self._answer(logs, due=True)

    def _answer(self, logs, due):
        interrupted = self._signal is not None
        if due or interrupted:
            self._check_finite(logs)
            self._save()
        if interrupted:
            self._signal = None
            self._restore_handlers()
            raise Interrupted(self.step)

    def _check_finite(self, logs):
        for name, value in (logs or {}).items():
            if not np.all(np.isfinite(keras.ops.convert_to_numpy(value))):
                raise FloatingPointError(
                    f"`{name}` is not finite after {self.step} steps. The backup of step {self._saved_step} is "
                    "kept. Look for broken images in the data, or lower the learning rate."
                )

    def _remember_signal(self, number, frame):
        self._signal = number
        # A second Ctrl-C stops at once.
        self._restore_handlers()

    def _restore_handlers(self):
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._previous_handlers = {}

    def _save(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        target = self.directory / f"step-{self.step:08d}.weights.h5"
        temporary = self.directory / f"unfinished-{os.getpid()}.weights.h5"
        previous = self._newest()
        self.model.save_weights(temporary, overwrite=True)
        os.replace(temporary, target)
        if previous not in (None, target):
            previous.unlink()
        self._saved_step = self.step

    def _newest(self):
        return max(self.directory.glob("step-*.weights.h5"), default=None)


def _step_of(file):
    return int(re.fullmatch(r"step-(\d+)\.weights\.h5", file.name)[1])
