import itertools
import os
import pathlib
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, features

from keras_genzoo import datasets, pictures

ROOT = pathlib.Path(__file__).resolve().parents[2]


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, "uint8")).save(path, **options)


def plain(value, side=4):
    return np.full((side, side, 3), value, "uint8")


def pixels_of(path, **arguments):
    """The only picture of a folder, back in [0, 255]."""
    (batch,) = datasets.image_folder(path, batch_size=1, shuffle=False, **arguments)
    return (batch.numpy()[0] + 1) * 127.5


def drawing(mode="RGBA", size=(7, 5)):
    """A picture without symmetry, whose corners are transparent where the mode can say so."""
    rgba = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4)).astype("uint8")
    rgba[..., 3] = np.where(rgba[..., 3] < 128, 0, rgba[..., 3])
    picture = Image.fromarray(rgba)
    if mode == "P":
        return picture.convert("RGB").quantize(16)
    if mode == "P, transparent":
        return picture.quantize(16)
    if mode == "I;16":
        return Image.fromarray(rgba[..., 0].astype("uint16") * 257 + 100)
    return picture.convert(mode)


MODES = {
    "png": ("1", "L", "LA", "P", "P, transparent", "RGB", "RGBA", "I;16"),
    "PNG": ("RGB",),
    "bmp": ("1", "L", "P", "RGB", "RGBA"),
    "gif": ("1", "L", "P", "P, transparent", "RGB", "RGBA"),
    "jpg": ("L", "RGB", "CMYK"),
    "jpeg": ("RGB",),
    "tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"),
    "tiff": ("RGB",),
    "webp": ("RGB", "RGBA"),
    "avif": ("RGB", "RGBA"),
    "jp2": ("L", "RGB", "RGBA"),
    "tga": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "ppm": ("RGB",),
    "pgm": ("L",),
    "pnm": ("L",),
}


class TestPicturesAreThoseOfTheReader:
    """A dataset of the size of a picture gives exactly what `pictures.read` gives."""

    @staticmethod
    def check(file, height, width):
        for channels in (3, 1):
            read = pictures.read(file, channels)
            assert read.shape == (height, width, channels)
            found = pixels_of(file.parent, image_size=(height, width), channels=channels)
            np.testing.assert_allclose(found, read, atol=1e-3)
        return read

    def test_every_suffix_is_checked(self):
        assert {f".{suffix.lower()}" for suffix in MODES} == set(pictures.SUFFIXES)

    @pytest.mark.slow_but("jpg")
    @pytest.mark.parametrize("suffix", MODES)
    def test_formats_and_modes(self, tmp_path, suffix):
        if suffix == "avif" and not features.check("avif"):
            pytest.skip("Pillow was built without AVIF")
        for mode in MODES[suffix]:
            file = tmp_path / mode / f"a.{suffix}"
            file.parent.mkdir()
            drawing(mode).save(file)
            self.check(file, 5, 7)

    @pytest.mark.slow
    @pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
    def test_every_rotation_of_a_camera(self, tmp_path, suffix):
        upright = np.kron([[0, 80, 160], [240, 200, 120]], np.ones((8, 8))).astype("uint8")
        # How a camera stores what is upright after the orientation is applied.
        stored = {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.T,
            6: np.rot90(upright, 1),
            7: upright[::-1, ::-1].T,
            8: np.rot90(upright, -1),
        }
        for orientation, array in stored.items():
            exif = Image.Exif()
            exif[0x0112] = orientation
            file = tmp_path / str(orientation) / f"a.{suffix}"
            file.parent.mkdir()
            Image.fromarray(np.ascontiguousarray(array)).save(file, exif=exif, quality=100)
            np.testing.assert_allclose(self.check(file, 16, 24)[..., 0], upright, atol=3)

    @pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
    def test_first_frame_or_page(self, tmp_path, suffix):
        first, second = drawing("RGB"), Image.new("RGB", (7, 5), "red")
        options = {"lossless": True} if suffix == "webp" else {}
        first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second], **options)
        expected = np.asarray(first.convert("L"))[..., None]
        np.testing.assert_allclose(self.check(tmp_path / f"a.{suffix}", 5, 7), expected, atol=2)

    def test_colours_of_a_palette_in_bmp_and_white_behind_a_gif(self, tmp_path):
        picture = Image.fromarray(np.uint8([[0, 1, 1]]), "P")
        picture.putpalette([10, 20, 30, 200, 100, 50])
        for name, options, second in (
            ("a.bmp", {}, (200, 100, 50)),
            ("a.gif", {"transparency": 1}, (255,) * 3),
        ):
            (tmp_path / name).mkdir()
            picture.save(tmp_path / name / name, **options)
            found = pixels_of(tmp_path / name, image_size=(1, 3))
            np.testing.assert_allclose(found, [[(10, 20, 30), second, second]], atol=1e-3)


