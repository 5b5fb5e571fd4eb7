"""DiffAugment: random color, translation and cutout (Zhao et al. 2020)."""

import keras
from keras import ops

from keras_genzoo.augmentation.augmentation import Augmentation


@keras.saving.register_keras_serializable(package="keras_genzoo")
class DiffAugment(Augmentation):
    """Differentiable augmentation: applies all parts of a policy to every image.

    The parts are applied in this order:

    - `"color"`: adds a brightness uniform in [-0.5, 0.5]; multiplies the saturation, the difference of a
      pixel's channels from their mean, by a factor in [0, 2]; multiplies the contrast, the difference from
      the image's mean, by a factor in [0.5, 1.5].
    - `"translation"`: shifts the image by whole pixels, up to an eighth of each side; fills with zeros.
    - `"cutout"`: sets a rectangle of half the height and half the width, at a random position, to zero.

    Args:
        policy: String, parts of the policy separated by commas.

    Call arguments:
        images, seed: As for `Augmentation`.

    Raises:
        ValueError: If `policy` is empty or contains an unknown part.

    Example:

    ```python
    import keras_genzoo as kg

    augmentation = kg.augmentation.DiffAugment("color,translation")
    gan = kg.models.GAN(image_shape=(16, 16, 3), width=4, augmentation=augmentation)
    ```

    Reference: Zhao et al., "Differentiable augmentation for data-efficient GAN training", 2020,
    arXiv:2006.10738, section 3.2; constants as in the authors' code.
    """

    def __init__(self, policy="color,translation,cutout", **kwargs):
        super().__init__(**kwargs)
        parts = policy.split(",") if isinstance(policy, str) else []
        if not parts or not _PARTS.keys() >= set(parts):
            raise ValueError(
                f"`policy` must name some of {', '.join(_PARTS)} separated by commas. Received: policy={policy!r}"
            )
        self.policy = policy

    def draw(self, num, seed):
        """As for `Augmentation`: `(7, num, 1, 1, 1)` values uniform in [0, 1)."""
        return keras.random.uniform((7, num, 1, 1, 1), seed=seed)

    def augment(self, images, drawn):
        """As for `Augmentation`."""
        return self._changed(images, drawn, _PARTS)

    def move(self, beside, drawn):
        """As for `Augmentation`."""
        return self._changed(beside, drawn, ("translation", "cutout"))

    def _changed(self, images, drawn, parts):
        for part in parts:
            if part in self.policy.split(","):
                function, columns = _PARTS[part]
                images = function(images, *ops.unstack(drawn[columns], axis=0))
        return images

    def get_config(self):
        return {**super().get_config(), "policy": self.policy}


def _changed_color(images, brightness, saturation, contrast):
    images = images + brightness - 0.5
    mean = ops.mean(images, axis=3, keepdims=True)
    images = mean + 2.0 * saturation * (images - mean)
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (0.5 + contrast) * (images - mean)


def _shifted(images, vertical, horizontal):
    _, height, width, channels = images.shape
    rows, row_exists = _shifted_indices(height, vertical)
    columns, column_exists = _shifted_indices(width, horizontal)
    num = ops.shape(images)[0]
    # One gather for the whole batch.
    first = ops.reshape(ops.arange(num), (num, 1, 1)) * (height * width)
    index = first + rows[:, :, None] * width + columns[:, None, :]
    shifted = ops.take(ops.reshape(images, (-1, channels)), index, axis=0)
    exists = ops.logical_and(row_exists[:, :, None], column_exists[:, None, :])
    return shifted * ops.cast(exists, images.dtype)[..., None]


def _shifted_indices(size, share):
    """Source index of each pixel along a side, int32 `(num, size)`, and whether it is inside the image."""
    largest = int(size / 8 + 0.5)
    source = ops.arange(size) + _integers(share, 2 * largest + 1) - largest
    inside = ops.clip(source, 0, size - 1)
    return inside, source == inside


def _cut_out(images, vertical, horizontal):
    _, height, width, _ = images.shape
    rows, columns = _cut(height, vertical), _cut(width, horizontal)
    cut = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
    return images * ops.cast(ops.logical_not(cut), images.dtype)


def _cut(size, share):
    """Mask of the pixels of a side that are in the rectangle, bool `(num, size)`."""
    length = int(size / 2 + 0.5)
    # A rectangle of even length has no center pixel.
    start = _integers(share, size + 1 - length % 2) - length // 2
    pixels = ops.arange(size)
    return ops.logical_and(pixels >= start, pixels < start + length)


def _integers(share, num):
    """Maps values in [0, 1) to integers from 0 to `num - 1`, int32 `(num, 1)`."""
    numbers = ops.cast(share[:, 0, 0], "float32") * num
    # Rounding may give `num` itself.
    return ops.minimum(ops.cast(numbers, "int32"), num - 1)


# Part -> (function of images and random values in [0, 1), slice of the random values).
_PARTS = {
    "color": (_changed_color, slice(0, 3)),
    "translation": (_shifted, slice(3, 5)),
    "cutout": (_cut_out, slice(5, 7)),
}
