"""The only file that uses private parts of Keras.

Each docstring describes what Keras 3.15 does and what is assumed about it.
`tests/backends/test_keras_private.py` has a test for each, which names the assumption if another version of
Keras behaves differently.
"""

import contextlib
import threading

import keras
from keras.src import backend
from keras.src.backend.common import global_state, stateless_scope


class BuiltByConstructor:
    """Mixin for models whose constructor and `compile` build everything, so that `fit` need not build
    anything.

    On TensorFlow, `fit` and `evaluate` first call `_maybe_symbolic_build`, which takes a batch from the data
    under a strategy, and fails for a strategy with several workers. It is assumed that it only builds.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        pass


class ReadBetweenSteps:
    """Mixin for models whose weights other threads read while the JAX trainer holds them.

    The JAX trainer takes the values out of the variables with `_get_jax_state`, passes them through steps
    that invalidate the previous values, and puts the last values back with `jax_state_sync`. Assumptions:

    - `_jax_state` is a dict of the values to put back, which happens if `_jax_state_synced` is False.
    - If it is True before a step, the trainer takes the values out again, because a callback may have put
      them back.
    - Every step of `fit`, `evaluate`, `predict` and similar methods uses the function passed to
      `_make_function`.

    The trainer reads and sets `_jax_state_synced` while other threads run, so that only `_values_are_out` is
    reliable.
    """

    _values_are_out = False

    @contextlib.contextmanager
    def between_steps(self):
        """Context manager in which variables have the values of the last step, and no step starts; in any
        thread.
        """
        with self._step_lock():
            self.jax_state_sync()
            yield

    def _step_lock(self):
        # Bypasses the attribute tracking of Keras, which may call this before its constructor has run.
        return vars(self).setdefault("_lock_of_steps", threading.RLock())

    def jax_state_sync(self):
        with self._step_lock():
            if self._values_are_out:
                self._jax_state_synced = False
                super().jax_state_sync()
                self._values_are_out = False

    def _get_jax_state(self, **groups):
        return self._take_values_out(groups)

    def _take_values_out(self, groups):
        with self.between_steps():
            state = super()._get_jax_state(**groups)
            taken = [name for name in _STATE_GROUPS if groups.get(name)]
            self._jax_state = dict(zip(taken, state, strict=True))
            self._values_are_out, self._jax_state_synced = True, False
            return state

    def _make_function(self, step_function, *args, **kwargs):
        def one_at_a_time(state, data):
            with self._step_lock():
                taken = list(self._jax_state)
                if not self._values_are_out:
                    # Another thread has put the values back after the trainer took them out.
                    state = self._take_values_out(
                        {**dict.fromkeys(taken, True), "purge_model_variables": True}
                    )
                outputs, state = step_function(state, data)
                # Bypasses the attribute tracking of Keras, which is slow. The trainer sets the same attribute.
                vars(self)["_jax_state"] = dict(zip(taken, state, strict=True))
                return outputs, state

        return super()._make_function(one_at_a_time, *args, **kwargs)


_STATE_GROUPS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def build_for_training(model, x, y):
    """Builds loss, metrics and optimizer of a compiled model from a symbolic batch.

    It is assumed that `Trainer._symbolic_build` builds what is not yet built, and only needs shapes and
    dtypes.
    """
    model._symbolic_build(data_batch=(x, y))


@contextlib.contextmanager
def variables_without_memory(notice):
    """Context manager in which variables have a shape but no value; `notice` is called with each variable,
    and may raise.

    A `keras.StatelessScope` does not initialize variables that are created in it, and appends them to the
    global list `uninitialized_variables`, which are initialized at the end of a later scope. It is assumed
    that this is the list.
    """
    before = global_state.get_global_attribute("uninitialized_variables")

    class Noticed(list):
        def append(self, variable):
            notice(variable)

    global_state.set_global_attribute("uninitialized_variables", Noticed())
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", before or [])


def layers_of(layer):
    """Returns a list of a layer or model and all layers in it, at any depth.

    It is assumed that `Layer._flatten_layers` returns each layer once, however often it is used.
    `Model.layers` only has the layers of the first level.
    """
    return layer._flatten_layers()


def outputs_of(layer):
    """Returns a list of the symbolic outputs of a layer for its calls in functional networks.

    It is assumed that each call adds a node to `_inbound_nodes`. `Layer.output` is only defined for layers
    that were called once.
    """
    return [output for node in layer._inbound_nodes for output in node.output_tensors]


def remove_layer(model, layer):
    """Removes a layer that will be replaced from a model; does nothing if the layer is None.

    A layer that is replaced as an attribute stays in the list of layers: it would still be counted and saved.
    It is assumed that `_tracker.untrack` removes it.
    """
    model._tracker.untrack(layer)


def seed_states(model):
    """Returns a list of the state variables of a model's seed generators.

    `SeedGenerator` names its state `seed_generator_state`. It is assumed that no other variable has this
    name.
    """
    return [variable for variable in model.non_trainable_variables if variable.name == "seed_generator_state"]


def drop_loss_tracker(model):
    """Removes the mean of `loss` from the metrics of a compiled model whose step logs its own losses.

    `Trainer.compile` creates `_loss_tracker`, and `metrics` skips it if it is None. It is assumed that only
    the step of Keras, which is not used, needs it.
    """
    model._loss_tracker = None


def is_evaluation_of_fit(keywords):
    """Whether `fit` has called `evaluate` with these keyword arguments, on its validation data.

    `fit` passes `_use_cached_eval_dataset=True`. It is assumed that users never pass it.
    """
    return keywords.get("_use_cached_eval_dataset", False)


def without_autocast():
    """Context manager in which variables have their own dtype, also under mixed precision.

    `Layer.__call__` opens an `AutocastScope` of the compute dtype, in which `variable.value` is cast. It is
    assumed that an inner scope of None suspends it.
    """
    return backend.AutocastScope(None)


def current_stateless_scope():
    """Returns the innermost open `keras.StatelessScope` of this thread, or None.

    Keras only reads a variable in this scope, by `id(variable)` in its `state_mapping`, and passes each
    assignment to its `add_update`. Nested scopes rely on both.
    """
    return stateless_scope.get_stateless_scope()


def trained_variables(optimizer):
    """Returns a list of the variables that an optimizer was built on, in the order of its `stateless_apply`.

    `Optimizer.build` stores them as `_trainable_variables`, also in a `LossScaleOptimizer`.
    """
    return optimizer._trainable_variables


def adam_moments(optimizer, variable):
    """Returns the momentum and velocity variables of a built Adam for a trained variable.

    `_momentums` and `_velocities` have the order of the variables. It is assumed that `_get_variable_index`
    accepts what `update_step` receives, which is a `tf.Variable` on TensorFlow.
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


@contextlib.contextmanager
def without_sum_over_replicas(optimizer):
    """Context manager in which an optimizer on TensorFlow does not sum the gradients of all replicas before
    applying them.

    `_backend_update_step` calls `self._all_reduce_sum_gradients` with pairs of gradients and variables, and
    applies the pairs that it returns. It is assumed that an attribute of the object takes precedence over the
    method.
    """
    # The inner optimizer of a `LossScaleOptimizer` applies the gradients.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
    try:
        yield
    finally:
        del optimizer._all_reduce_sum_gradients


def is_multi_worker(strategy):
    """Whether several worker processes train together under a `tf.distribute` strategy.

    The trainer then averages the logs of a step along their first axis, which a scalar does not have. It uses
    `_collective_all_reduce_multi_worker`.
    """
    from keras.src.backend.tensorflow import trainer

    return trainer._collective_all_reduce_multi_worker(strategy)
