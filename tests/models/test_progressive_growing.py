"""How `ProgressiveGAN` grows in training, and how it samples at each level."""

from functools import partial

import keras
import numpy as np
import pytest
from toy_progressive import (
    SHAPE,
    fit_growing,
    make_growing,
    make_growing_wasserstein,
)

from keras_genzoo import models
from keras_genzoo.growth import GrowthSchedule
from keras_genzoo.models.growing import Growing
from tests import support

IMAGES = (support.toy_images(8, SHAPE),)


class _Watch(keras.callbacks.Callback):
    """Notes what `look(model)` gives after every step."""

    def __init__(self, look):
        super().__init__()
        self.look = look
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append(self.look(self.model))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(self.look(self.model))


class TestGrowth:
    @pytest.mark.ci
    def test_levels_follow_the_images_seen(self):
        gan = make_growing()
        watch = _Watch(
            lambda gan: (int(support.to_numpy(gan.images_seen)), gan.phase.level, gan.phase.fading)
        )
        fit_growing(gan, callbacks=[watch])
        images = list(range(0, 52, 4))
        levels = [(0, False)] * 3 + [(1, True)] * 6 + [(1, False)] * 4
        assert watch.seen == [(seen, *level) for seen, level in zip(images, levels, strict=True)]

    def test_growing_makes_keras_wait_no_more_than_it_does_anyway(self):
        alone, growing = (keras.callbacks.CallbackList(callbacks) for callbacks in ([], [Growing()]))
        # By threads on JAX; on TensorFlow Keras reads the logs of every step itself.
        assert growing._async_train == alone._async_train == (keras.backend.backend() != "tensorflow")

    @pytest.mark.slow
    def test_levels_follow_without_a_callback_that_waits(self):
        gan = make_growing()
        fit_growing(gan)
        assert int(support.to_numpy(gan.images_seen)) == 48
        assert int(support.to_numpy(gan.generator_optimizer.iterations)) == 3
        assert (gan.phase.level, gan.phase.fading) == (1, False)

    @pytest.mark.slow
    def test_a_second_fit_goes_on(self):
        gan = make_growing()
        fit_growing(gan, 20)
        assert (int(support.to_numpy(gan.images_seen)), gan.phase.level, gan.phase.fading) == (20, 1, True)
        watch = _Watch(lambda gan: gan.phase.fading)
        fit_growing(gan, 20, callbacks=[watch])
        assert watch.seen == [True] * 4 + [False] * 2

    @pytest.mark.slow
    def test_each_level_has_its_learning_rate(self):
        schedule = GrowthSchedule(2, 8, 8, batch_size=4, learning_rate=[0.1, 0.2])
        gan = make_growing(schedule=schedule)
        rates = lambda gan: [float(optimizer.learning_rate) for optimizer in gan.optimizers.values()]  # noqa: E731
        watch = _Watch(rates)
        fit_growing(gan, 16, callbacks=[watch])
        np.testing.assert_allclose(watch.seen, [[0.1] * 2] * 2 + [[0.2] * 2] * 3)

    @pytest.mark.slow
    @pytest.mark.representative
    def test_only_active_variables_train(self):
        gan = make_growing(shape=(16, 16, 1))
        before = {
            id(w): support.to_numpy(w.value) for network in gan.networks.values() for w in network.weights
        }
        fit_growing(gan, 16)
        assert (gan.phase.level, gan.phase.fading) == (1, True)
        for network in gan.networks.values():
            active = {id(w) for w in network.weights_at(1, fading=True)}
            assert 0 < len(active) < len(network.weights)
            for weight in network.weights:
                moved = (support.to_numpy(weight.value) != before[id(weight)]).any()
                assert moved == (id(weight) in active), weight.path

    @pytest.mark.slow
    def test_the_first_update_of_a_level_is_at_most_the_learning_rate(self):
        """Adam's count of steps is of the level: else the bias correction of its second moment has run out."""
        schedule = GrowthSchedule(2, 40, 200, batch_size=4)
        gan = make_growing(schedule=schedule)
        watch = _Watch(lambda gan: [support.to_numpy(v.value) for v in gan.variables_of("discriminator")])
        fit_growing(gan, 204, callbacks=[watch])
        assert (gan.phase.level, gan.phase.fading) == (1, True)
        before, after = watch.seen[-2:]
        names = [variable.path for variable in gan.variables_of("discriminator")]
        steps = {name: np.abs(a - b).max() for name, a, b in zip(names, after, before, strict=True)}
        assert max(steps.values()) <= 1e-3 * 1.001, steps
        # The new block has moved, by nearly as much.
        new = {id(w) for w in gan.discriminator.first[0].weights}
        moved = [
            step
            for variable, step in zip(gan.variables_of("discriminator"), steps.values(), strict=True)
            if id(variable) in new
        ]
        assert max(moved) > 0.9e-3

    @pytest.mark.slow
    @pytest.mark.representative
    def test_optimizers_start_anew_where_a_fade_begins_and_where_it_ends(self):
        """As in the authors' program, whose level of detail then crosses an integer."""
        gan = make_growing()
        for images, fading in ((12, True), (24, False)):
            fit_growing(gan, images)
            assert gan.phase.fading == fading
            for optimizer in gan.optimizers.values():
                assert int(support.to_numpy(optimizer.iterations)) == 0
                moments = [v for v in optimizer.variables if v is not optimizer.learning_rate]
                assert not any(support.to_numpy(variable.value).any() for variable in moments)
                assert float(optimizer.learning_rate) == pytest.approx(1e-3)
        fit_growing(gan, 8)
        assert int(support.to_numpy(gan.generator_optimizer.iterations)) == 2

    @pytest.mark.slow
    @pytest.mark.representative
    def test_images_seen_are_read_where_a_phase_can_end(self, monkeypatch):
        reads, follow = [], models.ProgressiveGAN.follow_schedule
        monkeypatch.setattr(
            models.ProgressiveGAN, "follow_schedule", lambda gan: reads.append(follow(gan)) or reads[-1]
        )
        gan = make_growing(schedule=GrowthSchedule(2, 80, 80, batch_size=4))
        watch = _Watch(lambda gan: (gan.phase.level, gan.phase.fading))
        fit_growing(gan, 240, callbacks=[watch])
        # At the start, after the first step, and where each of the two first phases ends.
        assert reads == [0, 4, 80, 160]
        assert watch.seen == [(0, False)] * 20 + [(1, True)] * 20 + [(1, False)] * 21

    @pytest.mark.slow
    @pytest.mark.representative
    def test_a_resumed_run_starts_nothing_anew(self, tmp_path):
        gan = make_growing()
        fit_growing(gan, 20)
        gan.save_weights(tmp_path / "gan.weights.h5")
        again = make_growing()
        again.load_weights(tmp_path / "gan.weights.h5")
        watch = _Watch(lambda gan: int(support.to_numpy(gan.generator_optimizer.iterations)))
        fit_growing(again, 20, callbacks=[watch])
        assert watch.seen == [2, 3, 4, 5, 0, 1]

    @pytest.mark.slow
    def test_batches_of_a_schedule(self):
        pytest.importorskip("tensorflow")
        from keras_genzoo import datasets

        schedule = GrowthSchedule(2, 8, 8, batch_size=[8, 4])
        gan = make_growing(schedule=schedule)
        load = partial(datasets.from_arrays, support.toy_images(16, SHAPE))
        watch = _Watch(lambda gan: int(support.to_numpy(gan.images_seen)))
        gan.fit(schedule.batches(load), callbacks=[watch], verbose=0)
        assert watch.seen == [0, 8, 12, 16, 20, 24]

    @pytest.mark.slow
    def test_several_steps_an_execution(self):
        schedule = GrowthSchedule(2, 16, 8, batch_size=4, steps_per_execution=2)
        one = make_growing(schedule=schedule)
        two = make_growing(schedule=schedule, compile_arguments={"steps_per_execution": 2})
        for gan in (one, two):
            fit_growing(gan, 32)
        assert int(support.to_numpy(two.images_seen)) == 32 and two.phase.level == 1
        for ours, theirs in zip(one.get_weights(), two.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)

    @pytest.mark.slow
    def test_train_on_batch_follows_when_asked(self):
        gan = make_growing()
        for _ in range(3):
            gan.train_on_batch(IMAGES[0][:4])
        assert gan.phase.level == 0
        gan.follow_schedule()
        assert gan.phase.level == 1
        gan.train_on_batch(IMAGES[0][:4])


