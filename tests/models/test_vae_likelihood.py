"""The likelihood of images under a `VAE`: the importance-weighted bound, estimates, and binary images."""

import math
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops
from toy_autoencoders import (
    LATENT_DIM,
    SHAPE,
    make_autoencoder,
    make_linear_vae,
)
from vae_formulas import (
    decoded,
    give_noise,
    log_bernoulli,
    log_gaussian,
    log_normal,
    posterior,
)

from keras_genzoo import likelihoods
from tests import support

RNG = np.random.default_rng(0)


class TestImportanceWeightedBound:
    @pytest.mark.parametrize(
        ("likelihood", "log_prob"),
        [("bernoulli", log_bernoulli), (likelihoods.Gaussian(1.0), partial(log_gaussian, stddev=1.0))],
        ids=["bernoulli", "gaussian"],
    )
    def test_is_the_paper_s(self, likelihood, log_prob):
        """Equation 8 of Burda et al. with the three log densities written out."""
        vae = make_autoencoder(importance_samples=4, likelihood=likelihood)
        images, noise = support.toy_images(8), RNG.normal(size=(8, 4, LATENT_DIM))
        give_noise(vae, noise)
        logs = vae.test_on_batch(images, return_dict=True)

        mean, log_variance = (x[:, None] for x in posterior(vae, images))
        z = mean + np.exp(log_variance / 2) * noise
        log_likelihoods = log_prob(images[:, None], decoded(vae, z))
        log_weights = log_likelihoods + log_normal(z, 0.0, 0.0) - log_normal(z, mean, log_variance)
        bound = np.log(np.exp(log_weights).mean(1)).mean()
        assert logs["loss"] == pytest.approx(-bound, rel=1e-4)
        assert logs["reconstruction_loss"] == pytest.approx(-log_likelihoods.mean(), rel=1e-4)

    def test_gradient_is_that_of_finite_differences(self):
        vae = make_linear_vae(1.0, importance_samples=3)
        images = support.toy_images(4, (2, 2, 1))
        give_noise(vae, RNG.normal(size=(4, 3, 2)))

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

    @pytest.mark.slow
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
    logits = decoded(vae, z)
    log_joint = [log_bernoulli(image, logits) + log_normal(z, 0.0, 0.0) for image in images]
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
        [("bernoulli", log_bernoulli), (likelihoods.Gaussian(0.1), partial(log_gaussian, stddev=0.1))],
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
        give_noise(vae, np.zeros((8, LATENT_DIM)))
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
