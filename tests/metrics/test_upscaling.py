"""The measure of enlarged images: against pixels counted here, and what it refuses."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import datasets, metrics, models, networks, pixels
from keras_genzoo.metrics.upscaling import bicubic
from keras_genzoo.models.perceptual import PerceptualFeatures
from tests.support import toy_flowers


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    return tmp_path


def make_model(scale=4):
    generator = networks.CompactSuperResolver(3, scale, width=2, num_layers=0)
    return models.SuperResolution((128, 128, 3), scale, generator=generator)


@pytest.mark.ci
def test_results_are_those_of_the_pictures(data_dir):
    model = make_model()
    results = {
        result["metric"]: result for result in metrics.evaluate(model, "flowers_x4", data_dir=data_dir)
    }
    small, large = datasets.arrays("flowers_x4", "test", data_dir)
    for name, made in (
        ("upscaling", pixels.to_uint8(model.translate(small))),
        ("bicubic", bicubic(small, 4)),
    ):
        errors = ((made.astype("float64") - large) / 255) ** 2
        expected = {
            "psnr": -10 * np.log10(errors.mean(axis=(1, 2, 3))).mean(),
            "ssim": metrics.ssim(made, large).mean(),
            "perceptual": float(
                PerceptualFeatures().difference(*(pixels.normalize(each) for each in (made, large)))
            ),
        }
        for measure, value in expected.items():
            assert results[f"{name}_{measure}"]["value"] == pytest.approx(value, abs=1e-3)
    assert results["bicubic_psnr"]["protocol"] == {
        "dataset": "flowers_x4",
        "split": "test",
        "num_real": 5,
        "scale": 4,
    }


def test_bicubic_is_pillow_s():
    for channels in (1, 3):
        images = np.random.default_rng(0).integers(0, 256, (2, 3, 5, channels), "uint8")
        large = bicubic(images, 2)
        assert large.shape == (2, 6, 10, channels)
        expected = Image.fromarray(images[1, ..., 0]).resize((10, 6), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(large[1, ..., 0], np.asarray(expected))


@pytest.mark.parametrize(
    ("dataset", "measures", "message"),
    [
        (
            "flowers_x2",
            None,
            "a dataset of images and their reductions by 4. Received: dataset='flowers_x2'",
        ),
        ("flowers128", None, "a dataset of images and their reductions by 4"),
        (
            "flowers_x4",
            ["translation"],
            "sources of the same size as the targets; for others use 'upscaling'",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(data_dir, dataset, measures, message):
    with pytest.raises(ValueError, match=message):
        metrics.evaluate(make_model(), dataset, measures=measures, data_dir=data_dir)
