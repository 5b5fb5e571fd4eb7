"""One training step."""

import contextlib

import keras
import numpy as np
from keras import ops

from tests.support.answers import answers
from tests.support.toys import toy_data


@contextlib.contextmanager
def eagerly():
    """Where TensorFlow compiles nothing: of tiny models compiling takes far longer than the steps."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def check_training_step(make_model, data):
    """Every trainable variable moves, and belongs to one player; the logs are finite."""
    model = make_model()
    before = trainable_values(model)
    logs = model.train_on_batch(*data, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values()), logs
    assert_all_moved(model, before)
    assert_one_player_per_variable(model)


def check_mixed_precision(make_model, policy):
    """Every kernel moves in training, all variables stay in float32, and so are the answers.

    An offset may not move: where the gradients of real and generated images cancel, what is left of them rounds away.

    Args:
        make_model: See `tests.support`.
        policy: String, `"mixed_bfloat16"` or `"mixed_float16"`.
    """
    keras.config.set_dtype_policy(policy)
    try:
        model = make_model()
        before = trainable_values(model)
        # In float16 the first steps are skipped while the scale of the loss comes down.
        history = model.fit(*toy_data(model), batch_size=4, epochs=12, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(values).all() for values in history.values()), history
    after = trainable_values(model)
    assert all(np.isfinite(new).all() for new in after)
    assert all((new != old).any() for old, new in zip(before, after, strict=True) if old.ndim > 1)
    assert {value.dtype for value in trainable_values(model)} == {np.dtype("float32")}
    scaled = {isinstance(each, keras.optimizers.LossScaleOptimizer) for each in model.optimizers.values()}
    assert scaled == {policy == "mixed_float16"}
    for name, value in answers(model).items():
        assert value.dtype == np.float32 and np.isfinite(value).all(), name


def trainable_values(model):
    """Copies of the trainable variables' values."""
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in model.trainable_variables]


def assert_all_moved(model, before):
    """Compares the trainable variables with `trainable_values` of before a step."""
    for variable, old, new in zip(model.trainable_variables, before, trainable_values(model), strict=True):
        assert np.isfinite(new).all(), f"{variable.path} is not finite"
        assert (new != old).any(), f"{variable.path} has not moved"


def assert_one_player_per_variable(model):
    """Each trainable variable of the networks is updated by one optimizer."""
    networks = [variable for network in model.networks.values() for variable in network.trainable_variables]
    trained = [id(variable) for player in players_of(model) for variable in model.variables_of(player)]
    assert len(set(trained)) == len(trained), "two players train one variable"
    assert not players_of(model) or {id(variable) for variable in networks} == set(trained)
    assert {id(variable) for variable in networks} == {id(variable) for variable in model.trainable_variables}


def players_of(model):
    """Names of the players; none of a model that Keras' own step trains."""
    return tuple(getattr(model, "players", ()))


def with_sgd(make_model, rate=1e-2, jit_compile="auto", steps_per_execution=1):
    """A model whose every player takes plain gradient descent: steps in proportion to the gradients."""
    model = make_model()
    optimizers = {argument: keras.optimizers.SGD(rate) for argument in model.optimizer_arguments().values()}
    model.compile(**optimizers, jit_compile=jit_compile, steps_per_execution=steps_per_execution)
    return model
