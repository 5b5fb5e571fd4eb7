"""What is installed: a wheel without the checkout, and imports that stay light."""

import configparser
import functools
import http.server
import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import keras_genzoo as kg
from tests import support
from tools import build_package

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder with the package installed from a wheel, away from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    # From a copy of the tracked files: a wheel must not depend on what lies about in the checkout.
    archive = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in archive.splitlines():
        if name.split("/")[0] in ("keras_genzoo", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, folder / "source"], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def run_installed(installed, code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(installed), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=installed, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_wheel_downloads_what_the_checkout_holds(installed, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=ROOT / "checkpoints")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code = """
import keras_genzoo as kg
total = abs(kg.models.load("classifier_mnist").network.get_weights()[0]).sum()
print()
print(kg.__file__, float(total))
"""
        finished = run_installed(
            installed,
            code,
            KERAS_HOME=str(tmp_path),
            KERAS_GENZOO_BASE_URL=f"http://127.0.0.1:{server.server_port}",
        )
        server.shutdown()
    assert finished.returncode == 0, finished.stderr
    file, total = finished.stdout.splitlines()[-1].split()
    assert Path(file).is_relative_to(installed)
    expected = abs(kg.models.load("classifier_mnist").network.get_weights()[0]).sum()
    assert float(total) == pytest.approx(float(expected), rel=1e-6)
    assert (tmp_path / "keras_genzoo" / "classifier_mnist" / "model.weights.h5").exists()


@pytest.mark.slow
def test_a_wheel_without_an_origin_says_what_to_set(installed, tmp_path):
    code = "import keras_genzoo as kg; kg.models.load('classifier_mnist')"
    finished = run_installed(installed, code, KERAS_HOME=str(tmp_path), KERAS_GENZOO_BASE_URL="")
    assert finished.returncode != 0
    assert "KERAS_GENZOO_BASE_URL" in finished.stderr


@pytest.mark.slow
def test_both_wheels_in_a_fresh_environment_draw_without_a_checkout_or_a_network(installed, tmp_path):
    build = [sys.executable, ROOT / "tools" / "build_checkpoints.py", "--output", tmp_path / "dist"]
    subprocess.run(build, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    wheels = [*installed.parent.glob("*.whl"), *(tmp_path / "dist").glob("*.whl")]
    assert len(wheels) == 2 and wheels[1].stat().st_size < 75e6

    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", *wheels], check=True)
    # TensorFlow, where the tests have it: not before, since pip would find this library there as well.
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))

    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("KERAS_GENZOO", "PYTHON"))
    }
    finished = subprocess.run(
        [environment / "bin" / "genzoo", "sample", "dcgan_fashion_mnist", "--output", "samples.png"],
        cwd=tmp_path,
        env={**variables, "KERAS_HOME": str(tmp_path / "keras")},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    kg.visualization.save_grid(
        kg.models.load("dcgan_fashion_mnist").sample(64, seed=0), tmp_path / "expected.png", scale=2
    )
    drawn, expected = (
        np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("samples.png", "expected.png")
    )
    assert np.abs(drawn - expected).max() <= 1
    where = "import keras_genzoo as kg; print(kg.__file__, kg.presets.metadata('vae_mnist')['stored'])"
    told = subprocess.run([python, "-c", where], cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert told.stdout.startswith(str(site)), told.stderr
    assert "'networks': ['encoder', 'decoder', 'prior']" in told.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder of the sdist and the wheel that are released."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("built")
    program = [sys.executable, ROOT / "tools" / "build_package.py", "--output", folder]
    subprocess.run(program, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_the_sdist_is_complete_and_its_tests_are_found(built, tmp_path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # Without `filter`, which Python 3.11 has from 3.11.4 on: the archive is our own.
        archive.extractall(tmp_path)
    (unpacked,) = tmp_path.iterdir()
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [name for name in tracked.splitlines() if not (unpacked / name).is_file()] == []
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-m", "pytest", "--all", "--collect-only", "-p", "no:cacheprovider"]
    finished = subprocess.run(command, cwd=unpacked, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-3000:]


@pytest.mark.slow
def test_an_index_can_show_what_is_released(built):
    pytest.importorskip("twine", reason="twine, of the extra `check`, is not installed")
    files = [*built.iterdir()]
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True
    )
    assert checked.returncode == 0, checked.stdout
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        shown = archive.read(name).decode()
    assert "docs/weights.md" in shown and "genzoo sample dcgan_fashion_mnist" in shown
    # What is left of links and pictures is elsewhere on the web.
    assert all(target.startswith("https://") for target in re.findall(r"\]\(([^)]*)\)", shown))


def test_readme_without_a_checkout_keeps_its_words():
    text = "# Title\n\n![Samples](checkpoints/a.png)\n\nSee [the guide](docs/index.md#top) and [Keras](https://keras.io).\n"
    expected = "# Title\n\nSee the guide and [Keras](https://keras.io).\n"
    assert build_package.for_index(text) == expected


@pytest.mark.slow
def test_importing_on_jax_does_not_import_tensorflow():
    pytest.importorskip("jax")
    code = "import sys, keras_genzoo; print({'tensorflow', 'tensorflow_datasets'} & sys.modules.keys())"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "set()"


def test_public_names_exist():
    for module in (kg, kg.models, kg.networks, kg.datasets, kg.metrics, kg.callbacks):
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"
    assert keras.backend.backend() in ("tensorflow", "jax")


@pytest.mark.parametrize("module", [kg.presets, kg.metrics], ids=lambda module: module.__name__)
def test_public_functions_have_annotations(module):
    """So that mypy, which .ci/run asks, has something to check."""
    functions = {name: getattr(module, name) for name in module.__all__}
    functions = {name: function for name, function in functions.items() if inspect.isfunction(function)}
    assert functions
    for name, function in functions.items():
        parameters = inspect.signature(function).parameters
        assert set(function.__annotations__) == {*parameters, "return"}, name
    assert (Path(kg.__file__).parent / "py.typed").exists()


@pytest.mark.ci
def test_sampling_needs_no_extra(tmp_path):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = " ".join(config["options.extras_require"].values())
    imported = {"ai-edge-litert": "ai_edge_litert", "scikit-learn": "sklearn"}
    distributions = [
        "tensorflow-datasets",
        "tensorflow-hub",
        "huggingface_hub",
        "matplotlib",
        "scipy",
        "onnx",
        *imported,
    ]
    assert all(name in extras for name in distributions)
    modules = [imported.get(name, name.replace("-", "_")) for name in distributions]
    assert support.fresh_process(_sample_without, modules, tmp_path / "samples.png") == 0
    assert (tmp_path / "samples.png").exists()


def _sample_without(modules, output):
    # None: as if not installed.
    sys.modules.update(dict.fromkeys(modules))
    from keras_genzoo import cli

    return cli.main(["sample", "cgan_mnist", "--num", "2", "--output", str(output)])


def test_the_tested_versions_of_dependencies_go_together():
    """`tools/constraints.txt` asks of no package what another package in it refuses."""
    constraints = [
        Requirement(line) for line in (ROOT / "tools/constraints.txt").read_text().splitlines()[1:]
    ]
    versions = {canonicalize_name(each.name): str(each.specifier)[2:] for each in constraints}
    refused, known = [], 0
    for distribution in importlib.metadata.distributions():
        name = canonicalize_name(distribution.metadata["Name"])
        # What another version asks for, pip alone can look up.
        if versions.get(name) != distribution.version.split("+")[0]:
            continue
        known += 1
        for requirement in map(Requirement, distribution.requires or ()):
            version = versions.get(canonicalize_name(requirement.name))
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if version and applies and version not in requirement.specifier:
                refused.append(f"{name} requires {requirement}, not {version}")
    assert known and not refused, refused
