"""Augmentations of the images that a discriminator sees, which prevent it from overfitting a small data set."""

from keras_genzoo import arguments
from keras_genzoo.augmentation.adaptive import AdaptiveAugmentation
from keras_genzoo.augmentation.augmentation import Augmentation
from keras_genzoo.augmentation.diff_augment import DiffAugment

__all__ = ["AdaptiveAugmentation", "Augmentation", "DiffAugment", "get"]


def get(identifier):
    """Retrieves an augmentation.

    Args:
        identifier: Name of an augmentation (`"adaptive"` or `"diff_augment"`, with its default arguments),
            its config as a dict, an `Augmentation`, which is returned unchanged, or None.

    Returns:
        `Augmentation`, or None.

    Raises:
        ValueError: If `identifier` is none of these.

    Example:

    ```python
    import keras_genzoo as kg

    kg.augmentation.get("diff_augment").policy  # "color,translation,cutout"
    ```
    """
    if identifier is None:
        return None
    accepted = (
        ', an object of `keras_genzoo.augmentation`, such as `DiffAugment("color,translation")`, or None'
    )
    return arguments.known_object("augmentation", identifier, Augmentation, _AUGMENTATIONS, accepted)


_AUGMENTATIONS = {"adaptive": AdaptiveAugmentation, "diff_augment": DiffAugment}
