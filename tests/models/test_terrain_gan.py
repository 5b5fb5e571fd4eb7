"""TerrainGAN: a step restated in NumPy, height maps and textures together, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_terrain import (
    LATENT_DIM,
    SHAPE,
    make_linear_terrain_gan,
    make_terrain_gan,
    make_terrain_gan_of_the_paper,
)
from toy_translators import flat_weights, make_discriminator, make_generator, numerical_gradient

from keras_genzoo import datasets, metrics, models, networks, pixels
from tests import support
from tests.support import toy_earth


def at_full_size():
    return models.TerrainGAN((512, 512, 3))


class TestContract(Contract):
    family = Family(
        models.TerrainGAN,
        make_terrain_gan,
        random=make_terrain_gan_of_the_paper,
        at_full_size=at_full_size,
        counts={
            # With the 18,304 moving statistics of batch normalization.
            "height_generator": 14_774_657 + 18_304,
            "height_discriminator": 5_129_217,
            "texture_generator": 67_008_771,
            "texture_discriminator": 2_768_449,
        },
        optimizers=dict.fromkeys(
            ("generator", "discriminator"), (keras.optimizers.RMSprop, {"learning_rate": 1e-4, "rho": 0.9})
        ),
        # Of either discriminator that of equal logits.
        chance_level=1.0,
    )


class TestNetworks:
    def test_trainable_parameters_are_the_papers(self):
        generator = networks.HeightMapGenerator((512, 512, 1))
        assert sum(np.prod(each.shape) for each in generator.trainable_variables) == 14_774_657
        assert networks.HeightMapDiscriminator((512, 512, 1)).count_params() == 5_129_217

    def test_channels_of_the_levels(self):
        generator = networks.HeightMapGenerator((1024, 1024, 1), 3, 1)
        found = [layer.filters for layer in generator.layers if isinstance(layer, keras.layers.Conv2D)]
        assert found == [4, 4, 2, 2, 1, 1, 1, 1, 1]
        discriminator = networks.HeightMapDiscriminator((64, 64, 1), 1)
        found = [layer.filters for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
        assert found == [1, 2, 2, 2, 1]

    def test_a_logit_is_the_mean_of_a_map(self):
        discriminator = support.as_if_trained(networks.HeightMapDiscriminator((16, 16, 1), 2))
        *_, last, _ = discriminator.layers
        heights = support.toy_images(3, (16, 16, 1))
        maps = support.output_of(keras.Model(discriminator.input, last.output), heights)
        assert maps.shape == (3, 4, 4, 1)
        np.testing.assert_allclose(
            support.output_of(discriminator, heights), maps.mean(axis=(1, 2)), atol=1e-5
        )

    @pytest.mark.parametrize("network", [networks.HeightMapGenerator, networks.HeightMapDiscriminator])
    @pytest.mark.parametrize("image_shape", [(4, 4, 1), (48, 48, 1), (64, 32, 1), (64, 64), (2, 2, 1)])
    def test_other_shapes_are_refused(self, network, image_shape):
        with pytest.raises(ValueError, match=r"`image_shape` must be \(height, width, channels\), square"):
            network(image_shape)


class TestAlgorithm:
    """One step restated in NumPy for linear networks, gradients by differences."""

    rate = 0.01

    def test_step_is_that_of_the_paper(self):
        model = make_linear_terrain_gan(self.rate, l1_weight=0.7)
        names = ("height_generator", "height_discriminator", "texture_generator", "texture_discriminator")
        # Of generators and of discriminators: height maps, then textures.
        weights = [flat_weights(getattr(model, name)) for name in names]
        latents = _given_latents(model, 3)
        rng = np.random.default_rng(3)
        heights = rng.uniform(-1, 1, (3, 2, 2, 1)).astype("float32")
        textures = rng.uniform(-1, 1, (3, 2, 2, 3)).astype("float32")
        logs = model.train_on_batch(heights, textures, return_dict=True)

        def made_heights(of_heights):
            made = (
                latents @ of_heights[: 4 * LATENT_DIM].reshape(LATENT_DIM, 4) + of_heights[4 * LATENT_DIM :]
            )
            return made.reshape(3, 2, 2, 1)

        def made_textures(of_textures):
            return heights @ of_textures[:3].reshape(1, 3) + of_textures[3:]

        def logits(discriminator, *images):
            return np.concatenate(images, axis=-1) @ discriminator[:-1] + discriminator[-1]

        def squares(real, fake):
            return ((real - 1) ** 2).mean() + (fake**2).mean()

        fake_heights, fake_textures = made_heights(weights[0]), made_textures(weights[2])

        def discriminator_loss(both):
            of_heights, of_textures = np.split(both, [2])
            return squares(logits(of_heights, heights), logits(of_heights, fake_heights)) + squares(
                logits(of_textures, heights, textures), logits(of_textures, heights, fake_textures)
            )

        both = np.concatenate([weights[1], weights[3]])
        expected = {"discriminator_loss": discriminator_loss(both)}
        both = both - self.rate * numerical_gradient(discriminator_loss, both)
        of_heights, of_textures = np.split(both, [2])

        def generator_losses(generators):
            made, painted = np.split(generators, [len(weights[0])])
            height_loss = ((logits(of_heights, made_heights(made)) - 1) ** 2).mean()
            texture_loss = ((logits(of_textures, heights, made_textures(painted)) - 1) ** 2).mean()
            l1_loss = np.abs(textures - made_textures(painted)).mean()
            return height_loss + texture_loss + 0.7 * l1_loss, height_loss, texture_loss, l1_loss

        generators = np.concatenate([weights[0], weights[2]])
        found = generator_losses(generators)
        expected |= dict(
            zip(("generator_loss", "height_loss", "texture_loss", "l1_loss"), found, strict=True)
        )
        generators = generators - self.rate * numerical_gradient(
            lambda each: generator_losses(each)[0], generators
        )
        updated = flat_weights(model.height_discriminator, model.texture_discriminator)
        np.testing.assert_allclose(updated, both, atol=1e-5)
        updated = flat_weights(model.height_generator, model.texture_generator)
        np.testing.assert_allclose(updated, generators, atol=1e-5)
        assert logs == pytest.approx(expected, rel=1e-4)


def _given_latents(model, num):
    """Makes a model draw the same latents at every step, and returns them."""
    latents = np.random.default_rng(5).uniform(0, 1, (num, model.latent_dim)).astype("float32")
    model.draw_latents = lambda num: ops.convert_to_tensor(latents)
    return latents


class TestSampling:
    @pytest.mark.ci
    def test_a_sample_is_the_texture_of_its_height_map(self):
        model = support.as_if_trained(make_terrain_gan_of_the_paper())
        heights, textures = model.sample_terrain(5, seed=3, batch_size=2)
        assert heights.shape == (5, 32, 32, 1) and textures.shape == (5, 32, 32, 3)
        np.testing.assert_array_equal(textures, model.sample(5, seed=3, batch_size=2))
        np.testing.assert_allclose(model.translate(heights), textures, atol=1e-4)
        given = model.sample_terrain(latents=model.latents_from_seed(5, 3))
        np.testing.assert_allclose(given[0], heights, atol=1e-5)
        truncated = model.sample_terrain(5, seed=3, truncation=0.0)
        np.testing.assert_allclose(truncated[1], model.sample(5, seed=3, truncation=0.0), atol=1e-5)

    def test_latents_are_uniform_from_zero_to_one(self):
        model = make_terrain_gan()
        for latents in map(support.to_numpy, (model.latents_from_seed(1000, 0), model.draw_latents(1000))):
            assert 0 <= latents.min() < 0.01 and 0.99 < latents.max() < 1
            assert latents.mean() == pytest.approx(0.5, abs=0.02)

    def test_both_generators_are_averaged(self):
        model = make_terrain_gan(average_decay=0.5)
        assert {*model.averages} == {"height_generator", "texture_generator"}
        model.fit(*support.toy_data(model), batch_size=4, verbose=0)
        latents = support.to_numpy(model.latents_from_seed(2, 0))
        heights = support.output_of(model.averages["height_generator"], latents)
        textures = support.output_of(model.averages["texture_generator"], heights)
        found = model.sample_terrain(2, seed=0)
        np.testing.assert_allclose(found[0], heights, atol=1e-5)
        np.testing.assert_allclose(found[1], textures, atol=1e-5)
        assert np.abs(support.output_of(model.height_generator, latents) - heights).max() > 1e-6

    def test_preview_shows_height_maps_beside_their_textures(self):
        model = make_terrain_gan()
        heights, textures = map(pixels.to_uint8, model.sample_terrain(4, seed=2))
        picture = model.preview(seed=2, num=4)
        assert picture.shape == (2 + 2 * 10, 2 + 2 * 18, 3)
        np.testing.assert_array_equal(picture[2:10, 2:10], heights[0].repeat(3, axis=-1))
        np.testing.assert_array_equal(picture[2:10, 10:18], textures[0])
        sources, targets = support.toy_data(model, 2)
        below = model.preview((sources, targets), seed=2, num=4)[len(picture) :]
        np.testing.assert_array_equal(below[2:10, 18:26], targets[0])
        np.testing.assert_array_equal(below[2:10, 2:10], sources[0].repeat(3, axis=-1))
        np.testing.assert_array_equal(below[2:10, 10:18], pixels.to_uint8(model.translate(sources))[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l1_weight": -1.0}, "`l1_weight` must be at least 0"),
        ({"loss": "l2"}, "`loss` must be one of"),
        ({"latent_dim": 5}, "`latent_dim` is 5, but the network"),
        ({"height_generator": networks.HeightMapGenerator((16, 16, 1), 4, 2)}, r"is \(8, 8, 1\), but the"),
        (
            {"height_discriminator": make_discriminator(3)},
            "`the channels of height maps` is 1, but the network",
        ),
        ({"texture_generator": make_generator(3, 3)}, "`the channels of height maps` is 1, but the network"),
        ({"texture_generator": make_generator(1, 1)}, r"`image_shape\[-1\]` is 3, but the network"),
        ({"texture_discriminator": make_discriminator(3)}, r"`1 \+ image_shape\[-1\]` is 4, but the network"),
        ({"image_shape": (48, 48, 3)}, "`image_shape"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_terrain_gan(**arguments) if "image_shape" not in arguments else models.TerrainGAN(**arguments)


def test_evaluate_gives_the_losses_of_inference():
    model = make_terrain_gan_of_the_paper()
    heights, textures = support.toy_images(4, (32, 32, 1)), support.toy_images(4, (32, 32, 3))
    logs = model.evaluate(heights, textures, verbose=0, return_dict=True)
    assert logs["l1_loss"] == pytest.approx(np.abs(model.translate(heights) - textures).mean(), rel=1e-5)


def test_a_picture_that_is_drawn_by_hand():
    model = make_terrain_gan()
    assert model.translate(np.zeros((12, 20), "uint8"), fit="pad").shape == (12, 20, SHAPE[-1])


def test_measures_of_samples_compare_with_textures(tmp_path, monkeypatch):
    """Of pairs the targets are what samples are like, not the sources."""
    monkeypatch.delenv("KERAS_GENZOO_DATA_DIR", raising=False)
    toy_earth.install(tmp_path, monkeypatch.setitem, monkeypatch.setattr)
    # As large as its windows can be there.
    generator = networks.HeightMapGenerator((16, 16, 1), LATENT_DIM, 2)
    model = make_terrain_gan(image_shape=(16, 16, 3), height_generator=generator)
    seen = []

    class Recorded:
        """Takes images of any size, and gives their mean colors."""

        name, image_shape, resizing, sha256, metric_names = "recorded", None, None, None, {}

        def __call__(self, images):
            seen.append(pixels.to_uint8(images))
            return pixels.to_uint8(images).mean(axis=(1, 2)).astype("float32"), None

    monkeypatch.setattr("keras_genzoo.metrics.evaluation.load_extractor", lambda name: Recorded())
    metrics.evaluate(
        model,
        "earth_terrain",
        "recorded",
        ["kernel_distance"],
        num_samples=8,
        data_dir=tmp_path,
    )
    _, textures = datasets.arrays("earth_terrain", "test", tmp_path, 16)
    samples = pixels.to_uint8(model.sample(8, seed=0))
    for wanted in (textures, samples):
        assert any(np.array_equal(images, wanted) for images in seen)
