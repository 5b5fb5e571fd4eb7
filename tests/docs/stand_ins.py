"""What the blocks of pages and docstrings take for granted: data sets, pictures, and the reader's own arrays."""

import ast
import dataclasses
import functools
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import modalities
from keras_genzoo.datasets import named
from tests.support import toy_flowers

# As many as the largest batch of a page; of large images fewer.
NUM, NUM_LARGE = 400, 40


def install(folder, monkeypatch):
    """Puts generated data in the place of all data sets, limits each training to a step, and writes the pictures.

    Args:
        folder: Path of an empty folder, the one that the blocks run in.
        monkeypatch: That of pytest.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KERAS_GENZOO_DATA_DIR", str(folder))
    for name, dataset in list(named._DATASETS.items()):
        if dataset.modes is None:
            monkeypatch.setitem(named._DATASETS, name, _stand_in(dataset))
    toy_flowers.install(folder, monkeypatch.setitem)
    _limit_training(monkeypatch)
    shutil.copytree(_pictures().name, folder, dirs_exist_ok=True)


def _stand_in(dataset):
    if dataset.name.startswith("flowers"):
        return dataset
    num = NUM if dataset.image_shape[0] <= 64 else NUM_LARGE
    given = {"splits": dict.fromkeys(dataset.splits, num), "make": _make}
    if dataset.attributes is not None:
        names = ("glasses", "beard", "dark hair", "dark skin")
        given["attributes"] = lambda dataset, split, data_dir: {
            name: np.arange(dataset.splits[split]) % 3 == index for index, name in enumerate(names)
        }
    return dataclasses.replace(dataset, **given)


def _make(dataset, split, data_dir, image_size):
    num = dataset.splits[split]
    height, width = image_size or dataset.image_shape[:2]
    images = _drawn(dataset.modality, num, (height, width), seed=0)
    if dataset.source_modality is not None:
        size = (height // dataset.scale, width // dataset.scale)
        return _drawn(dataset.source_modality, num, size, seed=1), images
    return images, (np.arange(num) % max(dataset.num_classes, 1)).astype("int32")


def _drawn(modality, num, size, seed):
    highest = modality.num_labels if isinstance(modality, modalities.LabelMaps) else 256
    rng = np.random.default_rng(seed)
    return rng.integers(0, highest, (num, *size, modality.shape[-1])).astype("uint8")


def _limit_training(monkeypatch):
    fit, fit_with_backup = keras.Model.fit, kg.callbacks.Backup.fit

    def one_step(self, *args, initial_epoch=0, epochs=1, steps_per_epoch=None, **kwargs):
        # To trace a step takes longer than to take it.
        self.run_eagerly = True
        limits = {"initial_epoch": initial_epoch, "epochs": initial_epoch + 1, "steps_per_epoch": 1}
        return fit(self, *args, **kwargs, **limits)

    def one_step_with_backup(self, model, make_batches, steps_per_epoch, epochs, *args, **kwargs):
        return fit_with_backup(self, model, make_batches, 1, 1, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "fit", one_step)
    monkeypatch.setattr(kg.callbacks.Backup, "fit", one_step_with_backup)


@functools.cache
def _pictures():
    """Temporary folder of the pictures, written once per process."""
    folder = tempfile.TemporaryDirectory()
    _write_pictures(Path(folder.name))
    return folder


def _write_pictures(folder):
    rng = np.random.default_rng(0)

    def write(name, width, height, highest=256, channels=3):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = rng.integers(0, highest, (height, width, channels)).astype("uint8")
        Image.fromarray(values if channels > 1 else values[..., 0]).save(path)

    for number in range(64):
        write(f"pictures/{number:02d}.png", 64, 64)
    for number in range(8):
        write(f"facades/train/{number}.jpg", 512, 256)
        write(f"facades/test/{number}.jpg", 512, 256)
    for number in range(16):
        write(f"summer/{number}.jpg", 256, 256)
        write(f"winter/{number}.jpg", 256, 256)
        write(f"photographs/{number}.jpg", 256, 256)
        write(f"sketches/{number}.png", 256, 256, channels=1)
        write(f"label_maps/{number}.png", 256, 256, highest=5, channels=1)
    write("photograph.jpg", 48, 36)
    write("photograph.png", 48, 36)
    write("mask.png", 48, 36, channels=1)
    write("labels.png", 250, 240)


class ReadersModel:
    """The model of a reader whose page is about the data: it must get batches."""

    def fit(self, data, **arguments):
        batch = next(iter(data))
        arrays = batch if isinstance(batch, tuple) else (batch,)
        assert len({len(array) for array in arrays}) == 1


def _images(num, side, channels):
    return np.random.default_rng(0).integers(0, 256, (num, side, side, channels)).astype("uint8")


# Function of each name that docstrings use and do not make.
_IN_DOCSTRINGS = {
    "gan": lambda: _compiled("dcgan_fashion_mnist"),
    "images": lambda: _images(64, 28, 1),
    "model": ReadersModel,
    "photographs": lambda: _images(2, 256, 3),
}


def _compiled(name):
    model = kg.models.load(name)
    model.compile()
    return model


def names_for_docstring(code):
    """Dict of what an example in a docstring uses and does not make."""
    names = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in names} - made
    return {name: make() for name, make in _IN_DOCSTRINGS.items() if name in used}
