"""Layers by which a discriminator judges several samples of a batch together."""

import math

import keras
from keras import ops

from keras_genzoo.arguments import Positive, PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Pack(keras.layers.Layer):
    """Joins each `num` samples of a batch along their last axis, for a discriminator that sees them together.

    Args:
        num: Int, samples a pack.

    Call arguments:
        samples: Tensor `(batch, ..., channels)`, the batch a multiple of `num`.

    Returns:
        Tensor `(batch / num, ..., num * channels)`.

    Source: Lin et al. 2018 (PacGAN), section 2.
    """

    @checked
    def __init__(self, num: PositiveInt, **kwargs):
        super().__init__(**kwargs)
        self.num = num

    def call(self, samples):
        batch, (*shape, channels) = samples.shape[0], samples.shape[1:]
        if batch is not None and batch % self.num:
            raise ValueError(
                f"The batch must be a multiple of the {self.num} samples of a pack. Received: {batch} samples "
                "(of each replica). Change the batch size, and drop the last partial batch."
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
    """Adds a channel that says how much the images of a group differ.

    The standard deviation of each value over `group_size` images in a row, averaged over all values of the group.

    Args:
        group_size: Int; the batch must be a multiple of it.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height, width, channels + 1)`.

    Source: Karras et al. 2018, section 3; groups, and 1e-8 under the root, as in the authors' code.
    """

    @checked
    def __init__(self, group_size: PositiveInt = 4, **kwargs):
        super().__init__(**kwargs)
        self.group_size = group_size

    def call(self, inputs):
        batch, height, width, channels = inputs.shape
        if batch is not None and batch % self.group_size:
            raise ValueError(
                f"A batch must be a multiple of the {self.group_size} images of a group (`group_size`). Received: "
                f"{batch} images (of each replica). Change either."
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
    """Adds features that say how near the other samples of the batch are.

    A matrix of `kernel_dim` values per kernel is made of each sample. For each kernel `exp(-distance)` to the others,
    by the L1 distance, is summed, without the sample itself. A learned offset is added that begins at -1.
    The weights of each value have a direction and a learned length. The authors choose the first lengths by a batch of
    data; here they are all `gain`.

    Args:
        num_kernels: Int, number of features that are added.
        kernel_dim: Int.
        gain: Float, first length of the weights of a value.

    Call arguments:
        inputs: Float tensor `(batch, features)`.

    Returns:
        Tensor `(batch, features + num_kernels)`.

    Source: Salimans et al. 2016, section 3.2; lengths and offset as in the authors' code.
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
