"""What every family inherits, shown on the smallest GAN."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops
from toy_gans import make_dropout_gan, make_gan, make_plain_gan

from keras_genzoo import models, networks
from tests import support
from tests.support.toys import kinds_of_data


def test_one_label_stands_for_all():
    gan = make_gan(num_classes=3)
    twos = gan.sample(4, seed=0, labels=2)
    np.testing.assert_array_equal(twos, gan.sample(4, seed=0, labels=[2, 2, 2, 2]))
    np.testing.assert_array_equal(twos, gan.sample(seed=0, labels=np.full(4, 2)))
    assert (twos != gan.sample(4, seed=0, labels=1)).any()


class TestAverage:
    """`averaged += (1 - decay) (trained - averaged)` after every step; buffers are copied."""

    @pytest.mark.slow_but("decay")
    @pytest.mark.parametrize(
        ("arguments", "decay"),
        [({"average_decay": 0.9}, 0.9), ({"average_half_life": 20.0}, 0.5 ** (8 / 20))],
        ids=["decay", "half_life"],
    )
    def test_formula(self, arguments, decay):
        gan = make_gan({"generator_optimizer": keras.optimizers.SGD(1.0)}, **arguments)
        expected = gan.generator.get_weights()
        for _ in range(3):
            gan.train_on_batch(support.toy_images(8))
            for index, (variable, weight) in enumerate(
                zip(gan.generator.weights, gan.generator.get_weights(), strict=True)
            ):
                keep = decay if variable.trainable else 0.0
                expected[index] = keep * expected[index] + (1 - keep) * weight
        for average, value, trained in zip(
            gan.averaged_network.get_weights(), expected, gan.generator.get_weights(), strict=True
        ):
            np.testing.assert_allclose(average, value, atol=1e-6)
            assert value.shape == trained.shape
        assert any(
            (average != trained).any()
            for average, trained in zip(
                gan.averaged_network.get_weights(), gan.generator.get_weights(), strict=True
            )
        )

    def test_the_average_is_what_samples(self):
        gan = self._trained_gan()
        latents = np.ones((2, 4), "float32")
        expected = ops.convert_to_numpy(gan.averaged_network(latents, training=False))
        np.testing.assert_allclose(gan.sample(latents=latents), expected, atol=1e-6)
        assert np.abs(expected - ops.convert_to_numpy(gan.generator(latents, training=False))).max() > 1e-4

    def test_a_network_is_its_average_in_inference(self):
        gan = make_gan(average_decay=0.9)
        assert gan.network_of("generator") is gan.sampling_network is gan.averaged_generator
        assert gan.network_of("generator", training=True) is gan.generator
        assert gan.network_of("discriminator") is gan.discriminator
        assert make_gan().sampling_network.name == "generator"

    def test_a_preset_holds_the_average_and_training_goes_on_from_it(self, tmp_path):
        gan = self._trained_gan()
        gan.save_to_preset(tmp_path / "gan")
        loaded = models.GAN.from_preset(tmp_path / "gan")
        for network in (loaded.generator, loaded.averaged_network):
            for weight, average in zip(
                network.get_weights(), gan.averaged_network.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(weight, average)

    def test_the_average_belongs_to_no_player(self):
        gan = make_gan(average_decay=0.9)
        averaged = {id(variable) for variable in gan.averaged_network.variables}
        assert not gan.averaged_network.trainable_variables
        assert not averaged & {id(v) for player in gan.players for v in gan.variables_of(player)}

    def _trained_gan(self):
        gan = make_gan({"generator_optimizer": keras.optimizers.SGD(1.0)}, average_decay=0.9)
        gan.train_on_batch(support.toy_images(8))
        return gan


class TestCompile:
    def test_a_given_optimizer_replaces_only_its_player_s(self):
        gan = make_gan({"discriminator_optimizer": keras.optimizers.SGD(0.1)})
        assert isinstance(gan.optimizers["discriminator"], keras.optimizers.SGD)
        assert isinstance(gan.optimizers["generator"], keras.optimizers.Adam)

    def test_optimizers_are_built_and_there_is_no_hidden_one(self):
        gan = make_gan()
        assert all(optimizer.built for optimizer in gan.optimizers.values())
        # Two moments a variable, learning rate and iterations: nothing of a third optimizer.
        players = sum(2 * len(gan.variables_of(player)) + 2 for player in gan.players)
        assert len(gan.optimizer.variables) == players

    def test_the_compile_config_holds_the_optimizers_of_each_player(self):
        optimizers = {
            "generator_optimizer": keras.optimizers.RMSprop(4e-4),
            "discriminator_optimizer": keras.optimizers.SGD(8e-4, momentum=0.9),
        }
        support.check_compile_config(partial(make_gan, {**optimizers, "steps_per_execution": 3}))

    def test_use_ema_is_refused(self):
        with pytest.raises(
            ValueError, match=r"`generator_optimizer` has `use_ema=True`.*Use the model's `average_decay`"
        ):
            make_gan({"generator_optimizer": keras.optimizers.Adam(use_ema=True)})

    def test_one_optimizer_for_two_players_is_refused(self):
        optimizer = keras.optimizers.Adam()
        with pytest.raises(
            ValueError, match=r"`generator_optimizer`, `discriminator_optimizer` must be a separate object"
        ):
            make_gan({f"{player}_optimizer": optimizer for player in models.GAN.players})

    def test_arguments_of_keras_compile_that_mean_nothing_here_are_refused(self):
        with pytest.raises(
            TypeError, match=r"no argument `loss`. The loss is part of the model.*`generator_opt"
        ):
            make_gan({"loss": "mse"})


class TestFit:
    def test_epoch_logs_are_means_over_the_epoch(self):
        losses = []
        watcher = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: losses.append(dict(logs))
        )
        gan = make_gan()
        history = gan.fit(support.toy_images(24), batch_size=8, verbose=0, callbacks=[watcher]).history
        # The logs of a batch are the epoch's mean so far: the last one is the epoch's.
        for name in ("discriminator_loss", "generator_loss"):
            assert history[name] == [pytest.approx(losses[-1][name])]
            assert len({float(loss[name]) for loss in losses}) == 3

    @pytest.mark.slow
    def test_steps_per_execution_changes_no_weight(self):
        four_at_once, one_by_one = make_gan({"steps_per_execution": 4}), make_gan()
        for gan in (four_at_once, one_by_one):
            gan.fit(support.toy_images(32), batch_size=4, shuffle=False, verbose=0)
            assert int(gan.generator_optimizer.iterations) == 8
        support.assert_same_state(support.state_of(four_at_once), support.state_of(one_by_one), atol=1e-5)

    @pytest.mark.slow
    def test_jit_compile_changes_no_weight_on_one_device(self):
        states = []
        for jit_compile in (True, False):
            optimizers = {f"{player}_optimizer": keras.optimizers.SGD(0.1) for player in models.GAN.players}
            gan = make_gan({**optimizers, "jit_compile": jit_compile}, average_decay=0.9)
            # Given: XLA draws other numbers than TensorFlow's own kernels do.
            gan.draw_latents = lambda num: ops.reshape(
                ops.cos(ops.arange(num * 4, dtype="float32")), (num, 4)
            )
            gan.fit(support.toy_images(16), batch_size=8, shuffle=False, verbose=0)
            assert gan.jit_compile is jit_compile
            states.append(support.state_of(gan))
        support.assert_same_state(*states, atol=1e-5)

    def test_fine_tuning_starts_from_the_preset(self, tmp_path):
        make_gan().save_to_preset(tmp_path / "gan")
        gan = models.GAN.from_preset(tmp_path / "gan")
        before = {name: network.get_weights() for name, network in gan.networks.items()}
        for name, network in make_gan().networks.items():
            for loaded, saved in zip(before[name], network.get_weights(), strict=True):
                np.testing.assert_array_equal(loaded, saved)
        gan.compile()
        gan.fit(support.toy_images(8), verbose=0)
        for name, network in gan.networks.items():
            for variable, old in zip(network.weights, before[name], strict=True):
                assert (ops.convert_to_numpy(variable.value) != old).any(), variable.path

    @pytest.mark.slow
    def test_the_seed_makes_a_run_repeatable(self):
        first, second, other = make_gan(), make_gan(), make_gan(seed=2)
        for gan in (first, second, other):
            gan.fit(support.toy_images(8), shuffle=False, verbose=0)
        support.assert_same_state(support.state_of(first), support.state_of(second))
        assert (first.generator.get_weights()[0] != other.generator.get_weights()[0]).any()


class TestGradientNorms:
    """With plain gradient descent the norm is that of the weights' change, divided by the learning rate."""

    players = ("discriminator", "generator")

    def _norms_of_change(self, gan, before):
        return {
            f"{player}_gradient_norm": np.sqrt(
                sum(((old - new) ** 2).sum() for old, new in zip(before[player], after, strict=True))
            )
            / 0.1
            for player, after in self._weights(gan).items()
        }

    def _weights(self, gan):
        return {player: gan.networks[player].get_weights() for player in self.players}

    def test_of_one_step(self):
        gan = make_plain_gan("sgd", 0.1)
        gan.track_gradient_norms()
        before = self._weights(gan)
        history = gan.fit(support.toy_images(8), batch_size=8, verbose=0).history
        for name, norm in self._norms_of_change(gan, before).items():
            assert history[name] == [pytest.approx(norm, rel=1e-3)]

    @pytest.mark.ci
    def test_the_largest_of_an_epoch(self):
        images = support.toy_images(24)
        by_epoch, by_step = (make_plain_gan("sgd", 0.1) for _ in range(2))
        by_epoch.track_gradient_norms()
        history = by_epoch.fit(images, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        steps = []
        for part in (*np.split(images, 3), *np.split(images, 3)):
            before = self._weights(by_step)
            by_step.train_on_batch(part)
            steps.append(self._norms_of_change(by_step, before))
        for name in steps[0]:
            norms = [step[name] for step in steps]
            assert history[name] == pytest.approx([max(norms[:3]), max(norms[3:])], rel=1e-3)

    @pytest.mark.slow
    def test_on_a_model_that_has_been_fitted(self):
        gan, images = make_gan(), support.toy_images(8)
        names = {f"{player}_gradient_norm" for player in self.players}
        assert not names & set(gan.fit(images, verbose=0).history)
        gan.track_gradient_norms()
        gan.track_gradient_norms()  # changes nothing more
        assert names < set(gan.fit(images, verbose=0).history)

    @pytest.mark.slow
    def test_evaluation_has_none(self):
        gan, images = make_gan(), support.toy_images(8)
        gan.track_gradient_norms()
        gan.fit(images, validation_data=images, verbose=0)
        assert set(gan.evaluate(images, verbose=0, return_dict=True)) == set(gan.loss_names)

    @pytest.mark.slow
    def test_changes_no_weight(self):
        tracked, plain = make_gan(), make_gan()
        tracked.track_gradient_norms()
        for gan in (tracked, plain):
            gan.fit(support.toy_images(16), batch_size=8, shuffle=False, verbose=0)
        for player, weights in self._weights(tracked).items():
            for actual, expected in zip(weights, plain.networks[player].get_weights(), strict=True):
                np.testing.assert_allclose(actual, expected, atol=1e-6)

    @pytest.mark.slow
    def test_loss_scaling_is_taken_out(self):
        plain, wrapped = make_plain_gan("sgd", 0.1), make_plain_gan("sgd", 0.1)
        wrapped.compile(*(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)) for _ in range(2)))
        logs = []
        for gan in (plain, wrapped):
            gan.track_gradient_norms()
            logs.append(gan.train_on_batch(support.toy_images(8), return_dict=True))
        for player in self.players:
            name = f"{player}_gradient_norm"
            assert logs[1][name] == pytest.approx(logs[0][name], rel=1e-4) and logs[0][name] > 0


