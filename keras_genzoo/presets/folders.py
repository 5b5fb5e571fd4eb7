"""The folder of a preset: its files and their hashes."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from keras_genzoo import disk

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
METADATA = "metadata.json"
CARD = "README.md"
SAMPLES = "samples.png"
FAILURE = "failure.png"
PICTURES = (SAMPLES, FAILURE)


class PresetError(ValueError):
    """Raised if a preset cannot be used. The message names the preset, the file and the reason."""


@contextlib.contextmanager
def reading(name: str | os.PathLike, file: Path) -> Iterator[None]:
    """Context manager that converts errors to a `PresetError` that names the preset and the file."""
    try:
        yield
    except Exception as error:
        # Keras' errors repeat the whole config in their later lines.
        reason = (str(error).splitlines() or [type(error).__name__])[0][:500]
        raise PresetError(f"The preset {str(name)!r} cannot be used. {file}: {reason}") from error


MAX_JSON_BYTES = 2**24
# Default limit in bytes for the parameters and activations together, and for files to download.
DEFAULT_MAX_BYTES = 2**30
MAX_BYTES_VARIABLE = "KERAS_GENZOO_MAX_BYTES"

# The files that a model is loaded from. Only these are downloaded.
LOADED = (CONFIG, METADATA, WEIGHTS)
FILES = {*LOADED, CARD, *PICTURES}


def max_bytes(given: int | None) -> int:
    """Returns the limit in bytes from the argument, the environment variable, or the default."""
    if given is None:
        given = os.environ.get(MAX_BYTES_VARIABLE) or DEFAULT_MAX_BYTES
    try:
        limit = int(given)
        if limit < 1:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            f"`max_bytes`, or the variable {MAX_BYTES_VARIABLE}, must be a number of bytes, at least 1. Received: "
            f"{given!r}"
        ) from None
    return limit


def mismatch(folder: Path, files: dict[str, dict]) -> str | None:
    """Verifies the files of a preset.

    Args:
        folder: `pathlib.Path` of the folder with the files.
        files: Dictionary that maps file names to `"sha256"` and `"size"`. Files that are not needed to load a model
            may be missing.

    Returns:
        String, a sentence about the first file that is missing or differs, or `None`.
    """
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            if name in LOADED:
                return f"{path} is missing."
            continue
        found = fingerprint(path)
        if found != expected and path.is_symlink():
            # Nothing is revealed about files outside of the folder.
            return f"{path} is damaged: it is a link to a file that is not part of the preset."
        if found != expected:
            return (
                f"{path} is damaged: expected sha256 {expected['sha256']} and {expected['size']} bytes, "
                f"found sha256 {found['sha256']} and {found['size']} bytes."
            )
    return None


def fingerprints(folder: Path, names: Iterable[str] = (CONFIG, WEIGHTS, *PICTURES)) -> dict[str, dict]:
    """Returns the fingerprints of the named files that exist in the folder, by name."""
    return {name: fingerprint(folder / name) for name in names if (folder / name).is_file()}


def fingerprint(path: Path) -> dict:
    with open(path, "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}


def read_json(path: Path) -> Any:
    if (size := path.stat().st_size) > MAX_JSON_BYTES:
        raise PresetError(f"it has {size:,} bytes, more than the limit of {MAX_JSON_BYTES:,} for such files.")
    return json.loads(path.read_text(encoding="utf-8"))


def json_safe(content: Any) -> Any:
    """Replaces floats that JSON cannot represent by the strings `"inf"`, `"-inf"` and `"nan"`."""
    if isinstance(content, dict):
        return {key: json_safe(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [json_safe(value) for value in content]
    return str(float(content)) if isinstance(content, float) and not math.isfinite(content) else content


def write_json(path, content):
    disk.write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
