"""Converts StyleGAN2 of two PyTorch projects into a preset.

Reads checkpoints of github.com/rosinality/stylegan2-pytorch (of its training script, such as `550000.pt`, and of its
`convert_weight.py`), and state dictionaries of github.com/NVlabs/stylegan2-ada-pytorch.
Requires PyTorch: pip install -e ".[torch]"

NVIDIA's weights, and weights converted from them, have a non-commercial license (the NVIDIA Source Code License).
They may be converted for personal use under this license, but they cannot be published with this library.

NVIDIA's files are pickles, which execute code when they are loaded. To save the state dictionaries, once, in a folder
with NVIDIA's code:
    import pickle, torch
    networks = pickle.load(open("network.pkl", "rb"))
    torch.save({name: networks[name].state_dict() for name in ("G_ema", "D")}, "network.pth")

Usage:
    python tools/convert/stylegan2.py OUTPUT --generator 550000.pt --discriminator 550000.pt
    python tools/convert/stylegan2.py OUTPUT --generator network.pth --discriminator network.pth
"""

import functools
import re
import sys

import keras
import numpy as np
from state import (
    arranged,
    array,
    converted,
    description_of,
    halving_widths,
    kernel_shape,
    parser_of,
    run,
    some,
)

from keras_genzoo import latent, models
from keras_genzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator


def main(arguments=None):
    parser = parser_of(__doc__, generator="its part g_ema or G_ema is read")
    parser.add_argument("--discriminator", metavar="FILE", help="its part d or D is read")
    parser.add_argument(
        "--group-size",
        type=int,
        default=4,
        help="images of a group, over which the discriminator takes the deviation (default: 4)",
    )
    return run(_model, parser.parse_args(arguments))


def _model(options):
    generator = converted(options.generator, generator_of, ("g_ema", "G_ema"))
    config = generator.get_config()
    if options.discriminator:
        discriminator = converted(
            options.discriminator, lambda state: discriminator_of(state, options.group_size), ("d", "D")
        )
    else:
        shared = ("image_shape", "num_classes", "channel_base", "channel_max")
        discriminator = StyleGAN2Discriminator(
            **{name: config[name] for name in shared}, group_size=options.group_size
        )
    model = models.StyleGAN2(
        generator=generator, discriminator=discriminator, num_classes=config["num_classes"]
    )
    return model, description_of(generator=options.generator, discriminator=options.discriminator)


def generator_of(state):
    """Makes the `StyleGAN2Generator` of a state dictionary of either project.

    Args:
        state: Dictionary from keys to arrays.

    Raises:
        ValueError: If the keys or the shapes are of another network.
    """
    key_of = rosinality_key if "input.input" in state else str
    state = _used(state, key_of)
    images = _found(state, lambda level: key_of(f"synthesis.b{4 << level}.torgb.weight"))
    shapes = [kernel_shape(state, key) for key in images]
    base, largest = halving_widths([shape[1] for shape in shapes])
    mapping = _found(state, lambda index: key_of(f"mapping.fc{index}.weight"))
    style_dim, inputs = _matrix_shape(state, mapping[0])
    num_classes = _num_classes(state)
    side = 2 << len(images)
    network = StyleGAN2Generator(
        (side, side, shapes[0][0]),
        inputs - (style_dim if num_classes else 0),
        num_classes,
        style_dim,
        len(mapping),
        2 * base,
        largest,
        noise=key_of("synthesis.b4.conv1.noise_strength") in state,
    )
    keys = {id(network.constant): "synthesis.b4.const", id(network.mapping.average): "mapping.w_avg"}
    keys |= _keys_of_mapping(network.mapping)
    for index, layer in enumerate(network.convolutions):
        keys |= _keys(layer, f"synthesis.b{4 << (index + 1) // 2}.conv{(index + 1) % 2}", _STYLED)
    for level, layer in enumerate(network.images):
        keys |= _keys(layer, f"synthesis.b{4 << level}.torgb", _STYLED)

    # A training of rosinality's keeps no average of the styles.
    lacks_average = key_of is rosinality_key and "latent_avg" not in state
    if lacks_average:
        state["latent_avg"] = np.zeros(style_dim, "float32")
    # Maps of pixels, not matrices.
    plain = {
        key for key in state if key.startswith("noises.") or key.endswith(("noise_const", ".const", ".input"))
    }
    _set(network, state, keys, key_of, plain)
    if lacks_average:
        latents = latent.Normal(network.latent_dim).from_seed(10_000, seed=0)
        network.mapping.average.assign(keras.ops.mean(network.styles(latents), axis=0))
    return network


