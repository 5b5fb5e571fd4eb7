import itertools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from keras_genzoo import datasets, pixels
from tests import support

ROOT = pathlib.Path(__file__).resolve().parents[2]


def numbered(n=23, side=4):
    """Images that differ from each other and from their mirror images; image i carries label i."""
    images = np.zeros((n, side, side, 1), "uint8")
    images[:, :, 0, 0] = np.arange(n)[:, None]
    images[:, :, -1, 0] = 255
    return images, np.arange(n)


def take(dataset, count=None):
    """The images and the labels of the first batches, each stacked."""
    pairs = [(x.numpy(), y.numpy()) for x, y in itertools.islice(dataset, count)]
    return tuple(np.stack(part) for part in zip(*pairs, strict=True))


# 23 images in batches of 5 are 4 steps per epoch: steps inside the first epoch, on an edge and far beyond.
@pytest.mark.slow_but("4", ci=True)
@pytest.mark.parametrize("step", [0, 1, 4, 6, 30])
def test_resumed_dataset_yields_the_batches_of_the_undisturbed_one(step):
    images, labels = numbered()
    arguments = {"labels": labels, "batch_size": 5, "flip": True, "seed": 7}
    all_images, all_labels = take(datasets.from_arrays(images, **arguments, initial_step=0), 40)
    rest_images, rest_labels = take(datasets.from_arrays(images, **arguments, initial_step=step), 40 - step)
    np.testing.assert_array_equal(rest_images, all_images[step:])
    np.testing.assert_array_equal(rest_labels, all_labels[step:])


@pytest.mark.slow
def test_order_is_the_same_in_a_fresh_process():
    assert support.fresh_process(_nine_batches, 6) == _nine_batches(0, 6)


def _nine_batches(initial_step, skipped=0):
    """The bytes of the batches of steps 6 to 14, which a dataset begins with or comes to."""
    images = np.arange(23 * 16, dtype="uint16").astype("uint8").reshape(23, 4, 4, 1)
    dataset = datasets.from_arrays(images, batch_size=5, flip=True, seed=7, initial_step=initial_step)
    return [batch.numpy().tobytes() for batch in itertools.islice(dataset, skipped, skipped + 9)]


@pytest.mark.parametrize("initial_step", [None, 0])
def test_no_image_comes_twice_in_an_epoch(initial_step):
    images, labels = numbered()
    dataset = datasets.from_arrays(images, labels, batch_size=5, initial_step=initial_step)
    for epoch in range(3):
        skipped = 0 if initial_step is None else 4 * epoch
        _, seen = take(dataset.skip(skipped), 4)
        assert len(set(seen.ravel())) == 20


def test_each_epoch_has_another_order():
    images, labels = numbered()
    finite = datasets.from_arrays(images, labels, batch_size=5)
    assert len(finite) == 4
    assert not np.array_equal(take(finite)[1], take(finite)[1])
    _, endless = take(datasets.from_arrays(images, labels, batch_size=5, initial_step=0), 8)
    assert not np.array_equal(endless[:4], endless[4:])


def test_seed_changes_the_order_and_without_shuffling_it_is_the_array_s():
    images, labels = numbered()
    orders = [
        take(datasets.from_arrays(images, labels, batch_size=5, seed=seed, initial_step=0), 4)[1]
        for seed in (0, 1)
    ]
    assert not np.array_equal(*orders)
    dataset = datasets.from_arrays(images, labels, batch_size=5, shuffle=False)
    np.testing.assert_array_equal(take(dataset)[1].ravel(), np.arange(20))


def test_flip_mirrors_about_half_of_the_images_and_anew_each_epoch():
    images, labels = numbered(n=200)
    dataset = datasets.from_arrays(images, labels, batch_size=200, flip=True, shuffle=False, initial_step=0)
    batches, _ = take(dataset, 2)
    straight = pixels.normalize(images)
    mirrored = [batch[:, 0, 0, 0] == 1.0 for batch in batches]
    for batch, turned in zip(batches, mirrored, strict=True):
        expected = np.where(turned[:, None, None, None], straight[:, :, ::-1], straight)
        np.testing.assert_array_equal(batch, expected)
        assert 70 < turned.sum() < 130
    assert not np.array_equal(*mirrored)


def test_uint8_becomes_what_pixels_normalize_says():
    images = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    (batch,) = datasets.from_arrays(images, batch_size=1)
    assert batch.dtype == "float32" and tuple(batch.shape) == (1, 16, 16, 1)
    assert batch.numpy().min() == -1.0 and batch.numpy().max() == 1.0
    np.testing.assert_array_equal(batch.numpy(), np.asarray(pixels.normalize(images)))
    np.testing.assert_array_equal(pixels.to_uint8(batch.numpy()), images)


def test_float_ranges():
    ramp = np.linspace(0, 1, 16).reshape(1, 4, 4, 1)
    (batch,) = datasets.from_arrays(ramp, batch_size=1, value_range=(0, 1))
    np.testing.assert_allclose(batch.numpy(), ramp * 2 - 1, atol=1e-6)
    (batch,) = datasets.from_arrays(ramp * 2 - 1, batch_size=1)
    np.testing.assert_allclose(batch.numpy(), ramp * 2 - 1, atol=1e-6)


