"""Picture files of any kind that Pillow reads, as arrays, and arrays as picture files.

The one reader of pictures: data sets, `translate` and the command line see the same pixels of a file.
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

# What is taken for a picture in a folder. Pillow reads more, of files that are named.
SUFFIXES = tuple(f".{kind}" for kind in "avif bmp gif jp2 jpeg jpg pgm png pnm ppm tga tif tiff webp".split())

# What `write` writes.
WRITABLE = (".png", ".jpg", ".jpeg", ".webp")

# A picture of more pixels is not decoded: a file of 200 kB may hold gigabytes. Cameras of 100 megapixels pass.
# From 179 million Pillow refuses by itself, unless its own `PIL.Image.MAX_IMAGE_PIXELS` is raised too.
MAX_PIXELS = 120_000_000


class UnreadablePicture(ValueError):
    """A picture file that cannot be read.

    Args:
        path: String or path of the file.
        reason: String or exception, what is wrong with it.
    """

    def __init__(self, path, reason):
        super().__init__(f"{path} cannot be read: {reason}")
        self.path = path
        self.reason = str(reason)


def find(folder):
    """Sorted paths of the picture files in a folder and its sub-folders, but for names that begin with a dot."""
    folder = Path(folder)
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def read(path, channels, size=None, crop=None):
    """Reads a picture, turned as the camera noted; of an animation the first frame.

    Transparent pictures are laid on white, and 16 bits per value become 8. Color profiles are not applied.

    Args:
        path: String, path or binary file object.
        channels, size, crop: As for `from_pil`.

    Returns:
        uint8 NumPy array `(height, width, channels)`.

    Raises:
        ValueError: If an argument is not among its values, or the file is damaged, holds no picture that can be
            read (`UnreadablePicture`), or one of more than `MAX_PIXELS` pixels.
        OSError: If the file cannot be opened.
    """
    _check_channels(channels)
    with opened(path) as picture:
        return from_pil(picture, channels, size, crop)


def from_pil(picture, channels, size=None, crop=None):
    """A picture that Pillow has opened or made, treated as `read` treats a file.

    Args:
        picture: `PIL.Image.Image`.
        channels: 3 for color or 1 for grey.
        size: Int, number of pixels to which the longer side is scaled; or pair `(height, width)`. None keeps
            the size. Scaling is bilinear and antialiased.
        crop: `"center"` scales the picture to cover the pair `size` and cuts off what stands out on both
            sides; None squeezes the whole picture into it.

    Returns:
        uint8 NumPy array `(height, width, channels)`.

    Raises:
        ValueError: If an argument is not among its values, or the picture holds float values.
    """
    _check_channels(channels)
    picture = upright(picture)
    if picture.mode == "F":
        raise ValueError("it holds float values, whose range is not known; save it with 8 or 16 bits a value")
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
    """Whether a value is the path of a file or a `PIL.Image.Image`."""
    return isinstance(value, (str, os.PathLike, Image.Image))


def read_any(picture, channels, size=None):
    """A picture as by `read`, or by `from_pil` where Pillow has opened it already."""
    read_it = from_pil if isinstance(picture, Image.Image) else read
    return read_it(picture, channels, size)


def read_with_holes(picture, channels, size=None):
    """A picture and the mask of its holes, those of its pixels that are half transparent or more.

    Args:
        picture: String or path of a file, or `PIL.Image.Image`.
        channels, size: As for `read`, without the mask.

    Returns:
        uint8 NumPy array `(height, width, channels + 1)`; the mask is 255 in the holes and 0 elsewhere.

    Raises:
        ValueError, OSError: As for `read`.
    """
    if not isinstance(picture, Image.Image):
        with opened(picture) as opened_picture:
            return read_with_holes(opened_picture, channels, size)
    picture = upright(picture)
    alpha = picture.convert("RGBA").getchannel("A")
    holes = from_pil(alpha, 1, size) < 128
    return np.concatenate([from_pil(picture, channels, size), np.uint8(255) * holes], axis=-1)


def nearest(images, size):
    """Images in another size `(height, width)`: of each pixel the value of the nearest one, none between.

    Args:
        images: Array `(num, height, width, channels)`.
        size: Pair `(height, width)`.
    """
    rows, columns = (
        np.arange(wanted) * given // wanted for wanted, given in zip(size, images.shape[1:3], strict=True)
    )
    return images[:, rows[:, None], columns]


def read_labels(picture, colors, size=None):
    """Labels of a picture, turned as the camera noted: its values, or the colors that stand for them.

    Args:
        picture: String or path of a file, or `PIL.Image.Image`. Of a grey picture the values are the labels, of one
            with a palette its indices, whatever their colors. Of one in color the colors must be among `colors`.
            Transparency is not looked at: pixels count by their values or colors.
        colors: uint8 array `(num_labels, 3)`.
        size: As for `read`; of each pixel the nearest label is taken.

    Returns:
        uint8 NumPy array `(height, width, 1)`.

    Raises:
        ValueError: If the file cannot be read (`UnreadablePicture`), a value is no label, or a color of none.
        OSError: If the file cannot be opened.
    """
    colors = np.asarray(colors)
    if colors.ndim != 2 or colors.shape[1] != 3 or not 1 <= len(colors) <= 256:
        raise ValueError(
            f"`colors` must have the shape (num_labels, 3), of up to 256 labels. Received: {colors.shape}"
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
    """Labels that are the values of a grey picture, of up to 16 bits, or indices of a palette."""
    values = np.asarray(picture if len(picture.getbands()) == 1 else picture.getchannel(0))
    smallest, largest = int(values.min()), int(values.max())
    if smallest < 0 or largest >= num_labels:
        raise ValueError(
            f"the picture must hold labels from 0 to {num_labels - 1}. Received labels from {smallest} to {largest}"
        )
    return values.astype("uint8", copy=False)[..., None]


def _labels_of_colors(picture, colors):
    """Labels of a picture in color, by rows, whose copies take several bytes for each pixel."""
    if picture.mode == "F":
        raise ValueError("the picture holds float values; save the labels with 8 or 16 bits a value")
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
                f"the picture has colors that stand for no label, such as {found}. Labels from 0 on are "
                f"{wanted}{', ...' if len(colors) > 8 else ''}; or save the labels themselves as a grey picture"
            )
        labels[top : top + len(places), :, 0] = first[places]
    return labels


def _numbers_of(colors):
    """Colors as ints of 24 bits, uint32 `(...)` of uint8 `(..., 3)`."""
    red, green, blue = (colors[..., channel].astype("uint32") for channel in range(3))
    return red << 16 | green << 8 | blue


def bicubic(images, size):
    """Images in another size, by Pillow's bicubic filter, antialiased where they become smaller.

    Args:
        images: uint8 array `(num, height, width, 1 or 3)`.
        size: Pair `(height, width)`.

    Returns:
        uint8 array `(num, *size, channels)`.
    """
    channels = images.shape[-1]
    # Pillow knows a grey picture as one without an axis of channels.
    given = (Image.fromarray(image[..., 0] if channels == 1 else image) for image in images)
    resized = [np.asarray(picture.resize(size[::-1], Image.Resampling.BICUBIC)) for picture in given]
    return np.stack(resized).reshape(len(images), *size, channels)


def greyed(images):
    """Images in grey, as `read` makes it of a color picture: 0.299 red, 0.587 green and 0.114 blue.

    Args:
        images: uint8 array `(num, height, width, 3)`.

    Returns:
        uint8 array `(num, height, width, 1)`.
    """
    return np.stack([np.asarray(Image.fromarray(image).convert("L"))[..., None] for image in images])


def notes_of(path, channels):
    """What a picture file holds beside its pixels that still holds for another picture made of it.

    Args:
        path: As for `read`.
        channels: Int, 3 or 1, those of the other picture: a color profile is of pictures in color, or of grey ones.

    Returns:
        Dict for `write`: `exif`, without the turn that `read` has done, and `icc_profile`, where there are any. Exif
        that is damaged is left out.

    Raises:
        ValueError, OSError: As for `read`.
    """
    with opened(path) as picture:
        picture = upright(picture)
        notes = {}
        # Cameras and programs write values that Pillow reads and cannot write.
        with contextlib.suppress(*_DAMAGE):
            if exif := picture.getexif():
                notes["exif"] = exif.tobytes()
        profile = picture.info.get("icc_profile")
        # The profile's header says of which colors it is.
        if profile and profile[16:20] == {1: b"GRAY", 3: b"RGB "}[channels]:
            notes["icc_profile"] = profile
        return notes


def upright(picture):
    """A `PIL.Image.Image`, turned as the camera noted."""
    picture.load()  # Some formats note it behind the pixels.
    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    # `exif_transpose` copies what need not be turned, too.
    return ImageOps.exif_transpose(picture) if turned else picture


@contextlib.contextmanager
def opened(path):
    """Opens a picture file; inside, whatever Pillow raises for a damaged one becomes an `UnreadablePicture`.

    Of several threads, so many are let in at a time that their pictures have `MAX_PIXELS` pixels in all.

    Args:
        path: String, path or binary file object.
    """
    is_path = isinstance(path, (str, os.PathLike))
    name = path if is_path else getattr(path, "name", path)
    try:
        # Opened here: of a path Pillow maps a tiff file into memory, a turned one with its sides exchanged.
        with (
            open(path, "rb") if is_path else contextlib.nullcontext(path) as file,
            Image.open(file) as picture,
        ):
            pixels_held = picture.width * picture.height
            if pixels_held > MAX_PIXELS:
                raise ValueError(
                    f"it has {picture.width}x{picture.height} pixels, more than the {MAX_PIXELS / 1e6:g} million "
                    "that are read; scale it down, or set keras_genzoo.pictures.MAX_PIXELS"
                )
            with _decoding.of(pixels_held):
                yield picture
    except UnidentifiedImageError as error:
        raise UnreadablePicture(name, "Pillow cannot identify its format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePicture(name, f"scale it down. {error}") from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The system's: there is no such file, or it may not be read.
        raise UnreadablePicture(name, error) from error


def write(image, path, notes=None):
    """Writes an image as a picture file: to a temporary name, moved when complete.

    Args:
        image: Array `(height, width, channels)`, 1 or 3 channels, or `(height, width)`; uint8 or float in
            [-1, 1].
        path: String or path of the file; its folder is created. The suffix decides: `.png` and `.webp` keep
            every pixel, `.jpg` and `.jpeg` are written at quality 95 without coarser colors.
        notes: Dict of what else the file holds, such as that of `notes_of`.

    Raises:
        ValueError: If the image has another shape, or `path` another suffix.
        OSError: If `path` cannot be written.

    Example:

    ```python
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
    """Refuses, before any work, a path whose suffix `write` does not write.

    Raises:
        ValueError: If the suffix is not one of `WRITABLE`.
    """
    if Path(path).suffix.lower() not in WRITABLE:
        *others, last = WRITABLE
        raise ValueError(f"`path` must end with {', '.join(others)} or {last}. Received: {str(path)!r}")


# Colors of small drawings bleed where JPEG stores them at half the size.
_JPEG = ("JPEG", {"quality": 95, "subsampling": 0})
_FORMATS = dict(zip(WRITABLE, (("PNG", {}), _JPEG, _JPEG, ("WEBP", {"lossless": True})), strict=True))

# What Pillow raises for damaged files of one format or another.
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

# Pixels that are laid on white at a time, in copies of four bytes each.
_STRIP = 2**20


class _Decoding:
    """Lets so many threads decode at a time that their pictures have `MAX_PIXELS` pixels in all."""

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
        raise ValueError(f"`channels` must be 3 for color or 1 for grey. Received: channels={channels}")


def _on_white(picture, mode):
    flat = Image.new(mode, picture.size)
    rows = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height))).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        flat.paste(Image.alpha_composite(white, strip).convert(mode), (0, top))
    return flat


def size_in(given, size):
    """The size `(height, width)` of a picture of the size `given`, scaled to `size` as for `read`."""
    if isinstance(size, int):
        return tuple(max(1, round(side * size / max(given))) for side in given)
    return tuple(size)


def _scaled(picture, size, crop):
    height, width = size_in((picture.height, picture.width), size)
    if crop == "center":
        # Cutting to the final proportions before scaling gives the same picture for less work.
        columns = min(max(picture.height * width // height, 1), picture.width)
        rows = min(max(picture.width * height // width, 1), picture.height)
        left, top = (picture.width - columns) // 2, (picture.height - rows) // 2
        picture = picture.crop((left, top, left + columns, top + rows))
    return picture.resize((width, height), Image.Resampling.BILINEAR)
