"""Converts generators of ESRGAN, Real-ESRGAN, BasicSR and UpscalerJS into a preset of `SuperResolution`.

Reads `.pth` files of github.com/xinntao/ESRGAN, Real-ESRGAN and BasicSR: RRDB networks for x4 and x2, with the layer
names of any of these projects, and compact SRVGG networks for any scale. The averaged weights (`params_ema`) are used
if there are any. Requires PyTorch: pip install -e ".[torch]".

Models of UpscalerJS must be converted first to a `.json` list of their layers, with the weights in a file of the same
name and the suffix `_f16.npz`.

Usage:
    python tools/convert/esrgan.py OUTPUT --generator RealESRGAN_x2plus.pth
    python tools/convert/esrgan.py OUTPUT --generator esrgan_thick_x4.json
"""

import json
import math
import re
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers
from state import arranged, array, converted, description_of, kernel_shape, keys_of, parser_of, run, some

from keras_genzoo import models
from keras_genzoo.layers import PixelShuffle
from keras_genzoo.networks import CompactSuperResolver, RRDBSuperResolver


def main(arguments=None):
    parser = parser_of(__doc__, generator="the .pth or .json file")
    parser.add_argument(
        "--image-size",
        type=int,
        default=128,
        help="side of the large training images in pixels (default: 128)",
    )
    return run(_super_resolution, parser.parse_args(arguments))


def _super_resolution(options):
    path = Path(options.generator)
    if path.suffix == ".json":
        generator, scale = network_of_upscalerjs(path)
        description = f"Made of the layers and weights of UpscalerJS: {path.name}."
    else:
        generator = network_of_file(path)
        scale, description = generator.scale, description_of(generator=path)
    shape = (options.image_size, options.image_size, generator.output_shape[-1])
    return models.SuperResolution(shape, scale, generator=generator), description


# Files of PyTorch.


def network_of_file(path):
    """Builds the network of a file, with the averaged weights, else the trained ones, else the file itself."""
    return converted(path, network_of, ("params_ema", "params"))


def network_of(state):
    """Makes the network that a state dictionary is of, with its weights.

    Args:
        state: Dictionary from keys to arrays, as `state.read_state` returns it.

    Returns:
        `RRDBSuperResolver` or `CompactSuperResolver`.

    Raises:
        ValueError: If the keys are of no network that can be converted, or an array does not fit.
    """
    state = {_renamed(key): value for key, value in state.items()}
    if "conv_first.weight" in state:
        network, modules, state = _rrdb(state)
    elif np.ndim(state.get("body.0.weight")) == 4:
        network, modules, state = _compact(state)
    else:
        raise ValueError(
            "The keys are of none of the networks RRDB and SRVGG, of ESRGAN's, Real-ESRGAN's or BasicSR's code. "
            f"Received: {some(state)}"
        )
    keys = keys_of(network, modules, {"kernel": "weight", "bias": "bias", "alpha": "weight"})
    network.set_weights(arranged(state, network, keys))
    return network


def _renamed(key):
    """A key of ESRGAN's first code by BasicSR's names, others as they are."""
    for old, new in _NEW_NAMES.items():
        key = key.replace(old, new)
    return key


_NEW_NAMES = {
    "RRDB_trunk.": "body.",
    ".RDB": ".rdb",
    "trunk_conv.": "conv_body.",
    "upconv": "conv_up",
    "HRconv.": "conv_hr.",
}


