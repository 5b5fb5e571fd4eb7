"""Files: what comes back from them, in a fresh process."""

import json

import h5py
import keras
import numpy as np

from tests.support.processes import fresh_process
from tests.support.states import assert_same_state, sample, state_of


def check_keras_round_trip(make_model, data, path, output=sample):
    """A `.keras` file gives the output, the optimizers and the noise, and trains on as the model would.

    Args:
        make_model, data: See `tests.support`.
        path: Path of a `.keras` file to write.
        output: Function from a model to the array that is compared.
    """
    model = make_model()
    _train(model, data)
    model.save(path)
    saved = (state_of(model), output(model))
    _train(model, data)
    loaded, went_on = fresh_process(_load_and_train, path, data, output)

    assert_same_state(loaded[0], saved[0])
    np.testing.assert_allclose(loaded[1], saved[1], atol=1e-6)
    assert_same_state(went_on, state_of(model), atol=1e-5)


def _load_and_train(path, data, output):
    import keras_genzoo  # noqa: F401 - registers the classes

    model = keras.saving.load_model(path)
    loaded = (state_of(model), output(model))
    _train(model, data)
    return loaded, state_of(model)


def _train(model, data):
    for _ in range(2):
        model.train_on_batch(*data)


def check_preset_round_trip(make_model, folder, data=None, output=sample):
    """A preset gives the output of the model that was saved, loaded by its class or by `load`.

    Args:
        make_model, data: See `tests.support`. With data the model is trained for a step first.
        folder: Path of the folder to write.
        output: Function from a model to the array that is compared.
    """
    model = make_model()
    if data is not None:
        model.train_on_batch(*data)
    model.save_to_preset(folder)
    name, by_load, by_class = fresh_process(_outputs_of_preset, folder, output)

    assert name == type(model).__name__
    np.testing.assert_allclose(by_load, output(model), atol=1e-6)
    np.testing.assert_array_equal(by_class, by_load)


def _outputs_of_preset(folder, output):
    from keras_genzoo import models

    model = models.load(folder)
    return type(model).__name__, output(model), output(type(model).from_preset(folder))


def check_compile_config(make_model):
    """The compile config survives JSON and compiles another model in the same way."""
    model = make_model()
    config = json.loads(json.dumps(model.get_compile_config()))
    other = type(model).from_config(model.get_config())
    other.compile_from_config(config)

    assert other.optimizers.keys() == model.optimizers.keys()
    for player, optimizer in model.optimizers.items():
        assert type(other.optimizers[player]) is type(optimizer)
        assert other.optimizers[player].get_config() == optimizer.get_config()
    for name in ("jit_compile", "run_eagerly", "steps_per_execution"):
        assert getattr(other, name) == getattr(model, name), name


def arrays_in(file):
    """Dict of the arrays in an HDF5 file, by path."""
    values = {}
    with h5py.File(file) as content:
        content.visititems(
            lambda path, item: values.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return values


def check_weight_paths(file, golden):
    """The paths in a `.weights.h5` file are the golden ones: a renamed layer would orphan released files."""
    assert weight_paths(file) == sorted(golden)


def weight_paths(file):
    """Sorted list of the data sets in a `.weights.h5` file, each with its shape: `path (3, 3)`."""
    paths = []
    with h5py.File(file) as content:
        content.visititems(
            lambda path, item: (
                paths.append(f"{path} {item.shape}") if isinstance(item, h5py.Dataset) else None
            )
        )
    return sorted(paths)
