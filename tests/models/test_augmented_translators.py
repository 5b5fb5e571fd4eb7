"""The augmentation of translators: what the discriminator sees beside an image is moved like the image."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import augmentation, models, networks
from keras_genzoo.augmentation import AdaptiveAugmentation, DiffAugment
from keras_genzoo.augmentation.adaptive import CHANGES
from tests import support
from tests.support.augmentation import Blank

SHAPE = (8, 8, 1)
# A policy without colors, under which an image and its copy remain copies.
MOVES = DiffAugment("translation,cutout")


def _discriminator(channels):
    """Its logits are the images it sees."""
    images = keras.Input((8, 8, channels))
    return keras.Model(images, keras.layers.Identity()(images))


class TestMove:
    """`move` places values as `augment` places the pixels of an image without changes of color."""

    IMAGES = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 3)).astype("float32")

    @pytest.mark.parametrize("kind", ["diff_augment", "adaptive"])
    def test_values_are_moved_like_pixels(self, kind):
        layer, drawn = self._drawn(kind)
        images = ops.convert_to_tensor(self.IMAGES)
        moved = support.to_numpy(layer.move(images, drawn))
        assert (moved != self.IMAGES).any()
        assert np.abs(support.to_numpy(layer.augment(images, drawn)) - moved).max() > 0.1
        without_colors = self._without_colors(kind, drawn)
        np.testing.assert_allclose(layer.augment(images, without_colors), moved, atol=1e-5)

    def _without_colors(self, kind, drawn):
        if kind == "diff_augment":
            # The middle of the ranges of brightness, saturation and contrast.
            return ops.concatenate([0.5 * ops.ones_like(drawn[:3]), drawn[3:]])
        decisions, *others = drawn
        first = CHANGES.index("brightness")
        return (ops.concatenate([decisions[:first], ops.ones_like(decisions[first:])]), *others)

    @pytest.mark.parametrize("kind", ["diff_augment", "adaptive"])
    def test_ints_come_from_the_nearest_pixel(self, kind):
        layer, drawn = self._drawn(kind)
        labels = np.random.default_rng(1).integers(1, 200, (32, 8, 8, 1)).astype("int32")
        moved = support.to_numpy(layer.move(ops.convert_to_tensor(labels), drawn))
        assert moved.dtype == np.int32 and (moved != labels).any()
        own = [{0, *image.ravel()} for image in labels]
        assert all({*image.ravel()} <= known for image, known in zip(moved, own, strict=True))
        # A pixel number says where each pixel comes from: within half a pixel of the interpolated place.
        y, x = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
        places = np.stack([y, x, np.ones_like(x)], axis=-1)[None].repeat(32, axis=0)
        smooth, nearest = (
            support.to_numpy(layer.move(ops.convert_to_tensor(places.astype(dtype)), drawn))
            for dtype in ("float32", "int32")
        )
        exists = nearest[..., 2] == 1
        assert exists.mean() > 0.3 and (np.abs(smooth - nearest)[exists] <= 0.5 + 1e-4).all()

    def _drawn(self, kind):
        layer = augmentation.get(kind)
        layer.build((None, 8, 8, 3))
        if kind == "adaptive":
            layer.probability.assign(0.8)
        return layer, layer.draw(32, keras.random.SeedGenerator(3))

    def test_a_layer_without_colors_moves_as_it_augments(self):
        images, beside = Blank()(np.ones((2, 8, 8, 1), "float32"), seed=None, beside=np.ones((2, 8, 8, 2)))
        assert not support.to_numpy(images).any() and support.to_numpy(beside).shape == (2, 8, 8, 2)


def make_pix2pix(**arguments):
    sources = keras.Input(SHAPE)
    generator = keras.Model(sources, keras.layers.Conv2D(1, 1, activation="tanh")(sources))
    return models.Pix2Pix(SHAPE, generator=generator, discriminator=_discriminator(2), seed=1, **arguments)


class TestPix2Pix:
    def test_sources_are_moved_like_their_images(self):
        """The logits of a pair of copies are two copies, wherever they were moved."""
        model = make_pix2pix(augmentation=MOVES)
        sources = support.toy_images(6)
        seen = support.to_numpy(model._logits(ops.convert_to_tensor(sources), sources, True))
        np.testing.assert_array_equal(seen[..., 0], seen[..., 1])
        assert (seen[..., :1] != sources).any()
        untouched = support.to_numpy(model._logits(ops.convert_to_tensor(sources), sources, False))
        np.testing.assert_array_equal(untouched[..., :1], sources)

    def test_colors_of_sources_are_kept(self):
        model = make_pix2pix(augmentation=DiffAugment("color"))
        sources = support.toy_images(6)
        seen = support.to_numpy(model._logits(ops.convert_to_tensor(sources), sources, True))
        np.testing.assert_array_equal(seen[..., :1], sources)
        assert (seen[..., 1:] != sources).any()

    @pytest.mark.parametrize("loss", ["mean_squared_error", "wasserstein"])
    def test_adaptive_augmentation_needs_logits(self, loss):
        with pytest.raises(ValueError, match="`augmentation` adapts to the logits of a discriminator"):
            make_pix2pix(augmentation="adaptive", loss=loss)

    @pytest.mark.ci
    def test_adaptive_augmentation_counts_the_updates_of_the_discriminator(self):
        model = make_pix2pix(augmentation=AdaptiveAugmentation(interval=3, num_images=100))
        model.compile(*(keras.optimizers.SGD(0.0) for _ in range(2)))
        # All logits of real pairs are 1: every third update raises p by 4 * 3 / 100.
        ones = np.full((16, *SHAPE), 1.0, "float32")
        model.fit(ones, ones, batch_size=4, epochs=2, verbose=0)
        assert float(model.augmentation.probability.value) == pytest.approx(2 * 4 * 3 / 100)


def make_spade(**arguments):
    return models.SPADE(
        SHAPE,
        4,
        has_edges=True,
        generator=networks.SPADEGenerator(4, True, SHAPE, width=2, multiples=(2, 1), hidden=2),
        discriminator=networks.MultiScalePatchGAN(4, True, 1, 2, num_scales=2, num_layers=1),
        seed=1,
        **arguments,
    )


def make_pix2pixhd(**arguments):
    generator = networks.ResNetTranslator(2, 1, 2, num_blocks=1, num_downsamplings=1, num_labels=4)
    discriminator = networks.MultiScalePatchGAN(4, True, 1, 2, num_scales=2, num_layers=1)
    return models.Pix2PixHD(
        SHAPE, 4, has_edges=True, generator=generator, discriminator=discriminator, seed=1, **arguments
    )


class TestLabelMaps:
    def test_labels_and_edges_are_moved_like_their_images(self):
        """A pixel without a label has the label -1, whose encoding is zero, and no edge."""
        model, seen = self._model(MOVES)
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 4, (6, 8, 8, 1)).astype("int32")
        edges = rng.integers(0, 2, (6, 8, 8, 1)).astype("int32")
        maps = np.concatenate([labels, edges], axis=-1)
        # From 1 to 4: zeros come in.
        images = (labels + 1).astype("float32")
        model._judged(ops.convert_to_tensor(maps), [images, 10 * images], True)
        (moved, first), (_, second) = seen
        np.testing.assert_array_equal(moved[..., :1], first - 1)
        np.testing.assert_array_equal(second, 10 * first)
        assert moved.min() == -1 and (moved[..., 1][moved[..., 0] == -1] == 0).all()
        assert (moved[..., 1] != edges[..., 0]).any()

    def test_without_augmentation_nothing_is_changed(self):
        model, seen = self._model(None)
        maps, images = np.zeros((2, 8, 8, 2), "float32"), support.toy_images(2)
        model._judged(maps, [images], True)
        assert seen[0][0] is maps and seen[0][1] is images

    def _model(self, augmentation):
        model, seen = make_spade(augmentation=augmentation), []

        def discriminator(inputs, training):
            seen.append(inputs if augmentation is None else [support.to_numpy(each) for each in inputs])

        vars(model)["discriminator"] = discriminator
        return model, seen


def make_cyclegan(**arguments):
    keras.utils.set_random_seed(0)
    model = models.CycleGAN((24, 24, 3), width=2, num_blocks=1, history_size=0, seed=1, **arguments)
    model.compile()
    return model


def make_cut(**arguments):
    keras.utils.set_random_seed(0)
    model = models.CUT((24, 24, 3), width=2, num_blocks=1, num_patches=4, seed=1, **arguments)
    model.compile()
    return model


def make_stargan(**arguments):
    keras.utils.set_random_seed(0)
    model = models.StarGAN(
        (8, 8, 3), num_classes=2, width=2, num_blocks=1, discriminator_steps=1, seed=1, **arguments
    )
    model.compile()
    return model


# Without the losses that do not depend on the discriminator's images.
FAMILIES = {
    "pix2pix": partial(make_pix2pix, l1_weight=0.0),
    "pix2pixhd": partial(make_pix2pixhd, loss="hinge"),
    "spade": make_spade,
    "cyclegan": partial(make_cyclegan, loss="hinge", cycle_weight=0.0),
    "cut": partial(make_cut, loss="hinge", nce_weight=0.0),
    "stargan": partial(make_stargan, domain_weight=0.0, cycle_weight=0.0),
}


@pytest.mark.ci
@pytest.mark.parametrize("family", FAMILIES)
def test_every_image_passes_it_on_the_way_to_the_discriminator(family):
    """Where it shows nothing, the generator gets no gradient, and images do not matter to the discriminator."""
    keras.utils.set_random_seed(0)
    model = FAMILIES[family](augmentation=Blank())
    rates = {"generator": 1.0, "projector": 1.0, "discriminator": 0.0}
    model.compile(**{f"{each}_optimizer": keras.optimizers.SGD(rates[each]) for each in model.players})
    before = [support.to_numpy(weight).copy() for weight in model.variables_of("generator")]
    data = [support.toy_data(model, 4, seed=seed) for seed in (0, 10)]
    losses = [model.train_on_batch(*each, return_dict=True)["discriminator_loss"] for each in data]
    assert float(losses[0]) == pytest.approx(float(losses[1]), abs=1e-6)
    for weight, old in zip(model.variables_of("generator"), before, strict=True):
        np.testing.assert_allclose(weight, old, atol=1e-6)
    # Of each batch of real images, once.
    assert float(model.augmentation.told.value) == (2 * 4 if model.has_logits else 0)
    model.test_on_batch(*data[0])
    assert float(model.augmentation.told.value) == (2 * 4 if model.has_logits else 0)


@pytest.mark.ci
def test_both_discriminators_of_a_cyclegan_adapt_the_augmentation():
    model = make_cyclegan(
        loss="hinge", augmentation=AdaptiveAugmentation(interval=1, num_images=100, target=-2.0)
    )
    model.fit(*support.toy_data(model, 4), batch_size=4, verbose=0)
    assert float(model.augmentation.probability.value) == pytest.approx(4 / 100)


def test_a_critic_s_values_cannot_adapt_an_augmentation():
    with pytest.raises(ValueError, match="which a StarGAN does not have"):
        make_stargan(augmentation="adaptive")


@pytest.mark.slow
def test_files_contain_the_augmentation(tmp_path):
    model = make_cut(augmentation=DiffAugment("translation"))
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").augmentation.policy == "translation"
