"""An activation for networks with a gradient penalty."""

import keras
from keras import ops

from keras_genzoo.arguments import NonNegative, Positive, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class LeakyReLU(keras.layers.Layer):
    """Leaky ReLU for networks with a gradient penalty.

    Values and gradients are those of `keras.layers.LeakyReLU`. It is computed as a product with a constant
    slope, so that the backend knows that the second derivative is zero. With `keras.layers.LeakyReLU`, the
    second derivative is a tensor of zeros that is propagated through the network. Without a gradient penalty,
    `keras.layers.LeakyReLU` is faster.

    Args:
        negative_slope: Float of at least 0, slope for negative values. With 0 the layer is a ReLU.
        gain: Positive float, factor of the output. StyleGAN2 uses sqrt(2), which preserves the variance of
            the input of a layer.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.LeakyReLU(negative_slope=0.2)
    layer(keras.ops.array([-1.0, 1.0]))  # [-0.2, 1.0]
    ```
    """

    @checked
    def __init__(self, negative_slope: NonNegative = 0.2, gain: Positive = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope
        self.gain = gain
        self.supports_masking = True

    def call(self, inputs):
        slope = ops.where(inputs > 0, self.gain, self.gain * self.negative_slope)
        return inputs * ops.stop_gradient(ops.cast(slope, inputs.dtype))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope, "gain": self.gain}
