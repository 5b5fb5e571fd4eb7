"""Tasks of a translator: a source may be smaller than its target, and of other channels."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_genzoo import backends, models, pixels
from keras_genzoo.modalities import Images
from keras_genzoo.models.options import checked_options
from keras_genzoo.models.translation_model import Task, mean_absolute_difference


@keras.saving.register_keras_serializable(package="test_tasks")
class Enlarging(models.TranslationModel):
    """Gray images to colour images of twice the size."""

    players = {"upscaler": ("upscaler",)}  # noqa: RUF012
    loss_names = ("loss",)
    trains_on = ("pairs",)

    @checked_options
    def __init__(self, image_shape, *, upscaler=None, **kwargs):
        super().__init__(image_shape=image_shape, source_channels=1, **kwargs)
        if upscaler is None:
            grey = keras.Input((None, None, 1))
            colour = keras.layers.Conv2D(3, 1, kernel_initializer="ones")(grey)
            upscaler = keras.Model(grey, keras.layers.UpSampling2D()(colour))
        self.set_networks(upscaler=upscaler)

    @property
    def source_modality(self):
        height, width, _ = self.image_shape
        return Images((height // 2, width // 2, 1), may_be_bright=True)

    @property
    def tasks(self):
        return {"upscale": Task("upscaler", self.source_modality, self.modality)}

    def default_optimizers(self):
        """SGD without movement."""
        return {"upscaler": keras.optimizers.SGD(0.0)}

    @backends.train_step
    def train_step(self, data):
        sources, targets = self.unpack(data)
        loss = self.minimize(
            lambda: mean_absolute_difference(targets, self.upscaler(sources, training=True)), "upscaler"
        )
        return self.update_trackers(loss=loss)


GREY = np.random.default_rng(0).integers(0, 256, (4, 4, 6, 1)).astype("uint8")
ENLARGED = GREY.repeat(2, axis=1).repeat(2, axis=2).repeat(3, axis=3)


@pytest.fixture(scope="module")
def model():
    model = Enlarging((8, 12, 3))
    model.compile()
    return model


class TestOfAnotherSize:
    def test_train_on_pairs_of_both_sizes(self, model):
        history = model.fit(GREY, ENLARGED, batch_size=2, verbose=0).history
        assert history["loss"] == [pytest.approx(0.0, abs=1e-6)]

    def test_refuse_sources_of_the_size_of_the_targets(self, model):
        with pytest.raises(ValueError, match=r"`x` must have the shape \(batch, 4, 6, 1\)"):
            model.fit(ENLARGED[..., :1], ENLARGED, verbose=0)

    def test_translate_images_of_any_size_to_twice_that(self, model):
        np.testing.assert_array_equal(pixels.to_uint8(model.translate(GREY)), ENLARGED)
        assert model.translate(GREY[:1, :3, :2]).shape == (1, 6, 4, 3)
        assert model.translate(Image.new("L", (5, 3)), fit="pad").shape == (6, 10, 3)

    def test_are_shown_beside_sources_enlarged_by_whole_pixels(self, model):
        picture = model.preview((GREY, ENLARGED), num=2)
        scale = 128 // 8
        # Source, translation and target, two rows, lines of 2 pixels.
        assert picture.shape == (scale * (2 + 2 * (8 + 2)), scale * (2 + 3 * (12 + 2)), 3)
        first = picture[2 * scale : 10 * scale : scale, 2 * scale : 14 * scale : scale]
        np.testing.assert_array_equal(first, ENLARGED[0])

    def test_return_from_a_preset(self, model, tmp_path):
        model.save_to_preset(tmp_path / "preset")
        again = models.load(tmp_path / "preset")
        assert again.tasks["upscale"].scale == 2
        np.testing.assert_allclose(again.translate(GREY), model.translate(GREY), atol=1e-6)

    def test_have_signatures_of_the_source(self, model):
        function, inputs = model.signatures()["translate"]
        assert inputs["images"].shape == (None, None, None, 1)
        np.testing.assert_array_equal(np.asarray(function(images=GREY)["images"]), ENLARGED)


def test_an_unknown_direction_names_the_tasks(model):
    with pytest.raises(ValueError, match=r"`direction` must be one of \['upscale'\]"):
        model.translate(GREY, "downscale")
