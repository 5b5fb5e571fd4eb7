"""Batches from NumPy arrays."""

import numpy as np

from keras_genzoo import pixels
from keras_genzoo.datasets import pipeline


def from_arrays(
    images,
    labels=None,
    batch_size=64,
    value_range=None,
    image_size=None,
    flip=False,
    shuffle=True,
    seed=0,
    initial_step=None,
):
    """Batches of the images of an array, float32 in [-1, 1].

    Args:
        images: Array `(n, height, width, channels)`, uint8 in [0, 255] or float in `value_range`. All values
            are checked.
        labels: Optional integer array `(n,)`.
        batch_size: Number of images per batch. The last, partial batch of an epoch is dropped.
        value_range: Pair `(low, high)`, the range of float images, such as `(0, 1)`. Defaults to `(-1, 1)`.
            Ignored for uint8.
        image_size: Integer or pair `(height, width)` to resize to (bilinear, antialiased). None keeps the
            size.
        flip: Whether to mirror each image left to right with probability one half, drawn anew each epoch.
        shuffle: Whether to shuffle.
        seed: Integer that fixes the order and the mirroring.
        initial_step: None for a finite dataset: one epoch per iteration, in another order at each. An integer
            for an endless dataset that begins at this step, counted in batches: from there on it yields
            exactly what the dataset of `initial_step=0` yields, in any process. Use it, with
            `steps_per_epoch`, to resume a training.

    Returns:
        `tf.data.Dataset` of images `(batch_size, height, width, channels)`, float32 in [-1, 1]; with
        `labels`, of pairs of images and labels `(batch_size,)`, int32.

    Raises:
        ValueError: If the shapes, the values or the number of images do not fit.

    Example:

    >>> images = np.random.randint(0, 256, (100, 8, 8, 3), "uint8")
    >>> dataset = from_arrays(images, batch_size=20, flip=True)
    >>> len(dataset)
    5
    """
    images = np.asarray(images)
    value_range = tuple(map(float, value_range or (-1, 1)))
    _check_images(images, value_range)
    if images.dtype == np.uint8:
        value_range = (0.0, 255.0)
    if labels is not None:
        labels = _check_labels(np.asarray(labels), len(images))
    if image_size is not None:
        image_size = pipeline.height_and_width(image_size)

    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):  # where tf.data reads them; the whole set has no place in GPU memory
        images = tf.constant(images)
        labels = labels if labels is None else tf.constant(labels)

    def fetch(indices):
        batch = tf.gather(images, indices)
        if image_size is not None and image_size != tuple(batch.shape[1:3]):
            batch = tf.image.resize(batch, image_size, method="bilinear", antialias=True)
        return batch if labels is None else (batch, tf.gather(labels, indices))

    return pipeline.batches(len(images), fetch, batch_size, value_range, flip, shuffle, seed, initial_step)


def _check_images(images, value_range):
    if images.ndim == 3:
        raise ValueError(
            f"`images` must have the shape (n, height, width, channels). Received shape {images.shape}. "
            "Add a channel axis to grey images with `images[..., None]`."
        )
    if images.ndim != 4:
        raise ValueError(
            f"`images` must have the shape (n, height, width, channels). Received shape {images.shape}."
        )
    if not images.size:
        raise ValueError(
            f"`images` is empty. Received shape {images.shape}. Pass at least `batch_size` images."
        )
    pixels.check_range(images, "images", value_range)


def _check_labels(labels, size):
    if labels.shape != (size,):
        raise ValueError(
            f"`labels` must hold one integer per image, shape ({size},). Received shape {labels.shape}."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`labels` must be integers. Received dtype {labels.dtype}. Convert with `.astype('int32')`."
        )
    return labels.astype("int32")
