"""The residual networks of SNGAN, SAGAN, BigGAN and BigGAN-deep."""

import keras
import numpy as np
import pytest

from keras_genzoo import layers, networks
from keras_genzoo.backends import keras_private
from tests import support

S128, S256 = (128, 128, 3), (256, 256, 3)
CLASSES = {"num_classes": 1000}
SAGAN = {"attention_side": 32, **CLASSES}
ATTENTION = {"attention_side": 64, **CLASSES}


@pytest.mark.slow_but("sngan_32", "biggan_128")
@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("make", "count"),
    [
        pytest.param(lambda: networks.SNGANGenerator(), 4_276_739, id="sngan_32"),
        (lambda: networks.SNGANGenerator(num_classes=10), 4_304_387),
        (lambda: networks.SNGANDiscriminator(logits_bias=False), 1_053_824),
        (lambda: networks.SNGANDiscriminator(num_classes=10, logits_bias=False), 1_055_104),
        (lambda: networks.SNGANGenerator(S128), 32_150_787),
        (lambda: networks.SNGANGenerator(S128, **CLASSES), 41_996_931),
        (lambda: networks.SNGANDiscriminator(S128), 29_017_857),
        (lambda: networks.SNGANDiscriminator(S128, **CLASSES), 30_041_857),
        (lambda: networks.SNGANGenerator(S128, spectral=True, **SAGAN), 42_078_852),
        (lambda: networks.SNGANDiscriminator(S128, wide=True, **SAGAN), 39_463_618),
        # The CIFAR-10 script of BigGAN's PyTorch code.
        (lambda: networks.SNGANGenerator(num_classes=10, spectral=True), 4_304_387),
        (lambda: networks.BigGANDiscriminator((32, 32, 3), 64, num_classes=10), 4_207_361),
        pytest.param(lambda: networks.BigGANGenerator(**ATTENTION), 70_433_988, id="biggan_128"),
        (lambda: networks.BigGANDiscriminator(**ATTENTION), 87_982_370),
        (lambda: networks.BigGANGenerator(S256, 140, attention_side=128, **CLASSES), 82_097_604),
        (lambda: networks.BigGANGenerator(S256, 140, **ATTENTION), 82_235_844),
        (lambda: networks.BigGANDiscriminator(S256, **ATTENTION), 99_225_890),
        (lambda: networks.BigGANDeepGenerator(**ATTENTION), 50_244_484),
        (lambda: networks.BigGANDeepDiscriminator(**ATTENTION), 34_590_210),
        (lambda: networks.BigGANDeepGenerator(S256, **ATTENTION), 55_736_708),
        (lambda: networks.BigGANDeepDiscriminator(S256, **ATTENTION), 38_247_426),
    ],
)
def test_trainable_parameters(make, count):
    with keras_private.variables_without_memory(lambda variable: None):
        network = make()
    assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == count


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("network", [networks.BigGANGenerator, networks.BigGANDeepGenerator])
def test_what_the_last_value_of_a_latent_moves(network, num_classes):
    """The image; of the first map only in the deep generator, where each layer sees the whole latent."""
    generator = network((8, 8, 1), 4, 4, num_classes)
    first_map = keras.Model(generator.input, generator.get_layer("initial_map").output)
    latents = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    others = latents + np.float32([0, 0, 0, 1])
    labels = np.array([0, 2])
    inputs = [[given, labels] if num_classes else given for given in (latents, others)]
    images = [support.to_numpy(generator(given)) for given in inputs]
    assert (images[0] != images[1]).any()
    assert images[0].shape == (2, 8, 8, 1) and np.abs(images[0]).max() <= 1
    maps = [support.to_numpy(first_map(given)) for given in inputs]
    assert (maps[0] != maps[1]).any() == (network is networks.BigGANDeepGenerator)


@pytest.mark.any_backend
def test_weights_start_orthogonal():
    generator = networks.BigGANGenerator((8, 8, 1), 4, 4)
    kernels = [
        support.to_numpy(layer.kernel)
        for layer in keras_private.layers_of(generator)
        if isinstance(layer, layers.SpectralConv2D | layers.SpectralDense)
    ]
    assert len(kernels) == 8
    for kernel in kernels:
        singular = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)
        np.testing.assert_allclose(singular, 1, atol=1e-4)


def test_projection_adds_the_inner_product_of_features_and_embedding():
    discriminator = networks.SNGANDiscriminator((8, 8, 1), 4, num_classes=3)
    plain = networks.SNGANDiscriminator((8, 8, 1), 4)
    images = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype("float32")
    labels = np.array([2, 0, 1], "int32")
    embedding = discriminator.get_layer("label_projection")
    for layer in plain.layers:
        if layer.weights:
            layer.set_weights(discriminator.get_layer(layer.name).get_weights())
    features = keras.Model(plain.input, plain.get_layer("logits").input)(images)
    table = support.to_numpy(embedding.normalized_kernel())
    expected = support.to_numpy(plain(images)) + (support.to_numpy(features) * table[labels]).sum(
        -1, keepdims=True
    )
    np.testing.assert_allclose(support.to_numpy(discriminator([images, labels])), expected, atol=1e-4)


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: networks.SNGANGenerator((30, 30, 1)), r"square with a side of 4 \* 2\^k"),
        (lambda: networks.SNGANGenerator((1024, 1024, 3)), r"a side of at most 512. Received: \(1024"),
        (
            lambda: networks.SNGANGenerator((50, 50, 3), channels=(8, 4, 2)),
            r"a multiple of 4, to be halved 2 times. Received: \(50, 50, 3\)",
        ),
        (lambda: networks.SNGANGenerator(interpolation="cubic"), r"'nearest' or 'bilinear'.*'cubic'"),
        (lambda: networks.SNGANDiscriminator((20, 20, 3), channels=(2, 4, 8)), r"a multiple of 8"),
        (
            lambda: networks.SNGANGenerator(attention_side=20),
            r"one of \[8, 16, 32\]. Received: attention_side=20",
        ),
        (
            lambda: networks.SNGANDiscriminator(attention_side=32),
            r"one of \[8, 16\]. Received: attention_side=32",
        ),
        (
            lambda: networks.BigGANGenerator((8, 8, 1), 5),
            r"`latent_dim` must be a multiple of 2.*latent_dim=5",
        ),
        (
            lambda: networks.BigGANDeepGenerator((8, 8, 1), width=6),
            r"`width` must be a multiple of 4.*width=6",
        ),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
