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
    SHAPE,
    make_autoencoder,
    make_convolutional_autoencoder,
    make_linear_vae,
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


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def _softplus(x):
    return np.logaddexp(0, np.float64(x))


def _log_normal(x, mean, log_variance):
    """Log density of a normal with diagonal covariance, constants included."""
    squares = np.square(x - mean) / np.exp(log_variance)
    return -0.5 * (squares + log_variance + np.log(2 * np.pi)).sum(-1)


def _log_bernoulli(images, logits):
    targets = (np.float64(images) + 1) / 2
    return (targets * logits - _softplus(logits)).sum((-3, -2, -1))


def _log_gaussian(images, logits, stddev):
    errors = (np.float64(images) + 1) / 2 - _sigmoid(logits)
    constant = np.log(stddev) + 0.5 * np.log(2 * np.pi)
    return -(np.square(errors / stddev) / 2 + constant).sum((-3, -2, -1))


def _give_noise(vae, noise):
    """Latents' noise in the place of what the model would draw."""
    vae.draw_latents = lambda num: ops.convert_to_tensor(np.reshape(noise, (num, -1)).astype("float32"))


def _posterior(vae, images):
    return [ops.convert_to_numpy(x).astype("float64") for x in vae.encoder(images, training=False)]


def _decoded(vae, latents):
    """Float64 logits of latents with any leading axes."""
    flat = np.reshape(latents, (-1, vae.latent_dim)).astype("float32")
    logits = ops.convert_to_numpy(vae.decoder(flat, training=False)).astype("float64")
    return logits.reshape(*latents.shape[:-1], *vae.image_shape)


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
        represents="base",
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
        log_q = _log_normal(z, mean, log_variance)
        expected = (np.exp(log_q) * (log_q - _log_normal(z, 0.0, 0.0))).sum() * (z[1, 0] - z[0, 0])
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
        _give_noise(vae, noise)
        logs = vae.train_on_batch(images, return_dict=True)

        x = images.reshape(6, 4)
        targets = (x + 1) / 2
        mean, log_variance = x @ a_matrix + a, x @ b_matrix + b
        stddev = np.exp(log_variance / 2)
        z = mean + stddev * noise
        logits = z @ w + c
        kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(1)
        reconstruction = (_softplus(logits) - targets * logits).sum(1).mean()
        loss = reconstruction + beta * np.maximum(kl, kl_floor * 2).mean()
        if kl_floor:
            assert (kl > kl_floor * 2).any() and (kl < kl_floor * 2).any()

        logits_gradient = (_sigmoid(logits) - targets) / 6
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
            ("bernoulli", _log_bernoulli),
            ("gaussian", partial(_log_gaussian, stddev=0.1)),
            (likelihoods.Gaussian(0.2), partial(_log_gaussian, stddev=0.2)),
        ],
        ids=["bernoulli", "gaussian", "narrow_gaussian"],
    )
    def test_reconstruction_is_summed_over_values_and_averaged_over_images(self, likelihood, log_prob):
        vae = make_autoencoder(likelihood=likelihood)
        images, noise = support.toy_images(8), RNG.normal(size=(8, LATENT_DIM))
        _give_noise(vae, noise)
        logs = vae.test_on_batch(images, return_dict=True)
        mean, log_variance = _posterior(vae, images)
        logits = _decoded(vae, mean + np.exp(log_variance / 2) * noise)
        assert logs["reconstruction_loss"] == pytest.approx(-log_prob(images, logits).mean(), rel=1e-4)
        assert logs["loss"] == pytest.approx(logs["reconstruction_loss"] + logs["kl_loss"], rel=1e-5)

    def test_a_floor_that_nothing_reaches_takes_the_divergence_s_gradient_away(self):
        """Such a step is that without the divergence."""
        floored, without = make_linear_vae(kl_floor=1e3), make_linear_vae(beta=0.0)
        for vae in (floored, without):
            _give_noise(vae, np.ones((6, 2)))
            vae.train_on_batch(support.toy_images(6, (2, 2, 1)))
        support.assert_same_state(support.state_of(floored), support.state_of(without), atol=1e-6)


