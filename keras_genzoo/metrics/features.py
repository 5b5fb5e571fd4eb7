"""Features as the measures take them: two float64 arrays of one dimension."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo.arguments import array


def checked(features: ArrayLike, argument: str) -> np.ndarray:
    """Returns features as a float64 array `(num, feature_dim)`.

    Args:
        features: Array `(num, feature_dim)`.
        argument: Name of the argument, for the message.

    Raises:
        ValueError: If it is no array of numbers, the shape is another, there are none, or a value is not finite.
    """
    features = array(argument, features, "float64")
    if features.ndim != 2 or not features.size:
        raise ValueError(
            f"`{argument}` must have the shape (num, feature_dim). Received shape {features.shape}. Flatten "
            "features of more axes with `features.reshape(len(features), -1)`."
        )
    if not np.isfinite(features).all():
        raise ValueError(
            f"`{argument}` contains NaN or infinite values. Look for them in the images: a model that has "
            "diverged makes such samples."
        )
    return features


def checked_pair(real: ArrayLike, fake: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of real and of generated images, as `checked` does, of one length."""
    real, fake = checked(real, "real"), checked(fake, "fake")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            "`real` and `fake` must be features of one extractor. Received vectors of "
            f"{real.shape[1]} and of {fake.shape[1]} values."
        )
    return real, fake
