"""Random images and labels: enough to move weights, too few to learn from."""

import importlib.util

import keras
import numpy as np
from keras import ops

from keras_genzoo import conditions, datasets, modalities, pixels


def toy_data(model, num=8, seed=0):
    """What `fit` takes of a model: a tuple of arrays, as `model.expected_data()` says; images are uint8."""
    return tuple(
        _drawn(expected, num, seed + index) for index, expected in enumerate(model.expected_data().values())
    )


def _drawn(expected, num, seed):
    return _OF_KIND[type(expected)](expected, num, seed)


# Modality or condition -> examples of it.
_OF_KIND = {
    modalities.Images: lambda images, num, seed: pixels.to_uint8(toy_images(num, images.shape, seed)),
    modalities.MaskedImages: lambda images, num, seed: pixels.to_uint8(toy_images(num, images.shape, seed)),
    # int32, so that nobody takes them for images.
    modalities.LabelMaps: lambda maps, num, seed: (
        np.random.default_rng(seed).integers(0, maps.num_labels, (num, *maps.shape)).astype("int32")
    ),
    modalities.Points: lambda points, num, seed: toy_images(num, points.shape, seed),
    conditions.Labels: lambda labels, num, seed: toy_labels(num, labels.num_classes),
    # Of every other one the label is known.
    conditions.PartialLabels: lambda labels, num, seed: np.where(
        np.arange(num) % 2, -1, toy_labels(num, labels.num_classes)
    ).astype("int32"),
}


def as_float(data):
    """The same with images as floats in [-1, 1]."""
    return tuple(x / np.float32(127.5) - 1 if x.dtype == np.uint8 else x for x in data)


def in_another_type(images):
    """Uint8 images as floats in [-1, 1]; label maps as uint8."""
    return images.astype("uint8") if images.dtype == np.int32 else images / 127.5 - 1


def batched(data, size=4):
    """A list of batches, as a dataset hands them to `fit`."""
    return [tuple(x[start : start + size] for x in data) for start in range(0, len(data[0]), size)]


class Batches(keras.utils.PyDataset):
    """A `PyDataset` of a list of batches."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def generator(batches):
    """A generator of a list of batches."""
    yield from batches


def tf_dataset(batches):
    """A `tf.data.Dataset` of a list of batches."""
    import tensorflow as tf

    spec = tuple(tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in batches[0])
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))


def kinds_of_data():
    """Dict of the kinds of data that `fit` takes beside arrays -> what makes one of a list of batches."""
    kinds = {"PyDataset": Batches, "generator": generator}
    if importlib.util.find_spec("tensorflow") is not None:
        kinds["tf.data"] = tf_dataset
    return kinds


def sources_for(model, task, num, seed=3):
    """Images for a translator's task, float32; or label maps, int32."""
    source = model.task(task).source
    return toy_images(num, source.shape, seed) if source.interpolates else _drawn(source, num, seed)


def toy_images(num=8, shape=(8, 8, 1), seed=0):
    """Float32 images in [-1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, (num, *shape)).astype("float32")


def toy_labels(num=8, num_classes=3):
    """Int32 labels that go round the classes."""
    return (np.arange(num) % num_classes).astype("int32")


def toy_batches(data, **arguments):
    """`datasets.from_arrays` of the tuple that `fit` takes: `(images,)`, `(images, labels)` or a pair of images."""
    if data[0].ndim == 2:
        # Points have no mirror image.
        arguments.pop("flip", None)
    if len(data) == 1 or data[1].ndim == 1:
        return datasets.from_arrays(*data, **arguments)
    # As channels of one image, the same draws go to both; smaller sources with each pixel repeated.
    sources, targets = data
    channels, scale = sources.shape[-1], targets.shape[1] // sources.shape[1]
    joined = np.concatenate([sources.repeat(scale, axis=1).repeat(scale, axis=2), targets], axis=-1)
    batches = datasets.from_arrays(joined.astype(targets.dtype), **arguments)

    def halves(images):
        sources = images[:, ::scale, ::scale, :channels]
        if data[0].dtype == "int32":
            import tensorflow as tf

            sources = tf.cast(tf.round((sources + 1.0) * 127.5), "int32")
        return sources, images[..., channels:]

    return batches.map(halves)


def as_if_trained(model):
    """Gives all weights, moving statistics too, values at which a mistake would be seen."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "float" not in weight.dtype:
            continue
        if len(weight.shape) == 4:
            weight.assign(rng.normal(0, 0.13, weight.shape))
        else:
            weight.assign(ops.convert_to_numpy(weight) + rng.uniform(0, 0.3, weight.shape))
    return model


def to_numpy(x):
    """A NumPy copy of a tensor or a variable."""
    return np.array(ops.convert_to_numpy(x))


def output_of(network, *inputs, training=False):
    """A network's output on arrays, as a NumPy array."""
    inputs = [ops.convert_to_tensor(x) for x in inputs]
    return to_numpy(network(inputs if len(inputs) > 1 else inputs[0], training=training))
