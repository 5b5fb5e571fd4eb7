"""Layers that Keras lacks, or has in a form that GANs cannot use."""

import contextlib
import importlib.util
import math
import threading

import keras
import numpy as np
from keras import initializers, ops

from keras_genzoo import arguments, backends, latent

# He's gain for a layer that ReLU follows.
_HE_GAIN = math.sqrt(2.0)


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
        # The fused kernel does not know float64.
        if not (plain and training and self.trainable and self.compute_dtype != "float64"):
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

    The statistics are float32 under mixed precision too, and float64 in float64.

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
        padding: Int, pixels added at each side; less than the images' sides, or a ValueError is raised.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height + 2 * padding, width + 2 * padding, channels)`.
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
        sides = inputs.shape[1:3]
        if any(side is not None and side <= self.padding for side in sides):
            raise ValueError(
                f"A map of {sides[0]}x{sides[1]} cannot be padded by {self.padding} mirrored pixels. Give the "
                "network larger images."
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

    def call(self, inputs):
        doubles = (self.kernel_size, self.strides, self.padding) == ((4, 4), (2, 2), "same")
        doubles = doubles and self.output_padding is None and self.data_format == "channels_last"
        if not doubles:
            return super().call(inputs)
        outputs = _doubled(inputs, ops.cast(self.kernel, inputs.dtype))
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ResizeConv2D(keras.layers.Conv2D):
    """Nearest-neighbour upsampling, each pixel to 2x2, and a 3x3 convolution with padding "same".

    Both together are one transposed convolution with a kernel of 4 and stride 2, of 16/36 the work, and are
    computed so. Unlike one whose 4x4 kernel is free, it gives a map of one colour no pattern.

    Args:
        filters: Int, channels of the result.
        **kwargs: As for `keras.layers.Conv2D`, without strides, dilation and groups.

    Raises:
        ValueError: If an argument is given that is fixed.

    Source: Odena et al. 2016 (Deconvolution and checkerboard artifacts).
    """

    _FIXED = frozenset({"kernel_size", "padding", "data_format", "strides", "dilation_rate", "groups"})

    def __init__(self, filters, **kwargs):
        if given := sorted(kwargs.keys() & self._FIXED):
            raise ValueError(f"{given} cannot be given: the layer is upsampling and a plain 3x3 convolution.")
        super().__init__(filters, 3, padding="same", data_format="channels_last", **kwargs)

    def call(self, inputs):
        outputs = _doubled(inputs, _kernel_behind_upsampling(ops.cast(self.kernel, inputs.dtype)))
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, *(side if side is None else 2 * side for side in (height, width)), self.filters)

    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name not in self._FIXED}


# Pixels of a batch up to which a matrix product is faster than a library's transposed convolution, measured on
# two CPU cores.
_FEW_PIXELS = 256


def _doubled(inputs, kernel):
    """Transposed convolution of stride 2 with a kernel `(4, 4, filters, channels)` and padding "same"."""
    batch, height, width, channels = inputs.shape
    if None in (batch, height, width) or batch * height * width > _FEW_PIXELS:
        return ops.conv_transpose(inputs, kernel, strides=2, padding="same", data_format="channels_last")
    # The product of all pixels with all of the kernel, whose parts are then added where they overlap: pixel i
    # adds its product with row k of the kernel to row 2 i + k - 1 of the result.
    filters = kernel.shape[2]
    # Turning the kernel round would cost more than the product.
    kernel = ops.reshape(kernel, (-1, channels))
    parts = ops.einsum("kc,pc->pk", kernel, ops.reshape(inputs, (-1, channels)))
    parts = ops.reshape(parts, (batch, height, width, 4, 4, filters))
    rows = _overlapped(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), axis=1)
    rows = ops.reshape(rows, (batch, 2 * height, width, 4, filters))
    return ops.reshape(_overlapped(rows, axis=2), (batch, 2 * height, 2 * width, filters))


def _kernel_behind_upsampling(kernel):
    """The kernel of the transposed convolution that upsampling and a convolution are together.

    A pixel reaches 4 along a side: the first and last by one weight, those between by the sum of two.

    Args:
        kernel: Tensor `(3, 3, channels, filters)`.

    Returns:
        Tensor `(4, 4, filters, channels)`.
    """
    for axis in (0, 1):
        kernel = ops.flip(kernel, axis=axis)  # one axis at a time: OpenVINO turns round no more
        padding = [(0, 0)] * 4
        padding[axis] = (1, 0)
        late = ops.pad(kernel, padding)
        padding[axis] = (0, 1)
        kernel = late + ops.pad(kernel, padding)
    return ops.transpose(kernel, (0, 1, 3, 2))


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
        given = None if training else _sampling_seeds().get(self)
        return keras.random.dropout(inputs, self.rate, seed=given or self.seed_generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "sampling": self.sampling}


