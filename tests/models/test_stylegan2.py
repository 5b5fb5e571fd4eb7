"""StyleGAN2: the paper's counts, a step restated, regularizers, truncation, noise, and every family's promises."""

import math
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops

from keras_genzoo import backends, models, networks, optimizers
from keras_genzoo.backends import keras_private
from tests import support

SHAPE = (8, 8, 1)


def make_stylegan2(compile_arguments=None, **arguments):
    """A small one with every option on. The same weights at every call."""
    keras.utils.set_random_seed(0)
    small = {"style_dim": 4, "num_mapping_layers": 2, "channel_base": 32, "channel_max": 4, "group_size": 2}
    gan = models.StyleGAN2(SHAPE, 4, **{**small, "seed": 1, **arguments})
    gan.compile(**(compile_arguments or {}))
    return gan


def make_exact_stylegan2(**arguments):
    """Without what is drawn beside latents."""
    return make_stylegan2(**{"noise": False, "style_mixing": 0.0, "path_length_weight": 0.0, **arguments})


def at_full_size():
    """CIFAR-10, unconditional."""
    return models.StyleGAN2((32, 32, 3), **models.StyleGAN2.CONFIGS["cifar"])


def adam(share):
    """Learning rate and betas where a share of the updates is that of the main loss."""
    return (
        optimizers.Adam,
        {"learning_rate": 0.002 * share, "beta_1": 0.0, "beta_2": 0.99**share, "epsilon": 1e-8},
    )


class TestContract(Contract):
    family = Family(
        models.StyleGAN2,
        make_stylegan2,
        exact=make_exact_stylegan2,
        variants={
            "classes": partial(make_stylegan2, num_classes=3),
            "plain": partial(make_stylegan2, architecture="plain", average_ramp=0.05),
            "no average": partial(make_stylegan2, average_half_life=None),
        },
        at_full_size=at_full_size,
        counts={
            # Maps of noise, and the average style, are not trained.
            "generator": 19_947_539 + (16 + 2 * (64 + 256 + 1024)) + 512,
            "discriminator": 20_720_641,
        },
        optimizers={"generator": adam(4 / 5), "discriminator": adam(16 / 17)},
        chance_level=2 * math.log(2),
        adversarial_log="generator_loss",
    )

    def test_the_regularizers_act_in_the_first_of_two_steps(self, trained):
        """Each step is traced for what is due in it."""
        updates = {name: int(each.iterations) for name, each in trained.model.optimizers.items()}
        assert (
            updates == {"generator": 3, "discriminator": 3} and int(trained.model.optimizer.iterations) == 2
        )


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("side", "arguments", "generator", "discriminator"),
    [
        (1024, {}, 30_370_060, 29_012_513),
        (512, {}, 30_276_583, 28_982_849),
        (256, {}, 30_034_338, 28_864_129),
        (256, {"channel_base": 16384}, 24_767_458, 24_001_089),
        (64, {"channel_base": 16384}, 23_819_544, 23_407_361),
        (32, {"num_mapping_layers": 2}, 19_947_539, 21_507_073),
        (32, {"num_mapping_layers": 2, "architecture": "plain"}, 19_947_539, 20_720_641),
        (32, {"num_mapping_layers": 2, "architecture": "plain", "num_classes": 10}, 20_215_315, 23_089_664),
    ],
)
def test_trained_parameters(side, arguments, generator, discriminator):
    """Those of the authors' program, without values: the largest would take a second to draw."""
    with keras_private.variables_without_memory(lambda variable: None):
        gan = models.StyleGAN2((side, side, 3), average_half_life=None, **arguments)
    counts = {
        name: sum(math.prod(weight.shape) for weight in network.trainable_weights)
        for name, network in gan.networks.items()
    }
    assert counts == {"generator": generator, "discriminator": discriminator}


