"""Limits for presets, checked before memory is allocated and before weights are read."""

import copy
import math
from collections import Counter
from pathlib import Path

import h5py
import keras

from keras_genzoo.backends import keras_private
from keras_genzoo.presets.folders import MAX_BYTES_VARIABLE, PresetError

# Far more than any network of the zoo has.
MAX_VARIABLES = 20_000


def check_size(config: dict, limit: int) -> None:
    """Builds the model of a config without allocating its weights, and raises an error if it is too large.

    The size includes the float32 parameters, and the outputs of all layers of each network for one sample.

    Raises:
        PresetError: If the model takes more than `limit` bytes, or has more than `MAX_VARIABLES` weights.
    """
    counted = 0

    def count(shape):
        nonlocal counted
        counted += 4 * math.prod(shape)
        if counted > limit:
            raise PresetError(
                f"its parameters, and the activations of one sample, take more than {limit:,} bytes. If you trust "
                f"the preset, raise the limit with `max_bytes` or the environment variable {MAX_BYTES_VARIABLE}."
            )

    num_variables = 0

    def count_variable(variable):
        nonlocal num_variables
        num_variables += 1
        if num_variables > MAX_VARIABLES:
            raise PresetError(f"its networks have more than {MAX_VARIABLES:,} weights.")
        count(variable.shape)

    with keras_private.variables_without_memory(count_variable):
        # Keras modifies the config that it is given.
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config))
    for network in model.networks.values():
        for layer in keras_private.layers_of(network):
            for output in keras_private.outputs_of(layer):
                count([side or 1 for side in output.shape])


def check_weights_file(path: Path, model: keras.Model) -> None:
    """Checks that the arrays of a weights file have the shapes of the model's weights, without reading them.

    Raises:
        PresetError: If the shapes differ, or the file contains links or external data.
    """
    found: list[tuple] = []

    def look(name, link):
        if not isinstance(link, h5py.HardLink):
            raise PresetError(f"{path.name} contains a link ({name!r}).")
        item = file[name]
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise PresetError(f"the values of {name!r} in {path.name} are stored in another file.")
            if item.chunks is not None:
                # A chunk is decompressed as a whole, however large it is.
                raise PresetError(f"{name!r} in {path.name} is stored in chunks.")
            if item.dtype.kind not in "fiuV" or item.dtype.itemsize > 8:
                raise PresetError(f"{name!r} in {path.name} must be numeric. Received: {item.dtype}.")
            found.append(item.shape)

    with h5py.File(path, "r") as file:
        file.visititems_links(look)
    counts = Counter(found)
    weights, variables = (
        Counter(tuple(variable.shape) for variable in some) for some in (model.weights, model.variables)
    )
    # The file may contain the states of seed generators.
    for shape in (counts - variables) | (weights - counts):
        raise PresetError(
            f"{path.name} has {counts[shape]} arrays of the shape {shape}, but the networks have {weights[shape]}."
        )
