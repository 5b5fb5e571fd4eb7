"""Picture files of any kind that Pillow reads, as arrays."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# What is taken for a picture in a folder. Pillow reads more, of files that are named.
_SUFFIXES = {f".{kind}" for kind in "avif bmp gif jp2 jpeg jpg pgm png pnm ppm tga tif tiff webp".split()}

# What pictures are written as.
WRITABLE = (".png", ".jpg", ".jpeg", ".webp")


def find(folder):
    """Sorted paths of the picture files in a folder and its sub-folders, but for names that begin with a dot."""
    folder = Path(folder)
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def read(path, channels, size=None):
    """Reads a picture, turned as the camera noted; of an animation the first frame.

    Transparent pictures are laid on white, and 16 bits a value become 8.

    Args:
        path: String or path of the file.
        channels: 3 for colour or 1 for grey.
        size: Int, number of pixels to which the longer side is scaled. None keeps the size.

    Returns:
        uint8 NumPy array `(height, width, channels)`.

    Raises:
        ValueError: If `channels` is not 1 or 3, or the file is damaged or holds no picture that can be read.
        OSError: If the file cannot be opened.
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 3 for colour or 1 for grey. Received: channels={channels}")
    try:
        with Image.open(path) as picture:
            picture = _eight_bits(ImageOps.exif_transpose(picture))
            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            picture = picture.convert("RGB" if channels == 3 else "L")
            if size is not None:
                scale = size / max(picture.size)
                sides = [max(1, round(side * scale)) for side in picture.size]
                picture = picture.resize(sides, Image.Resampling.BILINEAR)
    except (SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        # What Pillow raises for some damaged files, and for ones that would fill the memory.
        raise ValueError(f"{path} cannot be read: {error}") from error
    return np.asarray(picture).reshape(picture.height, picture.width, channels)


def _eight_bits(picture):
    """Pictures of more than 8 bits a value, which Pillow would clip, scaled to 8."""
    if picture.mode == "F":
        raise ValueError("it holds float values, whose range is not known; save it with 8 or 16 bits a value")
    if picture.mode.startswith("I"):
        return Image.fromarray(np.rint(np.asarray(picture) / 257.0).clip(0, 255).astype("uint8"))
    return picture
