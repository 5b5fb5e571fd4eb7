"""Augmentations of what a discriminator sees, so that it does not learn a small data set by heart."""

from keras_genzoo import arguments
from keras_genzoo.augmentation.adaptive import AdaptiveAugmentation
from keras_genzoo.augmentation.augmentation import Augmentation
from keras_genzoo.augmentation.diff_augment import DiffAugment

__all__ = ["AdaptiveAugmentation", "Augmentation", "DiffAugment", "get"]


def get(identifier):
    """Returns the augmentation of a name (`"diff_augment"`) or of a config, an object or None unchanged.

    Raises:
        ValueError: If the name is unknown, or it is none of these.
    """
    if identifier is None:
        return None
    accepted = (
        ', an object of `keras_genzoo.augmentation`, such as `DiffAugment("color,translation")`, or None'
    )
    return arguments.known_object("augmentation", identifier, Augmentation, _AUGMENTATIONS, accepted)


_AUGMENTATIONS = {"adaptive": AdaptiveAugmentation, "diff_augment": DiffAugment}
