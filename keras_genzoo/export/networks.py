"""Export of a single network to ONNX, LiteRT or OpenVINO.

The files are written by Keras' exporters. This module adds names of inputs, outputs and dimensions, and metadata.
"""

import hashlib
import importlib.util
import json
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_genzoo import _version, arguments, disk
from keras_genzoo.backends import keras_private
from keras_genzoo.export import storage, tensorflow_process


def export_network(network, filepath, format, dtype="float32", metadata=None, verbose=False):
    """Exports a network for another runtime.

    The names of inputs and outputs are those of the network, which are also those of the model's SavedModel
    (`latents`, `images`). The batch size is free unless it is fixed by the network, and so are height and width. With
    LiteRT, set free dimensions with `resize_tensor_input` and `allocate_tensors`. OpenVINO computes in bfloat16 on
    processors that support it, unless `INFERENCE_PRECISION_HINT` is set.

    On the JAX backend, a second process with TensorFlow writes the file.

    Args:
        network: `keras.Model` with named inputs. Its output is a dict of tensors by name, or one tensor.
        filepath: String or path of the file, with the suffix of the format: `.onnx`, `.tflite` or `.xml` (together
            with a `.bin` file).
        format: `"onnx"`, `"litert"` or `"openvino"`.
        dtype: `"float32"`, or a 16-bit dtype to halve the size of large weights: `"int16"`, with a scale per row
            (ONNX and OpenVINO only), or `"float16"`, which is about eight times less precise. Inputs, outputs and
            computations remain float32, unless the runtime chooses otherwise.
        metadata: Dict of strings to store in the file, or None: as `metadata_props` (ONNX), as `rt_info` (OpenVINO),
            or as a JSON buffer named `keras_genzoo` (LiteRT). `weights_sha256` and `keras_genzoo_version` are added.
        verbose: Bool, whether to print the path of the file.

    Returns:
        Dict of strings, the metadata in the file.

    Raises:
        ValueError: If `format` or `dtype` is unknown, the suffix does not fit the format, or the network draws random
            numbers, which these runtimes do not support.
        ImportError: If a package for the format is not installed.
        OSError: If the file cannot be written.
        RuntimeError: If the second process cannot rebuild or export the network (JAX backend).

    Example:

    ```python
    from keras_genzoo import export

    network = gan.exported_networks()["generate"]
    export.export_network(network, "generator.onnx", "onnx", dtype="int16")
    ```
    """
    path = arguments.path("filepath", filepath)
    _check(network, path, format, dtype)
    metadata = {
        **(metadata or {}),
        "keras_genzoo_version": _version.__version__,
        "weights_sha256": _fingerprint(network),
    }
    with disk.unfinished_folder(Path(path).resolve(), hint="Pass a writable `filepath`.") as folder:
        file = folder / Path(path).name
        if keras.backend.backend() == "tensorflow":
            _WRITERS[format](network, file, dtype, metadata)
        else:
            _write_in_tensorflow_process(network, file, format, dtype, metadata)
        # The weights of OpenVINO first, so that the requested file appears last.
        for part in sorted(folder.iterdir(), key=lambda part: part == file):
            disk.move(part, Path(path).resolve().with_name(part.name))
    if verbose:
        inputs = [tensor.name for tensor in network.inputs]
        print(f"Wrote {path}: {', '.join(inputs)} -> {', '.join(outputs_of(network))}.")
    return metadata


def write_saved(saved, file, format, dtype, metadata):
    """Exports a network that another process has checked and saved.

    Args:
        saved: String, path of a `.keras` file.
        file: String, path of the file to write.
        format, dtype: See `export_network`.
        metadata: String, the metadata as JSON.
    """
    _WRITERS[format](keras.saving.load_model(saved), Path(file), dtype, json.loads(metadata))


def outputs_of(network):
    """Returns a dict of a network's outputs by name, in the order in which exporters flatten them."""
    outputs = network.output
    return dict(sorted(outputs.items())) if isinstance(outputs, dict) else {"images": outputs}


# Names of the free dimensions, by axis.
FREE = ("batch", "height", "width", "channels")
# Format -> suffix of its file, and the modules that its exporter imports.
_SUFFIXES = {"onnx": ".onnx", "litert": ".tflite", "openvino": ".xml"}
_PACKAGES = {
    "onnx": ("tf2onnx", "onnx"),
    "litert": ("ai_edge_litert",),
    "openvino": ("openvino", "scipy"),
}


