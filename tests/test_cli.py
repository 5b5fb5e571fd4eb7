"""The command `genzoo`, as a user types it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import _command, cli, export, training
from tests import support
from tests.support import toy_dataset


@pytest.fixture(scope="module")
def toy_preset(tmp_path_factory):
    """Folder of a tiny conditional GAN."""
    folder = tmp_path_factory.mktemp("presets")
    gan = kg.models.GAN(image_shape=(8, 8, 1), width=4, num_classes=4)
    gan.save_to_preset(folder / "toy", metadata={"evaluation": {"dataset": "mnist"}})
    return str(folder / "toy")


@pytest.fixture(scope="module")
def toy_translator(tmp_path_factory):
    """Folder of a tiny CycleGAN of colour pictures; sides are multiples of 4."""
    folder = tmp_path_factory.mktemp("presets")
    model = kg.models.CycleGAN(image_shape=(32, 32, 3), width=2, num_blocks=1)
    model.save_to_preset(folder / "translator")
    return str(folder / "translator")


def save_picture(path, size=(16, 12), seed=0, mode="RGB", **arguments):
    """Writes a picture of smooth colours, width and height as Pillow has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (3, 4, 3)).astype("uint8")
    Image.fromarray(values).resize(size, Image.Resampling.BILINEAR).convert(mode).save(path, **arguments)
    return path


def genzoo(*arguments):
    """Runs the command in this process and returns its exit status."""
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture
def start_genzoo(tmp_path):
    """Function that starts the command in a process of its own, as an installation does."""
    script = tmp_path / "bin" / "genzoo"
    script.parent.mkdir()
    script.write_text("import sys; from keras_genzoo.cli import main; sys.exit(main())")
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"PYTHONPATH": str(Path(kg.__file__).parents[1])}

    def start(*arguments, python_options=(), program=(script,), **keywords):
        command = [sys.executable, *python_options, *program, *arguments]
        return subprocess.run(list(map(str, command)), env=environment, text=True, timeout=300, **keywords)

    return start


@pytest.mark.parametrize(
    ("arguments", "status", "stdout", "stderr"),
    [
        ((), 0, "usage: genzoo", ""),
        (("--help",), 0, "interpolate", ""),
        (("sample", "--help"), 0, "--seed", ""),
        (("--version",), 0, f"genzoo {kg.__version__}\n", ""),
        (("list",), 0, "dcgan_fashion_mnist", ""),
        (("smaple",), 2, "", "invalid choice: 'smaple'"),
        (("sample", "toy", "--num", "0"), 2, "", "must be at least 1"),
        (("sample", "dcgan"), 1, "", "Did you mean 'dcgan_fashion_mnist'?"),
        (("evaluate", "dcgan"), 1, "", "Did you mean 'dcgan_fashion_mnist'?"),
        (("export", "dcgan", "--output", "saved"), 1, "", "Did you mean 'dcgan_fashion_mnist'?"),
        (("sample", "cgan_mnist", "--output", "a.bmp"), 1, "", "must end with .png, .jpg, .jpeg or .webp"),
        (
            ("translate", "pix2pix_noto_to_twemoji", "none.png", "--output", "out"),
            1,
            "",
            "no picture 'none.png'",
        ),
        (("train", "nonexistent"), 1, "", "There is no recipe 'nonexistent'"),
    ],
)
def test_questions_and_mistakes_are_answered_without_keras(
    start_genzoo, arguments, status, stdout, stderr, tmp_path
):
    finished = start_genzoo(
        *arguments, python_options=("-X", "importtime"), capture_output=True, cwd=tmp_path
    )
    imports = re.findall(r"^import time: .*\| *([\w.]+)$", finished.stderr, re.MULTILINE)
    said = re.sub(r"^import time: .*\n", "", finished.stderr, flags=re.MULTILINE)
    assert "argparse" in imports
    assert not {"keras", "tensorflow", "jax"} & set(imports)
    assert finished.returncode == status
    assert stdout in finished.stdout
    assert stderr in said if stderr else said == ""


