"""Value ranges of images, uint8 in [0, 255] or float in [-1, 1]: conversion and checks."""

import numpy as np

# Tolerance of the range checks: resizing and half precision may overshoot by a rounding error.
SLACK = 1e-2


def normalize(images, value_range=(-1.0, 1.0)):
    """Scales images to float32 in [-1, 1].

    Args:
        images: Array or tensor of any shape, uint8 in [0, 255] or float in `value_range`.
        value_range: Tuple `(low, high)`, the range of float images. Ignored for uint8.

    Returns:
        Tensor of the same shape, float32 in [-1, 1].

    Example:

    >>> float(keras_genzoo.pixels.normalize(np.uint8([255]))[0])
    1.0
    """
    from keras import ops  # Imported here because pictures are read and written without Keras.

    from keras_genzoo.arguments import interval

    images = ops.convert_to_tensor(images)
    low, high = (0.0, 255.0) if images.dtype == "uint8" else interval("value_range", value_range)
    images = ops.cast(images, "float32")
    if (low, high) == (-1.0, 1.0):
        return images
    return (images - low) * (2.0 / (high - low)) - 1.0


def as_input(images):
    """Converts images to an array for a compiled function: uint8 is unchanged, others become float32."""
    return images if images.dtype == np.uint8 else images.astype("float32")


def to_uint8(images):
    """Converts float images in [-1, 1] to a uint8 NumPy array in [0, 255]; values outside are clipped."""
    if not isinstance(images, np.ndarray):
        from keras import ops

        images = ops.convert_to_numpy(images)
    if images.dtype == np.uint8:
        return images
    return np.clip(np.rint((images.astype("float32") + 1.0) * 127.5), 0, 255).astype("uint8")


def rounded(images):
    """Like `to_uint8`, for tensors."""
    from keras import ops

    return ops.cast(ops.clip(ops.round((images + 1.0) * 127.5), 0.0, 255.0), "uint8")


def check_range(images, argument="x", value_range=(-1.0, 1.0), may_be_bright=False):
    """Checks the dtype and range of images.

    Args:
        images: NumPy array, uint8 or float.
        argument: String, name of the argument for the error message.
        value_range: Tuple `(low, high)`, the required range of float images.
        may_be_bright: Bool, whether to accept float images in [-1, 1] without negative values.

    Raises:
        ValueError: If the dtype is neither uint8 nor float, a value is not finite or outside `value_range`, or images
            in [-1, 1] have no negative values (they are probably in [0, 1]).
    """
    extent = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    check_extent(images.dtype.name, *extent, argument, value_range, may_be_bright or not images.size)


def check_label_extent(smallest, largest, num_labels, argument="x"):
    """Checks the range of label maps, and of the edges in an optional second channel.

    Args:
        smallest, largest: Floats, the smallest and largest value; or sequences with one float per channel.
        num_labels: Int, number of labels.
        argument: String, name of the argument for the error message.

    Raises:
        ValueError: If a label is not from 0 to `num_labels - 1`, or an edge is neither 0 nor 1.
    """
    (smallest, *low_edges), (largest, *high_edges) = np.atleast_1d(smallest), np.atleast_1d(largest)
    if smallest < 0 or largest >= num_labels:
        raise ValueError(
            f"`{argument}` must contain labels from 0 to {num_labels - 1}. Received labels from {smallest:g} to "
            f"{largest:g}."
        )
    for edge in (*low_edges, *high_edges):
        if edge not in (0, 1):
            raise ValueError(
                f"The second channel of `{argument}` must be 1 at the edges between objects and 0 elsewhere. "
                f"Received: {edge:g}"
            )


def check_extent(dtype, smallest, largest, argument="x", value_range=(-1.0, 1.0), may_be_bright=False):
    """Like `check_range`, given the dtype and the smallest and largest value.

    Args:
        dtype: String, name of the dtype.
        smallest, largest: Floats.
        argument, value_range, may_be_bright: See `check_range`.

    Raises:
        ValueError: See `check_range`.
    """
    low, high = value_range
    if dtype == "uint8":
        return
    if "float" not in dtype:
        raise ValueError(
            f"`{argument}` must be uint8 images in [0, 255] or float images in [{low:g}, {high:g}]. "
            f"Received dtype {dtype}. Convert with `.astype('uint8')`."
        )
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise ValueError(
            f"`{argument}` contains NaN or infinite values. Remove or repair those images before training."
        )
    if smallest < low - SLACK or largest > high + SLACK:
        raise ValueError(
            f"`{argument}` must be in [{low:g}, {high:g}]. Received float values from {smallest:g} to "
            f"{largest:g}. Pass uint8 images, or scale with `images / 127.5 - 1` (for values in [0, 255])."
        )
    if (low, high) == (-1.0, 1.0) and smallest >= 0 and not may_be_bright:
        raise ValueError(
            f"`{argument}` must be in [-1, 1]. Received float values from {smallest:g} to {largest:g}, none "
            "negative: it looks like images in [0, 1]. Scale with `images * 2 - 1`, pass uint8 images, or load them "
            "with `value_range=(0, 1)`."
        )