def test_scaling_is_that_of_pillow(tmp_path):
    save(tmp_path / "a.png", np.asarray(drawing("RGB", size=(50, 30))))
    whole = drawing("RGB", size=(50, 30))
    bilinear = Image.Resampling.BILINEAR
    for crop, expected in (
        ("center", whole.crop((10, 0, 40, 30)).resize((12, 12), bilinear)),
        (None, whole.resize((12, 12), bilinear)),
    ):
        np.testing.assert_allclose(pixels_of(tmp_path, image_size=12, crop=crop), expected, atol=1e-3)


class TestPreparedPictures:
    def test_files_are_read_once_and_again_only_after_a_change(self, tmp_path, monkeypatch):
        reads = []
        read = pictures.read
        monkeypatch.setattr(
            pictures, "read", lambda file, *args: reads.append(file.name) or read(file, *args)
        )
        for number in range(3):
            save(tmp_path / f"{number}.png", plain(number))
        first = datasets.image_folder(tmp_path, 4, batch_size=1, shuffle=False)
        datasets.image_folder(tmp_path, 4, batch_size=1, initial_step=7, flip=True)
        assert sorted(reads) == ["0.png", "1.png", "2.png"]
        datasets.image_folder(tmp_path, 2, batch_size=1)
        assert len(reads) == 6
        save(tmp_path / "1.png", plain(99))
        second = datasets.image_folder(tmp_path, 4, batch_size=1, shuffle=False)
        assert len(reads) == 9
        shown = [[round((float(x[0, 0, 0, 0]) + 1) * 127.5) for x in dataset] for dataset in (first, second)]
        assert shown == [[0, 1, 2], [0, 99, 2]]

    def test_no_room_is_seen_before_anything_is_read(self, tmp_path, monkeypatch):
        save(tmp_path / "a.png", plain(0))
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
        monkeypatch.setattr(pictures, "read", None)
        with pytest.raises(OSError, match=r"1 pictures.*take 1\.08e-06 GB.*1e-07 GB are free.*TMPDIR"):
            datasets.image_folder(tmp_path, (20, 18), batch_size=1)

    def test_a_picture_of_too_many_pixels_counts_as_unreadable(self, tmp_path, monkeypatch):
        save(tmp_path / "good.png", plain(0))
        save(tmp_path / "large.png", plain(0, side=9))
        monkeypatch.setattr(pictures, "MAX_PIXELS", 80)
        with pytest.raises(ValueError, match=r"1 of 2.*large\.png \(it has 9x9 pixels.*MAX_PIXELS.*on_error"):
            datasets.image_folder(tmp_path, 4, batch_size=1)
        with pytest.warns(UserWarning, match=r"large\.png"):
            assert len(datasets.image_folder(tmp_path, 4, batch_size=1, on_error="skip")) == 1


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((1, 3, 4))
    rgba[0, :, 0] = 255  # red: transparent, 40 %, opaque
    rgba[0, :, 3] = [0, 102, 255]
    save(tmp_path / "a.png", rgba)
    np.testing.assert_allclose(
        pixels_of(tmp_path, image_size=(1, 3)),
        [[[255, 255, 255], [255, 153, 153], [255, 0, 0]]],
        atol=1e-3,
    )


def test_palette_with_a_transparent_entry(tmp_path):
    image = Image.fromarray(np.uint8([[0, 1]]), "P")
    image.putpalette([10, 20, 30, 0, 0, 0])
    image.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_allclose(
        pixels_of(tmp_path, image_size=(1, 2)), [[[10, 20, 30], [255, 255, 255]]], atol=1e-3
    )


