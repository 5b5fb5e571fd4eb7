"""A backup from which a killed run goes on as if nothing had happened."""

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

# How many of the newest backups are kept: where one is damaged, or another worker has not written it, the one before.
GENERATIONS = 2
_NAME = re.compile(r"step-(\d{8,})-([0-9a-f]{64})\.weights\.h5")
# A file that says that a backup has been removed, so that the run cannot begin again from the start unnoticed.
_REMOVED = ".removed"
# The signals that ask a process to end: Ctrl-C, a scheduler, a terminal that is closed.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupted(Exception):
    """Raised by `Backup` once it has saved a run that was asked to stop.

    Attributes:
        step: Int, number of steps taken.
    """

    def __init__(self, step):
        super().__init__(f"Training was interrupted after {step} steps; the state is saved.")
        self.step = step


class WorkerLost(Exception):
    """Raised by `Backup.fit` where another worker has ended or does not answer, so that no further step can be taken.

    Attributes:
        step: Int, the step of this worker's newest backup; None where it has not yet looked for one.
    """

    def __init__(self, step):
        kept = {None: "", 0: "There is no backup yet. "}.get(step, f"The backup of step {step} is kept. ")
        super().__init__(
            f"Another worker of this run has ended, or does not answer. {kept}Start all workers again."
        )
        self.step = step


class Backup(keras.callbacks.Callback):
    """Saves everything a run needs to go on: networks, averages, optimizers, noise, and the position.

    A run that is killed and started again by `fit` ends with the weights of one that was never stopped, given
    data that begin at a step (`keras_genzoo.datasets.load(..., initial_step=step)`).
    `keras.callbacks.BackupAndRestore` knows neither the position in the epoch nor the order of the data.

    A backup is one file, `step-00001234-SHA256.weights.h5`, synced and moved in place as a whole. Its name holds
    the SHA-256 of its content, which is compared before anything is restored. The two newest are kept: where one
    is damaged a warning names it, and the run goes on from the other.

    Ctrl-C, SIGTERM and SIGHUP are answered after the running step, or after the other callbacks at the end of an
    epoch: the state is saved, then `Interrupted` raised. A loss that is not finite is never saved.

    The workers of a `MultiWorkerMirroredStrategy` agree on the newest step of which all hold a backup.

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
        self.directory = Path(arguments.path("directory", directory))
        self.every = arguments.integer("every", every, at_least=1)
        self.step = 0
        self._saved_step = 0
        # None until they have met.
        self._num_workers = None
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
            Interrupted: After Ctrl-C, SIGTERM or SIGHUP, once the state is saved.
            FloatingPointError: If a loss is not finite.
            ValueError: As for `restore`.
            OSError: If a backup cannot be written. The backups before it are kept.
            BlockingIOError: If another process uses the folder.
            WorkerLost: If another worker of the run has ended, or has not answered for 10 seconds.
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
                    # `fit` counts whole epochs: the rest of a broken-off one is a call of its own.
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
            # A `model.fit` that fails does not come to `on_train_end`.
            self._restore_handlers()

    def restore(self, model):
        """Loads the newest intact backup into a compiled model.

        Returns:
            Int, number of steps that the model has been trained; 0 where there is no backup.

        Raises:
            ValueError: If there are backups and none is intact, or if the workers of a run hold no common step.
        """
        disk.remove_unfinished(self.directory)
        backups = self._backups()
        intact = {step: file for step, file in backups if _is_intact(file)}
        # Where no backup has been removed yet, the run can begin again as well.
        removed = (self.directory / _REMOVED).exists() or len(backups) >= GENERATIONS
        held_by_workers = backends.gather_from_workers(model, [*intact, *[0] * (not removed)])
        self._num_workers = len(held_by_workers)
        if held_by_workers == [[]]:
            raise ValueError(
                f"None of the backups in {str(self.directory)!r} is intact: the run cannot go on. Copy them again "
                "from where they were kept, or begin again in another folder."
            )
        self.step = self._saved_step = agreed_step(held_by_workers)
        if self.step:
            model.load_weights(intact[self.step])
        for step, file in backups:
            # What another worker does not hold, and what is damaged, is trained again.
            if step > self.step:
                self._remove(file)
        return self.step

    def on_train_begin(self, logs=None):
        # Python answers signals in the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # Ignored by whoever started the process, for example `nohup`.
                if signal.getsignal(number) is not signal.SIG_IGN:
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
        # A second Ctrl-C stops at once. A terminal that is closed may send SIGHUP twice.
        if number == signal.SIGINT:
            self._restore_handlers()

    def _restore_handlers(self):
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._previous_handlers = {}

    def _save(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        # Keras asks for this suffix.
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
        """Pairs of step and file, the newest first."""
        found = []
        for file in self.directory.glob("step-*.weights.h5"):
            match = _NAME.fullmatch(file.name)
            if match is None:
                raise ValueError(
                    f"The backup {str(file)!r} has no SHA-256 in its name, so it cannot be verified: an earlier "
                    "version wrote it. Go on with that version, or begin again in another folder."
                )
            found.append((int(match[1]), file))
        return sorted(found, reverse=True)


def agreed_step(held_by_workers):
    """The newest step of which all workers hold a backup.

    Args:
        held_by_workers: List of the lists of steps, one per worker; 0 stands for the start.

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
            f"The workers hold no backup of a common step ({held}). Copy the missing files to the worker that lacks "
            "them, or begin again in another folder."
        )
    return max(common)


def _is_intact(file):
    with contextlib.suppress(OSError):
        if fingerprint(file)["sha256"] == _NAME.fullmatch(file.name)[2]:
            return True
    warnings.warn(
        f"The backup {str(file)!r} is damaged: its SHA-256 is not the one in its name. It is not used.",
        stacklevel=5,
    )
    return False
