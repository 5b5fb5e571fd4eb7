"""The smoothness of a model: the speed of features along paths between latents."""

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
    """Computes the path length of a model: the mean squared speed of features along paths between random codes.

    `E[|F(G(path(t + epsilon))) - F(G(path(t)))|^2 / epsilon^2]` for features `F`, generator `G` and `t` uniform in
    [0, 1], over pairs of random latents. Paths are great circles between normal latents, and straight lines between
    the codes of a model with a mapping network or a fitted prior. The lowest and the highest percent of the values
    are excluded.

    With the features of LPIPS, which this package does not include, this is the perceptual path length of the paper.
    With other features, only values of models of the same dataset can be compared.

    Args:
        model: Model with the ability `sample`.
        features_of: Function that maps images, a float32 array in [-1, 1], to features `(num, ...)`.
        num_paths: Int, number of paths.
        epsilon: Float, step along a path. The paper's value 1e-4 is too small for float32 features.
        labels: Ints `(num_paths,)` for a conditional model, else None.
        seed: Int, seed of the latents and positions.

    Returns:
        Float, lower for smoother models.

    Raises:
        ValueError: If an argument is out of range, or the labels do not fit the model.

    Example:

    ```python
    classifier = keras_genzoo.metrics.extractor("classifier_fashion_mnist")
    keras_genzoo.metrics.path_length(gan, lambda images: classifier(images)[0], num_paths=200)
    ```

    Reference: Karras et al. 2019, "A style-based generator architecture for generative adversarial networks"
    (arXiv:1812.04948), section 4.1.
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
    """`feature_path_length`: the mean squared speed of the extractor's features along paths between latents (lower is
    smoother); see `keras_genzoo.metrics.path_length`. Requires `extractor`."""
    num_paths, epsilon = 1000, 1e-2
    labels = subject.model.condition and subject.model.condition.in_turn(num_paths)
    value = path_length(
        subject.model, lambda images: subject.read(images)[0], num_paths, epsilon, labels, subject.seed
    )
    constants = {"num_paths": num_paths, "epsilon": epsilon}
    return [subject.about_samples("feature_path_length", value, **subject.extractor_protocol, **constants)]
