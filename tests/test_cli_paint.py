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


@pytest.mark.ci
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


def refused(capsys, *command):
    """What a command that fails says, in one line."""
    assert cli.main([*map(str, command)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"genzoo {command[0]}: ")
    return line


@pytest.mark.ci
def test_what_cannot_be_painted_is_refused(preset, labels, tmp_path, capsys):
    _, path = labels
    command = ["paint", path, "--output", tmp_path / "out", "--model"]
    line = refused(capsys, *command, "pix2pix_edges_to_emoji")
    assert "'pix2pix_edges_to_emoji' takes images of 1 channels, not label maps" in line
    assert "'cgan_mnist' is a GAN, which takes no label maps" in refused(capsys, *command, "cgan_mnist")
    assert "give only one of them" in refused(capsys, *command, preset, "--reference", path, "--seed", "1")
    line = refused(capsys, *command, preset, "--reference", tmp_path / "none.png")
    assert f"There is no picture '{tmp_path / 'none.png'}' for --reference" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.ci
def test_a_file_that_cannot_be_painted_is_named_once(preset, labels, tmp_path, capsys):
    _, path = labels
    command = ["paint", path, "--output", tmp_path / "out", "--model", preset]
    Image.new("RGB", (SIDE, SIDE), (9, 9, 9)).save(path)
    assert cli.main([*map(str, command)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(
        f"genzoo paint: {path}: the picture has colors that are not those of labels, such as #090909"
    )
    assert said.err.count(str(path)) == 1
    assert said.out.endswith("; 1 could not be painted.\n")
    Image.new("L", (SIDE, SIDE), 3).save(path)
    assert f"genzoo paint: {path}: the picture must have labels from 0 to 2" in refused(capsys, *command)
    path.write_text("no picture")
    assert refused(capsys, *command).startswith(f"genzoo paint: {path}: Pillow cannot identify")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Function of `has_edges` to the folder of a model without styles."""
    folder = tmp_path_factory.mktemp("plain")
    for has_edges in (False, True):
        generator = networks.ResNetTranslator(
            1 + has_edges, 3, width=2, num_blocks=1, num_downsamplings=1, num_labels=3
        )
        model = models.Pix2PixHD((SIDE, SIDE, 3), 3, has_edges, generator=generator, width=2)
        model.save_to_preset(folder / str(has_edges))
    return lambda has_edges: folder / str(has_edges)


@pytest.mark.ci
@pytest.mark.parametrize("name", ["paint", "translate"])
def test_what_has_no_effect_is_refused(plain, labels, tmp_path, capsys, name):
    _, path = labels
    preset = plain(has_edges=False)
    given = [path, "--model", preset] if name == "paint" else [preset, path]
    command = [name, *given, "--output", tmp_path / "out"]
    line = refused(capsys, *command, "--reference", path)
    assert f"--reference was given, but '{preset}' has no styles" in line
    assert f"--seed was given, but '{preset}' is deterministic" in refused(capsys, *command, "--seed", 0)
    assert not (tmp_path / "out").exists()
    assert cli.main([*map(str, command)]) == 0


@pytest.mark.parametrize("name", ["paint", "translate"])
def test_pictures_without_edges_are_refused(plain, labels, tmp_path, capsys, name):
    _, path = labels
    preset = plain(has_edges=True)
    given = [path, "--model", preset] if name == "paint" else [preset, path]
    line = refused(capsys, name, *given, "--output", tmp_path / "out")
    assert "takes label maps with edges, but an image file contains labels only" in line


@pytest.mark.ci
def test_a_picture_is_as_large_as_its_label_map_where_the_generator_makes_it(plain, tmp_path, capsys):
    preset = plain(has_edges=False)
    maps = np.random.default_rng(0).integers(0, 3, (13, 18, 1)).astype("uint8")
    Image.fromarray(maps[..., 0]).save(tmp_path / "labels.png")
    found = painted(capsys, preset, tmp_path / "labels.png", tmp_path / "out")
    expected = models.load(preset).translate(maps, fit="pad")
    assert found.shape == (13, 18, 3)
    np.testing.assert_allclose(found, 127.5 * (expected + 1), atol=0.51)
