import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "tools" / "convert"


@pytest.fixture(scope="module")
def tool(request):
    """The converter that a test file is named after, as a module."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    return _module(name)


@pytest.fixture(scope="module")
def read_state():
    return _module("state").read_state


def _module(name):
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location(f"convert_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module
