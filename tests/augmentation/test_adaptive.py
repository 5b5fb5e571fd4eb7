"""Adaptive augmentation: each change beside a statement in NumPy or SciPy, its gradient, and how p follows."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from keras_genzoo import augmentation, backends, models, networks
from keras_genzoo.augmentation import AdaptiveAugmentation
from keras_genzoo.augmentation.adaptive import CHANGES
from tests import support

NUM, SIDE = 12, 16
# Smooth, so that an interpolation is one of about the same picture.
IMAGES = ndimage.gaussian_filter(
    np.random.default_rng(0).uniform(-4, 4, (NUM, SIDE, SIDE, 3)), (0, 1.5, 1.5, 0)
).astype("float32")
UNIFORM = (
    np.random.default_rng(1).permuted(np.tile((np.arange(NUM) + 0.5) / NUM, (8, 1)), axis=1).astype("float32")
)
NORMAL = np.random.default_rng(2).normal(size=(7, NUM)).astype("float32")


def made(*changes, images=IMAGES):
    """Images with some changes and no others."""
    augment = AdaptiveAugmentation()
    augment.build(images.shape)
    augment.probability.assign(0.75)
    decisions = np.full((len(CHANGES), NUM), 0.99, "float32")
    for change in changes:
        # A rotation has the probability 1 - sqrt(1 - 0.75).
        decisions[CHANGES.index(change)] = 0.49 if "rotation" in change else 0.74
    drawn = tuple(ops.convert_to_tensor(each) for each in (decisions, UNIFORM, NORMAL))
    return ops.convert_to_numpy(augment.augment(ops.convert_to_tensor(images), drawn))


def mapped(matrices):
    """Each image by the linear map (of x and y) of its own that leads from its pixels to the given ones'."""
    centre = np.full(2, (SIDE - 1) / 2)
    results = []
    for image, matrix in zip(IMAGES, matrices, strict=True):
        # SciPy has rows, that is y, first.
        matrix = np.array(matrix)[::-1, ::-1]
        offset = centre - matrix @ centre
        channels = [
            ndimage.affine_transform(image[..., channel], matrix, offset, order=1, mode="mirror")
            for channel in range(3)
        ]
        results.append(np.stack(channels, axis=-1))
    return np.array(results)


def turned(angles):
    return [[[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]] for angle in angles]


class TestPositions:
    def test_flip(self):
        expected = np.where((UNIFORM[0] >= 0.5)[:, None, None, None], IMAGES[:, :, ::-1], IMAGES)
        np.testing.assert_array_equal(made("flip"), expected)

    def test_turn(self):
        """By 0 to 3 quarters, exactly."""
        quarters = np.floor(4 * UNIFORM[1]).astype(int)
        expected = [np.rot90(image, num) for image, num in zip(IMAGES, quarters, strict=True)]
        np.testing.assert_array_equal(made("turn"), expected)
        assert {*quarters} == {0, 1, 2, 3}

    def test_shift(self):
        """By up to two of 16 pixels, exactly; the reflected image comes in."""
        padded = np.pad(IMAGES, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="reflect")
        right, down = (np.round(2 * (2 * share - 1)).astype(int) for share in UNIFORM[2:4])
        expected = [
            image[2 - y : 2 - y + SIDE, 2 - x : 2 - x + SIDE]
            for image, x, y in zip(padded, right, down, strict=True)
        ]
        np.testing.assert_array_equal(made("shift"), expected)

    def test_scale(self):
        factors = 2 ** (0.2 * NORMAL[0])
        expected = mapped([np.eye(2) / factor for factor in factors])
        np.testing.assert_allclose(made("scale"), expected, atol=1e-4)

    @pytest.mark.parametrize(("change", "row"), [("first_rotation", 4), ("second_rotation", 5)])
    def test_rotation(self, change, row):
        expected = mapped(turned(np.pi * (2 * UNIFORM[row] - 1)))
        np.testing.assert_allclose(made(change), expected, atol=1e-4)

    def test_stretch(self):
        factors = 2 ** (0.2 * NORMAL[1])
        np.testing.assert_allclose(
            made("stretch"), mapped([np.diag([1 / factor, factor]) for factor in factors]), atol=1e-4
        )

    def test_fractional_shift(self):
        expected = [
            ndimage.shift(image, (2 * down, 2 * right, 0), order=1, mode="mirror")
            for image, right, down in zip(IMAGES, NORMAL[2], NORMAL[3], strict=True)
        ]
        np.testing.assert_allclose(made("fractional_shift"), expected, atol=1e-4)

    def test_order(self):
        """The image that comes out last turned and stretched was scaled first: A (B C) of the pixels."""
        angles = [np.pi * (2 * UNIFORM[row] - 1) for row in (4, 5)]
        factors = 2 ** (0.2 * NORMAL[1])
        matrices = [
            np.array(first) @ np.diag([1 / factor, factor]) @ np.array(second)
            for first, factor, second in zip(turned(angles[0]), factors, turned(angles[1]), strict=True)
        ]
        changes = ("first_rotation", "stretch", "second_rotation")
        np.testing.assert_allclose(made(*changes), mapped(matrices), atol=1e-4)


