"""The numbers of released models on the pages are those in their metadata."""

import json
import re

import pytest

from tests.support import ROOT

PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]
RESULTS = {
    path.parent.name: [result["value"] for result in json.loads(path.read_text("utf-8"))["results"]]
    for path in (ROOT / "checkpoints").glob("*/metadata.json")
}
# Columns of other images and with times, and the first of the columns of other priors.
OTHER = ("for comparison", "training images", "same number of training images", "milliseconds")
OTHER_PRIORS = "10 components: log-density, distance"

_NAME = re.compile(r"\[?`?(\w+)`?(\]\(.*\))?")
_NUMBER = re.compile(r"(?<![\w.,])-?\d+\.(\d+)(?!\w)")


def numbers(page):
    """Triples of a released model, a number in its row of a table, and the number of decimals."""
    header = name = None
    for line in (ROOT / page).read_text("utf-8").splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if header is None:
            header = cells
        # A row without a name belongs to the name above.
        elif found := _NAME.fullmatch(cells[0]):
            name = found[1]
        elif cells[0]:
            name = None
        if header is not cells and name in RESULTS and OTHER_PRIORS not in header:
            for title, cell in zip(header[1:], cells[1:], strict=True):
                if title not in OTHER:
                    yield from ((name, match[0], len(match[1])) for match in _NUMBER.finditer(cell))


@pytest.mark.parametrize("page", [page for page in PAGES if list(numbers(page))])
def test_results_are_those_of_the_metadata(page):
    # Of fractions, or in percent; a last digit 5 may be rounded up or down.
    wrong = [
        (name, number)
        for name, number, decimals in numbers(page)
        if not any(
            abs(scale * value - float(number)) < 0.5001 * 10**-decimals
            for value in RESULTS[name]
            for scale in (1, 100)
        )
    ]
    assert wrong == []


def test_results_are_found():
    assert len(list(numbers("docs/results.md"))) > 60 and len(list(numbers("README.md"))) > 25
