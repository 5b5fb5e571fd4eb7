"""`genzoo translate --domain`: pictures into a domain by name or number, in a style of a seed or of a picture."""

import numpy as np
import pytest

from keras_genzoo import cli, models, networks, pictures
from tests import support

SHAPE = (8, 8, 3)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    model = models.StarGANv2(
        SHAPE,
        3,
        latent_dim=4,
        style_dim=3,
        width=2,
        max_width=4,
        hidden=4,
        generator=networks.StarGANv2Generator(3, 3, width=2, num_downsamplings=1, num_blocks=0),
        domain_names=["cat", "dog", "0"],
    )
    path = tmp_path_factory.mktemp("preset") / "animals"
    support.as_if_trained(model).save_to_preset(path)
    return path


@pytest.fixture(scope="module")
def preset_without_styles(tmp_path_factory):
    model = models.StarGAN(SHAPE, 3, width=2, num_blocks=1, domain_names=["cat", "dog", "bird"])
    path = tmp_path_factory.mktemp("preset") / "plain"
    support.as_if_trained(model).save_to_preset(path)
    return path


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    pictures.write(support.toy_images(1, SHAPE)[0], path)
    return path


@pytest.mark.ci
def test_a_picture_is_translated_into_a_domain(preset, picture, tmp_path, capsys):
    model, image = models.load(preset), pictures.read(picture, 3)
    reference = tmp_path / "reference.png"
    pictures.write(support.toy_images(1, SHAPE, seed=3)[0], reference)
    styles = model.styles_of(pictures.read(reference, 3)[None], domain=1)
    for number, (options, expected) in enumerate(
        [
            (["--domain", "2", "--seed", "5"], model.translate(image, domain=2, seed=5)),
            (
                ["--domain", "dog", "--reference", str(reference)],
                model.translate(image, domain=1, styles=styles),
            ),
            # A name before a number.
            (["--domain", "0"], model.translate(image, domain=2)),
            (["--domain", "1"], model.translate(image, domain=1)),
        ]
    ):
        output = tmp_path / str(number)
        assert cli.main(["translate", str(preset), str(picture), "--output", str(output), *options]) == 0
        assert "Wrote 1 translation" in capsys.readouterr().out
        found = pictures.read(output / "picture.png", 3)
        np.testing.assert_allclose(found, 127.5 * (expected + 1), atol=0.51)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("name", "domain", "message"),
    [
        (
            None,
            "bird",
            "`domain` must be one of cat, dog, 0, or a number from 0 to 2. Received: domain='bird'",
        ),
        (None, "3", "`domain` must be from 0 to 2"),
        ("cyclegan_noto_twemoji", "1", "--domain was given, but 'cyclegan_noto_twemoji' has no domains."),
    ],
)
def test_unknown_domains_are_refused(preset, picture, tmp_path, capsys, name, domain, message):
    command = ["translate", name or str(preset), str(picture), "--output", str(tmp_path / "out")]
    assert cli.main([*command, "--domain", domain]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.ci
def test_a_model_without_styles_takes_the_domain_alone(preset_without_styles, picture, tmp_path, capsys):
    command = ["translate", str(preset_without_styles), str(picture), "--output", str(tmp_path / "out")]
    assert cli.main([*command, "--domain", "dog", "--seed", "1"]) == 1
    assert "it has no styles" in capsys.readouterr().err
    assert cli.main([*command, "--domain", "dog", "--reference", str(picture)]) == 1
    assert "has no styles" in capsys.readouterr().err
    assert cli.main([*command, "--domain", "dog"]) == 0
    expected = models.load(preset_without_styles).translate(pictures.read(picture, 3), domain=1)
    found = pictures.read(tmp_path / "out" / "picture.png", 3)
    np.testing.assert_allclose(found, 127.5 * (expected + 1), atol=0.51)
