"""The tiers of the tests: see "Tests" in CONTRIBUTING.md."""

import contextlib
import gc
import os
from pathlib import Path

# Tiny models spend their time in the compiler: JAX's processes share what they have compiled.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
if os.environ.get("KERAS_BACKEND") == "jax":
    # Of tiny steps the optimization takes longer than what it saves.
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    )

import keras
import pytest

pytest.register_assert_rewrite("tests.support")

from tests.support.training import eagerly  # noqa: E402

HERE = Path(__file__).parent
BACKEND = keras.backend.backend()

# Files and folders whose tests do not depend on the Keras backend: each test has the marker `any_backend`.
ANY_BACKEND = (
    "convert",
    "datasets",
    "docs",
    "explore",
    "metrics/test_frechet.py",
    "metrics/test_inception_score.py",
    "metrics/test_kernel_distance.py",
    "metrics/test_manifold.py",
    "metrics/test_modes.py",
    "metrics/test_sliced_wasserstein.py",
    "presets/test_card.py",
    "presets/test_download.py",
    "presets/test_hub.py",
    "presets/test_publish.py",
    "presets/test_resolution.py",
    "presets/test_web.py",
    "test_arguments.py",
    "test_build_checkpoints.py",
    "test_cli.py",
    "test_cli_upscale.py",
    "test_inputs.py",
    "test_packaging.py",
    "test_pictures.py",
    "test_tiers.py",
    "test_visualization.py",
)

# Files and folders whose slow tests `.ci/run` runs.
CI = (
    "faults/test_workers.py",
    "presets/test_hub.py",
    "serving",
    "test_export.py",
    "test_export_deployment.py",
    "test_export_networks.py",
    "test_packaging.py",
    "test_training.py",
)

# Folders whose tests take steps of tiny models: see `_is_eager`.
EAGER = ("augmentation", "callbacks", "convert", "layers", "models", "networks")

_left_out = pytest.StashKey[int]()


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also run the tests of the full tier")
    parser.addoption("--ci", action="store_true", help="run the tests that .ci/run adds to the default tier")


def pytest_configure(config):
    config.stash[_left_out] = 0


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        _mark(item)
    # pytest selects by `-m` and `-k`.
    yield
    if config.getoption("--all"):
        return
    is_in_tier = _has_ci if config.getoption("--ci") else _in_default_tier
    left_out = [item for item in items if not is_in_tier(item)]
    if left_out:
        items[:] = [item for item in items if is_in_tier(item)]
        config.hook.pytest_deselected(items=left_out)
        config.stash[_left_out] = len(left_out)


def _mark(item):
    """Adds the markers that follow from the place of a test, and from its parameters."""
    if any(item.path.is_relative_to(HERE / place) for place in ANY_BACKEND):
        item.add_marker("any_backend")
    if mark := item.get_closest_marker("slow_but"):
        if item.callspec.id not in mark.args:
            item.add_marker("slow")
        elif mark.kwargs.get("ci"):
            item.add_marker("ci")
    if item.get_closest_marker("slow") and any(item.path.is_relative_to(HERE / place) for place in CI):
        item.add_marker("ci")
    if BACKEND != "tensorflow" and item.get_closest_marker("tensorflow"):
        reason = f"needs the TensorFlow backend; this run has KERAS_BACKEND={BACKEND}"
        item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish():
    # The garbage collector need not look again at what was imported.
    gc.freeze()


def _has_ci(item):
    return item.get_closest_marker("ci") is not None


def _in_default_tier(item):
    slow = item.get_closest_marker("slow")
    if BACKEND == "tensorflow":
        return not slow and not _has_ci(item)
    if item.get_closest_marker("any_backend") or item.get_closest_marker("per_family"):
        return False
    return not slow or item.get_closest_marker("representative")


# With pytest-xdist each process collects all tests: the first that ends tells how many it has left out.


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash[_left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[_left_out] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter, config):
    if left_out := config.stash[_left_out]:
        terminalreporter.write_line(f"{left_out} other tests were left out: `pytest --all` runs all.")


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from the same random state, whichever ran before it."""
    keras.utils.set_random_seed(0)


def _is_eager(item):
    """Whether a test is one of a tiny model, whose step takes TensorFlow far longer to compile than to run.

    The full tier compiles all of them, and JAX does so in every tier.
    """
    return (
        not item.config.getoption("--all")
        and any(item.path.is_relative_to(HERE / place) for place in EAGER)
        and not item.get_closest_marker("compiled")
        and not item.get_closest_marker("slow")
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    with eagerly() if _is_eager(item) else contextlib.nullcontext():
        return (yield)
