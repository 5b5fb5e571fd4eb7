"""The layers of StyleGAN2, each beside a plain statement of the paper's formula."""

import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers
from keras_genzoo.layers.resampling import enlarged, smoothed

RNG = np.random.default_rng(0)
FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def drawn(*shape):
    return RNG.normal(size=shape).astype("float32")


def correlated(x, kernel, stride=1):
    """`(height, width, channels)` by `(size, size, channels, units)`, without padding, pixel by pixel."""
    size = len(kernel)
    sides = [(side - size) // stride + 1 for side in x.shape[:2]]
    return np.array(
        [
            [
                np.einsum("hwc,hwcu->u", x[i * stride :, j * stride :][:size, :size], kernel)
                for j in range(sides[1])
            ]
            for i in range(sides[0])
        ]
    )


def padded(x, before, behind):
    return np.pad(x, [(before, behind), (before, behind), (0, 0)])


def filtered(x, gain=1.0):
    """By [1, 3, 3, 1], each channel for itself."""
    return correlated(x, gain * FILTER[:, :, None, None] * np.eye(x.shape[-1]))


def stuffed(x):
    """With a row and a column of zeros behind each of the pixels."""
    result = np.zeros((2 * x.shape[0], 2 * x.shape[1], x.shape[2]))
    result[::2, ::2] = x
    return result


def numpy_of(x):
    return ops.convert_to_numpy(x)


def test_smoothed():
    x = drawn(1, 5, 6, 2)
    expected = filtered(padded(x[0], 2, 1), gain=3.0)
    np.testing.assert_allclose(numpy_of(smoothed(x, (2, 1), gain=3.0))[0], expected, atol=1e-5)
    np.testing.assert_allclose(numpy_of(smoothed(x, (2, 1), 2, 3.0))[0], expected[::2, ::2], atol=1e-5)


def test_enlarged():
    """Zeros between the pixels, then the filter; a constant image stays constant, but for its border."""
    x = drawn(1, 3, 4, 2)
    expected = filtered(padded(stuffed(x[0]), 2, 1), gain=4.0)
    np.testing.assert_allclose(numpy_of(enlarged(x))[0], expected, atol=1e-5)
    assert np.ptp(numpy_of(enlarged(np.ones((1, 4, 4, 1), "float32")))[0, 1:-1, 1:-1]) < 1e-6


@pytest.mark.parametrize("size", [1, 3])
def test_downsampling(size):
    layer = layers.EqualizedConv2D(3, size, gain=1.0, downsampling=True)
    x = drawn(1, 6, 8, 2)
    output = numpy_of(layer(x))
    kernel = layer.get_weights()[0] / np.sqrt(2 * size * size)
    margin = 1 if size == 1 else 2
    expected = correlated(filtered(padded(x[0], margin, margin)), kernel, stride=2)
    assert output.shape == tuple(layer.compute_output_shape(x.shape)) == (1, 3, 4, 3)
    np.testing.assert_allclose(output[0], expected, atol=1e-5)


def test_the_rate_of_a_dense_layer_changes_its_steps_and_no_output():
    """Weights are 1 / rate times as large, and so is what a step of Adam of fixed length moves less."""
    layer = layers.EqualizedDense(400, gain=1.0, rate=0.01, bias=1.0)
    x = drawn(3, 100)
    output = numpy_of(layer(x))
    kernel, bias = layer.get_weights()
    assert kernel.std() == pytest.approx(100, rel=0.02) and (bias == 100).all()
    np.testing.assert_allclose(output, x @ kernel * 0.01 / 10 + 1, atol=1e-4)


class TestStyledConv2D:
    @pytest.mark.parametrize("upsampling", [False, True])
    def test_each_image_has_weights_of_its_own(self, upsampling):
        layer, x, styles = made(upsampling=upsampling)
        layer.noise_strength.assign(0.5)
        layer.bias.assign(drawn(4))
        noise = drawn(3, *(2 * [10 if upsampling else 5]), 1)
        output = numpy_of(layer(x, styles, noise))
        kernel, bias = (numpy_of(weight) for weight in (layer.kernel, layer.bias))
        for image, scales, noise_of_image, given in zip(
            x, scales_of(layer, styles), noise, output, strict=True
        ):
            weights = kernel * scales[:, None]
            weights /= np.sqrt((weights**2).sum((0, 1, 2)) + 1e-8)
            if upsampling:
                # The transposed convolution is one of the stuffed image with the kernel turned round.
                maps = correlated(padded(stuffed(image), 2, 1), weights[::-1, ::-1])
                maps = filtered(padded(maps, 1, 1), gain=4.0)
            else:
                maps = correlated(padded(image, 1, 1), weights)
            maps = maps + 0.5 * noise_of_image + bias
            np.testing.assert_allclose(given, np.sqrt(2) * np.where(maps > 0, maps, 0.2 * maps), atol=1e-4)

    def test_to_images(self):
        layer, x, styles = made(kernel_size=1, to_images=True)
        scales = scales_of(layer, styles) / np.sqrt(2)
        expected = np.einsum("nhwc,nc,cu->nhwu", x, scales, numpy_of(layer.kernel)[0, 0])
        np.testing.assert_allclose(numpy_of(layer(x, styles)), expected, atol=1e-5)
        assert [weight.name for weight in layer.weights] == ["kernel", "bias", "kernel", "bias"]

    def test_noise_of_its_own(self):
        """Saved with the layer, the same for all images, and without effect at first."""
        layer, x, styles = made()
        silent = numpy_of(layer(x, styles))
        layer.noise_strength.assign(1.0)
        own = numpy_of(layer.own_noise)[None, :, :, None].repeat(3, axis=0)
        np.testing.assert_allclose(numpy_of(layer(x, styles)), numpy_of(layer(x, styles, own)), atol=1e-6)
        np.testing.assert_allclose(silent, numpy_of(layer(x, styles, 0 * own)), atol=1e-6)
        assert own.std() > 0.5 and not layer.own_noise.trainable

    def test_a_gradient_of_a_gradient(self):
        """As R1 and path lengths need: of |d output / d styles|^2 with respect to the weights."""
        layer, x, styles = made(upsampling=True)

        def squared_gradient():
            _, gradient = backends.input_value_and_grad(
                lambda styles: ops.sum(ops.square(layer(x, styles))), ops.convert_to_tensor(styles)
            )
            return ops.sum(ops.square(gradient))

        value, (gradient,) = backends.value_and_grad(squared_gradient, [layer.kernel])
        direction = numpy_of(gradient) / np.linalg.norm(numpy_of(gradient))
        before = numpy_of(layer.kernel)
        found = []
        for step in (1e-2, -1e-2):
            layer.kernel.assign(before + step * direction)
            found.append(float(squared_gradient()))
        assert (found[0] - found[1]) / 2e-2 == pytest.approx(np.linalg.norm(numpy_of(gradient)), rel=0.02)
        assert float(value) > 0


def made(**arguments):
    """A layer of 4 units, 3 images of 5x5x2, and 3 styles."""
    layer = layers.StyledConv2D(4, **arguments)
    x, styles = drawn(3, 5, 5, 2), drawn(3, 6)
    layer.build(x.shape, styles.shape)
    return layer, x, styles


def scales_of(layer, styles):
    return styles @ numpy_of(layer.affine.kernel) / np.sqrt(6) + 1
