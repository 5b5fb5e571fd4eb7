"""Weights in 16 bits: how little the pictures of released models move."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import models, presets
from keras_genzoo.export import export_network, storage
from keras_genzoo.presets.resolution import checkpoints_folder


def store_in_16_bits(network, dtype):
    """Gives a network the weights that a runtime computes with."""
    for weight in network.weights:
        array = np.asarray(weight)
        if array.size >= storage.LARGE:
            kept, scale = storage.stored(array, dtype)
            weight.assign(kept.astype("float32") * (1 if scale is None else scale))


def test_int16_is_exact_to_a_part_of_each_rows_largest_number():
    array = np.random.default_rng(0).standard_normal((4, 3, 5)).astype("float32")
    array[1] *= 1000
    array[2] = 0
    kept, scale = storage.stored(array, "int16")
    assert kept.dtype == np.int16 and scale.shape == (4, 1, 1)
    error = np.abs(kept * scale - array).max((1, 2))
    np.testing.assert_array_less(error, 0.51 / 32767 * np.abs(array).max((1, 2)) + 1e-30)


def test_the_samples_of_a_released_model_move_by_less_than_half_a_grey_level():
    model = models.load("dcgan_fashion_mnist")
    expected = model.sample(64, seed=1)
    store_in_16_bits(model.exported_networks()["generate"], "int16")
    assert 0 < 127.5 * np.abs(model.sample(64, seed=1) - expected).max() < 0.5


def released():
    return [name for name in presets.names() if presets.describe(name)["class"] != "Classifier"]


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("name", released())
def test_onnx_files_of_half_the_size_make_the_same_pictures(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("tf2onnx", reason="tf2onnx of the extra `export` is not installed")
    model = models.load(name)
    for signature, network in model.exported_networks().items():
        if signature.startswith("encode") or signature.endswith("_styled"):
            continue
        found, sizes = [], []
        for dtype in ("float32", "int16"):
            file = tmp_path / f"{signature}_{dtype}.onnx"
            export_network(network, file, "onnx", dtype)
            sizes.append(file.stat().st_size)
            found.append(onnxruntime.InferenceSession(file).run(None, inputs_of(network, model, name))[0])
        assert sizes[1] < 0.52 * sizes[0]
        assert 0 < 127.5 * np.abs(found[1] - found[0]).max() < 0.5


def inputs_of(network, model, name):
    """1,000 latents, or the pictures on a translator's card."""
    if model.latent is None:
        with Image.open(checkpoints_folder() / name / "samples.png") as card:
            pixels = np.asarray(card.convert("L" if network.input_shape[-1] == 1 else "RGB"), "float32")
        height, width = (side // 64 * 64 for side in pixels.shape[:2])
        tiles = pixels[:height, :width].reshape(height // 64, 64, width // 64, 64, network.input_shape[-1])
        tiles = tiles.swapaxes(1, 2).reshape(-1, 64, 64, network.input_shape[-1])
        return {"images": tiles / 127.5 - 1}
    inputs = {"latents": np.asarray(model.latents_from_seed(1000, 5))}
    return inputs | ({"labels": model.condition.in_turn(1000).astype("int32")} if model.condition else {})
