"""The degradation of Real-ESRGAN: turns large pictures into small ones as they come from cameras and the web.

Two rounds of random blur, resizing, noise and JPEG compression, then a final resizing, ringing and JPEG compression.
TensorFlow draws all parameters from a seed, in `Dataset.map`.

Reference: Wang et al. 2021, "Real-ESRGAN: Training real-world blind super-resolution with pure synthetic data"
(arXiv:2107.10833), section 3, with the numbers of the authors' options.
"""

import dataclasses
import math

import numpy as np

from keras_genzoo.datasets import pipeline

# Side of a kernel. Smaller kernels are padded with zeros.
_SIDE = 21


@dataclasses.dataclass(frozen=True)
class _Round:
    """The parameters of a round.

    Args:
        blurred: Probability of a blur.
        deviation: Range of the standard deviation of the blur, in pixels.
        resized: Probabilities of enlarging, reducing and keeping the size.
        factor: Smallest and largest resizing factor.
        gaussian: Range of the standard deviation of Gaussian noise, in gray levels.
        poisson: Range of the strength of Poisson noise.
    """

    blurred: float
    deviation: tuple
    resized: tuple
    factor: tuple
    gaussian: tuple
    poisson: tuple


_ROUNDS = (
    _Round(1.0, (0.2, 3.0), (0.2, 0.7, 0.1), (0.15, 1.5), (1.0, 30.0), (0.05, 3.0)),
    _Round(0.8, (0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), (1.0, 25.0), (0.05, 2.5)),
)
_JPEG = (30.0, 95.0)
_SINC, _LAST_SINC, _GREY, _GAUSSIAN = 0.1, 0.8, 0.4, 0.5
# Fractions of Gaussian and of generalized Gaussian kernels. The others are plateau-shaped.
_GAUSSIAN_KERNELS, _GENERALIZED_KERNELS = 0.7, 0.15
# Fraction of isotropic kernels among the Gaussian ones, and among the others.
_ISOTROPIC, _ISOTROPIC_OTHERS = 0.45 / 0.7, 0.12 / 0.15