class TestSampling:
    def test_levels(self):
        gan = make_growing(images_seen=48)
        for level in (0, 1):
            samples = gan.sample(3, seed=0, level=level)
            assert samples.shape == (3, 4 * 2**level, 4 * 2**level, 1)
        np.testing.assert_array_equal(gan.sample(3, seed=0), samples)
        assert make_growing().sample(3, seed=0).shape == (3, 4, 4, 1)

    def test_images_are_clipped(self):
        gan = make_growing(images_seen=48)
        for layer in gan.averaged_network.to_images:
            layer.set_weights([100 * weight for weight in layer.get_weights()])
        samples = gan.sample(4, seed=0)
        assert np.abs(samples).max() == 1

    def test_truncation(self):
        gan = make_growing(images_seen=48)
        none = gan.sample(8, seed=0, truncation=0.0)
        np.testing.assert_allclose(none, np.broadcast_to(none[:1], none.shape), atol=1e-6)
        spread = [gan.sample(64, seed=0, truncation=share).std(0).mean() for share in (0.3, 1.0)]
        assert spread[0] < spread[1]

    @pytest.mark.slow
    @pytest.mark.representative
    @pytest.mark.parametrize("level", [0, 1])
    def test_at_level(self, level):
        gan = make_growing(shape=(16, 16, 1))
        fit_growing(gan, 60)
        part = gan.at_level(level)
        side = 4 * 2**level
        assert part.image_shape == (side, side, 1)
        np.testing.assert_array_equal(part.sample(4, seed=0), gan.sample(4, seed=0, level=level))
        part.compile()
        part.fit(support.toy_images(4, part.image_shape), batch_size=4, verbose=0)

    @pytest.mark.slow
    @pytest.mark.tensorflow
    def test_export(self, tmp_path):
        import tensorflow as tf

        gan = make_growing(images_seen=48)
        for level in (0, 1):
            gan.at_level(level).export(tmp_path / str(level))
            latents = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
            signatures = tf.saved_model.load(tmp_path / str(level)).signatures
            images = signatures["generate"](latents=latents)["images"].numpy()
            expected = support.to_numpy(gan.images_from_latents(latents, level=level))
            np.testing.assert_allclose(images, expected, atol=1e-6)
            assert signatures["sample"](num=2, seed=0)["images"].shape == (2, 4 * 2**level, 4 * 2**level, 1)

    @pytest.mark.slow
    def test_onnx(self, tmp_path):
        runtime = pytest.importorskip("onnxruntime")
        pytest.importorskip("tf2onnx")
        gan = make_growing(images_seen=48)
        gan.export(tmp_path / "gan.onnx", "onnx")
        session = runtime.InferenceSession(tmp_path / "gan.onnx")
        latents = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
        (images,) = session.run(None, {session.get_inputs()[0].name: latents})
        np.testing.assert_allclose(images, support.to_numpy(gan.images_from_latents(latents)), atol=1e-4)

    @pytest.mark.slow
    def test_openvino(self, tmp_path):
        openvino = pytest.importorskip("openvino")
        gan = make_growing(images_seen=48)
        gan.export(tmp_path / "gan.xml", "openvino")
        network = openvino.compile_model(tmp_path / "gan.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        latents = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
        expected = support.to_numpy(gan.images_from_latents(latents))
        np.testing.assert_allclose(network(latents)[0], expected, atol=1e-4)


@pytest.mark.slow
def test_grows_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        gan = make_growing()
    finally:
        keras.config.set_dtype_policy("float32")
    history = fit_growing(gan).history
    assert gan.phase.level == 1
    assert all(np.isfinite(values).all() for values in history.values())
    assert np.isfinite(gan.sample(2, seed=0)).all()


@pytest.mark.slow
def test_resume_in_the_middle_of_a_fade(tmp_path):
    """12 steps of 4 images: 3 at 4x4, 6 in which 8x8 fades in, broken off in the fade and after it."""
    support.check_resume(make_growing_wasserstein, (support.toy_images(16, SHAPE),), tmp_path)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_replicas_grow_like_one_device():
    """Batches of each level's own size, of which each replica takes its part."""
    seen, (one, two) = support.fresh_process(_grow_on_one_and_on_two)
    assert seen == [32, 32]
    support.assert_same_state(two, one, atol=1e-5)


def _grow_on_one_and_on_two():
    from keras_genzoo import datasets

    schedule = GrowthSchedule(2, 16, 16, batch_size=[8, 4])
    load = partial(datasets.from_arrays, support.toy_images(16, SHAPE))
    strategy = support.two_logical_devices()
    one = make_growing(schedule=schedule)
    with strategy.scope():
        two = make_growing(schedule=schedule)
    for gan in (one, two):
        support.give_latents(gan, 8)
        # Two steps at 4x4, four while 8x8 fades in.
        gan.fit(schedule.batches(load).take(6), verbose=0)
    gans = (one, two)
    return [int(gan.images_seen.numpy()) for gan in gans], [support.state_of(gan) for gan in gans]
