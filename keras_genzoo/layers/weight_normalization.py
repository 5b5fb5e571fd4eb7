"""Dense layers with weight normalization."""

import keras
from keras import ops

from keras_genzoo.arguments import Positive, PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class WeightNormalizedDense(keras.layers.Layer):
    """A dense layer with weight normalization: each unit has a direction and a trained length.

    The authors initialize the lengths from a batch of data; here they are `gain`.

    Args:
        units: Positive int, number of output channels.
        gain: Positive float, initial length of the weights of a unit.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.WeightNormalizedDense(8)
    outputs = layer(keras.ops.ones((2, 4)))  # (2, 8)
    ```

    Reference: Salimans & Kingma, "Weight normalization: A simple reparameterization to accelerate training of
    deep neural networks", 2016, arXiv:1602.07868, equation 2.
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
