"""Kills a training run repeatedly, and compares its final weights with those of an uninterrupted run.

Usage:
    python tools/fault_drill.py tools/recipes/ring_gan.toml --kills 30 --seconds 1800 --output runs/drill

Trains a recipe once without interruption, in a new folder. Then it trains the recipe again, and sends SIGKILL or
SIGTERM after random times. Each restart resumes the run. The drill ends after the given number of kills or seconds.
It prints
one JSON line per finished run: the number of kills it survived, and whether all weights equal those of the
uninterrupted run, bit for bit. The exit status is 1 if weights differ, a run cannot be resumed, or nothing was
killed.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

GENZOO = (sys.executable, "-m", "keras_genzoo")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="path of a recipe")
    parser.add_argument("--kills", type=int, default=30, help="total number of kills (default: 30)")
    parser.add_argument("--seconds", type=float, default=1800, help="maximum duration (default: 1800)")
    parser.add_argument("--epochs", type=int, help="number of epochs (default: the recipe's)")
    parser.add_argument(
        "--seed", type=int, default=0, help="random seed of the times and signals (default: 0)"
    )
    parser.add_argument("--data-dir", help="folder with the original files of the dataset")
    parser.add_argument("--output", default="runs/drill", help="folder of the runs (default: runs/drill)")
    options = parser.parse_args()
    # Not for security: it draws the times of the kills.
    return drill(options, Path(options.output), random.Random(options.seed))  # nosec B311


def drill(options, output, rng):
    if output.exists():
        sys.exit(f"--output {str(output)!r} exists. Choose another folder: the drill deletes its runs.")
    undisturbed, begun = output / "undisturbed", time.monotonic()
    if (status := start(options, undisturbed).wait()) != 0:
        sys.exit(f"The uninterrupted run ended with status {status}.")
    length = time.monotonic() - begun
    expected, kills, failed, number = weights(undisturbed), 0, False, 0
    started = time.monotonic()
    while kills < options.kills and time.monotonic() - started < options.seconds:
        run, survived, number = output / f"run-{number}", 0, number + 1
        while True:
            process = start(options, run, resume=survived > 0)
            is_killed = kills < options.kills and time.monotonic() - started < options.seconds
            delay = rng.uniform(0.2, 1.2) * length
            asked = rng.choice([signal.SIGKILL, signal.SIGTERM])
            try:
                # A run that is not killed may take at most ten times as long as the first.
                status = process.wait(timeout=delay if is_killed else 10 * length)
                break
            except subprocess.TimeoutExpired:
                if not is_killed:
                    process.kill()
                    status = "does not end"
                    break
                process.send_signal(asked)
                process.wait(timeout=10 * length)
                kills, survived = kills + 1, survived + 1
        same = status == 0 and equal(weights(run), expected)
        failed |= not same
        result = {"run": run.name, "kills": survived, "status": status, "same_weights": same}
        print(json.dumps(result), flush=True)
        if same:
            shutil.rmtree(run)
    # A drill without a kill proves nothing.
    failed |= kills == 0
    print(json.dumps({"kills": kills, "runs": number, "failed": failed}))
    return int(failed)


def start(options, run, resume=False):
    """Starts `genzoo train` in a new process."""
    command = [*GENZOO, "train", options.recipe, "--output", str(run), "--deterministic"]
    command += ["--resume"] * resume
    for name in ("epochs", "data_dir"):
        if (value := getattr(options, name)) is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def weights(run):
    """Returns a dict of the weights of a finished run, by path."""
    values = {}
    with h5py.File(run / "preset" / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: values.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return values


def equal(actual, expected):
    return actual.keys() == expected.keys() and all(
        np.array_equal(actual[name], value) for name, value in expected.items()
    )


if __name__ == "__main__":
    sys.exit(main())
