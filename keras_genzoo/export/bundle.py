"""Bundles: folders with ONNX networks and their description as JSON, to be used without this package."""

from pathlib import Path

import keras
import numpy as np

from keras_genzoo import _version, arguments, disk
from keras_genzoo.editing import principal_directions
from keras_genzoo.export import networks
from keras_genzoo.presets import folders
from keras_genzoo.serving import DESCRIPTION, FORMAT


def export_bundle(model, filepath, dtype="float32", metadata=None):
    """Exports the networks of a model as ONNX files, with a description of how to use them, `model.json`.

    Args:
        model: Model of `keras_genzoo.models`.
        filepath: String or path of the folder to create. An existing folder is replaced.
        dtype: `"float32"`; or `"int16"` or `"float16"` for files of half the size, see `export_network`.
        metadata: Dict of the strings `name`, `license` and `description` to add to the description, or None.

    Returns:
        Dict, the content of `model.json`: `format`, `name`, `class`, `license`, `description`,
        `keras_genzoo_version`; the result of `ZooModel.serving_description`; `directions`, a dict of `names`,
        `vectors` and `scales` of the model's own directions followed by the unnamed `principal_directions`, or None
        without latents; and `networks`, a dict that maps names to `file`, `inputs` and `outputs` (lists of `name`,
        `dtype` and `shape`, with names for free dimensions) and `weights_sha256`.

    Raises:
        ValueError: See `export_network`; also if `name` is not a valid file name.
        ImportError: If a package for the ONNX export is not installed.
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
    with disk.unfinished_folder(target, hint="Pass a writable `filepath`.") as folder:
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
    """Returns the description of a preset for exported files, a dict for the argument `metadata` of exports.

    Args:
        metadata: Dict, the metadata of the preset.
        name: String, name of the model if the metadata do not contain one.
    """
    told = {key: str(metadata[key]) for key in ("name", "license", "description") if metadata.get(key)}
    return {"name": name, **told}


def _directions(model):
    """Returns the model's own directions, by name, and the principal directions."""
    # There are none for latents that are not sampled from, such as the style latents of a translation model.
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
