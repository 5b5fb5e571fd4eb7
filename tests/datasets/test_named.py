import pathlib

import numpy as np
import pytest

from keras_genzoo import datasets
from keras_genzoo.datasets import named

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def stand_in(monkeypatch):
    """Generated images in the place of what tensorflow-datasets would prepare."""

    def prepare(name, split, folder):
        rng = np.random.default_rng(0)
        shape = datasets.info(name).image_shape
        return rng.integers(0, 256, (50, *shape), "uint8"), rng.integers(0, 10, 50, "int32")

    monkeypatch.setattr(named, "_prepare", prepare)
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)


@pytest.mark.parametrize("image_size, side", [(None, 28), (32, 32)])
def test_load_batches(stand_in, image_size, side):
    dataset = datasets.load("mnist", batch_size=16, image_size=image_size)
    assert len(dataset) == 3
    images, labels = next(iter(dataset))
    assert dataset.element_spec[0].shape == (16, side, side, 1) and images.dtype == "float32"
    assert labels.shape == (16,) and labels.dtype == "int32"
    assert -1.0 <= images.numpy().min() < -0.9 and 0.9 < images.numpy().max() <= 1.0


def test_load_resumes(stand_in):
    whole, resumed = (iter(datasets.load("mnist", batch_size=16, initial_step=step)) for step in (0, 5))
    for _ in range(5):
        next(whole)
    for _ in range(4):
        for expected, got in zip(next(whole), next(resumed), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_info():
    assert datasets.info("mnist").class_names[7] == "7"
    fashion = datasets.info("fashion_mnist")
    assert fashion.image_shape == (28, 28, 1) and fashion.num_classes == 10
    assert fashion.splits == {"train": 60_000, "test": 10_000}
    assert fashion.license.startswith("MIT") and "1708.07747" in fashion.citation


def test_original_files_are_found_by_argument_and_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    folder = tmp_path / "mnist"
    folder.mkdir()
    for file in datasets.info("mnist").files:
        (folder / file).touch()
    assert named._original_files("mnist", tmp_path) == folder
    assert named._original_files("mnist", str(folder)) == folder
    assert named._original_files("mnist", None) is None
    monkeypatch.setenv("KERAS_GENZOO_DATA_DIR", str(tmp_path))
    assert named._original_files("mnist", None) == folder
    (folder / "train-images-idx3-ubyte.gz").unlink()
    assert named._original_files("mnist", None) is None


BAD = {
    "name": ({"name": "fashion_mnsit"}, r"\['mnist', 'fashion_mnist'\].*Did you mean 'fashion_mnist'\?"),
    "split": ({"split": "val"}, r"`split` of 'mnist' must be one of \['train', 'test'\].*'val'"),
    "data_dir": ({"data_dir": "/nowhere"}, r"`data_dir`.*train-images-idx3-ubyte\.gz.*'/nowhere'"),
    "batch_size": ({"batch_size": 51}, "number of images, 50.*batch_size=51"),
}


@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_with_the_fix(stand_in, arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(**{"name": "mnist", **arguments})


@pytest.fixture
def originals(tmp_path, monkeypatch):
    if not (SHARED / "mnist").is_dir():
        pytest.skip(f"the original files are not at {SHARED}")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    named._prepare.cache_clear()
    yield SHARED
    named._prepare.cache_clear()


MNIST_LABELS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.slow
@pytest.mark.parametrize("name, counts", [("mnist", MNIST_LABELS), ("fashion_mnist", [6000] * 10)])
def test_original_files_become_the_data_set(originals, tmp_path, name, counts):
    images, labels = datasets.arrays(name, "train", data_dir=originals)
    assert images.shape == (60_000, 28, 28, 1) and images.dtype == "uint8" and not images.flags.writeable
    assert labels.dtype == "int32" and np.bincount(labels).tolist() == counts
    assert (images.min(), images.max()) == (0, 255)
    images, labels = datasets.arrays(name, "test", data_dir=originals / name)
    assert images.shape == (10_000, 28, 28, 1) and len(labels) == 10_000
    assert (tmp_path / name).is_dir()
    assert len(datasets.load(name, "test", batch_size=100, data_dir=originals)) == 100


def test_files_of_another_data_set_are_refused(originals):
    with pytest.raises(ValueError, match=r"original files of 'fashion_mnist'.*mnist'.*checksum"):
        datasets.arrays("fashion_mnist", data_dir=originals / "mnist")