class TestColours:
    def test_brightness_and_contrast(self):
        offset, factor = 0.2 * NORMAL[4], 2 ** (0.5 * NORMAL[5])
        expected = (IMAGES + offset[:, None, None, None]) * factor[:, None, None, None]
        np.testing.assert_allclose(made("brightness", "contrast"), expected, atol=1e-5)

    def test_luma_flip_hue_and_saturation(self):
        """As matrices: a reflection of the gray axis, a rotation about it, and a scaling across it."""
        axis = np.ones((3, 1)) / np.sqrt(3)
        along = axis @ axis.T
        cross = np.cross(axis.T, np.eye(3)).T
        expected = []
        for image, flip, hue, exponent in zip(IMAGES, UNIFORM[6], UNIFORM[7], NORMAL[6], strict=True):
            angle = np.pi * (2 * hue - 1)
            matrix = np.eye(3) - 2 * along * (flip >= 0.5)
            rotation = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * along
            matrix = (along + (np.eye(3) - along) * 2**exponent) @ rotation @ matrix
            expected.append(image @ matrix.T)
        found = made("luma_flip", "hue", "saturation")
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_one_channel(self):
        """Has no hue and no saturation."""
        grey = IMAGES[..., :1]
        np.testing.assert_allclose(made("hue", "saturation", images=grey), grey, atol=1e-6)
        expected = np.where((UNIFORM[6] >= 0.5)[:, None, None, None], -grey, grey)
        np.testing.assert_allclose(made("luma_flip", images=grey), expected, atol=1e-6)


