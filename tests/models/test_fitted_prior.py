"""The density that `fit_prior` finds: what is drawn from it, where it is kept, and what is refused."""

import importlib.util
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops
from toy_autoencoders import LATENT_DIM, make_autoencoder

from keras_genzoo import latent, layers, models
from tests import support

FAMILIES = ["Autoencoder", "VAE", "WAEMMD", "WAEGAN"]
IMAGES = support.toy_images(40)

every_family = pytest.mark.parametrize("family", FAMILIES)


def make_fitted(family="VAE", num_components=3):
    model = make_autoencoder(family)
    model.fit_prior(IMAGES, num_components)
    return model


def make_known(family="Autoencoder"):
    """A prior whose parameters are given, as scikit-learn need not find the same on every machine."""
    model = make_autoencoder(family, num_components=4)
    rng = np.random.default_rng(5)
    factors = np.tril(rng.normal(size=(4, LATENT_DIM, LATENT_DIM)))
    model.prior.set_weights([np.array([0.5, 0.25, 0.125, 0.125]), rng.normal(size=(4, LATENT_DIM)), factors])
    return model


def draw(model):
    return model.sample(20, seed=3)


def latents_of(model, num=20, seed=3):
    return ops.convert_to_numpy(model.latents_from_seed(num, seed))


