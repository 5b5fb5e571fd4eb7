"""Export for serving: a SavedModel with named signatures that needs neither this package nor Keras to run."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from keras_genzoo import arguments, disk
from keras_genzoo.backends import keras_private


def export_saved_model(model, filepath, verbose=False):
    """Writes a SavedModel with the model's named signatures, the first of them the default.

    Of a model that makes images from latents:

    | signature | inputs | output |
    | --- | --- | --- |
    | `generate`, also `serving_default` | `latents` float32 `(batch, latent_dim)` | `images` float32 in [-1, 1] |
    | `sample` | `num` int32 scalar from 1 to 1024, `seed` int64 scalar | `images` uint8 in [0, 255] |
    | `encode` | `images` float32 in [-1, 1] | `latents` float32 `(batch, latent_dim)` |
    | `reconstruct` | `images` float32 in [-1, 1] | `images` float32 in [-1, 1] |

    The last two are an autoencoder's, whose first one is called `decode`. Samples that are points are float32.

    A conditional model takes one input more: `generate` takes `labels`, int32 `(batch,)`, and `sample` takes
    `label`, an int32 scalar: the class of all its images. The batch size is free; `sample` makes its images
    in one batch. The same `seed`, from 0 to 2**32 - 1, gives the images of `model.sample(num, seed)`. A `num`,
    a seed or a label out of range is refused when the signature runs, with a message that names it.

    The network exported is the one that samples: the averaged one where an average is kept.

    Of a model that translates images, with free batch size, height and width (multiples of what the network
    needs):

    | signature | inputs | output |
    | --- | --- | --- |
    | `translate`, also `serving_default` | `images` uint8 in [0, 255] | `images` uint8 in [0, 255] |
    | `translate_float32` | `images` float32 in [-1, 1] | `images` float32 in [-1, 1] |

    A model of several directions has both for each: `translate_a_to_b`, `translate_a_to_b_float32`, ...

    Of a classifier:

    | signature | inputs | output |
    | --- | --- | --- |
    | `classify`, also `serving_default` | `images` uint8 in [0, 255] | `logits` and `features`, float32 |
    | `classify_float32` | `images` float32 in [-1, 1] | `logits` and `features`, float32 |

    On the JAX backend a second process with TensorFlow writes the SavedModel; classes of your own must then be
    registered with Keras in a module that can be imported.

    Args:
        model: Model of `keras_genzoo.models`, whose `signatures` are written.
        filepath: String or path. The folder to create, on a local disk; it may exist if it is empty. It
            appears complete or not at all.
        verbose: Bool, whether to print where the SavedModel is and its signatures.

    Raises:
        ValueError: If `filepath` is not a local path.
        OSError: If `filepath` exists and is not an empty folder, or cannot be written.
        ImportError: If TensorFlow is not installed.
        RuntimeError: If the second process cannot rebuild or export the model (JAX backend).

    Example:

    ```python
    gan = keras_genzoo.models.GAN.from_preset("dcgan_fashion_mnist")
    gan.export("serving/dcgan/1")

    # Elsewhere, with TensorFlow alone:
    signatures = tf.saved_model.load("serving/dcgan/1").signatures
    images = signatures["generate"](latents=tf.random.normal((3, 100)))["images"]
    images = signatures["sample"](num=16, seed=0)["images"]
    ```
    """
    target = _free_target(arguments.path("filepath", filepath))
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError("A SavedModel is written by TensorFlow. Install it with `pip install tensorflow`.")
    write = _write if keras.backend.backend() == "tensorflow" else _write_in_tensorflow_process
    with disk.unfinished_folder(target, hint="Pass a `filepath` that can be written.") as folder:
        write(model, folder)
        disk.replace_folder(target, folder)
    if verbose:
        signatures = [
            f"{name}({', '.join(spec.name for spec in inputs)})"
            for name, (_, inputs) in _signatures_of(model).items()
        ]
        print(f"Wrote the SavedModel {target}: {', '.join(signatures)}.")


def export_network(network, filepath, format, verbose=False):
    """Writes one network in a format of another runtime, by Keras' own exporter.

    The batch size is free, and so are height and width where the network leaves them free. With LiteRT they are
    given by `resize_tensor_input` and `allocate_tensors`. OpenVINO computes in bfloat16 on processors that can,
    unless it is told otherwise (`INFERENCE_PRECISION_HINT`).

    On the JAX backend a second process with TensorFlow writes the file.

    Args:
        network: `keras.Model`.
        filepath: String or path of the file, with the suffix that the format asks for.
        format: `"onnx"`, `"litert"` or `"openvino"`.
        verbose: Bool.

    Raises:
        ValueError: If `format` is unknown, or the network draws noise, which these runtimes cannot.
        ImportError: If a package that the format needs is not installed.
        RuntimeError: If the second process cannot rebuild or export the network (JAX backend).

    Example:

    ```python
    export_network(gan.sampling_network, "generator.onnx", "onnx")
    ```
    """
    arguments.path("filepath", filepath)
    if not isinstance(format, str) or format not in _PACKAGES:
        raise ValueError(f"`format` must be one of {['tf_saved_model', *_PACKAGES]}. Received: {format!r}")
    if any(getattr(layer, "sampling", False) for layer in keras_private.layers_of(network)):
        raise ValueError(
            f"`format` {format!r} cannot hold a network with `sampling_dropout=True`: these runtimes draw no such "
            "noise. Export a SavedModel, or make the network again with `sampling_dropout=False` and the same "
            "weights."
        )
    missing = [package for package in _PACKAGES[format] if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(
            f"`format` {format!r} needs the package {' and '.join(missing)}. Install it with "
            '`pip install "keras_genzoo[export]"`.'
        )
    if keras.backend.backend() != "tensorflow":
        _export_in_tensorflow_process(network, filepath, format, verbose)
        return
    # Keras' ONNX exporter refuses a network that was never called.
    network(network.input)
    network.export(str(filepath), format=format, verbose=verbose)


# Format -> the modules that Keras' exporter imports for it.
_PACKAGES = {"onnx": ("tf2onnx", "onnx"), "litert": ("ai_edge_litert",), "openvino": ("openvino",)}


def _free_target(filepath):
    if "://" in str(filepath):
        raise ValueError(
            f"`filepath` must be a local folder. Received: filepath={str(filepath)!r}. Export to a local "
            "folder and copy it."
        )
    target = Path(filepath).resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(
            f"`filepath` already exists. Received: filepath={str(filepath)!r}. Choose another folder, or "
            "remove what is there."
        )
    return target


def _write(model, folder):
    archive = keras.export.ExportArchive()
    for name, (function, inputs) in _signatures_of(model).items():
        archive.add_endpoint(name, function, inputs)
    archive.write_out(str(folder), verbose=False)


def _signatures_of(model):
    """Name -> (function of tensors, list of the `tf.TensorSpec`s of its inputs)."""
    import tensorflow as tf

    return {
        name: (function, [tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in inputs.items()])
        for name, (function, inputs) in model.signatures().items()
    }


def _write_in_tensorflow_process(model, folder):
    code = "keras_genzoo.models.load(sys.argv[2]).export(sys.argv[3])"
    with tempfile.TemporaryDirectory() as temporary:
        preset = Path(temporary) / "preset"
        model.save_to_preset(preset)
        _run_in_tensorflow_process(code, type(model).__module__, preset, folder)


def _export_in_tensorflow_process(network, filepath, format, verbose):
    code = "keras_genzoo.export.export_network(sys.modules['keras'].saving.load_model(sys.argv[2]), *sys.argv[3:])"
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "network.keras"
        network.save(file)
        _run_in_tensorflow_process(code, type(network).__module__, file, filepath, format)
    if verbose:
        print(f"Wrote {filepath}.")


def _run_in_tensorflow_process(code, module, *arguments):
    """Runs code that finds the arguments from `sys.argv[2]`, after importing this package and a module."""
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
