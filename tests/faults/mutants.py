"""Presets as an enemy, or a broken disk, would make them: a fixed seed determines each of any number."""

import hashlib
import json
import os
import shutil

import h5py
import numpy as np

VALUES = [
    None, True, False, -1, 0, 1, 2, 3.5, -0.5, 255, 10**4, 10**6, 10**9, 10**30, 1e308, float("nan"), float("inf"),
    "x", "../canary", "GAN", "keras_genzoo>VAE", [], [0], [8, 8], [10**5, 10**5, 3], [[[]]], {}, {"x": 1},
    {"class_name": "Lambda", "module": "keras.layers", "config": {"function": "print"}},
    {"class_name": "Dense", "module": "keras.layers", "config": {"units": 10**8}},
    {"class_name": "system", "module": "os", "config": "true"},
]  # fmt: skip


def mutate(folder, number, canary):
    """Damages the preset in a folder.

    Args:
        folder: `pathlib.Path`.
        number: Int, which determines the mutant.
        canary: `pathlib.Path` outside of the folder that nothing may open.

    Returns:
        String, what was done.
    """
    rng = np.random.default_rng(number)
    kinds = (
        [_json("config.json")] * 6
        + [_json("metadata.json")] * 3
        + [_hdf5] * 6
        + [_names, _bytes] * 3
        + [_links]
    )
    kind = kinds[rng.integers(len(kinds))]
    done = kind(folder, rng, canary)
    # As an enemy would, so that what is inside is looked at.
    if kind not in (_bytes, _links) or rng.random() < 0.5:
        _hash_again(folder)
    return done


def _json(name):
    def change(folder, rng, canary):
        content = json.loads((folder / name).read_text())
        done = []
        for _ in range(rng.integers(1, 3)):
            place, key = _places(content)[rng.integers(len(_places(content)))]
            value = VALUES[rng.integers(len(VALUES))]
            if rng.random() < 0.2:
                del place[key]
                done.append(f"{name}: {key!r} deleted")
            else:
                place[key] = value
                done.append(f"{name}: {key!r} = {value!r}")
        if rng.random() < 0.02:
            content = [content]
        text = json.dumps(content)
        if rng.random() < 0.02:
            text = "[" * 100_000
        (folder / name).write_text(text)
        return "; ".join(done)

    return change


def _places(content):
    """Pairs of a dictionary or list of a JSON document, and a key or index of it."""
    found = []
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            found += [(content, key), *_places(value)]
    return found or [({"": None}, "")]


def _names(folder, rng, canary):
    """A file outside of the folder as one of the preset's."""
    name = [str(canary), "../canary", "../../etc/passwd", "a/../../canary", "", "."][rng.integers(6)]
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["files"][name] = {"sha256": "0" * 64, "size": 5}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return f"files[{name!r}]"


def _links(folder, rng, canary):
    """A file of the preset that is a link, or is missing."""
    path = folder / ["config.json", "metadata.json", "model.weights.h5"][rng.integers(3)]
    path.unlink()
    target = [canary, folder / "nowhere", None][rng.integers(3)]
    if target is not None:
        path.symlink_to(target)
    return f"{path.name} is {target}"


def _bytes(folder, rng, canary):
    """A damaged disk: a bit, a cut, zeros, or other bytes."""
    path = sorted(path for path in folder.iterdir() if path.suffix != ".md")[rng.integers(3)]
    content = bytearray(path.read_bytes())
    at = int(rng.integers(len(content)))
    match rng.integers(4):
        case 0:
            content[at] ^= 1 << int(rng.integers(8))
        case 1:
            del content[at:]
        case 2:
            content[at : at + 512] = bytes(min(512, len(content) - at))
        case 3:
            content[at : at + 64] = rng.bytes(64)
    path.write_bytes(content)
    return f"{path.name}: bytes at {at}"


def _hdf5(folder, rng, canary):
    """Another content of the file of weights."""
    with h5py.File(folder / "model.weights.h5", "a") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        name = names[rng.integers(len(names))]
        shape, values = file[name].shape, file[name][()]
        del file[name]
        kind = rng.integers(10)
        match kind:
            case 0:
                pass
            case 1:
                file.create_dataset(name, (10**9, 100), "float32", chunks=(1024, 100), fillvalue=1.0)
            case 2:
                file.create_dataset(name, (*shape, 1), "float32")
            case 3:
                file.create_dataset(name, data=np.full(shape, np.nan, "float32"))
            case 4:
                file[name] = h5py.ExternalLink(str(canary), "/x")
            case 5:
                file[name] = h5py.SoftLink("/")
            case 6:
                file.create_dataset(name, shape, h5py.string_dtype())
            case 7:
                file.create_dataset(
                    name, shape, "float32", external=[(str(canary), 0, max(4, values.nbytes))]
                )
            case 9:
                file.create_dataset(name, data=values, chunks=True if shape else None)
            case 8:
                file.create_dataset(name, data=values)
                file.create_dataset("more", (10**12,), "float32", chunks=(1024,))
    return f"model.weights.h5: {name} by {kind}"


def _hash_again(folder):
    try:
        metadata = json.loads((folder / "metadata.json").read_text())
        for name in metadata["files"]:
            if os.sep not in name and (folder / name).is_file():
                content = (folder / name).read_bytes()
                metadata["files"][name] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                }
        (folder / "metadata.json").write_text(json.dumps(metadata))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass


def copy_of(preset, folder):
    """A fresh copy of a preset in a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(preset, folder)
    return folder
