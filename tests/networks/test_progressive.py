"""The growing networks and MSG-GAN's discriminator: counts, and the architectures restated in NumPy."""

import keras
import numpy as np
import pytest

from keras_genzoo import networks
from keras_genzoo.networks.progressive import shrink
from tests import support

SHAPE = (16, 16, 3)


def _generator():
    keras.utils.set_random_seed(0)
    return _with_offsets(networks.ProgressiveGenerator(SHAPE, 5, fmap_base=32, fmap_max=8))


def _discriminator():
    keras.utils.set_random_seed(1)
    return _with_offsets(networks.ProgressiveDiscriminator(SHAPE, fmap_base=32, fmap_max=8, group_size=2))


def _multi_scale_discriminator():
    keras.utils.set_random_seed(1)
    return _with_offsets(networks.MultiScaleDiscriminator(SHAPE, fmap_base=32, fmap_max=8, group_size=2))


def _with_offsets(network):
    """Biases begin at zero: others prove that they are added."""
    rng = np.random.default_rng(2)
    network.set_weights([w if w.any() else 0.1 * rng.normal(size=w.shape) for w in network.get_weights()])
    return network


class TestParameterCounts:
    def _count(self, network, level):
        return sum(int(np.prod(weight.shape)) for weight in network.weights_at(level))

    def test_generator(self):
        generator = networks.ProgressiveGenerator()
        assert generator.count_params() == 23_079_115
        assert self._count(generator, 8) == 23_071_507
        # A projection and a convolution of 512 channels, and the images.
        assert self._count(generator, 0) == 512 * 512 * 16 + 512 + 512 * 512 * 9 + 512 + 512 * 3 + 3

    def test_discriminator(self):
        discriminator = networks.ProgressiveDiscriminator()
        assert discriminator.count_params() == 23_087_249
        assert self._count(discriminator, 8) == 23_077_137

    def test_multi_scale_discriminator(self):
        """The progressive one's last level, with three channels and a deviation more at each level but the first."""
        channels = [512, 512, 512, 256, 128, 64, 32]
        added = 9 * (16 * 1 + sum(channels) * 4 + 512 * 3)
        assert networks.MultiScaleDiscriminator().count_params() == 23_077_137 + added == 23_163_681

    def test_channels(self):
        expected = [512, 512, 512, 512, 256, 128, 64, 32, 16]
        assert networks.ProgressiveGenerator().channels == expected
        assert networks.ProgressiveDiscriminator().channels == expected

    def test_a_fading_level_uses_the_images_of_the_level_below(self):
        generator = _generator()
        more = {id(w) for w in generator.weights_at(2, fading=True)} - {
            id(w) for w in generator.weights_at(2)
        }
        assert more == {id(w) for w in generator.to_images[1].weights}


def _scaled(layer, gain=2**0.5):
    kernel, bias = layer.get_weights()
    return kernel * gain / np.sqrt(np.prod(kernel.shape[:-1])), bias


def _convolve(layer, x, gain=2**0.5):
    """Padding "same", stride 1, as a sum over the kernel's places."""
    kernel, bias = _scaled(layer, gain)
    reach = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    result = np.zeros((*x.shape[:3], kernel.shape[-1])) + bias
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            window = padded[:, row : row + x.shape[1], column : column + x.shape[2]]
            result += window @ kernel[row, column]
    return result


def _leaky(x):
    return np.maximum(x, 0.2 * x)


def _pixel_norm(x):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-8)


