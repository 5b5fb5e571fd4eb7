"""Builds the distribution `keras-genzoo-checkpoints`: pretrained weights for sampling, translating and encoding.

Usage:
    python tools/build_checkpoints.py --output dist

Networks that are only needed for training are left out. Large arrays are stored as float16 if this changes the
model's images by less than half a gray level. Models loaded from them are float32.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import publish
from PIL import Image

from keras_genzoo import disk, models, visualization
from keras_genzoo._version import __version__
from keras_genzoo.explore import runtime
from keras_genzoo.presets import card, folders, registry
from keras_genzoo.presets.folders import CARD, CONFIG, METADATA, SAMPLES, WEIGHTS
from keras_genzoo.presets.resolution import DISTRIBUTION, PACKAGE

MAX_BYTES = 75_000_000
# In levels of 255: half a gray level, with a margin for other pictures than the tested ones.
LARGEST_MOVE = 0.4
NUM_SAMPLES = 1000
# Minimum sizes of arrays stored as float16. The first one with small enough changes is used: small arrays take little
# space, and some of them affect pictures most.
FLOAT16_FROM = (1_000, 10_000, 50_000)

PYPROJECT = f"""\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{DISTRIBUTION}"
version = "{__version__}"
description = "The pretrained weights of keras_genzoo, for use without a download."
readme = "{CARD}"
requires-python = ">=3.11"
dependencies = ["keras_genzoo=={__version__}"]

[tool.setuptools]
packages.find.include = ["{PACKAGE}*"]
package-data = {{ "*" = ["*", "onnxruntime-web-*/*"] }}
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, type=Path, help="folder for the wheel")
    options = parser.parse_args(arguments)

    problems = publish.check()
    if not problems:
        with tempfile.TemporaryDirectory() as source:
            write_source(Path(source))
            wheel = build(Path(source), options.output)
        if (size := wheel.stat().st_size) > MAX_BYTES:
            problems = [f"{wheel} has {size:,} bytes, which is more than {MAX_BYTES:,}."]
        else:
            print(f"Wrote {wheel}, {size / 1e6:.1f} MB.")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def write_source(source):
    """Writes the source tree of the distribution."""
    package, entries = source / PACKAGE, {}
    for checkpoint in publish.checkpoints():
        write_smaller(checkpoint, package / checkpoint.name)
        entries[checkpoint.name] = {
            # The hash of the released file: if that file changes, this one is outdated.
            "weights": folders.fingerprint(checkpoint / WEIGHTS)["sha256"],
            "files": folders.fingerprints(package / checkpoint.name, (CONFIG, METADATA, WEIGHTS, CARD)),
        }
    # With the runtime, `genzoo explore` needs neither npm nor a network.
    try:
        found = runtime.find()
        shutil.copytree(found, package / found.name)
    except RuntimeError as reason:
        print(f"Without the runtime of `genzoo explore`: {reason}", file=sys.stderr)
    folders.write_json(package / registry.PATH.name, entries)
    disk.write_text(package / "__init__.py", f'"""{DISTRIBUTION}: read by `keras_genzoo`, by name."""\n')
    disk.write_text(source / "pyproject.toml", PYPROJECT)
    disk.write_text(source / CARD, readme(entries))


def readme(names):
    rows = [folders.read_json(publish.checkpoints_folder() / name / METADATA) for name in names]
    table = "\n".join(f"| {row['name']} | {row['description']} | {row['license']} |" for row in rows)
    return f"""# {DISTRIBUTION}

The pretrained weights of keras_genzoo {__version__}. With this package, `keras_genzoo.models.load(NAME)` and
`genzoo sample NAME` find them without a download. Networks that are only needed for training are left out. Large
arrays are stored as float16, which changes images by less than half a gray level.

| name | what it does | license of the weights |
| --- | --- | --- |
{table}

The folder of each name contains a card with its data, training and results.
"""


