"""ColorizationGAN: a step restated in NumPy, lightness that is kept, and every family's promises."""

import math

import keras
import numpy as np
import pytest
import skimage.color
from contract import Contract, Family
from PIL import Image
from toy_restorers import SHAPE, make_colorizer, make_colorizer_of_the_paper, make_linear_colorizer
from toy_translators import flat_weights, make_discriminator, make_generator, numerical_gradient

from keras_genzoo import datasets, metrics, models, networks
from tests import support
from tests.support import toy_flowers


def lab_of(images):
    """L*a*b* of images in [-1, 1]."""
    return skimage.color.rgb2lab((np.asarray(images, "float64") + 1) / 2)


class TestContract(Contract):
    family = Family(
        models.ColorizationGAN,
        make_colorizer,
        random=make_colorizer_of_the_paper,
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 3e-4, "beta_1": 0.0, "beta_2": 0.999}),
        ),
        chance_level=2 * math.log(2),
    )


class TestNumbersOfThePaper:
    @pytest.mark.parametrize(
        ("side", "generator"), [(32, 16_654_851), pytest.param(256, 42_023_811, marks=pytest.mark.slow)]
    )
    def test_networks_and_constants(self, side, generator):
        model = models.ColorizationGAN((side, side, 3))
        counts = [
            sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
            for network in (model.generator, model.discriminator)
        ]
        assert counts == [generator, 2_767_553]
        assert model.l1_weight == 100


class TestAlgorithm:
    """One step restated in NumPy for two linear networks, gradients by differences."""

    rate = 0.05

    def test_step_is_that_of_the_paper(self):
        model = make_linear_colorizer(self.rate)
        generator, discriminator = flat_weights(model.generator), flat_weights(model.discriminator)
        rng = np.random.default_rng(3)
        sources = rng.uniform(-1, 1, (3, 2, 2, 1)).astype("float32")
        images = rng.uniform(-1, 1, (3, 2, 2, 3)).astype("float32")
        logs = model.train_on_batch(sources, images, return_dict=True)
        targets = (lab_of(images) - [50, 0, 0]) / [50, 110, 110]

        def colored(generator):
            return sources * generator[:3] + generator[3:]

        def judged(discriminator, lab):
            return np.concatenate([sources, lab], axis=-1) @ discriminator[:4] + discriminator[4]

        def entropy(logits, target):
            return np.logaddexp(0, -logits if target else logits).mean()

        def discriminator_loss(discriminator):
            return entropy(judged(discriminator, targets), 1) + entropy(judged(discriminator, fakes), 0)

        def generator_loss(generator):
            lab = colored(generator)
            return entropy(judged(discriminator, lab), 1) + 100 * np.abs(targets - lab).mean()

        # The discriminator first, on the generator's colours; the generator against the updated one.
        fakes = colored(generator)
        expected = {"discriminator_loss": discriminator_loss(discriminator)}
        discriminator = discriminator - self.rate * numerical_gradient(discriminator_loss, discriminator)
        expected |= {"generator_loss": generator_loss(generator), "l1_loss": np.abs(targets - fakes).mean()}
        generator = generator - self.rate * numerical_gradient(generator_loss, generator)
        np.testing.assert_allclose(flat_weights(model.discriminator), discriminator, atol=1e-5)
        np.testing.assert_allclose(flat_weights(model.generator), generator, atol=1e-4)
        assert logs == pytest.approx(expected, rel=1e-4)

    def test_evaluate_gives_the_losses_of_inference(self):
        model = make_colorizer()
        sources, targets = support.toy_images(4, (8, 8, 1)), support.toy_images(4, SHAPE, seed=1)
        logs = model.evaluate(sources, targets, verbose=0, return_dict=True)
        made = np.asarray(model.generator(sources)) * [50, 110, 110] + [50, 0, 0]
        difference = np.abs(made - lab_of(targets)) / [50, 110, 110]
        assert logs["l1_loss"] == pytest.approx(difference.mean(), rel=1e-4)


class TestExport:
    @pytest.mark.slow
    def test_onnx_gives_the_models_images_of_gray_images_only(self, tmp_path):
        pytest.importorskip("tf2onnx")
        onnxruntime = pytest.importorskip("onnxruntime")
        model = make_colorizer()
        model.export(tmp_path / "colorizer.onnx", "onnx")
        session = onnxruntime.InferenceSession(str(tmp_path / "colorizer.onnx"))
        gray = np.random.default_rng(0).uniform(-1, 1, (2, *SHAPE[:2], 1)).astype("float32")
        (given,) = (each.name for each in session.get_inputs())
        (images,) = session.run(None, {given: gray})
        np.testing.assert_allclose(images, model.translate(gray), atol=1e-3)


