"""Batch normalization whose scale and offset depend on a condition."""

import keras
from keras import ops

from keras_genzoo.arguments import Flag, Positive, PositiveInt, Probability, checked
from keras_genzoo.layers.normalization import BatchNormalization
from keras_genzoo.layers.spectral import SpectralDense


class _ConditionalBatchNormalization(BatchNormalization):
    """Batch normalization of the first of two inputs, with a scale and an offset computed from the second.

    Subclasses implement `build_condition` and `scale_and_offset`.
    """

    def __init__(self, momentum, epsilon, **kwargs):
        super().__init__(momentum, epsilon, scale=False, center=False, **kwargs)

    def build(self, input_shape):
        shape, of_condition = input_shape
        super().build(shape)
        # The input spec of Keras is for one input.
        self.input_spec = None
        self.build_condition(shape[-1], of_condition)

    def call(self, inputs, training=None):
        x, condition = inputs
        scale, offset = self.scale_and_offset(condition, training)
        between = (1,) * (len(x.shape) - 2)
        scale, offset = (ops.reshape(part, (-1, *between, x.shape[-1])) for part in (scale, offset))
        x = super().call(x, training=training)
        return x * ops.cast(scale, x.dtype) + ops.cast(offset, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in _OF_SCALE_AND_OFFSET}


_OF_SCALE_AND_OFFSET = {
    "scale",
    "center",
    *(
        f"{name}_{kind}"
        for name in ("beta", "gamma")
        for kind in ("initializer", "regularizer", "constraint")
    ),
}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ConditionalBatchNormalization(_ConditionalBatchNormalization):
    """Batch normalization with a scale and an offset per class.

    Args:
        num_classes: Positive int.
        momentum, **kwargs: As for `BatchNormalization`.
        epsilon: Positive float added to the variance. The default 2e-5 is that of Miyato & Koyama's code.

    Call arguments:
        inputs: List of a float tensor `(batch, ..., channels)` and int labels `(batch,)`.

    Returns:
        Tensor of the shape of the first input.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.ConditionalBatchNormalization(num_classes=10)
    outputs = layer([keras.ops.ones((2, 8, 8, 16)), keras.ops.array([3, 7])])  # (2, 8, 8, 16)
    ```

    Reference: Dumoulin et al., "A learned representation for artistic style", 2017, arXiv:1610.07629,
    equation 5. Miyato & Koyama, "cGANs with projection discriminator", 2018, arXiv:1802.05637, figure 14.
    """

    @checked
    def __init__(
        self, num_classes: PositiveInt, momentum: Probability = 0.9, epsilon: Positive = 2e-5, **kwargs
    ):
        super().__init__(momentum, epsilon, **kwargs)
        self.num_classes = num_classes

    def build_condition(self, channels, of_condition):
        shape = (self.num_classes, channels)
        self.scales = self.add_weight(name="scales", shape=shape, initializer="ones")
        self.offsets = self.add_weight(name="offsets", shape=shape, initializer="zeros")

    def scale_and_offset(self, condition, training):
        labels = ops.cast(condition, "int32")
        return ops.take(self.scales, labels, axis=0), ops.take(self.offsets, labels, axis=0)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ModulatedBatchNormalization(_ConditionalBatchNormalization):
    """Batch normalization with a scale `1 + W c` and an offset `V c` computed from a vector `c`.

    Args:
        spectral_epsilon: Positive float, `epsilon` of the spectral normalization of W and V.
        kernel_initializer: Keras initializer of W and V.
        spectral: Bool, whether W and V have spectral normalization.
        momentum, epsilon, **kwargs: As for `BatchNormalization`.

    Call arguments:
        inputs: List of a float tensor `(batch, ..., channels)` and a float tensor `(batch, condition_dim)`.

    Returns:
        Tensor of the shape of the first input.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.ModulatedBatchNormalization()
    outputs = layer([keras.ops.ones((2, 8, 8, 16)), keras.ops.ones((2, 20))])  # (2, 8, 8, 16)
    ```

    Reference: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019,
    arXiv:1809.11096, appendix B.1.
    """

    @checked
    def __init__(
        self,
        spectral_epsilon: Positive = 1e-6,
        kernel_initializer="orthogonal",
        spectral: Flag = True,
        momentum: Probability = 0.9,
        epsilon: Positive = 1e-5,
        **kwargs,
    ):
        super().__init__(momentum, epsilon, **kwargs)
        self.spectral_epsilon = spectral_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.spectral = spectral

    def build_condition(self, channels, of_condition):
        def dense(name):
            kwargs = {"use_bias": False, "kernel_initializer": self.kernel_initializer.clone()}
            kwargs |= {"dtype": self.dtype_policy, "name": name}
            if self.spectral:
                layer = SpectralDense(channels, epsilon=self.spectral_epsilon, **kwargs)
            else:
                layer = keras.layers.Dense(channels, **kwargs)
            layer.build(of_condition)
            return layer

        self.scales, self.offsets = dense("scales"), dense("offsets")

    def scale_and_offset(self, condition, training):
        return 1 + self.scales(condition, training=training), self.offsets(condition, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "spectral_epsilon": self.spectral_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "spectral": self.spectral,
        }
