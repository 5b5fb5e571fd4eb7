"""What a sample, or its source, is: images, label maps, or points.

A modality checks, scales, serves, shows and saves its samples.

Rooms outside `keras_genzoo.models` ask a model's `modality`, not which class it is. One for sound, voxels or video
answers the same questions.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_genzoo import visualization
from keras_genzoo.images import pictures, pixels


class Summary(NamedTuple):
    """Shape, dtype and range of an array; the range is `(0, 0)` where there is no value.

    The range is a pair of floats, or of tuples of them, one per channel.
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
    """The modality of samples of a shape: `Images` of `(height, width, channels)`, `Points` of `(num_features,)`.

    Raises:
        ValueError: If it is another.
    """
    sides = list(shape) if isinstance(shape, list | tuple) else []
    if len(sides) not in (1, 3) or not all(isinstance(side, int | np.integer) and side > 0 for side in sides):
        raise ValueError(
            "`image_shape` must be a tuple (height, width, channels), or (num_features,) for points, of positive "
            f"ints. Received: image_shape={shape!r}"
        )
    return (Points if len(sides) == 1 else Images)(tuple(map(int, sides)))


class _Drawn:
    """A modality whose samples are drawn as a picture, by `show`."""

    def save(self, samples, path, columns=None, scale=1, examples=None):
        """Writes the picture of `show` as a file of a suffix in `keras_genzoo.pictures.WRITABLE`."""
        pictures.check_writable(path)
        pictures.write(self.show(samples, columns, scale, examples), path)


@dataclasses.dataclass(frozen=True)
class Images(_Drawn):
    """Images of a fixed size, uint8 in [0, 255] or float in [-1, 1].

    Two are equal where images of one fit a model of the other: the range that is taken for a mistake does not count.

    Args:
        shape: Tuple `(height, width, channels)`.
        may_be_bright: Bool. False takes float images without a negative value for images in [0, 1], and refuses
            them.
    """

    shape: tuple
    may_be_bright: bool = dataclasses.field(default=False, compare=False)

    # What floats may reach; of other modalities what their values may, or of each channel.
    bounds = (-1.0 - pixels.SLACK, 1.0 + pixels.SLACK)
    # Number of samples in a preview.
    num_shown = 100
    # Whether what lies between two values means something, so that images may be scaled to other sizes.
    interpolates = True

    def check(self, summary, argument, first=True):
        """Refuses images that cannot be used.

        Args:
            summary: `Summary`.
            argument: String, what the message calls them.
            first: Bool. A later batch of a dataset may well have no dark pixel.

        Raises:
            ValueError: If they cannot be used.
        """
        wanted = ", ".join(map(str, self.shape))
        if len(summary.shape) == 3:
            raise ValueError(
                f"`{argument}` must have the shape (batch, {wanted}). Received: {summary.shape}. Add a channel "
                "axis to grey images (`images[..., None]`), or batch the dataset (`dataset.batch(64, "
                "drop_remainder=True)`)."
            )
        if len(summary.shape) != 4 or summary.shape[1:] != self.shape:
            raise ValueError(
                f"`{argument}` must have the shape (batch, {wanted}), which this model was made for. Received: "
                f"{summary.shape}. Load the images at that size and number of channels, or make the model with "
                f"image_shape={tuple(summary.shape[1:])}."
            )
        _check_not_empty(summary, argument)
        pixels.check_extent(*summary[1:], argument, may_be_bright=self.may_be_bright or not first)

    def accepts_all(self, dtype):
        """Whether every value of a data type can be used, so that none needs to be looked at."""
        return dtype == "uint8"

    def scale(self, images):
        """Images as networks take them: a float32 tensor in [-1, 1]."""
        return pixels.normalize(images)

    @property
    def described(self):
        """What messages call them."""
        return f"images of {self.shape[-1]} channels"

    def read(self, picture, size=None):
        """A picture, the path of a file or a `PIL.Image.Image`, as uint8 array `(height, width, channels)`.

        Args:
            picture: String, path or `PIL.Image.Image`.
            size: As for `keras_genzoo.pictures.read`.
        """
        return pictures.read_any(picture, self.shape[-1], size)

    def serving_description(self):
        """Dict for JSON: how pictures of them are read elsewhere, where they are not plain images."""
        return {}

    def check_values(self, images, argument):
        """Refuses an array, of any size, of values that are those of no image.

        Raises:
            ValueError: If the data type is wrong, or a value lies outside the range.
        """
        pixels.check_range(images, argument, may_be_bright=self.may_be_bright)

    def resize(self, images, size):
        """Images in another size `(height, width)`, scaled bilinearly with antialiasing: float32 array in [-1, 1]."""
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
        """Images as a picture shows them: uint8 array of 1 or 3 channels."""
        return pixels.to_uint8(images)

    def serve(self, images):
        """A tensor in [-1, 1] as an exported model returns samples: uint8 in [0, 255]."""
        return pixels.rounded(images)

    def show(self, images, columns=None, scale=1, examples=None):
        """A picture of images, a grid.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            columns: Int, images in a row. Defaults to the nearest square.
            scale: Int, size of an image's pixel in the picture.
            examples: Not shown.

        Returns:
            uint8 NumPy array `(height, width, channels)`.
        """
        return visualization.image_grid(images, columns).repeat(scale, axis=0).repeat(scale, axis=1)

    def check_drawable(self):
        """Refuses, before any work, what `show` cannot draw: images of other than 1 or 3 channels.

        Raises:
            ValueError: If they have other channels.
        """
        if self.shape[-1] not in (1, 3):
            raise ValueError(f"Images of 1 or 3 channels can be drawn. Received: images of {self.shape}")

    def default_measures(self, condition):
        """Names of the measures of samples, where none are named.

        Args:
            condition: What the samples were asked to be, such as `keras_genzoo.conditions.Labels`, or None.

        Returns:
            Tuple of strings.
        """
        of_condition = ("classes_seen",) if condition is None else condition.default_measures
        return ("frechet_distance", "precision_recall", "density_coverage", *of_condition)


