"""Layers with spectral normalization: the kernel is divided by its largest singular value.

The stored kernel is not modified: optimizers, averages and saved files use the trained kernel, and the
normalized kernel is computed in each call.
"""

import keras
from keras import initializers, ops

from keras_genzoo.arguments import Positive, checked
from keras_genzoo.backends import keras_private
from keras_genzoo.layers.convolution import ResizeConv2D, enlarged


class _Spectral:
    """Base class of the layers below, with `normalized_kernel`.

    Subclasses define the kernel as a matrix of inputs times outputs (`_matrix`).
    """

    @checked
    def __init__(self, *args, epsilon: Positive = 1e-12, **kwargs):
        super().__init__(*args, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape=None):
        super().build(input_shape)
        # All replicas have the same kernel and the same `u`, and compute the same update.
        self.u = self.add_weight(
            name="u",
            shape=(self._num_outputs,),
            initializer=initializers.RandomNormal(0.0, 1.0),
            trainable=False,
            dtype="float32",
            aggregation="only_first_replica",
        )

    def normalized_kernel(self, training=False):
        """Divides the kernel by its largest singular value, estimated from `u` by one step of the power
        method.

        Args:
            training: Bool, whether the result of the iteration is stored as the start of the next.

        Returns:
            Tensor of the kernel's shape, in the compute dtype. Both singular vectors are constants for the
            gradient.
        """
        # In float32, also under mixed precision.
        with keras_private.without_autocast():
            matrix = self._matrix()
            constant = ops.stop_gradient(matrix)
            v = self._unit(ops.matmul(constant, self.u.value))
            u = self._unit(ops.matmul(v, constant))
            if training:
                self.u.assign(u)
            sigma = ops.sum(v * ops.matmul(matrix, u))
            return ops.cast(self._stored_kernel() / sigma, self.compute_dtype)

    def _unit(self, vector):
        return vector / (ops.sqrt(ops.sum(ops.square(vector))) + self.epsilon)

    def _stored_kernel(self):
        return ops.convert_to_tensor(self.kernel)

    @property
    def _num_outputs(self):
        return self._kernel.shape[-1]

    def _matrix(self):
        return ops.reshape(self._stored_kernel(), (-1, self._num_outputs))

    def _with_bias(self, outputs):
        if self.bias is not None:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)

    # Keras' dense and convolution layers only save kernel and bias.

    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralDense(_Spectral, keras.layers.Dense):
    """`keras.layers.Dense` with spectral normalization.

    `keras.layers.SpectralNormalization` overwrites the kernel in every call with `training=True`. Here the
    gradient passes through the singular value, and the stored kernel is only changed by the optimizer.

    The singular value is estimated by one step of the power method in each call. A call with `training=True`
    stores the vector `u` on the side of the outputs.

    Args:
        units: Positive int, number of output channels.
        epsilon: Positive float added to the norms of the power method.
        **kwargs: As for `keras.layers.Dense`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.SpectralDense(8)
    outputs = layer(keras.ops.ones((2, 4)), training=True)  # (2, 8)
    ```

    Reference: Miyato et al., "Spectral normalization for generative adversarial networks", 2018,
    arXiv:1802.05957, algorithm 1.
    """

    def call(self, inputs, training=False):
        return self._with_bias(ops.matmul(inputs, self.normalized_kernel(training)))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralConv2D(_Spectral, keras.layers.Conv2D):
    """`keras.layers.Conv2D` with spectral normalization, for channels-last images.

    The kernel is treated as a matrix with `height * width * channels` rows and `filters` columns. See
    `SpectralDense`.

    Args:
        filters, kernel_size: As for `keras.layers.Conv2D`.
        epsilon: Positive float added to the norms of the power method.
        **kwargs: As for `keras.layers.Conv2D`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.SpectralConv2D(8, 3, padding="same")
    outputs = layer(keras.ops.ones((2, 8, 8, 3)), training=True)  # (2, 8, 8, 8)
    ```

    Reference: Miyato et al., "Spectral normalization for generative adversarial networks", 2018,
    arXiv:1802.05957, section 3.
    """

    def call(self, inputs, training=False):
        return self._with_bias(self.convolution_op(inputs, self.normalized_kernel(training)))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralResizeConv2D(_Spectral, ResizeConv2D):
    """`ResizeConv2D` with spectral normalization of its 3x3 kernel; see `SpectralDense`.

    Args:
        filters, **kwargs: As for `ResizeConv2D`.
        epsilon: Positive float added to the norms of the power method.

    Raises:
        ValueError: If an argument is out of its range, or a fixed argument is given.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.SpectralResizeConv2D(8)
    outputs = layer(keras.ops.ones((2, 4, 4, 16)), training=True)  # (2, 8, 8, 8)
    ```
    """

    def call(self, inputs, training=False):
        return self._with_bias(enlarged(inputs, self.normalized_kernel(training)))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralEmbedding(_Spectral, keras.layers.Embedding):
    """`keras.layers.Embedding` with spectral normalization of its table; see `SpectralDense`.

    Args:
        input_dim, output_dim: As for `keras.layers.Embedding`.
        epsilon: Positive float added to the norms of the power method.
        **kwargs: As for `keras.layers.Embedding`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.SpectralEmbedding(10, 16)
    outputs = layer(keras.ops.array([3, 7]), training=True)  # (2, 16)
    ```

    Reference: Miyato & Koyama, "cGANs with projection discriminator", 2018, arXiv:1802.05637, section 4.
    """

    def call(self, inputs, training=False):
        return ops.take(self.normalized_kernel(training), ops.cast(inputs, "int32"), axis=0)

    def compute_output_spec(self, inputs, training=False):
        return super().compute_output_spec(inputs)

    def _stored_kernel(self):
        return ops.convert_to_tensor(self.embeddings)

    @property
    def _num_outputs(self):
        return self.input_dim

    def _matrix(self):
        return ops.transpose(self._stored_kernel())
