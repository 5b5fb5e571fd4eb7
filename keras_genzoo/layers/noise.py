"""Noise that a generator learns to use."""

import keras
from keras import ops

from keras_genzoo import backends


@keras.saving.register_keras_serializable(package="keras_genzoo")
class NoiseInjection(keras.layers.Layer):
    """Adds noise to a map, the same to all of its channels, by a learned strength that begins at 0.

    In training the noise is drawn for each image. In inference it is one map, drawn when the layer is built and saved
    with the weights: a latent then determines its image, on every backend and in an export.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape.

    Source: Karras et al. 2019, section 2, with one strength in the place of one per channel.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = backends.SeedGenerator()

    def build(self, input_shape):
        self.strength = self.add_weight(name="strength", shape=(), initializer="zeros")
        self.map = self.add_weight(
            name="map",
            shape=(1, *input_shape[1:3], 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
        )

    def call(self, inputs, training=False):
        noise = self.map
        if training:
            shape = (ops.shape(inputs)[0], *self.map.shape[1:])
            noise = keras.random.normal(shape, dtype=inputs.dtype, seed=self.seed_generator)
        return inputs + self.strength * noise

    def compute_output_shape(self, input_shape):
        return input_shape
