"""A run of several workers that loses one goes on to the weights of a run that lost none."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from keras_genzoo import callbacks
from tests import support
from tests.faults.toy_runs import RECIPE, train_and_fall

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The weights that the chief ends with when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    _run(folder)
    return support.arrays_in(folder / "run" / "preset" / "model.weights.h5")


def _start(folder, stop=None, worker=None, **arguments):
    """Two workers that train, one of which may stop after a step."""
    (folder / "recipe.toml").write_text(RECIPE)
    return support.start_two_workers(
        train_and_fall,
        folder / "recipe.toml",
        folder / "run",
        stops=[stop if index == worker else None for index in range(2)],
        strategy="multi_worker",
        **arguments,
    )


def _run(folder, stop=None, worker=None, **arguments):
    """What each of two workers ends with, one of which may get a signal after a step."""
    processes = _start(folder, stop, worker, **arguments)
    try:
        if stop is None:
            return [support.finish(process) for process in processes]
        _, number = stop
        fallen, other = processes[worker], processes[1 - worker]
        of_fallen = support.finish(fallen, killed_by=number if number == signal.SIGKILL else None)
        ended = time.monotonic()
        of_other = support.finish(other)
        assert time.monotonic() - ended < 30
        return of_fallen, of_other
    finally:
        for process in processes:
            process.kill()


def _assert_ended_with(expected, folder):
    weights = support.arrays_in(folder / "run" / "preset" / "model.weights.h5")
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


@pytest.mark.parametrize("worker", [0, 1], ids=["chief", "worker"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_lost_worker_ends_the_other_and_both_go_on(tmp_path, undisturbed, number, worker):
    # The backups are of the steps 5, 10, 12 and 17.
    of_fallen, of_other = _run(tmp_path, stop=(18, number), worker=worker)
    assert of_fallen == (None if number == signal.SIGKILL else (callbacks.Interrupted.__name__, 19))
    assert of_other == (callbacks.WorkerLost.__name__, 17)
    assert _run(tmp_path, resume=True) == [("finished", 17)] * 2
    _assert_ended_with(undisturbed, tmp_path)


@pytest.mark.parametrize(
    ("worker", "number"),
    [(0, signal.SIGKILL), (1, signal.SIGCONT)],
    ids=["chief, killed", "worker, thaws"],
)
def test_a_frozen_worker_ends_the_other_within_30_seconds_and_both_go_on(
    tmp_path, undisturbed, worker, number
):
    processes = _start(tmp_path, stop=(18, signal.SIGSTOP), worker=worker)
    frozen, other = processes[worker], processes[1 - worker]
    try:
        while "State:\tT" not in Path(f"/proc/{frozen.pid}/status").read_text():
            time.sleep(0.1)
        began = time.monotonic()
        assert support.finish(other) == (callbacks.WorkerLost.__name__, 17)
        assert time.monotonic() - began < 30
        os.kill(frozen.pid, number)
        killed = number == signal.SIGKILL
        of_frozen = support.finish(frozen, killed_by=number if killed else None)
        assert of_frozen == (None if killed else (callbacks.WorkerLost.__name__, 17))
    finally:
        for process in processes:
            process.kill()
    assert _run(tmp_path, resume=True) == [("finished", 17)] * 2
    _assert_ended_with(undisturbed, tmp_path)


def test_a_worker_that_is_slow_is_not_lost(tmp_path, undisturbed):
    """For longer than the 10 seconds after which TensorFlow takes a worker that gives no sign for lost."""
    processes = _start(tmp_path, stop=(18, 15), worker=1)
    assert [support.finish(process) for process in processes] == [("finished", 0)] * 2
    _assert_ended_with(undisturbed, tmp_path)


def test_workers_without_a_common_backup_are_refused(tmp_path):
    _run(tmp_path, stop=(18, signal.SIGKILL), worker=1)
    for file in (tmp_path / "run" / "worker-1" / "backup").iterdir():
        file.unlink()
    outcomes = _run(tmp_path, resume=True)
    for name, message in outcomes:
        assert name == "ValueError"
        assert "no backup of a common step (worker 0: 12, 17; worker 1: 0)" in message
