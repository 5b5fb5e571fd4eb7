"""What the converters share: reading state dictionaries of PyTorch, and writing the preset."""

import sys

import numpy as np


def run(make, options):
    """Writes the preset that a command line asks for.

    Args:
        make: Function of `options` that returns a model and a description of where it comes from.
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


def converted(path, network_of):
    """The network that `network_of` makes of the state dictionary in a file; its errors name the file."""
    try:
        return network_of(read_state(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_state(path):
    """Reads a state dictionary.

    Args:
        path: String or path of a file that `torch.save(network.state_dict(), path)` wrote.

    Returns:
        Dictionary from keys, without the prefix `module.` of a `DataParallel`, to NumPy arrays.

    Raises:
        ValueError: If the file is anything else. Only tensors are read: no code in a file runs.
        OSError: If there is no such file.
        ImportError: If PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError('Reading .pth files needs PyTorch: pip install -e ".[torch]"') from error

    remedy = "Save the network's weights by `torch.save(network.state_dict(), path)`."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # A pickle of something else, or half of one, raises whatever it meets.
        raise ValueError(f"This is not a file of weights that PyTorch can read. {remedy}") from error
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
    """The float32 array of a key.

    Raises:
        ValueError: If there is none.
    """
    if key not in state:
        raise ValueError(f"The file lacks {key!r}: it is of another network. Its keys: {some(state)}")
    return np.asarray(state[key], "float32")


def some(keys):
    """The first keys, for a message."""
    keys = list(keys)
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
