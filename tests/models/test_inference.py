"""Promises of `sample`, `translate`, `encode` and the like, which run compiled, for every family."""

import copy
import functools
import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import callbacks, latent, layers, models
from tests import support
from tests.models.toy_autoencoders import make_autoencoder
from tests.models.toy_gans import make_gan
from tests.models.toy_msg import make_msg_gan
from tests.models.toy_progressive import make_fading, make_growing
from tests.models.toy_translators import (
    make_cyclegan,
    make_generator,
    make_pix2pix,
    make_pix2pix_of_the_paper,
)
from tests.models.toy_wgans import make_plain_wgan_gp, make_point_wgan_gp

SHAPE = (8, 8, 1)
IMAGES = support.toy_images(16)
SOURCES = support.toy_images(16, (8, 8, 2), seed=1)
LABELS = support.toy_labels(16)


def make_classifier():
    keras.utils.set_random_seed(0)
    model = models.Classifier(SHAPE, 3, filters=(2, 2, 2), feature_dim=4)
    model.compile()
    return model


def _sampled(model, num):
    labels = LABELS[:num] if model.num_classes else None
    return model.sample(num, seed=5, labels=labels)


def _sampled_plainly(model, num):
    labels = [ops.convert_to_tensor(LABELS[:num])] if model.num_classes else []
    return support.to_numpy(model.images_from_latents(latent.normal(num, model.latent_dim, 5), *labels))


def _reconstructed(model, num):
    return np.concatenate(
        [model.reconstruct(IMAGES[:num]).reshape(num, -1), model.encode(IMAGES[:num])], axis=1
    )


def _reconstructed_plainly(model, num):
    latents = model.latents_of(ops.convert_to_tensor(IMAGES[:num]))
    images = ops.reshape(model.images_from_latents(latents), (num, -1))
    return support.to_numpy(ops.concatenate([images, latents], axis=1))


def _translated(model, num):
    return model.translate(SOURCES[:num, ..., : model.source_channels])


def _translated_plainly(model, num):
    sources = ops.convert_to_tensor(SOURCES[:num, ..., : model.source_channels])
    return support.to_numpy(model.images_from_images(sources))


def _classified(model, num):
    return np.concatenate(model.predict_features(IMAGES[:num]), axis=1)


def _classified_plainly(model, num):
    return support.to_numpy(ops.concatenate(model.network(IMAGES[:num], training=False), axis=1))


# Family -> (function of a compiled model, the data of `fit`, the compiled call, the same by the networks themselves).
FAMILIES = {
    "GAN": (make_gan, (IMAGES,), _sampled, _sampled_plainly),
    "averaged GAN": (functools.partial(make_gan, average_decay=0.5), (IMAGES,), _sampled, _sampled_plainly),
    "conditional GAN": (
        functools.partial(make_gan, num_classes=3),
        (IMAGES, LABELS),
        _sampled,
        _sampled_plainly,
    ),
    "WGAN-GP": (make_plain_wgan_gp, (IMAGES,), _sampled, _sampled_plainly),
    "points": (make_point_wgan_gp, (IMAGES[:, 0, :2, 0],), _sampled, _sampled_plainly),
    "progressive GAN": (make_fading, (IMAGES,), _sampled, _sampled_plainly),
    "MSG-GAN": (make_msg_gan, (IMAGES,), _sampled, _sampled_plainly),
    "VAE": (make_autoencoder, (IMAGES,), _reconstructed, _reconstructed_plainly),
    "WAE": (functools.partial(make_autoencoder, "WAEMMD"), (IMAGES,), _sampled, _sampled_plainly),
    "pix2pix": (make_pix2pix, (SOURCES, IMAGES), _translated, _translated_plainly),
    "CycleGAN": (make_cyclegan, (IMAGES, IMAGES), _translated, _translated_plainly),
    "classifier": (make_classifier, (IMAGES, LABELS), _classified, _classified_plainly),
}
every_family = pytest.mark.parametrize("family", FAMILIES)
# One of each base, where a promise rests on what all have in common.
each_base = pytest.mark.parametrize("family", ["GAN", "VAE", "CycleGAN", "classifier"])
is_jax = keras.backend.backend() == "jax"


