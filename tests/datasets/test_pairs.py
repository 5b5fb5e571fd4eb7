import itertools
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_genzoo import datasets, pictures
from keras_genzoo.datasets import pairs, pipeline


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, "uint8")).save(path, **options)


def plain(value, side=4):
    return np.full((side, side, 3), value, "uint8")


def take(dataset, count=None):
    """The batches of sources and of targets, each stacked, on the scale from 0 to 255."""
    batches = [
        tuple((part.numpy() + 1) * 127.5 for part in batch) for batch in itertools.islice(dataset, count)
    ]
    return tuple(np.stack(part) for part in zip(*batches, strict=True))


def numbers(images):
    """The numbers that plain pictures show, in the order in which they come."""
    return np.rint(images[..., 0, 0, 0]).astype(int).ravel().tolist()


def side_by_side(folder, count=7, side=4):
    """Files whose left half shows a number and whose right half its complement."""
    for number in range(count):
        save(folder / f"{number}.png", np.concatenate([plain(number, side), plain(255 - number, side)], 1))


def two_folders(folder, count=7):
    for number in range(count):
        save(folder / "sketches" / f"{number}.png", plain(number))
        save(folder / "photographs" / f"{number}.bmp", plain(255 - number))
    return {"path": folder / "sketches", "target_path": folder / "photographs"}


