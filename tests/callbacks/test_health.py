"""The warnings of a failing training, each by the losses that show it; and what happens when a loss is not finite."""

import math
import re
import warnings

import keras
import numpy as np
import pytest

from keras_genzoo import callbacks, models
from keras_genzoo.callbacks import health, signs
from tests import support
from tests.models import toy_gans

RANDOM = np.random.default_rng(0)
GUESS = 2 * math.log(2)


@pytest.fixture(autouse=True)
def _looks_after_every_step(monkeypatch):
    """What is seen does not depend on when; `TestLooks` has the real distance between two looks."""
    monkeypatch.setattr(health, "LOOK_EVERY", 1)


@pytest.mark.slow_but("generator")
@pytest.mark.parametrize("kind", ["generator", "tf.data"])
def test_data_of_unknown_length_end_an_epoch_at_once(kind):
    """Keras begins a step there that has no end."""
    batches = [(support.toy_images(4, seed=seed),) for seed in range(3)]
    if kind == "generator":
        data = (batch for batch in batches)
    else:
        tf = pytest.importorskip("tensorflow")
        data = tf.data.Dataset.from_tensor_slices(support.toy_images(12)).batch(4).filter(lambda images: True)
    watcher = callbacks.TrainingHealth()
    toy_gans.make_gan().fit(data, callbacks=[watcher], verbose=0)
    assert watcher.step == 3


@pytest.mark.ci
def test_gradient_norms_are_logged_while_it_watches():
    gan = toy_gans.make_gan()
    watched = gan.fit(support.toy_images(), callbacks=[callbacks.TrainingHealth()], verbose=0).history
    assert set(watched) - set(gan.loss_names) == {"discriminator_gradient_norm", "generator_gradient_norm"}
    assert set(gan.fit(support.toy_images(), verbose=0).history) == set(gan.loss_names)


class TestLooks:
    def test_training_does_not_wait_for_the_logs_of_every_step(self, monkeypatch):
        monkeypatch.setattr(health, "LOOK_EVERY", 5)
        looks, look = [], callbacks.TrainingHealth._look
        monkeypatch.setattr(
            callbacks.TrainingHealth, "_look", lambda watcher: looks.append(watcher.step) or look(watcher)
        )
        watcher = callbacks.TrainingHealth()
        toy_gans.make_gan().fit(support.toy_images(48), batch_size=4, callbacks=[watcher], verbose=0)
        # Up to steps 5 and 10, and at the end of the epoch, where TensorFlow's last step comes before.
        assert looks in ([0, 5, 10], [0, 5, 10, 12]) and watcher.step == 12

    @pytest.mark.usefixtures("unchecked_values")
    def test_a_loss_that_is_not_finite_is_found_at_the_next_look(self, monkeypatch):
        monkeypatch.setattr(health, "LOOK_EVERY", 5)
        gan = toy_gans.make_gan()
        start = _weights(gan)
        with pytest.warns(UserWarning, match=r"became nan at step 2 .*weights of step 0 are restored"):
            _fit(gan, callbacks.TrainingHealth(), broken_step=2)
        support.assert_same_state(_weights(gan), start)
        assert gan.stop_training and int(gan.optimizer.iterations) < 12


