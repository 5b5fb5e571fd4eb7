"""Everything that training changes, as NumPy arrays."""

import numpy as np
from keras import ops


def state_of(model):
    """Dict of all weights, noise states and optimizer variables, by path."""
    state = {f"{index} {variable.path}": variable for index, variable in enumerate(model.variables)}
    # A classifier has Keras' one optimizer, a generative model one a player.
    optimizers = getattr(model, "optimizers", None) or {"optimizer": getattr(model, "optimizer", None)}
    for player, optimizer in optimizers.items():
        if optimizer is None:
            continue
        state.update({f"{player} {index}": variable for index, variable in enumerate(optimizer.variables)})
    return {name: np.array(ops.convert_to_numpy(variable.value)) for name, variable in state.items()}


def assert_same_state(actual, expected, atol=0.0):
    """Compares two results of `state_of`, in order: Keras may have counted the layers differently."""
    assert len(actual) == len(expected)
    for (name, value), wanted in zip(actual.items(), expected.values(), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=0, atol=atol, err_msg=name)


def sample(model):
    """Six images of one seed, the labels of a conditional model going round the classes."""
    labels = np.arange(6) % model.num_classes if model.num_classes else None
    return model.sample(6, seed=3, labels=labels)
