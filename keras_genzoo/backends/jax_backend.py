"""JAX: the same imperative step, run inside `keras.StatelessScope`.

A Keras variable that is read inside a scope has the value of the scope, and an assignment is stored in the
scope. Scopes do not inherit from each other. A nested scope therefore starts with a copy of the values of the
outer one, and its updates are assigned in the outer scope afterwards.
"""

import contextlib
import functools

import jax
import keras
import numpy as np
from jax import numpy as jnp

from keras_genzoo.backends import keras_private


def train_step(step):
    """Adapts an imperative step `(self, data) -> logs` to the JAX trainer's `(state, data)` form."""

    @functools.wraps(step)
    def adapted_step(self, state, data=None):
        if keras_private.current_stateless_scope():
            # Called as `super().train_step(data)` from the step of a subclass.
            return step(self, state)
        variables = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        return _run_stateless(step, self, variables, state, data)

    return adapted_step


def test_step(step):
    """Adapts an imperative step `(self, data) -> logs` to the JAX trainer's `(state, data)` form."""

    @functools.wraps(step)
    def adapted_step(self, state, data=None):
        if keras_private.current_stateless_scope():
            return step(self, state)
        variables = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        return _run_stateless(step, self, variables, state, data)

    return adapted_step


def _run_stateless(step, model, variables, state, data):
    pairs = [pair for group in zip(variables, state, strict=True) for pair in zip(*group, strict=True)]
    with keras.StatelessScope(state_mapping=pairs) as scope:
        logs = step(model, data)
    return logs, tuple([scope.get_current_value(variable) for variable in group] for group in variables)


def value_and_grad(function, variables, has_aux=False):
    """See `tensorflow_backend.value_and_grad`."""
    pure, write_back = _as_pure_function(function, variables)

    def loss_and_rest(values):
        output, updates = pure(values)
        return output[0] if has_aux else output, (output, updates)

    (_, (output, updates)), gradients = jax.value_and_grad(loss_and_rest, has_aux=True)(_values(variables))
    write_back(updates)
    return output, gradients


def input_value_and_grad(function, inputs, has_aux=False):
    """See `tensorflow_backend.input_value_and_grad`."""
    pure, write_back = _as_pure_function(function, [])

    def sum_and_rest(inputs):
        output, updates = pure([], inputs)
        return jnp.sum(output[0] if has_aux else output), (output, updates)

    (_, (output, updates)), gradient = jax.value_and_grad(sum_and_rest, has_aux=True)(
        jax.tree.map(jnp.asarray, inputs)
    )
    write_back(updates)
    return output, gradient


def vjp(function, variables):
    """See `tensorflow_backend.vjp`."""
    pure, write_back = _as_pure_function(function, variables)
    output, pullback, updates = jax.vjp(pure, _values(variables), has_aux=True)
    write_back(updates)
    return output, lambda output_gradient: pullback(output_gradient)[0]


def apply_gradients(optimizer, gradients, variables):
    """See `tensorflow_backend.apply_gradients`."""
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer.apply(gradients, variables)
        return
    # Its `apply` assigns variables in conditional branches, which JAX cannot trace. The stateless form needs all
    # variables that it was built on; a growing network only trains some of them.
    given = {id(variable): gradient for variable, gradient in zip(variables, gradients, strict=True)}
    variables = keras_private.trained_variables(optimizer)
    gradients = [
        given[id(variable)] if id(variable) in given else jnp.zeros(variable.shape, variable.dtype)
        for variable in variables
    ]
    state = optimizer.variables
    values, state_values = optimizer.stateless_apply(_values(state), gradients, _values(variables))
    for variable, value in zip([*variables, *state], [*values, *state_values], strict=True):
        variable.assign(value)


def _values(variables):
    return [variable.value for variable in variables]


class _RecordingScope(keras.StatelessScope):
    """A scope that starts with the values of the enclosing scope and records the variables that are assigned
    in it.
    """

    def __init__(self, variables, values):
        super().__init__()
        if outer := keras_private.current_stateless_scope():
            self.state_mapping.update(outer.state_mapping)
        self.state_mapping.update(
            (id(variable), value) for variable, value in zip(variables, values, strict=True)
        )
        self.updated = {}

    def add_update(self, update):
        super().add_update(update)
        variable, _ = update
        self.updated[id(variable)] = variable


