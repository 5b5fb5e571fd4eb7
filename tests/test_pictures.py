"""Picture files of any kind, read as arrays."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import pictures

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
    with pytest.raises(ValueError, match="`channels` must be 3 for colour or 1 for grey"):
        pictures.read(tmp_path / "text.png", 4)


def test_pictures_of_a_folder(tmp_path):
    for name in ("b.JPG", "a.png", "deep/c.webp", "notes.txt", ".hidden.png", ".trash/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(file.relative_to(tmp_path)) for file in pictures.find(tmp_path)]
    assert found == ["a.png", "b.JPG", "deep/c.webp"]
