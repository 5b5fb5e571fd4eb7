"""MSG-GAN: what a step computes at all sizes at once, its samples, and every family's promises."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_msg import SHAPE, make_msg_gan, make_r1_msg_gan, make_wasserstein_msg_gan

from keras_genzoo import backends, losses, models, penalties
from keras_genzoo.networks import MultiScaleDiscriminator, ProgressiveDiscriminator
from tests import support

IMAGES = (support.toy_images(8, SHAPE),)


def _halved(images):
    """Means of 2x2 pixels, in NumPy."""
    batch, height, width, channels = images.shape
    return images.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


class TestContract(Contract):
    family = Family(
        models.MSGGAN,
        make_msg_gan,
        exact=partial(make_msg_gan, penalty=penalties.R1(2.0)),
        random=make_wasserstein_msg_gan,
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (
                keras.optimizers.Adam,
                {"learning_rate": 3e-3, "beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-8},
            ),
        ),
        adversarial_log="generator_loss",
    )


class TestNumbersOfTheAuthors:
    def test_constants(self):
        gan = models.MSGGAN((8, 8, 3), 4)
        assert (gan.penalty.weight, gan.penalty.target, gan.drift, gan.average_decay) == (10, 1, 0.001, 0.999)
        assert isinstance(gan.adversarial_loss, losses.Wasserstein)

    def test_default_networks(self):
        gan = models.MSGGAN((8, 8, 3))
        assert gan.latent_dim == 512
        assert isinstance(gan.discriminator, MultiScaleDiscriminator)
        assert gan.generator.channels == gan.discriminator.channels == [512, 512]


class TestStep:
    def test_real_images_of_all_sizes(self):
        gan = make_msg_gan()
        images = support.toy_images(4, SHAPE)
        small, large = (support.to_numpy(size) for size in gan.pyramid(ops.convert_to_tensor(images)))
        np.testing.assert_array_equal(large, images)
        np.testing.assert_allclose(small, _halved(images), atol=1e-6)

    def test_generator_makes_in_one_pass_what_its_levels_make(self):
        gan = make_msg_gan()
        latents = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")
        pyramid = gan.generator.pyramid(latents)
        assert [size.shape for size in pyramid] == [(4, 4, 4, 1), (4, 8, 8, 1)]
        for level, images in enumerate(pyramid):
            assert support.to_numpy(images).std() > 0.01
            np.testing.assert_allclose(
                support.to_numpy(images),
                support.to_numpy(gan.generator(latents, level=level)),
                rtol=1e-5,
                atol=1e-6,
            )

    def test_discriminator_loss(self):
        """The adversarial term, the drift, and the mean of the penalties on the gradients at each size."""
        gan = make_r1_msg_gan(drift=0.5)
        real = gan.pyramid(ops.convert_to_tensor(support.toy_images(4, SHAPE)))
        fakes = gan.pyramid(ops.convert_to_tensor(support.toy_images(4, SHAPE)[::-1].copy() * 0.5))
        loss, logs = gan.discriminator_loss(real, fakes, True)
        values, gradients = backends.input_value_and_grad(gan.discriminator, real)
        of_sizes = [np.square(support.to_numpy(gradient)).sum((1, 2, 3)).mean() for gradient in gradients]
        assert min(of_sizes) > 0 and of_sizes[0] != pytest.approx(of_sizes[1], rel=0.01)
        penalty = 0.5 * 2.0 * np.mean(of_sizes)
        values, fake_values = support.to_numpy(values), support.to_numpy(gan.discriminator(fakes))
        expected = fake_values.mean() - values.mean() + 0.5 * np.square(values).mean() + penalty
        assert float(logs["gradient_penalty"]) == pytest.approx(penalty, rel=1e-4)
        assert float(loss) == pytest.approx(expected, rel=1e-4)

    @pytest.mark.slow
    def test_gradients_reach_every_level_of_the_generator_directly(self):
        """The 4x4 image's own layer learns from it, although the 8x8 image does not pass through that layer."""
        gan = make_msg_gan()
        before = [support.to_numpy(layer.kernel.value) for layer in gan.generator.to_images]
        gan.train_on_batch(IMAGES[0])
        for layer, kernel in zip(gan.generator.to_images, before, strict=True):
            assert (support.to_numpy(layer.kernel.value) != kernel).all()

    def test_step_by_plain_gradient_descent(self):
        """The discriminator first, then the generator on the same fakes by the discriminator just updated."""
        gan, same = make_r1_msg_gan(average_decay=0.9), make_r1_msg_gan()
        before = gan.averaged_network.get_weights()
        images = support.toy_images(4, SHAPE)
        gan.train_on_batch(images)
        real = same.pyramid(ops.convert_to_tensor(images))
        latents = same.draw_latents(4)
        fakes = same.generator.pyramid(latents)
        for player, loss in (
            ("discriminator", lambda: same.discriminator_loss(real, fakes, True)[0]),
            ("generator", lambda: -ops.mean(same.discriminator(same.generator.pyramid(latents)))),
        ):
            variables = same.variables_of(player)
            _, gradients = backends.value_and_grad(loss, variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign(variable.value - 0.01 * gradient)
        for name, network in gan.networks.items():
            for variable, expected in zip(network.weights, same.networks[name].weights, strict=True):
                np.testing.assert_allclose(
                    support.to_numpy(variable.value),
                    support.to_numpy(expected.value),
                    atol=2e-6,
                    err_msg=variable.path,
                )
        now, averaged = gan.generator.get_weights(), gan.averaged_network.get_weights()
        assert any((a != b).any() for a, b in zip(before, now, strict=True))
        for old, new, average in zip(before, now, averaged, strict=True):
            np.testing.assert_allclose(average, 0.9 * old + 0.1 * new, atol=1e-6)


class TestSampling:
    def test_levels_and_truncation(self):
        gan = make_msg_gan()
        assert gan.sample(3, seed=0).shape == (3, 8, 8, 1)
        small = gan.sample(3, seed=0, level=0)
        assert small.shape == (3, 4, 4, 1)
        same = gan.sample(3, seed=0, level=0, truncation=0.0)
        assert np.ptp(small, axis=0).max() > 0.01 and np.ptp(same, axis=0).max() < 1e-6

    def test_unknown_level_is_refused(self):
        with pytest.raises(ValueError, match=r"`level` must be from 0 to 1\. Received: level=2"):
            make_msg_gan().sample(1, level=2)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (
            models.MSGGAN,
            {"discriminator": ProgressiveDiscriminator(SHAPE)},
            "`discriminator` must be a .*MultiSc",
        ),
        (
            models.ProgressiveGAN,
            {"discriminator": MultiScaleDiscriminator(SHAPE)},
            "`discriminator` must be .*Progr",
        ),
        (
            models.MSGGAN,
            {"generator": ProgressiveDiscriminator(SHAPE)},
            "`generator` must be a .*ProgressiveGen",
        ),
        (models.MSGGAN, {"num_classes": 3}, "`num_classes` was given"),
        (models.MSGGAN, {"drift": -1.0}, "`drift` must be at least 0"),
    ],
)
def test_bad_arguments(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(image_shape=SHAPE, **arguments)


def test_batches_that_do_not_fill_groups_are_refused():
    with pytest.raises(ValueError, match="must be a multiple of 2, the discriminator's `group_size`"):
        make_msg_gan().fit(IMAGES[0], batch_size=3, verbose=0)
