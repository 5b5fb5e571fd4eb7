"""Fault-tolerant training: backups from which an interrupted run resumes exactly."""

import contextlib
import re
import signal
import threading
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_genzoo import arguments, backends, disk
from keras_genzoo.presets.folders import fingerprint

# Number of backups kept. The older one is used if the newest is damaged, or if another worker has not written it.
GENERATIONS = 2
_NAME = re.compile(r"step-(\d{8,})-([0-9a-f]{64})\.weights\.h5")
# A file that marks that a backup has been removed, so that the run cannot silently restart from the beginning.
_REMOVED = ".removed"
# Termination signals: Ctrl-C, a scheduler, a closed terminal.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupted(Exception):
    """Raised by `Backup` after it has saved the state of an interrupted run.

    Attributes:
        step: Int, number of training steps so far.
    """

    def __init__(self, step):
        super().__init__(f"Training was interrupted after {step} steps. The state is saved.")
        self.step = step


class WorkerLost(Exception):
    """Raised by `Backup.fit` if another worker has ended or does not respond, so that training cannot continue.

    Attributes:
        step: Int, the step of this worker's newest backup; None if it has not yet looked for one.
    """

    def __init__(self, step):
        kept = {None: "", 0: "There is no backup yet. "}.get(step, f"The backup of step {step} is kept. ")
        super().__init__(
            f"Another worker of this run has ended, or does not respond. {kept}Start all workers again."
        )
        self.step = step


