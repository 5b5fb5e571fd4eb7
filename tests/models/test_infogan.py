"""InfoGAN: its bound of the information in closed form, latents of choice, and every family's promises."""

import math

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops

from keras_genzoo import models, networks, optimizers
from keras_genzoo.models.infogan import InfoGANDiscriminator, InfoGANGenerator

SHAPE = (8, 8, 1)


def make_infogan(**arguments):
    """The networks of the paper, narrow; a latent of three categories, two codes and two values of noise."""
    keras.utils.set_random_seed(0)
    own = {
        "generator": InfoGANGenerator(SHAPE, 7, 2),
        "discriminator": InfoGANDiscriminator(SHAPE, 5, 2),
        "num_categories": 3,
    }
    for kernel in own["generator"].trainable_variables:
        # So narrow a network would draw all latents alike.
        kernel.assign(20 * kernel)
    gan = models.InfoGAN(**{**own, "seed": 1, **arguments})
    gan.compile()
    return gan


def make_exact_infogan(**arguments):
    """Without batch normalization."""
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE)
    x = keras.layers.Dense(8, "tanh")(keras.layers.Flatten()(images))
    return make_infogan(
        generator=networks.MLPGenerator(7, SHAPE, (6,)),
        discriminator=keras.Model(images, [keras.layers.Dense(1)(x), keras.layers.Dense(5)(x)]),
        **arguments,
    )


def at_full_size():
    return models.InfoGAN(image_shape=(28, 28, 1))


def adam(learning_rate):
    return (optimizers.Adam, {"learning_rate": learning_rate, "beta_1": 0.5, "beta_2": 0.999})


class TestContract(Contract):
    family = Family(
        models.InfoGAN,
        make_infogan,
        exact=make_exact_infogan,
        variants={"average": lambda: make_infogan(average_decay=0.9, augmentation="diff_augment")},
        at_full_size=at_full_size,
        counts={
            # The trainable ones, and two moving statistics per normalized unit.
            "generator": 6_652_481 + 2 * (1024 + 6272 + 64),
            # Less two unused outputs of the authors' second head.
            "discriminator": 6_692_431 - 2 * 129 + 2 * (128 + 1024 + 128),
        },
        optimizers={"generator": adam(1e-3), "discriminator": adam(2e-4)},
        adversarial_log="adversarial_loss",
    )


class TestInformation:
    latents = np.float32([[0, 1, 0, 0.5, -1, 0.3, 0.3], [1, 0, 0, 0, 0.2, 0.1, 0.9]])

    def test_the_bound_is_that_of_the_paper(self):
        """H(c) + E[log q(c | x)] of a categorical and two normal distributions."""
        read = np.log(np.float32([[2, 5, 3], [1, 1, 2]]))
        means = np.float32([[0.5, 0], [1, 0.2]])
        found = make_infogan().mutual_information(
            ops.convert_to_tensor(self.latents), ops.convert_to_tensor(np.hstack([read, means]))
        )
        log_likelihood = (math.log(5 / 10) - 1 / 2 + math.log(1 / 4) - 1 / 2) / 2 - math.log(2 * math.pi)
        assert float(found) == pytest.approx(math.log(3) + 2 * math.log(2) + log_likelihood, rel=1e-5)

    @pytest.mark.ci
    def test_both_players_maximize_it(self):
        """With the weight 0 a step moves the networks elsewhere; the second head then not at all."""
        images = np.random.default_rng(0).uniform(-1, 1, (4, *SHAPE)).astype("float32")
        moved = []
        for weight in (0.0, 1.0):
            gan = make_exact_infogan(information_weight=weight)
            gan.compile(*(keras.optimizers.SGD(0.1) for _ in gan.players))
            before = gan.discriminator.get_weights()[-1]
            gan.train_on_batch(images)
            moved.append((gan.generator.get_weights()[0], gan.discriminator.get_weights()[-1] - before))
        assert not moved[0][1].any() and moved[1][1].any()
        assert np.abs(moved[0][0] - moved[1][0]).max() > 1e-6


class TestLatentsOfChoice:
    def test_a_category_and_codes(self):
        gan = make_infogan()
        plain = np.asarray(gan.latents_from_seed(3, 4))
        chosen = gan.latents_with(seed=4, category=2, codes=[[-1, 0.5], [0, 0], [1, 0]])
        np.testing.assert_array_equal(chosen[:, :3], [[0, 0, 1]] * 3)
        np.testing.assert_array_equal(chosen[:, 3:5], np.float32([[-1, 0.5], [0, 0], [1, 0]]))
        np.testing.assert_allclose(chosen[:, 5:], plain[:, 5:], atol=1e-6)
        # What is not given is that of the seed.
        np.testing.assert_allclose(gan.latents_with(3, 4), plain, atol=1e-6)
        assert gan.sample(latents=chosen).shape == (3, *SHAPE)

    def test_latents_hold_one_category_each(self):
        latents = np.asarray(make_infogan().latents_from_seed(3000, 0))
        assert set(np.unique(latents[:, :3])) == {0, 1}
        np.testing.assert_array_equal(latents[:, :3].sum(axis=1), 1)
        np.testing.assert_allclose(latents[:, :3].mean(axis=0), 1 / 3, atol=0.04)
        np.testing.assert_allclose(latents[:, 3:].std(axis=0), 2 / math.sqrt(12), atol=0.03)

    def test_the_columns_of_a_preview_are_categories(self):
        """Of a generator that draws the category as the place of a bright pixel."""
        gan = make_infogan()
        latents = keras.Input((7,))
        pixels = keras.layers.Dense(64, kernel_initializer="zeros")(latents)
        gan.generator = keras.Model(latents, keras.layers.Reshape(SHAPE)(pixels))
        gan.generator.layers[1].kernel.assign(np.pad(np.eye(3, dtype="float32"), [(0, 4), (0, 61)]))
        gan.compile()
        drawn = [gan.sample(latents=gan.latents_with(1, 0, category=each))[0, 0, :3, 0] for each in range(3)]
        np.testing.assert_allclose(drawn, np.eye(3))
        first_row = gan.preview(num=9)[2, :, 0]
        # Images of 8 pixels with a margin of 2.
        bright = [[first_row[2 + 10 * column + pixel] == 255 for pixel in range(3)] for column in range(3)]
        np.testing.assert_array_equal(bright, np.eye(3, dtype=bool))

    def test_what_is_none_is_refused(self):
        gan = make_infogan()
        for arguments, message in (
            ({"category": 3}, "`category` must be an int from 0 to 2"),
            ({"category": 0.5}, "`category` must be an int"),
            ({"num": 3, "category": [0, 1]}, "or 3 such ints"),
            ({"codes": [0.0]}, r"`codes` .* shape \(2,\) or \(1, 2\)"),
            ({"codes": [0.0, 1.5]}, "`codes` must be in .-1, 1."),
            ({}, "`num` is missing"),
        ):
            with pytest.raises(ValueError, match=message):
                gan.latents_with(**arguments)


@pytest.mark.any_backend
def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`latent_dim` must be at least `num_categories \+ num_codes`, 12"):
        models.InfoGAN(image_shape=SHAPE, latent_dim=8)
    with pytest.raises(ValueError, match=r"of inferred values \(batch, 6\)"):
        make_infogan(num_categories=4)
    with pytest.raises(ValueError, match=r"multiples of 4.*Received: \(6, 8, 1\)"):
        models.InfoGAN(image_shape=(6, 8, 1))
    with pytest.raises(ValueError, match="`num_classes` was given"):
        models.InfoGAN(image_shape=SHAPE, num_classes=3)