def textured(seed=0, side=32):
    """A smooth picture without symmetry, so that a window of it is found in one place alone."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3)).astype("uint8")
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def place_of(window, picture):
    """Top, left and whether it is mirrored, of a window of a picture."""
    size = window.shape[0]
    for top, left, mirrored in itertools.product(*2 * [range(len(picture) - size + 1)], (False, True)):
        found = picture[top : top + size, left : left + size]
        if np.allclose(found[:, ::-1] if mirrored else found, window, atol=0.01):
            return top, left, mirrored
    raise AssertionError("no window of the picture")


class TestPairedFolder:
    @pytest.mark.parametrize("source, first", [("left", lambda n: n), ("right", lambda n: 255 - n)])
    def test_halves_of_a_file(self, tmp_path, source, first):
        side_by_side(tmp_path)
        dataset = datasets.paired_folder(tmp_path, 4, source=source, shuffle=False)
        assert len(dataset) == 7
        assert [spec.shape for spec in dataset.element_spec] == [(1, 4, 4, 3)] * 2
        assert all(spec.dtype == "float32" for spec in dataset.element_spec)
        sources, targets = take(dataset)
        assert numbers(sources) == [first(number) for number in range(7)]
        np.testing.assert_allclose(targets, 255 - sources, atol=1e-3)

    def test_two_folders_whose_suffixes_differ(self, tmp_path):
        arguments = two_folders(tmp_path)
        save(tmp_path / "sketches" / "deep" / "0.png", plain(100))
        save(tmp_path / "photographs" / "deep" / "0.png", plain(155))
        sources, targets = take(datasets.paired_folder(**arguments, image_size=4))
        assert sorted(numbers(sources)) == [0, 1, 2, 3, 4, 5, 6, 100]
        np.testing.assert_allclose(targets, 255 - sources, atol=1e-3)

    def test_partners_stay_together_whatever_the_order(self, tmp_path):
        side_by_side(tmp_path)
        arguments = {"image_size": 4, "batch_size": 2, "initial_step": 0}
        orders = []
        for seed in (0, 1):
            sources, targets = take(datasets.paired_folder(tmp_path, **arguments, seed=seed), 6)
            np.testing.assert_allclose(targets, 255 - sources, atol=1e-3)
            orders += [numbers(sources[:3]), numbers(sources[3:])]
        assert all(len(set(order)) == 6 for order in orders) and len(set(map(tuple, orders))) == 4

    def test_whole_pictures_are_scaled_with_antialiasing(self, tmp_path):
        picture = textured()
        save(tmp_path / "a.png", np.concatenate([picture, picture[::-1]], axis=1))
        (sources,), (targets,) = take(datasets.paired_folder(tmp_path, (16, 8)))
        expected = np.asarray(Image.fromarray(picture).resize((8, 16), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(sources[0], expected, atol=1.0)
        np.testing.assert_allclose(targets[0], expected[::-1], atol=1.0)

    @pytest.mark.parametrize("channels, source_channels", [(3, 1), (1, 3), (1, None)])
    def test_channels(self, tmp_path, channels, source_channels):
        save(tmp_path / "a" / "x.png", [[(255, 0, 0)]])
        save(tmp_path / "b" / "x.png", [[(0, 255, 0)]])
        dataset = datasets.paired_folder(
            tmp_path / "a",
            1,
            target_path=tmp_path / "b",
            channels=channels,
            source_channels=source_channels,
        )
        (sources,), (targets,) = take(dataset)
        red = [76] if (source_channels or channels) == 1 else [255, 0, 0]
        green = [150] if channels == 1 else [0, 255, 0]
        np.testing.assert_allclose(sources[0, 0, 0], red, atol=1e-3)
        np.testing.assert_allclose(targets[0, 0, 0], green, atol=1e-3)

    def test_grey_and_transparent_files(self, tmp_path):
        save(tmp_path / "a" / "x.png", [[50, 50]])
        save(tmp_path / "b" / "x.png", [[(255, 0, 0, 102), (0, 0, 0, 0)]])
        (sources,), (targets,) = take(
            datasets.paired_folder(tmp_path / "a", (1, 2), target_path=tmp_path / "b")
        )
        np.testing.assert_allclose(sources[0, 0], [(50, 50, 50)] * 2, atol=1e-3)
        np.testing.assert_allclose(targets[0, 0], [(255, 153, 153), (255, 255, 255)], atol=1e-3)

    def test_augmentation_is_the_paper_s_and_the_same_for_both(self, tmp_path):
        picture = textured(side=18)  # round(16 * 286 / 256)
        save(tmp_path / "a.png", np.concatenate([picture, 255 - picture], axis=1))
        dataset = datasets.paired_folder(tmp_path, 16, augment=True, initial_step=0)
        sources, targets = take(dataset, 150)
        np.testing.assert_allclose(targets, 255 - sources, atol=1e-3)
        places = [place_of(window, picture) for window in sources[:, 0]]
        assert set(places) == set(itertools.product(range(3), range(3), (False, True)))
        assert 50 < sum(mirrored for *_, mirrored in places) < 100

    def test_scales_before_it_crops(self, tmp_path):
        picture = textured(side=36)
        save(tmp_path / "a.png", np.concatenate([picture, picture], axis=1))
        dataset = datasets.paired_folder(tmp_path, 16, augment=True, initial_step=0)
        scaled = np.asarray(Image.fromarray(picture).resize((18, 18), Image.Resampling.BILINEAR))
        for window in take(dataset, 5)[0][:, 0]:
            place_of(window, scaled)

    @pytest.mark.slow_but("3")
    # 7 pairs in batches of 2 are 3 steps an epoch.
    @pytest.mark.parametrize("step", [1, 3, 8])
    def test_resumed_dataset_yields_the_same_pictures(self, tmp_path, step):
        for number in range(7):
            save(tmp_path / f"{number}.png", textured(number, 10))
        arguments = {"image_size": 8, "batch_size": 2, "augment": True, "seed": 3}
        whole = take(datasets.paired_folder(tmp_path, **arguments, initial_step=0), 12)
        rest = take(datasets.paired_folder(tmp_path, **arguments, initial_step=step), 12 - step)
        for all_images, images in zip(whole, rest, strict=True):
            np.testing.assert_array_equal(images, all_images[step:])

    def test_a_dataset_shows_the_pictures_that_it_was_made_of(self, tmp_path):
        side_by_side(tmp_path)
        dataset = datasets.paired_folder(tmp_path, 4, shuffle=False)
        for file in tmp_path.iterdir():
            save(file, np.full((4, 8, 3), 99))
        assert numbers(take(dataset)[0]) == list(range(7))
        assert numbers(take(datasets.paired_folder(tmp_path, 4))[0]) == [99] * 7

    @pytest.mark.parametrize("source", ["left", "right"])
    def test_turned_transparent_files_are_halved_as_they_are_seen(self, tmp_path, source):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        seen = np.random.default_rng(0).integers(0, 256, (4, 6, 4)).astype("uint8")
        Image.fromarray(np.ascontiguousarray(np.rot90(seen))).save(tmp_path / "a.png", exif=exif)
        (sources,), (targets,) = take(datasets.paired_folder(tmp_path, (4, 3), source=source))
        halves = [sources[0], targets[0]][:: 1 if source == "left" else -1]
        np.testing.assert_allclose(
            np.concatenate(halves, axis=1), pictures.read(tmp_path / "a.png", 3), atol=1e-3
        )


def odd(folder):
    save(folder / "odd.png", np.zeros((4, 7, 3)))


def damaged(folder):
    (folder / "torn.png").write_bytes(b"<html>404</html>")


def damaged_target(folder):
    save(folder / "sketches" / "torn.png", plain(0))
    damaged(folder / "photographs")


def alone(folder):
    save(folder / "sketches" / "alone.png", plain(0))


def alone_target(folder):
    save(folder / "photographs" / "deep" / "alone.png", plain(0))


def twice(folder):
    save(folder / "sketches" / "0.bmp", plain(0))


def larger(folder):
    save(folder / "photographs" / "0.bmp", np.zeros((4, 5, 3)))


UNFIT = {
    "odd width": (side_by_side, odd, r"1 of 8 pairs.*odd\.png \(has the odd width 7"),
    "damaged": (side_by_side, damaged, r"1 of 8 pairs.*torn\.png \("),
    "damaged target": (two_folders, damaged_target, r"1 of 8 pairs.*photographs/torn\.png \("),
    "no target": (two_folders, alone, r"1 of 8 pairs.*sketches/alone\.png \(without a partner"),
    "no source": (
        two_folders,
        alone_target,
        r"1 of 8 pairs.*photographs/deep/alone\.png \(without a partner",
    ),
    "same name": (two_folders, twice, r"1 of 7 pairs.*0\.bmp and .*sketches/0\.png \(of the same name"),
    "sizes": (two_folders, larger, r"1 of 7 pairs.*0\.png and .*0\.bmp \(of different sizes, 4x4 and 4x5"),
}


@pytest.mark.parametrize("make, spoil, message", UNFIT.values(), ids=UNFIT)
def test_unfit_files_are_named_or_skipped(tmp_path, make, spoil, message):
    folders = make(tmp_path) or {"path": tmp_path}
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message + r".*on_error='skip'"):
        datasets.paired_folder(**folders, image_size=4)
    with pytest.warns(UserWarning, match=message):
        dataset = datasets.paired_folder(**folders, image_size=4, on_error="skip")
    total, unfit = int(re.search(r"of (\d) pairs", message)[1]), 1
    sources, targets = take(dataset)
    assert len(sources) == total - unfit
    np.testing.assert_allclose(targets, 255 - sources, atol=1e-3)


def test_nothing_but_unfit_files(tmp_path):
    odd(tmp_path)
    with (
        pytest.warns(UserWarning, match=r"odd\.png"),
        pytest.raises(ValueError, match="number of images, 0"),
    ):
        datasets.paired_folder(tmp_path, 4, on_error="skip")


class TestUnpairedFolders:
    @pytest.fixture
    def folders(self, tmp_path):
        for number in range(7):
            save(tmp_path / "a" / f"{number}.png", plain(number))
        for number in range(3):
            save(tmp_path / "b" / "deep" / f"{number}.png", plain(100 + number))
        return tmp_path / "a", tmp_path / "b"

    @pytest.mark.ci
    @pytest.mark.parametrize("swapped", [False, True])
    def test_the_smaller_folder_begins_again_in_another_order(self, folders, swapped):
        folders = folders[::-1] if swapped else folders
        dataset = datasets.unpaired_folders(*folders, 4, initial_step=0)
        larger, smaller = take(dataset, 7 * 20)[:: -1 if swapped else 1]
        orders = set()
        for epoch in range(20):
            part = slice(7 * epoch, 7 * epoch + 7)
            assert sorted(numbers(larger[part])) == list(range(7))
            first, second, last = (numbers(smaller[part][turn : turn + 3]) for turn in (0, 3, 6))
            assert sorted(first) == sorted(second) == [100, 101, 102] and len(last) == 1
            orders.add((tuple(first), tuple(second)))
        assert len(orders) > 10

    def test_folders_of_the_same_size_are_not_paired(self, folders):
        whole = datasets.unpaired_folders(folders[0], folders[0], 4, initial_step=0)
        a, b = (np.array(numbers(images)).reshape(-1, 7) for images in take(whole, 70))
        assert 2 < (a == b).sum() < 25  # a seventh of 70 by chance
        assert len({tuple(order) for order in [*a, *b]}) == 20

    @pytest.mark.ci
    def test_an_epoch_is_as_long_as_the_larger_folder(self, folders):
        dataset = datasets.unpaired_folders(*folders, 4, batch_size=2)
        assert len(dataset) == 3 == len(list(dataset))
        assert [spec.shape for spec in dataset.element_spec] == [(2, 4, 4, 3)] * 2
        a, b = take(datasets.unpaired_folders(*folders, 4, shuffle=False))
        assert (numbers(a), numbers(b)) == (list(range(7)), [100, 101, 102, 100, 101, 102, 100])
        # More than the smaller folder holds.
        assert numbers(take(datasets.unpaired_folders(*folders, 4, batch_size=5))[1]).count(100) in (1, 2)

    def test_augmentation_is_drawn_for_each(self, tmp_path):
        picture = textured(side=9)  # round(8 * 286 / 256)
        save(tmp_path / "a" / "x.png", picture)
        dataset = datasets.unpaired_folders(
            tmp_path / "a", tmp_path / "a", 8, augment=True, initial_step=0, channels=3
        )
        places = [[place_of(window, picture) for window in part[:, 0]] for part in take(dataset, 60)]
        everywhere = set(itertools.product(range(2), range(2), (False, True)))
        assert set(places[0]) == set(places[1]) == everywhere
        assert sum(a == b for a, b in zip(*places, strict=True)) < 20  # an eighth of 60 by chance

    @pytest.mark.slow_but("5", ci=True)
    @pytest.mark.parametrize("step", [2, 5])
    def test_resumes(self, folders, step):
        arguments = {"image_size": 4, "batch_size": 2, "augment": True, "channels": 1}
        whole = take(datasets.unpaired_folders(*folders, **arguments, initial_step=0), 8)
        rest = take(datasets.unpaired_folders(*folders, **arguments, initial_step=step), 8 - step)
        for all_images, images in zip(whole, rest, strict=True):
            assert images.shape[1:] == (2, 4, 4, 1)
            np.testing.assert_array_equal(images, all_images[step:])

    def test_damaged_file_is_named_or_skipped(self, folders):
        damaged(folders[1])
        with pytest.raises(ValueError, match=r"1 of 4 pictures.*torn\.png.*on_error='skip'"):
            datasets.unpaired_folders(*folders, 4)
        with pytest.warns(UserWarning, match=r"1 of 4 pictures.*torn\.png"):
            dataset = datasets.unpaired_folders(*folders, 4, on_error="skip")
        assert set(numbers(take(dataset)[1])) == {100, 101, 102}


class TestLabelMaps:
    def folders(self, folder):
        """Five maps of the labels 0 to 2, twice as large as they are read, and pictures that show their number."""
        rng = np.random.default_rng(0)
        self.maps = rng.integers(0, 3, (5, 4, 4, 1)).astype("uint8")
        for number, labels in enumerate(self.maps):
            save(folder / "maps" / f"{number}.png", labels[..., 0].repeat(2, axis=0).repeat(2, axis=1))
            save(folder / "photographs" / f"{number}.jpg", plain(50 * number, side=8), quality=100)
        return {"path": folder / "maps", "target_path": folder / "photographs", "num_labels": 3}

    def test_label_maps_are_the_nearest_labels_beside_their_pictures(self, tmp_path):
        dataset = datasets.paired_folder(image_size=4, shuffle=False, batch_size=5, **self.folders(tmp_path))
        labels, images = (part.numpy() for part in next(iter(dataset)))
        assert labels.dtype == np.uint8 and images.dtype == np.float32
        np.testing.assert_array_equal(labels, self.maps)
        np.testing.assert_allclose((images[:, 0, 0, 0] + 1) * 127.5, 50 * np.arange(5), atol=1)

    def test_augmentation_mirrors_both(self, tmp_path):
        folders = self.folders(tmp_path)
        for number, labels in enumerate(self.maps):
            # Of a colour for each label, at the size that is read: what is mirrored is seen.
            save(tmp_path / "maps" / f"{number}.png", labels[..., 0])
            save(tmp_path / "photographs" / f"{number}.png", (100 * labels).repeat(3, axis=2))
            (tmp_path / "photographs" / f"{number}.jpg").unlink()
        dataset = datasets.paired_folder(image_size=4, batch_size=5, augment=True, **folders)
        seen = set()
        for labels, images in itertools.islice(dataset.repeat(), 16):
            np.testing.assert_allclose((images[..., 0] + 1) * 1.275, labels[..., 0], atol=0.01)
            seen |= {each.tobytes() for each in labels.numpy()}
        either = {each.tobytes() for maps in (self.maps, self.maps[:, :, ::-1]) for each in maps}
        assert seen == either

    def test_channels_of_the_sources_are_refused(self, tmp_path):
        with pytest.raises(
            ValueError, match=r"`source_channels` applies to pictures only.*source_channels=1, num_labels=3"
        ):
            datasets.paired_folder(image_size=4, source_channels=1, **self.folders(tmp_path))

    def test_labels_that_are_too_large_name_the_file(self, tmp_path):
        folders = {**self.folders(tmp_path), "num_labels": 2}
        with pytest.raises(ValueError, match=r"\.png.*labels from 0 to 1. Received labels from 0 to 2"):
            datasets.paired_folder(image_size=4, **folders)


BAD = {
    "paired": {
        "num_labels": ({"num_labels": 3}, "`num_labels` needs label maps in a folder of their own"),
        "channels": ({"channels": 4}, "`channels` must be 1 or 3.*channels=4"),
        "source_channels": ({"source_channels": 2}, "`source_channels` must be 1 or 3.*source_channels=2"),
        "source": ({"source": "top"}, "`source` must be 'left' or 'right'.*'top'"),
        "source of two": (
            {"source": "right", "target_path": "x"},
            "`source` applies to files with both.*Leave",
        ),
        "on_error": ({"on_error": "ignore"}, "`on_error` must be 'raise' or 'skip'"),
        "image_size": ({"image_size": None}, "`image_size` must be an integer"),
        "batch_size": ({"batch_size": 8}, "number of images, 7.*batch_size=8"),
        "path": ({"path": "no/such/folder"}, "`path` must be an existing folder.*no/such/folder"),
        "target_path": ({"target_path": "no/such"}, "`target_path` must be an existing folder.*no/such"),
    },
    "unpaired": {
        "channels": ({"channels": 2}, "`channels` must be 1 or 3.*channels=2"),
        "on_error": ({"on_error": None}, "`on_error` must be 'raise' or 'skip'"),
        "path_a": ({"path_a": "no/such/folder"}, "`path_a` must be an existing folder.*no/such/folder"),
        "path_b": ({"path_b": pathlib.Path("no/such")}, "`path_b` must be an existing folder.*no/such"),
        "initial_step": ({"initial_step": -1}, "`initial_step` must be at least 0"),
    },
}


@pytest.mark.parametrize(
    "kind, arguments, message",
    [(kind, *case) for kind, cases in BAD.items() for case in cases.values()],
    ids=[f"{kind}-{case}" for kind, cases in BAD.items() for case in cases],
)
def test_bad_arguments_are_refused_with_the_fix(tmp_path, kind, arguments, message):
    side_by_side(tmp_path)
    with pytest.raises(ValueError, match=message):
        if kind == "paired":
            datasets.paired_folder(**{"path": tmp_path, "image_size": 4, **arguments})
        else:
            folders = {"path_a": tmp_path, "path_b": tmp_path}
            datasets.unpaired_folders(**{**folders, "image_size": 4, **arguments})


def test_windows_are_drawn_evenly():
    """Also where a draw is all but 1."""
    count = 3000
    images = tf.constant(np.tile(np.arange(6, dtype="uint8")[:, None], (count, 2, 1, 1)))
    offsets = tf.stack([tf.zeros(count), tf.linspace(0.0, float(np.nextafter(np.float32(1), 0)), count)], 1)
    choice = pipeline.Choice(tf.range(count), tf.zeros(count, tf.bool), offsets)
    windows = pipeline.crop(images, (2, 4), choice).numpy()
    assert windows.shape == (count, 2, 4, 1)
    first = windows[:, :, :1]
    np.testing.assert_array_equal(windows - first, np.broadcast_to(np.arange(4)[:, None], windows.shape))
    np.testing.assert_allclose(np.bincount(first[:, 0, 0, 0]), [1000] * 3, atol=2)


def test_prepared_size_is_the_paper_s():
    assert pairs.prepared_size((256, 64), True) == (286, 72)
    assert pairs.prepared_size((256, 64), False) == (256, 64)
