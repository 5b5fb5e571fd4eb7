"""Padding and cropping of maps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors images at their edges, the edge itself not repeated.

    Args:
        padding: Int, pixels added at each side; less than the images' sides, or a ValueError is raised.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height + 2 * padding, width + 2 * padding, channels)`.
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
        sides = inputs.shape[1:3]
        if any(side is not None and side <= self.padding for side in sides):
            raise ValueError(
                f"A map of {sides[0]}x{sides[1]} cannot be padded by {self.padding} mirrored pixels. Give the "
                "network larger images."
            )
        added = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), added, added, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (
            batch,
            *(side if side is None else side + 2 * self.padding for side in (height, width)),
            channels,
        )

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Cropping2D(keras.layers.Cropping2D):
    """`keras.layers.Cropping2D` whose gradient is computed by all cores of a CPU.

    The stock layer's slice with bounds is sent back by TensorFlow on one core, and took eight times as long.

    Args:
        cropping, **kwargs: As for `keras.layers.Cropping2D`; channels last.
    """

    def call(self, inputs):
        if None in inputs.shape[1:3]:
            return super().call(inputs)
        x = inputs
        for axis, (first, last) in enumerate(self.cropping, start=1):
            if first or last:
                x = ops.split(x, [first, x.shape[axis] - last], axis=axis)[1]
        return x
