"""Converts generators trained with the authors' PyTorch code of CUT into a preset.

Reads the files that github.com/taesungp/contrastive-unpaired-translation writes (`latest_net_G.pth`) of CUT and of
FastCUT: the generators `resnet_9blocks`, `resnet_6blocks` and `resnet_4blocks` with instance normalization and
antialiasing, its defaults. Requires PyTorch: pip install -e ".[torch]"

Usage:
    python tools/convert/cut.py OUTPUT --generator latest_net_G.pth
"""

import sys

import numpy as np
from state import arranged, array, converted, description_of, kernel_shape, keys_of, parser_of, run

from keras_genzoo import models
from keras_genzoo.networks import ResNetTranslator


def main(arguments=None):
    parser = parser_of(__doc__, generator="latest_net_G.pth")
    parser.add_argument(
        "--image-size", type=int, default=256, help="side of the training images in pixels (default: 256)"
    )
    return run(_cut, parser.parse_args(arguments))


def _cut(options):
    generator = converted(options.generator, network_of)
    shape = (options.image_size, options.image_size, generator.output_shape[-1])
    model = models.CUT(shape, generator=generator)
    return model, description_of(generator=options.generator, discriminator=None, projector=None)


def network_of(state):
    """Builds the generator of a state dictionary, with its weights.

    Args:
        state: Dictionary from keys to arrays, as `state.read_state` returns it.

    Returns:
        `ResNetTranslator`.

    Raises:
        ValueError: If the state is of another network, or of one with other filters.
    """
    width, channels, *_ = kernel_shape(state, "model.1.weight")
    num_blocks = len({key.split(".")[1] for key in state if ".conv_block." in key})
    output_channels, *_ = kernel_shape(state, f"model.{21 + num_blocks}.weight")
    network = ResNetTranslator(
        channels, output_channels, width, num_blocks, antialias=True, initialization="xavier"
    )
    filters = {7: _SMOOTHING, 11: _SMOOTHING, 12 + num_blocks: _ENLARGING, 16 + num_blocks: _ENLARGING}
    for index, taps in filters.items():
        _check_filter(state, f"model.{index}.filt", taps)
    keys = keys_of(network, _modules(num_blocks), {"kernel": "weight", "bias": "bias"})
    network.set_weights(arranged(state, network, keys, ignored={f"model.{index}.filt" for index in filters}))
    return network


# The filters along a side: of halving, and of doubling, which puts zeros between the pixels.
_SMOOTHING = np.array([1.0, 2.0, 1.0]) / 4
_ENLARGING = np.array([1.0, 3.0, 3.0, 1.0]) / 4


def _check_filter(state, key, taps):
    found = array(state, key)
    expected = np.outer(taps, taps)
    if found.shape[1:] != (1, *expected.shape) or not np.allclose(found, expected, atol=1e-3):
        raise ValueError(
            f"{key!r} must be the filter {taps.tolist()} along both sides, of each channel. Networks with other "
            f"filters cannot be converted. Received: shape {found.shape}"
        )


def _modules(num_blocks):
    """From our layers to the authors' modules, which are numbered along their sequence."""
    modules = {
        "input_conv": "model.1",
        "down_1_conv": "model.4",
        "down_2_conv": "model.8",
        "up_2_conv": f"model.{13 + num_blocks}",
        "up_1_conv": f"model.{17 + num_blocks}",
        "output_conv": f"model.{21 + num_blocks}",
    }
    for block in range(num_blocks):
        # Padding, convolution, normalization, ReLU, padding, convolution, normalization.
        for step, index in (("first", 1), ("second", 5)):
            modules[f"block_{block + 1}_{step}_conv"] = f"model.{12 + block}.conv_block.{index}"
    return modules


if __name__ == "__main__":
    sys.exit(main())
