import pytest
from toy_presets import RELEASED_METADATA, make_toy_gan

from keras_genzoo.presets import download, folders, registry, resolution


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """No checkpoints, an empty cache, an empty registry, no origin: what a test wants it adds."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras_home"))
    monkeypatch.setenv("KERAS_GENZOO_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("KERAS_GENZOO_BASE_URL", raising=False)
    monkeypatch.setattr(registry, "PATH", tmp_path / "registry.json")
    monkeypatch.setattr(resolution, "DISTRIBUTION", "toy-presets")
    monkeypatch.chdir(tmp_path)
    folders.write_json(registry.PATH, {})


@pytest.fixture
def checkpoints(isolated, tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def cache(isolated, tmp_path):
    return tmp_path / "keras_home" / "keras_genzoo"


@pytest.fixture
def released(isolated, tmp_path):
    """A registered preset `toy_gan`, lying where nothing looks for it."""
    folder = tmp_path / "released" / "toy_gan"
    make_toy_gan().save_to_preset(folder, metadata=RELEASED_METADATA)
    metadata = folders.read_json(folder / folders.METADATA)
    files = folders.fingerprints(folder, (*folders.LOADED, folders.CARD))
    entry = {key: metadata[key] for key in ("class", "description", "parameters")}
    folders.write_json(registry.PATH, {"toy_gan": {**entry, "dataset": "Toy data", "files": files}})
    return folder


@pytest.fixture
def waits(monkeypatch):
    """The seconds waited for before each further attempt, which these tests do not wait."""
    seconds = []
    monkeypatch.setattr(download, "sleep", seconds.append)
    return seconds
