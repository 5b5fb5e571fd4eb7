"""L*a*b*: against scikit-image, there and back, and its gradient."""

import keras
import numpy as np
import skimage.color
from keras import ops

from keras_genzoo import backends
from keras_genzoo.images import lab

# Every corner of the cube, its grays, and colors between; dark ones have the straight parts of the curves.
_CORNERS = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)], "float32")
_COLORS = np.concatenate(
    [
        _CORNERS,
        0.02 * _CORNERS,
        np.linspace(0, 1, 33, dtype="float32")[:, None].repeat(3, 1),
        np.random.default_rng(0).uniform(0, 1, (500, 3)).astype("float32"),
    ]
)


def test_is_that_of_scikit_image():
    ours = ops.convert_to_numpy(lab.from_rgb(2 * _COLORS - 1))
    np.testing.assert_allclose(ours, skimage.color.rgb2lab(_COLORS.astype("float64")), atol=1e-3)


def test_there_and_back():
    back = ops.convert_to_numpy(lab.to_rgb(lab.from_rgb(2 * _COLORS - 1)))
    np.testing.assert_allclose(back, 2 * _COLORS - 1, atol=1e-4)


def test_a_colour_beyond_srgb_lies_outside_of_the_range():
    assert np.abs(ops.convert_to_numpy(lab.to_rgb(np.array([[50.0, 100.0, 100.0]], "float32")))).max() > 1


def test_gradients_are_finite_and_those_of_differences():
    colors = keras.Variable(2 * _COLORS - 1)
    for function in (lab.from_rgb, lambda colors: lab.to_rgb(50 * (colors + 1))):
        _, (gradient,) = backends.value_and_grad(
            lambda function=function: (ops.sum(function(colors)), None),
            [colors],
            has_aux=True,
        )
        assert np.isfinite(ops.convert_to_numpy(gradient)).all()
    middle = np.array([[0.1, -0.2, 0.3]], "float32")
    variable, step = keras.Variable(middle), np.array([[0.0, 0.01, 0.0]], "float32")
    _, (gradient,) = backends.value_and_grad(
        lambda: (ops.sum(lab.from_rgb(variable)), None), [variable], has_aux=True
    )
    ends = [float(ops.sum(lab.from_rgb(middle + sign * step))) for sign in (1, -1)]
    np.testing.assert_allclose(ops.convert_to_numpy(gradient)[0, 1], (ends[0] - ends[1]) / 0.02, rtol=1e-2)
