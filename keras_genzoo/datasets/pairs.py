"""Datasets of image pairs, from folders of pictures and from arrays."""

import dataclasses
import pathlib

from keras_genzoo.arguments import (
    Flag,
    Int64,
    OptionalNonNegativeInt,
    OptionalPath,
    OptionalPositiveInt,
    Path,
    PositiveInt,
    checked,
)
from keras_genzoo.datasets import folder, pipeline, prepared
from keras_genzoo.datasets.degradation import degraded
from keras_genzoo.datasets.masks import mask as free_form_mask
from keras_genzoo.datasets.motion import blurred
from keras_genzoo.images import pictures
from keras_genzoo.modalities import Images, LabelMaps


@checked
def paired_folder(
    path: Path,
    image_size,
    target_path: OptionalPath = None,
    source="left",
    batch_size: PositiveInt = 1,
    channels: PositiveInt = 3,
    source_channels: OptionalPositiveInt = None,
    num_labels: OptionalPositiveInt = None,
    augment: Flag = False,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    on_error="raise",
):
    """Creates a dataset of paired pictures, for image-to-image translation.

    A pair is either one file with both pictures side by side, or two files of the same name in two folders. Pictures
    are resized to `image_size` without preserving the aspect ratio, and are read and cached as by `image_folder`.

    Args:
        path: String or path of the folder with the files, or with the sources if `target_path` is given. Subfolders
            are included.
        image_size: Int or tuple `(height, width)`, size of the images.
        target_path: String or path of the folder with the targets. The target of a source has the same relative path,
            apart from its suffix. None if files contain both pictures.
        source: `"left"` or `"right"`, the half of a file that is the source. Must be left out with `target_path`.
        batch_size: Int, number of pairs per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for color targets or 1 for gray ones.
        source_channels: 3 or 1, channels of the sources. Defaults to `channels`. Must be left out with `num_labels`.
        num_labels: Int. If given, the sources, in a folder of their own, are label maps with labels from 0 to
            `num_labels - 1`, read by `keras_genzoo.pictures.read_labels` and resized to the nearest label. None for
            pictures.
        augment: Bool, whether to scale both pictures to 286/256 of `image_size`, crop them at a random position, and
            mirror them with probability 0.5. The draws are the same for both and new in each epoch. Label maps and
            their pictures are only mirrored.
        shuffle: Bool, whether to shuffle. If False, pairs are sorted by name.
        seed: Int, seed of the order and of the augmentation.
        initial_step: None for a finite dataset, an int for an infinite one that starts at this batch; see
            `from_arrays`. Resuming reproduces the augmentation too.
        on_error: `"raise"` raises a ValueError that lists files that are damaged, have no partner, differ in size
            from their partner, or have an odd width and cannot be halved; `"skip"` skips them with a warning.

    Returns:
        `tf.data.Dataset` of tuples `(sources, targets)`, float32 in [-1, 1], of shapes
        `(batch_size, height, width, source_channels)` and `(batch_size, height, width, channels)`. Label maps are
        uint8 `(batch_size, height, width, 1)`.

    Raises:
        ValueError: If a folder does not exist, contains no pictures, fewer than `batch_size` or unusable ones, or an
            argument is invalid.
        OSError: If there is not enough space in the temporary folder.
        ImportError: If TensorFlow is not installed.

    Example:

    ```python
    datasets = keras_genzoo.datasets
    facades = datasets.paired_folder("facades/train", 256, source="right", augment=True)
    model.fit(facades, epochs=200)

    sketches = datasets.paired_folder("sketches", 256, target_path="photographs", source_channels=1, augment=True)
    model.fit(sketches, epochs=200)
    ```

    Reference: Isola et al. 2017, "Image-to-image translation with conditional adversarial networks"
    (arXiv:1611.07004), section 6.2, for the augmentation.
    """
    if num_labels is not None and source_channels is not None:
        raise ValueError(
            "`source_channels` applies to pictures only: label maps have 1 channel. Leave it out. Received: "
            f"source_channels={source_channels}, num_labels={num_labels}"
        )
    source_channels = channels if source_channels is None else source_channels
    folder.check_choice("channels", channels, (1, 3))
    folder.check_choice("source_channels", source_channels, (1, 3))
    folder.check_choice("source", source, ("left", "right"))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    if target_path is not None and source != "left":
        raise ValueError(
            f"`source` applies to files with both pictures only. Received source={source!r} with target_path="
            f"{str(target_path)!r}, so `path` contains the sources. Leave `source` out."
        )
    if num_labels is not None and target_path is None:
        raise ValueError(
            "`num_labels` needs label maps in a folder of their own: pass the folder of the pictures as "
            f"`target_path`. Received: num_labels={num_labels}, target_path=None"
        )
    size = pipeline.height_and_width(image_size)
    own_size = size if num_labels else prepared_size(size, augment)
    sources = _folder("path", path)
    if num_labels:
        kinds = (LabelMaps((*own_size, 1), num_labels), Images((*own_size, channels)))
    else:
        kinds = tuple(Images((*own_size, each)) for each in (source_channels, channels))
    if target_path is None:
        examples = folder.find(sources, "path")
        make = _Halves(kinds, swapped=source == "right")
    else:
        examples = _partners(sources, _folder("target_path", target_path))
        make = _Partners(kinds)
    made = prepared.prepare(examples, make, on_error, "pairs cannot be used")

    def fetch(choice):
        pair = made.read(choice.indices)
        if num_labels:
            return _mirrored(*pair, choice, augment)
        return tuple(_finished(images, size, choice, augment) for images in pair)

    return pipeline.batches((len(made.examples),), fetch, batch_size, shuffle, seed, initial_step)


