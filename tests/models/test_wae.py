"""Wasserstein autoencoders: the discrepancy, the constants of the paper, the losses of both."""

import json
import math
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_autoencoders import (
    LATENT_DIM,
    adam_of_every_player,
    make_autoencoder,
    make_convolutional_autoencoder,
    make_sgd_autoencoder,
)

from keras_genzoo import backends, models, networks
from keras_genzoo.models.wae import maximum_mean_discrepancy
from tests import support

IMAGES = support.toy_images(8)
PRIOR = np.random.default_rng(4).normal(size=(8, LATENT_DIM)).astype("float32")


# Released checkpoints hold these names: change them and no released file loads.
WEIGHT_PATHS = [
    "decoder/layers/dense/vars/0 (3, 16)",
    "decoder/layers/dense/vars/1 (16,)",
    "decoder/layers/dense_1/vars/0 (16, 64)",
    "decoder/layers/dense_1/vars/1 (64,)",
    "discriminator/layers/dense/vars/0 (3, 16)",
    "discriminator/layers/dense/vars/1 (16,)",
    "discriminator/layers/dense_1/vars/0 (16, 1)",
    "discriminator/layers/dense_1/vars/1 (1,)",
    "encoder/layers/dense/vars/0 (64, 16)",
    "encoder/layers/dense/vars/1 (16,)",
    "encoder/layers/dense_1/vars/0 (16, 3)",
    "encoder/layers/dense_1/vars/1 (3,)",
]


class TestContractOfMMD(Contract):
    family = Family(
        models.WAEMMD,
        partial(make_autoencoder, "WAEMMD"),
        variants={"kernel_scales": partial(make_autoencoder, "WAEMMD", kernel_scales=[1.0])},
        optimizers={
            "autoencoder": (keras.optimizers.Adam, {"learning_rate": 1e-3, "beta_1": 0.5, "beta_2": 0.999})
        },
    )
    # Each replica compares its own latents.
    test_two_replicas_take_the_step_of_one_device = None


class TestContractOfGAN(Contract):
    family = Family(
        models.WAEGAN,
        partial(make_autoencoder, "WAEGAN"),
        variants={"convolutional": partial(make_convolutional_autoencoder, "WAEGAN")},
        at_full_size=partial(models.WAEGAN, image_shape=(28, 28, 1), latent_dim=8),
        counts={
            "encoder": 10 * 32 + (9 * 32 + 1) * 64 + (7 * 7 * 64 + 1) * 256 + (256 + 1) * 8,
            "decoder": (8 + 1) * 7 * 7 * 64 + (9 * 64 + 1) * 64 + (9 * 64 + 1) * 32 + 9 * 32 + 1,
            "discriminator": 793_089,
        },
        optimizers={
            "autoencoder": (keras.optimizers.Adam, {"learning_rate": 1e-3, "beta_1": 0.5, "beta_2": 0.999}),
            "discriminator": (keras.optimizers.Adam, {"learning_rate": 5e-4, "beta_1": 0.5, "beta_2": 0.999}),
        },
        weight_paths=WEIGHT_PATHS,
        chance_level=2 * math.log(2),
        adversarial_log="penalty",
        # An autoencoder with an adversary.
        represents_its_base=True,
    )


def _softplus(x):
    return np.logaddexp(0, np.float64(x))


def _numpy(x):
    return np.array(ops.convert_to_numpy(x), "float64")


def _give_prior(model):
    model.draw_latents = lambda num: ops.convert_to_tensor(PRIOR[:num])


def _squared_error(images, logits):
    errors = (np.float64(images) + 1) / 2 - 1 / (1 + np.exp(-logits))
    return np.square(errors).sum((1, 2, 3)).mean()


def _discrepancy(first, second, scale):
    """Algorithm 2 of the paper, pair by pair."""

    def kernel(a, b):
        return scale / (scale + ((np.float64(a) - b) ** 2).sum())

    num, total = len(first), 0.0
    for i in range(num):
        for j in range(num):
            if i != j:
                total += (kernel(first[i], first[j]) + kernel(second[i], second[j])) / (num * (num - 1))
            total -= 2 * kernel(first[i], second[j]) / num**2
    return total


