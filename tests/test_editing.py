"""Directions, projections and edits of a model whose images are a linear function of its latents."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_genzoo import datasets, editing, models
from keras_genzoo.models.perceptual import PerceptualFeatures

LATENT_DIM = 4


def linear_gan(matrix, num_classes=None):
    """A GAN whose 4x4 images are `latents @ matrix`, and of a conditional one another constant for each class."""
    matrix = np.asarray(matrix, "float32")
    latents = keras.Input((len(matrix),), name="latents")
    values = layers.Dense(16, use_bias=False, name="values")(latents)
    inputs = latents
    if num_classes:
        labels = keras.Input((), dtype="int32", name="labels")
        values = layers.Add()([values, layers.Embedding(num_classes, 16, name="classes")(labels)])
        inputs = [latents, labels]
    generator = keras.Model(inputs, layers.Reshape((4, 4, 1), name="images")(values))
    generator.get_layer("values").set_weights([matrix])
    return models.GAN(generator=generator, discriminator=_discriminator(num_classes), num_classes=num_classes)


def _discriminator(num_classes):
    images = keras.Input((4, 4, 1))
    logits = layers.Dense(1)(layers.Flatten()(images))
    if not num_classes:
        return keras.Model(images, logits)
    labels = keras.Input((), dtype="int32")
    return keras.Model([images, labels], layers.Add()([logits, layers.Embedding(num_classes, 1)(labels)]))


def features_apart(images, others):
    """The formula of LPIPS on the features of `PerceptualFeatures`, in NumPy."""
    maps = PerceptualFeatures()._maps
    total = 0.0
    for first, second in zip(maps(images), maps(others), strict=True):
        first, second = (
            each / np.linalg.norm(each, axis=-1, keepdims=True)
            for each in map(keras.ops.convert_to_numpy, (first, second))
        )
        total = total + np.square(first - second).sum(axis=-1).mean(axis=(1, 2))
    return total


def matrix_of(directions, strengths, seed=0):
    """A matrix whose left singular vectors are the columns of `directions`."""
    pixels, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(16, len(strengths))))
    return directions @ np.diag(strengths) @ pixels.T


@pytest.fixture
def rotation():
    return np.linalg.qr(np.random.default_rng(3).normal(size=(LATENT_DIM, LATENT_DIM)))[0]


class TestDirections:
    @pytest.mark.parametrize("num_classes", [None, 5])
    def test_principal_directions_are_those_that_move_the_images_most(self, rotation, num_classes):
        gan = linear_gan(matrix_of(rotation, [8.0, 4.0, 2.0, 1.0]), num_classes)
        found = editing.principal_directions(gan, num_directions=3)
        assert np.all(np.abs(np.diag(found.vectors @ rotation)) > 0.99)
        np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(3), atol=1e-5)
        np.testing.assert_allclose(found.scales, 1.0, atol=0.05)
        # Of the two unit vectors of a direction always the same.
        assert (found.vectors.max(axis=1) == np.abs(found.vectors).max(axis=1)).all()

    def test_those_of_the_codes_are_their_principal_components(self, rotation):
        gan = linear_gan(matrix_of(rotation, [8.0, 4.0, 2.0, 1.0]))
        found = editing.principal_directions(gan, of="codes")
        latents = np.asarray(gan.latents_from_seed(2000, 0))
        variances, components = np.linalg.eigh(np.cov(latents, rowvar=False))
        np.testing.assert_allclose(np.abs(found.vectors @ components[:, ::-1]), np.eye(4), atol=1e-3)
        np.testing.assert_allclose(found.scales, np.sqrt(variances[::-1]), rtol=1e-3)

    def test_those_of_a_layer_are_found_from_its_outputs(self, rotation):
        gan = linear_gan(matrix_of(rotation, [8.0, 4.0, 2.0, 1.0]))
        # The layer's outputs are the images, in another shape.
        of_layer, of_images = (editing.principal_directions(gan, of=of) for of in ("values", "images"))
        np.testing.assert_allclose(of_layer.vectors, of_images.vectors, atol=1e-4)
        with pytest.raises(ValueError, match=r"`of` must be .* values"):
            editing.principal_directions(gan, of="nothing")

    @pytest.mark.parametrize("num_classes", [None, 5])
    def test_directions_of_the_weights_are_their_singular_vectors(self, rotation, num_classes):
        gan = linear_gan(matrix_of(rotation, [8.0, 4.0, 2.0, 1.0]), num_classes)
        found = editing.weight_directions(gan, num_directions=2)
        weights = gan.generator.get_layer("values").get_weights()[0]
        # Each output counts alike.
        left, _, _ = np.linalg.svd(weights / np.linalg.norm(weights, axis=0))
        np.testing.assert_allclose(np.abs(found.vectors @ left), np.eye(4)[:2], atol=1e-5)

    def test_of_a_transposed_convolution_the_inputs_are_weighed(self, rotation):
        matrix = matrix_of(rotation, [8.0, 4.0, 2.0, 1.0]).astype("float32")
        latents = keras.Input((LATENT_DIM,), name="latents")
        maps = layers.Reshape((1, 1, LATENT_DIM))(latents)
        images = layers.Conv2DTranspose(1, 4, use_bias=False, name="values")(maps)
        gan = models.GAN(generator=keras.Model(latents, images), discriminator=_discriminator(None))
        gan.generator.get_layer("values").set_weights([matrix.T.reshape(4, 4, 1, LATENT_DIM)])
        found = editing.weight_directions(gan, num_directions=2)
        left, _, _ = np.linalg.svd(matrix / np.linalg.norm(matrix, axis=0))
        np.testing.assert_allclose(np.abs(found.vectors @ left), np.eye(4)[:2], atol=1e-5)

    @pytest.mark.parametrize("num_classes", [None, 5])
    @pytest.mark.parametrize("find", [editing.principal_directions, editing.weight_directions])
    def test_too_few_samples_are_refused(self, rotation, num_classes, find):
        gan = linear_gan(matrix_of(rotation, [8.0, 4.0, 2.0, 1.0]), num_classes)
        with pytest.raises(ValueError, match=f"`num_latents` must be above {num_classes or 1}"):
            find(gan, num_latents=num_classes or 1)

    def test_the_direction_of_an_attribute_does_not_carry_another_along(self):
        # Whoever has the attribute is three times as often of group 1, whose codes lie along the second axis.
        has = np.array([True] * 4 + [False] * 4)
        groups = np.array([0, 1, 1, 1, 0, 0, 0, 1])
        codes = np.stack([2.0 * has, 5.0 * groups], axis=1)
        plain = editing.attribute_direction(codes, has)
        np.testing.assert_allclose(plain.vectors * plain.scales, [[2.0, 2.5]], atol=1e-6)
        within = editing.attribute_direction(codes, has, groups)
        np.testing.assert_allclose(within.vectors * within.scales, [[2.0, 0.0]], atol=1e-6)

    @pytest.mark.parametrize(
        "arguments, message",
        [
            (
                ([[0.0], [1.0]], [True, True]),
                "`has_attribute` must be True for some codes .* True for 2 of 2",
            ),
            (([[0.0], [1.0]], [True]), "`has_attribute` must have 2 values"),
            (([[1.0], [1.0]], [True, False]), "must have different means"),
            (([[0.0], [1.0]], [True, False], [0, 1]), "within at least one group"),
        ],
    )
    def test_attributes_that_give_no_direction_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            editing.attribute_direction(*arguments)

    def test_directions_have_names(self, rotation):
        gan = linear_gan(matrix_of(rotation, [8.0, 4.0, 2.0, 1.0]))
        gan.directions["bright"] = editing.Directions(np.eye(4, dtype="float32")[:1], np.ones(1, "float32"))
        assert editing.find_direction(gan, "bright") is gan.directions["bright"]
        second = editing.weight_directions(gan, num_directions=2).vectors[1:]
        np.testing.assert_array_equal(editing.find_direction(gan, "weights:1").vectors, second)
        with pytest.raises(ValueError, match=r"must be 'bright', 'principal:K' or .* Received: 'dark'"):
            editing.find_direction(gan, "dark")
        with pytest.raises(ValueError, match="the model has 4 directions"):
            editing.find_direction(gan, "principal:4")

    def test_a_preset_keeps_a_models_own_directions(self, tmp_path):
        gan = models.GAN(image_shape=(16, 16, 1), latent_dim=3, width=2)
        assert "directions" not in gan.get_config()
        gan.directions["wide"] = editing.attribute_direction(np.eye(3), [True, False, False])
        gan.save_to_preset(tmp_path / "gan")
        loaded = models.load(tmp_path / "gan")
        for mine, theirs in zip(gan.directions["wide"], loaded.directions["wide"], strict=True):
            np.testing.assert_array_equal(mine, theirs)
        with pytest.raises(ValueError, match="`directions` must have one direction per name"):
            models.GAN(image_shape=(16, 16, 1), directions={"wide": [[1.0, 0.0], [1.0]]})

    def test_a_preset_that_could_not_be_loaded_is_not_saved(self, tmp_path):
        gan = models.GAN(image_shape=(16, 16, 1), latent_dim=3, width=2)
        gan.directions["two"] = editing.Directions(np.eye(3)[:2], np.ones(2))
        with pytest.raises(
            ValueError, match=r"one direction per name: .* 'two': shapes \[\(2, 3\), \(2,\)\]"
        ):
            gan.save_to_preset(tmp_path / "gan")


class TestEdits:
    def test_a_step_is_a_multiple_of_the_directions_scale(self):
        directions = editing.Directions(np.eye(2, dtype="float32"), np.array([1.0, 0.5], "float32"))
        moved = editing.move(np.zeros((2, 2)), directions, 1, strength=[3.0, -1.0])
        np.testing.assert_array_equal(moved, [[0.0, 1.5], [0.0, -0.5]])

    def test_moved_codes_stay_where_those_of_samples_of_the_model_lie(self):
        gan = models.BEGAN(image_shape=(32, 32, 1), latent_dim=2, width=2)
        directions = editing.Directions(np.eye(2, dtype="float32"), np.array([1.0, 0.5], "float32"))
        moved = editing.move(np.full((2, 2), 0.25), directions, 1, [3.0, -1.0], gan)
        assert moved.dtype == "float32"
        np.testing.assert_array_equal(moved, [[0.25, 1.0], [0.25, -0.25]])

    def test_truncation_moves_to_the_mean(self):
        gan = models.BEGAN(image_shape=(32, 32, 1), latent_dim=4, width=2)
        codes = editing.codes(gan, gan.latents_from_seed(3, 0))
        np.testing.assert_allclose(editing.truncate(gan, codes, 0.5), 0.5 * codes)
        with pytest.raises(ValueError, match="`truncation` must be at least 0"):
            editing.truncate(gan, codes, -1)

    def test_truncation_moves_to_the_mean_of_a_fitted_prior(self):
        autoencoder = models.Autoencoder(image_shape=(8, 8, 1), latent_dim=2)
        images = np.random.default_rng(0).uniform(-1, 1, (50, 8, 8, 1)).astype("float32")
        autoencoder.fit_prior(images, num_components=2)
        expected = autoencoder.encode(images).mean(axis=0)
        mean = editing.truncate(autoencoder, np.ones((1, 2)), 0.0)[0]
        np.testing.assert_allclose(mean, expected, rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize(
        "codes, index, strength, message",
        [
            (np.zeros((3, 1)), 0, 1.0, r"`codes` must have the shape \(num, 2\). Received: \(3, 1\)"),
            (np.full((3, 2), np.nan), 0, 1.0, "`codes` must be finite"),
            (np.zeros((3, 2)), 2, 1.0, "`index` must be at least 0 and below 2"),
            (np.zeros((3, 2)), -1, 1.0, "`index` must be at least 0 and below 2"),
            (np.zeros((3, 2)), 0, [1.0, 2.0], "`strength` must be a float, or have 3 values"),
            (np.zeros((3, 2)), 0, np.nan, "`strength` must be finite"),
        ],
    )
    def test_moves_that_do_not_fit_are_refused(self, codes, index, strength, message):
        directions = editing.Directions(np.eye(2, dtype="float32"), np.ones(2, "float32"))
        with pytest.raises(ValueError, match=message):
            editing.move(codes, directions, index, strength)

    def test_codes_of_another_length_are_refused(self):
        gan = models.GAN(image_shape=(16, 16, 1), latent_dim=4, width=2)
        for edit in (editing.images, lambda model, codes: editing.truncate(model, codes, 0.5)):
            with pytest.raises(ValueError, match=r"`codes` must have the shape \(num, 4\)"):
                edit(gan, np.zeros((2, 1)))
        with pytest.raises(ValueError, match=r"`latents` must have the shape \(num, 4\). Received: \(0, 4\)"):
            editing.codes(gan, np.zeros((0, 4)))

    def test_a_model_that_does_not_sample_is_refused(self):
        classifier = models.Classifier(image_shape=(8, 8, 1), num_classes=2)
        for edit in (
            editing.principal_directions,
            editing.weight_directions,
            lambda model: editing.images(model, np.zeros((1, 2))),
            lambda model: editing.find_direction(model, "principal:0"),
            lambda model: editing.project(model, np.zeros((1, 8, 8, 1), "uint8")),
        ):
            with pytest.raises(
                ValueError, match=r"`model` must be a model with the ability.* Received: Classifier"
            ):
                edit(classifier)

    def test_images_of_codes_are_those_of_the_latents(self):
        gan = models.GAN(image_shape=(16, 16, 1), latent_dim=4, width=2, num_classes=3)
        latents = np.asarray(gan.latents_from_seed(3, 0))
        codes = editing.codes(gan, latents, labels=[0, 1, 2])
        images = editing.images(gan, codes, labels=[0, 1, 2])
        np.testing.assert_array_equal(images, gan.sample(latents=latents, labels=[0, 1, 2]))


class TestCodesOfAMapping:
    """A StyleGAN2 is edited in the space of its styles."""

    @pytest.fixture(scope="class")
    @staticmethod
    def gan():
        keras.utils.set_random_seed(0)
        gan = models.StyleGAN2(
            image_shape=(8, 8, 1),
            latent_dim=6,
            style_dim=5,
            num_mapping_layers=2,
            channel_base=32,
            num_classes=3,
            truncation=0.8,
        )
        gan.generator.mapping.average.assign(np.arange(5.0))
        gan.averaged_generator.mapping.average.assign(np.arange(5.0))
        return gan

    def test_the_images_of_styles_are_the_samples_of_their_latents(self, gan):
        latents = np.asarray(gan.latents_from_seed(3, 0))
        codes = editing.codes(gan, latents, labels=[0, 1, 2])
        assert codes.shape == (3, 5)
        samples = gan.sample(latents=latents, labels=[0, 1, 2])
        np.testing.assert_allclose(editing.images(gan, codes), samples, atol=1e-5)

    def test_truncation_moves_styles_to_their_average(self, gan):
        codes = editing.codes(gan, gan.latents_from_seed(2, 0), labels=0)
        expected = gan.sample(2, seed=0, labels=0, truncation=0.5 * 0.8)
        np.testing.assert_allclose(
            editing.images(gan, editing.truncate(gan, codes, 0.5)), expected, atol=1e-5
        )
        np.testing.assert_array_equal(editing.truncate(gan, codes, 0.0), [np.arange(5.0)] * 2)

    def test_principal_directions_are_those_of_the_styles(self, gan):
        found = editing.principal_directions(gan, num_latents=300)
        labels = np.arange(300) % 3
        codes = editing.codes(gan, gan.latents_from_seed(300, 0), labels)
        means = np.stack([codes[labels == label].mean(axis=0) for label in range(3)])
        _, components = np.linalg.eigh(np.cov(codes - means[labels], rowvar=False))
        assert np.abs(found.vectors[0] @ components[:, -1]) == pytest.approx(1, abs=1e-3)

    def test_directions_of_the_weights_are_those_of_all_convolutions(self, gan):
        kernels = [np.asarray(matrix) for matrix in gan.weights_of_codes()]
        # Three convolutions and two that make images.
        assert [kernel.shape[0] for kernel in kernels] == [5] * 5
        together = np.concatenate(kernels, axis=1)
        together /= np.linalg.norm(together, axis=0)
        left, _, _ = np.linalg.svd(together)
        assert np.abs(editing.weight_directions(gan).vectors[0] @ left[:, 0]) == pytest.approx(1, abs=1e-4)

    @pytest.mark.ci
    def test_styles_of_an_image_are_found(self, gan):
        codes, errors = editing.project(gan, gan.sample(1, seed=5, labels=1), 1, num_steps=50, num_restarts=2)
        assert codes.shape == (1, 5) and errors[0] < 0.05


class TestProjection:
    @pytest.mark.ci
    @pytest.mark.parametrize("num_classes", [None, 3])
    def test_the_latents_of_samples_are_found(self, rotation, num_classes):
        gan = linear_gan(matrix_of(rotation, [0.3, 0.3, 0.2, 0.2]), num_classes)
        labels = [0, 1, 1] if num_classes else None
        latents = np.asarray(gan.latents_from_seed(3, 9))
        images = np.clip(gan.sample(latents=latents, labels=labels), -1, 1)
        codes, errors = editing.project(gan, images, labels, num_steps=300, num_restarts=2, batch_size=2)
        np.testing.assert_allclose(codes, latents, atol=1e-2)
        assert errors.max() < 1e-5

    def test_codes_and_errors_belong_together(self):
        gan = models.GAN(image_shape=(16, 16, 1), latent_dim=4, width=2)
        images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 1)).astype("float32")
        codes, errors = editing.project(gan, images, num_steps=3, num_restarts=2)
        made = editing.images(gan, codes)
        np.testing.assert_allclose(((made - images) ** 2).mean(axis=(1, 2, 3)), errors, rtol=1e-4)

    def test_an_encoder_gives_the_first_start(self):
        vae = models.VAE(image_shape=(16, 16, 1), latent_dim=2)
        images = vae.sample(2, seed=3)
        codes, _ = editing.project(vae, images, num_steps=1, num_restarts=1, learning_rate=1e-9)
        np.testing.assert_allclose(codes, vae.encode(images), atol=1e-6)

    def test_codes_stay_where_the_latents_can_be(self):
        gan = models.BEGAN(image_shape=(32, 32, 1), latent_dim=4, width=2)
        codes, _ = editing.project(gan, gan.sample(1, seed=0), num_steps=3, learning_rate=5.0)
        assert np.abs(codes).max() <= 1.0

    def test_a_distance_of_ones_own_is_what_becomes_small(self, rotation):
        gan = linear_gan(matrix_of(rotation, [0.3, 0.3, 0.2, 0.2]))
        images = np.zeros((1, 4, 4, 1), "float32")

        def of_means(images, others):
            return keras.ops.square(keras.ops.mean(images - others, axis=(1, 2, 3)))

        codes, errors = editing.project(gan, images - 0.1, distance=of_means, num_steps=100)
        assert errors[0] < 1e-6
        np.testing.assert_allclose(editing.images(gan, codes).mean(), -0.1, atol=1e-3)

    @pytest.mark.ci
    def test_a_perceptual_distance(self):
        gan = models.GAN(image_shape=(32, 32, 3), latent_dim=4, width=8)
        images = gan.sample(2, seed=3)
        codes, errors = editing.project(gan, images, distance="perceptual", num_steps=20, num_restarts=1)
        starts = gan.sample(2, seed=0)
        assert (errors < features_apart(starts, images)).all()
        np.testing.assert_allclose(errors, features_apart(gan.sample(latents=codes), images), rtol=1e-3)

    def test_a_perceptual_distance_of_points_is_refused(self):
        gan = models.GAN(image_shape=(2,), latent_dim=4)
        with pytest.raises(ValueError, match="for gray and RGB images"):
            editing.project(gan, np.zeros((1, 2)), distance="perceptual")

    @pytest.mark.parametrize("distance", ["lpips", None])
    def test_an_unknown_distance_is_refused(self, distance):
        with pytest.raises(ValueError, match="`distance` must be one of"):
            editing.project(linear_gan(np.eye(4, 16)), np.zeros((1, 4, 4, 1)), distance=distance)

    def test_points_may_lie_anywhere(self):
        gan = models.GAN(image_shape=(2,), latent_dim=4)
        points = np.array([[3.0, 4.0], [-0.5, 0.5]], "float32")
        codes, errors = editing.project(gan, points, num_steps=2)
        made = editing.images(gan, codes)
        np.testing.assert_allclose(((made - points) ** 2).mean(axis=1), errors, rtol=1e-4)

    def test_images_of_another_shape_are_refused(self):
        gan = models.GAN(image_shape=(16, 16, 1), latent_dim=4, width=2)
        with pytest.raises(ValueError, match=r"`images` must have the shape \(batch, 16, 16, 1\)"):
            editing.project(gan, np.zeros((1, 8, 8, 1)))


class TestAttributes:
    def test_their_directions_are_found_by_what_images_of_the_data_show(self, monkeypatch):
        """Of a model whose first latent is the brightness of the left half, and whose second that of the right."""
        halves = np.zeros((2, 4, 4), "float32")
        halves[0, :, :2] = halves[1, :, 2:] = 0.3
        gan = linear_gan(halves.reshape(2, 16))
        rng = np.random.default_rng(0)
        brightness = rng.uniform(-1, 1, (200, 2)).astype("float32")
        images = (brightness @ halves.reshape(2, 16)).reshape(-1, 4, 4, 1)

        def arrays(name, split, data_dir, image_size=(8, 8)):
            factor = image_size[0] // 4
            return images.repeat(factor, axis=1).repeat(factor, axis=2), None

        monkeypatch.setattr(datasets, "arrays", arrays)
        monkeypatch.setattr(
            datasets, "attributes", lambda name, split, data_dir: {"right": brightness[:, 1] > 0}
        )
        found = editing.find_attributes(gan, "halves", lambda images: (images.reshape(len(images), -1), None))
        assert found.directions["right"].vectors[0] @ [0, 1] > 0.99
        accuracy, chance = found.accuracies["right"]
        assert accuracy > 0.9 and chance == max((brightness[:, 1] > 0).mean(), (brightness[:, 1] <= 0).mean())
        # From the mean of the normal's lower half to that of its upper half.
        assert found.directions["right"].scales[0] == pytest.approx(2 * np.sqrt(2 / np.pi), rel=0.05)

    def test_a_data_set_without_attributes_is_refused(self):
        with pytest.raises(ValueError, match="`name` must be a dataset with attributes"):
            datasets.attributes("mnist")
