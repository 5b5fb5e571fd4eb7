"""Padding, cropping, and rearranging of pixels and channels."""

import keras
from keras import ops

from keras_genzoo.arguments import PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads images by reflection, without repeating the border pixels.

    Args:
        padding: Int, number of pixels added on each side, less than the sides of the images.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height + 2 * padding, width + 2 * padding, channels)`.

    Raises:
        ValueError: When the layer is called, if a side of the images is not greater than `padding`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.ReflectionPadding2D(3)
    outputs = layer(keras.ops.ones((2, 8, 8, 3)))  # (2, 14, 14, 3)
    ```
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
        sides = inputs.shape[1:3]
        if any(side is not None and side <= self.padding for side in sides):
            raise ValueError(
                f"A map of {sides[0]}x{sides[1]} cannot be padded by {self.padding} reflected pixels. Use larger "
                "images."
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
    """`keras.layers.Cropping2D` with a gradient that uses all cores of a CPU.

    TensorFlow computes the gradient of the slice in `keras.layers.Cropping2D` on one core, which took eight
    times as long.

    Args:
        cropping, **kwargs: As for `keras.layers.Cropping2D`, for channels-last images.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.Cropping2D(((1, 0), (1, 0)))
    outputs = layer(keras.ops.ones((2, 9, 9, 3)))  # (2, 8, 8, 3)
    ```
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
    """Rearranges the channels of each pixel to a square of pixels.

    Channel `(row * factor + column) * filters + filter` becomes channel `filter` of the pixel at `row` and
    `column` of the square. (In PyTorch's `PixelShuffle`, the filter is the slowest index.)

    Args:
        factor: Positive int, side of the square.

    Call arguments:
        inputs: Tensor `(batch, height, width, factor**2 * filters)`.

    Returns:
        Tensor `(batch, factor * height, factor * width, filters)`.

    Raises:
        ValueError: If `factor` is not a positive int.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.PixelShuffle(2)
    outputs = layer(keras.ops.ones((2, 4, 4, 12)))  # (2, 8, 8, 3)
    ```

    Reference: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", 2016, arXiv:1609.05158, equation 4.
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
    """Rearranges squares of pixels to the channels of one pixel; the inverse of `PixelShuffle`.

    Args:
        factor: Positive int, side of the square. Height and width must be multiples of it.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height / factor, width / factor, factor**2 * channels)`.

    Raises:
        ValueError: If `factor` is not a positive int.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.PixelUnshuffle(2)
    outputs = layer(keras.ops.ones((2, 8, 8, 3)))  # (2, 4, 4, 12)
    ```
    """

    @checked
    def __init__(self, factor: PositiveInt, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return ops.space_to_depth(inputs, self.factor, data_format="channels_last")

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
