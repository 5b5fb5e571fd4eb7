import dataclasses
import functools
import socket
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_genzoo import datasets, pixels
from keras_genzoo.datasets import archives, named, pipeline, tfds
from keras_genzoo.datasets.sets import flowers
from keras_genzoo.modalities import Images
from tests.support import require_original_files, toy_dataset, toy_flowers, toy_pairs

YOSEMITE = "summer2winter_yosemite"


@pytest.fixture
def stand_in(monkeypatch):
    """Generated images in the place of what tensorflow-datasets would prepare."""

    def prepare(dataset, split, folder):
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (50, *dataset.image_shape), "uint8"), rng.integers(0, 10, 50, "int32")

    monkeypatch.setattr(tfds, "prepare", prepare)
    monkeypatch.setattr(named, "_made", named._made.__wrapped__)
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


def test_padded_clothes(stand_in):
    images, labels = datasets.arrays("fashion_mnist_padded")
    inner, expected = datasets.arrays("fashion_mnist")
    assert images.shape == (50, 32, 32, 1) and images.dtype == "uint8"
    np.testing.assert_array_equal(images[:, 2:-2, 2:-2], inner)
    np.testing.assert_array_equal(labels, expected)
    assert images.sum() == inner.sum(), "the margin is black"
    info = datasets.info("fashion_mnist_padded")
    assert (info.margin, datasets.info("fashion_mnist").margin) == (2, 0)
    assert info.image_shape == (32, 32, 1)


def test_info():
    assert datasets.info("mnist").class_names[7] == "7"
    fashion = datasets.info("fashion_mnist")
    assert fashion.image_shape == (28, 28, 1) and fashion.num_classes == 10
    assert fashion.splits == {"train": 60_000, "test": 10_000}
    assert fashion.license.startswith("MIT") and "1708.07747" in fashion.citation


@pytest.mark.parametrize("name", sorted(named._DATASETS))
def test_every_data_set_says_what_it_is(name):
    info = datasets.info(name)
    assert info.name == name and set(info.splits) >= {"train", "test"}
    assert len(info.class_names) == info.num_classes == (info.condition.num_classes if info.condition else 0)
    assert info.image_shape == info.modality.shape and info.license and info.citation and info.homepage
    assert set(info.paired_splits) <= set(info.splits) and (not info.paired_splits or info.source_modality)
    assert f'`"{name}"` | {info.description}' in datasets.load.__doc__


def test_a_data_set_is_one_registered_description(monkeypatch):
    monkeypatch.setattr(named, "_DATASETS", {})
    named.register(
        datasets.Info(
            name="halves",
            description="half black, half white",
            modality=Images((2, 2, 1)),
            splits={"train": 6, "test": 4},
            make=lambda dataset, split, data_dir, image_size: (
                np.full((dataset.splits[split], 2, 2, 1), 255, "uint8"),
                np.zeros(dataset.splits[split], "int32"),
            ),
            license="",
            homepage="",
            citation="",
        )
    )
    images, labels = datasets.arrays("halves", "test")
    assert images.shape == (4, 2, 2, 1) and not images.flags.writeable and not labels.any()
    assert len(datasets.load("halves", batch_size=2)) == 3
    with pytest.raises(ValueError, match=r"one of \['halves'\]"):
        datasets.info("mnist")


def test_original_files_are_found_by_argument_and_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    folder = tmp_path / "mnist"
    folder.mkdir()
    for file in datasets.info("mnist").files:
        (folder / file).touch()
    mnist = datasets.info("mnist")
    assert tfds.original_files(mnist, tmp_path) == folder
    assert tfds.original_files(mnist, str(folder)) == folder
    assert tfds.original_files(mnist, None) is None
    monkeypatch.setenv("KERAS_GENZOO_DATA_DIR", str(tmp_path))
    assert tfds.original_files(mnist, None) == folder
    (folder / "train-images-idx3-ubyte.gz").unlink()
    assert tfds.original_files(mnist, None) is None


