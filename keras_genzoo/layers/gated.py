"""Convolutions that learn where to look."""

import keras
from keras import ops

from keras_genzoo.arguments import PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GatedConv2D(keras.layers.Conv2D):
    """A convolution half of whose channels are the gates of the others.

    `activation(first half) * sigmoid(second half)`: of `filters` channels half are returned.

    Args:
        filters: Int, channels of the convolution; even.
        kernel_size, **kwargs: As for `keras.layers.Conv2D`, for channels-last images.
        padding: Defaults to `"same"`.
        activation: Defaults to ELU.

    Source: Yu et al. 2019, equation 2.
    """

    @checked
    def __init__(self, filters: PositiveInt, kernel_size, padding="same", activation="elu", **kwargs):
        if filters % 2:
            raise ValueError(f"`filters` must be even: half of them are gates. Received: filters={filters}")
        super().__init__(filters, kernel_size, padding=padding, activation=activation, **kwargs)

    def call(self, inputs):
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        values, gates = ops.split(outputs, 2, axis=-1)
        return self.activation(values) * ops.sigmoid(gates)

    def compute_output_shape(self, input_shape):
        *others, channels = super().compute_output_shape(input_shape)
        return (*others, channels // 2)
