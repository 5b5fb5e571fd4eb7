"""Tiles of the game Dungeon Crawl Stone Soup, 32x32; the kind of tile is the class."""

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets import archives
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Images

# Top-level folder of the archive -> class name, in the order of the classes.
_KINDS = {
    "dngn": "dungeon",
    "effect": "effect",
    "gui": "symbol",
    "item": "item",
    "misc": "miscellaneous",
    "mon": "monster",
    "player": "player",
}


def _tiles(dataset, split, data_dir, image_size):
    return archives.folders_as_classes(dataset, _KINDS, split, data_dir, image_size)


_ARCHIVE = archives.Archive(
    folder="dcss_tiles",
    file="dcss_tiles_32.zip",
    sha256="15728946f6a594cc4cc468c561cb33535092575eb2c7345809a64b8e6ee16267",
    origin="the 32x32 pictures in releases/Nov-2015/ of github.com/crawl/tiles at commit a6ea165, without UNUSED/ "
    "and without duplicates",
)

register(
    Info(
        name="dcss_tiles",
        description="tiles of a dungeon game, seven kinds",
        modality=Images((32, 32, 3)),
        condition=Labels(7),
        class_names=tuple(_KINDS.values()),
        splits={"train": 3541, "test": 390},
        make=_tiles,
        archive=_ARCHIVE,
        files=(_ARCHIVE.file,),
        license="CC0 1.0",
        homepage="github.com/crawl/tiles",
        citation="Tiles of Dungeon Crawl Stone Soup, by its artists, CC0 1.0.",
    )
)
