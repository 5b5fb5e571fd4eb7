"""Converts networks trained with the authors' PyTorch code of StarGAN into a preset.

Reads the files that github.com/yunjey/stargan writes (`200000-G.ckpt`, `200000-D.ckpt`) when it trains on one data
set. The authors also test the generator in training mode, which normalizes each image by its own statistics; the
running statistics in the file are therefore ignored. Requires PyTorch: pip install -e ".[torch]"

A generator for CelebA takes several attributes at once: `model.generator([images, vectors])`. `model.translate` sets
one attribute to 1 and the others to 0.

Usage:
    python tools/convert/stargan.py OUTPUT --generator 200000-G.ckpt --discriminator 200000-D.ckpt
"""

import sys

from state import arranged, converted, description_of, kernel_shape, keys_of, parser_of, run

from keras_genzoo import models
from keras_genzoo.networks import StarGANDiscriminator, StarGANGenerator


def main(arguments=None):
    parser = parser_of(__doc__, generator="200000-G.ckpt")
    parser.add_argument("--discriminator", metavar="FILE", help="200000-D.ckpt")
    parser.add_argument(
        "--image-size",
        type=int,
        help="side of the training images (default: that of the discriminator, or 128 without one)",
    )
    return run(_stargan, parser.parse_args(arguments))


def _stargan(options):
    generator = converted(options.generator, generator_of)
    discriminator = options.discriminator and converted(options.discriminator, discriminator_of)
    side = options.image_size or (discriminator.input_shape[1] if discriminator else 128)
    num_domains, channels = generator.input_shape[1][-1], generator.output_shape[-1]
    model = models.StarGAN(
        (side, side, channels), num_domains, generator=generator, discriminator=discriminator
    )
    return model, description_of(generator=options.generator, discriminator=options.discriminator)


def generator_of(state):
    """Makes the generator of a state dictionary, with its weights.

    Args:
        state: Dict that maps keys to arrays, as returned by `state.read_state`.

    Returns:
        `StarGANGenerator`.

    Raises:
        ValueError: If the state is that of another network.
    """
    width, inputs, *_ = kernel_shape(state, "main.0.weight")
    num_blocks = len({key.split(".")[1] for key in state if ".main." in key})
    channels, *_ = kernel_shape(state, f"main.{15 + num_blocks}.weight")
    network = StarGANGenerator(inputs - channels, channels, width, num_blocks)
    modules = _modules(num_blocks)
    names = {"kernel": "weight", "gamma": "weight", "beta": "bias"}
    ignored = {
        f"{module}.{name}"
        for layer, module in modules.items()
        if layer.endswith("norm")
        for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    network.set_weights(arranged(state, network, keys_of(network, modules, names), ignored))
    return network


def discriminator_of(state):
    """Makes the discriminator of a state dictionary, with its weights; see `generator_of`."""
    width, channels, *_ = kernel_shape(state, "main.0.weight")
    num_domains, _, last_side, _ = kernel_shape(state, "conv2.weight")
    num_layers = sum(key.startswith("main.") and key.endswith(".weight") for key in state)
    side = last_side * 2**num_layers
    network = StarGANDiscriminator(num_domains, (side, side, channels), width, num_layers)
    # A leaky ReLU follows each convolution.
    modules = {f"conv_{layer + 1}": f"main.{2 * layer}" for layer in range(num_layers)}
    modules |= {"values": "conv1", "logits_conv": "conv2"}
    keys = keys_of(network, modules, {"kernel": "weight", "bias": "bias"})
    network.set_weights(arranged(state, network, keys))
    return network


def _modules(num_blocks):
    """Maps layers to the authors' modules, which are numbered in sequence."""
    # Normalization and ReLU follow each convolution except the last.
    first = {"input": 0, "down_1": 3, "down_2": 6, "up_2": 9 + num_blocks, "up_1": 12 + num_blocks}
    modules = {"output_conv": f"main.{15 + num_blocks}"}
    for step, index in first.items():
        modules |= {f"{step}_conv": f"main.{index}", f"{step}_norm": f"main.{index + 1}"}
    for block in range(num_blocks):
        for part, index in (("first", 0), ("second", 3)):
            name, module = f"block_{block + 1}_{part}", f"main.{9 + block}.main"
            modules |= {f"{name}_conv": f"{module}.{index}", f"{name}_norm": f"{module}.{index + 1}"}
    return modules


if __name__ == "__main__":
    sys.exit(main())