class TestWarnings:
    def test_the_warning_names_sign_value_step_and_remedy(self):
        watcher = _watcher(toy_gans.make_gan())
        with pytest.warns(
            UserWarning,
            match=r"at step 200 \(epoch 1\): discriminator loss near 0 \(the mean of `discriminator_loss` over 200 "
            r"values is 0.001\).*Arjovsky & Bottou 2017.*Common remedies: add noise.*Salimans et al. 2016",
        ):
            _feed(watcher, discriminator_loss=np.full(200, 1e-3), generator_loss=np.full(200, 6.0))

    def test_a_sign_is_silent_until_the_cooldown_is_over(self):
        watcher = _watcher(toy_gans.make_gan(), cooldown=300)
        assert _signs(watcher, discriminator_loss=np.full(600, 1e-3), generator_loss=np.full(600, 6.0)) == [
            (200, "discriminator loss near 0"),
            (500, "discriminator loss near 0"),
        ]

    def test_losses_of_a_healthy_gan_are_no_sign(self):
        values = {
            "discriminator_loss": 0.6 + 0.1 * RANDOM.normal(size=1000),
            "generator_loss": 1.6 + 0.3 * RANDOM.normal(size=1000),
            "discriminator_gradient_norm": np.full(1000, 50.0),
        }
        assert _signs(_watcher(toy_gans.make_gan()), **values) == []

    def test_generator_wins_over_a_guessing_discriminator(self):
        values = {"discriminator_loss": np.full(200, GUESS), "generator_loss": np.linspace(0.69, 0.1, 200)}
        assert _signs(_watcher(toy_gans.make_gan()), **values) == [(200, "generator wins")]

    def test_unsteady_losses(self):
        values = {"discriminator_loss": np.tile([0.1, 4.0], 100), "generator_loss": np.full(200, 1.0)}
        assert _signs(_watcher(toy_gans.make_gan()), **values) == [(200, "unsteady loss")]

    def test_a_gradient_norm_is_told_at_the_step_that_had_it(self):
        norms = np.array([3.0, 3.0, 150.0, 150.0, 150.0, 150.0])  # the epoch's largest so far
        watcher = _watcher(toy_gans.make_gan(), cooldown=2)
        assert _signs(watcher, generator_gradient_norm=norms) == [(3, "large gradient")]
        watcher.on_epoch_begin(1)
        assert _signs(watcher, generator_gradient_norm=norms) == [(9, "large gradient")]

    def test_an_overflow_that_loss_scaling_skips_is_no_sign(self):
        norms = np.array([3.0, math.inf, math.nan])
        watcher = _watcher(toy_gans.make_gan())
        assert _signs(watcher, generator_gradient_norm=norms) == []
        assert not watcher.model.stop_training

    def test_the_bound_on_gradients_is_not_for_sums_over_pixels(self):
        watcher = _watcher(toy_gans.make_gan())
        assert _signs(watcher, autoencoder_gradient_norm=np.full(3, 5000.0)) == []

    @pytest.mark.parametrize("names", [("critic_loss",), ("discriminator_loss",)])
    def test_a_wasserstein_loss_near_0_is_no_sign(self, names):
        """A critic has neither floor nor ceiling: by the name of its loss, or by the loss of the GAN."""
        watcher = _watcher(toy_gans.make_gan(loss="wasserstein"))
        values = {name: -1e-3 - 1e-5 * RANDOM.normal(size=400) for name in names}
        assert _signs(watcher, **values, generator_loss=np.linspace(5, -5, 400)) == []

    def test_an_unsteady_critic(self):
        watcher = _watcher(toy_gans.make_gan(loss="wasserstein"))
        assert _signs(watcher, critic_loss=np.tile([-1000.0, 900.0], 100)) == [(200, "unsteady loss")]

    def test_a_classifier_is_judged_by_its_one_loss(self):
        watcher = _watcher(_classifier())
        falling = np.linspace(2.3, 0.01, 400) + 0.05 * RANDOM.normal(size=400)
        assert _signs(watcher, loss=falling, accuracy=np.linspace(0, 1, 400)) == []

    def test_an_unsteady_classifier(self):
        assert _signs(_watcher(_classifier()), loss=np.tile([0.1, 8.0], 100)) == [(200, "unsteady loss")]

    def test_an_execution_of_several_steps_gives_one_value(self):
        watcher = _watcher(toy_gans.make_gan())
        with pytest.warns(UserWarning, match="at step 800 .*`discriminator_loss` over 200 values is 0.001"):
            _feed(
                watcher,
                steps_per_execution=4,
                discriminator_loss=np.full(200, 1e-3),
                generator_loss=np.full(200, 6.0),
            )


