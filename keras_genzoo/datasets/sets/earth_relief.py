"""Terrain of the earth: height maps of its land, and color pictures of it."""

import functools

import numpy as np
from PIL import Image

from keras_genzoo.datasets import archives
from keras_genzoo.datasets.generated import SEEDS
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.images import pictures
from keras_genzoo.modalities import Images

# Windows of `"test"` are between these longitudes, in degrees east; windows of `"train"` do not overlap this range.
_HELD_OUT = (60.0, 80.0)
# At higher latitudes the map projection stretches the maps too much for a window to compensate.
_LATITUDES = (-56.0, 60.0)
# The minimum fraction of land in a window, and the minimum standard deviation of its heights, in levels of 255.
_LAND, _RELIEF = 0.6, 12.0


def _terrain(dataset, split, data_dir, image_size):
    """Cuts windows at random positions, as high in pixels as the images; half of them are transposed.

    Mountains are lit from the north-west: transposing is the only symmetry of a square that keeps this light.
    """
    heights_map, colors, water = _maps(*(each.find(data_dir) for each in (_HEIGHTS, _COLORS, _WATER)))
    rng = np.random.RandomState(SEEDS[split])
    heights, textures = [], []
    while len(heights) < dataset.splits[split]:
        box = _window(rng, split, heights_map.size, image_size[0])
        transposed = rng.uniform() < 0.5
        if box is None:
            continue
        height = _cut(heights_map, box, image_size)
        if height.std() < _RELIEF or (_cut(water, box, image_size) < 128).mean() < _LAND:
            continue
        pair = height[..., None], _cut(colors, box, image_size)
        for kept, each in zip((heights, textures), pair, strict=True):
            kept.append(each.swapaxes(0, 1) if transposed else each)
    return np.stack(heights), np.stack(textures)


def _window(rng, split, size, rows):
    """Draws a box of the maps, square on the ground; returns None if it is not in the split.

    Positions are uniformly distributed on the globe.
    """
    width, height = size
    sines = np.sin(np.deg2rad(_LATITUDES))
    latitude = np.rad2deg(np.arcsin(rng.uniform(*sines)))
    longitude = rng.uniform(-180.0, 180.0)
    # A circle of latitude has the same number of pixels as the equator.
    half = 0.5 * rows / np.cos(np.deg2rad(latitude)) * 360.0 / width
    west, east = longitude - half, longitude + half
    first, last = _HELD_OUT
    belongs = first <= west and east <= last if split == "test" else east < first or west > last
    if not belongs or west < -180.0 or east > 180.0:
        return None
    left, right = ((each + 180.0) / 360.0 * width for each in (west, east))
    top = (90.0 - latitude) / 180.0 * height - rows / 2
    return left, top, right, top + rows


def _cut(picture, box, image_size):
    height, width = image_size
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))


@functools.lru_cache(maxsize=1)
def _maps(heights, colors, water):
    """Returns pictures of the heights (sea black, highest point white), of the colors, and of water (white)."""
    levels = pictures.read(heights, channels=1)[..., 0]
    water = pictures.read(water, channels=1)[..., 0]
    # JPEG compression has made the sea uneven.
    sea = (water > 127) & (levels <= _SEA_LEVEL + 3)
    scaled = np.where(sea, 0, levels.astype("float32") - _SEA_LEVEL) * (255.0 / (255.0 - _SEA_LEVEL))
    scaled = np.rint(np.clip(scaled, 0, 255)).astype("uint8")
    return tuple(map(Image.fromarray, (scaled, pictures.read(colors, channels=3), water)))


# The sea level in the height map.
_SEA_LEVEL = 23


def _archive(file, sha256, what):
    return archives.Archive(
        folder="earth_relief",
        file=file,
        sha256=sha256,
        origin=f"the {what} of Natural Earth III by Tom Patterson, 4096x2048: {file} of the folder images/ of "
        "github.com/turban/webgl-earth at commit 7a97cb3",
    )


_HEIGHTS = _archive(
    "elev_bump_4k.jpg", "078ce6b67ad45594bda48e5c98a60b68375174a8142f613ca4fd6041c8439341", "height map"
)
_COLORS = _archive(
    "2_no_clouds_4k.jpg",
    "61cd3d27489d80ed025d7954539a6d90b50d4433bbdd27e8c1af8a6f15f71e86",
    "picture in color",
)
_WATER = _archive(
    "water_4k.png", "fb183cb5a68e97e873e9056ec6ec87ef18e210f226f05679f11cf93ca3e6c0ef", "map of water"
)

register(
    Info(
        name="earth_terrain",
        description="height map and picture of mountainous terrain of the earth",
        modality=Images((64, 64, 3)),
        source_modality=Images((64, 64, 1)),
        splits={"train": 6000, "test": 500},
        paired_splits=("train", "test"),
        make=_terrain,
        archive=_HEIGHTS,
        files=(_HEIGHTS.file, _COLORS.file, _WATER.file),
        license="Not stated; given as public domain by others. Read the homepage before publishing what is derived.",
        homepage="www.shadedrelief.com/natural3",
        citation="Natural Earth III by Tom Patterson, www.shadedrelief.com; taken from github.com/turban/webgl-earth "
        "at 7a97cb3.",
    )
)
