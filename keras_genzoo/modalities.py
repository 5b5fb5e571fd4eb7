"""Modalities: what a sample, or the source of a translation, is: images, label maps, or points.

A modality checks, scales, exports, draws and saves its samples. Code outside of `keras_genzoo.models` uses a
model's `modality` instead of its class. A modality for audio, voxels or video would implement the same
methods.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_genzoo import visualization
from keras_genzoo.images import pictures, pixels


class Summary(NamedTuple):
    """Shape, dtype and range of an array. The range of an empty array is `(0, 0)`.

    The range is a pair of floats, or a pair of tuples with one float per channel.
    """

    shape: tuple
    dtype: str
    smallest: float | tuple
    largest: float | tuple

    @classmethod
    def of(cls, array, by_channel=False):
        if array is None:
            return None
        array = array if isinstance(array, np.ndarray) else ops.convert_to_numpy(array)
        if not array.size:
            extent = (0.0, 0.0)
        elif by_channel:
            axes = tuple(range(array.ndim - 1))
            extent = tuple(array.min(axes).tolist()), tuple(array.max(axes).tolist())
        else:
            extent = (float(array.min()), float(array.max()))
        return cls(array.shape, array.dtype.name, *extent)


def of_shape(shape):
    """Returns the modality of samples of a shape.

    Args:
        shape: Tuple, `(height, width, channels)` for `Images` or `(num_features,)` for `Points`.

    Raises:
        ValueError: If the shape is neither of these.
    """
    sides = list(shape) if isinstance(shape, list | tuple) else []
    if len(sides) not in (1, 3) or not all(isinstance(side, int | np.integer) and side > 0 for side in sides):
        raise ValueError(
            "`image_shape` must be a tuple (height, width, channels), or (num_features,) for points, of positive "
            f"ints. Received: image_shape={shape!r}"
        )
    return (Points if len(sides) == 1 else Images)(tuple(map(int, sides)))


class _Drawn:
    """A modality whose samples can be drawn as an image with `show`."""

    def save(self, samples, path, columns=None, scale=1, examples=None):
        """Writes the image of `show` to a file with a suffix in `keras_genzoo.pictures.WRITABLE`."""
        pictures.check_writable(path)
        pictures.write(self.show(samples, columns, scale, examples), path)


@dataclasses.dataclass(frozen=True)
class Images(_Drawn):
    """Images of a fixed size, uint8 in [0, 255] or float in [-1, 1].

    Args:
        shape: Tuple `(height, width, channels)`.
        may_be_bright: Bool. If False, float images without negative values are assumed to be in [0, 1] by
            mistake, and are rejected. Not compared by `==`.
        kind: String that tells programs how to draw and show the images: `"image"` for colors or grays,
            `"drawing"` for black lines on white like those of `keras_genzoo.datasets.edges`, or `"heights"`
            for height maps. Not compared by `==`.
    """

    shape: tuple
    may_be_bright: bool = dataclasses.field(default=False, compare=False)
    kind: str = dataclasses.field(default="image", compare=False)

    # Range of float values; for other modalities, range of their values, or of the values of each channel.
    bounds = (-1.0 - pixels.SLACK, 1.0 + pixels.SLACK)
    # Number of samples in a preview.
    num_shown = 100
    # Whether values can be interpolated, so that images may be resized.
    interpolates = True

    def check(self, summary, argument, first=True):
        """Checks a batch of images.

        Args:
            summary: `Summary`.
            argument: String, name of the argument in messages.
            first: Bool. Later batches of a dataset may have no dark pixel.

        Raises:
            ValueError: If the images cannot be used.
        """
        wanted = ", ".join(map(str, self.shape))
        if len(summary.shape) == 3:
            raise ValueError(
                f"`{argument}` must have the shape (batch, {wanted}). Received: {summary.shape}. Add a channel "
                "axis to grayscale images (`images[..., None]`), or batch the dataset (`dataset.batch(64, "
                "drop_remainder=True)`)."
            )
        if len(summary.shape) != 4 or summary.shape[1:] != self.shape:
            raise ValueError(
                f"`{argument}` must have the shape (batch, {wanted}), for which this model was created. Received: "
                f"{summary.shape}. Load the images with that size and number of channels, or create the model with "
                f"image_shape={tuple(summary.shape[1:])}."
            )
        _check_not_empty(summary, argument)
        pixels.check_extent(*summary[1:], argument, may_be_bright=self.may_be_bright or not first)

    def accepts_all(self, dtype):
        """Whether all values of a data type are valid, so that the values need not be checked."""
        return dtype == "uint8"

    def scale(self, images):
        """Scales images for networks: returns a float32 tensor in [-1, 1]."""
        return pixels.normalize(images)

    @property
    def described(self):
        """Description of the samples in messages."""
        return f"images of {self.shape[-1]} channels"

    def read(self, picture, size=None):
        """Reads an image file or `PIL.Image.Image` as uint8 array `(height, width, channels)`.

        Args:
            picture: String, path or `PIL.Image.Image`.
            size: As for `keras_genzoo.pictures.read`.
        """
        return pictures.read_any(picture, self.shape[-1], size)

    def serving_description(self):
        """Returns a JSON-serializable dict with what other programs must know to read such images; empty for
        plain images.
        """
        return {}

    def check_values(self, images, argument):
        """Checks the values of an array of images of any size.

        Raises:
            ValueError: If the data type is wrong, or a value is out of range.
        """
        pixels.check_range(images, argument, may_be_bright=self.may_be_bright)

    def resize(self, images, size):
        """Resizes images to `(height, width)`, bilinearly with antialiasing; returns a float32 array in [-1,
        1].
        """
        return ops.convert_to_numpy(
            ops.image.resize(
                self.scale(images),
                size,
                interpolation="bilinear",
                antialias=True,
                data_format="channels_last",
            )
        )

    def colored(self, images):
        """Converts images for display: returns a uint8 array with 1 or 3 channels."""
        return pixels.to_uint8(images)

    def serve(self, images):
        """Converts a tensor in [-1, 1] to what an exported model returns: uint8 in [0, 255]."""
        return pixels.rounded(images)

    def show(self, images, columns=None, scale=1, examples=None):
        """Draws a grid of images.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            columns: Int, number of images per row. Defaults to a grid that is about square.
            scale: Int, factor by which each image is enlarged.
            examples: Not used.

        Returns:
            uint8 NumPy array `(height, width, channels)`.
        """
        return visualization.image_grid(images, columns).repeat(scale, axis=0).repeat(scale, axis=1)

    def check_drawable(self):
        """Checks that `show` can draw the samples: images with 1 or 3 channels.

        Raises:
            ValueError: If the images have another number of channels.
        """
        if self.shape[-1] not in (1, 3):
            raise ValueError(
                f"Only images with 1 or 3 channels can be drawn. Received: images of shape {self.shape}"
            )

    def default_measures(self, condition):
        """Returns the names of the default metrics of samples.

        Args:
            condition: Condition of the samples, such as `keras_genzoo.conditions.Labels`, or None.

        Returns:
            Tuple of strings.
        """
        of_condition = ("classes_seen",) if condition is None else condition.default_measures
        return ("frechet_distance", "precision_recall", "density_coverage", *of_condition)


@dataclasses.dataclass(frozen=True)
class MaskedImages(Images):
    """Images with holes: sources of `keras_genzoo.models.InpaintingGAN`.

    Args:
        shape: Tuple `(height, width, channels + 1)`. The last channel is the mask: the largest value (255, or
            1) in the holes and the smallest elsewhere.
        may_be_bright, kind: As for `Images`.
    """

    @property
    def described(self):
        """As `Images.described`."""
        return f"images of {self.shape[-1] - 1} channels, and masks"

    def read(self, picture, size=None):
        """As `Images.read`; transparent pixels become holes."""
        return pictures.read_with_holes(picture, self.shape[-1] - 1, size)

    def serving_description(self):
        """As `Images.serving_description`."""
        return {"has_holes": True}

    def colored(self, images):
        """As `Images.colored`; holes are gray."""
        images = pixels.to_uint8(images)
        return np.where(images[..., -1:] > 127, np.uint8(128), images[..., :-1])

    def check_drawable(self):
        """As `Images.check_drawable`, for the images without the mask."""
        Images((*self.shape[:2], self.shape[-1] - 1)).check_drawable()


@dataclasses.dataclass(frozen=True)
class LabelMaps:
    """Label maps, which assign a label to each pixel: sources of `keras_genzoo.models.SPADE`.

    Args:
        shape: Tuple `(height, width, channels)`. With 1 channel, it contains the labels. With 2 channels, the
            second is 1 at the edges between objects and 0 elsewhere (`keras_genzoo.datasets.instance_edges`).
        num_labels: Int from 2 to 256. Labels are from 0 to `num_labels - 1`.

    Raises:
        ValueError: If the shape does not have 3 entries with 1 or 2 channels, or `num_labels` is out of
            range.
    """

    shape: tuple
    num_labels: int

    kind = "labels"
    interpolates = False

    def __post_init__(self):
        if len(self.shape) != 3 or self.shape[-1] not in (1, 2):
            raise ValueError(
                "`shape` of label maps must be (height, width, 1), or (height, width, 2) with edges. Received: "
                f"shape={self.shape}"
            )
        if not (isinstance(self.num_labels, int | np.integer) and 2 <= self.num_labels <= 256):
            raise ValueError(
                f"`num_labels` must be an int from 2 to 256. Received: num_labels={self.num_labels!r}"
            )

    @property
    def bounds(self):
        if self.shape[-1] == 1:
            return (0, self.num_labels - 1)
        return ((0, 0), (self.num_labels - 1, 1))

    def check(self, summary, argument, first=True):
        """As `Images.check`."""
        wanted = ", ".join(map(str, self.shape))
        if len(summary.shape) != 4 or summary.shape[1:] != self.shape:
            raise ValueError(
                f"`{argument}` must contain label maps{self._with_edges} of shape (batch, {wanted}). Received: "
                f"{summary.shape}. {self._remedy(summary.shape)}"
            )
        _check_not_empty(summary, argument)
        self._check_extent(*summary[1:], argument)

    @property
    def _with_edges(self):
        return " with edges" if self.shape[-1] == 2 else ""

    def _remedy(self, shape):
        size, channels = shape[1:3], shape[3:]
        if size != self.shape[:2] or len(channels) > 1:
            return "Resize them to that size with nearest-neighbor interpolation."
        if self._with_edges and channels in ((), (1,)):
            return (
                "Add a channel with the edges between objects (`keras_genzoo.datasets.instance_edges`), or create "
                "the model with `has_edges=False`."
            )
        if not channels:
            return "Add a channel axis (`label_maps[..., None]`)."
        if channels == (2,):
            return "Pass the labels only, or create the model with `has_edges=True`."
        return "Pass labels as integers, not as colors or one-hot vectors."

    def check_values(self, label_maps, argument):
        """As `Images.check_values`."""
        if not label_maps.size:
            return
        self._check_extent(*Summary.of(label_maps, by_channel=True)[1:], argument)

    def _check_extent(self, dtype, smallest, largest, argument):
        if "int" not in dtype:
            raise ValueError(
                f"`{argument}` must contain int labels from 0 to {self.num_labels - 1}. Received dtype {dtype}. "
                "Convert with `.astype('uint8')`."
            )
        pixels.check_label_extent(smallest, largest, self.num_labels, argument)

    def accepts_all(self, dtype):
        """As `Images.accepts_all`."""
        return False

    def scale(self, label_maps):
        """Converts label maps for networks: returns the labels as float32 numbers."""
        return ops.cast(label_maps, "float32")

    @property
    def described(self):
        """As `Images.described`."""
        return f"label maps{self._with_edges} of {self.num_labels} labels"

    def read(self, picture, size=None):
        """Reads an image of labels, a file or a `PIL.Image.Image`, as uint8 array `(height, width, 1)`.

        Args:
            picture: String, path or `PIL.Image.Image`; see `keras_genzoo.pictures.read_labels`.
            size: As for `keras_genzoo.pictures.read`, with nearest-neighbor interpolation.

        Raises:
            ValueError: If the model also takes edges, or the values of the image are neither labels nor the
                colors of `colored`.
        """
        self.check_readable()
        return pictures.read_labels(picture, visualization.label_colors(self.num_labels), size)

    def check_readable(self):
        """Checks that label maps can be read from image files.

        Raises:
            ValueError: If they have edges.
        """
        if self.shape[-1] != 1:
            raise ValueError(
                "The model takes label maps with edges, but an image file contains labels only. Pass arrays with 2 "
                "channels, labels and edges, to `translate`."
            )

    def serving_description(self):
        """As `Images.serving_description`."""
        edges = {"has_edges": True} if self.shape[-1] == 2 else {}
        return {"label_colors": visualization.label_colors(self.num_labels).tolist(), **edges}

    def resize(self, label_maps, size):
        """Resizes label maps to `(height, width)` with nearest-neighbor interpolation."""
        return pictures.nearest(label_maps, size)

    def colored(self, label_maps):
        """Converts label maps to colors, uint8 `(num, height, width, 3)`; edges are black."""
        label_maps = np.asarray(label_maps).astype(int)
        colors = visualization.label_colors(self.num_labels)[label_maps[..., 0]]
        return np.where(label_maps[..., 1:].any(axis=-1, keepdims=True), 0, colors).astype("uint8")

    def check_drawable(self):
        """Does nothing: all label maps can be drawn."""


@dataclasses.dataclass(frozen=True)
class Points(_Drawn):
    """Vectors of finite float values.

    Args:
        shape: Tuple `(num_features,)`.
    """

    shape: tuple

    bounds = (np.finfo("float32").min, np.finfo("float32").max)
    num_shown = 1000

    def check(self, summary, argument, first=True):
        """As `Images.check`."""
        if len(summary.shape) != 2 or summary.shape[1:] != self.shape:
            raise ValueError(
                f"`{argument}` must contain points of shape (batch, {self.shape[0]}). Received: {summary.shape}"
            )
        if "float" not in summary.dtype or not np.isfinite(summary[2:]).all():
            raise ValueError(
                f"`{argument}` must contain finite float values. Received: dtype {summary.dtype}. Convert with "
                "`.astype('float32')`, and remove NaN."
            )
        _check_not_empty(summary, argument)

    def accepts_all(self, dtype):
        """As `Images.accepts_all`; a float may be NaN."""
        return False

    def scale(self, points):
        """Converts points for networks: returns a float32 tensor."""
        return ops.cast(points, "float32")

    def serve(self, points):
        """Converts points to what an exported model returns: float32."""
        return points

    def show(self, points, columns=None, scale=1, examples=None):
        """Draws a scatter plot of points in the plane.

        Args:
            points: Array `(num, 2)`.
            columns, scale: Not used.
            examples: Array `(num_examples, 2)` of points to draw in the background, such as the centers of
                modes, or None.

        Returns:
            uint8 NumPy array `(height, width, 3)`.
        """
        return visualization.scatter(points, real=examples)

    def check_drawable(self):
        """Checks that `show` can draw the samples: points in the plane.

        Raises:
            ValueError: If the points are not in the plane.
            ImportError: If matplotlib is not installed.
        """
        visualization.check_plane(self.shape)

    def default_measures(self, condition):
        """As `Images.default_measures`."""
        return ("modes",)


def _check_not_empty(summary, argument):
    if summary.shape[0] == 0:
        raise ValueError(f"`{argument}` is empty: there is nothing to train on.")
