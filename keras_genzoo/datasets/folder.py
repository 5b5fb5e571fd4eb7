"""Datasets from folders of pictures."""

import dataclasses
import pathlib

import numpy as np

from keras_genzoo.arguments import Flag, Int64, OptionalNonNegativeInt, Path, PositiveInt, checked
from keras_genzoo.datasets import pipeline, prepared
from keras_genzoo.images import pictures


@checked
def image_folder(
    path: Path,
    image_size,
    batch_size: PositiveInt = 64,
    channels: PositiveInt = 3,
    crop="center",
    labels=None,
    flip: Flag = False,
    shuffle: Flag = True,
    seed: Int64 = 0,
    initial_step: OptionalNonNegativeInt = None,
    on_error="raise",
):
    """Creates a dataset from the pictures in a folder and its subfolders.

    Pictures are read with `keras_genzoo.pictures.read`, as in `translate`: they are rotated according to their EXIF
    orientation, transparent pixels become white, and only the first frame of an animation is used.

    The first call reads every file and keeps the pictures, resized to `image_size`, in the system's temporary folder
    (environment variable `TMPDIR`) until the process ends. Each takes `height * width * channels` bytes of disk
    space: 1.2 GB for 100,000 color pictures of 64x64. The folder may therefore be larger than memory. Later calls
    reuse them unless the files have changed. An existing dataset does not see later changes of the files.

    Args:
        path: String or path of a folder with picture files (`keras_genzoo.pictures.SUFFIXES`: avif, bmp, gif, jp2,
            jpeg, jpg, pgm, png, pnm, ppm, tga, tif, tiff and webp). Names that begin with a dot are ignored.
        image_size: Int or tuple `(height, width)`, size of the images.
        batch_size: Int, number of images per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for color or 1 for gray.
        crop: `"center"` scales the picture to cover `image_size` and crops the center; None resizes it without
            preserving the aspect ratio. Resizing is bilinear and antialiased.
        labels: `"folder"` adds integer labels, the index of the picture's first-level subfolder among the sorted
            names of those that contain pictures. None for images only.
        flip: Bool, whether to mirror each image left to right with probability 0.5, drawn anew in each epoch.
        shuffle: Bool, whether to shuffle. If False, pictures are sorted by path.
        seed: Int, seed of the order and of the mirroring.
        initial_step: None for a finite dataset, an int for an infinite one that starts at this batch; see
            `from_arrays`.
        on_error: `"raise"` raises a ValueError that lists the files that are damaged or have more pixels than
            `keras_genzoo.pictures.MAX_PIXELS` (120 million); `"skip"` skips them with a warning.

    Returns:
        `tf.data.Dataset` of images `(batch_size, height, width, channels)`, float32 in [-1, 1]. With `labels`, it
        yields tuples of images and int32 labels `(batch_size,)`.

    Raises:
        ValueError: If the folder does not exist, contains no pictures, fewer than `batch_size` or damaged ones, or
            an argument is invalid.
        OSError: If there is not enough space in the temporary folder.
        ImportError: If TensorFlow is not installed.

    Example:

    ```python
    dataset = keras_genzoo.datasets.image_folder("photographs", image_size=64, batch_size=16, flip=True)
    model.fit(dataset, epochs=100)
    ```
    """
    check_choice("channels", channels, (1, 3))
    check_choice("crop", crop, ("center", None))
    check_choice("labels", labels, ("folder", None))
    check_choice("on_error", on_error, ("raise", "skip"))
    height, width = pipeline.height_and_width(image_size)
    folder = pathlib.Path(path).expanduser()
    files = find(folder, "path")
    made = prepared.prepare(
        files, Picture(channels, (height, width), crop), on_error, "pictures cannot be read"
    )
    class_ids = _class_ids(folder, made.examples) if labels == "folder" else None

    def fetch(choice):
        tf = pipeline.require("tensorflow")
        (images,) = made.read(choice.indices)
        images = pipeline.scale(images, (0.0, 255.0))
        if flip:
            images = pipeline.mirror(images, choice)
        return images if class_ids is None else (images, tf.gather(class_ids, choice.indices))

    return pipeline.batches((len(made.examples),), fetch, batch_size, shuffle, seed, initial_step)


@dataclasses.dataclass(frozen=True)
class Picture:
    """Reads a file as a picture with the given channels and size (height, width)."""

    channels: int
    size: tuple
    crop: str | None = None

    @property
    def shapes(self):
        return ((*self.size, self.channels),)

    def __call__(self, file):
        return (pictures.read(file, self.channels, self.size, self.crop),)


def check_choice(argument, value, choices):
    """Raises a ValueError if the value of the argument is not one of the choices."""
    if value not in choices:
        accepted = " or ".join(map(repr, choices))
        raise ValueError(f"`{argument}` must be {accepted}. Received {argument}={value!r}.")


def find(folder, argument):
    """Returns the sorted paths of the pictures in a folder and its subfolders."""
    if not folder.is_dir():
        raise ValueError(
            f"`{argument}` must be an existing folder of pictures. Received {argument}={str(folder)!r}."
        )
    files = pictures.find(folder)
    if not files:
        raise ValueError(
            f"`{argument}` must contain pictures ({', '.join(pictures.SUFFIXES)}), directly or in subfolders. "
            f"Received {argument}={str(folder)!r}, which contains none."
        )
    return files


def _class_ids(folder, files):
    parts = [file.relative_to(folder).parts for file in files]
    for file, (*folders, _) in zip(files, parts, strict=True):
        if not folders:
            raise ValueError(
                "`labels='folder'` needs every picture in a subfolder, one subfolder per class. "
                f"Received {str(file)!r}. Move it into a subfolder or pass `labels=None`."
            )
    names = [first for first, *_ in parts]
    return np.unique(names, return_inverse=True)[1].astype("int32")