def test_the_module_is_the_command(start_genzoo):
    program = ("-X", "importtime", "-m", "keras_genzoo", "--version")
    finished = start_genzoo(program=program, capture_output=True)
    assert finished.stdout == f"genzoo {kg.__version__}\n"
    assert not re.search(r"\| *keras$", finished.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("argv", "orig_argv", "expected"),
    [
        (["/usr/bin/genzoo", "list"], [], True),
        (["C:/Scripts/genzoo.exe"], [], True),
        (["-m", "list"], ["python", "-W", "error", "-m", "keras_genzoo", "list"], True),
        (["-m"], ["python", "-m", "my_package_of_models"], False),
        (["train.py", "keras_genzoo"], ["python", "train.py", "keras_genzoo"], False),
        (["genzoo.py"], ["python", "genzoo.py"], False),
        ([""], ["python"], False),
        ([], [], False),
    ],
)
def test_only_the_command_imports_late(argv, orig_argv, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert _command.is_this_process() is expected


# As TensorFlow 2.21 writes them, and 2.20 the last.
USUAL_LINES = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795842926.470903    8077 port.cc:153] oneDNN custom operations are on. You may see slightly different
I0000 00:00:1795842926.508591    8077 cpu_feature_guard.cc:227] This TensorFlow binary is optimized to use
To enable the following instructions: AVX2, in other ops, rebuild TensorFlow with the appropriate compiler flags.
E0000 00:00:1795842930.715639    8077 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
W0000 00:00:1795843705.223483   22512 tf_tfl_flatbuffer_helpers.cc:364] Ignored output_format.
2026-11-28 05:12:51.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.
"""

UNUSUAL_LINES = """\
W0000 00:00:1795842930.715639    8077 gpu_device.cc:2342] Cannot dlopen some GPU libraries.
E0000 00:00:1795842930.715639    8077 cuda_platform.cc:52] failed call to cuInit: CUDA_ERROR_NO_DEVICE
F0000 00:00:1795842930.715639    8077 cpu_feature_guard.cc:10] was compiled to use AVX instructions
2026-11-28 05:12:51.123456: E tensorflow/core/common_runtime/gpu.cc:1] Out of memory.
a line of nobody's
"""


def test_only_usual_lines_are_dropped(capfd, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with _command.usual_lines_dropped():
        os.write(2, f"{USUAL_LINES}{UNUSUAL_LINES}".encode())
    assert capfd.readouterr().err == UNUSUAL_LINES


def test_what_was_written_before_an_error_is_shown(capfd, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with pytest.raises(ImportError, match="no such library"), _command.usual_lines_dropped():
        print("from Python", file=sys.stderr)
        os.write(2, f"{USUAL_LINES}from C".encode())
        raise ImportError("no such library")
    os.write(2, b", and later")
    assert capfd.readouterr().err == "from Python\nfrom C, and later"


def test_all_lines_are_shown_when_asked_for(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with _command.usual_lines_dropped():
        os.write(2, USUAL_LINES.encode())
    assert capfd.readouterr().err == USUAL_LINES


def test_a_closed_stderr_stays_closed(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.setattr(sys, "stderr", None)
    stderr = os.dup(2)
    os.close(2)
    try:
        with _command.usual_lines_dropped():
            ran = True
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(2)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    assert ran


def test_list_shows_every_released_preset_in_100_columns(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert genzoo("list") == 0
    lines = capsys.readouterr().out.splitlines()
    first_lines = [line for line in lines if not line.startswith(" ")]
    assert [line.split()[0] for line in first_lines] == kg.presets.names()
    assert max(map(len, lines)) <= 100
    row = next(line for line in first_lines if line.startswith("dcgan_fashion_mnist"))
    assert row.split()[1:6] == ["GAN", "0.9M", "DCGAN", "trained", "on"]
    # The lines of a description begin below one another.
    indents = {len(line) - len(line.lstrip()) for line in lines if line.startswith(" ")}
    assert indents == {row.index("DCGAN trained")}


def test_list_of_a_text_fits_a_narrower_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert genzoo("list", "vae") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "vae_fashion_mnist",
        "vae_mnist",
    ]
    assert max(map(len, lines)) <= 70


def test_a_reader_that_has_read_enough_ends_the_command(start_genzoo):
    reader, writer = os.pipe()
    os.close(reader)
    finished = start_genzoo("list", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (finished.returncode, finished.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device of a full disk")
def test_a_full_disk_is_told_in_one_line(start_genzoo):
    with open("/dev/full", "w") as full:
        finished = start_genzoo("list", stdout=full, stderr=subprocess.PIPE)
    assert finished.returncode == 1
    assert finished.stderr == "genzoo list: [Errno 28] No space left on device\n"


def test_sample_writes_a_grid_of_the_seed(toy_preset, tmp_path, capsys):
    assert (
        genzoo("sample", toy_preset, "--num", 6, "--seed", 3, "--label", 2, "--output", tmp_path / "a.png")
        == 0
    )
    images = kg.models.load(toy_preset).sample(6, seed=3, labels=2)
    kg.visualization.save_grid(images, tmp_path / "b.png", scale=2)
    np.testing.assert_array_equal(Image.open(tmp_path / "a.png"), Image.open(tmp_path / "b.png"))
    assert "a.png" in capsys.readouterr().out


def test_sample_truncates_the_latents(toy_preset, tmp_path):
    words = ("--num", 6, "--seed", 3, "--label", 2, "--truncation", 0.5, "--output", tmp_path / "a.png")
    assert genzoo("sample", toy_preset, *words) == 0
    images = kg.models.load(toy_preset).sample(6, seed=3, labels=2, truncation=0.5)
    kg.visualization.save_grid(images, tmp_path / "b.png", scale=2)
    np.testing.assert_array_equal(Image.open(tmp_path / "a.png"), Image.open(tmp_path / "b.png"))


def test_sample_passes_a_prior_on_where_there_is_a_choice(toy_preset, tmp_path, monkeypatch):
    drawn = []

    def sample(model, num, **keywords):
        drawn.append(keywords.get("prior"))
        return np.zeros((num, 8, 8, 1), "float32")

    monkeypatch.setattr(kg.models.GAN, "sample", sample)
    monkeypatch.setattr(kg.models.GAN, "priors", ("fitted", "standard"), raising=False)
    for words in ((), ("--prior", "fitted"), ("--prior", "standard")):
        assert genzoo("sample", toy_preset, "--output", tmp_path / "a.png", *words) == 0
    # None: the model's default, which is the first.
    assert drawn == [None, None, "standard"]


def test_sample_draws_a_conditional_models_classes_in_columns(toy_preset, tmp_path):
    assert genzoo("sample", toy_preset, "--num", 8, "--scale", 1, "--output", tmp_path / "a.png") == 0
    # Four columns and two rows of 8 pixels with 2 between.
    assert Image.open(tmp_path / "a.png").size == (4 * 10 + 2, 2 * 10 + 2)


def test_interpolate_starts_and_ends_at_latents_of_the_seed(toy_preset, tmp_path):
    output = tmp_path / "paths.png"
    command = ("interpolate", toy_preset, "--rows", 1, "--steps", 5, "--seed", 7, "--scale", 1)
    assert genzoo(*command, "--output", output) == 0
    ends = kg.pixels.to_uint8(kg.models.load(toy_preset).sample(2, seed=7, labels=0))[..., 0].astype(int)
    picture = np.asarray(Image.open(output)).astype(int)
    assert np.abs(picture[2:10, 2:10] - ends[0]).max() <= 1
    assert np.abs(picture[2:10, 42:50] - ends[1]).max() <= 1


def test_interpolate_takes_the_classes_in_turn(toy_preset, tmp_path):
    output = tmp_path / "paths.png"
    assert genzoo("interpolate", toy_preset, "--rows", 2, "--steps", 3, "--scale", 1, "--output", output) == 0
    model = kg.models.load(toy_preset)
    start = np.asarray(kg.latent.normal(4, model.latent_dim, 0))[2:3]
    expected = kg.pixels.to_uint8(model.sample(latents=start, labels=1))[0, ..., 0].astype(int)
    assert np.abs(np.asarray(Image.open(output)).astype(int)[12:20, 2:10] - expected).max() <= 1


def test_edit_moves_samples_along_a_direction(toy_preset, tmp_path):
    output = tmp_path / "edits.png"
    command = (
        "edit",
        toy_preset,
        "--rows",
        2,
        "--steps",
        3,
        "--strength",
        2,
        "--truncation",
        0.5,
        "--scale",
        1,
    )
    assert genzoo(*command, "--direction", "weights:1", "--label", 1, "--output", output) == 0
    model = kg.models.load(toy_preset)
    codes = 0.5 * np.asarray(model.latents_from_seed(2, 0))
    moved = kg.editing.move(codes[1:], kg.editing.weight_directions(model), 1, 2.0)
    expected = kg.pixels.to_uint8(model.sample(latents=moved, labels=1))[0, ..., 0].astype(int)
    assert np.abs(np.asarray(Image.open(output)).astype(int)[12:20, 22:30] - expected).max() <= 1


@pytest.mark.ci
def test_edit_begins_with_the_nearest_samples_to_pictures(toy_preset, tmp_path, capsys):
    picture = save_picture(tmp_path / "one.png")
    command = ("edit", toy_preset, "--images", picture, "--steps", 1, "--strength", 0, "--label", 0)
    assert genzoo(*command[:-2], "--output", tmp_path / "edits.png") == 1
    assert "--label is missing" in capsys.readouterr().err
    assert genzoo(*command, "--output", tmp_path / "edits.png") == 0
    assert "one.png: mean squared error 0." in capsys.readouterr().out
    assert genzoo("edit", toy_preset, "--direction", "up", "--output", tmp_path / "edits.png") == 1
    assert "`direction` must be 'principal:K' or 'weights:K'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.representative
def test_translate_writes_what_the_model_gives(toy_translator, tmp_path, capsys):
    picture = save_picture(tmp_path / "in" / "one.png")
    for direction in ("a_to_b", "b_to_a"):
        output = tmp_path / direction
        assert genzoo("translate", toy_translator, picture, "--output", output, "--direction", direction) == 0
        expected = kg.models.load(toy_translator).translate(np.asarray(Image.open(picture))[None], direction)
        written = np.asarray(Image.open(output / "one.png")).astype(int)
        assert np.abs(written - kg.pixels.to_uint8(expected)[0]).max() <= 1
    assert capsys.readouterr().out.splitlines()[0] == (
        f"Wrote 1 translation by {toy_translator} to {tmp_path / 'a_to_b'}."
    )


@pytest.mark.ci
def test_translate_takes_folders_and_any_kind_and_size(toy_translator, tmp_path):
    folder = tmp_path / "in"
    save_picture(folder / "a.jpg", (21, 14))
    save_picture(folder / "deep" / "b.webp", (9, 30))
    save_picture(folder / "grey.tif", (16, 16), mode="L")
    save_picture(folder / "clear.png", (16, 16), mode="RGBA")
    (folder / "notes.txt").write_text("no picture")
    # Inside of what is read; the second time it holds pictures.
    output = folder / "out"
    for _ in range(2):
        assert genzoo("translate", toy_translator, folder, "--output", output) == 0
        sizes = {str(file.relative_to(output)): Image.open(file).size for file in output.rglob("*.png")}
        assert sizes == {
            "a.png": (21, 14),
            "deep/b.png": (9, 30),
            "grey.png": (16, 16),
            "clear.png": (16, 16),
        }
    assert genzoo("translate", toy_translator, folder / "a.jpg", "--size", 12, "--output", output) == 0
    assert Image.open(output / "a.png").size == (12, 8)


@pytest.mark.ci
def test_translate_of_edges(tmp_path):
    picture = save_picture(tmp_path / "one.png", (32, 32))
    model = kg.models.Pix2Pix((32, 32, 3), source_channels=1, width=2)
    model.save_to_preset(tmp_path / "translator")
    assert genzoo("translate", tmp_path / "translator", picture, "--output", tmp_path / "out", "--edges") == 0
    drawing = kg.datasets.edges(np.asarray(Image.open(picture)))
    assert (drawing == -1).any()
    written = np.asarray(Image.open(tmp_path / "out" / "one.png")).astype(int)
    assert np.abs(written - kg.pixels.to_uint8(model.translate(drawing[None]))[0]).max() <= 1


@pytest.mark.slow
@pytest.mark.representative
def test_a_seed_repeats_a_translation_by_dropout(tmp_path):
    model = kg.models.Pix2Pix((32, 32, 3), width=2, sampling_dropout=True)
    support.as_if_trained(model).save_to_preset(tmp_path / "translator")
    picture = save_picture(tmp_path / "one.png", (32, 32))
    written = []
    for number, seed in enumerate((1, 1, 2)):
        output = tmp_path / str(number)
        assert genzoo("translate", tmp_path / "translator", picture, "--output", output, "--seed", seed) == 0
        written.append((output / "one.png").read_bytes())
    assert written[0] == written[1] != written[2]


@pytest.mark.slow
def test_translate_names_and_skips_what_it_cannot_read(toy_translator, tmp_path, capsys):
    whole, torn = save_picture(tmp_path / "whole.png"), save_picture(tmp_path / "torn.png", (64, 64))
    torn.write_bytes(torn.read_bytes()[:200])
    odd = save_picture(tmp_path / "odd.png", (15, 16))
    words = ("translate", toy_translator, torn, odd, whole, "--output", tmp_path / "out", "--fit", "none")
    assert genzoo(*words) == 1
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["whole.png"]
    said = capsys.readouterr()
    first, second = said.err.strip().splitlines()
    assert first.startswith(f"genzoo translate: {torn}: ") and "truncated" in first
    assert second.startswith(f"genzoo translate: {odd}: ") and "multiples of 4" in second
    assert said.out.endswith(
        f"Wrote 1 translation by {toy_translator} to {tmp_path / 'out'}; 2 could not be translated.\n"
    )


@pytest.mark.slow
def test_translate_shows_a_bar_on_a_terminal(toy_translator, tmp_path, capsys, monkeypatch):
    whole, odd = save_picture(tmp_path / "whole.png"), save_picture(tmp_path / "odd.png", (15, 16))
    words = ("translate", toy_translator, odd, whole, "--output", tmp_path / "out", "--fit", "none")
    genzoo(*words)
    assert "2/2" not in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    genzoo(*words)
    said = capsys.readouterr()
    assert "2/2" in said.out and "/picture" in said.out
    # What failed is told in a line of its own.
    assert said.err.startswith(f"\ngenzoo translate: {odd}: ")


def test_evaluate_prints_a_json_line_a_result(tmp_path, capsys, monkeypatch):
    toy_dataset.install(monkeypatch.setattr)
    classifier = kg.models.Classifier(
        image_shape=(28, 28, 1), num_classes=10, filters=(2, 2, 2), feature_dim=4
    )
    classifier.save_to_preset(tmp_path / "toy", metadata={"evaluation": {"dataset": "mnist"}})
    assert genzoo("evaluate", tmp_path / "toy") == 0
    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert result["metric"] == "test_accuracy"
    assert result["protocol"] == {"dataset": "mnist", "split": "test", "num_real": 64}


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path, capsys):
    assert genzoo("train", "cgan_mnist", "--dry-run", "--output", tmp_path / "run") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["steps_per_epoch"] == 60_000 // plan["recipe"]["data"]["batch_size"]
    assert not (tmp_path / "run").exists()


def test_the_command_that_resumes_repeats_what_was_typed(tmp_path, capsys, monkeypatch):
    def interrupted(*arguments, **keywords):
        raise kg.callbacks.Interrupted(7)

    monkeypatch.setattr(training, "train", interrupted)
    typed = ["train", "cgan_mnist", "--output", f"{tmp_path}/a run", "--data-dir", f"{tmp_path}/my data"]
    typed += ["--epochs", "3", "--strategy", "mirrored", "--deterministic"]
    assert genzoo(*typed) == 130
    message, command = capsys.readouterr().out.splitlines()
    assert "interrupted after 7 steps" in message
    program, *words = shlex.split(command)
    assert program == "genzoo"
    # The run folder holds the recipe.
    same = {**vars(cli._parser().parse_args(typed)), "resume": True, "recipe": None}
    assert vars(cli._parser().parse_args(words)) == same


class TestALostWorker:
    @pytest.fixture
    def lost(self, tmp_path, capsys, monkeypatch):
        """Function that runs worker 1, which loses the other, and returns what it prints and its exit status."""

        def train(*arguments, **keywords):
            raise kg.callbacks.WorkerLost(None)

        statuses = []
        monkeypatch.setattr(training, "train", train)
        monkeypatch.setattr(os, "_exit", statuses.append)
        monkeypatch.setenv("TF_CONFIG", json.dumps({"task": {"type": "worker", "index": 1}}))

        def run(*words):
            genzoo("train", *words, "--output", tmp_path / "run", "--strategy", "multi_worker")
            return capsys.readouterr(), statuses.pop(0)

        return run

    def test_ends_the_process_and_tells_how_to_go_on(self, lost, tmp_path):
        """From the worker's own folder, beside which a machine of its own has none of the chief's."""
        (tmp_path / "run" / "worker-1").mkdir(parents=True)
        shutil.copy(cli._recipe_path("ring_gan"), tmp_path / "run" / "worker-1" / "recipe.toml")
        for words in (["ring_gan"], ["--resume"]):
            told, status = lost(*words)
            assert status == 1
            assert "ended, or does not respond. Start all workers again." in told.err
            assert told.out.splitlines()[0] == "Resume on every machine with:"
            assert f"genzoo train --resume --output {tmp_path}/run --strategy multi_worker" in told.out

    def test_before_anything_was_written_there_is_nothing_to_resume(self, lost):
        told, status = lost("ring_gan")
        assert status == 1 and "Start all workers again." in told.err
        assert "--resume" not in told.out


@pytest.mark.tensorflow
def test_export_writes_a_saved_model(toy_preset, tmp_path):
    assert genzoo("export", toy_preset, "--output", tmp_path / "saved") == 0
    assert (tmp_path / "saved" / "saved_model.pb").exists()


def test_export_of_a_direction_in_another_format(toy_translator, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        export,
        "export_network",
        lambda network, path, format, metadata, **options: asked.append(
            (metadata["signature"], path, format)
        ),
    )
    output = str(tmp_path / "network.onnx")
    words = ("export", toy_translator, "--output", output, "--format", "onnx", "--direction", "b_to_a")
    assert genzoo(*words) == 0
    assert asked == [("translate_b_to_a", output, "onnx")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "dcgan_fashion_mnits"), "Did you mean 'dcgan_fashion_mnist'"),
        (("sample", "classifier_mnist"), "is a Classifier, which cannot sample. It can: predict_features."),
        (("sample", "TOY", "--prior", "fitted"), "must be standard. Received: fitted"),
        (("list", "zzz"), "No pretrained model has 'zzz' in its name"),
        (("evaluate", "TOY", "--measures", "fid"), "use `--measures frechet_distance --extractor inception`"),
        (("sample", "TOY", "--label", 9), "must be from 0 to 3"),
        (("sample", "TOY", "--output", "setup.cfg/a.png"), "cannot be written"),
        (("train", "nonexistent"), "There is no recipe"),
        (("evaluate", "UNMEASURED"), "has no `evaluation`, so there are no defaults"),
        (
            ("sample", "TRANSLATOR"),
            "is a CycleGAN, which cannot sample. It can: translate (genzoo translate).",
        ),
        (("interpolate", "TRANSLATOR"), "It can: translate (genzoo translate)."),
        (("export", "TOY", "--output", "saved", "--direction", "a_to_b"), "is a GAN, which cannot translate"),
        (
            ("translate", "TOY", "PICTURE", "--output", "out"),
            "is a GAN, which cannot translate. It can: sample",
        ),
        (("translate", "TRANSLATOR", "nowhere.png", "--output", "out"), "There is no picture 'nowhere.png'"),
        (("translate", "TRANSLATOR", "EMPTY", "--output", "out"), "contains no pictures"),
        (("translate", "TRANSLATOR", "PICTURE", "--output", "SAME"), "would be overwritten"),
        (("translate", "TRANSLATOR", "PICTURE", "TWIN", "--output", "out"), "would both be written to"),
        (("translate", "TRANSLATOR", "PICTURE", "--output", "setup.cfg"), "cannot be written"),
        (("translate", "TRANSLATOR", "PICTURE", "--output", "out", "--direction", "up"), "must be one of"),
        (("translate", "TRANSLATOR", "PICTURE", "--output", "out", "--edges"), "--edges makes gray images"),
    ],
)
def test_bad_input_ends_with_one_line_and_status_1(
    arguments, message, toy_preset, toy_translator, tmp_path, capsys
):
    if "UNMEASURED" in arguments:
        kg.models.load(toy_preset).save_to_preset(tmp_path / "unmeasured")
    folders = {
        "TOY": toy_preset,
        "UNMEASURED": tmp_path / "unmeasured",
        "TRANSLATOR": toy_translator,
        "PICTURE": save_picture(tmp_path / "same" / "a.png"),
        "TWIN": save_picture(tmp_path / "twin" / "a.jpg"),
        "SAME": tmp_path / "same",
        "EMPTY": toy_preset,
    }
    assert genzoo(*[folders.get(argument, argument) for argument in arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"genzoo {arguments[0]}: ") and message in line


@pytest.mark.slow
def test_a_command_writes_what_it_says_and_nothing_else(start_genzoo, toy_preset, tmp_path):
    finished = start_genzoo("sample", toy_preset, "--output", tmp_path / "a.png", capture_output=True)
    assert finished.stdout == f"Wrote 64 samples of {toy_preset} to {tmp_path / 'a.png'}.\n"
    assert finished.stderr == ""
    assert (tmp_path / "a.png").exists()
