"""Latents that are a pure function of a seed: the same on every backend, for every batch size, and in an
export.
"""

import dataclasses
import math
import random
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_genzoo import arguments
from keras_genzoo.serving.latents import INVERSE_ERF


class Directions(NamedTuple):
    """Directions along which latents, or the codes of a model, are moved (`keras_genzoo.editing`).

    Attributes:
        vectors: Float32 array `(k, code_dim)` of unit vectors.
        scales: Float32 array `(k,)`, length of a move of strength 1.
    """

    vectors: np.ndarray
    scales: np.ndarray


@dataclasses.dataclass(frozen=True)
class Normal:
    """Distribution of standard normal latents.

    It defines the interface of a model's `latent`; other distributions implement the same methods.

    Args:
        dim: Int, length of a latent.

    Example:

    ```python
    import keras_genzoo as kg

    latents = kg.latent.Normal(dim=100).from_seed(16, seed=0)  # float32 (16, 100)
    ```
    """

    dim: int

    @property
    def spec(self):
        """`keras.KerasTensor` of a batch of latents."""
        return keras.KerasTensor((None, self.dim), "float32", name="latents")

    def description(self):
        """Returns a JSON-serializable dict from which another program can draw the latents of a seed."""
        return {"distribution": "normal", "dim": self.dim}

    def draw(self, num, noise):
        """Draws latents for training.

        Args:
            num: Int or scalar tensor, number of latents.
            noise: `keras_genzoo.backends.SeedGenerator`.

        Returns:
            Float32 tensor `(num, dim)`.
        """
        return keras.random.normal((num, self.dim), seed=noise)

    def from_seed(self, num, seed):
        """Returns the latents of a seed, a pure function of it; see `normal`.

        Args:
            num: Int or scalar tensor, number of latents.
            seed: Int or scalar integer tensor, from 0 to 2**32 - 1.

        Returns:
            Float32 tensor `(num, dim)`.
        """
        return normal(num, self.dim, seed)

    def on_path(self, starts, ends, positions):
        """Interpolates between pairs of latents with `great_circle`.

        Args:
            starts, ends: Arrays `(num, dim)`.
            positions: Array `(num,)`, 0 at the start and 1 at the end.

        Returns:
            NumPy array `(num, dim)`.
        """
        return great_circle(starts, ends, positions)

    def between(self, start, end, num):
        """Interpolates between two latents with `slerp`.

        Args:
            start, end: Arrays `(dim,)`.
            num: Int, number of latents, both ends included.

        Returns:
            NumPy array `(num, dim)`.
        """
        return slerp(start, end, num)

    @property
    def mean(self):
        """Mean of each value, a float."""
        return 0.0

    def nearest(self, latents):
        """Projects a tensor onto the latents that the distribution can produce."""
        return latents

    def check(self, latents):
        """Checks an array of latents.

        Args:
            latents: Float32 NumPy array.

        Raises:
            ValueError: If the shape is not `(num, dim)`, `num` is 0, or a value is not finite.
        """
        if latents.ndim != 2 or latents.shape[1] != self.dim or not len(latents):
            raise ValueError(f"`latents` must have the shape (num, {self.dim}). Received: {latents.shape}")
        if not np.isfinite(latents).all():
            raise ValueError(
                "`latents` must contain finite float32 values. Received NaN or infinite values in "
                f"{(~np.isfinite(latents)).any(axis=1).sum()} of {len(latents)} rows."
            )


@dataclasses.dataclass(frozen=True)
class Uniform(Normal):
    """Distribution of latents whose values are uniform in (low, high).

    Args:
        dim: Int, length of a latent.
        low, high: Floats, bounds of the values.

    Example:

    ```python
    import keras_genzoo as kg

    latents = kg.latent.Uniform(dim=100, low=0.0, high=1.0).from_seed(16, seed=0)  # float32 (16, 100)
    ```
    """

    low: float = -1.0
    high: float = 1.0

    def description(self):
        """As `Normal.description`."""
        return {"distribution": "uniform", "dim": self.dim, "low": self.low, "high": self.high}

    def draw(self, num, noise):
        """As `Normal.draw`."""
        return keras.random.uniform((num, self.dim), self.low, self.high, seed=noise)

    def from_seed(self, num, seed):
        """As `Normal.from_seed`; see `uniform`."""
        return self.low + (self.high - self.low) * uniform(num, self.dim, seed)

    @property
    def mean(self):
        """As `Normal.mean`."""
        return (self.low + self.high) / 2

    def nearest(self, latents):
        """As `Normal.nearest`: clips to the interval."""
        return ops.clip(latents, self.low, self.high)

    def on_path(self, starts, ends, positions):
        """As `Normal.on_path`, along straight lines, which stay within the interval."""
        return starts + positions[:, None] * (ends - starts)

    def between(self, start, end, num):
        """As `Normal.between`, along a straight line, which stays within the interval."""
        return np.linspace(start, end, num)


