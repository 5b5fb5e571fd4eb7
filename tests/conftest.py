import os
from pathlib import Path

# Tiny models spend their time in the compiler: JAX's processes share what they have compiled.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import keras
import pytest

pytest.register_assert_rewrite("tests.support")


def pytest_collection_modifyitems(items):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return
    skip = pytest.mark.skip(reason=f"needs the TensorFlow backend; this run has KERAS_BACKEND={backend}")
    for item in items:
        if "tensorflow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from the same random state, whichever ran before it."""
    keras.utils.set_random_seed(0)
