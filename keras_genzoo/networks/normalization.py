"""Batch or instance normalization by name."""

from keras import initializers

from keras_genzoo.layers import BatchNormalization, InstanceNormalization


def check_normalization(normalization):
    if normalization not in ("batch", "instance"):
        raise ValueError(f"`normalization` must be 'batch' or 'instance'. Received: {normalization!r}")


def normalization_layer(normalization, name, synchronized=False):
    """Creates batch normalization with initial scales from normal(1, 0.02), or instance normalization without
    scale.
    """
    if normalization == "instance":
        return InstanceNormalization(name=name)
    return BatchNormalization(
        gamma_initializer=initializers.RandomNormal(1.0, 0.02), synchronized=synchronized, name=name
    )
