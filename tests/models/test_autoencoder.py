"""The plain autoencoder, and what VAE, WAE-MMD and WAE-GAN have in common with it."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_autoencoders import (
    LATENT_DIM,
    SHAPE,
    adam_of_every_player,
    make_autoencoder,
    make_convolutional_autoencoder,
)

from keras_genzoo import likelihoods, models, networks
from tests import support

FAMILIES = ["Autoencoder", "VAE", "WAEMMD", "WAEGAN"]
IMAGES = (support.toy_images(8),)
every_family = pytest.mark.parametrize("family", FAMILIES)


class TestContract(Contract):
    family = Family(
        models.Autoencoder,
        partial(make_autoencoder, "Autoencoder"),
        variants={"convolutional": partial(make_convolutional_autoencoder, "Autoencoder")},
        optimizers={
            "autoencoder": (keras.optimizers.Adam, {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999})
        },
    )


class TestAlgorithm:
    """One step restated in NumPy for linear networks: `z = x V + b`, `logits = z W + c`, plain SGD."""

    def test_step_descends_the_summed_squared_error(self):
        rate = 0.5
        model = models.Autoencoder(
            encoder=networks.MLPEncoder((2, 2, 1), 3, (), stochastic=False),
            decoder=networks.MLPDecoder(3, (2, 2, 1), ()),
        )
        model.compile(keras.optimizers.SGD(rate))
        (v, b), (w, c) = model.encoder.get_weights(), model.decoder.get_weights()
        images = support.toy_images(6, (2, 2, 1))
        logs = model.train_on_batch(images, return_dict=True)

        x = images.reshape(6, 4)
        z = x @ v + b
        means = 1 / (1 + np.exp(-(z @ w + c)))
        errors = means - (x + 1) / 2
        assert logs["loss"] == pytest.approx((errors**2).sum(1).mean(), rel=1e-5)
        logits_gradient = 2 * errors * means * (1 - means) / 6
        z_gradient = logits_gradient @ w.T
        expected = [
            v - rate * x.T @ z_gradient,
            b - rate * z_gradient.sum(0),
            w - rate * z.T @ logits_gradient,
            c - rate * logits_gradient.sum(0),
        ]
        trained = [*model.encoder.get_weights(), *model.decoder.get_weights()]
        for ours, wanted in zip(trained, expected, strict=True):
            np.testing.assert_allclose(ours, wanted, atol=1e-5)


@pytest.mark.slow_but("VAE")
@every_family
class TestTrainedModel:
    """What a user does with one: encode, decode, reconstruct, sample."""

    def test_shapes_types_and_ranges(self, family):
        model = make_autoencoder(family)
        latents, images = model.encode(IMAGES[0]), model.reconstruct(IMAGES[0])
        assert latents.shape == (8, LATENT_DIM)
        assert model.decode(latents).shape == images.shape == (8, *SHAPE)
        assert model.sample(5, seed=0).shape == (5, *SHAPE)
        for array in (latents, images, model.decode(latents), model.sample(5, seed=0)):
            assert isinstance(array, np.ndarray) and array.dtype == np.float32
        assert np.abs(model.decode(latents * 1e6)).max() <= 1

    def test_reconstruct_is_encode_and_decode(self, family):
        model = make_autoencoder(family)
        latents = model.encode(IMAGES[0])
        np.testing.assert_allclose(model.decode(latents), model.reconstruct(IMAGES[0]), atol=1e-6)
        np.testing.assert_array_equal(model.decode(latents), model.sample(latents=latents))
        # The latent of a stochastic encoder is the posterior's mean.
        encoded = keras.tree.flatten(model.encoder(IMAGES[0], training=False))[0]
        np.testing.assert_allclose(latents, encoded, atol=1e-6)
        # An image is twice the mean on the scale from 0 to 1, less 1.
        means = ops.sigmoid(model.decoder(latents, training=False))
        np.testing.assert_allclose(model.decode(latents), 2 * means - 1, atol=1e-6)

    def test_can_be_part_of_a_functional_model(self, family):
        model, images = make_autoencoder(family), keras.Input(SHAPE)
        functional = keras.Model(images, keras.layers.Flatten()(model(images)))
        np.testing.assert_allclose(
            functional(IMAGES[0]), model.reconstruct(IMAGES[0]).reshape(8, -1), atol=1e-6
        )

    def test_bad_latents_are_refused(self, family):
        with pytest.raises(ValueError, match=r"`latents` must have the shape \(num, 3\). Received: \(2, 4\)"):
            make_autoencoder(family).decode(np.zeros((2, 4)))


@every_family
class TestConstructor:
    @pytest.mark.parametrize("option", [{"average_decay": 0.9}, {"average_half_life": 10.0}])
    def test_an_average_of_the_decoder_alone_is_refused(self, family, option):
        (name,) = option
        with pytest.raises(ValueError, match=rf"`{name}` is not supported: an average of the decoder"):
            make_autoencoder(family, **option)

    def test_an_encoder_with_the_wrong_outputs_is_refused(self, family):
        stochastic = getattr(models, family).stochastic_encoder
        encoder = networks.MLPEncoder(SHAPE, LATENT_DIM, (4,), stochastic=not stochastic)
        message = (
            r"`encoder` must have outputs of shape \[\(None, 3\), \(None, 3\)\] \(mean and log variance\). "
            r"Received: \[\(None, 3\)\]"
            if stochastic
            else r"`encoder` must have output of shape \[\(None, 3\)\]. Received: \[\(None, 3\), \(None, 3\)\]"
        )
        with pytest.raises(ValueError, match=message):
            make_autoencoder(family, encoder=encoder)

    @pytest.mark.ci
    def test_an_encoder_of_other_latents_is_refused(self, family):
        stochastic = getattr(models, family).stochastic_encoder
        encoder = networks.MLPEncoder(SHAPE, LATENT_DIM + 1, (4,), stochastic=stochastic)
        with pytest.raises(ValueError, match=r"`encoder` must have output.*Received: \[\(None, 4\)"):
            make_autoencoder(family, encoder=encoder)

    @pytest.mark.ci
    def test_networks_of_other_images_are_refused(self, family):
        decoder = networks.MLPDecoder(LATENT_DIM, (4, 4, 1), (4,))
        with pytest.raises(
            ValueError, match=r"`image_shape` is \(8, 8, 1\), but the network 'decoder' has \(4, 4, 1\)"
        ):
            make_autoencoder(family, decoder=decoder)

    def test_arguments_that_contradict_the_networks_are_refused(self, family):
        with pytest.raises(ValueError, match=r"`latent_dim` is 5, but the network 'decoder' has 3"):
            make_autoencoder(family, latent_dim=5)
        with pytest.raises(ValueError, match=r"`image_shape` is \(4, 4, 1\), but the network 'encoder' has"):
            make_autoencoder(family, image_shape=(4, 4, 1))

    def test_sizes_come_from_the_networks_and_networks_from_the_sizes(self, family):
        model = make_autoencoder(family)
        assert (model.image_shape, model.latent_dim) == (SHAPE, LATENT_DIM)
        model = getattr(models, family)(image_shape=SHAPE, latent_dim=4)
        assert model.encoder.input_shape == model.decoder.output_shape == (None, *SHAPE)
        assert model.decoder.input_shape == (None, 4)


class TestPrecision:
    @pytest.mark.slow_but("VAE")
    @every_family
    def test_own_networks_with_bfloat16_outputs(self, family):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            images, latents = keras.Input(SHAPE), keras.Input((LATENT_DIM,))
            flat = keras.layers.Flatten()(images)
            outputs = [keras.layers.Dense(LATENT_DIM)(flat) for _ in range(2)]
            if not getattr(models, family).stochastic_encoder:
                outputs = outputs[0]
            logits = keras.layers.Reshape(SHAPE)(keras.layers.Dense(64)(latents))
            own = {"encoder": keras.Model(images, outputs), "decoder": keras.Model(latents, logits)}
        finally:
            keras.config.set_dtype_policy("float32")
        assert own["decoder"].output.dtype == "bfloat16"
        _assert_trains_and_gives_float32(make_autoencoder(family, **own))

    @pytest.mark.slow
    def test_log_likelihood_of_bfloat16_is_float64(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            vae = make_convolutional_autoencoder()
        finally:
            keras.config.set_dtype_policy("float32")
        full = make_convolutional_autoencoder()
        estimate = vae.log_likelihood(IMAGES[0], 50)
        assert estimate.dtype == np.float64
        np.testing.assert_allclose(estimate, full.log_likelihood(IMAGES[0], 50), rtol=0.02)


def _assert_trains_and_gives_float32(model):
    support.check_training_step(lambda: model, IMAGES)
    loss, logs = model.autoencoder_loss(IMAGES[0])
    assert {keras.backend.standardize_dtype(value.dtype) for value in (loss, *logs.values())} == {"float32"}
    outputs = (model.encode(IMAGES[0]), model.reconstruct(IMAGES[0]), model.sample(2, seed=0))
    assert [array.dtype for array in outputs] == [np.float32] * 3


def _blobs(num=256):
    """Round spots at random places: two latents say all."""
    rows, columns = np.mgrid[:8, :8]
    centres = np.random.default_rng(0).uniform(1, 6, (num, 2, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    return (2 * np.exp(-squares / 4) - 1).astype("float32")[..., None]


@pytest.mark.slow
@pytest.mark.representative
@every_family
def test_learns_to_reconstruct(family):
    # Weights at which 64 values an image outweigh what shapes the latents.
    options = {"VAE": {"likelihood": likelihoods.Gaussian(0.1)}, "Autoencoder": {}}
    stochastic = getattr(models, family).stochastic_encoder
    keras.utils.set_random_seed(0)
    model = make_autoencoder(
        family,
        adam_of_every_player(family, 5e-3),
        encoder=networks.MLPEncoder(SHAPE, LATENT_DIM, (64,), stochastic=stochastic),
        decoder=networks.MLPDecoder(LATENT_DIM, SHAPE, (64,)),
        **options.get(family, {"penalty_weight": 0.1, "reconstruction_weight": 1.0}),
    )
    images = _blobs()

    def error():
        return float(np.square(model.reconstruct(images) - images).mean())

    of_the_mean_image = float(np.square(images.mean(0) - images).mean())
    assert error() > 2 * of_the_mean_image
    model.fit(images, batch_size=32, epochs=20, verbose=0)
    assert error() < 0.15 * of_the_mean_image