class TestEvaluate:
    @pytest.mark.ci
    def test_losses_are_those_of_the_sampling_network_in_inference(self):
        gan = make_dropout_gan()
        images, labels = support.toy_images(8), support.toy_labels(8)
        gan.train_on_batch(images, labels)
        latents = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
        gan.draw_latents = lambda num: ops.convert_to_tensor(latents)
        logs = gan.evaluate(images, labels, verbose=0, return_dict=True)

        images, labels, latents = map(ops.convert_to_tensor, (images, labels, latents))
        fakes = gan.averaged_network([latents, labels], training=False)
        real_logits, fake_logits = (gan.discriminator([x, labels], training=False) for x in (images, fakes))
        expected = float(gan.adversarial_loss.discriminator(real_logits, fake_logits))
        assert logs["discriminator_loss"] == pytest.approx(expected, abs=1e-5)
        expected = float(gan.adversarial_loss.generator(fake_logits))
        assert logs["generator_loss"] == pytest.approx(expected, abs=1e-5)
        assert set(logs) == {"discriminator_loss", "generator_loss"}

    def test_no_weight_changes(self):
        gan = make_dropout_gan()
        before = support.state_of(gan)
        gan.evaluate(support.toy_images(8), support.toy_labels(8), verbose=0)
        after = support.state_of(gan)
        assert {name for name in before if (before[name] != after[name]).any()} <= {
            name for name in before if name.endswith("seed_generator_state")
        }


