"""Runs that are stopped in the middle of an epoch."""

import importlib.util
import os
import signal

import keras
import pytest

from tests.support.processes import finish, start_process
from tests.support.states import assert_same_state, state_of
from tests.support.toys import toy_batches

BATCH_SIZE = 4
EPOCHS = 3


def check_resume(make_model, data, folder, stops=((7, signal.SIGKILL), (10, signal.SIGTERM))):
    """A run that is stopped and resumed ends with the state of one that was not, bit for bit.

    Each stop and each resumption is a process of its own. The data are shuffled and mirrored. The default
    stops: a kill one step after a backup in the middle of an epoch, then a polite request in the middle of
    the next.

    Args:
        make_model: See `tests.support`.
        data: See `tests.support`: the whole set, 16 images (3 epochs of 4 batches).
        folder: Path of the folder for backups.
        stops: Pairs of the step after which the run gets a signal, and the signal.
    """
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("the data of a resumed run come through tf.data, and TensorFlow is not installed")
    undisturbed = start_process(_train, make_model, data, folder / "undisturbed")
    try:
        for step, number in stops:
            process = start_process(_train, make_model, data, folder / "stopped", (step, number))
            if number == signal.SIGKILL:
                finish(process, killed_by=number)
            else:
                assert finish(process) == ("interrupted", step)
        outcome, resumed = finish(start_process(_train, make_model, data, folder / "stopped"))
        expected_outcome, expected = finish(undisturbed)
    finally:
        undisturbed.kill()
    assert outcome == expected_outcome == "finished"
    assert_same_state(resumed, expected)


def _train(make_model, data, folder, stop=None):
    from keras_genzoo import callbacks

    keras.utils.set_random_seed(0)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    model = make_model()
    backup = callbacks.Backup(folder, every=2)
    try:
        backup.fit(
            model,
            lambda step: toy_batches(data, batch_size=BATCH_SIZE, flip=True, seed=7, initial_step=step),
            steps_per_epoch=len(data[0]) // BATCH_SIZE,
            epochs=EPOCHS,
            callbacks=[_Stop(backup, *stop)] if stop else [],
            verbose=0,
        )
    except callbacks.Interrupted as interruption:
        return "interrupted", interruption.step
    return "finished", state_of(model)


class _Stop(keras.callbacks.Callback):
    """Sends a signal to its own process after a step, before the backup of that step."""

    def __init__(self, backup, step, number):
        super().__init__()
        self.backup = backup
        self.step = step
        self.number = number

    def on_train_batch_end(self, batch, logs=None):
        if self.backup.step + 1 == self.step:
            os.kill(os.getpid(), self.number)
