"""Emoji of Noto and Twemoji: single images of both styles, pairs, and edges with their drawings."""

import dataclasses
import functools
import hashlib
import zipfile

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import archives
from keras_genzoo.datasets.edges import edges
from keras_genzoo.datasets.generated import SEEDS
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.images import pixels
from keras_genzoo.modalities import Images


def _pairs(dataset, split, data_dir, image_size):
    """Returns the drawings of the same emoji by Noto and by Twemoji."""
    drawings = _drawings(dataset.archive.find(data_dir))[split]
    return tuple(archives.resized(images, image_size) for images in drawings)


def _unpaired(dataset, split, data_dir, image_size):
    noto, twemoji = _pairs(dataset, split, data_dir, image_size)
    if split not in dataset.paired_splits:
        twemoji = twemoji[np.random.RandomState(SEEDS[split]).permutation(len(twemoji))]
    return noto, twemoji


def _of_both_styles(dataset, split, data_dir, image_size):
    styles = _pairs(dataset, split, data_dir, image_size)
    labels = np.repeat(np.arange(2, dtype="int32"), [len(style) for style in styles])
    return np.concatenate(styles), labels


def _with_edges(dataset, split, data_dir, image_size):
    drawings, _ = _pairs(dataset, split, data_dir, image_size)
    # In parts: computing edges takes many times the memory of the images.
    parts = (edges(drawings[first : first + 64]) for first in range(0, len(drawings), 64))
    return np.concatenate([pixels.to_uint8(part) for part in parts]), drawings


# 140 MB. All drawings must be decoded to drop duplicates, for any split and size.
@functools.lru_cache(maxsize=1)
def _drawings(path):
    """Returns a dict of split -> drawings of Noto and of Twemoji, uint8 `(n, 112, 112, 3)`."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name.partition("/")[2] for name in archive.namelist() if name.startswith("noto/"))
        seen = set()
        pairs = []
        for name in names:
            pair = [archives.picture(archive, f"{domain}/{name}") for domain in ("noto", "twemoji")]
            keys = {(domain, hashlib.sha256(picture).digest()) for domain, picture in enumerate(pair)}
            if not keys & seen:
                pairs.append(pair)
            seen |= keys
    return {
        "train": archives.stacked(pair for number, pair in enumerate(pairs) if number % 10 != 9),
        "test": archives.stacked(pairs[9::10]),
    }


_ARCHIVE = archives.Archive(
    folder="emoji_pairs",
    file="emoji_noto_twemoji_112.zip",
    sha256="e588b5dd59be595d568d519d183d1433eb2c4265be6af06f80bc9dd25bbbb266",
    origin="the 1,898 pictures that github.com/RealityRipple/emoji at commit db08071 has under the same name in "
    "both noto/ and twemoji/, without skin tones, 112x112 RGBA png",
)

_NOTO_TO_TWEMOJI = register(
    Info(
        name="noto_to_twemoji",
        description="two drawings of an emoji",
        modality=Images((112, 112, 3)),
        source_modality=Images((112, 112, 3)),
        splits={"train": 1678, "test": 186},
        paired_splits=("train", "test"),
        make=_pairs,
        archive=_ARCHIVE,
        files=(_ARCHIVE.file,),
        license="Noto Emoji, Copyright Google LLC, Apache License 2.0 (SIL OFL 1.1 in the repository the files are "
        "from). Twemoji graphics, Copyright Twitter, Inc and other contributors, CC BY 4.0.",
        homepage="github.com/googlefonts/noto-emoji, github.com/jdecked/twemoji",
        citation="Noto Emoji, Copyright Google LLC; Twemoji graphics, Copyright Twitter, Inc and other "
        "contributors, CC BY 4.0; both taken from github.com/RealityRipple/emoji at db08071.",
    )
)

register(
    dataclasses.replace(
        _NOTO_TO_TWEMOJI,
        name="noto_twemoji_unpaired",
        description="two drawings of an emoji, unpaired in train",
        paired_splits=("test",),
        make=_unpaired,
    )
)

register(
    dataclasses.replace(
        _NOTO_TO_TWEMOJI,
        name="emoji",
        description="emoji drawn in two styles; the style is the class",
        source_modality=None,
        condition=Labels(2),
        class_names=("Noto", "Twemoji"),
        splits={"train": 2 * 1678, "test": 2 * 186},
        paired_splits=(),
        make=_of_both_styles,
    )
)

register(
    dataclasses.replace(
        _NOTO_TO_TWEMOJI,
        name="edges_to_emoji",
        description="edges and drawing of an emoji",
        source_modality=Images((112, 112, 1)),
        make=_with_edges,
        license="Noto Emoji, Copyright Google LLC, Apache License 2.0 (SIL OFL 1.1 in the repository the files are "
        "from).",
        homepage="github.com/googlefonts/noto-emoji",
        citation="Noto Emoji, Copyright Google LLC; taken from github.com/RealityRipple/emoji at db08071.",
    )
)
