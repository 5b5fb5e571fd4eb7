"""Converts the BigGAN-deep generators of PyTorch into a preset.

Reads the files of github.com/huggingface/pytorch-pretrained-BigGAN: `pytorch_model.bin` and `config.json` of
biggan-deep-128, -256 and -512. They have no discriminator. Requires PyTorch: pip install -e ".[torch]"

The files contain batch normalization statistics for truncations from 0 to 1, in steps of 0.02. A preset has the
statistics of one truncation, interpolated linearly between steps. (The PyTorch code swaps the interpolation weights,
so that results agree only at the steps.)

Usage:
    python tools/convert/biggan.py OUTPUT --generator pytorch_model.bin --truncation 0.4
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
from state import (
    arranged,
    array,
    converted,
    description_of,
    keys_of,
    parser_of,
    run,
    vector_for,
    with_iterated_vectors,
)

from keras_genzoo import models
from keras_genzoo.networks import BigGANDeepDiscriminator, BigGANDeepGenerator
from keras_genzoo.networks.sngan import GENERATOR_WIDTHS, side_and_depth


def main(arguments=None):
    parser = parser_of(__doc__, generator="pytorch_model.bin")
    parser.add_argument(
        "--config", metavar="FILE", help="config.json (default: that in the folder of the generator)"
    )
    parser.add_argument(
        "--truncation",
        type=float,
        default=1.0,
        help="truncation whose statistics are kept, above 0 and at most 1 (default: 1)",
    )
    return run(_model, parser.parse_args(arguments))


def _model(options):
    if options.truncation == 0:
        # The preset would draw from all latents, with the statistics of one.
        raise ValueError("`--truncation` must be above 0. Received: 0")
    config = read_config(options.config or Path(options.generator).with_name("config.json"))
    generator = converted(options.generator, lambda state: generator_of(state, config, options.truncation))
    side = generator.output_shape[1]
    model = models.BigGAN(
        generator=generator,
        discriminator=BigGANDeepDiscriminator(
            generator.output_shape[1:], config["channel_width"], config["num_classes"], min(64, side // 2)
        ),
        num_classes=config["num_classes"],
        # The range of the latents that the statistics are of: up to 2, times the truncation.
        truncation=2.0 * options.truncation,
    )
    description = description_of(generator=options.generator, discriminator=None)
    return model, f"{description} Statistics of truncation {options.truncation:g}."


def read_config(path):
    """Reads `config.json`; a dictionary of what the networks need.

    Raises:
        ValueError: If the file is anything else.
    """
    try:
        config = json.loads(Path(path).read_text())
    except ValueError as error:
        raise ValueError(f"{path}: This is not JSON: {error}") from error
    if missing := [name for name in _CONFIG if not isinstance(config, dict) or name not in config]:
        raise ValueError(f"{path}: The configuration lacks {', '.join(missing)}: it is of another network.")
    for name, kind in _CONFIG.items():
        if isinstance(config[name], bool) or not isinstance(config[name], kind):
            raise ValueError(f"{path}: {name!r} must be of {kind.__name__}. Received: {config[name]!r}")
    return config


_CONFIG = {
    "output_dim": int,
    "z_dim": int,
    "channel_width": int,
    "num_classes": int,
    "layers": list,
    "attention_layer_position": int,
    "eps": float,
    "n_stats": int,
}


def generator_of(state, config, truncation=1.0):
    """Makes the `BigGANDeepGenerator` of a state dictionary.

    Args:
        state: Dictionary from keys to arrays.
        config: Dictionary, what `config.json` says.
        truncation: Float from 0 to 1.

    Raises:
        ValueError: If the keys or the shapes are of another network, or the configuration is.
    """
    side, width, position = config["output_dim"], config["channel_width"], config["attention_layer_position"]
    if not 0.0 <= truncation <= 1.0:
        raise ValueError(f"`--truncation` must be from 0 to 1. Received: {truncation}")
    _check_layers(config)
    modules = _modules(len(config["layers"]), position)
    state = with_iterated_vectors(state)
    for module in modules.values():
        if f"{module}.running_means" in state:
            _take_statistics(state, module, config, truncation)
    # Theirs is the condition of the latent first, then the label.
    for key in state:
        if key.endswith((".scale.weight_orig", ".offset.weight_orig", "gen_z.weight_orig")):
            state[key] = np.roll(state[key], config["z_dim"], axis=1)
    _take_three_channels(state, width)
    network = BigGANDeepGenerator(
        (side, side, 3),
        config["z_dim"],
        width,
        config["num_classes"],
        config["z_dim"],
        # Two blocks double the side of 4 once.
        4 * 2 ** (position // 2),
    )
    network.set_weights(arranged(state, network, keys_of(network, modules, _NAMES)))
    return network


def _check_layers(config):
    """Refuses blocks of other widths than those of the paper, and attention within a level."""
    _, doublings = side_and_depth((config["output_dim"], config["output_dim"], 3))
    blocks = []
    for before, after in itertools.pairwise(GENERATOR_WIDTHS[doublings]):
        blocks += [[False, before, before], [True, before, after]]
    if [list(layer) if isinstance(layer, list | tuple) else layer for layer in config["layers"]] != blocks:
        raise ValueError(f"The configuration's layers must be {blocks}. Received: {config['layers']}")
    if config["attention_layer_position"] not in range(2, len(blocks), 2):
        raise ValueError(
            "The configuration's attention must come before an even layer behind the first. Received: "
            f"attention_layer_position={config['attention_layer_position']}"
        )


def _modules(num_blocks, position):
    """From our layers to the modules. The attention is numbered with the blocks."""
    root = "generator"
    modules = {
        "label_embedding": "embeddings",
        "initial_map": f"{root}.gen_z",
        "attention": f"{root}.layers.{position}",
        "output_norm": f"{root}.bn",
        "output_conv": f"{root}.conv_to_rgb",
    }
    for block in range(num_blocks):
        module = f"{root}.layers.{block + (block >= position)}"
        for number in range(4):
            for kind, theirs in (("norm", "bn"), ("conv", "conv")):
                name = f"block_{block // 2 + 1}_{'ab'[block % 2]}_{kind}_{number + 1}"
                modules[name] = f"{module}.{theirs}_{number}"
    return modules


_SPECTRAL = {"kernel": "weight_orig", "u": "weight_u"}
_NAMES = {
    "embeddings": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "attention/gamma": "gamma",
    "moving_mean": "running_means",
    "moving_variance": "running_vars",
    **_SPECTRAL,
    **{
        f"{ours}/{name}": f"{theirs}.{own}"
        for name, own in _SPECTRAL.items()
        for ours, theirs in (
            ("scales", "scale"),
            ("offsets", "offset"),
            ("theta", "snconv1x1_theta"),
            ("phi", "snconv1x1_phi"),
            ("g", "snconv1x1_g"),
            ("o", "snconv1x1_o_conv"),
        )
    },
}


def _take_statistics(state, module, config, truncation):
    """Puts the statistics of one truncation in the place of those of all."""
    num, epsilon = config["n_stats"], config["eps"]
    steps = np.arange(num) / (num - 1)
    for name, shift in (("running_means", 0.0), ("running_vars", epsilon - 1e-5)):
        key = f"{module}.{name}"
        values = array(state, key)
        if values.ndim != 2 or len(values) != num:
            raise ValueError(f"{key!r} must have statistics of {num} truncations. Received: {values.shape}")
        # Our layers add 1e-5 to the variance; they get the difference with it.
        state[key] = shift + np.array(
            [np.interp(truncation, steps, column) for column in values.T], "float32"
        )


def _take_three_channels(state, width):
    """Leaves out what the network computes and does not show.

    The last convolution has as many outputs as inputs, and is divided by the singular value of them all. Ours is
    divided by that of three: the share of one of the other goes into the normalization before, which a ReLU follows.
    """
    module = "generator.conv_to_rgb"
    weight, bias, u = (array(state, f"{module}.{name}") for name in ("weight_orig", "bias", "weight_u"))
    if len(weight) != width:
        raise ValueError(f"'{module}.weight_orig' must have {width} outputs. Received: {weight.shape}")
    matrix = weight.reshape(width, -1)
    v = u @ matrix
    divisor = np.linalg.norm(matrix @ v) / np.linalg.norm(v)
    share = np.linalg.norm(matrix[:3], ord=2) / divisor
    state |= {
        f"{module}.weight_orig": weight[:3],
        f"{module}.bias": bias[:3],
        f"{module}.weight_u": vector_for(matrix[:3]),
        **{
            f"generator.bn.{name}": share * array(state, f"generator.bn.{name}")
            for name in ("weight", "bias")
        },
    }


if __name__ == "__main__":
    sys.exit(main())
