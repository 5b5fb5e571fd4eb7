"""What is assumed of Keras' private API, one test for each function of `keras_private`."""

import ast
import functools
import inspect
import re
import sys
import threading
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
from keras import ops

import keras_genzoo
from keras_genzoo.backends import keras_private

TESTED = set()


def assumption_of(function):
    """Decorates a test: its failure names the function to change, and what it assumes of Keras."""
    TESTED.add(function.__name__)

    def decorate(test):
        @functools.wraps(test)
        def decorated(*args, **kwargs):
            try:
                return test(*args, **kwargs)
            except Exception as error:
                raise AssertionError(
                    f"Keras {keras.__version__} does not do what `keras_private.{function.__name__}` assumes:\n"
                    f"{inspect.getdoc(function)}\n{type(error).__name__}: {error}"
                ) from error

        return decorated

    return decorate


class Regression(keras.Model):
    """One weight, trained by a step of its own."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.dense.build((None, 1))
        self.built = True

    def call(self, x):
        return self.dense(x)


def data():
    return np.ones((4, 1), "float32"), np.zeros((4, 1), "float32")


def test_every_function_has_a_test():
    functions = {
        name
        for name, value in vars(keras_private).items()
        if getattr(value, "__module__", None) == keras_private.__name__ and not name.startswith("_")
    }
    assert functions == TESTED


@pytest.mark.tensorflow
@assumption_of(keras_private.BuiltByConstructor)
def test_the_trainer_calls_the_hook_and_goes_on_without_it(monkeypatch):
    calls = []

    def hook(self, iterator=None, data_batch=None):
        calls.append((iterator is not None, data_batch is not None))

    assert inspect.signature(keras.Model._maybe_symbolic_build) == inspect.signature(hook)
    monkeypatch.setattr(keras_private.BuiltByConstructor, "_maybe_symbolic_build", hook)

    class Built(keras_private.BuiltByConstructor, Regression):
        pass

    model = Built()
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(*data(), verbose=0)
    model.evaluate(*data(), verbose=0)
    assert calls == [(True, False), (True, False)]
    assert (model.get_weights()[0] != before[0]).all()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="of the JAX trainer")
@assumption_of(keras_private.ReadBetweenSteps)
def test_values_that_the_jax_trainer_has_taken_are_there_between_steps():
    class Read(keras_private.ReadBetweenSteps, Regression):
        pass

    def read_in_another_thread():
        with model.between_steps():
            seen.append(float(model.dense.bias.value[0]))
            model.dense.bias.assign_add([1.0])

    def read(batch=None, logs=None):
        thread = threading.Thread(target=read_in_another_thread)
        thread.start()
        thread.join()

    def taken(**groups):
        state = Read._get_jax_state(model, **groups)
        assert model.dense.bias._value is None
        # The trainer believes that they still are: what is read and assigned now must not be lost.
        read()
        return state

    seen, model = [], Read()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    read()
    model._get_jax_state = taken
    after = keras.callbacks.LambdaCallback(on_train_batch_end=read, on_test_batch_end=read)
    model.fit(*data(), batch_size=2, epochs=2, verbose=0, callbacks=[after])
    model.evaluate(*data(), batch_size=2, verbose=0, callbacks=[after])
    read()
    assert seen == list(range(len(seen))) and len(seen) > 8


@assumption_of(keras_private.build_for_training)
def test_optimizer_and_metrics_are_built_from_shapes():
    model = Regression()
    model.compile("adam", "mse", metrics=["mae"])
    keras_private.build_for_training(model, keras.KerasTensor((None, 1)), keras.KerasTensor((None, 1)))
    assert model.optimizer.built and model._compile_metrics.built
    assert [variable.path for variable in model.metrics_variables]


@assumption_of(keras_private.layers_of)
def test_layers_of_any_depth_once_each():
    shared = keras.layers.Dense(2, name="shared")
    inner = keras.Sequential([keras.Input((2,)), shared, keras.layers.ReLU(name="relu")], name="inner")
    x = keras.Input((2,), name="inputs")
    model = keras.Model(x, inner(shared(x)), name="outer")
    layers = keras_private.layers_of(model)
    assert len({id(layer) for layer in layers}) == len(layers)
    names = [layer.name for layer in layers if not isinstance(layer, keras.layers.InputLayer)]
    assert names[0] == "outer" and sorted(names[1:]) == ["inner", "relu", "shared"]
    assert [id(layer) for layer in keras_private.layers_of(shared)] == [id(shared)]


@assumption_of(keras_private.outputs_of)
def test_outputs_of_a_layer_that_is_called_twice():
    dense, inputs = keras.layers.Dense(2), keras.Input((3,))
    outputs = [dense(inputs), dense(inputs)]
    assert [id(output) for output in keras_private.outputs_of(dense)] == [id(output) for output in outputs]
    assert keras_private.outputs_of(keras.layers.Dense(2)) == []


@assumption_of(keras_private.variables_without_memory)
def test_variables_without_memory_are_noticed_and_forgotten():
    seen = []
    with keras_private.variables_without_memory(seen.append):
        network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        # 40 GB: nobody has that much to spare.
        keras.layers.Dense(10**5).build((None, 10**5))
    assert [tuple(variable.shape) for variable in seen[:2]] == [(3, 2), (2,)]
    assert tuple(seen[2].shape) == (10**5, 10**5)
    assert network.count_params() == 8
    # The end of a later scope would give values to what is still to be initialized.
    with keras.StatelessScope():
        pass
    assert seen[2]._value is None

    def refuse(variable):
        raise ValueError("too many")

    with pytest.raises(ValueError, match="too many"), keras_private.variables_without_memory(refuse):
        keras.layers.Dense(2).build((None, 3))
    dense = keras.layers.Dense(2)
    dense.build((None, 3))
    assert dense.kernel._value is not None


@assumption_of(keras_private.remove_layer)
def test_a_removed_layer_is_neither_counted_nor_saved():
    model = Regression()
    keras_private.remove_layer(model, None)
    assert len(model.weights) == 2
    keras_private.remove_layer(model, model.dense)
    model.dense = None
    assert model.weights == [] and model.layers == []
    model.dense = other = keras.layers.Dense(3)
    assert model.layers == [other]


@assumption_of(keras_private.seed_states)
def test_seed_states_are_those_of_all_generators():
    model = keras.Sequential(
        [keras.Input((100,)), keras.layers.Dropout(0.5), keras.layers.GaussianNoise(1.0)]
    )
    states = keras_private.seed_states(model)
    before = [ops.convert_to_numpy(state) for state in states]
    model(np.ones((1, 100)), training=True)
    assert len(states) == 2
    assert all((ops.convert_to_numpy(state) != old).any() for state, old in zip(states, before, strict=True))


@assumption_of(keras_private.drop_loss_tracker)
def test_a_dropped_loss_tracker_is_no_metric():
    model = Regression()
    model.compile("sgd", "mse")
    assert "loss" in [metric.name for metric in model.metrics]
    keras_private.drop_loss_tracker(model)
    assert "loss" not in [metric.name for metric in model.metrics]


@assumption_of(keras_private.is_evaluation_of_fit)
def test_fit_marks_its_own_evaluations():
    marks = []

    class Watched(Regression):
        def evaluate(self, *args, **kwargs):
            marks.append(keras_private.is_evaluation_of_fit(kwargs))
            return super().evaluate(*args, **kwargs)

    model = Watched()
    model.compile("sgd", "mse")
    model.fit(*data(), validation_data=data(), epochs=2, verbose=0)
    model.evaluate(*data(), verbose=0)
    assert marks == [True, True, False]


@assumption_of(keras_private.without_autocast)
def test_without_autocast_a_variable_keeps_its_precision():
    class Layer(keras.layers.Layer):
        def build(self, input_shape):
            self.weight = self.add_weight((), "zeros")

        def call(self, x):
            def dtype():
                return keras.backend.standardize_dtype(self.weight.value.dtype)

            self.seen = [dtype()]
            with keras_private.without_autocast():
                self.seen.append(dtype())
            self.seen.append(dtype())
            return x

    layer = Layer(dtype="mixed_bfloat16")
    layer(np.ones((1, 1), "float32"))
    assert layer.seen == ["bfloat16", "float32", "bfloat16"]


@assumption_of(keras_private.current_stateless_scope)
def test_stateless_scopes_do_not_chain_and_take_every_assignment():
    updates = []

    class Recording(keras.StatelessScope):
        def add_update(self, update):
            super().add_update(update)
            updates.append(update)

    variable = keras.Variable(1.0)
    assert keras_private.current_stateless_scope() is None
    with keras.StatelessScope([(variable, ops.convert_to_tensor(2.0))]) as outer:
        assert keras_private.current_stateless_scope() is outer
        assert float(outer.state_mapping[id(variable)]) == 2.0
        with Recording() as inner:
            assert keras_private.current_stateless_scope() is inner
            assert float(variable.value) == 1.0
            inner.state_mapping.update(outer.state_mapping)
            assert float(variable.value) == 2.0
            variable.assign(3.0)
            ((updated, value),) = updates
            assert updated is variable and float(value) == 3.0
        assert float(variable.value) == 2.0
    assert float(variable.value) == 1.0
    assert keras_private.current_stateless_scope() is None


@pytest.mark.parametrize("scaled", [False, True])
@assumption_of(keras_private.trained_variables)
def test_trained_variables_are_what_the_stateless_step_takes(scaled):
    first, second = keras.Variable([1.0]), keras.Variable([[2.0]])
    optimizer = keras.optimizers.SGD(1.0)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
    optimizer.build([first, second])
    variables = keras_private.trained_variables(optimizer)
    assert [id(variable) for variable in variables] == [id(first), id(second)]
    if keras.backend.backend() == "tensorflow":  # which has no `stateless_apply`
        return
    values, _ = optimizer.stateless_apply(
        [variable.value for variable in optimizer.variables],
        [ops.ones((1,)), ops.ones((1, 1))],
        [variable.value for variable in variables],
    )
    assert [float(ops.squeeze(value)) for value in values] == [0.0, 1.0]


@assumption_of(keras_private.adam_moments)
def test_adam_moments_are_those_of_the_variable():
    moments = {}

    class Watched(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)
            moments[tuple(variable.shape)] = keras_private.adam_moments(self, variable)

    variables = [keras.Variable(np.ones((size,), "float32")) for size in (1, 2)]
    optimizer = Watched(beta_1=0.5, beta_2=0.75)
    optimizer.build(variables)
    optimizer.apply([ops.ones((size,)) * 2.0 * size for size in (1, 2)], variables)
    for size in (1, 2):
        momentum, velocity = moments[(size,)]
        np.testing.assert_allclose(ops.convert_to_numpy(momentum.value), [0.5 * 2 * size] * size)
        np.testing.assert_allclose(ops.convert_to_numpy(velocity.value), [0.25 * 4 * size**2] * size)


@pytest.mark.tensorflow
@pytest.mark.parametrize("scaled", [False, True])
@assumption_of(keras_private.without_sum_over_replicas)
def test_the_sum_over_replicas_is_left_out_inside_alone(scaled, monkeypatch):
    inner = optimizer = keras.optimizers.SGD(1.0)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
    variable = keras.Variable([5.0])
    optimizer.build([variable])
    sums, method = [], type(inner)._all_reduce_sum_gradients

    def counted(self, pairs):
        sums.append(1)
        return method(self, pairs)

    monkeypatch.setattr(type(inner), "_all_reduce_sum_gradients", counted)
    with keras_private.without_sum_over_replicas(optimizer):
        optimizer.apply([ops.ones((1,))], [variable])
    assert (float(variable.value[0]), len(sums)) == (4.0, 0)
    optimizer.apply([ops.ones((1,))], [variable])
    assert (float(variable.value[0]), len(sums)) == (3.0, 1)


@pytest.mark.tensorflow
@assumption_of(keras_private.is_multi_worker)
def test_workers_are_asked_of_the_strategy():
    import tensorflow as tf
    from keras.src.backend.tensorflow import trainer

    for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0"])):
        assert not keras_private.is_multi_worker(strategy)
        assert float(trainer.reduce_per_replica(tf.constant(1.0), strategy, "auto")) == 1.0
    # A real one needs a second process: `support.check_two_workers` trains with it.
    several = mock.Mock(tf.distribute.MultiWorkerMirroredStrategy)
    assert keras_private.is_multi_worker(several)
    trainer.reduce_per_replica(tf.constant([1.0]), several, "auto")
    several.reduce.assert_called_once_with("MEAN", mock.ANY, axis=0)


@functools.cache
def private_names_of(cls):
    """Names with an underscore that Keras' own bases of a class have, or give to their objects."""
    names = set()
    for base in cls.__mro__:
        if base.__module__.split(".")[0] == "keras":
            names |= _own_private_names(base)
    return names