class TruncatedNormal(Uniform):
    """Distribution of truncated standard normal latents: values beyond a threshold are drawn again.

    Training draws from the normal distribution without truncation.

    Args:
        dim: Int, length of a latent.
        threshold: Positive float, largest absolute value.

    Raises:
        ValueError: If `threshold` is not positive.

    Example:

    ```python
    import keras_genzoo as kg

    latents = kg.latent.TruncatedNormal(dim=100, threshold=0.5).from_seed(16, seed=0)  # within [-0.5, 0.5]
    ```
    """

    def __init__(self, dim, threshold):
        arguments.number("truncation", threshold, above=0)
        super().__init__(dim, -threshold, threshold)

    @property
    def mass(self):
        """Probability that a normal value is within the threshold, a float."""
        return math.erf(self.high / math.sqrt(2.0))

    def description(self):
        """As `Normal.description`."""
        return {**super().description(), "distribution": "truncated_normal", "mass": self.mass}

    def draw(self, num, noise):
        """As `Normal.draw`, without truncation."""
        return Normal(self.dim).draw(num, noise)

    def from_seed(self, num, seed):
        """As `Normal.from_seed`: maps uniform values to quantiles, so that no value has to be drawn again."""
        return self.of_quantiles(2.0 * uniform(num, self.dim, seed) - 1.0)

    def of_quantiles(self, values):
        """Maps a float32 tensor of values in [-1, 1] to latents; 0 is mapped to the median."""
        return ops.clip(math.sqrt(2.0) * inverse_erf(values * self.mass), self.low, self.high)


def inverse_erf(x):
    """Inverse of the error function, with the same operations on every backend.

    Args:
        x: Float32 tensor of values in (-1, 1).

    Returns:
        Float32 tensor.

    Reference: Giles, "Approximating the erfinv function", 2012, table 5 (single precision).
    """
    w = -ops.log((1.0 - x) * (1.0 + x))
    near, far = w - 2.5, ops.sqrt(ops.maximum(w, 5.0)) - 3.0
    return x * ops.where(w < 5.0, _polynomial(near, INVERSE_ERF[0]), _polynomial(far, INVERSE_ERF[1]))


def _polynomial(x, coefficients):
    result = coefficients[0]
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


@dataclasses.dataclass(frozen=True)
class CategoryAndUniform(Uniform):
    """Distribution of latents that start with a one-hot category, followed by uniform values.

    All categories are equally likely. One uniform number selects the category, the same on every backend.
    Interpolation is linear and blends the two categories.

    Args:
        dim: Int, length of a latent, including the one-hot category.
        low, high: Floats, bounds of the uniform values.
        num_categories: Int, length of the one-hot category.

    Example:

    ```python
    import keras_genzoo as kg

    latents = kg.latent.CategoryAndUniform(dim=74, num_categories=10).from_seed(16, seed=0)  # float32 (16, 74)
    ```
    """

    num_categories: int = 2

    def description(self):
        """As `Normal.description`."""
        return {
            **super().description(),
            "distribution": "category_and_uniform",
            "num_categories": self.num_categories,
        }

    def draw(self, num, noise):
        """As `Normal.draw`."""
        return self._of_uniform(keras.random.uniform((num, self._num_drawn), seed=noise))

    def from_seed(self, num, seed):
        """As `Normal.from_seed`: the first values of `uniform` select the categories."""
        return self._of_uniform(uniform(num, self._num_drawn, seed))

    @property
    def _num_drawn(self):
        return self.dim - self.num_categories + 1

    def _of_uniform(self, values):
        category = ops.cast(ops.floor(self.num_categories * values[:, 0]), "int32")
        others = self.low + (self.high - self.low) * values[:, 1:]
        return ops.concatenate([ops.one_hot(category, self.num_categories, dtype="float32"), others], axis=1)

    @property
    def mean(self):
        """As `Normal.mean`, an array `(dim,)` with the mean of each value."""
        return self._of_each(1.0 / self.num_categories, (self.low + self.high) / 2)

    def nearest(self, latents):
        """As `Normal.nearest`: clips each value to its bounds. Blends of categories are allowed."""
        return ops.clip(latents, self._of_each(0.0, self.low), self._of_each(1.0, self.high))

    def _of_each(self, of_category, of_others):
        categories, others = self.num_categories, self.dim - self.num_categories
        return np.array([of_category] * categories + [of_others] * others, "float32")


