"""Random images and labels: enough to move weights, too few to learn from."""

import numpy as np
from keras import ops

from keras_genzoo import datasets


def toy_images(num=8, shape=(8, 8, 1), seed=0):
    """Float32 images in [-1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, (num, *shape)).astype("float32")


def toy_labels(num=8, num_classes=3):
    """Int32 labels that go round the classes."""
    return (np.arange(num) % num_classes).astype("int32")


def toy_batches(data, **arguments):
    """`datasets.from_arrays` of the tuple that `fit` takes: `(images,)`, `(images, labels)` or a pair of images."""
    if len(data) == 1 or data[1].ndim == 1:
        return datasets.from_arrays(*data, **arguments)
    # As channels of one image, the same draws go to both.
    channels = data[0].shape[-1]
    batches = datasets.from_arrays(np.concatenate(data, axis=-1), **arguments)
    return batches.map(lambda images: (images[..., :channels], images[..., channels:]))


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
