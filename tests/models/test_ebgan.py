"""EBGAN: its formulas, a step restated in NumPy, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import layers, ops

from keras_genzoo import models, networks, optimizers
from keras_genzoo.models.ebgan import EBGANDecoder, EBGANEncoder, pull_away

SHAPE = (8, 8, 1)


def make_ebgan(**arguments):
    """The smallest one of the default networks."""
    keras.utils.set_random_seed(0)
    gan = models.EBGAN(**{"image_shape": SHAPE, "latent_dim": 4, "width": 4, "seed": 1, **arguments})
    gan.compile()
    return gan


def make_exact_ebgan(**arguments):
    """Without batch normalization, and without a term that compares the images of a replica."""
    keras.utils.set_random_seed(0)
    return make_ebgan(
        generator=networks.ConvGenerator(4, (4, 4, 4), (4, 1), (2, 1), 3, batch_norm_momentum=None),
        encoder=networks.ConvEncoder(SHAPE, 3, (4,), hidden=(), stochastic=False),
        decoder=networks.ConvDecoder(3, SHAPE, (4, 4, 4), (1,), (2,)),
        pull_away_weight=0.0,
        **arguments,
    )


def make_linear_ebgan(rate, **arguments):
    """`G(z) = z W`, `Enc(x) = x V`, `Dec(c) = c U` of 2x2 images, trained by plain gradient descent."""
    keras.utils.set_random_seed(0)
    gan = models.EBGAN(
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
    """64x64 photographs, as in the appendix."""
    return models.EBGAN(image_shape=(64, 64, 3))


ADAM = (optimizers.Adam, {"learning_rate": 1e-3, "beta_1": 0.5, "beta_2": 0.999})


class TestContract(Contract):
    family = Family(
        models.EBGAN,
        make_ebgan,
        exact=make_exact_ebgan,
        variants={"average": lambda: make_ebgan(average_decay=0.9)},
        at_full_size=at_full_size,
        counts={
            "generator": 3_576_704 + 2 * (512 + 256 + 128 + 64),
            # Kernels, biases, and four vectors of batch normalization.
            "encoder": 16 * (3 * 64 + 64 * 128 + 128 * 256) + 64 + 5 * (128 + 256),
            "decoder": 16 * (256 * 128 + 128 * 64 + 64 * 3) + 5 * (128 + 64) + 3,
        },
        optimizers={"discriminator": ADAM, "generator": ADAM},
    )


class TestFormulas:
    def test_pull_away(self):
        """1 for codes of one direction, 0 for orthogonal ones, whatever their lengths."""
        same = np.outer([1.0, 5.0, -2.0], [0.6, 0.8]).astype("float32")
        assert float(pull_away(same)) == pytest.approx(1)
        orthogonal = np.diag([1.0, 7.0, -3.0]).astype("float32").reshape(3, 3, 1, 1)
        assert float(pull_away(orthogonal)) == pytest.approx(0, abs=1e-6)
        # Of the six pairs two are at 60 degrees, four at right angles.
        codes = np.array([[2, 0, 0], [0.5, 0.75**0.5, 0], [0, 0, 3]], "float32")
        assert float(pull_away(codes)) == pytest.approx(2 * 0.25 / 6)

    def test_margin(self):
        """Each generated image counts by what its own energy lacks."""
        gan = make_linear_ebgan(0.1, margin=3.0)
        gan.decoder.set_weights([np.zeros((2, 4))])
        images = np.zeros((2, 2, 2, 1), "float32")
        # Without a reconstruction the energy is the norm of the image: 2 and 4.
        fakes = np.ones((2, 2, 2, 1), "float32") * np.float32([1, 2]).reshape(2, 1, 1, 1)
        loss, logs = gan.discriminator_loss(ops.convert_to_tensor(images), ops.convert_to_tensor(fakes))
        assert float(loss) == pytest.approx((1 + 0) / 2, abs=1e-3)
        assert float(logs["real_energy"]) == pytest.approx(0, abs=1e-3)

    @pytest.mark.any_backend
    def test_images_that_do_not_halve_evenly_are_refused(self):
        for network in (EBGANEncoder, EBGANDecoder):
            with pytest.raises(
                ValueError, match=r"`image_shape` must be multiples of 4.*Received: \(6, 8, 1\)"
            ):
                network((6, 8, 1))

    def test_one_image_is_refused(self):
        with pytest.raises(ValueError, match="at least 2 images per batch and replica"):
            make_ebgan().fit(np.zeros((1, *SHAPE), "float32") - 1, verbose=0)


def test_step_is_that_of_the_paper():
    rate, margin, weight = 0.05, 1.5, 0.7
    gan = make_linear_ebgan(rate, margin=margin, pull_away_weight=weight)
    rng = np.random.default_rng(1)
    images, latents = rng.uniform(-1, 1, (5, 4)), 2 * rng.normal(size=(5, 3))
    w, v, u = (network.get_weights()[0].astype("float64") for network in gan.networks.values())
    gan.draw_latents = lambda num: ops.convert_to_tensor(latents, "float32")
    logs = gan.train_on_batch(images.reshape(5, 2, 2, 1).astype("float32"), return_dict=True)

    def energies(x, v, u):
        return np.linalg.norm(x @ v @ u - x, axis=1)

    def discriminator_loss(v, u):
        hinge = np.maximum(0, margin - energies(latents @ w, v, u))
        assert 0 < (hinge == 0).sum() < 5, "one side of the margin is not seen"
        return energies(images, v, u).mean() + hinge.mean()

    def term(w):
        codes = latents @ w @ v
        cosines = [
            a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            for i, a in enumerate(codes)
            for j, b in enumerate(codes)
            if i != j
        ]
        return np.square(cosines).mean()

    def generator_loss(w):
        return energies(latents @ w, v, u).mean() + weight * term(w)

    assert logs["discriminator_loss"] == pytest.approx(discriminator_loss(v, u), rel=1e-4)
    assert logs["real_energy"] == pytest.approx(energies(images, v, u).mean(), rel=1e-4)
    v, u = descended(discriminator_loss, [v, u], rate)
    # By the autoencoder just updated.
    assert logs["generator_loss"] == pytest.approx(generator_loss(w), rel=1e-4)
    assert logs["pull_away"] == pytest.approx(term(w), rel=1e-4)
    (w,) = descended(generator_loss, [w], rate)
    for network, expected in zip(gan.networks.values(), (w, v, u), strict=True):
        np.testing.assert_allclose(network.get_weights()[0], expected, atol=1e-5)


def descended(loss, weights, rate, step=1e-6):
    """Weights after a step of gradient descent, the gradient by central differences."""
    moved = [weight.copy() for weight in weights]
    for weight, new in zip(weights, moved, strict=True):
        for index in np.ndindex(weight.shape):
            value = weight[index]
            weight[index] = value + step
            above = loss(*weights)
            weight[index] = value - step
            new[index] -= rate * (above - loss(*weights)) / (2 * step)
            weight[index] = value
    return moved


def test_labels_are_refused():
    with pytest.raises(ValueError, match="`num_classes` was given, but this family has no networks"):
        models.EBGAN(image_shape=(28, 28, 1), num_classes=3)