def _as_pure_function(function, variables):
    """Returns `function` as a function of the variables' values, and a function that assigns its updates."""
    updated = []

    def pure(values, *args):
        with _RecordingScope(variables, values) as scope:
            output = function(*args)
        updated[:] = scope.updated.values()
        return output, [scope.get_current_value(variable) for variable in updated]

    def write_back(updates):
        for variable, value in zip(updated, updates, strict=True):
            variable.assign(value)

    return pure, write_back


def batch_normalization(x, gamma, beta, epsilon):
    """See `tensorflow_backend.batch_normalization`."""
    values = x.astype("float32")
    mean = jnp.mean(values, axis=(0, 1, 2))
    variance = jnp.var(values, axis=(0, 1, 2))
    output = (values - mean) * (gamma * jax.lax.rsqrt(variance + epsilon)) + beta
    return output.astype(x.dtype), mean, variance


def instance_normalization(x, epsilon):
    """See `tensorflow_backend.instance_normalization`."""
    values = x if x.dtype == "float64" else x.astype("float32")
    mean = jnp.mean(values, axis=(1, 2), keepdims=True)
    variance = jnp.var(values, axis=(1, 2), keepdims=True)
    return ((values - mean) * jax.lax.rsqrt(variance + epsilon)).astype(x.dtype)


def fused_adam(variable, momentum, velocity, gradient, **constants):
    """See `tensorflow_backend.fused_adam`; on JAX the compiler fuses the step of Keras' optimizer."""
    return False


def mean_over_replicas(value):
    return value


def num_replicas():
    """Number of replicas of a training step; JAX uses one global batch."""
    return 1


def num_replicas_of(model):
    return 1


def strategy_scope(model):
    return contextlib.nullcontext()


def gather_from_workers(model, numbers):
    return [numbers]


LOST_WORKER = ()


def graph_function(function):
    """See `tensorflow_backend.graph_function`; exports are written by a process with TensorFlow."""
    return function


TrainedModel = keras_private.ReadBetweenSteps


@contextlib.contextmanager
def state_kept(model):
    """Context manager in which an error in `fit` or `evaluate` leaves a model with the values of the last
    step.

    Keras takes the values out of the variables during training, and only puts them back at the end.
    """
    try:
        yield
    except Exception:
        # If the step itself failed, the values are lost.
        with contextlib.suppress(RuntimeError, ValueError):
            model.jax_state_sync()
        raise


def checked_within(lowest, highest, values, name):
    """See `tensorflow_backend.checked_within`."""
    return values


def fold_in_replica(seed):
    return seed


class Compiled:
    """See `tensorflow_backend.Compiled`.

    Arrays are padded to a few numbers of rows, each of which is compiled once: the powers of two, and
    `largest`.
    """

    def __init__(self, function, model):
        self.function = function
        self.model = model
        self.variables = model.variables
        self.num_traces = 0
        self._jitted = jax.jit(self._pure)

    def __call__(self, arrays, tensors, largest=None):
        num = len(arrays[0])
        rows = 1 << (num - 1).bit_length()
        if largest is not None:
            rows = max(num, min(rows, largest))
        filled = [_filled_up(array, rows) for array in arrays]
        with self.model.between_steps():
            # Dispatched here, so that a step that starts meanwhile waits until the values have been read.
            outputs, updates = self._jitted(_values(self.variables), filled, tensors)
            for index, value in updates.items():
                self.variables[index].assign(value)
        return jax.tree.map(lambda output: np.asarray(output)[:num], outputs)

    def _pure(self, values, arrays, tensors):
        self.num_traces += 1
        with _RecordingScope(self.variables, values) as scope:
            outputs = self.function(*arrays, **tensors)
        updates = {
            index: scope.get_current_value(variable)
            for index, variable in enumerate(self.variables)
            if id(variable) in scope.updated
        }
        return outputs, updates


def _filled_up(array, rows):
    """Pads an array by repeating its last row: a row of zeros may be invalid."""
    missing = rows - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array