@every_family
def test_results_are_those_of_the_networks_and_follow_the_weights(family):
    make_model, data, compiled, plainly = FAMILIES[family]
    model = make_model()
    before = compiled(model, 3)
    np.testing.assert_allclose(before, plainly(model, 3), atol=1e-5)
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    given = compiled(model, 3)
    np.testing.assert_allclose(given, plainly(model, 3), atol=1e-5)
    assert np.abs(given - before).max() > 1e-3
    traces = model.inference.num_traces
    model.fit(*data, batch_size=4, verbose=0)
    trained = compiled(model, 3)
    np.testing.assert_allclose(trained, plainly(model, 3), atol=1e-5)
    assert np.abs(trained - given).max() > 1e-6
    assert model.inference.num_traces == traces


@every_family
def test_a_batch_size_is_no_new_trace(family):
    make_model, _, compiled, plainly = FAMILIES[family]
    model = support.as_if_trained(make_model())
    compiled(model, 8)
    traces = model.inference.num_traces
    for num in (1, 2, 3, 4, 5, 6, 7, 8, 11, 16):
        np.testing.assert_allclose(compiled(model, num), plainly(model, num), atol=1e-5)
    # JAX compiles for the powers of two: for 1, 2, 4 and 16 too.
    assert model.inference.num_traces <= (5 if is_jax else 1) * traces


@pytest.mark.tensorflow
def test_all_sizes_of_images_after_the_first_are_one_trace():
    model = support.as_if_trained(make_cyclegan())
    for side in (8, 12, 16, 20):
        images = support.toy_images(2, (side, 2 * side, 1))
        expected = support.to_numpy(model.images_from_images(images))
        np.testing.assert_allclose(model.translate(images), expected, atol=1e-5)
    assert model.inference.num_traces == 2


def test_sizes_that_a_network_cannot_take_are_refused_after_others_too():
    images = keras.Input((None, None, 2))
    x = layers.ReflectionPadding2D(3)(images)
    model = make_pix2pix(generator=keras.Model(images, keras.layers.Conv2D(1, 7)(x)))
    for side in (8, 10):
        assert model.translate(support.toy_images(1, (side, side, 2))).shape == (1, side, side, 1)
    with pytest.raises(ValueError, match="A map of 3x3 cannot be padded by 3 mirrored pixels"):
        model.translate(support.toy_images(1, (3, 3, 2)))
    fixed = keras.Input(SHAPE)
    model = make_cyclegan(generator_a_to_b=keras.Model(fixed, keras.layers.Conv2D(1, 1)(fixed)))
    with pytest.raises(ValueError, match="`images` must be 8x8 for this network"):
        model.translate(support.toy_images(1, (10, 10, 1)))


def test_truncations_and_seeds_are_no_new_trace():
    gan = make_msg_gan()
    gan.sample(2, seed=0, truncation=0.5)
    traces = gan.inference.num_traces
    samples = [
        gan.sample(2, seed=seed, truncation=share) for seed, share in ((0, 0.5), (2**32 - 1, 0.7), (3, 1))
    ]
    assert gan.inference.num_traces == traces
    assert np.ptp(samples, axis=0).max() > 1e-2


@each_base
def test_a_change_of_precision_is_followed(family):
    make_model, _, compiled, plainly = FAMILIES[family]
    model = support.as_if_trained(make_model())
    before = compiled(model, 3)
    for network in model.networks.values():
        for layer in network.layers:
            layer.dtype_policy = "mixed_bfloat16"
    after = compiled(model, 3)
    np.testing.assert_allclose(after, plainly(model, 3), atol=0.05)
    assert after.dtype == "float32" and np.abs(after - before).max() > 1e-4


@each_base
def test_the_global_policy_is_that_of_networks_to_come(family):
    make_model, _, compiled, _ = FAMILIES[family]
    model = support.as_if_trained(make_model())
    before, policy = compiled(model, 3), keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        np.testing.assert_array_equal(compiled(model, 3), before)
        half = support.as_if_trained(make_model())
        assert 1e-5 < np.abs(compiled(half, 3) - before).max() < 0.1 * np.abs(before).max() + 0.1
    finally:
        keras.config.set_dtype_policy(policy)


