"""DiffAugment: each operation restated in NumPy, its gradient, its place in a step, and its config."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import augmentation, backends, models, networks
from keras_genzoo.augmentation import DiffAugment
from tests import support
from tests.support.augmentation import Blank

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 12, 9, 3)).astype("float32")
# Brightness, saturation, contrast, shifts and places of the cut in both directions, as shares of their ranges.
DRAWN = np.random.default_rng(1).uniform(0, 1, (7, 24)).astype("float32")


def augmented(policy, images=IMAGES, drawn=DRAWN):
    drawn = ops.convert_to_tensor(drawn[..., None, None, None])
    return ops.convert_to_numpy(DiffAugment(policy).augment(ops.convert_to_tensor(images), drawn))


class TestOperations:
    def test_color(self):
        expected = []
        for image, (brightness, saturation, contrast) in zip(IMAGES, DRAWN[:3].T, strict=True):
            image = image + (brightness - 0.5)
            gray = image.mean(axis=2, keepdims=True)
            image = (image - gray) * 2 * saturation + gray
            expected.append((image - image.mean()) * (contrast + 0.5) + image.mean())
        np.testing.assert_allclose(augmented("color"), expected, atol=1e-5)

    def test_translation(self):
        """Up to round(12 / 8) = 2 rows and round(9 / 8) = 1 column, all of them alike; zeros come in."""
        expected = np.zeros_like(IMAGES)
        for image, moved, (down, right) in zip(IMAGES, expected, DRAWN[3:5].T, strict=True):
            down, right = int(5 * down) - 2, int(3 * right) - 1
            for y, x in itertools.product(range(12), range(9)):
                if 0 <= y + down < 12 and 0 <= x + right < 9:
                    moved[y, x] = image[y + down, x + right]
        np.testing.assert_array_equal(augmented("translation"), expected)

    def test_cutout(self):
        """6 of 12 rows about one of 13 places between them, 5 of 9 columns about one of 9."""
        expected = IMAGES.copy()
        for image, (vertical, horizontal) in zip(expected, DRAWN[5:].T, strict=True):
            top, left = int(13 * vertical) - 3, int(9 * horizontal) - 2
            image[max(top, 0) : max(top + 6, 0), max(left, 0) : max(left + 5, 0)] = 0
        np.testing.assert_array_equal(augmented("cutout"), expected)

    def test_order_is_that_of_the_paper(self):
        steps = IMAGES
        for part in ("color", "translation", "cutout"):
            steps = augmented(part, steps)
        np.testing.assert_allclose(augmented("cutout,translation,color"), steps, atol=1e-5)

    def test_middle_of_all_ranges_changes_nothing(self):
        drawn = np.full((7, 24), 0.5, "float32")
        np.testing.assert_allclose(augmented("color,translation", drawn=drawn), IMAGES, atol=1e-6)

    def test_draws_fill_their_ranges(self):
        """Of a picture of one pixel in the middle the shifts show where it goes: 5 x 5 places, each as often."""
        images = np.zeros((5000, 16, 16, 1), "float32")
        images[:, 8, 8] = 1
        moved = DiffAugment("translation")(ops.convert_to_tensor(images), seed=backends.SeedGenerator(0))
        counts = ops.convert_to_numpy(ops.sum(moved, axis=(0, 3)))
        assert counts.sum() == 5000
        assert (counts > 0).sum() == 25 and counts[6:11, 6:11].min() > 140 and counts.max() < 260


def test_sizes_of_an_image_are_changed_alike():
    """The colours, and the place of the cut."""
    small = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 3)).astype("float32")
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    changed = DiffAugment("color,cutout")([small, large], seed=backends.SeedGenerator(3))
    assert not np.allclose(changed[0], small, atol=0.1)
    whole = ops.convert_to_numpy(changed[1])[:, ::2, ::2]
    # But for the edges of a cut, which fall between the larger pixels.
    assert np.isclose(whole, changed[0], atol=1e-5).mean() > 0.85


@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "color,translation,cutout"])
def test_gradient_reaches_the_images(policy):
    """That of a sum of changed pixels, against differences along a direction: all parts but colour are linear."""
    augment, weights = DiffAugment(policy), np.random.default_rng(2).normal(size=IMAGES.shape)
    drawn = ops.convert_to_tensor(DRAWN[..., None, None, None])
    value, gradient = backends.input_value_and_grad(
        lambda images: ops.sum(augment.augment(images, drawn) * weights.astype("float32")),
        ops.convert_to_tensor(IMAGES),
    )
    direction = np.random.default_rng(3).normal(size=IMAGES.shape).astype("float32")
    ends = [(augmented(policy, IMAGES + step * direction) * weights).sum() for step in (0.5, -0.5)]
    slope = (ops.convert_to_numpy(gradient).astype("float64") * direction).sum()
    assert slope == pytest.approx(ends[0] - ends[1], rel=1e-3)
    assert float(value) == pytest.approx((augmented(policy) * weights).sum(), rel=1e-3, abs=1e-2)


SMALL = {"image_shape": (8, 8, 1), "latent_dim": 4}
FAMILIES = {
    "gan": lambda **arguments: models.GAN(**SMALL, width=4, **arguments),
    "gan_r1": lambda **arguments: models.GAN(
        **SMALL, width=4, discriminator=critic(), penalty="r1", **arguments
    ),
    "sngan": lambda **arguments: models.SNGAN(**SMALL, width=4, discriminator_steps=1, **arguments),
    "wgan": lambda **arguments: models.WGAN(**SMALL, width=4, critic_steps=2, **arguments),
    "wgan_gp": lambda **arguments: models.WGANGP(**SMALL, width=4, critic_steps=2, **arguments),
    "ebgan": lambda **arguments: models.EBGAN(**SMALL, width=4, pull_away_weight=0.0, **arguments),
    "began": lambda **arguments: models.BEGAN(**SMALL, width=4, **arguments),
    "progressive_gan": lambda **arguments: of_levels(models.ProgressiveGAN, images_seen=10**8, **arguments),
    "msg_gan": lambda **arguments: of_levels(models.MSGGAN, **arguments),
    "stylegan2": lambda **arguments: models.StyleGAN2(
        **SMALL, style_dim=4, channel_base=32, path_length_weight=0.0, **arguments
    ),
}


def of_levels(model, **arguments):
    return model(
        generator=networks.ProgressiveGenerator((8, 8, 1), 4, fmap_max=4),
        discriminator=model.discriminator_class((8, 8, 1), fmap_max=4),
        **arguments,
    )


def critic():
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])


@pytest.mark.slow_but("gan", "gan_r1", "progressive_gan", ci=True)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_image_passes_it_on_the_way_to_the_discriminator(family):
    """Where it shows nothing, the generator gets no gradient, and real images cannot be told from others."""
    keras.utils.set_random_seed(0)
    model = FAMILIES[family](augmentation=Blank(), seed=0)
    model.compile()
    before = [weight.copy() for weight in trainable(model.generator)]
    model.fit(*[support.toy_images(8)], batch_size=4, epochs=1, verbose=0)
    for weight, old in zip(trainable(model.generator), before, strict=True):
        np.testing.assert_allclose(weight, old, atol=1e-6)
    updates = 2 * getattr(model, "critic_steps", 1)
    assert float(model.augmentation.told.value) == (4 * updates if model.has_logits else 0)
    model.evaluate(support.toy_images(8), batch_size=4, verbose=0)
    assert float(model.augmentation.told.value) == (4 * updates if model.has_logits else 0)


@pytest.mark.parametrize("name", ["gan", "gan_r1"])
def test_a_step_with_it_moves_every_variable(name):
    def make():
        keras.utils.set_random_seed(0)
        model = FAMILIES[name](augmentation="diff_augment", seed=0)
        model.compile()
        return model

    support.check_training_step(make, (support.toy_images(8),))


def trainable(network):
    return [ops.convert_to_numpy(variable.value) for variable in network.trainable_variables]


def test_state_is_saved_with_the_model(tmp_path):
    model = models.GAN(**SMALL, width=4, augmentation=Blank())
    model.compile()
    model.augmentation.told.assign(7.0)
    model.save_weights(tmp_path / "model.weights.h5")
    other = models.GAN(**SMALL, width=4, augmentation=Blank())
    other.compile()
    other.load_weights(tmp_path / "model.weights.h5")
    assert float(other.augmentation.told.value) == 7


class TestConfig:
    def test_round_trip(self):
        augment = DiffAugment("translation,cutout")
        again = augmentation.get(keras.saving.serialize_keras_object(augment))
        assert type(again) is DiffAugment and again.get_config() == augment.get_config()

    def test_get_leaves_objects_and_none_as_they_are(self):
        augment = DiffAugment()
        assert augmentation.get(augment) is augment
        assert augmentation.get(None) is None

    def test_a_name_stands_for_the_defaults(self):
        assert augmentation.get("diff_augment").policy == "color,translation,cutout"


class TestBadInput:
    @pytest.mark.parametrize("unknown", ["ada2", 1.0, DiffAugment])
    def test_what_is_no_augmentation_is_refused(self, unknown):
        with pytest.raises(ValueError, match=r"`augmentation` must be one of .*DiffAugment"):
            models.GAN(**SMALL, augmentation=unknown)

    @pytest.mark.parametrize("policy", ["", "colour", "color, cutout", ["color"], None])
    def test_an_unknown_policy_is_refused(self, policy):
        with pytest.raises(ValueError, match="`policy` must name some of color, translation, cutout"):
            DiffAugment(policy)

    def test_points_are_refused(self):
        with pytest.raises(ValueError, match=r"`augmentation` is only for images.*\(2,\)"):
            models.GAN(image_shape=(2,), augmentation="diff_augment")

    @pytest.mark.parametrize(
        ("family", "arguments"),
        [
            ("ebgan", {}),
            ("wgan_gp", {}),
            ("gan", {"loss": "least_squares"}),
            ("sngan", {"loss": "wasserstein"}),
            ("progressive_gan", {}),
        ],
    )
    def test_an_adaptive_one_needs_logits(self, family, arguments):
        """Without them no sign tells what is taken to be real."""
        with pytest.raises(
            ValueError, match=r"adapts to the logits of a discriminator, which a \w+ does not"
        ):
            FAMILIES[family](augmentation="adaptive", **arguments)

    @pytest.mark.parametrize(
        ("family", "loss"), [("gan", "hinge"), ("progressive_gan", "non_saturating"), ("msg_gan", "hinge")]
    )
    def test_an_adaptive_one_goes_with_these_losses(self, family, loss):
        assert FAMILIES[family](augmentation="adaptive", loss=loss).has_logits
