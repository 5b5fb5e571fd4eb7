"""Pairs for super-resolution: large pictures and the same reduced, of a folder and of the flowers."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_genzoo import datasets
from keras_genzoo.datasets import degradation, pairs, sources
from keras_genzoo.modalities import Images
from tests import support
from tests.support import toy_flowers


@pytest.fixture
def folder(tmp_path):
    """Five smooth pictures, each of its own colours, 20x30."""
    rng = np.random.default_rng(0)
    for number in range(5):
        picture = Image.fromarray(rng.integers(0, 256, (2, 3, 3), "uint8"))
        picture.resize((30, 20), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
    return tmp_path


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Folder of drawn squares in the place of the original file."""
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    return tmp_path


class TestReduced:
    def test_is_pillow_s_bicubic_filter(self):
        for channels in (1, 3):
            images = np.random.default_rng(0).integers(0, 256, (2, 8, 12, channels), "uint8")
            small = pairs.reduced(images, 4)
            assert small.shape == (2, 2, 3, channels) and small.dtype == "uint8"
            # The filter works on each channel by itself.
            expected = Image.fromarray(images[1, ..., 0]).resize((3, 2), Image.Resampling.BICUBIC)
            np.testing.assert_array_equal(small[1, ..., 0], np.asarray(expected))


class TestFolder:
    def test_a_source_is_its_target_in_small(self, folder):
        (batch,) = datasets.reduced_folder(folder, (16, 24), 4, batch_size=5)
        small, large = (np.rint((images.numpy() + 1) * 127.5).astype("uint8") for images in batch)
        assert small.shape == (5, 4, 6, 3) and large.shape == (5, 16, 24, 3)
        np.testing.assert_array_equal(pairs.reduced(large, 4), small)
        assert len({image.tobytes() for image in large}) == 5

    def test_augmentation_turns_both_alike_into_all_eight_positions(self, folder):
        seen = set()
        plain = next(iter(datasets.reduced_folder(folder, 16, 2, batch_size=5, shuffle=False)))[1].numpy()
        positions = {
            (turns, mirrored): np.rot90(plain[:, :, :: -1 if mirrored else 1], turns, (1, 2))
            for turns in range(4)
            for mirrored in (False, True)
        }
        batches = datasets.reduced_folder(
            folder, 16, 2, batch_size=5, shuffle=False, augment=True, initial_step=0
        )
        for small, large in batches.take(12).as_numpy_iterator():
            for number in range(5):
                found = [
                    name for name, images in positions.items() if (images[number] == large[number]).all()
                ]
                seen |= set(found)
                assert len(found) == 1
            # The mean of a square of pixels is nearly the small picture's pixel, wherever it was turned to.
            means = large.reshape(5, 8, 2, 8, 2, 3).mean((2, 4))
            np.testing.assert_allclose(small, means, atol=0.1)
        assert len(seen) == 8

    def test_of_sides_that_differ_keep_their_shape(self, folder):
        batch = next(iter(datasets.reduced_folder(folder, (8, 16), 2, batch_size=5, augment=True)))
        assert [images.shape for images in batch] == [(5, 4, 8, 3), (5, 8, 16, 3)]

    def test_source_of_a_recipe(self, folder):
        source = sources.of({"folder": str(folder), "scale": 4, "image_size": 16, "batch_size": 2})
        source.check("here")
        assert (source.kind, source.num_images) == ("pairs", 5)
        assert (source.source_modality, source.modality) == (Images((4, 4, 3)), Images((16, 16, 3)))
        small, large = source.examples(3)
        assert small.shape == (3, 4, 4, 3) and large.shape == (3, 16, 16, 3)

    def test_bad_arguments_are_refused_with_the_fix(self, folder):
        message = r"`image_size` must be a multiple of `scale`, 4. Received: image_size=\(18, 18\)"
        with pytest.raises(ValueError, match=message):
            datasets.reduced_folder(folder, 18, 4)
        with pytest.raises(ValueError, match=message):
            sources.of({"folder": str(folder), "scale": 4, "image_size": 18}).check("here")
        with pytest.raises(ValueError, match="`scale` must be at least 1"):
            datasets.reduced_folder(folder, 18, 0)


