"""The GAN family: its numbers, its algorithm, its options, and the promises every family keeps."""

import itertools
import math
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_gans import SHAPE, make_dropout_gan, make_gan, make_plain_gan, make_synchronized_gan

from keras_genzoo import backends, losses, models, networks, penalties
from tests import support

IMAGES = (support.toy_images(8),)
LABELLED = (support.toy_images(8), support.toy_labels(8))


def make_packed_gan(image_shape=SHAPE, packing=2, **arguments):
    """Perceptrons, the discriminator of which judges several samples together; of images or of points."""
    keras.utils.set_random_seed(0)
    gan = models.GAN(
        generator=networks.MLPGenerator(4, image_shape, (5,)),
        discriminator=networks.MLPDiscriminator(image_shape, (6,), packing=packing),
        seed=1,
        **arguments,
    )
    gan.compile()
    return gan


def make_conditional_gan(label_encoding, conditioning):
    keras.utils.set_random_seed(0)
    generator = networks.DCGANGenerator(SHAPE, 4, 4, num_classes=3, label_encoding=label_encoding)
    discriminator = networks.DCGANDiscriminator(SHAPE, 4, num_classes=3, conditioning=conditioning)
    return make_gan(generator=generator, discriminator=discriminator, num_classes=3)


OF_ALL = {
    "optimizers": dict.fromkeys(
        ("generator", "discriminator"),
        (keras.optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999}),
    ),
    "chance_level": 2 * math.log(2),
    "adversarial_log": "generator_loss",
}


class TestContract(Contract):
    family = Family(
        models.GAN,
        make_gan,
        exact=partial(make_plain_gan, average_half_life=20.0, discriminator_steps=2, penalty=penalties.R1()),
        random=make_dropout_gan,
        variants={
            "image_shape": partial(make_gan, image_shape=(16, 16, 3)),
            "one_batch": partial(make_gan, separate_batches=False),
            "packing": make_packed_gan,
            **{f"loss_{name}": partial(make_gan, loss=name) for name in losses._LOSSES},
        },
        at_full_size=partial(models.GAN, image_shape=(64, 64, 3)),
        counts={"generator": 3_578_624, "discriminator": 2_767_360},
        **OF_ALL,
        represents="base",
    )


class TestConditionalContract(Contract):
    family = Family(
        models.GAN,
        partial(make_gan, num_classes=3),
        exact=partial(make_plain_gan, num_classes=3),
        variants={
            "penalty": partial(make_gan, num_classes=3, penalty=penalties.DRAGAN()),
            **{
                f"{encoding}_{conditioning}": partial(make_conditional_gan, encoding, conditioning)
                for encoding in ("embedding", "one_hot")
                for conditioning in ("concatenation", "projection")
            },
        },
        **OF_ALL,
    )


class TestContractOfPoints(Contract):
    family = Family(
        models.GAN,
        partial(make_packed_gan, (2,), 1),
        variants={"packing": partial(make_packed_gan, (2,), 4)},
        **OF_ALL,
    )


class TestNumbersOfThePapers:
    def test_textbook_gan_layer_by_layer(self):
        gan = models.GAN(
            generator=networks.ConvGenerator(100, (7, 7, 64), (128, 64, 64, 1), (2, 2, 1, 1), 5, "relu", 0.9),
            discriminator=networks.ConvDiscriminator(
                (28, 28, 1), (64, 64, 128, 128), (2, 2, 2, 1), 5, "relu", dropout=0.4
            ),
        )
        assert _parameters_of_layers(gan.discriminator) == [1664, 102464, 204928, 409728, 2049]
        assert gan.discriminator.count_params() == 720_833
        assert gan.generator.get_layer("initial_map").count_params() == 316_736
        assert gan.generator.count_params() == 844_161
        assert _trainable(gan.generator) == 837_377
        assert (gan.image_shape, gan.latent_dim) == ((28, 28, 1), 100)

    def test_dcgan_64_starts_from_normal_002(self):
        gan = models.GAN(image_shape=(64, 64, 3))
        assert (_trainable(gan.generator), _trainable(gan.discriminator)) == (3_576_704, 2_765_568)
        assert gan.latent_dim == 100
        for network in gan.networks.values():
            for variable in network.trainable_variables:
                if variable.path.endswith("kernel"):
                    values = ops.convert_to_numpy(variable.value)
                    assert abs(values.mean()) < 1e-3 and values.std() == pytest.approx(0.02, rel=0.05)


def _parameters_of_layers(network):
    return [layer.count_params() for layer in network.layers if layer.count_params()]


