"""SRGAN and ESRGAN: a step of each restated in NumPy, features that are no weights, and every family's promises."""

import math

import keras
import numpy as np
import pytest
from contract import Contract, Family
from toy_translators import flat_weights, numerical_gradient
from toy_upscalers import (
    SHAPE,
    make_esrgan,
    make_exact_srgan,
    make_linear,
    make_real_esrgan,
    make_srgan,
)

from keras_genzoo import models, networks
from keras_genzoo.models.perceptual import PerceptualFeatures
from tests import support

SOURCES, TARGETS = support.toy_images(4, (4, 4, 1)), support.toy_images(4, SHAPE, seed=1)


class TestSRGAN(Contract):
    family = Family(
        models.SRGAN,
        make_srgan,
        exact=make_exact_srgan,
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 1e-4, "beta_1": 0.9, "beta_2": 0.999}),
        ),
        chance_level=2 * math.log(2),
        adversarial_log="adversarial_loss",
    )


class TestESRGAN(Contract):
    family = Family(
        models.ESRGAN,
        make_esrgan,
        # The mean of the logits is that of a replica's own images.
        exact=make_real_esrgan,
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 1e-4, "beta_1": 0.9, "beta_2": 0.99}),
        ),
        chance_level=math.log(2),
        adversarial_log="adversarial_loss",
    )


class TestNumbersOfThePapers:
    @pytest.mark.ci
    def test_weights_of_the_losses(self):
        srgan, esrgan = make_srgan(), make_esrgan(perceptual_weight=1.0)
        weights = [(each.pixel_weight, each.adversarial_weight) for each in (srgan, esrgan)]
        # That of SRGAN's squared error on the scale from 0 to 1: the paper's is in [-1, 1].
        assert weights == [(4.0, 1e-3), (1e-2, 5e-3)]
        assert (srgan.pixel_loss, esrgan.pixel_loss) == ("l2", "l1") and esrgan.relativistic

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("model_class", "side", "generator", "discriminator"),
        [(models.SRGAN, 96, 1_549_462, 23_565_505), (models.ESRGAN, 128, 16_697_987, 14_499_401)],
    )
    def test_default_networks(self, model_class, side, generator, discriminator):
        model = model_class((side, side, 3))
        counts = [
            sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
            for network in (model.generator, model.discriminator)
        ]
        assert counts == [generator, discriminator]


class TestAlgorithm:
    """One step restated in NumPy for two linear networks, gradients by differences."""

    rate = 0.05

    @pytest.mark.parametrize("kind", ["srgan", "esrgan", "real_esrgan"])
    def test_step_is_that_of_the_paper(self, kind):
        arguments = {"srgan": {}, "esrgan": {"relativistic": True}, "real_esrgan": {"relativistic": False}}
        model_class = models.SRGAN if kind == "srgan" else models.ESRGAN
        weights = {"pixel_weight": 0.5, "perceptual_weight": 0.0, "adversarial_weight": 0.2}
        model = make_linear(model_class, self.rate, **weights, **arguments[kind])
        generator, discriminator = flat_weights(model.generator), flat_weights(model.discriminator)
        rng = np.random.default_rng(3)
        sources = rng.uniform(-1, 1, (3, 2, 2, 1)).astype("float32")
        targets = rng.uniform(-1, 1, (3, 4, 4, 1)).astype("float32")
        logs = model.train_on_batch(sources, targets, return_dict=True)

        def enlarged(generator):
            return generator[0] * sources.repeat(2, axis=1).repeat(2, axis=2) + generator[1]

        def logits(discriminator, images):
            real = discriminator[0] * targets + discriminator[1]
            fake = discriminator[0] * images + discriminator[1]
            return (real - fake.mean(), fake - real.mean()) if kind == "esrgan" else (real, fake)

        def entropy(logits, target):
            return np.logaddexp(0, -logits if target else logits).mean()

        half = 0.5 if kind == "esrgan" else 1.0

        def discriminator_loss(discriminator):
            real, fake = logits(discriminator, fakes)
            return half * (entropy(real, 1) + entropy(fake, 0))

        def generator_losses(generator):
            images = enlarged(generator)
            difference = (images - targets) / 2
            pixel_loss = (difference**2).mean() if kind == "srgan" else np.abs(difference).mean()
            real, fake = logits(discriminator, images)
            adversarial = half * (entropy(fake, 1) + (entropy(real, 0) if kind == "esrgan" else 0))
            return 0.5 * pixel_loss + 0.2 * adversarial, adversarial, pixel_loss

        # The discriminator first, on the generator's images; the generator against the updated one.
        fakes = enlarged(generator)
        expected = {"discriminator_loss": discriminator_loss(discriminator), "perceptual_loss": 0.0}
        discriminator = discriminator - self.rate * numerical_gradient(discriminator_loss, discriminator)
        names = ("generator_loss", "adversarial_loss", "pixel_loss")
        expected |= dict(zip(names, generator_losses(generator), strict=True))
        errors = (((np.clip(fakes, -1, 1) - targets) / 2) ** 2).mean(axis=(1, 2, 3))
        expected["psnr"] = -10 * np.log10(errors).mean()
        generator = generator - self.rate * numerical_gradient(
            lambda weights: generator_losses(weights)[0], generator
        )

        np.testing.assert_allclose(flat_weights(model.discriminator), discriminator, atol=1e-5)
        np.testing.assert_allclose(flat_weights(model.generator), generator, atol=1e-5)
        assert logs == pytest.approx(expected, rel=1e-4)


