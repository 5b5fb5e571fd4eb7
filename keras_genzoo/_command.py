"""The process of the command `genzoo`: what it imports late, and what it keeps off the terminal."""

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
    """Whether this process is the command: `genzoo`, or `python -m keras_genzoo`.

    The package imports all of its modules for any other program, since `keras.saving.load_model` knows only classes
    whose modules were imported. The command answers many a question without Keras, whose import takes seconds.
    """
    program = sys.argv[0] if getattr(sys, "argv", None) else ""
    if program == "-m":
        # Python imports the package of the module that it is to run before it sets the program's name.
        return not {"keras_genzoo", "keras_genzoo.cli"}.isdisjoint(sys.orig_argv)
    return Path(program).name.removesuffix(".exe") == "genzoo"


def start():
    """Imports all of the package, and with it Keras, without the lines that TensorFlow writes at its start."""
    # Lines of information that TensorFlow writes once it has read this; those before, it writes all the same.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with usual_lines_dropped(), _ended_by_interrupt():
        # Keras imports TensorFlow where it is installed, beside JAX as well, but later. A device is asked for here
        # since that writes lines too; it does not hinder a strategy that sets up its devices itself.
        with contextlib.suppress(ImportError):
            importlib.import_module("tensorflow").config.list_physical_devices()
        package = importlib.import_module("keras_genzoo")
        for name in package.__all__:
            getattr(package, name)


@contextlib.contextmanager
def _ended_by_interrupt():
    """Inside, Ctrl-C ends the process at once.

    Python would raise KeyboardInterrupt in whatever runs: what a library runs while it is imported may swallow it.
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
    """Leaves out, of what is written to stderr inside, lines of TensorFlow that tell a user nothing.

    They come from C++, straight to the file descriptor. Everything else that was written there follows at the end.
    Nothing is left out with `TF_CPP_MIN_LOG_LEVEL=0`, nor where stderr is closed or no file can be written.
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
    # What ends the process at once, such as a missing instruction, still says where that was.
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


# What TensorFlow 2.20 and 2.21 write whether or not something is amiss: information, the note that their log is not
# ready yet, that NVIDIA's driver is not installed (303), that the remapper leaves a U-Net as it is (whose results are
# right), and which options LiteRT's converter has no use for. Other warnings and errors are shown.
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
    """Bytes of a log without the lines of TensorFlow that tell a user nothing."""
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
