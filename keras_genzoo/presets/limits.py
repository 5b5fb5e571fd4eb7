"""What a preset may hold. All is checked before memory is allocated and before a weight is read."""

import copy
import math
from collections import Counter
from pathlib import Path

import h5py
import keras

from keras_genzoo.backends import keras_private
from keras_genzoo.presets.folders import MAX_BYTES_VARIABLE, PresetError

# More than any network of the zoo has by far.
MAX_VARIABLES = 20_000


def check_size(config: dict, limit: int) -> None:
    """Builds the model of a config without memory for its weights, and refuses one that is too large.

    Counted are the float32 parameters, and what the layers of each network give for one sample.

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
                f"the preset, raise the limit by `max_bytes` or the variable {MAX_BYTES_VARIABLE}."
            )

    num_variables = 0

    def count_variable(variable):
        nonlocal num_variables
        num_variables += 1
        if num_variables > MAX_VARIABLES:
            raise PresetError(f"its networks have more than {MAX_VARIABLES:,} weights.")
        count(variable.shape)

    with keras_private.variables_without_memory(count_variable):
        # Keras takes apart what it is given.
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config))
    for network in model.networks.values():
        for layer in keras_private.layers_of(network):
            for output in keras_private.outputs_of(layer):
                count([side or 1 for side in output.shape])


def check_weights_file(path: Path, model: keras.Model) -> None:
    """Refuses a file of weights whose arrays have not the shapes of a model's, before any of it is read.

    Raises:
        PresetError: If shapes differ, or the file points to another place or another file.
    """
    found: list[tuple] = []

    def look(name, link):
        if not isinstance(link, h5py.HardLink):
            raise PresetError(f"{path.name} holds a link ({name!r}).")
        item = file[name]
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise PresetError(f"the values of {name!r} in {path.name} lie in another file.")
            if item.chunks is not None:
                # A chunk is unpacked as a whole, however large it is.
                raise PresetError(f"{name!r} in {path.name} is stored in chunks.")
            if item.dtype.kind not in "fiuV" or item.dtype.itemsize > 8:
                raise PresetError(f"{name!r} in {path.name} holds no numbers, but {item.dtype}.")
            found.append(item.shape)

    with h5py.File(path, "r") as file:
        file.visititems_links(look)
    counts = Counter(found)
    weights, variables = (
        Counter(tuple(variable.shape) for variable in some) for some in (model.weights, model.variables)
    )
    # The states of seeds may be there.
    for shape in (counts - variables) | (weights - counts):
        raise PresetError(
            f"{path.name} holds {counts[shape]} arrays of the shape {shape}, and the networks {weights[shape]}."
        )
