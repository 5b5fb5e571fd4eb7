"""The pipeline shared by all loaders: order of the examples, batching, scaling to [-1, 1], mirroring, cropping."""

import functools
import importlib
from typing import Any, NamedTuple

from keras_genzoo import arguments


class Choice(NamedTuple):
    """The examples of a batch and the random draws for their augmentation, new in each epoch.

    Attributes:
        indices: Int32 tensor `(batch_size,)`.
        mirrored: Bool tensor `(batch_size,)`, True with probability 0.5.
        offsets: Float32 tensor `(batch_size, 2)` in [0, 1), the vertical and horizontal position of the crop. Also
            used by `turn` and as seeds of degradations.
    """

    indices: Any
    mirrored: Any
    offsets: Any


def batches(sizes, fetch, batch_size, shuffle, seed, initial_step):
    """Creates a dataset whose order is a pure function of the seed, the epoch and the step.

    Args:
        sizes: Tuple of the numbers of examples of one or several domains, which are drawn from independently. An
            epoch is as long as the largest domain; smaller ones are repeated, in a different order each time.
        fetch: Function of one `Choice` per domain that returns an element of the dataset. Runs in `Dataset.map`.
        batch_size: Int, number of images per batch.
        shuffle: Bool, whether to shuffle.
        seed: Int, seed of the order and of the draws.
        initial_step: None for a finite dataset of one epoch per iteration, an int for an infinite one that starts at
            this batch.

    Returns:
        `tf.data.Dataset` of what `fetch` returns.
    """
    size = max(sizes) if all(sizes) else 0
    check_batch_size(batch_size, size)
    tf = require("tensorflow")
    steps_per_epoch = size // batch_size

    def choices(domain_size, domain_seed):
        order_seed, draw_seed = tf.unstack(tf.random.split(domain_seed))
        rounds = -(-size // domain_size)
        order = tf.tile(tf.range(domain_size)[None], [rounds, 1])
        if shuffle:
            round_seeds = tf.concat([order_seed[None], tf.random.split(order_seed, rounds)[1:]], axis=0)
            order = tf.map_fn(
                lambda round_seed: tf.random.experimental.stateless_shuffle(
                    tf.range(domain_size), round_seed
                ),
                round_seeds,
                fn_output_signature=tf.TensorSpec((domain_size,), tf.int32),
            )
        draws = tf.random.stateless_uniform([3, size], draw_seed)
        return Choice(tf.reshape(order, [-1])[:size], draws[0] < 0.5, tf.transpose(draws[1:]))

    def one_epoch(epoch):
        epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        drawn = tuple(
            choices(domain_size, tf.random.fold_in(epoch_seed, domain) if domain else epoch_seed)
            for domain, domain_size in enumerate(sizes)
        )
        # Batched within the epoch, so that no batch spans two epochs.
        return tf.data.Dataset.from_tensor_slices(drawn).batch(batch_size, drop_remainder=True)

    if initial_step is None:
        # A new random number per iteration replaces the epoch number.
        epochs = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
        first_step, cardinality = 0, steps_per_epoch
    else:
        first_epoch, first_step = divmod(initial_step, steps_per_epoch)
        epochs = tf.data.Dataset.counter(first_epoch)
        cardinality = tf.data.INFINITE_CARDINALITY

    # Steps are skipped before any image is read: resuming at a late step is fast.
    dataset = epochs.flat_map(one_epoch).skip(first_step)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
    dataset = dataset.map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    # There are no files to shard: all workers of a tf.distribute strategy read the same order and split each batch.
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def check_batch_size(batch_size, size):
    """Raises a ValueError if there are fewer than `batch_size` images."""
    if size < batch_size:
        raise ValueError(
            f"`batch_size` must not exceed the number of images, {size}: the last, partial batch is dropped, so "
            f"the dataset would be empty. Received batch_size={batch_size}. Use a smaller one or more images."
        )


def scale(images, value_range):
    """Scales images from `value_range` to float32 in [-1, 1]; converts points (`value_range` None) to float32.

    This is `pixels.normalize` in TensorFlow: `keras.ops` cannot run in tf.data on another backend.
    """
    tf = require("tensorflow")
    images = tf.cast(images, tf.float32)
    if value_range in (None, (-1.0, 1.0)):
        return images
    low, high = value_range
    return (images - low) * (2.0 / (high - low)) - 1.0


def mirror(images, choice):
    """Mirrors those images `(batch_size, height, width, channels)` left to right for which that was drawn."""
    tf = require("tensorflow")
    return tf.where(choice.mirrored[:, None, None, None], tf.reverse(images, axis=[2]), images)


def turn(images, choice):
    """Mirrors and transposes square images to one of eight orientations; only mirrors others, to one of four."""
    tf = require("tensorflow")

    def where(drawn, other, images):
        return tf.where(drawn[:, None, None, None], other, images)

    images = mirror(images, choice)
    images = where(choice.offsets[:, 0] < 0.5, tf.reverse(images, axis=[1]), images)
    if images.shape[1] != images.shape[2]:
        return images
    return where(choice.offsets[:, 1] < 0.5, tf.transpose(images, [0, 2, 1, 3]), images)


def crop(images, size, choice):
    """Crops each image to `size` (height, width) at a uniformly random position."""
    tf = require("tensorflow")
    for axis in (0, 1):
        places = images.shape[axis + 1] - size[axis] + 1
        first = tf.cast(choice.offsets[:, axis] * places, tf.int32)
        first = tf.minimum(first, places - 1)  # A draw close to 1 may be rounded up.
        images = tf.gather(images, first[:, None] + tf.range(size[axis]), axis=axis + 1, batch_dims=1)
    return images


# Cached because AutoGraph, which `Dataset.map` applies to its callers, does not convert cached functions.
@functools.cache
def require(package):
    """Imports a package that only the datasets need, so that importing `keras_genzoo` does not require it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"`keras_genzoo.datasets` needs the package `{package}`, which could not be imported ({error}). "
            'Install it with `pip install "keras_genzoo[datasets]"`.'
        ) from error


def height_and_width(image_size):
    """Converts an image size, an int or a pair, to a tuple of ints `(height, width)`."""
    pair = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(pair) != 2:
        raise ValueError(
            f"`image_size` must be an integer or a pair (height, width). Received image_size={image_size!r}."
        )
    return tuple(arguments.integer("image_size", side, at_least=1) for side in pair)