@checked
def unpaired_folders(
    path_a: Path,
    path_b: Path,
    image_size,
    batch_size: PositiveInt = 1,
    channels: PositiveInt = 3,
    augment: Flag = False,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    on_error="raise",
):
    """Creates a dataset from two folders of unpaired pictures, one folder per domain.

    Each folder has an order of its own. An epoch is as long as the larger folder; the smaller one is repeated, in a
    different order each time. Pictures are read and resized as by `paired_folder`.

    Args:
        path_a: String or path of the folder with the pictures of the first domain. Subfolders are included.
        path_b: String or path of the folder with the pictures of the second domain.
        image_size: Int or tuple `(height, width)`, size of the images.
        batch_size: Int, number of pictures per domain and batch. The last, partial batch of an epoch is dropped.
        channels: 3 for color or 1 for gray.
        augment: Bool, whether to scale pictures to 286/256 of `image_size`, crop them at a random position, and
            mirror them with probability 0.5. The draws are independent for each picture and new in each epoch.
        shuffle: Bool, whether to shuffle. If False, pictures are sorted by path.
        seed: Int, seed of the order and of the augmentation.
        initial_step: None for a finite dataset, an int for an infinite one that starts at this batch; see
            `from_arrays`.
        on_error: `"raise"` raises a ValueError that lists damaged files; `"skip"` skips them with a warning.

    Returns:
        `tf.data.Dataset` of tuples `(a, b)`, both `(batch_size, height, width, channels)`, float32 in [-1, 1].

    Raises:
        ValueError: If a folder does not exist, contains no pictures, fewer than `batch_size` or damaged ones, or an
            argument is invalid.
        OSError: If there is not enough space in the temporary folder.
        ImportError: If TensorFlow is not installed.

    Example:

    ```python
    dataset = keras_genzoo.datasets.unpaired_folders("summer", "winter", 256, augment=True)
    model.fit(dataset, epochs=200)
    ```
    """
    folder.check_choice("channels", channels, (1, 3))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    size = pipeline.height_and_width(image_size)
    own_size = prepared_size(size, augment)
    domains = [folder.find(_folder(*given), given[0]) for given in (("path_a", path_a), ("path_b", path_b))]
    make = folder.Picture(channels, own_size)
    made = [prepared.prepare(files, make, on_error, "pictures cannot be read") for files in domains]

    def fetch(*choices):
        return tuple(
            _finished(*domain.read(choice.indices), size, choice, augment)
            for domain, choice in zip(made, choices, strict=True)
        )

    sizes = tuple(len(domain.examples) for domain in made)
    return pipeline.batches(sizes, fetch, batch_size, shuffle, seed, initial_step)


