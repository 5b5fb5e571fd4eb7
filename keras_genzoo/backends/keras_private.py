"""The only file that uses what Keras keeps private.

Each docstring says what Keras 3.15 does and what is assumed of it; `tests/backends/test_keras_private.py` holds one
test for each, which names the assumption where another version of Keras does otherwise.
"""

import contextlib
import threading

import keras
from keras.src import backend
from keras.src.backend.common import global_state, stateless_scope


class BuiltByConstructor:
    """Mixin of models whose constructor and `compile` build everything: `fit` need not look for what is unbuilt.

    On TensorFlow `fit` and `evaluate` call `_maybe_symbolic_build` first, which under a strategy takes a batch away,
    and fails on that of several workers. It is assumed to do nothing but build.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        pass


class ReadBetweenSteps:
    """Mixin of models whose weights other threads read while the JAX trainer has them.

    The JAX trainer takes the values out of the variables by `_get_jax_state`, hands them through steps that end those
    of the step before, and puts the last ones back by `jax_state_sync`. Of this it is assumed:

    - `_jax_state` is a dict of the values to put back, which it does where `_jax_state_synced` is False.
    - Where that is True before a step, the trainer takes the values out again: a callback may have put them back.
    - Every step of `fit`, `evaluate`, `predict` and the like goes through what `_make_function` is given.

    The trainer reads and sets `_jax_state_synced` while other threads run: `_values_are_out` alone is trusted.
    """

    _values_are_out = False

    @contextlib.contextmanager
    def between_steps(self):
        """Context in which variables have the values of the last step, and no other begins; in any thread."""
        with self._step_lock():
            self.jax_state_sync()
            yield

    def _step_lock(self):
        # Past the tracking of Keras, which may ask before its constructor has run.
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
                    # Put back by another thread after the trainer took them out.
                    state = self._take_values_out(
                        {**dict.fromkeys(taken, True), "purge_model_variables": True}
                    )
                outputs, state = step_function(state, data)
                # Past the tracking of Keras, which takes longer than all else here. The trainer sets the same.
                vars(self)["_jax_state"] = dict(zip(taken, state, strict=True))
                return outputs, state

        return super()._make_function(one_at_a_time, *args, **kwargs)


_STATE_GROUPS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def build_for_training(model, x, y):
    """Builds loss, metrics and optimizer of a compiled model, given a symbolic batch.

    `Trainer._symbolic_build` is assumed to build what is not yet built, and to need no more than shapes and dtypes.
    """
    model._symbolic_build(data_batch=(x, y))


@contextlib.contextmanager
def variables_without_memory(notice):
    """Inside, variables have a shape and no value; `notice` is called with each, and may raise.

    A `keras.StatelessScope` gives no value to variables that are made in it, and appends them to the global list
    `uninitialized_variables`, whose values the end of a later scope would make: it is assumed to be that list.
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
    """List of a layer or model itself and of all layers in it, at any depth.

    `Layer._flatten_layers` is assumed to name each layer once, however often it is used; `Model.layers` has those of
    the first level alone.
    """
    return layer._flatten_layers()


def outputs_of(layer):
    """List of the symbolic tensors that the calls of a layer in functional networks gave.

    Each call is assumed to leave a node in `_inbound_nodes`; `Layer.output` is of layers that were called once.
    """
    return [output for node in layer._inbound_nodes for output in node.output_tensors]


def remove_layer(model, layer):
    """Makes a model forget a layer that is to be replaced; nothing where it is None.

    A layer that is replaced as an attribute stays in the list of its owner's layers: it would still be counted and
    saved. `_tracker.untrack` is assumed to take it out.
    """
    model._tracker.untrack(layer)


def seed_states(model):
    """List of the variables that hold the states of a model's seed generators.

    `SeedGenerator` names its state `seed_generator_state`, which is assumed to be the name of no other variable.
    """
    return [variable for variable in model.non_trainable_variables if variable.name == "seed_generator_state"]


def drop_loss_tracker(model):
    """Takes the mean of `loss` out of the metrics of a compiled model whose step logs losses of its own.

    `Trainer.compile` makes `_loss_tracker`, and `metrics` leaves out one that is None. The step of Keras, which alone
    needs it, is assumed not to be used.
    """
    model._loss_tracker = None


def is_evaluation_of_fit(keywords):
    """Whether `fit` itself has called `evaluate` with these keywords, on its validation data.

    `fit` passes `_use_cached_eval_dataset=True`, which a user is assumed never to pass.
    """
    return keywords.get("_use_cached_eval_dataset", False)


def without_autocast():
    """Context in which variables have their own dtype under mixed precision too.

    `Layer.__call__` opens an `AutocastScope` of the compute dtype, in which `variable.value` is cast. An inner scope
    of None is assumed to suspend that.
    """
    return backend.AutocastScope(None)


def current_stateless_scope():
    """The innermost `keras.StatelessScope` that is open in this thread, or None.

    Keras reads a variable in that scope alone, by `id(variable)` in its `state_mapping`, and hands each assignment to
    its `add_update`. Whoever nests scopes assumes both.
    """
    return stateless_scope.get_stateless_scope()


def trained_variables(optimizer):
    """List of the variables that an optimizer was built on, in the order of its `stateless_apply`.

    `Optimizer.build` keeps them as `_trainable_variables`, a `LossScaleOptimizer` too.
    """
    return optimizer._trainable_variables


def adam_moments(optimizer, variable):
    """The pair of variables, momentum and velocity, that a built Adam keeps of a trained variable.

    `_momentums` and `_velocities` have the order of the variables. `_get_variable_index` is assumed to take what
    `update_step` is given, which is a `tf.Variable` on TensorFlow.
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


@contextlib.contextmanager
def without_sum_over_replicas(optimizer):
    """Inside, an optimizer on TensorFlow does not add up the gradients of all replicas before it applies them.

    `_backend_update_step` calls `self._all_reduce_sum_gradients` with the pairs of gradient and variable, and applies
    the pairs that it returns: an attribute of the object is assumed to be found in the place of the method.
    """
    # That of a `LossScaleOptimizer` is applied by the optimizer inside.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
    try:
        yield
    finally:
        del optimizer._all_reduce_sum_gradients


def is_multi_worker(strategy):
    """Whether processes of several workers train together under a `tf.distribute` strategy.

    The trainer then takes the mean of what a step logs along its first axis, which a scalar does not have; it asks
    `_collective_all_reduce_multi_worker`.
    """
    from keras.src.backend.tensorflow import trainer

    return trainer._collective_all_reduce_multi_worker(strategy)