def degraded(image, scale, seed):
    """Degrades and reduces a picture.

    Args:
        image: Float32 tensor `(height, width, 1 or 3)` in [0, 1], with a static shape.
        scale: Int, must divide both sides.
        seed: Int32 tensor `(2,)`.

    Returns:
        Float32 tensor `(height / scale, width / scale, channels)` in [0, 1], quantized to 256 levels.
    """
    tf = pipeline.require("tensorflow")
    draws = _Draws(seed)
    height, width, channels = image.shape
    for number, drawn in enumerate(_ROUNDS):
        blurred = _filtered(image, _kernel(draws, drawn.deviation))
        image = tf.where(draws.happens(drawn.blurred), blurred, image)
        factor = _factor(draws, drawn)
        # The second round works at approximately the size of the result.
        base = 1 if number == 0 else scale
        size = [tf.maximum(1, tf.cast(tf.round(factor * side / base), tf.int32)) for side in (height, width)]
        image = _resized(draws, image, size)
        image = _noisy(draws, image, drawn)
        if number == 0:
            image = _compressed(draws, image)
    size = (height // scale, width // scale)
    ringing = tf.where(draws.happens(_LAST_SINC), _sinc(draws), _impulse())
    jpeg_last = draws.happens(0.5)
    resized = _filtered(_resized(draws, image, size), ringing)
    first = _compressed(draws, resized)
    second = _filtered(_resized(draws, _compressed(draws, image), size), ringing)
    image = tf.clip_by_value(tf.where(jpeg_last, first, second), 0.0, 1.0)
    return tf.ensure_shape(tf.round(255.0 * image) / 255.0, (*size, channels))


class _Draws:
    """A sequence of independent random numbers from a seed."""

    def __init__(self, seed):
        self._seed, self._number = seed, 0

    def seed(self):
        self._number += 1
        tf = pipeline.require("tensorflow")
        return tf.random.fold_in(self._seed, self._number)

    def uniform(self, low=0.0, high=1.0):
        tf = pipeline.require("tensorflow")
        return tf.random.stateless_uniform([], self.seed(), low, high)

    def happens(self, probability):
        return self.uniform() < probability


def _factor(draws, drawn):
    """Draws a resizing factor: above 1, below 1, or 1."""
    tf = pipeline.require("tensorflow")
    enlarges, reduces, _ = drawn.resized
    which = draws.uniform()
    up, down = draws.uniform(1.0, drawn.factor[1]), draws.uniform(drawn.factor[0], 1.0)
    return tf.where(which < enlarges, up, tf.where(which < enlarges + reduces, down, 1.0))


def _resized(draws, image, size):
    """Resizes the image with one of three filters."""
    tf = pipeline.require("tensorflow")
    methods = ["area", "bilinear", "bicubic"]
    resize = [
        lambda method=method: tf.image.resize(image, size, method, antialias=method != "area")
        for method in methods
    ]
    which = tf.cast(draws.uniform(0.0, 3.0), tf.int32)
    return tf.clip_by_value(tf.switch_case(which, resize), 0.0, 1.0)


def _noisy(draws, image, drawn):
    """Adds Gaussian or Poisson noise, in gray or in color."""
    tf = pipeline.require("tensorflow")
    shape = tf.shape(image)
    is_grey = draws.happens(_GREY)

    def in_grey(noise):
        return tf.where(is_grey, noise[..., :1] + tf.zeros(shape), noise)

    normal = draws.uniform(*drawn.gaussian) / 255.0 * tf.random.stateless_normal(shape, draws.seed())
    light = 255.0 * image
    counted = tf.random.stateless_poisson(shape, draws.seed(), tf.maximum(light, 1e-6), tf.float32)
    poisson = draws.uniform(*drawn.poisson) * (counted - light) / 255.0
    noise = tf.where(draws.happens(_GAUSSIAN), in_grey(normal), in_grey(poisson))
    return tf.clip_by_value(image + noise, 0.0, 1.0)


def _compressed(draws, image):
    """Compresses the image as JPEG of a random quality, and decodes it."""
    tf = pipeline.require("tensorflow")
    quality = tf.cast(draws.uniform(*_JPEG), tf.int32)
    return tf.image.adjust_jpeg_quality(image, quality)


def _filtered(image, kernel):
    """Filters the image, padded by reflection, with a kernel of side `_SIDE`."""
    tf = pipeline.require("tensorflow")
    half = _SIDE // 2
    padded = tf.pad(image, [(half, half), (half, half), (0, 0)], "SYMMETRIC")
    by_channel = tf.transpose(padded, [2, 0, 1])[..., None]
    filtered = tf.nn.conv2d(by_channel, kernel[:, :, None, None], 1, "VALID")
    return tf.transpose(filtered[..., 0], [1, 2, 0])


def _kernel(draws, deviation):
    """Draws a blur kernel, sometimes a sinc kernel."""
    tf = pipeline.require("tensorflow")
    which = draws.uniform()
    isotropic = draws.happens(tf.where(which < _GAUSSIAN_KERNELS, _ISOTROPIC, _ISOTROPIC_OTHERS))
    first, other = draws.uniform(*deviation), draws.uniform(*deviation)
    second = tf.where(isotropic, first, other)
    angle = draws.uniform(-math.pi, math.pi)
    x, y = _grid()
    along, across = x * tf.cos(angle) + y * tf.sin(angle), y * tf.cos(angle) - x * tf.sin(angle)
    squares = tf.square(along / first) + tf.square(across / second)
    generalized = tf.exp(-0.5 * tf.pow(squares, draws.uniform(0.5, 4.0)))
    plateau = 1.0 / (1.0 + tf.pow(squares, draws.uniform(1.0, 2.0)))
    kernel = tf.where(
        which < _GAUSSIAN_KERNELS,
        tf.exp(-0.5 * squares),
        tf.where(which < _GAUSSIAN_KERNELS + _GENERALIZED_KERNELS, generalized, plateau),
    )
    kernel = _cut(draws, kernel)
    return tf.where(draws.happens(_SINC), _sinc(draws), kernel)


def _sinc(draws):
    """Draws a low-pass kernel that produces ringing, like that of oversharpening."""
    tf = pipeline.require("tensorflow")
    cutoff = draws.uniform(math.pi / 3, math.pi)
    x, y = _grid()
    radius = np.maximum(np.hypot(x, y), 1e-6)
    kernel = cutoff * tf.math.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius)
    middle = np.hypot(x, y) == 0
    return _cut(draws, tf.where(middle, tf.square(cutoff) / (4 * math.pi), kernel))


def _cut(draws, kernel):
    """Crops the kernel to a random odd side of at least 7, and normalizes its sum to 1."""
    tf = pipeline.require("tensorflow")
    half = tf.floor(draws.uniform(3.0, _SIDE // 2 + 1))
    x, y = _grid()
    kernel = tf.where((np.abs(x) <= half) & (np.abs(y) <= half), kernel, 0.0)
    return kernel / tf.reduce_sum(kernel)


def _impulse():
    x, y = _grid()
    return ((x == 0) & (y == 0)).astype("float32")


def _grid():
    return np.meshgrid(*[np.arange(_SIDE, dtype="float32") - _SIDE // 2] * 2)
