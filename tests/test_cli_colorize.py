"""`genzoo colorize`: what it shares with `genzoo upscale` is tested there."""

import re

import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import cli, networks


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory):
    """Folder of a tiny model."""
    folder = tmp_path_factory.mktemp("presets") / "colorizer"
    model = kg.models.ColorizationGAN(
        (8, 8, 3),
        generator=networks.ColorizationUNet((2, 2)),
        discriminator=networks.ColorizationDiscriminator(4, 2),
    )
    model.save_to_preset(folder)
    return str(folder)


def save_picture(path, mode="L", **arguments):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (12, 17, 3)).astype("uint8")
    Image.fromarray(values).convert(mode).save(path, **arguments)
    return path


@pytest.mark.ci
def test_pictures_become_what_the_model_makes_of_them(colorizer, tmp_path, capsys):
    folder, output = tmp_path / "in", tmp_path / "out"
    grey, color = save_picture(folder / "grey.png"), save_picture(folder / "below" / "color.png", "RGB")
    save_picture(folder / "photograph.jpg")
    words = ["colorize", str(folder), "--model", colorizer, "--output", str(output), "--size", "8"]
    assert cli.main(words) == 0
    model = kg.models.load(colorizer)
    for file, written in ((grey, "grey.png"), (color, "below/color.png")):
        made = np.asarray(Image.open(output / written)).astype(int)
        expected = kg.pixels.to_uint8(model.colorize(file, size=8))
        assert made.shape == (12, 17, 3) and np.abs(made - expected).max() <= 1
    assert Image.open(output / "photograph.jpg").format == "JPEG"
    assert f"Wrote 3 pictures, in color, to {output}.\n" in capsys.readouterr().out


def test_a_turned_picture_with_exif(colorizer, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x8298] = 6, "A. Photographer"
    picture = save_picture(tmp_path / "in.jpg", exif=exif)
    output = tmp_path / "out.jpg"
    assert cli.main(["colorize", str(picture), "--model", colorizer, "--output", str(output)]) == 0
    written = Image.open(output)
    assert (written.size, written.mode) == ((12, 17), "RGB")
    assert written.getexif()[0x8298] == "A. Photographer"


def test_bad_input_is_refused(colorizer, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture = str(save_picture(tmp_path / "picture.png"))
    assert cli.main(["colorize", picture, "--model", "dcgan_fashion_mnist"]) == 1
    assert re.search("which cannot colorize", capsys.readouterr().err)
    assert cli.main(["colorize", picture, "--model", colorizer, "--output", picture]) == 1
    assert re.search("would be overwritten", capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
