"""Pictures of the outputs of models: image grids, translations, scatter plots and meshes."""

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
    """Saves a grid of images as a picture file.

    Args:
        images, columns, padding: See `image_grid`.
        path: String or path of the file, `.png`, `.jpg`, `.jpeg` or `.webp`. Its folder is created if necessary.
        scale: Int, enlargement factor: the size of a pixel of an image in the file.

    Raises:
        ValueError: If the shape or range of `images` is invalid, or the suffix of `path` is not one of
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
    """Lays out images and their translations in a grid, one row per image.

    The columns are the source, the translation, and the target if `targets` is given. For a model with several
    directions, without `direction`, the last column is the translation of the target back. Images that are smaller
    than their targets are enlarged by an integer factor.

    Args:
        model: `keras_genzoo.models.TranslationModel`.
        sources: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
        targets: Array `(num, height, width, channels)`, the targets of the sources, or any images of the other domain
            for unpaired models. They are the inputs of all directions but the first.
        direction: String, one of `model.tasks`. Defaults to all directions whose inputs are given.
        padding: Int, number of white pixels between images.
        scale: Int, enlargement factor.

    Returns:
        uint8 NumPy array `(grid_height, grid_width, channels)`.

    Raises:
        ValueError: If the images do not fit the model, do not have 1 or 3 channels, or the targets for `direction`
            are missing.
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
            raise ValueError(f"`targets` is missing: it is the input of `direction` {each!r}.")
        # A fixed seed, so that the picture depends on the weights only.
        seed = 0 if model.draws(each) else None
        columns += [model.task(each).source.colored(images), model.translate(images, each, seed=seed)]
    if len(directions) == 1 and wanted is not None:
        columns.append(wanted)
    return columns_grid(columns, padding, scale)


def columns_grid(columns, padding=2, scale=1):
    """Lays out images in columns, like `translation_grid`.

    Args:
        columns: List of arrays `(num, height, width, channels)`, uint8 or float in [-1, 1], one per column.
        padding, scale: See `translation_grid`.

    Returns:
        uint8 NumPy array `(grid_height, grid_width, channels)`.

    Raises:
        ValueError: If the images do not have 1 or 3 channels.
    """
    columns = [pixels.to_uint8(images) for images in columns]
    if channels := {images.shape[-1] for images in columns} - {1, 3}:
        raise ValueError(f"Images must have 1 or 3 channels. Received: images with {max(channels)} channels.")
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
    """Saves the picture of `translation_grid` as a file.

    Args:
        model, sources, targets, direction, padding, scale: See `translation_grid`.
        path: String or path of the file, `.png`, `.jpg`, `.jpeg` or `.webp`. Its folder is created if necessary.

    Raises:
        ValueError: See `translation_grid`; also if the suffix of `path` is not one of
            `keras_genzoo.pictures.WRITABLE`.
        OSError: If `path` cannot be written.

    Example:

    ```python
    model = keras_genzoo.models.load("pix2pix_edges_to_emoji")
    edges, drawings = keras_genzoo.datasets.arrays("edges_to_emoji", split="test", image_size=64)
    keras_genzoo.visualization.save_translations(model, edges[:8], "edges.png", targets=drawings[:8])
    ```
    """
    pictures.check_writable(path)
    pictures.write(translation_grid(model, sources, targets, direction, padding, scale), path)


