"""Layers, batch normalisation aside, which is in backends/test_backends.py."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers, losses, penalties
from tests import support


class TestDropout:
    def test_rate_and_scale(self):
        output = ops.convert_to_numpy(layers.Dropout(0.4, seed=0)(ops.ones((100, 100)), training=True))
        assert (output == 0).mean() == pytest.approx(0.4, abs=0.02)
        np.testing.assert_allclose(output[output > 0], 1 / 0.6, rtol=1e-6)

    def test_masks_change_from_call_to_call_and_follow_the_seed(self):
        def two_masks():
            layer = layers.Dropout(0.5, seed=3)
            return [ops.convert_to_numpy(layer(ops.ones((50,)), training=True)) for _ in range(2)]

        (first, second), again = two_masks(), two_masks()
        assert (first != second).any()
        np.testing.assert_array_equal([first, second], again)

    def test_inference_passes_everything(self):
        x = np.arange(5, dtype="float32")
        np.testing.assert_array_equal(ops.convert_to_numpy(layers.Dropout(0.5)(x, training=False)), x)

    def test_sampling_acts_at_inference_too(self):
        layer = layers.Dropout(0.4, seed=0, sampling=True)
        first, second = (ops.convert_to_numpy(layer(ops.ones((100, 100)), training=False)) for _ in range(2))
        assert (first == 0).mean() == pytest.approx(0.4, abs=0.02)
        assert (first != second).any()

    @pytest.mark.parametrize("rate", [-0.1, 1.0])
    def test_rate_outside_its_range_is_refused(self, rate):
        with pytest.raises(ValueError, match=rf"`rate` must be in \[0, 1\). Received: rate={rate}"):
            layers.Dropout(rate)

    def test_config(self):
        for sampling in (False, True):
            layer = layers.Dropout(0.3, seed=4, sampling=sampling, name="drop")
            layer = layers.Dropout.from_config(layer.get_config())
            assert (layer.rate, layer.seed, layer.sampling, layer.name) == (0.3, 4, sampling, "drop")


class TestInstanceNormalization:
    @pytest.mark.parametrize("num", [1, 3, 9])
    def test_closed_form(self, num):
        x = np.random.default_rng(0).normal(2.0, 3.0, (num, 5, 4, 3)).astype("float32")
        expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.01)
        layer = layers.InstanceNormalization(epsilon=0.01)
        np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=1e-5)
        assert layer.weights == []

    def test_one_image_has_the_gradient_that_it_has_among_others(self):
        """Few images take another way through TensorFlow than many."""
        rng = np.random.default_rng(0)
        images, weights = rng.normal(2.0, 3.0, (2, 9, 5, 4, 2)).astype("float32")
        layer = layers.InstanceNormalization()

        def gradient(some):
            x = ops.convert_to_tensor(images[some])
            return ops.convert_to_numpy(
                backends.input_value_and_grad(lambda x: ops.sum(layer(x) * weights[some], axis=(1, 2, 3)), x)[
                    1
                ]
            )

        together = gradient(slice(9))
        for index in range(3):
            alone = gradient(slice(index, index + 1))
            assert np.abs(alone).max() > 0.1
            np.testing.assert_allclose(alone, together[index : index + 1], atol=1e-5)

    @pytest.mark.parametrize("num", [2, 9])
    def test_statistics_are_float32_in_half_precision(self, num):
        rng = np.random.default_rng(0)
        # Squares of 1000 with a deviation of 8 would drown in bfloat16's 8 bits.
        x = ops.cast(rng.normal(1000.0, 8.0, (num, 16, 16, 2)), "bfloat16")
        output = layers.InstanceNormalization(dtype="mixed_bfloat16")(x)
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        x = ops.convert_to_numpy(ops.cast(x, "float32")).astype("float64")
        expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
        np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(output, "float32")), expected, atol=0.02)

    @pytest.mark.tensorflow  # JAX computes in float64 only where it is told to at its start
    @pytest.mark.parametrize("num", [2, 64])
    def test_float64_is_float64(self, num):
        x = np.random.default_rng(0).normal(1e6, 1.0, (num, 5, 4, 3))
        expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
        output = layers.InstanceNormalization(dtype="float64")(x)
        np.testing.assert_allclose(ops.convert_to_numpy(output), expected, atol=1e-6)

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.InstanceNormalization()(images))
        assert network.output_shape == (None, None, None, 2)
        for shape in ((1, 4, 6, 2), (3, 5, 2, 2)):
            output = ops.convert_to_numpy(network(np.random.default_rng(0).normal(size=shape)))
            assert output.shape == shape
            np.testing.assert_allclose(output.mean((1, 2)), 0, atol=1e-5)

    def test_config(self):
        layer = layers.InstanceNormalization(1e-3, name="norm")
        layer = layers.InstanceNormalization.from_config(layer.get_config())
        assert (layer.epsilon, layer.name) == (1e-3, "norm")


class TestConv2DTranspose:
    @pytest.mark.parametrize(
        ("shape", "arguments"),
        [
            ((1, 4, 3, 5), {}),
            ((2, 1, 1, 5), {"activation": "relu"}),
            # 240 pixels, then more than the product takes.
            ((15, 4, 4, 5), {"use_bias": False}),
            ((17, 4, 4, 5), {}),
            ((1, 3, 3, 2), {"output_padding": 1}),
            ((1, 3, 3, 2), {"padding": "valid"}),
        ],
    )
    def test_is_the_stock_layer(self, shape, arguments):
        arguments = {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", **arguments}
        ours, stock = layers.Conv2DTranspose(**arguments), keras.layers.Conv2DTranspose(**arguments)
        x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=shape).astype("float32"))
        ours.build(shape)
        stock.build(shape)
        stock.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in ours.get_weights()])
        ours.set_weights(stock.get_weights())
        results = []
        for layer in (ours, stock):
            weights = np.random.default_rng(2).normal(size=layer(x).shape).astype("float32")

            def loss(layer=layer, weights=weights):
                output = layer(x)
                return ops.sum(output * weights), output

            (_, output), gradients = backends.value_and_grad(loss, layer.trainable_variables, has_aux=True)
            results.append([ops.convert_to_numpy(value) for value in (output, *gradients)])
        for actual, expected in zip(*results, strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-4)


class TestResizeConv2D:
    # The last has more pixels than the product takes.
    @pytest.mark.parametrize("shape", [(1, 1, 1, 4), (2, 4, 3, 4), (2, 5, 5, 4), (17, 4, 4, 4)])
    @pytest.mark.parametrize("arguments", [{}, {"use_bias": False, "activation": "relu"}])
    def test_is_upsampling_by_nearest_neighbours_and_a_convolution(self, shape, arguments):
        layer, convolution = (
            layers.ResizeConv2D(3, **arguments),
            keras.layers.Conv2D(3, 3, padding="same", **arguments),
        )
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        layer.build(shape)
        convolution.build(shape)
        layer.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in convolution.get_weights()])
        convolution.set_weights(layer.get_weights())
        expected = convolution(x.repeat(2, axis=1).repeat(2, axis=2))
        np.testing.assert_allclose(support.to_numpy(layer(x)), support.to_numpy(expected), atol=1e-4)
        assert layer.compute_output_shape(shape) == tuple(expected.shape)

    def test_a_map_of_one_colour_stays_one(self):
        """But for the border, whose pixels see the padding."""
        output = support.to_numpy(layers.ResizeConv2D(1)(np.ones((1, 5, 5, 2), "float32")))[:, 1:-1, 1:-1]
        assert np.ptp(output) < 1e-5

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.ResizeConv2D(3)(images))
        assert network.output_shape == (None, None, None, 3)
        assert network(np.zeros((1, 3, 5, 2), "float32")).shape == (1, 6, 10, 3)

    @pytest.mark.parametrize("fixed", ["kernel_size", "strides", "dilation_rate", "groups"])
    def test_what_it_cannot_do_is_refused(self, fixed):
        with pytest.raises(ValueError, match=f"'{fixed}'. cannot be given"):
            layers.ResizeConv2D(4, **{fixed: 2})

    def test_config(self):
        layer = layers.ResizeConv2D(3, use_bias=False, kernel_initializer="zeros")
        again = layers.ResizeConv2D.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        assert (again.filters, again.use_bias) == (3, False)


class TestEqualized:
    """The weights have variance 1; what a layer computes with has He's."""

    @pytest.mark.parametrize(
        ("layer", "shape", "fan_in"),
        [
            (layers.EqualizedDense(200), (2, 50), 50),
            (layers.EqualizedConv2D(50, 3), (1, 4, 4, 20), 180),
            (layers.EqualizedProjection(50), (2, 20), 320),
        ],
        ids=["dense", "convolution", "projection"],
    )
    def test_scale(self, layer, shape, fan_in):
        output = ops.convert_to_numpy(layer(np.ones(shape, "float32")))
        kernel, bias = layer.get_weights()
        assert kernel.std() == pytest.approx(1, abs=0.02) and not bias.any()
        used = ops.convert_to_numpy(layer.scaled_kernel())
        np.testing.assert_allclose(used, kernel * np.sqrt(2 / fan_in), rtol=1e-5)
        assert output.shape == tuple(layer.compute_output_shape(shape))

    def test_a_gain_of_its_own(self):
        layer = layers.EqualizedDense(3, gain=1.0)
        x = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
        output = ops.convert_to_numpy(layer(x))
        np.testing.assert_allclose(output, x @ layer.get_weights()[0] / np.sqrt(5), atol=1e-6)

    @pytest.mark.parametrize("side", [1, 4, 5])
    def test_upsampling_is_that_of_nearest_neighbours(self, side):
        layer = layers.EqualizedConv2D(3, 3, upsampling=True)
        x = np.random.default_rng(0).normal(size=(2, side, side, 4)).astype("float32")
        output = ops.convert_to_numpy(layer(x))
        layer.upsampling = False
        expected = ops.convert_to_numpy(layer(x.repeat(2, axis=1).repeat(2, axis=2)))
        np.testing.assert_allclose(output, expected, atol=1e-5)
        with pytest.raises(ValueError, match="`kernel_size=3`"):
            layers.EqualizedConv2D(3, 1, upsampling=True)

    @pytest.mark.parametrize(
        "layer",
        [
            layers.EqualizedDense(3, gain=0.5),
            layers.EqualizedConv2D(3, 3, upsampling=True),
            layers.EqualizedProjection(3, side=2),
            layers.PixelNormalization(1e-3),
            layers.MinibatchStandardDeviation(3),
        ],
        ids=lambda layer: layer.name,
    )
    def test_config(self, layer):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