class TestCollapse:
    def test_to_one_image_against_real_images(self):
        watcher = self._trained_watcher(images=support.toy_images(8), num=8)
        assert _end_epoch(watcher, _noise(8, 8, 8, 1)) == []
        (message,) = _end_epoch(watcher, np.ones((8, 8, 8, 1)) + 1e-3 * _noise(8, 8, 8, 1))
        assert re.search(r"samples look alike .*that of real ones is .*Goodfellow 2016", message)

    def test_to_one_image_against_earlier_epochs(self):
        watcher = self._trained_watcher(num=8)
        for scale in (0.5, 1.0, 0.2):
            assert _end_epoch(watcher, scale * _noise(8, 8, 8, 1)) == []
        (message,) = _end_epoch(watcher, 0.05 * _noise(8, 8, 8, 1))
        assert "in earlier epochs it was up to" in message

    def test_of_points(self):
        watcher = self._trained_watcher(_points_model(), images=_noise(8, 2), num=8)
        assert _end_epoch(watcher, _noise(8, 2)) == []
        assert len(_end_epoch(watcher, 0.01 * _noise(8, 2))) == 1

    def test_is_not_asked_of_a_generator_that_has_hardly_trained(self):
        watcher = _watcher(toy_gans.make_gan(), images=support.toy_images(8), num=8)
        assert _end_epoch(watcher, np.ones((8, 8, 8, 1))) == []

    def test_uint8_images_are_compared_in_the_range_of_samples(self):
        images = support.toy_images(8)
        as_bytes = np.rint((images + 1) * 127.5).astype("uint8")
        diversities = [callbacks.TrainingHealth(x, num=8)._real_diversity for x in (images, as_bytes)]
        assert diversities[0] == pytest.approx(diversities[1], rel=1e-2)

    def test_samples_of_a_conditional_model_have_its_labels_in_turn(self):
        watcher = self._trained_watcher(toy_gans.make_gan(num_classes=3), num=5)
        asked = []
        watcher.model.sample = lambda num, seed, labels: asked.append(list(labels)) or _noise(num, 8, 8, 1)
        watcher.on_epoch_end(0)
        assert asked == [[0, 1, 2, 0, 1]]

    @pytest.mark.slow
    def test_a_real_gan_and_a_classifier_go_through(self, monkeypatch):
        monkeypatch.setattr(signs, "WINDOW", 4)
        gan = toy_gans.make_gan()
        watcher = callbacks.TrainingHealth(num=8)
        gan.fit(support.toy_images(8), batch_size=4, epochs=2, callbacks=[watcher], verbose=0)
        assert watcher.step == 4
        watcher = callbacks.TrainingHealth()
        _classifier().fit(
            support.toy_images(8), support.toy_labels(8), batch_size=4, callbacks=[watcher], verbose=0
        )
        assert watcher.step == 2

    def _trained_watcher(self, model=None, **arguments):
        watcher = _watcher(model or toy_gans.make_gan(), **arguments)
        watcher.step = signs.WINDOW
        return watcher


