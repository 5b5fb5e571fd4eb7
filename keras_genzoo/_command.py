"""The process of the `genzoo` command: lazy imports, and filtering of TensorFlow's log."""

import contextlib
import faulthandler
import importlib
import os
import re
import signal
import sys
import tempfile
import threading
from pathlib import Path


def is_this_process():
    """Returns whether this process is the command: `genzoo`, or `python -m keras_genzoo`.

    For other programs, the package imports all of its modules, because `keras.saving.load_model` only knows classes
    of imported modules. Many commands do not need Keras, whose import takes seconds.
    """
    program = sys.argv[0] if getattr(sys, "argv", None) else ""
    if program == "-m":
        # Python imports the package before it sets the program's name.
        return not {"keras_genzoo", "keras_genzoo.cli"}.isdisjoint(sys.orig_argv)
    return Path(program).name.removesuffix(".exe") == "genzoo"


def start():
    """Imports the whole package, including Keras, without the messages that TensorFlow logs at startup."""
    # Suppresses info messages from the time when TensorFlow has read the variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with usual_lines_dropped(), _ended_by_interrupt():
        # Keras imports TensorFlow later, if it is installed, also with the JAX backend. Listing the devices logs
        # messages too; it does not prevent a strategy from configuring its devices.
        with contextlib.suppress(ImportError):
            importlib.import_module("tensorflow").config.list_physical_devices()
        package = importlib.import_module("keras_genzoo")
        for name in package.__all__:
            getattr(package, name)


@contextlib.contextmanager
def _ended_by_interrupt():
    """Context manager in which Ctrl-C ends the process immediately.

    Python would raise KeyboardInterrupt in the running code, which may be library code that catches it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def usual_lines_dropped():
    """Context manager that removes uninformative lines of TensorFlow from stderr.

    The lines are written by C++ code directly to the file descriptor. All other lines are written at the end of the
    block. Nothing is removed with `TF_CPP_MIN_LOG_LEVEL=0`, or if stderr is closed or no file can be written.
    """
    _flush_stderr()
    try:
        stderr = os.fdopen(os.dup(2), "wb")
        caught = tempfile.TemporaryFile()
    except OSError:
        stderr = None
    if stderr is None or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    # Faults that end the process, such as an illegal instruction, are still reported.
    with caught, stderr, _faults_shown(stderr):
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            _flush_stderr()
            os.dup2(stderr.fileno(), 2)
            caught.seek(0)
            with contextlib.suppress(OSError):
                stderr.write(without_usual_lines(caught.read()))
                stderr.flush()


# Lines that TensorFlow 2.20 and 2.21 log even if there is no problem: info messages, the notice that logging is not
# initialized yet, that NVIDIA's driver is not installed (303), that the remapper does not optimize a U-Net (whose
# results are correct), and unused options of LiteRT's converter. Other warnings and errors are shown.
_USUAL_LINE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|I\d{4} \d\d:\d\d:.*"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: I .*"
    rb"|To enable the following instructions: .* rebuild TensorFlow with the appropriate compiler flags\."
    rb"|E.* failed call to cuInit: .*UNKNOWN ERROR \(303\)"
    rb"|E.* meta_optimizer\.cc:\d+\] remapper failed: .*"
    rb"|W.* tf_tfl_flatbuffer_helpers\.cc:\d+\] Ignored (output_format|drop_control_dependency)\."
)


def without_usual_lines(text):
    """Returns the bytes of a log without uninformative lines of TensorFlow."""
    lines = text.splitlines(keepends=True)
    return b"".join(line for line in lines if not _USUAL_LINE.fullmatch(line.rstrip(b"\r\n")))


@contextlib.contextmanager
def _faults_shown(file):
    if faulthandler.is_enabled():
        yield
        return
    faulthandler.enable(file)
    try:
        yield
    finally:
        faulthandler.disable()


def _flush_stderr():
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
