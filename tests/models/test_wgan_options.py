"""Options of `WGAN` and `WGANGP`: clipping, penalties, labels, points, split batches."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops
from toy_wgans import (
    SHAPE,
    make_conditional_wgan_gp,
    make_critic,
    make_plain_wgan,
    make_plain_wgan_gp,
    make_point_wgan_gp,
    make_random_wgan_gp,
    make_wgan,
)

from keras_genzoo import backends, models, networks, penalties
from tests import support

IMAGES = (support.toy_images(8),)


LABELLED = (support.toy_images(8), support.toy_labels(8))


# Draws nothing, so that two runs agree.
R1 = penalties.R1(weight=2.0)


class TestClipping:
    @pytest.mark.ci
    def test_weights_stay_within_the_bound(self):
        gan = make_wgan({"critic_optimizer": keras.optimizers.SGD(1.0)}, clip_value=0.02)
        assert any(np.abs(weight).max() > 0.02 for weight in gan.critic.get_weights())
        gan.fit(*IMAGES, epochs=2, verbose=0)
        for weight in gan.critic.get_weights():
            assert np.abs(weight).max() <= 0.02 + 1e-8
        assert any(np.abs(weight).max() > 0.02 for weight in gan.generator.get_weights())

    def test_evaluation_clips_nothing(self):
        gan = make_wgan()
        before = support.state_of(gan)
        gan.evaluate(*IMAGES, verbose=0)
        after = support.state_of(gan)
        assert all("seed" in name for name in before if (before[name] != after[name]).any())


class TestGradientPenalty:
    @pytest.mark.parametrize("make_model", [make_plain_wgan_gp, make_point_wgan_gp])
    def test_one_pass_over_both_gives_the_losses_of_two(self, make_model):
        gan = make_model(penalty=R1)
        shape = gan.image_shape
        images, fakes = (support.toy_images(5, shape, seed=seed) for seed in (1, 2))
        loss, logs = gan.critic_loss(ops.convert_to_tensor(images), ops.convert_to_tensor(fakes))
        penalty = R1(gan.critic, ops.convert_to_tensor(images), ops.convert_to_tensor(fakes), gan.noise)
        expected = (
            support.to_numpy(gan.critic(fakes)).mean()
            - support.to_numpy(gan.critic(images)).mean()
            + float(penalty)
        )
        assert float(penalty) > 1e-4
        assert float(logs["gradient_penalty"]) == pytest.approx(float(penalty), rel=1e-5)
        assert float(loss) == float(logs["critic_loss"]) == pytest.approx(expected, abs=1e-5)

    def test_conditional_critic_has_the_labels_of_both_and_of_the_points(self):
        gan = make_conditional_wgan_gp(penalty=R1)
        data = (support.toy_images(8), support.toy_images(8, seed=2), support.toy_labels(8))
        images, fakes, labels = map(ops.convert_to_tensor, data)
        loss, _ = gan.critic_loss(images, fakes, labels)
        real_values, fake_values = (support.to_numpy(gan.critic([x, labels])) for x in (images, fakes))
        penalty = R1(lambda x: gan.critic([x, labels]), images, fakes, gan.noise)
        expected = fake_values.mean() - real_values.mean() + float(penalty)
        assert float(loss) == pytest.approx(expected, abs=1e-5)

    def test_critic_may_have_a_generator_of_half_precision(self):
        """A network of a user's own, whose images are bfloat16."""
        generator = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(64, "tanh", dtype="bfloat16"),
                keras.layers.Reshape(SHAPE, dtype="bfloat16"),
            ]
        )
        gan = models.WGANGP(generator=generator, critic=make_critic(), critic_steps=1)
        gan.compile()
        history = gan.fit(*IMAGES, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())

    @pytest.mark.parametrize("nested", [False, True])
    def test_critic_with_batch_normalisation_is_refused(self, nested):
        images = keras.Input(SHAPE)
        normalised = keras.layers.BatchNormalization()(images)
        if nested:
            normalised = keras.Model(images, normalised)(images)
        critic = keras.Model(images, keras.layers.Dense(1)(keras.layers.Flatten()(normalised)))
        with pytest.raises(ValueError, match=r"has batch normalization.*use layer normalization, or none"):
            models.WGANGP(image_shape=SHAPE, width=2, critic=critic)
        models.WGAN(image_shape=SHAPE, width=2, critic=critic)  # whose weights are clipped instead

    def test_critic_of_packs_is_refused(self):
        critic = networks.MLPDiscriminator(SHAPE, (4,), packing=2, name="critic")
        with pytest.raises(
            ValueError, match=r"'critic' judges packs of 2 samples, but a gradient penalty is for single sam"
        ):
            models.WGANGP(image_shape=SHAPE, width=2, critic=critic)

    @pytest.mark.slow
    def test_critic_with_layer_normalisation_trains(self):
        images = keras.Input(SHAPE)
        x = keras.layers.LayerNormalization()(keras.layers.Dense(4)(keras.layers.Flatten()(images)))
        gan = make_wgan(
            family=models.WGANGP, critic_steps=1, critic=keras.Model(images, keras.layers.Dense(1)(x))
        )
        assert np.isfinite(gan.fit(*IMAGES, verbose=0).history["critic_loss"]).all()


