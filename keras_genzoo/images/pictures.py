"""Reading picture files as arrays, and writing arrays as picture files, with Pillow.

Datasets, `translate` and the command line all use this module, so they read the same pixels from a file.
"""

import contextlib
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from keras_genzoo import disk
from keras_genzoo.images import pixels

# Suffixes of the pictures in a folder. Files that are named explicitly may have any format that Pillow reads.
SUFFIXES = tuple(f".{kind}" for kind in "avif bmp gif jp2 jpeg jpg pgm png pnm ppm tga tif tiff webp".split())

# Suffixes that `write` supports.
WRITABLE = (".png", ".jpg", ".jpeg", ".webp")

# Pictures with more pixels are not decoded: a file of 200 kB may decode to gigabytes. Pillow itself has a limit of
# 179 million pixels, unless `PIL.Image.MAX_IMAGE_PIXELS` is raised too.
MAX_PIXELS = 120_000_000


class UnreadablePicture(ValueError):
    """Raised for a picture file that cannot be read.

    Args:
        path: String or path of the file.
        reason: String or exception, why it cannot be read.
    """

    def __init__(self, path, reason):
        super().__init__(f"{path} cannot be read: {reason}")
        self.path = path
        self.reason = str(reason)


def find(folder):
    """Returns the sorted paths of the picture files in a folder and its subfolders.

    Args:
        folder: `pathlib.Path` of the folder. Names that begin with a dot are ignored.

    Returns:
        List of `pathlib.Path`.
    """
    folder = Path(folder)
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def read(path, channels, size=None, crop=None):
    """Reads a picture file.

    The picture is rotated according to its EXIF orientation. Transparent pixels become white, and 16-bit values are
    converted to 8 bits. Only the first frame of an animation is read. Color profiles are not applied.

    Args:
        path: String, path or binary file object.
        channels, size, crop: See `from_pil`.

    Returns:
        uint8 NumPy array `(height, width, channels)`.

    Raises:
        ValueError: If an argument is invalid, or the file is damaged, has an unknown format, or has more than
            `MAX_PIXELS` pixels (`UnreadablePicture`).
        OSError: If the file cannot be opened.

    Example:

    ```python
    picture = keras_genzoo.pictures.read("photograph.jpg", channels=3, size=(64, 64), crop="center")
    ```
    """
    _check_channels(channels)
    with opened(path) as picture:
        return from_pil(picture, channels, size, crop)


def from_pil(picture, channels, size=None, crop=None):
    """Converts a Pillow image to an array, as `read` does for a file.

    Args:
        picture: `PIL.Image.Image`.
        channels: 3 for color or 1 for gray.
        size: Int, length in pixels to which the longer side is resized; or tuple `(height, width)`. None keeps the
            size. Resizing is bilinear and antialiased.
        crop: `"center"` scales the picture to cover the tuple `size` and crops the center; None resizes it without
            preserving the aspect ratio.

    Returns:
        uint8 NumPy array `(height, width, channels)`.

    Raises:
        ValueError: If an argument is invalid, or the picture has float values.
    """
    _check_channels(channels)
    picture = upright(picture)
    if picture.mode == "F":
        raise ValueError("it has float values, whose range is unknown; save it with 8 or 16 bits per value")
    if picture.mode.startswith("I"):
        # Pillow would clip them.
        picture = Image.fromarray(np.rint(np.asarray(picture) / 257.0).clip(0, 255).astype("uint8"))
    mode = "RGB" if channels == 3 else "L"
    if picture.has_transparency_data:
        picture = _on_white(picture, mode)
    elif picture.mode != mode:
        picture = picture.convert(mode)
    if size is not None:
        picture = _scaled(picture, size, crop)
    return np.asarray(picture).reshape(picture.height, picture.width, channels)


def is_picture(value):
    """Returns whether a value is the path of a file or a `PIL.Image.Image`."""
    return isinstance(value, (str, os.PathLike, Image.Image))


def read_any(picture, channels, size=None):
    """Reads a file with `read`, or converts a `PIL.Image.Image` with `from_pil`."""
    read_it = from_pil if isinstance(picture, Image.Image) else read
    return read_it(picture, channels, size)


