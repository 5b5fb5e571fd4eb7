"""A small earth in the place of Natural Earth: colours say where a pixel lies, and heights are waves."""

import dataclasses
import hashlib

import numpy as np
from PIL import Image

from keras_genzoo.datasets import named
from keras_genzoo.datasets.sets import earth_relief

SHAPE = (256, 512)
SPLITS = {"train": 40, "test": 8}


def install(folder, setitem, setattr):
    """Writes the three maps, and makes the data set read them.

    Red grows from 0 in the west to 255 in the east, green from 0 in the north to 255 in the south, and blue is 255
    on water.

    Args:
        folder: Path of the folder, the `data_dir` of the data set.
        setitem, setattr: Those of pytest's `monkeypatch`.
    """
    south, east = np.meshgrid(*(np.linspace(0, 1, side) for side in SHAPE), indexing="ij")
    # A strip of sea every 90 degrees.
    water = east % 0.25 < 0.03
    heights = np.where(water, 23, 140 + 100 * np.sin(160 * east + 90 * south))
    colors = np.stack([255 * east, 255 * south, 255.0 * water], axis=-1)
    contents = {"_HEIGHTS": heights, "_COLORS": colors, "_WATER": 255.0 * water}
    for name, values in contents.items():
        archive = getattr(earth_relief, name)
        path = folder / archive.file
        # Whatever its suffix: JPEG would change the values.
        Image.fromarray(np.rint(values).astype("uint8")).save(path, "png")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        setattr(earth_relief, name, dataclasses.replace(archive, sha256=sha256))
    info = named.info("earth_terrain")
    setitem(named._DATASETS, info.name, dataclasses.replace(info, splits=SPLITS))
