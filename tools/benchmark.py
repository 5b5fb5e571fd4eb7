"""Measures the time of training steps in `fit`, or of inference, and prints one JSON line per run.

Usage:
    python tools/benchmark.py --workload dcgan64
    KERAS_BACKEND=jax python tools/benchmark.py --workload dcgan64 --dtype bfloat16
    python tools/benchmark.py --inference dcgan_fashion_mnist cyclegan_noto_twemoji

The images are synthetic and remain in memory. The time of a step includes reading its losses, so that all work has
ended. Absolute times on a shared machine vary: alternate the runs to compare, and use the ratio of their medians.

`--inference` takes names or folders of presets, exports each to a temporary folder, and compares `sample` or
`translate` with the SavedModel, ONNX Runtime, OpenVINO and LiteRT on one thread. It prints one line for a single
image and one for a batch (64, for translation models 8; or `--batch-size`). In each of `--steps` rounds, every
program runs once. The keys of a line are

- `median_ms`: the median time per call, including conversion to NumPy arrays. `sample` and the SavedModel's signature
  draw latents; `sample(latents)` and the other runtimes get them. `translate` and the SavedModel take uint8 images,
  the other runtimes floats;
- `ratio`: the median of the equivalent call of this package, divided by that of the other program: above 1, the other
  program is faster;
- `not_measured`: the programs that are not installed, or do not support the model, with the reason.
"""

import argparse
import functools
import importlib.util
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "--inference" in sys.argv:
    # These variables are read at import. The threads of TensorFlow and of the other runtimes are set below.
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"

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
    # Three blocks with dropout, as in the reference implementation.
    return kg.models.Pix2Pix((256, 256, 3), width=64, dropout_blocks="reference"), {}


def _cyclegan128():
    return kg.models.CycleGAN((128, 128, 3), width=64, num_blocks=9), {}


def _cut128(setting):
    return kg.models.CUT((128, 128, 3), **kg.models.CUT.CONFIGS[setting]), {}


def _pggan32():
    schedule = kg.growth.GrowthSchedule(4, fading_images=64_000_000)
    # In the middle of the last level's fade.
    middle = schedule.phases[-2].first_image + 32_000_000
    return kg.models.ProgressiveGAN((32, 32, 3), schedule=schedule, images_seen=middle), {}


def _msg_gan32():
    return kg.models.MSGGAN((32, 32, 3)), {}


def _stylegan2_64():
    # Half of the paper's channels, as in the authors' "auto" settings for 64x64.
    return kg.models.StyleGAN2((64, 64, 3), channel_base=16384, num_mapping_layers=2, r1_weight=0.05), {}


def _biggan_32():
    # As in Brock et al. for CIFAR-10: four discriminator updates per generator update.
    return kg.models.BigGAN((32, 32, 3), num_classes=10, width=64, discriminator_steps=4), {}


def _spade64():
    return kg.models.SPADE((64, 64, 3), num_labels=12, style_dim=256, width=32), {}


def _esrgan_x4_train():
    generator = kg.networks.RRDBSuperResolver(3, num_blocks=6)
    return kg.models.ESRGAN((128, 128, 3), generator=generator, perceptual_weight=0.0), {}


def _pggan_at_8(num_levels):
    # The third phase: 8x8 without a fade.
    schedule = kg.growth.GrowthSchedule(num_levels)
    side = 4 * 2 ** (num_levels - 1)
    images_seen = schedule.phases[2].first_image
    return kg.models.ProgressiveGAN((side, side, 3), schedule=schedule, images_seen=images_seen), {}


# Name -> (function that returns the model and its compile arguments, batch size). One step of
# - dcgan64: an update of the discriminator, on a real and on a generated batch, and one of the generator;
# - wgan_gp28: five updates of the critic, each with new generated images, and one of the generator;
# - vae28: an update of encoder and decoder;
# - pix2pix256: an update of the discriminator and one of the generator;
# - cyclegan128: an update of both generators, with identity loss, and one of both discriminators, with histories
#   of 50 images;
# - cut128, fastcut128: an update of the discriminator and one of generator and projector, whose 9 blocks are those of
#   cyclegan128;
# - pggan32: an update of the critic and one of the generator at 32x32 with alpha 0.5;
# - msg_gan32: the same of the MSG-GAN, on images of all sizes up to 32x32;
# - stylegan2_64: an update of the discriminator and one of the generator, and their shares of the lazy R1 and path
#   length, which act at every 16th and every 4th step;
# - biggan_32: four updates of the discriminator, each with new generated images, and one of the generator;
# - spade64: an update of the discriminator and one of generator and encoder, of 12 labels;
# - esrgan_x4_train: the same of six RRDBs and the VGG discriminator, from 32x32 to 128x128, without perceptual loss;
# - pggan128_at_8, pggan8: as pggan32 at 8x8, of a network that will grow to 128x128 and of one that ends at 8x8.
WORKLOADS = {
    "dcgan64": (_dcgan64, 64),
    "wgan_gp28": (_wgan_gp28, 64),
    "vae28": (_vae28, 128),
    "pix2pix256": (_pix2pix256, 1),
    "cyclegan128": (_cyclegan128, 1),
    "cut128": (functools.partial(_cut128, "cut"), 1),
    "fastcut128": (functools.partial(_cut128, "fastcut"), 1),
    "pggan32": (_pggan32, 16),
    "msg_gan32": (_msg_gan32, 16),
    "stylegan2_64": (_stylegan2_64, 16),
    "biggan_32": (_biggan_32, 16),
    "spade64": (_spade64, 4),
    "esrgan_x4_train": (_esrgan_x4_train, 4),
    "pggan128_at_8": (functools.partial(_pggan_at_8, 6), 16),
    "pggan8": (functools.partial(_pggan_at_8, 2), 16),
}
# Number of steps in the cycle of a workload. Its time is the mean over a cycle.
CYCLES = {"stylegan2_64": 16}
JIT = {"auto": "auto", "on": True, "off": False}