def check_seed(seed):
    """Checks a seed.

    Args:
        seed: Int from 0 to 2**32 - 1.

    Raises:
        ValueError: If `seed` is not such an int.
    """
    arguments.seed("seed", seed)


def fresh_seed():
    """Returns a random seed, an int. It is determined by `keras.utils.set_random_seed`."""
    # Not used for cryptography.
    return random.randint(1, 10**9)  # nosec B311


def normal(num, latent_dim, seed):
    """Draws standard normal latents as a pure function of the seed.

    Latent `i` depends only on `seed` and `i`. The first 16 of 64 latents are therefore the 16 latents of the
    same seed. A counter-based generator in integer arithmetic (Threefry-2x32 with 20 rounds) produces random
    bits, which the Box-Muller transform maps to normal values. TensorFlow, JAX and an exported SavedModel
    agree up to rounding errors.

    Args:
        num: Int or scalar tensor, number of latents.
        latent_dim: Int, length of a latent.
        seed: Int or scalar integer tensor, from 0 to 2**32 - 1.

    Returns:
        Float32 tensor of shape `(num, latent_dim)`.

    Raises:
        ValueError: If `num`, `latent_dim` or `seed` is out of range.

    Example:

    ```python
    import keras_genzoo as kg

    latents = kg.latent.normal(16, 100, seed=0)  # float32 (16, 100)
    ```

    Reference: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
    """
    first, second = _uniform_pairs(num, latent_dim, seed)
    radius = ops.sqrt(-2.0 * ops.log(first))
    angle = 2.0 * math.pi * second
    normals = ops.concatenate([radius * ops.cos(angle), radius * ops.sin(angle)], axis=1)
    return normals[:, :latent_dim]


def uniform(num, latent_dim, seed):
    """Draws latents uniform in (0, 1) as a pure function of the seed; see `normal`.

    The values are the same on every backend.

    Args:
        num: Int or scalar tensor, number of latents.
        latent_dim: Int, length of a latent.
        seed: Int or scalar integer tensor, from 0 to 2**32 - 1.

    Returns:
        Float32 tensor of shape `(num, latent_dim)`.

    Raises:
        ValueError: If `num`, `latent_dim` or `seed` is out of range.

    Example:

    ```python
    import keras_genzoo as kg

    latents = kg.latent.uniform(16, 100, seed=0)  # float32 (16, 100)
    ```
    """
    return ops.concatenate(_uniform_pairs(num, latent_dim, seed), axis=1)[:, :latent_dim]


