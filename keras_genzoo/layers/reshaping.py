"""Padding and cropping of maps, and pixels as channels."""

import keras
from keras import ops

from keras_genzoo.arguments import PositiveInt, checked


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


@keras.saving.register_keras_serializable(package="keras_genzoo")
class PixelShuffle(keras.layers.Layer):
    """Makes of the channels of each pixel a square of pixels.

    Channel `(row * factor + column) * filters + filter` becomes `filter` of the pixel at `row` and `column` of the
    square. (PyTorch's layer of this name has the filter as the slowest index.)

    Args:
        factor: Int, side of the square.

    Call arguments:
        inputs: Tensor `(batch, height, width, factor**2 * filters)`.

    Returns:
        Tensor `(batch, factor * height, factor * width, filters)`.

    Source: Shi et al. 2016, equation 4.
    """

    @checked
    def __init__(self, factor: PositiveInt, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return ops.depth_to_space(inputs, self.factor, data_format="channels_last")

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class PixelUnshuffle(keras.layers.Layer):
    """Makes of each square of pixels the channels of one pixel: the inverse of `PixelShuffle`.

    Args:
        factor: Int, side of the square, which the height and the width must be multiples of.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height / factor, width / factor, factor**2 * channels)`.
    """

    @checked
    def __init__(self, factor: PositiveInt, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return ops.space_to_depth(inputs, self.factor, data_format="channels_last")

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