def test_a_network_put_in_the_place_of_another_is_used():
    gan, other = support.as_if_trained(make_gan()), make_gan()
    first, generator = gan.sample(2, seed=0), gan.generator
    gan.generator = other.generator
    np.testing.assert_array_equal(gan.sample(2, seed=0), other.sample(2, seed=0))
    gan.generator = generator
    np.testing.assert_array_equal(gan.sample(2, seed=0), first)


def test_the_level_of_a_growing_network_is_followed_in_training(tmp_path):
    gan = make_growing()
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.sample(3, seed=5).shape[1])
            np.testing.assert_allclose(_sampled(gan, 3), _sampled_plainly(gan, 3), atol=1e-5)

    gan.fit(IMAGES[:4], batch_size=4, epochs=6, verbose=0, callbacks=[Look(), callbacks.SampleGrid(tmp_path)])
    # 4x4 for 12 images; the epoch that ends with them ends in the next level.
    assert seen == [4, 4, 8, 8, 8, 8]
    assert gan.sample(1, seed=0, level=0).shape == (1, 4, 4, 1)


@each_base
def test_copies_give_the_same_results(family, tmp_path):
    make_model, _, compiled, _ = FAMILIES[family]
    model = support.as_if_trained(make_model())
    expected = compiled(model, 3)
    model.save(tmp_path / "model.keras")
    for other in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_array_equal(compiled(other, 3), expected)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(compiled(clone, 3), expected)
    np.testing.assert_array_equal(compiled(model, 3), expected)


@pytest.mark.parametrize("family", ["GAN", "pix2pix"])
def test_a_pickle_gives_the_same_results_in_a_fresh_process(family):
    make_model, _, compiled, _ = FAMILIES[family]
    model = support.as_if_trained(make_model())
    expected = compiled(model, 3)
    there = support.fresh_process(_of_pickle, pickle.dumps(model), compiled)
    np.testing.assert_array_equal(there, expected)


def _of_pickle(pickled, compiled):
    return compiled(pickle.loads(pickled), 3)


@pytest.mark.parametrize("family", ["conditional GAN", "MSG-GAN", "VAE", "CycleGAN", "classifier"])
def test_threads_get_what_they_would_one_after_the_other(family):
    make_model, _, compiled, _ = FAMILIES[family]
    expected = {num: compiled(support.as_if_trained(make_model()), num) for num in (1, 3, 8)}
    # The first call, which compiles, is that of all of them.
    model = support.as_if_trained(make_model())
    nums = [1, 3, 8] * 8
    with ThreadPoolExecutor(8) as threads:
        for num, result in zip(nums, threads.map(lambda num: compiled(model, num), nums), strict=True):
            np.testing.assert_allclose(result, expected[num], atol=1e-6)


class TestDropoutOfSampling:
    SOURCES = support.toy_images(5, (32, 32, 2))

    def _model(self):
        return support.as_if_trained(make_pix2pix_of_the_paper(sampling_dropout=True))

    def test_threads(self):
        expected = [self._model().translate(self.SOURCES, seed=seed, batch_size=2) for seed in range(4)]
        assert np.abs(expected[0] - expected[1]).max() > 1e-2
        model = self._model()
        seeds = [0, 1, 2, 3] * 8
        with ThreadPoolExecutor(8) as threads:
            made = threads.map(lambda seed: model.translate(self.SOURCES, seed=seed, batch_size=2), seeds)
            for seed, images in zip(seeds, made, strict=True):
                np.testing.assert_allclose(images, expected[seed], atol=1e-6)

    def test_batches_and_calls_without_a_seed_draw_anew_and_leave_the_training_alone(self):
        model = self._model()
        before = support.state_of(model)
        twice = np.repeat(self.SOURCES[:1], 2, axis=0)
        first, second = model.translate(twice, seed=0, batch_size=1)
        assert np.abs(first - second).max() > 1e-2
        assert np.abs(model.translate(twice) - model.translate(twice)).max() > 1e-2
        support.assert_same_state(support.state_of(model), before)

    def test_a_fresh_process_draws_the_same(self):
        there = support.fresh_process(_translate_with_dropout, self.SOURCES)
        np.testing.assert_allclose(there, _translate_with_dropout(self.SOURCES), atol=1e-6)

    def test_a_layer_that_is_called_twice_draws_twice(self):
        images = keras.Input((None, None, 2))
        noise = layers.Dropout(0.5, sampling=True)
        ones = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", bias_initializer="ones")(images)
        both = keras.layers.Concatenate()([noise(ones), noise(ones)])
        model = make_pix2pix(generator=keras.Model(images, keras.layers.Conv2D(1, 1, use_bias=False)(both)))
        model.generator.layers[-1].set_weights([np.reshape([1.0, -1.0], (1, 1, 2, 1))])
        assert np.abs(model.translate(SOURCES, seed=0)).max() > 1