class TestGaussianMixture:
    def test_finds_a_known_mixture(self):
        rng = np.random.default_rng(0)
        weights, means = np.array([0.2, 0.5, 0.3]), np.array([[8.0, 0.0], [0.0, 0.0], [0.0, -9.0]])
        factors = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.3, 0.0], [0.0, 2.0]], [[1.0, 0.0], [-0.9, 0.2]]])
        component = rng.choice(3, size=8000, p=weights)
        drawn = means[component] + np.einsum("nij,nj->ni", factors[component], rng.normal(size=(8000, 2)))
        mixture = layers.GaussianMixture(3, 2)
        mixture.fit(drawn)
        found = [ops.convert_to_numpy(weight) for weight in mixture.weights]
        order = np.square(found[1][None] - means[:, None]).sum(-1).argmin(1)
        for ours, given in zip(found, (weights, means, factors), strict=True):
            np.testing.assert_allclose(ours[order], given, atol=0.1)

    @pytest.mark.parametrize("num_components", [1, 3, 7])
    def test_weights_are_multiples_that_float32_sums_without_rounding(self, num_components):
        mixture = layers.GaussianMixture(num_components, 2)
        for _ in range(2):
            weights = ops.convert_to_numpy(mixture.component_weights).astype("float64")
            assert weights.sum() == 1 and (weights >= 0).all()
            np.testing.assert_array_equal(weights * 2**23, np.round(weights * 2**23))
            mixture.fit(np.random.default_rng(1).normal(size=(50, 2)))

    def test_before_a_fit_it_is_the_standard_normal(self):
        drawn = ops.convert_to_numpy(layers.GaussianMixture(3, 4).draw(10, 1))
        np.testing.assert_allclose(drawn, ops.convert_to_numpy(latent.normal(10, 4, 1)), atol=1e-6)

    def test_is_float32_and_not_trained_in_mixed_precision(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            mixture = layers.GaussianMixture(2, 3)
        finally:
            keras.config.set_dtype_policy("float32")
        assert {weight.dtype for weight in mixture.weights} == {"float32"}
        assert not mixture.trainable_weights and mixture.count_params() == 2 + 2 * 3 + 2 * 9

    @pytest.mark.parametrize("num_components", [0, -2, 2.5, "3"])
    def test_a_number_of_components_that_is_none_is_refused(self, num_components):
        with pytest.raises(ValueError, match=r"`num_components` must be (an integer, )?at least 1"):
            layers.GaussianMixture(num_components, 2)


@pytest.mark.slow_but("VAE")
@every_family
class TestSampling:
    @pytest.mark.ci
    def test_the_fitted_prior_is_the_default_where_there_is_one(self, family):
        model = make_autoencoder(family)
        standard = draw(model)
        assert model.priors == ("standard",)
        np.testing.assert_array_equal(model.sample(20, seed=3, prior="standard"), standard)
        model.fit_prior(IMAGES, 3)
        assert model.priors == ("fitted", "standard")
        np.testing.assert_array_equal(draw(model), model.sample(20, seed=3, prior="fitted"))
        np.testing.assert_array_equal(model.sample(20, seed=3, prior="standard"), standard)
        assert np.abs(draw(model) - standard).max() > 0.05

    def test_truncation_moves_latents_to_the_mean_of_their_prior(self, family):
        model = make_autoencoder(family)
        model.fit_prior(IMAGES, 3)
        for prior, mean in (("fitted", model.mean_code()), ("standard", np.zeros(LATENT_DIM, "float32"))):
            truncated = model.sample(2, seed=3, prior=prior, truncation=0.0)
            expected = model.sample(latents=np.stack([mean, mean]).astype("float32"))
            np.testing.assert_allclose(truncated, expected, atol=1e-5)

    def test_samples_are_decoded_latents_of_the_mixture(self, family):
        model = make_fitted(family)
        weights = [ops.convert_to_numpy(weight) for weight in model.prior.weights]
        expected = ops.convert_to_numpy(latent.mixture(20, 3, *weights))
        np.testing.assert_allclose(latents_of(model), expected, atol=1e-6)
        np.testing.assert_allclose(draw(model), model.decode(expected), atol=1e-6)
        np.testing.assert_allclose(model.sample(5, seed=3), draw(model)[:5], atol=1e-6)
        assert (model.sample(20, seed=4) != draw(model)).any() and len(model.sample(3)) == 3

    def test_one_component_has_the_moments_of_the_latents(self, family):
        model = make_fitted(family, 1)
        latents, (weight, mean, factor) = model.encode(IMAGES).astype("float64"), model.prior.get_weights()
        assert weight == [1.0]
        np.testing.assert_allclose(mean[0], latents.mean(0), atol=1e-4)
        # The constant is added to the diagonal, so that no component is flat.
        covariance = np.cov(latents.T, bias=True) + 1e-6 * np.eye(LATENT_DIM)
        np.testing.assert_allclose(factor[0] @ factor[0].T, covariance, rtol=1e-3, atol=1e-6)

    def test_the_seed_determines_the_fit(self, family):
        first, again = (make_fitted(family).prior.get_weights() for _ in range(2))
        for ours, theirs in zip(first, again, strict=True):
            np.testing.assert_array_equal(ours, theirs)


class TestKeeping:
    @pytest.mark.slow
    @every_family
    def test_preset_round_trip(self, family, tmp_path):
        support.check_preset_round_trip(partial(make_fitted, family), tmp_path / "model", output=draw)

    @pytest.mark.slow
    @pytest.mark.parametrize("family", ["VAE", "WAEGAN"])
    def test_keras_round_trip(self, family, tmp_path):
        model = make_fitted(family)
        model.save(tmp_path / "model.keras")
        loaded, standard = support.fresh_process(_drawn_by_file, tmp_path / "model.keras")
        np.testing.assert_allclose(loaded, draw(model), atol=1e-6)
        np.testing.assert_allclose(standard, model.sample(20, seed=3, prior="standard"), atol=1e-6)

    @pytest.mark.slow
    def test_weights_are_loaded_by_a_model_with_room_for_them(self, tmp_path):
        model = make_fitted()
        model.save_weights(tmp_path / "model.weights.h5")
        other = make_autoencoder(num_components=3)
        other.load_weights(tmp_path / "model.weights.h5")
        np.testing.assert_array_equal(draw(other), draw(model))

    def test_weight_paths_and_parameters_of_a_preset(self, tmp_path):
        make_autoencoder().save_to_preset(tmp_path / "without")
        make_fitted().save_to_preset(tmp_path / "with")
        without, fitted = (
            set(support.saving.weight_paths(tmp_path / name / "model.weights.h5"))
            for name in ("without", "with")
        )
        assert without < fitted
        assert sorted(fitted - without) == [
            "prior/vars/0 (3,)",
            "prior/vars/1 (3, 3)",
            "prior/vars/2 (3, 3, 3)",
        ]
        assert models.load(tmp_path / "without").priors == ("standard",)

    @pytest.mark.slow
    def test_another_number_of_components_replaces_the_first(self, tmp_path):
        model = make_fitted(num_components=3)
        model.fit_prior(IMAGES, num_components=2)
        assert model.get_config()["num_components"] == 2 and len(model.weights) == len(make_fitted().weights)
        model.save_to_preset(tmp_path / "model")
        np.testing.assert_array_equal(draw(models.load(tmp_path / "model")), draw(model))

    @pytest.mark.slow_but("VAE")
    @every_family
    def test_a_refused_training_keeps_it(self, family):
        model = make_fitted(family)
        prior = model.prior
        with pytest.raises(ValueError, match="`x` must have the shape"):
            model.fit(np.zeros((4, 9, 9, 1), "float32"), verbose=0)
        with pytest.raises(ValueError, match="`class_weight` is not supported"):
            model.fit(IMAGES, class_weight={0: 1.0}, verbose=0)
        assert model.prior is prior

    @pytest.mark.slow_but("VAE")
    @every_family
    def test_training_drops_it_with_a_warning(self, family):
        model = make_fitted(family)
        with pytest.warns(
            UserWarning, match="`fit` removes the fitted prior.*Call `fit_prior` again after training"
        ):
            model.fit(IMAGES, batch_size=20, verbose=0)
        assert model.priors == ("standard",) and model.get_config()["num_components"] is None
        assert len(model.weights) == len(make_autoencoder(family).weights)
        model.fit_prior(IMAGES, 3)
        assert model.priors == ("fitted", "standard")

    def test_no_optimizer_trains_it(self):
        model = make_fitted()
        before = model.prior.get_weights()
        model.train_on_batch(IMAGES)
        for ours, old in zip(model.prior.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, old)


def _drawn_by_file(path):
    import keras_genzoo  # noqa: F401 - registers the classes

    model = keras.saving.load_model(path)
    return draw(model), model.sample(20, seed=3, prior="standard")


@pytest.mark.slow
def test_both_backends_draw_the_same():
    other = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"the other backend, {other}, is not installed")
    here = latents_of(make_known(), 5000, 7)
    there = support.fresh_process(_known_latents, backend=other)
    np.testing.assert_allclose(here, there, atol=1e-4)
    assert np.abs(here).max() > 1