def _uniform_pairs(num, latent_dim, seed):
    """Two independent tensors of uniform values, each `(num, latent_dim / 2)`, rounded up."""
    # Functions that run eagerly receive arrays.
    if not (ops.is_tensor(seed) or isinstance(seed, np.ndarray)):
        check_seed(seed)
    if not (ops.is_tensor(num) or isinstance(num, np.ndarray)):
        arguments.integer("num", num, at_least=0)
    arguments.integer("latent_dim", latent_dim, at_least=1)
    pairs = -(-latent_dim // 2)
    row = ops.cast(ops.arange(num, dtype="int32"), "uint32")[:, None]
    column = ops.cast(ops.arange(pairs, dtype="int32"), "uint32")[None, :]
    zeros = ops.zeros_like(row) + ops.zeros_like(column)
    words = threefry_2x32((ops.cast(seed, "uint32"), 0), (row + zeros, column + zeros))
    return tuple(map(_uniform, words))


def mixture(num, seed, weights, means, factors):
    """Draws latents of a mixture of Gaussians as a pure function of the seed; see `normal`.

    Separate random bits select a component for latent `i`. The component scales and shifts the standard
    normal latent `i` of the seed. If the weights are multiples of 2**-23, their sums are exact, and every
    backend selects the same components.

    Args:
        num: Int or scalar tensor, number of latents.
        seed: Int or scalar integer tensor, from 0 to 2**32 - 1.
        weights: Float32 tensor `(num_components,)`, at least 0, with sum 1.
        means: Float32 tensor `(num_components, latent_dim)`.
        factors: Float32 tensor `(num_components, latent_dim, latent_dim)`, lower Cholesky factors of the
            covariances.

    Returns:
        Float32 tensor of shape `(num, latent_dim)`.

    Raises:
        ValueError: If `num` or `seed` is out of range.

    Example:

    ```python
    import keras_genzoo as kg

    weights, means, factors = [0.25, 0.75], [[-1.0], [1.0]], [[[0.1]], [[0.1]]]
    latents = kg.latent.mixture(16, 0, weights, means, factors)  # float32 (16, 1)
    ```
    """
    weights, means, factors = (ops.convert_to_tensor(x, "float32") for x in (weights, means, factors))
    normals = normal(num, means.shape[1], seed)
    row = ops.cast(ops.arange(num, dtype="int32"), "uint32")
    bits, _ = threefry_2x32((ops.cast(seed, "uint32"), 1), (row, ops.zeros_like(row)))
    # Without the last bound, which may be below 1 because of rounding.
    bounds = ops.cumsum(weights)[:-1]
    component = ops.sum(ops.cast(_uniform(bits)[:, None] > bounds[None], "int32"), axis=1)
    # Not a matrix product, which some accelerators compute in lower precision.
    scaled = ops.sum(ops.take(factors, component, axis=0) * normals[:, None], axis=2)
    return ops.take(means, component, axis=0) + scaled


def slerp(start, end, num):
    """Interpolates between two latents along the great circle.

    Linear interpolation between normal latents gives latents that are shorter than those the model was
    trained on. Spherical interpolation keeps their length typical.

    Args:
        start: Array `(latent_dim,)`.
        end: Array `(latent_dim,)`.
        num: Int, at least 1. Number of latents, both ends included.

    Returns:
        NumPy array `(num, latent_dim)`.

    Raises:
        ValueError: If `start` and `end` are not vectors of equal length, or `num` is less than 1.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    start, end = np.asarray(kg.latent.normal(2, 100, seed=0))
    latents = kg.latent.slerp(start, end, num=8)  # (8, 100)
    ```

    Reference: White, "Sampling generative networks", 2016, arXiv:1609.04468, section 2.1.
    """
    start, end = arguments.array("start", start), arguments.array("end", end)
    for argument, given in (("start", start), ("end", end)):
        if given.ndim != 1 or not given.size:
            raise ValueError(
                f"`{argument}` must be one latent of shape (latent_dim,). Received: shape {given.shape}"
            )
    if start.shape != end.shape:
        raise ValueError(
            f"`start` and `end` must have the same length. Received: {len(start)} and {len(end)}"
        )
    arguments.integer("num", num, at_least=1)
    return great_circle(start[None], end[None], np.linspace(0.0, 1.0, num))


def great_circle(starts, ends, positions):
    """Interpolates between pairs of latents along great circles; see `slerp`.

    Args:
        starts, ends: Arrays `(num, latent_dim)`, or `(1, latent_dim)` for all positions.
        positions: Array `(num,)`, 0 at the start and 1 at the end.

    Returns:
        NumPy array `(num, latent_dim)`.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    starts, ends = (np.asarray(kg.latent.normal(4, 100, seed=seed)) for seed in (0, 1))
    latents = kg.latent.great_circle(starts, ends, np.full(4, 0.5))  # (4, 100)
    ```
    """
    lengths = np.linalg.norm(starts, axis=1) * np.linalg.norm(ends, axis=1)
    angle = np.arccos(np.clip((starts * ends).sum(axis=1) / lengths, -1.0, 1.0))[:, None]
    positions = positions[:, None]
    straight = np.sin(angle) < 1e-6
    divisor = np.where(straight, 1.0, np.sin(angle))
    first = np.where(straight, 1.0 - positions, np.sin((1.0 - positions) * angle) / divisor)
    second = np.where(straight, positions, np.sin(positions * angle) / divisor)
    return first * starts + second * ends


def threefry_2x32(key, counter):
    """Computes the Threefry-2x32 block cipher with 20 rounds.

    Args:
        key: Pair of uint32 scalars.
        counter: Pair of uint32 tensors of equal shape.

    Returns:
        Pair of uint32 tensors of that shape.
    """
    keys = [_uint32(key[0]), _uint32(key[1])]
    keys.append(ops.bitwise_xor(ops.bitwise_xor(keys[0], keys[1]), _uint32(0x1BD11BDA)))
    left, right = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for distance in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            left = left + right
            rotated = ops.bitwise_or(
                ops.left_shift(right, _uint32(distance)), ops.right_shift(right, _uint32(32 - distance))
            )
            right = ops.bitwise_xor(rotated, left)
        left = left + keys[(group + 1) % 3]
        right = right + keys[(group + 2) % 3] + _uint32(group + 1)
    return left, right


def _uint32(value):
    return ops.cast(value, "uint32") if ops.is_tensor(value) else ops.convert_to_tensor(value, dtype="uint32")


def _uniform(bits):
    """Maps 32 random bits to (0, 1): the upper 23 bits, centered in their interval, exact in float32."""
    upper = ops.cast(ops.right_shift(bits, _uint32(9)), "float32")
    return (upper + 0.5) * (1.0 / 2**23)
