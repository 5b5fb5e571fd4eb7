import os

import h5py
import keras
import numpy as np
import pytest
from toy_presets import ToyGAN, ToyTranslator, make_toy_gan

from keras_genzoo import disk, presets
from keras_genzoo.presets import card, folders
from tests import support

pytestmark = pytest.mark.usefixtures("isolated")

LATENTS = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


def output(model):
    return keras.ops.convert_to_numpy(model.generator(LATENTS, training=False))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_round_trip_gives_the_same_output(tmp_path):
    gan = make_toy_gan(width=5)
    gan.generator.layers[1].moving_mean.assign(np.arange(5.0))
    gan.save_to_preset(tmp_path / "gan")
    for loaded in (ToyGAN.from_preset(tmp_path / "gan"), presets.load("gan")):
        assert type(loaded) is ToyGAN and loaded.width == 5 and not loaded.compiled
        np.testing.assert_array_equal(output(loaded), output(gan))


@pytest.mark.slow
def test_round_trip_in_a_fresh_process(tmp_path):
    gan = make_toy_gan()
    gan.save_to_preset(tmp_path / "gan")
    np.testing.assert_array_equal(support.fresh_process(_output_of_preset, tmp_path / "gan"), output(gan))


def _output_of_preset(folder):
    return output(presets.load(folder))


def test_nested_networks_are_rebuilt_from_the_config(tmp_path):
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    ToyTranslator(network).save_to_preset(tmp_path / "translator")
    loaded = ToyTranslator.from_preset(tmp_path / "translator")
    np.testing.assert_array_equal(loaded.network(LATENTS), network(LATENTS))
    assert "genzoo translate translator IMAGE" in (tmp_path / "translator" / "README.md").read_text()


def test_without_weights_the_networks_keep_their_initial_ones(tmp_path):
    gan = make_toy_gan()
    gan.save_to_preset(tmp_path / "gan")
    assert np.any(output(ToyGAN.from_preset(tmp_path / "gan", load_weights=False)) != output(gan))


def test_the_weights_file_holds_the_networks_only(tmp_path):
    gan = make_toy_gan(width=512)
    gan.compile()
    gan.save_to_preset(tmp_path / "gan")
    weights = tmp_path / "gan" / "model.weights.h5"
    parameters = sum(network.count_params() for network in gan.networks.values())
    assert weights.stat().st_size < 4 * parameters + 40_000
    paths = []
    with h5py.File(weights) as file:
        file.visititems(lambda path, item: paths.append(path) if isinstance(item, h5py.Dataset) else None)
    assert paths == [
        "discriminator/layers/dense/vars/0",
        "discriminator/layers/dense/vars/1",
        "generator/layers/batch_normalization/vars/0",
        "generator/layers/batch_normalization/vars/1",
        "generator/layers/batch_normalization/vars/2",
        "generator/layers/batch_normalization/vars/3",
        "generator/layers/dense/vars/0",
        "generator/layers/dense/vars/1",
        "generator/layers/dense_1/vars/0",
        "generator/layers/dense_1/vars/1",
    ]


def test_metadata_counts_parameters_and_lists_files(tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"a picture")
    make_toy_gan().save_to_preset(tmp_path / "gan", metadata={"description": "Toy."}, samples=picture)
    metadata = folders.read_json(tmp_path / "gan" / "metadata.json")
    assert metadata["name"] == "gan" and metadata["description"] == "Toy." and metadata["class"] == "ToyGAN"
    assert metadata["parameters"] == {"generator": 126, "discriminator": 7, "total": 133}
    assert set(metadata["files"]) == {"config.json", "model.weights.h5", "samples.png"}
    assert metadata["files"]["samples.png"]["size"] == 9
    assert (tmp_path / "gan" / "README.md").read_text() == card.render(metadata)


def test_a_preset_can_store_other_networks_than_those_trained(tmp_path):
    class Averaged(ToyGAN):
        @property
        def preset_networks(self):
            return {"generator": self.generator}

    with keras.saving.custom_object_scope({"Averaged": Averaged}):
        make_toy_gan()
        Averaged().save_to_preset(tmp_path / "averaged")
        assert type(presets.load(tmp_path / "averaged")) is Averaged
    with h5py.File(tmp_path / "averaged" / "model.weights.h5") as file:
        assert "generator" in file and "discriminator" not in file


