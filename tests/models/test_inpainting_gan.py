"""InpaintingGAN: a step restated in NumPy, pixels that are kept, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from PIL import Image
from toy_restorers import (
    SHAPE,
    make_inpainter,
    make_inpainter_of_the_paper,
    make_linear_inpainter,
)
from toy_translators import flat_weights, make_discriminator, make_generator, numerical_gradient

from keras_genzoo import layers, models, networks
from tests import support


class TestContract(Contract):
    family = Family(
        models.InpaintingGAN,
        make_inpainter,
        random=make_inpainter_of_the_paper,
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.999}),
        ),
        chance_level=2.0,
        adversarial_log="adversarial_loss",
    )


class TestNumbersOfThePaper:
    def test_networks_and_constants(self):
        model = models.InpaintingGAN((256, 256, 3))

        def num(variables):
            return sum(int(np.prod(variable.shape)) for variable in variables)

        variables = model.generator.trainable_variables
        coarse = [variable for variable in variables if variable.path.split("/")[-2].startswith("coarse")]
        assert num(coarse) == 1_631_151 and num(variables) - num(coarse) == 2_421_327
        assert num(model.discriminator.trainable_variables) == 5_946_816
        assert model.l1_weight == 1


class TestAttention:
    def test_it_changes_the_hole(self):
        with_attention = networks.GatedInpainter(width=4)
        without = networks.GatedInpainter(width=4, attention=False)
        # Initial weights are so small that the attention is lost in the layers after it.
        with_attention.set_weights([3 * weight for weight in with_attention.get_weights()])
        for layer in filter(lambda layer: layer.weights, without.layers):
            layer.set_weights(with_attention.get_layer(layer.name).get_weights())
        sources = np.concatenate([support.toy_images(1, (32, 32, 3)), -np.ones((1, 32, 32, 1))], axis=-1)
        sources[:, 4:12, 4:12, -1] = 1
        difference = ops.convert_to_numpy(with_attention(sources)[1]) - ops.convert_to_numpy(
            without(sources)[1]
        )
        assert np.abs(difference[:, 4:12, 4:12]).max() > 1e-3

    def test_it_is_an_option_without_weights(self):
        network = networks.GatedInpainter(width=4, attention=False)
        assert not any(isinstance(layer, layers.ContextualAttention) for layer in network.layers)
        again = networks.GatedInpainter.from_config(network.get_config())
        assert len(again.layers) == len(network.layers) and again.max_pixels is None
        assert network.count_params() == networks.GatedInpainter(width=4).count_params()
        assert networks.GatedInpainter(width=4).max_pixels == 512 * 512


class TestGatedConvolution:
    def test_is_elu_times_sigmoid(self):
        layer = layers.GatedConv2D(4, 1)
        inputs = np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype("float32")
        outputs = ops.convert_to_numpy(layer(inputs))
        kernel, bias = layer.get_weights()
        values, gates = np.split(inputs @ kernel[0, 0] + bias, 2, axis=-1)
        expected = np.where(values > 0, values, np.expm1(values)) / (1 + np.exp(-gates))
        np.testing.assert_allclose(outputs, expected, atol=1e-6)
        assert layer.compute_output_shape((1, 2, 2, 3)) == (1, 2, 2, 2)

    def test_odd_filters_are_refused(self):
        with pytest.raises(ValueError, match="`filters` must be even"):
            layers.GatedConv2D(3, 1)


class TestAlgorithm:
    """One step restated in NumPy for linear networks, gradients by differences."""

    rate = 0.05

    def test_step_is_that_of_the_paper(self):
        model = make_linear_inpainter(self.rate, l1_weight=0.7)
        generator, discriminator = flat_weights(model.generator), flat_weights(model.discriminator)
        rng = np.random.default_rng(3)
        targets = rng.uniform(-1, 1, (3, 2, 2, 3)).astype("float32")
        masks = np.where(rng.uniform(size=(3, 2, 2, 1)) < 0.5, 1, -1).astype("float32")
        sources = np.concatenate([np.where(masks > 0, 0, targets), masks], axis=-1)
        logs = model.train_on_batch(sources, targets, return_dict=True)

        def stages(generator):
            return [sources @ each[:12].reshape(4, 3) + each[12:] for each in np.split(generator, 2)]

        def filled(generator):
            return np.where(masks > 0, stages(generator)[1], targets)

        def scores(discriminator, images):
            return np.concatenate([images, masks], axis=-1) @ discriminator[:4] + discriminator[4]

        def discriminator_loss(discriminator):
            real, fake = scores(discriminator, targets), scores(discriminator, fakes)
            return np.maximum(1 - real, 0).mean() + np.maximum(1 + fake, 0).mean()

        def generator_losses(generator):
            coarse_l1, l1 = (np.abs(targets - images).mean() for images in stages(generator))
            adversarial = -scores(discriminator, filled(generator)).mean()
            return adversarial + 0.7 * (coarse_l1 + l1), adversarial, l1, coarse_l1

        # The discriminator first, on the generator's images; the generator against the updated one.
        fakes = filled(generator)
        expected = {"discriminator_loss": discriminator_loss(discriminator)}
        discriminator = discriminator - self.rate * numerical_gradient(discriminator_loss, discriminator)
        names = ("generator_loss", "adversarial_loss", "l1_loss", "coarse_l1_loss")
        expected |= dict(zip(names, generator_losses(generator), strict=True))
        generator = generator - self.rate * numerical_gradient(
            lambda weights: generator_losses(weights)[0], generator
        )
        np.testing.assert_allclose(flat_weights(model.discriminator), discriminator, atol=1e-5)
        np.testing.assert_allclose(flat_weights(model.generator), generator, atol=1e-5)
        assert logs == pytest.approx(expected, rel=1e-4)


class TestInpaint:
    @pytest.mark.ci
    @pytest.mark.parametrize("size", [(8, 8), (13, 18)])
    def test_known_pixels_are_kept_exactly(self, size):
        model = make_inpainter_of_the_paper()
        images = support.toy_images(2, (*size, 3))
        masks = np.random.default_rng(0).uniform(size=(2, *size)) < 0.5
        filled = model.inpaint(images, masks)
        np.testing.assert_array_equal(filled[~masks], images[~masks])
        assert (filled[masks] != images[masks]).any(axis=-1).all()
        one = model.inpaint(images[0], masks[0, ..., None])
        np.testing.assert_allclose(one, filled[0], atol=1e-5)

    @pytest.mark.ci
    def test_what_a_hole_held_changes_nothing(self):
        model = make_inpainter_of_the_paper()
        images = support.toy_images(1, SHAPE)
        masks = np.zeros((1, 8, 8), bool)
        masks[:, 2:5, 3:7] = True
        other = np.where(masks[..., None], -images, images)
        np.testing.assert_allclose(model.inpaint(images, masks), model.inpaint(other, masks), atol=1e-6)

    def test_pictures_that_are_too_large_are_refused(self):
        model = make_inpainter()
        model.generator.max_pixels = 12 * 12
        model.inpaint(support.toy_images(1, (12, 12, 3)), np.ones((1, 12, 12), bool))
        with pytest.raises(ValueError, match=r"`images` must have at most 144 pixels each"):
            model.inpaint(support.toy_images(1, (12, 13, 3)), np.ones((1, 12, 13), bool))
        assert model.serving_description()["tasks"]["inpaint"]["max_pixels"] == 144

    def test_pictures(self, tmp_path):
        model = make_inpainter()
        values = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype("uint8")
        mask = np.where(np.arange(8) < 3, 255, 0).astype("uint8") * np.ones((8, 1), "uint8")
        Image.fromarray(values).save(tmp_path / "picture.png")
        Image.fromarray(mask).save(tmp_path / "mask.png")
        filled = model.inpaint(tmp_path / "picture.png", str(tmp_path / "mask.png"))
        np.testing.assert_array_equal(filled, model.inpaint(values, mask))
        # A picture whose holes are transparent.
        Image.fromarray(np.dstack([values, 255 - mask])).save(tmp_path / "holes.png")
        np.testing.assert_allclose(model.translate(tmp_path / "holes.png")[:, 3:], filled[:, 3:], atol=1e-6)

    @pytest.mark.parametrize(
        ("images", "masks", "message"),
        [
            (np.zeros((8, 8, 4), "uint8"), np.zeros((8, 8), bool), r"`images` must have the shape"),
            (np.zeros((8, 8, 3), "uint8"), np.zeros((8, 9), bool), r"have the size of `images`, \(8, 8\)"),
            (np.zeros((8, 8, 3), "uint8"), np.zeros((8, 8), "float32"), "`masks` must be bool or uint8"),
            (np.full((8, 8, 3), 2.0, "float32"), np.zeros((8, 8), bool), r"must be in \[-1, 1"),
        ],
    )
    def test_bad_input_is_refused(self, images, masks, message):
        with pytest.raises(ValueError, match=message):
            make_inpainter().inpaint(images, masks)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"generator": make_generator(3, 3)}, "`generator` must take 4 channels"),
            ({"generator": make_generator(4, 3)}, "two images with 3 channels"),
            ({"discriminator": make_discriminator(3)}, "`discriminator` must take 4 channels"),
            ({"l1_weight": -1.0}, "`l1_weight` must be at least 0"),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_inpainter(**arguments)

    def test_width(self):
        with pytest.raises(ValueError, match="`width` must be a multiple of 4"):
            networks.GatedInpainter(3, 6)
