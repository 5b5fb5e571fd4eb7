"""`tools/directions.py`: measures of strokes in closed form, and the direction that changes one of them."""

import numpy as np
import pytest

from tools import directions


def _bars(width, slope=0.0):
    """Bars of a width in columns, which move to the right by `slope` pixels per pixel upwards."""
    y, x = np.mgrid[:28, :28]
    inside = (np.abs(x - 13.5 - slope * (13.5 - y)) < width / 2) & (y >= 4) & (y < 24)
    return (2.0 * inside - 1.0)[None, :, :, None].astype("float32")


def test_thickness_of_a_bar_is_in_proportion_to_its_width():
    """Its outline has nearly the same length, and is two columns wide, with half the height of the step."""
    thick, thin = (float(directions.thickness(_bars(width))[0]) for width in (8, 4))
    assert thin == pytest.approx(20 * 4 / (2 * 20 + 2 * 4), rel=0.05)
    assert thick == pytest.approx(20 * 8 / (2 * 20 + 2 * 8), rel=0.05)


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.4])
def test_slant_of_a_bar_is_its_slope(slope):
    assert float(directions.slant(_bars(4, slope))[0]) == pytest.approx(slope, abs=0.02)


def test_brightness_is_that_of_what_is_not_background():
    assert float(directions.brightness(0.5 * _bars(4) - 0.5)[0]) == pytest.approx(0.5)


def test_a_direction_changes_its_measure_and_not_the_class():
    """Codes whose first value is the class, the second the brightness, the third neither."""
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 2
    codes = np.stack([4.0 * labels - 2, rng.normal(size=600), rng.normal(size=600)], axis=1).astype("float32")
    # All images of one class are brighter.
    shares = 0.5 + 0.2 * labels + 0.08 * np.clip(codes[:, 1], -3, 3)
    images = 2 * shares[:, None, None, None] * (_bars(4) + 1) / 2 - 1
    vectors, scales = directions.find(codes, images, labels, directions.brightness)
    assert abs(vectors[0, 0]) < 0.01 and vectors[0, 1] > 0.98 and abs(vectors[0, 2]) < 0.15
    # Means of the upper and lower third of a normal distribution are 2.18 apart.
    assert scales[0] == pytest.approx(2.18, abs=0.2)


def test_a_blank_image_has_no_measure_that_is_not_finite():
    blank = np.full((1, 28, 28, 1), -1.0, "float32")
    measures = (directions.thickness, directions.slant, directions.brightness)
    assert np.isfinite([measure(blank) for measure in measures]).all()