class TestAsAWhole:
    def test_no_image_is_changed_at_0(self):
        augment = AdaptiveAugmentation()
        images = ops.convert_to_tensor(IMAGES)
        np.testing.assert_array_equal(augment(images, seed=backends.SeedGenerator(0)), IMAGES)
        augment.probability.assign(0.05)
        found = ops.convert_to_numpy(augment(images, seed=backends.SeedGenerator(0)))
        kept = (found == IMAGES).all(axis=(1, 2, 3))
        assert 0 < kept.sum() < NUM

    def test_gradient_reaches_the_images(self):
        """All changes are affine in them: the gradient of a weighted sum is that of finite differences."""
        weights = np.random.default_rng(3).normal(size=IMAGES.shape).astype("float32")
        direction = np.random.default_rng(4).normal(size=IMAGES.shape).astype("float32")
        augment = AdaptiveAugmentation()
        augment.build(IMAGES.shape)
        augment.probability.assign(1.0)
        drawn = tuple(
            ops.convert_to_tensor(each)
            for each in (np.zeros((len(CHANGES), NUM), "float32"), UNIFORM, NORMAL)
        )
        _, gradient = backends.input_value_and_grad(
            lambda images: ops.sum(augment.augment(images, drawn) * weights), ops.convert_to_tensor(IMAGES)
        )
        ends = [
            (
                ops.convert_to_numpy(augment.augment(ops.convert_to_tensor(IMAGES + step * direction), drawn))
                * weights
            )
            .astype("float64")
            .sum()
            for step in (0.5, -0.5)
        ]
        slope = (ops.convert_to_numpy(gradient).astype("float64") * direction).sum()
        assert slope == pytest.approx(ends[0] - ends[1], rel=1e-3)

    def test_probability_follows_the_discriminator(self):
        """Every second update, by 2 batches of 4 in 100 images; r is the mean of both batches."""
        augment = AdaptiveAugmentation(target=0.4, interval=2, num_images=100)
        augment.build((None, 8, 8, 1))
        found = []
        rising, falling = [1, 1, 1, 1, 1, 1, 1, -1], [1, 1, 1, -1, 1, -1, 1, -1]
        for signs in np.array([*rising, *rising, *falling, 1, 1, -1, -1, 1, 1, -1, -1]).reshape(-1, 4):
            augment.update(ops.convert_to_tensor(3.0 * signs[:, None].astype("float32")))
            found.append(float(augment.probability))
        np.testing.assert_allclose(found, [0, 0.08, 0.08, 0.16, 0.16, 0.08, 0.08, 0], atol=1e-6)

    @pytest.mark.parametrize("packing", [1, 2])
    def test_probability_counts_images_and_not_packs(self, packing):
        gan = models.GAN(
            (16, 16, 1),
            4,
            width=2,
            discriminator=networks.DCGANDiscriminator((16, 16, 1), width=2, packing=packing),
            augmentation=AdaptiveAugmentation(target=-2.0, interval=1, num_images=100),
        )
        gan.compile()
        gan.train_on_batch(support.toy_images(8, (16, 16, 1)))
        assert float(gan.augmentation.probability) == pytest.approx(0.08)

    def test_probability_stays_between_0_and_1(self):
        augment = AdaptiveAugmentation(interval=1, num_images=1)
        augment.build((None, 8, 8, 1))
        for logit, expected in ((1.0, 1.0), (1.0, 1.0), (-1.0, 0.0), (-1.0, 0.0)):
            augment.update(ops.full((4, 1), logit))
            assert float(augment.probability) == expected

    def test_config(self):
        augment = AdaptiveAugmentation(0.5, 8, 100_000)
        again = augmentation.get(keras.saving.serialize_keras_object(augment))
        assert (again.target, again.interval, again.num_images) == (0.5, 8, 100_000)
        assert augmentation.get("adaptive").num_images == 500_000


@pytest.mark.parametrize("shape", [(8, 12, 3), (8, 8, 4)])
def test_shapes_that_it_cannot_turn_or_colour_are_refused(shape):
    with pytest.raises(ValueError, match=r"square images with 1 or 3 channels.*`DiffAugment`"):
        models.GAN(image_shape=shape, width=4, augmentation="adaptive")


@pytest.mark.slow
def test_it_adapts_in_fit_and_is_saved(tmp_path):
    """With R1 through it, whose second derivative it must have."""
    keras.utils.set_random_seed(0)
    arguments = {
        "style_dim": 4,
        "num_mapping_layers": 2,
        "channel_base": 32,
        "channel_max": 4,
        "group_size": 2,
    }
    make_augmentation = {"target": -0.9, "interval": 1, "num_images": 40}
    gan = models.StyleGAN2((8, 8, 3), 4, augmentation=AdaptiveAugmentation(**make_augmentation), **arguments)
    gan.compile()
    history = gan.fit(support.toy_images(8, (8, 8, 3)), batch_size=4, epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    p = float(gan.augmentation.probability)
    assert p > 0
    gan.save(tmp_path / "gan.keras")
    assert float(keras.saving.load_model(tmp_path / "gan.keras").augmentation.probability) == p
