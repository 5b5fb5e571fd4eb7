"""The latents of a seed in NumPy. They equal those of `keras_genzoo.latent` and `model.sample`, without Keras.

Each row has its own seed and index, so that the rows of several requests can be drawn together.
"""

import math

import numpy as np


def draw(description, seeds, rows):
    """Draws latents, as `sample` of a model does.

    Args:
        description: Dict with `latent` and `prior` of a bundle's `model.json`.
        seeds: uint32 array `(num,)`, the seed of each row.
        rows: uint32 array `(num,)`, the index of each row among the latents of its seed.

    Returns:
        Float32 array `(num, dim)`.
    """
    latent, prior = description["latent"], description["prior"]
    if prior is not None:
        return mixture(
            seeds, rows, *(np.asarray(prior[key], "float32") for key in ("weights", "means", "factors"))
        )
    if latent["distribution"] == "uniform":
        low, high = np.float32(latent["low"]), np.float32(latent["high"])
        return low + (high - low) * uniform(seeds, rows, latent["dim"])
    if latent["distribution"] == "truncated_normal":
        values = (np.float32(2) * uniform(seeds, rows, latent["dim"]) - 1) * np.float32(latent["mass"])
        low, high = np.float32(latent["low"]), np.float32(latent["high"])
        return np.clip(np.float32(math.sqrt(2)) * inverse_erf(values), low, high)
    if latent["distribution"] == "category_and_uniform":
        return category_and_uniform(seeds, rows, latent)
    return normal(seeds, rows, latent["dim"])


def normal(seeds, rows, dim):
    """Draws standard normal latents, as `keras_genzoo.latent.normal`."""
    first, second = _uniform_pairs(seeds, rows, dim)
    radius, angle = np.sqrt(np.float32(-2) * np.log(first)), np.float32(2 * math.pi) * second
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :dim]


def uniform(seeds, rows, dim):
    """Draws latents uniform in (0, 1), as `keras_genzoo.latent.uniform`."""
    return np.concatenate(_uniform_pairs(seeds, rows, dim), axis=1)[:, :dim]


def category_and_uniform(seeds, rows, latent):
    """Draws a one-hot category and uniform values, as `keras_genzoo.latent.CategoryAndUniform`."""
    num_categories, low, high = (
        latent["num_categories"],
        np.float32(latent["low"]),
        np.float32(latent["high"]),
    )
    values = uniform(seeds, rows, latent["dim"] - num_categories + 1)
    category = np.floor(np.float32(num_categories) * values[:, 0]).astype("int32")
    one_hot = np.eye(num_categories, dtype="float32")[category]
    return np.concatenate([one_hot, low + (high - low) * values[:, 1:]], axis=1)


def mixture(seeds, rows, weights, means, factors):
    """Draws latents of a mixture of Gaussians, as `keras_genzoo.latent.mixture`.

    Args:
        seeds, rows: See `draw`.
        weights: Float32 array `(num_components,)`.
        means: Float32 array `(num_components, dim)`.
        factors: Float32 array `(num_components, dim, dim)`, lower Cholesky factors of the covariances.
    """
    normals = normal(seeds, rows, means.shape[1])
    bits, _ = _threefry_2x32((seeds, np.uint32(1)), (rows, np.zeros_like(rows)))
    bounds = np.cumsum(weights, dtype="float32")[:-1]
    component = np.sum(_uniform(bits)[:, None] > bounds, axis=1)
    return means[component] + np.sum(factors[component] * normals[:, None], axis=2)


# Polynomials of `inverse_erf`, the highest power first: for the center, and for the tails.
INVERSE_ERF = (
    (
        2.81022636e-08,
        3.43273939e-07,
        -3.5233877e-06,
        -4.39150654e-06,
        0.00021858087,
        -0.00125372503,
        -0.00417768164,
        0.246640727,
        1.50140941,
    ),
    (
        -0.000200214257,
        0.000100950558,
        0.00134934322,
        -0.00367342844,
        0.00573950773,
        -0.0076224613,
        0.00943887047,
        1.00167406,
        2.83297682,
    ),
)


def inverse_erf(x):
    """As `keras_genzoo.latent.inverse_erf`."""
    w = -np.log((1 - x) * (1 + x))
    near, far = (np.asarray(each, "float32") for each in INVERSE_ERF)
    middle, tail = np.full_like(x, near[0]), np.full_like(x, far[0])
    for of_middle, of_tail in zip(near[1:], far[1:], strict=True):
        middle = middle * (w - np.float32(2.5)) + of_middle
        tail = tail * (np.sqrt(np.maximum(w, 5)) - 3) + of_tail
    return x * np.where(w < 5, middle, tail)


def _uniform_pairs(seeds, rows, dim):
    columns = np.arange(-(-dim // 2), dtype="uint32")[None]
    counter = (rows[:, None] + np.zeros_like(columns), np.zeros_like(rows)[:, None] + columns)
    words = _threefry_2x32((seeds[:, None], np.uint32(0)), counter)
    return tuple(map(_uniform, words))


def _threefry_2x32(key, counter):
    """As `keras_genzoo.latent.threefry_2x32`, with uint32 arithmetic that wraps around."""
    keys = [key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)]
    left, right = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for distance in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            left = left + right
            right = ((right << np.uint32(distance)) | (right >> np.uint32(32 - distance))) ^ left
        left = left + keys[(group + 1) % 3]
        right = right + keys[(group + 2) % 3] + np.uint32(group + 1)
    return left, right


def _uniform(bits):
    return ((bits >> np.uint32(9)).astype("float32") + np.float32(0.5)) * np.float32(2**-23)
