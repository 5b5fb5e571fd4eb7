"""Relative links, as a reader of the repository's host follows them: each leads to a file or folder there."""

import re

import pytest

from tests.support import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\]\((?!https?:|#)([^)\s#]+)[^)\s]*\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = _CODE.sub("", page.read_text("utf-8"))
    assert not [link for link in _LINK.findall(text) if not (page.parent / link).exists()]
