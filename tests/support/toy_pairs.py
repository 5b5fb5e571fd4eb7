"""Generated stand-ins for the archives of pairs, so that the paths of those data sets run without the files."""

import dataclasses
import hashlib
import io
import zipfile

import numpy as np
from PIL import Image

from keras_genzoo.datasets import named
from keras_genzoo.modalities import Images

SIDE = 12
# 23 emoji: number 3 repeats the Noto drawing of number 1, number 7 the Twemoji drawing of number 2.
REPEATS = {"noto": {3: 1}, "twemoji": {7: 2}}
SPLITS = {
    "noto_to_twemoji": {"train": 19, "test": 2},
    "edges_to_emoji": {"train": 19, "test": 2},
    "noto_twemoji_unpaired": {"train": 19, "test": 2},
    "facades": {"train": 5, "validation": 1, "test": 2},
    "summer2winter_yosemite": {"train": 5, "test": 2},
}
YOSEMITE = {"trainA": 5, "trainB": 3, "testA": 2, "testB": 1}


def install(folder, setattr=setattr):
    """Writes small archives to a folder, to be passed as `data_dir`, and puts them in the place of the real ones.

    Args:
        folder: Path of the folder.
        setattr: Pass `monkeypatch.setattr` to undo it after the test.
    """
    files = {
        named.info("emoji").archive: _emoji(),
        named.info("emoji_styles").archive: _fluent(),
        named.info("facades").archive: _facades(),
        named.info("summer2winter_yosemite").archive: _yosemite(),
    }
    written = {archive: _write(folder, archive, pictures) for archive, pictures in files.items()}
    stand_ins = {}
    for name, splits in SPLITS.items():
        info = named.info(name)
        stand_ins[name] = dataclasses.replace(
            info,
            splits=splits,
            modality=Images((SIDE, SIDE, 3)),
            source_modality=Images((SIDE, SIDE, info.source_shape[-1])),
            archive=written[info.archive],
        )
    pairs = stand_ins["noto_to_twemoji"]
    stand_ins["emoji"] = dataclasses.replace(
        named.info("emoji"),
        splits={split: 2 * size for split, size in pairs.splits.items()},
        modality=pairs.modality,
        archive=pairs.archive,
    )
    styles = named.info("emoji_styles")
    # 20 emoji that all styles have and that repeat none.
    stand_ins["emoji_styles"] = dataclasses.replace(
        styles,
        splits={"train": 4 * 18, "test": 4 * 2},
        modality=pairs.modality,
        archive=written[styles.archive],
    )
    setattr(named, "_DATASETS", {**named._DATASETS, **stand_ins})


def _write(folder, archive, files):
    path = folder / archive.folder / archive.file
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as written:
        for name, picture in files.items():
            content = io.BytesIO()
            Image.fromarray(picture).save(content, "png")
            written.writestr(name, content.getvalue())
    return dataclasses.replace(archive, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def drawing(domain, number):
    """The drawing of an emoji: a square whose place and colour tell the number, all else transparent."""
    number = REPEATS.get(domain, {}).get(number, number)
    top, left = divmod(number, 5)
    picture = np.zeros((SIDE, SIDE, 4), "uint8")
    red, blue = {"noto": (200, 0), "twemoji": (0, 200), "fluent_3d": (90, 90)}.get(domain, (150, 150))
    picture[top : top + 6, left : left + 6] = (red, 10 * number, blue, 255)
    return picture


def _emoji():
    return {
        f"{domain}/{number:02d}.png": drawing(domain, number) for domain in REPEATS for number in range(23)
    }


def _fluent():
    """Number 5 has no flat drawing."""
    return {
        f"{domain}/{number:02d}.png": drawing(domain, number)
        for domain in ("fluent_3d", "fluent_flat")
        for number in range(23)
        if (domain, number) != ("fluent_flat", 5)
    }


def _facades():
    """The photograph is gray, as bright as its number tells, the label map as blue."""
    files = {}
    for number in range(8):
        picture = np.zeros((SIDE, 2 * SIDE, 3), "uint8")
        picture[:, :SIDE] = 20 * number
        picture[:, SIDE:, 2] = 20 * number
        files[f"image_{number + 1:03d}.png"] = picture
    return files


def _yosemite():
    return {
        f"{folder}/{number}.png": np.full((SIDE, SIDE, 3), 100 * folder.endswith("B") + 10 * number, "uint8")
        for folder, count in YOSEMITE.items()
        for number in range(count)
    }
