"""ONNX Runtime Web for the page: from an installed package, from npm, or from a CDN."""

import base64
import hashlib
import importlib.util
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from keras_genzoo import disk
from keras_genzoo.presets.resolution import cache_folder

NAME, VERSION = "onnxruntime-web", "1.30.0"
# The hash of the archive, in the format of npm's registry and lock files.
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
# The WebAssembly backend for CPUs: file in the archive -> file in the page's folder.
FILES = {
    "package/dist/ort.wasm.min.mjs": "ort.wasm.min.mjs",
    "package/dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.mjs",
    "package/dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
CDN = f"https://cdn.jsdelivr.net/npm/{NAME}@{VERSION}/dist/"
# A Python package that may contain the files, in a folder with this name and version.
DATA_PACKAGE = "keras_genzoo_checkpoints"


def find():
    """Returns the folder with the runtime's files: in the cache, in an installed package, or downloaded with npm.

    Returns:
        `pathlib.Path`.

    Raises:
        RuntimeError: If the runtime cannot be found or downloaded.
        OSError: If the cache cannot be written.
    """
    folder = cache_folder() / f"{NAME}-{VERSION}"
    if _is_complete(folder):
        return folder
    if installed := _installed():
        return installed
    reason = "npm is not on the PATH"
    if npm := shutil.which("npm"):
        try:
            _fetch(npm, folder)
            return folder
        except _Failed as failure:
            reason = str(failure)
    raise RuntimeError(
        f"The page needs {NAME} {VERSION}, which is not on this machine: {reason}. Install Node.js, so that npm can "
        f"download it once; or copy {', '.join(FILES.values())} of that package into {folder}; or let the page load "
        "it from a CDN (`--cdn`, in Python `cdn=True`)."
    )


class _Failed(Exception):
    """npm could not download the archive."""


def _is_complete(folder):
    return all((folder / name).is_file() for name in FILES.values())


def _installed():
    spec = importlib.util.find_spec(DATA_PACKAGE)
    for place in (spec and spec.submodule_search_locations) or ():
        if _is_complete(folder := Path(place) / f"{NAME}-{VERSION}"):
            return folder
    return None


def _fetch(npm, folder):
    """Writes the required files to a folder, from the archive that npm downloads."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        disk.unfinished_folder(folder, "Set KERAS_HOME to a writable folder.") as fresh,
    ):
        archive = _downloaded(npm, Path(temporary))
        with tarfile.open(archive) as package:
            for member, name in FILES.items():
                (fresh / name).write_bytes(package.extractfile(member).read())
        disk.replace_folder(folder, fresh)


def _downloaded(npm, folder):
    command = [npm, "pack", "--json", "--ignore-scripts", f"{NAME}@{VERSION}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        raise _Failed("npm did not respond within 5 minutes") from None
    if done.returncode:
        raise _Failed(f"`npm pack` failed: {_message(done)}")
    [archive] = folder.glob("*.tgz")
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise _Failed(f"the archive has the hash {found}, but {INTEGRITY} is expected")
    return archive


def _message(done):
    """Returns the error message of npm, in one line."""
    try:
        return json.loads(done.stdout)["error"]["summary"].strip().splitlines()[0]
    except (ValueError, KeyError, IndexError, TypeError):
        return (done.stderr.strip().splitlines() or ["no message"])[0]
