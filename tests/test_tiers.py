"""The tiers of the tests, by a small suite of one test of each kind."""

import pytest

from tests import conftest

pytest_plugins = "pytester"

SUITE = """
import pytest

def test_plain(): pass

@pytest.mark.slow
def test_slow(): pass

@pytest.mark.ci
def test_ci(): pass

@pytest.mark.slow
@pytest.mark.representative
def test_representative(): pass

@pytest.mark.slow_but("kept")
@pytest.mark.parametrize("case", ["kept", "more"])
def test_cases(case): pass

@pytest.mark.slow_but("kept", ci=True)
@pytest.mark.parametrize("case", ["kept", "more"])
def test_long_cases(case): pass

@pytest.mark.any_backend
def test_any_backend(): pass

@pytest.mark.tensorflow
def test_tensorflow(): pass
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Function that runs the suite; returns the names of the tests that passed, and what pytest wrote."""
    pytester.makepyfile(SUITE)
    markers = ("slow", "ci", "slow_but", "representative", "any_backend", "tensorflow")
    pytester.makeini("[pytest]\nmarkers =\n" + "\n".join(f"    {marker}:" for marker in markers))

    def run(*options, backend="tensorflow"):
        monkeypatch.setattr(conftest, "BACKEND", backend)
        result = pytester.runpytest("-p", "tests.conftest", "-rp", "--strict-markers", *options)
        assert result.ret == 0
        passed = {line.rpartition("::test_")[2] for line in result.outlines if line.startswith("PASSED")}
        return passed, result.stdout.str()

    return run


# Processes of pytest-xdist import Keras.
@pytest.mark.slow_but("one process")
@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_what_the_default_tier_leaves_out_is_told(run, options):
    passed, output = run(*options)
    assert passed == {"plain", "cases[kept]", "any_backend", "tensorflow"}
    assert "6 other tests were left out: `pytest --all` runs all." in output


def test_the_tier_of_continuous_integration(run):
    passed, _ = run("--ci")
    assert passed == {"ci", "long_cases[kept]"}


def test_files_and_folders_with_markers_exist():
    for place in (*conftest.ANY_BACKEND, *conftest.CI, *conftest.EAGER):
        assert (conftest.HERE / place).exists(), place


def test_the_full_tier_is_everything(run):
    passed, output = run("--all")
    assert passed == {
        "plain",
        "slow",
        "ci",
        "representative",
        "cases[kept]",
        "cases[more]",
        "long_cases[kept]",
        "long_cases[more]",
        "any_backend",
        "tensorflow",
    }
    assert "left out" not in output


def test_another_backend_runs_what_depends_on_it(run):
    passed, output = run(backend="jax")
    assert passed == {"plain", "ci", "representative", "cases[kept]", "long_cases[kept]"}
    assert "4 other tests were left out" in output and "1 skipped" in output
