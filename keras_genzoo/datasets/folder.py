"""Batches from a folder of pictures, read while training."""

import os
import pathlib
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_genzoo.datasets import pipeline

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")


def image_folder(
    path,
    image_size,
    batch_size=64,
    channels=3,
    crop="center",
    labels=None,
    flip=False,
    shuffle=True,
    seed=0,
    initial_step=None,
    on_error="raise",
):
    """Batches of the pictures in a folder and its sub-folders, float32 in [-1, 1].

    Pictures are read as they are needed, so a folder may be larger than memory. At the start each is decoded
    once to find damaged files (measured: 0.3 to 0.7 ms a picture on two cores). Transparent pictures are laid
    on white, except gif, whose transparent pixels TensorFlow decodes as black. Of an animation the first
    frame is taken. A rotation that a camera noted beside the pixels is not applied.

    Args:
        path: Folder with png, jpg, jpeg, webp, gif or bmp (24 bits a pixel) files. Names that begin with a
            dot are passed over.
        image_size: Integer or pair `(height, width)` of the batches.
        batch_size: Number of images per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for colour or 1 for grey.
        crop: `"center"` scales the picture to cover `image_size` and cuts off what stands out on both sides;
            None squeezes the whole picture into `image_size`. Scaling is bilinear and antialiased.
        labels: `"folder"` adds integer labels: the place of the picture's first-level sub-folder among the
            sorted names of those that hold pictures. None for images only.
        flip: Whether to mirror each image left to right with probability one half, drawn anew each epoch.
        shuffle: Whether to shuffle. If False, pictures come in the order of their sorted paths.
        seed: Integer that fixes the order and the mirroring.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`.
        on_error: `"raise"` refuses a folder with damaged files and names them; `"skip"` leaves them out with
            a warning.

    Returns:
        `tf.data.Dataset` of images `(batch_size, height, width, channels)`, float32 in [-1, 1]; with
        `labels`, of pairs of images and labels `(batch_size,)`, int32.

    Raises:
        ValueError: If the folder is missing, holds no pictures, too few or damaged ones, or an argument is
            not among its values.

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
    files = sound(files, complaint, on_error, "pictures cannot be read")
    class_ids = _class_ids(folder, files) if labels == "folder" else None

    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):
        paths = tf.constant([str(file) for file in files])

    def decode(path):
        image = in_channels(read(path), channels)
        if crop == "center":
            rows, columns, _ = tf.unstack(tf.shape(image))
            # Cutting to the final proportions before scaling gives the same picture for less work.
            rows, columns = (
                tf.clip_by_value(columns * height // width, 1, rows),
                tf.clip_by_value(rows * width // height, 1, columns),
            )
            image = tf.image.resize_with_crop_or_pad(image, rows, columns)
        return tf.image.resize(image, (height, width), method="bilinear", antialias=True)

    def fetch(choice):
        shape = tf.TensorSpec((height, width, channels), tf.float32)
        images = tf.map_fn(decode, tf.gather(paths, choice.indices), fn_output_signature=shape)
        images = pipeline.scale(images, (0.0, 255.0))
        if flip:
            images = pipeline.mirror(images, choice)
        return images if class_ids is None else (images, tf.gather(class_ids, choice.indices))

    return pipeline.batches((len(files),), fetch, batch_size, shuffle, seed, initial_step)


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
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    if not files:
        raise ValueError(
            f"`{argument}` must hold pictures ({', '.join(_SUFFIXES)}), in sub-folders or not. "
            f"Received {argument}={str(folder)!r}, which holds none."
        )
    return files


def sound(examples, complaint, on_error, failure):
    """Those of the examples about which there is no complaint; the others are refused or left out.

    Args:
        examples: List of files, or of whatever `complaint` takes.
        complaint: Function from an example to a string that names the file and what is wrong, or to None.
        on_error: `"raise"` or `"skip"`.
        failure: What the message says of the others, such as `"pictures cannot be read"`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(complaint, examples))
    complaints = list(filter(None, found))
    if not complaints:
        return examples
    message = f"{len(complaints)} of {len(examples)} {failure}: {', '.join(complaints[:5])}"
    message += ", ..." if len(complaints) > 5 else "."
    if on_error == "raise":
        raise ValueError(
            f"{message} Repair or remove them, or leave them out with `on_error='skip'`. "
            "Received on_error='raise'."
        )
    warnings.warn(f"{message} They are left out.", stacklevel=3)
    return [example for example, wrong in zip(examples, found, strict=True) if not wrong]


def complaint(file):
    """The file and what is wrong with it, or None."""
    _, damage = inspect(file)
    return damage and f"{file} ({damage})"


def inspect(file):
    """Height and width of the picture in a file and None; or None and what is wrong with it."""
    tf = pipeline.require("tensorflow")
    content = file.read_bytes()
    # The number of bits a pixel. TensorFlow ignores palettes in bmp files and mistakes padding for alpha.
    if content.startswith(b"BM") and content[28:30] != b"\x18\x00":
        return None, "a bmp file that does not have 24 bits a pixel; save it as png"
    try:
        return tuple(tf.io.decode_image(content, expand_animations=False).shape[:2]), None
    except tf.errors.InvalidArgumentError as error:
        return None, error.message


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


def read(path):
    """The picture of a path, float32 `(height, width, 3)` in [0, 255], laid on white.

    All in TensorFlow: Python called from a tf.data thread would decode one picture at a time and, called once
    more while the process ends, never let it end.
    """
    tf = pipeline.require("tensorflow")
    image = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)
    image = tf.cast(image, tf.float32)
    rows, columns, depth = tf.unstack(tf.shape(image))
    has_alpha = depth % 2 == 0  # grey, grey and alpha, colour, colour and alpha
    alpha = tf.cond(has_alpha, lambda: image[..., -1:] / 255.0, lambda: tf.ones((rows, columns, 1)))
    colours = image[..., : depth - tf.cast(has_alpha, tf.int32)]
    return tf.broadcast_to(colours * alpha + 255.0 * (1.0 - alpha), (rows, columns, 3))


def in_channels(image, channels):
    """The colour image itself for 3 channels, its luma of ITU-R BT.601 for 1."""
    tf = pipeline.require("tensorflow")
    return image if channels == 3 else tf.tensordot(image, [[0.299], [0.587], [0.114]], axes=1)
