"""The Wasserstein GANs: the papers' algorithms step by step, their options, and every family's promises."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_wgans import (
    SHAPE,
    make_conditional_wgan_gp,
    make_linear_wgan,
    make_plain_wgan,
    make_plain_wgan_gp,
    make_random_wgan_gp,
    make_synchronized_wgan_gp,
    make_wgan,
)

from keras_genzoo import models, penalties
from tests import support

IMAGES = (support.toy_images(8),)
LABELLED = (support.toy_images(8), support.toy_labels(8))
# Draws nothing, so that two runs agree.
R1 = penalties.R1(weight=2.0)


class TestContract(Contract):
    family = Family(
        models.WGAN,
        make_plain_wgan,
        exact=partial(make_plain_wgan, average_decay=0.9),
        random=partial(make_plain_wgan, dropout=0.3, split_batches=True, average_decay=0.9),
        optimizers=dict.fromkeys(
            ("generator", "critic"),
            # PyTorch's 1e-8 is outside of the root.
            (
                keras.optimizers.RMSprop,
                {"learning_rate": 5e-5, "momentum": 0.0, "rho": 0.99, "epsilon": 1e-16},
            ),
        ),
    )


class TestContractOfGradientPenalty(Contract):
    family = Family(
        models.WGANGP,
        make_plain_wgan_gp,
        exact=partial(make_plain_wgan_gp, penalty=R1),
        random=make_random_wgan_gp,
        variants={
            "dragan": partial(make_plain_wgan_gp, penalty=penalties.DRAGAN()),
            "r2": partial(make_plain_wgan_gp, penalty=penalties.R2()),
        },
        at_full_size=partial(models.WGANGP, image_shape=(28, 28, 1)),
        counts={"generator": 910_660, "critic": 4_305_409},
        optimizers=dict.fromkeys(
            ("generator", "critic"),
            (keras.optimizers.Adam, {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}),
        ),
    )


class TestNumbersOfThePapers:
    def test_constants(self):
        wgan, wgan_gp = models.WGAN(image_shape=SHAPE, width=4), models.WGANGP(image_shape=SHAPE, width=4)
        for gan in (wgan, wgan_gp):
            assert (gan.critic_steps, gan.split_batches, gan.latent_dim) == (5, False, 128)
        assert wgan.clip_value == 0.01
        assert type(wgan_gp.penalty) is penalties.WassersteinGradientPenalty
        assert (wgan_gp.penalty.weight, wgan_gp.penalty.target, wgan_gp.penalty.one_sided) == (10, 1, False)

    def test_networks_of_points(self):
        gan = models.WGANGP(image_shape=(2,), latent_dim=2)
        assert (gan.generator.count_params(), gan.critic.count_params()) == (17_154, 17_025)
        assert gan.critic.name == models.WGANGP(image_shape=SHAPE, width=4).critic.name == "critic"

    @pytest.mark.slow
    def test_small_gradients_of_a_clipped_critic_move_the_default_networks(self):
        """The first step of RMSprop is up to ten times the learning rate: over the root of 1 - rho."""
        gan = models.WGAN(image_shape=(28, 28, 1), width=4, critic_steps=1, seed=0)
        gan.compile()
        for variable in gan.critic.trainable_variables:
            variable.assign(ops.clip(variable.value, -0.01, 0.01))
        before = support.to_numpy(gan.generator.trainable_variables[0].value)
        gan.train_on_batch(support.toy_images(8, (28, 28, 1)))
        step = np.abs(support.to_numpy(gan.generator.trainable_variables[0].value) - before)
        assert 5e-5 < np.median(step) < 5.1e-4


class TestAlgorithm:
    """One step restated in NumPy for two linear networks: `G(z) = z W + a`, `D(x) = x v + c`, plain SGD."""

    rate = 0.05

    @pytest.mark.slow_but("WGANGP-True", "WGAN-True")
    @pytest.mark.parametrize("split_batches", [False, True])
    @pytest.mark.parametrize("family", [models.WGAN, models.WGANGP])
    def test_step_is_that_of_the_paper(self, family, split_batches):
        options = {"clip_value": 0.25} if family is models.WGAN else {"penalty": None}
        gan = make_linear_wgan(self.rate, family, split_batches=split_batches, **options)
        gan.track_gradient_norms()
        (w, a), (v, c) = gan.generator.get_weights(), gan.critic.get_weights()
        num, rng = (3 if split_batches else 15), np.random.default_rng(1)
        images = rng.uniform(-1, 1, (15, 2, 2, 1)).astype("float32")
        # New latents for each of the critic's five updates, and for the generator's.
        all_latents = rng.normal(size=(6, num, 3)).astype("float32")
        given = itertools.cycle(all_latents)
        gan.draw_latents = lambda num: ops.convert_to_tensor(next(given))
        logs = gan.train_on_batch(images, return_dict=True)

        parts = images.reshape(5, 3, 4) if split_batches else [images.reshape(15, 4)] * 5
        losses, norms, penalties_paid = [], [], []
        for latents, real in zip(all_latents[:5], parts, strict=True):
            fake = latents @ w + a
            losses.append((fake @ v + c).mean() - (real @ v + c).mean())
            # The offset cancels.
            v_gradient = (fake.mean(0) - real.mean(0))[:, None]
            if family is models.WGANGP:
                # A linear critic's gradient is v at every point, whichever the penalty draws.
                norm = np.sqrt((v**2).sum())
                penalties_paid.append(10 * (norm - 1) ** 2)
                losses[-1] += penalties_paid[-1]
                v_gradient += 20 * (norm - 1) * v / norm
            norms.append(np.sqrt((v_gradient**2).sum()))
            v = v - self.rate * v_gradient
            if family is models.WGAN:
                v, c = np.clip(v, -0.25, 0.25), np.clip(c, -0.25, 0.25)
        latents = all_latents[5]
        generator_loss = -((latents @ w + a) @ v + c).mean()
        fake_gradient = np.tile(-v[:, 0] / num, (num, 1))
        w, a = w - self.rate * latents.T @ fake_gradient, a - self.rate * fake_gradient.sum(0)

        for network, expected in ((gan.critic, (v, c)), (gan.generator, (w, a))):
            for trained, value in zip(network.get_weights(), expected, strict=True):
                np.testing.assert_allclose(trained, value, atol=1e-5)
        assert logs["critic_loss"] == pytest.approx(np.mean(losses), abs=1e-5)
        assert logs["generator_loss"] == pytest.approx(generator_loss, abs=1e-5)
        # The largest of the five updates.
        assert logs["critic_gradient_norm"] == pytest.approx(max(norms), rel=1e-5)
        expected_norm = ((latents.T @ fake_gradient) ** 2).sum() + (fake_gradient.sum(0) ** 2).sum()
        assert logs["generator_gradient_norm"] == pytest.approx(np.sqrt(expected_norm), rel=1e-5)
        if family is models.WGANGP:
            assert logs["gradient_penalty"] == pytest.approx(np.mean(penalties_paid), rel=1e-5)
        else:
            assert np.abs(v).max() == pytest.approx(0.25), "nothing was clipped"

    def test_without_splitting_each_update_sees_the_whole_batch(self):
        seen = self._seen_by_the_critic(critic_steps=3)
        assert [len(images) for images in seen] == [15] * 3
        for images in seen:
            np.testing.assert_array_equal(images, self._numbered_images())

    def test_split_batches_give_each_update_its_own_part(self):
        seen = self._seen_by_the_critic(split_batches=True)
        assert [len(images) for images in seen] == [3] * 5
        np.testing.assert_array_equal(np.concatenate(seen), self._numbered_images())

    def _numbered_images(self):
        return np.linspace(-1, 1, 15 * 4, dtype="float32").reshape(15, 2, 2, 1)

    def _seen_by_the_critic(self, **arguments):
        gan = make_linear_wgan(compile_arguments={"run_eagerly": True}, **arguments)
        seen, critic_loss = [], gan.critic_loss

        def recording(images, *rest):
            seen.append(support.to_numpy(images))
            return critic_loss(images, *rest)

        gan.critic_loss = recording
        gan.fit(self._numbered_images(), batch_size=15, shuffle=False, verbose=0)
        return seen

    @pytest.mark.slow
    @pytest.mark.parametrize("family", [models.WGAN, models.WGANGP])
    def test_split_batches_equal_their_parts_one_after_another(self, family):
        make = partial(
            make_plain_wgan, "sgd", 0.1, family, **({"penalty": R1} if family is models.WGANGP else {})
        )
        split, in_turn = make(critic_steps=5, split_batches=True), make(critic_steps=1)
        in_turn.generator_optimizer.learning_rate.assign(0.0)
        images = support.toy_images(20)
        latents = np.random.default_rng(1).normal(size=(4, 4)).astype("float32")
        for gan in (split, in_turn):
            gan.draw_latents = lambda num: ops.convert_to_tensor(latents)
        split.train_on_batch(images)
        for part in np.split(images, 5):
            in_turn.train_on_batch(part)
        for actual, expected in zip(split.critic.get_weights(), in_turn.critic.get_weights(), strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-5)

    def test_split_labels_stay_with_their_images(self):
        gan = make_conditional_wgan_gp(split_batches=True)
        images, labels = LABELLED
        (first, first_labels), (second, second_labels) = gan._critic_batches(images, labels)
        np.testing.assert_array_equal(
            np.concatenate([support.to_numpy(first), support.to_numpy(second)]), images
        )
        np.testing.assert_array_equal(
            np.concatenate([support.to_numpy(first_labels), support.to_numpy(second_labels)]), labels
        )


@pytest.mark.slow_but("make_linear_wgan")
@pytest.mark.tensorflow
@pytest.mark.parametrize("make_model", [make_plain_wgan, make_plain_wgan_gp, make_linear_wgan])
def test_no_weight_is_updated_while_it_may_still_be_read(make_model):
    """In the optimised graph each read of a weight comes before or after each of its updates, never beside it.

    The gradient of a Wasserstein critic's last layer does not wait for its output; see `apply_gradients` of the
    TensorFlow backend.
    """
    from tensorflow.python.eager import context

    gan = make_model("sgd") if make_model is not make_linear_wgan else make_model()
    context.enable_run_metadata()
    gan.train_on_batch(support.toy_images(8, gan.image_shape))
    graphs = context.export_run_metadata().partition_graphs
    context.disable_run_metadata()
    num_updates = 0
    for graph in graphs:
        nodes = {node.name: node for node in graph.node}
        updates = [node for node in graph.node if node.op in ("AssignSubVariableOp", "AssignVariableOp")]
        reads = [node for node in graph.node if node.op == "ReadVariableOp"]
        before = {node.name: _all_before(node.name, nodes) for node in [*updates, *reads]}
        num_updates += len(updates)
        for update, read in itertools.product(updates, reads):
            if update.input[0] == read.input[0]:
                assert read.name in before[update.name] or update.name in before[read.name], (
                    f"{update.name} may come before or after {read.name}"
                )
    assert num_updates >= sum(len(gan.variables_of(player)) for player in gan.players)


def _all_before(name, nodes):
    """Names of all nodes that must have run before one of a graph."""
    found, waiting = set(), [name]
    while waiting:
        inputs = {entry.lstrip("^").split(":")[0] for entry in nodes[waiting.pop()].input}
        new = (inputs & nodes.keys()) - found
        found |= new
        waiting.extend(new)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make_model", "data", "offset"),
    [
        (make_wgan, IMAGES, "values/bias"),
        (partial(make_wgan, family=models.WGANGP), IMAGES, "values/bias"),
        (make_conditional_wgan_gp, LABELLED, "logits/bias"),
    ],
    ids=["wgan", "wgan_gp", "conditional"],
)
def test_all_but_the_offset_that_cancels_moves(make_model, data, offset):
    """`D(G(z)) - D(x)` does not change with the offset of the critic's last layer."""
    gan = make_model()
    trained = [variable for player in gan.players for variable in gan.variables_of(player)]
    before = [support.to_numpy(variable.value) for variable in trained]
    gan.train_on_batch(*data)
    still = [
        variable.path
        for variable, old in zip(trained, before, strict=True)
        if (support.to_numpy(variable.value) == old).all()
    ]
    assert len(still) == 1 and still[0].endswith(offset)


