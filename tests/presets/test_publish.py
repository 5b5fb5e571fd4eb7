import functools
import importlib.util
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from toy_presets import RELEASED_METADATA, ToyGAN, flip_byte, make_toy_gan

from keras_genzoo import models
from keras_genzoo.presets import folders, registry

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("publish", ROOT / "tools" / "publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def publish(program):
    return program.main


@pytest.fixture
def published(publish, checkpoints):
    make_toy_gan().save_to_preset(checkpoints / "toy_gan", metadata=RELEASED_METADATA)
    assert publish(["registry"]) == 0
    return checkpoints / "toy_gan"


def edit_metadata(folder, **changes):
    folders.write_json(folder / "metadata.json", {**folders.read_json(folder / "metadata.json"), **changes})


def test_the_released_checkpoints_are_in_step(publish, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_GENZOO_CHECKPOINTS", str(ROOT / "checkpoints"))
    assert publish(["check"]) == 0, capsys.readouterr().err


def test_the_registry_is_made_from_the_checkpoints(publish, published):
    entry = registry.describe("toy_gan")
    assert entry.pop("files") == folders.fingerprints(
        published, ("config.json", "metadata.json", "model.weights.h5", "README.md")
    )
    assert entry == {
        "class": "ToyGAN",
        "description": "A toy.",
        "parameters": {"generator": 126, "discriminator": 7, "total": 133},
        "dataset": "Toy data",
    }
    assert publish(["check"]) == 0
    assert ToyGAN.from_preset("toy_gan").width == 8


def test_a_new_result_reaches_card_and_registry(publish, published, capsys):
    edit_metadata(published, results=[{"metric": "KID", "value": 0.5, "protocol": "100 samples"}])
    for name in ("samples.png", "failure.png"):
        (published / name).write_bytes(b"a new picture")
    assert publish(["check"]) == 1
    problems = capsys.readouterr().err
    assert (
        "README.md does not show metadata.json" in problems and "samples.png is not the picture" in problems
    )
    assert "failure.png is not the picture" in problems
    assert "Run `python tools/publish.py card toy_gan`." in problems

    assert publish(["card", "toy_gan"]) == 0
    assert publish(["check"]) == 0
    text = (published / "README.md").read_text()
    assert "| KID | 0.5 | 100 samples |" in text and "samples.png" in text
    assert {"samples.png", "failure.png"} <= {*registry.describe("toy_gan")["files"]}


@pytest.fixture
def asked(program, published, monkeypatch, tmp_path):
    """List of what `evaluate` is asked for; it answers with a recall of 0.25."""
    asked = []

    def evaluate(model, **arguments):
        asked.append((type(model), arguments))
        return [{"metric": "recall", "value": 0.25, "protocol": {"dataset": "toys"}}]

    monkeypatch.setattr(program.metrics, "evaluate", evaluate)
    monkeypatch.setattr(program, "ROOT", tmp_path)
    edit_metadata(published, recipe="toy_gan.toml", evaluation={"dataset": "old toys"})
    assert program.main(["card", "toy_gan"]) == 0
    return asked


class TestUpdate:
    """Measuring again: the results change, and with them the card and the registry, and nothing else."""

    def test_by_the_recipe(self, publish, published, asked, tmp_path):
        (tmp_path / "toy_gan.toml").write_text(
            'name = "toy_gan"\n[evaluation]\ndataset = "toys"\nnum_samples = 5\n'
        )
        before = folders.read_json(published / "metadata.json")
        weights = (published / "model.weights.h5").read_bytes()
        assert publish(["update", "toy_gan", "--data-dir", "originals"]) == 0
        assert asked == [(ToyGAN, {"dataset": "toys", "num_samples": 5, "data_dir": "originals"})]
        assert folders.read_json(published / "metadata.json") == {
            **before,
            "evaluation": {"dataset": "toys", "num_samples": 5},
            "results": [{"metric": "recall", "value": 0.25, "protocol": {"dataset": "toys"}}],
        }
        assert (published / "model.weights.h5").read_bytes() == weights
        assert "| recall | 0.25 |" in (published / "README.md").read_text()
        assert publish(["check"]) == 0
        assert [path.name for path in published.parent.iterdir()] == ["toy_gan"]

    def test_by_the_metadata_where_the_recipe_is_gone(self, publish, asked):
        assert publish(["update", "toy_gan"]) == 0
        assert asked == [(ToyGAN, {"dataset": "old toys", "data_dir": None})]

    def test_a_checkpoint_that_does_not_say_how_it_is_measured(self, publish, published, asked, capsys):
        edit_metadata(published, evaluation=None)
        assert publish(["card", "toy_gan"]) == 0
        assert publish(["update", "toy_gan"]) == 1
        assert (
            "toy_gan: neither toy_gan.toml nor metadata.json has an `evaluation`" in capsys.readouterr().err
        )

    def test_a_damaged_checkpoint_is_not_measured(self, publish, published, asked, capsys):
        flip_byte(published / "model.weights.h5")
        assert publish(["update", "toy_gan"]) == 1 and asked == []
        assert "model.weights.h5 is damaged" in capsys.readouterr().err


def test_check_measures_what_the_cards_tell(publish, published, asked, capsys):
    assert publish(["check"]) == 0 and asked == []
    assert publish(["check", "--evaluate", "--data-dir", "originals"]) == 1
    assert asked == [(ToyGAN, {"dataset": "old toys", "data_dir": "originals"})]
    assert "toy_gan: measured [('recall', {'dataset': 'toys'})], where" in capsys.readouterr().err
    for told, status in ((0.25, 0), (0.2501, 0), (0.26, 1)):
        edit_metadata(
            published, results=[{"metric": "recall", "value": told, "protocol": {"dataset": "toys"}}]
        )
        assert publish(["card", "toy_gan"]) == 0
        assert publish(["check", "--evaluate"]) == status
    assert "toy_gan: recall is 0.25, where 0.26 is told." in capsys.readouterr().err


def test_the_expected_results_are_of_few_samples(program, publish, published, asked, tmp_path, monkeypatch):
    monkeypatch.setattr(program, "EXPECTED", tmp_path / "expected.json")
    folders.write_json(program.EXPECTED, {"another": {"recall": 1.0}})
    for num_samples, fewer in ((10_000, 1000), (372, 372)):
        edit_metadata(published, evaluation={"dataset": "toys", "num_samples": num_samples})
        assert publish(["card", "toy_gan"]) == 0
        assert publish(["expected", "toy_gan"]) == 0
        assert asked.pop() == (ToyGAN, {"dataset": "toys", "num_samples": fewer, "data_dir": None})
    assert folders.read_json(program.EXPECTED) == {"another": {"recall": 1.0}, "toy_gan": {"recall": 0.25}}


def test_a_checkpoint_that_comes_or_goes_is_noticed(publish, published, capsys):
    shutil.move(published, published.with_name("toy_gan_2"))
    edit_metadata(published.with_name("toy_gan_2"), name="toy_gan_2")
    assert publish(["card", "toy_gan_2"]) == 0
    assert registry.names() == ["toy_gan_2"]
    shutil.rmtree(published.with_name("toy_gan_2"))
    assert publish(["check"]) == 1
    assert "toy_gan_2: the registry and the checkpoint are out of step" in capsys.readouterr().err
    assert publish(["registry"]) == 0 and registry.names() == []


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_damaged_file_is_never_published(publish, published, capsys, name):
    before = registry.PATH.read_bytes()
    flip_byte(published / name)
    for command in (["check"], ["registry"], ["card", "toy_gan"]):
        assert publish(command) == 1
        assert f"{name} is damaged" in capsys.readouterr().err
    assert registry.PATH.read_bytes() == before


@pytest.mark.parametrize("changes", [{"license": ""}, {"name": "other"}])
def test_incomplete_metadata_is_never_published(publish, published, capsys, changes):
    edit_metadata(published, **changes)
    assert publish(["card", "toy_gan"]) == 1
    assert next(iter(changes)) in capsys.readouterr().err


def test_a_folder_that_is_no_checkpoint_is_named(publish, checkpoints, capsys):
    (checkpoints / "Bad-Name").mkdir(parents=True)
    (checkpoints / "empty").mkdir()
    assert publish(["check"]) == 1
    problems = capsys.readouterr().err
    assert "Bad-Name: a name must be" in problems and "empty: metadata.json is missing" in problems
    assert publish(["card", "absent"]) == 1


class TestLayouts:
    """What is laid out for others is complete, and loads from where it is served."""

    @pytest.fixture
    def gan(self, publish, checkpoints):
        """Folder of a released model of the library."""
        model = models.GAN((8, 8, 1), 4, width=2)
        model.save_to_preset(checkpoints / "tiny_gan", metadata=RELEASED_METADATA)
        assert publish(["registry"]) == 0
        return checkpoints / "tiny_gan"

    def test_for_a_static_host(self, publish, gan, tmp_path):
        assert publish(["static", "--output", str(tmp_path / "site")]) == 0
        assert {path.name for path in (tmp_path / "site").iterdir()} == {"tiny_gan"}
        laid_out = {path.name: path.read_bytes() for path in (tmp_path / "site" / "tiny_gan").iterdir()}
        assert laid_out == {path.name: path.read_bytes() for path in gan.iterdir()}

    def test_as_files_of_a_release(self, publish, gan, tmp_path, monkeypatch):
        assert publish(["assets", "--output", str(tmp_path / "assets")]) == 0
        assert {path.name for path in (tmp_path / "assets").iterdir()} == {
            f"tiny_gan.{name}" for name in ("config.json", "metadata.json", "model.weights.h5", "README.md")
        }
        shutil.rmtree(gan)
        handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "assets"))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/{{name}}.{{file}}"
            monkeypatch.setenv("KERAS_GENZOO_BASE_URL", address)
            assert models.load("tiny_gan").latent_dim == 4
            server.shutdown()

    def test_for_the_hub(self, publish, gan, tmp_path):
        hub = pytest.importorskip("huggingface_hub")
        assert publish(["hub", "--owner", "me", "--output", str(tmp_path / "hub")]) == 0
        card = hub.ModelCard.load(tmp_path / "hub" / "tiny_gan" / "README.md")
        assert card.data.pipeline_tag == "unconditional-image-generation"
        assert card.data.license == "apache-2.0" and 'load("hf://me/tiny_gan")' in card.text
        assert models.load(tmp_path / "hub" / "tiny_gan").latent_dim == 4

    def test_not_over_other_files(self, publish, gan, tmp_path, capsys):
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine").write_text("keep")
        assert publish(["static", "--output", str(tmp_path / "full")]) == 1
        assert "is not empty" in capsys.readouterr().err
        assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]

    def test_nothing_that_is_damaged(self, publish, gan, tmp_path):
        flip_byte(gan / "model.weights.h5")
        assert publish(["static", "--output", str(tmp_path / "site")]) == 1
        assert not (tmp_path / "site").exists()