def discriminator_of(state, group_size=4):
    """Makes the `StyleGAN2Discriminator` of a state dictionary of either project.

    Args:
        state: Dictionary from keys to arrays.
        group_size: Int, images of a group, which the state does not tell.

    Raises:
        ValueError: If the keys or the shapes are of another network.
    """
    is_nvidia = any(key.startswith("b4.") for key in state)
    halved = _found(
        state,
        lambda level: f"b{8 << level}.conv1.weight" if is_nvidia else f"convs.{level + 1}.conv2.1.weight",
    )
    side = 4 << len(halved)
    key_of = str if is_nvidia else functools.partial(rosinality_key, side=side)
    state = _used(state, key_of)
    sides = [side >> level for level in range(len(halved))]
    shapes = [kernel_shape(state, key_of(f"b{own}.conv1.weight")) for own in sides]
    base, largest = halving_widths([shapes[-1][0], *(shape[1] for shape in shapes[::-1])])
    network = StyleGAN2Discriminator(
        (side, side, kernel_shape(state, key_of(f"b{side}.fromrgb.weight"))[1]),
        _num_classes(state),
        len(_found(state, "mapping.fc{}.weight".format)) if "mapping.embed.weight" in state else 8,
        2 * base,
        largest,
        "resnet" if key_of(f"b{side}.skip.weight") in state else "plain",
        group_size,
    )
    keys = _keys(network.from_images, f"b{side}.fromrgb")
    for kind, layers in (("conv0", network.first), ("conv1", network.second), ("skip", network.beside)):
        for own, layer in zip(sides, layers, strict=False):
            keys |= _keys(layer, f"b{own}.{kind}")
    for kind, layer in (("conv", network.final), ("fc", network.dense), ("out", network.logits)):
        keys |= _keys(layer, f"b4.{kind}")
    if network.embedding is not None:
        keys |= _keys_of_mapping(network.embedding)

    dense = key_of("b4.fc.weight")
    matrix = array(state, dense)
    if matrix.ndim == 2 and matrix.shape[1] == 16 * shapes[-1][0]:
        # Its columns are channels, then pixels.
        state[dense] = matrix.reshape(len(matrix), -1, 16).swapaxes(1, 2).reshape(matrix.shape)
    _set(network, state, keys, key_of)
    return network


_STYLED = {
    "affine/kernel": "affine.weight",
    "affine/bias": "affine.bias",
    "noise_strength": "noise_strength",
    "own_noise": "noise_const",
}


def _keys(layer, module, names=None):
    """From the ids of a layer's weights to NVIDIA's keys."""
    names = {"kernel": "weight", "bias": "bias", **(names or {})}
    return {
        id(weight): f"{module}.{names[weight.path.removeprefix(f'{layer.path}/')]}"
        for weight in layer.weights
    }


def _keys_of_mapping(mapping):
    keys = {} if mapping.embedding is None else _keys(mapping.embedding, "mapping.embed")
    for index, layer in enumerate(mapping.dense):
        keys |= _keys(layer, f"mapping.fc{index}")
    return keys