@checked
def reduced_folder(
    path: Path,
    image_size,
    scale: PositiveInt,
    batch_size: PositiveInt = 16,
    channels: PositiveInt = 3,
    augment: Flag = False,
    degradation=None,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    on_error="raise",
):
    """Creates a dataset of reduced and original pictures of a folder, for super-resolution.

    A target is the center crop of a picture that is scaled to cover `image_size`. Its source is the target, reduced
    with Pillow's antialiased bicubic filter.

    Args:
        path: String or path of the folder with the pictures. Subfolders are included.
        image_size: Int or tuple `(height, width)`, size of the targets; a multiple of `scale`.
        scale: Int, ratio of the sides of a target and its source.
        augment: Bool, whether to mirror both pictures left to right and upside down, and to transpose square ones,
            each with probability 0.5, drawn anew in each epoch.
        degradation: None for clean sources, or `"real_esrgan"` for two rounds of random blur, resizing, noise and
            JPEG compression, drawn anew in each epoch, for models that restore pictures.
        batch_size, channels, shuffle, seed, initial_step, on_error: See `image_folder`.

    Returns:
        `tf.data.Dataset` of tuples `(sources, targets)`, float32 in [-1, 1], of shapes
        `(batch_size, height / scale, width / scale, channels)` and `(batch_size, height, width, channels)`.

    Raises:
        ValueError: If the folder does not exist, contains no pictures, fewer than `batch_size` or damaged ones, or an
            argument is invalid.
        OSError: If there is not enough space in the temporary folder.
        ImportError: If TensorFlow is not installed.

    Example:

    ```python
    dataset = keras_genzoo.datasets.reduced_folder("photographs", 128, scale=4, augment=True)
    model.fit(dataset, epochs=100)
    ```

    Reference: Wang et al. 2021, "Real-ESRGAN: Training real-world blind super-resolution with pure synthetic data"
    (arXiv:2107.10833), for the degradation.
    """
    folder.check_choice("channels", channels, (1, 3))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    folder.check_choice("degradation", degradation, (None, "real_esrgan"))
    size = pipeline.height_and_width(image_size)
    check_divisible(size, scale)
    files = folder.find(_folder("path", path), "path")
    made = prepared.prepare(files, _Reduced(channels, size, scale), on_error, "pictures cannot be read")

    def fetch(choice):
        small, large = (_finished_turned(images, choice, augment) for images in made.read(choice.indices))
        return (small if degradation is None else _degraded(large, scale, choice)), large

    return pipeline.batches((len(made.examples),), fetch, batch_size, shuffle, seed, initial_step)


@checked
def grey_folder(
    path: Path,
    image_size,
    batch_size: PositiveInt = 16,
    channels: PositiveInt = 3,
    augment: Flag = False,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    on_error="raise",
):
    """Creates a dataset of gray and color versions of the pictures of a folder, for colorization.

    A target is the center crop of a picture that is scaled to cover `image_size`. Its source is the target in gray,
    as `keras_genzoo.pictures.read` converts it.

    Args:
        path: String or path of the folder with the pictures. Subfolders are included.
        image_size: Int or tuple `(height, width)`, size of the images.
        channels: Must be 3: the targets are in color.
        augment: Bool, whether to scale to 286/256 of `image_size`, crop at a random position, and mirror with
            probability 0.5, drawn anew in each epoch.
        batch_size, shuffle, seed, initial_step, on_error: See `image_folder`.

    Returns:
        `tf.data.Dataset` of tuples `(sources, targets)`, float32 in [-1, 1], of shapes
        `(batch_size, height, width, 1)` and `(batch_size, height, width, 3)`.

    Raises:
        ValueError: If the folder does not exist, contains no pictures, fewer than `batch_size` or damaged ones, or an
            argument is invalid.
        OSError: If there is not enough space in the temporary folder.
        ImportError: If TensorFlow is not installed.

    Example:

    ```python
    dataset = keras_genzoo.datasets.grey_folder("photographs", 128, augment=True)
    model.fit(dataset, epochs=100)
    ```
    """
    folder.check_choice("channels", channels, (3,))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    size = pipeline.height_and_width(image_size)
    files = folder.find(_folder("path", path), "path")
    made = prepared.prepare(files, _Greyed(prepared_size(size, augment)), on_error, "pictures cannot be read")

    def fetch(choice):
        return tuple(_finished(images, size, choice, augment) for images in made.read(choice.indices))

    return pipeline.batches((len(made.examples),), fetch, batch_size, shuffle, seed, initial_step)