def read_with_holes(picture, channels, size=None):
    """Reads a picture and a mask of its holes, the pixels that are at least half transparent.

    Args:
        picture: String or path of a file, or `PIL.Image.Image`.
        channels, size: See `read`. `channels` does not include the mask.

    Returns:
        uint8 NumPy array `(height, width, channels + 1)`. The mask is the last channel, 255 in the holes and 0
        elsewhere.

    Raises:
        ValueError, OSError: See `read`.
    """
    if not isinstance(picture, Image.Image):
        with opened(picture) as opened_picture:
            return read_with_holes(opened_picture, channels, size)
    picture = upright(picture)
    alpha = picture.convert("RGBA").getchannel("A")
    holes = from_pil(alpha, 1, size) < 128
    return np.concatenate([from_pil(picture, channels, size), np.uint8(255) * holes], axis=-1)


def nearest(images, size):
    """Resizes images with nearest-neighbor interpolation.

    Args:
        images: Array `(num, height, width, channels)`.
        size: Tuple `(height, width)`.
    """
    rows, columns = (
        np.arange(wanted) * given // wanted for wanted, given in zip(size, images.shape[1:3], strict=True)
    )
    return images[:, rows[:, None], columns]


def read_labels(picture, colors, size=None):
    """Reads a label map from a picture.

    Args:
        picture: String or path of a file, or `PIL.Image.Image`. The labels are the values of a gray picture, or the
            indices of a picture with a palette. The pixels of a color picture must have one of the `colors`. The
            EXIF orientation is applied; transparency is ignored.
        colors: uint8 array `(num_labels, 3)`, the colors of the labels.
        size: See `read`. Resizing uses the nearest label.

    Returns:
        uint8 NumPy array `(height, width, 1)`.

    Raises:
        ValueError: If the file cannot be read (`UnreadablePicture`), or a value or color is not that of a label.
        OSError: If the file cannot be opened.
    """
    colors = np.asarray(colors)
    if colors.ndim != 2 or colors.shape[1] != 3 or not 1 <= len(colors) <= 256:
        raise ValueError(
            f"`colors` must have the shape (num_labels, 3) with at most 256 labels. Received: {colors.shape}"
        )
    if not isinstance(picture, Image.Image):
        with opened(picture) as opened_picture:
            return read_labels(opened_picture, colors, size)
    picture = upright(picture)
    if picture.mode in ("1", "L", "LA", "La", "P", "PA") or picture.mode.startswith("I"):
        labels = _labels_of_values(picture, len(colors))
    else:
        labels = _labels_of_colors(picture, colors)
    return labels if size is None else nearest(labels[None], size_in(labels.shape[:2], size))[0]


def _labels_of_values(picture, num_labels):
    """Returns the values of a gray picture, with up to 16 bits, or the indices of a palette, as labels."""
    values = np.asarray(picture if len(picture.getbands()) == 1 else picture.getchannel(0))
    smallest, largest = int(values.min()), int(values.max())
    if smallest < 0 or largest >= num_labels:
        raise ValueError(
            f"the picture must have labels from 0 to {num_labels - 1}. Received labels from {smallest} to {largest}"
        )
    return values.astype("uint8", copy=False)[..., None]


def _labels_of_colors(picture, colors):
    """Returns the labels of a color picture. It is processed by rows, to limit the size of temporary arrays."""
    if picture.mode == "F":
        raise ValueError("the picture has float values; save the labels with 8 or 16 bits per value")
    known, first = np.unique(_numbers_of(colors), return_index=True)
    labels = np.empty((picture.height, picture.width, 1), "uint8")
    rows = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        numbers = _numbers_of(np.asarray(strip.convert("RGB")))
        places = np.searchsorted(known, numbers).clip(max=len(known) - 1)
        if (unknown := np.unique(numbers[known[places] != numbers])).size:
            found = ", ".join(f"#{number:06x}" for number in unknown[:3])
            wanted = ", ".join("#" + bytes(color).hex() for color in colors[:8])
            raise ValueError(
                f"the picture has colors that are not those of labels, such as {found}. The colors of the labels are "
                f"{wanted}{', ...' if len(colors) > 8 else ''}; or save the labels as a gray picture"
            )
        labels[top : top + len(places), :, 0] = first[places]
    return labels


