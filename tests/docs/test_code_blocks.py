"""The blocks of the pages: Python runs, in the order of the page, and commands are ones that `genzoo` takes."""

import argparse
import re
import shlex

import keras
import pytest

from keras_genzoo import cli
from tests.docs import stand_ins
from tests.docs.blocks import blocks, is_left_out, run
from tests.support import ROOT

PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]

# Blocks that are not run, by the page and words in the block, and why.
LEFT_OUT = {
    (
        "docs/guide/editing.md",
        "find_attributes",
    ): "takes features of 5,000 samples of a StyleGAN2 that is not released",
    ("docs/serving.md", "requests.post"): "asks a server: tests/serving",
    ("docs/serving.md", "tritonclient"): "asks a server: tests/serving",
    ("docs/weights.md", "hf://owner/my_gan@main"): "asks other hosts: tests/presets",
    ("docs/weights.md", "my_biggan"): "the weights are another project's",
    ("docs/weights.md", "push_to_hub"): "writes to another host: tests/presets/test_hub.py",
    ("docs/several_devices.md", "logical_device"): "before TensorFlow has started: tests/support/replicas.py",
    ("docs/several_devices.md", "DataParallel"): "on JAX: tests/backends/test_several_devices.py",
}


def blocks_of(page, language):
    return blocks((ROOT / page).read_text("utf-8"), language)


def commands(page):
    """Lines of the page's shell blocks that call `genzoo`, as lists of arguments."""
    for line, code in blocks_of(page, "sh"):
        for command in code.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|", command):
                words = shlex.split(part, comments=True)
                if words[:1] == ["genzoo"]:
                    yield line, words[1:]


@pytest.fixture
def float32():
    """A block may set another precision."""
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.slow_but("docs/index.md", "docs/faq.md", ci=True)
@pytest.mark.tensorflow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page, "python")])
def test_python_runs(page, tmp_path, monkeypatch, float32):
    stand_ins.install(tmp_path, monkeypatch)
    namespace = {"__name__": "page"}
    for line, code in blocks_of(page, "python"):
        if not is_left_out(LEFT_OUT, page, code):
            run(code, ROOT / page, line, namespace)


@pytest.mark.parametrize("page", [page for page in PAGES if list(commands(page))])
def test_commands_are_known(page, monkeypatch):
    def refuse(parser, message):
        raise ValueError(message)

    monkeypatch.setattr(argparse.ArgumentParser, "error", refuse)
    parser = cli._parser()
    for line, arguments in commands(page):
        try:
            options = parser.parse_args(arguments)
        except ValueError as error:
            pytest.fail(f"{page}, block at line {line}: genzoo {shlex.join(arguments)}: {error}")
        recipe = getattr(options, "recipe", None)
        if options.command == "train" and recipe and "/" not in recipe and recipe.islower():
            assert (ROOT / f"tools/recipes/{recipe}.toml").is_file(), recipe


@pytest.mark.parametrize(("page", "words"), LEFT_OUT)
def test_blocks_that_are_left_out_exist(page, words):
    assert any(words in code for _, code in blocks_of(page, "python"))
