"""An activation for networks under a gradient penalty."""

import keras
from keras import ops

from keras_genzoo.arguments import NonNegative, Positive, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class LeakyReLU(keras.layers.Layer):
    """Leaky ReLU for networks under a gradient penalty.

    The same values and gradients as `keras.layers.LeakyReLU`, written as a product with a constant slope, so
    that the backend knows its second derivative to be zero; the stock layer's is a tensor of zeros that is
    carried through the whole network. Without a penalty the stock layer is faster.

    Args:
        negative_slope: Float, slope for negative values; 0 makes it a ReLU.
        gain: Float, factor of the result. StyleGAN2 has sqrt(2), which keeps the variance of a layer's inputs.
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
