"""Pictures of what a model makes."""

import pathlib

import numpy as np
from keras import ops

from keras_genzoo import disk
from keras_genzoo.arguments import (
    NonNegativeInt,
    OptionalPositiveInt,
    Path,
    Positive,
    PositiveInt,
    array,
    checked,
)
from keras_genzoo.images import pictures, pixels
from keras_genzoo.images.grids import image_grid


@checked
def save_grid(
    images,
    path: Path,
    columns: OptionalPositiveInt = None,
    padding: NonNegativeInt = 2,
    scale: PositiveInt = 1,
):
    """Writes a grid of images as a picture file.

    Args:
        images, columns, padding: As for `image_grid`.
        path: String or path of the file, `.png`, `.jpg`, `.jpeg` or `.webp`; its folder is created.
        scale: Int, size of an image's pixel in the file.

    Raises:
        ValueError: If `images` cannot be laid out, or the suffix of `path` is not one of
            `keras_genzoo.pictures.WRITABLE`.
        OSError: If `path` cannot be written.

    Example:

    ```python
    keras_genzoo.visualization.save_grid(gan.sample(64, seed=0), "samples.png")
    ```
    """
    pictures.check_writable(path)
    grid = image_grid(images, columns, padding)
    pictures.write(grid.repeat(scale, axis=0).repeat(scale, axis=1), path)


@checked
def translation_grid(
    model, sources, targets=None, direction=None, padding: NonNegativeInt = 2, scale: PositiveInt = 1
):
    """Lays out images and their translations, one row per image.

    The columns are source, translation and, where there are targets, target. Of a model of several directions and
    without `direction`, the target's translation back comes last. Grey images are shown in grey, and images that are
    smaller than their targets are enlarged by whole pixels.

    Args:
        model: `keras_genzoo.models.TranslationModel`.
        sources: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
        targets: Array `(num, height, width, channels)`: what the translations should be, or without pairs
            any images of the other domain. A direction other than the first translates these.
        direction: String, one of `model.tasks`. Defaults to all that there are images for.
        padding: Int, white pixels between images.
        scale: Int, size of an image's pixel in the picture.

    Returns:
        uint8 NumPy array `(grid_height, grid_width, channels)`.

    Raises:
        ValueError: If the images do not fit the model, cannot be drawn, or the targets for `direction` are missing.
    """
    if direction is None:
        directions = [
            each for each in model.tasks if model.in_direction(each, sources, targets)[0] is not None
        ]
    else:
        directions = [direction]
    columns = []
    for each in directions:
        images, wanted = model.in_direction(each, sources, targets)
        if images is None:
            raise ValueError(f"`targets` is missing: `direction` {each!r} translates them.")
        # The same weights draw the same picture.
        seed = 0 if model.draws(each) else None
        columns += [model.task(each).source.colored(images), model.translate(images, each, seed=seed)]
    if len(directions) == 1 and wanted is not None:
        columns.append(wanted)
    return columns_grid(columns, padding, scale)


def columns_grid(columns, padding=2, scale=1):
    """Lays out images in columns, as `translation_grid` does.

    Args:
        columns: List of arrays `(num, height, width, channels)`, uint8 or float in [-1, 1], one for each column.
        padding, scale: As for `translation_grid`.

    Returns:
        uint8 NumPy array `(grid_height, grid_width, channels)`.

    Raises:
        ValueError: If the images cannot be drawn.
    """
    columns = [pixels.to_uint8(images) for images in columns]
    if channels := {images.shape[-1] for images in columns} - {1, 3}:
        raise ValueError(
            f"Images of 1 or 3 channels can be drawn. Received: images of {max(channels)} channels."
        )
    if any(images.shape[-1] == 3 for images in columns):
        columns = [np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images for images in columns]
    height = max(images.shape[1] for images in columns)
    columns = [
        images.repeat(height // images.shape[1], axis=1).repeat(height // images.shape[1], axis=2)
        for images in columns
    ]
    rows = np.stack(columns, axis=1)
    grid = image_grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns), padding=padding)
    return grid.repeat(scale, axis=0).repeat(scale, axis=1)


