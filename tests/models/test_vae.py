"""The variational autoencoder: its bound, its gradient, its likelihood, the importance-weighted bound."""

import math
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_autoencoders import (
    LATENT_DIM,
    make_autoencoder,
    make_convolutional_autoencoder,
    make_linear_vae,
)
from vae_formulas import (
    decoded,
    give_noise,
    log_bernoulli,
    log_gaussian,
    log_normal,
    posterior,
    sigmoid,
    softplus,
)

from keras_genzoo import likelihoods, models, networks
from keras_genzoo.models.vae import kl_divergence
from tests import support

RNG = np.random.default_rng(0)
# Released checkpoints hold these names: change them and no released file loads.
WEIGHT_PATHS = [
    "decoder/layers/conv2d_transpose/vars/0 (3, 3, 4, 4)",
    "decoder/layers/conv2d_transpose/vars/1 (4,)",
    "decoder/layers/conv2d_transpose_1/vars/0 (3, 3, 1, 4)",
    "decoder/layers/conv2d_transpose_1/vars/1 (1,)",
    "decoder/layers/dense/vars/0 (3, 64)",
    "decoder/layers/dense/vars/1 (64,)",
    "encoder/layers/conv2d/vars/0 (3, 3, 1, 4)",
    "encoder/layers/conv2d/vars/1 (4,)",
    "encoder/layers/dense/vars/0 (64, 8)",
    "encoder/layers/dense/vars/1 (8,)",
    "encoder/layers/dense_1/vars/0 (8, 3)",
    "encoder/layers/dense_1/vars/1 (3,)",
    "encoder/layers/dense_2/vars/0 (8, 3)",
    "encoder/layers/dense_2/vars/1 (3,)",
]


def make_world_models(**arguments):
    keras.utils.set_random_seed(0)
    vae = models.VAE.world_models(seed=1, **arguments)
    vae.compile()
    return vae


class TestContract(Contract):
    family = Family(
        models.VAE,
        make_convolutional_autoencoder,
        exact=partial(make_autoencoder, beta=2.0, kl_floor=0.2),
        random=partial(make_autoencoder, binarize=True, importance_samples=3),
        variants={
            "gaussian": partial(make_autoencoder, likelihood="gaussian"),
            "beta": partial(make_autoencoder, beta=4.0),
            "world_models": make_world_models,
        },
        at_full_size=models.VAE.world_models,
        counts={"encoder": 755_744, "decoder": 3_592_803},
        optimizers={
            "autoencoder": (keras.optimizers.Adam, {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999})
        },
        weight_paths=WEIGHT_PATHS,
        represents_its_base=True,
    )


class TestNumbersOfThePapers:
    def test_world_models_layer_by_layer(self):
        vae = models.VAE.world_models()
        assert [layer.count_params() for layer in vae.encoder.layers if layer.count_params()] == [
            4 * 4 * 3 * 32 + 32,
            4 * 4 * 32 * 64 + 64,
            4 * 4 * 64 * 128 + 128,
            4 * 4 * 128 * 256 + 256,
            2 * 2 * 256 * 32 + 32,
            2 * 2 * 256 * 32 + 32,
        ]
        assert [layer.count_params() for layer in vae.decoder.layers if layer.count_params()] == [
            32 * 1024 + 1024,
            5 * 5 * 1024 * 128 + 128,
            5 * 5 * 128 * 64 + 64,
            6 * 6 * 64 * 32 + 32,
            6 * 6 * 32 * 3 + 3,
        ]
        assert vae.encoder.count_params() + vae.decoder.count_params() == 4_348_547
        assert (vae.image_shape, vae.latent_dim) == ((64, 64, 3), 32)
        assert (vae.beta, vae.kl_floor, vae.likelihood.stddev) == (1.0, 0.5, math.sqrt(0.5))

    def test_world_models_takes_other_options(self):
        assert models.VAE.world_models(kl_floor=0.0, beta=2.0).get_config()["beta"] == 2.0

    def test_defaults(self):
        vae = models.VAE(image_shape=(28, 28, 1))
        assert vae.latent_dim == 20
        assert isinstance(vae.encoder, networks.ConvEncoder)
        assert isinstance(vae.decoder, networks.ConvDecoder)
        assert isinstance(vae.likelihood, likelihoods.Bernoulli)
        options = (vae.beta, vae.kl_floor, vae.importance_samples, vae.binarize)
        assert options == (1.0, 0.0, 1, False)


class TestDivergence:
    @pytest.mark.parametrize(
        ("mean", "log_variance", "expected"),
        [
            ([0.0], [0.0], 0.0),
            ([2.0], [0.0], 2.0),  # half the squared mean
            ([0.0], [1.0], (math.e - 2) / 2),
            ([0.0], [-1.0], 1 / (2 * math.e)),
            ([2.0, 0.0, 1.0], [0.0, 1.0, -1.0], 2 + (math.e - 2) / 2 + 0.5 + 1 / (2 * math.e)),
        ],
    )
    def test_by_hand(self, mean, log_variance, expected):
        value = kl_divergence(ops.convert_to_tensor([mean]), ops.convert_to_tensor([log_variance]))
        assert float(value[0]) == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize(("mean", "log_variance"), [(0.7, -1.2), (-1.5, 0.8)])
    def test_by_integration(self, mean, log_variance):
        z = np.linspace(-20, 20, 40_001)[:, None]
        log_q = log_normal(z, mean, log_variance)
        expected = (np.exp(log_q) * (log_q - log_normal(z, 0.0, 0.0))).sum() * (z[1, 0] - z[0, 0])
        value = kl_divergence(np.float32([[mean]]), np.float32([[log_variance]]))
        assert float(value[0]) == pytest.approx(expected, rel=1e-4)


