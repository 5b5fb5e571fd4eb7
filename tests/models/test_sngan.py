"""SNGAN: a step restated in NumPy, and every family's promises."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import layers, ops

from keras_genzoo import models, networks, optimizers
from tests import support

SHAPE = (8, 8, 1)


def make_sngan(compile_arguments=None, **arguments):
    """The smallest one of the default networks."""
    keras.utils.set_random_seed(0)
    gan = models.SNGAN(
        **{
            "image_shape": SHAPE,
            "latent_dim": 4,
            "width": 2,
            "discriminator_steps": 2,
            "seed": 1,
            **arguments,
        }
    )
    gan.compile(**(compile_arguments or {}))
    return gan


def make_exact_sngan(**arguments):
    """A generator without batch normalisation, whose batch is the discriminator's: as many latents as images."""
    keras.utils.set_random_seed(0)
    generator = networks.ConvGenerator(4, (4, 4, 4), (4, 1), (2, 1), 3, batch_norm_momentum=None)
    return make_sngan(generator=generator, generator_batches=1, **arguments)


def make_attentive_sngan(**arguments):
    """Classes, attention and spectral normalisation of both networks: SAGAN."""
    keras.utils.set_random_seed(0)
    return make_sngan(
        generator=networks.SNGANGenerator(SHAPE, 4, 2, num_classes=3, attention_side=8, spectral=True),
        discriminator=networks.SNGANDiscriminator(SHAPE, 4, num_classes=3, attention_side=4, wide=True),
        num_classes=3,
        **arguments,
    )


def make_linear_sngan(rate, **arguments):
    """`G(z) = z W` and `D(x) = x v` of 2x2 images, trained by plain gradient descent."""
    keras.utils.set_random_seed(0)
    gan = models.SNGAN(
        generator=keras.Sequential(
            [keras.Input((3,)), layers.Dense(4, use_bias=False), layers.Reshape((2, 2, 1))]
        ),
        discriminator=keras.Sequential(
            [keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)]
        ),
        **arguments,
    )
    gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return gan


ADAM = (optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.9})


class TestContract(Contract):
    family = Family(
        models.SNGAN,
        make_sngan,
        exact=make_exact_sngan,
        random=partial(make_sngan, augmentation="diff_augment", average_decay=0.9),
        variants={
            "classes": partial(make_sngan, num_classes=3, split_batches=True),
            "attention": make_attentive_sngan,
        },
        optimizers={"discriminator": ADAM, "generator": ADAM},
        chance_level=2.0,
        adversarial_log="generator_loss",
    )


@pytest.mark.parametrize("split_batches", [False, True])
def test_step_is_that_of_the_paper(split_batches):
    rate, num = 0.05, 4
    gan = make_linear_sngan(rate, discriminator_steps=3, split_batches=split_batches)
    (w,), (v,) = gan.generator.get_weights(), gan.discriminator.get_weights()
    rng = np.random.default_rng(1)
    images = rng.uniform(-1, 1, (3 * num if split_batches else num, 4)).astype("float32")
    latents = [rng.normal(size=(size, 3)).astype("float32") for size in (num, num, num, 2 * num)]
    given = itertools.cycle(latents)
    sizes = []

    def draw_latents(num):
        sizes.append(int(num))
        return ops.convert_to_tensor(next(given))

    gan.draw_latents = draw_latents
    gan.run_eagerly = True
    logs = gan.train_on_batch(images.reshape(-1, 2, 2, 1), return_dict=True)

    losses = []
    parts = np.split(images, 3) if split_batches else [images] * 3
    for real, z in zip(parts, latents[:3], strict=True):
        fake = z @ w
        real_slack, fake_slack = 1 - real @ v, 1 + fake @ v
        losses.append(np.maximum(real_slack, 0).mean() + np.maximum(fake_slack, 0).mean())
        v = v - rate * (fake * (fake_slack > 0) - real * (real_slack > 0)).mean(0)[:, None]
    z = latents[3]
    assert logs["discriminator_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    # By the discriminator just updated, on twice as many images.
    assert logs["generator_loss"] == pytest.approx(-(z @ w @ v).mean(), rel=1e-4, abs=1e-6)
    w = w + rate * z.mean(0)[:, None] * v[:, 0]
    np.testing.assert_allclose(gan.discriminator.get_weights()[0], v, atol=1e-5)
    np.testing.assert_allclose(gan.generator.get_weights()[0], w, atol=1e-5)
    assert sizes in ([num] * 3 + [2 * num], [])


def test_a_step_moves_kernels_by_the_optimizer_alone():
    """Spectral normalisation divides by what it computes: a step of rate 0 leaves every kernel as it was."""
    gan = make_sngan({"run_eagerly": True}, discriminator_steps=1)
    for player in gan.players:
        gan.optimizers[player].learning_rate.assign(0.0)
    before = [support.to_numpy(variable.value) for variable in gan.discriminator.trainable_variables]
    vectors = [support.to_numpy(layer.u.value) for layer in gan.discriminator.layers if hasattr(layer, "u")]
    gan.train_on_batch(support.toy_images(4))
    for variable, value in zip(gan.discriminator.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(support.to_numpy(variable.value), value)
    moved = [support.to_numpy(layer.u.value) for layer in gan.discriminator.layers if hasattr(layer, "u")]
    assert any((new != old).any() for new, old in zip(moved, vectors, strict=True))


def test_labels_of_the_generator_are_those_of_the_images():
    """Twice the last part's labels for a generator's batch of twice its size."""
    gan = make_sngan({"run_eagerly": True}, num_classes=3, split_batches=True)
    seen, generator_loss = [], gan.generator_loss

    def recording(fakes, labels, training):
        seen.append(support.to_numpy(labels).tolist())
        return generator_loss(fakes, labels, training)

    gan.generator_loss = recording
    gan.train_on_batch(support.toy_images(4), np.array([0, 1, 2, 0]))
    assert seen == [[2, 0, 2, 0]]


def test_bad_arguments_are_refused():
    batch_normalised = networks.DCGANDiscriminator((16, 16, 1), 4)
    with pytest.raises(ValueError, match=r"`discriminator` has batch normalization.*the family `GAN`"):
        make_sngan(image_shape=(16, 16, 1), discriminator=batch_normalised)
    with pytest.raises(
        ValueError, match=r"multiple of 2, the number of parts .*`discriminator_steps`.*a batch of 3 images"
    ):
        make_sngan(split_batches=True).fit(support.toy_images(3), batch_size=3, verbose=0)
