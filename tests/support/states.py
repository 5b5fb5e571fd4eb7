"""Everything that training changes, as NumPy arrays."""

import numpy as np
from keras import ops


def state_of(model):
    """Dict of all weights, noise states and optimizer variables, by path."""
    state = {f"{index} {variable.path}": variable for index, variable in enumerate(model.variables)}
    for player, optimizer in model.optimizers.items() if model.compiled else ():
        state.update({f"{player} {index}": variable for index, variable in enumerate(optimizer.variables)})
    return {name: np.array(ops.convert_to_numpy(variable.value)) for name, variable in state.items()}


def assert_same_state(actual, expected, atol=0.0):
    """Compares two results of `state_of`, in order: Keras may have counted the layers differently."""
    assert len(actual) == len(expected)
    for (name, value), wanted in zip(actual.items(), expected.values(), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=0, atol=atol, err_msg=name)


def sample(model):
    """Six images of one seed, the labels of a conditional model going round the classes."""
    return model.sample(6, seed=3, labels=model.condition and model.condition.in_turn(6))
