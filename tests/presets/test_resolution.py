import shutil

import pytest
from toy_presets import flip_byte, make_toy_gan

from keras_genzoo.presets import PresetError, folders, registry, resolution
from keras_genzoo.presets.resolution import checkpoints_folder, resolve


@pytest.mark.usefixtures("isolated")
@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "samples.png"])
def test_one_flipped_byte_in_a_local_folder_is_found(tmp_path, name):
    (tmp_path / "picture.png").write_bytes(b"a little picture")
    make_toy_gan().save_to_preset("gan", samples=tmp_path / "picture.png")
    expected = folders.fingerprint(tmp_path / "gan" / name)["sha256"]
    flip_byte(tmp_path / "gan" / name)
    actual = folders.fingerprint(tmp_path / "gan" / name)["sha256"]
    with pytest.raises(
        ValueError, match=rf"{name} is damaged: .*{expected}.*{actual}.*save the preset again"
    ):
        resolve("gan")


@pytest.mark.usefixtures("isolated")
def test_a_local_folder_needs_weights_and_metadata(tmp_path):
    make_toy_gan().save_to_preset("gan")
    (tmp_path / "gan" / "model.weights.h5").unlink()
    with pytest.raises(ValueError, match=r"model\.weights\.h5 is missing"):
        resolve("gan")
    folders.write_json(tmp_path / "gan" / "metadata.json", {"files": {}})
    with pytest.raises(ValueError, match=r"metadata\.json is damaged"):
        resolve(tmp_path / "gan")
    (tmp_path / "gan" / "metadata.json").write_text("{")
    with pytest.raises(ValueError, match=r"metadata\.json is damaged"):
        resolve("gan")
    (tmp_path / "gan" / "metadata.json").unlink()
    with pytest.raises(ValueError, match=r"has no metadata\.json, so its files cannot be verified"):
        resolve("gan")


@pytest.fixture
def install(isolated, tmp_path, monkeypatch):
    """Installs, as pip does, a distribution of checkpoints that holds a preset; returns its folder there."""

    def install(preset, weights=None):
        site, name = tmp_path / "site", preset.name
        folder = site / resolution.PACKAGE / name
        shutil.copytree(preset, folder)
        files = folders.fingerprints(folder, folders.FILES)
        weights = weights or files["model.weights.h5"]["sha256"]
        folders.write_json(folder.parent / "registry.json", {name: {"weights": weights, "files": files}})
        information = site / f"{resolution.DISTRIBUTION.replace('-', '_')}-0.1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Name: {resolution.DISTRIBUTION}\nVersion: 0.1.0\n")
        monkeypatch.syspath_prepend(site)
        return folder

    return install


def test_the_checkout_comes_before_what_is_installed_and_that_before_the_cache(
    released, checkpoints, cache, install
):
    shutil.copytree(released, cache / "toy_gan")
    assert resolve("toy_gan") == cache / "toy_gan"
    installed = install(released)
    assert resolve("toy_gan") == installed
    shutil.copytree(released, checkpoints / "toy_gan")
    assert resolve("toy_gan") == checkpoints / "toy_gan"


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5", "README.md"])
def test_what_is_installed_is_held_to_its_own_registry(released, install, name):
    flip_byte(install(released) / name)
    with pytest.raises(
        PresetError, match=rf"'toy_gan': .*{name} is damaged: .*pip install --force-reinstall"
    ):
        resolve("toy_gan")


def test_what_is_installed_of_other_weights_is_refused(released, install):
    install(released, weights="0" * 64)
    with pytest.raises(PresetError, match=r"toy-presets 0\.1\.0 differ from those of this version"):
        resolve("toy_gan")


def test_what_is_not_installed_is_looked_for_in_the_cache(released, cache, install):
    folders.write_json(install(released).parent / "registry.json", {})
    shutil.copytree(released, cache / "toy_gan")
    assert resolve("toy_gan") == cache / "toy_gan"


@pytest.mark.parametrize("place", ["checkpoints", "cache"])
@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5", "README.md"])
def test_a_registered_name_is_held_to_the_registry(released, checkpoints, cache, place, name):
    folder = {"checkpoints": checkpoints, "cache": cache}[place] / "toy_gan"
    shutil.copytree(released, folder)
    flip_byte(folder / name)
    with pytest.raises(ValueError, match=rf"'toy_gan': .*{name} is damaged: expected sha256 "):
        resolve("toy_gan")


def test_a_consistent_forgery_is_found_by_the_registry(released, checkpoints):
    make_toy_gan(seed=1).save_to_preset(checkpoints / "toy_gan")
    with pytest.raises(ValueError, match="is damaged"):
        resolve("toy_gan")


def test_files_for_people_may_be_absent(released, checkpoints):
    shutil.copytree(released, checkpoints / "toy_gan")
    (checkpoints / "toy_gan" / "README.md").unlink()
    assert resolve("toy_gan") == checkpoints / "toy_gan"


def test_without_an_origin_every_place_tried_is_named(released, checkpoints, cache):
    with pytest.raises(FileNotFoundError) as raised:
        resolve("toy_gan")
    for part in (
        checkpoints / "toy_gan",
        cache / "toy_gan",
        "a checkout",
        "pip install toy-presets",
        "KERAS_GENZOO_BASE_URL",
        "KERAS_GENZOO_CHECKPOINTS",
        "hf://",
        "https://",
    ):
        assert str(part) in str(raised.value)


def test_an_unknown_name_gets_near_names(released):
    with pytest.raises(ValueError, match=r"'toy_gna'.*Did you mean 'toy_gan'\?"):
        resolve("toy_gna")
    with pytest.raises(ValueError, match=r"'zzz'.*name of a preset\. Released presets: toy_gan\."):
        resolve("zzz")


def test_names_that_begin_or_hold_what_was_asked_for_come_before_close_ones():
    names = ["vae_mnist", "my_vae", "cgan_mnist", "vea"]
    assert registry.alike("VAE", names) == ["vae_mnist", "my_vae", "vea"]
    assert registry.alike("", names) == []


@pytest.mark.usefixtures("isolated")
def test_an_empty_registry_says_so():
    assert registry.names() == []
    with pytest.raises(ValueError, match="Released presets: none"):
        resolve("toy_gan")


def test_a_name_cannot_leave_the_folders(released, checkpoints, tmp_path):
    shutil.copytree(released, checkpoints / "toy_gan")
    shutil.copytree(released, tmp_path.parent / f"{tmp_path.name}-outside" / "toy_gan")
    checkpoints.joinpath("sub").mkdir()
    for name in ("sub/../toy_gan", "../checkpoints_/toy_gan", f"../../{tmp_path.name}-outside/toy_gan", ""):
        with pytest.raises(ValueError, match=r"Unknown preset|has no config\.json"):
            resolve(name)


@pytest.mark.usefixtures("isolated")
def test_what_is_neither_a_name_nor_a_preset_is_refused(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(ValueError, match=r"the folder has no config\.json.*'runs'"):
        resolve("runs")
    with pytest.raises(ValueError, match=r"`name_or_path` must be .* Received: 3"):
        resolve(3)


def test_describe_tells_what_the_registry_knows(released):
    assert registry.names() == ["toy_gan"]
    entry = registry.describe("toy_gan")
    assert entry["class"] == "ToyGAN" and entry["parameters"]["total"] == 133
    with pytest.raises(ValueError, match="Unknown preset"):
        registry.describe("toy")


def test_the_checkout_lies_beside_the_package(monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_CHECKPOINTS", raising=False)
    assert checkpoints_folder() == registry.PATH.resolve().parents[2] / "checkpoints"
