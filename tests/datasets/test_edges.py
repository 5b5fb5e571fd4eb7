import numpy as np
import pytest
import tensorflow as tf

from keras_genzoo import datasets


def square(inside=0, outside=255, channels=3, side=24):
    """An image whose middle is a square, 12 pixels wide, of another colour."""
    image = np.zeros((side, side, channels), "uint8") + np.uint8(outside)
    image[6:18, 6:18] = inside
    return image


def lines(images, **arguments):
    """Where the lines are; nothing but black and white, in one channel."""
    drawn = datasets.edges(images, **arguments)
    assert isinstance(drawn, np.ndarray) and drawn.dtype == "float32"
    assert drawn.shape == (*np.shape(images)[:-1], 1)
    assert set(np.unique(drawn)) <= {-1.0, 1.0}
    return drawn[..., 0] < 0


@pytest.mark.parametrize("channels", [1, 3])
def test_a_square_is_drawn_as_a_closed_line_one_pixel_wide(channels):
    drawn = lines(square(channels=channels))
    # The line is at the border: between its pixels inside and outside.
    assert not drawn[:5].any() and not drawn[:, :5].any() and not drawn[19:].any() and not drawn[:, 19:].any()
    assert not drawn[8:16, 8:16].any()
    middle = drawn[10:14]
    assert (middle.sum(axis=1) == 2).all() and (middle == middle[0]).all()
    assert (drawn[:, 10:14].sum(axis=0) == 2).all()
    # Closed: what spreads from a corner without crossing lines does not reach the middle.
    outside = np.zeros_like(drawn)
    outside[0, 0] = True
    for _ in range(100):
        spread = np.pad(outside, 1)
        spread = spread[:-2, 1:-1] | spread[2:, 1:-1] | spread[1:-1, :-2] | spread[1:-1, 2:] | outside
        outside = spread & ~drawn
    assert outside[0, -1] and outside[-1, -1] and not outside[12, 12]


def test_slanted_lines_are_thin_too():
    rows, columns = np.mgrid[:64, :64]
    disc = np.where(np.hypot(rows - 32, columns - 32) < 20, 0, 255).astype("uint8")[..., None]
    drawn = lines(disc)
    assert np.abs(np.hypot(rows - 32, columns - 32)[drawn] - 20).max() < 1.6
    # A circle has 8 r / sqrt(2) pixels that touch at their corners, and 8 r if they touch at their sides.
    assert 8 * 20 / np.sqrt(2) - 8 < drawn.sum() < 8 * 20


def test_plain_images_have_no_lines_up_to_the_border():
    assert not lines(np.full((2, 16, 16, 3), 77, "uint8")).any()


def test_colours_of_the_same_brightness_are_told_apart():
    red, grey = (150, 0, 0), (45, 45, 45)  # luma 44.85 and 45
    assert lines(square(red, grey)).any()


def test_faint_edges_count_where_they_go_on_from_clear_ones():
    def rows_with_a_line(upper, lower):
        """Of an image whose right side is lighter, by one step in the upper half and another in the lower."""
        image = np.full((24, 24, 1), 100, "uint8")
        image[:12, 12:] += np.uint8(upper)
        image[12:, 12:] += np.uint8(lower)
        return lines(image, threshold=0.05)[:, 11:13].any(axis=1)

    # A step has 0.36 of its height as its gradient: the threshold is that of 35 gray levels.
    assert not rows_with_a_line(25, 25).any()
    assert rows_with_a_line(45, 45).all()
    assert rows_with_a_line(25, 60).all()
    assert rows_with_a_line(10, 60).tolist()[:9] == [False] * 9


def test_lines_of_grey_images_are_those_of_scikit_image_within_a_pixel():
    feature = pytest.importorskip("skimage.feature")
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    images = np.full((4, 64, 64, 1), 255, "uint8")
    for image in images:
        for row, column, radius, grey in rng.integers((10, 10, 5, 0), (54, 54, 20, 256), (5, 4)):
            image[np.hypot(rows - row, 1.5 * (columns - column)) < radius] = grey
    ours = lines(images, sigma=0.8, threshold=0.05)
    # Its gradient is not averaged: 8 times ours.
    arguments = {"sigma": 0.8, "low_threshold": 0.2, "high_threshold": 0.4, "mode": "nearest"}
    theirs = np.stack([feature.canny(image[..., 0] / 255, **arguments) for image in images])

    def widened(drawn):
        padded = np.pad(drawn, ((0, 0), (1, 1), (1, 1)))
        rows = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
        return rows[:, :, :-2] | rows[:, :, 1:-1] | rows[:, :, 2:]

    assert (ours & theirs).sum() > 0.8 * ours.sum() > 0
    assert widened(theirs)[ours].mean() > 0.97 and widened(ours)[theirs].mean() > 0.97


def test_higher_thresholds_and_more_smoothing_leave_out_more():
    noise = np.random.default_rng(0).integers(0, 256, (1, 48, 48, 3)).astype("uint8")
    counts = [
        lines(noise, **arguments).sum()
        for arguments in ({}, {"threshold": 0.1}, {"sigma": 3.0}, {"threshold": 1.0})
    ]
    assert counts[0] > counts[1] > counts[3] == 0 and counts[0] > counts[2]


def test_batches_single_images_tensors_and_scales_agree():
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3)).astype("uint8")
    images[1] = 9  # nothing to join here while the others go on joining
    expected = datasets.edges(images)
    np.testing.assert_array_equal(datasets.edges(images[2]), expected[2])
    np.testing.assert_array_equal(datasets.edges(images / 127.5 - 1), expected)
    tensors = datasets.edges(tf.constant(images))
    assert tf.is_tensor(tensors)
    np.testing.assert_array_equal(tensors, expected)


@pytest.mark.slow
def test_edges_to_images_in_a_pipeline():
    images = np.stack([square(inside) for inside in (0, 50, 100, 150)])
    arguments = {"batch_size": 2, "seed": 3, "initial_step": 0, "flip": True}
    plain = datasets.from_arrays(images, **arguments)
    labelled = datasets.from_arrays(images, np.arange(4), **arguments)
    for dataset in (plain, labelled):
        pairs = datasets.edges_to_images(dataset, sigma=1.0)
        assert [spec.shape for spec in pairs.element_spec] == [(2, 24, 24, 1), (2, 24, 24, 3)]
        for (drawn, shown), expected in zip(pairs.take(3), plain, strict=False):
            np.testing.assert_array_equal(shown, expected)
            np.testing.assert_array_equal(drawn, datasets.edges(expected.numpy(), sigma=1.0))


BAD = {
    "no channels": ({"images": np.zeros((20, 20), "uint8")}, r"`images` must have the shape.*\(20, 20\)"),
    "range": ({"images": np.full((20, 20, 3), 200.0)}, r"`images` must be in \[-1, 1"),
    "dtype": ({"images": np.zeros((20, 20, 3), "int64")}, "`images` must be uint8.*int64"),
    "sigma": (
        {"images": np.zeros((20, 20, 3), "uint8"), "sigma": 0},
        "`sigma` must be above 0.*sigma=0",
    ),
}


@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_with_the_fix(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.edges(**arguments)
