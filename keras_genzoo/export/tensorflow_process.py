"""What a model on the JAX backend exports is written by a second process, with TensorFlow."""

import os
import subprocess
import sys


def run(code, module, *arguments):
    """Runs code that finds the arguments from `sys.argv[2]`, after importing this package and a module.

    Args:
        code: String of Python code.
        module: String, name of the module that registers the classes with Keras that the code needs.
        *arguments: Strings and paths.

    Raises:
        RuntimeError: If the process fails.
    """
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # JAX holds the accelerator's memory, and writing needs none.
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    code = f"import importlib, sys; importlib.import_module(sys.argv[1]); import keras, keras_genzoo.export; {code}"
    command = [sys.executable, "-c", code, module, *map(str, arguments)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(
            "What a model on the JAX backend exports is written by a second process with TensorFlow, which "
            "failed. Networks of your own must be registered with Keras in a module that can be imported. Its "
            f"error:\n{process.stderr[-2000:]}"
        )
