"""Layers that Keras lacks, or has in a form that GANs cannot use."""

import keras
from keras import ops

from keras_genzoo import backends


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

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        is_image = len(inputs.shape) == 4 and self.axis in (3, -1)
        plain = is_image and self.scale and self.center and mask is None and not self.synchronized
        if not (plain and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        inputs = ops.cast(inputs, self.compute_dtype)
        # The statistics are float32 under mixed precision too: read past the autocast.
        with keras.src.backend.AutocastScope(None):
            outputs, mean, variance = backends.batch_normalization(
                inputs, self.gamma.value, self.beta.value, self.epsilon
            )
            for moving, current in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving.value * self.momentum + current * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(package="keras_genzoo")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image by its own mean and variance, without learnt scale and offset.

    The statistics are float32 under mixed precision too.

    Args:
        epsilon: Float added to the variance. Defaults to 1e-5, as in PyTorch.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape.

    Source: Ulyanov et al. 2016, equation 4.
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        return backends.instance_normalization(inputs, self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors images at their edges, the edge itself not repeated.

    Args:
        padding: Int, pixels added at each side; less than the images' sides.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height + 2 * padding, width + 2 * padding, channels)`.
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
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
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, as one matrix product on small maps.

    Same weights, same result. Where a 4x4 kernel of stride 2 with padding "same" meets few images of few pixels,
    a library's convolution is a multiple slower than the product of all pixels with all of the kernel, whose
    parts are then added where they overlap.

    Args:
        filters, kernel_size, strides, padding, **kwargs: As for `keras.layers.Conv2DTranspose`.
    """

    # Pixels of a batch up to which the product is faster, measured on two CPU cores.
    _FEW_PIXELS = 256

    def call(self, inputs):
        batch, height, width, channels = inputs.shape
        doubles = self.kernel_size == (4, 4) and self.strides == (2, 2) and self.padding == "same"
        known = None not in (batch, height, width)
        if not (doubles and known and batch * height * width <= self._FEW_PIXELS):
            return super().call(inputs)
        # Pixel i adds its product with row k of the kernel to row 2 i + k - 1 of the result.
        # The kernel is (4, 4, filters, channels); turning it round would cost more than the product.
        kernel = ops.reshape(ops.cast(self.kernel, inputs.dtype), (-1, channels))
        parts = ops.einsum("kc,pc->pk", kernel, ops.reshape(inputs, (-1, channels)))
        parts = ops.reshape(parts, (batch, height, width, 4, 4, self.filters))
        rows = _overlapped(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), axis=1)
        rows = ops.reshape(rows, (batch, 2 * height, width, 4, self.filters))
        outputs = ops.reshape(_overlapped(rows, axis=2), (batch, 2 * height, 2 * width, self.filters))
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)


def _overlapped(parts, axis):
    """Adds the four rows (axis + 1) of each of n pixels (axis) into 2 n rows, two a pixel."""
    first, second, third, fourth = ops.unstack(parts, axis=axis + 1)
    num = parts.shape[axis]

    def shifted(rows, by):
        padding = [(0, 0)] * len(rows.shape)
        padding[axis] = (1, 0) if by > 0 else (0, 1)
        kept = ops.take(rows, range(num - 1) if by > 0 else range(1, num), axis=axis)
        return ops.pad(kept, padding)

    return ops.stack([second + shifted(fourth, 1), third + shifted(first, -1)], axis=axis + 1)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Dropout(keras.layers.Layer):
    """`keras.layers.Dropout` whose masks differ between the replicas of a `tf.distribute` strategy.

    Args:
        rate: Float in [0, 1), probability that a value is set to zero.
        seed: Int or None.
        sampling: Bool, whether values are set to zero outside of training too: the noise of pix2pix (Isola et
            al. 2017, section 3.2).

    Source: Srivastava et al. 2014, section 4.
    """

    def __init__(self, rate, seed=None, sampling=False, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be in [0, 1). Received: rate={rate}")
        self.rate = rate
        self.seed = seed
        self.sampling = sampling
        self.supports_masking = True
        self.seed_generator = backends.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not (training or self.sampling) or self.rate == 0:
            return inputs
        return keras.random.dropout(inputs, self.rate, seed=self.seed_generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "sampling": self.sampling}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class LeakyReLU(keras.layers.Layer):
    """Leaky ReLU for networks under a gradient penalty.

    The same values and gradients as `keras.layers.LeakyReLU`, written as a product with a constant slope, so
    that the backend knows its second derivative to be zero; the stock layer's is a tensor of zeros that is
    carried through the whole network. Without a penalty the stock layer is faster.

    Args:
        negative_slope: Float, slope for negative values; 0 makes it a ReLU.
    """

    def __init__(self, negative_slope=0.2, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope
        self.supports_masking = True

    def call(self, inputs):
        slope = ops.where(inputs > 0, 1.0, self.negative_slope)
        return inputs * ops.stop_gradient(ops.cast(slope, inputs.dtype))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope}


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

    def __init__(self, num, **kwargs):
        super().__init__(**kwargs)
        if num < 1:
            raise ValueError(f"`num` must be at least 1. Received: num={num}")
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
class ImageHistory(keras.layers.Layer):
    """A pool of earlier generated images, mixed into the batch that the discriminator sees.

    Until the pool is full every image is stored and returned as it is. From then on each image is, with
    probability `replacement`, exchanged for one drawn from the pool, whose place it takes. The pool is
    ordinary layer state: it is saved with the weights, and works in a compiled step. Under `tf.distribute`
    each replica has its own.

    Args:
        size: Int, number of images in the pool, at least the batch size.
        replacement: Float in [0, 1], probability of the exchange.
        seed: Int or None, seed of the draws.

    Call arguments:
        images: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape; no gradient passes.

    Source: Shrivastava et al. 2017, section 2.3; with the constants 50 and 0.5 Zhu et al. 2017, section 4.
    """

    def __init__(self, size, replacement=0.5, seed=None, **kwargs):
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        if size < 1:
            raise ValueError(f"`size` must be at least 1. Received: size={size}")
        self.size = size
        self.replacement = replacement
        self.seed = seed
        self.seed_generator = backends.SeedGenerator(seed)

    def build(self, input_shape):
        self.pool = self.add_weight(
            name="pool", shape=(self.size, *input_shape[1:]), initializer="zeros", trainable=False
        )
        self.stored = self.add_weight(
            name="stored", shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def call(self, images):
        images = ops.stop_gradient(images)
        batch = images.shape[0] if images.shape[0] is not None else ops.shape(images)[0]
        if isinstance(batch, int) and batch > self.size:
            raise ValueError(
                f"The history of generated images holds {self.size}, fewer than the batch of {batch}. "
                "Raise `history_size` to the batch size or more."
            )
        stored = self.stored.value
        index = ops.arange(batch)
        filling = index < self.size - stored
        # The stored places in random order: each image of the batch meets a place of its own.
        chance = keras.random.uniform((self.size,), seed=self.seed_generator)
        order = ops.argsort(ops.where(ops.arange(self.size) < stored, chance, 2.0))
        met = ops.take(order, ops.maximum(index - (self.size - stored), 0))
        places = ops.where(filling, stored + index, ops.cast(met, "int32"))
        old = ops.take(self.pool.value, places, axis=0)
        filling = filling[:, None, None, None]
        exchanged = keras.random.uniform((batch, 1, 1, 1), seed=self.seed_generator) < self.replacement
        exchanged = ops.logical_and(ops.logical_not(filling), exchanged)
        written = ops.where(ops.logical_or(filling, exchanged), images, old)
        self.pool.assign(ops.scatter_update(self.pool.value, places[:, None], written))
        self.stored.assign(ops.minimum(stored + batch, self.size))
        return ops.where(exchanged, old, images)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "replacement": self.replacement,
            "seed": self.seed,
        }
