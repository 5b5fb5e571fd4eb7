"""The progressive GAN: growth inside `fit`, what a step trains at a level, and every family's promises."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_progressive import (
    SHAPE,
    fit_growing,
    make_fading,
    make_fading_r1,
    make_fading_wasserstein,
    make_growing,
)

from keras_genzoo import backends, losses, models, networks, penalties
from keras_genzoo.growth import GrowthSchedule
from tests import support

IMAGES = (support.toy_images(8, SHAPE),)


# Released checkpoints hold these names: change them and no released file loads.
WEIGHT_PATHS = [
    "discriminator/dense/vars/0 (64, 4)",
    "discriminator/dense/vars/1 (4,)",
    "discriminator/final/vars/0 (3, 3, 5, 4)",
    "discriminator/final/vars/1 (4,)",
    "discriminator/first/equalized_conv2d/vars/0 (3, 3, 4, 4)",
    "discriminator/first/equalized_conv2d/vars/1 (4,)",
    "discriminator/from_images/equalized_conv2d/vars/0 (1, 1, 1, 4)",
    "discriminator/from_images/equalized_conv2d/vars/1 (4,)",
    "discriminator/from_images/equalized_conv2d_1/vars/0 (1, 1, 1, 4)",
    "discriminator/from_images/equalized_conv2d_1/vars/1 (4,)",
    "discriminator/layers/equalized_conv2d_3/vars/0 (3, 3, 4, 4)",
    "discriminator/layers/equalized_conv2d_3/vars/1 (4,)",
    "discriminator/layers/equalized_dense_1/vars/0 (4, 1)",
    "discriminator/layers/equalized_dense_1/vars/1 (1,)",
    "generator/first/equalized_conv2d/vars/0 (3, 3, 4, 4)",
    "generator/first/equalized_conv2d/vars/1 (4,)",
    "generator/initial/vars/0 (4, 4, 4, 4)",
    "generator/initial/vars/1 (4,)",
    "generator/layers/equalized_conv2d_1/vars/0 (3, 3, 4, 4)",
    "generator/layers/equalized_conv2d_1/vars/1 (4,)",
    "generator/layers/equalized_conv2d_2/vars/0 (3, 3, 4, 4)",
    "generator/layers/equalized_conv2d_2/vars/1 (4,)",
    "generator/layers/equalized_conv2d_3/vars/0 (1, 1, 4, 1)",
    "generator/layers/equalized_conv2d_3/vars/1 (1,)",
    "generator/layers/equalized_conv2d_4/vars/0 (1, 1, 4, 1)",
    "generator/layers/equalized_conv2d_4/vars/1 (1,)",
]


class TestContract(Contract):
    family = Family(
        models.ProgressiveGAN,
        make_fading,
        exact=partial(make_fading, penalty=penalties.R1(2.0)),
        random=make_fading_wasserstein,
        at_full_size=partial(models.ProgressiveGAN, (4, 4, 3)),
        counts={
            "generator": 4_194_304 + 512 + 2_359_296 + 512 + 1539,
            # From RGB, 3 x 3 with the channel of the minibatch's deviation, two dense layers.
            "discriminator": 4 * 512 + (9 * 513 + 1) * 512 + (16 * 512 + 1) * 512 + 513,
        },
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (
                keras.optimizers.Adam,
                {"learning_rate": 1e-3, "beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-8},
            ),
        ),
        weight_paths=WEIGHT_PATHS,
        adversarial_log="generator_loss",
        represents_its_base=True,
    )


class TestNumbersOfThePaper:
    def test_constants(self):
        gan = models.ProgressiveGAN((8, 8, 3), 4)
        assert (gan.penalty.weight, gan.penalty.target, gan.drift, gan.average_decay) == (10, 1, 0.001, 0.999)
        assert isinstance(gan.adversarial_loss, losses.Wasserstein)
        assert gan.schedule.phases[0].num_images == 800_000
        assert models.ProgressiveGAN((4, 4, 3)).latent_dim == 512


class TestStep:
    def test_images_are_shrunk_and_faded(self):
        gan = make_growing(shape=(16, 16, 1), images_seen=12)
        images = support.toy_images(4, (16, 16, 1))
        at_8 = images.reshape(4, 8, 2, 8, 2, 1).mean((2, 4))
        at_4 = at_8.reshape(4, 4, 2, 4, 2, 1).mean((2, 4))
        np.testing.assert_allclose(support.to_numpy(gan.shrunk(images)), at_8, atol=1e-6)
        expected = 0.25 * at_8 + 0.75 * at_4.repeat(2, 1).repeat(2, 2)
        np.testing.assert_allclose(support.to_numpy(gan.shrunk(images, 0.25)), expected, atol=1e-6)

    @pytest.mark.parametrize("alpha", [None, 0.3])
    def test_discriminator_loss(self, alpha):
        gan = make_fading_r1(drift=0.5)
        rng = np.random.default_rng(0)
        real, fakes = rng.uniform(-1, 1, (2, 4, 8, 8, 1)).astype("float32")
        loss, logs = gan.discriminator_loss(real, fakes, alpha)
        of_real = support.to_numpy(gan.discriminator(real, alpha=alpha))
        of_fakes = support.to_numpy(gan.discriminator(fakes, alpha=alpha))
        paid = float(logs["gradient_penalty"])
        expected = of_fakes.mean() - of_real.mean() + 0.5 * (of_real**2).mean() + paid
        assert paid > 0
        assert float(loss) == pytest.approx(float(expected), abs=1e-5)

    def test_step_by_plain_gradient_descent(self):
        """Each update is the gradient of its loss; the generator's meets the updated discriminator."""
        gan = make_fading_r1(average_decay=0.9)
        images = support.toy_images(4, SHAPE)
        latents = np.random.default_rng(1).normal(size=(4, 4)).astype("float32")
        gan.draw_latents = lambda num: ops.convert_to_tensor(latents)
        # The step's own images count: 204 of the fade's 16 to 416.
        alpha = (204 - 16) / 400
        fakes = gan.generator(latents, alpha=alpha)
        before = {name: network.get_weights() for name, network in gan.networks.items()}
        other = make_fading_r1()
        logs = gan.train_on_batch(images, return_dict=True)
        real = other.shrunk(images, alpha)

        def discriminator_loss():
            return other.discriminator_loss(real, fakes, alpha)

        def generator_loss():
            loss = -ops.mean(other.discriminator(other.generator(latents, alpha=alpha), alpha=alpha))
            return loss, None

        for player, of_player in (("discriminator", discriminator_loss), ("generator", generator_loss)):
            network = getattr(other, player)
            (loss, _), gradients = backends.value_and_grad(
                of_player, network.trainable_variables, has_aux=True
            )
            assert logs[f"{player}_loss"] == pytest.approx(float(loss), abs=1e-5)
            for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
                variable.assign_sub(0.01 * gradient)
            for trained, expected, old in zip(
                gan.networks[player].get_weights(), network.get_weights(), before[player], strict=True
            ):
                np.testing.assert_allclose(trained, expected, atol=1e-6)
                assert (trained != old).any()
        for average, old, new in zip(
            gan.averaged_network.get_weights(), before["generator"], gan.generator.get_weights(), strict=True
        ):
            np.testing.assert_allclose(average, 0.9 * old + 0.1 * new, atol=1e-6)

    @pytest.mark.slow
    def test_least_squares_without_a_penalty(self):
        gan = make_fading(loss=losses.LeastSquares(), penalty=None)
        logs = gan.train_on_batch(IMAGES[0], return_dict=True)
        assert logs["gradient_penalty"] == 0 and np.isfinite(logs["discriminator_loss"])