class StepTimes(keras.callbacks.Callback):
    """Records the time of every step in seconds, including reading the losses."""

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
    """A dataset that repeats one batch."""

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
    make_model, default_batch_size = WORKLOADS[workload]
    batch_size = batch_size or default_batch_size
    cycle = CYCLES.get(workload, 1)
    # Whole cycles. The first one includes compilation.
    warmup, steps = (-(-number // cycle) * cycle for number in (warmup, steps))
    model, optimizers = make_model()
    model.compile(**optimizers, jit_compile=JIT[jit])
    rng = np.random.default_rng(0)
    batch = tuple(_drawn(expected, batch_size, rng) for expected in model.expected_data().values())
    times = StepTimes()
    model.fit(_resident(batch, warmup + steps), epochs=1, callbacks=[times], verbose=0)
    seconds = [
        statistics.mean(times.seconds[start : start + cycle])
        for start in range(warmup, warmup + steps, cycle)
    ]
    median = statistics.median(seconds)
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
        "min_ms": round(1e3 * min(seconds), 2),
        "images_per_s": round(batch_size / median, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _drawn(expected, num, rng):
    """Draws examples of a modality or a condition: int labels, or floats in [-1, 1]."""
    low, high = expected.bounds
    shape = (num, *expected.shape)
    if isinstance(high, int):
        return rng.integers(low, high + 1, shape).astype("int32")
    return rng.uniform(-1, 1, shape).astype("float32")


def _resident(batch, steps):
    if keras.backend.backend() != "tensorflow":
        return OneBatch(batch, steps)
    import tensorflow as tf

    return tf.data.Dataset.from_tensors(batch).cache().repeat(steps)


def measure_inference(name, batch_size, runs, warmup):
    """Measures a preset and its exports, and returns the JSON line as a dict."""
    model = kg.models.load(name)
    calls, not_measured = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        calls.update(_own_calls(model, batch_size))
        for program, make_call in RUNTIMES.items():
            try:
                calls[program] = make_call(model, batch_size, Path(folder))
            except (ImportError, ValueError) as error:
                not_measured[program] = str(error)
        seconds = {call: [] for call in calls}
        for index in range(warmup + runs):
            for call, function in calls.items():
                started = time.perf_counter()
                function()
                if index >= warmup:
                    seconds[call].append(time.perf_counter() - started)
    median = {call: 1e3 * statistics.median(times) for call, times in seconds.items()}
    whole, *network_alone = _own_calls(model, batch_size)
    same = {
        program: whole if program == "SavedModel" or not network_alone else network_alone[0]
        for program in calls
        if program in RUNTIMES
    }
    return {
        "preset": str(name),
        "backend": keras.backend.backend(),
        "batch": batch_size,
        "runs": runs,
        "median_ms": {call: round(value, 3) for call, value in median.items()},
        "ratio": {program: round(median[call] / median[program], 2) for program, call in same.items()},
        "not_measured": not_measured,
    }


def _own_calls(model, batch_size):
    """Returns a dict of name -> function without arguments: the whole call, and the network only if it differs."""
    if "translate" in model.abilities:
        images, seed = _sources(model, batch_size), 0 if model.draws() else None
        return {"translate": lambda: model.translate(images, seed=seed, batch_size=batch_size)}
    labels = {"labels": 0} if model.condition else {}
    latents = _latents(model, batch_size)
    return {
        "sample": lambda: model.sample(batch_size, seed=0, batch_size=batch_size, **labels),
        "sample(latents)": lambda: model.sample(latents=latents, batch_size=batch_size, **labels),
    }


def _sources(model, batch_size):
    source = model.task().source
    high = 256 if source.interpolates else source.num_labels
    return np.random.default_rng(0).integers(0, high, (batch_size, *source.shape), "uint8")


def _latents(model, batch_size):
    return np.asarray(model.latent.from_seed(batch_size, seed=0))


def _network_inputs(model, batch_size):
    """Returns the inputs of an exported network."""
    if "translate" in model.abilities:
        return [np.asarray(kg.pixels.normalize(_sources(model, batch_size)))]
    labels = [np.zeros(batch_size, "int32")] if model.condition else []
    return [_latents(model, batch_size), *labels]


def _need(*packages):
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(f"not installed: {', '.join(missing)}")


def _saved_model(model, batch_size, folder):
    _need("tensorflow")
    import tensorflow as tf

    if not (folder / "saved_model").exists():
        model.export(folder / "saved_model")
    signatures = tf.saved_model.load(folder / "saved_model").signatures
    if "translate" in model.abilities:
        arguments = {"images": tf.constant(_sources(model, batch_size))}
        signature = signatures["serving_default"]
    else:
        arguments = {"num": tf.constant(batch_size), "seed": tf.constant(0, "int64")}
        if model.condition:
            arguments["label"] = tf.constant(0)
        signature = signatures["sample"]
    return lambda: signature(**arguments)["images"].numpy()


def _onnx(model, batch_size, folder):
    _need("onnxruntime", "tf2onnx", "onnx")
    import onnxruntime

    model.export(folder / "model.onnx", "onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
    inputs = _by_rank(session.get_inputs(), _network_inputs(model, batch_size), lambda each: len(each.shape))
    feed = {each.name: array for each, array in inputs}
    return lambda: session.run(None, feed)


def _openvino(model, batch_size, folder):
    _need("openvino")
    import openvino

    model.export(folder / "model.xml", "openvino")
    # By default, it computes in bfloat16 if the processor supports it.
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    network = openvino.compile_model(folder / "model.xml", "CPU", options)
    inputs = _by_rank(
        network.inputs, _network_inputs(model, batch_size), lambda each: len(each.partial_shape)
    )
    feed = {each: array for each, array in inputs}
    return lambda: np.array(network(feed)[0])


def _litert(model, batch_size, folder):
    _need("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    model.export(folder / "model.tflite", "litert")
    network = Interpreter(str(folder / "model.tflite"), num_threads=1)
    inputs = _by_rank(
        network.get_input_details(), _network_inputs(model, batch_size), lambda each: len(each["shape"])
    )
    for each, array in inputs:
        network.resize_tensor_input(each["index"], array.shape)
    network.allocate_tensors()
    output = network.get_output_details()[0]["index"]

    def run():
        for each, array in inputs:
            network.set_tensor(each["index"], array)
        network.invoke()
        return network.get_tensor(output)

    return run


def _by_rank(inputs, arrays, rank_of):
    """Returns pairs of a runtime's inputs, which may be in any order, and the arrays for them."""
    of_rank = {array.ndim: array for array in arrays}
    return [(each, of_rank[rank_of(each)]) for each in inputs]


# Program -> function of the model, the batch size and an export folder that returns a function without arguments.
RUNTIMES = {"SavedModel": _saved_model, "ONNX Runtime": _onnx, "OpenVINO": _openvino, "LiteRT": _litert}


def _keep_to_one_thread():
    if hasattr(os, "sched_setaffinity"):
        # For the whole process: runtimes that count the processors find one.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if importlib.util.find_spec("tensorflow") is not None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="dcgan64")
    parser.add_argument(
        "--inference", nargs="+", metavar="NAME", help="presets to measure, instead of training steps"
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument(
        "--jit", choices=sorted(JIT), default="auto", help="XLA compilation (default: that of `compile`)"
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        help="batch size (default: the workload's); with --inference, the larger of the two",
    )
    parser.add_argument("--steps", type=int, default=20, help="number of timed steps or rounds (default: 20)")
    parser.add_argument(
        "--warmup", type=int, default=3, help="number of steps before, including compilation (default: 3)"
    )
    options = parser.parse_args(arguments)
    if options.inference:
        _keep_to_one_thread()
        for name in options.inference:
            abilities = kg.models.load(name).abilities
            if abilities.isdisjoint({"sample", "translate"}):
                parser.error(f"--inference supports models that sample or translate. Received: {name}")
            larger = options.batch_size or (8 if "translate" in abilities else 64)
            for batch_size in sorted({1, larger}):
                print(
                    json.dumps(measure_inference(name, batch_size, options.steps, options.warmup)), flush=True
                )
        return 0
    result = measure(
        options.workload, options.dtype, options.jit, options.batch_size, options.steps, options.warmup
    )
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