BAD = {
    "name": (
        {"name": "fashion_mnsit"},
        r"\['avatar_faces', .*'mnist', .*\].*Did you mean 'fashion_mnist'\?",
    ),
    "split": ({"split": "val"}, r"`split` of 'mnist' must be one of \['train', 'test'\].*'val'"),
    "data_dir": ({"data_dir": "/nowhere"}, r"`data_dir`.*train-images-idx3-ubyte\.gz.*'/nowhere'"),
    "batch_size": ({"batch_size": 51}, "number of images, 50.*batch_size=51"),
}


@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_with_the_fix(stand_in, arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(**{"name": "mnist", **arguments})


class TestPoints:
    @pytest.mark.parametrize("name, num_modes, stddev", [("ring", 8, 0.01), ("grid", 25, 0.05)])
    def test_info(self, name, num_modes, stddev):
        info = datasets.info(name)
        assert info.image_shape == (2,) and info.num_classes == num_modes
        assert info.splits == {"train": 100_000, "test": 10_000}
        assert (info.files, info.license) == ((), "generated")
        assert info.modes.stddev == stddev
        assert info.modes.centers.shape == (num_modes, 2) and info.modes.centers.dtype == "float64"
        assert not info.modes.centers.flags.writeable

    def test_centres(self):
        ring = datasets.info("ring").modes.centers
        half = np.sqrt(0.5)
        np.testing.assert_allclose(ring[:4], [(1, 0), (half, half), (0, 1), (-half, half)], atol=1e-15)
        np.testing.assert_allclose(ring[4:], -ring[:4], atol=1e-15)
        grid = datasets.info("grid").modes.centers
        ticks = (-4, -2, 0, 2, 4)
        assert grid.tolist() == [[x, y] for x in ticks for y in ticks]

    @pytest.mark.parametrize("name", ["ring", "grid"])
    @pytest.mark.parametrize("split", ["train", "test"])
    def test_points_are_gaussian_about_the_centre_that_the_label_names(self, name, split):
        info = datasets.info(name)
        points, labels = datasets.arrays(name, split)
        assert points.shape == (info.splits[split], 2) and points.dtype == "float32"
        assert labels.shape == (len(points),) and labels.dtype == "int32"
        assert not points.flags.writeable and not labels.flags.writeable
        counts = np.bincount(labels, minlength=info.num_classes)
        expected = len(points) / info.num_classes
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
        offsets = (points - info.modes.centers[labels]) / info.modes.stddev
        for mode, count in enumerate(counts):
            own = offsets[labels == mode]
            # Five standard errors of the mean, of the standard deviation and of the correlation.
            np.testing.assert_allclose(own.mean(axis=0), 0, atol=5 / np.sqrt(count))
            np.testing.assert_allclose(own.std(axis=0), 1, atol=5 / np.sqrt(2 * count))
            np.testing.assert_allclose(np.corrcoef(own.T)[0, 1], 0, atol=5 / np.sqrt(count))
        # The share within three standard deviations, the ceiling of "high quality" in the papers.
        within = np.mean(np.linalg.norm(offsets, axis=1) < 3)
        np.testing.assert_allclose(within, 1 - np.exp(-4.5), atol=5 * np.sqrt(0.011 / len(points)))

    @pytest.mark.parametrize(
        "name, split, first",
        [
            ("ring", "train", [-1.0038507, -0.00169112]),
            ("ring", "test", [-0.6960017, -0.69959325]),
            ("grid", "train", [-0.02056889, 0.05066694]),
            ("grid", "test", [-1.9351552, -4.0435863]),
        ],
    )
    def test_points_never_change_and_splits_differ(self, name, split, first):
        named._made.cache_clear()
        points, _ = datasets.arrays(name, split)
        np.testing.assert_allclose(points[0], first, rtol=1e-5)
        named._made.cache_clear()
        np.testing.assert_array_equal(datasets.arrays(name, split)[0], points)

    def test_load_gives_the_points_as_they_are(self):
        dataset = datasets.load("grid", split="test", batch_size=100, shuffle=False)
        assert len(dataset) == 100 and dataset.element_spec[0].shape == (100, 2)
        batch, labels = next(iter(dataset))
        points, expected = datasets.arrays("grid", split="test")
        np.testing.assert_array_equal(batch, points[:100])
        np.testing.assert_array_equal(labels, expected[:100])

    def test_no_folder_is_needed(self, monkeypatch):
        monkeypatch.setenv("KERAS_GENZOO_DATA_DIR", "/nowhere")
        datasets.arrays("ring", "test", data_dir="/nowhere")

    def test_resizing_is_refused(self):
        with pytest.raises(ValueError, match=r"`image_size` applies to images only.*image_size=32.*points"):
            datasets.load("ring", split="test", image_size=32)


class TestStackedMNIST:
    @pytest.fixture
    def digits(self, monkeypatch):
        """A stand-in for MNIST: the images and labels of a split."""
        toy_dataset.install(monkeypatch.setattr)
        monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
        return lambda split: datasets.arrays("mnist", split)

    def test_info(self):
        info = datasets.info("stacked_mnist")
        assert info.image_shape == (28, 28, 3) and info.modes is None
        assert info.num_classes == len(set(info.class_names)) == 1000 and info.class_names[42] == "042"
        assert info.splits == {"train": 128_000, "test": 26_000}

    @pytest.mark.parametrize("split", ["train", "test"])
    def test_channels_are_digits_of_the_split_and_the_label_reads_them(self, digits, split):
        images, labels = datasets.arrays("stacked_mnist", split)
        assert images.shape == (toy_dataset.STACKED_SPLITS[split], 28, 28, 3) and images.dtype == "uint8"
        assert labels.shape == (len(images),) and labels.dtype == "int32"
        assert not images.flags.writeable and not labels.flags.writeable
        label_of = {image.tobytes(): label for image, label in zip(*digits(split), strict=True)}
        for image, label in zip(images, labels, strict=True):
            read = [label_of[image[..., channel].tobytes()] for channel in range(3)]
            assert label == int("".join(map(str, read)))
        assert len(set(labels.tolist())) > len(labels) / 2

    def test_the_same_every_time_and_splits_differ(self, digits):
        images, labels = datasets.arrays("stacked_mnist")
        named._made.cache_clear()
        np.testing.assert_array_equal(datasets.arrays("stacked_mnist")[0], images)
        assert not np.array_equal(datasets.arrays("stacked_mnist", "test")[1], labels[:48])

    def test_load_batches(self, digits):
        dataset = datasets.load("stacked_mnist", batch_size=16)
        assert len(dataset) == 5
        images, labels = next(iter(dataset))
        assert images.shape == (16, 28, 28, 3) and images.dtype == "float32" and labels.shape == (16,)
        assert -1.0 <= images.numpy().min() < -0.9

    def test_files_are_those_of_mnist(self, tmp_path, monkeypatch):
        folder = tmp_path / "mnist"
        folder.mkdir()
        for file in datasets.info("mnist").files:
            (folder / file).touch()
        asked = []

        def prepare(dataset, split, folder):
            asked.append((dataset.name, split, folder))
            return toy_dataset.images_and_labels(64)

        monkeypatch.setattr(tfds, "prepare", prepare)
        stacked = dataclasses.replace(
            datasets.info("stacked_mnist"), splits={"test": 48}, name="few_stacked_digits"
        )
        monkeypatch.setattr(named, "_DATASETS", {**named._DATASETS, stacked.name: stacked})
        datasets.arrays(stacked.name, "test", data_dir=tmp_path)
        assert asked == [("mnist", "test", folder)]
        with pytest.raises(ValueError, match="`data_dir` must contain the original files of 'mnist'"):
            datasets.arrays("stacked_mnist", "test", data_dir="/nowhere")


class TestPairs:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        """A folder of small archives in the place of the real ones; they do without tensorflow-datasets."""
        monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
        monkeypatch.setattr(pipeline, "require", functools.cache({"tensorflow": tf}.__getitem__))
        toy_pairs.install(tmp_path, monkeypatch.setattr)
        return tmp_path

    @pytest.mark.parametrize("name", toy_pairs.SPLITS)
    def test_info(self, name):
        info = datasets.info(name)
        assert info.kind == ("unpaired" if name in ("noto_twemoji_unpaired", YOSEMITE) else "paired")
        side = 112 if "emoji" in name else 256
        assert info.image_shape == (side, side, 3)
        assert info.source_shape == (side, side, 1 if name == "edges_to_emoji" else 3)
        assert (info.num_classes, info.modes) == (0, None)
        assert info.files == (info.archive.file,)
        paired = {"noto_twemoji_unpaired": ("test",), YOSEMITE: ()}.get(name, tuple(info.splits))
        assert info.paired_splits == paired

    def test_kinds_of_the_others(self):
        assert {datasets.info(name).kind for name in ("mnist", "stacked_mnist")} == {"labelled"}
        assert datasets.info("grid").kind == "points"
        assert datasets.info("mnist").source_shape is None

    def test_attribution(self):
        for name in ("noto_to_twemoji", "edges_to_emoji", "noto_twemoji_unpaired"):
            info = datasets.info(name)
            for text in (info.license, info.citation):
                assert "Noto Emoji, Copyright Google LLC" in text
                shows_twemoji = (
                    "Twemoji graphics, Copyright Twitter, Inc and other contributors, CC BY 4.0" in text
                )
                assert shows_twemoji == (name != "edges_to_emoji")
        for name in ("facades", YOSEMITE):
            assert datasets.info(name).license.startswith("Unclear")

    def test_drawings_of_both_styles_train_a_model_of_single_images(self, folder):
        info = datasets.info("emoji")
        assert (info.kind, info.class_names, info.source_shape) == ("labelled", ("Noto", "Twemoji"), None)
        for split in ("train", "test"):
            images, labels = datasets.arrays("emoji", split, data_dir=folder)
            noto, twemoji = datasets.arrays("noto_to_twemoji", split, data_dir=folder)
            np.testing.assert_array_equal(images, np.concatenate([noto, twemoji]))
            assert labels.tolist() == [0] * len(noto) + [1] * len(twemoji)
            assert len(images) == info.splits[split]
        images, labels = next(iter(datasets.load("emoji", batch_size=4, image_size=8, data_dir=folder)))
        assert images.shape == (4, 8, 8, 3) and set(labels.numpy()) <= {0, 1}

    @pytest.mark.parametrize("name", toy_pairs.SPLITS)
    def test_arrays_have_the_sizes_of_info(self, folder, name):
        info = datasets.info(name)
        for split, size in info.splits.items():
            sources, targets = datasets.arrays(name, split, data_dir=folder)
            assert (sources.dtype, targets.dtype) == ("uint8", "uint8")
            assert sources.shape == (size, *info.source_shape) and targets.shape[1:] == info.image_shape
            assert len(targets) == size or name == YOSEMITE
            assert not sources.flags.writeable and not targets.flags.writeable
            assert datasets.arrays(name, split, data_dir=folder)[0] is sources

    def test_emoji_repeats_are_left_out_before_every_tenth_is_test(self, folder):
        kept = [number for number in range(23) if number not in (3, 7)]
        for split, chosen in (("test", kept[9::10]), ("train", [n for n in kept if n not in kept[9::10]])):
            drawings = datasets.arrays("noto_to_twemoji", split, data_dir=folder)
            for images, domain in zip(drawings, ("noto", "twemoji"), strict=True):
                expected = [toy_pairs.drawing(domain, number) for number in chosen]
                for image, drawing in zip(images, expected, strict=True):
                    opaque = drawing[..., 3:] == 255
                    np.testing.assert_array_equal(image, np.where(opaque, drawing[..., :3], 255))

    def test_emoji_in_four_styles_are_those_that_all_styles_have(self, folder):
        kept = [number for number in range(23) if number not in (3, 5, 7)]
        for split, chosen in (("test", kept[9::10]), ("train", [n for n in kept if n not in kept[9::10]])):
            images, labels = datasets.arrays("emoji_styles", split, data_dir=folder)
            assert len(images) == datasets.info("emoji_styles").splits[split]
            assert labels.tolist() == [style for style in range(4) for _ in chosen]
            styles = ("noto", "twemoji", "fluent_3d", "fluent_flat")
            drawings = [toy_pairs.drawing(style, number) for style in styles for number in chosen]
            expected = [np.where(each[..., 3:] == 255, each[..., :3], 255) for each in drawings]
            np.testing.assert_array_equal(images, expected)

    def test_unpaired_emoji_are_the_same_images_in_another_order_but_for_test(self, folder):
        for split in ("train", "test"):
            noto, twemoji = datasets.arrays("noto_to_twemoji", split, data_dir=folder)
            a, b = datasets.arrays("noto_twemoji_unpaired", split, data_dir=folder)
            np.testing.assert_array_equal(a, noto)
            assert sorted(image.tobytes() for image in b) == sorted(image.tobytes() for image in twemoji)
            same = np.mean([np.array_equal(*images) for images in zip(b, twemoji, strict=True)])
            assert same == 1 if split == "test" else same < 0.2

    def test_edges_are_drawn_at_the_size_asked_for(self, folder):
        for size in (None, 8):
            edges, drawings = datasets.arrays("edges_to_emoji", "test", data_dir=folder, image_size=size)
            noto, _ = datasets.arrays("noto_to_twemoji", "test", data_dir=folder, image_size=size)
            np.testing.assert_array_equal(drawings, noto)
            assert edges.shape == (2, *noto.shape[1:3], 1) and 0 in edges
            np.testing.assert_array_equal(edges / 127.5 - 1, datasets.edges(noto))

    def test_facades_are_labels_and_photographs_in_three_parts(self, folder):
        seen = []
        for split in ("train", "validation", "test"):
            labels, photographs = datasets.arrays("facades", split, data_dir=folder)
            assert labels[..., :2].max() == 0
            np.testing.assert_array_equal(photographs, labels[..., 2:].repeat(3, axis=-1))
            seen += (photographs[:, 0, 0, 0] // 20).tolist()
        assert seen == list(range(8))

    def test_yosemite_is_summer_and_winter(self, folder):
        for split, sizes in (("train", (5, 3)), ("test", (2, 1))):
            summer, winter = datasets.arrays(YOSEMITE, split, data_dir=folder)
            assert (len(summer), len(winter)) == sizes
            assert summer.max() < 100 <= winter.min()

    @pytest.mark.slow_but("False-noto_to_twemoji")
    @pytest.mark.parametrize("name", toy_pairs.SPLITS)
    @pytest.mark.parametrize("augment", [False, True])
    def test_load_gives_batches_that_resume(self, folder, name, augment):
        arguments = {"batch_size": 2, "data_dir": folder, "image_size": 8, "augment": augment}
        dataset = datasets.load(name, **arguments)
        assert len(dataset) == datasets.info(name).splits["train"] // 2
        channels = datasets.info(name).source_shape[-1]
        assert [spec.shape for spec in dataset.element_spec] == [(2, 8, 8, channels), (2, 8, 8, 3)]
        whole, resumed = (iter(datasets.load(name, **arguments, initial_step=step)) for step in (0, 3))
        for _ in range(3):
            next(whole)
        for _ in range(4):
            for expected, got in zip(next(whole), next(resumed), strict=True):
                assert got.dtype == "float32" and -1.0 <= got.numpy().min() < got.numpy().max() <= 1.0
                np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize("name", ["noto_to_twemoji", "edges_to_emoji"])
    def test_load_keeps_pairs_together_and_augments_them_alike(self, folder, name):
        joined = np.concatenate(datasets.arrays(name, data_dir=folder, image_size=9), axis=-1)
        windows = [joined[:, row : row + 8, column : column + 8] for row in (0, 1) for column in (0, 1)]
        windows += [window[:, :, ::-1] for window in windows]
        possible = {window.tobytes() for part in windows for window in part}
        dataset = datasets.load(
            name, batch_size=4, data_dir=folder, image_size=8, augment=True, initial_step=0
        )
        seen = set()
        for batch in dataset.take(20):
            shown = np.concatenate([pixels.to_uint8(images.numpy()) for images in batch], axis=-1)
            seen |= {image.tobytes() for image in shown}
        assert seen <= possible and len(seen) > 50

    def test_load_of_unpaired_images(self, folder):
        name = "noto_twemoji_unpaired"
        partner = {
            noto.tobytes(): twemoji.tobytes()
            for noto, twemoji in zip(*datasets.arrays("noto_to_twemoji", data_dir=folder), strict=True)
        }
        batches = datasets.load(name, batch_size=19, data_dir=folder, initial_step=0).take(5)
        shown = [[pixels.to_uint8(images.numpy()) for images in batch] for batch in batches]
        together = [
            partner[a.tobytes()] == b.tobytes() for batch in shown for a, b in zip(*batch, strict=True)
        ]
        assert np.mean(together) < 0.2
        assert {b.tobytes() for _, batch in shown for b in batch} == set(partner.values())
        # The test split is paired.
        (batch,) = datasets.load(name, "test", batch_size=2, data_dir=folder)
        expected = datasets.arrays("noto_to_twemoji", "test", data_dir=folder)
        joined, wanted = (
            {a.tobytes() + b.tobytes() for a, b in zip(*images, strict=True)}
            for images in ([pixels.to_uint8(part.numpy()) for part in batch], expected)
        )
        assert joined == wanted

    def test_archive_is_found_by_argument_and_environment(self, folder, monkeypatch):
        archive = datasets.info("facades").archive
        path = folder / "facades" / archive.file
        assert archive.find(folder) == archive.find(str(path.parent)) == path
        monkeypatch.setenv("KERAS_GENZOO_DATA_DIR", str(folder))
        assert len(datasets.arrays("facades", "test")[0]) == 2

    def test_missing_archive(self, folder):
        message = (
            r"KERAS_GENZOO_DATA_DIR,.*facades/facades_500\.zip.*None.*not downloaded.*GAN-Facades at commit"
        )
        with pytest.raises(ValueError, match=message):
            datasets.load("facades", batch_size=1)
        with pytest.raises(ValueError, match=r"^`data_dir` must.*emoji_noto_twemoji_112\.zip.*'/nowhere'"):
            datasets.arrays("edges_to_emoji", data_dir="/nowhere")

    def test_another_file_is_refused(self, folder):
        path = folder / "facades" / "facades_500.zip"
        archives._verified.cache_clear()
        path.write_bytes(path.read_bytes() + b"x")
        with pytest.raises(
            ValueError, match=r"facades_500\.zip is not the expected file.*SHA-256 is [0-9a-f]{64}, not"
        ):
            datasets.arrays("facades", data_dir=folder)

    def test_bad_arguments_are_refused_with_the_fix(self, folder):
        with pytest.raises(ValueError, match=r"`split` of 'facades' must be one of .*'validation'.*'val'"):
            datasets.load("facades", "val", data_dir=folder)
        with pytest.raises(ValueError, match=r"`augment` applies to pairs of images only.*'ring'"):
            datasets.load("ring", augment=True)
        with pytest.raises(
            ValueError, match=r"`image_size` applies to datasets of picture files only.*'ring'.*`load`"
        ):
            datasets.arrays("ring", image_size=32)
        with pytest.raises(ValueError, match=r"number of images, 19.*batch_size=20"):
            datasets.load("noto_to_twemoji", batch_size=20, data_dir=folder)


@pytest.mark.slow_but("facades", ci=True)
@pytest.mark.parametrize("name", toy_pairs.SPLITS)
def test_archives_hold_what_info_says(name):
    info = datasets.info(name)
    require_original_files(name)
    # Sizes a quarter of the real ones, for speed: what is counted is the same.
    size = info.image_shape[0] // 4
    for split, count in info.splits.items():
        sources, targets = datasets.arrays(name, split, image_size=size)
        assert sources.shape == (count, size, size, info.source_shape[-1])
        seasons = {"train": 293, "test": 55}
        assert targets.shape == (seasons[split] if name == YOSEMITE else count, size, size, 3)
    if name == "noto_to_twemoji":
        shown = [image.tobytes() for split in info.splits for image in datasets.arrays(name, split)[0]]
        assert len(set(shown)) == sum(info.splits.values())
    if name == "facades":
        # Label maps are mostly blue.
        brightness = [images.mean(axis=(0, 1, 2)) for images in (sources, targets)]
        assert brightness[0][2] > 2 * brightness[0][0] and brightness[1][2] < 1.2 * brightness[1][0]


@pytest.fixture(scope="module")
def prepared_folder(tmp_path_factory):
    """Where tensorflow-datasets keeps what the tests of this file have prepared."""
    return tmp_path_factory.mktemp("tensorflow_datasets")


@pytest.fixture
def originals(prepared_folder, monkeypatch):
    folder = require_original_files("mnist")
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared_folder))
    named._made.cache_clear()
    yield folder
    named._made.cache_clear()


