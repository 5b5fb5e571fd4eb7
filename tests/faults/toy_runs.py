"""A small run, for processes that are killed, starved and started again."""

import ctypes
import os
import signal

from keras_genzoo import callbacks, recipes, training
from tests.support import toy_dataset

# 12 steps per epoch.
RECIPE = """
name = "toy_gan"
description = "A GAN of the test."
license = "none"
epochs = 2
seed = 1

[model]
class = "GAN"
image_shape = [28, 28, 1]
width = 4
average_decay = 0.9
seed = 1

[data]
name = "mnist"
batch_size = 8
"""


def fall_after(stop):
    """Makes this process train on the stand-in of MNIST, with a backup every five steps.

    Args:
        stop: Pair of a step and what happens after it, or None: the `signal.Signals` that the process sends itself,
            or the int of seconds for which no thread of Python runs.
    """
    toy_dataset.install()
    backup = callbacks.Backup
    backup.__init__.__defaults__ = (5,)
    after_step = backup.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        after_step(self, batch, logs)
        if stop and self.step == stop[0]:
            if isinstance(stop[1], signal.Signals):
                os.kill(os.getpid(), stop[1])
            else:
                ctypes.PyDLL(None).sleep(stop[1])  # which keeps the interpreter's lock

    backup.on_train_batch_end = on_train_batch_end


def train_and_fall(recipe_file, output, stop=None, stops=None, **arguments):
    """Trains by a recipe, as `fall_after` says.

    Args:
        recipe_file, output, **arguments: As for `training.train`.
        stop: As for `fall_after`.
        stops: List of such pairs, one for each worker.

    Returns:
        Pair of `"finished"` and the step that the run went on from, or of the name of the exception that ended it and
        its `step` or message.
    """
    if stops is not None:
        stop = stops[training._worker()]
    fall_after(stop)
    backup = callbacks.Backup
    restored, restore = [], backup.restore
    backup.restore = lambda self, model: restored.append(restore(self, model))
    try:
        training.train(recipes.Recipe.load(recipe_file), output, verbose=0, deterministic=True, **arguments)
        return "finished", *restored
    except Exception as error:
        return type(error).__name__, getattr(error, "step", str(error))