def test_the_target_is_absent_after_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(card, "render", lambda metadata: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_toy_gan().save_to_preset(tmp_path / "new" / "gan")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("failing", ["card", "rename"])
def test_the_old_preset_survives_a_failed_overwrite(tmp_path, monkeypatch, failing):
    target = tmp_path / "saved" / "gan"
    make_toy_gan().save_to_preset(target)
    before = content(target)
    if failing == "card":
        monkeypatch.setattr(card, "render", lambda metadata: 1 / 0)
    else:
        rename = os.replace

        def fail_once(source, destination):
            if destination == target and "retired" not in source.name:
                raise OSError("the disk is gone")
            rename(source, destination)

        monkeypatch.setattr(disk, "_exchanged", lambda first, second: False)
        monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises((ZeroDivisionError, OSError)):
        make_toy_gan(seed=1).save_to_preset(target, overwrite=True)
    assert content(target) == before
    assert [path.name for path in target.parent.iterdir()] == ["gan"]


def test_overwrite_replaces_a_preset_and_nothing_else(tmp_path):
    target = tmp_path / "saved" / "gan"
    make_toy_gan().save_to_preset(target)
    with pytest.raises(FileExistsError, match=r"`path` already exists.*overwrite=True"):
        make_toy_gan().save_to_preset(target)
    new = make_toy_gan(seed=1)
    new.save_to_preset(target, overwrite=True)
    np.testing.assert_array_equal(output(ToyGAN.from_preset(target)), output(new))
    assert [path.name for path in target.parent.iterdir()] == ["gan"]

    with pytest.raises(FileExistsError, match="only replaces presets"):
        new.save_to_preset(target.parent, overwrite=True)
    assert target.is_dir()


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"Cannot write the folder .*gan.*Pass a writable `path`"):
        make_toy_gan().save_to_preset(tmp_path / "file" / "gan")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("a toy", "`metadata` must be a dictionary"),
        ({"files": {}}, r"`metadata\['files'\]` is computed"),
        ({"dataset": "name of the data"}, r"`metadata\['dataset'\]` must be a dictionary"),
        ({"training": "1 s"}, r"`metadata\['training'\]` must be a dictionary"),
        ({"results": [{"metric": "FID", "value": 1.0}]}, "'protocol'"),
        ({"results": {"FID": 1.0}}, "must be a list of dictionaries"),
        ({"note": np.float32(1)}, "must be representable in JSON"),
    ],
)
def test_metadata_that_no_card_can_show_is_refused(tmp_path, metadata, message):
    with pytest.raises(ValueError, match=message):
        make_toy_gan().save_to_preset(tmp_path / "gan", metadata=metadata)
    assert not (tmp_path / "gan").exists()


def test_a_result_that_is_not_finite_loses_no_trained_model(tmp_path):
    """The PSNR of a perfect reconstruction is infinite, which JSON cannot hold."""
    results = [
        {"metric": name, "value": value, "protocol": {"num": 3}}
        for name, value in (("psnr", float("inf")), ("distance", float("nan")), ("ssim", 1.0))
    ]
    make_toy_gan().save_to_preset(tmp_path / "gan", metadata={"results": results})
    stored = presets.metadata(tmp_path / "gan")["results"]
    assert [result["value"] for result in stored] == ["inf", "nan", 1.0]
    assert "| psnr | inf | num 3 |" in (tmp_path / "gan" / "README.md").read_text()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    gan = make_toy_gan()
    weight = gan.generator.layers[-1].kernel
    weight.assign(np.full(weight.shape, value))
    gan.save_to_preset(tmp_path / "gan")
    with pytest.raises(
        ValueError,
        match=r"model\.weights\.h5: 1 of the weights have NaN or infinite values, the first is generator/",
    ):
        presets.load(tmp_path / "gan")


def test_a_missing_picture_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`samples` must be the path of a PNG.*absent\.png"):
        make_toy_gan().save_to_preset(tmp_path / "gan", samples="absent.png")


def test_a_model_that_could_not_be_loaded_again_is_not_saved(tmp_path):
    class Unregistered(ToyGAN):
        pass

    with pytest.raises(ValueError, match="Unregistered must be registered"):
        Unregistered().save_to_preset(tmp_path / "gan")
    with pytest.raises(ValueError, match="'network' in `preset_networks` is not built"):
        ToyTranslator(keras.Sequential([keras.layers.Dense(3)])).save_to_preset(tmp_path / "translator")


def test_another_class_is_refused_with_the_call_that_works(tmp_path):
    make_toy_gan().save_to_preset(tmp_path / "gan")
    with pytest.raises(
        ValueError, match=r"preset of ToyTranslator.*a preset of ToyGAN.*keras_genzoo\.models\.load\('gan'\)"
    ):
        ToyTranslator.from_preset("gan")


@pytest.mark.parametrize(
    "registered_name", ["keras_genzoo>NoSuchGAN", "toy_presets>Layer", "toy_presets>Function"]
)
def test_a_class_that_is_no_registered_preset_model_is_refused(tmp_path, registered_name):
    others = {"toy_presets>Layer": keras.layers.Dense, "toy_presets>Function": keras.ops.relu}
    make_toy_gan().save_to_preset(tmp_path / "gan")
    edit_config(tmp_path / "gan", registered_name=registered_name)
    with (
        keras.saving.custom_object_scope(others),
        pytest.raises(ValueError, match=f"{registered_name}.*Import the module"),
    ):
        presets.load(tmp_path / "gan")


@pytest.mark.parametrize("width", [3, 20])
def test_weights_that_do_not_fit_are_refused(tmp_path, width):
    make_toy_gan(width=8).save_to_preset(tmp_path / "gan")
    config = folders.read_json(tmp_path / "gan" / "config.json")["config"]
    edit_config(tmp_path / "gan", config={**config, "width": width})
    with pytest.raises(ValueError, match=r"do not fit the networks of ToyGAN.*'generator': 126"):
        ToyGAN.from_preset(tmp_path / "gan")


def test_weights_of_other_shapes_and_equal_number_are_refused(tmp_path):
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, use_bias=False)])
    ToyTranslator(network).save_to_preset(tmp_path / "translator")
    other = ToyTranslator(keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, use_bias=False)]))
    other.save_to_preset(tmp_path / "other")
    edit_config(
        tmp_path / "translator", config=folders.read_json(tmp_path / "other" / "config.json")["config"]
    )
    with pytest.raises(ValueError, match="do not fit the networks of ToyTranslator"):
        ToyTranslator.from_preset(tmp_path / "translator")


def edit_config(folder, **changes):
    """Changes the config and makes the metadata agree, as a careless hand would."""
    folders.write_json(folder / "config.json", {**folders.read_json(folder / "config.json"), **changes})
    metadata = folders.read_json(folder / "metadata.json")
    folders.write_json(folder / "metadata.json", {**metadata, "files": folders.fingerprints(folder)})
