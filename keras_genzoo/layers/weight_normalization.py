"""Dense layers whose weights are a direction and a length."""

import keras
from keras import ops

from keras_genzoo.arguments import Positive, PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class WeightNormalizedDense(keras.layers.Layer):
    """A dense layer whose weights of each unit have a direction and a learned length.

    The authors choose the first lengths by a batch of data; here they are all `gain`.

    Args:
        units: Int.
        gain: Float, first length of the weights of a unit.

    Source: Salimans & Kingma 2016, equation 2.
    """

    @checked
    def __init__(self, units: PositiveInt, gain: Positive = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gain = gain

    def build(self, input_shape):
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), keras.initializers.RandomNormal(stddev=0.05), name="kernel"
        )
        self.length = self.add_weight((self.units,), keras.initializers.Constant(self.gain), name="length")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, inputs):
        norms = ops.sqrt(ops.sum(ops.square(self.kernel), axis=0) + 1e-12)
        return ops.matmul(inputs, self.kernel) * (self.length / norms) + self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "gain": self.gain}