def test_pixel_normalization():
    x = np.random.default_rng(0).normal(2.0, 3.0, (2, 3, 3, 5)).astype("float32")
    output = ops.convert_to_numpy(layers.PixelNormalization()(x))
    np.testing.assert_allclose(output, x / np.sqrt((x**2).mean(-1, keepdims=True)), rtol=1e-5)


class TestMinibatchStandardDeviation:
    def test_closed_form(self):
        """Images 0 and 1 differ by 2 everywhere, images 2 and 3 by 6 in one channel of two."""
        x = np.zeros((4, 3, 3, 2), "float32")
        x[1], x[3, ..., 0] = 2, 6
        output = ops.convert_to_numpy(layers.MinibatchStandardDeviation(2)(x))
        np.testing.assert_array_equal(output[..., :2], x)
        for image, deviation in enumerate((1, 1, 1.5, 1.5)):
            np.testing.assert_allclose(output[image, ..., 2], deviation, atol=1e-3)

    def test_batch_that_groups_do_not_fill(self):
        with pytest.raises(ValueError, match="multiple of the 4 images"):
            layers.MinibatchStandardDeviation()(np.zeros((6, 2, 2, 1), "float32"))


class TestCropping2D:
    @pytest.mark.parametrize("cropping", [((1, 0), (1, 0)), ((0, 2), (1, 1)), 0])
    def test_is_the_stock_layer(self, cropping):
        x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32"))
        weights = np.random.default_rng(1).normal(size=(2, 5, 4, 3)).astype("float32")
        results = []
        for layer in (layers.Cropping2D(cropping), keras.layers.Cropping2D(cropping)):
            output = ops.convert_to_numpy(layer(x))
            weighted = weights[:, : output.shape[1], : output.shape[2]]
            _, gradient = backends.input_value_and_grad(
                lambda x, layer=layer, weighted=weighted: ops.sum(layer(x) * weighted, axis=(1, 2, 3)), x
            )
            results.append((output, ops.convert_to_numpy(gradient)))
        for ours, stock in zip(*results, strict=True):
            np.testing.assert_array_equal(ours, stock)

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.Cropping2D(((1, 0), (2, 0)))(images))
        assert network(ops.zeros((3, 4, 5, 2))).shape == (3, 3, 3, 2)


