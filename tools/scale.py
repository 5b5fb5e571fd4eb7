"""Counts the work and the memory of training at scale, from the models themselves, as Markdown tables.

The training step of each model is traced, not run, with JAX in bfloat16 (`mixed_bfloat16`). Its convolutions and
matrix products are counted: 2 FLOP per multiply-add, including those with padding, without those with the zeros
between the values of a transposed convolution. Memory is the most bytes of intermediate values alive at once if
operations run in the order of the program and each stores its result, without weights and the state of optimizers,
whose new values replace the old ones. A compiler that fuses operations needs less.

Hours are the counted work divided by an assumed rate. The time to sum gradients is the number of bytes that a ring of
devices passes on, divided by an assumed bandwidth; it is added to the work.

Usage:
    python tools/scale.py --teraflops 200 --bandwidth 300
    python tools/scale.py --model stylegan2
"""

import argparse
import contextlib
import math
import os
from dataclasses import dataclass
from unittest import mock

if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras

import keras_genzoo as kg

NUM_DEVICES = 8


@dataclass(frozen=True)
class Cost:
    """Cost of one training step on one device.

    Attributes:
        flop: Float, number of floating point operations, in the mean over steps with and without regularizers.
        num_bytes: Int, memory of the intermediate values, that of the most expensive step. Without the memory of
            weights and optimizers, in which a step stores their new values.
    """

    flop: float
    num_bytes: int


# Counting.


def cost_of_step(model, batch_size):
    """Traces the training step of a compiled model.

    Args:
        model: `keras_genzoo.models.GenerativeModel`, compiled.
        batch_size: Int, number of images per device.

    Returns:
        `Cost`. With lazy regularization, the work of each regularizer counts as its share of the steps.
    """
    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([jax.ShapeDtypeStruct(each.shape, each.dtype) for each in group] for group in variables)
    data = tuple(
        jax.ShapeDtypeStruct((batch_size, *expected.shape), _dtype(expected))
        for expected in model.expected_data().values()
    )

    def traced(*due):
        vars(model)["_due"] = frozenset(due)
        # A new function: JAX reuses the trace of one that it knows.
        return jax.make_jaxpr(lambda state, data: model.train_step(state, data))(state, data).jaxpr

    intervals = getattr(model, "regularizer_intervals", {})
    num_state = len(jax.tree.leaves(state))
    main = traced()
    flop, num_bytes = flop_of(main), bytes_of(main, num_state)
    for name, interval in intervals.items():
        if interval:
            with_one = traced(name)
            flop += (flop_of(with_one) - flop_of(main)) / interval
            num_bytes = max(num_bytes, bytes_of(with_one, num_state))
    return Cost(flop, num_bytes)


def _dtype(expected):
    return "int32" if isinstance(expected.bounds[1], int) else "float32"


def flop_of(jaxpr):
    """Returns the FLOP of the convolutions and matrix products of a `jax.core.Jaxpr`."""
    flop = 0
    for equation in jaxpr.eqns:
        name, parameters = equation.primitive.name, equation.params
        if name == "dot_general":
            (contracted, _), _ = parameters["dimension_numbers"]
            left = equation.invars[0].aval.shape
            flop += 2 * equation.outvars[0].aval.size * math.prod(left[axis] for axis in contracted)
        elif name == "conv_general_dilated":
            # Axes of the kernel: outputs, inputs (of a group), then the spatial ones.
            _, *axes = parameters["dimension_numbers"].rhs_spec
            kernel = equation.invars[1].aval.shape
            products = equation.outvars[0].aval.size * math.prod(kernel[axis] for axis in axes)
            flop += 2 * products / math.prod(parameters["lhs_dilation"])
        # A loop counts once for each of its steps.
        flop += parameters.get("length", 1) * sum(flop_of(each) for each in _inner(equation))
    return flop


def bytes_of(jaxpr, num_state=0):
    """Returns the most bytes of a `jax.core.Jaxpr` that are alive at once, beyond its inputs.

    Args:
        jaxpr: `jax.core.Jaxpr`.
        num_state: Int, number of the first inputs that its results replace: their memory is free after their last
            use.
    """
    last = {}
    for index, equation in enumerate(jaxpr.eqns):
        last.update((id(variable), index) for variable in equation.invars)
    last.update((id(variable), len(jaxpr.eqns)) for variable in jaxpr.outvars)
    alive = {id(variable): _size(variable) for variable in jaxpr.invars[:num_state]}
    now = most = 0
    for index, equation in enumerate(jaxpr.eqns):
        inside = max((bytes_of(each) for each in _inner(equation)), default=0)
        results = {id(variable): _size(variable) for variable in equation.outvars if id(variable) in last}
        most = max(most, now + max(inside, sum(results.values())))
        alive.update(results)
        now += sum(results.values())
        for variable in equation.invars:
            if last.get(id(variable)) == index:
                now -= alive.pop(id(variable), 0)
    return most


def _size(variable):
    return variable.aval.size * getattr(variable.aval.dtype, "itemsize", 0)


def _inner(equation):
    """Returns the programs that an operation calls."""
    found = [
        value
        for parameter in equation.params.values()
        for value in jax.tree.leaves(parameter, is_leaf=_is_jaxpr)
    ]
    return [getattr(value, "jaxpr", value) for value in found if _is_jaxpr(value)]


def _is_jaxpr(value):
    return hasattr(getattr(value, "jaxpr", value), "eqns")


# The models.


def progressive_gan(side):
    """A progressive GAN at the end of its last level, without a fade."""
    num_levels = int(math.log2(side)) - 1
    schedule = kg.growth.GrowthSchedule(num_levels)
    return kg.models.ProgressiveGAN(
        (side, side, 3),
        schedule=schedule,
        images_seen=schedule.phases[-1].first_image,
        average_decay=None,
    )


