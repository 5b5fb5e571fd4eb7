"""Files and presets are whole at every instant: a process is killed at each of its system calls in turn."""

import itertools
import json
import os
import random
import signal
import sys
import time

import pytest

from keras_genzoo import callbacks, disk, models
from tests import support

NAMES = ("config.json", "model.weights.h5")


def write_folder(target, version):
    """As `save_to_preset` does: two files that belong together."""
    with disk.unfinished_folder(target, hint="") as folder:
        for name in NAMES:
            (folder / name).write_text(version)
        disk.replace_folder(target, folder)


def write_file(target, version):
    disk.write_text(target, version)


def versions_in(target):
    """The versions of what stands at a place, one for each file."""
    files = [target / name for name in NAMES] if target.is_dir() else [target]
    return {file.read_text() for file in files}


def _killed_at(number, write, target, version):
    """Writes in a child that kills itself before its C call of that number; returns whether it came so far."""
    child = os.fork()
    if child == 0:
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event == "c_call"
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        write(target, version)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


def _kill_everywhere(write, target):
    """Returns the versions seen after the kills, the number of kills, and what the folder holds at the end."""
    write(target, "old")
    seen, number = set(), 1
    while _killed_at(number, write, target, "new"):
        versions = versions_in(target)
        assert len(versions) == 1, f"killed at call {number}: {versions}"
        seen |= versions
        write(target, "old")
        number += 1
    left = sorted(path.name for path in target.parent.iterdir())
    return seen, number - 1, left


@pytest.mark.slow
def test_a_folder_is_the_old_or_the_new_one(tmp_path):
    target = tmp_path / "preset"
    seen, kills, left = support.fresh_process(_kill_everywhere, write_folder, target)
    assert seen == {"old", "new"} and kills > 50
    assert left == ["preset"], "what killed processes left goes with the next success"


@pytest.mark.ci
def test_a_file_is_the_old_or_the_new_one(tmp_path):
    target = tmp_path / "recipe.json"
    seen, kills, left = support.fresh_process(_kill_everywhere, write_file, target)
    assert seen == {"old", "new"} and kills > 10
    assert {name.startswith(".unfinished-") or name == "recipe.json" for name in left} == {True}
    disk.remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


def test_where_folders_cannot_be_exchanged_the_old_one_comes_back_after_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "_exchanged", lambda first, second: False)
    write_folder(tmp_path / "preset", "old")
    write_folder(tmp_path / "preset", "new")
    assert versions_in(tmp_path / "preset") == {"new"}
    replace, calls = os.replace, []

    def fail_at_the_second(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise OSError("not now")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_second)
    with pytest.raises(OSError, match="not now"):
        write_folder(tmp_path / "preset", "newer")
    assert versions_in(tmp_path / "preset") == {"new"}


@pytest.mark.ci
def test_a_folder_in_use_is_refused(tmp_path):
    with disk.in_use(tmp_path / "run"):
        assert support.fresh_process(_use, tmp_path / "run") == "BlockingIOError"
    assert support.fresh_process(_use, tmp_path / "run") == "free"


def _keep_best_for_ever(path):
    """Overwrites a preset by two models in turn, as the best epoch so far."""
    gans = [models.GAN((8, 8, 1), 4, width=2, seed=seed) for seed in (0, 1)]
    keep = callbacks.KeepBest(path, monitor="value")
    for epoch in itertools.count():
        support.as_if_trained(gans[epoch % 2])
        keep.set_model(gans[epoch % 2])
        keep.on_epoch_end(epoch, {"value": -epoch})


def _epoch_in(path):
    return json.loads((path / "metadata.json").read_text())["best"]["epoch"] if path.exists() else 0


@pytest.mark.slow
def test_a_preset_that_is_overwritten_can_be_loaded_after_every_kill(tmp_path):
    path, rng = tmp_path / "best", random.Random(0)
    for _ in range(50):
        epoch = _epoch_in(path)
        process = support.start_process(_keep_best_for_ever, path)
        # Once it has come to writing.
        while _epoch_in(path) == epoch:
            assert process.exitcode is None
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.join()
        process.folder.cleanup()
        assert models.load(path).image_shape == (8, 8, 1)
    models.load(path).save_to_preset(path, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["best"]


def _use(folder):
    try:
        with disk.in_use(folder):
            return "free"
    except BlockingIOError as error:
        assert "is in use by another process" in str(error)
        return type(error).__name__
