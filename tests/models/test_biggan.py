"""BigGAN: its regularisation, truncation and statistics, and every family's promises."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import layers

from keras_genzoo import models, networks, optimizers
from keras_genzoo.backends import keras_private
from keras_genzoo.models.biggan import orthogonality_error
from tests import support

SHAPE = (8, 8, 1)


def make_biggan(compile_arguments=None, **arguments):
    """The smallest one of the default networks."""
    keras.utils.set_random_seed(0)
    gan = models.BigGAN(**{"image_shape": SHAPE, "latent_dim": 4, "width": 2, "seed": 1, **arguments})
    gan.compile(**(compile_arguments or {}))
    return gan


def make_exact_biggan(**arguments):
    """A generator without batch normalisation."""
    keras.utils.set_random_seed(0)
    generator = networks.ConvGenerator(4, (4, 4, 4), (4, 1), (2, 1), 3, batch_norm_momentum=None)
    return make_biggan(generator=generator, **arguments)


def make_deep_biggan(**arguments):
    keras.utils.set_random_seed(0)
    return make_biggan(
        generator=networks.BigGANDeepGenerator(SHAPE, 4, 4, num_classes=3, embedding_dim=3),
        discriminator=networks.BigGANDeepDiscriminator(SHAPE, 4, num_classes=3),
        num_classes=3,
        **arguments,
    )


ADAM = {"beta_1": 0.0, "beta_2": 0.999, "epsilon": 1e-8}


class TestContract(Contract):
    family = Family(
        models.BigGAN,
        partial(make_biggan, num_classes=3),
        exact=make_exact_biggan,
        random=partial(make_biggan, augmentation="diff_augment", average_decay=0.9, truncation=0.5),
        variants={"deep": make_deep_biggan, "split": partial(make_biggan, split_batches=True)},
        optimizers={
            "discriminator": (optimizers.Adam, {"learning_rate": 2e-4, **ADAM}),
            "generator": (optimizers.Adam, {"learning_rate": 5e-5, **ADAM}),
        },
        chance_level=2.0,
        adversarial_log="generator_loss",
    )


class TestOrthogonalRegularization:
    def test_orthogonal_columns_of_any_length_are_free(self):
        kernel = np.diag([1.0, 7.0, -3.0]).astype("float32").reshape(1, 1, 3, 3)
        assert float(orthogonality_error(kernel)) == 0
        # Two columns of the product 2, counted from either side.
        kernel = np.array([[1, 2], [0, 5]], "float32")
        assert float(orthogonality_error(kernel)) == pytest.approx(2 * 2.0**2)

    def test_it_is_a_part_of_the_generators_step(self):
        """Of all kernels of the generator: of a generator `G(z) = z W` and a discriminator without weight."""
        keras.utils.set_random_seed(0)
        generator = keras.Sequential(
            [keras.Input((3,)), layers.Dense(4, use_bias=False), layers.Reshape((2, 2, 1))]
        )
        discriminator = keras.Sequential(
            [keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(1, kernel_initializer="zeros")]
        )
        gan = models.BigGAN(generator=generator, discriminator=discriminator, orthogonal_weight=0.1)
        gan.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.0))
        w = generator.get_weights()[0]
        logs = gan.train_on_batch(support.toy_images(2, (2, 2, 1)), return_dict=True)
        gram = w.T @ w
        np.fill_diagonal(gram, 0)
        np.testing.assert_allclose(generator.get_weights()[0], w - 0.01 * 0.1 * 4 * w @ gram, atol=1e-5)
        assert logs["generator_loss"] == pytest.approx(0, abs=1e-6), "the log is the adversarial loss alone"

    def test_the_embedding_is_left_out(self):
        gan = make_biggan(num_classes=3, orthogonal_weight=1.0)
        kernels = [
            support.to_numpy(layer.kernel)
            for layer in keras_private.layers_of(gan.generator)
            if hasattr(layer, "kernel")
        ]
        # The first map, 3 convolutions, 4 linear functions of the condition, the image.
        assert len(kernels) == 9
        expected = sum(float(orthogonality_error(kernel)) for kernel in kernels)
        assert float(gan.regularization()) == pytest.approx(expected, rel=1e-4)


class TestTruncation:
    def test_samples_and_training(self):
        gan = make_biggan(truncation=0.5)
        sampled = support.to_numpy(gan.latents_from_seed(500, 3))
        assert 0.45 < np.abs(sampled).max() <= 0.5
        assert np.abs(support.to_numpy(gan.draw_latents(500))).max() > 2
        gan.truncation = None
        assert np.abs(support.to_numpy(gan.latents_from_seed(500, 3))).max() > 2

    @pytest.mark.ci
    def test_setting_it_changes_what_is_sampled_next(self):
        gan = make_biggan(truncation=0.5)
        truncated = gan.sample(4, seed=0)
        gan.truncation = None
        assert (gan.sample(4, seed=0) != truncated).any()

    @pytest.mark.ci
    def test_of_one_call_has_the_distribution_of_the_model_s(self):
        gan = make_biggan()
        truncated = gan.truncated(support.to_numpy(gan.latents_from_seed(5000, 3)), 1.0)
        gan.truncation = 1.0
        expected = support.to_numpy(gan.latents_from_seed(5000, 3))
        assert truncated.dtype == "float32"
        shares = np.linspace(0, 1, 9)
        np.testing.assert_allclose(np.quantile(truncated, shares), np.quantile(expected, shares), atol=0.03)
        # Latents that are truncated already stay as they are.
        np.testing.assert_allclose(gan.truncated(expected, 1.0), expected, atol=1e-4)

    @pytest.mark.ci
    def test_it_is_a_part_of_the_config(self):
        gan = models.BigGAN.from_config(make_biggan(truncation=0.5, orthogonal_weight=0.2).get_config())
        assert (gan.truncation, gan.orthogonal_weight) == (0.5, 0.2)
        with pytest.raises(ValueError, match=r"`truncation`.*-1"):
            make_biggan(truncation=-1)


class TestStandingStatistics:
    @pytest.mark.ci
    def test_they_are_the_means_of_those_of_batches(self):
        gan = make_biggan(num_classes=3, truncation=0.5, average_decay=0.9)
        network = gan.sampling_network
        (before_last,) = (layer for layer in network.layers if layer.name == "output_norm")
        before = [support.to_numpy(weight.value) for weight in network.weights]
        gan.accumulate_statistics(num_batches=3, batch_size=4, seed=5)

        latents = support.to_numpy(gan.latents_from_seed(12, 5))
        labels = np.random.default_rng(5).integers(3, size=12, dtype="int32")
        first = next(layer for layer in network.layers if layer.name == "block_1_norm_1")
        inner = keras.Model(network.inputs, first.input[0])
        maps = support.to_numpy(inner([latents, labels])).reshape(3, -1, first.moving_mean.shape[0])
        np.testing.assert_allclose(support.to_numpy(first.moving_mean), maps.mean(1).mean(0), atol=1e-5)
        np.testing.assert_allclose(support.to_numpy(first.moving_variance), maps.var(1).mean(0), atol=1e-4)
        assert first.momentum == 0.9 and not first.trainable
        assert (support.to_numpy(before_last.moving_mean) != 0).any()
        for weight, old in zip(network.weights, before, strict=True):
            assert "moving" in weight.path or (support.to_numpy(weight.value) == old).all(), weight.path


@pytest.mark.ci
def test_default_latents_are_20_values_for_each_block():
    assert models.BigGAN(image_shape=(16, 16, 1), width=2).latent_dim == 60


def test_bad_arguments_are_refused():
    with pytest.raises(
        ValueError, match=r"`latent_dim` must be a multiple of 2, to be split equally.*latent_dim=5"
    ):
        make_biggan(latent_dim=5)
    with pytest.raises(ValueError, match=r"`orthogonal_weight`.*-0.1"):
        make_biggan(orthogonal_weight=-0.1)
