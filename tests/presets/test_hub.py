"""Presets as repositories of the Hugging Face Hub, whose client asks a stub on a loopback address."""

import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from toy_presets import RELEASED_METADATA, ToyGAN, flip_byte, make_toy_gan

from keras_genzoo import models, presets
from keras_genzoo.presets import PresetError, folders, hub
from keras_genzoo.presets.resolution import resolve
from tests.support import ROOT
from tests.support.hub_stub import HubStub

huggingface_hub = pytest.importorskip("huggingface_hub")
constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def stub(isolated, tmp_path, monkeypatch):
    """A Hub without repositories. The client reads HF_ENDPOINT once in a process."""
    stub = HubStub()
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, stub.address),
    )
    monkeypatch.setattr(constants, "ENDPOINT", stub.address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield stub
    stub.stop()


@pytest.fixture
def saved(tmp_path):
    """Folder of a preset."""
    make_toy_gan().save_to_preset(tmp_path / "saved", metadata=RELEASED_METADATA)
    return tmp_path / "saved"


def first_weights(model):
    return model.generator.get_weights()[0]


def test_a_repository_is_loaded_and_again_without_a_network(stub, saved):
    (saved / "training.pkl").write_bytes(b"what no preset holds")
    stub.add("owner/gan", saved)
    for _ in range(2):
        model = ToyGAN.from_preset("hf://owner/gan")
        np.testing.assert_array_equal(first_weights(model), first_weights(make_toy_gan()))
        assert presets.metadata("hf://owner/gan")["description"] == "A toy."
        stub.stop()
    fetched = {path.rpartition("/")[2] for _, path in stub.requests if "/resolve/" in path}
    assert fetched == set(folders.LOADED)


def test_the_newest_revision_is_loaded_unless_one_is_named(stub, saved):
    old = stub.add("owner/gan", saved)
    assert ToyGAN.from_preset("hf://owner/gan").width == 8
    make_toy_gan(width=5).save_to_preset(saved, overwrite=True)
    stub.add("owner/gan", saved)
    assert ToyGAN.from_preset("hf://owner/gan").width == 5
    assert ToyGAN.from_preset("hf://owner/gan@main").width == 5
    assert ToyGAN.from_preset(f"hf://owner/gan@{old}").width == 8
    with pytest.raises(FileNotFoundError, match=r"hf://owner/gan@v2 has no revision 'v2'"):
        presets.load("hf://owner/gan@v2")


def test_a_repository_that_is_not_there_is_told_as_one_that_is_private(stub, saved, monkeypatch):
    stub.add("owner/gan", saved)
    stub.private.add("owner/gan")
    for name in ("owner/other", "owner/gan"):
        with pytest.raises(
            FileNotFoundError,
            match=rf"hf://{name} does not exist or cannot be read.*`hf auth login`.*HF_TOKEN",
        ):
            presets.load(f"hf://{name}")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert presets.load("hf://owner/gan").width == 8


def test_without_a_network_what_was_never_loaded_is_told(stub, saved, monkeypatch):
    stub.add("owner/gan", saved)
    with monkeypatch.context() as offline:
        offline.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(ConnectionError, match=r"hf://owner/gan is not in the cache"):
            presets.load("hf://owner/gan")
    assert stub.requests == []
    presets.load("hf://owner/gan")
    asked = len(stub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert presets.load("hf://owner/gan").width == 8
    assert len(stub.requests) == asked


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_damaged_file_is_refused(stub, saved, name):
    flip_byte(saved / name)
    stub.add("owner/gan", saved)
    with pytest.raises(PresetError, match=rf"{name} is damaged"):
        presets.load("hf://owner/gan")


def test_a_file_that_was_damaged_in_the_cache_is_told_with_what_to_delete(stub, saved, tmp_path):
    stub.add("owner/gan", saved)
    flip_byte((resolve("hf://owner/gan") / "model.weights.h5").resolve())
    cached = tmp_path / "hub" / "models--owner--gan"
    with pytest.raises(PresetError, match=rf"hf://owner/gan: .*is damaged.*delete {cached} to download"):
        presets.load("hf://owner/gan")
    shutil.rmtree(cached)
    assert presets.load("hf://owner/gan").width == 8


def test_what_is_no_preset_is_refused_before_anything_is_downloaded(stub, saved):
    (saved / "model.weights.h5").unlink()
    stub.add("owner/gan", saved)
    with pytest.raises(PresetError, match=r"hf://owner/gan is not a preset: model\.weights\.h5 is missing"):
        presets.load("hf://owner/gan")
    assert not any(method == "GET" and "/resolve/" in path for method, path in stub.requests)


def test_a_model_that_keras_has_saved_is_told(stub, saved):
    folders.write_json(saved / "metadata.json", {"keras_version": "3.15.1", "date_saved": "today"})
    stub.add("owner/gan", saved)
    with pytest.raises(PresetError, match=r"the model was saved by Keras.*keras\.saving\.load_model"):
        presets.load("hf://owner/gan")


def test_a_repository_that_is_too_large_is_refused_before_it_is_downloaded(stub, saved):
    stub.add("owner/gan", saved)
    with pytest.raises(
        PresetError, match=r"hf://owner/gan has .* bytes, more than the limit of 1,000\. .*`max_bytes`"
    ):
        presets.load("hf://owner/gan", max_bytes=1000)
    assert not any(method == "GET" and "/resolve/" in path for method, path in stub.requests)


@pytest.mark.parametrize(
    "address", ["hf://gan", "hf://", "hf://owner/gan/file", "hf://owner/gan@", "hf://a b/c"]
)
def test_an_address_that_is_none_is_refused(stub, address):
    with pytest.raises(ValueError, match=r"must be hf://OWNER/REPOSITORY"):
        presets.load(address)
    with pytest.raises(ValueError, match=r"must be hf://OWNER/REPOSITORY"):
        make_toy_gan().push_to_hub(address)
    assert stub.requests == []


def test_what_is_pushed_is_loaded_by_the_address_that_it_returns(stub):
    gan = make_toy_gan(width=5)
    address = gan.push_to_hub(
        "hf://owner/my_gan", metadata=RELEASED_METADATA, private=True, token="hf_secret"
    )
    assert address.startswith("hf://owner/my_gan@") and stub.private == {"owner/my_gan"}
    stub.private.clear()
    np.testing.assert_array_equal(first_weights(ToyGAN.from_preset(address)), first_weights(gan))
    assert presets.metadata(address)["name"] == "my_gan"

    make_toy_gan(width=6).push_to_hub("hf://owner/my_gan", token="hf_secret")
    assert ToyGAN.from_preset("hf://owner/my_gan").width == 6
    assert ToyGAN.from_preset(address).width == 5


def test_a_push_needs_a_token_and_no_revision(stub):
    with pytest.raises(OSError, match="401"):
        make_toy_gan().push_to_hub("hf://owner/gan", token="hf_wrong")
    with pytest.raises(ValueError, match="`address` must not have a revision"):
        make_toy_gan().push_to_hub("hf://owner/gan@main", token="hf_secret")
    assert stub.repositories == {}


def test_the_card_says_what_the_hub_reads(stub):
    metadata = {
        **RELEASED_METADATA,
        "dataset": {"name": "mnist"},
        "license": "CC BY-SA 3.0, with attribution to Y. LeCun and C. Cortes",
        "results": [
            {
                "metric": "classifier_frechet_distance",
                "value": 5.3,
                "protocol": {"dataset": "mnist", "split": "test", "num_fake": 10000},
            }
        ],
    }
    models.GAN((8, 8, 1), 4, width=2).push_to_hub("hf://owner/my_gan", metadata, token="hf_secret")
    text = stub.repositories["owner/my_gan"][-1]["README.md"].decode()
    card = huggingface_hub.ModelCard(text)
    assert card.data.license == "cc-by-sa-3.0"
    assert card.data.library_name == "keras_genzoo"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert card.data.datasets == ["ylecun/mnist"]
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("classifier_frechet_distance", 5.3)
    assert (result.dataset_name, result.dataset_split) == ("mnist", "test")
    assert result.metric_args == {"num_fake": 10000}
    assert 'kg.models.load("hf://owner/my_gan")' in card.text and "keras.saving.load_model" in card.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT, keeping the notice of Zalando SE", {"license": "mit"}),
        ("CC BY 4.0. Twemoji graphics, Copyright Twitter, Inc", {"license": "cc-by-4.0"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        (
            "MIT for research",
            {"license": "other", "license_name": "mit-for-research", "license_link": "README.md"},
        ),
        (
            "MIT for research only",
            {"license": "other", "license_name": "mit-for-research-only", "license_link": "README.md"},
        ),
        (None, {}),
    ],
)
def test_a_license_has_the_hubs_name_or_its_own(text, expected):
    assert hub._license(text) == expected


def test_keras_own_loader_says_how_a_preset_is_loaded(stub, tmp_path):
    gan = models.GAN((8, 8, 1), 4, width=2)
    gan.save_to_preset(tmp_path / "gan")
    stub.add("owner/gan", tmp_path / "gan")
    for place in (tmp_path / "gan", "hf://owner/gan"):
        with pytest.raises(ValueError, match=r"weights of a preset.*keras_genzoo\.models\.load"):
            keras.saving.load_model(place)
    np.testing.assert_array_equal(models.load("hf://owner/gan").sample(2, seed=0), gan.sample(2, seed=0))


@pytest.mark.slow
def test_the_command_line_takes_an_address_and_works_again_offline(stub, tmp_path):
    gan = models.GAN((8, 8, 1), 4, width=2)
    gan.save_to_preset(tmp_path / "gan")
    stub.add("owner/gan", tmp_path / "gan")
    variables = {"HF_ENDPOINT": stub.address, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    for offline in ("0", "1"):
        command = [sys.executable, "-m", "keras_genzoo", "sample", "hf://owner/gan", "--num", "4"]
        finished = subprocess.run(
            [*command, "--output", f"{offline}.png"],
            env={**os.environ, **variables, "HF_HUB_OFFLINE": offline},
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout == f"Wrote 4 samples of hf://owner/gan to {offline}.png.\n"
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()


def test_without_the_client_the_extra_is_named(isolated, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_genzoo\[hub\]'"):
        presets.load("hf://owner/gan")