class TestReflectionPadding2D:
    @pytest.mark.parametrize("padding", [1, 3])
    @pytest.mark.parametrize("num", [1, 2])
    def test_is_numpy_s(self, padding, num):
        x = np.random.default_rng(0).normal(size=(num, 4, 7, 2)).astype("float32")
        margin = (padding, padding)
        expected = np.pad(x, ((0, 0), margin, margin, (0, 0)), mode="reflect")
        layer = layers.ReflectionPadding2D(padding)
        np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), expected)
        assert layer.compute_output_shape(x.shape) == expected.shape

    def test_gradient_adds_up_where_a_pixel_is_repeated(self):
        x = ops.zeros((1, 3, 3, 1))
        _, gradient = backends.input_value_and_grad(layers.ReflectionPadding2D(1), x)
        # Of rows 0, 1 and 2 the middle one is at both edges.
        np.testing.assert_array_equal(
            ops.convert_to_numpy(gradient)[0, :, :, 0], np.outer([1, 3, 1], [1, 3, 1])
        )

    def test_size_may_be_unknown_when_the_network_is_made(self):
        images = keras.Input((None, None, 2))
        network = keras.Model(images, layers.ReflectionPadding2D(2)(images))
        assert network.output_shape == (None, None, None, 2)
        for height, width in ((3, 5), (8, 4)):
            x = np.random.default_rng(0).normal(size=(1, height, width, 2)).astype("float32")
            expected = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
            np.testing.assert_array_equal(ops.convert_to_numpy(network(x)), expected)

    def test_config(self):
        layer = layers.ReflectionPadding2D.from_config(layers.ReflectionPadding2D(2, name="pad").get_config())
        assert (layer.padding, layer.name) == (2, "pad")


