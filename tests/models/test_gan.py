"""The GAN family: its numbers, its algorithm, its options, and the promises every family keeps."""

import itertools
import math
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_gans import (
    SHAPE,
    make_dropout_gan,
    make_gan,
    make_linear_gan,
    make_packed_gan,
    make_plain_gan,
    make_synchronized_gan,
)

from keras_genzoo import backends, losses, models, networks, penalties
from tests import support

IMAGES = (support.toy_images(8),)


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
        random=partial(make_dropout_gan, augmentation="diff_augment"),
        variants={
            "image_shape": partial(make_gan, image_shape=(16, 16, 3)),
            "one_batch": partial(make_gan, separate_batches=False),
            "packing": make_packed_gan,
            "prediction": partial(make_plain_gan, prediction_step=True),
            **{f"loss_{name}": partial(make_gan, loss=name) for name in losses._LOSSES},
        },
        at_full_size=partial(models.GAN, image_shape=(64, 64, 3)),
        counts={"generator": 3_578_624, "discriminator": 2_767_360},
        **OF_ALL,
        represents_its_base=True,
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

    @pytest.mark.parametrize("prediction_step", [False, True])
    @pytest.mark.parametrize("discriminator_steps", [1, 2])
    def test_step_is_that_of_the_paper(self, discriminator_steps, prediction_step):
        gan = make_linear_gan(
            rate=self.rate, discriminator_steps=discriminator_steps, prediction_step=prediction_step
        )
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
        seen_v, seen_c = v, c
        if prediction_step:
            # As if that one had taken its last update twice.
            seen_v, seen_c = v - self.rate * v_gradient, c - self.rate * c_gradient
        logits = fake @ seen_v + seen_c
        fake_gradient = (_sigmoid(logits) - 1) / 6 * seen_v[:, 0]
        w, a = w - self.rate * latents.T @ fake_gradient, a - self.rate * fake_gradient.sum(0)

        for trained, expected in zip(gan.discriminator.get_weights(), (v, c), strict=True):
            np.testing.assert_allclose(trained, expected, atol=1e-5)
        for trained, expected in zip(gan.generator.get_weights(), (w, a), strict=True):
            np.testing.assert_allclose(trained, expected, atol=1e-5)
        assert logs["discriminator_loss"] == pytest.approx(discriminator_loss, abs=1e-5)
        assert logs["generator_loss"] == pytest.approx(_softplus(-logits).mean(), abs=1e-5)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _softplus(x):
    return np.log1p(np.exp(x))


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