@checked
def masked_folder(
    path: Path,
    image_size,
    batch_size: PositiveInt = 16,
    channels: PositiveInt = 3,
    augment: Flag = False,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    on_error="raise",
):
    """Creates a dataset of masked and original pictures of a folder, for inpainting.

    The holes are a rectangle and brush strokes, drawn anew in each epoch. A source has one more channel than its
    target, the mask: 1 in the holes, where the other channels are 0, and -1 elsewhere.

    Args:
        path: String or path of the folder with the pictures. Subfolders are included.
        image_size, batch_size, augment, shuffle, seed, initial_step, on_error: See `grey_folder`.
        channels: 3 for color or 1 for gray.

    Returns:
        `tf.data.Dataset` of tuples `(sources, targets)`, float32 in [-1, 1], of shapes
        `(batch_size, height, width, channels + 1)` and `(batch_size, height, width, channels)`.

    Raises:
        ValueError, OSError, ImportError: See `grey_folder`.

    Example:

    ```python
    dataset = keras_genzoo.datasets.masked_folder("photographs", 128, augment=True)
    model.fit(dataset, epochs=100)
    ```

    Reference: Yu et al. 2019, "Free-form image inpainting with gated convolution" (arXiv:1806.03589), for the masks.
    """
    return _drawn_folder(
        masked, path, image_size, batch_size, channels, augment, shuffle, seed, initial_step, on_error
    )


@checked
def blurred_folder(
    path: Path,
    image_size,
    batch_size: PositiveInt = 16,
    channels: PositiveInt = 3,
    augment: Flag = False,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    on_error="raise",
):
    """Creates a dataset of blurred and original pictures of a folder, for deblurring.

    The blur is that of a shaking camera: kernels follow random trajectories. Each picture is blurred with one of 512
    kernels, drawn anew in each epoch.

    Args:
        path: String or path of the folder with the pictures. Subfolders are included.
        image_size, batch_size, augment, shuffle, seed, initial_step, on_error: See `grey_folder`.
        channels: 3 for color or 1 for gray.

    Returns:
        `tf.data.Dataset` of tuples `(sources, targets)`, both `(batch_size, height, width, channels)`, float32 in
        [-1, 1].

    Raises:
        ValueError, OSError, ImportError: See `grey_folder`.

    Example:

    ```python
    dataset = keras_genzoo.datasets.blurred_folder("photographs", 128, augment=True)
    model.fit(dataset, epochs=100)
    ```

    Reference: Kupyn et al. 2018, "DeblurGAN: Blind motion deblurring using conditional adversarial networks"
    (arXiv:1711.07064), section 3.3, for the kernels.
    """
    return _drawn_folder(
        blurred, path, image_size, batch_size, channels, augment, shuffle, seed, initial_step, on_error
    )


def _drawn_folder(
    draw, path, image_size, batch_size, channels, augment, shuffle, seed, initial_step, on_error
):
    """Creates a dataset of the pictures of a folder, with sources that the function `draw` makes from them."""
    folder.check_choice("channels", channels, (1, 3))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    size = pipeline.height_and_width(image_size)
    files = folder.find(_folder("path", path), "path")
    picture = folder.Picture(channels, prepared_size(size, augment), "center")
    made = prepared.prepare(files, picture, on_error, "pictures cannot be read")

    def fetch(choice):
        (images,) = made.read(choice.indices)
        images = _finished(images, size, choice, augment)
        return draw(images, choice), images

    return pipeline.batches((len(made.examples),), fetch, batch_size, shuffle, seed, initial_step)