@pytest.mark.usefixtures("unchecked_values")
class TestNotFinite:
    """A step whose images are not finite makes every loss NaN, and then every weight."""

    def test_training_stops_and_the_last_good_weights_are_back(self):
        gan, copies = _fit_until_broken(step=6, snapshot_every=2)
        # Those of step 4 gave the finite losses of step 5.
        support.assert_same_state(_weights(gan), copies[4])

    def test_weights_that_no_later_loss_has_proved_are_not_good(self):
        """Step 5 breaks with the weights of step 4 untested by a loss."""
        gan, copies = _fit_until_broken(step=5, snapshot_every=2)
        support.assert_same_state(_weights(gan), copies[2])

    @pytest.mark.slow
    def test_before_the_first_snapshot_the_weights_of_the_start_are_back(self):
        gan, copies = _fit_until_broken(step=1, snapshot_every=2)
        support.assert_same_state(_weights(gan), copies[0])

    @pytest.mark.slow
    def test_the_average_and_the_history_come_back_too(self):
        gan, copies = _fit_until_broken(step=6, snapshot_every=2, average_decay=0.9, history_size=8)
        assert all(np.isfinite(value).all() for value in _weights(gan).values())
        support.assert_same_state(_weights(gan), copies[4])

    @pytest.mark.slow
    def test_the_message_says_which_loss_and_both_steps(self):
        with pytest.warns(
            UserWarning,
            match=r"`discriminator_loss` became nan at step 6 \(epoch 1\)\. Training stops, and the weights of "
            "step 4 are restored.*lower the learning rates.*call `compile`",
        ):
            _fit(toy_gans.make_gan(), callbacks.TrainingHealth(snapshot_every=2), broken_step=6)

    @pytest.mark.slow
    def test_the_step_of_an_execution_is_its_last(self):
        gan = toy_gans.make_gan({"steps_per_execution": 4})
        with pytest.warns(UserWarning, match=r"became nan at step 8 .*weights of step 0 are restored"):
            _fit(gan, callbacks.TrainingHealth(snapshot_every=1), broken_step=6)

    @pytest.mark.ci
    def test_after_compile_the_model_trains_on(self):
        gan, _ = _fit_until_broken(step=6, snapshot_every=2)
        gan.compile()
        history = gan.fit(
            support.toy_images(8), batch_size=4, callbacks=[callbacks.TrainingHealth()], verbose=0
        )
        assert np.isfinite(history.history["generator_loss"]).all()

    def test_a_weight_that_is_not_finite_behind_finite_losses_is_never_kept(self):
        """NaN can get lost in a ReLU: then it shows when the weights are copied."""
        watcher = _watcher(_classifier(), snapshot_every=2)
        good = watcher.model.get_weights()
        _feed(watcher, loss=[1.0])
        watcher.model.set_weights([np.full_like(good[0], np.nan), *good[1:]])
        with pytest.warns(UserWarning, match=r"A weight .* at step 2 .*weights of step 0 are restored"):
            _feed(watcher, loss=[1.0])
        assert watcher.model.stop_training
        np.testing.assert_array_equal(watcher.model.get_weights()[0], good[0])

    @pytest.mark.slow
    def test_a_classifier_is_stopped_too(self):
        classifier, watcher = _classifier(), callbacks.TrainingHealth(snapshot_every=1)
        with pytest.warns(UserWarning, match=r" at step 3 .*weights of step [12] are restored"):
            classifier.fit(_batches(3, labels=True), steps_per_epoch=6, callbacks=[watcher], verbose=0)
        assert all(np.isfinite(weight).all() for weight in classifier.get_weights())

    @pytest.mark.slow_but("False", ci=True)
    @pytest.mark.parametrize("health_first", [True, False])
    def test_with_a_backup_in_either_order(self, tmp_path, health_first):
        """The backup ends the training by its own error, and holds nothing that is not finite."""
        gan, copies = toy_gans.make_gan(), {}
        backup = callbacks.Backup(tmp_path, every=4)
        watchers = [callbacks.TrainingHealth(snapshot_every=2), backup]
        with (
            pytest.warns(UserWarning, match=r"step 6 .*weights of step 4 are restored"),
            pytest.raises(
                FloatingPointError, match=r"not finite after 6 steps. The backup of step 4 is kept"
            ),
        ):
            _fit(gan, *watchers[:: 1 if health_first else -1], _Copies(copies), broken_step=6)
        support.assert_same_state(_weights(gan), copies[4])
        loaded = toy_gans.make_gan()
        callbacks.Backup(tmp_path).restore(loaded)
        support.assert_same_state(_weights(loaded), copies[4])

    @pytest.mark.slow
    def test_with_a_backup_that_is_due_at_the_broken_step(self, tmp_path):
        gan, copies = toy_gans.make_gan(), {}
        watchers = [
            callbacks.TrainingHealth(snapshot_every=1),
            _Copies(copies),
            callbacks.Backup(tmp_path, every=3),
        ]
        with (
            pytest.warns(UserWarning, match="weights of step 4 are restored"),
            pytest.raises(FloatingPointError, match="backup of step 3 is kept"),
        ):
            _fit(gan, *watchers, broken_step=6)
        support.assert_same_state(_weights(gan), copies[4])

    @pytest.mark.slow
    def test_a_run_resumed_by_a_backup_is_watched_on(self, tmp_path):
        def run(epochs):
            backup, watcher = callbacks.Backup(tmp_path), callbacks.TrainingHealth()
            backup.fit(
                toy_gans.make_gan(),
                lambda step: _batches(),
                steps_per_epoch=2,
                epochs=epochs,
                callbacks=[watcher],
                verbose=0,
            )
            return backup.step, watcher.step

        assert run(epochs=1) == (2, 2)
        assert run(epochs=2) == (4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num": 1}, r"`num` must be at least 2. Received: num=1"),
        ({"snapshot_every": 0}, r"`snapshot_every` must be at least 1. Received: snapshot_every=0"),
        ({"cooldown": 0}, r"`cooldown` must be at least 1. Received: cooldown=0"),
        (
            {"images": np.zeros((1, 8, 8, 1))},
            r"`images` must contain at least 2 .*Received: shape \(1, 8, 8, 1\)",
        ),
        ({"images": np.zeros((8, 8, 1))}, r"`images` must contain at least 2 .*Received: shape \(8, 8, 1\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        callbacks.TrainingHealth(**arguments)


def test_images_of_another_shape_than_the_models_are_refused():
    with pytest.raises(ValueError, match=r"shape \(num, 8, 8, 1\) of this model's images.*\(num, 4, 4, 1\)"):
        _watcher(toy_gans.make_gan(), images=support.toy_images(4, (4, 4, 1)))


def _classifier():
    classifier = models.Classifier((8, 8, 1), 3, filters=(2, 2, 2), feature_dim=4)
    classifier.compile()
    return classifier


def _points_model():
    gan = models.GAN((2,), 2)
    gan.compile()
    return gan


def _watcher(model, **arguments):
    """The callback as `fit` has it at the first batch, with nothing trained."""
    watcher = callbacks.TrainingHealth(**arguments)
    watcher.set_model(model)
    watcher.on_train_begin()
    watcher.on_epoch_begin(0)
    return watcher


def _end_epoch(watcher, samples):
    """Ends an epoch in which the model came to make these samples."""
    watcher.model.sample = lambda num, seed, labels: samples
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        watcher.on_epoch_end(0)
    return [str(warning.message) for warning in caught]


def _feed(watcher, steps_per_execution=1, **values):
    """Tells the callback of values as `fit` does: losses by their mean since the epoch's start."""
    logs = {
        name: series if name.endswith("_norm") else np.cumsum(series) / np.arange(1, len(series) + 1)
        for name, series in values.items()
    }
    for execution in range(len(next(iter(values.values())))):
        first = execution * steps_per_execution
        watcher.on_train_batch_begin(first)
        watcher.on_train_batch_end(
            first + steps_per_execution - 1, {name: series[execution] for name, series in logs.items()}
        )


def _signs(watcher, **values):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        _feed(watcher, **values)
    messages = [str(warning.message) for warning in caught]
    return [
        (int(message.split(" at step ")[1].split()[0]), message.split("): ")[1].split(" (")[0])
        for message in messages
        if message.startswith("Sign of failing training")
    ]


def _noise(*shape):
    return np.random.default_rng(1).normal(size=shape)


def _batches(broken_step=None, labels=False):
    """Endless; a generator, whose images no check has seen."""
    step = 0
    while True:
        step += 1
        images = support.toy_images(4, seed=step) * np.float32(np.nan if step == broken_step else 1)
        yield (images, support.toy_labels(4)) if labels else (images,)


def _fit(gan, *watchers, broken_step):
    gan.fit(_batches(broken_step), steps_per_epoch=12, callbacks=list(watchers), verbose=0)


def _fit_until_broken(step, snapshot_every, **arguments):
    """Returns the model and what its weights were after each step, step 0 before the first."""
    gan, copies = toy_gans.make_gan(**arguments), {}
    watcher = callbacks.TrainingHealth(snapshot_every=snapshot_every)
    with pytest.warns(UserWarning, match=f"at step {step} "):
        _fit(gan, watcher, _Copies(copies), broken_step=step)
    assert gan.stop_training and watcher.step == step
    return gan, copies


class _Copies(keras.callbacks.Callback):
    """Copies the weights after every step."""

    def __init__(self, copies):
        super().__init__()
        self.copies = copies

    def on_train_begin(self, logs=None):
        self.copies[0] = _weights(self.model)

    def on_train_batch_end(self, batch, logs=None):
        self.copies[batch + 1] = _weights(self.model)


def _weights(model):
    return {f"{index} {weight.path}": np.array(weight) for index, weight in enumerate(model.weights)}


@pytest.mark.slow
@pytest.mark.tensorflow
def test_it_watches_two_replicas():
    logs = support.fresh_process(_fit_on_two_replicas)
    assert {"discriminator_gradient_norm", "generator_gradient_norm"} <= set(logs)
    assert all(np.isfinite(value).all() for value in logs.values())


def _fit_on_two_replicas():
    import tensorflow as tf

    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        gan = toy_gans.make_gan()
    watcher = callbacks.TrainingHealth(snapshot_every=1)
    return gan.fit(support.toy_images(), batch_size=8, epochs=2, callbacks=[watcher], verbose=0).history
