"""FastGAN: its numbers, its networks, a step restated in NumPy, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import layers, ops

from keras_genzoo import models, networks, optimizers
from keras_genzoo.augmentation import Augmentation, DiffAugment
from keras_genzoo.backends import keras_private
from keras_genzoo.models.fastgan import quarter, shrunk
from tests import support

SHAPE = (32, 32, 1)


def make_fastgan(**arguments):
    """The smallest one of the default networks."""
    keras.utils.set_random_seed(0)
    gan = models.FastGAN(**{"image_shape": SHAPE, "latent_dim": 4, "width": 4, "seed": 1, **arguments})
    gan.compile()
    return gan


def make_exact_fastgan(rate=1e-2, **arguments):
    """Perceptrons of 4x4 images and 2x2 ones that draw nothing but latents."""
    keras.utils.set_random_seed(0)
    latents, images, small = keras.Input((3,)), keras.Input((4, 4, 1)), keras.Input((2, 2, 1))
    pixels = [layers.Dense(num, use_bias=False)(latents) for num in (16, 4)]
    fakes = [layers.Reshape((4, 4, 1))(pixels[0]), layers.Reshape((2, 2, 1))(pixels[1])]
    flat, small_flat = layers.Flatten()(images), layers.Flatten()(small)
    maps = [layers.Reshape((2, 2, 1))(layers.Dense(4, use_bias=False)(flat))]
    maps += [layers.Dense(2, use_bias=False)(flat), layers.Dense(2, use_bias=False)(small_flat)]
    logits = layers.Dense(1, use_bias=False)(layers.Concatenate()(maps[1:]))
    decoders = {
        f"decoder_of_{name}": keras.Sequential(
            [keras.Input(shape), layers.Flatten(), layers.Dense(4, use_bias=False), layers.Reshape((2, 2, 1))]
        )
        for name, shape in (("part", (1, 1, 1)), ("images", (2,)), ("small_images", (2,)))
    }
    gan = models.FastGAN(
        generator=keras.Model(latents, fakes),
        discriminator=keras.Model([images, small], [logits, *maps]),
        **{"margins": 1.0, "augmentation": None, "seed": 1, **decoders, **arguments},
    )
    gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    # One quarter, whatever the generator of random numbers says.
    gan.draw_part = lambda: ops.convert_to_tensor(2)
    return gan


def without_memory(side):
    with keras_private.variables_without_memory(lambda variable: None):
        return models.FastGAN(image_shape=(side, side, 3), average_decay=None)


def at_full_size():
    return without_memory(256)


ADAM = (optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999})


class TestContract(Contract):
    family = Family(
        models.FastGAN,
        make_fastgan,
        exact=make_exact_fastgan,
        variants={"skip_excitation": lambda: make_fastgan(image_shape=(64, 64, 3))},
        at_full_size=at_full_size,
        # Those that are trained, below, and moving statistics, noise and singular vectors.
        counts={
            "generator": 29_211_052,
            "discriminator": 8_401_858,
            "decoder_of_part": 851_619,
            "decoder_of_images": 1_441_443,
            "decoder_of_small_images": 851_619,
        },
        optimizers={"discriminator": ADAM, "generator": ADAM},
        adversarial_log="generator_loss",
    )


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("side", "generator", "discriminator"),
    [
        (256, 29_127_846, 11_526_160),
        pytest.param(512, 29_174_392, 11_526_496, marks=pytest.mark.slow),
        pytest.param(1024, 29_176_512, 11_528_192, marks=pytest.mark.slow),
    ],
)
def test_parameters_are_those_of_the_authors_program(side, generator, discriminator):
    gan = without_memory(side)
    counts = {
        player: sum(int(np.prod(variable.shape)) for variable in gan.variables_of(player))
        for player in gan.players
    }
    assert counts == {"generator": generator, "discriminator": discriminator}


def test_kernels_and_gains_begin_as_in_the_authors_program():
    gan = make_fastgan(width=16)
    for variable in gan.generator.trainable_variables:
        value = support.to_numpy(variable.value)
        if variable.name == "kernel":
            assert value.std() == pytest.approx(0.02, rel=0.2) and abs(value.mean()) < 5e-3
        elif variable.name == "gamma":
            assert value.mean() == pytest.approx(1, abs=0.02)
        else:
            assert not value.any(), variable.path


def test_noise_is_drawn_in_training_alone():
    """In inference it is a map that is saved with the weights, so that a latent determines its image."""
    layer = networks.fastgan.NoiseInjection()
    layer.build((None, 4, 4, 2))
    layer.strength.assign(0.5)
    zeros = np.zeros((2, 4, 4, 2), "float32")
    fixed, drawn = (support.to_numpy(layer(zeros, training=training)) for training in (False, True))
    np.testing.assert_allclose(fixed, np.broadcast_to(0.5 * support.to_numpy(layer.map), zeros.shape))
    np.testing.assert_array_equal(drawn[..., 0], drawn[..., 1])
    assert (drawn[0] != drawn[1]).any() and (support.to_numpy(layer(zeros, training=True)) != drawn).any()


def test_excitation_multiplies_channels_by_what_an_earlier_map_says():
    """One number from 0 to 1 per channel, to the map of 64x64 alone."""
    generator = networks.FastGANGenerator((64, 64, 3), 4, 4)
    gates = [layer for layer in generator.layers if layer.name.startswith("multiply")]
    assert [gate.output.shape for gate in gates] == [(None, 64, 64, 8)]
    map_of_64, factors = gates[0].input
    assert factors.shape == (None, 1, 1, 8)
    probe = keras.Model(generator.input, [map_of_64, factors, gates[0].output])
    before, factors, after = map(support.to_numpy, probe(np.ones((2, 4), "float32")))
    np.testing.assert_allclose(after, before * factors, atol=1e-6)
    assert ((factors > 0) & (factors < 1)).all()


def test_quarters_and_small_images():
    images = np.arange(2 * 4 * 4).reshape(2, 4, 4, 1).astype("float32")
    for part, (top, left) in enumerate(((0, 0), (0, 2), (2, 0), (2, 2))):
        np.testing.assert_array_equal(
            quarter(ops.convert_to_tensor(images), ops.convert_to_tensor(part)),
            images[:, top : top + 2, left : left + 2],
        )
    np.testing.assert_array_equal(shrunk(images, 2), images[:, [0, 2]][:, :, [0, 2]])


def test_the_quarter_of_a_large_image_is_as_small_as_its_reconstruction():
    """From 512x512 on a quarter has more than the 128x128 pixels that the decoders make."""
    with keras_private.variables_without_memory(lambda variable: None):
        gan = models.FastGAN(image_shape=(512, 512, 1), width=4, average_decay=None)
    images = np.random.default_rng(0).uniform(-1, 1, (1, 512, 512, 1)).astype("float32")
    gan.draw_part = lambda: ops.convert_to_tensor(1)
    gan.decoder_of_part = lambda maps, training: ops.convert_to_tensor(images[:, :256:2, 256::2])
    gan.decoder_of_images = gan.decoder_of_small_images = lambda maps, training: shrunk(images, 128)
    assert not float(gan.reconstruction_loss(images, np.zeros((1, 16, 16, 4), "float32"), None, None))


def test_step_is_that_of_the_paper():
    rate, weight = 0.05, 0.7
    gan = make_exact_fastgan(rate, reconstruction_weight=weight, average_decay=None)
    rng = np.random.default_rng(1)
    images, latents = rng.uniform(-1, 1, (5, 4, 4)), 2 * rng.normal(size=(5, 3))
    gan.draw_latents = lambda num: ops.convert_to_tensor(latents, "float32")
    players = [
        [support.to_numpy(v.value).astype("float64") for v in gan.variables_of(p)] for p in gan.players
    ]
    generator, discriminator = players
    shapes = [kernel.shape for kernel in discriminator]
    assert shapes == [(16, 2), (4, 2), (16, 4), (4, 1), (1, 4), (2, 4), (2, 4)]

    def logits_and_maps(images, small, of_images, of_small, of_part, logit, *decoders):
        part, last, last_small = images @ of_part, images @ of_images, small @ of_small
        return np.hstack([last, last_small]) @ logit, part, last, last_small

    flat, small = images.reshape(5, 16), images[:, ::2, ::2].reshape(5, 4)

    def adversarial_and_errors(*kernels):
        real, part, last, last_small = logits_and_maps(flat, small, *kernels)
        fake, *_ = logits_and_maps(latents @ generator[0], latents @ generator[1], *kernels)
        # Part 2 of four, the lower left.
        pairs = [(images[:, 2:, :2].reshape(5, 4), part[:, [2]]), (small, last), (small, last_small)]
        errors = [np.abs(x - y @ decoder).mean() for (x, y), decoder in zip(pairs, kernels[4:], strict=True)]
        hinge = np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()
        return hinge, sum(errors)

    hinge, errors = adversarial_and_errors(*discriminator)
    logs = gan.train_on_batch(images[..., None].astype("float32"), return_dict=True)
    assert logs["discriminator_loss"] == pytest.approx(hinge, rel=1e-4)
    assert logs["reconstruction_loss"] == pytest.approx(errors, rel=1e-4)
    discriminator = descended(
        lambda *kernels: adversarial_and_errors(*kernels) @ np.array([1, weight]), discriminator, rate
    )

    def generator_loss(large, small):
        return -logits_and_maps(latents @ large, latents @ small, *discriminator)[0].mean()

    # By the discriminator just updated.
    assert logs["generator_loss"] == pytest.approx(generator_loss(*generator), rel=1e-4)
    expected = descended(generator_loss, generator, rate) + discriminator
    found = [v for player in gan.players for v in gan.variables_of(player)]
    for variable, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(support.to_numpy(variable.value), value, atol=1e-5)


def descended(loss, weights, rate, step=1e-6):
    """Weights after a step of gradient descent, the gradient by central differences."""
    moved = [weight.copy() for weight in weights]
    for weight, new in zip(weights, moved, strict=True):
        for index in np.ndindex(weight.shape):
            value = weight[index]
            weight[index] = value + step
            above = loss(*weights)
            weight[index] = value - step
            new[index] -= rate * (above - loss(*weights)) / (2 * step)
            weight[index] = value
    return moved


def test_margins_are_drawn_for_each_logit():
    gan = make_exact_fastgan(margins=(0.8, 1.0))
    logits = ops.convert_to_tensor(np.zeros((4000, 1), "float32"))
    assert float(gan._hinge(logits)) == pytest.approx(0.9, abs=0.01)


@pytest.mark.any_backend
def test_default_augmentation_is_the_papers():
    assert make_exact_fastgan(augmentation="paper").augmentation.policy == "color,translation"
    assert make_exact_fastgan(augmentation=DiffAugment("cutout")).augmentation.policy == "cutout"
    assert make_exact_fastgan().augmentation is None


def test_the_discriminator_sees_augmented_images_alone():
    """Where the augmentation shows nothing, all logits and errors are those of zeros, and the generator stays."""
    gan = make_exact_fastgan(augmentation=Blank(), average_decay=None)
    before = [support.to_numpy(variable.value) for variable in gan.generator.trainable_variables]
    images = np.random.default_rng(1).uniform(-1, 1, (4, 4, 4, 1)).astype("float32")
    logs = gan.train_on_batch(images, return_dict=True)
    assert (logs["discriminator_loss"], logs["reconstruction_loss"]) == (2, 0)
    for variable, old in zip(gan.generator.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(support.to_numpy(variable.value), old)


class Blank(Augmentation):
    def draw(self, num, seed):
        return None

    def augment(self, images, drawn):
        return 0.0 * images


@pytest.mark.any_backend
def test_networks_with_other_outputs_are_refused():
    latents, images = keras.Input((3,)), keras.Input((32, 32, 1))
    one_size = keras.Model(latents, layers.Reshape((32, 32, 1))(layers.Dense(1024)(latents)), name="one_size")
    with pytest.raises(
        ValueError, match=r"`generator` must return a list of images and small images.*'one_size' with 1"
    ):
        models.FastGAN(generator=one_size)
    judge = keras.Model(images, layers.Dense(1)(layers.Flatten()(images)), name="judge")
    with pytest.raises(
        ValueError, match=r"`discriminator` must return a list of logits and three maps.*'judge'"
    ):
        models.FastGAN(SHAPE, discriminator=judge)


@pytest.mark.any_backend
@pytest.mark.parametrize("shape", [(48, 48, 3), (64, 32, 3), (16, 16, 3)])
def test_sizes_that_there_are_no_networks_for_are_refused(shape):
    with pytest.raises(
        ValueError, match=r"`image_shape` must be \(side, side, channels\) with a side of 32, 64"
    ):
        models.FastGAN(image_shape=shape)
