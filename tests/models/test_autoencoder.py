"""The plain autoencoder, and the promises that it, VAE, WAE-MMD and WAE-GAN keep together."""

import importlib.util
import itertools
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops
from toy_autoencoders import (
    LATENT_DIM,
    SHAPE,
    adam_of_every_player,
    make_autoencoder,
    make_convolutional_autoencoder,
    make_sgd_autoencoder,
)

from keras_genzoo import likelihoods, models, networks, pixels
from tests import support

FAMILIES = ["Autoencoder", "VAE", "WAEMMD", "WAEGAN"]
IMAGES = (support.toy_images(8),)
VARIANTS = {
    **{family: partial(make_autoencoder, family) for family in FAMILIES},
    **{
        f"convolutional_{family}": partial(make_convolutional_autoencoder, family)
        for family in ("VAE", "WAEGAN")
    },
    "gaussian": partial(make_autoencoder, likelihood="gaussian"),
    "beta": partial(make_autoencoder, beta=4.0),
    "importance_weighted": partial(make_autoencoder, importance_samples=3, binarize=True),
}

every_family = pytest.mark.parametrize("family", FAMILIES)


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

    @pytest.mark.parametrize("family", ["Autoencoder", "VAE"])
    def test_default_optimizer(self, family):
        optimizer = make_autoencoder(family).autoencoder_optimizer
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(1e-3)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)


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

    def test_call_and_predict_are_reconstruct(self, family):
        model = make_autoencoder(family)
        expected = model.reconstruct(IMAGES[0])
        np.testing.assert_allclose(model(IMAGES[0]), expected, atol=1e-6)
        np.testing.assert_allclose(model.predict(IMAGES[0], batch_size=3, verbose=0), expected, atol=1e-6)

    def test_can_be_part_of_a_functional_model(self, family):
        model, images = make_autoencoder(family), keras.Input(SHAPE)
        functional = keras.Model(images, keras.layers.Flatten()(model(images)))
        np.testing.assert_allclose(
            functional(IMAGES[0]), model.reconstruct(IMAGES[0]).reshape(8, -1), atol=1e-6
        )

    def test_uint8_images_are_their_floats(self, family):
        model = make_autoencoder(family)
        images = np.random.default_rng(0).integers(0, 256, (5, *SHAPE)).astype("uint8")
        for method in (model.encode, model.reconstruct):
            np.testing.assert_allclose(method(images), method(images / 127.5 - 1), atol=1e-5)
        expected = model.reconstruct(images)
        for reconstructed in (model(images), model.predict(images, verbose=0)):
            np.testing.assert_allclose(reconstructed, expected, atol=1e-5)

    def test_batch_size_does_not_matter(self, family):
        model = make_autoencoder(family)
        latents = model.encode(IMAGES[0])
        for method, given in (
            (model.encode, IMAGES[0]),
            (model.reconstruct, IMAGES[0]),
            (model.decode, latents),
        ):
            for batch_size in (1, 3, 100):
                np.testing.assert_allclose(method(given, batch_size=batch_size), method(given), atol=1e-5)

    def test_samples_are_decoded_latents_of_the_seed(self, family):
        model = make_autoencoder(family)
        first = model.sample(6, seed=3)
        np.testing.assert_array_equal(first, model.sample(6, seed=3))
        np.testing.assert_allclose(model.sample(4, seed=3), first[:4], atol=1e-6)
        assert (first != model.sample(6, seed=4)).any()

    @pytest.mark.parametrize("method", ["encode", "reconstruct"])
    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (
                support.toy_images(3, (8, 8, 3)),
                r"must have the shape \(num, 8, 8, 1\). Received: \(3, 8, 8, 3\)",
            ),
            (support.toy_images(1)[0], r"must have the shape \(num, 8, 8, 1\). Received: \(8, 8, 1\)"),
            (np.zeros((0, *SHAPE), "float32"), r"must have the shape .* Received: \(0, 8, 8, 1\)"),
            (support.toy_images(3) * 100, r"`images` must lie in \[-1, 1\]"),
            (np.abs(support.toy_images(3)), r"looks like images in \[0, 1\]"),
            (np.full((3, *SHAPE), np.nan, "float32"), r"`images` contains NaN"),
            (np.zeros((3, *SHAPE), "int32"), r"`images` must hold uint8 images .* or float"),
        ],
    )
    def test_bad_images_are_refused(self, family, method, images, message):
        with pytest.raises(ValueError, match=message):
            getattr(make_autoencoder(family), method)(images)

    def test_bad_latents_are_refused(self, family):
        with pytest.raises(ValueError, match=r"`latents` must have the shape \(num, 3\). Received: \(2, 4\)"):
            make_autoencoder(family).decode(np.zeros((2, 4)))