class TestColorize:
    def test_lightness_is_that_of_the_source(self):
        model = make_colorizer()
        # Colours so weak that sRGB has them all.
        model.generator.set_weights([0.1 * weight for weight in model.generator.get_weights()])
        grey = np.linspace(-0.6, 0.6, 64, dtype="float32").reshape(1, 8, 8, 1)
        for colored in (model.translate(grey), model.colorize(grey), np.asarray(model(grey))):
            assert np.abs(colored).max() < 1 and np.ptp(colored, axis=-1).max() > 0
            np.testing.assert_allclose(
                lab_of(colored)[..., 0], lab_of(grey.repeat(3, axis=-1))[..., 0], atol=1e-2
            )

    def test_a_large_picture_keeps_its_detail(self, tmp_path):
        model = make_colorizer()
        model.generator.set_weights([0.1 * weight for weight in model.generator.get_weights()])
        grey = np.random.default_rng(0).integers(60, 190, (21, 37), "uint8")
        Image.fromarray(grey).save(tmp_path / "grey.png")
        (colored,) = model.colorize([tmp_path / "grey.png"])
        assert colored.shape == (21, 37, 3)
        expected = lab_of(grey[..., None].repeat(3, axis=-1) / 127.5 - 1)
        np.testing.assert_allclose(lab_of(colored)[..., 0], expected[..., 0], atol=1e-2)
        np.testing.assert_allclose(model.colorize(grey), colored, atol=1e-6)
        # Its colours are those of the small picture.
        assert np.ptp(lab_of(colored)[..., 1:], axis=(0, 1)).max() < 5

    def test_of_the_paper_any_size(self):
        model = make_colorizer_of_the_paper()
        assert model.colorize(np.zeros((2, 13, 50, 1), "uint8"), size=16).shape == (2, 13, 50, 3)

    @pytest.mark.parametrize(
        ("images", "arguments", "message"),
        [
            (np.zeros((2, 8, 8, 3), "uint8"), {}, r"\(num, height, width, 1\)"),
            (np.full((1, 20, 20, 1), 3.0, "float32"), {}, r"must be in \[-1, 1"),
            (np.zeros((1, 8, 8, 1), "uint8"), {"size": 0}, "`size` must be"),
        ],
    )
    def test_bad_input_is_refused(self, images, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_colorizer().colorize(images, **arguments)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"generator": make_generator(1, 1)},
                "`generator` must map 1 to 3 channels. Received .* maps 1 to 1",
            ),
            ({"discriminator": make_discriminator(3)}, "`discriminator` must map 4 to 1 channels"),
            ({"l1_weight": -1.0}, "`l1_weight` must be at least 0"),
            ({"generator": networks.ColorizationUNet((2, 2, 2, 2, 2, 2))}, "multiples of 32"),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_colorizer(**arguments)

    def test_grey_targets_are_refused(self):
        with pytest.raises(ValueError, match=r"`image_shape` must be \(height, width, 3\)"):
            models.ColorizationGAN((32, 32, 1))

    def test_filters(self):
        with pytest.raises(ValueError, match="`filters` must have at least two entries"):
            networks.ColorizationUNet((4,))


@pytest.mark.ci
def test_measure(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_flowers.install(tmp_path, monkeypatch.setitem)
    model = make_colorizer()
    results = metrics.evaluate(model, "flowers_grey", data_dir=tmp_path, measures=["colorization"])
    values = {result["metric"]: result["value"] for result in results}
    assert set(values) == {
        f"{name}_{kind}" for name in ("color", "grey_color") for kind in ("l1", "psnr", "perceptual")
    }
    _, targets = datasets.load("flowers_grey", "test", 5, 8, tmp_path, shuffle=False).get_single_element()
    true = lab_of(targets)[..., 1:]
    # A gray image has no colour.
    assert values["grey_color_l1"] == pytest.approx(np.abs(true).mean(), rel=1e-3)
    errors = np.square(true).mean(axis=(1, 2, 3))
    assert values["grey_color_psnr"] == pytest.approx((10 * np.log10(220**2 / errors)).mean(), rel=1e-3)