def stylegan2(side):
    """StyleGAN2 in configuration f."""
    return kg.models.StyleGAN2((side, side, 3), average_half_life=None, **kg.models.StyleGAN2.CONFIGS["f"])


def biggan(side):
    """BigGAN for the classes of ImageNet."""
    return kg.models.BigGAN((side, side, 3), num_classes=1000)


@dataclass(frozen=True)
class Plan:
    """A training as in a paper.

    Attributes:
        make: Function that creates the model for the side of its images.
        images: Dict that maps sides to the number of images of all steps.
        batch_size: Int, number of images per step and device, with `NUM_DEVICES` devices.
        is_one_training: Bool, whether the sides are the levels of one training.
    """

    make: object
    images: dict
    batch_size: int
    is_one_training: bool = False


PLANS = {
    # With the images of the fade (Karras et al. 2018, appendix A.1).
    "progressive_gan": Plan(
        progressive_gan, {4: 800_000} | {4 * 2**level: 1_600_000 for level in range(1, 9)}, 16, True
    ),
    # 25 million images in batches of 32 (Karras et al. 2020, appendix B).
    "stylegan2": Plan(stylegan2, dict.fromkeys((256, 512, 1024), 25_000_000), 4),
    # 150,000 steps with batches of 2048 (Brock et al. 2019, appendix C).
    "biggan": Plan(biggan, dict.fromkeys((128, 256, 512), 150_000 * 2048), 256),
}
# Columns of a table, and the form of their numbers. Those of the last tuple are summed over the levels of a training.
_COLUMNS = {
    "side": "d",
    "parameters of G and D, millions": "",
    "step, GFLOP per image": ".1f",
    "memory, MB per image": ".1f",
    "work, EFLOP": ".2f",
    "hours, one device": ".1f",
    "images per device": "d",
    "its memory, GB": ".1f",
    "work per step, ms": ".1f",
    "sums of gradients, ms": ".1f",
    f"hours, {NUM_DEVICES} devices": ".1f",
}
_SUMMED = ("work, EFLOP", "hours, one device", f"hours, {NUM_DEVICES} devices")


def row_of(name, side, teraflops, bandwidth):
    """Returns a row of the table, a dict of numbers by column.

    Args:
        name: Key of `PLANS`.
        side: Int, side of the images.
        teraflops: Float, assumed rate of a device in TFLOP/s.
        bandwidth: Float, assumed bandwidth between devices in GB/s.
    """
    plan = PLANS[name]
    with _quick_weights():
        model = plan.make(side)
        model.compile()
    cost = cost_of_step(model, plan.batch_size)
    sizes = {
        player: sum(math.prod(variable.shape) for variable in model.variables_of(player))
        for player in model.players
    }
    # Float32 gradients of each update, without those of lazy regularizers; a ring passes each on almost twice.
    updates = {"discriminator": getattr(model, "discriminator_steps", 1)}
    num_bytes = sum(4 * size * updates.get(player, 1) for player, size in sizes.items())
    sums = num_bytes * 2 * (NUM_DEVICES - 1) / NUM_DEVICES / (bandwidth * 1e9)
    work = cost.flop / (teraflops * 1e12)
    num_steps = plan.images[side] / plan.batch_size
    values = (
        side,
        " + ".join(f"{size / 1e6:.1f}" for size in sizes.values()),
        cost.flop / plan.batch_size / 1e9,
        cost.num_bytes / plan.batch_size / 1e6,
        cost.flop * num_steps / 1e18,
        work * num_steps / 3600,
        plan.batch_size,
        cost.num_bytes / 1e9,
        1e3 * work,
        1e3 * sums,
        (work + sums) * num_steps / NUM_DEVICES / 3600,
    )
    return dict(zip(_COLUMNS, values, strict=True))


@contextlib.contextmanager
def _quick_weights():
    """Context manager in which weights are zeros: their values do not matter, and drawing them takes minutes."""

    def zeros(self, shape, dtype=None, **kwargs):
        return keras.ops.zeros(shape, dtype)

    with contextlib.ExitStack() as stack:
        for name in ("Orthogonal", "RandomNormal", "VarianceScaling"):
            stack.enter_context(mock.patch.object(getattr(keras.initializers, name), "__call__", zeros))
        yield


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=PLANS, nargs="+", default=list(PLANS), help="models to count")
    parser.add_argument("--sides", type=int, nargs="+", help="sides of the images (default: all)")
    parser.add_argument(
        "--teraflops", type=float, default=200.0, help="assumed rate of a device, in TFLOP/s (default: 200)"
    )
    parser.add_argument(
        "--bandwidth",
        type=float,
        default=300.0,
        help="assumed bandwidth between devices, in GB/s (default: 300)",
    )
    options = parser.parse_args(arguments)
    # Nothing is computed but the zeros of the weights.
    jax.config.update("jax_platforms", "cpu")
    keras.config.set_dtype_policy("mixed_bfloat16")
    for name in options.model:
        print(f"\n{name}\n")
        _print_cells(_COLUMNS)
        _print_cells(["---"] * len(_COLUMNS))
        rows = []
        for side in PLANS[name].images:
            if side in (options.sides or PLANS[name].images):
                rows.append(row_of(name, side, options.teraflops, options.bandwidth))
                _print_cells(
                    f"{value:{form}}"
                    for value, form in zip(rows[-1].values(), _COLUMNS.values(), strict=True)
                )
        if PLANS[name].is_one_training:
            _print_cells(
                f"{sum(row[column] for row in rows):{form}}"
                if column in _SUMMED
                else "all" * (column == "side")
                for column, form in _COLUMNS.items()
            )


def _print_cells(cells):
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
