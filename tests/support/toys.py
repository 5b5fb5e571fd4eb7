"""Random images and labels: enough to move weights, too few to learn from."""

import numpy as np


def toy_images(num=8, shape=(8, 8, 1), seed=0):
    """Float32 images in [-1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, (num, *shape)).astype("float32")


def toy_labels(num=8, num_classes=3):
    """Int32 labels that go round the classes."""
    return (np.arange(num) % num_classes).astype("int32")
