"""Converts progressive GANs of PyTorch into a preset.

Reads state dictionaries of the networks `GNet` and `DNet` of github.com/facebookresearch/pytorch_GAN_zoo, available
in `torch.hub` as `PGAN`. Weights with a non-commercial license may be converted for personal use; they cannot be
published with this library. Requires PyTorch: pip install -e ".[torch]"

To save the state dictionaries, once:
    gan = torch.hub.load("facebookresearch/pytorch_GAN_zoo:hub", "PGAN", model_name="celebAHQ-512", pretrained=True)
    torch.save(gan.avgG.state_dict(), "generator.pth")
    torch.save(gan.netD.state_dict(), "discriminator.pth")

Usage:
    python tools/convert/progressive_gan.py OUTPUT --generator generator.pth --discriminator discriminator.pth
"""

import math
import sys

from state import array, converted, description_of, halving_widths, parser_of, run

from keras_genzoo import models
from keras_genzoo.growth import GrowthSchedule
from keras_genzoo.networks import ProgressiveDiscriminator, ProgressiveGenerator

# Images of a group, over which the discriminator takes the deviation.
GROUP_SIZE = 4


def main(arguments=None):
    parser = parser_of(__doc__, generator="state dictionary of a GNet")
    parser.add_argument("--discriminator", metavar="FILE", help="state dictionary of a DNet")
    return run(_model, parser.parse_args(arguments))


def _model(options):
    generator = converted(options.generator, generator_of)
    discriminator = options.discriminator and converted(options.discriminator, discriminator_of)
    model = models.ProgressiveGAN(
        generator=generator,
        discriminator=discriminator
        or ProgressiveDiscriminator(
            generator.image_shape, generator.get_config()["fmap_base"], max(generator.channels)
        ),
        schedule=(schedule := GrowthSchedule(generator.num_levels)),
        # Grown up.
        images_seen=schedule.num_images,
    )
    return model, description_of(generator=options.generator, discriminator=options.discriminator)


def generator_of(state):
    """Makes the `ProgressiveGenerator` of a state dictionary of `GNet`.

    Args:
        state: Dictionary from keys to NumPy arrays.

    Raises:
        ValueError: If the keys or the shapes are of another network.
    """
    channels, side = _levels(state, "toRGBLayers", axis=1)
    output_channels = state["toRGBLayers.0.module.weight"].shape[0]
    linear = array(state, "formatLayer.module.weight")
    network = ProgressiveGenerator(
        (side, side, output_channels), linear.shape[1], *halving_widths(channels), pixel_bias=True
    )
    # Its rows are channels, then pixels.
    kernel = linear.reshape(channels[0], 4, 4, -1).transpose(1, 2, 3, 0)
    bias = array(state, "formatLayer.module.bias").reshape(channels[0], 4, 4).transpose(1, 2, 0)
    _set(network.initial, kernel, bias, linear)
    _set_convolution(network.second[0], state, "groupScale0.0")
    for level in range(1, len(channels)):
        _set_convolution(network.first[level - 1], state, f"scaleLayers.{level - 1}.0")
        _set_convolution(network.second[level], state, f"scaleLayers.{level - 1}.1")
    for level, layer in enumerate(network.to_images):
        _set_convolution(layer, state, f"toRGBLayers.{level}")
    return network


def discriminator_of(state):
    """Makes the `ProgressiveDiscriminator` of a state dictionary of `DNet`; see `generator_of`."""
    channels, side = _levels(state, "fromRGBLayers", axis=0)
    input_channels = state["fromRGBLayers.0.module.weight"].shape[1]
    final = array(state, "groupScaleZero.0.module.weight")
    if final.shape[1] != channels[0] + 1:
        raise ValueError(
            "This discriminator has no standard deviation over a minibatch, and none can be left out."
        )
    decision = array(state, "decisionLayer.module.weight")
    if decision.shape[0] != 1:
        raise ValueError(
            f"This discriminator gives {decision.shape[0]} values, one a class. Those of one value can be converted."
        )
    network = ProgressiveDiscriminator((side, side, input_channels), *halving_widths(channels), GROUP_SIZE)
    for level, layer in enumerate(network.from_images):
        _set_convolution(layer, state, f"fromRGBLayers.{level}")
    for level in range(1, len(channels)):
        _set_convolution(network.first[level - 1], state, f"scaleLayers.{level - 1}.0")
        _set_convolution(network.second[level - 1], state, f"scaleLayers.{level - 1}.1")
    kernel = final.transpose(2, 3, 1, 0).copy()
    # Its deviation divides by one less than the images of a group.
    kernel[:, :, -1] *= math.sqrt(GROUP_SIZE / (GROUP_SIZE - 1))
    _set(network.final, kernel, array(state, "groupScaleZero.0.module.bias"), final)
    dense = array(state, "groupScaleZero.1.module.weight")
    kernel = dense.reshape(-1, channels[0], 4, 4).transpose(2, 3, 1, 0).reshape(16 * channels[0], -1)
    _set(network.dense, kernel, array(state, "groupScaleZero.1.module.bias"), dense)
    _set(network.values, decision.T, array(state, "decisionLayer.module.bias"), decision)
    return network


def _levels(state, name, axis):
    """Channels of each level, from 4x4 on, and the side of the last."""
    channels = []
    while f"{name}.{len(channels)}.module.weight" in state:
        channels.append(state[f"{name}.{len(channels)}.module.weight"].shape[axis])
    if not channels:
        raise ValueError(f"The keys are not those of a progressive GAN: there is no {name}.0.module.weight.")
    return channels, 4 * 2 ** (len(channels) - 1)


def _set_convolution(layer, state, name):
    weight = array(state, f"{name}.module.weight")
    _set(layer, weight.transpose(2, 3, 1, 0), array(state, f"{name}.module.bias"), weight)


def _set(layer, kernel, bias, weight):
    """Sets weights that give what the PyTorch layer gives, whose constant multiplies the bias too."""
    constant = math.sqrt(2.0 / math.prod(weight.shape[1:]))
    own = layer.gain / math.sqrt(math.prod(layer.kernel.shape[:-1]))
    layer.set_weights([kernel * (constant / own), bias * constant])


if __name__ == "__main__":
    sys.exit(main())
