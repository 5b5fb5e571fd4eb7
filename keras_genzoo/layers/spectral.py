"""Layers whose kernel is divided by its largest singular value.

The kernel itself is never touched: optimizers, averages and saved files hold what is trained, and the quotient is
computed in each call.
"""

import keras
from keras import initializers, ops

from keras_genzoo.arguments import Positive, checked
from keras_genzoo.backends import keras_private
from keras_genzoo.layers.convolution import ResizeConv2D, enlarged


class _Spectral:
    """What the layers below share: `normalized_kernel`.

    Subclasses say where the kernel is (`_matrix`, inputs times outputs).
    """

    @checked
    def __init__(self, *args, epsilon: Positive = 1e-12, **kwargs):
        super().__init__(*args, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape=None):
        super().build(input_shape)
        # All replicas have the same kernel and the same `u`, and make the same of them.
        self.u = self.add_weight(
            name="u",
            shape=(self._num_outputs,),
            initializer=initializers.RandomNormal(0.0, 1.0),
            trainable=False,
            dtype="float32",
            aggregation="only_first_replica",
        )

    def normalized_kernel(self, training=False):
        """The kernel over its largest singular value, as the power method estimates it from `u`.

        Args:
            training: Bool, whether the iteration's result is stored, for the next to go on from.

        Returns:
            Tensor of the kernel's shape, in the compute dtype. The gradient takes both singular vectors for
            constants.
        """
        # Float32 under mixed precision too.
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

    # Those of Keras' layers know kernel and bias alone.

    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralDense(_Spectral, keras.layers.Dense):
    """`keras.layers.Dense` whose kernel is divided by its largest singular value.

    Unlike `keras.layers.SpectralNormalization`, which overwrites the kernel at every training call, the gradient
    passes through the singular value, and the kernel is what the optimizer has made of it.

    The singular value is estimated by one step of the power method in each call, which a call with `training=True`
    stores: `u`, the vector on the side of the outputs.

    Args:
        units: Int.
        epsilon: Float added to the norms of the power method.
        **kwargs: As for `keras.layers.Dense`.

    Source: Miyato et al. 2018, algorithm 1.
    """

    def call(self, inputs, training=False):
        return self._with_bias(ops.matmul(inputs, self.normalized_kernel(training)))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralConv2D(_Spectral, keras.layers.Conv2D):
    """`keras.layers.Conv2D`, for channels-last images, whose kernel is divided by its largest singular value.

    The kernel counts as the matrix of `height * width * channels` rows and `filters` columns. See `SpectralDense`.

    Args:
        filters, kernel_size: As for `keras.layers.Conv2D`.
        epsilon: Float added to the norms of the power method.
        **kwargs: As for `keras.layers.Conv2D`.

    Source: Miyato et al. 2018, section 3.
    """

    def call(self, inputs, training=False):
        return self._with_bias(self.convolution_op(inputs, self.normalized_kernel(training)))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralResizeConv2D(_Spectral, ResizeConv2D):
    """`ResizeConv2D` whose kernel, that of the 3x3 convolution, is divided by its largest singular value.

    See `SpectralDense`.

    Args:
        filters, **kwargs: As for `ResizeConv2D`.
        epsilon: Float added to the norms of the power method.
    """

    def call(self, inputs, training=False):
        return self._with_bias(enlarged(inputs, self.normalized_kernel(training)))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SpectralEmbedding(_Spectral, keras.layers.Embedding):
    """`keras.layers.Embedding` whose table is divided by its largest singular value; see `SpectralDense`.

    Args:
        input_dim, output_dim: As for `keras.layers.Embedding`.
        epsilon: Float added to the norms of the power method.
        **kwargs: As for `keras.layers.Embedding`.

    Source: Miyato & Koyama 2018, section 4: the projection discriminator's embedding.
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
