"""Converts networks trained with the authors' PyTorch code of pix2pix and CycleGAN into a preset.

Reads the files that github.com/junyanz/pytorch-CycleGAN-and-pix2pix writes (`latest_net_G.pth`, ...): the
generators `unet_128`, `unet_256`, `resnet_6blocks` and `resnet_9blocks`, the discriminators `basic`, `n_layers` and
`pixel`, with batch or instance normalization. Requires PyTorch: pip install -e ".[torch]"

Usage:
    python tools/convert/pytorch_cyclegan.py pix2pix OUTPUT --generator latest_net_G.pth
    python tools/convert/pytorch_cyclegan.py cyclegan OUTPUT --generator-a-to-b latest_net_G_A.pth \
        --generator-b-to-a latest_net_G_B.pth
"""

import argparse
import sys

import numpy as np
from state import arranged, converted, description_of, kernel_shape, keys_of, run, some

from keras_genzoo import models
from keras_genzoo.networks import PatchGANDiscriminator, ResNetTranslator, UNetGenerator


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)

    pix2pix = commands.add_parser("pix2pix", help="write a preset of Pix2Pix")
    pix2pix.add_argument("--generator", required=True, metavar="FILE", help="latest_net_G.pth")
    pix2pix.add_argument("--discriminator", metavar="FILE", help="latest_net_D.pth")
    pix2pix.add_argument("--no-dropout", action="store_true", help="a U-Net was trained without dropout")
    pix2pix.add_argument(
        "--sampling-dropout", action="store_true", help="dropout acts when translating too, as in the paper"
    )

    cyclegan = commands.add_parser("cyclegan", help="write a preset of CycleGAN")
    cyclegan.add_argument("--generator-a-to-b", required=True, metavar="FILE", help="latest_net_G_A.pth")
    cyclegan.add_argument("--generator-b-to-a", required=True, metavar="FILE", help="latest_net_G_B.pth")
    # The authors name a discriminator by the generator whose translations it judges.
    cyclegan.add_argument("--discriminator-a", metavar="FILE", help="judges images of A: latest_net_D_B.pth")
    cyclegan.add_argument("--discriminator-b", metavar="FILE", help="judges images of B: latest_net_D_A.pth")

    for command in (pix2pix, cyclegan):
        command.add_argument("output", metavar="OUTPUT", help="the folder to create")
        command.add_argument(
            "--image-size", type=int, help="side of the training images; by default a U-Net's, or 256"
        )
    options = parser.parse_args(arguments)
    return run(_pix2pix if options.command == "pix2pix" else _cyclegan, options)


def _pix2pix(options):
    dropout = {
        "dropout": 0.0 if options.no_dropout else 0.5,
        "sampling_dropout": options.sampling_dropout,
    }
    generator = _converted(options.generator, "generator", **dropout)
    discriminator = options.discriminator and _converted(options.discriminator, "discriminator")
    model = models.Pix2Pix(_image_shape(options, generator), generator=generator, discriminator=discriminator)
    if options.sampling_dropout and not model.sampling_dropout:
        raise ValueError(
            f"`--sampling-dropout` needs a generator with dropout, and that of {options.generator} has none. "
            "Leave the option out."
        )
    return model, _description(options, model)


def _cyclegan(options):
    networks = {
        name: _converted(getattr(options, name), name)
        for name in ("generator_a_to_b", "generator_b_to_a", "discriminator_a", "discriminator_b")
        if getattr(options, name)
    }
    model = models.CycleGAN(_image_shape(options, networks["generator_a_to_b"]), **networks)
    return model, _description(options, model)


def _image_shape(options, generator):
    usual_side = generator.size_multiple if isinstance(generator, UNetGenerator) else 256
    side = options.image_size or usual_side
    return side, side, generator.output_shape[-1]


def _description(options, model):
    return description_of(**{name: getattr(options, name) for name in model.networks})


def _converted(path, name, **arguments):
    def network_with_weights(state):
        network = network_of(state, name=name, **arguments)
        network.set_weights(convert(state, network))
        return network

    network = converted(path, network_with_weights)
    if name.startswith("generator") == isinstance(network, PatchGANDiscriminator):
        raise ValueError(f"{path} holds a {type(network).__name__}, which cannot be the {name}.")
    return network


