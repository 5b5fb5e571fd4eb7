"""What the options of `GAN` do, and which data and networks are refused."""

import keras
import numpy as np
import pytest
from keras import ops
from toy_gans import SHAPE, make_gan, make_linear_gan, make_packed_gan

from keras_genzoo import models, networks, penalties
from tests import support

IMAGES = (support.toy_images(8),)


LABELLED = (support.toy_images(8), support.toy_labels(8))


class TestOptions:
    def test_label_smoothing_draws_a_target_an_image(self):
        gan = self._gan_with_logits_of_two(real_targets=(0.7, 1.2), fake_targets=(0.0, 0.3))
        assert self._mean_difference_of_targets(gan) == pytest.approx(0.95 - 0.15, abs=0.02)
        assert self._mean_difference_of_targets(gan) != self._mean_difference_of_targets(gan)

    def test_one_sided_label_smoothing_by_a_constant(self):
        gan = self._gan_with_logits_of_two(real_targets=0.9)
        assert self._mean_difference_of_targets(gan) == pytest.approx(0.9, abs=1e-5)

    def test_label_flipping_swaps_the_targets_of_its_share(self):
        gan = self._gan_with_logits_of_two(label_flip_probability=0.2)
        assert self._mean_difference_of_targets(gan) == pytest.approx(1 - 2 * 0.2, abs=0.04)

    def test_targets_are_left_alone_in_evaluation(self):
        gan = self._gan_with_logits_of_two(real_targets=(0.7, 1.2), label_flip_probability=0.2)
        assert self._mean_difference_of_targets(gan, training=False) == pytest.approx(1, abs=1e-5)

    def _gan_with_logits_of_two(self, **arguments):
        """The discriminator's logit is 2 for images of ones, -2 for images of minus ones."""
        gan = make_linear_gan(**arguments)
        gan.discriminator.set_weights([np.full((4, 1), 0.5, "float32"), np.zeros(1, "float32")])
        return gan

    def _mean_difference_of_targets(self, gan, training=True):
        images = np.ones((4000, 2, 2, 1), "float32")
        loss = float(gan.discriminator_loss(images, -images, training=training))
        # softplus(2) - 2 t_real + softplus(-2) + 2 t_fake
        return (np.logaddexp(0, 2) + np.logaddexp(0, -2) - loss) / 2

    def test_instance_noise_reaches_every_image_the_discriminator_sees(self):
        gan = self._gan_that_measures_energy(instance_noise=0.3)
        nothing = np.zeros((500, 8, 8, 1), "float32")
        assert float(gan.generator_loss(nothing, training=True)) == pytest.approx(-0.09, rel=0.03)
        both = float(gan.discriminator_loss(nothing, nothing, training=True))
        assert both != 0 and abs(both) < 0.01  # two draws, not one
        assert float(gan.generator_loss(nothing, training=False)) == 0

    def test_history_shows_the_discriminator_earlier_images(self):
        gan = self._gan_that_measures_energy(history_size=100)
        real, faint, bright = (np.full((100, 8, 8, 1), value, "float32") for value in (0, 0.5, 1))
        assert float(gan.discriminator_loss(real, faint, training=True)) == pytest.approx(0.25)
        mixed = float(gan.discriminator_loss(real, bright, training=True))
        assert 0.25 + 0.2 < mixed < 1 - 0.2  # about half of the faint images came back
        assert float(gan.discriminator_loss(real, bright, training=False)) == pytest.approx(1)
        assert float(gan.generator_loss(bright, training=True)) == pytest.approx(-1)

    def _gan_that_measures_energy(self, **arguments):
        images = keras.Input(SHAPE)
        energy = ops.mean(ops.square(images), axis=(1, 2, 3))[:, None]
        return make_gan(discriminator=keras.Model(images, energy), loss="wasserstein", **arguments)

    def test_joined_batch_gives_the_losses_of_separate_ones(self):
        separate, joined = make_gan(), make_gan(separate_batches=False)
        images, fakes = support.toy_images(5, seed=1), support.toy_images(5, seed=2)
        for training in (False, True):
            expected = float(separate.discriminator_loss(images, fakes, training=training))
            assert float(joined.discriminator_loss(images, fakes, training=training)) == pytest.approx(
                expected
            )

    @pytest.mark.parametrize("training", [False, True])
    def test_penalty_is_added_to_the_discriminator_s_loss(self, training):
        """R1 of a linear discriminator: half the weight times its squared slope."""
        gan, plain = (make_linear_gan(**options) for options in ({"penalty": penalties.R1(3.0)}, {}))
        plain.discriminator.set_weights(gan.discriminator.get_weights())
        images, fakes = (support.toy_images(5, (2, 2, 1), seed=seed) for seed in (1, 2))
        slope = gan.discriminator.get_weights()[0]
        expected = float(plain.discriminator_loss(images, fakes, training=training)) + 1.5 * (slope**2).sum()
        loss = float(gan.discriminator_loss(images, fakes, training=training))
        assert loss == pytest.approx(expected, rel=1e-5)
        assert float(gan.generator_loss(fakes)) == pytest.approx(float(plain.generator_loss(fakes)))

    def test_penalty_of_a_conditional_discriminator_is_at_the_images_labels(self):
        gan = make_gan(num_classes=3, penalty=penalties.R1())
        images, labels = map(ops.convert_to_tensor, LABELLED)
        penalty = gan.penalty(lambda x: gan.discriminator([x, labels]), images, images, gan.noise)
        loss = gan.discriminator_loss(images, images, labels)
        gan.penalty = None
        expected = float(gan.discriminator_loss(images, images, labels)) + float(penalty)
        assert float(penalty) > 1e-6 and float(loss) == pytest.approx(expected, rel=1e-5)

    def test_packed_discriminator_sees_neighbours_together(self):
        gan = make_packed_gan((2,), loss="wasserstein")
        real, fake = (support.toy_images(8, (2,), seed=seed) for seed in (1, 2))
        alone = networks.MLPDiscriminator((4,), (6,))
        alone.set_weights(gan.discriminator.get_weights())
        values = [ops.convert_to_numpy(alone(x.reshape(4, 4))).mean() for x in (real, fake)]
        assert float(gan.discriminator_loss(real, fake)) == pytest.approx(values[1] - values[0], abs=1e-6)

    @pytest.mark.slow
    def test_labels_in_the_data_are_ignored_without_classes(self):
        with_labels, without = make_gan(), make_gan()
        with_labels.fit(*LABELLED, shuffle=False, verbose=0)
        without.fit(*IMAGES, shuffle=False, verbose=0)
        support.assert_same_state(support.state_of(with_labels), support.state_of(without))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"image_shape": (30, 30, 1)},
            r"`image_shape` must be square with a side of .* Received: \(30, 30, 1\)",
        ),
        ({"image_shape": (8, 16, 1)}, r"`image_shape` must be square.*Received: \(8, 16, 1\)"),
        ({"image_shape": (8, 8)}, r"`image_shape` must be a tuple \(height, width, channels\)"),
        ({"image_shape": None}, r"`image_shape` is required unless it is determined by a network"),
        (
            {"loss": "hinge", "real_targets": 0.9},
            r"`real_targets`.*need a loss with targets.*Received: loss=Hinge",
        ),
        ({"loss": "wasserstein", "label_flip_probability": 0.1}, r"need a loss with targets.*Wasserstein"),
        ({"loss": "hnge"}, r"`loss` must be one of \['hinge', .*Received: 'hnge'"),
        ({"real_targets": (1.2, 0.7)}, r"`real_targets` must be a float or a pair \(low, high\)"),
        ({"real_targets": (1, 2, 3)}, r"`real_targets` must be a float or a pair.*Received: \(1, 2, 3\)"),
        (
            {"label_flip_probability": 1.0},
            r"`label_flip_probability` must be at least 0 and below 1. Received: label_flip_probability=1.0",
        ),
        (
            {"discriminator_steps": 0},
            r"`discriminator_steps` must be at least 1. Received: discriminator_steps=0",
        ),
        (
            {"image_shape": (16, 16, 1), "separate_batches": False},
            r"`separate_batches=False` is not supported",
        ),
        (
            {"average_decay": 0.9, "average_half_life": 10},
            r"either `average_decay` .* or `average_half_life`",
        ),
        (
            {"image_shape": (16, 16, 1), "penalty": penalties.R1()},
            r"'discriminator' has batch normalization.*With a gradient penalty, use layer normalization",
        ),
        ({"penalty": "r3"}, r"`penalty` must be one of .*Received: 'r3'"),
        (
            {"average_decay": 1.0},
            r"`average_decay` must be at least 0 and below 1. Received: average_decay=1.0",
        ),
        ({"average_half_life": 0}, r"`average_half_life` must be above 0"),
        ({"num_classes": 1}, r"`num_classes` must be at least 2. Received: num_classes=1"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_gan(**arguments)


def test_networks_that_do_not_fit_are_refused():
    generator = networks.DCGANGenerator((8, 8, 1), 4, 4)
    with pytest.raises(
        ValueError, match=r"`image_shape` is \(8, 8, 1\), but the network 'discriminator' has \(16, "
    ):
        models.GAN(generator=generator, discriminator=networks.DCGANDiscriminator((16, 16, 1), 4))
    with pytest.raises(ValueError, match=r"`latent_dim` is 5, but the network 'generator' has 4"):
        models.GAN(generator=generator, latent_dim=5)


@pytest.mark.slow_but("array")
@pytest.mark.parametrize("kind", ["array", "dataset"])
def test_batch_larger_than_the_history_is_refused(kind):
    gan = make_gan(history_size=4)
    data, arguments = IMAGES[0], {"batch_size": 8}
    if kind == "dataset":
        tf = pytest.importorskip("tensorflow")
        data, arguments = tf.data.Dataset.from_tensor_slices(data).batch(8), {}
    before = support.state_of(gan)
    with pytest.raises(
        ValueError, match=r"`history_size` must be at least the batch size of 8.*history_size=4"
    ):
        gan.fit(data, verbose=0, **arguments)
    support.assert_same_state(support.state_of(gan), before)
    gan.evaluate(data, verbose=0, **arguments)  # which shows no history


@pytest.mark.slow_but("10-4-2")
@pytest.mark.parametrize(("num", "batch_size", "size"), [(8, 5, "[35]"), (10, 4, "2"), (3, None, "3")])
def test_batches_that_packs_do_not_fill_are_refused(num, batch_size, size):
    gan = make_packed_gan((2,), 4)
    points = support.toy_images(num, (2,))
    with pytest.raises(
        ValueError, match=rf"judges packs of 4 samples, so the batch size.*a batch of {size}\."
    ):
        gan.fit(points, batch_size=batch_size, verbose=0)
    gan.fit(support.toy_images(12, (2,)), batch_size=8, verbose=0)


def test_a_partial_batch_that_packs_do_not_fill_is_refused_when_it_comes():
    points = support.toy_images(10, (2,))
    for batches in (
        pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices(points).batch(8),
        ((points[start : start + 8],) for start in (0, 8)),
    ):
        with pytest.raises(ValueError, match=r"judges packs of 4 samples, so the batch size.*a batch of 2\."):
            make_packed_gan((2,), 4).fit(batches, verbose=0)


def test_a_penalty_is_not_for_packs():
    with pytest.raises(
        ValueError, match=r"'discriminator' judges packs of 2 samples, but a gradient penalty is for single"
    ):
        make_packed_gan(penalty=penalties.R1())


def test_history_draws_other_numbers_than_the_noise():
    gan = make_gan(history_size=8, seed=1)
    drawn = [
        ops.convert_to_numpy(keras.random.uniform((8,), seed=seed))
        for seed in (gan.noise, gan.image_history.seed_generator)
    ]
    assert (drawn[0] != drawn[1]).all()


def test_networks_and_classes_go_together():
    unconditional, conditional = make_gan().networks, make_gan(num_classes=3).networks
    with pytest.raises(ValueError, match=r"`num_classes` is 3, but the network .* has 1 inputs"):
        models.GAN(**unconditional, num_classes=3)
    with pytest.raises(ValueError, match=r"`num_classes` is None, but the network .* has 2 inputs"):
        models.GAN(**conditional)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_networks_that_are_not_built_are_refused(player):
    unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)], name="unbuilt")
    with pytest.raises(ValueError, match=r"'unbuilt' must be built.*`keras.Input"):
        models.GAN(**{**make_gan().networks, player: unbuilt})


def test_networks_with_regularizers_are_refused():
    images = keras.Input(SHAPE)
    logits = keras.layers.Dense(1, kernel_regularizer="l2")(keras.layers.Flatten()(images))
    with pytest.raises(ValueError, match=r"`discriminator` has regularizers.*`weight_decay`"):
        make_gan(discriminator=keras.Model(images, logits))
