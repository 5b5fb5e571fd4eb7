"""Batches from NumPy arrays."""

import numpy as np

from keras_genzoo.arguments import (
    Flag,
    Int64,
    OptionalFloatRange,
    OptionalNonNegativeInt,
    OptionalPositiveInt,
    PositiveInt,
    array,
    checked,
)
from keras_genzoo.datasets import pipeline
from keras_genzoo.images import pixels


@checked
def from_arrays(
    images,
    labels=None,
    batch_size: PositiveInt = 64,
    value_range: OptionalFloatRange = None,
    image_size=None,
    flip: Flag = False,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    labels_per_class: OptionalPositiveInt = None,
):
    """Creates a dataset from an array of images or points.

    Args:
        images: Array `(n, height, width, channels)`, uint8 in [0, 255] or float in `value_range`; or a float array
            of points `(n, features)` with any finite values, which are not scaled. All values are checked.
        labels: Optional integer array `(n,)`.
        batch_size: Int, number of images per batch. The last, partial batch of an epoch is dropped.
        value_range: Tuple `(low, high)`, the range of float images, such as `(0, 1)`. Defaults to `(-1, 1)`.
            Ignored for uint8. Must be None for points.
        image_size: Int or tuple `(height, width)` to resize to (bilinear, antialiased). None keeps the size. Must be
            None for points.
        flip: Bool, whether to mirror each image left to right with probability 0.5, drawn anew in each epoch. Must
            be False for points.
        shuffle: Bool, whether to shuffle.
        seed: Int, seed of the order and of the mirroring.
        initial_step: None for a finite dataset: one epoch per iteration, each in a different order. An int for an
            infinite dataset that starts at this step, counted in batches. It yields exactly what the dataset with
            `initial_step=0` yields from this step on, in any process. Use it with `steps_per_epoch` to resume
            training.
        labels_per_class: Int, number of labeled examples per class, for semi-supervised learning. They are drawn
            with `seed`. Every other example of a batch is labeled; the others are drawn from the whole dataset and
            have the label -1. `batch_size` must be even. None keeps all labels.

    Returns:
        `tf.data.Dataset` of images `(batch_size, height, width, channels)`, float32 in [-1, 1], or of points
        `(batch_size, features)`, float32. With `labels`, it yields tuples of these and int32 labels `(batch_size,)`.

    Raises:
        ValueError: If the shape, dtype, range or number of the images or labels is invalid, or an argument does not
            apply to points.
        ImportError: If TensorFlow is not installed.

    Example:

    >>> images = np.random.randint(0, 256, (100, 8, 8, 3), "uint8")
    >>> dataset = keras_genzoo.datasets.from_arrays(images, batch_size=20, flip=True)
    >>> len(dataset)
    5
    """
    images = array("images", images)
    if images.ndim == 2 and images.dtype != np.uint8:
        _check_points(images, value_range=value_range, image_size=image_size, flip=flip)
        images = images.astype("float32", copy=False)
    else:
        value_range = value_range or (-1.0, 1.0)
        _check_images(images, value_range)
        if images.dtype == np.uint8:
            value_range = (0.0, 255.0)
    if labels is not None:
        labels = _check_labels(array("labels", labels), len(images))
    if image_size is not None:
        image_size = pipeline.height_and_width(image_size)

    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):  # tf.data reads from CPU memory, and the whole dataset may not fit in GPU memory.
        images = tf.constant(images)
        labels = labels if labels is None else tf.constant(labels)

    def fetch(choice):
        batch = tf.gather(images, choice.indices)
        if image_size is not None and image_size != tuple(batch.shape[1:3]):
            batch = tf.image.resize(batch, image_size, method="bilinear", antialias=True)
        batch = pipeline.scale(batch, value_range)
        if flip:
            batch = pipeline.mirror(batch, choice)
        return batch if labels is None else (batch, tf.gather(labels, choice.indices))

    if labels_per_class is not None:
        if labels is None or batch_size % 2:
            raise ValueError(
                "`labels_per_class` needs `labels` and an even `batch_size`: half of each batch is labeled. "
                f"Received: batch_size={batch_size}, {'no labels' if labels is None else 'labels'}"
            )
        labeled = tf.constant(_examples_of_each_class(labels.numpy(), labels_per_class, seed))

        def fetch_both(of_labeled, of_all):
            of_labeled = of_labeled._replace(indices=tf.gather(labeled, of_labeled.indices))
            # Alternating, so that every replica gets as many labeled as unlabeled examples.
            joined = [
                tf.reshape(tf.stack(parts, axis=1), (batch_size, *parts[0].shape[1:]))
                for parts in zip(of_labeled, of_all, strict=True)
            ]
            batch, known = fetch(pipeline.Choice(*joined))
            return batch, tf.where(tf.range(batch_size) % 2 == 0, known, -1)

        sizes = (len(labeled), len(images))
        return pipeline.batches(sizes, fetch_both, batch_size // 2, shuffle, seed, initial_step)

    return pipeline.batches((len(images),), fetch, batch_size, shuffle, seed, initial_step)


def _examples_of_each_class(labels, num, seed):
    """Returns the indices of `num` examples of each class, int32."""
    order = np.random.default_rng(abs(seed)).permutation(len(labels))
    found = [order[labels[order] == label][:num] for label in np.unique(labels)]
    fewest = min(map(len, found))
    if fewest < num:
        raise ValueError(
            f"`labels_per_class` must not exceed the {fewest} examples of the smallest class. Received: "
            f"labels_per_class={num}"
        )
    return np.concatenate(found).astype("int32")


def _check_points(points, **image_arguments):
    for argument, value in image_arguments.items():
        if value is not None and value is not False:
            raise ValueError(
                f"`{argument}` applies to images only. Received {argument}={value!r} with `images` of shape "
                f"{points.shape}, which are points. Leave the argument out."
            )
    if not np.issubdtype(points.dtype, np.floating):
        raise ValueError(
            f"`images` of shape (n, features) = {points.shape} are points and must be float. "
            f"Received dtype {points.dtype}. Convert with `.astype('float32')`."
        )
    if not points.size:
        raise ValueError(
            f"`images` is empty. Received shape {points.shape}. Pass at least `batch_size` points."
        )
    if not np.isfinite(points).all():
        raise ValueError("`images` contains NaN or infinite values. Remove those points before training.")


def _check_images(images, value_range):
    if images.ndim == 3:
        raise ValueError(
            f"`images` must have the shape (n, height, width, channels). Received shape {images.shape}. "
            "Add a channel axis to gray images with `images[..., None]`."
        )
    if images.ndim != 4:
        raise ValueError(
            "`images` must have the shape (n, height, width, channels), or (n, features) for points of "
            f"dtype float. Received shape {images.shape} and dtype {images.dtype}."
        )
    if not images.size:
        raise ValueError(
            f"`images` is empty. Received shape {images.shape}. Pass at least `batch_size` images."
        )
    pixels.check_range(images, "images", value_range)


def _check_labels(labels, size):
    if labels.shape != (size,):
        raise ValueError(
            f"`labels` must contain one integer per example, shape ({size},). Received shape {labels.shape}."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`labels` must be integers. Received dtype {labels.dtype}. Convert with `.astype('int32')`."
        )
    return labels.astype("int32")
