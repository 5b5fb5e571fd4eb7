"""Export from the JAX backend: a second process with TensorFlow writes the files."""

import os
import subprocess
import sys


def run(code, module, *arguments):
    """Runs code in a new process, after importing this package and a module.

    Args:
        code: String of Python code. It finds the arguments in `sys.argv[2:]`.
        module: String, name of the module that registers the required classes with Keras.
        *arguments: Strings and paths.

    Raises:
        RuntimeError: If the process fails.
    """
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # JAX occupies the memory of the accelerator, and exporting does not need it.
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    code = f"import importlib, sys; importlib.import_module(sys.argv[1]); import keras, keras_genzoo.export; {code}"
    command = [sys.executable, "-c", code, module, *map(str, arguments)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(
            "On the JAX backend, a second process with TensorFlow writes the exported files. This process failed. "
            "Custom networks must be registered with Keras in an importable module. Its "
            f"error:\n{process.stderr[-2000:]}"
        )
