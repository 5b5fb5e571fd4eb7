"""`genzoo inpaint`: what it shares with `genzoo upscale` is tested there."""

import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import cli, networks


@pytest.fixture(scope="module")
def inpainter(tmp_path_factory):
    """Folder of a tiny model."""
    folder = tmp_path_factory.mktemp("presets") / "inpainter"
    model = kg.models.InpaintingGAN(
        (8, 8, 3),
        generator=networks.GatedInpainter(3, 4),
        discriminator=networks.SNPatchGANDiscriminator(4, 2),
    )
    model.save_to_preset(folder)
    return str(folder)


@pytest.mark.ci
def test_holes_are_filled_and_all_else_is_kept(inpainter, tmp_path, capsys):
    values = np.random.default_rng(0).integers(0, 256, (12, 17, 3)).astype("uint8")
    holes = np.zeros((12, 17), "uint8")
    holes[3:9, 5:11] = 255
    picture, mask, output = (str(tmp_path / f"{name}.png") for name in ("picture", "mask", "filled"))
    Image.fromarray(values).save(picture)
    Image.fromarray(holes).save(mask)
    assert cli.main(["inpaint", picture, "--mask", mask, "--model", inpainter, "--output", output]) == 0
    filled = np.asarray(Image.open(output))
    np.testing.assert_array_equal(filled[holes == 0], values[holes == 0])
    assert (filled[holes > 0] != values[holes > 0]).any()
    assert f"Wrote 1 picture, inpainted, to {output}.\n" in capsys.readouterr().out


def test_bad_input_is_refused(inpainter, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(picture)
    Image.new("L", (9, 8)).save(tmp_path / "mask.png")
    words = ["inpaint", str(picture), "--model", inpainter, "--output", str(tmp_path / "out")]
    assert cli.main([*words, "--mask", str(tmp_path / "none.png")]) == 1
    assert "There is no mask" in capsys.readouterr().err
    assert cli.main([*words, "--mask", str(tmp_path / "mask.png")]) == 1
    assert "`masks` must have the size of `images`" in capsys.readouterr().err
