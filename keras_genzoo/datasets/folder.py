"""Batches from a folder of pictures."""

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
    """Batches of the pictures in a folder and its sub-folders, float32 in [-1, 1].

    Pictures are read by `keras_genzoo.pictures.read`, as `translate` reads them: turned as the camera noted, laid
    on white where they are transparent, of an animation the first frame. The first call reads every file once,
    and keeps the pictures at `image_size` in the system's temporary folder (variable `TMPDIR`) until the process
    ends: `height * width * channels` bytes of disk each, 1.2 GB for 100,000 of 64x64 in color. So a folder may
    be larger than memory. Later calls with the same files use them again; files that change afterwards are not
    read anew by a dataset that exists.

    Args:
        path: Folder with picture files (`keras_genzoo.pictures.SUFFIXES`: avif, bmp, gif, jp2, jpeg, jpg, pgm, png,
            pnm, ppm, tga, tif, tiff and webp). Names that begin with a dot are passed over.
        image_size: Integer or pair `(height, width)` of the batches.
        batch_size: Number of images per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for color or 1 for grey.
        crop: `"center"` scales the picture to cover `image_size` and cuts off what stands out on both sides;
            None squeezes the whole picture into `image_size`. Scaling is bilinear and antialiased.
        labels: `"folder"` adds integer labels: the place of the picture's first-level sub-folder among the
            sorted names of those that hold pictures. None for images only.
        flip: Whether to mirror each image left to right with probability one half, drawn anew each epoch.
        shuffle: Whether to shuffle. If False, pictures come in the order of their sorted paths.
        seed: Integer that fixes the order and the mirroring.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`.
        on_error: `"raise"` refuses a folder with files that are damaged, or of more pixels than
            `keras_genzoo.pictures.MAX_PIXELS` (120 million), and names them; `"skip"` leaves them out with a
            warning.

    Returns:
        `tf.data.Dataset` of images `(batch_size, height, width, channels)`, float32 in [-1, 1]; with
        `labels`, of pairs of images and labels `(batch_size,)`, int32.

    Raises:
        ValueError: If the folder is missing, holds no pictures, too few or damaged ones, or an argument is
            not among its values.
        OSError: If the temporary folder has no room for the pictures.

    Example:

    ```python
    dataset = image_folder("photos", image_size=64, batch_size=32, flip=True)
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
    """Makes a picture of the given channels and size (height, width) from a file."""

    channels: int
    size: tuple
    crop: str | None = None

    @property
    def shapes(self):
        return ((*self.size, self.channels),)

    def __call__(self, file):
        return (pictures.read(file, self.channels, self.size, self.crop),)


def check_choice(argument, value, choices):
    """Raises a ValueError unless the value of the argument is one of the choices."""
    if value not in choices:
        accepted = " or ".join(map(repr, choices))
        raise ValueError(f"`{argument}` must be {accepted}. Received {argument}={value!r}.")


def find(folder, argument):
    """Sorted paths of the pictures in a folder and its sub-folders."""
    if not folder.is_dir():
        raise ValueError(
            f"`{argument}` must be an existing folder of pictures. Received {argument}={str(folder)!r}."
        )
    files = pictures.find(folder)
    if not files:
        raise ValueError(
            f"`{argument}` must hold pictures ({', '.join(pictures.SUFFIXES)}), in sub-folders or not. "
            f"Received {argument}={str(folder)!r}, which holds none."
        )
    return files


def _class_ids(folder, files):
    parts = [file.relative_to(folder).parts for file in files]
    for file, (*folders, _) in zip(files, parts, strict=True):
        if not folders:
            raise ValueError(
                "`labels='folder'` needs every picture in a sub-folder, one for each class. "
                f"Received {str(file)!r}. Move it into a sub-folder or pass `labels=None`."
            )
    names = [first for first, *_ in parts]
    return np.unique(names, return_inverse=True)[1].astype("int32")
