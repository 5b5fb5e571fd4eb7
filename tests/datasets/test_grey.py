"""Pairs for colouring: pictures and the same in gray, of a folder and of the flowers."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import datasets
from keras_genzoo.datasets import sources
from keras_genzoo.images import pictures
from keras_genzoo.modalities import Images
from tests.support import toy_flowers


@pytest.fixture
def folder(tmp_path):
    """Five smooth pictures of 20x30."""
    rng = np.random.default_rng(0)
    for number in range(5):
        picture = Image.fromarray(rng.integers(0, 256, (2, 3, 3), "uint8"))
        picture.resize((30, 20), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
    return tmp_path


def as_uint8(images):
    return np.rint((images.numpy() + 1) * 127.5).astype("uint8")


@pytest.mark.parametrize("augment", [False, True])
def test_a_source_is_its_target_in_grey(folder, augment):
    (batch,) = datasets.grey_folder(folder, (16, 24), batch_size=5, augment=augment)
    grey, colour = map(as_uint8, batch)
    assert grey.shape == (5, 16, 24, 1) and colour.shape == (5, 16, 24, 3)
    np.testing.assert_array_equal(pictures.greyed(colour), grey)


def test_grey_is_what_the_reader_makes_of_colour(folder):
    file = folder / "0.png"
    np.testing.assert_array_equal(pictures.greyed(pictures.read(file, 3)[None])[0], pictures.read(file, 1))


def test_a_recipe_names_it(folder):
    source = sources.of({"folder": str(folder), "sources": "grey", "image_size": 16, "batch_size": 5})
    source.check("a test")
    assert (source.kind, source.num_images) == ("pairs", 5)
    assert (source.source_modality, source.modality) == (Images((16, 16, 1)), Images((16, 16, 3)))
    assert [images.shape for images in next(iter(source.load(batch_size=5)))] == [
        (5, 16, 16, 1),
        (5, 16, 16, 3),
    ]


def test_flowers(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    grey, colour = datasets.arrays("flowers_grey", "test", tmp_path)
    assert grey.shape == (5, 128, 128, 1)
    np.testing.assert_array_equal(pictures.greyed(colour), grey)
    batch = next(
        iter(datasets.load("flowers_grey", batch_size=2, data_dir=tmp_path, image_size=64, augment=True))
    )
    assert [images.shape for images in batch] == [(2, 64, 64, 1), (2, 64, 64, 3)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 1}, "`channels` must be 3"),
        ({"on_error": "ignore"}, "`on_error` must be"),
        ({"batch_size": 6}, "`batch_size` must not exceed the number of images, 5"),
    ],
)
def test_bad_input_is_refused(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.grey_folder(folder, 16, **arguments)


def test_unknown_sources_are_refused(folder):
    with pytest.raises(ValueError, match=r"`data\.sources` must be"):
        sources.of({"folder": str(folder), "sources": "sepia", "image_size": 16})