def _known_latents():
    return latents_of(make_known(), 5000, 7)


class TestRefusals:
    @pytest.mark.slow_but("VAE")
    @every_family
    def test_a_prior_that_is_not_there(self, family):
        model = make_autoencoder(family)
        with pytest.raises(
            ValueError,
            match=r"prior='fitted'` needs a fitted prior, but this model has none. Call `fit_prior",
        ):
            model.sample(3, seed=0, prior="fitted")
        with pytest.raises(
            ValueError, match=r"`prior` must be one of \['fitted', 'standard'\]. Received: prior='normal'"
        ):
            model.sample(3, seed=0, prior="normal")

    def test_a_prior_and_latents(self):
        with pytest.raises(ValueError, match="either `latents` or `prior`"):
            make_fitted().sample(latents=np.zeros((2, LATENT_DIM)), prior="standard")

    def test_a_prior_without_a_number(self):
        with pytest.raises(ValueError, match="`num` is missing"):
            make_fitted().sample(prior="standard")

    def test_fewer_images_than_components_leave_the_model_as_it_was(self):
        model = make_fitted()
        before = draw(model)
        with pytest.raises(ValueError, match="`num_components` is 50, but there are only 40 latents"):
            model.fit_prior(IMAGES, 50)
        np.testing.assert_array_equal(draw(model), before)

    def test_images_of_another_shape(self):
        with pytest.raises(ValueError, match=r"`images` must have the shape \(num, 8, 8, 1\)"):
            make_autoencoder().fit_prior(IMAGES[:, :4], 2)

    def test_latents_that_are_not_finite(self):
        model = make_autoencoder()
        model.encoder.set_weights([np.full(weight.shape, np.nan) for weight in model.encoder.weights])
        with pytest.raises(ValueError, match="The latents are not finite"):
            model.fit_prior(IMAGES, 2)

    def test_without_scikit_learn(self, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ImportError, match=r'pip install "keras_genzoo\[priors\]"'):
            make_autoencoder().fit_prior(IMAGES, 2)
