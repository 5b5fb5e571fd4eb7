import importlib.util

import pytest

NEEDED = ("fastapi", "uvicorn", "uvloop", "httptools", "prometheus_client", "onnxruntime", "tf2onnx")
MISSING = [package for package in NEEDED if importlib.util.find_spec(package) is None]


def pytest_collection_modifyitems(items):
    if MISSING:
        skip = pytest.mark.skip(
            reason=f"{', '.join(MISSING)} of the extras `serve` and `export` is not installed"
        )
        for item in items:
            if "tests/serving" in str(item.path):
                item.add_marker(skip)
