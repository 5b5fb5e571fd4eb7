"""Pictures of what a model makes."""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image

from keras_genzoo import pixels


def image_grid(images, columns=None, padding=2):
    """Lays images out in a grid.

    Args:
        images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1], 1 or 3 channels.
        columns: Int, images in a row. Defaults to the nearest square.
        padding: Int, white pixels between images.

    Returns:
        uint8 NumPy array `(grid_height, grid_width, channels)`.

    Raises:
        ValueError: If `images` has another shape or no image.
    """
    images = pixels.to_uint8(images)
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


def save_grid(images, path, columns=None, padding=2, scale=1):
    """Writes a grid of images as a PNG file.

    Args:
        images, columns, padding: As for `image_grid`.
        path: String or path of the file; its folder is created.
        scale: Int, size of an image's pixel in the file.

    Raises:
        ValueError: If `images` cannot be laid out, or `path` does not end with `.png`.
        OSError: If `path` cannot be written.

    Example:

    ```python
    keras_genzoo.visualization.save_grid(gan.sample(64, seed=0), "samples.png")
    ```
    """
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"`path` must end with .png. Received: {str(path)!r}")
    grid = image_grid(images, columns, padding).repeat(scale, axis=0).repeat(scale, axis=1)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid).save(temporary, format="PNG")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
