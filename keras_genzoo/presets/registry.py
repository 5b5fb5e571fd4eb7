"""The registry of released presets, a JSON file written by `tools/publish.py`."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from keras_genzoo.presets import folders

PATH = Path(__file__).with_name("registry.json")


def names() -> list[str]:
    """Returns the names of the released presets, sorted.

    Example:

    ```python
    for name in keras_genzoo.presets.names():
        print(name, keras_genzoo.presets.describe(name)["description"])
    ```
    """
    return sorted(folders.read_json(PATH))


def describe(name: str) -> dict:
    """Returns the description of a released preset, without loading it.

    Args:
        name: String, name of a preset.

    Returns:
        Dictionary with `"class"`, `"description"`, `"parameters"` (number per network and `"total"`), `"dataset"`
        (its name) and `"files"` (a dictionary that maps file names to `"sha256"` and `"size"` in bytes).

    Raises:
        ValueError: If there is no preset of that name.

    Example:

    ```python
    keras_genzoo.presets.describe("dcgan_fashion_mnist")["parameters"]["total"]
    ```
    """
    entries = folders.read_json(PATH)
    if name not in entries:
        if near := alike(name, entries):
            hint = f"Did you mean {' or '.join(map(repr, near))}?"
        else:
            hint = f"Released presets: {', '.join(sorted(entries)) or 'none'}."
        raise ValueError(
            f"Unknown preset {name!r}: it is neither the folder nor the name of a preset. {hint}"
        )
    return entries[name]


def alike(name: str, names: Iterable[str]) -> list[str]:
    """Returns similar names: those that begin with `name`, then those that contain it, then close matches."""
    names, name = sorted(names), name.lower()
    begin = [each for each in names if name and each.startswith(name)]
    hold = [each for each in names if name and name in each]
    return list(dict.fromkeys(begin + hold + difflib.get_close_matches(name, names)))
