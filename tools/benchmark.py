"""Measures training steps as `fit` runs them, and prints one JSON line a run.

Usage:
    python tools/benchmark.py --workload dcgan64
    KERAS_BACKEND=jax python tools/benchmark.py --workload dcgan64 --dtype bfloat16

The images are synthetic and stay in memory. A step's time includes reading its losses, so that no work is
left running. Absolute times of a shared machine drift: compare runs made in turn, by the ratio of their
medians.
"""

import argparse
import functools
import json
import os
import resource
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_genzoo as kg


def _dcgan64():
    model = kg.models.GAN(image_shape=(64, 64, 3), latent_dim=100, width=64)
    return model, {}


def _wgan_gp28():
    model = kg.models.WGANGP(image_shape=(28, 28, 1), latent_dim=128, width=64)
    adam = {player: kg.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.9) for player in model.players}
    return model, {f"{player}_optimizer": optimizer for player, optimizer in adam.items()}


def _vae28():
    encoder = kg.networks.ConvEncoder((28, 28, 1), latent_dim=2, hidden=(16,))
    return kg.models.VAE(encoder=encoder, latent_dim=2), {}


def _pix2pix256():
    # The reference's three blocks with dropout, as the peer's.
    return kg.models.Pix2Pix((256, 256, 3), width=64, dropout_blocks="reference"), {}


def _cyclegan128():
    return kg.models.CycleGAN((128, 128, 3), width=64, num_blocks=9), {}


def _pggan32():
    schedule = kg.growth.GrowthSchedule(4, fading_images=64_000_000)
    # In the middle of the last level's fade.
    middle = schedule.phases[-2].first_image + 32_000_000
    return kg.models.ProgressiveGAN((32, 32, 3), schedule=schedule, images_seen=middle), {}


def _msg_gan32():
    return kg.models.MSGGAN((32, 32, 3)), {}


def _pggan_at_8(num_levels):
    # The third phase: 8x8 without a fade.
    schedule = kg.growth.GrowthSchedule(num_levels)
    side = 4 * 2 ** (num_levels - 1)
    images_seen = schedule.phases[2].first_image
    return kg.models.ProgressiveGAN((side, side, 3), schedule=schedule, images_seen=images_seen), {}


# Name -> (function of the model and what it is compiled with, image shape, batch size). One step of
# - dcgan64: an update of the discriminator, on a real and on a generated batch, and one of the generator;
# - wgan_gp28: five updates of the critic, each with new generated images, and one of the generator;
# - vae28: an update of encoder and decoder;
# - pix2pix256: an update of the discriminator and one of the generator;
# - cyclegan128: an update of both generators, with identity loss, and one of both discriminators, with histories
#   of 50 images;
# - pggan32: an update of the critic and one of the generator at 32x32 with alpha 0.5;
# - msg_gan32: the same of the MSG-GAN, on images of all sizes up to 32x32;
# - pggan128_at_8, pggan8: as pggan32 at 8x8, of a network that will grow to 128x128 and of one that ends at 8x8.
WORKLOADS = {
    "dcgan64": (_dcgan64, (64, 64, 3), 64),
    "wgan_gp28": (_wgan_gp28, (28, 28, 1), 64),
    "vae28": (_vae28, (28, 28, 1), 128),
    "pix2pix256": (_pix2pix256, (256, 256, 3), 1),
    "cyclegan128": (_cyclegan128, (128, 128, 3), 1),
    "pggan32": (_pggan32, (32, 32, 3), 16),
    "msg_gan32": (_msg_gan32, (32, 32, 3), 16),
    "pggan128_at_8": (functools.partial(_pggan_at_8, 6), (128, 128, 3), 16),
    "pggan8": (functools.partial(_pggan_at_8, 2), (8, 8, 3), 16),
}
JIT = {"auto": "auto", "on": True, "off": False}


class StepTimes(keras.callbacks.Callback):
    """Records the seconds of every step, the losses read."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        for value in logs.values():
            float(keras.ops.convert_to_numpy(value))
        self.seconds.append(time.perf_counter() - self._started)


class OneBatch(keras.utils.PyDataset):
    """The same batch, again and again."""

    def __init__(self, batch, steps):
        super().__init__()
        self.batch = batch
        self.steps = steps

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        return self.batch


def measure(workload, dtype, jit, batch_size, steps, warmup):
    """Runs a workload and returns the JSON line as a dict."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32" if dtype == "float32" else f"mixed_{dtype}")
    make_model, image_shape, default_batch_size = WORKLOADS[workload]
    batch_size = batch_size or default_batch_size
    model, optimizers = make_model()
    model.compile(**optimizers, jit_compile=JIT[jit])
    sources, images = np.random.default_rng(0).uniform(-1, 1, (2, batch_size, *image_shape)).astype("float32")
    batch = (sources, images) if hasattr(model, "translate") else images
    times = StepTimes()
    model.fit(_resident(batch, warmup + steps), epochs=1, callbacks=[times], verbose=0)
    median = statistics.median(times.seconds[warmup:])
    return {
        "workload": workload,
        "backend": keras.backend.backend(),
        "jit": bool(model.jit_compile),
        "dtype": dtype,
        "batch": batch_size,
        "parameters": {name: network.count_params() for name, network in model.networks.items()},
        "steps": steps,
        "first_step_s": round(times.seconds[0], 2),
        "median_ms": round(1e3 * median, 2),
        "min_ms": round(1e3 * min(times.seconds[warmup:]), 2),
        "images_per_s": round(batch_size / median, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _resident(batch, steps):
    if keras.backend.backend() != "tensorflow":
        return OneBatch(batch, steps)
    import tensorflow as tf

    return tf.data.Dataset.from_tensors(batch).cache().repeat(steps)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="dcgan64")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument(
        "--jit", choices=sorted(JIT), default="auto", help="XLA (default: what `compile` does)"
    )
    parser.add_argument("--batch-size", type=int, help="instead of the workload's")
    parser.add_argument("--steps", type=int, default=20, help="timed steps (default 20)")
    parser.add_argument("--warmup", type=int, default=3, help="steps before, the first compiles (default 3)")
    options = parser.parse_args(arguments)
    result = measure(
        options.workload, options.dtype, options.jit, options.batch_size, options.steps, options.warmup
    )
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
