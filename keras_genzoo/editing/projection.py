"""Projection: the codes whose images are closest to given images, found by optimization."""

import math
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Positive, PositiveInt, Seed, array, checked
from keras_genzoo.editing.codes import Sampler
from keras_genzoo.editing.codes import codes as codes_of
from keras_genzoo.modalities import Summary
from keras_genzoo.models.perceptual import PerceptualFeatures


class Projection(NamedTuple):
    """The result of `project`.

    Attributes:
        codes: Float32 array `(num, code_dim)`.
        errors: Float32 array `(num,)`, the distance between each given image and the image of its code.
    """

    codes: np.ndarray
    errors: np.ndarray


def squared_error(images, others):
    """Returns the mean squared difference of each pair of images in [-1, 1], `(num,)`."""
    return ops.mean(ops.square(images - others), axis=tuple(range(1, len(images.shape))))


@checked
def project(
    model: Sampler,
    images,
    labels=None,
    *,
    num_steps: PositiveInt = 200,
    num_restarts: PositiveInt = 4,
    learning_rate: Positive = 0.1,
    distance="squared_error",
    seed: Seed = 0,
    batch_size: PositiveInt = 64,
):
    """Finds the codes whose images are closest to given images.

    The codes are optimized with Adam (`beta_1` 0.9, `beta_2` 0.999) and a cosine decay of the learning rate to zero,
    from several starting points: the codes of random latents, and for a model with an encoder also the codes of the
    images. The best codes of all steps and starting points are returned. Batch normalization is in inference mode.

    Args:
        model: Model with the ability `sample`.
        images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1]; or float `(num, num_features)` for
            a model of points.
        labels: Int array `(num,)`, or an int for all; required for conditional models.
        num_steps: Int, number of updates per starting point.
        num_restarts: Int, number of starting points.
        learning_rate: Float, initial learning rate.
        distance: `"squared_error"`, the mean squared difference of the values; `"perceptual"`, the difference of
            features of EfficientNet-Lite0 by the formula of LPIPS, for images only; or a function of two float32
            tensors of images in [-1, 1] that returns the distance of each pair, a tensor `(num,)`.
        seed: Int, seed of the starting points.
        batch_size: Int, number of images per batch.

    Returns:
        `Projection`, a named tuple of the codes and their errors.

    Raises:
        ValueError: If an argument is out of range or does not fit the model.

    Example:

    ```python
    model = keras_genzoo.models.load("dcgan_fashion_mnist")
    codes, errors = keras_genzoo.editing.project(model, model.sample(4, seed=1), num_steps=20)
    copies = keras_genzoo.editing.images(model, codes)
    ```

    Reference: Zhu et al. 2016, "Generative visual manipulation on the natural image manifold" (arXiv:1609.03552),
    equation 3; Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN" (arXiv:1912.04958),
    section 5, for the perceptual distance.
    """
    distance = _distance(distance, model)
    images = array("images", images)
    model.modality.check(Summary.of(images), "images")
    images = np.asarray(model.modality.scale(images), "float32")
    labels = model.labels_of(labels, len(images))
    starts = np.asarray(model.latents_from_seed(num_restarts * len(images), seed))
    starts = codes_of(model, starts, *(np.tile(each, num_restarts) for each in labels))
    starts = starts.reshape(num_restarts, len(images), -1)
    if "encode" in model.abilities:
        starts[0] = model.encode(images)
    update = backends.Compiled(_update_of(model, distance), model)
    parts = [
        _best_of_starts(
            update,
            starts[:, rows],
            [images[rows], *(each[rows] for each in labels)],
            [learning_rate * 0.5 * (1 + math.cos(math.pi * step / num_steps)) for step in range(num_steps)],
            batch_size,
        )
        for rows in (slice(start, start + batch_size) for start in range(0, len(images), batch_size))
    ]
    return Projection(*map(np.concatenate, zip(*parts, strict=True)))


DISTANCES = ("squared_error", "perceptual")


def _distance(distance, model):
    if callable(distance):
        return distance
    if distance not in DISTANCES:
        raise ValueError(f"`distance` must be one of {list(DISTANCES)} or a function. Received: {distance!r}")
    if distance == "squared_error":
        return squared_error
    if len(model.modality.shape) != 3 or model.modality.shape[-1] not in (1, 3):
        raise ValueError(
            "`distance='perceptual'` is for gray and RGB images, but samples of this model have the shape "
            f"{model.modality.shape}. Use 'squared_error'."
        )
    return PerceptualFeatures().distances


def _best_of_starts(update, starts, targets, learning_rates, batch_size):
    best, best_errors = starts[0].copy(), np.full(len(targets[0]), np.inf, "float32")
    for codes in starts:
        state = [codes, np.zeros_like(codes), np.zeros_like(codes)]
        # The last iteration only computes the errors of the final codes, without an update.
        for step, learning_rate in enumerate([*learning_rates, 0.0], start=1):
            options = {"step": np.float32(step), "learning_rate": np.float32(learning_rate)}
            *moved, errors = update([*state, *targets], options, batch_size)
            nearer = errors < best_errors
            best[nearer], best_errors[nearer] = state[0][nearer], errors[nearer]
            state = moved
    return best, best_errors


def _update_of(model, distance, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """Returns a function that performs a step of Adam, independently for each row."""

    def update(codes, mean, variance, images, labels=None, *, step, learning_rate):
        errors, gradient = backends.input_value_and_grad(
            lambda codes: distance(model.images_from_codes(codes, labels), images), codes
        )
        mean = beta_1 * mean + (1 - beta_1) * gradient
        variance = beta_2 * variance + (1 - beta_2) * ops.square(gradient)
        corrected = mean / (1 - beta_1**step), variance / (1 - beta_2**step)
        moved = codes - learning_rate * corrected[0] / (ops.sqrt(corrected[1]) + epsilon)
        return model.nearest_codes(moved), mean, variance, errors

    return update