def check_divisible(size, scale):
    """Raises a ValueError if a side of the size (height, width) is not a multiple of `scale`."""
    if any(side % scale for side in size):
        raise ValueError(f"`image_size` must be a multiple of `scale`, {scale}. Received: image_size={size}")


def reduced(images, scale):
    """Reduces images with Pillow's antialiased bicubic filter.

    Args:
        images: uint8 array `(num, height, width, channels)`, with sides that are multiples of `scale`.
        scale: Int.

    Returns:
        uint8 array `(num, height / scale, width / scale, channels)`.
    """
    height, width = images.shape[1:3]
    return pictures.bicubic(images, (height // scale, width // scale))


def masked(images, choice):
    """Masks images in [-1, 1] with the draws of a `Choice`, and appends the masks as the last channel."""
    tf = pipeline.require("tensorflow")
    size = images.shape[1:3]
    masks = tf.map_fn(
        lambda seed: free_form_mask(size, seed),
        _seeds(choice),
        fn_output_signature=tf.TensorSpec((*size, 1), tf.float32),
    )
    return tf.concat([images * (1.0 - masks), 2.0 * masks - 1.0], axis=-1)


def from_pairs(
    sources,
    targets,
    image_size,
    paired,
    batch_size,
    augment=False,
    shuffle=True,
    seed=0,
    initial_step=None,
    label_maps=False,
    draw_sources=None,
):
    """Creates a dataset of image pairs from two arrays, float32 in [-1, 1].

    Args:
        sources: uint8 array `(n, *prepared_size(image_size, augment), channels)`. Sources may also be smaller than
            targets by an integer factor: then `augment` rotates and mirrors the pairs, as `reduced_folder` does.
        targets: uint8 array of the targets; the same number as sources if `paired`.
        image_size: Tuple `(height, width)` of the batches.
        paired: Bool, whether images of the same index form a pair. Otherwise, each array has an order of its own.
        batch_size, augment, shuffle, seed, initial_step: See `paired_folder`.
        label_maps: Bool, whether the sources are label maps of size `image_size`. They remain uint8, and `augment`
            only mirrors the pairs.
        draw_sources: Function of a batch of targets in [-1, 1] and its `Choice` that returns the sources to use
            instead of `sources`, which is then None; or None.
    """
    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):
        domains = [tf.constant(images) for images in (sources, targets) if images is not None]

    def fetch_drawn(choice):
        images = _finished(tf.gather(domains[0], choice.indices), image_size, choice, augment)
        return draw_sources(images, choice), images

    def fetch(*choices):
        drawn = [
            (tf.gather(images, choice.indices), choice)
            for images, choice in zip(domains, choices * 2 if paired else choices, strict=True)
        ]
        if label_maps:
            return _mirrored(*(images for images, _ in drawn), choices[0], augment)
        if sources.shape[1:3] != targets.shape[1:3]:
            return tuple(_finished_turned(images, choice, augment) for images, choice in drawn)
        return tuple(_finished(images, image_size, choice, augment) for images, choice in drawn)

    if draw_sources is not None:
        return pipeline.batches((len(targets),), fetch_drawn, batch_size, shuffle, seed, initial_step)
    sizes = (len(sources),) if paired else (len(sources), len(targets))
    return pipeline.batches(sizes, fetch, batch_size, shuffle, seed, initial_step)


def prepared_size(size, augment):
    """Returns the size to scale pictures to before they are cropped to `size` (height, width)."""
    return tuple(round(side * 286 / 256) for side in size) if augment else size


def _finished(images, size, choice, augment):
    if augment:
        images = pipeline.mirror(pipeline.crop(images, size, choice), choice)
    return pipeline.scale(images, (0.0, 255.0))


def _mirrored(label_maps, images, choice, augment):
    if augment:
        label_maps, images = (pipeline.mirror(each, choice) for each in (label_maps, images))
    return label_maps, pipeline.scale(images, (0.0, 255.0))


def _finished_turned(images, choice, augment):
    return pipeline.scale(pipeline.turn(images, choice) if augment else images, (0.0, 255.0))


def _degraded(large, scale, choice):
    """Reduces and degrades pictures in [-1, 1] with the draws of a `Choice`."""
    tf = pipeline.require("tensorflow")
    small = tf.map_fn(
        lambda each: degraded(each[0], scale, each[1]),
        ((large + 1.0) / 2.0, _seeds(choice)),
        fn_output_signature=tf.TensorSpec(
            (large.shape[1] // scale, large.shape[2] // scale, large.shape[3]), tf.float32
        ),
    )
    return 2.0 * small - 1.0


def _seeds(choice):
    """Returns a seed for each image, int32 `(batch_size, 2)`."""
    tf = pipeline.require("tensorflow")
    # The draws are multiples of 2**-23, so different draws give different seeds.
    return tf.cast(choice.offsets * 2.0**24, tf.int32)


def _folder(argument, path):
    """Returns the folder of an argument as a path."""
    if path is None:
        raise ValueError(f"`{argument}` must be a folder of pictures. Received {argument}=None.")
    return pathlib.Path(path).expanduser()


def _partners(sources, targets):
    """Returns, for each name in either folder, sorted, the tuples of source files and of target files."""
    partners = {}
    for domain, (argument, root) in enumerate((("path", sources), ("target_path", targets))):
        for file in folder.find(root, argument):
            name = file.relative_to(root).with_suffix("")
            partners.setdefault(name, ([], []))[domain].append(file)
    return [tuple(map(tuple, partners[name])) for name in sorted(partners)]


@dataclasses.dataclass(frozen=True)
class _Pair:
    """Base class: reads a source and a target of two modalities and the same size."""

    kinds: tuple

    @property
    def shapes(self):
        return tuple(kind.shape for kind in self.kinds)


@dataclasses.dataclass(frozen=True)
class _Halves(_Pair):
    """Reads a file with both pictures side by side. The source is on the left, or on the right if `swapped`."""

    swapped: bool

    def __call__(self, file):
        with pictures.opened(file) as picture:
            picture = pictures.upright(picture)
            width, height = picture.size
            if width % 2:
                raise ValueError(f"has the odd width {width} and cannot be halved")
            boxes = [(0, 0, width // 2, height), (width // 2, 0, width, height)]
            return tuple(
                kind.read(picture.crop(box), kind.shape[:2])
                for box, kind in zip(boxes[:: -1 if self.swapped else 1], self.kinds, strict=True)
            )


@dataclasses.dataclass(frozen=True)
class _Partners(_Pair):
    """Reads the source file and the target file of a name, which must be unique and of the same size."""

    def __call__(self, partners):
        for files, others in (partners, partners[::-1]):
            if len(files) > 1:
                raise ValueError(f"{' and '.join(map(str, files))} (of the same name)")
            if not others:
                raise ValueError(f"{files[0]} (without a partner)")
        made, sizes = [], []
        for (file,), kind in zip(partners, self.kinds, strict=True):
            with pictures.opened(file) as picture:
                picture = pictures.upright(picture)
                made.append(kind.read(picture, kind.shape[:2]))
                sizes.append(f"{picture.height}x{picture.width}")
        if sizes[0] != sizes[1]:
            (source,), (target,) = partners
            raise ValueError(f"{source} and {target} (of different sizes, {' and '.join(sizes)})")
        return tuple(made)


@dataclasses.dataclass(frozen=True)
class _Reduced:
    """Reads the center crop of a picture, and a reduced version of it as the source."""

    channels: int
    size: tuple
    scale: int

    @property
    def shapes(self):
        small = tuple(side // self.scale for side in self.size)
        return (*small, self.channels), (*self.size, self.channels)

    def __call__(self, file):
        picture = pictures.read(file, self.channels, self.size, "center")
        return reduced(picture[None], self.scale)[0], picture


@dataclasses.dataclass(frozen=True)
class _Greyed:
    """Reads the center crop of a picture, and a gray version of it as the source."""

    size: tuple

    @property
    def shapes(self):
        return (*self.size, 1), (*self.size, 3)

    def __call__(self, file):
        picture = pictures.read(file, 3, self.size, "center")
        return pictures.greyed(picture[None])[0], picture