def rosinality_key(key, side=None):
    """stylegan2-pytorch's key of what has another in stylegan2-ada-pytorch.

    Args:
        key: String.
        side: Int, of the images, for a discriminator, whose blocks are numbered from the largest.
    """
    if key in _ROSINALITY:
        return _ROSINALITY[key]
    if match := re.fullmatch(r"mapping\.fc(\d+)\.(\w+)", key):
        return f"style.{int(match[1]) + 1}.{match[2]}"
    if match := re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb)\.(.+)", key):
        level, module, name = int(match[1]).bit_length() - 3, match[2], match[3]
        if module == "torgb":
            names = {"weight": "conv.weight"}
            module = f"to_rgbs.{level - 1}" if level else "to_rgb1"
        else:
            # Of all convolutions.
            index = 2 * level - 1 + int(module[-1])
            if name == "noise_const":
                return f"noises.noise_{index}"
            names = {"weight": "conv.weight", "bias": "activate.bias", "noise_strength": "noise.weight"}
            module = f"convs.{index - 1}" if index else "conv1"
        return f"{module}.{names.get(name, name.replace('affine', 'conv.modulation'))}"
    if match := re.fullmatch(r"b(\d+)\.(.+)", key):
        # The activation behind a convolution, which has its bias, and the filter before one have numbers too.
        block = (
            "convs.0" if match[2].startswith("fromrgb") else f"convs.{(side // int(match[1])).bit_length()}"
        )
        return f"{block}{_OF_BLOCK[match[2]]}"
    return key


_ROSINALITY = {
    "synthesis.b4.const": "input.input",
    "mapping.w_avg": "latent_avg",
    "b4.conv.weight": "final_conv.0.weight",
    "b4.conv.bias": "final_conv.1.bias",
    **{
        f"b4.{ours}.{name}": f"final_linear.{index}.{name}"
        for index, ours in enumerate(("fc", "out"))
        for name in ("weight", "bias")
    },
}
_OF_BLOCK = {
    "fromrgb.weight": ".0.weight",
    "fromrgb.bias": ".1.bias",
    "conv0.weight": ".conv1.0.weight",
    "conv0.bias": ".conv1.1.bias",
    "conv1.weight": ".conv2.1.weight",
    "conv1.bias": ".conv2.2.bias",
    "skip.weight": ".skip.1.weight",
}


def _used(state, key_of):
    """The arrays that our networks have, as they have them; not the filters."""
    state = {key: value for key, value in state.items() if not key.endswith(("resample_filter", ".kernel"))}
    if key_of is str:
        constant = "synthesis.b4.const"
    else:
        constant = "input.input"
        for key, value in state.items():
            if value.ndim == 5 and len(value) == 1:
                value = value[0]
                if value.shape[-1] == 3:
                    # Theirs are scaled when they are used.
                    value = value / np.sqrt(np.prod(value.shape[1:]), dtype="float32")
            elif key.startswith("noises.") and value.ndim == 4:
                value = value[0, 0]
            elif key == constant and value.ndim == 4:
                value = value[0]
            elif key.startswith("to_rgb") and value.ndim == 4:
                value = value[0, :, 0, 0]
            state[key] = value
    if constant in state and state[constant].ndim == 3:
        state[constant] = state[constant].transpose(1, 2, 0)
    return state


def _found(state, key_of_number):
    """The keys of the numbers from 0 on, as far as the file has them."""
    keys = []
    while (key := key_of_number(len(keys))) in state:
        keys.append(key)
    if not keys:
        raise ValueError(f"The file lacks {key!r}: it is of another network. Its keys: {some(state)}")
    return keys


def _num_classes(state):
    key = "mapping.embed.weight"
    return _matrix_shape(state, key)[1] if key in state else None


def _matrix_shape(state, key):
    shape = array(state, key).shape
    if len(shape) != 2:
        raise ValueError(f"{key!r} must be a matrix. Received: {shape}")
    return shape


def _set(network, state, keys, key_of, plain=()):
    keys = [key_of(keys[id(weight)]) for weight in network.weights]
    # Lies beside each network of a checkpoint.
    ignored = {"latent_avg"}
    network.set_weights(arranged(state, network, keys, ignored, plain))


if __name__ == "__main__":
    sys.exit(main())