class TestLeakyReLU:
    """Values away from 0, where the backends' own layers differ in the slope."""

    @pytest.mark.parametrize("slope", [0.2, 0.0, 0.01])
    def test_values_and_gradients_are_those_of_keras(self, slope):
        x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(50, 3)).astype("float32"))
        ours, keras_own = layers.LeakyReLU(slope), keras.layers.LeakyReLU(slope)
        for actual, expected in zip(
            backends.input_value_and_grad(ours, x), backends.input_value_and_grad(keras_own, x), strict=True
        ):
            np.testing.assert_allclose(
                ops.convert_to_numpy(actual), ops.convert_to_numpy(expected), rtol=1e-6
            )

    def test_closed_form(self):
        x = np.array([-3.0, -0.5, 0.0, 0.5, 3.0], "float32")
        np.testing.assert_allclose(
            ops.convert_to_numpy(layers.LeakyReLU(0.2)(x)), [-0.6, -0.1, 0, 0.5, 3], rtol=1e-6
        )

    @pytest.mark.parametrize("convolutional", [True, False])
    def test_gradient_penalty_has_the_gradients_of_the_stock_layer(self, convolutional):
        gradients = []
        for activation in (layers.LeakyReLU, keras.layers.LeakyReLU):
            keras.utils.set_random_seed(0)
            critic = _critic_with(activation, convolutional)
            kernels = [variable for variable in critic.trainable_variables if variable.name == "kernel"]
            gradients.append(backends.value_and_grad(lambda: _penalty_of(critic), kernels)[1])  # noqa: B023
        for actual, expected in zip(*gradients, strict=True):
            assert np.abs(ops.convert_to_numpy(expected)).max() > 1e-4
            np.testing.assert_allclose(
                ops.convert_to_numpy(actual), ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-6
            )

    @pytest.mark.tensorflow
    def test_second_derivative_is_known_to_be_zero(self):
        """No gradient reaches the input twice: `None`, where the stock layer carries a tensor of zeros."""

        def slope(x):
            return backends.input_value_and_grad(layers.LeakyReLU(0.2), x)[1]

        assert backends.input_value_and_grad(slope, ops.convert_to_tensor([1.0, -1.0]))[1] is None

    def test_half_precision_stays(self):
        output = layers.LeakyReLU(0.2, dtype="bfloat16")(ops.cast(ops.ones((2, 2)), "bfloat16"))
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"

    def test_config(self):
        layer = layers.LeakyReLU.from_config(layers.LeakyReLU(0.3, name="leaky").get_config())
        assert (layer.negative_slope, layer.name) == (0.3, "leaky")