def _trainable(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


class TestAlgorithm:
    """One step restated in NumPy for two linear networks: `G(z) = z W + a`, `D(x) = x v + c`, plain SGD."""

    rate = 0.5

    @pytest.mark.parametrize("discriminator_steps", [1, 2])
    def test_step_is_that_of_the_paper(self, discriminator_steps):
        gan = self._linear_gan(discriminator_steps=discriminator_steps)
        (w, a), (v, c) = gan.generator.get_weights(), gan.discriminator.get_weights()
        rng = np.random.default_rng(1)
        all_latents = rng.normal(size=(discriminator_steps, 6, 3)).astype("float32")
        images = rng.uniform(-1, 1, (6, 2, 2, 1)).astype("float32")
        given = itertools.cycle(all_latents)
        gan.draw_latents = lambda num: ops.convert_to_tensor(next(given))
        logs = gan.train_on_batch(images, return_dict=True)

        real = images.reshape(6, 4)
        for latents in all_latents:  # new fakes for every update of the discriminator
            fake = latents @ w + a
            discriminator_loss = _softplus(-(real @ v + c)).mean() + _softplus(fake @ v + c).mean()
            real_slope, fake_slope = _sigmoid(real @ v + c) - 1, _sigmoid(fake @ v + c)
            v_gradient = (real * real_slope + fake * fake_slope).mean(0)[:, None]
            c_gradient = (real_slope + fake_slope).mean(0)
            v, c = v - self.rate * v_gradient, c - self.rate * c_gradient
        # The generator against the updated discriminator, on the last of the fakes.
        logits = fake @ v + c
        fake_gradient = (_sigmoid(logits) - 1) / 6 * v[:, 0]
        w, a = w - self.rate * latents.T @ fake_gradient, a - self.rate * fake_gradient.sum(0)

        for trained, expected in zip(gan.discriminator.get_weights(), (v, c), strict=True):
            np.testing.assert_allclose(trained, expected, atol=1e-5)
        for trained, expected in zip(gan.generator.get_weights(), (w, a), strict=True):
            np.testing.assert_allclose(trained, expected, atol=1e-5)
        assert logs["discriminator_loss"] == pytest.approx(discriminator_loss, abs=1e-5)
        assert logs["generator_loss"] == pytest.approx(_softplus(-logits).mean(), abs=1e-5)

    def _linear_gan(self, **arguments):
        latents, images = keras.Input((3,)), keras.Input((2, 2, 1))
        pixels = keras.layers.Dense(4, bias_initializer="normal")(latents)
        generator = keras.Model(latents, keras.layers.Reshape((2, 2, 1))(pixels))
        logits = keras.layers.Dense(1, bias_initializer="normal")(keras.layers.Flatten()(images))
        gan = models.GAN(generator=generator, discriminator=keras.Model(images, logits), **arguments)
        gan.compile(keras.optimizers.SGD(self.rate), keras.optimizers.SGD(self.rate))
        return gan


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _softplus(x):
    return np.log1p(np.exp(x))


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
        gan = TestAlgorithm()._linear_gan(**arguments)
        gan.discriminator.set_weights([np.full((4, 1), 0.5, "float32"), np.zeros(1, "float32")])
        return gan

    def _mean_difference_of_targets(self, gan, training=True):
        images = np.ones((4000, 2, 2, 1), "float32")
        loss = float(gan.discriminator_loss(images, -images, training=training))
        # softplus(2) - 2 t_real + softplus(-2) + 2 t_fake
        return (_softplus(2) + _softplus(-2) - loss) / 2

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
        gan, plain = (
            TestAlgorithm()._linear_gan(**options) for options in ({"penalty": penalties.R1(3.0)}, {})
        )
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
        ({"image_shape": None}, r"`image_shape` is needed where no network is passed"),
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
            r"`separate_batches=False` would normalise",
        ),
        (
            {"average_decay": 0.9, "average_half_life": 10},
            r"either `average_decay` .* or `average_half_life`",
        ),
        (
            {"image_shape": (16, 16, 1), "penalty": penalties.R1()},
            r"'discriminator' has batch normalisation.*a gradient penalty needs layer normalisation",
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


@pytest.mark.parametrize("kind", ["array", "dataset"])
def test_batch_larger_than_the_history_is_refused(kind):
    gan = make_gan(history_size=4)
    data, arguments = IMAGES[0], {"batch_size": 8}
    if kind == "dataset":
        tf = pytest.importorskip("tensorflow")
        data, arguments = tf.data.Dataset.from_tensor_slices(data).batch(8), {}
    before = support.state_of(gan)
    with pytest.raises(ValueError, match=r"`history_size` must be at least the batch of 8.*history_size=4"):
        gan.fit(data, verbose=0, **arguments)
    support.assert_same_state(support.state_of(gan), before)
    gan.evaluate(data, verbose=0, **arguments)  # which shows no history


@pytest.mark.parametrize(("num", "batch_size", "size"), [(8, 5, "[35]"), (10, 4, "2"), (3, None, "3")])
def test_batches_that_packs_do_not_fill_are_refused(num, batch_size, size):
    gan = make_packed_gan((2,), 4)
    points = support.toy_images(num, (2,))
    with pytest.raises(ValueError, match=rf"judges packs of 4, which must fill each.*a batch of {size}\."):
        gan.fit(points, batch_size=batch_size, verbose=0)
    gan.fit(support.toy_images(12, (2,)), batch_size=8, verbose=0)


def test_a_partial_batch_that_packs_do_not_fill_is_refused_when_it_comes():
    points = support.toy_images(10, (2,))
    for batches in (
        pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices(points).batch(8),
        ((points[start : start + 8],) for start in (0, 8)),
    ):
        with pytest.raises(ValueError, match=r"judges packs of 4, which must fill each.*a batch of 2\."):
            make_packed_gan((2,), 4).fit(batches, verbose=0)


def test_a_penalty_is_not_for_packs():
    with pytest.raises(
        ValueError, match=r"'discriminator' judges packs of 2: a gradient penalty is of single"
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


class DoubledGAN(models.GAN):
    """Adds to the family's step."""

    @backends.train_step
    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "doubled": 2 * logs["generator_loss"]}


def test_a_subclass_can_call_the_step_of_its_family():
    gan = make_gan()
    doubled = DoubledGAN.from_config(gan.get_config())
    doubled.compile()
    for ours, theirs in zip(doubled.networks.values(), gan.networks.values(), strict=True):
        ours.set_weights(theirs.get_weights())
    for model in (gan, doubled):
        history = model.fit(*IMAGES, batch_size=4, shuffle=False, verbose=0).history
    support.assert_same_state(support.state_of(doubled), support.state_of(gan), atol=1e-6)
    assert history["doubled"] == [pytest.approx(2 * history["generator_loss"][0])]


def test_weight_paths_of_a_conditional_model(tmp_path):
    make_gan(num_classes=3, image_shape=(16, 16, 1)).save_to_preset(tmp_path / "gan")
    support.check_weight_paths(tmp_path / "gan" / "model.weights.h5", WEIGHT_PATHS)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_replicas_share_the_statistics_of_synchronized_batch_normalization():
    make_model = partial(make_synchronized_gan, average_decay=0.9)
    support.check_replicas_equal_one_device(make_model, (support.toy_images(8, (16, 16, 1)),))


@pytest.mark.slow
def test_both_backends_train_batch_normalization_to_the_same_weights():
    support.check_other_backend(partial(make_gan, image_shape=(16, 16, 1), num_classes=3), rate=0.1)


# Released checkpoints hold these names: change them and no released file loads.
WEIGHT_PATHS = [
    "discriminator/layers/batch_normalization/vars/0 (8,)",
    "discriminator/layers/batch_normalization/vars/1 (8,)",
    "discriminator/layers/batch_normalization/vars/2 (8,)",
    "discriminator/layers/batch_normalization/vars/3 (8,)",
    "discriminator/layers/conv2d/vars/0 (4, 4, 4, 4)",
    "discriminator/layers/conv2d_1/vars/0 (4, 4, 4, 8)",
    "discriminator/layers/dense/vars/0 (128, 1)",
    "generator/layers/batch_normalization/vars/0 (8,)",
    "generator/layers/batch_normalization/vars/1 (8,)",
    "generator/layers/batch_normalization/vars/2 (8,)",
    "generator/layers/batch_normalization/vars/3 (8,)",
    "generator/layers/batch_normalization_1/vars/0 (4,)",
    "generator/layers/batch_normalization_1/vars/1 (4,)",
    "generator/layers/batch_normalization_1/vars/2 (4,)",
    "generator/layers/batch_normalization_1/vars/3 (4,)",
    "generator/layers/conv2d_transpose/vars/0 (4, 4, 4, 8)",
    "generator/layers/conv2d_transpose_1/vars/0 (4, 4, 1, 4)",
    "generator/layers/dense/vars/0 (54, 128)",
    "generator/layers/embedding/vars/0 (3, 50)",
]
