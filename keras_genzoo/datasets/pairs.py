"""Batches of pairs of images: from folders of pictures, and from arrays."""

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
    """Batches of pairs of pictures that belong together, float32 in [-1, 1].

    A pair is either a file with both pictures side by side, or two files of the same name in two folders.
    Files are read once, at the first call, and their pictures kept in the system's temporary folder, by the same
    reader as those of `image_folder`. Pictures are scaled to `image_size` as a whole, whatever their proportions.

    Args:
        path: Folder of the files, in sub-folders or not; with `target_path` those of the sources.
        image_size: Integer or pair `(height, width)` of the batches.
        target_path: Folder of the targets: for each source the file of the same place and name, whatever its
            suffix. None where files hold both pictures.
        source: `"left"` or `"right"`: the half of a file that is the source. Without meaning, and to be left out,
            with `target_path`.
        batch_size: Number of pairs per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for targets in colour or 1 for grey.
        source_channels: 3 or 1, for the sources. Defaults to `channels`. To be left out with `num_labels`.
        num_labels: Int: the sources, in a folder of their own, are label maps with labels from 0 to `num_labels - 1`
            (`keras_genzoo.pictures.read_labels`). In another size they have the nearest label. None for pictures.
        augment: Whether to scale both pictures to 286/256 of `image_size`, crop them at a random place, and mirror
            them with probability one half: the same for both, drawn anew each epoch (Isola et al. 2017,
            section 6.2). Label maps and their pictures are mirrored alone.
        shuffle: Whether to shuffle. If False, pairs come in the order of their sorted names.
        seed: Integer that fixes the order and the augmentation.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`. The augmentation of a resumed dataset is the undisturbed one's too.
        on_error: `"raise"` refuses damaged files, files without a partner, partners of different sizes and files of
            an odd width, which cannot be halved, and names them; `"skip"` leaves them out with a warning.

    Returns:
        `tf.data.Dataset` of pairs `(sources, targets)`: `(batch_size, height, width, source_channels)` and
        `(batch_size, height, width, channels)`, float32 in [-1, 1]; label maps are uint8 `(batch_size, height, width,
        1)`.

    Raises:
        ValueError: If a folder is missing, holds no pictures, too few or unfit ones, or an argument is not among
            its values.
        OSError: If the temporary folder has no room for the pictures.

    Example:

    ```python
    facades = paired_folder("facades/train", 256, source="right", augment=True)  # label map on the right
    sketches = paired_folder("sketches", 256, target_path="photographs", source_channels=1, augment=True)
    model.fit(facades, epochs=200)
    ```
    """
    if num_labels is not None and source_channels is not None:
        raise ValueError(
            "`source_channels` is for pictures, and label maps have 1 channel. Leave it out. Received: "
            f"source_channels={source_channels}, num_labels={num_labels}"
        )
    source_channels = channels if source_channels is None else source_channels
    folder.check_choice("channels", channels, (1, 3))
    folder.check_choice("source_channels", source_channels, (1, 3))
    folder.check_choice("source", source, ("left", "right"))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    if target_path is not None and source != "left":
        raise ValueError(
            f"`source` is for files with both pictures. Received source={source!r} with target_path="
            f"{str(target_path)!r}, and `path` holds the sources. Leave `source` out."
        )
    if num_labels is not None and target_path is None:
        raise ValueError(
            "`num_labels` is for label maps in a folder of their own: give the pictures by `target_path`. Received: "
            f"num_labels={num_labels}, target_path=None"
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
    """Batches of pictures of two folders that do not belong together, float32 in [-1, 1].

    Each folder has an order of its own, and an epoch is as long as the larger folder: the smaller one begins
    again, in another order, when all its pictures have come. Else as `paired_folder`.

    Args:
        path_a: Folder of the pictures of one kind, in sub-folders or not.
        path_b: Folder of the pictures of the other kind.
        image_size: Integer or pair `(height, width)` of the batches.
        batch_size: Number of pictures of each kind per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for colour or 1 for grey.
        augment: Whether to scale pictures to 286/256 of `image_size`, crop them at a random place and mirror
            them with probability one half, each by draws of its own, anew each epoch.
        shuffle: Whether to shuffle. If False, pictures come in the order of their sorted paths.
        seed: Integer that fixes the orders and the augmentation.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`.
        on_error: `"raise"` refuses a folder with damaged files and names them; `"skip"` leaves them out with
            a warning.

    Returns:
        `tf.data.Dataset` of pairs `(a, b)`, both `(batch_size, height, width, channels)`, float32 in [-1, 1].

    Raises:
        ValueError: If a folder is missing, holds no pictures, too few or damaged ones, or an argument is not
            among its values.
        OSError: If the temporary folder has no room for the pictures.

    Example:

    ```python
    dataset = unpaired_folders("summer", "winter", 256, augment=True)
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
    """Batches of pairs for super-resolution: the pictures of a folder, and before them the same in small.

    A picture is scaled to cover `image_size` and its middle cut out, as by `image_folder`; its source is that,
    reduced by Pillow's bicubic filter, antialiased.

    Args:
        path: Folder of the pictures, in sub-folders or not.
        image_size: Integer or pair `(height, width)` of the large pictures, multiples of `scale`.
        scale: Int, the side of a large picture over that of its source.
        augment: Whether to mirror both pictures left to right and up and down, and of square ones to exchange rows
            and columns, each with probability one half, drawn anew each epoch.
        degradation: None for the clean reduction; `"real_esrgan"` for two rounds of blur, resizing, noise and JPEG,
            drawn anew each epoch (Wang et al. 2021), for a model that restores what it enlarges.
        batch_size, channels, shuffle, seed, initial_step: As for `image_folder`.
        on_error: As for `image_folder`.

    Returns:
        `tf.data.Dataset` of pairs `(sources, targets)`: `(batch_size, height / scale, width / scale, channels)` and
        `(batch_size, height, width, channels)`, float32 in [-1, 1].

    Raises:
        ValueError: If the folder is missing, holds no pictures, too few or damaged ones, or an argument is not among
            its values.
        OSError: If the temporary folder has no room for the pictures.

    Example:

    ```python
    dataset = reduced_folder("photographs", 128, scale=4, augment=True)
    model.fit(dataset, epochs=100)
    ```
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
    """Batches of pairs for colouring: the pictures of a folder, and before them the same in grey.

    A picture is scaled to cover `image_size` and its middle cut out, as by `image_folder`; its source is that in
    grey, as `keras_genzoo.pictures.read` makes it.

    Args:
        path: Folder of the pictures, in sub-folders or not.
        image_size: Integer or pair `(height, width)` of the batches.
        channels: 3: targets are in colour.
        augment: Whether to scale to 286/256 of `image_size`, crop at a random place, and mirror with probability one
            half, drawn anew each epoch.
        batch_size, shuffle, seed, initial_step: As for `image_folder`.
        on_error: As for `image_folder`.

    Returns:
        `tf.data.Dataset` of pairs `(sources, targets)`: `(batch_size, height, width, 1)` and
        `(batch_size, height, width, 3)`, float32 in [-1, 1].

    Raises:
        ValueError: If the folder is missing, holds no pictures, too few or damaged ones, or an argument is not among
            its values.
        OSError: If the temporary folder has no room for the pictures.

    Example:

    ```python
    dataset = grey_folder("photographs", 128, augment=True)
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
    """Batches of pairs for inpainting: the pictures of a folder, and before them the same with holes.

    The holes are a rectangle and strokes of a brush (Yu et al. 2019), drawn anew each epoch. A source has a channel
    more than its target, the mask: 1 in the holes, where the other channels are 0, and -1 elsewhere.

    Args:
        path: Folder of the pictures, in sub-folders or not.
        image_size, batch_size, augment, shuffle, seed, initial_step, on_error: As for `grey_folder`.
        channels: 3 for colour or 1 for grey.

    Returns:
        `tf.data.Dataset` of pairs `(sources, targets)`: `(batch_size, height, width, channels + 1)` and
        `(batch_size, height, width, channels)`, float32 in [-1, 1].

    Raises:
        ValueError, OSError: As for `grey_folder`.

    Example:

    ```python
    dataset = masked_folder("photographs", 128, augment=True)
    model.fit(dataset, epochs=100)
    ```
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
    """Batches of pairs for deblurring: the pictures of a folder, and before them the same blurred by camera shake.

    The kernels of the blur follow random trajectories (Kupyn et al. 2018). Each picture takes one of 512, drawn anew
    each epoch.

    Args:
        path: Folder of the pictures, in sub-folders or not.
        image_size, batch_size, augment, shuffle, seed, initial_step, on_error: As for `grey_folder`.
        channels: 3 for colour or 1 for grey.

    Returns:
        `tf.data.Dataset` of pairs `(sources, targets)`, both `(batch_size, height, width, channels)`, float32 in
        [-1, 1].

    Raises:
        ValueError, OSError: As for `grey_folder`.

    Example:

    ```python
    dataset = blurred_folder("photographs", 128, augment=True)
    model.fit(dataset, epochs=100)
    ```
    """
    return _drawn_folder(
        blurred, path, image_size, batch_size, channels, augment, shuffle, seed, initial_step, on_error
    )


def _drawn_folder(
    draw, path, image_size, batch_size, channels, augment, shuffle, seed, initial_step, on_error
):
    """Batches of the pictures of a folder, and before them the sources that a function draws of them."""
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
    """Refuses a size (height, width) that cannot be reduced by an integer."""
    if any(side % scale for side in size):
        raise ValueError(f"`image_size` must be a multiple of `scale`, {scale}. Received: image_size={size}")


def reduced(images, scale):
    """Images in a smaller size, by Pillow's bicubic filter, antialiased.

    Args:
        images: uint8 array `(num, height, width, channels)`, the sides multiples of `scale`.
        scale: Int.

    Returns:
        uint8 array `(num, height / scale, width / scale, channels)`.
    """
    height, width = images.shape[1:3]
    return pictures.bicubic(images, (height // scale, width // scale))


def masked(images, choice):
    """Images in [-1, 1] with holes by the draws of a choice, and the masks as their last channel."""
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
    """Batches of pairs of images of two arrays, float32 in [-1, 1].

    Args:
        sources: uint8 array `(n, *prepared_size(image_size, augment), channels)`; or of a size of which theirs is a
            multiple: then `augment` turns and mirrors the pairs, as `reduced_folder` does.
        targets: The same of the targets, as many if `paired`.
        image_size: Pair `(height, width)` of the batches.
        paired: Whether images of the same index belong together; else each array has an order of its own.
        batch_size, augment, shuffle, seed, initial_step: As for `paired_folder`.
        label_maps: Whether the sources are label maps, as large as the batches: they stay uint8, and `augment`
            mirrors the pairs.
        draw_sources: Function from a batch of targets in [-1, 1] and its `Choice` to the sources, in the place of
            `sources`, which are None then; or None.
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
    """The size that pictures are scaled to before they are cropped to `size` (height, width)."""
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
    """Small pictures of large ones in [-1, 1], degraded by the draws of a choice."""
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
    """A seed for each image, int32 `(batch_size, 2)`."""
    tf = pipeline.require("tensorflow")
    # The draws are multiples of 2**-23: no two become one.
    return tf.cast(choice.offsets * 2.0**24, tf.int32)


def _folder(argument, path):
    """The folder of an argument, which may be given as a string."""
    if path is None:
        raise ValueError(f"`{argument}` must be a folder of pictures. Received {argument}=None.")
    return pathlib.Path(path).expanduser()


def _partners(sources, targets):
    """For each name in either folder, sorted, the source files and the target files, a tuple each."""
    partners = {}
    for domain, (argument, root) in enumerate((("path", sources), ("target_path", targets))):
        for file in folder.find(root, argument):
            name = file.relative_to(root).with_suffix("")
            partners.setdefault(name, ([], []))[domain].append(file)
    return [tuple(map(tuple, partners[name])) for name in sorted(partners)]


@dataclasses.dataclass(frozen=True)
class _Pair:
    """Makes a source and a target of two modalities of one size."""

    kinds: tuple

    @property
    def shapes(self):
        return tuple(kind.shape for kind in self.kinds)


@dataclasses.dataclass(frozen=True)
class _Halves(_Pair):
    """From a file with both side by side, the source at the left, or swapped at the right."""

    swapped: bool

    def __call__(self, file):
        with pictures.opened(file) as picture:
            picture = pictures.upright(picture)
            width, height = picture.size
            if width % 2:
                raise ValueError(f"of the odd width {width}, which cannot be halved")
            boxes = [(0, 0, width // 2, height), (width // 2, 0, width, height)]
            return tuple(
                kind.read(picture.crop(box), kind.shape[:2])
                for box, kind in zip(boxes[:: -1 if self.swapped else 1], self.kinds, strict=True)
            )


@dataclasses.dataclass(frozen=True)
class _Partners(_Pair):
    """From the source files and the target files of a name: one of each, equally large."""

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
    """From a file the middle of its picture, before it the same reduced."""

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
    """From a file the middle of its picture, before it the same in grey."""

    size: tuple

    @property
    def shapes(self):
        return (*self.size, 1), (*self.size, 3)

    def __call__(self, file):
        picture = pictures.read(file, 3, self.size, "center")
        return pictures.greyed(picture[None])[0], picture
