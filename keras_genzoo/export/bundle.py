"""A folder for a server or a page that has none of this package: ONNX networks, and JSON that describes them."""

from pathlib import Path

import keras
import numpy as np

from keras_genzoo import _version, arguments, disk
from keras_genzoo.editing import principal_directions
from keras_genzoo.export import networks
from keras_genzoo.presets import folders
from keras_genzoo.serving import DESCRIPTION, FORMAT


def export_bundle(model, filepath, dtype="float32", metadata=None):
    """Writes the networks of a model as ONNX files, and `model.json`, which says how they are used.

    Args:
        model: Model of `keras_genzoo.models`.
        filepath: String or path. The folder to create; one that exists is replaced.
        dtype: `"float32"`, or for files of half the size `"int16"` or `"float16"`, as for `export_network`.
        metadata: Dict of what the description says beside what the model answers: strings `name`, `license`,
            `description`, or None.

    Returns:
        Dict, the content of `model.json`: `format`, `name`, `class`, `license`, `description`,
        `keras_genzoo_version`, what `ZooModel.serving_description` gives, `directions` (`names`, `vectors` and
        `scales` of the model's own directions, then of `principal_directions`, which have no name; None without
        latents), and `networks`: name -> `file`, `inputs` and `outputs` (each a list of `name`, `dtype` and `shape`,
        free dimensions by name) and `weights_sha256`.

    Raises:
        ValueError: As for `export_network`; also if the name is no name of a file.
        ImportError: If a package that ONNX needs is not installed.
        OSError: If the folder cannot be written.
    """
    target = Path(arguments.path("filepath", filepath)).resolve()
    metadata = metadata or {}
    described = {
        "format": FORMAT,
        "name": arguments.name("name", metadata.get("name", target.name)),
        "class": type(model).__name__,
        "license": metadata.get("license", ""),
        "description": metadata.get("description", ""),
        "keras_genzoo_version": _version.__version__,
        **model.serving_description(),
        "directions": _directions(model),
        "networks": {},
    }
    with disk.unfinished_folder(target, hint="Pass a `filepath` that can be written.") as folder:
        for name, network in model.exported_networks().items():
            file = folder / f"{name}.onnx"
            held = {"class": described["class"], "signature": name, "value_range": "[-1, 1]", **metadata}
            held = networks.export_network(network, file, "onnx", dtype, held)
            described["networks"][name] = {
                "file": file.name,
                "inputs": [_described(tensor.name, tensor) for tensor in network.inputs],
                "outputs": [_described(*output) for output in networks.outputs_of(network).items()],
                "weights_sha256": held["weights_sha256"],
            }
        folders.write_json(folder / DESCRIPTION, described)
        disk.replace_folder(target, folder)
    return described


def told_of(metadata, name):
    """What exported files tell of a preset: dict of strings, for the argument `metadata` of exports.

    Args:
        metadata: Dict, the metadata of the preset.
        name: String, the name of the model where the metadata have none.
    """
    told = {key: str(metadata[key]) for key in ("name", "license", "description") if metadata.get(key)}
    return {"name": name, **told}


def _directions(model):
    """The model's own directions, by name, and the principal ones."""
    # Of latents that are not sampled from, as those of a translator's styles, there are none.
    if getattr(model, "directions", None) is None:
        return None
    principal = principal_directions(model)
    found = [*model.directions.values(), principal]
    return {
        "names": [*model.directions, *[None] * len(principal.scales)],
        "vectors": np.concatenate([each.vectors for each in found]).tolist(),
        "scales": np.concatenate([each.scales for each in found]).tolist(),
    }


def _described(name, tensor):
    shape = [size if size is not None else networks.FREE[axis] for axis, size in enumerate(tensor.shape)]
    return {"name": name, "dtype": keras.backend.standardize_dtype(tensor.dtype), "shape": shape}
