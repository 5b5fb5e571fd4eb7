"""The tiles of a dungeon game: a generated stand-in of a few, and what the original file holds."""

import dataclasses
import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import datasets
from keras_genzoo.datasets import named
from keras_genzoo.datasets.sets import dcss_tiles
from tests import support


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Ten tiles of each kind: of kind k and number n the left half is (30 k, 20 n, 0), the right one transparent."""
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    file = tmp_path / "dcss_tiles_32.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for number, kind in enumerate(dcss_tiles._KINDS):
            for tile in range(10):
                pixels = np.zeros((32, 32, 4), "uint8")
                pixels[:, :16] = (30 * number, 20 * tile, 0, 255)
                content = io.BytesIO()
                Image.fromarray(pixels).save(content, "png")
                archive.writestr(f"{kind}/below/{tile}.png", content.getvalue())
    info = datasets.info("dcss_tiles")
    archive = dataclasses.replace(info.archive, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    changed = dataclasses.replace(info, archive=archive, splits={"train": 63, "test": 7})
    monkeypatch.setitem(named._DATASETS, "dcss_tiles", changed)
    return tmp_path


def test_every_tenth_tile_of_a_kind_is_of_the_test_split(stand_in):
    images, labels = datasets.arrays("dcss_tiles", split="train", data_dir=stand_in)
    assert images.shape == (63, 32, 32, 3) and images.dtype == "uint8"
    np.testing.assert_array_equal(labels, np.repeat(range(7), 9))
    np.testing.assert_array_equal(images[:, 0, 0, 1], [20 * tile for tile in range(9)] * 7)
    images, labels = datasets.arrays("dcss_tiles", split="test", data_dir=stand_in, image_size=(16, 16))
    assert images.shape == (7, 16, 16, 3)
    np.testing.assert_array_equal(images[:, 0, 0, :2], [[30 * kind, 180] for kind in range(7)])
    np.testing.assert_array_equal(labels, range(7))


def test_transparent_pixels_are_white(stand_in):
    images, _ = datasets.arrays("dcss_tiles", split="train", data_dir=stand_in)
    np.testing.assert_array_equal(images[:, :, 16:], 255)


@pytest.mark.slow
def test_original_file():
    data_dir = support.require_original_files("dcss_tiles")
    labels = [datasets.arrays("dcss_tiles", split=split, data_dir=data_dir)[1] for split in ("train", "test")]
    assert [len(each) for each in labels] == [3541, 390]
    counts = np.bincount(np.concatenate(labels))
    np.testing.assert_array_equal(counts, [1105, 195, 274, 625, 220, 695, 817])
