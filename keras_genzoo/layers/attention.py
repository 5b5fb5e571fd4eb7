"""Self-attention for feature maps."""

import keras
from keras import ops

from keras_genzoo.arguments import Positive, checked
from keras_genzoo.layers.spectral import SpectralConv2D


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SelfAttention(keras.layers.Layer):
    """Self-attention for feature maps: `x + gamma * o(softmax(theta(x) phi(x)') g(x))`.

    The projections are 1x1 convolutions with spectral normalization and without bias. `theta` and `phi` have
    an eighth of the channels, `g` half of them, and `o` all. `phi` and `g` are max-pooled by 2. The attention
    weights are computed in float32, also under mixed precision. `gamma` is a trained scalar with initial
    value 0.

    Args:
        epsilon: Positive float, as for `SpectralConv2D`.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)` with sides of at least 2 and at least 8
            channels.

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: If `epsilon` is not positive, or, when the layer is built, if the input has fewer than 8
            channels or a side of 1.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.SelfAttention()
    outputs = layer(keras.ops.ones((2, 8, 8, 16)))  # (2, 8, 8, 16)
    ```

    Reference: Zhang et al., "Self-attention generative adversarial networks", 2019, arXiv:1805.08318, section
    3; pooling and the channels of `g` as in the authors' code.
    """

    @checked
    def __init__(self, epsilon: Positive = 1e-12, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        _, height, width, channels = input_shape
        if channels < 8 or 1 in (height, width):
            raise ValueError(
                "Self-attention needs at least 8 channels and sides of at least 2. Received: a map of shape "
                f"{tuple(input_shape[1:])}"
            )
        filters = {"theta": channels // 8, "phi": channels // 8, "g": channels // 2, "o": channels}
        for name, num in filters.items():
            convolution = SpectralConv2D(
                num, 1, use_bias=False, epsilon=self.epsilon, dtype=self.dtype_policy, name=name
            )
            convolution.build((None, height, width, channels // 2 if name == "o" else channels))
            setattr(self, name, convolution)
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def call(self, inputs, training=False):
        _, height, width, channels = inputs.shape

        def pixels(x):
            return ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))

        query = pixels(self.theta(inputs, training=training))
        key = pixels(ops.max_pool(self.phi(inputs, training=training), 2, 2, data_format="channels_last"))
        value = pixels(ops.max_pool(self.g(inputs, training=training), 2, 2, data_format="channels_last"))
        scores = ops.cast(ops.matmul(query, ops.transpose(key, (0, 2, 1))), "float32")
        weights = ops.cast(ops.softmax(scores, axis=-1), value.dtype)
        attended = ops.reshape(ops.matmul(weights, value), (-1, height, width, channels // 2))
        return inputs + ops.cast(self.gamma, inputs.dtype) * self.o(attended, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