@every_family
class TestConstructor:
    @pytest.mark.parametrize("option", [{"average_decay": 0.9}, {"average_half_life": 10.0}])
    def test_an_average_of_the_decoder_alone_is_refused(self, family, option):
        (name,) = option
        with pytest.raises(ValueError, match=rf"`{name}` would average the decoder alone"):
            make_autoencoder(family, **option)

    def test_an_encoder_with_the_wrong_outputs_is_refused(self, family):
        stochastic = getattr(models, family).stochastic_encoder
        encoder = networks.MLPEncoder(SHAPE, LATENT_DIM, (4,), stochastic=not stochastic)
        message = (
            r"`encoder` must have the outputs \[\(None, 3\), \(None, 3\)\] \(mean and log variance\). "
            r"Received: \[\(None, 3\)\]"
            if stochastic
            else r"`encoder` must have the output \[\(None, 3\)\]. Received: \[\(None, 3\), \(None, 3\)\]"
        )
        with pytest.raises(ValueError, match=message):
            make_autoencoder(family, encoder=encoder)

    def test_an_encoder_of_other_latents_is_refused(self, family):
        stochastic = getattr(models, family).stochastic_encoder
        encoder = networks.MLPEncoder(SHAPE, LATENT_DIM + 1, (4,), stochastic=stochastic)
        with pytest.raises(ValueError, match=r"`encoder` must have the output.*Received: \[\(None, 4\)"):
            make_autoencoder(family, encoder=encoder)

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

    def test_config(self, family):
        model = make_convolutional_autoencoder(family)
        again = type(model).from_config(model.get_config())
        assert again.get_config() == model.get_config()


class TestPrecision:
    @every_family
    def test_bfloat16_trains_and_gives_float32(self, family):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            model = make_convolutional_autoencoder(family)
        finally:
            keras.config.set_dtype_policy("float32")
        assert model.encoder.layers[1].compute_dtype == "bfloat16"
        _assert_trains_and_gives_float32(model)

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


