"""The data sets' original files, where a machine has them."""

import os
from pathlib import Path

import pytest


def require_original_files(name):
    """The folder `KERAS_GENZOO_DATA_DIR`; skips the test where that holds no files of the named data set."""
    from keras_genzoo import datasets

    archive = datasets.info(name).archive
    # Padded images are made of another set's files.
    name = name.removesuffix("_padded")
    folder = Path(os.environ.get("KERAS_GENZOO_DATA_DIR") or "nowhere")
    if not (folder / (archive.folder if archive else name)).is_dir():
        pytest.skip(f"needs the original files of {name!r} in the folder KERAS_GENZOO_DATA_DIR")
    return folder
