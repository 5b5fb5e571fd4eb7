"""A backup from which a killed run goes on as if nothing had happened."""

import os
import re
import signal
from pathlib import Path

import keras


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

    One file, `step-00001234.weights.h5`, replaced as a whole. Together with a dataset that begins at a step
    (`keras_genzoo.datasets.load(..., initial_step=step)`), a resumed run ends with the weights of one
    that was never stopped. `keras.callbacks.BackupAndRestore` knows neither the position in the epoch nor the
    order of the data.

    Ctrl-C and SIGTERM are answered after the running step: the state is saved, then `Interrupted` raised.

    Args:
        directory: String or path of the folder, which is created.
        every: Int, steps from one backup to the next.

    Example:

    ```python
    backup = keras_genzoo.callbacks.Backup("backup", every=500)
    step = backup.restore(gan)
    batches = keras_genzoo.datasets.load("fashion_mnist", initial_step=step)
    gan.fit(batches, steps_per_epoch=937, initial_epoch=step // 937, epochs=20, callbacks=[backup])
    ```
    """

    def __init__(self, directory, every=500):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be at least 1. Received: every={every}")
        self.directory = Path(directory)
        self.every = every
        self.step = 0
        self._signal = None

    def restore(self, model):
        """Loads the newest backup into a compiled model.

        Returns:
            Int, number of steps that the model has been trained; 0 where there is no backup.
        """
        file = self._newest()
        if file is not None:
            model.load_weights(file)
            self.step = _step_of(file)
        return self.step

    def on_train_begin(self, logs=None):
        self._saved_step = self.step
        self._previous_handlers = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous_handlers[number] = signal.signal(number, self._remember_signal)

    def on_train_end(self, logs=None):
        self._restore_handlers()
        if self._saved_step != self.step:
            self._save()

    def on_train_batch_begin(self, batch, logs=None):
        self._first_batch = batch

    def on_train_batch_end(self, batch, logs=None):
        self.step += batch - self._first_batch + 1
        interrupted = self._signal is not None
        if interrupted or self.step - self._saved_step >= self.every:
            self._save()
        if interrupted:
            self._restore_handlers()
            raise Interrupted(self.step)

    def _remember_signal(self, number, frame):
        self._signal = number
        # A second Ctrl-C stops at once.
        self._restore_handlers()

    def _restore_handlers(self):
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)

    def _save(self):
        if keras.backend.backend() == "jax":
            # The JAX trainer holds the values back until the end of the epoch.
            self.model.jax_state_sync()
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