class TestPromises:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_training_step(self, variant):
        support.check_training_step(VARIANTS[variant], IMAGES)

    @every_family
    def test_uint8_images_train_as_their_floats(self, family):
        images = pixels.to_uint8(IMAGES[0])
        states = []
        for given in (images, images / 127.5 - 1):
            model = make_sgd_autoencoder(family)
            model.train_on_batch(given)
            states.append(support.state_of(model))
        support.assert_same_state(*states, atol=1e-5)

    @every_family
    def test_evaluation_changes_no_weight(self, family):
        model = make_autoencoder(family)
        before = [network.get_weights() for network in model.networks.values()]
        logs = model.evaluate(IMAGES[0], verbose=0, return_dict=True)
        assert set(logs) == set(model.loss_names) and np.isfinite(list(logs.values())).all()
        after = [network.get_weights() for network in model.networks.values()]
        for old, new in zip(itertools.chain(*before), itertools.chain(*after), strict=True):
            np.testing.assert_array_equal(old, new)

    @every_family
    def test_compile_config(self, family):
        support.check_compile_config(partial(make_autoencoder, family))
        support.check_compile_config(partial(make_sgd_autoencoder, family))

    @pytest.mark.slow
    @pytest.mark.parametrize("family", ["VAE", "WAEGAN"])
    def test_keras_round_trip(self, family, tmp_path):
        support.check_keras_round_trip(partial(make_autoencoder, family), IMAGES, tmp_path / "model.keras")

    @pytest.mark.slow
    @every_family
    def test_preset_round_trip(self, family, tmp_path):
        support.check_preset_round_trip(
            partial(make_autoencoder, family), tmp_path / "model", IMAGES, _reconstructions
        )

    @pytest.mark.parametrize(
        ("family", "make_model"), [("VAE", make_convolutional_autoencoder), ("WAEGAN", make_autoencoder)]
    )
    def test_weight_paths(self, family, make_model, tmp_path):
        make_model(family).save_to_preset(tmp_path / "model")
        support.check_weight_paths(tmp_path / "model" / "model.weights.h5", GOLDEN_WEIGHT_PATHS[family])

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "make_model",
        [partial(make_autoencoder, "VAE", binarize=True), partial(make_autoencoder, "WAEGAN")],
        ids=["VAE", "WAEGAN"],
    )
    def test_resume(self, make_model, tmp_path):
        support.check_resume(make_model, (support.toy_images(16),), tmp_path)

    @pytest.mark.slow
    @pytest.mark.tensorflow
    @pytest.mark.parametrize(
        "make_model",
        [
            partial(make_sgd_autoencoder, "Autoencoder"),
            partial(make_sgd_autoencoder, "VAE", beta=2.0, kl_floor=0.2),
            partial(make_sgd_autoencoder, "WAEGAN"),
        ],
        ids=["Autoencoder", "VAE", "WAEGAN"],
    )
    def test_replicas_equal_one_device(self, make_model):
        support.check_replicas_equal_one_device(make_model, IMAGES)

    @pytest.mark.slow
    @pytest.mark.tensorflow
    @pytest.mark.parametrize("family", ["VAE", "WAEMMD", "WAEGAN"])
    def test_replica_noise_differs(self, family):
        support.check_replica_noise_differs(partial(make_autoencoder, family))

    @pytest.mark.slow
    @pytest.mark.tensorflow
    @pytest.mark.parametrize(
        "make_model",
        [
            partial(make_autoencoder, "WAEMMD"),
            partial(make_autoencoder, "VAE", binarize=True, importance_samples=3),
        ],
        ids=["WAEMMD", "VAE"],
    )
    def test_replicas_train_with_everything_random(self, make_model):
        support.fresh_process(_fit_on_two_replicas, make_model)

    @pytest.mark.slow
    @pytest.mark.tensorflow
    def test_two_workers(self):
        support.check_two_workers(partial(make_autoencoder, "WAEGAN"), IMAGES)


def _reconstructions(model):
    return np.concatenate([model.reconstruct(IMAGES[0]), support.sample(model)])


def _fit_on_two_replicas(make_model):
    with support.two_logical_devices().scope():
        model = make_model()
    history = model.fit(_blobs(), batch_size=32, epochs=4, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["loss"][-1] < history["loss"][0]
    if isinstance(model, models.WAEMMD):
        # Of a batch of 3 one replica gets a single image.
        with pytest.raises(ValueError, match=r"at least 2 images of a batch on each replica.*batch of 3"):
            model.fit(_blobs(3), batch_size=32, verbose=0)


@pytest.mark.slow
def test_both_backends_train_to_the_same_weights():
    other = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"the other backend, {other}, is not installed")
    initial = [_weights(make_model()) for make_model in AGREEING]
    here, there = _two_steps(initial), support.fresh_process(_two_steps, initial, backend=other)
    for ours, theirs, start in zip(here, there, initial, strict=True):
        for our, their, old in zip(ours, theirs, start, strict=True):
            np.testing.assert_allclose(our, their, atol=1e-4)
            assert (our != old).any()


AGREEING = [
    *(partial(make_sgd_autoencoder, family) for family in FAMILIES),
    partial(make_sgd_autoencoder, "VAE", importance_samples=3),
    partial(make_convolutional_autoencoder, compile_arguments={"optimizer": "sgd"}),
]


def _two_steps(initial):
    trained = []
    for make_model, weights in zip(AGREEING, initial, strict=True):
        model = make_model()
        rest = iter(weights)
        for network in model.networks.values():
            network.set_weights([next(rest) for _ in network.weights])
        latents = np.random.default_rng(2).normal(size=(24, LATENT_DIM)).astype("float32")
        model.draw_latents = lambda num, latents=latents: ops.convert_to_tensor(latents[:num])
        for _ in range(2):
            model.train_on_batch(IMAGES[0])
        trained.append(_weights(model))
    return trained


def _weights(model):
    return [weight for network in model.networks.values() for weight in network.get_weights()]


# Released checkpoints hold these names: change them and no released file loads.
GOLDEN_WEIGHT_PATHS = {
    "VAE": [
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
    ],
    "WAEGAN": [
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
    ],
}