def write_smaller(checkpoint, folder):
    """Writes a preset with the inference networks of a checkpoint."""
    model = models.load(checkpoint)
    expected = pictures_of(model, checkpoint)
    # Models without pictures are used for measures: their features must not change.
    for float16_from in (*FLOAT16_FROM, None) if expected else (None,):
        write_preset(checkpoint, folder, model, float16_from)
        moved = largest_move(expected, pictures_of(models.load(folder), checkpoint))
        if moved < LARGEST_MOVE:
            break
    size = (folder / WEIGHTS).stat().st_size / 1e6
    print(
        f"{checkpoint.name}: float16 from {float16_from} numbers, {size:.1f} MB, moved by {moved:.2f} of 255"
    )


def write_preset(checkpoint, folder, model, float16_from):
    stored = list(model.inference_networks)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint / CONFIG, folder / CONFIG)
    metadata = folders.read_json(checkpoint / METADATA)
    if stored == list(model.preset_networks) and not float16_from:
        shutil.copyfile(checkpoint / WEIGHTS, folder / WEIGHTS)
    else:
        copy_weights(checkpoint / WEIGHTS, folder / WEIGHTS, stored, float16_from, model.networks)
        metadata["stored"] = {"networks": stored, "float16_from": float16_from}
    metadata["files"] = folders.fingerprints(folder, (CONFIG, WEIGHTS))
    folders.write_json(folder / METADATA, metadata)
    disk.write_text(folder / CARD, card.render(metadata))


def copy_weights(source, target, stored, float16_from, may_be_rounded):
    def copy(path, item):
        network = path.split("/")[0]
        if isinstance(item, h5py.Dataset) and network in stored:
            array = item[()]
            # The prior draws a component by its weights: a small change can change the component.
            if float16_from and array.size >= float16_from and network in may_be_rounded:
                array = array.astype("float16")
            smaller[path] = array

    with h5py.File(source) as released, h5py.File(target, "w") as smaller:
        released.visititems(copy)


def pictures_of(model, checkpoint):
    """Returns a dict of a model's pictures by ability, float arrays in [-1, 1]; empty if it makes no pictures."""
    made = {}
    if "sample" in model.abilities:
        labels = model.condition.in_turn(NUM_SAMPLES) if model.condition else None
        for prior in model.priors or ("standard",):
            given = {"prior": prior} if len(model.priors) > 1 else {}
            made[f"sample {prior}"] = model.sample(NUM_SAMPLES, seed=0, labels=labels, **given)
    if "reconstruct" in model.abilities:
        made["reconstruct"] = model.reconstruct(made[f"sample {model.priors[0]}"])
    if "translate" in model.abilities:
        for name, task in model.tasks.items():
            made[f"translate {name}"] = model.translate(sources(checkpoint / SAMPLES, task.source), name)
    return made


def sources(picture, modality):
    """Converts the images of a card to sources; for label maps, to the labels of the nearest colors."""
    if modality.interpolates:
        return tiles(picture, modality.shape)
    colors = visualization.label_colors(modality.num_labels).astype(int)
    pixels = tiles(picture, (*modality.shape[:2], 3)).astype(int)
    return ((pixels[..., None, :] - colors) ** 2).sum(axis=-1).argmin(axis=-1)[..., None].astype("uint8")


def tiles(picture, shape):
    """Returns the images in the picture of a card, including sources, `(num, height, width, channels)`."""
    height, width, channels = shape
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("L" if channels == 1 else "RGB"))
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    corners = [
        (top, left)
        for top in range(0, pixels.shape[0] - height + 1, height)
        for left in range(0, pixels.shape[1] - width + 1, width)
    ]
    return np.stack([pixels[top : top + height, left : left + width] for top, left in corners])


def largest_move(expected, found):
    """Returns the largest difference of a pixel, in levels of 255; 0 without pictures."""
    moves = [np.abs(expected[name] - found[name]).max() * 127.5 for name in expected]
    return max(moves, default=0.0)


def build(source, output):
    """Builds the wheel of a source tree; returns its path."""
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(output.resolve())]
    subprocess.run([*command, str(source)], check=True, stdout=subprocess.DEVNULL)
    (wheel,) = output.glob(f"{PACKAGE}-{__version__}-*.whl")
    return wheel


if __name__ == "__main__":
    sys.exit(main())
