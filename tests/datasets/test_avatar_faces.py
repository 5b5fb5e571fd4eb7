"""The drawn faces: a generated stand-in of a few, and what the original files hold."""

import dataclasses
import gzip
import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import datasets
from keras_genzoo.datasets import named
from keras_genzoo.datasets.sets import avatar_faces
from tests import support


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Ten faces of each style: of style s and number n all pixels are (60 s, 20 n, 0)."""
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    pictures = tmp_path / "avatar_faces_64.zip"
    faces = {}
    with zipfile.ZipFile(pictures, "w") as archive:
        for number, style in enumerate(avatar_faces._STYLES):
            for face in range(10):
                file = io.BytesIO()
                Image.new("RGB", (64, 64), (60 * number, 20 * face, 0)).save(file, "webp", lossless=True)
                archive.writestr(f"{style}/{face:04}.webp", file.getvalue())
            colors = ["#000000", "#ffffff"]
            faces[style] = [
                {
                    "hairColor": colors[face % 2],
                    "skinColor": "#9e5622",
                    **({"glasses": "round"} if face == 9 else {}),
                }
                for face in range(10)
            ]
    # One style names its skin by another word.
    faces["micah"] = [{**face, "baseColor": "#ecad80"} for face in faces["micah"]]
    for face in faces["micah"]:
        del face["skinColor"]
    attributes = tmp_path / "attributes.json.gz"
    attributes.write_bytes(gzip.compress(json.dumps(faces).encode()))

    def of(archive, path):
        return dataclasses.replace(archive, sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    info = datasets.info("avatar_faces")
    changed = dataclasses.replace(info, archive=of(info.archive, pictures), splits={"train": 36, "test": 4})
    monkeypatch.setitem(named._DATASETS, "avatar_faces", changed)
    monkeypatch.setattr(avatar_faces, "_ATTRIBUTES", of(avatar_faces._ATTRIBUTES, attributes))
    return tmp_path


def test_every_tenth_face_of_a_style_is_of_the_test_split(stand_in):
    images, labels = datasets.arrays("avatar_faces", split="train", data_dir=stand_in)
    assert images.shape == (36, 64, 64, 3) and images.dtype == "uint8"
    np.testing.assert_array_equal(labels, np.repeat(range(4), 9))
    np.testing.assert_array_equal(images[:, 0, 0, 1], [20 * face for face in range(9)] * 4)
    images, labels = datasets.arrays("avatar_faces", split="test", data_dir=stand_in, image_size=(32, 32))
    assert images.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(images[:, 0, 0, :2], [[60 * style, 180] for style in range(4)])
    np.testing.assert_array_equal(labels, range(4))


def test_attributes_are_in_the_order_of_the_faces(stand_in):
    train, test = (datasets.attributes("avatar_faces", split, stand_in) for split in ("train", "test"))
    assert list(train) == ["glasses", "beard", "dark hair", "dark skin"]
    assert not train["glasses"].any() and test["glasses"].all()
    np.testing.assert_array_equal(train["dark hair"], [face % 2 == 0 for face in range(9)] * 4)
    np.testing.assert_array_equal(train["dark skin"], np.repeat([True, False, True, True], 9))


def test_label_maps_belong_to_the_faces(stand_in, monkeypatch):
    info = datasets.info("avatar_label_maps")
    # Of style s and number n the left half is labelled s, the right one n % 5.
    maps = np.zeros((4, 10, 64, 64), "uint8")
    maps[..., :32] = np.arange(4)[:, None, None, None]
    maps[..., 32:] = np.arange(10)[None, :, None, None] % 5
    path = stand_in / "avatar_labels_64.npz"
    np.savez(
        path,
        **{style.replace("-", "_"): each for style, each in zip(avatar_faces._STYLES, maps, strict=True)},
    )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(
        avatar_faces, "_LABEL_MAPS", dataclasses.replace(avatar_faces._LABEL_MAPS, sha256=sha256)
    )
    faces = named._DATASETS["avatar_faces"]
    changed = dataclasses.replace(info, archive=faces.archive, splits={"train": 36, "test": 4})
    monkeypatch.setitem(named._DATASETS, "avatar_label_maps", changed)
    labels, images = datasets.arrays(
        "avatar_label_maps", split="train", data_dir=stand_in, image_size=(16, 16)
    )
    assert labels.shape == (36, 16, 16, 1) and images.shape == (36, 16, 16, 3)
    np.testing.assert_array_equal(60 * labels[:, 0, 0, 0], images[:, 0, 0, 0])
    np.testing.assert_array_equal(labels[:, 0, 8, 0], images[:, 0, 0, 1] // 20 % 5)
    batches = datasets.load("avatar_label_maps", batch_size=4, data_dir=stand_in, augment=True)
    labels, images = next(iter(batches))
    assert labels.dtype == "uint8" and images.dtype == "float32"


@pytest.mark.slow
def test_the_original_files(tmp_path):
    folder = support.require_original_files("avatar_faces")
    for split, num in datasets.info("avatar_faces").splits.items():
        images, labels = datasets.arrays("avatar_faces", split=split, data_dir=folder)
        assert images.shape == (num, 64, 64, 3)
        assert np.bincount(labels).tolist() == [num // 4] * 4
        attributes = datasets.attributes("avatar_faces", split, folder)
        assert {len(values) for values in attributes.values()} == {num}
        # Two of the styles have no glasses.
        assert set(labels[attributes["glasses"]]) == {0, 1}
