"""pix2pix: the paper's step and numbers, translating, and every family's promises."""

import math
from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_translators import (
    SHAPE,
    SOURCE_SHAPE,
    flat_weights,
    make_discriminator,
    make_generator,
    make_linear_pix2pix,
    make_pix2pix,
    make_pix2pix_of_the_paper,
    numerical_gradient,
)

from keras_genzoo import losses, models
from tests import support

PAIRS = (support.toy_images(8, SOURCE_SHAPE), support.toy_images(8, SHAPE, seed=1))
LARGE_PAIRS = (support.toy_images(2, (32, 32, 2)), support.toy_images(2, (32, 32, 1), seed=1))


def trainable_parameters(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


class TestContract(Contract):
    family = Family(
        models.Pix2Pix,
        # Sources and targets that can be shown beside one another.
        partial(make_pix2pix, channels=3),
        exact=partial(make_pix2pix, average_half_life=20.0),
        random=partial(make_pix2pix_of_the_paper, average_decay=0.9),
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999}),
        ),
        chance_level=math.log(2),
    )


class TestNumbersOfThePaper:
    @pytest.mark.ci
    def test_networks_and_constants(self):
        model = models.Pix2Pix((256, 256, 3))
        assert trainable_parameters(model.generator) == 54_413_955
        assert trainable_parameters(model.discriminator) == 2_768_705
        assert model.l1_weight == 100
        assert isinstance(model.adversarial_loss, losses.NonSaturating)
        assert model.discriminator(np.zeros((1, 256, 256, 6), "float32")).shape == (1, 30, 30, 1)


class TestAlgorithm:
    """One step restated in NumPy for two linear networks, gradients by differences."""

    rate = 0.05

    @pytest.mark.parametrize("loss", ["non_saturating", "mean_squared_error"])
    def test_step_is_that_of_the_paper(self, loss):
        model = make_linear_pix2pix(self.rate, loss=loss)
        generator, discriminator = flat_weights(model.generator), flat_weights(model.discriminator)
        rng = np.random.default_rng(3)
        sources, targets = rng.uniform(-1, 1, (2, 3, 2, 2, 1)).astype("float32")
        logs = model.train_on_batch(sources, targets, return_dict=True)

        def translated(generator):
            return generator[0] * sources + generator[1]

        def judged(discriminator, images):
            return discriminator[0] * sources + discriminator[1] * images + discriminator[2]

        def error(logits, target):
            if loss == "mean_squared_error":
                return ((logits - target) ** 2).mean()
            return np.logaddexp(0, -logits if target else logits).mean()

        def discriminator_loss(discriminator):
            real, fake = judged(discriminator, targets), judged(discriminator, fakes)
            return 0.5 * (error(real, 1) + error(fake, 0))

        def generator_loss(generator):
            images = translated(generator)
            return error(judged(discriminator, images), 1) + 100 * np.abs(targets - images).mean()

        # The discriminator first, on the generator's images; the generator against the updated one.
        fakes = translated(generator)
        expected = {"discriminator_loss": discriminator_loss(discriminator)}
        discriminator = discriminator - self.rate * numerical_gradient(discriminator_loss, discriminator)
        expected["generator_loss"] = generator_loss(generator)
        expected["l1_loss"] = np.abs(targets - fakes).mean()
        generator = generator - self.rate * numerical_gradient(generator_loss, generator)

        np.testing.assert_allclose(flat_weights(model.discriminator), discriminator, atol=1e-5)
        np.testing.assert_allclose(flat_weights(model.generator), generator, atol=1e-4)
        assert logs == pytest.approx(expected, rel=1e-4)

    def test_without_l1_the_generator_follows_the_discriminator_alone(self):
        plain, weighted = (make_linear_pix2pix(self.rate, l1_weight=weight) for weight in (0.0, 100.0))
        images = support.toy_images(3, (2, 2, 1))
        logs = plain.train_on_batch(images, images, return_dict=True)
        weighted_logs = weighted.train_on_batch(images, images, return_dict=True)
        difference = weighted_logs["generator_loss"] - logs["generator_loss"]
        assert difference == pytest.approx(100 * logs["l1_loss"], rel=1e-4)


