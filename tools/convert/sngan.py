"""Converts SNGANs of two projects into a preset, unconditional or with a projection discriminator.

Reads `.npz` files of the authors' github.com/pfnet-research/sngan_projection, generators and discriminators, and
generators of github.com/kwotsin/mimicry: SNGAN and cGAN-PD for 32, 48, 64 and 128 pixels (`netG_100000_steps.pth`),
which require PyTorch: pip install -e ".[torch]"

The discriminators of Mimicry cannot be converted: their in-place ReLUs change the input of a block's shortcut.

Usage:
    python tools/convert/sngan.py OUTPUT --generator ResNetGenerator_450000.npz --discriminator discriminator.npz
    python tools/convert/sngan.py OUTPUT --generator netG_100000_steps.pth
"""

import dataclasses
import math
import sys
import zipfile
import zlib

import numpy as np
from state import (
    arranged,
    array,
    converted,
    description_of,
    kernel_shape,
    keys_of,
    parser_of,
    run,
    some,
)

from keras_genzoo import models
from keras_genzoo.networks import SNGANDiscriminator, SNGANGenerator


def main(arguments=None):
    parser = parser_of(__doc__, generator="a generator of either project")
    parser.add_argument("--discriminator", metavar="FILE", help="a discriminator of sngan_projection")
    return run(_model, parser.parse_args(arguments))


def _model(options):
    generator = _converted(options.generator, generator_of)
    config = generator.get_config()
    side = generator.output_shape[1]
    if options.discriminator:
        discriminator = _converted(
            options.discriminator, lambda state, project: discriminator_of(state, side, project)
        )
    else:
        # Down to the generator's first map.
        channels = config["channels"][::-1]
        discriminator = SNGANDiscriminator(
            generator.output_shape[1:],
            num_classes=config["num_classes"],
            channels=channels,
            halvings=len(channels) - 1,
        )
    model = models.SNGAN(generator=generator, discriminator=discriminator, num_classes=config["num_classes"])
    return model, description_of(generator=options.generator, discriminator=options.discriminator)