def _discrepancies(latents):
    """With the seven scales of the authors' program."""
    multiples = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    return sum(_discrepancy(PRIOR, latents, multiple * 2 * LATENT_DIM) for multiple in multiples)


class TestMaximumMeanDiscrepancy:
    rng = np.random.default_rng(0)

    def _normal(self, num, dim=LATENT_DIM, shift=0.0, stddev=1.0):
        return (shift + stddev * self.rng.normal(size=(num, dim))).astype("float32")

    @pytest.mark.parametrize("num", [2, 3, 17])
    @pytest.mark.parametrize("scale", [0.5, 16.0])
    def test_is_that_of_two_loops(self, num, scale):
        first, second = self._normal(num, 5), self._normal(num, 5, shift=0.7)
        value = maximum_mean_discrepancy(first, second, [scale])
        assert float(value) == pytest.approx(_discrepancy(first, second, scale), abs=1e-5)

    def test_is_in_the_mean_0_of_equal_distributions(self):
        """Without bias: the estimates of few samples are below 0 as well as above."""
        values = np.array(
            [
                float(maximum_mean_discrepancy(self._normal(5), self._normal(5), [2.0 * LATENT_DIM]))
                for _ in range(100)
            ]
        )
        assert (values < 0).any() and (values > 0).any()
        assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
        assert values.std() / np.sqrt(len(values)) < 0.01

    @pytest.mark.parametrize("other", [{"shift": 1.0}, {"stddev": 0.3}, {"stddev": 3.0}])
    def test_tells_distributions_apart(self, other):
        same = maximum_mean_discrepancy(self._normal(500), self._normal(500), [6.0])
        different = maximum_mean_discrepancy(self._normal(500), self._normal(500, **other), [6.0])
        assert abs(float(same)) < 0.005 and float(different) > 0.02

    def test_gradient_moves_latents_towards_the_prior(self):
        prior, latents = self._normal(200), ops.convert_to_tensor(self._normal(200, shift=2.0))
        _, gradient = backends.input_value_and_grad(
            lambda latents: maximum_mean_discrepancy(prior, latents, [6.0]), latents
        )
        gradient = _numpy(gradient)
        assert np.isfinite(gradient).all() and (gradient.mean(0) > 0).all()

    def test_gradient_is_finite_where_all_latents_are_one(self):
        latents = ops.zeros((4, 3))
        value, gradient = backends.input_value_and_grad(
            lambda latents: maximum_mean_discrepancy(self._normal(4), latents, [6.0]), latents
        )
        assert np.isfinite(float(value)) and np.isfinite(_numpy(gradient)).all()

    def test_far_latents_lose_no_precision_below_0(self):
        """The squared distances come from a product of matrices, which may round below 0."""
        far = 1e3 + self._normal(50) * 1e-3
        assert 0 <= float(maximum_mean_discrepancy(self._normal(50), far, [6.0])) < 2


class TestNumbersOfThePaper:
    @pytest.mark.parametrize("family", ["WAEMMD", "WAEGAN"])
    def test_lambda_is_10(self, family):
        assert make_autoencoder(family).penalty_weight == 10.0

    def test_discriminator_has_four_layers_of_512(self):
        wae = models.WAEGAN(image_shape=(28, 28, 1), latent_dim=8)
        layers = [layer.count_params() for layer in wae.discriminator.layers if layer.count_params()]
        assert layers == [9 * 512, 513 * 512, 513 * 512, 513 * 512, 513]

    def test_scales_of_the_kernel_are_those_of_the_authors_program(self):
        """Multiples of the expected squared distance of two latents of the prior."""
        wae = make_autoencoder("WAEMMD")
        _give_prior(wae)
        latents = 0.3 * PRIOR[::-1] + 0.2
        assert float(wae.penalty(latents)) == pytest.approx(_discrepancies(latents), abs=1e-5)

    def test_the_text_s_one_scale_is_the_expected_squared_distance_of_two_latents(self):
        wae = make_autoencoder("WAEMMD", kernel_scales=[1.0])
        _give_prior(wae)
        latents = 0.3 * PRIOR[::-1] + 0.2
        assert float(wae.penalty(latents)) == pytest.approx(
            _discrepancy(PRIOR, latents, 2 * LATENT_DIM), abs=1e-5
        )

    @pytest.mark.parametrize("family", ["WAEMMD", "WAEGAN"])
    def test_weight_of_the_squared_error_is_that_of_the_authors_program(self, family):
        assert make_autoencoder(family).reconstruction_weight == 0.05


