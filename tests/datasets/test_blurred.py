"""Pairs for deblurring: kernels of motion, and pictures blurred by them, of a folder and of the flowers."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_genzoo import datasets
from keras_genzoo.datasets import motion, pipeline, sources
from keras_genzoo.modalities import Images
from tests.support import toy_flowers


@pytest.fixture
def folder(tmp_path):
    """Five pictures of noise, 20x30."""
    rng = np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), "uint8")).save(tmp_path / f"{number}.png")
    return tmp_path


class TestKernels:
    def test_are_means_along_a_path_that_fits(self):
        kernels = motion.kernels(16, (128, 128))
        assert kernels.shape == (16, 33, 33)
        assert (kernels >= 0).all()
        np.testing.assert_allclose(kernels.sum(axis=(1, 2)), 1, atol=1e-5)
        # Nothing is cut off: the border is free, and the path lies in the middle.
        border = np.pad(np.zeros((31, 31)), 1, constant_values=1)
        assert (kernels * border).max() == 0
        for kernel in kernels:
            rows, columns = (np.flatnonzero(kernel.sum(axis=axis)) for axis in (1, 0))
            assert abs(rows[0] + rows[-1] - 32) <= 1 and abs(columns[0] + columns[-1] - 32) <= 1

    def test_paths_have_a_constant_speed(self):
        places, exposed = motion._trajectories(8, seed=0)
        np.testing.assert_allclose(np.abs(np.diff(places)), 60 / 1999, rtol=1e-6)
        assert (exposed >= 200).all() and (exposed <= 2000).all()

    def test_seeds_differ_and_repeat(self):
        first, again, other = (motion.kernels(4, (32, 32), seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.01


def test_blur_is_a_convolution():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 6, 7, 3)).astype("float32")
    kernels = rng.uniform(size=(2, 5, 5)).astype("float32")
    made = motion._convolved(images, kernels).numpy()
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], "symmetric")
    expected = np.zeros_like(images)
    for row in range(5):
        for column in range(5):
            # A convolution turns its kernel.
            weight = kernels[:, 4 - row, 4 - column, None, None, None]
            expected += weight * padded[:, row : row + 6, column : column + 7]
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_the_kernel_does_not_depend_on_the_crop(monkeypatch):
    """Draws of nearly the same place take all kinds of kernels."""
    known = np.zeros((motion._NUM_KERNELS, 3, 3), "float32")
    known[:, 1, 1] = np.linspace(0, 1, motion._NUM_KERNELS)
    monkeypatch.setattr(motion, "kernels", lambda num, size: known)
    offsets = np.stack([0.5 + np.arange(64) * 7 * 2.0**-23] * 2, axis=1).astype("float32")
    choice = pipeline.Choice(np.arange(64), np.zeros(64, bool), offsets)
    levels = motion.blurred(tf.ones((64, 4, 4, 1)), choice).numpy()[:, 0, 0, 0]
    assert len(np.unique(levels)) > 32


@pytest.mark.ci
@pytest.mark.parametrize("augment", [False, True])
def test_a_source_is_its_target_blurred(folder, augment):
    (batch,) = datasets.blurred_folder(folder, (16, 24), batch_size=5, augment=augment)
    blurred, sharp = (images.numpy() for images in batch)
    assert blurred.shape == sharp.shape == (5, 16, 24, 3)
    assert np.abs(blurred).max() <= 1
    # Kernels of a sum of 1 keep the mean, and even out noise.
    np.testing.assert_allclose(blurred.mean(axis=(1, 2)), sharp.mean(axis=(1, 2)), atol=0.05)
    assert (blurred.std(axis=(1, 2, 3)) < 0.95 * sharp.std(axis=(1, 2, 3))).all()
    levels = 127.5 * (blurred + 1)
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)


def test_kernels_are_drawn_anew_each_epoch(folder):
    dataset = datasets.blurred_folder(folder, 16, batch_size=5, shuffle=False)
    (first, sharp), (second, same) = (next(iter(dataset)) for _ in range(2))
    again = next(iter(datasets.blurred_folder(folder, 16, batch_size=5, shuffle=False)))
    np.testing.assert_array_equal(sharp, same)
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(first, again[0])
    endless = iter(datasets.blurred_folder(folder, 16, batch_size=5, shuffle=False, initial_step=0))
    (_, first), (_, second) = ([images.numpy() for images in next(endless)[::-1]] for _ in range(2))
    assert np.abs(first - second).max() > 0.1


def test_a_recipe_names_it(folder):
    source = sources.of({"folder": str(folder), "sources": "blurred", "image_size": 16, "channels": 1})
    source.check("a test")
    assert (source.kind, source.num_images) == ("pairs", 5)
    assert source.source_modality == source.modality == Images((16, 16, 1))
    assert [images.shape for images in next(iter(source.load(batch_size=5)))] == [(5, 16, 16, 1)] * 2


@pytest.mark.ci
def test_flowers(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    blurred, sharp = datasets.arrays("flowers_blurred", "test", tmp_path)
    assert blurred.shape == sharp.shape == (5, 128, 128, 3) and blurred.dtype == np.uint8
    assert (blurred != sharp).any(axis=(1, 2, 3)).all()
    again, _ = datasets.arrays("flowers_blurred", "test", tmp_path)
    np.testing.assert_array_equal(blurred, again)
    batch = next(
        iter(datasets.load("flowers_blurred", batch_size=2, data_dir=tmp_path, image_size=64, augment=True))
    )
    assert [images.shape for images in batch] == [(2, 64, 64, 3)] * 2
