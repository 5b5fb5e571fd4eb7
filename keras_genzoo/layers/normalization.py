"""Normalisation over the batch, over one image, and over the channels of one pixel."""

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Flag, Positive, Probability, checked
from keras_genzoo.backends import keras_private


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` on the fused kernel, with the field's usual constants.

    Same weights, same result; faster on TensorFlow for channels-last images. Under `tf.distribute` each
    replica normalises by its own batch unless `synchronized=True` (TensorFlow only).

    Args:
        momentum: Float, weight of the old value in the moving statistics. Defaults to 0.9, which is
            PyTorch's 0.1.
        epsilon: Float added to the variance. Defaults to 1e-5.
        **kwargs: As for `keras.layers.BatchNormalization`.

    Source: Ioffe & Szegedy 2015, algorithm 1.
    """

    @checked
    def __init__(self, momentum: Probability = 0.9, epsilon: Positive = 1e-5, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        is_image = len(inputs.shape) == 4 and self.axis in (3, -1)
        plain = is_image and mask is None and not self.synchronized
        # The fused kernel does not know float64.
        if not (plain and training and self.trainable and self.compute_dtype != "float64"):
            return super().call(inputs, training=training, mask=mask)
        inputs = ops.cast(inputs, self.compute_dtype)
        # The statistics are float32 under mixed precision too: read past the autocast.
        with keras_private.without_autocast():
            ones = ops.ones_like(self.moving_mean.value)
            gamma = self.gamma.value if self.scale else ones
            beta = self.beta.value if self.center else ops.zeros_like(ones)
            outputs, mean, variance = backends.batch_normalization(inputs, gamma, beta, self.epsilon)
            for moving, current in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving.value * self.momentum + current * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(package="keras_genzoo")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image by its own mean and variance.

    Statistics, scale and offset are float32 under mixed precision too, and float64 in float64.

    Args:
        epsilon: Float added to the variance. Defaults to 1e-5, as in PyTorch.
        affine: Bool, whether a learnt scale and offset for each channel follow.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape.

    Source: Ulyanov et al. 2016, equation 4.
    """

    @checked
    def __init__(self, epsilon: Positive = 1e-5, affine: Flag = False, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.affine = affine

    def build(self, input_shape):
        if self.affine:
            self.gamma = self.add_weight(name="gamma", shape=input_shape[-1:], initializer="ones")
            self.beta = self.add_weight(name="beta", shape=input_shape[-1:], initializer="zeros")

    def call(self, inputs):
        if not self.affine:
            return backends.instance_normalization(inputs, self.epsilon)
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        normalized = backends.instance_normalization(ops.cast(inputs, dtype), self.epsilon)
        # Read past the autocast, which would round them to half precision.
        with keras_private.without_autocast():
            gamma, beta = (ops.cast(each.value, dtype) for each in (self.gamma, self.beta))
        return ops.cast(normalized * gamma + beta, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "affine": self.affine}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class AdaptiveInstanceNormalization(keras.layers.Layer):
    """Instance normalisation, then a scale and an offset for each channel that a dense layer makes of a style.

    Computed in float32 under mixed precision too, and in float64 in float64: `(1 + scale) * normalized + offset`.

    Args:
        epsilon: Float added to the variance. Defaults to 1e-5, as in PyTorch.
        kernel_initializer: Initializer of the dense layer's kernel.

    Call arguments:
        inputs: List of a float tensor `(batch, height, width, channels)` and styles `(batch, style_dim)`.

    Returns:
        Tensor of the shape of the first.

    Source: Huang & Belongie 2017 (arXiv:1703.06868), equation 8, with the scale about 1 of Choi et al. 2020.
    """

    @checked
    def __init__(self, epsilon: Positive = 1e-5, kernel_initializer="he_normal", **kwargs):
        # Keras would round the styles to half precision.
        super().__init__(autocast=False, **kwargs)
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        shape, styles_shape = input_shape
        self.kernel = self.add_weight(
            name="kernel",
            shape=(styles_shape[-1], 2 * shape[-1]),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(name="bias", shape=(2 * shape[-1],), initializer="zeros")

    def call(self, inputs):
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        x, styles, kernel, bias = (ops.cast(each, dtype) for each in (*inputs, self.kernel, self.bias))
        scale_and_offset = ops.matmul(styles, kernel) + bias
        scale, offset = ops.split(scale_and_offset[:, None, None], 2, axis=-1)
        normalized = backends.instance_normalization(x, self.epsilon)
        return ops.cast((1.0 + scale) * normalized + offset, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="keras_genzoo")
class PixelNormalization(keras.layers.Layer):
    """Divides each pixel's vector of channels by its root mean square, in float32.

    Args:
        epsilon: Float added to the mean square. Defaults to 1e-8.

    Call arguments:
        inputs: Float tensor `(..., channels)`.

    Source: Karras et al. 2018, section 4.2.
    """

    @checked
    def __init__(self, epsilon: Positive = 1e-8, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        mean_square = ops.mean(ops.square(ops.cast(inputs, "float32")), axis=-1, keepdims=True)
        return inputs * ops.cast(ops.rsqrt(mean_square + self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