def label_colors(num_labels):
    """Returns the colors of labels, as in the label maps of Pascal VOC.

    Args:
        num_labels: Int, at most 256.

    Returns:
        uint8 NumPy array `(num_labels, 3)`. The first color is black.

    Raises:
        ValueError: If `num_labels` is out of range.

    Example:

    >>> keras_genzoo.visualization.label_colors(3).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    labels = np.arange(num_labels)
    colors = np.zeros((num_labels, 3), "uint8")
    # Each group of three bits of a label, from the lowest, sets a bit of red, green and blue, from the highest.
    for step in range(3):
        for channel in range(3):
            colors[:, channel] |= ((labels >> (3 * step + channel)) & 1).astype("uint8") << (7 - step)
    return colors


def scatter(points, titles=None, real=None):
    """Draws scatter plots of points in the plane, in one or several panels.

    Requires matplotlib: `pip install "keras_genzoo[plots]"`.

    Args:
        points: Array `(num, 2)`, or a sequence of such arrays, one per panel. Drawn in blue.
        titles: Sequence of strings, one per panel.
        real: Array `(num_real, 2)` of real points, or of the centers of their modes, drawn in orange behind `points`
            in every panel. All panels then show the bounding square of `real` with a margin of a quarter of its size,
            and the number of points outside is written below a panel. Without `real`, all points are shown.

    Returns:
        uint8 NumPy array `(height, width, 3)`.

    Raises:
        ValueError: If an array has another shape or values that are not finite, or the numbers of titles and panels
            differ.
        ImportError: If matplotlib is not installed.
    """
    is_array = len(getattr(points, "shape", ())) == 2
    panels = [_plane_points(panel, "points") for panel in ([points] if is_array else points)]
    real = real if real is None else _plane_points(real, "real")
    titles = [""] * len(panels) if titles is None else list(titles)
    if not panels or len(titles) != len(panels):
        raise ValueError(
            "`points` must contain at least one array, and `titles` one title per array. "
            f"Received: {len(panels)} arrays and {len(titles)} titles"
        )
    Figure, FigureCanvas = _matplotlib_classes()
    low, high = _extent(np.concatenate(panels) if real is None else real)
    # Without pyplot: no figure remains open, and the settings of a notebook do not change.
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
    """Saves the picture of `scatter` as a file.

    Args:
        points, titles, real: See `scatter`.
        path: String or path of the file, `.png`, `.jpg`, `.jpeg` or `.webp`. Its folder is created if necessary.

    Raises:
        ValueError: See `scatter`; also if the suffix of `path` is not one of `keras_genzoo.pictures.WRITABLE`.
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
    """Checks in advance that `scatter` can draw samples of a shape.

    Raises:
        ValueError: If the shape is not `(2,)`.
        ImportError: If matplotlib is not installed.
    """
    if tuple(shape) != (2,):
        raise ValueError(f"Only points in the plane, shape (2,), can be drawn. Received: {tuple(shape)}")
    _matplotlib_classes()


def _matplotlib_classes():
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"Drawing points requires the package `matplotlib`, which could not be imported ({error}). "
            'Install it with `pip install "keras_genzoo[plots]"`.'
        ) from error
    return Figure, FigureCanvasAgg


def _plane_points(points, argument):
    points = ops.convert_to_numpy(points)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(
            f"`{argument}` must contain at least one point in the plane, shape (num, 2). Received: {points.shape}"
        )
    points = points.astype("float64")
    if not np.isfinite(points).all():
        raise ValueError(
            f"`{argument}` contains NaN or infinite values. Remove these points. The training may have diverged."
        )
    return points


def _extent(points):
    """Returns the lower left and upper right corners of a square around points, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = 1.5 * max((high - low).max(), 1e-3)
    middle = (low + high) / 2
    return middle - side / 2, middle + side / 2


@checked
def save_mesh(heights, texture, path: Path, relief: Positive = 0.15):
    """Saves a height map and its texture as a triangle mesh, a PLY file for 3-D software.

    Each pixel is a colored vertex. The x axis points east, the y axis north and the z axis up. A pixel is 1 wide.

    Args:
        heights: Array `(height, width, 1)` or `(height, width)`, uint8 or float in [-1, 1].
        texture: Array `(height, width, 1 or 3)`, uint8 or float in [-1, 1].
        path: String or path of the `.ply` file. Its folder is created if necessary.
        relief: Float, z coordinate of the value 255 (or 1.0), as a fraction of the longer side.

    Raises:
        ValueError: If the shapes or ranges of the arrays are invalid, `relief` is not positive, or `path` does not
            end with `.ply`.
        OSError: If `path` cannot be written.

    Example:

    ```python
    model = keras_genzoo.models.TerrainGAN((64, 64, 3), width=8)
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
            "`heights` must have the shape (height, width, 1) and `texture` (height, width, 1 or 3), with at least "
            f"2x2 pixels. Received: {heights.shape} and {texture.shape}"
        )
    levels = (np.asarray(ops.convert_to_numpy(pixels.normalize(heights))).reshape(sides) + 1.0) / 2.0
    rows, columns = np.indices(sides)
    vertices = np.empty(sides, [("place", "<f4", 3), ("color", "u1", 3)])
    vertices["place"] = np.stack([columns, -rows, relief * max(sides) * levels], axis=-1)
    vertices["color"] = pixels.to_uint8(texture)
    numbers = np.arange(rows.size, dtype="<i4").reshape(sides)
    upper, lower = (numbers[:-1], numbers[1:])
    # Two triangles per square, counterclockwise when seen from above.
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
