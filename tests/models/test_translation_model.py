"""What both families of translators share: averages of the networks that translate, seeds of dropout."""

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image
from toy_translators import make_cyclegan, make_pix2pix, make_pix2pix_of_the_paper

from keras_genzoo import models, pictures, visualization
from tests import support

PAIRS = (support.toy_images(8, (8, 8, 2)), support.toy_images(8, (8, 8, 1), seed=1))
DOMAINS = (support.toy_images(4, (8, 8, 1)), support.toy_images(4, (8, 8, 1), seed=1))
# A family's model, and what it trains on.
FAMILIES = pytest.mark.parametrize(
    ("make_model", "data"), [(make_pix2pix, PAIRS), (make_cyclegan, DOMAINS)], ids=["pix2pix", "cyclegan"]
)
# Far enough in one step for an average to differ from what it follows.
RATE = 0.3


@FAMILIES
class TestAverages:
    @pytest.mark.slow_but("pix2pix")
    def test_every_network_that_translates_is_averaged(self, make_model, data):
        model = make_model("sgd", RATE, average_decay=0.9)
        names = list(model.image_networks)
        assert list(model.averages) == names
        expected = {name: getattr(model, name).get_weights() for name in names}
        for _ in range(2):
            model.train_on_batch(*data)
            for name in names:
                trained = getattr(model, name).get_weights()
                expected[name] = [
                    0.9 * average + 0.1 * weight
                    for average, weight in zip(expected[name], trained, strict=True)
                ]
        for name in names:
            for average, value, trained in zip(
                model.averages[name].get_weights(),
                expected[name],
                getattr(model, name).get_weights(),
                strict=True,
            ):
                np.testing.assert_allclose(average, value, atol=1e-6)
                assert (average != trained).any()

    @pytest.mark.slow
    @pytest.mark.representative
    def test_averages_translate(self, make_model, data):
        model = make_model("sgd", RATE, average_decay=0.9)
        model.train_on_batch(*data)
        for direction, task in model.tasks.items():
            name = task.network
            sources, _ = model.in_direction(direction, *data)
            expected = ops.convert_to_numpy(model.averages[name](sources))
            np.testing.assert_allclose(model.translate(sources, direction), expected, atol=1e-6)
            trained = ops.convert_to_numpy(getattr(model, name)(sources))
            assert np.abs(expected - trained).max() > 1e-4

    @pytest.mark.slow_but("pix2pix")
    def test_evaluate_is_about_the_averages(self, make_model, data):
        model = make_model("sgd", RATE, average_decay=0.9)
        model.train_on_batch(*data)
        losses = model.evaluate(*data, verbose=0, return_dict=True)
        for name, average in model.averages.items():
            getattr(model, name).set_weights(average.get_weights())
        assert losses == pytest.approx(model.evaluate(*data, verbose=0, return_dict=True), rel=1e-5)

    @pytest.mark.slow_but("pix2pix")
    def test_a_preset_holds_the_averages_and_training_goes_on_from_them(self, make_model, data, tmp_path):
        model = make_model("sgd", RATE, average_decay=0.9)
        model.train_on_batch(*data)
        model.save_to_preset(tmp_path / "preset")
        loaded = type(model).from_preset(tmp_path / "preset")
        for name, average in model.averages.items():
            for network in (loaded.averages[name], getattr(loaded, name)):
                for weight, expected in zip(network.get_weights(), average.get_weights(), strict=True):
                    np.testing.assert_array_equal(weight, expected)


@pytest.mark.tensorflow  # JAX computes in float64 only where it is told to at its start
def test_averages_in_float64():
    """The half-life is a float32 number of images, whatever the networks compute in."""
    keras.config.set_dtype_policy("float64")
    try:
        model = make_pix2pix("sgd", RATE, average_half_life=4.0)
    finally:
        keras.config.set_dtype_policy("float32")
    (start,) = (network.get_weights() for network in model.averages.values())
    model.train_on_batch(*PAIRS)
    for average, before, trained in zip(
        model.averages["generator"].get_weights(), start, model.generator.get_weights(), strict=True
    ):
        # Eight images are two half-lives.
        np.testing.assert_allclose(average, 0.25 * before + 0.75 * trained, atol=1e-6)
        assert (average != before).any()