@dataclasses.dataclass(frozen=True)
class MaskedImages(Images):
    """Images with holes: sources of `keras_genzoo.models.InpaintingGAN`.

    Args:
        shape: Tuple `(height, width, channels + 1)`; the last channel is the mask, at its greatest value (255, or 1)
            in the holes and at its smallest elsewhere.
        may_be_bright: As for `Images`.
    """

    @property
    def described(self):
        """As `Images.described`."""
        return f"images of {self.shape[-1] - 1} channels, and masks"

    def read(self, picture, size=None):
        """As `Images.read`: the picture with its transparent pixels as holes."""
        return pictures.read_with_holes(picture, self.shape[-1] - 1, size)

    def serving_description(self):
        """As `Images.serving_description`."""
        return {"has_holes": True}

    def colored(self, images):
        """As `Images.colored`; holes are grey."""
        images = pixels.to_uint8(images)
        return np.where(images[..., -1:] > 127, np.uint8(128), images[..., :-1])

    def check_drawable(self):
        """As `Images.check_drawable`, of the images without their masks."""
        Images((*self.shape[:2], self.shape[-1] - 1)).check_drawable()


@dataclasses.dataclass(frozen=True)
class LabelMaps:
    """Maps that say of each pixel what is there: sources of `keras_genzoo.models.SPADE`.

    Args:
        shape: Tuple `(height, width, channels)`: 1 channel of labels, or 2, the second 1 at the edges between objects
            and 0 elsewhere (`keras_genzoo.datasets.instance_edges`).
        num_labels: Int up to 256; labels lie from 0 to `num_labels - 1`.
    """

    shape: tuple
    num_labels: int

    interpolates = False

    def __post_init__(self):
        if len(self.shape) != 3 or self.shape[-1] not in (1, 2):
            raise ValueError(
                "`shape` of label maps must be (height, width, 1), or with edges (height, width, 2). Received: "
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
                f"`{argument}` must hold label maps{self._with_edges}, shape (batch, {wanted}). Received: "
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
            return "Load them at that size, of each pixel the nearest label."
        if self._with_edges and channels in ((), (1,)):
            return (
                "Add a channel of the edges between objects (`keras_genzoo.datasets.instance_edges`), or make the "
                "model with `has_edges=False`."
            )
        if not channels:
            return "Add a channel axis (`label_maps[..., None]`)."
        if channels == (2,):
            return "Give the labels alone, or make the model with `has_edges=True`."
        return "Give labels as numbers, not as colors or one-hot vectors."

    def check_values(self, label_maps, argument):
        """As `Images.check_values`."""
        if not label_maps.size:
            return
        self._check_extent(*Summary.of(label_maps, by_channel=True)[1:], argument)

    def _check_extent(self, dtype, smallest, largest, argument):
        if "int" not in dtype:
            raise ValueError(
                f"`{argument}` must hold int labels from 0 to {self.num_labels - 1}. Received dtype {dtype}. Convert "
                "with `.astype('uint8')`."
            )
        pixels.check_label_extent(smallest, largest, self.num_labels, argument)

    def accepts_all(self, dtype):
        """As `Images.accepts_all`."""
        return False

    def scale(self, label_maps):
        """Label maps as networks take them: the labels as float32 numbers."""
        return ops.cast(label_maps, "float32")

    @property
    def described(self):
        """As `Images.described`."""
        return f"label maps{self._with_edges} of {self.num_labels} labels"

    def read(self, picture, size=None):
        """A picture of labels, the path of a file or a `PIL.Image.Image`, as uint8 array `(height, width, 1)`.

        Args:
            picture: String, path or `PIL.Image.Image`; see `keras_genzoo.pictures.read_labels`.
            size: As for `keras_genzoo.pictures.read`; of each pixel the nearest label is taken.

        Raises:
            ValueError: If the model takes edges too, or the picture's values are neither labels nor the colors of
                `colored`.
        """
        self.check_readable()
        return pictures.read_labels(picture, visualization.label_colors(self.num_labels), size)

    def check_readable(self):
        """Refuses to read pictures where label maps have more than a picture holds.

        Raises:
            ValueError: If they have edges.
        """
        if self.shape[-1] != 1:
            raise ValueError(
                "The model takes label maps with edges, and a picture holds labels alone. Pass arrays of 2 channels, "
                "labels and edges, to `translate`."
            )

    def serving_description(self):
        """As `Images.serving_description`."""
        edges = {"has_edges": True} if self.shape[-1] == 2 else {}
        return {"label_colors": visualization.label_colors(self.num_labels).tolist(), **edges}

    def resize(self, label_maps, size):
        """Label maps in another size `(height, width)`: of each pixel the label of the nearest one."""
        return pictures.nearest(label_maps, size)

    def colored(self, label_maps):
        """Label maps in colors, uint8 `(num, height, width, 3)`; edges are black."""
        label_maps = np.asarray(label_maps).astype(int)
        colors = visualization.label_colors(self.num_labels)[label_maps[..., 0]]
        return np.where(label_maps[..., 1:].any(axis=-1, keepdims=True), 0, colors).astype("uint8")

    def check_drawable(self):
        """All can be drawn."""


@dataclasses.dataclass(frozen=True)
class Points(_Drawn):
    """Vectors of any finite float values.

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
                f"`{argument}` must hold points, shape (batch, {self.shape[0]}). Received: {summary.shape}"
            )
        if "float" not in summary.dtype or not np.isfinite(summary[2:]).all():
            raise ValueError(
                f"`{argument}` must hold finite float values. Received: dtype {summary.dtype}. Convert with "
                "`.astype('float32')`, and remove NaN."
            )
        _check_not_empty(summary, argument)

    def accepts_all(self, dtype):
        """As `Images.accepts_all`: a float may be NaN."""
        return False

    def scale(self, points):
        """Points as networks take them: a float32 tensor."""
        return ops.cast(points, "float32")

    def serve(self, points):
        """Points as an exported model returns them: float32."""
        return points

    def show(self, points, columns=None, scale=1, examples=None):
        """A picture of points of the plane, a scatter plot.

        Args:
            points: Array `(num, 2)`.
            columns, scale: Not used.
            examples: Array `(num_examples, 2)` of points to draw behind, such as the centres of modes, or None.

        Returns:
            uint8 NumPy array `(height, width, 3)`.
        """
        return visualization.scatter(points, real=examples)

    def check_drawable(self):
        """Refuses, before any work, what `show` cannot draw: points that are not of the plane.

        Raises:
            ValueError: If the points are not of the plane.
            ImportError: If matplotlib is not installed.
        """
        visualization.check_plane(self.shape)

    def default_measures(self, condition):
        """As `Images.default_measures`."""
        return ("modes",)


def _check_not_empty(summary, argument):
    if summary.shape[0] == 0:
        raise ValueError(f"`{argument}` is empty: there is nothing to train on.")
