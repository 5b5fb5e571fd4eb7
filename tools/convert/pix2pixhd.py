"""Converts generators trained with the authors' PyTorch code of pix2pixHD into a preset.

Reads the files that github.com/NVIDIA/pix2pixHD writes (`latest_net_G.pth`): the generators `global` and `local`
(with one enhancer) with instance normalization, for label maps with the edges between objects or, with `--no-edges`,
without (the authors' `--no_instance`). Generators that also take features of objects (`--instance_feat`), or images
instead of label maps (`--label_nc 0`), cannot be converted: their channels would be interpreted as labels.
Requires PyTorch: pip install -e ".[torch]"

Usage:
    python tools/convert/pix2pixhd.py OUTPUT --generator latest_net_G.pth
"""

import sys
from functools import partial

from state import arranged, converted, description_of, kernel_shape, keys_of, parser_of, run

from keras_genzoo import models
from keras_genzoo.networks import LocalEnhancer, ResNetTranslator


def main(arguments=None):
    parser = parser_of(__doc__, generator="latest_net_G.pth")
    parser.add_argument(
        "--no-edges", action="store_true", help="the label maps have no edges between objects"
    )
    parser.add_argument(
        "--image-size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="size of the training images (default: that of the paper, 512 1024 or with the enhancer 1024 2048)",
    )
    return run(_pix2pixhd, parser.parse_args(arguments))


def _pix2pixhd(options):
    has_edges = not options.no_edges
    generator = converted(options.generator, partial(network_of, has_edges=has_edges))
    is_local = isinstance(generator, LocalEnhancer)
    size = options.image_size or ((1024, 2048) if is_local else (512, 1024))
    model = models.Pix2PixHD(
        (*size, generator.output_shape[-1]),
        generator.get_config()["num_labels"],
        has_edges,
        generator=generator,
    )
    return model, description_of(generator=options.generator, discriminator=None)


def network_of(state, has_edges=True):
    """Makes the generator of a state dictionary, with its weights.

    Args:
        state: Dict that maps keys to arrays, as returned by `state.read_state`.
        has_edges: Bool, whether the last channel of the label maps contains the edges between objects.

    Returns:
        `LocalEnhancer` if the state has one, otherwise `ResNetTranslator`.

    Raises:
        ValueError: If the state is that of another network.
    """
    is_local = "model1_1.1.weight" in state
    num_convolutions = sum(key.startswith("model.") and key.count(".") == 2 for key in _kernels(state))
    # Within an enhancer, the global generator has no last convolution.
    num_downsamplings = (num_convolutions - 1) // 2
    num_blocks = _num_blocks(state, "model")
    modules = _modules(num_downsamplings, num_blocks)
    width, channels, *_ = kernel_shape(state, "model1_1.1.weight" if is_local else "model.1.weight")
    num_labels = channels - has_edges
    if is_local:
        num_local_blocks = _num_blocks(state, "model1_2")
        modules = {f"global_{layer}": module for layer, module in modules.items()}
        modules |= {"input_conv": "model1_1.1", "down_1_conv": "model1_1.4"}
        modules |= _modules_of_blocks(num_local_blocks, "model1_2", 0)
        modules |= {
            "up_1_conv": f"model1_2.{num_local_blocks}",
            "output_conv": f"model1_2.{num_local_blocks + 4}",
        }
    else:
        modules["output_conv"] = f"model.{5 + 6 * num_downsamplings + num_blocks}"
    output_channels, *_ = kernel_shape(state, f"{modules['output_conv']}.weight")
    if is_local:
        network = LocalEnhancer(
            num_labels, has_edges, output_channels, width, num_blocks, num_local_blocks, num_downsamplings
        )
    else:
        network = ResNetTranslator(
            1 + has_edges,
            output_channels,
            width,
            num_blocks,
            num_downsamplings=num_downsamplings,
            num_labels=num_labels,
        )
    # Old files also contain statistics of instance normalization, which PyTorch does not use.
    ignored = {key for key in state if key.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    keys = keys_of(network, modules, {"kernel": "weight", "bias": "bias"})
    network.set_weights(arranged(state, network, keys, ignored))
    return network


def _kernels(state):
    return [key for key, array in state.items() if array.ndim == 4]


def _num_blocks(state, sequence):
    parts = [key.split(".") for key in state if ".conv_block." in key]
    return len({index for name, index, *_ in parts if name == sequence})


def _modules(num_downsamplings, num_blocks):
    """Maps layers of the global generator, except the last, to the authors' numbered modules."""
    # Padding precedes the first convolution; normalization and ReLU follow each convolution.
    modules = {"input_conv": "model.1"}
    first_block = 4 + 3 * num_downsamplings
    for level in range(1, num_downsamplings + 1):
        modules[f"down_{level}_conv"] = f"model.{1 + 3 * level}"
        modules[f"up_{level}_conv"] = f"model.{first_block + num_blocks + 3 * (num_downsamplings - level)}"
    return modules | _modules_of_blocks(num_blocks, "model", first_block)


def _modules_of_blocks(num_blocks, sequence, first):
    # Padding, convolution, normalization, ReLU, padding, convolution, normalization.
    return {
        f"block_{block + 1}_{part}_conv": f"{sequence}.{first + block}.conv_block.{index}"
        for block in range(num_blocks)
        for part, index in (("first", 1), ("second", 5))
    }


if __name__ == "__main__":
    sys.exit(main())