class Backup(keras.callbacks.Callback):
    """Saves the full training state: networks, averages, optimizers, noise generators, and the training step.

    A run that is interrupted and restarted with `Backup.fit` ends with the same weights as an uninterrupted run. The
    dataset must be able to start at a given step, as `keras_genzoo.datasets.load(..., initial_step=step)` does. In
    contrast, `keras.callbacks.BackupAndRestore` does not restore the order of the data.

    A backup is a single file, `step-00001234-SHA256.weights.h5`, that is written atomically. Its name contains the
    SHA-256 of its content, which is verified before the state is restored. The two newest backups are kept. If one is
    damaged, a warning names it and the other is used.

    On Ctrl-C, SIGTERM or SIGHUP, the callback finishes the current step, saves the state and raises `Interrupted`. At
    the end of an epoch, the other callbacks run first. The state is never saved after a loss that is not finite.

    The workers of a `MultiWorkerMirroredStrategy` resume from the newest step for which all of them have a backup.

    Args:
        directory: String or path of the folder, which is created if necessary. Each process of a multi-worker run
            needs a folder of its own.
        every: Int, number of steps between backups.

    Raises:
        ValueError: If `every` is not a positive int.

    Example:

    ```python
    gan = keras_genzoo.models.GAN(image_shape=(28, 28, 1))
    gan.compile()
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
        self.directory = Path(arguments.path("directory", directory))
        self.every = arguments.integer("every", every, at_least=1)
        self.step = 0
        self._saved_step = 0
        # None until the workers are connected.
        self._num_workers = None
        self._signal = None
        self._previous_handlers = {}

    def fit(self, model, make_batches, steps_per_epoch, epochs, callbacks=(), **kwargs):
        """Trains a compiled model, starting from the newest backup if there is one.

        Args:
            model: Compiled `keras.Model`.
            make_batches: Callable that maps a step to an infinite dataset that starts with the batch of that step.
            steps_per_epoch: Int, number of steps per epoch.
            epochs: Int, total number of epochs.
            callbacks: Sequence of callbacks. This callback is added at the end.
            **kwargs: Other arguments of `model.fit`.

        Raises:
            Interrupted: After Ctrl-C, SIGTERM or SIGHUP, once the state is saved.
            FloatingPointError: If a loss is not finite.
            ValueError: See `restore`.
            OSError: If a backup cannot be written. The earlier backups are kept.
            BlockingIOError: If another process is using the folder.
            WorkerLost: If another worker of the run has ended, or has not responded for 10 seconds.
        """
        with disk.in_use(self.directory):
            self._fit(model, make_batches, steps_per_epoch, epochs, callbacks, kwargs)

    def _fit(self, model, make_batches, steps_per_epoch, epochs, callbacks, kwargs):
        try:
            self.restore(model)
            while self.step < epochs * steps_per_epoch:
                first_epoch, offset = divmod(self.step, steps_per_epoch)
                model.fit(
                    make_batches(self.step),
                    initial_epoch=first_epoch,
                    # `fit` counts whole epochs: the rest of an interrupted epoch needs a separate call.
                    epochs=first_epoch + 1 if offset else epochs,
                    steps_per_epoch=steps_per_epoch - offset,
                    callbacks=[*callbacks, self],
                    **kwargs,
                )
                if model.stop_training:
                    return
        except backends.LOST_WORKER as error:
            if self._num_workers == 1:
                raise
            raise WorkerLost(self._saved_step if self._num_workers else None) from error
        finally:
            # `on_train_end` is not called if `model.fit` fails.
            self._restore_handlers()

    def restore(self, model):
        """Restores a compiled model from the newest intact backup.

        Args:
            model: Compiled `keras.Model`.

        Returns:
            Int, number of training steps so far; 0 if there is no backup.

        Raises:
            ValueError: If there are backups but none is intact, or the workers of a run have no backup of a common
                step.
        """
        disk.remove_unfinished(self.directory)
        backups = self._backups()
        intact = {step: file for step, file in backups if _is_intact(file)}
        # If no backup has been removed yet, the run can also restart from the beginning.
        removed = (self.directory / _REMOVED).exists() or len(backups) >= GENERATIONS
        held_by_workers = backends.gather_from_workers(model, [*intact, *[0] * (not removed)])
        self._num_workers = len(held_by_workers)
        if held_by_workers == [[]]:
            raise ValueError(
                f"None of the backups in {str(self.directory)!r} is intact, so the run cannot be resumed. Restore "
                "them from a copy, or start a new run in another folder."
            )
        self.step = self._saved_step = agreed_step(held_by_workers)
        if self.step:
            model.load_weights(intact[self.step])
        for step, file in backups:
            # Backups that are damaged, or that another worker does not have, are removed: their steps are repeated.
            if step > self.step:
                self._remove(file)
        return self.step

    def on_train_begin(self, logs=None):
        # Python handles signals in the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # Ignored by the parent process, for example `nohup`.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous_handlers[number] = signal.signal(number, self._remember_signal)

    def on_train_end(self, logs=None):
        self._restore_handlers()

    def on_train_batch_begin(self, batch, logs=None):
        self._first_batch = batch

    def on_train_batch_end(self, batch, logs=None):
        self.step += batch - self._first_batch + 1
        # The end of an epoch is saved after the other callbacks have run, so that a resumed run does not skip them.
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
                    "kept. Check the data for broken images, or lower the learning rate."
                )

    def _remember_signal(self, number, frame):
        self._signal = number
        # A second Ctrl-C stops immediately. A closed terminal may send SIGHUP twice.
        if number == signal.SIGINT:
            self._restore_handlers()

    def _restore_handlers(self):
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._previous_handlers = {}

    def _save(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        # Keras requires this suffix.
        temporary = self.directory / f"{disk.UNFINISHED}{self.step}.weights.h5"
        try:
            with disk.no_room_told(self.directory, temporary):
                self.model.save_weights(temporary, overwrite=True)
                target = (
                    self.directory / f"step-{self.step:08d}-{fingerprint(temporary)['sha256']}.weights.h5"
                )
                disk.move(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        earlier = [file for step, file in self._backups() if step < self.step]
        for _, file in self._backups():
            if file != target and file not in earlier[: GENERATIONS - 1]:
                self._remove(file)
        self._saved_step = self.step

    def _remove(self, file):
        (self.directory / _REMOVED).touch()
        file.unlink()

    def _backups(self):
        """Returns pairs of step and file, the newest first."""
        found = []
        for file in self.directory.glob("step-*.weights.h5"):
            match = _NAME.fullmatch(file.name)
            if match is None:
                raise ValueError(
                    f"The backup {str(file)!r} was written by an earlier version and has no SHA-256 in its name, so "
                    "it cannot be verified. Resume with that version, or start a new run in another folder."
                )
            found.append((int(match[1]), file))
        return sorted(found, reverse=True)


def agreed_step(held_by_workers):
    """Returns the newest step for which all workers have a backup.

    Args:
        held_by_workers: List of lists of steps, one list per worker; 0 stands for the start.

    Raises:
        ValueError: If there is no common step.
    """
    common = set.intersection(*map(set, held_by_workers))
    if not common:
        held = "; ".join(
            f"worker {worker}: {', '.join(map(str, sorted(steps)))}"
            for worker, steps in enumerate(held_by_workers)
        )
        raise ValueError(
            f"The workers have no backup of a common step ({held}). Copy the missing files to the worker that lacks "
            "them, or start a new run in another folder."
        )
    return max(common)


def _is_intact(file):
    with contextlib.suppress(OSError):
        if fingerprint(file)["sha256"] == _NAME.fullmatch(file.name)[2]:
            return True
    warnings.warn(
        f"The backup {str(file)!r} is damaged and is not used: its SHA-256 is not the one in its name.",
        stacklevel=5,
    )
    return False