def _numbers_of(colors):
    """Converts colors, uint8 `(..., 3)`, to 24-bit ints, uint32 `(...)`."""
    red, green, blue = (colors[..., channel].astype("uint32") for channel in range(3))
    return red << 16 | green << 8 | blue


def bicubic(images, size):
    """Resizes images with Pillow's bicubic filter, antialiased when downsampling.

    Args:
        images: uint8 array `(num, height, width, 1 or 3)`.
        size: Tuple `(height, width)`.

    Returns:
        uint8 array `(num, *size, channels)`.
    """
    channels = images.shape[-1]
    # Pillow expects gray pictures without a channel axis.
    given = (Image.fromarray(image[..., 0] if channels == 1 else image) for image in images)
    resized = [np.asarray(picture.resize(size[::-1], Image.Resampling.BICUBIC)) for picture in given]
    return np.stack(resized).reshape(len(images), *size, channels)


def greyed(images):
    """Converts color images to grayscale, as `read` does: 0.299 red + 0.587 green + 0.114 blue.

    Args:
        images: uint8 array `(num, height, width, 3)`.

    Returns:
        uint8 array `(num, height, width, 1)`.
    """
    return np.stack([np.asarray(Image.fromarray(image).convert("L"))[..., None] for image in images])


def notes_of(path, channels):
    """Reads the metadata of a picture file that remain valid for a processed version of the picture.

    Args:
        path: See `read`.
        channels: Int, 3 or 1, channels of the processed picture. A color profile is for color or for gray pictures.

    Returns:
        Dict for `write` with the optional keys `exif`, without the orientation, which `read` applies, and
        `icc_profile`. Damaged EXIF data are dropped.

    Raises:
        ValueError, OSError: See `read`.
    """
    with opened(path) as picture:
        picture = upright(picture)
        notes = {}
        # Some cameras and programs write values that Pillow can read but not write.
        with contextlib.suppress(*_DAMAGE):
            if exif := picture.getexif():
                notes["exif"] = exif.tobytes()
        profile = picture.info.get("icc_profile")
        # The header of the profile names its color space.
        if profile and profile[16:20] == {1: b"GRAY", 3: b"RGB "}[channels]:
            notes["icc_profile"] = profile
        return notes


def upright(picture):
    """Rotates a `PIL.Image.Image` according to its EXIF orientation."""
    picture.load()  # Some formats store the orientation after the pixels.
    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    # `exif_transpose` would also copy pictures that need no rotation.
    return ImageOps.exif_transpose(picture) if turned else picture