def _converted(path, network_of):
    if not str(path).endswith(".npz"):
        return converted(path, lambda state: network_of(state, MIMICRY), ("model_state_dict",))
    try:
        return network_of(read_npz(path), SNGAN_PROJECTION)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_npz(path):
    """Reads a file that Chainer's `save_npz` wrote, a dictionary from keys to arrays.

    Raises:
        ValueError: If the file is anything else. Only arrays are read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except OSError:
        raise
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError("This is not an .npz file of arrays, as Chainer's `save_npz` writes it.") from error


@dataclasses.dataclass(frozen=True)
class Project:
    """What differs between the projects: PyTorch's and Chainer's names, upsampling and a constant."""

    separator: str
    names: dict
    # Of arrays that no network computes with.
    unused: tuple
    interpolation: str
    epsilon: float

    def key(self, module, name):
        return f"{module}.{self.names[name]}".replace(".", self.separator)


_OFFSETS = "embed.weight, second half"
MIMICRY = Project(
    ".",
    {
        "kernel": "weight",
        "bias": "bias",
        "gamma": "weight",
        "beta": "bias",
        "scales": "embed.weight",
        "offsets": _OFFSETS,
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    },
    ("num_batches_tracked",),
    "bilinear",
    1e-5,
)
SNGAN_PROJECTION = Project(
    "/",
    {
        "kernel": "W",
        "embeddings": "W",
        "bias": "b",
        "u": "u",
        "gamma": "gamma",
        "beta": "beta",
        "scales": "gammas.W",
        "offsets": "betas.W",
        "moving_mean": "avg_mean",
        "moving_variance": "avg_var",
    },
    ("/N",),
    "nearest",
    2e-5,
)


def generator_of(state, project=MIMICRY):
    """Makes the `SNGANGenerator` of a state dictionary.

    Args:
        state: Dictionary from keys to arrays.
        project: `MIMICRY` or `SNGAN_PROJECTION`.

    Raises:
        ValueError: If the keys or the shapes are of another network.
    """
    state = _used(state, project)
    blocks = _blocks(state, project, 2)
    shapes = [kernel_shape(state, project.key(f"block{block}.c1", "kernel")) for block in blocks]
    channels = [shapes[0][1], *(shape[0] for shape in shapes)]
    last = blocks[-1] + 1
    # Both names are used in sngan_projection.
    output = f"l{last}" if project.key(f"l{last}", "kernel") in state else f"c{last}"
    modules = {"initial_map": "l1", "output_norm": f"b{last}", "output_conv": output}
    for level, block in enumerate(blocks, 1):
        modules |= _block_modules(level, block, norms=True)

    first = project.key("l1", "kernel")
    matrix = array(state, first)
    side = math.isqrt(matrix.size // (channels[0] * matrix.shape[-1])) if matrix.ndim == 2 else 0
    if matrix.ndim != 2 or not side or side**2 * channels[0] != len(matrix):
        raise ValueError(
            f"{first!r} must have outputs for a square map of {channels[0]} channels. Received: {matrix.shape}"
        )
    # Its rows are channels, then pixels.
    for key in (first, project.key("l1", "bias")):
        values = array(state, key)
        state[key] = _pixels_first(values, channels[0]) if len(values) == len(matrix) else values

    scales = project.key(f"block{blocks[0]}.b1", "scales")
    num_classes = len(state[scales]) if scales in state else None
    names = dict(project.names)
    if num_classes and project is MIMICRY:
        for name in ("moving_mean", "moving_variance"):
            names |= {name: f"bn.{names[name]}", f"output_norm/{name}": names[name]}
    network = SNGANGenerator(
        (
            side * 2 ** len(blocks),
            side * 2 ** len(blocks),
            kernel_shape(state, project.key(output, "kernel"))[0],
        ),
        matrix.shape[1],
        num_classes=num_classes,
        channels=channels,
        interpolation=project.interpolation,
    )
    _set(network, state, project, modules, names)
    return network


def discriminator_of(state, side, project=SNGAN_PROJECTION):
    """Makes the `SNGANDiscriminator` of what sngan_projection has saved.

    Args:
        state: Dictionary from keys to arrays.
        side: Int, of the images.
        project: `SNGAN_PROJECTION`.

    Raises:
        ValueError: If the keys or the shapes are of another network, or the project is.
    """
    if project is not SNGAN_PROJECTION:
        raise ValueError(
            "Mimicry's discriminators cannot be converted: their ReLUs overwrite the map that the shortcut of a "
            "block sees. Leave `--discriminator` out."
        )
    state = _used(state, project)
    blocks = _blocks(state, project, 1)
    channels = [kernel_shape(state, project.key(f"block{block}.c2", "kernel"))[0] for block in blocks]
    modules = {"logits": f"l{blocks[-1] + 1}", "label_projection": "l_y"}
    for block in blocks:
        modules |= _block_modules(block, block, norms=False)
    table = project.key("l_y", "embeddings")
    # Those that keep the side keep the channels too, and have no convolution as shortcut.
    halvings = sum(project.key(f"block{block}.c_sc", "kernel") in state for block in blocks)
    network = SNGANDiscriminator(
        (side, side, kernel_shape(state, project.key("block1.c1", "kernel"))[1]),
        num_classes=len(state[table]) if table in state else None,
        logits_bias=project.key(modules["logits"], "bias") in state,
        channels=channels,
        halvings=halvings,
    )
    _set(network, state, project, modules, project.names)
    return network


def _used(state, project):
    """Without what no network computes with, the scales and offsets of classes apart."""
    state = {key: value for key, value in state.items() if not key.endswith(project.unused)}
    for key in [key for key in state if key.endswith(".embed.weight")]:
        if state[key].ndim != 2 or state[key].shape[1] % 2:
            raise ValueError(
                f"{key!r} must have scales and offsets of each class. Received: {state[key].shape}"
            )
        state[key], state[key.replace("embed.weight", _OFFSETS)] = np.split(state[key], 2, axis=1)
    return state


def _blocks(state, project, first):
    """The numbers of the blocks, from the first."""
    last = first
    while (
        project.key(f"block{last}.c1", "kernel") in state
        and project.key(f"block{last}.c2", "kernel") in state
    ):
        last += 1
    if last == first:
        raise ValueError(
            f"The file lacks {project.key(f'block{first}.c1', 'kernel')!r}: it is of another network. Its keys: "
            f"{some(state)}"
        )
    return range(first, last)


def _block_modules(level, block, norms):
    names = {"conv_1": "c1", "conv_2": "c2", "shortcut": "c_sc"}
    names |= {"norm_1": "b1", "norm_2": "b2"} if norms else {}
    return {f"block_{level}_{ours}": f"block{block}.{theirs}" for ours, theirs in names.items()}


def _pixels_first(array, channels):
    array = array.reshape(channels, -1, *array.shape[1:])
    return array.swapaxes(0, 1).reshape(-1, *array.shape[2:])


def _set(network, state, project, modules, names):
    keys = [key.replace(".", project.separator) for key in keys_of(network, modules, names)]
    plain = set()
    for weight, key in zip(network.weights, keys, strict=True):
        if key not in state:
            continue
        if weight.name in ("embeddings", "scales", "offsets"):
            # Tables have a row per class in both.
            plain.add(key)
        elif weight.name == "u":
            state[key] = np.reshape(state[key], (-1,))
        elif weight.name == "moving_variance":
            # Our layers add another constant to the variance; they get the difference with it.
            state[key] = np.asarray(state[key] + (project.epsilon - 2e-5), "float32")
    network.set_weights(arranged(state, network, keys, plain=plain))


if __name__ == "__main__":
    sys.exit(main())
