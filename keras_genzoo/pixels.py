"""The one convention for images: uint8 in [0, 255] or float in [-1, 1], and the checks that guard it."""

import numpy as np


def normalize(images, value_range=(-1.0, 1.0)):
    """Brings images to float32 in [-1, 1].

    Args:
        images: Array or tensor of any shape, uint8 in [0, 255] or float in `value_range`.
        value_range: Pair `(low, high)`, the range of float images. Ignored for uint8.

    Returns:
        Tensor of the same shape, float32 in [-1, 1].

    Example:

    >>> float(normalize(np.uint8([255]))[0])
    1.0
    """
    from keras import ops  # Not above: pictures are read and written without Keras.

    images = ops.convert_to_tensor(images)
    low, high = (0.0, 255.0) if images.dtype == "uint8" else value_range
    images = ops.cast(images, "float32")
    if (low, high) == (-1.0, 1.0):
        return images
    return (images - low) * (2.0 / (high - low)) - 1.0


def to_uint8(images):
    """Rounds float images in [-1, 1] to a uint8 NumPy array in [0, 255]; values outside are clipped."""
    if not isinstance(images, np.ndarray):
        from keras import ops

        images = ops.convert_to_numpy(images)
    if images.dtype == np.uint8:
        return images
    return np.clip(np.rint((images.astype("float32") + 1.0) * 127.5), 0, 255).astype("uint8")


def check_range(images, argument="x", value_range=(-1.0, 1.0)):
    """Refuses pixel values that would train a model silently wrong.

    Args:
        images: NumPy array, uint8 or float.
        argument: Name of the argument, for the message.
        value_range: Pair `(low, high)` that float images must lie in.

    Raises:
        ValueError: If the data type is neither uint8 nor float, a value is not finite or lies outside
            `value_range`, or float images said to be in [-1, 1] have no negative value (the usual sign of
            images in [0, 1]).
    """
    low, high = value_range
    if images.dtype == np.uint8:
        return
    if not (np.issubdtype(images.dtype, np.floating) or images.dtype.name == "bfloat16"):
        raise ValueError(
            f"`{argument}` must hold uint8 images in [0, 255] or float images in [{low:g}, {high:g}]. "
            f"Received dtype {images.dtype}. Convert with `.astype('uint8')`."
        )
    if not images.size:
        return
    smallest, largest = float(images.min()), float(images.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise ValueError(
            f"`{argument}` contains NaN or infinite values. Remove or repair those images before training."
        )
    # A little slack: resizing and half precision overshoot by a rounding error.
    if smallest < low - 1e-2 or largest > high + 1e-2:
        raise ValueError(
            f"`{argument}` must lie in [{low:g}, {high:g}]. Received float values from {smallest:g} to "
            f"{largest:g}. Pass uint8 images, or scale with `images / 127.5 - 1` (for values in [0, 255])."
        )
    if (low, high) == (-1.0, 1.0) and smallest >= 0:
        raise ValueError(
            f"`{argument}` has float values from {smallest:g} to {largest:g}, none negative: it looks like "
            "images in [0, 1], but [-1, 1] is expected. Scale with `images * 2 - 1`, pass uint8 images, or "
            "load them with `value_range=(0, 1)`."
        )
