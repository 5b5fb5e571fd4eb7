"""BEGAN: its balance and its measure of convergence, a step restated in NumPy, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import layers, ops

from keras_genzoo import models, optimizers
from keras_genzoo.models.began import BEGANDecoder, BEGANEncoder
from tests import support

SHAPE = (8, 8, 1)


def make_began(**arguments):
    """The smallest one of the default networks, its balance away from both bounds."""
    keras.utils.set_random_seed(0)
    gan = models.BEGAN(**{"image_shape": SHAPE, "latent_dim": 4, "width": 2, "seed": 1, **arguments})
    gan.balance.assign(0.3)
    gan.compile()
    return gan


def make_average_began(**arguments):
    """With an average, and a balance that the replicas' own errors move by much."""
    return make_began(average_decay=0.9, balance_rate=0.3, **arguments)


def make_linear_began(rate, **arguments):
    """`G(z) = z W`, `Enc(x) = x V`, `Dec(c) = c U` of 2x2 images, trained by plain gradient descent."""
    keras.utils.set_random_seed(0)
    gan = models.BEGAN(
        generator=_linear("generator", [layers.Dense(4, use_bias=False), layers.Reshape((2, 2, 1))], (3,)),
        encoder=_linear("encoder", [layers.Flatten(), layers.Dense(2, use_bias=False)], (2, 2, 1)),
        decoder=_linear("decoder", [layers.Dense(4, use_bias=False), layers.Reshape((2, 2, 1))], (2,)),
        **arguments,
    )
    gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return gan


def _linear(name, parts, shape):
    return keras.Sequential([keras.Input(shape), *parts], name=name)


def at_full_size():
    """64x64 photographs with n = 64, as in the paper's smaller models."""
    return models.BEGAN(image_shape=(64, 64, 3))


ADAM = (optimizers.Adam, {"learning_rate": 8e-5, "beta_1": 0.5, "beta_2": 0.999})


class TestContract(Contract):
    family = Family(
        models.BEGAN,
        make_began,
        exact=make_average_began,
        at_full_size=at_full_size,
        counts={"generator": 563_395, "encoder": 3_448_256, "decoder": 563_395},
        optimizers={"discriminator": ADAM, "generator": ADAM},
    )


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("side", "latent_dim", "width", "of_generator", "of_discriminator"),
    [(32, 64, 64, 489_539, 2_310_979), (128, 128, 128, 2_536_067, 26_367_235)],
)
def test_parameter_counts_of_other_sizes(side, latent_dim, width, of_generator, of_discriminator):
    decoder, encoder = (each((side, side, 3), latent_dim, width) for each in (BEGANDecoder, BEGANEncoder))
    assert decoder.count_params() == of_generator
    assert encoder.count_params() + decoder.count_params() == of_discriminator


class TestBalance:
    def test_update(self):
        gan = make_began(balance_rate=0.5, diversity_ratio=0.5)
        for before, real_error, fake_error, after in [
            # Generated images are reconstructed too well: they are to count more.
            (0.3, 0.8, 0.1, 0.3 + 0.5 * (0.4 - 0.1)),
            (0.3, 0.8, 0.6, 0.3 + 0.5 * (0.4 - 0.6)),
            (0.3, 0.8, 0.4, 0.3),
            (0.9, 0.8, 0.1, 1.0),
            (0.1, 0.8, 0.9, 0.0),
        ]:
            gan.balance.assign(before)
            gan.update_balance(real_error, fake_error)
            assert float(gan.balance) == pytest.approx(after)
            measure = 0.8 + abs(0.4 - fake_error)
            assert float(gan.convergence(real_error, fake_error)) == pytest.approx(measure)

    def test_it_starts_at_zero_and_no_optimizer_moves_it(self):
        gan = models.BEGAN(SHAPE, width=2, balance_rate=0.0)
        gan.compile()
        assert float(gan.balance) == 0
        gan.balance.assign(0.3)
        gan.train_on_batch(support.toy_images(4, SHAPE))
        assert float(gan.balance) == pytest.approx(0.3)


