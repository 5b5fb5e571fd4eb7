"""Normalization over the batch, over an image, and over the channels of a pixel."""

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Flag, Positive, Probability, checked
from keras_genzoo.backends import keras_private


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` with the fused kernel, and constants that are common for GANs.

    Weights and results are those of `keras.layers.BatchNormalization`. It is faster on TensorFlow for
    channels-last images. Under `tf.distribute`, each replica normalizes its own batch unless
    `synchronized=True` (TensorFlow only).

    Args:
        momentum: Float from 0 to 1, weight of the old value in the moving statistics. The default 0.9
            corresponds to 0.1 in PyTorch.
        epsilon: Positive float added to the variance. Defaults to 1e-5.
        **kwargs: As for `keras.layers.BatchNormalization`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.BatchNormalization()
    outputs = layer(keras.ops.ones((2, 8, 8, 4)), training=True)  # (2, 8, 8, 4)
    ```

    Reference: Ioffe & Szegedy, "Batch normalization: Accelerating deep network training by reducing internal
    covariate shift", 2015, arXiv:1502.03167, algorithm 1.
    """

    @checked
    def __init__(self, momentum: Probability = 0.9, epsilon: Positive = 1e-5, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        is_image = len(inputs.shape) == 4 and self.axis in (3, -1)
        plain = is_image and mask is None and not self.synchronized
        # The fused kernel does not support float64.
        if not (plain and training and self.trainable and self.compute_dtype != "float64"):
            return super().call(inputs, training=training, mask=mask)
        inputs = ops.cast(inputs, self.compute_dtype)
        # The statistics are float32 also under mixed precision, so autocast is disabled.
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
    """Normalizes each channel of each image by its mean and variance.

    The statistics are computed in float32 also under mixed precision, and in float64 for float64 inputs.

    Args:
        epsilon: Positive float added to the variance. The default 1e-5 is that of PyTorch.
        affine: Bool, whether a trained scale and offset per channel are applied.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.InstanceNormalization()
    outputs = layer(keras.ops.ones((2, 8, 8, 4)))  # (2, 8, 8, 4)
    ```

    Reference: Ulyanov et al., "Instance normalization: The missing ingredient for fast stylization", 2016,
    arXiv:1607.08022, equation 4.
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
        normalized = backends.instance_normalization(inputs, self.epsilon)
        return normalized * self.gamma + self.beta if self.affine else normalized

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "affine": self.affine}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class AdaptiveInstanceNormalization(keras.layers.Layer):
    """Instance normalization with a scale and an offset computed from a style (AdaIN).

    A dense layer computes the scale and the offset per channel.

    The output is `(1 + scale) * normalized + offset`, computed in float32 also under mixed precision, and in
    float64 for float64 inputs.

    Args:
        epsilon: Positive float added to the variance. The default 1e-5 is that of PyTorch.
        kernel_initializer: Keras initializer of the kernel of the dense layer.

    Call arguments:
        inputs: List of a float tensor `(batch, height, width, channels)` and styles `(batch, style_dim)`.

    Returns:
        Tensor of the shape of the first input.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.AdaptiveInstanceNormalization()
    outputs = layer([keras.ops.ones((2, 8, 8, 4)), keras.ops.ones((2, 16))])  # (2, 8, 8, 4)
    ```

    Reference: Huang & Belongie, "Arbitrary style transfer in real-time with adaptive instance normalization",
    2017, arXiv:1703.06868, equation 8, with a scale around 1 as in Choi et al., "StarGAN v2: Diverse image
    synthesis for multiple domains", 2020, arXiv:1912.01865.
    """

    @checked
    def __init__(self, epsilon: Positive = 1e-5, kernel_initializer="he_normal", **kwargs):
        # Autocast would round the styles to half precision.
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
    """Divides the channels of each pixel by their root mean square, computed in float32.

    Args:
        epsilon: Positive float added to the mean square. Defaults to 1e-8.

    Call arguments:
        inputs: Float tensor `(..., channels)`.

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: If `epsilon` is not positive.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.PixelNormalization()
    layer(keras.ops.array([[3.0, 4.0]]))  # [[0.849, 1.131]]
    ```

    Reference: Karras et al., "Progressive growing of GANs for improved quality, stability, and variation",
    2018, arXiv:1710.10196, section 4.2.
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