class TestLosses:
    @pytest.mark.slow_but("10.0-0.05")
    @pytest.mark.parametrize(("penalty_weight", "reconstruction_weight"), [(10.0, 0.05), (0.5, 2.0)])
    def test_of_the_wae_mmd(self, penalty_weight, reconstruction_weight):
        wae = make_autoencoder(
            "WAEMMD", penalty_weight=penalty_weight, reconstruction_weight=reconstruction_weight
        )
        _give_prior(wae)
        latents = wae.encoder(IMAGES)
        reconstruction = _squared_error(IMAGES, _numpy(wae.decoder(latents)))
        penalty = _discrepancies(_numpy(latents))
        for logs in (
            wae.test_on_batch(IMAGES, return_dict=True),
            wae.train_on_batch(IMAGES, return_dict=True),
        ):
            assert logs["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-4)
            assert logs["penalty"] == pytest.approx(penalty, abs=1e-4)
            weighted = reconstruction_weight * reconstruction + penalty_weight * penalty
            assert logs["loss"] == pytest.approx(weighted, rel=1e-3)

    def test_of_the_wae_gan(self):
        wae = make_autoencoder("WAEGAN", penalty_weight=0.5, reconstruction_weight=0.25)
        _give_prior(wae)
        latents = _numpy(wae.encoder(IMAGES)).astype("float32")
        real, fake = _numpy(wae.discriminator(PRIOR)), _numpy(wae.discriminator(latents))
        logs = wae.test_on_batch(IMAGES, return_dict=True)
        reconstruction = _squared_error(IMAGES, _numpy(wae.decoder(latents)))
        # -log D(z) - log(1 - D(Q(x))), and -log D(Q(x)): D is the logistic function of the logit.
        expected = _softplus(-real).mean() + _softplus(fake).mean()
        assert logs["discriminator_loss"] == pytest.approx(expected, rel=1e-4)
        assert logs["penalty"] == pytest.approx(_softplus(-fake).mean(), rel=1e-4)
        assert logs["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-4)
        assert logs["loss"] == pytest.approx(0.25 * reconstruction + 0.5 * _softplus(-fake).mean(), rel=1e-4)

    def test_step_of_the_wae_gan_is_the_discriminator_s_and_then_the_autoencoder_s(self):
        """Algorithm 1 by the gradients of the two losses; the encoder meets the updated discriminator."""
        rate = 0.05
        wae, expected = (make_sgd_autoencoder("WAEGAN", rate) for _ in range(2))
        _give_prior(wae)
        logs = wae.train_on_batch(IMAGES, return_dict=True)

        def descend(loss_function, variables):
            loss, gradients = backends.value_and_grad(loss_function, variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign(variable.value - rate * gradient)
            return float(loss)

        latents = expected.encoder(IMAGES)
        discriminator_loss = descend(
            lambda: (
                ops.mean(ops.softplus(-expected.discriminator(PRIOR)))
                + ops.mean(ops.softplus(expected.discriminator(latents)))
            ),
            expected.discriminator.trainable_variables,
        )

        def autoencoder_loss():
            latents = expected.encoder(IMAGES)
            errors = (IMAGES + 1) / 2 - ops.sigmoid(expected.decoder(latents))
            penalty = ops.mean(ops.softplus(-expected.discriminator(latents)))
            return 0.05 * ops.sum(ops.square(errors)) / len(IMAGES) + 10.0 * penalty

        loss = descend(autoencoder_loss, expected.variables_of("autoencoder"))
        assert logs["discriminator_loss"] == pytest.approx(discriminator_loss, rel=1e-4)
        assert logs["loss"] == pytest.approx(loss, rel=1e-4)
        for name, network in wae.networks.items():
            for ours, wanted in zip(
                network.get_weights(), expected.networks[name].get_weights(), strict=True
            ):
                np.testing.assert_allclose(ours, wanted, atol=1e-5, err_msg=name)

    @pytest.mark.slow
    @pytest.mark.parametrize("family", ["WAEMMD", "WAEGAN"])
    def test_penalty_draws_latents_towards_the_prior(self, family):
        """Without a picture to keep, latents far away come near."""
        options = {"discriminator": networks.MLPDiscriminator((LATENT_DIM,), (32,))}
        wae = make_autoencoder(
            family,
            adam_of_every_player(family, 5e-3, beta_1=0.5),
            penalty_weight=1e3,
            **(options if family == "WAEGAN" else {}),
        )
        *weights, bias = wae.encoder.get_weights()
        wae.encoder.set_weights([*weights, bias + 3.0])
        images = support.toy_images(64)
        before = np.abs(wae.encode(images).mean(0))
        wae.fit(images, batch_size=32, epochs=30, verbose=0)
        after = np.abs(wae.encode(images).mean(0))
        assert (before > 2).all() and (after < before / 2).all()


@pytest.mark.parametrize("family", ["WAEMMD", "WAEGAN"])
def test_options_and_networks_that_do_not_fit_are_refused(family):
    with pytest.raises(
        ValueError, match=r"`penalty_weight` must be at least 0. Received: penalty_weight=-1.0"
    ):
        make_autoencoder(family, penalty_weight=-1.0)
    with pytest.raises(ValueError, match=r"`reconstruction_weight` must be above 0. Received"):
        make_autoencoder(family, reconstruction_weight=0)


@pytest.mark.parametrize("scales", [(), (1.0, 0.0), (-1.0,)])
def test_kernel_scales_that_are_not_positive_are_refused(scales):
    with pytest.raises(ValueError, match=r"`kernel_scales` must be (above 0|a tuple of positive floats)"):
        make_autoencoder("WAEMMD", kernel_scales=scales)


def test_weights_and_scales_are_in_the_config():
    wae = make_autoencoder("WAEMMD", reconstruction_weight=1.0, penalty_weight=3.0, kernel_scales=[1.0, 2.0])
    again = models.WAEMMD.from_config(json.loads(json.dumps(wae.get_config())))
    assert (again.reconstruction_weight, again.penalty_weight) == (1.0, 3.0)
    assert again.kernel_scales == (1.0, 2.0)


def test_a_discriminator_of_other_latents_is_refused():
    discriminator = networks.MLPDiscriminator((LATENT_DIM + 1,), (4,))
    with pytest.raises(ValueError, match=r"`latent_dim` is 3, but the network 'discriminator' has 4"):
        make_autoencoder("WAEGAN", discriminator=discriminator)


@pytest.mark.slow_but("fit")
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_a_batch_of_one_image_has_no_discrepancy_and_is_refused(method):
    wae = make_autoencoder("WAEMMD")
    with pytest.raises(ValueError, match=r"at least 2 images per batch.*Received a batch of 1\. Change"):
        getattr(wae, method)(support.toy_images(9), batch_size=4, verbose=0)
    assert np.isfinite(list(wae.evaluate(support.toy_images(10), batch_size=4, verbose=0))).all()


@pytest.mark.tensorflow
def test_a_dataset_s_last_batch_of_one_image_is_refused_when_it_comes():
    import tensorflow as tf

    wae = make_autoencoder("WAEMMD")
    with pytest.raises(ValueError, match=r"at least 2 images per batch.*Received a batch of 1\. Change"):
        wae.fit(tf.data.Dataset.from_tensor_slices(support.toy_images(9)).batch(4), verbose=0)
    assert all(np.isfinite(weight).all() for weight in wae.get_weights())


def test_prior_is_fresh_in_every_step():
    wae = make_sgd_autoencoder("WAEMMD", rate=0.0)
    penalties = {float(wae.train_on_batch(IMAGES, return_dict=True)["penalty"]) for _ in range(3)}
    assert len(penalties) == 3


def test_the_rest_for_validation_is_checked_too():
    """Of 8 images one remains, which has no other to be compared with."""
    with pytest.raises(ValueError, match=r"needs at least 2 images per batch.*Received a batch of 1"):
        make_autoencoder("WAEMMD").fit(IMAGES, batch_size=7, validation_split=0.1, verbose=0)
