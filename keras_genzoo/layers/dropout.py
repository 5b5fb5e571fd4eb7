"""Dropout and noise that differ between replicas; dropout masks in inference can be seeded."""

import contextlib
import threading

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Flag, NonNegative, OptionalSeed, Share, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Dropout(keras.layers.Layer):
    """`keras.layers.Dropout` with different masks for the replicas of a `tf.distribute` strategy.

    Args:
        rate: Float in [0, 1), probability that a value is set to zero.
        seed: Int from 0 to 2**32 - 1, or None.
        sampling: Bool, whether dropout is also applied in inference, as the noise of pix2pix (Isola et al.
            2017, section 3.2).

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.Dropout(0.5, seed=0)
    outputs = layer(keras.ops.ones((2, 4)), training=True)  # values are 0 or 2
    ```

    Reference: Srivastava et al., "Dropout: A simple way to prevent neural networks from overfitting", 2014,
    section 4.
    """

    @checked
    def __init__(self, rate: Share, seed: OptionalSeed = None, sampling: Flag = False, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.sampling = sampling
        self.supports_masking = True
        self.seed_generator = backends.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not (training or self.sampling) or self.rate == 0:
            return inputs
        given = None if training else _sampling_seeds().get(self)
        return keras.random.dropout(inputs, self.rate, seed=given or self.seed_generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "sampling": self.sampling}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GaussianNoise(keras.layers.Layer):
    """`keras.layers.GaussianNoise` with different noise for the replicas of a `tf.distribute` strategy.

    Args:
        stddev: Float of at least 0, standard deviation of the noise that is added in training.
        seed: Int from 0 to 2**32 - 1, or None.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.GaussianNoise(0.1, seed=0)
    outputs = layer(keras.ops.ones((2, 4)), training=True)
    ```
    """

    @checked
    def __init__(self, stddev: NonNegative, seed: OptionalSeed = None, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed
        self.seed_generator = backends.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or self.stddev == 0:
            return inputs
        noise = keras.random.normal(ops.shape(inputs), stddev=self.stddev, seed=self.seed_generator)
        return inputs + ops.cast(noise, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


@contextlib.contextmanager
def sampling_seeds(layers, seeds):
    """Context manager in which `Dropout` layers use given seeds in inference.

    The layers do not change their own seed state.

    It only affects the current thread.

    Args:
        layers: List of `Dropout` layers.
        seeds: uint32 tensor `(len(layers), 2)`.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_genzoo as kg

    layer = kg.layers.Dropout(0.5, sampling=True)
    with kg.layers.sampling_seeds([layer], np.uint32([[1, 2]])):
        outputs = layer(keras.ops.ones((2, 4)))  # the same values each time
    ```
    """
    before = _sampling_seeds()
    pairs = zip(layers, ops.unstack(seeds, num=len(layers)), strict=True)
    _OF_THREAD.sampling_seeds = {
        layer: _GivenSeeds(seed, layer.seed_generator.state.dtype) for layer, seed in pairs
    }
    try:
        yield
    finally:
        _OF_THREAD.sampling_seeds = before


_OF_THREAD = threading.local()


def _sampling_seeds():
    return getattr(_OF_THREAD, "sampling_seeds", {})


class _GivenSeeds(keras.random.SeedGenerator):
    """Seeds computed from a tensor, without a variable: the first is the tensor itself."""

    def __init__(self, seed, dtype):
        self.seed = seed
        self.dtype = dtype

    def next(self, ordered=True):
        seed = ops.cast(self.seed, self.dtype)
        # For the next call of the layer. Multiples of an odd constant do not collide modulo 2**32.
        self.seed = self.seed + ops.convert_to_tensor([0, 0x9E3779B9], dtype="uint32")
        return seed
