"""The page about data sets: it has all of them, their files, and the commands that make their archives."""

import re

import pytest

from keras_genzoo.datasets import named
from tests.support import ROOT

PAGE = (ROOT / "docs/guide/data_sets.md").read_text("utf-8")


@pytest.mark.parametrize("name", named._DATASETS)
def test_a_data_set_and_its_files_are_on_the_page(name):
    dataset = named.info(name)
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line]
    assert rows
    if dataset.archive is not None:
        assert any(f"`{dataset.archive.folder}/{dataset.archive.file}`" in row for row in rows)
    for file in dataset.files:
        assert file in PAGE


def test_commands_make_the_archives_of_the_table(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import make_archives

    assert set(re.findall(r"`make_archives.py (\w+)`", PAGE)) == set(make_archives.FILES)
    assert set(re.findall(r"^python tools/make_archives.py (\w+)", PAGE, re.MULTILINE)) == set(
        make_archives.FILES
    )