def _enlarge(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def _halve(x):
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def _generate(network, latents, level, alpha):
    kernel, bias = network.initial.get_weights()
    kernel = kernel * np.sqrt(2) / np.sqrt(16 * latents.shape[1])
    x = np.tensordot(_pixel_norm(latents), kernel, (1, 2)) + bias
    x = _pixel_norm(_leaky(_convolve(network.second[0], _pixel_norm(_leaky(x)))))
    for index in range(1, level + 1):
        below = x
        x = _pixel_norm(_leaky(_convolve(network.first[index - 1], _enlarge(x))))
        x = _pixel_norm(_leaky(_convolve(network.second[index], x)))
    images = _convolve(network.to_images[level], x, gain=1)
    if alpha is None:
        return images
    return alpha * images + (1 - alpha) * _enlarge(_convolve(network.to_images[level - 1], below, gain=1))


def _discriminate(network, images, level, alpha):
    x = _leaky(_convolve(network.from_images[level], images))
    for index in range(level, 0, -1):
        x = _leaky(_convolve(network.first[index - 1], x))
        x = _halve(_leaky(_convolve(network.second[index - 1], x)))
        if index == level and alpha is not None:
            below = _leaky(_convolve(network.from_images[level - 1], _halve(images)))
            x = alpha * x + (1 - alpha) * below
    return _value(network, x)


def _discriminate_all_sizes(network, sizes):
    x = _convolve(network.from_images, sizes[2])
    x = _leaky(_convolve(network.first[1], _with_deviation(x)))
    x = _halve(_leaky(_convolve(network.second[1], x)))
    x = np.concatenate([sizes[1], x], -1)
    x = _leaky(_convolve(network.first[0], _with_deviation(x)))
    x = _halve(_leaky(_convolve(network.second[0], x)))
    return _value(network, np.concatenate([sizes[0], x], -1))


def _with_deviation(x):
    """One channel more: the deviation in groups of two images."""
    groups = x.reshape(-1, 2, *x.shape[1:])
    deviation = np.sqrt(groups.var(1) + 1e-8).mean((1, 2, 3)).repeat(2)
    return np.concatenate([x, np.broadcast_to(deviation[:, None, None, None], (*x.shape[:3], 1))], -1)


def _value(network, x):
    x = _leaky(_convolve(network.final, _with_deviation(x)))
    kernel, bias = _scaled(network.dense)
    x = _leaky(x.reshape(len(x), -1) @ kernel + bias)
    kernel, bias = _scaled(network.values, gain=1)
    return x @ kernel + bias


@pytest.mark.parametrize(("level", "alpha"), [(0, None), (1, 0.3), (2, None), (2, 0.8)])
class TestArchitecture:
    def test_generator(self, level, alpha):
        generator = _generator()
        latents = np.random.default_rng(3).normal(size=(4, 5)).astype("float32")
        images = support.to_numpy(generator(latents, level=level, alpha=alpha))
        assert images.shape == (4, 4 * 2**level, 4 * 2**level, 3)
        np.testing.assert_allclose(images, _generate(generator, latents, level, alpha), atol=1e-4)
        # The length of a latent does not matter, truncation does.
        np.testing.assert_allclose(
            support.to_numpy(generator(3 * latents, level=level, alpha=alpha)), images, atol=1e-4
        )
        truncated = support.to_numpy(generator(latents, level=level, alpha=alpha, truncation=0.5))
        assert np.abs(truncated - images).max() > 0.01

    def test_discriminator(self, level, alpha):
        discriminator = _discriminator()
        side = 4 * 2**level
        images = np.random.default_rng(4).uniform(-1, 1, (4, side, side, 3)).astype("float32")
        values = support.to_numpy(discriminator(images, level=level, alpha=alpha))
        assert values.shape == (4, 1)
        np.testing.assert_allclose(values, _discriminate(discriminator, images, level, alpha), atol=1e-4)


def test_architecture_of_all_sizes():
    discriminator = _multi_scale_discriminator()
    rng = np.random.default_rng(4)
    sizes = [rng.uniform(-1, 1, (4, side, side, 3)).astype("float32") for side in (4, 8, 16)]
    values = support.to_numpy(discriminator(sizes))
    assert values.shape == (4, 1) and values.std() > 0.01
    np.testing.assert_allclose(values, _discriminate_all_sizes(discriminator, sizes), atol=1e-4)


def test_alpha_leads_from_the_level_below_to_the_level():
    generator, discriminator = _generator(), _discriminator()
    latents = np.random.default_rng(3).normal(size=(2, 5)).astype("float32")
    below, own = support.to_numpy(generator(latents, level=1)), support.to_numpy(generator(latents, level=2))
    np.testing.assert_allclose(
        support.to_numpy(generator(latents, level=2, alpha=0.0)), _enlarge(below), atol=1e-4
    )
    np.testing.assert_allclose(support.to_numpy(generator(latents, level=2, alpha=1.0)), own, atol=1e-4)
    halved = support.to_numpy(shrink(own))
    np.testing.assert_allclose(
        support.to_numpy(discriminator(own, level=2, alpha=0.0)),
        support.to_numpy(discriminator(halved, level=1)),
        atol=1e-4,
    )
    np.testing.assert_allclose(
        support.to_numpy(discriminator(own, level=2, alpha=1.0)),
        support.to_numpy(discriminator(own, level=2)),
        atol=1e-4,
    )


def test_weights_are_drawn_with_variance_1():
    generator = networks.ProgressiveGenerator((8, 8, 3), 64, fmap_max=64)
    for layer in (generator.initial, *generator.first, *generator.second):
        kernel, bias = layer.get_weights()
        assert kernel.std() == pytest.approx(1, abs=0.02)
        assert not bias.any()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_outputs_are_float32_under_mixed_precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        generator = networks.ProgressiveGenerator((8, 8, 3), 5, fmap_max=8)
        discriminator = networks.ProgressiveDiscriminator((8, 8, 3), fmap_max=8, group_size=1)
        multi_scale = networks.MultiScaleDiscriminator((8, 8, 3), fmap_max=8, group_size=1)
    finally:
        keras.config.set_dtype_policy(before)
    images = generator(np.ones((2, 5), "float32"), level=1, alpha=0.5)
    values = discriminator(images, level=1, alpha=0.5)
    all_sizes = generator.pyramid(np.ones((2, 5), "float32"))
    for output in (images, values, *all_sizes, multi_scale(all_sizes)):
        assert keras.backend.standardize_dtype(output.dtype) == "float32"
        assert np.isfinite(support.to_numpy(output)).all()
    assert {layer.compute_dtype for layer in generator.second} == {policy.removeprefix("mixed_")}


@pytest.mark.parametrize("shape", [(12, 12, 3), (16, 8, 3), (2, 2, 3), (16, 16)])
def test_bad_shape(shape):
    with pytest.raises(ValueError, match="`image_shape` must be"):
        networks.ProgressiveGenerator(shape)


@pytest.mark.parametrize("make", [_generator, _discriminator, _multi_scale_discriminator])
def test_config(make):
    network = make()
    again = type(network).from_config(network.get_config())
    assert again.get_config() == network.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in network.weights]


def test_functional_networks_do_not_change_what_these_are():
    """Keras turns the base of a functional network into one of functional models."""
    networks.StridedCritic((8, 8, 1), 4)
    assert _generator()(np.ones((1, 5), "float32"), level=0).shape == (1, 4, 4, 3)