def test_a_picture_of_translations_leaves_the_dropout_of_training_alone(tmp_path):
    model = support.as_if_trained(models.Pix2Pix((32, 32, 1), width=2, sampling_dropout=True))
    sources = support.toy_images(2, (32, 32, 1))
    before = support.state_of(model)
    visualization.save_translations(model, sources, tmp_path / "first.png")
    visualization.save_translations(model, sources, tmp_path / "second.png")
    support.assert_same_state(support.state_of(model), before)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_no_layer_draws_for_one_seed_what_another_draws_for_the_next(monkeypatch):
    model = support.as_if_trained(make_pix2pix_of_the_paper(sampling_dropout=True))
    given = []
    monkeypatch.setattr(
        type(model),
        "inference",
        lambda self, *_, seeds, **__: given.append(seeds) or np.zeros((2, 32, 32, 1)),
    )
    for seed in range(3):
        model.translate(support.toy_images(6, (32, 32, 2)), seed=seed, batch_size=2)
    # Three layers, three batches, three seeds.
    assert len({tuple(row) for seeds in given for row in seeds}) == 27


class TestWhatTranslateTakes:
    """One image, pictures, or a batch: the same translations in the form of what was given."""

    @pytest.fixture
    def model(self):
        return support.as_if_trained(models.Pix2Pix((32, 32, 1), width=2, source_channels=3))

    @pytest.fixture
    def file(self, tmp_path):
        """A picture 32 pixels wide and 64 high, which a camera stored lying."""
        exif = Image.Exif()
        exif[0x0112] = 6
        rgba = np.random.default_rng(0).integers(0, 256, (32, 64, 4)).astype("uint8")
        Image.fromarray(rgba).save(tmp_path / "a.png", exif=exif)
        return tmp_path / "a.png"

    def test_a_picture_is_what_the_reader_gives(self, model, file):
        batch = pictures.read(file, 3)[None]
        assert batch.shape == (1, 64, 32, 3)
        (expected,) = model.translate(batch)
        with Image.open(file) as opened:
            for given in (file, str(file), opened, batch[0]):
                translated = model.translate(given)
                assert translated.shape == (64, 32, 1) and translated.dtype == "float32"
                np.testing.assert_allclose(translated, expected, atol=1e-5)

    def test_a_list_of_pictures_gives_a_list(self, model, file):
        small = Image.new("RGB", (10, 20), "red")
        first, second = model.translate([file, small], fit="pad")
        np.testing.assert_array_equal(first, model.translate(file))
        np.testing.assert_array_equal(second, model.translate(small, fit="pad"))
        assert second.shape == (20, 10, 1)

    def test_grey_without_an_axis_of_channels(self):
        model = support.as_if_trained(models.Pix2Pix((32, 32, 3), width=2, source_channels=1))
        image = support.toy_images(1, (32, 32, 1))
        translated = model.translate(image[0, ..., 0])
        assert translated.shape == (32, 32, 3)
        np.testing.assert_allclose(translated, model.translate(image)[0], atol=1e-6)
        colour = Image.fromarray(np.full((32, 32, 3), (255, 0, 0), "uint8"))
        np.testing.assert_array_equal(model.translate(colour), model.translate(colour.convert("L")))

    def test_what_cannot_be_read_or_does_not_fit_is_named(self, model, tmp_path):
        (tmp_path / "text.png").write_text("no picture")
        with pytest.raises(ValueError, match=r"text\.png cannot be read"):
            model.translate(tmp_path / "text.png")
        with pytest.raises(FileNotFoundError, match=r"missing\.png"):
            model.translate("missing.png")
        with pytest.raises(ValueError, match=r"\(20, 10, 3\).*`fit='pad'`"):
            model.translate(Image.new("RGB", (10, 20)))


def test_bad_decays_are_refused():
    with pytest.raises(ValueError, match=r"`average_decay` must be at least 0 and below 1"):
        make_pix2pix(average_decay=1.0)
