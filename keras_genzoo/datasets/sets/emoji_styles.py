"""The same emoji in four styles, which are the classes: Noto, Twemoji, and two of Fluent."""

import functools
import hashlib
import zipfile

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import archives
from keras_genzoo.datasets.named import Info, info, register
from keras_genzoo.modalities import Images

# Folders in the two archives, in the order of the classes.
_STYLES = ("noto", "twemoji", "fluent_3d", "fluent_flat")


def _drawings(dataset, split, data_dir, image_size):
    """Every tenth of the emoji that all styles have, sorted by name, is a test image."""
    paths = [archive.find(data_dir) for archive in (info("emoji").archive, dataset.archive)]
    images = _of_all_styles(*paths, tuple(image_size))
    chosen = np.arange(images.shape[1]) % 10 == 9
    images = images[:, chosen if split == "test" else ~chosen]
    labels = np.repeat(np.arange(4, dtype="int32"), images.shape[1])
    return images.reshape(-1, *images.shape[2:]), labels


# Both splits, decoded once.
@functools.lru_cache(maxsize=1)
def _of_all_styles(pairs, fluent, image_size):
    """Returns uint8 `(4, n, height, width, 3)`, without emoji that duplicate an earlier one in any style."""
    with zipfile.ZipFile(pairs) as pairs, zipfile.ZipFile(fluent) as fluent:
        files = {}
        for archive in (pairs, fluent):
            for file in archive.namelist():
                style, _, name = file.rpartition(".")[0].partition("/")
                files[style, name] = (archive, file)
        names = set.intersection(*({name for style, name in files if style == each} for each in _STYLES))
        seen, kept = set(), []
        for name in sorted(names):
            drawings = [archives.picture(*files[style, name]) for style in _STYLES]
            keys = {(style, hashlib.sha256(drawing).digest()) for style, drawing in enumerate(drawings)}
            if not keys & seen:
                kept.append([archives.scaled(drawing, image_size) for drawing in drawings])
            seen |= keys
    return np.swapaxes(np.array(kept), 0, 1)


_ARCHIVE = archives.Archive(
    folder="emoji_fluent",
    file="emoji_fluent.zip",
    sha256="6eafbf8da1cd494b3bdeb4d5aa94c002542622a22227448254ae2542e8ae6b5e",
    origin="Fluent emoji of the npm packages @lobehub/fluent-emoji-3d 1.1.0, unchanged, and "
    "@iconify-json/fluent-emoji-flat 1.2.6, rendered at 112x112, without skin tones, as fluent_3d/CODE.webp and "
    "fluent_flat/CODE.webp; the file of the dataset `emoji` is needed too",
)

register(
    Info(
        name="emoji_styles",
        description="emoji drawn in four styles; the style is the class",
        modality=Images((112, 112, 3)),
        condition=Labels(4),
        class_names=("Noto", "Twemoji", "Fluent 3D", "Fluent flat"),
        splits={"train": 4 * 1412, "test": 4 * 156},
        make=_drawings,
        archive=_ARCHIVE,
        files=(_ARCHIVE.file,),
        license=f"{info('emoji').license} Fluent emoji, Copyright Microsoft Corporation, MIT.",
        homepage=f"{info('emoji').homepage}, github.com/microsoft/fluentui-emoji",
        citation="Noto Emoji, Copyright Google LLC; Twemoji graphics, Copyright Twitter, Inc and other contributors, "
        "CC BY 4.0; Fluent emoji, Copyright Microsoft Corporation, MIT.",
    )
)
