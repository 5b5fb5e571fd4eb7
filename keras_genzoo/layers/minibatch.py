"""Layers with which a discriminator compares the samples of a batch."""

import math

import keras
from keras import ops

from keras_genzoo.arguments import Positive, PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Pack(keras.layers.Layer):
    """Concatenates groups of `num` samples along the last axis, so that a discriminator judges them together.

    Args:
        num: Positive int, number of samples per pack.

    Call arguments:
        samples: Tensor `(batch, ..., channels)`, with a batch that is a multiple of `num`.

    Returns:
        Tensor `(batch / num, ..., num * channels)`.

    Raises:
        ValueError: If `num` is not a positive int, or, when the layer is called, if the batch is not a
            multiple of `num`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.Pack(2)
    outputs = layer(keras.ops.ones((4, 8, 8, 3)))  # (2, 8, 8, 6)
    ```

    Reference: Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018,
    arXiv:1712.04086, section 2.
    """

    @checked
    def __init__(self, num: PositiveInt, **kwargs):
        super().__init__(**kwargs)
        self.num = num

    def call(self, samples):
        batch, (*shape, channels) = samples.shape[0], samples.shape[1:]
        if batch is not None and batch % self.num:
            raise ValueError(
                f"The batch size (per replica) must be a multiple of the pack size {self.num}. Received: {batch} "
                "samples. Change the batch size, and drop the last partial batch."
            )
        packs = ops.moveaxis(ops.reshape(samples, (-1, self.num, *shape, channels)), 1, -2)
        return ops.reshape(packs, (-1, *shape, self.num * channels))

    def compute_output_spec(self, samples):
        batch, (*shape, channels) = samples.shape[0], samples.shape[1:]
        batch = None if batch is None else batch // self.num
        return keras.KerasTensor((batch, *shape, self.num * channels), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "num": self.num}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MinibatchStandardDeviation(keras.layers.Layer):
    """Adds a channel with the standard deviation over a group of images.

    The standard deviation of each value over `group_size` consecutive images is averaged over all values of
    the group.

    Args:
        group_size: Positive int. The batch size must be a multiple of it.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height, width, channels + 1)`.

    Raises:
        ValueError: If `group_size` is not a positive int, or, when the layer is called, if the batch size is
            not a multiple of it.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.MinibatchStandardDeviation(group_size=4)
    outputs = layer(keras.ops.ones((8, 4, 4, 16)))  # (8, 4, 4, 17)
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, section 3; groups, and 1e-8 inside the square root, as in the authors' code.
    """

    @checked
    def __init__(self, group_size: PositiveInt = 4, **kwargs):
        super().__init__(**kwargs)
        self.group_size = group_size

    def call(self, inputs):
        batch, height, width, channels = inputs.shape
        if batch is not None and batch % self.group_size:
            raise ValueError(
                f"The batch size (per replica) must be a multiple of `group_size`, {self.group_size}. Received: "
                f"{batch} images. Change either."
            )
        groups = ops.reshape(ops.cast(inputs, "float32"), (-1, self.group_size, height, width, channels))
        deviation = ops.sqrt(ops.var(groups, axis=1) + 1e-8)
        of_group = ops.mean(deviation, axis=(1, 2, 3))
        of_image = ops.repeat(of_group, self.group_size)[:, None, None, None]
        added = ops.cast(of_image, inputs.dtype) * ops.ones_like(inputs[..., :1])
        return ops.concatenate([inputs, added], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group_size": self.group_size}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class MinibatchDiscrimination(keras.layers.Layer):
    """Adds features that measure the similarity to the other samples of the batch (minibatch discrimination).

    Each sample is mapped to `kernel_dim` values `M_i` per kernel. The feature of a kernel is `sum_{j != i}
    exp(-|M_i - M_j|_1)` plus a trained bias with initial value -1. The weights of each value have a direction
    and a trained length. The authors initialize lengths from a batch of data; here they are `gain`.

    Args:
        num_kernels: Positive int, number of features to add.
        kernel_dim: Positive int, number of values per kernel.
        gain: Positive float, initial length of the weights of a value.

    Call arguments:
        inputs: Float tensor `(batch, features)`.

    Returns:
        Tensor `(batch, features + num_kernels)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.MinibatchDiscrimination(num_kernels=10)
    outputs = layer(keras.ops.ones((4, 16)))  # (4, 26)
    ```

    Reference: Salimans et al., "Improved techniques for training GANs", 2016, arXiv:1606.03498, section 3.2;
    lengths and bias as in the authors' code.
    """

    @checked
    def __init__(
        self, num_kernels: PositiveInt = 100, kernel_dim: PositiveInt = 5, gain: Positive = 1.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.num_kernels = num_kernels
        self.kernel_dim = kernel_dim
        self.gain = gain

    def build(self, input_shape):
        shape = (self.num_kernels, self.kernel_dim)
        self.kernel = self.add_weight(
            (input_shape[-1], *shape), keras.initializers.RandomNormal(stddev=0.05), name="kernel"
        )
        self.log_length = self.add_weight(
            shape, keras.initializers.Constant(math.log(self.gain)), name="log_length"
        )
        self.bias = self.add_weight((self.num_kernels,), keras.initializers.Constant(-1.0), name="bias")

    def call(self, inputs):
        lengths = ops.exp(self.log_length) / ops.sqrt(ops.sum(ops.square(self.kernel), axis=0) + 1e-12)
        values = ops.cast(ops.tensordot(inputs, self.kernel * lengths, axes=1), "float32")
        distances = ops.sum(ops.abs(values[:, None] - values[None]), axis=-1)
        others = 1.0 - ops.eye(ops.shape(inputs)[0])[:, :, None]
        nearness = ops.sum(others * ops.exp(-distances), axis=1) + ops.cast(self.bias, "float32")
        return ops.concatenate([inputs, ops.cast(nearness, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.num_kernels)

    def get_config(self):
        return {
            **super().get_config(),
            "num_kernels": self.num_kernels,
            "kernel_dim": self.kernel_dim,
            "gain": self.gain,
        }
