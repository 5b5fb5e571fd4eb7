"""Compiled inference on NumPy arrays, one batch at a time."""

import threading

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends
from keras_genzoo.backends import keras_private


class Inference:
    """The compiled functions of a model, each compiled when it is first called.

    A compiled function captures the variables of the model, the dtype policies of its layers and
    `ZooModel.compiled_state`. These are compared at every call. If they have changed, all functions are
    compiled again. Any number of threads may call the functions, also while another thread trains the model.
    """

    def __init__(self):
        self._state = None
        self._functions = {}
        self._lock = threading.Lock()

    @property
    def num_traces(self):
        """Number of traces of the current functions."""
        return sum(function.num_traces for function in self._functions.values())

    def __call__(self, model, function, arrays, batch_size=None, **options):
        """Applies a function to a batch.

        Args:
            model: `ZooModel`.
            function: Method of the model with arguments `(*tensors, **options)` that returns a tensor or a
                tuple of tensors. Each row of the result must depend only on the same row of the arrays.
            arrays: List of NumPy arrays of equal length.
            batch_size: Int, length of full batches, or None.
            **options: NumPy arrays and scalars are passed to the function as tensors. Other values are
                constants; the function is compiled once per value.

        Returns:
            NumPy array, or tuple of NumPy arrays.
        """
        tensors = {
            name: np.asarray(value)
            for name, value in options.items()
            if isinstance(value, np.ndarray | np.generic)
        }
        constants = {name: value for name, value in options.items() if name not in tensors}
        if model.run_eagerly:
            arrays, tensors = keras.tree.map_structure(ops.convert_to_tensor, (list(arrays), tensors))
            with model.between_steps():
                outputs = function(*arrays, **constants, **tensors)
            return keras.tree.map_structure(ops.convert_to_numpy, outputs)
        return self._compiled(model, function, arrays, tensors, constants)(arrays, tensors, batch_size)

    def _compiled(self, model, function, arrays, tensors, constants):
        key = (
            function,
            tuple(sorted(constants.items())),
            tuple((array.dtype, array.ndim) for array in arrays),
            tuple((name, tensor.dtype, tensor.shape) for name, tensor in tensors.items()),
        )
        state = _state_of(model)
        with self._lock:
            if not _same(state, self._state):
                self._state, self._functions = state, {}
            if key not in self._functions:

                def with_constants(*tensors, **others):
                    return function(*tensors, **constants, **others)

                self._functions[key] = backends.Compiled(with_constants, model)
            return self._functions[key]


def _state_of(model):
    """Returns the state captured by compiled functions: objects to compare by identity, and values to
    compare.
    """
    layers = keras_private.layers_of(model)
    # The networks again: a network that is set as attribute again has been a layer of the model all the time.
    objects = [*model.variables, *layers, *model.networks.values(), *model.preset_networks.values()]
    values = [layer.dtype_policy.name for layer in layers]
    return objects, [*values, keras.config.floatx(), model.compiled_state]


def _same(state, other):
    if other is None or len(state[0]) != len(other[0]) or state[1] != other[1]:
        return False
    return all(one is another for one, another in zip(state[0], other[0], strict=True))
