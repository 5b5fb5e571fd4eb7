"""Checks of the data for `fit` and `evaluate`: arrays as a whole, datasets batch by batch.

Checks use the `keras_genzoo.modalities.Summary` of an array: shape, dtype and range. TensorFlow computes the
summary of a `tf.data` batch, which takes a few microseconds per step. NumPy computes that of a batch of a
`PyDataset` or generator. The same function then checks the summary.
"""

import contextlib
import re
import types

import keras

from keras_genzoo import arguments, backends
from keras_genzoo.modalities import Summary


class CheckedData:
    """Data whose batches are checked before each step.

    Arrays and the first batch of a `tf.data.Dataset` are checked in the constructor. For a `tf.data.Dataset`,
    `PyDataset` or generator, the attribute `x` checks the batches as they are produced.

    Args:
        model: `ZooModel`, whose `check_batch` and `check_batch_size` are used.
        x, y: As for `keras.Model.fit`.
        batch_size: Int, number of images per batch if `x` is an array.
        training: Bool, whether the batches are for `fit`.
        share: Float, fraction of the arrays, from their start, that is used.

    Attributes:
        x: The data to pass to Keras instead of `x`.

    Raises:
        ValueError: If the data that is checked in the constructor is invalid.
    """

    def __init__(self, model, x, y=None, batch_size=None, training=True, share=1.0):
        self.model = model
        self.training = training
        self.x = x
        self._refusal = None
        if x is None:
            raise ValueError("`x` is missing: pass images, or a dataset of batches of images.")
        if isinstance(x, list | tuple):
            raise ValueError(
                f"`x` must be an array or a dataset. Received: a {type(x).__name__} of {len(x)}. Stack images "
                "with `numpy.stack(x)`, and pass labels as `y`."
            )
        if hasattr(x, "shape"):
            model.check_batch(Summary.of(x), Summary.of(y), first=True)
            check_batch_sizes(model, int(len(x) * share), batch_size, training)
        elif isinstance(x, keras.utils.PyDataset):
            if x.num_batches == 0:
                raise ValueError("`x` is empty: the dataset has no batch.")
            self.x = _CheckedPyDataset(x, self._check)
        elif is_tf_dataset(x):
            sizes = {self._check_first_of(x), *model.coming_batch_sizes(x)}
            allowed = [self._is_allowed(num) for num in range(1, max(sizes) + 1)]
            self.x = _checked_tf_dataset(x, allowed, model.expected_data())
        elif isinstance(x, types.GeneratorType):
            self.x = self._checked_generator(x)

    @contextlib.contextmanager
    def reporting(self):
        """Context manager in which an invalid batch raises its own ValueError, not that of the data pipeline."""
        try:
            yield
        except Exception as error:
            refusal = self._refusal or self._refusal_of(str(error))
            if refusal is None or refusal is error:
                raise
            raise refusal from None

    def _check(self, batch, first=False):
        """Checks a batch; returns its size."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        try:
            summary = Summary.of(x)
            self.model.check_batch(summary, Summary.of(y), first)
            self.model.check_batch_size(summary.shape[0], self.training)
        except ValueError as error:
            self._refusal = error
            raise
        return summary.shape[0]

    def _check_first_of(self, dataset):
        batch = next(iter(dataset.take(1)), None)
        if batch is None:
            raise ValueError(
                "`x` is empty: the dataset has no batch. With `drop_remainder=True`, data smaller than the batch "
                "size has none."
            )
        num = self._check(batch, first=True)
        coming = self.model.coming_batch_sizes(dataset)
        for size in coming:
            self.model.check_batch_size(size, self.training)
        if backends.num_replicas_of(self.model) > 1 and not (coming or has_fixed_batches(dataset)):
            raise ValueError(
                "`x` may end with a partial batch, which cannot be split evenly over replicas. Batch it with "
                "`drop_remainder=True`."
            )
        return num

    def _checked_generator(self, generator):
        first = True
        for batch in generator:
            self._check(batch, first)
            first = False
            # Keras only accepts tuples from a generator.
            yield batch if isinstance(batch, tuple) else (batch,)

    def _is_allowed(self, num):
        try:
            self.model.check_batch_size(num, self.training)
        except ValueError:
            return False
        return True

    def _refusal_of(self, message):
        """Returns the error that an assertion of `_checked_tf_dataset` represents; None for other errors."""
        found = re.findall(_REPORT.replace("*", r"([^\]]*)"), message)
        if not found:
            return None
        summaries = {
            argument: Summary(tuple(map(int, shape.split())), dtype, float(smallest), float(largest))
            for argument, shape, dtype, smallest, largest in found
        }
        try:
            self.model.check_batch(summaries["x"], summaries.get("y"), first=False)
            self.model.check_batch_size(summaries["x"].shape[0], self.training)
        except ValueError as refusal:
            return refusal
        return None


# TensorFlow prints the arguments of a failed assertion, each in brackets.
_REPORT = r"\[keras_genzoo\]\s+\[*\]\s+\[*\]\s+\[*\]\s+\[*\]\s+\[*\]"


def check_batch_sizes(model, num, batch_size, training):
    """Checks that the model can use all batches of a number of images, including the last partial one.

    Args:
        model: `ZooModel`.
        num: Int, number of images.
        batch_size: Int, or None for the default of Keras, 32.
        training: Bool, whether the batches are for `fit`.
    """
    size = 32 if batch_size is None else arguments.integer("batch_size", batch_size, at_least=1)
    for part in sorted({min(size, num), num % size} - {0}):
        model.check_batch_size(part, training)


def is_tf_dataset(x):
    return hasattr(x, "take") and hasattr(x, "element_spec")


def has_fixed_batches(x):
    """Whether all batches have the size of the first. A `tf.data.Dataset` may not know its batch size."""
    if not is_tf_dataset(x):
        return True
    images, _, _ = keras.utils.unpack_x_y_sample_weight(x.element_spec)
    return images.shape[0] is not None


def _checked_tf_dataset(dataset, allowed, expected):
    """Returns the dataset with an assertion on every batch that `CheckedData._refusal_of` can parse.

    Args:
        dataset: `tf.data.Dataset`.
        allowed: List of bools: whether a batch may have 1, 2, ... images. Larger batches are not checked.
        expected: Dict that maps `"x"` and `"y"` to a modality or a condition.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        allowed = tf.constant([True, *allowed, True])

    @tf.autograph.experimental.do_not_convert
    def check(*batch):
        valid, report = [], []
        for name, tensor in zip(("x", "y"), batch, strict=False):
            if name not in expected:
                continue
            tensor = tf.convert_to_tensor(tensor)
            values = tensor if tensor.dtype.is_integer else tf.cast(tensor, tf.float32)
            smallest, largest = tf.reduce_min(values), tf.reduce_max(values)
            report += ["keras_genzoo", name, tf.shape(tensor), tensor.dtype.name, smallest, largest]
            rank, shape = 1 + len(expected[name].shape), tf.shape(tensor)
            valid.append(tf.constant(tensor.shape.rank == rank))
            if tensor.shape.rank == rank:
                valid.append(tf.reduce_all(shape[1:] == tf.constant(expected[name].shape, tf.int32)))
            if not expected[name].accepts_all(tensor.dtype.name):
                low, high = expected[name].bounds
                # Both comparisons are False for NaN.
                valid.append((tf.cast(smallest, tf.float64) >= low) & (tf.cast(largest, tf.float64) <= high))
        valid += [tf.shape(part)[0] == tf.shape(batch[0])[0] for part in batch[1:2] if "y" in expected]
        valid.append(allowed[tf.minimum(tf.shape(batch[0])[0], len(allowed) - 1)])
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(valid), report, summarize=8)]):
            return tuple(tf.nest.map_structure(tf.identity, part) for part in batch)

    if isinstance(dataset.element_spec, tuple):
        return dataset.map(check)
    return dataset.map(lambda x: check(x)[0])


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `PyDataset` that passes each batch to `check` first."""

    def __init__(self, dataset, check):
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        self._dataset = dataset
        self._check = check

    @property
    def num_batches(self):
        return self._dataset.num_batches

    def __getitem__(self, index):
        batch = self._dataset[index]
        self._check(batch, first=index == 0)
        return batch

    def on_epoch_begin(self):
        self._dataset.on_epoch_begin()

    def on_epoch_end(self):
        self._dataset.on_epoch_end()
