"""The site: it builds without a warning, shows what the docstrings say, and asks no other host for anything."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import keras_genzoo as kg
from tests.support import ROOT

pytest.importorskip("mkdocs")
pytest.importorskip("mkdocstrings_handlers.python")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CHECKPOINTS = sorted(path.parent for path in (ROOT / "checkpoints").glob("*/metadata.json"))


def build(configuration, output):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", configuration, "-d", output]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    output = tmp_path_factory.mktemp("site")
    built = build(ROOT / "tools/site/mkdocs.yml", output)
    assert built.returncode == 0, built.stderr + built.stdout
    return output


def pages(site):
    return {str(path.relative_to(site)): path.read_text("utf-8") for path in sorted(site.rglob("*.html"))}


def text_of(page):
    """What a reader sees, without code."""
    for element in ("script", "style", "pre", "code"):
        page = re.sub(rf"<{element}\b.*?</{element}>", "", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", "", page)


def test_every_page_of_the_repository_is_there(site):
    for path in (ROOT / "docs").rglob("*.md"):
        assert (site / path.relative_to(ROOT / "docs").with_suffix(".html")).is_file()
    for name in ("changelog", "contributing", "gallery"):
        assert (site / f"{name}.html").is_file()


def test_the_gallery_shows_the_checkpoints(site):
    gallery = (site / "gallery.html").read_text("utf-8")
    # Their samples are poor: the gallery has only links to their cards.
    not_shown = {"pix2pix_noto_to_twemoji", "progressive_gan_emoji_64"}
    for folder in CHECKPOINTS:
        metadata = json.loads((folder / "metadata.json").read_text("utf-8"))
        assert (site / f"checkpoints/{folder.name}.html").is_file()
        assert f'href="checkpoints/{folder.name}.html"' in gallery
        assert (f'<h2 id="{folder.name}">' in gallery) == (folder.name not in not_shown)
        if "samples.png" in metadata["files"]:
            picture = f'src="checkpoints/{folder.name}/samples.png"'
            assert (picture in gallery) == (folder.name not in not_shown)
            assert (site / f"checkpoints/{folder.name}/samples.png").read_bytes() == (
                folder / "samples.png"
            ).read_bytes()


def test_links_to_the_repository_lead_to_the_pages_made_from_it(site):
    # Not in the navigation, which has them anyway.
    text = re.search(r"<article.*?</article>", (site / "index.html").read_text("utf-8"), re.DOTALL)[0]
    assert 'href="gallery.html"' in text and 'href="api/models.html"' in text


def test_notebooks_are_pages_of_prose_and_listings(site):
    for path in (ROOT / "docs/notebooks").glob("*.py"):
        page = (site / f"notebooks/{path.stem}.html").read_text("utf-8")
        assert "# %%" not in page
        assert page.count("<pre") >= path.read_text("utf-8").count("\n# %%\n")
        assert 'id="where-to-go-next"' in page and not re.search(r'href="[^"]*\.py"', page)


def test_the_reference_has_all_public_names(site):
    for module in set(kg.__all__) - {"__version__"}:
        page = (site / f"api/{module}.html").read_text("utf-8")
        for name in getattr(getattr(kg, module), "__all__", ()):
            assert re.search(rf'id="keras_genzoo\.(\w+\.)*{name}"', page), (module, name)


def test_docstrings_are_laid_out(site):
    for name, page in pages(site).items():
        if name.startswith("api/"):
            left = re.search(r"\b(Args|Arguments):|```|>>>|\bTABLE\b|\bMEASURES\b", text_of(page))
            assert left is None, (name, left)
    models = (site / "api/models.html").read_text("utf-8")
    # Of the constructor, of a `compile` that is made of the players, and of the table of data sets.
    assert "separate_batches" in models and "critic_optimizer" in models
    assert "summer2winter_yosemite" in (site / "api/datasets.html").read_text("utf-8")


def test_formulas_are_laid_out(site):
    for name, page in pages(site).items():
        assert "arithmatex" not in page and not re.search(r"\$\$|\\frac|\\mathbb", text_of(page)), name


def test_pictures_exist_and_no_other_host_is_asked(site):
    for name, page in pages(site).items():
        for address in re.findall(r'<(?:img|script|iframe)\b[^>]*?\bsrc="([^"]+)"', page):
            if not address.startswith("data:") and name != "404.html":
                assert (site / name).parent.joinpath(address).resolve().is_file(), (name, address)
        for address in re.findall(r'<link\b[^>]*?\bhref="([^"]+)"', page):
            assert not address.startswith(("http:", "https:", "//")), (name, address)


def test_broken_links_fail_the_build(tmp_path):
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "checkpoints", "keras_genzoo"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("docs", "tools/site"):
        shutil.copytree(ROOT / name, tmp_path / name)
    broken = ("gone.md", "guide/index.md#gone", "../checkpoints/gone/README.md", "pictures/gone.png")
    with (tmp_path / "docs/scale.md").open("a") as page:
        page.writelines(f"\n\n[text]({link})" for link in broken)
    built = build(tmp_path / "tools/site/mkdocs.yml", tmp_path / "site")
    messages = built.stderr + built.stdout
    assert built.returncode == 1 and "4 warnings" in messages
    for link in broken:
        assert link.removeprefix("../") in messages
