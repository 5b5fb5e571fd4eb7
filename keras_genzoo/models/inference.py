"""Where a model's functions of tensors meet NumPy arrays: compiled, one batch at a time."""

import threading

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends
from keras_genzoo.backends import keras_private


class Inference:
    """The compiled functions of a model, each compiled when it is first called.

    What a compiled function has read of the model, besides the values of variables, is compared at every call: its
    variables, its layers' dtype policies and `ZooModel.compiled_state`. Where one is another, all are compiled anew.
    Any number of threads may call at once, while another trains the model too.
    """

    def __init__(self):
        self._state = None
        self._functions = {}
        self._lock = threading.Lock()

    @property
    def num_traces(self):
        """How often a function was traced, of those that are not out of date."""
        return sum(function.num_traces for function in self._functions.values())

    def __call__(self, model, function, arrays, batch_size=None, **options):
        """Applies a function to a batch.

        Args:
            model: `ZooModel`.
            function: A method of the model, `(*tensors, **options)`, that returns a tensor or a tuple of them. Its
                results must have the arrays' number of rows, each depending on its own row alone.
            arrays: List of NumPy arrays of equal length.
            batch_size: Int, length of whole batches, or None.
            **options: NumPy arrays and scalars reach the function as tensors. Anything else is a constant, for
                each value of which the function is compiled.

        Returns:
            NumPy array, or tuple of them.
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
    """What a compiled function has fixed: objects to compare by identity, and values to compare."""
    layers = keras_private.layers_of(model)
    # The networks again: one put back in its place was a layer of the model all the time.
    objects = [*model.variables, *layers, *model.networks.values(), *model.preset_networks.values()]
    values = [layer.dtype_policy.name for layer in layers]
    return objects, [*values, keras.config.floatx(), model.compiled_state]


def _same(state, other):
    if other is None or len(state[0]) != len(other[0]) or state[1] != other[1]:
        return False
    return all(one is another for one, another in zip(state[0], other[0], strict=True))
