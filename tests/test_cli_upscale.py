"""The command `genzoo upscale`: files and folders, their formats, and what they hold beside pixels."""

import re

import numpy as np
import pytest
from PIL import Image, ImageCms

import keras_genzoo as kg
from keras_genzoo import cli, networks
from keras_genzoo.images import pictures

COPYRIGHT, ORIENTATION, EXPOSURE, MAKER, WIDTH = 0x8298, 0x0112, 0x829A, 0x010F, 0x0100


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory):
    """Folder of a tiny model that doubles the side of colour pictures."""
    folder = tmp_path_factory.mktemp("presets") / "upscaler"
    generator = networks.CompactSuperResolver(3, 2, width=4, num_layers=1)
    kg.models.SuperResolution((16, 16, 3), 2, generator=generator).save_to_preset(folder)
    return str(folder)


def save_picture(path, size=(16, 12), mode="RGB", **arguments):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (3, 4, 3)).astype("uint8")
    Image.fromarray(values).resize(size, Image.Resampling.BILINEAR).convert(mode).save(path, **arguments)
    return path


def upscale(*arguments):
    return cli.main(["upscale", *map(str, arguments)])


def test_a_picture_becomes_what_the_model_makes_of_it(upscaler, tmp_path, capsys):
    picture = save_picture(tmp_path / "picture.webp", lossless=True)
    output = tmp_path / "large.png"
    assert upscale(picture, "--model", upscaler, "--scale", 2, "--output", output, "--tile", 5) == 0
    written = np.asarray(Image.open(output)).astype(int)
    assert written.shape == (24, 32, 3)
    expected = kg.pixels.to_uint8(kg.models.load(upscaler).upscale(picture))
    assert np.abs(written - expected).max() <= 1
    assert f"Wrote 1 picture, 2 times as large, to {output}.\n" in capsys.readouterr().out


def test_the_files_of_a_folder_keep_their_place_and_format(upscaler, tmp_path):
    folder, output = tmp_path / "in", tmp_path / "out"
    for name in ("a.jpg", "below/b.png", "below/c.webp", "d.gif"):
        save_picture(folder / name)
    assert upscale(folder, "--model", upscaler, "--output", output) == 0
    written = {path.relative_to(output).as_posix(): path for path in output.rglob("*") if path.is_file()}
    assert {*written} == {"a.jpg", "below/b.png", "below/c.webp", "d.png"}
    formats = {name: Image.open(path).format for name, path in written.items()}
    assert formats == {"a.jpg": "JPEG", "below/b.png": "PNG", "below/c.webp": "WEBP", "d.png": "PNG"}
    assert {Image.open(path).size for path in written.values()} == {(32, 24)}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_and_colour_profile_are_kept(upscaler, tmp_path, suffix):
    exif = Image.Exif()
    exif[COPYRIGHT], exif[ORIENTATION] = "A. Photographer", 6
    exif.get_ifd(0x8769)[EXPOSURE] = 0.125
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = save_picture(tmp_path / f"in.{suffix}", exif=exif, icc_profile=profile)
    assert upscale(picture, "--model", upscaler, "--output", tmp_path / f"out.{suffix}") == 0
    written = Image.open(tmp_path / f"out.{suffix}")
    # As it is seen: turned by the command, and so not to be turned again.
    assert written.size == (24, 32)
    assert written.getexif().get(ORIENTATION, 1) == 1
    assert written.getexif()[COPYRIGHT] == "A. Photographer"
    assert float(written.getexif().get_ifd(0x8769)[EXPOSURE]) == 0.125
    assert written.info["icc_profile"] == profile


def test_a_profile_of_other_colours_is_left_out(tmp_path):
    profile = bytearray(128)
    profile[16:20] = b"GRAY"
    picture = save_picture(tmp_path / "grey.png", mode="L", icc_profile=bytes(profile))
    assert pictures.notes_of(picture, 3) == {}
    assert pictures.notes_of(picture, 1) == {"icc_profile": bytes(profile)}


def test_exif_that_cannot_be_written_is_left_out(upscaler, tmp_path):
    exif = Image.Exif()
    exif[MAKER] = "x"
    # A text as width, as careless programs write it: Pillow reads it, and fails to write it.
    content = exif.tobytes().replace(MAKER.to_bytes(2, "big"), WIDTH.to_bytes(2, "big"), 1)
    picture = save_picture(tmp_path / "picture.png", exif=content)
    assert upscale(picture, "--model", upscaler, "--output", tmp_path / "large.png") == 0
    assert not Image.open(tmp_path / "large.png").getexif()


def test_a_damaged_file_is_named_and_the_others_are_written(upscaler, tmp_path, capsys):
    picture, torn = save_picture(tmp_path / "in/a.png"), tmp_path / "in/b.jpg"
    torn.write_bytes(save_picture(tmp_path / "whole.jpg", (200, 200)).read_bytes()[:900])
    assert upscale(tmp_path / "in", "--model", upscaler, "--output", tmp_path / "out") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == [picture.name]
    said = capsys.readouterr()
    assert f"genzoo upscale: {torn}: " in said.err
    assert "Wrote 1 picture" in said.out and "; 1 could not be enlarged." in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("PICTURE", "--scale", "4"), "--scale is 4, but .* upscales by 2"),
        (("nowhere.png",), "There is no picture 'nowhere.png'"),
        (("PICTURE", "--output", "PICTURE"), "would be overwritten"),
        (("PICTURE", "PICTURE", "--output", "large.png"), "is one file: name a folder for several pictures"),
        (("PICTURE", "--output", "large.tif"), "'large.tif' must end with .png, .jpg, .jpeg or .webp"),
    ],
)
def test_bad_input_is_refused(upscaler, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    picture = save_picture(tmp_path / "picture.png")
    words = [str(picture) if word == "PICTURE" else word for word in words]
    assert upscale(*words, "--model", upscaler) == 1
    assert re.search(message, capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_without_a_model_one_of_the_scale_must_be_released(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture = save_picture(tmp_path / "picture.png")
    assert upscale(picture, "--scale", 7) == 1
    assert "No released model upscales by 7. Pass a model of your own with --model" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
