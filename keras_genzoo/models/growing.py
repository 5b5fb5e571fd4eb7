"""The callback that moves a growing model through the levels of its schedule."""

import math
import threading

import keras
import numpy as np


class Growing(keras.callbacks.Callback):
    """Moves a growing model through its `schedule`.

    It must be the first callback, so that others save the new level.

    Reading the number of images seen from the device takes time. It is only read when a phase may have ended,
    judging by the largest batch so far, or by that of the schedule.
    """

    # Keras need not wait for a step before it calls `on_train_batch_end`, which does nothing in that case.
    async_safe = True

    def on_train_begin(self, logs=None):
        self._thread = threading.get_ident()
        self._largest_batch = 0
        self._steps_per_execution = self.model.steps_per_execution
        self._follow()

    def on_train_batch_begin(self, batch, logs=None):
        self._follow_if_due()
        # Not read from `self.model` here, which on JAX would sync the state of the running step.
        self._steps += self._steps_per_execution

    def on_train_batch_end(self, batch, logs=None):
        if threading.get_ident() == self._thread:
            self._follow_if_due()

    def on_epoch_end(self, epoch, logs=None):
        self._follow_if_due()

    def _follow_if_due(self):
        if self._steps >= self._due:
            before = self._seen
            steps = self._steps
            self._follow()
            self._largest_batch = max(self._largest_batch, -(-(self._seen - before) // steps))
            self._due = self._steps_left()

    def _follow(self):
        self._seen = self.model.follow_schedule()
        self._steps = 0
        self._due = self._steps_left()

    def _steps_left(self):
        """Minimum number of steps until the phase can end; 1 if no batch has been seen."""
        phase = self.model.phase
        if phase is self.model.schedule.phases[-1]:
            return math.inf
        left = phase.first_image + phase.num_images - self._seen
        largest = max(self._largest_batch, phase.batch_size) if self._largest_batch else left
        return max(1, -(-left // largest))


def restart(optimizer):
    """Resets an optimizer's moments and step count to zero."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    for variable in optimizer.variables:
        if variable is not optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape, keras.backend.standardize_dtype(variable.dtype)))