def test_image_size_resizes_with_antialiasing():
    stripes = np.zeros((1, 8, 8, 3), "uint8")
    stripes[:, :, ::2] = 255
    (batch,) = datasets.from_arrays(stripes, batch_size=1, image_size=(8, 2))
    assert tuple(batch.shape) == (1, 8, 2, 3)
    assert np.abs(batch.numpy()).max() < 0.1  # without antialiasing: pure black or white
    (batch,) = datasets.from_arrays(np.full((1, 28, 28, 1), 255, "uint8"), batch_size=1, image_size=32)
    assert tuple(batch.shape) == (1, 32, 32, 1)
    np.testing.assert_allclose(batch.numpy(), 1.0, atol=1e-6)


@pytest.mark.slow_but("float32")
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_points_come_as_they_are(dtype):
    points = np.array([[1e3, 0.25, 3.0], [-40.0, 0.5, 2.0], [0.0, 0.75, 1.0]], dtype)
    (batch,) = datasets.from_arrays(points, batch_size=3, shuffle=False)
    assert batch.dtype == "float32"
    np.testing.assert_array_equal(batch, points)
    dataset = datasets.from_arrays(points, labels=np.arange(3), batch_size=1)
    assert dataset.element_spec[0].shape == (1, 3)
    for batch, label in dataset:
        np.testing.assert_array_equal(batch, points[label.numpy()])


IMAGES = np.zeros((6, 4, 4, 1), "uint8")
POINTS = np.zeros((6, 2), "float32")
BAD = {
    "batch_size zero": ({"batch_size": 0}, "`batch_size` must be at least 1.*batch_size=0"),
    "batch_size float": ({"batch_size": 2.5}, "`batch_size` must be an integer.*2.5"),
    "batch_size above n": ({"batch_size": 7}, "number of images, 6.*batch_size=7.*smaller"),
    "initial_step": ({"initial_step": -1}, "`initial_step` must be at least 0.*-1"),
    "seed": ({"seed": "x"}, "`seed` must be an integer.*'x'"),
    "image_size": ({"image_size": (4, 4, 1)}, "`image_size` must be an integer or a pair"),
    "image_size zero": ({"image_size": 0}, "`image_size` must be at least 1"),
    "empty": ({"images": IMAGES[:0]}, "`images` is empty"),
    "no channel axis": ({"images": IMAGES[..., 0]}, r"images\[\.\.\., None\]"),
    "one image": ({"images": IMAGES[0, 0]}, r"shape \(n, height, width, channels\).*\(4, 1\)"),
    "int64": ({"images": IMAGES.astype("int64")}, "`images` must be uint8.*int64"),
    "range 255": ({"images": IMAGES + 200.0}, r"`images` must be in \[-1, 1\]"),
    "range 0 to 1": ({"images": IMAGES + 0.5}, r"value_range=\(0, 1\)"),
    "uint8 points": ({"images": POINTS.astype("uint8")}, r"points of dtype float.*\(6, 2\) and dtype uint8"),
    "integer points": ({"images": POINTS.astype("int64")}, "must be float.*int64.*astype"),
    "no points": ({"images": POINTS[:0]}, "`images` is empty"),
    "NaN points": ({"images": POINTS * np.nan}, "NaN or infinite"),
    "flipped points": ({"images": POINTS, "flip": True}, "`flip` applies to images only.*flip=True.*points"),
    "resized points": (
        {"images": POINTS, "image_size": 8},
        "`image_size` applies to images only.*image_size=8",
    ),
    "range of points": (
        {"images": POINTS, "value_range": (0, 1)},
        r"`value_range` applies to images only.*\(0.0, 1.0\)",
    ),
    "labels short": ({"labels": np.zeros(5, int)}, r"`labels`.*shape \(6,\).*\(5,\)"),
    "labels one-hot": ({"labels": np.zeros((6, 10), int)}, r"`labels`.*\(6, 10\)"),
    "labels float": ({"labels": np.zeros(6)}, r"`labels` must be integers.*float64.*astype"),
}


@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_with_the_fix(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.from_arrays(**{"images": IMAGES, "batch_size": 2, **arguments})


WITHOUT_TENSORFLOW = """
import json, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_datasets"):
            raise ImportError("blocked " + name)
sys.meta_path.insert(0, Blocker())
from keras_genzoo import datasets
import numpy as np
report = {"classes": datasets.info("mnist").num_classes}
for key, call in {
    "arrays": lambda: datasets.arrays("mnist"),
    "from_arrays": lambda: datasets.from_arrays(np.zeros((2, 4, 4, 1), "uint8"), batch_size=1),
}.items():
    try:
        call()
    except ImportError as error:
        report[key] = str(error)
print(json.dumps(report))
"""


@pytest.mark.slow
def test_imports_without_tensorflow_and_says_what_to_install():
    pytest.importorskip("jax")
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=dict(os.environ, KERAS_BACKEND="jax"),
    )
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["classes"] == 10
    assert "`tensorflow_datasets`" in report["arrays"]
    assert "`tensorflow`" in report["from_arrays"]
    assert 'pip install "keras_genzoo[datasets]"' in report["from_arrays"]
