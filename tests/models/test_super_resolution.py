"""Super-resolution: tiles without seams, pictures of any size, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from PIL import Image
from toy_upscalers import SHAPE, make_super_resolution

from keras_genzoo import models, networks
from tests import support


class TestContract(Contract):
    family = Family(
        models.SuperResolution,
        make_super_resolution,
        variants={"l2": lambda: make_super_resolution(pixel_loss="l2", average_decay=0.9)},
        optimizers={
            "generator": (keras.optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.9, "beta_2": 0.99})
        },
    )


class TestLosses:
    def test_are_on_the_scale_from_zero_to_one(self):
        dark, bright = np.full((2, *SHAPE), -1, "float32"), np.full((2, *SHAPE), 0, "float32")
        for name, expected in (("l1", 0.5), ("l2", 0.25)):
            loss, logs = make_super_resolution(pixel_loss=name).losses_of(dark, bright)
            assert float(loss) == pytest.approx(expected)
            assert float(logs["psnr"]) == pytest.approx(-10 * np.log10(0.25))


class TestUpscale:
    @pytest.mark.parametrize("overlap", [0, 1, 4, 9])
    @pytest.mark.parametrize("size", [(23, 40), (8, 65)])
    def test_tiles_that_overlap_by_the_receptive_radius_leave_no_seam(self, size, overlap):
        model = support.as_if_trained(make_super_resolution())
        images = support.toy_images(2, (*size, 1))
        whole = model.translate(images)
        tiled = model.upscale(images, tile=16, overlap=overlap, batch_size=2)
        assert tiled.shape == whole.shape == (2, 2 * size[0], 2 * size[1], 1)
        # A gray level is 1 / 127.5 here.
        difference = np.abs(tiled - whole).max()
        assert difference < 1e-5 if overlap >= model.generator.receptive_radius else difference > 1e-3

    @pytest.mark.ci
    def test_sides_that_the_generator_cannot_take_are_padded(self):
        generator = networks.RRDBSuperResolver(1, 2, width=4, growth=2, num_blocks=1)
        model = support.as_if_trained(make_super_resolution(generator=generator))
        images = support.toy_images(1, (13, 135, 1))
        whole = model.translate(images, fit="pad")
        tiled = model.upscale(images, tile=15, overlap=41)
        assert tiled.shape == (1, 26, 270, 1)
        np.testing.assert_allclose(tiled, whole, atol=1e-5)

    def test_takes_what_translate_takes(self, tmp_path):
        model = support.as_if_trained(make_super_resolution())
        levels = np.random.default_rng(0).integers(0, 256, (20, 30)).astype("uint8")
        picture = Image.fromarray(levels)
        picture.save(tmp_path / "picture.png")
        expected = model.translate(levels[..., None])
        for given in (levels, levels[..., None], picture, tmp_path / "picture.png"):
            for tile in (8, 256):
                np.testing.assert_allclose(model.upscale(given, tile, 8), expected, atol=1e-5)
        large, other = model.upscale([picture, picture.crop((0, 0, 9, 5))])
        assert large.shape == (40, 60, 1) and other.shape == (10, 18, 1)

    @pytest.mark.parametrize(
        ("images", "arguments", "message"),
        [
            (
                np.zeros((2, 20, 20, 3), "uint8"),
                {},
                r"`images` must have the shape \(num, height, width, 1\)",
            ),
            (np.zeros((2, 20), "uint8"), {"tile": 0}, "`tile` must be at least 1"),
            (np.zeros((2, 20), "uint8"), {"overlap": -1}, "`overlap` must be at least 0"),
        ],
    )
    def test_bad_input_is_refused(self, images, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_super_resolution().upscale(images, **arguments)

    def test_a_shape_that_cannot_be_divided_is_refused(self):
        with pytest.raises(ValueError, match=r"multiples of `scale`, 4. Received: \(30, 32, 3\)"):
            models.SuperResolution((30, 32, 3), 4)