def test_the_phase_is_in_the_config():
    gan = make_growing(images_seen=16, drift=0.1, loss=losses.LeastSquares(), penalty=None)
    again = models.ProgressiveGAN.from_config(gan.get_config())
    assert (int(support.to_numpy(again.images_seen)), again.penalty, again.drift) == (16, None, 0.1)
    assert again.phase == gan.phase


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.ProgressiveGAN((12, 12, 3)), "side of 4"),
        (lambda: make_growing(schedule=GrowthSchedule(3)), "`schedule` has 3 levels"),
        (lambda: make_growing(images_seen=-1), "`images_seen`"),
        (lambda: make_growing(drift=-1.0), "`drift`"),
        (lambda: make_growing(compile_arguments={"steps_per_execution": 5}), "`steps_per_execution` is 5"),
        (
            lambda: fit_growing(make_growing(), 9, batch_size=9),
            "multiple of 2, the discriminator's `group_size`",
        ),
        (
            lambda: fit_growing(make_growing(), 10, batch_size=3),
            "multiple of 2, the discriminator's `group_size`",
        ),
        (lambda: make_growing().sample(2, level=2), "`level` must be from 0 to 1"),
        (lambda: make_growing().at_level(-1), "`level` must be from 0 to 1"),
        (lambda: make_growing().sample(2, truncation=-1), "`truncation`"),
        (lambda: make_growing().sample(2, labels=1), "`labels`"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_networks_must_agree():
    generator = networks.ProgressiveGenerator((8, 8, 1), 4, fmap_max=4)
    with pytest.raises(ValueError, match="`image_shape` is"):
        models.ProgressiveGAN(
            generator=generator, discriminator=networks.ProgressiveDiscriminator((16, 16, 1), fmap_max=4)
        )
    with pytest.raises(ValueError, match="`penalty`"):
        models.ProgressiveGAN(generator=generator, penalty="none")
    assert penalties.get(None) is None