@pytest.mark.ci
@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("name", "learning_rate", "r1_weight", "half_life", "group_size", "channel_base"),
    [
        ("f", 0.002, 10, 10_000, 4, 32768),
        ("paper256", 0.0025, 1, 20_000, 8, 16384),
        ("paper512", 0.0025, 0.5, 20_000, 8, 32768),
        ("paper1024", 0.002, 2, 10_000, 4, 32768),
        ("cifar", 0.0025, 0.01, 500_000, 32, 32768),
    ],
)
def test_configs(name, learning_rate, r1_weight, half_life, group_size, channel_base):
    with keras_private.variables_without_memory(lambda variable: None):
        gan = models.StyleGAN2((512, 512, 3), **models.StyleGAN2.CONFIGS[name])
    assert (gan.learning_rate, gan.r1_weight, gan.average_half_life) == (learning_rate, r1_weight, half_life)
    assert gan.discriminator.group_size == group_size
    assert gan.generator.images[-1].kernel.shape == (1, 1, channel_base // 512, 3)
    # The authors train CIFAR-10 without.
    assert (gan.path_length_weight == gan.style_mixing == 0) == (name == "cifar")


class TestStep:
    @pytest.mark.ci
    def test_step_by_plain_gradient_descent(self):
        """Each update is the gradient of its loss: discriminator, generator, R1, path length."""
        rate = 0.01
        arguments = {"noise": False, "style_mixing": 0.0, "num_classes": 3, "average_half_life": None}
        sgd = {f"{name}_optimizer": keras.optimizers.SGD(rate) for name in ("generator", "discriminator")}
        gan, other = make_stylegan2(sgd, **arguments), make_stylegan2(**arguments)
        images = support.toy_images(4, SHAPE)
        labels = np.array([0, 2, 1, 1], "int32")
        rng = np.random.default_rng(1)
        latents = rng.normal(size=(4, 4)).astype("float32")
        directions = rng.normal(size=(2, *SHAPE)).astype("float32")
        for each in (gan, other):
            each.draw_latents = lambda num: ops.convert_to_tensor(latents[:num])
            each.draw_directions = lambda latents: ops.convert_to_tensor(directions)
        logs = gan.train_on_batch(images, labels, return_dict=True)

        def mean_softplus(logits):
            return ops.mean(ops.softplus(logits))

        def discriminator_loss():
            of_both = (other.discriminator([images, labels]), other.discriminator([fakes, labels]))
            return mean_softplus(-of_both[0]) + mean_softplus(of_both[1])

        def generator_loss():
            return mean_softplus(-other.discriminator([other.generate(latents, labels), labels]))

        def r1():
            _, gradient = backends.input_value_and_grad(
                lambda x: ops.sum(other.discriminator([x, labels])), ops.convert_to_tensor(images)
            )
            # Every 16 steps, gamma / 2 = 5, mean of 4 images.
            return 16 * 5 * ops.sum(ops.square(gradient)) / 4

        def path_length():
            styles = other.generator.styles([latents[:2], labels[:2]])
            lengths = other.path_lengths(other.generator.repeated(styles), None, directions)
            return 4 * 2 * ops.mean(ops.square(lengths - 0.01 * ops.mean(lengths)))

        fakes = other.generate(latents, labels)
        for network, loss, log in (
            (other.discriminator, discriminator_loss, "discriminator_loss"),
            (other.generator, generator_loss, "generator_loss"),
            (other.discriminator, r1, "gradient_penalty"),
            (other.generator, path_length, None),
        ):
            value, gradients = backends.value_and_grad(loss, network.trainable_variables)
            if log:
                factor = 16 if log == "gradient_penalty" else 1
                assert logs[log] == pytest.approx(float(value) / factor, rel=1e-4)
            for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
                if gradient is not None:
                    variable.assign_sub(rate * gradient)
        for name, network in gan.networks.items():
            pairs = zip(network.trainable_variables, getattr(other, name).trainable_variables, strict=True)
            for trained, expected in pairs:
                np.testing.assert_allclose(
                    support.to_numpy(trained), support.to_numpy(expected), rtol=1e-3, atol=1e-5
                )

    def test_path_lengths(self):
        """Of images linear in the styles: the root of the mean over the convolutions of |A_l y|^2."""
        gan = make_stylegan2()
        rng = np.random.default_rng(0)
        maps = rng.normal(size=(gan.generator.num_styles, 4, math.prod(SHAPE))).astype("float32")
        shapes = ((gan.generator.num_styles, 4), SHAPE)
        styles, directions = (rng.normal(size=(3, *shape)).astype("float32") for shape in shapes)
        gan.generator.synthesize = lambda styles, noise: ops.reshape(
            ops.einsum("nls,lsp->np", styles, maps), (-1, *SHAPE)
        )
        products = np.einsum("lsp,np->nls", maps, directions.reshape(3, -1))
        expected = np.sqrt((products**2).sum(2).mean(1))
        found = gan.path_lengths(ops.convert_to_tensor(styles), None, ops.convert_to_tensor(directions))
        np.testing.assert_allclose(support.to_numpy(found), expected, rtol=1e-4)

    @pytest.mark.ci
    def test_regularizers_act_at_their_steps(self, tmp_path):
        """Counted over epochs, and on from where a file of weights was saved."""
        arguments = {"r1_interval": 3, "path_length_interval": 2, "average_half_life": None}
        gan, later = (make_stylegan2({"run_eagerly": True}, **arguments) for _ in range(2))
        acted = {"r1": [], "path_length": []}
        for each in (gan, later):
            for name, steps in acted.items():
                setattr(each, f"minimize_{name}", partial(_noted, each, steps))
        images = support.toy_images(2, SHAPE)
        history = gan.fit(images, batch_size=2, epochs=3, verbose=0).history
        # An epoch without them logs 0.
        assert (history["gradient_penalty"], history["path_length"]) == ([1, 0, 0], [1, 0, 1])
        gan.save_weights(tmp_path / "gan.weights.h5")
        later.load_weights(tmp_path / "gan.weights.h5")
        for _ in range(4):
            later.train_on_batch(images)
        assert acted == {"r1": [0, 3, 6], "path_length": [0, 2, 4, 6]}
        assert int(later.optimizer.iterations) == 7

    def test_styles_are_mixed_from_a_convolution_on(self):
        gan = make_stylegan2()
        latents, others = (gan.latent.from_seed(2, seed) for seed in (0, 1))
        given = []
        gan.generator.synthesize = lambda styles, noise: given.append(support.to_numpy(styles))
        gan.generate(latents, mixing=(others, 2.0))
        own, other = (support.to_numpy(gan.generator.styles(each))[:, None] for each in (latents, others))
        np.testing.assert_allclose(given[0][:, :2], own.repeat(2, 1), atol=1e-6)
        np.testing.assert_allclose(given[0][:, 2:], other.repeat(2, 1), atol=1e-6)

    def test_the_mixing_that_is_drawn(self):
        gan = make_stylegan2(style_mixing=0.5)
        firsts = np.array([float(gan.draw_mixing(1)[1]) for _ in range(60)])
        num = gan.generator.num_styles
        assert set(firsts) == {*range(1, num), num} and 0.3 < (firsts == num).mean() < 0.7

    def test_the_average_style(self):
        """Follows the styles of a step's images by 0.5 %."""
        gan = make_stylegan2()
        latents = gan.latent.from_seed(8, 0)
        gan.generate(latents)
        expected = 0.005 * support.to_numpy(gan.generator.styles(latents)).mean(0)
        np.testing.assert_allclose(support.to_numpy(gan.generator.mapping.average), expected, rtol=1e-4)

    def test_the_half_life_of_the_average_grows(self):
        gan = make_stylegan2(average_half_life=100, average_ramp=0.5)
        for steps, expected in ((0, 1e-8), (2, 8.0), (1000, 100.0)):
            gan.steps.assign(steps)
            assert float(gan.half_life_at(8)) == pytest.approx(expected)


class TestSamples:
    def test_truncation(self):
        """A share of the way from the average style; the model's own is that of exports."""
        gan = make_stylegan2(average_half_life=None, truncation=0.5)
        gan.generator.mapping.average.assign(np.full(4, 0.3, "float32"))
        latents = support.to_numpy(gan.latent.from_seed(3, 1))
        styles = support.to_numpy(gan.generator.styles(latents))
        for truncation in (0.0, 0.5, 1.0):
            expected = gan.generator.synthesize(gan.generator.repeated(0.3 + truncation * (styles - 0.3)))
            images = gan.sample(latents=latents, truncation=truncation)
            np.testing.assert_allclose(images, np.clip(support.to_numpy(expected), -1, 1), atol=1e-5)
        np.testing.assert_array_equal(
            gan.sample(latents=latents), gan.sample(latents=latents, truncation=0.5)
        )
        assert gan.get_config()["truncation"] == 0.5
        one = gan.sample(3, truncation=0.0)
        np.testing.assert_allclose(one[1:], one[:-1], atol=1e-6)

    def test_noise_is_drawn_in_training_and_saved_for_sampling(self):
        gan = make_stylegan2()
        for convolution in gan.generator.convolutions:
            convolution.noise_strength.assign(1.0)
        latents = gan.latent.from_seed(2, 0)
        first, second = (support.to_numpy(gan.generate(latents, noise=gan.draw_noise(2))) for _ in range(2))
        assert (first != second).any()
        images = [support.to_numpy(gan.generator(latents)) for _ in range(2)]
        np.testing.assert_array_equal(*images)
        assert [noise.shape[1] for noise in gan.draw_noise(2)] == gan.generator.noise_sides == [4, 8, 8]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_stylegan2(architecture="orig"), "`architecture` must be 'resnet' or 'plain'"),
        (lambda: models.StyleGAN2((12, 12, 3)), "side of 4"),
        (lambda: make_stylegan2(style_mixing=1.5), "`style_mixing` must be from 0 to 1"),
        (lambda: make_stylegan2(r1_weight=-1.0), "`r1_weight`"),
        (lambda: make_stylegan2(truncation=-1.0), "`truncation`"),
        (lambda: make_stylegan2().sample(2, truncation=-0.1), "`truncation`"),
        (lambda: make_stylegan2({"steps_per_execution": 2}), "`steps_per_execution` must be 1"),
        (lambda: make_stylegan2().fit(support.toy_images(3, SHAPE), verbose=0), "multiple of 2, the disc"),
        (
            lambda: make_stylegan2().evaluate(support.toy_images(3, SHAPE), verbose=0),
            "multiple of 2, the discriminator's `group_size`",
        ),
        (
            lambda: make_stylegan2(generator=keras.Sequential()),
            "`generator` must be a `keras_genzoo.networks",
        ),
        (
            lambda: models.StyleGAN2(
                generator=networks.StyleGAN2Generator(SHAPE, channel_max=4, num_classes=2)
            ),
            "`num_classes` is None, but the network 'generator' has 2",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def _noted(gan, steps, *arguments):
    steps.append(int(gan.steps))
    return ops.ones(())