class TestConditional:
    @pytest.mark.slow
    def test_trains_and_samples(self):
        gan = make_conditional_wgan_gp(average_decay=0.5)
        history = gan.fit(*LABELLED, batch_size=4, epochs=2, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        images = gan.sample(6, seed=0, labels=[0, 1, 2, 0, 1, 2])
        assert images.shape == (6, *SHAPE)
        assert (gan.sample(6, seed=0, labels=1) != gan.sample(6, seed=0, labels=2)).any()

    def test_labels_are_needed(self):
        with pytest.raises(ValueError, match=r"`y` is missing: this model has 3 classes"):
            make_conditional_wgan_gp().fit(*IMAGES, verbose=0)

    def test_critic_s_dropout_is_on_in_training_and_off_in_evaluation(self):
        gan = make_random_wgan_gp(penalty=R1)
        images, fakes = (ops.convert_to_tensor(support.toy_images(8, seed=seed)) for seed in (1, 2))
        for training in (True, False):
            losses = [float(gan.critic_loss(images, fakes, None, training)[0]) for _ in range(2)]
            assert (losses[0] != losses[1]) is training


class TestPoints:
    def test_train_and_sample(self):
        gan = make_point_wgan_gp(average_decay=0.9)
        points = np.random.default_rng(0).normal(5, 3, (16, 2)).astype("float32")
        history = gan.fit(points, batch_size=8, epochs=2, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        sampled = gan.sample(7, seed=0)
        assert (sampled.shape, sampled.dtype) == ((7, 2), np.float32)

    @pytest.mark.slow
    @pytest.mark.representative
    def test_critic_s_loss_estimates_the_distance_of_two_point_masses(self):
        """5 apart: a critic of slope 1 + s between them loses `10 s^2 - 5 (1 + s)`, least at s = 1/4."""
        generator = make_linear_generator_of_points(3.0, 4.0)
        gan = models.WGANGP(
            generator=generator, critic=networks.MLPDiscriminator((2,), (16,), name="critic"), seed=1
        )
        gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.Adam(0.02))
        gan.fit(np.zeros((3200, 2), "float32"), batch_size=32, verbose=0)
        loss = gan.evaluate(np.zeros((32, 2), "float32"), verbose=0, return_dict=True)["critic_loss"]
        assert loss == pytest.approx(10 / 16 - 5 * 5 / 4, abs=0.3)


def make_linear_generator_of_points(*place):
    """All latents go to one place."""
    generator = networks.MLPGenerator(2, (2,), ())
    generator.set_weights([np.zeros((2, 2)), np.array(place)])
    return generator


class TestEvaluate:
    @pytest.mark.slow
    @pytest.mark.parametrize("family", [models.WGAN, models.WGANGP])
    def test_losses_are_those_of_the_sampling_network_in_inference(self, family):
        penalty = {"penalty": R1} if family is models.WGANGP else {}
        gan = make_plain_wgan("sgd", 0.5, family, dropout=0.3, average_decay=0.5, **penalty)
        images = support.toy_images(8)
        gan.train_on_batch(images)
        latents = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
        gan.draw_latents = lambda num: ops.convert_to_tensor(latents)
        logs = gan.evaluate(images, verbose=0, return_dict=True)

        fakes = gan.averaged_network(latents, training=False)
        fake_value = support.to_numpy(gan.critic(fakes, training=False)).mean()
        expected = fake_value - support.to_numpy(gan.critic(images, training=False)).mean()
        if family is models.WGANGP:
            penalty = float(R1(gan.critic, ops.convert_to_tensor(images), fakes, gan.noise))
            assert logs["gradient_penalty"] == pytest.approx(penalty, rel=1e-4)
            expected += penalty
        assert logs["critic_loss"] == pytest.approx(expected, abs=1e-5)
        assert logs["generator_loss"] == pytest.approx(-fake_value, abs=1e-5)
        assert set(logs) == set(gan.loss_names)


@pytest.mark.parametrize(
    ("make_model", "arguments", "message"),
    [
        (make_wgan, {"critic_steps": 0}, r"`critic_steps` must be at least 1. Received: critic_steps=0"),
        (make_wgan, {"clip_value": 0}, r"`clip_value` must be above 0. Received: clip_value=0"),
        (make_wgan, {"clip_value": -0.01}, r"`clip_value` must be above 0. Received: clip_value=-0.01"),
        (make_plain_wgan_gp, {"penalty": "r3"}, r"`penalty` must be one of .*Received: 'r3'"),
        (make_wgan, {"num_classes": 3}, r"`num_classes` is 3, but the network 'generator' has 1 inputs"),
        (make_wgan, {"image_shape": None}, r"`image_shape` is required unless it is determined by a network"),
        (make_wgan, {"image_shape": (8, 16, 1)}, r"`image_shape` must be .*square.*Received: .*\(8, 16, 1\)"),
        (make_wgan, {"average_decay": 1.0}, r"`average_decay` must be at least 0 and below 1"),
    ],
)
def test_options_that_do_not_fit_are_refused(make_model, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_model(**arguments)


def test_a_critic_of_another_shape_is_refused():
    with pytest.raises(
        ValueError, match=r"`image_shape` is \(16, 16, 1\), but the network 'critic' has \(8, 8"
    ):
        make_wgan(image_shape=(16, 16, 1), critic=make_critic())


class TestBatchesThatDoNotSplit:
    make_model = staticmethod(partial(make_plain_wgan, critic_steps=5, split_batches=True))
    message = (
        r"`split_batches` the batch size must be a multiple of {}, the number of.*Received a batch of {} images.*"
        "Change the batch size, or drop the last"
    )

    @pytest.mark.parametrize(
        ("num", "batch_size", "size"), [(12, 12, "12"), (24, 10, "4"), (3, 10, "3"), (64, None, "32")]
    )
    def test_arrays_are_refused_before_a_step(self, num, batch_size, size):
        gan = self.make_model()
        before = support.state_of(gan)
        with pytest.raises(ValueError, match=self.message.format(5, size)):
            gan.fit(support.toy_images(num), batch_size=batch_size, verbose=0)
        support.assert_same_state(support.state_of(gan), before)

    def test_datasets_are_refused_too(self):
        tf = pytest.importorskip("tensorflow")
        batches = tf.data.Dataset.from_tensor_slices(support.toy_images(16)).batch(8)
        with pytest.raises(ValueError, match=self.message.format(5, "8")):
            self.make_model().fit(batches, verbose=0)

    @pytest.mark.slow
    def test_a_partial_batch_of_a_dataset_is_refused_when_it_comes(self):
        tf = pytest.importorskip("tensorflow")
        batches = tf.data.Dataset.from_tensor_slices(support.toy_images(24)).batch(10)
        with pytest.raises(ValueError, match=self.message.format(5, "4")):
            self.make_model().fit(batches, verbose=0)
        self.make_model().fit(batches.take(2), verbose=0)

    def test_packs_must_fill_each_part(self):
        critic = networks.MLPDiscriminator(SHAPE, (4,), packing=2, name="critic")
        with pytest.raises(ValueError, match=r"judges packs of 2 samples, so the batch size.*a batch of 3\."):
            self.make_model(critic=critic).fit(support.toy_images(15), batch_size=15, verbose=0)

    def test_each_replica_splits_its_own(self, monkeypatch):
        monkeypatch.setattr(backends, "num_replicas_of", lambda model: 2)
        with pytest.raises(ValueError, match=self.message.format(10, "15")):
            self.make_model().fit(support.toy_images(15), batch_size=15, verbose=0)

    @pytest.mark.slow
    def test_those_that_do_are_taken_and_any_is_evaluated(self):
        gan = self.make_model()
        gan.fit(support.toy_images(15), batch_size=10, verbose=0)
        gan.evaluate(support.toy_images(13), batch_size=8, verbose=0)

    def test_without_splitting_any_batch_is_taken(self):
        make_plain_wgan().fit(support.toy_images(12), batch_size=8, verbose=0)
