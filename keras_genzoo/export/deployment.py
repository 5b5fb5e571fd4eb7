"""Export for third-party servers: Triton with a manifest for KServe, and TensorFlow Serving."""

import re
from pathlib import Path

from keras_genzoo import arguments, disk
from keras_genzoo.export.bundle import export_bundle
from keras_genzoo.export.saved_model import export_saved_model
from keras_genzoo.serving.limits import Limits

# Maximum batch size, and the delay in microseconds to fill a batch: the defaults of `genzoo serve`.
_BATCH, _DELAY = Limits.max_batch, round(1e6 * Limits.batch_delay)
_TRITON_TYPES = {"float32": "TYPE_FP32", "int32": "TYPE_INT32"}


def export_triton(model, filepath, dtype="float32", metadata=None):
    """Exports a model as a Triton model repository, with a manifest for KServe.

    Each network is a Triton model `NAME_NETWORK` with the ONNX file as version 1 and a `config.pbtxt` with dynamic
    batching. `kserve.yaml` is an `InferenceService` that serves the folder.

    Args:
        model: Model of `keras_genzoo.models`.
        filepath: String or path of the folder to create. An existing folder is replaced.
        dtype, metadata: See `keras_genzoo.export.export_bundle`.

    Raises:
        ValueError, ImportError, OSError: See `keras_genzoo.export.export_bundle`.
    """
    target = Path(filepath).resolve()
    with disk.unfinished_folder(target, hint="Pass a writable `filepath`.") as folder:
        described = export_bundle(model, folder / "bundle", dtype, {"name": target.name, **(metadata or {})})
        name = described["name"]
        for network_name, network in described["networks"].items():
            triton_name = f"{name}_{network_name}"
            version = folder / triton_name / "1"
            version.mkdir(parents=True)
            (folder / "bundle" / network["file"]).rename(version / "model.onnx")
            (folder / triton_name / "config.pbtxt").write_text(
                _triton_config(triton_name, network), encoding="utf-8"
            )
        (folder / "bundle" / "model.json").unlink()
        (folder / "bundle").rmdir()
        (folder / "kserve.yaml").write_text(_KSERVE.format(name=_kubernetes(name)), encoding="utf-8")
        disk.replace_folder(target, folder)


def export_tensorflow_serving(model, filepath, metadata=None):
    """Exports a model for TensorFlow Serving: the SavedModel as version 1, and the configuration of the server.

    `models.config` and `batching.config` are for `--model_config_file` and `--batching_parameters_file`.
    `docker compose up` starts the server with `compose.yaml`. Batching is off by default: with `--enable_batching`
    the server batches all inputs, but those of `sample` are scalars and cannot be batched.

    Args:
        model: Model of `keras_genzoo.models`.
        filepath: String or path of the folder to create. An existing folder is replaced.
        metadata: Dict with the `name` of the model, or None for the name of the folder.

    Raises:
        ImportError, OSError, RuntimeError: See `keras_genzoo.export.export_saved_model`.
    """
    target = Path(filepath).resolve()
    name = arguments.name("name", (metadata or {}).get("name", target.name))
    with disk.unfinished_folder(target, hint="Pass a writable `filepath`.") as folder:
        export_saved_model(model, folder / name / "1")
        for file, text in _TENSORFLOW_SERVING.items():
            (folder / file).write_text(text.replace("NAME", name), encoding="utf-8")
        disk.replace_folder(target, folder)


def _triton_config(name, network):
    lines = [f'name: "{name}"', 'platform: "onnxruntime_onnx"', f"max_batch_size: {_BATCH}"]
    for kind in ("input", "output"):
        for tensor in network[f"{kind}s"]:
            sides = [side if isinstance(side, int) else -1 for side in tensor["shape"][1:]]
            # Inputs without dimensions besides the batch are declared with one of length 1, which is reshaped away.
            reshape = "" if sides else " reshape { shape: [ ] }"
            dims = ", ".join(map(str, sides or [1]))
            data_type = _TRITON_TYPES[tensor["dtype"]]
            lines.append(
                f'{kind} [ {{ name: "{tensor["name"]}" data_type: {data_type} dims: [ {dims} ]{reshape} }} ]'
            )
    lines.append(f"dynamic_batching {{ max_queue_delay_microseconds: {_DELAY} }}")
    return "\n".join(lines) + "\n"


def _kubernetes(name):
    """Converts a name to one that Kubernetes allows: lower-case letters, digits and hyphens, first a letter."""
    name = re.sub("[^a-z0-9]", "-", name.lower()).strip("-")
    return name if name[:1].isalpha() else f"model-{name}".strip("-")


_KSERVE = """\
# kubectl apply -f kserve.yaml, after copying this folder to `storageUri`.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
    model:
      modelFormat:
        name: triton
      protocolVersion: v2
      storageUri: "pvc://models/{name}"
      resources:
        requests:
          cpu: "1"
          memory: 1Gi
        limits:
          cpu: "2"
          memory: 2Gi
"""

_TENSORFLOW_SERVING = {
    "models.config": """\
model_config_list {
  config {
    name: "NAME"
    base_path: "/models/NAME"
    model_platform: "tensorflow"
  }
}
""",
    "batching.config": f"""\
max_batch_size {{ value: {_BATCH} }}
batch_timeout_micros {{ value: {_DELAY} }}
max_enqueued_batches {{ value: 100 }}
num_batch_threads {{ value: 2 }}
""",
    "Dockerfile": """\
FROM tensorflow/serving:2.19.1
COPY NAME /models/NAME
COPY models.config batching.config /models/
CMD ["--model_config_file=/models/models.config"]
""",
    "compose.yaml": """\
services:
  NAME:
    build: .
    ports:
      - "127.0.0.1:8501:8501"
""",
}
