"""Runs the hardware-dependent checks on the GPUs of this machine.

Usage:
    python tools/check_gpu.py

The checks are replicas (on two GPUs, or two logical ones of a single GPU), mixed precision, XLA, export and the
benchmark, with the TensorFlow backend. The outcome of each check is printed. The exit status is 1 if a check failed,
and 2 without a GPU.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Name -> arguments of pytest. The tests are those for CPUs, with replicas on GPUs.
CHECKS = {
    "replicas": ["tests/models", "-k", "replica"],
    "mixed precision": ["tests/models", "-k", "mixed"],
    "XLA": ["tests/models", "-k", "jit"],
    "export": ["tests/test_export.py"],
}
BENCHMARKS = [
    ["--dtype", dtype, "--jit", jit] for dtype in ("float32", "bfloat16", "float16") for jit in ("off", "on")
]


def main():
    # In a separate process: TensorFlow keeps the GPU's memory until its process ends.
    listing = "import tensorflow as tf; print(*[d.name for d in tf.config.list_physical_devices('GPU')])"
    gpus = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True).stdout.split()
    if not gpus:
        print("TensorFlow sees no GPU. Install `tensorflow[and-cuda]` and check `nvidia-smi`.")
        return 2
    print(f"GPUs: {', '.join(gpus)}")
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "KERAS_GENZOO_TEST_DEVICE": "GPU"}
    outcomes = {}
    for name, arguments in CHECKS.items():
        command = [sys.executable, "-m", "pytest", *arguments]
        outcomes[name] = subprocess.run(command, cwd=ROOT, env=environment).returncode == 0
    for arguments in BENCHMARKS:
        command = [sys.executable, str(ROOT / "tools" / "benchmark.py"), *arguments]
        outcomes[f"benchmark {' '.join(arguments)}"] = (
            subprocess.run(command, env=environment).returncode == 0
        )
    for name, passed in outcomes.items():
        print(f"{'passed' if passed else 'FAILED'}  {name}")
    return 0 if all(outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