class TestImportanceWeightedBound:
    @pytest.mark.parametrize(
        ("likelihood", "log_prob"),
        [("bernoulli", _log_bernoulli), (likelihoods.Gaussian(1.0), partial(_log_gaussian, stddev=1.0))],
        ids=["bernoulli", "gaussian"],
    )
    def test_is_the_paper_s(self, likelihood, log_prob):
        """Equation 8 of Burda et al. with the three log densities written out."""
        vae = make_autoencoder(importance_samples=4, likelihood=likelihood)
        images, noise = support.toy_images(8), RNG.normal(size=(8, 4, LATENT_DIM))
        _give_noise(vae, noise)
        logs = vae.test_on_batch(images, return_dict=True)

        mean, log_variance = (x[:, None] for x in _posterior(vae, images))
        z = mean + np.exp(log_variance / 2) * noise
        log_likelihoods = log_prob(images[:, None], _decoded(vae, z))
        log_weights = log_likelihoods + _log_normal(z, 0.0, 0.0) - _log_normal(z, mean, log_variance)
        bound = np.log(np.exp(log_weights).mean(1)).mean()
        assert logs["loss"] == pytest.approx(-bound, rel=1e-4)
        assert logs["reconstruction_loss"] == pytest.approx(-log_likelihoods.mean(), rel=1e-4)

    def test_gradient_is_that_of_finite_differences(self):
        vae = make_linear_vae(1.0, importance_samples=3)
        images = support.toy_images(4, (2, 2, 1))
        _give_noise(vae, RNG.normal(size=(4, 3, 2)))

        def loss():
            return float(vae.autoencoder_loss(images)[0])

        expected, step = [], 1e-2
        variables = vae.variables_of("autoencoder")
        for variable in variables:
            start = np.array(ops.convert_to_numpy(variable.value))
            gradient = np.zeros_like(start)
            for index in np.ndindex(start.shape):
                losses = []
                for sign in (1, -1):
                    moved = start.copy()
                    moved[index] += sign * step
                    variable.assign(moved)
                    losses.append(loss())
                gradient[index] = (losses[0] - losses[1]) / (2 * step)
            variable.assign(start)
            expected.append(start - gradient)
        vae.train_on_batch(images)
        for variable, wanted in zip(variables, expected, strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(variable.value), wanted, atol=2e-3)

    def test_with_one_sample_is_in_expectation_the_bound_with_the_closed_form(self):
        vae, image = _make_wide_vae(), _one_image()
        drawn = vae.log_likelihood(np.repeat(image, 4000, axis=0), num_samples=1)
        # The same decoder, and the divergence by its formula.
        logs = vae.test_on_batch(np.repeat(image, 20_000, axis=0), return_dict=True)
        error = drawn.std() / np.sqrt(len(drawn))
        assert error < 0.05
        assert drawn.mean() == pytest.approx(-float(logs["loss"]), abs=4 * error + 0.01)

    def test_grows_with_the_number_of_samples(self):
        images = np.repeat(_one_image(), 4000, axis=0)
        losses = {
            num: float(_make_wide_vae(importance_samples=num).test_on_batch(images, return_dict=True)["loss"])
            for num in (1, 3, 30)
        }
        exact = _log_likelihood_by_quadrature(_make_wide_vae(), images[:1])[0]
        # The standard error of each is about 0.01.
        assert losses[1] - 0.05 > losses[3] and losses[3] - 0.05 > losses[30]
        assert -exact - 0.01 < losses[30] < -exact + 0.1


def _make_wide_vae(**arguments):
    """Posteriors near the prior, so that no rare latent carries an estimate; a decoder that tells images apart."""
    vae = make_linear_vae(**arguments)
    vae.encoder.set_weights([0.2 * weight for weight in vae.encoder.get_weights()])
    vae.decoder.set_weights([2.0 * weight for weight in vae.decoder.get_weights()])
    return vae


def _one_image():
    return np.array([-1, 1, 1, -1], "float32").reshape(1, 2, 2, 1)


def _log_likelihood_by_quadrature(vae, images):
    """log of the integral of p(x | z) p(z) over one or two latents."""
    axis = np.linspace(-7, 7, 351)
    z = np.stack(np.meshgrid(*[axis] * vae.latent_dim, indexing="ij"), axis=-1).reshape(-1, vae.latent_dim)
    cell = (axis[1] - axis[0]) ** vae.latent_dim
    logits = _decoded(vae, z)
    log_joint = [_log_bernoulli(image, logits) + _log_normal(z, 0.0, 0.0) for image in images]
    return np.log(np.exp(log_joint).sum(1) * cell)