def _rrdb(state):
    (width, inputs, *_), (channels, *_) = (
        kernel_shape(state, f"{module}.weight") for module in ("conv_first", "conv_last")
    )
    fold = next((fold for fold in (1, 2) if inputs == fold**2 * channels), None)
    if fold is None:
        raise ValueError(
            f"Networks of x4 and x2 can be converted, which take {channels} or {4 * channels} channels for images of "
            f"{channels}. This one takes {inputs}."
        )
    num_blocks = len({key.split(".")[1] for key in state if key.startswith("body.")})
    growth = len(array(state, "body.0.rdb1.conv1.bias")) if num_blocks else 32
    network = RRDBSuperResolver(channels, 4 // fold, width, growth, num_blocks)
    modules = {
        "input_conv": "conv_first",
        "body_conv": "conv_body",
        "up_1_conv": "conv_up1",
        "up_2_conv": "conv_up2",
        "large_conv": "conv_hr",
        "output_conv": "conv_last",
    }
    for block in range(num_blocks):
        for dense in (1, 2, 3):
            for number in range(1, 6):
                layer = f"block_{block + 1}_dense_{dense}_conv_{number}"
                modules[layer] = f"body.{block}.rdb{dense}.conv{number}"
    order = _shuffled(channels, fold)
    return network, modules, {**state, "conv_first.weight": array(state, "conv_first.weight")[:, order]}


def _compact(state):
    number_last = max(int(match[1]) for key in state if (match := re.fullmatch(r"body\.(\d+)\.weight", key)))
    width, channels, *_ = kernel_shape(state, "body.0.weight")
    outputs, *_ = kernel_shape(state, f"body.{number_last}.weight")
    scale, num_layers = math.isqrt(outputs // channels), number_last // 2 - 1
    if outputs != scale**2 * channels or num_layers < 0:
        raise ValueError(
            f"'body.{number_last}.weight' must give squares of pixels of {channels} channels. Received: {outputs} "
            "outputs"
        )
    network = CompactSuperResolver(channels, scale, width, num_layers)
    # Convolution and slopes in turn; the last convolution has none.
    modules = {"output_conv": f"body.{number_last}"}
    for number in range(num_layers + 1):
        modules |= {
            f"conv_{number + 1}": f"body.{2 * number}",
            f"prelu_{number + 1}": f"body.{2 * number + 1}",
        }
    slopes = {
        key: np.reshape(value, (-1, 1, 1))
        for key, value in state.items()
        if key.endswith(".weight") and np.ndim(value) == 1
    }
    order = _shuffled(channels, scale)
    ends = {
        f"body.{number_last}.{part}": array(state, f"body.{number_last}.{part}")
        for part in ("weight", "bias")
    }
    return network, modules, {**state, **slopes, **{key: value[order] for key, value in ends.items()}}


def _shuffled(channels, factor):
    """PyTorch's channels of squares of pixels, the color first, in the order of `PixelShuffle`, the color last."""
    return np.arange(channels * factor**2).reshape(channels, -1).T.ravel()


# Files of UpscalerJS.


def network_of_upscalerjs(path):
    """Makes the network that a `.json` file lists the layers of, with the weights of the `.npz` file beside it.

    Args:
        path: Path of the `.json` file.

    Returns:
        Tuple of a functional `keras.Model` from images in [-1, 1] to images, and its scale.

    Raises:
        ValueError: If the file is no such list, lists layers that are not known, or the weights are of others.
        OSError: If one of the files is missing.
    """
    try:
        return _network_of_layers(path)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path} and its weights are no list of layers that can be converted: {reason}"
        ) from error


def _network_of_layers(path):
    spec = json.loads(path.read_text(encoding="utf-8"))
    half = spec["input_range"][1] / 2
    images = keras.Input((None, None, 3), name="images")
    made = {}
    for layer in spec["layers"]:
        kind, name = layer["class"], layer["name"]
        if kind not in _LAYERS:
            raise ValueError(f"a layer is a {kind!r}. Known layers: {sorted(_LAYERS)}.")
        inputs = [made[each] for each in layer["inputs"]] or [images]
        made[name] = _LAYERS[kind](spec, layer["config"], name)(inputs[0] if len(inputs) == 1 else inputs)
    outputs = layers.Rescaling(1 / half, -1.0, dtype="float32", name="images_enlarged")(made[spec["output"]])
    network = keras.Model(images, outputs, name="generator")
    with np.load(path.with_name(f"{path.stem}_f16.npz")) as weights:
        for layer in network.layers:
            if layer.weights:
                parts = [weights[f"{layer.name}/{part}"] for part in ("kernel", "bias")]
                layer.set_weights([part.astype("float32") for part in parts])
    return network, spec["scale"]


def _range_of(spec, config, name):
    half = spec["input_range"][1] / 2
    return layers.Rescaling(half, half, name=name)


# Class of a layer -> function of the whole file, the layer's configuration and its name.
_LAYERS = {
    "InputLayer": _range_of,
    "Conv2D": lambda spec, config, name: layers.Conv2D(
        config["filters"],
        config["kernel_size"],
        padding=config["padding"],
        activation=config["activation"],
        name=name,
    ),
    "Activation": lambda spec, config, name: layers.Activation(config["activation"], name=name),
    "Concatenate": lambda spec, config, name: layers.Concatenate(name=name),
    "Add": lambda spec, config, name: layers.Add(name=name),
    "MultiplyBeta": lambda spec, config, name: layers.Rescaling(spec["multiply_beta"], name=name),
    "UpSampling2D": lambda spec, config, name: layers.UpSampling2D(
        config["size"], interpolation=config["interpolation"], name=name
    ),
    "PixelShuffle4x": lambda spec, config, name: PixelShuffle(spec["scale"], name=name),
}


if __name__ == "__main__":
    sys.exit(main())
