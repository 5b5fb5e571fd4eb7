"""Noise for generators."""

import keras
from keras import ops

from keras_genzoo import backends


@keras.saving.register_keras_serializable(package="keras_genzoo")
class NoiseInjection(keras.layers.Layer):
    """Adds noise to a map, equal for all channels, with a trained strength whose initial value is 0.

    In training, noise is drawn per image. In inference it is a single map, drawn when the layer is built and
    saved with the weights. A latent then determines its image, on every backend and in exports.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.NoiseInjection()
    outputs = layer(keras.ops.ones((2, 8, 8, 4)), training=True)  # (2, 8, 8, 4)
    ```

    Reference: Karras et al., "A style-based generator architecture for generative adversarial networks",
    2019, arXiv:1812.04948, section 2, with one strength instead of one per channel.
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