class TestLatents:
    def test_they_are_uniform(self):
        gan = make_began()
        for latents in (gan.draw_latents(5000), gan.latents_from_seed(5000, 3)):
            latents = support.to_numpy(latents)
            assert latents.shape == (5000, 4) and -1 < latents.min() < -0.99 and 0.99 < latents.max() < 1
            counts, _ = np.histogram(latents, bins=10, range=(-1, 1))
            np.testing.assert_allclose(counts / 20_000, 0.1, atol=0.01)

    def test_samples_of_an_unbounded_generator_lie_in_the_range_of_images(self):
        gan = make_began()
        gan.generator.set_weights([5 * weight for weight in gan.generator.get_weights()])
        assert np.abs(gan.predict(np.ones((2, 4)), verbose=0)).max() > 1
        assert np.abs(gan.sample(latents=np.ones((2, 4)))).max() == 1


@pytest.mark.any_backend
@pytest.mark.parametrize("side", [28, 32])
def test_networks_of_the_sizes_of_digits(side):
    encoder, decoder = BEGANEncoder((side, side, 1), 4, 2), BEGANDecoder((side, side, 1), 4, 2)
    assert encoder.output_shape == (None, 4) and decoder.output_shape == (None, side, side, 1)
    assert encoder.layers[-2].input.shape == (None, side // 4, side // 4, 6)


def test_step_is_that_of_the_paper():
    rate, gamma, balance_rate, k = 0.05, 0.6, 0.4, 0.3
    gan = make_linear_began(rate, diversity_ratio=gamma, balance_rate=balance_rate)
    gan.balance.assign(k)
    rng = np.random.default_rng(1)
    images, latents = rng.uniform(-1, 1, (5, 4)), rng.uniform(-1, 1, (5, 3))
    w, v, u = (network.get_weights()[0].astype("float64") for network in gan.networks.values())
    gan.draw_latents = lambda num: ops.convert_to_tensor(latents, "float32")
    logs = gan.train_on_batch(images.reshape(5, 2, 2, 1).astype("float32"), return_dict=True)

    def error_and_gradients(x, v, u):
        """`L(x)` and its gradients with respect to `V`, `U` and `x`, by hand."""
        difference = x - x @ v @ u
        signs = np.sign(difference) / difference.size
        return np.abs(difference).mean(), -x.T @ signs @ u.T, -(x @ v).T @ signs, signs - signs @ u.T @ v.T

    fakes = latents @ w
    real_error, real_v, real_u, _ = error_and_gradients(images, v, u)
    fake_error, fake_v, fake_u, _ = error_and_gradients(fakes, v, u)
    assert logs["discriminator_loss"] == pytest.approx(real_error - k * fake_error, rel=1e-4)
    v, u = v - rate * (real_v - k * fake_v), u - rate * (real_u - k * fake_u)
    # By the autoencoder just updated.
    fake_error, _, _, fake_x = error_and_gradients(fakes, v, u)
    w = w - rate * latents.T @ fake_x
    k = k + balance_rate * (gamma * real_error - fake_error)
    assert 0 < k < 1
    assert logs["generator_loss"] == pytest.approx(fake_error, rel=1e-4)
    assert logs["convergence"] == pytest.approx(real_error + abs(gamma * real_error - fake_error), rel=1e-4)
    assert logs["balance"] == pytest.approx(k, rel=1e-4)
    for network, expected in zip(gan.networks.values(), (w, v, u), strict=True):
        np.testing.assert_allclose(network.get_weights()[0], expected, atol=1e-6)


def test_labels_are_refused():
    with pytest.raises(ValueError, match="`num_classes` was given, but this family has no networks"):
        models.BEGAN(image_shape=(28, 28, 1), num_classes=3)
