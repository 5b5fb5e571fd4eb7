"""Picture files of any kind, read as arrays."""

import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import pictures, pixels

RAMP = np.arange(0, 240, 10, dtype="uint8").reshape(4, 6)


def test_grey_and_colour(tmp_path):
    colours = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=-1)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    Image.fromarray(RAMP).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "colour.png", 3), colours)
    luma = (colours * [0.299, 0.587, 0.114]).sum(-1, keepdims=True)
    np.testing.assert_allclose(pictures.read(tmp_path / "colour.png", 1), luma, atol=1)
    np.testing.assert_array_equal(pictures.read(tmp_path / "grey.png", 1), RAMP[..., None])
    np.testing.assert_array_equal(pictures.read(tmp_path / "grey.png", 3), RAMP[..., None].repeat(3, -1))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pictures_are_laid_on_white(tmp_path, mode):
    alpha = np.where(np.arange(6) < 3, 255, 0).astype("uint8")[None].repeat(4, 0)
    # Few colours, so that a palette holds them exactly.
    levels = RAMP // 120 * 120
    picture = Image.fromarray(np.stack([levels, alpha], -1), "LA")
    (picture.convert("RGBA").quantize() if mode == "P" else picture.convert(mode)).save(tmp_path / "a.png")
    expected = np.where(alpha == 255, levels, 255)[..., None]
    np.testing.assert_allclose(pictures.read(tmp_path / "a.png", 1).astype(int), expected, atol=1)


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(RAMP.astype("uint16") * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "deep.png", 1)[..., 0], RAMP)


def test_the_longer_side_is_scaled(tmp_path):
    Image.fromarray(RAMP.repeat(10, 0).repeat(10, 1)).save(tmp_path / "wide.png")
    small = pictures.read(tmp_path / "wide.png", 1, size=6)
    assert small.shape == (4, 6, 1)
    # Antialiased: a pixel is about the mean of what it covers.
    np.testing.assert_allclose(small[1:3, 1:5, 0].astype(int), RAMP[1:3, 1:5], atol=3)