@pytest.mark.ci
def test_options_are_in_the_config():
    wgan = make_wgan(clip_value=0.1, critic_steps=3, split_batches=True, average_half_life=10.0)
    wgan_gp = make_wgan(family=models.WGANGP, penalty=penalties.DRAGAN(3.0), critic_steps=2)
    for gan in (wgan, wgan_gp):
        again = type(gan).from_config(gan.get_config())
        assert (again.critic_steps, again.split_batches) == (gan.critic_steps, gan.split_batches)
    assert type(wgan).from_config(wgan.get_config()).clip_value == 0.1
    penalty = models.WGANGP.from_config(wgan_gp.get_config()).penalty
    assert type(penalty) is penalties.DRAGAN and penalty.weight == 3


def test_weight_paths_of_the_default_networks(tmp_path):
    make_wgan(family=models.WGANGP, image_shape=(16, 16, 1)).save_to_preset(tmp_path / "gan")
    support.check_weight_paths(tmp_path / "gan" / "model.weights.h5", WEIGHT_PATHS)


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("make_model", "data"),
    [
        # A linear critic's gradient is the same wherever the penalty draws its points.
        (partial(make_linear_wgan, 0.05, models.WGANGP), (support.toy_images(8, (2, 2, 1)),)),
        (partial(make_synchronized_wgan_gp, penalty=R1), IMAGES),
    ],
    ids=["linear", "synchronized"],
)
def test_replicas_take_the_step_of_one_device(make_model, data):
    support.check_replicas_equal_one_device(make_model, data)


