"""Augmentations of what a discriminator sees, so that it does not learn a small data set by heart."""

import keras

from keras_genzoo.augmentation.adaptive import AdaptiveAugmentation
from keras_genzoo.augmentation.augmentation import Augmentation
from keras_genzoo.augmentation.diff_augment import DiffAugment

__all__ = ["AdaptiveAugmentation", "Augmentation", "DiffAugment", "get"]


def get(identifier):
    """Returns the augmentation of a name (`"diff_augment"`) or of a config, an object or None unchanged.

    Raises:
        ValueError: If the name is unknown, or it is none of these.
    """
    if identifier is None or isinstance(identifier, Augmentation):
        return identifier
    if isinstance(identifier, dict) and identifier:
        return keras.saving.deserialize_keras_object(identifier)
    if not isinstance(identifier, str) or identifier not in _AUGMENTATIONS:
        raise ValueError(
            f"`augmentation` must be one of {sorted(_AUGMENTATIONS)}, an object of `keras_genzoo.augmentation`, such "
            f'as `DiffAugment("color,translation")`, or None. Received: {identifier!r}'
        )
    return _AUGMENTATIONS[identifier]()


_AUGMENTATIONS = {"adaptive": AdaptiveAugmentation, "diff_augment": DiffAugment}