def test_what_a_camera_noted_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(pictures.read(tmp_path / "turned.png", 1)[..., 0], np.rot90(RAMP, -1))


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(RAMP.astype("float32")).save(tmp_path / "float.tif")
    Image.fromarray(RAMP).save(tmp_path / "torn.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "torn.png").read_bytes()[:50])
    for name, message in (
        ("text.png", "cannot identify"),
        ("float.tif", "float values"),
        ("torn.png", "truncated|broken|not enough"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            pictures.read(tmp_path / name, 1)
    with pytest.raises(ValueError, match="`channels` must be 3 for color or 1 for gray"):
        pictures.read(tmp_path / "text.png", 4)


COLORS = np.uint8([[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 0, 0]])
LABELS = np.uint8([[0, 1, 2], [2, 2, 1]])


class TestLabels:
    def pictures(self):
        """Dict of pictures of `LABELS` by what holds them."""
        grey = Image.fromarray(LABELS)
        alpha = Image.fromarray(np.uint8([[0, 255, 128], [0, 255, 7]]))
        color = Image.fromarray(COLORS[LABELS])
        palette = grey.copy()
        # In other colours than those of the labels: the indices count.
        palette.putpalette([9, 9, 9, 0, 128, 0, 0, 0, 0])
        return {
            "grey": grey,
            "grey and alpha": Image.merge("LA", [grey, alpha]),
            "16 bits": Image.fromarray(LABELS.astype("uint16")),
            "32 bits": Image.fromarray(LABELS.astype("int32")),
            "palette": palette,
            "palette and alpha": palette.convert("PA"),
            "colour": color,
            "colour and alpha": Image.merge("RGBA", [*color.split(), alpha]),
        }

    def test_are_values_indices_or_colours_whatever_the_alpha(self):
        for kind, picture in self.pictures().items():
            labels = pictures.read_labels(picture, COLORS)
            assert labels.dtype == np.uint8 and labels.shape == (2, 3, 1), kind
            np.testing.assert_array_equal(labels[..., 0], LABELS, err_msg=kind)
        bits = Image.fromarray(LABELS > 0)
        assert bits.mode == "1"
        np.testing.assert_array_equal(pictures.read_labels(bits, COLORS)[..., 0], LABELS > 0)

    def test_are_read_from_files_and_turned_as_the_camera_noted(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        for kind in ("grey", "palette", "16 bits", "colour and alpha"):
            self.pictures()[kind].save(tmp_path / "labels.png", exif=exif)
            expected = np.rot90(LABELS, -1)[..., None]
            np.testing.assert_array_equal(pictures.read_labels(tmp_path / "labels.png", COLORS), expected)
            with Image.open(tmp_path / "labels.png") as picture:
                np.testing.assert_array_equal(pictures.read_labels(picture, COLORS), expected)

    def test_in_another_size_are_the_nearest_ones(self):
        large = pictures.read_labels(self.pictures()["colour"], COLORS, (4, 6))
        np.testing.assert_array_equal(large[..., 0], LABELS.repeat(2, 0).repeat(2, 1))
        large = Image.fromarray(large[..., 0])
        np.testing.assert_array_equal(pictures.read_labels(large, COLORS, 3)[..., 0], LABELS)

    def test_of_several_strips_are_those_of_one(self, monkeypatch):
        labels = np.random.default_rng(0).integers(0, 3, (7, 5)).astype("uint8")
        monkeypatch.setattr(pictures, "_STRIP", 10)
        read = pictures.read_labels(Image.fromarray(COLORS[labels]), COLORS)
        np.testing.assert_array_equal(read[..., 0], labels)

    @pytest.mark.parametrize("kind", ["grey", "colour"])
    def test_take_little_memory(self, kind):
        """A pixel takes a byte or two; one in colour takes some tens, but in a strip of 2**20 pixels at a time."""
        colors = (
            np.random.default_rng(0).permutation(np.indices((8, 8, 4)).reshape(3, -1).T * 30).astype("uint8")
        )
        labels = np.arange(4_000_000, dtype="uint32").astype("uint8").reshape(2000, 2000)
        picture = Image.fromarray(labels if kind == "grey" else colors[labels])
        tracemalloc.start()
        read = pictures.read_labels(picture, colors)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        np.testing.assert_array_equal(read[..., 0], labels)
        assert peak < 3 * labels.size + (0 if kind == "grey" else 40_000_000)

    @pytest.mark.parametrize(
        ("picture", "message"),
        [
            (LABELS + 2, "the picture must have labels from 0 to 3. Received labels from 2 to 4"),
            (LABELS.astype("uint16") + 254, "labels from 0 to 3. Received labels from 254 to 256"),
            (LABELS.astype("int32") - 1, "labels from 0 to 3. Received labels from -1 to 1"),
            (LABELS.astype("float32"), "the picture has float values"),
            (
                COLORS[LABELS] + np.uint8(1),
                r"are not those of labels, such as #010101, #018101, #810101\. The colors of the labels.*#008000",
            ),
        ],
    )
    def test_what_is_none_is_refused_and_the_file_named(self, tmp_path, picture, message):
        with pytest.raises(ValueError, match=message):
            pictures.read_labels(Image.fromarray(picture), COLORS)
        Image.fromarray(picture).save(tmp_path / "labels.tif")
        with pytest.raises(pictures.UnreadablePicture, match=rf"labels\.tif cannot be read: .*{message}"):
            pictures.read_labels(tmp_path / "labels.tif", COLORS)

    def test_of_too_many_pixels_are_refused_from_the_header(self, tmp_path, monkeypatch):
        self.pictures()["grey"].save(tmp_path / "labels.png")
        monkeypatch.setattr(pictures, "MAX_PIXELS", 5)
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
        with pytest.raises(ValueError, match="it has 3x2 pixels, more than"):
            pictures.read_labels(tmp_path / "labels.png", COLORS)

    @pytest.mark.parametrize("colors", [COLORS[0], COLORS[:0], np.zeros((257, 3)), np.zeros((2, 4))])
    def test_colors_of_another_shape_are_refused(self, colors):
        with pytest.raises(ValueError, match=r"`colors` must have the shape \(num_labels, 3\)"):
            pictures.read_labels(self.pictures()["grey"], colors)


@pytest.mark.slow
def test_too_many_pixels_are_refused_from_the_header(tmp_path):
    """The file is small; decoded it takes 200 MB or more."""
    file = tmp_path / "large.png"
    Image.new("1", (15_000, 10_000)).save(file)
    assert file.stat().st_size < 200_000
    code = f"""
import resource
from keras_genzoo import pictures
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    pictures.read({str(file)!r}, 3)
except ValueError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    message, kilobytes = ran.stdout.splitlines()
    assert (
        "large.png cannot be read: it has 15000x10000 pixels, more than the limit of 120 million" in message
    )
    assert int(kilobytes) < 20_000


def test_threads_hold_no_more_pixels_at_once_than_the_largest_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 100)
    held, most = [], []

    def hold(side):
        Image.new("L", (side, side)).save(tmp_path / f"{side}.png")
        with pictures.opened(tmp_path / f"{side}.png"):
            held.append(side * side)
            most.append(sum(held))
            time.sleep(0.02)
            held.remove(side * side)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(3, 11)))
    assert len(most) == 8 and max(most) <= 100


class TestWrite:
    @pytest.mark.parametrize("shape", [(4, 6, 3), (4, 6, 1), (4, 6)])
    @pytest.mark.parametrize("suffix", pictures.WRITABLE)
    def test_what_is_written_is_read_again(self, tmp_path, suffix, shape):
        array = np.resize(RAMP, shape)
        for name, image in (("a", array), ("b", array / np.float32(127.5) - 1)):
            pictures.write(image, tmp_path / "new" / f"{name}{suffix}")
            found = pictures.read(tmp_path / "new" / f"{name}{suffix}", shape[2] if len(shape) == 3 else 1)
            tolerance = 0 if suffix in (".png", ".webp") else 12
            np.testing.assert_allclose(found.astype(int), array.reshape(found.shape), atol=tolerance)
        assert len(list((tmp_path / "new").iterdir())) == 2

    def test_other_suffixes_and_shapes_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"must end with \.png, \.jpg, \.jpeg or \.webp.*a\.bmp"):
            pictures.write(RAMP, tmp_path / "a.bmp")
        with pytest.raises(ValueError, match=r"`image` must have the shape.*\(1, 4, 6, 1\)"):
            pictures.write(RAMP[None, ..., None], tmp_path / "a.png")
        assert not list(tmp_path.iterdir())


def test_the_reader_needs_neither_keras_nor_tensorflow():
    """What it imports; the package around it has its own test."""
    for module in (pictures, pixels):
        names = {getattr(value, "__name__", "").split(".")[0] for value in vars(module).values()}
        assert not names & {"keras", "tensorflow"}


def test_pictures_of_a_folder(tmp_path):
    for name in ("b.JPG", "a.png", "deep/c.webp", "notes.txt", ".hidden.png", ".trash/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(file.relative_to(tmp_path)) for file in pictures.find(tmp_path)]
    assert found == ["a.png", "b.JPG", "deep/c.webp"]