def _critic_with(activation, convolutional):
    x = images = keras.Input((8, 8, 1))
    if convolutional:
        for channels in (3, 4):
            x = activation(0.2)(keras.layers.Conv2D(channels, 3, strides=2, padding="same")(x))
        x = keras.layers.Flatten()(x)
    else:
        x = activation(0.2)(keras.layers.Dense(5)(keras.layers.Flatten()(x)))
    return keras.Model(images, keras.layers.Dense(1)(x))


def _penalty_of(critic):
    real, fake = (ops.convert_to_tensor(support.toy_images(6, seed=seed)) for seed in (1, 2))
    penalty = penalties.WassersteinGradientPenalty()(critic, real, fake, backends.SeedGenerator(0))
    return penalty + losses.Wasserstein().discriminator(critic(real), critic(fake))


class TestPack:
    @pytest.mark.parametrize("shape", [(2,), (4, 3, 2), (5, 1, 3)])
    @pytest.mark.parametrize("num", [1, 2, 3])
    def test_neighbours_are_joined_along_the_last_axis(self, shape, num):
        samples = np.random.default_rng(0).normal(size=(6, *shape)).astype("float32")
        packs = ops.convert_to_numpy(layers.Pack(num)(samples))
        assert packs.shape == (6 // num, *shape[:-1], num * shape[-1])
        for index, pack in enumerate(packs):
            expected = np.concatenate(list(samples[num * index : num * (index + 1)]), axis=-1)
            np.testing.assert_array_equal(pack, expected)

    def test_gradient_goes_back_to_each_sample(self):
        weights = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype("float32")
        samples = ops.convert_to_tensor(support.toy_images(6, (4, 4, 1)))
        _, gradient = backends.input_value_and_grad(lambda x: weights * layers.Pack(3)(x), samples)
        for index, part in enumerate(ops.convert_to_numpy(gradient)):
            np.testing.assert_array_equal(part[..., 0], weights[index // 3, ..., index % 3])

    def test_batch_may_be_unknown_when_the_network_is_made(self):
        samples = keras.Input((4, 4, 2))
        network = keras.Model(samples, layers.Pack(2)(samples))
        assert network.output_shape == (None, 4, 4, 4)
        for num in (2, 8):
            assert network(np.zeros((num, 4, 4, 2), "float32")).shape == (num // 2, 4, 4, 4)

    def test_a_batch_that_does_not_divide_is_refused(self):
        with pytest.raises(
            ValueError,
            match=r"multiple of the 2 samples of a pack. Received: 5 samples.*Change the batch size",
        ):
            layers.Pack(2)(np.zeros((5, 2), "float32"))

    def test_empty_packs_are_refused(self):
        with pytest.raises(ValueError, match=r"`num` must be at least 1. Received: num=0"):
            layers.Pack(0)

    def test_config(self):
        layer = layers.Pack.from_config(layers.Pack(3, name="packs").get_config())
        assert (layer.num, layer.name) == (3, "packs")


class TestImageHistory:
    """Images are told apart by their one value."""

    def test_until_the_pool_is_full_images_pass_and_are_stored(self):
        history = layers.ImageHistory(6, seed=0)
        for first in (0, 2, 4):
            np.testing.assert_array_equal(_values(history(_images(first, first + 2))), [first, first + 1])
        np.testing.assert_array_equal(_pool(history), range(6))

    def test_every_image_is_in_the_batch_or_in_the_pool(self):
        """Nothing is lost and nothing doubled: what is returned and what is stored are what came in."""
        history = layers.ImageHistory(8, seed=0)
        history(_images(0, 8))
        for step in range(1, 20):
            images = _images(8 * step, 8 * step + 8)
            before = _pool(history)
            returned = _values(history(images))
            assert sorted([*returned, *_pool(history)]) == sorted([*before, *_values(images)])

    def test_exchange_rate(self):
        history = layers.ImageHistory(500, replacement=0.3, seed=0)
        history(_images(0, 500))
        new = _images(1000, 1500)
        returned = _values(history(new))
        exchanged = returned < 1000
        assert exchanged.mean() == pytest.approx(0.3, abs=0.06)
        np.testing.assert_array_equal(returned[~exchanged], _values(new)[~exchanged])  # in their places

    @pytest.mark.parametrize(("replacement", "from_pool"), [(0.0, False), (1.0, True)])
    def test_extreme_rates(self, replacement, from_pool):
        history = layers.ImageHistory(4, replacement, seed=0)
        history(_images(0, 4))
        returned = _values(history(_images(10, 14)))
        assert sorted(returned) == ([0, 1, 2, 3] if from_pool else [10, 11, 12, 13])

    def test_a_batch_that_overfills_the_pool_fills_it_and_exchanges_the_rest(self):
        history = layers.ImageHistory(5, replacement=1.0, seed=0)
        history(_images(10, 13))
        returned = _values(history(_images(20, 23)))
        np.testing.assert_array_equal(returned[:2], [20, 21])
        assert returned[2] in (10, 11, 12)
        assert int(history.stored) == 5
        assert sorted(_values(history.pool)) == sorted({10, 11, 12, 20, 21, 22} - {returned[2]})

    def test_pool_is_saved_with_the_weights_and_not_trained(self):
        history = layers.ImageHistory(4, seed=0)
        history(_images(0, 4))
        assert not history.trainable_variables
        assert [weight.shape for weight in history.get_weights()] == [(4, 1, 1, 1), ()]

    def test_no_gradient_passes(self):
        history = layers.ImageHistory(4, seed=0)
        history.build((None, 1, 1, 1))
        _, gradient = backends.input_value_and_grad(
            lambda images: images + history(images), ops.convert_to_tensor(_images(0, 4))
        )
        np.testing.assert_array_equal(_values(gradient), np.ones(4))

    def test_batch_larger_than_the_pool_is_refused(self):
        with pytest.raises(ValueError, match=r"holds 3, fewer than the batch of 4. Raise `history_size`"):
            layers.ImageHistory(3)(_images(0, 4))
        with pytest.raises(ValueError, match=r"`size` must be at least 1. Received: size=0"):
            layers.ImageHistory(0)

    @pytest.mark.slow
    @pytest.mark.tensorflow
    def test_each_replica_has_its_own(self):
        """Replica 0 sees even images and replica 1 odd ones, two and two, into pools of four."""
        returned, pools = support.fresh_process(_histories_of_two_replicas)
        for replica in range(2):
            assert returned[replica][:4] == [*range(replica, 8, 2)]  # and stored
            assert sorted([*returned[replica][4:], *pools[replica]]) == [*range(replica, 16, 2)]
        # They draw apart: what one exchanges, the other need not.
        assert (np.array(returned[1]) != np.array(returned[0]) + 1).any()

    def test_config(self):
        config = layers.ImageHistory(3, 0.2, seed=4).get_config()
        again = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layers.ImageHistory.from_config(config))
        )
        assert (again.size, again.replacement, again.seed) == (3, 0.2, 4)


def _histories_of_two_replicas():
    """What two replicas' histories return, and what they hold at last."""
    import tensorflow as tf

    strategy = support.two_logical_devices()
    with strategy.scope():
        history = layers.ImageHistory(4, seed=0)
        history.build((None, 1, 1, 1))

    @tf.function
    def step(first):
        def on_replica():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            values = first + 2 * tf.range(2) + replica
            return history(tf.cast(values, "float32")[:, None, None, None])

        return strategy.experimental_local_results(strategy.run(on_replica))

    returned = [[], []]
    for first in range(0, 16, 4):
        for replica, images in enumerate(step(tf.constant(first))):
            returned[replica] += _values(images).tolist()
    pools = strategy.experimental_local_results(history.pool.value)
    return returned, [_values(pool.numpy()).tolist() for pool in pools]


def _images(start, stop):
    return np.arange(start, stop, dtype="float32")[:, None, None, None]


def _values(images):
    return ops.convert_to_numpy(images)[:, 0, 0, 0]


def _pool(history):
    return _values(history.pool.value)