class TestFlowers:
    @pytest.mark.parametrize("scale", [2, 4])
    def test_pairs(self, stand_in, scale):
        small, large = datasets.arrays(f"flowers_x{scale}", "test", stand_in)
        assert small.shape == (5, 128 // scale, 128 // scale, 3) and large.shape == (5, 128, 128, 3)
        np.testing.assert_array_equal(pairs.reduced(large, scale), small)
        photographs, labels = datasets.arrays("flowers128", "test", stand_in)
        np.testing.assert_array_equal(photographs, large)
        np.testing.assert_array_equal(labels, range(5))

    def test_batches_at_another_size(self, stand_in):
        batch = next(
            iter(datasets.load("flowers_x4", batch_size=3, image_size=32, data_dir=stand_in, augment=True))
        )
        assert [images.shape for images in batch] == [(3, 8, 8, 3), (3, 32, 32, 3)]
        source = sources.of({"name": "flowers_x4", "image_size": 32})
        assert (source.source_modality, source.modality) == (Images((8, 8, 3)), Images((32, 32, 3)))
        with pytest.raises(ValueError, match="multiple of `scale`, 4"):
            datasets.load("flowers_x4", image_size=30, data_dir=stand_in, batch_size=1)

    @pytest.mark.slow
    def test_original_file(self):
        data_dir = support.require_original_files("flowers128")
        labels = [
            datasets.arrays("flowers128", split=split, data_dir=data_dir)[1] for split in ("train", "test")
        ]
        assert [len(each) for each in labels] == [3303, 364]
        counts = np.bincount(np.concatenate(labels))
        assert len(counts) == 5 and counts.sum() == 3667


class TestDegradation:
    @pytest.mark.ci
    def test_of_real_esrgan_is_drawn_anew_and_repeats_by_its_seed(self, folder):
        arguments = {"scale": 2, "batch_size": 5, "shuffle": False, "degradation": "real_esrgan"}
        batches = [
            list(datasets.reduced_folder(folder, 32, seed=seed, initial_step=0, **arguments).take(2))
            for seed in (0, 0, 1)
        ]
        (first, later), again, other = ([small.numpy() for small, _ in epochs] for epochs in batches)
        assert first.shape == (5, 16, 16, 3) and first.min() >= -1 and first.max() <= 1
        np.testing.assert_array_equal(again[0], first)
        assert np.abs(later - first).mean() > 0.01 and np.abs(other[0] - first).mean() > 0.01
        # Of 256 levels, as pictures have them.
        levels = (first + 1) * 127.5
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)

    @pytest.mark.ci
    def test_keeps_what_a_picture_is_of(self, folder):
        """Each degraded picture is nearer to its own large one than to any other of the folder."""
        small, large = next(
            iter(datasets.reduced_folder(folder, 32, 2, 5, degradation="real_esrgan").as_numpy_iterator())
        )
        means = large.reshape(5, 16, 2, 16, 2, 3).mean((2, 4))
        distances = np.abs(small[:, None] - means[None]).mean((2, 3, 4))
        np.testing.assert_array_equal(distances.argmin(axis=1), range(5))
        assert distances.diagonal().min() > 0.01

    def test_kernels_are_averages(self):
        """None changes the mean of a picture, and the impulse changes nothing."""
        for number in range(20):
            draws = degradation._Draws(tf.constant([number, 0]))
            for kernel in (degradation._kernel(draws, (0.2, 3.0)), degradation._sinc(draws)):
                assert kernel.shape == (21, 21) and float(tf.reduce_sum(kernel)) == pytest.approx(1, abs=1e-5)
        image = tf.constant(support.toy_images(1, (24, 30, 3))[0])
        filtered = degradation._filtered(image, degradation._impulse())
        np.testing.assert_allclose(filtered, image, atol=1e-6)

    def test_unknown_ones_are_refused(self, folder):
        with pytest.raises(ValueError, match=r"`degradation` must be None or 'real_esrgan'\. Received"):
            datasets.reduced_folder(folder, 16, 2, degradation="jpeg")