@pytest.mark.parametrize("prepared", [True, False])
def test_data_that_another_process_has_prepared_meanwhile_are_taken(monkeypatch, prepared):
    import tensorflow_datasets

    monkeypatch.setattr(tfds, "_check_connection", lambda builder: None)

    class Builder:
        def download_and_prepare(self, download_config):
            raise OSError("Destination already exists.")

        def is_prepared(self):
            return prepared

        def as_dataset(self, split, batch_size, as_supervised):
            return np.zeros((3, 28, 28, 1), "uint8"), np.arange(3)

    monkeypatch.setattr(tensorflow_datasets, "builder", lambda name, data_dir: Builder())
    monkeypatch.setattr(tensorflow_datasets, "as_numpy", lambda dataset: dataset)
    named._made.cache_clear()
    try:
        if prepared:
            assert datasets.arrays("mnist", "test")[1].tolist() == [0, 1, 2]
        else:
            with pytest.raises(
                ConnectionError, match=r"Could not prepare 'mnist': Destination.*KERAS_GENZOO_DATA_DIR"
            ):
                datasets.arrays("mnist", "test")
    finally:
        named._made.cache_clear()


@pytest.mark.parametrize("answers", [False, True])
def test_without_a_network_the_message_comes_within_seconds(monkeypatch, tmp_path, answers):
    """Of a proxy that refuses connections, and of one that never answers them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not answers:
            server.close()
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, address)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
        monkeypatch.setattr(tfds, "_CONNECTION_TIMEOUT", 0.5)
        named._made.cache_clear()
        start = time.monotonic()
        with pytest.raises(
            ConnectionError, match=r"'mnist': storage\.googleapis\.com cannot be reached.*`data_dir`"
        ):
            datasets.arrays("mnist")
        assert time.monotonic() - start < 5


MNIST_LABELS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.slow
@pytest.mark.parametrize("name, counts", [("mnist", MNIST_LABELS), ("fashion_mnist", [6000] * 10)])
def test_original_files_become_the_data_set(originals, prepared_folder, name, counts):
    images, labels = datasets.arrays(name, "train", data_dir=originals)
    assert images.shape == (60_000, 28, 28, 1) and images.dtype == "uint8" and not images.flags.writeable
    assert labels.dtype == "int32" and np.bincount(labels).tolist() == counts
    assert (images.min(), images.max()) == (0, 255)
    images, labels = datasets.arrays(name, "test", data_dir=originals / name)
    assert images.shape == (10_000, 28, 28, 1) and len(labels) == 10_000
    assert (prepared_folder / name).is_dir()
    assert len(datasets.load(name, "test", batch_size=100, data_dir=originals)) == 100


def test_files_of_another_data_set_are_refused(originals, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"original files of 'fashion_mnist'.*mnist'.*checksum"):
        datasets.arrays("fashion_mnist", data_dir=originals / "mnist")


@pytest.mark.slow
def test_stacked_digits_show_all_thousand_classes(originals):
    for split, fewest in (("train", 50), ("test", 5)):
        images, labels = datasets.arrays("stacked_mnist", split, data_dir=originals)
        assert len(images) == len(labels) == datasets.info("stacked_mnist").splits[split]
        counts = np.bincount(labels)
        assert len(counts) == 1000 and counts.min() >= fewest


@pytest.mark.ci
@pytest.mark.parametrize(
    ("name", "function"), [("flowers_blurred", "blurred_of"), ("flowers_masked", "masks_of")]
)
def test_sources_that_training_draws_are_not_made_before(tmp_path, monkeypatch, name, function):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    asked = []
    monkeypatch.setattr(flowers, function, lambda *arguments: asked.append(arguments) or 1 / 0)
    batches = datasets.load(name, "train", 9, 32, tmp_path)
    assert len(list(batches)) == 5 and not asked
    with pytest.raises(ZeroDivisionError):
        datasets.load(name, "test", 5, 32, tmp_path)
