"""Run by `.ci/without_tensorflow` in an environment that has no TensorFlow."""

import importlib.util

import numpy as np
import pytest

import keras_genzoo as kg
from keras_genzoo import cli


def test_there_is_no_tensorflow():
    assert importlib.util.find_spec("tensorflow") is None


@pytest.mark.parametrize(
    ("family", "arguments"), [("GAN", {"width": 4}), ("WGANGP", {"width": 4}), ("VAE", {}), ("WAEGAN", {})]
)
def test_trains_samples_saves_and_loads(family, arguments, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1)).astype("uint8")
    model = getattr(kg.models, family)(image_shape=(8, 8, 1), **arguments)
    model.compile()
    before = [np.array(variable) for variable in model.trainable_variables]
    model.fit(images, batch_size=8, epochs=2, verbose=0)
    # A critic's last bias has no gradient: its values count by their differences.
    matrices = [
        (variable, old)
        for variable, old in zip(model.trainable_variables, before, strict=True)
        if old.ndim > 1
    ]
    assert matrices and all(np.any(np.array(variable) != old) for variable, old in matrices)

    model.save_to_preset(tmp_path / "preset")
    again = kg.models.load(tmp_path / "preset")
    np.testing.assert_array_equal(again.sample(3, seed=0), model.sample(3, seed=0))


@pytest.mark.parametrize("family", ["Pix2Pix", "CycleGAN"])
def test_trains_and_translates(family, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1)).astype("uint8")
    model = getattr(kg.models, family)(image_shape=(32, 32, 1), width=2)
    model.compile()
    before = model.translate(images)
    model.fit(images, images[::-1].copy(), batch_size=1, verbose=0)
    assert np.abs(model.translate(images) - before).max() > 0
    model.save_to_preset(tmp_path / "preset")
    np.testing.assert_array_equal(
        kg.models.load(tmp_path / "preset").translate(images), model.translate(images)
    )


def test_samples_a_pretrained_model():
    images = kg.models.load("cgan_mnist").sample(10, seed=0, labels=np.arange(10))
    assert images.shape == (10, 28, 28, 1)


def test_the_command_samples(tmp_path):
    assert cli.main(["sample", "cgan_mnist", "--num", "10", "--output", str(tmp_path / "samples.png")]) == 0
    assert (tmp_path / "samples.png").exists()


@pytest.mark.parametrize(
    "call",
    [
        lambda path: kg.datasets.load("mnist"),
        lambda path: kg.datasets.from_arrays(np.zeros((64, 8, 8, 1), "uint8")),
        lambda path: kg.models.GAN(image_shape=(8, 8, 1), width=4).export(path / "export"),
    ],
    ids=["named data set", "tf.data", "export"],
)
def test_what_needs_tensorflow_says_what_to_install(call, tmp_path):
    with pytest.raises(ImportError, match="pip install"):
        call(tmp_path)