class TestMixedPrecision:
    @pytest.fixture(autouse=True)
    def _restored_policy(self):
        yield
        keras.config.set_dtype_policy("float32")

    @pytest.mark.slow
    def test_loss_scaling_leaves_the_step_as_it_is(self):
        """In networks of float32, the scaled loss and the unscaled gradients cancel."""
        plain, wrapped = make_plain_gan("sgd", 0.1), make_plain_gan("sgd", 0.1)
        wrapped.compile(*(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)) for _ in range(2)))
        for gan in (plain, wrapped):
            gan.train_on_batch(support.toy_images(8))
        for name, network in plain.networks.items():
            for expected, actual in zip(
                network.get_weights(), getattr(wrapped, name).get_weights(), strict=True
            ):
                np.testing.assert_allclose(actual, expected, atol=1e-5)

    def test_the_networks_precision_decides_whether_the_loss_is_scaled(self, tmp_path):
        make_gan().save_to_preset(tmp_path / "gan")
        plain = make_plain_gan()
        keras.config.set_dtype_policy("mixed_float16")
        loaded = models.GAN.from_preset(tmp_path / "gan")
        own = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
        loaded.compile(generator_optimizer=own)
        assert loaded.generator_optimizer is own  # not scaled twice
        assert isinstance(loaded.discriminator_optimizer, keras.optimizers.LossScaleOptimizer)
        plain.compile()  # made in float32
        scaled = [isinstance(o, keras.optimizers.LossScaleOptimizer) for o in plain.optimizers.values()]
        assert scaled == [False, False]

    @pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
    def test_config_holds_no_precision(self, policy):
        keras.config.set_dtype_policy(policy)
        assert "dtype" not in make_gan().get_config()