@checked
def save_translations(
    model,
    sources,
    path: Path,
    targets=None,
    direction=None,
    padding: NonNegativeInt = 2,
    scale: PositiveInt = 1,
):
    """Writes the picture of `translation_grid` as a file.

    Args:
        model, sources, targets, direction, padding, scale: As for `translation_grid`.
        path: String or path of the file, `.png`, `.jpg`, `.jpeg` or `.webp`; its folder is created.

    Raises:
        ValueError: As for `translation_grid`, or if the suffix of `path` is not one of
            `keras_genzoo.pictures.WRITABLE`.
        OSError: If `path` cannot be written.

    Example:

    ```python
    keras_genzoo.visualization.save_translations(model, edges[:8], "edges.png", targets=pictures[:8])
    ```
    """
    pictures.check_writable(path)
    pictures.write(translation_grid(model, sources, targets, direction, padding, scale), path)


def label_colors(num_labels):
    """Colors that stand for labels, those of the Pascal VOC label maps.

    Args:
        num_labels: Int up to 256.

    Returns:
        uint8 NumPy array `(num_labels, 3)`. The first color is black; those of few labels differ much.

    Example:

    >>> label_colors(3).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    labels = np.arange(num_labels)
    colors = np.zeros((num_labels, 3), "uint8")
    # Three bits of a label at a time, from the lowest on, are bits of red, green and blue, from the highest on.
    for step in range(3):
        for channel in range(3):
            colors[:, channel] |= ((labels >> (3 * step + channel)) & 1).astype("uint8") << (7 - step)
    return colors


def scatter(points, titles=None, real=None):
    """Draws points in the plane: one panel, or a row of them such as samples over training.

    Points are blue, real ones orange.

    Needs matplotlib: `pip install "keras_genzoo[plots]"`.

    Args:
        points: Array `(num, 2)`, or a sequence of such arrays, one per panel.
        titles: Sequence of strings, one per panel.
        real: Array `(num_real, 2)` of real points or of the centers of their modes, drawn in every panel in
            orange behind `points`. They decide what part of the plane is shown, the same in all
            panels: their own and a quarter of its extent on each side. Below a panel stands how many of
            its points lie outside. Without `real`, all points are shown.

    Returns:
        uint8 NumPy array `(height, width, 3)`.

    Raises:
        ValueError: If an array has another shape or values that are not finite, or the numbers of titles and
            panels differ.
        ImportError: If matplotlib is not installed.
    """
    is_array = len(getattr(points, "shape", ())) == 2
    panels = [_plane_points(panel, "points") for panel in ([points] if is_array else points)]
    real = real if real is None else _plane_points(real, "real")
    titles = [""] * len(panels) if titles is None else list(titles)
    if not panels or len(titles) != len(panels):
        raise ValueError(
            "`points` must hold at least one array, and `titles` one title for each. "
            f"Received: {len(panels)} arrays and {len(titles)} titles"
        )
    Figure, FigureCanvas = _matplotlib_classes()
    low, high = _extent(np.concatenate(panels) if real is None else real)
    # A figure of its own, without pyplot: nothing is left open, and a notebook's settings stay as they are.
    figure = Figure(figsize=(3 * len(panels), 3.3), dpi=150, layout="constrained")
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel, title in zip(row, panels, titles, strict=True):
        if real is not None:
            axes.scatter(*real.T, s=70, color="tab:orange", linewidths=0)
        axes.scatter(*panel.T, s=3, color="tab:blue", alpha=0.5, linewidths=0)
        outside = int(((panel < low) | (panel > high)).any(axis=1).sum())
        axes.set(title=title, xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axes.set(xlabel=f"{outside} of {len(panel)} outside" if outside else "")
    canvas = FigureCanvas(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def save_scatter(points, path, titles=None, real=None):
    """Writes the picture of `scatter` as a file.

    Args:
        points, titles, real: As for `scatter`.
        path: String or path of the file, `.png`, `.jpg`, `.jpeg` or `.webp`; its folder is created.

    Raises:
        ValueError: As for `scatter`, or if the suffix of `path` is not one of `keras_genzoo.pictures.WRITABLE`.
        ImportError: If matplotlib is not installed.
        OSError: If `path` cannot be written.

    Example:

    ```python
    modes = keras_genzoo.datasets.info("ring").modes
    samples = [modes.draw(500, seed)[0] for seed in (1, 2)]
    keras_genzoo.visualization.save_scatter(samples, "ring.png", ["first", "second"], real=modes.centers)
    ```
    """
    pictures.check_writable(path)
    pictures.write(scatter(points, titles, real), path)


def check_plane(shape):
    """Refuses, before any work, what `scatter` could not draw: samples of `shape` that are not `(2,)`.

    Raises:
        ValueError: If the points are not of the plane.
        ImportError: If matplotlib is not installed.
    """
    if tuple(shape) != (2,):
        raise ValueError(f"Only points of the plane, shape (2,), can be drawn. Received: {tuple(shape)}")
    _matplotlib_classes()


def _matplotlib_classes():
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"Drawing points needs the package `matplotlib`, which could not be imported ({error}). "
            'Install it with `pip install "keras_genzoo[plots]"`.'
        ) from error
    return Figure, FigureCanvasAgg


def _plane_points(points, argument):
    points = ops.convert_to_numpy(points)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(
            f"`{argument}` must hold points of the plane, shape (num, 2), at least one. Received: {points.shape}"
        )
    points = points.astype("float64")
    if not np.isfinite(points).all():
        raise ValueError(
            f"`{argument}` contains NaN or infinite values. Has the training diverged? Leave those points out."
        )
    return points


def _extent(points):
    """The lower left and upper right corners of a square around points, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = 1.5 * max((high - low).max(), 1e-3)
    middle = (low + high) / 2
    return middle - side / 2, middle + side / 2


