"""Functions shared by the converters: reading PyTorch state dictionaries, arranging them, and saving presets."""

import argparse
import sys
from pathlib import Path

import numpy as np


def parser_of(description, generator):
    """Returns the argument parser of a converter, with the output folder and the file of the generator.

    Args:
        description: String, the docstring of the converter.
        generator: String, help on the file of the generator.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", metavar="OUTPUT", help="folder to create")
    parser.add_argument("--generator", required=True, metavar="FILE", help=generator)
    return parser


def run(make, options):
    """Converts and saves a preset.

    Args:
        make: Function of `options` that returns a model and a description of its origin.
        options: Namespace of `argparse` with the `output` folder.

    Returns:
        Int, the exit status: 1, with a message, if the files cannot be converted.
    """
    try:
        model, description = make(options)
        model.save_to_preset(options.output, metadata={"description": description})
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {description}")
    return 0


def description_of(**files):
    """Returns the sentences about the networks for a card, from their files; None for networks without a file."""
    named = [f"{name} from {Path(file).name}" for name, file in files.items() if file]
    untrained = [name for name, file in files.items() if not file]
    return f"Converted from PyTorch: {', '.join(named)}." + (
        f" Not trained: {', '.join(untrained)}." if untrained else ""
    )


def converted(path, network_of, parts=()):
    """Returns the network that `network_of` builds from the state dictionary in a file; errors name the file."""
    try:
        return network_of(read_state(path, parts))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_state(path, parts=()):
    """Reads a state dictionary.

    Args:
        path: String or path of a file that `torch.save(network.state_dict(), path)` wrote.
        parts: Keys of the network's state dictionary in training checkpoints. A file without any of them must be the
            state dictionary itself.

    Returns:
        Dictionary that maps keys, without the prefix `module.` of a `DataParallel`, to NumPy arrays. It includes
        top-level tensors next to the part.

    Raises:
        ValueError: If the file has other content. Only tensors are read: no code in the file is executed.
        OSError: If there is no such file.
        ImportError: If PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError('Reading .pth files requires PyTorch: pip install -e ".[torch]"') from error

    remedy = "Save the network's weights by `torch.save(network.state_dict(), path)`."
    try:
        # Checkpoints may contain the training options as a namespace, which is only data.
        with torch.serialization.safe_globals([argparse.Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # A pickle of something else, or half of one, raises whatever it meets.
        raise ValueError(f"This is not a file of weights that PyTorch can read. {remedy}") from error
    for part in parts:
        if isinstance(state, dict) and isinstance(state.get(part), dict):
            beside = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
            state = {**state[part], **beside}
            break
    if not isinstance(state, dict) or not state:
        raise ValueError(
            f"The file must hold a state dictionary, but holds a {type(state).__name__}. {remedy}"
        )
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise ValueError(
                f"A state dictionary has names and tensors, but the file holds {key!r}: "
                f"{type(value).__name__}. {remedy}"
            )
    prefix = "module." if all(key.startswith("module.") for key in state) else ""
    return {key.removeprefix(prefix): _numpy(value) for key, value in state.items()}


def _numpy(tensor):
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def array(state, key):
    """Returns the float32 array of a key.

    Raises:
        ValueError: If it is missing.
    """
    if key not in state:
        raise ValueError(f"The file lacks {key!r}: it is of another network. Its keys: {some(state)}")
    return np.asarray(state[key], "float32")


def kernel_shape(state, key):
    """Returns the shape of a convolution's kernel, which determines the channels of the network.

    Raises:
        ValueError: If it is missing.
    """
    shape = np.shape(state.get(key))
    if len(shape) != 4:
        raise ValueError(f"The file lacks the kernel {key}. Received: {some(state)}")
    return shape


def some(keys):
    """Returns the first keys, for a message."""
    keys = list(keys)
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")


# Arranging the arrays as the weights of a network.


def keys_of(network, modules, names):
    """Returns the key of each weight of a network.

    Args:
        network: Functional `keras.Model`.
        modules: Dictionary that maps the names of its layers to PyTorch's modules.
        names: Dictionary that maps the names of weights within a layer (or `layer/name`) to PyTorch's names within
            the module.

    Returns:
        List of strings in the order of `network.weights`.
    """
    keys = []
    for weight in network.weights:
        layer, name = weight.path.split("/", 1)
        keys.append(f"{modules[layer]}.{names.get(weight.path) or names[name]}")
    return keys


def arranged(state, network, keys, ignored=(), plain=()):
    """Arranges the arrays of a state dictionary as the weights of a network.

    Args:
        state: Dictionary from keys to arrays.
        network: `keras.Model`.
        keys: The key of each weight, in the order of `network.weights`.
        ignored: Keys that are allowed without a weight of the network.
        plain: Keys whose arrays already have the axis order of Keras.

    Returns:
        List of arrays for `network.set_weights`.

    Raises:
        ValueError: If an array is missing, is left over or has another shape.
    """
    left = dict(state)
    arrays = []
    for weight, key in zip(network.weights, keys, strict=True):
        layer = weight.path.split("/")[0]
        if key not in left:
            raise ValueError(f"The file lacks {key!r}, needed for {layer!r} of {network.name!r}.")
        array = left.pop(key)
        fitting = array if key in plain else _turned(array)
        if np.size(fitting) == 1 and tuple(weight.shape) == ():
            fitting = np.reshape(fitting, ())
        if fitting.shape != tuple(weight.shape):
            raise ValueError(
                f"{key!r} has the shape {array.shape}, which does not fit {layer!r} of "
                f"{network.name!r} with a {weight.name} of {tuple(weight.shape)}."
            )
        arrays.append(fitting)
    if extra := [key for key in left if key not in ignored]:
        raise ValueError(f"The file has keys that {network.name!r} has no layers for: {some(extra)}")
    return arrays


def _turned(array):
    """Transposes an array from PyTorch's to Keras' axis order."""
    if array.ndim == 4:
        # (out, in, height, width) for convolutions, (in, out, ...) for transposed ones: both are reversed.
        return array.transpose(2, 3, 1, 0)
    return array.T


def halving_widths(channels):
    """Returns `base` and `largest` for channels `min(base // 2 ** (level + 1), largest)`, level 0 being 4x4.

    Raises:
        ValueError: If the channels do not follow this formula.
    """
    largest = max(channels)
    bases = {count * 2 ** (level + 1) for level, count in enumerate(channels) if count < largest}
    base = bases.pop() if bases else largest * 2 ** len(channels)
    if [min(base // 2 ** (level + 1), largest) for level in range(len(channels))] != list(channels):
        raise ValueError(f"The levels have {channels} channels, which do not halve from a level to the next.")
    return base, largest


# Spectral normalization.


def with_iterated_vectors(state):
    """A state dictionary whose `weight_u` are vectors that our spectral normalization begins with.

    `torch.nn.utils.spectral_norm` divides by `u' W v`, of two vectors that it keeps. Our layers keep one, take a step
    of the power method from it, and divide by what that gives: a vector is found from which the step gives the same
    divisor. `weight_v` is left out.

    Raises:
        ValueError: If a vector is missing, or no vector gives the divisor.
    """
    state = dict(state)
    for key in [key for key in state if key.endswith(".weight_orig")]:
        module = key.removesuffix(".weight_orig")
        weight, u, v = (array(state, f"{module}.{name}") for name in ("weight_orig", "weight_u", "weight_v"))
        matrix = weight.reshape(len(weight), -1)
        if u.shape != matrix.shape[:1] or v.shape != matrix.shape[1:]:
            raise ValueError(
                f"The vectors of {key!r} must have {' and '.join(map(str, matrix.shape))} values. Received: "
                f"weight_u of {u.shape} and weight_v of {v.shape}."
            )
        divisor = u.astype("float64") @ matrix @ v
        try:
            state[f"{module}.weight_u"] = vector_for(matrix, divisor)
        except ValueError as error:
            raise ValueError(f"{key!r}: {error}") from error
        del state[f"{module}.weight_v"]
    return state


def vector_for(matrix, divisor=None):
    """A vector from which a step of the power method estimates the largest singular value as `divisor`.

    Args:
        matrix: Array `(outputs, inputs)`.
        divisor: Float between its smallest and its largest singular value, or None for the largest.

    Returns:
        Float32 array `(outputs,)` of length 1.

    Raises:
        ValueError: If the divisor is not between them.
    """
    vectors, values, _ = np.linalg.svd(matrix.astype("float64"), full_matrices=False)
    divisor = values[0] if divisor is None else divisor
    tolerance = 1e-5 * values[0]
    if not values[-1] - tolerance <= divisor <= values[0] + tolerance:
        raise ValueError(
            f"It is divided by {divisor:.6g}, by `weight_u` and `weight_v`, but has singular values from "
            f"{values[-1]:.6g} to {values[0]:.6g}: the vectors are of another matrix."
        )
    largest = np.square(values[0])
    if divisor >= values[0]:
        return vectors[:, 0].astype("float32")
    below = np.flatnonzero(values < divisor)
    if not below.size:
        return vectors[:, -1].astype("float32")
    # A step from cos(t) a + sin(t) b, of the singular vectors a and b, gives the root of
    # (cos^2 s_a^4 + sin^2 s_b^4) / (cos^2 s_a^2 + sin^2 s_b^2).
    other, square = np.square(values[below[0]]), np.square(divisor)
    angle = np.arctan2(np.sqrt(largest * (largest - square)), np.sqrt(other * (square - other)))
    return (np.cos(angle) * vectors[:, 0] + np.sin(angle) * vectors[:, below[0]]).astype("float32")
