"""`genzoo deblur`: what it shares with `genzoo upscale` is tested there."""

import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import cli, networks


@pytest.mark.ci
def test_a_picture_becomes_what_the_model_makes_of_it(tmp_path, capsys):
    generator = networks.ResNetTranslator(3, width=2, num_blocks=1, residual=True)
    discriminator = networks.PatchGANDiscriminator(3, 2, 1, normalization="instance")
    model = kg.models.DeblurGAN((16, 16, 3), generator=generator, discriminator=discriminator)
    model.save_to_preset(tmp_path / "preset")
    picture, output = tmp_path / "in.png", tmp_path / "out" / "in.png"
    values = np.random.default_rng(0).integers(0, 256, (17, 22, 3), "uint8")
    Image.fromarray(values).save(picture)
    words = ["deblur", str(picture), "--model", str(tmp_path / "preset"), "--output", str(output.parent)]
    assert cli.main(words) == 0
    assert f"Wrote 1 picture, deblurred, to {output.parent}.\n" in capsys.readouterr().out
    made = np.asarray(Image.open(output)).astype(int)
    assert np.abs(made - kg.pixels.to_uint8(model.deblur(values))).max() <= 1
    assert np.abs(made - values).max() > 1


def test_without_a_released_model_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("keras_genzoo.presets.names", list)
    assert cli.main(["deblur", "in.png"]) == 1
    assert "No deblurring model is released" in capsys.readouterr().err
