"""ContextualAttention: its code restated pixel by pixel, closed forms, and sizes."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers
from tests import support

RNG = np.random.default_rng(0)


def drawn(*shape, scale=1.0):
    return (scale * RNG.normal(size=shape)).astype("float32")


def holes_of(shape, rows, columns):
    holes = np.zeros((*shape[:-1], 1), "float32")
    holes[:, rows, columns] = 1
    return holes


def restated(features, holes, kernel_size=3, rate=2, scale=10.0, fuse_size=3):
    """One map `(height, width, channels)`, in loops over positions and pixels."""
    height, width, _ = features.shape
    rows, columns = range(0, height, rate), range(0, width, rate)
    positions = [(y, x) for y in range(len(rows)) for x in range(len(columns))]
    radius, fuse = kernel_size // 2, fuse_size // 2

    def at(maps, y, x):
        """The value of the reduced map, zeros outside."""
        inside = 0 <= y < len(rows) and 0 <= x < len(columns)
        return maps[rows[y], columns[x]] if inside else np.zeros(maps.shape[-1])

    def patch(maps, y, x):
        around = range(-radius, radius + 1)
        return np.concatenate([at(maps, y + i, x + j) for i in around for j in around]).astype("float64")

    patches = {position: patch(features, *position) for position in positions}
    usable = {position: not patch(holes, *position).any() for position in positions}
    scores = {
        (p, q): patches[p] @ patches[q] / max(np.linalg.norm(patches[q]), 1e-4)
        for p in positions
        for q in positions
    }
    for order in (positions, sorted(positions, key=lambda position: position[::-1])):
        scores = {
            (p, q): sum(
                scores[order[i + d], order[j + d]]
                for d in range(-fuse, fuse + 1)
                if 0 <= i + d < len(order) and 0 <= j + d < len(order)
            )
            for i, p in enumerate(order)
            for j, q in enumerate(order)
        }
    result = np.zeros(features.shape)
    for p in positions:
        exponents = np.array([scale * scores[p, q] * usable[q] for q in positions])
        weights = np.exp(exponents - exponents.max())
        weights /= weights.sum()
        for q, weight in zip(positions, weights, strict=True):
            if not usable[q]:
                continue
            for i in range(-(rate // 2), 2 * rate - rate // 2):
                for j in range(-(rate // 2), 2 * rate - rate // 2):
                    to, source = ((rate * y + i, rate * x + j) for y, x in (p, q))
                    if all(0 <= y < height and 0 <= x < width for y, x in (to, source)):
                        result[to] += weight * features[source] / 4
    return result


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((12, 12, 3), {}),
        ((9, 11, 2), {}),
        ((10, 6, 2), {"rate": 3, "scale": 2.0}),
        ((6, 7, 2), {"rate": 1, "kernel_size": 5, "fuse_size": 1}),
        ((2, 2, 3), {"fuse_size": 5}),
    ],
)
def test_is_the_code_of_the_paper(shape, options):
    features, holes = drawn(2, *shape, scale=0.2), np.zeros((2, *shape[:-1], 1), "float32")
    holes[0, 1:4, 2:5] = 1
    layer = layers.ContextualAttention(**options)
    outputs = support.to_numpy(layer(features, holes))
    for output, *given in zip(outputs, features, holes, strict=True):
        np.testing.assert_allclose(output, restated(*given, **options), atol=1e-5)
    assert layer.compute_output_shape(features.shape, holes.shape) == features.shape and not layer.weights


def test_a_patch_that_occurs_once_outside_of_the_hole_is_copied():
    """The hole holds what is also far from it: each position finds the other."""
    features = drawn(1, 24, 24, 4, scale=3.0)
    features[:, 2:12, 2:12] = features[:, 12:22, 12:22]
    holes = holes_of(features.shape, slice(4, 10), slice(4, 10))
    alone = layers.ContextualAttention(fuse_size=1)
    # Elsewhere each patch is found in its own place, but for the border, where fewer than four patches overlap.
    for layer in (layers.ContextualAttention(), alone):
        outputs = support.to_numpy(layer(features, holes))
        np.testing.assert_allclose(outputs[:, 5:9, 5:9], features[:, 5:9, 5:9], atol=1e-4)
        np.testing.assert_allclose(outputs[:, 13:23, 13:23], features[:, 13:23, 13:23], atol=1e-4)


def test_nothing_is_copied_from_a_hole():
    """Pixels of a hole that take part in no comparison change nothing anywhere."""
    features = drawn(1, 12, 12, 2)
    holes = holes_of(features.shape, slice(2, 8), slice(2, 8))
    other = features.copy()
    other[:, 3:7:2, 3:7:2] += 5
    layer = layers.ContextualAttention()
    np.testing.assert_array_equal(
        support.to_numpy(layer(features, holes)), support.to_numpy(layer(other, holes))
    )
    everywhere = support.to_numpy(layer(features, np.ones_like(holes)))
    np.testing.assert_array_equal(everywhere, np.zeros_like(features))


def test_gradients_are_finite_where_features_are_zero():
    variable = keras.Variable(np.where(np.arange(12)[:, None, None] < 6, 0, drawn(1, 12, 12, 2)))
    holes = holes_of(variable.shape, slice(2, 4), slice(2, 4))
    layer = layers.ContextualAttention()
    _, (gradient,) = backends.value_and_grad(lambda: ops.sum(ops.square(layer(variable, holes))), [variable])
    gradient = support.to_numpy(gradient)
    assert np.isfinite(gradient).all() and gradient.any()


def test_half_precision():
    features = drawn(1, 12, 12, 4, scale=30.0)
    holes = holes_of(features.shape, slice(2, 6), slice(2, 6))
    expected = support.to_numpy(layers.ContextualAttention()(features, holes))
    outputs = layers.ContextualAttention(dtype="mixed_float16")(features, holes)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
    # Sums of squares are beyond 65504.
    np.testing.assert_allclose(support.to_numpy(outputs), expected, rtol=2e-3, atol=0.1)


@pytest.mark.any_backend
def test_config():
    options = {"kernel_size": 5, "rate": 3, "scale": 2.0, "fuse_size": 1}
    layer = layers.ContextualAttention(**options)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config() and again.get_config().items() >= options.items()


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 2}, "`kernel_size` must be odd. Received: kernel_size=2"),
        ({"fuse_size": 4}, "`fuse_size` must be odd"),
        ({"rate": 0}, "`rate`"),
        ({"scale": 0.0}, "`scale`"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        layers.ContextualAttention(**options)
