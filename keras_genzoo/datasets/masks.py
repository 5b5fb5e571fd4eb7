"""Random free-form masks for inpainting: brush strokes and a rectangle.

TensorFlow draws the masks from a seed, in `Dataset.map`.

Reference: Yu et al. 2019, "Free-form image inpainting with gated convolution" (arXiv:1806.03589), section 3.4 and
appendix, with the numbers of the authors' options for 256x256, scaled to the size of the image.
"""

import math

import numpy as np

from keras_genzoo.datasets import pipeline

_STROKES, _VERTICES, _WIDTH = (1, 4), (4, 12), (12.0, 40.0)
_ANGLE, _ANGLE_RANGE = 2 * math.pi / 5, 2 * math.pi / 15


def mask(size, seed):
    """Draws a mask: the union of a rectangle with half of each side and of brush strokes.

    Args:
        size: Tuple `(height, width)`.
        seed: Int32 tensor `(2,)`.

    Returns:
        Float32 tensor `(height, width, 1)`, 1 in the holes and 0 elsewhere.
    """
    tf = pipeline.require("tensorflow")
    return tf.cast(_rectangle(size, seed) | _strokes(size, seed), tf.float32)[..., None]


def masks_of(num, size):
    """Draws masks with the seeds 0, 1, ...: uint8 `(num, height, width, 1)`, 255 in the holes and 0 elsewhere."""
    tf = pipeline.require("tensorflow")

    @tf.function
    def drawn(number):
        return tf.cast(255.0 * mask(size, tf.stack([number, 0])), tf.uint8)

    masks = np.zeros((num, *size, 1), "uint8")
    with tf.device("CPU"):
        for number in range(num):
            masks[number] = drawn(tf.constant(number)).numpy()
    return masks


def _rectangle(size, seed):
    """Draws a rectangle with half of each side, at a uniformly random position."""
    tf = pipeline.require("tensorflow")
    draws = tf.random.stateless_uniform([2], tf.random.fold_in(seed, 0))
    inside = []
    for side, draw in zip(size, (draws[0], draws[1]), strict=True):
        length = max(1, side // 2)
        first = tf.floor(draw * (side - length + 1))
        places = tf.range(side, dtype=tf.float32)
        inside.append((places >= first) & (places < first + length))
    return inside[0][:, None] & inside[1][None, :]


def _strokes(size, seed):
    """Draws polylines with round ends, whose turns alternate in direction."""
    tf = pipeline.require("tensorflow")
    height, width = size
    scale = math.sqrt(height * width) / 256.0
    radius = math.hypot(height, width) / 8.0
    most_strokes, most_vertices = _STROKES[1] - 1, _VERTICES[1] - 1

    def uniform(shape, number, low=0.0, high=1.0):
        return tf.random.stateless_uniform(shape, tf.random.fold_in(seed, number), low, high)

    num_strokes = tf.floor(uniform([], 1, *map(float, _STROKES)))
    num_vertices = tf.floor(uniform([most_strokes], 2, *map(float, _VERTICES)))
    thickness = scale * uniform([most_strokes], 3, *_WIDTH)
    start = uniform([most_strokes, 1, 2], 4) * np.array([height, width], "float32")
    # Alternating turns by approximately the mean angle, relative to the axis.
    angles = uniform([most_strokes, most_vertices], 5, _ANGLE - _ANGLE_RANGE, _ANGLE + _ANGLE_RANGE)
    angles = tf.where(tf.range(most_vertices) % 2 == 0, 2 * math.pi - angles, angles)
    flips = tf.where(uniform([most_strokes, 1, 2], 6) < 0.5, -1.0, 1.0)
    lengths = tf.random.stateless_normal(
        [most_strokes, most_vertices], tf.random.fold_in(seed, 7), radius, radius / 2
    )
    lengths = tf.clip_by_value(lengths, 0.0, 2 * radius)
    steps = tf.stack([lengths * tf.sin(angles), lengths * tf.cos(angles)], axis=-1) * flips
    used = tf.range(most_vertices, dtype=tf.float32)[None] < num_vertices[:, None]
    steps = tf.where(used[..., None], steps, 0.0)
    rows, columns = tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32)
    places, limit = [start[:, 0]], np.array([height, width], "float32")
    for vertex in range(most_vertices):
        places.append(tf.clip_by_value(places[-1] + steps[:, vertex], 0.0, limit))
    places = tf.stack(places, axis=1)
    drawn = tf.zeros(size, tf.bool)
    for stroke in range(most_strokes):
        near = _near(rows, columns, places[stroke], thickness[stroke] / 2)
        drawn |= near & (stroke < num_strokes)
    return drawn


def _near(rows, columns, vertices, distance):
    """Returns the pixels within a distance of a line through vertices `(n, 2)`."""
    tf = pipeline.require("tensorflow")
    start, along = vertices[:-1, :, None, None], (vertices[1:] - vertices[:-1])[..., None, None]
    down, right = rows[:, None] - start[:, 0], columns[None, :] - start[:, 1]
    share = down * along[:, 0] + right * along[:, 1]
    share = tf.clip_by_value(share / tf.maximum(tf.reduce_sum(along**2, axis=1), 1e-6), 0.0, 1.0)
    squares = tf.square(down - share * along[:, 0]) + tf.square(right - share * along[:, 1])
    return tf.reduce_any(squares <= distance**2, axis=0)
