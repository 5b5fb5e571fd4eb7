"""The pipeline all loaders share: the order of the examples, batching, scaling to [-1, 1] and mirroring."""

import importlib
import operator


def batches(size, fetch, batch_size, value_range, flip, shuffle, seed, initial_step):
    """Batches whose order is a pure function of the seed, the epoch and the step.

    Args:
        size: Number of examples.
        fetch: Function from a tensor of example indices, `(batch_size,)`, to their images
            `(batch_size, height, width, channels)` or to a pair of images and labels. Runs in `Dataset.map`.
        batch_size: Number of images per batch.
        value_range: Pair `(low, high)`, the range of the fetched images, or None for points `(batch_size,
            features)`, whose values are left as they are.
        flip: Whether to mirror half of the images, drawn anew each epoch.
        shuffle: Whether to shuffle.
        seed: Integer that fixes the order and the mirroring.
        initial_step: None for a finite dataset of one epoch per iteration. An integer for an endless one
            that begins at this batch.

    Returns:
        `tf.data.Dataset` of images, float32 in [-1, 1], or points, float32, or of pairs of these and labels.
    """
    batch_size = whole_number("batch_size", batch_size, minimum=1)
    seed = whole_number("seed", seed)
    if initial_step is not None:
        initial_step = whole_number("initial_step", initial_step, minimum=0)
    if size < batch_size:
        raise ValueError(
            f"`batch_size` must not exceed the number of images, {size}: the last partial batch is dropped "
            f"and nothing would remain. Received batch_size={batch_size}. Pass a smaller one or more images."
        )
    tf = require("tensorflow")
    steps_per_epoch = size // batch_size

    def one_epoch(epoch):
        order_seed, flip_seed = tf.unstack(tf.random.split(tf.stack([tf.constant(seed, tf.int64), epoch])))
        order = tf.range(size)
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, order_seed)
        mirrored = tf.random.stateless_uniform([size], flip_seed) < 0.5
        # Batched within the epoch, so that no batch straddles two.
        return tf.data.Dataset.from_tensor_slices((order, mirrored)).batch(batch_size, drop_remainder=True)

    def images_and_labels(indices, mirrored):
        fetched = fetch(indices)
        images, *labels = fetched if isinstance(fetched, tuple) else (fetched,)
        # `pixels.normalize` in TensorFlow: `keras.ops` cannot run in tf.data on another backend.
        images = tf.cast(images, tf.float32)
        if value_range not in (None, (-1.0, 1.0)):
            low, high = value_range
            images = (images - low) * (2.0 / (high - low)) - 1.0
        if flip:
            images = tf.where(mirrored[:, None, None, None], tf.reverse(images, axis=[2]), images)
        return (images, *labels) if labels else images

    if initial_step is None:
        # A fresh number at each iteration takes the place of the epoch.
        epochs = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
        first_step, cardinality = 0, steps_per_epoch
    else:
        first_epoch, first_step = divmod(initial_step, steps_per_epoch)
        epochs = tf.data.Dataset.counter(first_epoch)
        cardinality = tf.data.INFINITE_CARDINALITY

    # Steps are skipped as indices, before any image is touched: resuming late costs nothing.
    dataset = epochs.flat_map(one_epoch).skip(first_step)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
    dataset = dataset.map(images_and_labels, num_parallel_calls=tf.data.AUTOTUNE)
    # Without files to divide, workers of a tf.distribute strategy read the same order and share each batch.
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def require(package):
    """Imports a package that only the data sets need, so that importing `keras_genzoo` does without it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"`keras_genzoo.datasets` needs the package `{package}`, which could not be imported ({error}). "
            "Install it with `pip install tensorflow tensorflow-datasets`."
        ) from error


def whole_number(argument, value, minimum=None):
    """The value as a Python integer, or a ValueError that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or (minimum is not None and number < minimum):
        bound = "" if minimum is None else f" of at least {minimum}"
        raise ValueError(f"`{argument}` must be an integer{bound}. Received {argument}={value!r}.")
    return number


def height_and_width(image_size):
    """The image size, an integer or a pair, as a pair of Python integers."""
    pair = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(pair) != 2:
        raise ValueError(
            f"`image_size` must be an integer or a pair (height, width). Received image_size={image_size!r}."
        )
    return tuple(whole_number("image_size", side, minimum=1) for side in pair)