@contextlib.contextmanager
def sampling_seeds(layers, seeds):
    """Inside, in this thread, `Dropout` layers draw from the given seeds and leave their own seed state unchanged.

    Args:
        layers: List of `Dropout` layers.
        seeds: uint32 tensor `(len(layers), 2)`.
    """
    before = _sampling_seeds()
    pairs = zip(layers, ops.unstack(seeds, num=len(layers)), strict=True)
    _OF_THREAD.sampling_seeds = {layer: _GivenSeeds(seed) for layer, seed in pairs}
    try:
        yield
    finally:
        _OF_THREAD.sampling_seeds = before


_OF_THREAD = threading.local()


def _sampling_seeds():
    return getattr(_OF_THREAD, "sampling_seeds", {})


class _GivenSeeds(keras.random.SeedGenerator):
    """Seeds that follow from a tensor, without a variable: the first is the tensor itself."""

    def __init__(self, seed):
        self._seed = seed

    def next(self, ordered=True):
        seed = ops.cast(self._seed, keras.src.backend.random_seed_dtype())
        # For a layer that is called again. Multiples of an odd constant never collide modulo 2**32.
        self._seed = self._seed + ops.convert_to_tensor([0, 0x9E3779B9], dtype="uint32")
        return seed


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


class _Equalized(keras.layers.Layer):
    """Weights drawn with variance 1 and multiplied by He's constant at run time.

    Args:
        units: Int, channels of the result.
        gain: Float. The weights are multiplied by `gain / sqrt(number of inputs of a unit)`.
    """

    def __init__(self, units, gain=_HE_GAIN, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gain = gain

    def _add_weights(self, kernel_shape, bias_shape=None):
        self.kernel = self.add_weight(
            name="kernel", shape=kernel_shape, initializer=initializers.RandomNormal(0.0, 1.0)
        )
        self.bias = self.add_weight(name="bias", shape=bias_shape or (self.units,), initializer="zeros")

    def scaled_kernel(self):
        """The weights that the layer computes with."""
        return self.kernel * (self.gain / math.sqrt(math.prod(self.kernel.shape[:-1])))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "gain": self.gain}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedDense(_Equalized):
    """A dense layer with equalised learning rate.

    The weights are drawn with variance 1 and multiplied by `gain / sqrt(inputs)` at run time, so that Adam moves
    all weights of a network by the same share of their range.

    Args:
        units: Int.
        gain: Float. Defaults to sqrt(2), He's; 1 suits a layer that no ReLU follows.

    Source: Karras et al. 2018, section 4.1.
    """

    def build(self, input_shape):
        self._add_weights((input_shape[-1], self.units))

    def call(self, inputs):
        return ops.matmul(inputs, self.scaled_kernel()) + self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedProjection(_Equalized):
    """Latents to maps, with equalised learning rate: a convolution as large as the map that meets one pixel.

    Args:
        units: Int, channels of the map.
        side: Int, height and width of the map.
        gain: Float. Defaults to sqrt(2).
        pixel_bias: Bool, whether each pixel of the map has a bias of its own.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Tensor `(batch, side, side, units)`.

    Source: Karras et al. 2018, table 2, the generator's "Conv 4x4".
    """

    def __init__(self, units, side=4, gain=_HE_GAIN, pixel_bias=False, **kwargs):
        super().__init__(units, gain, **kwargs)
        self.side = side
        self.pixel_bias = pixel_bias

    def build(self, input_shape):
        bias_shape = (self.side, self.side, self.units) if self.pixel_bias else (self.units,)
        self._add_weights((self.side, self.side, input_shape[-1], self.units), bias_shape)

    def call(self, latents):
        return ops.einsum("bl,hwlu->bhwu", latents, self.scaled_kernel()) + self.bias

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.side, self.side, self.units)

    def get_config(self):
        return {**super().get_config(), "side": self.side, "pixel_bias": self.pixel_bias}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class EqualizedConv2D(_Equalized):
    """A convolution of stride 1 and padding "same" with equalised learning rate; see `EqualizedDense`.

    Args:
        units: Int, channels of the result.
        kernel_size: Int.
        gain: Float. Defaults to sqrt(2).
        upsampling: Bool, whether the images are enlarged before, each pixel to 2x2. Both together are one transposed
            convolution with a kernel of 4, of 16/36 the work; needs a kernel of 3.

    Source: Karras et al. 2018, section 4.1.
    """

    def __init__(self, units, kernel_size, gain=_HE_GAIN, upsampling=False, **kwargs):
        super().__init__(units, gain, **kwargs)
        if upsampling and kernel_size != 3:
            raise ValueError(f"`upsampling` needs `kernel_size=3`. Received: kernel_size={kernel_size}")
        self.kernel_size = kernel_size
        self.upsampling = upsampling

    def build(self, input_shape):
        self._add_weights((self.kernel_size, self.kernel_size, input_shape[-1], self.units))

    def call(self, inputs):
        kernel = self.scaled_kernel()
        if not self.upsampling:
            return ops.conv(inputs, kernel, padding="same", data_format="channels_last") + self.bias
        kernel = _kernel_behind_upsampling(kernel)
        enlarged = ops.conv_transpose(inputs, kernel, strides=2, padding="same", data_format="channels_last")
        return enlarged + self.bias

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        factor = 2 if self.upsampling else 1
        sides = (side if side is None else factor * side for side in (height, width))
        return (batch, *sides, self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "upsampling": self.upsampling,
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

    def __init__(self, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        mean_square = ops.mean(ops.square(ops.cast(inputs, "float32")), axis=-1, keepdims=True)
        return inputs * ops.cast(ops.rsqrt(mean_square + self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


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

    def __init__(self, group_size=4, **kwargs):
        super().__init__(**kwargs)
        if group_size < 1:
            raise ValueError(f"`group_size` must be at least 1. Received: group_size={group_size}")
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
class GaussianMixture(keras.layers.Layer):
    """A density of latents: a mixture of Gaussians with full covariances, fitted but not trained.

    Before `fit` it is a standard normal.

    Args:
        num_components: Int, at least 1.
        dim: Int, length of a latent.

    Example:

    ```python
    mixture = GaussianMixture(num_components=10, dim=8)
    mixture.fit(latents, seed=0)
    drawn = mixture.draw(16, seed=0)
    ```
    """

    def __init__(self, num_components, dim, **kwargs):
        num_components = arguments.integer("num_components", num_components, at_least=1)
        # Half precision would move the components.
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        self.num_components = num_components
        self.dim = dim
        identities = np.broadcast_to(np.eye(dim, dtype="float32"), (num_components, dim, dim))
        self.component_weights = self.add_weight((num_components,), initializer="zeros", name="weights")
        self.means = self.add_weight((num_components, dim), initializer="zeros", name="means")
        self.factors = self.add_weight((num_components, dim, dim), initializer="zeros", name="factors")
        self._assign(np.full(num_components, 1.0 / num_components), self.means, identities)
        self.built = True

    def draw(self, num, seed):
        """Latents as a pure function of the seed, see `keras_genzoo.latent.mixture`."""
        return latent.mixture(num, seed, self.component_weights.value, self.means.value, self.factors.value)

    def fit(self, latents, seed=0):
        """Fits the mixture by expectation maximisation, started from k-means, with scikit-learn.

        Args:
            latents: Float array `(num, dim)`.
            seed: Int, seed of the start.

        Raises:
            ImportError: If scikit-learn is not installed.
            ValueError: If there are fewer latents than components, or latents that are not finite.
        """
        if importlib.util.find_spec("sklearn") is None:
            raise ImportError(
                'Fitting a mixture needs scikit-learn. Install it with `pip install "keras_genzoo[priors]"`.'
            )
        from sklearn import mixture

        latents = np.asarray(latents, "float64")
        if len(latents) < self.num_components:
            raise ValueError(
                f"`num_components` is {self.num_components}, but there are only {len(latents)} latents. Give more "
                "images, or fewer components."
            )
        if not np.isfinite(latents).all():
            raise ValueError(
                "The latents are not finite: the weights of the encoder, or its inputs, are not."
            )
        found = mixture.GaussianMixture(
            self.num_components, covariance_type="full", reg_covar=1e-6, max_iter=200, random_state=seed
        ).fit(latents)
        self._assign(found.weights_, found.means_, np.linalg.cholesky(found.covariances_))

    def _assign(self, weights, means, factors):
        # Multiples of 2**-23, as `latent.mixture` wants them, with the sum 1.
        bounds = np.round(np.cumsum(weights) / np.sum(weights) * 2**23)
        self.component_weights.assign(np.diff(bounds, prepend=0.0) / 2**23)
        self.means.assign(means)
        self.factors.assign(factors)

    def get_config(self):
        return {**super().get_config(), "num_components": self.num_components, "dim": self.dim}