def _translate_with_dropout(sources):
    model = support.as_if_trained(make_pix2pix_of_the_paper(sampling_dropout=True))
    return model.translate(sources, seed=7, batch_size=2)


def test_noise_of_a_layer_of_ones_own_is_drawn_anew():
    @keras.saving.register_keras_serializable(package="tests")
    class Noise(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(0)

        def call(self, inputs):
            return inputs + keras.random.normal(ops.shape(inputs), seed=self.seed_generator)

    images = keras.Input((None, None, 2))
    model = make_pix2pix(generator=keras.Model(images, Noise()(make_generator()(images))))
    made = [model.translate(SOURCES) for _ in range(3)]
    assert np.abs(made[0] - made[1]).max() > 0.1 and np.abs(made[1] - made[2]).max() > 0.1


@each_base
def test_run_eagerly(family):
    make_model, _, compiled, _ = FAMILIES[family]
    model = support.as_if_trained(make_model())
    expected, traces = compiled(model, 3), model.inference.num_traces
    assert traces > 0
    model.compile(run_eagerly=True)
    np.testing.assert_allclose(compiled(model, 3), expected, atol=1e-5)
    model = support.as_if_trained(make_model())
    model.compile(run_eagerly=True)
    np.testing.assert_allclose(compiled(model, 3), expected, atol=1e-5)
    assert model.inference.num_traces == 0


@pytest.mark.tensorflow
@each_base
def test_tensorflow_told_to_run_functions_eagerly(family):
    import tensorflow as tf

    make_model, _, compiled, _ = FAMILIES[family]
    model = support.as_if_trained(make_model())
    expected = compiled(model, 3)
    tf.config.run_functions_eagerly(True)
    try:
        for each in (model, support.as_if_trained(make_model())):
            np.testing.assert_allclose(compiled(each, 3), expected, atol=1e-5)
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.tensorflow
@each_base
def test_a_model_of_two_replicas(family):
    make_model, _, compiled, _ = FAMILIES[family]
    expected = compiled(support.as_if_trained(make_model()), 3)
    for made in support.fresh_process(_of_two_replicas, make_model, compiled):
        np.testing.assert_allclose(made, expected, atol=1e-5)


def _of_two_replicas(make_model, compiled):
    strategy = support.two_logical_devices()
    with strategy.scope():
        model = support.as_if_trained(make_model())
        inside = compiled(model, 3)
    return inside, compiled(model, 3)


@pytest.mark.parametrize(
    ("family", "call"),
    [("VAE", "reconstruct"), ("CycleGAN", "translate"), ("classifier", "predict_features")],
)
def test_uint8_images_are_their_floats(family, call):
    model = support.as_if_trained(FAMILIES[family][0]())
    numbers = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), "uint8")
    of_uint8 = getattr(model, call)(numbers)
    of_float = getattr(model, call)(numbers / np.float64(127.5) - 1)
    keras.tree.map_structure(lambda *two: np.testing.assert_allclose(*two, atol=1e-5), of_uint8, of_float)
