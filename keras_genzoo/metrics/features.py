"""Validation of features."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo.arguments import array


def checked(features: ArrayLike, argument: str) -> np.ndarray:
    """Returns features as a float64 array `(num, feature_dim)`.

    Args:
        features: Array `(num, feature_dim)`.
        argument: Name of the argument, for the message.

    Raises:
        ValueError: If it is not a numeric array of that shape, is empty, or a value is not finite.
    """
    features = array(argument, features, "float64")
    if features.ndim != 2 or not features.size:
        raise ValueError(
            f"`{argument}` must have the shape (num, feature_dim). Received shape {features.shape}. Flatten "
            "features of more axes with `features.reshape(len(features), -1)`."
        )
    if not np.isfinite(features).all():
        raise ValueError(
            f"`{argument}` contains NaN or infinite values. Check the images: a model that has diverged generates "
            "such samples."
        )
    return features


def checked_pair(real: ArrayLike, fake: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of real and generated images, as by `checked`, with the same `feature_dim`."""
    real, fake = checked(real, "real"), checked(fake, "fake")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            "`real` and `fake` must be features of the same extractor. Received vectors of "
            f"{real.shape[1]} and of {fake.shape[1]} values."
        )
    return real, fake
