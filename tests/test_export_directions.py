"""The leading directions of a latent: known ones of linear models are found."""

import types

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.export import principal_directions


def linear_model(matrix, latents, num_classes=None):
    """What is asked of a model whose images are a linear function of its latents, and an own one of each class."""
    classes = np.random.default_rng(1).normal(size=(num_classes or 1, matrix.shape[1])) * 10

    def sample(latents, labels=None):
        offsets = 3.0 if labels is None else classes[labels]
        return (latents @ matrix + offsets).reshape(len(latents), 2, 3, 1)

    return types.SimpleNamespace(
        latents_from_seed=lambda num, seed: latents[:num],
        condition=num_classes and Labels(num_classes),
        sample=sample,
    )


def test_directions_are_those_of_the_matrix_in_the_order_of_their_strength():
    generator = np.random.default_rng(0)
    directions, _ = np.linalg.qr(generator.normal(size=(4, 4)))
    pixels, _ = np.linalg.qr(generator.normal(size=(6, 4)))
    matrix = directions @ np.diag([8.0, 4.0, 2.0, 1.0]) @ pixels.T
    latents = generator.normal(size=(2000, 4))
    # Of the same deviation in each value.
    latents = 2 * latents / latents.std(axis=0) + 7
    for num_classes in (None, 5):
        found = principal_directions(linear_model(matrix, latents, num_classes), num_directions=3)
        similarity = found["vectors"] @ directions
        np.testing.assert_allclose(np.abs(similarity), np.eye(4)[:3], atol=1e-4)
        np.testing.assert_allclose(found["scales"], (latents @ found["vectors"].T).std(axis=0), rtol=1e-4)
        # Of the two unit vectors of a direction always the same.
        assert (found["vectors"].max(axis=1) == np.abs(found["vectors"]).max(axis=1)).all()


def test_a_value_that_hardly_varies_is_no_leading_direction():
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(2000, 3)) * [1, 1e-3, 1]
    matrix = np.zeros((3, 6))
    matrix[0, :3], matrix[1, 3], matrix[2, 4] = 1, 5, 0.5
    found = principal_directions(linear_model(matrix, latents))
    np.testing.assert_allclose(found["vectors"], np.eye(3)[[0, 2, 1]], atol=1e-2)
    np.testing.assert_allclose(found["scales"], [1, 1, 1e-3], rtol=0.05)
