"""Functions called in a Python process of their own."""

import multiprocessing
import os
import pickle
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).parents[2]

# A fresh process is forked from one that has imported Keras and its backend, which takes most of the time of
# starting Python, and nothing else. Importing starts no thread and touches no device.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["keras"])

_ANSWER = "import sys; from tests.support import processes; processes.answer(*sys.argv[1:])"


def fresh_process(function, *arguments, backend=None, environment=None, **keywords):
    """Calls a function in a fresh Python process and returns what it returns.

    Args:
        function: A function at the top level of a module (test modules included), or a partial of one.
        *arguments, **keywords: What it is called with: values and functions that can be pickled.
        backend: Keras backend of the process. Defaults to that of this one.
        environment: Dict of further environment variables, read after Keras has been imported.

    Raises:
        AssertionError: If the process fails, with what it wrote to stderr.
    """
    return finish(start_process(function, *arguments, backend=backend, environment=environment, **keywords))


def start_process(function, *arguments, backend=None, environment=None, **keywords):
    """As `fresh_process`, without waiting: `finish` gives the result."""
    folder = tempfile.TemporaryDirectory(prefix="keras_genzoo-test-")
    Path(folder.name, "call.pkl").write_bytes(pickle.dumps((function, arguments, keywords)))
    # Test modules are imported by their file's name, from the folder that pytest has put on the path.
    folders = [str(ROOT), *(path for path in sys.path if Path(path).is_relative_to(ROOT / "tests"))]
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend or keras.backend.backend(),
        "PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        **(environment or {}),
    }
    process = _CONTEXT.Process(target=_begin, args=(folder.name, environment))
    process.start()
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
        process.join(timeout)
        ended = process.exitcode is not None
        process.kill()
        errors = Path(folder, "errors.txt").read_text()[-8000:]
        assert ended, f"not ended after {timeout} s\n{errors}"
        if killed_by is not None:
            assert process.exitcode == -killed_by, (
                f"not killed by {killed_by!r}: {process.exitcode}\n{errors}"
            )
            return None
        assert process.exitcode == 0, errors
        return pickle.loads(Path(folder, "answer.pkl").read_bytes())


def _begin(folder, environment):
    """What a forked process does first."""
    os.environ.clear()
    os.environ.update(environment)
    for name, number in (("/dev/null", 1), (os.path.join(folder, "errors.txt"), 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
    if environment["KERAS_BACKEND"] != keras.backend.backend():
        os.execv(sys.executable, [sys.executable, "-c", _ANSWER, folder])
    # A fresh process starts from a state of its own.
    np.random.seed()
    answer(folder)


def answer(folder):
    """Makes the call that lies in a folder, and puts what it returns beside it."""
    function, arguments, keywords = pickle.loads(Path(folder, "call.pkl").read_bytes())
    result = function(*arguments, **keywords)
    Path(folder, "answer.pkl").write_bytes(pickle.dumps(result))
