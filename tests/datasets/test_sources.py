"""Named data sets and folders answer the same questions; those of folders are tested with one's own pictures too."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import datasets
from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import sources
from keras_genzoo.modalities import Images, Points
from tests.support import toy_pairs


def test_images_of_a_named_data_set():
    source = sources.of({"name": "mnist", "image_size": 32})
    assert (source.kind, source.modality, source.source_modality) == ("images", Images((32, 32, 1)), None)
    assert source.condition == Labels(10) and source.examples(8) is None
    assert sources.of({"name": "mnist"}).modality == datasets.info("mnist").modality


def test_points():
    source = sources.of({"name": "ring"})
    assert (source.kind, source.modality, source.condition) == ("images", Points((2,)), Labels(8))
    np.testing.assert_array_equal(source.examples(3), datasets.info("ring").modes.centers)


@pytest.mark.parametrize(
    ("name", "kind"), [("edges_to_emoji", "pairs"), ("summer2winter_yosemite", "unpaired")]
)
def test_pairs_spread_over_the_test_split(tmp_path, monkeypatch, name, kind):
    toy_pairs.install(tmp_path, monkeypatch.setattr)
    source = sources.of({"name": name, "image_size": 8})
    channels = 1 if name == "edges_to_emoji" else 3
    assert (source.kind, source.condition) == (kind, None)
    assert (source.source_modality, source.modality) == (Images((8, 8, channels)), Images((8, 8, 3)))
    shown = source.examples(8, tmp_path)
    arrays = datasets.arrays(name, "test", tmp_path, 8)
    for images, of_split in zip(shown, arrays, strict=True):
        assert images.dtype == "uint8" and len(images) == min(map(len, arrays))
        np.testing.assert_array_equal(images[0], of_split[0])
    first, _ = source.examples(1, tmp_path)
    assert len(first) == 1


def test_folders(tmp_path):
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (10, 10), (100 * number, 0, 0)).save(tmp_path / name / "1.png")
    table = {"folder": str(tmp_path), "image_size": 8}
    images = sources.of({**table, "labels": "folder"})
    assert (images.modality, images.source_modality) == (Images((8, 8, 3)), None)
    assert images.condition == Labels(2) and images.examples(8) is None
    shown, labels = images.examples(8, labelled=True)
    assert shown.dtype == "uint8" and shown.shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(shown[:, 0, 0, 0], 100 * labels)
    assert sources.of(table).examples(8, labelled=True) is None
    assert sources.of(table).condition is None
    pairs = sources.of({**table, "source": "right", "source_channels": 1})
    assert (pairs.modality, pairs.source_modality) == (Images((8, 8, 3)), Images((8, 8, 1)))
    shown, targets = pairs.examples(8)
    assert shown.shape == (2, 8, 8, 1) and targets.shape == (2, 8, 8, 3) and targets.dtype == "uint8"