class TestSeedsInWeightFiles:
    @pytest.mark.slow
    def test_noise_goes_on_where_it_was_saved(self, tmp_path):
        saved = make_dropout_gan()
        saved.train_on_batch(support.toy_images(8), support.toy_labels(8))
        saved.save_weights(tmp_path / "gan.weights.h5")
        loaded = make_dropout_gan(seed=99)
        loaded.load_weights(tmp_path / "gan.weights.h5")
        np.testing.assert_array_equal(
            ops.convert_to_numpy(loaded.draw_latents(3)), ops.convert_to_numpy(saved.draw_latents(3))
        )


class TestDatasets:
    @pytest.mark.tensorflow
    def test_datasets_are_checked_too(self):
        import tensorflow as tf

        nothing = tf.data.Dataset.from_tensor_slices(support.toy_images(8)).batch(16, drop_remainder=True)
        self._assert_refused(
            make_gan(), r"`x` is empty: the dataset has no batch. With `drop_remainder=", nothing
        )
        unlabelled = tf.data.Dataset.from_tensor_slices(support.toy_images(8)).batch(4)
        self._assert_refused(make_gan(num_classes=3), r"`y` is missing", unlabelled)

    def _assert_refused(self, gan, message, *data, **arguments):
        before = support.state_of(gan)
        with pytest.raises(ValueError, match=message):
            gan.fit(*data, verbose=0, **arguments)
        support.assert_same_state(support.state_of(gan), before)

    def test_a_generator_may_yield_images_alone(self):
        gan = make_gan()
        batches = (support.toy_images(4, seed=seed) for seed in range(2))
        gan.fit(batches, steps_per_epoch=2, verbose=0)
        assert int(gan.optimizer.iterations) == 2

    @pytest.mark.slow_but("generator")
    @pytest.mark.parametrize("kind", kinds_of_data())
    def test_later_labels_of_uint8_are_checked(self, kind):
        images, labels = support.toy_images(4), np.uint8([0, 1, 2, 0])
        batches = [(images, labels), (images, np.full(4, 77, "uint8"))]
        with pytest.raises(ValueError, match=r"`y` must be from 0 to 2. Received labels from 77 to 77"):
            make_gan(num_classes=3).fit(kinds_of_data()[kind](batches), verbose=0)


def _make_point_gan(**arguments):
    keras.utils.set_random_seed(0)
    own = {
        "generator": networks.MLPGenerator(3, (2,), (4,)),
        "discriminator": networks.MLPDiscriminator((2,), (4,)),
    }
    gan = models.GAN(**{**own, "seed": 1, **arguments})
    gan.compile()
    return gan


class TestPoints:
    """A model with `image_shape=(num_features,)`."""

    def test_have_any_range(self):
        gan = _make_point_gan()
        points = np.random.default_rng(0).normal(100, 20, (16, 2)).astype("float32")
        unpacked, _ = gan.unpack((points,))
        np.testing.assert_array_equal(ops.convert_to_numpy(unpacked), points)
        history = gan.fit(points, batch_size=8, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        gan.evaluate(np.abs(points), verbose=0)

    def test_are_sampled_as_rows(self):
        gan = _make_point_gan()
        gan.generator.get_layer("points").bias.assign([50.0, -50.0])
        points = gan.sample(5, seed=0)
        assert (points.shape, points.dtype) == ((5, 2), np.float32)
        assert points[:, 0].min() > 1 and points[:, 1].max() < -1
        np.testing.assert_allclose(gan.sample(3, seed=0), points[:3], atol=1e-5)

    def test_default_networks(self):
        gan = models.GAN(image_shape=(5,), latent_dim=3)
        assert isinstance(gan.generator, networks.MLPGenerator)
        assert gan.generator.output_shape == (None, 5) and gan.discriminator.input_shape == (None, 5)
