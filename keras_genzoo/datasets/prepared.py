"""Pictures prepared for training: read once per process and stored as raw pixels in a temporary file.

Python code called from tf.data would read one picture at a time, and can block the process at exit. Therefore Pillow
reads all files before the first batch, and TensorFlow maps the pixels into memory.
"""

import functools
import itertools
import math
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from keras_genzoo.datasets import pipeline
from keras_genzoo.images import pictures


class Prepared:
    """Examples whose pictures are prepared.

    Attributes:
        examples: List of the given examples, without those that were skipped.
    """

    def __init__(self, examples, places, path, num_records, shapes):
        self.examples = examples
        self._places = places
        self._path = path
        self._num_records = num_records
        self._shapes = shapes

    def read(self, indices):
        """Reads the pictures of examples, in `Dataset.map`.

        Args:
            indices: Int32 tensor `(num,)`, indices into `examples`.

        Returns:
            Tuple of uint8 tensors `(num, height, width, channels)`.
        """
        tf = pipeline.require("tensorflow")
        sizes = [math.prod(shape) for shape in self._shapes]
        # Mapped into memory: only gathered records are read, and the system caches as many as fit.
        records = tf.raw_ops.ImmutableConst(
            dtype=tf.uint8, shape=(self._num_records, sum(sizes)), memory_region_name=self._path
        )
        parts = tf.split(tf.gather(records, tf.gather(self._places, indices)), sizes, axis=1)
        return tuple(tf.reshape(part, (-1, *shape)) for part, shape in zip(parts, self._shapes, strict=True))


def prepare(examples, make, on_error, failure):
    """Prepares the pictures of examples. The result of an earlier call with the same, unchanged files is reused.

    Args:
        examples: List of paths, or of nested tuples of paths.
        make: Function that maps an example to a tuple of uint8 arrays with the shapes `make.shapes`. It raises a
            ValueError or an OSError for an unusable example. Must be hashable; functions that compare equal must give
            the same arrays.
        on_error: `"raise"` raises a ValueError that lists unusable examples, `"skip"` skips them with a warning.
        failure: String, describes the failure in messages, such as `"pictures cannot be read"`.

    Returns:
        `Prepared`.

    Raises:
        ValueError: If there are unusable examples and `on_error` is `"raise"`.
        OSError: If there is not enough space in the temporary folder.
    """
    key = (make, tuple(examples), tuple(map(_state, _files(examples))))
    if key not in _made:
        _made[key] = _make(examples, make)
    path, complaints = _made[key]
    found = list(filter(None, complaints))
    if found:
        message = f"{len(found)} of {len(examples)} {failure}: {', '.join(found[:5])}"
        message += ", ..." if len(found) > 5 else "."
        if on_error == "raise":
            raise ValueError(
                f"{message} Repair or remove them, or skip them with `on_error='skip'`. Received on_error='raise'."
            )
        warnings.warn(f"{message} They are skipped.", stacklevel=3)
    places = np.flatnonzero([complaint is None for complaint in complaints]).astype("int32")
    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):
        places_on_cpu = tf.constant(places)
    sound = [examples[place] for place in places]
    return Prepared(sound, places_on_cpu, path, len(examples), make.shapes)


# The results of `prepare`: the path of the file of raw pixels, and for each example its failure or None.
_made = {}


def _make(examples, make):
    size = sum(map(math.prod, make.shapes))
    _check_room(len(examples), size)
    handle, path = tempfile.mkstemp(dir=_folder())
    writing = threading.Lock()

    def place(number, example):
        try:
            record = b"".join(array.tobytes() for array in make(example))
        except pictures.UnreadablePicture as error:
            return f"{error.path} ({error.reason})"
        except (ValueError, OSError) as error:
            return str(error)
        with writing:
            file.seek(number * size)
            file.write(record)

    try:
        with open(handle, "wb") as file, ThreadPoolExecutor(os.cpu_count()) as pool:
            file.truncate(len(examples) * size)
            faults = []
            watched = sys.stdout is not None and sys.stdout.isatty()
            progress = keras.utils.Progbar(len(examples), verbose=int(watched), unit_name="picture")
            started = time.monotonic()
            for fault in pool.map(place, itertools.count(), examples):
                faults.append(fault)
                # Short preparations show no progress bar.
                if time.monotonic() - started > 2:
                    progress.update(len(faults))
            return path, faults
    except BaseException:
        os.remove(path)
        raise


def _check_room(num, size):
    folder = tempfile.gettempdir()
    needed, free = num * size, shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{num} pictures prepared for training take {needed / 1e9:.3g} GB, but only {free / 1e9:.3g} GB are free "
            f"in {folder}. Set the environment variable TMPDIR to a folder with more free space before starting "
            "Python, or use fewer or smaller pictures (`image_size`)."
        )


@functools.cache
def _folder():
    """Returns the temporary folder of this process, which is removed at exit."""
    folder = tempfile.TemporaryDirectory(prefix="keras_genzoo_")
    _folders.append(folder)
    return folder.name


_folders = []


def _files(examples):
    """Yields the paths in nested sequences."""
    for example in examples:
        if isinstance(example, pathlib.Path):
            yield example
        else:
            yield from _files(example)


def _state(file):
    """Returns values that change with the content of a file, or None if the file does not exist."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino
