"""One training step."""

import numpy as np
from keras import ops


def check_training_step(make_model, data):
    """Every trainable variable of every player moves, the logs are finite, their keys are the trackers'."""
    model = make_model()
    before = {player: _values(model, player) for player in model.players}
    logs = model.train_on_batch(*data, return_dict=True)

    assert set(logs) == {tracker.name for tracker in model.loss_trackers}
    # Otherwise `fit` would log the last batch's value instead of the epoch's mean.
    assert all(any(tracker is metric for metric in model.metrics) for tracker in model.loss_trackers)
    assert all(np.isfinite(value) for value in logs.values()), logs
    trained = [id(variable) for player in model.players for variable in model.variables_of(player)]
    assert len(set(trained)) == len(trained), "two players train one variable"
    networks = [variable for network in model.networks.values() for variable in network.trainable_variables]
    assert {id(variable) for variable in networks} == set(trained), "a variable has no player"
    for player, values in before.items():
        for variable, old, new in zip(
            model.variables_of(player), values, _values(model, player), strict=True
        ):
            assert np.isfinite(new).all(), f"{variable.path} of {player} is not finite"
            assert (new != old).any(), f"{variable.path} of {player} has not moved"
    return logs


def _values(model, player):
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in model.variables_of(player)]
