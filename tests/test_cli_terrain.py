"""`genzoo terrain`: height maps, textures and meshes of a preset."""

import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import cli


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    model = kg.models.TerrainGAN((32, 32, 3), 4, width=2, seed=0)
    folder = tmp_path_factory.mktemp("terrain") / "preset"
    model.save_to_preset(folder)
    return folder


def places(path):
    """Those of the vertices of a mesh."""
    _, _, body = path.read_bytes().partition(b"end_header\n")
    return np.frombuffer(body, [("place", "<f4", 3), ("color", "u1", 3)], 32 * 32)["place"]


@pytest.mark.ci
def test_files_are_what_the_model_samples(preset, tmp_path, capsys):
    output = tmp_path / "made" / "here"
    words = ["terrain", "--model", preset, "--output", output, "--num", 2, "--seed", 3, "--relief", 0.5]
    assert cli.main(list(map(str, words))) == 0
    assert f"Wrote 2 terrains (height map, texture and mesh) to {output}.\n" in capsys.readouterr().out
    model = kg.models.load(preset)
    for number, (heights, texture) in enumerate(zip(*model.sample_terrain(2, seed=3), strict=True)):
        for name, image in (("heights", heights), ("texture", texture)):
            found = np.asarray(Image.open(output / f"{number:04}_{name}.png")).astype(int)
            wanted = kg.pixels.to_uint8(image).astype(int).reshape(found.shape)
            assert np.abs(found - wanted).max() <= 1
        kg.visualization.save_mesh(heights, texture, tmp_path / "one.ply", 0.5)
        found, wanted = (places(path) for path in (output / f"{number:04}.ply", tmp_path / "one.ply"))
        np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert len(list(output.iterdir())) == 6


@pytest.mark.parametrize(("word", "value"), [("--truncation", "-1"), ("--relief", "-1")])
def test_bad_options_are_refused(preset, tmp_path, word, value, capsys):
    assert cli.main(["terrain", "--model", str(preset), "--output", str(tmp_path / "a"), word, value]) != 0
    assert word.strip("-") in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_a_model_of_another_kind_is_refused(tmp_path, capsys):
    kg.models.GAN((8, 8, 1), 4, width=2).save_to_preset(tmp_path / "gan")
    assert cli.main(["terrain", "--model", str(tmp_path / "gan"), "--output", str(tmp_path / "a")]) == 1
    assert "which cannot sample_terrain. It can: sample" in capsys.readouterr().err


def test_without_a_released_model_it_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr("keras_genzoo.presets.names", list)
    assert cli.main(["terrain"]) == 1
    assert "No terrain model is released" in capsys.readouterr().err