@functools.cache
def _own_private_names(cls):
    names = [*re.findall(r"\bself\.(_\w+)", inspect.getsource(cls)), *vars(cls)]
    return {name for name in names if re.match("_[a-z]", name)}


KERAS_CLASSES = (
    keras.Model,
    keras.Variable,
    keras.StatelessScope,
    keras.random.SeedGenerator,
    keras.optimizers.Adam,
    keras.optimizers.LossScaleOptimizer,
    keras.callbacks.Callback,
    keras.metrics.Mean,
    keras.utils.PyDataset,
)


def test_no_other_file_uses_private_names():
    private = set().union(*map(private_names_of, KERAS_CLASSES))
    root = Path(keras_genzoo.__file__).parent
    found = []
    for file in set(root.rglob("*.py")) - {Path(keras_private.__file__)}:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                name, owner = node.attr, ast.unparse(node.value)
                # What a class uses of itself is the next test's.
                is_private = (name in private and owner not in ("self", "cls")) or (owner, name) == (
                    "keras",
                    "src",
                )
            else:
                modules = [getattr(node, "module", None)] if isinstance(node, ast.ImportFrom) else []
                modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                is_private = any(str(module).startswith("keras.src") for module in modules)
            if is_private:
                found.append(f"{file.relative_to(root)}:{node.lineno} {ast.unparse(node)}")
    assert not found, f"Move what Keras keeps private to `keras_private`: {sorted(found)}"


def test_no_class_has_a_private_name_of_its_base():
    """Neither used on purpose, nor given by chance to something else."""
    found, num_classes = [], 0
    for module in [module for name, module in sys.modules.items() if name.startswith("keras_genzoo.")]:
        for definition in ast.parse(Path(module.__file__).read_text()).body:
            if not isinstance(definition, ast.ClassDef):
                continue
            cls = getattr(module, definition.name)
            private = private_names_of(cls)
            num_classes += bool(private)
            used = {node.attr for node in ast.walk(definition) if isinstance(node, ast.Attribute)}
            found += [f"{cls.__name__}.{name}" for name in sorted((used | {*vars(cls)}) & private)]
    assert num_classes > 50
    assert not found, f"Give these another name, or move them to `keras_private`: {found}"
