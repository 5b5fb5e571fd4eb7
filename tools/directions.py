"""Finds named directions of a model's latents and stores them in its preset.

Digits have the directions `thick` and `slanted`, clothes `bright`. They are measured on images: on samples of a GAN,
and for an autoencoder on test images, which it encodes. A direction is the difference between the mean codes of the
upper and of the lower third within each class (`keras_genzoo.editing.attribute_direction`). So it does not change the
class.

Usage:
    python tools/directions.py vae_mnist --data-dir DIR --picture strips.png
    python tools/directions.py cgan_mnist --data-dir DIR --picture strips.png --store

Look at the picture first: a row shows one sample, moved by -2, -1, 0, 1 and 2 along each direction. `--store` writes
the directions to `config.json` of the preset. Then run `python tools/publish.py card NAME` and
`python tools/publish.py registry`.
"""

import argparse
from pathlib import Path

import numpy as np

import keras_genzoo as kg
from keras_genzoo import editing
from keras_genzoo.presets import folders

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
NUM_SAMPLES = 5000
STRENGTHS = (-2, -1, 0, 1, 2)


def thickness(images):
    """Computes the area of strokes divided by the length of their outline, float `(num,)`."""
    ink = _ink(images)
    vertical, horizontal = np.gradient(ink, axis=(1, 2))
    return ink.sum((1, 2)) / np.maximum(np.hypot(vertical, horizontal).sum((1, 2)), 1e-3)


def slant(images):
    """Computes by how many pixels strokes move to the right per pixel upwards, float `(num,)`."""
    ink = _ink(images)
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]]
    weights = ink / np.maximum(ink.sum((1, 2), keepdims=True), 1e-3)
    y, x = (each - (weights * each).sum((1, 2), keepdims=True) for each in (y, x))
    return -(weights * y * x).sum((1, 2)) / np.maximum((weights * y**2).sum((1, 2)), 1e-3)


def brightness(images):
    """Computes the mean brightness, from 0 to 1, of what is not background, float `(num,)`."""
    ink = _ink(images)
    return ink.sum((1, 2)) / np.maximum((ink > 0.1).sum((1, 2)), 1)


def _ink(images):
    return (np.asarray(images, "float32")[..., 0] + 1) / 2


# Data set -> measures of its images by the name of the direction.
MEASURES = {
    "mnist": {"thick": thickness, "slanted": slant},
    "fashion_mnist": {"bright": brightness},
}


def find(codes, images, labels, measure):
    """Finds the direction of a measure.

    Args:
        codes: Array `(num, code_dim)`.
        images: Array `(num, height, width, 1)` of the images of the codes, float in [-1, 1].
        labels: Int array `(num,)` of their classes.
        measure: Function of images that returns one float per image.

    Returns:
        `keras_genzoo.editing.Directions` with one direction.
    """
    values = measure(images)
    high, low = np.zeros(len(values), bool), np.zeros(len(values), bool)
    for label in np.unique(labels):
        own = labels == label
        first, second = np.quantile(values[own], [1 / 3, 2 / 3])
        high |= own & (values > second)
        low |= own & (values < first)
    used = high | low
    return editing.attribute_direction(codes[used], high[used], labels[used])


def images_and_codes(model, dataset, data_dir):
    """Returns images, their codes, and their classes."""
    if "encode" in model.abilities:
        images, labels = kg.datasets.arrays(dataset, split="test", data_dir=data_dir)
        return np.asarray(kg.pixels.normalize(images)), np.asarray(model.encode(images)), labels
    labels = model.condition.in_turn(NUM_SAMPLES)
    latents = np.asarray(model.latents_from_seed(NUM_SAMPLES, 0))
    return model.sample(latents=latents, labels=labels), latents, labels


def strips(model, directions, num=6):
    """Returns one row of images per sample, with those of all directions side by side."""
    labels = None if model.condition is None else model.condition.in_turn(num)
    codes = np.asarray(editing.codes(model, np.asarray(model.latents_from_seed(num, 0)), labels))
    repeated = None if labels is None else np.repeat(labels, len(STRENGTHS))
    rows = []
    for direction in directions.values():
        moved = editing.move(
            codes.repeat(len(STRENGTHS), axis=0), direction, 0, np.tile(STRENGTHS, num), model
        )
        images = np.asarray(editing.images(model, moved, repeated))
        rows.append(images.reshape(num, len(STRENGTHS), *images.shape[1:]))
    return np.concatenate(rows, axis=1)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="name of a checkpoint")
    parser.add_argument("--data-dir", help="folder with the original files of the data set")
    parser.add_argument("--picture", help="file for a picture of samples that are moved along the directions")
    parser.add_argument("--store", action="store_true", help="store the directions in the preset")
    options = parser.parse_args(arguments)
    folder = CHECKPOINTS / options.name
    dataset = folders.read_json(folder / "metadata.json")["dataset"]["name"]
    model = kg.models.load(folder)
    images, codes, labels = images_and_codes(model, dataset, options.data_dir)
    directions = {name: find(codes, images, labels, measure) for name, measure in MEASURES[dataset].items()}
    if options.picture:
        rows = strips(model, directions)
        kg.visualization.save_grid(rows.reshape(-1, *rows.shape[2:]), options.picture, rows.shape[1])
    if options.store:
        config = folders.read_json(folder / "config.json")
        config["config"]["directions"] = {
            name: [values.astype("float64").round(5).tolist() for values in direction]
            for name, direction in directions.items()
        }
        folders.write_json(folder / "config.json", config)
        metadata = folders.read_json(folder / "metadata.json")
        folders.write_json(folder / "metadata.json", {**metadata, "files": folders.fingerprints(folder)})


if __name__ == "__main__":
    main()
