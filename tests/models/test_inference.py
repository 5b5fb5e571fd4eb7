"""What the compiled functions of a model follow beside its weights: sizes, levels, other networks, noise."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import callbacks, layers
from tests import support
from tests.models.toy_gans import make_gan, make_plain_gan
from tests.models.toy_msg import make_msg_gan
from tests.models.toy_progressive import make_growing
from tests.models.toy_translators import (
    make_cyclegan,
    make_generator,
    make_pix2pix,
    make_pix2pix_of_the_paper,
)
from tests.support.answers import answers, assert_same_answers, largest_difference, plain_answers

SHAPE = (8, 8, 1)
IMAGES = support.toy_images(16)
SOURCES = support.toy_images(16, (8, 8, 2), seed=1)
LABELS = support.toy_labels(16)


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
    with pytest.raises(ValueError, match="A map of 3x3 cannot be padded by 3 reflected pixels"):
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


def test_a_network_put_in_the_place_of_another_is_used():
    gan, other = support.as_if_trained(make_gan()), make_gan()
    first, generator = gan.sample(2, seed=0), gan.generator
    gan.generator = other.generator
    np.testing.assert_array_equal(gan.sample(2, seed=0), other.sample(2, seed=0))
    gan.generator = generator
    np.testing.assert_array_equal(gan.sample(2, seed=0), first)


@pytest.mark.slow
@pytest.mark.representative
def test_the_level_of_a_growing_network_is_followed_in_training(tmp_path):
    gan = make_growing()
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.sample(3, seed=5).shape[1])
            assert_same_answers(answers(gan), plain_answers(gan), atol=1e-5)

    gan.fit(IMAGES[:4], batch_size=4, epochs=6, verbose=0, callbacks=[Look(), callbacks.SampleGrid(tmp_path)])
    # 4x4 for 12 images; the epoch that ends with them ends in the next level.
    assert seen == [4, 4, 8, 8, 8, 8]
    assert gan.sample(1, seed=0, level=0).shape == (1, 4, 4, 1)


class TestDropoutOfSampling:
    SOURCES = support.toy_images(5, (32, 32, 2))

    def _model(self):
        return support.as_if_trained(make_pix2pix_of_the_paper(sampling_dropout=True))

    @pytest.mark.slow
    @pytest.mark.representative
    def test_threads(self):
        expected = [self._model().translate(self.SOURCES, seed=seed, batch_size=2) for seed in range(4)]
        assert np.abs(expected[0] - expected[1]).max() > 1e-2
        model = self._model()
        seeds = [0, 1, 2, 3] * 8
        with ThreadPoolExecutor(8) as threads:
            made = threads.map(lambda seed: model.translate(self.SOURCES, seed=seed, batch_size=2), seeds)
            for seed, images in zip(seeds, made, strict=True):
                np.testing.assert_allclose(images, expected[seed], atol=1e-6)

    @pytest.mark.slow
    def test_batches_and_calls_without_a_seed_draw_anew_and_leave_the_training_alone(self):
        model = self._model()
        before = support.state_of(model)
        twice = np.repeat(self.SOURCES[:1], 2, axis=0)
        first, second = model.translate(twice, seed=0, batch_size=1)
        assert np.abs(first - second).max() > 1e-2
        assert np.abs(model.translate(twice) - model.translate(twice)).max() > 1e-2
        support.assert_same_state(support.state_of(model), before)

    @pytest.mark.slow
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


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="TensorFlow may read weights while a step changes them"
)
def test_what_is_asked_in_training_is_of_one_step_and_leaves_the_training_alone():
    def trained(callback):
        gan = make_plain_gan("adam", 1e-2)
        after_step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: callback(gan))
        with ThreadPoolExecutor(1) as thread:
            training = thread.submit(
                gan.fit, IMAGES, batch_size=4, epochs=5, shuffle=False, verbose=0, callbacks=[after_step]
            )
            yield gan, training
        training.result()

    of_steps, given = [answers(make_plain_gan())], []
    [(undisturbed, _)] = trained(lambda gan: of_steps.append(answers(gan)))
    assert all(largest_difference(*pair) > 1e-2 for pair in pairwise(of_steps))

    # Asked by threads at any time, and by some after each step.
    with ThreadPoolExecutor(4) as threads:
        for gan, training in trained(lambda gan: given.extend(threads.map(answers, [gan] * 8))):
            while not training.done():
                given.append(answers(gan))
    assert len(given) > 160
    assert all(min(largest_difference(one, step) for step in of_steps) < 1e-6 for one in given)
    support.assert_same_state(support.state_of(gan), support.state_of(undisturbed))


@pytest.mark.ci
def test_samples_while_another_thread_trains():
    """By a learning rate of 0, so that the weights stay what they are."""
    gan = make_plain_gan("sgd", 0.0)
    expected, begun, enough = answers(gan), threading.Event(), threading.Event()

    def on_train_batch_end(batch, logs):
        begun.set()
        gan.stop_training = enough.is_set()

    stopper = keras.callbacks.LambdaCallback(on_train_batch_end=on_train_batch_end)
    # One trains, 16 ask.
    with ThreadPoolExecutor(17) as threads:
        training = threads.submit(
            gan.fit, IMAGES, batch_size=4, epochs=10_000, verbose=0, callbacks=[stopper]
        )
        try:
            assert begun.wait(60)
            for given in threads.map(lambda _: answers(gan), range(64)):
                assert_same_answers(given, expected, atol=1e-6)
            assert not training.done()
        finally:
            enough.set()
    training.result()
