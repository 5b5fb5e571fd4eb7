"""A full disk ends a run with a clear message and loses nothing: with more room it goes on to the same weights."""

import json
import subprocess
import sys

import numpy as np
import pytest

from keras_genzoo import pictures
from tests import support
from tests.faults.toy_runs import RECIPE, train_and_fall

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path):
    """Function that gives a folder as many KiB of room, and the folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted: that needs root on Linux")

    def resize(kib):
        subprocess.run(["mount", "-o", f"remount,size={kib}k", folder], check=True)

    yield resize, folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Pair of the KiB that a run takes in all, and its final weights."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "recipe.toml").write_text(RECIPE)
    assert support.fresh_process(train_and_fall, folder / "recipe.toml", folder / "run") == ("finished", 0)
    size = sum(path.stat().st_size for path in (folder / "run").rglob("*"))
    return size // 1024, support.arrays_in(folder / "run" / "preset" / "model.weights.h5")


@pytest.mark.parametrize("share", [0.0, 0.1, pytest.param(0.3, marks=pytest.mark.ci), 0.5, 0.7, 0.85, 0.95])
def test_a_run_goes_on_once_there_is_room(tmp_path, disk, undisturbed, share):
    """Whatever was being written when the room ended: recipe, backup, log, grid or preset."""
    resize, folder = disk
    size, expected = undisturbed
    (tmp_path / "recipe.toml").write_text(RECIPE)
    resize(max(4, int(share * size)))
    name, message = support.fresh_process(train_and_fall, tmp_path / "recipe.toml", folder / "run")
    assert name == "OSError" and "No space left on the disk" in message and str(folder) in message
    # A resume without room ends in the same way, and spoils nothing.
    again = support.fresh_process(train_and_fall, tmp_path / "recipe.toml", folder / "run", resume=True)
    assert again[0] == "OSError" and "No space left on the disk" in again[1]

    resize(4 * size)
    backups = (folder / "run" / "backup").glob("step-*")
    newest = max((int(file.name.split("-")[1]) for file in backups), default=0)
    resumed = support.fresh_process(train_and_fall, tmp_path / "recipe.toml", folder / "run", resume=True)
    assert resumed == ("finished", newest)
    actual = support.arrays_in(folder / "run" / "preset" / "model.weights.h5")
    for path, value in expected.items():
        np.testing.assert_array_equal(actual[path], value, err_msg=path)
    lines = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert not [path for name in (".unfinished-*", ".lock") for path in (folder / "run").rglob(name)]


@pytest.mark.ci
@pytest.mark.parametrize(
    "kib", [1000, 2048, 9500], ids=["first backup", "end of the first backup", "second backup"]
)
def test_the_process_ends_with_the_message_and_does_not_crash(tmp_path, disk, kib):
    resize, folder = disk
    resize(kib)
    for number, image in enumerate(support.toy_images(8, (16, 16, 3))):
        pictures.write(image, tmp_path / f"{number}.png")
    command = "train --model GAN --image-size 16 --batch-size 8 --epochs 3 --images".split()
    ended = subprocess.run(
        [sys.executable, "-m", "keras_genzoo", *command, tmp_path, "--output", folder / "run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended
    assert "Traceback" not in ended.stderr
    assert (
        ended.stderr.rstrip()
        .splitlines()[-1]
        .startswith("genzoo train: [Errno 28] No space left on the disk")
    )
