"""Gated convolutions."""

import keras
from keras import ops

from keras_genzoo.arguments import PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GatedConv2D(keras.layers.Conv2D):
    """A gated convolution: half of its channels are gates for the other half.

    The output is `activation(first half) * sigmoid(second half)`, with `filters / 2` channels.

    Args:
        filters: Positive even int, number of channels of the convolution.
        kernel_size, **kwargs: As for `keras.layers.Conv2D`, for channels-last images.
        padding: String. Defaults to `"same"`.
        activation: Keras activation. Defaults to ELU.

    Raises:
        ValueError: If `filters` is not a positive even int.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.GatedConv2D(8, 3)
    outputs = layer(keras.ops.ones((2, 8, 8, 3)))  # (2, 8, 8, 4)
    ```

    Reference: Yu et al., "Free-form image inpainting with gated convolution", 2019, arXiv:1806.03589,
    equation 2.
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
