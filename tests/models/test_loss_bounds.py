"""`loss_bounds`: the player whose loss is above its bound is trained."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops
from test_stylegan2 import make_stylegan2
from toy_gans import make_dropout_gan, make_gan, make_linear_gan

from keras_genzoo import models
from tests import support

BOUNDS = {"discriminator": 1.35, "generator": 0.7}
NUM_STEPS, BATCH = 24, 6
PLAYERS = ("discriminator", "generator")


def make_bounded_gan(bounds=BOUNDS, steps_per_execution=1, **arguments):
    """Two linear networks of fixed weights, trained by Adam."""
    gan = make_linear_gan(loss_bounds=bounds, seed=1, **arguments)
    rng = np.random.default_rng(0)
    for network in gan.networks.values():
        network.set_weights([rng.normal(0, 0.3, weight.shape) for weight in network.get_weights()])
    optimizers = (keras.optimizers.Adam(0.05, epsilon=1e-7) for _ in range(2))
    gan.compile(*optimizers, steps_per_execution=steps_per_execution)
    return gan


def _images():
    return np.random.default_rng(2).uniform(-1, 1, (NUM_STEPS * BATCH, 2, 2, 1)).astype("float32")


def _trained(gan):
    latents = _latents()
    gan.draw_latents = lambda num: ops.convert_to_tensor(latents)
    return gan.fit(_images(), batch_size=BATCH, shuffle=False, verbose=0).history


def _latents():
    return np.random.default_rng(1).normal(size=(BATCH, 3)).astype("float32")


class _Adam:
    """Adam in NumPy, which counts only the updates it is asked for."""

    def __init__(self):
        self.count, self.first, self.second = 0, [0.0, 0.0], [0.0, 0.0]

    def update(self, weights, gradients):
        self.count += 1
        self.first = [0.9 * m + 0.1 * g for m, g in zip(self.first, gradients, strict=True)]
        self.second = [0.999 * v + 0.001 * g**2 for v, g in zip(self.second, gradients, strict=True)]
        rate = 0.05 * np.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        return [
            weight - rate * m / (np.sqrt(v) + 1e-7)
            for weight, m, v in zip(weights, self.first, self.second, strict=True)
        ]


def _restated(gan, bounds):
    """The training in NumPy; returns the weights of both players and, for each, which steps trained it."""
    weights = {player: gan.networks[player].get_weights() for player in PLAYERS}
    adams, trained = {player: _Adam() for player in PLAYERS}, {player: [] for player in PLAYERS}
    latents = _latents()

    def step(player, loss, gradients):
        trained[player].append(loss > bounds.get(player, -np.inf))
        if trained[player][-1]:
            weights[player] = adams[player].update(weights[player], gradients)

    for images in np.split(_images(), NUM_STEPS):
        real, fake = images.reshape(BATCH, 4), latents @ weights["generator"][0] + weights["generator"][1]
        v, c = weights["discriminator"]
        real_logits, fake_logits = real @ v + c, fake @ v + c
        loss = np.logaddexp(0, -real_logits).mean() + np.logaddexp(0, fake_logits).mean()
        slopes = (-_sigmoid(-real_logits), _sigmoid(fake_logits))
        step(
            "discriminator",
            loss,
            [(real.T @ slopes[0] + fake.T @ slopes[1]) / BATCH, (slopes[0] + slopes[1]).mean(0)],
        )
        v, c = weights["discriminator"]
        logits = fake @ v + c
        slope = -_sigmoid(-logits) @ v.T / BATCH
        step("generator", np.logaddexp(0, -logits).mean(), [latents.T @ slope, slope.sum(0)])
    return weights, trained


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.compiled
@pytest.mark.parametrize("steps_per_execution", [1, 3])
@pytest.mark.parametrize(
    "bounds", [BOUNDS, {"discriminator": 1.3}, {"generator": 0.8}], ids=["both", "discriminator", "generator"]
)
def test_a_player_within_its_bound_is_left_as_it_is(bounds, steps_per_execution):
    gan = make_bounded_gan(bounds, steps_per_execution)
    expected, trained = _restated(gan, bounds)
    history = _trained(gan)
    for player in PLAYERS:
        for actual, weight in zip(gan.networks[player].get_weights(), expected[player], strict=True):
            np.testing.assert_allclose(actual, weight, atol=2e-5)
        assert int(gan.optimizers[player].iterations) == sum(trained[player])
        if player in bounds:
            assert 3 < sum(trained[player]) < NUM_STEPS - 3
            assert history[f"{player}_updates"] == [pytest.approx(np.mean(trained[player]))]
    assert {name for name in history if name.endswith("_updates")} == {f"{each}_updates" for each in bounds}
    assert int(gan.optimizer.iterations) == NUM_STEPS


def test_bounds_below_every_loss_change_nothing():
    plain, bounded = make_gan(), make_gan(loss_bounds=dict.fromkeys(PLAYERS, -1e9))
    for gan in (plain, bounded):
        gan.fit(support.toy_images(16), batch_size=8, shuffle=False, verbose=0)
    for player in PLAYERS:
        for actual, expected in zip(
            bounded.networks[player].get_weights(), plain.networks[player].get_weights(), strict=True
        ):
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.slow
def test_loss_scaling_is_of_no_account():
    bounded, scaled = (make_bounded_gan() for _ in range(2))
    scaled.compile(
        *(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05, epsilon=1e-7)) for _ in range(2))
    )
    for gan in (bounded, scaled):
        _trained(gan)
    for actual, expected in zip(scaled.get_weights(), bounded.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_the_bounds_are_not_for_regularizers():
    """R1 and path length of StyleGAN2 are updates of their own."""
    gan = make_stylegan2(loss_bounds=dict.fromkeys(PLAYERS, 1e9), r1_interval=1, path_length_interval=1)
    history = gan.fit(support.toy_images(8), batch_size=4, verbose=0).history
    assert [history[f"{player}_updates"] for player in PLAYERS] == [[0.0], [0.0]]
    assert [int(gan.optimizers[player].iterations) for player in PLAYERS] == [2, 2]
    assert int(gan.optimizer.iterations) == 2


@pytest.mark.ci
@pytest.mark.slow
@pytest.mark.tensorflow
def test_replicas_decide_by_the_mean_of_their_losses():
    images = np.concatenate([np.full((4, 2, 2, 1), value, "float32") for value in (0.9, -0.9)])
    gan = make_bounded_gan()
    fakes = gan.generator(np.array(gan.latent.from_seed(8, seed=5)))
    halves = [float(gan.discriminator_loss(images[half], fakes[half])) for half in (slice(4), slice(4, None))]
    bound = sum(halves) / 2 - 0.01
    assert min(halves) < bound < max(halves)
    make_model = partial(make_bounded_gan, {"discriminator": bound, "generator": 0.7})
    support.check_replicas_equal_one_device(make_model, (images,), steps=6)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_workers_decide_alike():
    support.check_two_workers(partial(make_bounded_gan, BOUNDS), (_images()[:8],), steps=4)


@pytest.mark.ci
@pytest.mark.slow
def test_a_resumed_run_decides_as_the_undisturbed_one(tmp_path):
    make_model = partial(make_dropout_gan, loss_bounds={"discriminator": 1.385, "generator": 0.693})
    support.check_resume(make_model, (support.toy_images(16), support.toy_labels(16, 3)), tmp_path)


def test_files_contain_the_bounds_and_the_count_of_steps(tmp_path):
    gan = make_bounded_gan()
    _trained(gan)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.loss_bounds == BOUNDS and int(loaded.optimizer.iterations) == NUM_STEPS
    support.assert_same_state(support.state_of(loaded), support.state_of(gan))
    gan.save_to_preset(tmp_path / "preset")
    assert models.load(tmp_path / "preset").loss_bounds == BOUNDS


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (
            {"critic": 1.0},
            r"`loss_bounds` must map players of GAN \('generator', 'discriminator'\) to floats. Received: 'critic'",
        ),
        ({"generator": "low"}, r"`loss_bounds\['generator'\]` must be a finite number"),
        ({"generator": float("nan")}, r"`loss_bounds\['generator'\]` must be a finite number"),
        (
            0.5,
            r"`loss_bounds` must be a dict that maps players to floats, or None. Received: loss_bounds=0.5",
        ),
        ({}, r"`loss_bounds` must be a dict that maps players to floats, or None. Received: loss_bounds={}"),
    ],
)
def test_bounds_that_do_not_fit_are_refused(bounds, message):
    with pytest.raises(ValueError, match=message):
        make_gan(loss_bounds=bounds)
