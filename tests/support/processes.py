"""Functions called in a Python process of their own."""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

ROOT = Path(__file__).parents[2]

_CHILD = """
import pickle, sys
call, answer = sys.argv[1:]
with open(call, "rb") as file:
    function, arguments, keywords = pickle.load(file)
result = function(*arguments, **keywords)
with open(answer, "wb") as file:
    pickle.dump(result, file)
"""


def fresh_process(function, *arguments, backend=None, environment=None, **keywords):
    """Calls a function in a fresh Python process and returns what it returns.

    Args:
        function: A function at the top level of a module (test modules included), or a partial of one.
        *arguments, **keywords: What it is called with: values and functions that can be pickled.
        backend: Keras backend of the process. Defaults to that of this one.
        environment: Dict of further environment variables.

    Raises:
        AssertionError: If the process fails, with what it wrote to stderr.
    """
    return finish(start_process(function, *arguments, backend=backend, environment=environment, **keywords))


def start_process(function, *arguments, backend=None, environment=None, **keywords):
    """As `fresh_process`, without waiting: `finish` gives the result."""
    folder = tempfile.TemporaryDirectory(prefix="keras_genzoo-test-")
    call, answer = Path(folder.name, "call.pkl"), Path(folder.name, "answer.pkl")
    call.write_bytes(pickle.dumps((function, arguments, keywords)))
    # Test modules are imported by their file's name, from the folder that pytest has put on the path.
    folders = [str(ROOT), *(path for path in sys.path if Path(path).is_relative_to(ROOT / "tests"))]
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(call), str(answer)],
        env={
            **os.environ,
            "KERAS_BACKEND": backend or keras.backend.backend(),
            "PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            **(environment or {}),
        },
        stdout=subprocess.DEVNULL,
        stderr=Path(folder.name, "errors.txt").open("w"),
    )
    process.folder = folder
    return process


def finish(process, killed_by=None, timeout=240):
    """Waits for a process of `start_process`.

    Args:
        process: As returned by `start_process`.
        killed_by: Signal that must have killed the process, or None for one that must have succeeded.
        timeout: Seconds.

    Returns:
        What the function returned; None for a killed process.
    """
    with process.folder as folder:
        try:
            process.wait(timeout)
        finally:
            process.kill()
        errors = Path(folder, "errors.txt").read_text()[-8000:]
        if killed_by is not None:
            assert process.returncode == -killed_by, (
                f"not killed by {killed_by!r}: {process.returncode}\n{errors}"
            )
            return None
        assert process.returncode == 0, errors
        return pickle.loads(Path(folder, "answer.pkl").read_bytes())