class TestPerceptualLoss:
    @pytest.mark.ci
    def test_is_zero_for_equal_images_and_moves_the_generator(self):
        images = support.toy_images(2, (32, 32, 3))
        features = PerceptualFeatures()
        assert float(features.difference(images, images)) == 0
        blurred = images.reshape(2, 16, 2, 16, 2, 3).mean((2, 4)).repeat(2, axis=1).repeat(2, axis=2)
        assert float(features.difference(images, blurred)) > 0.1
        model = make_esrgan(pixel_weight=0.0, adversarial_weight=0.0, perceptual_weight=1.0)
        before = flat_weights(model.generator)
        logs = model.train_on_batch(SOURCES, TARGETS, return_dict=True)
        assert logs["generator_loss"] == logs["perceptual_loss"] > 0
        assert np.abs(flat_weights(model.generator) - before).max() > 0

    @pytest.mark.ci
    def test_its_network_is_no_part_of_the_model(self, tmp_path):
        model = make_esrgan(perceptual_weight=1.0)
        assert len(model.weights) == len(make_esrgan().weights)
        model.save_to_preset(tmp_path / "preset")
        loaded = models.load(tmp_path / "preset")
        assert loaded.perceptual_weight == 1.0
        np.testing.assert_array_equal(loaded.translate(SOURCES), model.translate(SOURCES))
        assert (tmp_path / "preset" / "model.weights.h5").stat().st_size < 1e6


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"pixel_loss": "l3"}, "`pixel_loss` must be 'l1' or 'l2'. Received: pixel_loss='l3'"),
            ({"adversarial_weight": -1.0}, "`adversarial_weight` must be at least 0"),
            (
                {"image_shape": (8, 8, 2), "perceptual_weight": 1.0},
                r"`perceptual_weight` must be 0 unless images have 1 or 3 channels",
            ),
            (
                {"generator": networks.CompactSuperResolver(3, 2, width=2, num_layers=0)},
                r"`generator` takes images of \(None, None, 3\).*are \(4, 4, 1\)",
            ),
            (
                {"discriminator": networks.CroppedDiscriminator((16, 16, 1), width=2, hidden=4)},
                r"`discriminator` takes images of \(16, 16, 1\).*are \(8, 8, 1\)",
            ),
            (
                {
                    "image_shape": (6, 6, 1),
                    "generator": networks.RRDBSuperResolver(1, 2, width=2, growth=2, num_blocks=0),
                },
                "`generator` takes images whose height and width are multiples of 2",
            ),
            (
                {"generator": networks.CompactSuperResolver(1, 4, width=2, num_layers=1)},
                r"`generator` maps images of \(4, 4, 1\) to images of \(16, 16, 1\).*the `scale` of the model, 2",
            ),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_srgan(**arguments)
