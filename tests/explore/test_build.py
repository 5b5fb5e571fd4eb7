"""The folder that `genzoo explore` writes, and what it refuses."""

import io
import json
import os
import re
import tarfile

import numpy as np
import pytest

import keras_genzoo as kg
from keras_genzoo import cli, explore
from keras_genzoo.explore import runtime

pytest.importorskip("tf2onnx", reason="tf2onnx of the extra `export` is not installed")


@pytest.fixture
def no_runtime(tmp_path, monkeypatch):
    """A machine without npm, with an empty cache; gives the folder of the commands that it has."""
    commands = tmp_path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", str(commands))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "DATA_PACKAGE", "no_package_of_this_name")
    return commands


@pytest.fixture
def cached_runtime(no_runtime):
    folder = runtime.cache_folder() / f"{runtime.NAME}-{runtime.VERSION}"
    folder.mkdir(parents=True)
    for name in runtime.FILES.values():
        (folder / name).write_text(name)
    return folder


@pytest.fixture(scope="module")
def toy_presets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets")
    gan = kg.models.GAN(image_shape=(8, 8, 1), latent_dim=6, width=4, num_classes=3)
    gan.save_to_preset(folder / "toy_gan", metadata={"description": "A toy.", "license": "MIT"})
    ring = kg.models.WGAN(image_shape=(2,), generator=kg.networks.MLPGenerator(4, (2,)))
    ring.save_to_preset(folder / "toy_points")
    inpainter = kg.models.InpaintingGAN(
        (16, 16, 3), generator=kg.networks.GatedInpainter(3, width=4), width=2
    )
    inpainter.save_to_preset(folder / "toy_inpainter")
    generator = kg.networks.ResNetTranslator(2, 3, 2, num_blocks=1, num_downsamplings=1, num_labels=3)
    edged = kg.models.Pix2PixHD((8, 8, 3), num_labels=3, has_edges=True, generator=generator, width=2)
    edged.save_to_preset(folder / "toy_edged")
    return folder


@pytest.mark.ci
def test_a_site_holds_all_that_the_page_asks_for(toy_presets, cached_runtime, tmp_path, capsys):
    site = tmp_path / "site"
    assert cli.main(["explore", str(toy_presets / "toy_gan"), "--output", str(site)]) == 0
    assert "python -m http.server" in capsys.readouterr().out
    for file in [site / "index.html", *site.glob("*.js")]:
        text = file.read_text(encoding="utf-8")
        used = re.findall(r'from "\./([^"]+)"|src="([^"]+)"|stylesheet" href="([^"]+)"', text)
        for name in filter(None, sum(used, ())):
            assert (site / name).is_file(), f"{file.name} asks for {name}"
        assert not re.search("https?://", text), f"{file.name} names an outside host"
    assert {path.name for path in (site / "runtime").iterdir()} == set(runtime.FILES.values())
    index = json.loads((site / "models" / "index.json").read_text())
    assert [model["name"] for model in index] == ["toy_gan"]
    model = json.loads((site / "models" / "toy_gan" / "model.json").read_text())
    assert model["description"] == "A toy." and model["license"] == "MIT"
    vectors = np.array(model["directions"]["vectors"])
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(6), atol=1e-5)
    assert len(model["directions"]["scales"]) == 6
    assert (site / "models" / "toy_gan" / model["networks"]["generate"]["file"]).is_file()


def test_with_cdn_the_page_may_load_the_runtime_from_one_host_more(no_runtime, tmp_path, monkeypatch):
    def bundle(name, folder, verbose):
        folder.mkdir(parents=True)
        (folder / "model.json").write_text('{"class": "GAN", "description": "", "abilities": []}')

    monkeypatch.setattr(explore, "_add_model", bundle)
    explore.build(["toy_gan"], tmp_path / "site", cdn=True)
    assert not (tmp_path / "site" / "runtime").exists()
    assert f"{runtime.CDN}ort.wasm.min.mjs" in (tmp_path / "site" / "runtime.js").read_text()
    policy = re.search('Policy" content="([^"]+)"', (tmp_path / "site" / "index.html").read_text())[1]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    for kind in ("script-src", "connect-src"):
        assert {word for word in allowed[kind].split() if "//" in word} == {"https://cdn.jsdelivr.net"}


@pytest.mark.ci
@pytest.mark.parametrize(
    "names, problem",
    [
        ([], "`names` must be names of presets"),
        (["toy_gan", "toy_gan"], "without repetitions"),
        (["toy_points"], "does not generate images"),
        (["toy_inpainter"], "fills holes, which the page does not support"),
        (["toy_edged"], "label maps with the edges between objects, which the page does not support"),
    ],
)
def test_names_that_give_no_page_are_refused(toy_presets, cached_runtime, tmp_path, names, problem):
    with pytest.raises(ValueError, match=problem):
        explore.build([str(toy_presets / name) for name in names], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_page_of_a_server_leaves_out_what_cannot_be_drawn(cached_runtime, tmp_path):
    task = {"label_colors": [[0, 0, 0]]}
    tasks = {"holes": {"has_holes": True}, "edges": {**task, "has_edges": True}, "labels": task}
    bundles = {name: tmp_path / name for name in tasks}
    for name, bundle in bundles.items():
        bundle.mkdir()
        described = {
            "class": "Pix2Pix",
            "description": "",
            "abilities": ["translate"],
            "image_shape": [8, 8, 3],
        }
        (bundle / "model.json").write_text(json.dumps({**described, "tasks": {"there": tasks[name]}}))
    (tmp_path / "site").mkdir()
    explore.write_page(tmp_path / "site", bundles)
    index = json.loads((tmp_path / "site" / "models" / "index.json").read_text())
    assert [model["name"] for model in index] == ["labels"]


def test_a_folder_with_files_is_left_as_it_is(toy_presets, cached_runtime, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="Choose another folder"):
        explore.build([str(toy_presets / "toy_gan")], tmp_path)


# The runtime.


def test_without_npm_the_error_names_all_ways(no_runtime):
    with pytest.raises(RuntimeError, match=r"npm is not on the PATH.*Node\.js.*copy.*--cdn"):
        runtime.find()


def test_an_installed_package_is_asked(no_runtime, tmp_path, monkeypatch):
    folder = tmp_path / "data_of_a_test" / f"{runtime.NAME}-{runtime.VERSION}"
    folder.mkdir(parents=True)
    for name in runtime.FILES.values():
        (folder / name).write_text(name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(runtime, "DATA_PACKAGE", "data_of_a_test")
    assert runtime.find() == folder


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a shell script")
def test_an_archive_with_another_hash_is_refused(no_runtime, tmp_path):
    archive = tmp_path / "archive.tgz"
    with tarfile.open(archive, "w:gz") as package:
        for name in runtime.FILES:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            package.addfile(entry, io.BytesIO(b"bad"))
    (no_runtime / "npm").write_text(f"#!/bin/sh\n/bin/cp {archive} package.tgz\n")
    (no_runtime / "npm").chmod(0o755)
    with pytest.raises(RuntimeError, match=r"hash sha512-.* is expected"):
        runtime.find()
    assert not [*runtime.cache_folder().glob("*")]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a shell script")
def test_what_npm_says_is_told(no_runtime):
    (no_runtime / "npm").write_text("#!/bin/sh\necho 'npm error network is down' >&2\nexit 1\n")
    (no_runtime / "npm").chmod(0o755)
    with pytest.raises(RuntimeError, match="`npm pack` failed: npm error network is down"):
        runtime.find()
