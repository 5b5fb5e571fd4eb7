"""Windows of the relief of the earth: of a small earth whose colours say where they lie, and of the original maps."""

import numpy as np
import pytest

from keras_genzoo import datasets
from keras_genzoo.datasets.sets import earth_relief
from tests import support
from tests.support import toy_earth

SIDE = 16


@pytest.fixture
def earth(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_earth.install(tmp_path, monkeypatch.setitem, monkeypatch.setattr)
    return tmp_path


def windows(earth, split):
    """Longitudes and latitudes of all pixels in degrees, of windows turned back so that north is up."""
    heights, textures = datasets.arrays("earth_terrain", split, earth, SIDE)
    assert heights.shape == (toy_earth.SPLITS[split], SIDE, SIDE, 1) and heights.dtype == np.uint8
    assert textures.shape == (toy_earth.SPLITS[split], SIDE, SIDE, 3) and textures.dtype == np.uint8
    places = textures[..., :2] / 255.0
    transposed = np.ptp(places[:, 0, :, 0], axis=1) < np.ptp(places[:, :, 0, 0], axis=1)
    assert 0 < transposed.sum() < len(places)
    places[transposed] = places[transposed].swapaxes(1, 2)
    return 360 * places[..., 0] - 180, 90 - 180 * places[..., 1]


def test_splits_share_no_place(earth):
    for split, inside in (("train", False), ("test", True)):
        longitudes, latitudes = windows(earth, split)
        # To half a level of a colour.
        assert ((longitudes > 60.8) & (longitudes < 79.2)).any() == inside
        assert ((longitudes < 59.2) | (longitudes > 80.8)).any() != inside
        assert latitudes.max() < 64 and latitudes.min() > -60


def test_a_window_is_as_wide_on_the_ground_as_it_is_high(earth):
    longitudes, latitudes = windows(earth, "train")
    width = (longitudes[:, :, -1] - longitudes[:, :, 0]).mean(axis=1) * np.cos(
        np.deg2rad(latitudes.mean(axis=(1, 2)))
    )
    height = (latitudes[:, 0] - latitudes[:, -1]).mean(axis=1)
    # Two levels of a colour are 1.4 degrees; without the correction up to 4 are missing.
    np.testing.assert_allclose(width, height, atol=1.5)
    np.testing.assert_allclose(height, 180 * (SIDE - 1) / toy_earth.SHAPE[0], atol=1.0)


def test_heights_belong_to_their_textures(earth):
    heights, textures = datasets.arrays("earth_terrain", "train", earth, SIDE)
    is_sea, is_land = textures[..., 2] == 255, textures[..., 2] == 0
    assert is_sea.any() and (heights[is_sea] == 0).all()
    assert is_land.mean() > 0.6
    east, south = np.moveaxis(textures[..., :2] / 255.0, -1, 0)
    levels = 140 + 100 * np.sin(160 * east + 90 * south)
    expected = (levels - 23) * 255 / 232
    correlations = [
        np.corrcoef(found[land], wanted[land])[0, 1]
        for found, wanted, land in zip(heights[..., 0], expected, is_land, strict=True)
    ]
    assert np.median(correlations) > 0.9
    assert heights.std(axis=(1, 2, 3)).min() >= earth_relief._RELIEF


def test_the_windows_are_always_the_same(earth):
    first = datasets.arrays("earth_terrain", "test", earth, SIDE)
    dataset = datasets.info("earth_terrain")
    for found, again in zip(first, dataset.make(dataset, "test", earth, (SIDE, SIDE)), strict=True):
        np.testing.assert_array_equal(found, again)


def test_batches(earth):
    heights, textures = next(
        iter(datasets.load("earth_terrain", batch_size=4, image_size=16, data_dir=earth))
    )
    assert heights.shape == (4, 16, 16, 1) and textures.shape == (4, 16, 16, 3)


def test_a_missing_map_is_named(earth):
    (earth / "water_4k.png").unlink()
    with pytest.raises(ValueError, match=r"water_4k\.png.*Natural Earth III"):
        datasets.arrays("earth_terrain", "test", earth, 16)


@pytest.mark.slow
def test_the_maps_of_the_earth():
    folder = support.require_original_files("earth_terrain")
    for split, num in datasets.info("earth_terrain").splits.items():
        heights, textures = datasets.arrays("earth_terrain", split, folder)
        assert heights.shape == (num, 64, 64, 1) and textures.shape == (num, 64, 64, 3)
        assert heights.std(axis=(1, 2, 3)).min() >= 12
        # Slopes to the north-west are the bright ones.
        rises = np.gradient(heights[..., 0].astype("float32"), axis=(1, 2))
        brightness = textures.astype("float32").mean(axis=-1)
        for rise in rises:
            assert np.corrcoef(rise.ravel(), brightness.ravel())[0, 1] > 0.1