class TestDropout:
    @pytest.mark.slow
    @pytest.mark.representative
    def test_a_translation_depends_on_its_source_alone(self):
        model = make_pix2pix_of_the_paper()
        model.fit(*LARGE_PAIRS, batch_size=2, verbose=0)
        images = support.toy_images(3, (32, 32, 2), seed=9)
        together = model.translate(images)
        alone = np.concatenate([model.translate(images[index : index + 1]) for index in range(3)])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        np.testing.assert_array_equal(model.translate(images), together)

    @pytest.mark.slow
    def test_sampling_dropout_draws_anew(self, tmp_path):
        model = support.as_if_trained(make_pix2pix_of_the_paper(sampling_dropout=True))
        images = support.toy_images(1, (32, 32, 2))
        assert np.abs(model.translate(images) - model.translate(images)).max() > 0.01
        # Recorded in the preset.
        model.save_to_preset(tmp_path / "preset")
        again = models.load(tmp_path / "preset")
        assert np.abs(again.translate(images) - again.translate(images)).max() > 0.01

    @pytest.mark.ci
    def test_a_seed_repeats_the_dropout_of_a_translation_and_leaves_that_of_training_alone(self):
        model = support.as_if_trained(make_pix2pix_of_the_paper(sampling_dropout=True))
        images = support.toy_images(3, (32, 32, 2))
        before = support.state_of(model)
        first, again, other = (model.translate(images, batch_size=2, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.01
        support.assert_same_state(support.state_of(model), before)

    @pytest.mark.slow
    def test_training_draws_anew(self):
        model = support.as_if_trained(make_pix2pix_of_the_paper())
        images = support.toy_images(1, (32, 32, 2))
        first, second = (ops.convert_to_numpy(model.generator(images, training=True)) for _ in range(2))
        assert np.abs(first - second).max() > 0.01


class TestTranslate:
    @pytest.fixture(scope="class")
    def model(self):
        return make_pix2pix_of_the_paper()

    def test_other_sizes_are_translated(self, model):
        assert model.translate(support.toy_images(2, (64, 96, 2))).shape == (2, 64, 96, 1)

    @pytest.mark.slow_but("size0-pad", "size0-resize")
    @pytest.mark.parametrize("fit", ["pad", "resize"])
    @pytest.mark.parametrize("size", [(20, 33), (70, 64), (5, 7)])
    def test_sizes_that_do_not_fit_are_made_to(self, model, fit, size):
        translated = model.translate(support.toy_images(2, (*size, 2)), fit=fit)
        assert translated.shape == (2, *size, 1)

    def test_padding_leaves_what_fits_as_it_is(self, model):
        images = support.toy_images(1, (32, 32, 2))
        for fit in ("pad", "resize"):
            np.testing.assert_array_equal(model.translate(images, fit=fit), model.translate(images))
        # Mirrored at the right edge: translating the mirrored picture by hand gives the same.
        narrow = images[:, :, :20]
        mirrored = np.concatenate([narrow, narrow[:, :, :7:-1]], axis=2)
        np.testing.assert_allclose(
            model.translate(narrow, fit="pad"), model.translate(mirrored)[:, :, :20], atol=1e-5
        )

    @pytest.mark.parametrize(
        ("images", "arguments", "message"),
        [
            (np.zeros((2, 40, 32, 2), "float32"), {}, r"multiples of 32. Received: \(2, 40, 32, 2\).*fit="),
            (
                np.zeros((2, 32, 32, 3), "uint8"),
                {},
                r"\(num, height, width, 2\) .*Received: \(2, 32, 32, 3\)",
            ),
            (np.zeros((32, 32, 3), "uint8"), {}, r"that of one image.*Received: \(32, 32, 3\)"),
            (np.zeros((32, 32), "uint8"), {}, r"Received: \(32, 32\)"),
            (np.zeros((40, 32, 2), "uint8"), {}, r"multiples of 32. Received: \(40, 32, 2\).*fit="),
            (np.zeros((0, 32, 32, 2), "uint8"), {}, "Received: "),
            (np.full((1, 32, 32, 2), 200.0, "float32"), {}, r"`images` must be in \[-1, 1"),
            (np.full((1, 32, 32, 2), np.nan, "float32"), {}, "NaN"),
            (np.zeros((1, 32, 32, 2), "int64"), {}, "astype"),
            (np.zeros((1, 32, 32, 2), "uint8"), {"fit": "crop"}, "`fit` must be None, 'pad' or 'resize'"),
            (np.zeros((1, 32, 32, 2), "uint8"), {"direction": "b"}, r"`direction` must be one of \['source"),
        ],
    )
    def test_bad_input_is_refused(self, model, images, arguments, message):
        with pytest.raises(ValueError, match=message):
            model.translate(images, **arguments)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"l1_weight": -1.0}, "`l1_weight` must be at least 0"),
            ({"loss": "l2"}, "`loss` must be one of"),
            ({"generator": make_generator(2, 3)}, r"image_shape\[-1\]` is 1, but the network"),
            ({"source_channels": 3}, "`source_channels` is 3, but the network"),
            ({"discriminator": make_discriminator(5)}, r"source_channels \+ image_shape\[-1\]` is 3, but"),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_pix2pix(**arguments)

    def test_a_picture_without_dark_pixels_trains(self):
        make_pix2pix().fit(np.abs(PAIRS[0]), np.abs(PAIRS[1]), verbose=0)


def test_evaluate_gives_the_losses_of_inference():
    model = make_pix2pix_of_the_paper()
    logs = model.evaluate(*LARGE_PAIRS, verbose=0, return_dict=True)
    difference = np.abs(model.translate(LARGE_PAIRS[0]) - LARGE_PAIRS[1]).mean()
    assert logs["l1_loss"] == pytest.approx(difference, rel=1e-5)
    assert set(logs) == {"discriminator_loss", "generator_loss", "l1_loss"}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_networks_of_the_paper_train_in_mixed_precision(policy):
    support.check_mixed_precision(make_pix2pix_of_the_paper, policy)