class TestAlgorithm:
    """One step restated in NumPy for linear networks, plain SGD: the loss and its gradient."""

    rate = 0.1

    # Of the six images' divergences the floor of 0.6 * 2 nats holds some back.
    @pytest.mark.parametrize(("beta", "kl_floor"), [(1.0, 0.0), (4.0, 0.0), (0.0, 0.0), (2.0, 0.6)])
    def test_step_is_that_of_the_paper(self, beta, kl_floor):
        vae = make_linear_vae(self.rate, beta=beta, kl_floor=kl_floor)
        a_matrix, a, b_matrix, b = vae.encoder.get_weights()
        w, c = vae.decoder.get_weights()
        images = RNG.uniform(-1, 1, (6, 2, 2, 1)).astype("float32")
        noise = RNG.normal(size=(6, 2))
        give_noise(vae, noise)
        logs = vae.train_on_batch(images, return_dict=True)

        x = images.reshape(6, 4)
        targets = (x + 1) / 2
        mean, log_variance = x @ a_matrix + a, x @ b_matrix + b
        stddev = np.exp(log_variance / 2)
        z = mean + stddev * noise
        logits = z @ w + c
        kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(1)
        reconstruction = (softplus(logits) - targets * logits).sum(1).mean()
        loss = reconstruction + beta * np.maximum(kl, kl_floor * 2).mean()
        if kl_floor:
            assert (kl > kl_floor * 2).any() and (kl < kl_floor * 2).any()

        logits_gradient = (sigmoid(logits) - targets) / 6
        z_gradient = logits_gradient @ w.T
        pushed = beta / 6 * (kl > kl_floor * 2)[:, None]
        mean_gradient = z_gradient + pushed * mean
        log_variance_gradient = z_gradient * noise * stddev / 2 + pushed * (np.exp(log_variance) - 1) / 2
        expected = [
            a_matrix - self.rate * x.T @ mean_gradient,
            a - self.rate * mean_gradient.sum(0),
            b_matrix - self.rate * x.T @ log_variance_gradient,
            b - self.rate * log_variance_gradient.sum(0),
            w - self.rate * z.T @ logits_gradient,
            c - self.rate * logits_gradient.sum(0),
        ]
        trained = [*vae.encoder.get_weights(), *vae.decoder.get_weights()]
        for ours, wanted in zip(trained, expected, strict=True):
            np.testing.assert_allclose(ours, wanted, atol=1e-5)
        assert logs["loss"] == pytest.approx(loss, rel=1e-5)
        assert logs["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-5)
        # What is logged is the divergence itself, neither weighted nor floored.
        assert logs["kl_loss"] == pytest.approx(kl.mean(), rel=1e-5)

    @pytest.mark.parametrize(
        ("likelihood", "log_prob"),
        [
            ("bernoulli", log_bernoulli),
            ("gaussian", partial(log_gaussian, stddev=0.1)),
            (likelihoods.Gaussian(0.2), partial(log_gaussian, stddev=0.2)),
        ],
        ids=["bernoulli", "gaussian", "narrow_gaussian"],
    )
    def test_reconstruction_is_summed_over_values_and_averaged_over_images(self, likelihood, log_prob):
        vae = make_autoencoder(likelihood=likelihood)
        images, noise = support.toy_images(8), RNG.normal(size=(8, LATENT_DIM))
        give_noise(vae, noise)
        logs = vae.test_on_batch(images, return_dict=True)
        mean, log_variance = posterior(vae, images)
        logits = decoded(vae, mean + np.exp(log_variance / 2) * noise)
        assert logs["reconstruction_loss"] == pytest.approx(-log_prob(images, logits).mean(), rel=1e-4)
        assert logs["loss"] == pytest.approx(logs["reconstruction_loss"] + logs["kl_loss"], rel=1e-5)

    def test_a_floor_that_nothing_reaches_takes_the_divergence_s_gradient_away(self):
        """Such a step is that without the divergence."""
        floored, without = make_linear_vae(kl_floor=1e3), make_linear_vae(beta=0.0)
        for vae in (floored, without):
            give_noise(vae, np.ones((6, 2)))
            vae.train_on_batch(support.toy_images(6, (2, 2, 1)))
        support.assert_same_state(support.state_of(floored), support.state_of(without), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": -1.0}, r"`beta` must be at least 0. Received: beta=-1.0"),
        ({"kl_floor": -0.5}, r"`kl_floor` must be at least 0. Received: kl_floor=-0.5"),
        (
            {"importance_samples": 0},
            r"`importance_samples` must be at least 1. Received: importance_samples=0",
        ),
        (
            {"importance_samples": 5, "beta": 2.0},
            r"needs `beta` 1 and `kl_floor` 0.* Received: beta=2.0, kl_floor=0.0",
        ),
        ({"importance_samples": 5, "kl_floor": 0.5}, r"Received: beta=1.0, kl_floor=0.5"),
        ({"likelihood": "laplace"}, r"`likelihood` must be one of .* Received: 'laplace'"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_autoencoder(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"likelihood": likelihoods.Gaussian(0.3), "beta": 2.0, "kl_floor": 0.1},
        {"importance_samples": 5, "binarize": True},
    ],
)
def test_config_holds_every_option(arguments):
    vae = make_autoencoder(**arguments)
    again = models.VAE.from_config(vae.get_config())
    assert again.get_config() == vae.get_config()
    for name, value in arguments.items():
        if name == "likelihood":
            assert again.likelihood.get_config() == value.get_config()
        else:
            assert getattr(again, name) == value
