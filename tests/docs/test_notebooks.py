"""The notebooks: Jupytext makes them of their sources, and a kernel runs them from beginning to end."""

import re

import numpy as np
import pytest
from PIL import Image

from tests.support import ROOT

FOLDER = ROOT / "docs/notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))

of_notebooks = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@of_notebooks
def test_notebooks_are_in_the_index_and_say_where_to_go_next(source):
    text = source.read_text("utf-8")
    title = re.match(r"# %% \[markdown\]\n# # (.+)\n", text)[1]
    assert f"[{title}]({source.name})" in (FOLDER / "index.md").read_text("utf-8")
    assert "\n# ## Where to go next\n" in text[text.rindex("# %% [markdown]") :]


def run(source, folder):
    """The notebook of a source, run in a folder, with what its cells have given."""
    jupytext = pytest.importorskip("jupytext", reason="Jupytext of the extra `notebooks` is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient of the extra `notebooks` is not installed")
    notebook = jupytext.read(source)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    return notebook


def printed(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def stated(text, words):
    """The numbers that stand behind words."""
    return [float(number) for number in re.findall(rf"{words}:? ([\d.e+-]+)", text)]


def check_own_pictures(text, folder):
    assert len(list((folder / "pictures").glob("*.png"))) == 256
    assert len(list((folder / "runs/pictures/samples").glob("*.png"))) == 20
    assert "Epoch 20/20" in text and (folder / "my_pictures/model.weights.h5").is_file()


def check_latent_arithmetic(text, folder):
    (share,) = stated(text, "read as 9")
    assert share >= 0.5


def check_translation(text, folder):
    assert "(4, 64, 64, 1) to (4, 64, 64, 3)" in text and "(90, 100, 3)" in text
    assert Image.open(folder / "translations/face.png").size == (100, 90)


def check_serving(text, folder):
    assert len(stated(text, "largest difference")) == 2
    assert "200 image/png" in text and stated(text, "status") == [0]


def check_adding_a_family(text, folder):
    (covered,) = stated(text, "modes_covered")
    assert covered >= 6 and "`latents` must have the shape (num, 2)" in text


CHECKS = {
    "02_own_pictures": check_own_pictures,
    "03_latent_arithmetic": check_latent_arithmetic,
    "04_translation": check_translation,
    "05_serving": check_serving,
    "06_adding_a_family": check_adding_a_family,
}


@of_notebooks
@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.timeout(1200)
def test_notebooks_run(source, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    notebook = run(source, tmp_path)
    text = printed(notebook)
    # Each cell that opens a picture shows it.
    shown = 0
    for cell in notebook.cells:
        if match := re.search(r'^Image\.open\("(\w+\.png)"\)$', cell.source, re.MULTILINE):
            assert any("image/png" in output.get("data", {}) for output in cell.outputs), cell.source
            assert np.asarray(Image.open(tmp_path / match[1])).std() > 10, match[1]
            shown += 1
    assert shown
    # Of images in [-1, 1]; of bytes one, on either side of a half.
    largest = 1 if "uint8" in text else 1e-3
    assert all(difference <= largest for difference in stated(text, "largest difference"))
    if check := CHECKS.get(source.stem):
        check(text, tmp_path)