@checked
def save_mesh(heights, texture, path: Path, relief: Positive = 0.15):
    """Writes a height map and its texture as a mesh, a PLY file that 3-D programs open.

    A pixel is a vertex of its color. x points to the east, y to the north and z upwards; a pixel is 1 wide.

    Args:
        heights: Array `(height, width, 1)` or `(height, width)`, uint8 or float in [-1, 1].
        texture: Array `(height, width, 1 or 3)`, uint8 or float in [-1, 1].
        path: String or path of the file, `.ply`; its folder is created.
        relief: Float, the height of 255 (or 1) as a share of the longer side.

    Raises:
        ValueError: If the arrays are no images of one size, or the suffix of `path` is another.
        OSError: If `path` cannot be written.

    Example:

    ```python
    heights, textures = model.sample_terrain(1, seed=0)
    keras_genzoo.visualization.save_mesh(heights[0], textures[0], "terrain.ply")
    ```
    """
    path = pathlib.Path(path)
    if path.suffix.lower() != ".ply":
        raise ValueError(f"`path` must end with .ply. Received: {str(path)!r}")
    heights, texture = array("heights", heights), array("texture", texture)
    sides = texture.shape[:2]
    if heights.shape not in (sides, (*sides, 1)) or texture.shape[2:] not in ((1,), (3,)) or min(sides) < 2:
        raise ValueError(
            "`heights` must be (height, width, 1), `texture` (height, width, 1 or 3), of at least 2x2 pixels. "
            f"Received: {heights.shape} and {texture.shape}"
        )
    levels = (np.asarray(ops.convert_to_numpy(pixels.normalize(heights))).reshape(sides) + 1.0) / 2.0
    rows, columns = np.indices(sides)
    vertices = np.empty(sides, [("place", "<f4", 3), ("color", "u1", 3)])
    vertices["place"] = np.stack([columns, -rows, relief * max(sides) * levels], axis=-1)
    vertices["color"] = pixels.to_uint8(texture)
    numbers = np.arange(rows.size, dtype="<i4").reshape(sides)
    upper, lower = (numbers[:-1], numbers[1:])
    # Of each square two triangles, counterclockwise when seen from above.
    corners = [
        (upper[:, :-1], lower[:, :-1], lower[:, 1:]),
        (upper[:, :-1], lower[:, 1:], upper[:, 1:]),
    ]
    corners = np.concatenate([np.stack(each, axis=-1).reshape(-1, 3) for each in corners])
    faces = np.empty(len(corners), [("num", "u1"), ("corners", "<i4", 3)])
    faces["num"], faces["corners"] = 3, corners
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {rows.size}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {color}" for color in ("red", "green", "blue")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk.written(path) as file:
        file.write_bytes("\n".join(header).encode() + vertices.tobytes() + faces.tobytes())
