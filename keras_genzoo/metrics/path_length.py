"""How far features move along a path of latents."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo import editing
from keras_genzoo.metrics.measures import an_extractor, measure
from keras_genzoo.models.latent_model import LatentModel


def path_length(
    model: LatentModel,
    features_of: Callable[[np.ndarray], ArrayLike],
    num_paths: int = 1000,
    epsilon: float = 1e-2,
    labels: ArrayLike | None = None,
    seed: int = 0,
) -> float:
    """Measures the smoothness of a model: the speed of features along paths between random codes, squared.

    `E[|F(G(path(t + epsilon))) - F(G(path(t)))|^2 / epsilon^2]` with `t` uniform in [0, 1], over pairs of random
    latents; the paths are great circles between normal latents, and straight lines between the codes of a model that
    maps its latents or has a fitted prior. The lowest and highest percent of the values are left out.

    This is the perceptual path length of the paper if `features_of` are those of LPIPS, which this package does not
    ship: values of other features compare models of one data set with each other alone.

    Args:
        model: Model with the ability `sample`.
        features_of: Function from images, a float32 array in [-1, 1], to features `(num, ...)`.
        num_paths: Int.
        epsilon: Float, step along a path. The paper's 1e-4 drowns in the rounding of float32 features.
        labels: Ints `(num_paths,)`, or None.
        seed: Int, seed of the latents and positions.

    Returns:
        Float.

    Example:

    ```python
    classifier = keras_genzoo.metrics.extractor("classifier_fashion_mnist")
    keras_genzoo.metrics.path_length(gan, lambda images: classifier(images)[0])
    ```

    Source: Karras et al. 2019, "A style-based generator architecture" (arXiv:1812.04948), section 4.1.
    """
    latents = np.asarray(model.latents_from_seed(2 * num_paths, seed))
    positions = np.random.default_rng(seed).uniform(0, 1, num_paths)
    ends = latents[::2], latents[1::2]
    if model.maps_latents or model.priors[0] == "fitted":
        first, last = (editing.codes(model, end, labels) for end in ends)
        paths = [first + at[:, None] * (last - first) for at in (positions, positions + epsilon)]
    else:
        paths = [model.latent.on_path(*ends, at) for at in (positions, positions + epsilon)]
    features = [
        np.asarray(features_of(editing.images(model, codes.astype("float32"), labels)), "float64")
        for codes in paths
    ]
    speeds = ((features[1] - features[0]) ** 2).reshape(num_paths, -1).sum(axis=1) / epsilon**2
    low, high = np.percentile(speeds, 1, method="lower"), np.percentile(speeds, 99, method="higher")
    return float(speeds[(speeds >= low) & (speeds <= high)].mean())


@measure("path_length", ability="sample", needs=(an_extractor,))
def _path_length(subject):
    """`feature_path_length`: the mean squared speed of the extractor's features along paths of latents, low where the
    model is smooth (see `keras_genzoo.metrics.path_length`). Needs `extractor`."""
    num_paths, epsilon = 1000, 1e-2
    labels = subject.model.condition and subject.model.condition.in_turn(num_paths)
    value = path_length(
        subject.model, lambda images: subject.read(images)[0], num_paths, epsilon, labels, subject.seed
    )
    constants = {"num_paths": num_paths, "epsilon": epsilon}
    return [subject.about_samples("feature_path_length", value, **subject.extractor_protocol, **constants)]
