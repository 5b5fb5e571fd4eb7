"""Pairs for inpainting: holes by seeds, and pictures with them."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_genzoo import datasets
from keras_genzoo.datasets import masks, sources
from keras_genzoo.images import pictures
from keras_genzoo.modalities import Images, MaskedImages
from tests.support import toy_flowers


@pytest.fixture
def folder(tmp_path):
    """Five smooth pictures of 20x30."""
    rng = np.random.default_rng(0)
    for number in range(5):
        picture = Image.fromarray(rng.integers(0, 256, (2, 3, 3), "uint8"))
        picture.resize((30, 20), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
    return tmp_path


def drawn(seed, size=(64, 48)):
    return masks.mask(size, tf.constant([seed, 7])).numpy()


@pytest.mark.ci
def test_a_mask_is_that_of_its_seed():
    first = drawn(0)
    assert first.shape == (64, 48, 1) and set(np.unique(first)) == {0, 1}
    np.testing.assert_array_equal(drawn(0), first)
    assert len({drawn(seed).tobytes() for seed in range(20)}) == 20


@pytest.mark.ci
def test_a_mask_holds_a_rectangle_of_half_the_sides_and_strokes():
    shares = []
    for seed in range(20):
        mask = drawn(seed)[..., 0]
        sums = np.pad(mask.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        boxes = sums[32:, 24:] - sums[:-32, 24:] - sums[32:, :-24] + sums[:-32, :-24]
        assert boxes.max() == 32 * 24
        shares.append(mask.mean())
    assert min(shares) > 0.25 and max(shares) < 0.9 and np.std(shares) > 0.02


@pytest.mark.ci
@pytest.mark.parametrize("augment", [False, True])
def test_sources_are_targets_with_holes(folder, augment):
    arguments = {"batch_size": 5, "augment": augment, "initial_step": 0}
    first, second = datasets.masked_folder(folder, (16, 24), **arguments).take(2).as_numpy_iterator()
    for images, targets in (first, second):
        assert images.shape == (5, 16, 24, 4) and targets.shape == (5, 16, 24, 3)
        holes = images[..., -1:]
        assert set(np.unique(holes)) == {-1, 1}
        np.testing.assert_array_equal(images[..., :3], np.where(holes > 0, 0, targets))
    # Drawn anew in the next epoch, and the same of the same seed.
    assert (first[0][..., -1] != second[0][..., -1]).any()
    again = next(datasets.masked_folder(folder, (16, 24), **arguments).as_numpy_iterator())
    np.testing.assert_array_equal(again[0], first[0])


def test_a_recipe_names_it(folder):
    source = sources.of({"folder": str(folder), "sources": "masked", "image_size": 16, "batch_size": 5})
    source.check("a test")
    assert (source.source_modality, source.modality) == (MaskedImages((16, 16, 4)), Images((16, 16, 3)))
    assert MaskedImages((16, 16, 4)) != Images((16, 16, 4))


def test_holes_of_a_picture_are_its_transparent_pixels(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (6, 5, 4)).astype("uint8")
    values[..., 3] = np.where(np.arange(5) < 2, 0, 255)
    Image.fromarray(values).save(tmp_path / "holes.png")
    read = pictures.read_with_holes(tmp_path / "holes.png", 3)
    np.testing.assert_array_equal(read[..., 3], np.where(np.arange(5) < 2, 255, 0) * np.ones((6, 1)))
    np.testing.assert_array_equal(read[:, 2:, :3], values[:, 2:, :3])
    Image.fromarray(values[..., :3]).save(tmp_path / "whole.png")
    assert not MaskedImages((6, 5, 4)).read(tmp_path / "whole.png")[..., 3].any()


def test_bad_input_is_refused(folder):
    with pytest.raises(ValueError, match="`channels` must be 1 or 3"):
        datasets.masked_folder(folder, 16, channels=4)


@pytest.mark.ci
def test_flowers(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    holed, whole = datasets.arrays("flowers_masked", "test", tmp_path, 32)
    assert holed.shape == (5, 32, 32, 4) and set(np.unique(holed[..., 3])) == {0, 255}
    np.testing.assert_array_equal(holed[..., :3], np.where(holed[..., 3:] > 0, 128, whole))
    # In training they are drawn anew each epoch; else they stay.
    for split, stays in (("train", False), ("test", True)):
        num = datasets.info("flowers_masked").splits[split]
        dataset = datasets.load(
            "flowers_masked", split, num, 32, tmp_path, shuffle=False, initial_step=0, augment=not stays
        )
        (first, targets), (second, _) = dataset.take(2).as_numpy_iterator()
        assert (first[..., 3] == second[..., 3]).all() == stays
        known = first[..., 3:] < 0
        np.testing.assert_array_equal(np.where(known, first[..., :3], 0), np.where(known, targets, 0))
