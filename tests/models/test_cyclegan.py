"""CycleGAN: the paper's step and numbers, its histories, and every family's promises."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_translators import (
    SHAPE,
    flat_weights,
    make_cyclegan,
    make_cyclegan_of_the_paper,
    make_discriminator,
    make_generator,
    make_linear_cyclegan,
    numerical_gradient,
)

from keras_genzoo import losses, models
from keras_genzoo.networks import PatchGANDiscriminator, UNetGenerator
from tests import support

DOMAINS = (support.toy_images(8, SHAPE), support.toy_images(8, SHAPE, seed=1))
LARGE_DOMAINS = (support.toy_images(2, (32, 32, 1)), support.toy_images(2, (32, 32, 1), seed=1))


class TestContract(Contract):
    family = Family(
        models.CycleGAN,
        partial(make_cyclegan, history_size=8),
        exact=partial(make_cyclegan, history_size=0, average_half_life=20.0),
        random=partial(make_cyclegan, history_size=8, average_decay=0.9),
        variants={"of_the_paper": make_cyclegan_of_the_paper},
        at_full_size=partial(models.CycleGAN, (256, 256, 3)),
        counts={
            "generator_a_to_b": 11_378_179,
            "generator_b_to_a": 11_378_179,
            "discriminator_a": 2_764_737,
            "discriminator_b": 2_764_737,
        },
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999}),
        ),
        chance_level=0.5,
        represents_its_base=True,
    )


class TestNumbersOfThePaper:
    def test_constants(self):
        model = make_cyclegan(history_size=50)
        assert (model.cycle_weight, model.identity_weight, model.history_size) == (10, 0.5, 50)
        assert isinstance(model.adversarial_loss, losses.LeastSquares)
        assert model.adversarial_loss.coefficient == 1
        assert model.history_a.replacement == model.history_b.replacement == 0.5

    def test_six_blocks_below_256(self):
        model = models.CycleGAN((128, 128, 3))
        assert model.generator_a_to_b.count_params() == 7_837_699

    def test_one_optimizer_for_both_networks_of_a_kind(self):
        for player, names in models.CycleGAN.players.items():
            assert len(names) == 2 and all(name.startswith(f"{player}_") for name in names)


class TestAlgorithm:
    """One step restated in NumPy for linear networks, gradients by differences."""

    rate = 0.01

    @pytest.mark.parametrize(("identity_weight", "self_weight"), [(0.5, 0.0), (0.0, 2.0)])
    def test_step_is_that_of_the_paper(self, identity_weight, self_weight):
        """With self-regularization it is that of SimGAN too."""
        model = make_linear_cyclegan(
            self.rate, identity_weight=identity_weight, self_regularization_weight=self_weight
        )
        generators = flat_weights(model.generator_a_to_b, model.generator_b_to_a)
        discriminators = flat_weights(model.discriminator_a, model.discriminator_b)
        rng = np.random.default_rng(3)
        real_a, real_b = rng.uniform(-1, 1, (2, 3, 2, 2, 1)).astype("float32")
        logs = model.train_on_batch(real_a, real_b, return_dict=True)

        def apply(parameters, network, images):
            return parameters[2 * network] * images + parameters[2 * network + 1]

        def difference(images, others):
            return np.abs(images - others).mean()

        def cycle_loss(generators):
            fake_b, fake_a = apply(generators, 0, real_a), apply(generators, 1, real_b)
            return difference(apply(generators, 1, fake_b), real_a) + difference(
                apply(generators, 0, fake_a), real_b
            )

        def identity_loss(generators):
            return difference(apply(generators, 0, real_b), real_b) + difference(
                apply(generators, 1, real_a), real_a
            )

        def generator_loss(generators):
            fake_b, fake_a = apply(generators, 0, real_a), apply(generators, 1, real_b)
            adversarial = ((apply(discriminators, 0, fake_a) - 1) ** 2).mean() + (
                (apply(discriminators, 1, fake_b) - 1) ** 2
            ).mean()
            identity = identity_weight * identity_loss(generators) if identity_weight else 0.0
            own = self_weight * (difference(fake_b, real_a) + difference(fake_a, real_b))
            return adversarial + 10 * (cycle_loss(generators) + identity) + own

        def discriminator_loss(discriminators):
            total = 0.0
            for network, real, fake in ((0, real_a, fake_a), (1, real_b, fake_b)):
                total += ((apply(discriminators, network, real) - 1) ** 2).mean()
                total += (apply(discriminators, network, fake) ** 2).mean()
            return total / 2

        # The generators first; the discriminators on the images made before that update.
        fake_b, fake_a = apply(generators, 0, real_a), apply(generators, 1, real_b)
        expected = {
            "generator_loss": generator_loss(generators),
            "cycle_loss": cycle_loss(generators),
            "identity_loss": identity_loss(generators) if identity_weight else 0.0,
            "discriminator_loss": discriminator_loss(discriminators),
        }
        new_generators = generators - self.rate * numerical_gradient(generator_loss, generators)
        new_discriminators = discriminators - self.rate * numerical_gradient(
            discriminator_loss, discriminators
        )
        np.testing.assert_allclose(
            flat_weights(model.generator_a_to_b, model.generator_b_to_a), new_generators, atol=1e-5
        )
        np.testing.assert_allclose(
            flat_weights(model.discriminator_a, model.discriminator_b), new_discriminators, atol=1e-5
        )
        assert logs == pytest.approx(expected, rel=1e-4, abs=1e-6)

    @pytest.mark.ci
    def test_joined_batches_give_the_losses_of_passes_apart(self):
        model = make_cyclegan_of_the_paper()
        assert model._joins_batches
        joined, _ = model.generator_loss(*LARGE_DOMAINS)
        model._joins_batches = False
        apart, _ = model.generator_loss(*LARGE_DOMAINS)
        assert float(joined) == pytest.approx(float(apart), rel=1e-5)

    def test_batch_normalisation_is_never_joined(self):
        images = keras.Input((None, None, 1))
        normalised = keras.Model(images, keras.layers.BatchNormalization()(images))
        assert not make_cyclegan(discriminator_a=normalised)._joins_batches


class TestHistories:
    @pytest.mark.slow
    def test_hold_earlier_translations_of_their_own_domain(self):
        model = make_cyclegan(history_size=4)
        translated = {
            direction: model.translate(images[:2], direction)
            for direction, images in (("a_to_b", DOMAINS[0]), ("b_to_a", DOMAINS[1]))
        }
        model.train_on_batch(DOMAINS[0][:2], DOMAINS[1][:2])
        for history, direction in ((model.history_b, "a_to_b"), (model.history_a, "b_to_a")):
            assert int(history.stored.value) == 2
            np.testing.assert_allclose(
                ops.convert_to_numpy(history.pool.value)[:2], translated[direction], atol=1e-5
            )

    @pytest.mark.slow
    def test_a_full_history_shows_the_discriminators_older_images(self):
        seen = {}
        for size in (0, 2):
            model = make_cyclegan("sgd", 1e-2, history_size=size)
            for start in range(0, 8, 2):
                logs = model.train_on_batch(
                    DOMAINS[0][start : start + 2], DOMAINS[1][start : start + 2], return_dict=True
                )
            seen[size] = logs["discriminator_loss"]
        assert seen[0] != pytest.approx(seen[2], rel=1e-6)

    def test_draws_of_the_two_differ(self):
        model = make_cyclegan()
        states = [
            ops.convert_to_numpy(history.seed_generator.state)
            for history in (model.history_a, model.history_b)
        ]
        assert (states[0] != states[1]).any()


class TestTranslate:
    def test_directions_are_their_generators(self):
        model = make_cyclegan()
        for direction, network in (
            ("a_to_b", model.generator_a_to_b),
            ("b_to_a", model.generator_b_to_a),
        ):
            expected = ops.convert_to_numpy(network(DOMAINS[0]))
            np.testing.assert_allclose(model.translate(DOMAINS[0], direction), expected, atol=1e-6)
        np.testing.assert_array_equal(model.translate(DOMAINS[0]), model.translate(DOMAINS[0], "a_to_b"))

    def test_an_image_does_not_depend_on_its_neighbours(self):
        model = make_cyclegan_of_the_paper()
        images = support.toy_images(3, (32, 32, 1), seed=9)
        alone = np.concatenate([model.translate(images[index : index + 1]) for index in range(3)])
        np.testing.assert_allclose(model.translate(images), alone, atol=1e-5)

    def test_unknown_directions_are_refused(self):
        with pytest.raises(ValueError, match=r"must be one of \['a_to_b', 'b_to_a'\]. Received: 'c'"):
            make_cyclegan().translate(DOMAINS[0], "c")


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"cycle_weight": -1}, "`cycle_weight` must be at least 0"),
            ({"identity_weight": -1}, "`identity_weight` must be at least 0"),
            ({"self_regularization_weight": -1}, "`self_regularization_weight` must be at least 0"),
            ({"history_size": -1}, "`history_size` must be at least 0"),
            ({"generator_b_to_a": make_generator(1, 3)}, "is 1, but the network"),
            ({"generator_a_to_b": make_generator(2, 1)}, "is 1, but the network"),
            ({"discriminator_b": make_discriminator(2)}, "is 1, but the network"),
            (
                {"discriminator_a": PatchGANDiscriminator(1, 2)},
                r"`discriminator_a` needs images of at least 24x24 .* Received: image_shape=\(8, 8, 1\)",
            ),
            (
                {"generator_b_to_a": UNetGenerator((32, 32, 1), width=2)},
                r"`generator_b_to_a` takes images .* multiples of 32. Received: image_shape=\(8, 8, 1\)",
            ),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_cyclegan(**arguments)

    def test_a_batch_larger_than_the_history_is_refused(self):
        with pytest.raises(ValueError, match="`history_size` must be at least the batch size of 8"):
            make_cyclegan().fit(*DOMAINS, batch_size=8)


@pytest.mark.slow
@pytest.mark.representative
def test_evaluate_gives_the_losses_of_inference():
    model = make_cyclegan_of_the_paper()
    logs = model.evaluate(*LARGE_DOMAINS, verbose=0, return_dict=True)
    there = model.translate(LARGE_DOMAINS[0], "a_to_b")
    back = model.translate(LARGE_DOMAINS[1], "b_to_a")
    cycle = np.abs(model.translate(there, "b_to_a") - LARGE_DOMAINS[0]).mean()
    cycle += np.abs(model.translate(back, "a_to_b") - LARGE_DOMAINS[1]).mean()
    assert logs["cycle_loss"] == pytest.approx(cycle, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_networks_of_the_paper_train_in_mixed_precision(policy):
    support.check_mixed_precision(make_cyclegan_of_the_paper, policy)