def network_of(state, dropout=0.5, sampling_dropout=False, name=None):
    """Makes the network that a state dictionary is of, with random weights.

    Args:
        state: Dictionary from keys to arrays.
        dropout: Float, rate of a U-Net, whose state does not tell; a ResNet's has 0.5 or none.
        sampling_dropout: Bool, whether a generator's dropout acts when translating too.
        name: String, the network's name.

    Returns:
        A `UNetGenerator`, `ResNetTranslator` or `PatchGANDiscriminator`.

    Raises:
        ValueError: If the keys are of no network that can be converted.
    """
    num_convolutions = sum(array.ndim == 4 for array in state.values())
    named = {} if name is None else {"name": name}

    def normalization(convolution):
        # Its offset makes the bias of the convolution before batch normalization superfluous.
        return "instance" if f"{convolution}.bias" in state else "batch"

    if "model.model.0.weight" in state:
        width, channels, *_ = _convolution(state, "model.model.0")
        _, output_channels, *_ = _convolution(state, "model.model.3")
        side = 2 ** (num_convolutions // 2)
        return UNetGenerator(
            (side, side, channels),
            output_channels,
            width,
            normalization("model.model.0"),
            dropout,
            "reference",
            sampling_dropout,
            **named,
        )
    if "model.1.weight" in state:
        width, channels, *_ = _convolution(state, "model.1")
        num_blocks = len({key.split(".")[1] for key in state if ".conv_block." in key})
        output_channels, *_ = _convolution(state, f"model.{17 + num_blocks}")
        return ResNetTranslator(
            channels,
            output_channels,
            width,
            num_blocks,
            normalization("model.1"),
            0.5 if _has_dropout(state) else 0.0,
            sampling_dropout,
            **named,
        )
    for root, num_layers in (("net", 0), ("model", num_convolutions - 2)):
        if f"{root}.0.weight" in state:
            width, channels, *_ = _convolution(state, f"{root}.0")
            return PatchGANDiscriminator(channels, width, num_layers, normalization(f"{root}.2"), **named)
    raise ValueError(
        "The keys are of none of the networks unet, resnet, basic, n_layers and pixel of the authors' code. "
        f"Received: {some(state)}"
    )


def convert(state, network):
    """Arranges the arrays of a state dictionary as the weights of a network.

    Args:
        state: Dictionary from keys to arrays, as `state.read_state` returns it.
        network: A `UNetGenerator`, `ResNetTranslator` or `PatchGANDiscriminator` of the same shape.

    Returns:
        List of arrays for `network.set_weights`.

    Raises:
        ValueError: If an array is missing, is left over or has another shape.
    """
    modules = _MODULES[type(network)](state, network)
    # Old files have statistics of instance normalization too, which PyTorch does not use.
    ignored = {
        f"{module}.{name}"
        for layer, module in modules.items()
        if "norm" in layer
        for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    return arranged(state, network, keys_of(network, modules, _NAMES), ignored)


_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

# From our layers to the authors' modules. Theirs are numbered along each sequence, layers without weights too.


def _unet_modules(state, network):
    levels = network.size_multiple.bit_length() - 1
    # Convolution, inner block, ReLU, transposed convolution, tanh.
    modules = {"down_1_conv": "model.model.0", "up_1_conv": "model.model.3"}
    sequence = "model.model.1.model"
    for level in range(2, levels):
        # Leaky ReLU, convolution, normalization, inner block, ReLU, transposed convolution, normalization.
        modules |= {
            f"down_{level}_conv": f"{sequence}.1",
            f"down_{level}_norm": f"{sequence}.2",
            f"up_{level}_conv": f"{sequence}.5",
            f"up_{level}_norm": f"{sequence}.6",
        }
        sequence += ".3.model"
    # Leaky ReLU, convolution, ReLU, transposed convolution, normalization.
    return modules | {
        f"down_{levels}_conv": f"{sequence}.1",
        f"up_{levels}_conv": f"{sequence}.3",
        f"up_{levels}_norm": f"{sequence}.4",
    }


def _resnet_modules(state, network):
    num_blocks = network.get_config()["num_blocks"]
    # Padding comes before the first and the last convolution, a ReLU after each normalization.
    first_of = {
        "input": 1,
        "down_1": 4,
        "down_2": 7,
        "up_2": 10 + num_blocks,
        "up_1": 13 + num_blocks,
    }
    modules = {"output_conv": f"model.{17 + num_blocks}"}
    for step, index in first_of.items():
        modules |= {f"{step}_conv": f"model.{index}", f"{step}_norm": f"model.{index + 1}"}
    # Padding, convolution, normalization, ReLU, [dropout], padding, convolution, normalization.
    second = 6 if _has_dropout(state) else 5
    for block in range(num_blocks):
        for step, index in (("first", 1), ("second", second)):
            for kind, offset in (("conv", 0), ("norm", 1)):
                module = f"model.{10 + block}.conv_block.{index + offset}"
                modules[f"block_{block + 1}_{step}_{kind}"] = module
    return modules


def _patchgan_modules(state, network):
    num_layers = network.get_config()["num_layers"]
    root, num_convolutions = ("model", num_layers + 1) if num_layers else ("net", 2)
    # Convolution, leaky ReLU; then convolution, normalization, leaky ReLU each.
    modules = {"conv_1": f"{root}.0", "logits": f"{root}.{3 * num_convolutions - 1}"}
    for level in range(2, num_convolutions + 1):
        index = 3 * level - 4
        modules |= {f"conv_{level}": f"{root}.{index}", f"norm_{level}": f"{root}.{index + 1}"}
    return modules


_MODULES = {
    UNetGenerator: _unet_modules,
    ResNetTranslator: _resnet_modules,
    PatchGANDiscriminator: _patchgan_modules,
}


def _has_dropout(state):
    """Whether dropout moves the second convolution of a residual block by one."""
    return np.ndim(state.get("model.10.conv_block.6.weight")) == 4


def _convolution(state, module):
    return kernel_shape(state, f"{module}.weight")


if __name__ == "__main__":
    sys.exit(main())