def _check(network, path, format, dtype):
    if not isinstance(format, str) or format not in _PACKAGES:
        raise ValueError(f"`format` must be one of {['tf_saved_model', *_PACKAGES]}. Received: {format!r}")
    if dtype not in storage.DTYPES:
        raise ValueError(f"`dtype` must be one of {[*storage.DTYPES]}. Received: {dtype!r}")
    if dtype == "int16" and format == "litert":
        raise ValueError(
            "`dtype` 'int16' is not available for `format` 'litert', whose fast kernels do not support it. "
            "Use 'float16'."
        )
    if any(getattr(layer, "sampling", False) for layer in keras_private.layers_of(network)):
        raise ValueError(
            f"`format` {format!r} does not support networks with `sampling_dropout=True`: these runtimes do not draw "
            "random numbers. Export a SavedModel, or rebuild the network with `sampling_dropout=False` and the same "
            "weights."
        )
    missing = [package for package in _PACKAGES[format] if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(
            f"`format` {format!r} requires the package {' and '.join(missing)}. Install it with "
            '`pip install "keras_genzoo[export]"`.'
        )
    if Path(path).suffix != _SUFFIXES[format]:
        raise ValueError(
            f"`filepath` must end with {_SUFFIXES[format]!r} for `format` {format!r}. Received: {str(path)!r}"
        )


def _write_onnx(network, file, dtype, metadata):
    import onnx

    # Keras' exporter needs a network that was called, and uses a deprecated name of NumPy.
    network(network.input)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "In the future `np.object` will be defined", FutureWarning)
        network.export(str(file), format="onnx", verbose=False, input_signature=_signature(network))
    model = onnx.load(file)
    _rename(model.graph, outputs_of(network))
    for value, tensor in zip(model.graph.input, network.inputs, strict=True):
        _name_dimensions(value, tensor)
    for value, tensor in zip(model.graph.output, outputs_of(network).values(), strict=True):
        _name_dimensions(value, tensor)
    if dtype != "float32":
        storage.store_onnx(model.graph, dtype)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, file)


def _rename(graph, names):
    """Renames the outputs of an ONNX graph."""
    new = {value.name: name for value, name in zip(graph.output, names, strict=True)}
    for value in graph.output:
        value.name = new[value.name]
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]


def _name_dimensions(value, tensor):
    """Names the free dimensions of an ONNX input or output."""
    shape = value.type.tensor_type.shape
    del shape.dim[:]
    for name, size in zip(FREE, tensor.shape, strict=False):
        dimension = shape.dim.add()
        if size is None:
            dimension.dim_param = name
        else:
            dimension.dim_value = size


def _write_litert(network, file, dtype, metadata):
    import tensorflow as tf
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    options = {}
    if dtype == "float16":
        options = {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "target_spec": {"supported_types": [tf.float16]},
        }
    network.export(str(file), format="litert", verbose=False, input_signature=_signature(network), **options)
    model = flatbuffer_utils.read_model(str(file))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = "keras_genzoo", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    flatbuffer_utils.write_model(model, str(file))


def _write_openvino(network, file, dtype, metadata):
    import openvino

    network(network.input)
    network.export(str(file), format="openvino", verbose=False, input_signature=_signature(network))
    model = openvino.Core().read_model(file)
    for output, name in zip(model.outputs, outputs_of(network), strict=True):
        output.get_tensor().set_names({name})
    for key, value in metadata.items():
        model.set_rt_info(value, ["keras_genzoo", key])
    # Not to the weights file that is still being read.
    renamed = file.with_name(f"named-{file.name}")
    if dtype != "float32":
        storage.store_openvino(model, dtype)
    openvino.save_model(model, renamed, compress_to_fp16=False)
    del model
    renamed.replace(file)
    renamed.with_suffix(".bin").replace(file.with_suffix(".bin"))


_WRITERS = {"onnx": _write_onnx, "litert": _write_litert, "openvino": _write_openvino}


def _write_in_tensorflow_process(network, file, format, dtype, metadata):
    code = "keras_genzoo.export.networks.write_saved(*sys.argv[2:])"
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "network.keras"
        network.save(saved)
        tensorflow_process.run(
            code, type(network).__module__, saved, file, format, dtype, json.dumps(metadata)
        )


def _signature(network):
    """Returns the input signature for Keras' exporters, which would otherwise ignore a fixed batch size."""
    return [
        keras.tree.map_structure(
            lambda tensor: keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name),
            network.input,
        )
    ]


def _fingerprint(network):
    """Returns the SHA-256 of the shapes, dtypes and values of a network's weights, in order."""
    digest = hashlib.sha256()
    for weight in network.weights:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
