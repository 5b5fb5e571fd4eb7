"""Folders for servers that others wrote: Triton with a manifest for KServe, and TensorFlow Serving."""

import re
from pathlib import Path

from keras_genzoo import arguments, disk
from keras_genzoo.export.bundle import export_bundle
from keras_genzoo.export.saved_model import export_saved_model
from keras_genzoo.serving.limits import Limits

# Samples that are computed at once, and microseconds that the first waits for others: as by `genzoo serve`.
_BATCH, _DELAY = Limits.max_batch, round(1e6 * Limits.batch_delay)
_TRITON_TYPES = {"float32": "TYPE_FP32", "int32": "TYPE_INT32"}


def export_triton(model, filepath, dtype="float32", metadata=None):
    """Writes a model repository of Triton: each network a model `NAME_NETWORK` that batches dynamically.

    Beside the models lies `kserve.yaml`, an InferenceService that serves the folder from a bucket or a volume.

    Args:
        model: Model of `keras_genzoo.models`.
        filepath: String or path. The folder to create; one that exists is replaced.
        dtype, metadata: As for `keras_genzoo.export.export_bundle`.

    Raises:
        ValueError, ImportError, OSError: As for `keras_genzoo.export.export_bundle`.
    """
    target = Path(filepath).resolve()
    with disk.unfinished_folder(target, hint="Pass a `filepath` that can be written.") as folder:
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
    """Writes what TensorFlow Serving's container needs: the SavedModel as version 1, and its configuration.

    `models.config` and `batching.config` are the files of `--model_config_file` and `--batching_parameters_file`;
    `compose.yaml` starts the server by `docker compose up`, without batching: with `--enable_batching` the server
    joins all inputs, and those of `sample`, which are single numbers, cannot be joined.

    Args:
        model: Model of `keras_genzoo.models`.
        filepath: String or path. The folder to create; one that exists is replaced.
        metadata: Dict with the `name` of the model, or None for that of the folder.

    Raises:
        ImportError, OSError, RuntimeError: As for `keras_genzoo.export.export_saved_model`.
    """
    target = Path(filepath).resolve()
    name = arguments.name("name", (metadata or {}).get("name", target.name))
    with disk.unfinished_folder(target, hint="Pass a `filepath` that can be written.") as folder:
        export_saved_model(model, folder / name / "1")
        for file, text in _TENSORFLOW_SERVING.items():
            (folder / file).write_text(text.replace("NAME", name), encoding="utf-8")
        disk.replace_folder(target, folder)


def _triton_config(name, network):
    lines = [f'name: "{name}"', 'platform: "onnxruntime_onnx"', f"max_batch_size: {_BATCH}"]
    for kind in ("input", "output"):
        for tensor in network[f"{kind}s"]:
            sides = [side if isinstance(side, int) else -1 for side in tensor["shape"][1:]]
            # What has no side beside the batch is declared with one of length 1, and handed over without.
            reshape = "" if sides else " reshape { shape: [ ] }"
            dims = ", ".join(map(str, sides or [1]))
            data_type = _TRITON_TYPES[tensor["dtype"]]
            lines.append(
                f'{kind} [ {{ name: "{tensor["name"]}" data_type: {data_type} dims: [ {dims} ]{reshape} }} ]'
            )
    lines.append(f"dynamic_batching {{ max_queue_delay_microseconds: {_DELAY} }}")
    return "\n".join(lines) + "\n"


def _kubernetes(name):
    """A name as Kubernetes allows it: of lower case letters, digits and hyphens, the first a letter."""
    name = re.sub("[^a-z0-9]", "-", name.lower()).strip("-")
    return name if name[:1].isalpha() else f"model-{name}".strip("-")


_KSERVE = """\
# kubectl apply -f kserve.yaml, once this folder lies at `storageUri`.
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
