"""The distribution of checkpoints: smaller presets whose pictures are those of the released ones."""

import h5py
import numpy as np
import pytest

from keras_genzoo import models, presets
from keras_genzoo.presets import folders
from keras_genzoo.presets.resolution import checkpoints_folder


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(checkpoints_folder().parent / "tools"))
        import build_checkpoints
    return build_checkpoints


@pytest.fixture(scope="module")
def smaller(program, tmp_path_factory):
    """Folder of the smaller preset of a released conditional GAN."""
    folder = tmp_path_factory.mktemp("package") / "cgan_mnist"
    program.write_smaller(checkpoints_folder() / "cgan_mnist", folder)
    return folder


def arrays_of(folder):
    found = {}
    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(
            lambda path, item: found.update({path: item[()]} if isinstance(item, h5py.Dataset) else {})
        )
    return found


def test_the_networks_of_training_are_left_out_and_large_arrays_are_float16(smaller):
    released, stored = arrays_of(checkpoints_folder() / "cgan_mnist"), arrays_of(smaller)
    assert set(stored) == {path for path in released if path.startswith("generator/")}
    for path, array in stored.items():
        large = array.size >= 1000
        assert array.dtype == (np.float16 if large else np.float32)
        np.testing.assert_array_equal(array, released[path].astype(array.dtype))
    card = (smaller / "README.md").read_text()
    assert "The files contain the weights of generator; other networks start untrained" in card


@pytest.mark.ci
def test_a_smaller_preset_makes_the_released_pictures_within_half_a_grey_level(smaller):
    model, released = models.load(smaller), models.load("cgan_mnist")
    assert {weight.dtype for weight in model.weights if "seed" not in weight.path} == {"float32"}
    images, expected = (each.sample(50, seed=3, labels=np.arange(50) % 10) for each in (model, released))
    assert 0 < np.abs(images - expected).max() * 127.5 < 0.5


@pytest.mark.slow
def test_training_a_smaller_preset_further_says_what_is_missing(smaller):
    model = models.load(smaller)
    assert model.untrained_networks == {"discriminator"}
    model.compile()
    data = np.zeros((4, 28, 28, 1), "uint8"), np.zeros(4, "int32")
    with pytest.warns(
        UserWarning, match=r"no weights for \['discriminator'\], so these networks start untrained"
    ):
        model.fit(*data, batch_size=4, verbose=0)
    assert not model.untrained_networks


@pytest.mark.slow
def test_a_smaller_preset_saved_again_stores_the_same_networks(smaller, tmp_path):
    models.load(smaller).save_to_preset(tmp_path / "again")
    assert presets.metadata(tmp_path / "again")["stored"] == {"networks": ["generator"]}
    images, expected = (
        models.load(folder).sample(2, seed=0, labels=1) for folder in (tmp_path / "again", smaller)
    )
    np.testing.assert_array_equal(images, expected)


@pytest.mark.slow
@pytest.mark.parametrize("networks", [[], ["discriminator"], ["generator", "critic"]])
def test_a_preset_must_store_the_networks_that_it_is_used_by(smaller, tmp_path, networks):
    models.load(smaller).save_to_preset(tmp_path / "gan")
    metadata = presets.metadata(tmp_path / "gan")
    folders.write_json(tmp_path / "gan" / "metadata.json", {**metadata, "stored": {"networks": networks}})
    with pytest.raises(presets.PresetError, match=r"metadata\.json lists the stored networks as "):
        models.load(tmp_path / "gan")


def test_a_network_whose_features_measure_others_stays_as_it_was(program, tmp_path):
    program.write_smaller(checkpoints_folder() / "classifier_mnist", tmp_path / "classifier_mnist")
    for name in ("config.json", "model.weights.h5"):
        released = checkpoints_folder() / "classifier_mnist" / name
        assert (tmp_path / "classifier_mnist" / name).read_bytes() == released.read_bytes()


@pytest.mark.slow
def test_arrays_that_move_pictures_too_much_stay_float32(program, monkeypatch, tmp_path):
    moves = iter([0.6, 0.3])
    monkeypatch.setattr(program, "largest_move", lambda expected, found: next(moves))
    program.write_smaller(checkpoints_folder() / "cgan_mnist", tmp_path / "cgan_mnist")
    assert presets.metadata(tmp_path / "cgan_mnist")["stored"]["float16_from"] == 10_000
