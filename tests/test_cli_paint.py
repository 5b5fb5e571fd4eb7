"""`genzoo paint`: label maps to pictures, in a style that a seed draws or another picture has."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import cli, models, networks, pictures, visualization
from tests import support

SIDE = 8


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    generator = networks.SPADEGenerator(
        3, image_shape=(SIDE, SIDE, 3), width=2, multiples=(2, 1), hidden=2, style_dim=2
    )
    model = models.SPADE((SIDE, SIDE, 3), 3, style_dim=2, width=2, generator=generator, seed=0)
    path = tmp_path_factory.mktemp("preset") / "painter"
    support.as_if_trained(model).save_to_preset(path)
    return path


@pytest.fixture
def labels(tmp_path):
    """A painted picture twice as large as the model's images."""
    maps = np.random.default_rng(0).integers(0, 3, (SIDE, SIDE)).astype("uint8")
    path = tmp_path / "labels.png"
    Image.fromarray(visualization.label_colors(3)[maps].repeat(2, axis=0).repeat(2, axis=1)).save(path)
    return maps, path


def painted(capsys, preset, labels, folder, *options):
    assert cli.main(["paint", str(labels), "--model", str(preset), "--output", str(folder), *options]) == 0
    assert "Wrote 1 translation" in capsys.readouterr().out
    return pictures.read(folder / "labels.png", 3)


def test_a_painted_label_map_becomes_a_picture(preset, labels, tmp_path, capsys):
    maps, path = labels
    model = models.load(preset)
    found = painted(capsys, preset, path, tmp_path / "plain")
    expected = model.translate(maps[..., None])
    np.testing.assert_allclose(found, 127.5 * (expected + 1), atol=0.51)
    # A seed draws another style, and another picture has one.
    other = painted(capsys, preset, path, tmp_path / "seed", "--seed", "3")
    np.testing.assert_allclose(other, 127.5 * (model.translate(maps[..., None], seed=3) + 1), atol=0.51)
    reference = tmp_path / "reference.png"
    image = support.toy_images(1, (SIDE, SIDE, 3))
    pictures.write(image[0], reference)
    like = painted(capsys, preset, path, tmp_path / "like", "--reference", str(reference))
    styles = model.styles_of(pictures.read(reference, 3)[None])
    expected = model.translate(maps[..., None], styles=styles)
    np.testing.assert_allclose(like, 127.5 * (expected + 1), atol=0.51)
    assert (found != other).any() and (found != like).any()


def test_what_cannot_be_painted_is_refused(preset, labels, tmp_path, capsys):
    _, path = labels
    command = ["paint", str(path), "--output", str(tmp_path / "out"), "--model"]
    assert cli.main([*command, "pix2pix_edges_to_emoji"]) == 1
    assert "takes images of 1 channels, not label maps" in capsys.readouterr().err
    assert cli.main([*command, str(preset), "--reference", str(path), "--seed", "1"]) == 1
    assert "give only one of them" in capsys.readouterr().err
    Image.new("RGB", (SIDE, SIDE), (9, 9, 9)).save(path)
    assert cli.main([*command, str(preset)]) == 1
    assert "colours that stand for no label, such as #090909" in capsys.readouterr().err
