"""Photographs of Yosemite in summer and in winter, unpaired."""

import zipfile

import numpy as np

from keras_genzoo.datasets import archives
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Images


def _seasons(dataset, split, data_dir, image_size):
    """Returns pictures taken in summer and in winter."""
    with zipfile.ZipFile(dataset.archive.find(data_dir)) as archive:
        names = sorted(archive.namelist())
        return tuple(
            np.stack(
                [
                    archives.scaled(archives.picture(archive, name), image_size)
                    for name in names
                    if name.startswith(folder)
                ]
            )
            for folder in (f"{split}A/", f"{split}B/")
        )


_ARCHIVE = archives.Archive(
    folder="summer2winter_yosemite",
    file="summer2winter_subset.zip",
    sha256="93e2133a57cd0ec228f9174de49373e948d47a15add6335ae3652861a2a72c7c",
    origin="779 pictures, none twice, of the folder data/ of github.com/Edgar454/Summer2Winter at commit 849fa9e, "
    "in trainA/, trainB/, testA/ and testB/",
)

register(
    Info(
        name="summer2winter_yosemite",
        description="photographs of summer (375 and 56) and of winter (293 and 55)",
        modality=Images((256, 256, 3)),
        source_modality=Images((256, 256, 3)),
        splits={"train": 375, "test": 56},
        make=_seasons,
        archive=_ARCHIVE,
        files=(_ARCHIVE.file,),
        license="Unclear: photographs from Flickr, whose rights stay with the photographers. Research only.",
        homepage="junyanz.github.io/CycleGAN",
        citation="Zhu, Park, Isola, Efros, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial "
        "Networks, ICCV 2017; a subset without repeats.",
    )
)
