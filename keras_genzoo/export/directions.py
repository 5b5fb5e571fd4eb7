"""The directions of a latent that change a model's images most."""

import numpy as np


def principal_directions(model, num_directions=10, num_latents=2000, seed=0):
    """Finds the leading directions of a model's latent, by a linear fit.

    The images of random latents are fitted by a linear function of the latents, by least squares; of a conditional
    model with a constant for each class. The left singular vectors of its matrix are directions of the latent: along
    the first, of all directions, the fitted images change most. Each value of the latents is taken in its standard
    deviations, since those of a fitted prior differ, and values that a model makes no use of hardly vary.

    Args:
        model: Model with the ability `sample`.
        num_directions: Int, the most to return; a latent has no more than it is long.
        num_latents: Int, number of images.
        seed: Int, seed of the latents.

    Returns:
        Dict `{"vectors": (k, latent_dim), "scales": (k,)}` of float32 NumPy arrays: orthogonal unit vectors, the
        first the strongest, each with the sign that makes its largest value positive, and the standard deviation of
        the latents along each.

    Example:

    >>> directions = principal_directions(keras_genzoo.models.load("dcgan_fashion_mnist"))
    >>> directions["vectors"].shape
    (10, 100)

    Source: Härkönen et al. 2020, "GANSpace" (arXiv:2004.02546), section 2.2, of images in the place of features.
    """
    latents = np.asarray(model.latents_from_seed(num_latents, seed), "float64")
    deviations = latents.std(axis=0)
    constants, labels = np.ones((num_latents, 1)), None
    if model.condition is not None:
        labels = model.condition.in_turn(num_latents)
        constants = np.eye(model.condition.num_classes)[labels]
    images = model.sample(latents=latents.astype("float32"), labels=labels).reshape(num_latents, -1)
    inputs = np.concatenate([latents / deviations, constants], axis=1)
    coefficients, *_ = np.linalg.lstsq(inputs, images, rcond=None)
    vectors, _, _ = np.linalg.svd(coefficients[: len(deviations)], full_matrices=False)
    # Orthogonal again, the first ones left as they are.
    vectors = np.linalg.qr(deviations[:, None] * vectors[:, :num_directions])[0].T
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    vectors = vectors * np.sign(largest)[:, None]
    scales = (latents @ vectors.T).std(axis=0)
    return {"vectors": vectors.astype("float32"), "scales": scales.astype("float32")}