@contextlib.contextmanager
def opened(path):
    """Context manager that opens a picture file and converts Pillow's errors to `UnreadablePicture`.

    The number of threads inside is limited, so that their pictures have at most `MAX_PIXELS` pixels in total.

    Args:
        path: String, path or binary file object.

    Raises:
        ValueError: If the file is damaged, has an unknown format, or has more than `MAX_PIXELS` pixels
            (`UnreadablePicture`).
        OSError: If the file cannot be opened.
    """
    is_path = isinstance(path, (str, os.PathLike))
    name = path if is_path else getattr(path, "name", path)
    try:
        # Opened here: given a path, Pillow maps TIFF files into memory, and swaps the sides of rotated ones.
        with (
            open(path, "rb") if is_path else contextlib.nullcontext(path) as file,
            Image.open(file) as picture,
        ):
            pixels_held = picture.width * picture.height
            if pixels_held > MAX_PIXELS:
                raise ValueError(
                    f"it has {picture.width}x{picture.height} pixels, more than the limit of {MAX_PIXELS / 1e6:g} "
                    "million; scale it down, or set keras_genzoo.pictures.MAX_PIXELS"
                )
            with _decoding.of(pixels_held):
                yield picture
    except UnidentifiedImageError as error:
        raise UnreadablePicture(name, "Pillow cannot identify its format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePicture(name, f"scale it down. {error}") from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # An error of the system: the file does not exist, or cannot be read.
        raise UnreadablePicture(name, error) from error


def write(image, path, notes=None):
    """Writes an image as a picture file, atomically.

    Args:
        image: Array `(height, width, channels)` with 1 or 3 channels, or `(height, width)`. uint8, or float in
            [-1, 1].
        path: String or path of the file. Its folder is created if necessary. The suffix sets the format: `.png` and
            `.webp` are lossless; `.jpg` and `.jpeg` have quality 95, without chroma subsampling.
        notes: Dict of metadata to write, such as the result of `notes_of`.

    Raises:
        ValueError: If the shape or range of the image, or the suffix of `path`, is invalid.
        OSError: If `path` cannot be written.

    Example:

    ```python
    model = keras_genzoo.models.load("cyclegan_noto_twemoji")
    keras_genzoo.pictures.write(model.translate("photograph.jpg"), "painting.webp")
    ```
    """
    check_writable(path)
    image = pixels.to_uint8(image)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] != 3) or not image.size:
        raise ValueError(
            f"`image` must have the shape (height, width, 1 or 3) or (height, width). Received: {image.shape}"
        )
    format, options = _FORMATS[Path(path).suffix.lower()]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with disk.written(path) as temporary:
        Image.fromarray(image).save(temporary, format=format, **options, **(notes or {}))


def check_writable(path):
    """Checks in advance that `write` supports the suffix of a path.

    Raises:
        ValueError: If the suffix is not one of `WRITABLE`.
    """
    if Path(path).suffix.lower() not in WRITABLE:
        *others, last = WRITABLE
        raise ValueError(f"`path` must end with {', '.join(others)} or {last}. Received: {str(path)!r}")


# No chroma subsampling: it makes the colors of small drawings bleed.
_JPEG = ("JPEG", {"quality": 95, "subsampling": 0})
_FORMATS = dict(zip(WRITABLE, (("PNG", {}), _JPEG, _JPEG, ("WEBP", {"lossless": True})), strict=True))

# Errors that Pillow raises for damaged files, depending on the format.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
)
_DAMAGE += (struct.error, zlib.error, MemoryError)

# Number of pixels composited on white at a time, in copies of four bytes each.
_STRIP = 2**20


class _Decoding:
    """Limits the threads that decode concurrently, so that their pictures have at most `MAX_PIXELS` pixels."""

    def __init__(self):
        self._changed = threading.Condition()
        self._pixels = 0

    @contextlib.contextmanager
    def of(self, pixels):
        with self._changed:
            self._changed.wait_for(lambda: not self._pixels or self._pixels + pixels <= MAX_PIXELS)
            self._pixels += pixels
        try:
            yield
        finally:
            with self._changed:
                self._pixels -= pixels
                self._changed.notify_all()


_decoding = _Decoding()


def _check_channels(channels):
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 3 for color or 1 for gray. Received: channels={channels}")


def _on_white(picture, mode):
    flat = Image.new(mode, picture.size)
    rows = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height))).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        flat.paste(Image.alpha_composite(white, strip).convert(mode), (0, top))
    return flat


def size_in(given, size):
    """Returns the size `(height, width)` of a picture of size `given` after resizing to `size` as in `read`."""
    if isinstance(size, int):
        return tuple(max(1, round(side * size / max(given))) for side in given)
    return tuple(size)


def _scaled(picture, size, crop):
    height, width = size_in((picture.height, picture.width), size)
    if crop == "center":
        # Cropping to the final aspect ratio before resizing gives the same picture with less work.
        columns = min(max(picture.height * width // height, 1), picture.width)
        rows = min(max(picture.width * height // width, 1), picture.height)
        left, top = (picture.width - columns) // 2, (picture.height - rows) // 2
        picture = picture.crop((left, top, left + columns, top + rows))
    return picture.resize((width, height), Image.Resampling.BILINEAR)
