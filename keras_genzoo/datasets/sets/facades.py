"""CMP Facades: label maps and photographs."""

import itertools
import zipfile

from keras_genzoo.datasets import archives
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Images


def _pairs(dataset, split, data_dir, image_size):
    """Returns label maps and photographs. The splits are consecutive ranges of the files."""
    splits = dataset.splits
    first = sum(splits[earlier] for earlier in itertools.takewhile(lambda other: other != split, splits))
    pairs = []
    with zipfile.ZipFile(dataset.archive.find(data_dir)) as archive:
        for name in sorted(archive.namelist())[first : first + splits[split]]:
            picture = archives.picture(archive, name)
            middle = picture.shape[1] // 2
            halves = picture[:, middle:], picture[:, :middle]
            pairs.append([archives.scaled(half, image_size) for half in halves])
    return archives.stacked(pairs)


_ARCHIVE = archives.Archive(
    folder="facades",
    file="facades_500.zip",
    sha256="485c6aea803d9ccc1a61ea43522cd829ae58a1cac98902810224434766d3b346",
    origin="image_001.jpg to image_500.jpg of the folder facades/ of github.com/AlejandroDopico2/GAN-Facades at "
    "commit b352d59, the photograph on the left and its labels on the right",
)

register(
    Info(
        name="facades",
        description="label map and photograph of a facade",
        modality=Images((256, 256, 3)),
        source_modality=Images((256, 256, 3)),
        splits={"train": 400, "validation": 50, "test": 50},
        paired_splits=("train", "validation", "test"),
        make=_pairs,
        archive=_ARCHIVE,
        files=(_ARCHIVE.file,),
        license="Unclear: no license of the authors was found. For research; check the homepage before publishing "
        "anything derived from it.",
        homepage="cmp.felk.cvut.cz/~tylecr1/facade",
        citation="Tylecek, Sara, Spatial Pattern Templates for Recognition of Objects with Regular Structure, GCPR "
        "2013; side by side as in Isola, Zhu, Zhou, Efros, Image-to-Image Translation with Conditional Adversarial "
        "Networks, CVPR 2017; 500 of the 606 pairs, in a split of this library's own.",
    )
)