class TestLogLikelihood:
    @pytest.mark.parametrize("latent_dim", [1, 2])
    def test_is_that_of_numerical_integration(self, latent_dim):
        vae = _make_wide_vae(latent_dim=latent_dim)
        images = support.toy_images(5, (2, 2, 1))
        estimates = vae.log_likelihood(images, num_samples=20_000)
        assert estimates.shape == (5,) and estimates.dtype == np.float64
        np.testing.assert_allclose(estimates, _log_likelihood_by_quadrature(vae, images), atol=0.03)

    def test_probabilities_of_all_binary_images_sum_to_one(self):
        vae = _make_wide_vae()
        values = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, 16).T
        images = values.reshape(16, 2, 2, 1).astype("float32")
        assert np.exp(vae.log_likelihood(images, num_samples=20_000)).sum() == pytest.approx(1, abs=0.02)

    @pytest.mark.parametrize(
        ("likelihood", "log_prob"),
        [("bernoulli", _log_bernoulli), (likelihoods.Gaussian(0.1), partial(_log_gaussian, stddev=0.1))],
        ids=["bernoulli", "gaussian"],
    )
    def test_of_a_decoder_that_ignores_its_latents(self, likelihood, log_prob):
        """Then the latents do not matter: log p(x) is that of the decoder's bias."""
        vae = _make_wide_vae(likelihood=likelihood)
        bias = RNG.normal(size=4).astype("float32")
        vae.decoder.set_weights([np.zeros((2, 4)), bias])
        images = support.toy_images(3, (2, 2, 1))
        expected = log_prob(images, bias.reshape(1, 2, 2, 1))
        np.testing.assert_allclose(vae.log_likelihood(images, num_samples=20_000), expected, atol=0.05)
        # The prior for a posterior: every weight is p(x), however few and in whatever parts.
        vae.encoder.set_weights([np.zeros(weight.shape) for weight in vae.encoder.get_weights()])
        for num_samples, samples_at_once in ((1, 5000), (7, 3), (7, 100), (6, 3)):
            exact = vae.log_likelihood(images, num_samples=num_samples, samples_at_once=samples_at_once)
            np.testing.assert_allclose(exact, expected, rtol=1e-5)

    def test_does_not_depend_on_the_samples_decoded_at_once(self):
        vae, images = _make_wide_vae(), support.toy_images(3, (2, 2, 1))
        estimates = [
            vae.log_likelihood(images, num_samples=10_000, samples_at_once=at_once)
            for at_once in (3000, 10_000, 25_000)
        ]
        for other in estimates[1:]:
            np.testing.assert_allclose(other, estimates[0], atol=0.05)

    def test_is_determined_by_the_seed(self):
        vae, images = _make_wide_vae(), support.toy_images(3, (2, 2, 1))
        before = support.state_of(vae)
        first, again, other = (vae.log_likelihood(images, 10, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert (first != other).all()
        support.assert_same_state(support.state_of(vae), before)  # the training noise is left alone

    def test_of_uint8_images_is_that_of_floats(self):
        vae = _make_wide_vae()
        images = np.random.default_rng(0).integers(0, 256, (3, 2, 2, 1)).astype("uint8")
        np.testing.assert_allclose(
            vae.log_likelihood(images, 10), vae.log_likelihood(images / 127.5 - 1, 10), rtol=1e-5
        )

    def test_bad_arguments_are_refused(self):
        vae = _make_wide_vae()
        with pytest.raises(ValueError, match=r"`images` must have the shape \(num, 2, 2, 1\)"):
            vae.log_likelihood(support.toy_images(3))
        with pytest.raises(ValueError, match=r"`num_samples` must be at least 1. Received: num_samples=0"):
            vae.log_likelihood(support.toy_images(3, (2, 2, 1)), num_samples=0)


class TestBinarize:
    def test_each_value_is_1_with_the_probability_that_is_its_grey_level(self):
        vae = make_autoencoder(binarize=True)
        levels = np.linspace(0, 1, 64, dtype="float32").reshape(SHAPE)
        images, _ = vae.unpack(np.broadcast_to(2 * levels - 1, (4000, *SHAPE)))
        images = ops.convert_to_numpy(images)
        assert set(np.unique(images)) == {-1.0, 1.0}
        np.testing.assert_allclose((images == 1).mean(0), levels, atol=0.04)
        assert (images[:, 0, 0] == -1).all() and (images[:, -1, -1] == 1).all()

    def test_values_are_drawn_by_themselves(self):
        images, _ = make_autoencoder(binarize=True).unpack(np.zeros((4000, *SHAPE), "float32"))
        means = ops.convert_to_numpy(images).mean((1, 2, 3))
        assert means.std() == pytest.approx(1 / math.sqrt(64), rel=0.05)

    @pytest.mark.parametrize("binarize", [True, False])
    def test_is_fresh_in_every_step(self, binarize):
        vae = make_autoencoder(binarize=binarize, compile_arguments={"optimizer": keras.optimizers.SGD(0.0)})
        _give_noise(vae, np.zeros((8, LATENT_DIM)))
        images = support.toy_images(8)
        losses = {float(vae.train_on_batch(images, return_dict=True)["loss"]) for _ in range(3)}
        assert len(losses) == (3 if binarize else 1)

    def test_of_uint8_images(self):
        images, _ = make_autoencoder(binarize=True).unpack(np.full((1000, *SHAPE), 51, "uint8"))
        assert (ops.convert_to_numpy(images) == 1).mean() == pytest.approx(51 / 255, abs=0.01)


def test_binary_images_are_drawn_with_other_numbers_than_the_latents():
    """One generator gives both: its state moves on."""
    vae = make_autoencoder(binarize=True)
    first, _ = vae.unpack(np.zeros((8, *SHAPE), "float32"))
    second, _ = vae.unpack(np.zeros((8, *SHAPE), "float32"))
    assert (ops.convert_to_numpy(first) != ops.convert_to_numpy(second)).any()


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
            r"`beta` must be 1 and `kl_floor` 0. Received: beta=2.0, kl_floor=0.0",
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
