"""The released checkpoints: weight paths that never change, and cards that tell the truth."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import training
from keras_genzoo.presets.resolution import checkpoints_folder
from tests.support import check_weight_paths, require_original_files
from tests.support.saving import weight_paths
from tools import publish

NAMES = kg.presets.names()
FAMILIES = {name: getattr(kg.models, kg.presets.describe(name)["class"]) for name in NAMES}
LATENT_MODELS = [name for name in NAMES if issubclass(FAMILIES[name], kg.models.LatentModel)]
MEASURED = [name for name in NAMES if kg.presets.metadata(name)["evaluation"]]
TRANSLATORS = [name for name in NAMES if issubclass(FAMILIES[name], kg.models.TranslationModel)]


def weights_file(name):
    return checkpoints_folder() / name / "model.weights.h5"


def test_the_promised_checkpoints_are_released():
    assert {
        "dcgan_fashion_mnist",
        "cgan_mnist",
        "wgan_gp_fashion_mnist",
        "vae_mnist",
        "vae_fashion_mnist",
        "wae_mnist",
        "pix2pix_edges_to_emoji",
        "pix2pix_noto_to_twemoji",
        "cyclegan_noto_twemoji",
        "esrgan_flowers_x4",
        "spade_avatars_64",
        "colorize_flowers_128",
        "progressive_gan_fashion_mnist_32",
        "progressive_gan_emoji_64",
        "msg_gan_fashion_mnist_32",
        "classifier_mnist",
        "classifier_fashion_mnist",
    } <= set(NAMES)


@pytest.mark.any_backend
@pytest.mark.parametrize("name", NAMES)
def test_weight_paths_are_those_released(name):
    golden = json.loads((Path(__file__).parent / "weight_paths.json").read_text())
    check_weight_paths(weights_file(name), golden[name])


@pytest.mark.slow_but("dcgan_fashion_mnist")
@pytest.mark.any_backend
@pytest.mark.parametrize("name", NAMES)
def test_the_released_file_holds_networks_only_and_is_small(name):
    """Beside the networks, an autoencoder's fitted prior."""
    model = kg.models.load(name)
    held = {path.split("/")[0] for path in weight_paths(weights_file(name))}
    assert held <= {*model.networks, "prior"} and ("prior" in held) == (
        "fitted" in getattr(model, "priors", ())
    )
    assert weights_file(name).stat().st_size < (30e6 if name in TRANSLATORS else 15e6)


def by_cost(names, default, representatives=()):
    """Parameters of a test: `.ci/run` runs it for one name, on JAX for the representatives."""
    slow = {
        name: [pytest.mark.slow, *([pytest.mark.representative] if name in representatives else [])]
        for name in names
        if name != default
    }
    return [pytest.param(name, marks=slow.get(name, pytest.mark.ci)) for name in names]


@pytest.mark.parametrize("name", by_cost(MEASURED, "cgan_mnist", ("vae_mnist", "pix2pix_edges_to_emoji")))
def test_the_card_is_measured_by_few_samples(name):
    """By `python tools/publish.py check --evaluate` the card itself is."""
    metadata = kg.presets.metadata(name)
    data_dir = require_original_files(metadata["evaluation"]["dataset"])
    expected = json.loads(publish.EXPECTED.read_text())[name]
    measured = publish.measure_by_few_samples(name, data_dir)
    assert list(measured) == list(expected) == [result["metric"] for result in metadata["results"]]
    for metric, value in measured.items():
        # Another processor or backend rounds differently, and may see one sample of 1,000 otherwise.
        assert value == pytest.approx(expected[metric], rel=2e-3, abs=2e-3), metric


@pytest.mark.parametrize("name", by_cost([*LATENT_MODELS, *TRANSLATORS], "cgan_mnist", ("vae_mnist",)))
def test_the_picture_on_the_card_is_what_the_weights_draw(name, tmp_path):
    recipe = training.Recipe.load(Path(__file__).parent.parent / "tools" / "recipes" / f"{name}.toml")
    data_dir = require_original_files(recipe.data["name"]) if name in TRANSLATORS else None
    picture = kg.models.load(name).preview(recipe.examples(8, data_dir))
    kg.pictures.write(picture, tmp_path / "samples.png")
    drawn, released = (
        np.asarray(Image.open(folder / "samples.png")).astype(int)
        for folder in (tmp_path, checkpoints_folder() / name)
    )
    # Another processor or backend rounds differently.
    assert np.abs(drawn - released).max() <= 2


def test_the_first_command_of_the_readme_draws_all_ten_classes():
    images = kg.models.load("dcgan_fashion_mnist").sample(64, seed=0)
    seen = kg.models.load("classifier_fashion_mnist").predict(images, verbose=0).argmax(-1)
    assert set(seen) == set(range(10))


@pytest.mark.slow_but("wae_mnist", ci=True)
@pytest.mark.parametrize("name", ["vae_mnist", "wae_mnist"])
def test_a_reconstructed_digit_is_read_as_the_digit_it_was(name):
    data_dir = require_original_files("mnist")
    images, labels = kg.datasets.arrays("mnist", split="test", data_dir=data_dir)
    again = kg.models.load(name).reconstruct(images[:1000])
    seen = kg.models.load("classifier_mnist").predict(again, verbose=0).argmax(-1)
    assert np.mean(seen == labels[:1000]) >= 0.9


@pytest.mark.ci
def test_the_conditional_gan_draws_what_it_is_asked_for():
    asked = np.arange(1000) % 10
    images = kg.models.load("cgan_mnist").sample(1000, seed=1, labels=asked)
    seen = kg.models.load("classifier_mnist").predict(images, verbose=0).argmax(-1)
    assert np.mean(seen == asked) >= 0.95
