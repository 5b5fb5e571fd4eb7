"""Grids of images."""

import math

import numpy as np

from keras_genzoo.arguments import NonNegativeInt, OptionalPositiveInt, array, checked
from keras_genzoo.images import pixels


@checked
def image_grid(images, columns: OptionalPositiveInt = None, padding: NonNegativeInt = 2):
    """Lays images out in a grid.

    Args:
        images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1], with 1 or 3 channels.
        columns: Int, number of images per row. Defaults to an approximately square grid.
        padding: Int, number of white pixels between images.

    Returns:
        uint8 NumPy array `(grid_height, grid_width, channels)`.

    Raises:
        ValueError: If the shape of `images` is invalid, or there are no images.
    """
    images = pixels.to_uint8(array("images", images))
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or len(images) == 0:
        raise ValueError(
            "`images` must have the shape (num, height, width, 1 or 3) with at least one image. "
            f"Received: {images.shape}"
        )
    num, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    grid = np.full(
        (rows * (height + padding) + padding, columns * (width + padding) + padding, channels), 255, "uint8"
    )
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = padding + row * (height + padding), padding + column * (width + padding)
        grid[top : top + height, left : left + width] = image
    return grid