# Released checkpoints hold these names: change them and no released file loads.
WEIGHT_PATHS = [
    "critic/layers/conv2d/vars/0 (5, 5, 1, 4)",
    "critic/layers/conv2d/vars/1 (4,)",
    "critic/layers/conv2d_1/vars/0 (5, 5, 4, 8)",
    "critic/layers/conv2d_1/vars/1 (8,)",
    "critic/layers/conv2d_2/vars/0 (5, 5, 8, 16)",
    "critic/layers/conv2d_2/vars/1 (16,)",
    "critic/layers/dense/vars/0 (64, 1)",
    "critic/layers/dense/vars/1 (1,)",
    "generator/layers/batch_normalization/vars/0 (128,)",
    "generator/layers/batch_normalization/vars/1 (128,)",
    "generator/layers/batch_normalization/vars/2 (128,)",
    "generator/layers/batch_normalization/vars/3 (128,)",
    "generator/layers/batch_normalization_1/vars/0 (4,)",
    "generator/layers/batch_normalization_1/vars/1 (4,)",
    "generator/layers/batch_normalization_1/vars/2 (4,)",
    "generator/layers/batch_normalization_1/vars/3 (4,)",
    "generator/layers/batch_normalization_2/vars/0 (1,)",
    "generator/layers/batch_normalization_2/vars/1 (1,)",
    "generator/layers/batch_normalization_2/vars/2 (1,)",
    "generator/layers/batch_normalization_2/vars/3 (1,)",
    "generator/layers/conv2d/vars/0 (3, 3, 8, 4)",
    "generator/layers/conv2d_1/vars/0 (3, 3, 4, 1)",
    "generator/layers/dense/vars/0 (4, 128)",
]
