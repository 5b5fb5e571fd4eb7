"""DeblurGAN: a step restated in NumPy, the residual generator, and every family's promises."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_restorers import (
    SHAPE,
    make_deblurrer,
    make_deblurrer_of_the_paper,
    make_linear_deblurrer,
)
from toy_translators import flat_weights, make_discriminator, make_generator, numerical_gradient

from keras_genzoo import datasets, metrics, models, networks
from keras_genzoo.models.perceptual import PerceptualFeatures
from tests import support
from tests.support import toy_flowers


class TestContract(Contract):
    family = Family(
        models.DeblurGAN,
        make_deblurrer,
        # The other penalty draws points between real and generated images.
        exact=partial(make_deblurrer, penalty="r1"),
        random=make_deblurrer_of_the_paper,
        at_full_size=lambda: models.DeblurGAN((256, 256, 3)),
        counts={"generator": 6_067_459, "discriminator": 2_764_737},
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.999}),
        ),
        adversarial_log="adversarial_loss",
    )


def test_constants_of_the_paper():
    model = models.DeblurGAN((16, 16, 3), discriminator=make_discriminator(3), width=2)
    assert (model.perceptual_weight, model.l1_weight, model.discriminator_steps) == (100, 0, 5)
    assert (model.penalty.weight, model.penalty.target) == (10, 1)


class TestAlgorithm:
    """One step restated in NumPy for linear networks, gradients by differences."""

    rate = 0.05

    def test_step_is_that_of_the_paper(self):
        model = make_linear_deblurrer(self.rate, perceptual_weight=0.0, l1_weight=0.7, discriminator_steps=2)
        generator, critic = flat_weights(model.generator), flat_weights(model.discriminator)
        rng = np.random.default_rng(3)
        sources, targets = rng.uniform(-1, 1, (2, 3, 2, 2, 3)).astype("float32")
        logs = model.train_on_batch(sources, targets, return_dict=True)

        def made(generator):
            return sources @ generator[:9].reshape(3, 3) + generator[9:]

        def value(critic, images):
            return (images @ critic[:3] + critic[3]).mean()

        def critic_loss(critic):
            # The gradient of a value is the same everywhere: u / 4 at each of the four pixels.
            norm = np.linalg.norm(critic[:3]) / 2
            return value(critic, fakes) - value(critic, targets) + 10 * (norm - 1) ** 2

        def generator_losses(generator):
            l1 = np.abs(targets - made(generator)).mean()
            adversarial = -value(critic, made(generator))
            return adversarial + 0.7 * l1, adversarial, l1

        # Two updates of the critic on the same images; the generator against the updated one.
        fakes = made(generator)
        for _ in range(2):
            expected = {"discriminator_loss": critic_loss(critic), "perceptual_loss": 0.0}
            critic = critic - self.rate * numerical_gradient(critic_loss, critic)
        names = ("generator_loss", "adversarial_loss", "l1_loss")
        expected |= dict(zip(names, generator_losses(generator), strict=True))
        generator = generator - self.rate * numerical_gradient(
            lambda weights: generator_losses(weights)[0], generator
        )
        np.testing.assert_allclose(flat_weights(model.discriminator), critic, atol=1e-5)
        np.testing.assert_allclose(flat_weights(model.generator), generator, atol=1e-5)
        assert logs == pytest.approx(expected, rel=1e-4)

    @pytest.mark.ci
    def test_features_add_to_the_loss_of_the_generator(self):
        sources, targets = support.toy_images(2, (32, 32, 3)), support.toy_images(2, (32, 32, 3), seed=1)
        model = models.DeblurGAN(
            (32, 32, 3), generator=make_generator(3, 3), discriminator=make_discriminator(3)
        )
        model.compile()
        logs = model.test_on_batch(sources, targets, return_dict=True)
        difference = float(PerceptualFeatures().difference(targets, model.translate(sources)))
        assert logs["perceptual_loss"] == pytest.approx(difference, rel=1e-4)
        assert logs["generator_loss"] == pytest.approx(logs["adversarial_loss"] + 100 * difference, rel=1e-4)

    @pytest.mark.ci
    def test_a_weight_raised_after_compile_is_refused_until_compiled_again(self):
        data = support.toy_images(2, (32, 32, 3)), support.toy_images(2, (32, 32, 3), seed=1)
        model = models.DeblurGAN(
            (32, 32, 3),
            generator=make_generator(3, 3),
            discriminator=make_discriminator(3),
            perceptual_weight=0.0,
        )
        model.compile()
        model.perceptual_weight = 1.0
        with pytest.raises(
            ValueError, match=r"`perceptual_weight` was 0 .* is 1.0 now. Call `compile` again"
        ):
            model.evaluate(*data, verbose=0)
        model.compile()
        assert model.evaluate(*data, verbose=0, return_dict=True)["perceptual_loss"] > 0

    @pytest.mark.ci
    def test_features_move_the_generator(self):
        """Against a critic without weights nothing else does."""
        keras.utils.set_random_seed(0)
        model = models.DeblurGAN(
            (32, 32, 3), generator=make_generator(3, 3), discriminator=make_discriminator(3)
        )
        model.compile(keras.optimizers.SGD(1e-3), keras.optimizers.SGD(0.0))
        model.discriminator.set_weights([np.zeros_like(each) for each in model.discriminator.get_weights()])
        sources, targets = support.toy_images(2, (32, 32, 3)), support.toy_images(2, (32, 32, 3), seed=1)
        losses = [
            model.train_on_batch(sources, targets, return_dict=True)["perceptual_loss"] for _ in range(3)
        ]
        assert losses[2] < losses[1] < losses[0]


class TestGenerator:
    def test_adds_to_its_source_and_clips(self):
        plain, residual = (
            networks.ResNetTranslator(3, width=2, num_blocks=1, block_convolutions=1, residual=residual)
            for residual in (False, True)
        )
        rng = np.random.default_rng(0)
        weights = [rng.normal(0, 0.5, weight.shape) for weight in plain.weights]
        for network in (plain, residual):
            network.set_weights(weights)
        images = support.toy_images(2, SHAPE)
        sums = images + plain.predict(images, verbose=0)
        assert np.abs(sums).max() > 1
        np.testing.assert_allclose(residual.predict(images, verbose=0), np.clip(sums, -1, 1), atol=1e-5)

    def test_a_block_of_one_convolution_is_a_relu_added(self):
        """What a block changes is never below zero."""
        generator = networks.ResNetTranslator(3, width=2, num_blocks=1, block_convolutions=1)
        block = generator.get_layer("block_1")
        parts = keras.Model(generator.input, [*block.input, block.output])
        before, _, after = map(np.asarray, parts.predict(support.toy_images(2, SHAPE), verbose=0))
        assert (after - before).min() >= 0 and (after - before).max() > 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"block_convolutions": 3}, "`block_convolutions` must be 1 or 2"),
            ({"residual": True, "output_channels": 1}, "`residual` adds"),
            ({"residual": True, "num_labels": 3}, "`residual` adds"),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            networks.ResNetTranslator(3, width=2, num_blocks=1, **arguments)


@pytest.mark.parametrize("size", [(8, 8), (13, 18)])
def test_deblur_keeps_the_size(size):
    model = make_deblurrer_of_the_paper()
    images = support.toy_images(2, (*size, 3))
    sharp = model.deblur(images)
    assert sharp.shape == images.shape
    np.testing.assert_allclose(model.deblur(images[0]), sharp[0], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generator": make_generator(1, 3)}, r"`image_shape\[-1\]` is 3, but the network"),
        ({"generator": make_generator(3, 1)}, r"`image_shape\[-1\]` is 3, but the network"),
        ({"discriminator": make_discriminator(6)}, r"`image_shape\[-1\]` is 3, but the network"),
        ({"discriminator": networks.PatchGANDiscriminator(3, 2, num_layers=0)}, "has batch normalization"),
        ({"discriminator_steps": 0}, "`discriminator_steps` must be at least 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_deblurrer(**arguments)


@pytest.mark.ci
def test_measure(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    model = make_deblurrer()
    results = metrics.evaluate(model, "flowers_blurred", data_dir=tmp_path, measures=["deblurring"])
    values = {result["metric"]: result["value"] for result in results}
    blurred, sharp = (
        ops.convert_to_numpy(images)
        for images in datasets.load(
            "flowers_blurred", "test", 5, 8, tmp_path, shuffle=False
        ).get_single_element()
    )
    for name, images in (("blurred", blurred), ("deblurring", np.clip(model.deblur(blurred), -1, 1))):
        psnr = -10 * np.log10(np.square((images - sharp) / 2).mean(axis=(1, 2, 3)))
        assert values.pop(f"{name}_psnr") == pytest.approx(psnr.mean(), rel=1e-2), name
        difference = float(PerceptualFeatures().difference(images, sharp))
        assert values.pop(f"{name}_perceptual") == pytest.approx(difference, rel=2e-2), name
    assert not values
