"""The examples of the docstrings run, and public functions say which errors they raise."""

import ast
import doctest
import importlib
import inspect
import textwrap

import keras
import numpy as np
import pytest

import keras_genzoo
from tests.docs import stand_ins
from tests.docs.blocks import blocks, is_left_out, run
from tests.support import ROOT

# Blocks that are not run, by the object and words in the block, and why.
LEFT_OUT = {
    ("keras_genzoo.arguments", "def sample(self"): "a method without a body",
    (
        "keras_genzoo.presets.preset_model.PresetModel.push_to_hub",
        "hf://",
    ): "writes to another host: tests/presets/test_hub.py",
}


def docstrings():
    """Dict of the objects whose docstring has an example -> their file, the line of the docstring, and its text."""
    found = {}
    for path in sorted((ROOT / "keras_genzoo").rglob("*.py")):
        text = path.read_text("utf-8")
        if "```python" in text or ">>> " in text:
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for name, node in documented(ast.parse(text), module):
                docstring = ast.get_docstring(node, clean=False) or ""
                if "```python" in docstring or ">>> " in docstring:
                    found[name] = path, node.body[0].lineno - 1, docstring
    return found


def documented(node, name):
    """Pairs of names and nodes: a module, class or function, and what is defined in a module or class."""
    yield name, node
    if not isinstance(node, ast.FunctionDef):
        for child in node.body:
            if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                yield from documented(child, f"{name}.{child.name}")


DOCSTRINGS = docstrings()


@pytest.fixture
def float32():
    """An example may set another precision."""
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", DOCSTRINGS)
def test_examples_run(name, tmp_path, monkeypatch, float32):
    path, line, docstring = DOCSTRINGS[name]
    stand_ins.install(tmp_path, monkeypatch)
    names = {"keras_genzoo": keras_genzoo, "kg": keras_genzoo, "keras": keras, "np": np}
    for offset, code in blocks(docstring, "python"):
        if not is_left_out(LEFT_OUT, name, code):
            run(code, path, line + offset, {**names, **stand_ins.names_for_docstring(code)})
    # Of a session the module's own names are known, as `doctest` has it.
    module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    namespace = {**names, **vars(importlib.import_module(module))}
    session = doctest.DocTestParser().get_doctest(docstring, namespace, name, str(path), line)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(session).failed == 0


@pytest.mark.parametrize(("name", "words"), LEFT_OUT)
def test_examples_that_are_left_out_exist(name, words):
    assert any(words in code for _, code in blocks(DOCSTRINGS[name][2], "python"))


def public():
    """Triples of the name of a public class or function, the object, and the function that raises its errors."""
    for name in sorted(keras_genzoo.__all__):
        module = getattr(keras_genzoo, name)
        if inspect.ismodule(module):
            own = [key for key, value in vars(module).items() if _is_defined_in(module, key, value)]
            for key in getattr(module, "__all__", own):
                value = getattr(module, key)
                if inspect.isclass(value) and "__init__" in vars(value):
                    yield f"{name}.{key}", value, vars(value)["__init__"]
                elif inspect.isfunction(value):
                    yield f"{name}.{key}", value, value


def _is_defined_in(module, name, value):
    return not name.startswith("_") and getattr(value, "__module__", None) == module.__name__


def raised(function):
    """Names of the `ValueError` and `TypeError` that the body of a function raises itself."""
    function = inspect.unwrap(function)
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return set()  # The constructor of a dataclass or a tuple has no source.
    nodes = ast.walk(ast.parse(textwrap.dedent(source)))
    errors = [
        node.exc.func for node in nodes if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    return {error.id for error in errors if isinstance(error, ast.Name)} & {"ValueError", "TypeError"}


def test_errors_are_documented():
    undocumented = {
        name: error
        for name, value, function in public()
        for error in raised(function)
        if error not in (inspect.getdoc(value) or "").partition("Raises:")[2]
    }
    assert undocumented == {}