def test_grey(tmp_path):
    save(tmp_path / "grey" / "a.png", [[0, 128, 255]])
    colour = pixels_of(tmp_path / "grey", image_size=(1, 3))
    np.testing.assert_allclose(colour, [[[v, v, v] for v in (0, 128, 255)]], atol=1e-3)
    grey = pixels_of(tmp_path / "grey", image_size=(1, 3), channels=1)
    np.testing.assert_allclose(grey, [[[0], [128], [255]]], atol=1e-3)
    save(tmp_path / "colour" / "a.png", [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    grey = pixels_of(tmp_path / "colour", image_size=(1, 3), channels=1)
    np.testing.assert_allclose(grey, [[[76], [150], [29]]], atol=1e-3)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    Image.fromarray(np.uint16([[0, 32768, 65535]])).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        pixels_of(tmp_path, image_size=(1, 3), channels=1), [[[0], [128], [255]]], atol=1e-3
    )


@pytest.mark.parametrize("transpose", [False, True])
def test_crop_keeps_the_middle_square_and_squashing_keeps_all(tmp_path, transpose):
    picture = np.zeros((6, 12, 3), "uint8")  # blue, two halves of the middle square, blue
    picture[:, :3] = picture[:, 9:] = (0, 0, 255)
    picture[:, 3:6] = (255, 0, 0)
    picture[:, 6:9] = (0, 255, 0)
    turn = (lambda image: image.swapaxes(0, 1)) if transpose else (lambda image: image)
    save(tmp_path / "a.png", turn(picture))
    cropped = turn(pixels_of(tmp_path, image_size=6))
    np.testing.assert_allclose(cropped, picture[:, 3:9], atol=1e-3)
    halved = turn(pixels_of(tmp_path, image_size=2))
    assert halved[..., 0].argmax(1).tolist() == [0, 0] and halved[..., 2].max() < 1e-3
    squashed = turn(pixels_of(tmp_path, image_size=(12, 6) if transpose else (6, 12), crop=None))
    np.testing.assert_allclose(squashed, picture, atol=1e-3)
    assert turn(pixels_of(tmp_path, image_size=4, crop=None))[:, 0, 2].min() > 200


def test_extreme_proportions_leave_at_least_one_pixel(tmp_path):
    save(tmp_path / "a.png", np.full((1, 40, 3), 9))
    np.testing.assert_allclose(pixels_of(tmp_path, image_size=(8, 2)), np.full((8, 2, 3), 9), atol=1e-3)


def test_labels_by_folder(tmp_path):
    for name, value in (("dog/1.png", 30), ("cat/2.png", 10), ("cat/deep/1.png", 20), (".hidden/1.png", 99)):
        save(tmp_path / name, plain(value))
    dataset = datasets.image_folder(tmp_path, 4, batch_size=1, labels="folder", shuffle=False)
    found = {round((float(x[0, 0, 0, 0]) + 1) * 127.5): int(y[0]) for x, y in dataset}
    assert found == {10: 0, 20: 0, 30: 1}
    assert dataset.element_spec[1].dtype == "int32"


def test_labels_need_sub_folders(tmp_path):
    save(tmp_path / "stray.png", plain(0))
    with pytest.raises(ValueError, match=r"subfolder.*stray\.png.*labels=None"):
        datasets.image_folder(tmp_path, 4, batch_size=1, labels="folder")


def test_resumes_in_order(tmp_path):
    for number in range(7):
        picture = plain(number * 10)
        picture[:, 0] = 255
        save(tmp_path / f"{number}.png", picture)
    arguments = {"image_size": 4, "batch_size": 2, "flip": True, "seed": 3}
    batches = [
        x.numpy() for x in itertools.islice(datasets.image_folder(tmp_path, **arguments, initial_step=0), 9)
    ]
    resumed = datasets.image_folder(tmp_path, **arguments, initial_step=4)
    np.testing.assert_array_equal([x.numpy() for x in itertools.islice(resumed, 5)], batches[4:])
    assert len(datasets.image_folder(tmp_path, **arguments)) == 3


def truncated_jpeg(path):
    save(path, np.random.default_rng(0).integers(0, 256, (32, 32, 3)))
    path.write_bytes(path.read_bytes()[:-200])


def not_a_picture(path):
    path.write_bytes(b"<html>404</html>")


def empty(path):
    path.write_bytes(b"")


def float_values(path):
    Image.new("F", (4, 4)).save(path)


@pytest.mark.parametrize(
    "name, damage",
    [("x.jpg", truncated_jpeg), ("x.png", not_a_picture), ("x.gif", empty), ("x.tif", float_values)],
)
def test_damaged_file_is_named_or_skipped(tmp_path, name, damage):
    save(tmp_path / "good.png", plain(50))
    damage(tmp_path / name)
    with pytest.raises(ValueError, match=r"1 of 2 pictures.*x\.(jpg|png|gif|tif).*on_error='skip'"):
        datasets.image_folder(tmp_path, 4, batch_size=1)
    with pytest.warns(UserWarning, match=r"1 of 2 pictures.*x\."):
        dataset = datasets.image_folder(tmp_path, 4, batch_size=1, on_error="skip")
    assert len(list(dataset)) == 1


BAD = {
    "channels": ({"channels": 4}, "`channels` must be 1 or 3.*channels=4"),
    "crop": ({"crop": "random"}, "`crop` must be 'center' or None.*'random'"),
    "labels": ({"labels": "file"}, "`labels` must be 'folder' or None"),
    "on_error": ({"on_error": "ignore"}, "`on_error` must be 'raise' or 'skip'"),
    "image_size": ({"image_size": None}, "`image_size` must be an integer"),
    "too few": ({"batch_size": 2}, "number of images, 1.*batch_size=2"),
    "missing": ({"path": "no/such/folder"}, "existing folder.*no/such/folder"),
}


@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_with_the_fix(tmp_path, arguments, message):
    save(tmp_path / "a.png", plain(0))
    with pytest.raises(ValueError, match=message):
        datasets.image_folder(**{"path": tmp_path, "image_size": 4, "batch_size": 1, **arguments})


def test_empty_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ValueError, match=r"must contain pictures \(\.avif.*\.webp.*contains none"):
        datasets.image_folder(tmp_path, 4)


@pytest.mark.slow
def test_process_ends_while_an_endless_dataset_is_being_read_and_leaves_nothing(tmp_path):
    save(tmp_path / "pictures" / "a.png", plain(0, side=64))
    (tmp_path / "temporary").mkdir()
    code = f"""
import os
from keras_genzoo import datasets
batches = iter(datasets.image_folder({str(tmp_path / "pictures")!r}, 64, batch_size=1, initial_step=0))
print(next(batches).shape)
assert [name for name in os.listdir(os.environ["TMPDIR"]) if name.startswith("keras_genzoo_")]
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment, timeout=120)
    assert not list((tmp_path / "temporary").glob("keras_genzoo_*"))
