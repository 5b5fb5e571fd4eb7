"""Tiny translators, made by functions of a module so that a fresh process can make them too."""

import keras
import numpy as np

from keras_genzoo import models
from keras_genzoo.networks import PatchProjector

SHAPE = (8, 8, 1)
SOURCE_SHAPE = (8, 8, 2)


def make_generator(source_channels=2, channels=1, name="generator"):
    """Two convolutions without normalisation; any size."""
    images = keras.Input((None, None, source_channels))
    x = keras.layers.Conv2D(3, 3, padding="same", activation="tanh")(images)
    x = keras.layers.Conv2D(channels, 3, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model(images, x, name=name)


def make_discriminator(channels=3, name="discriminator", use_bias=True):
    """Two convolutions without normalisation, a logit for each patch; `use_bias` is of the last."""
    images = keras.Input((None, None, channels))
    x = keras.layers.Conv2D(4, 4, strides=2, padding="same")(images)
    x = keras.layers.LeakyReLU(0.2)(x)
    return keras.Model(images, keras.layers.Conv2D(1, 3, padding="same", use_bias=use_bias)(x), name=name)


def make_pix2pix(optimizer=None, rate=1e-2, channels=2, **arguments):
    """The smallest pix2pix without randomness: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    networks_of_pairs = {
        "generator": make_generator(channels),
        "discriminator": make_discriminator(channels + 1),
    }
    model = models.Pix2Pix(SHAPE, **{**networks_of_pairs, "seed": 1, **arguments})
    model.compile(**_optimizers(optimizer, rate))
    return model


def make_pix2pix_of_the_paper(**arguments):
    """The paper's networks, narrow, for 32x32: batch normalisation and dropout."""
    keras.utils.set_random_seed(0)
    model = models.Pix2Pix((32, 32, 1), 2, width=2, seed=1, **arguments)
    model.compile()
    return model


def make_cyclegan(optimizer=None, rate=1e-2, **arguments):
    """The smallest CycleGAN: the same initial weights at every call, histories of four images."""
    keras.utils.set_random_seed(0)
    networks_of_domains = {
        "generator_a_to_b": make_generator(1, 1, "generator_a_to_b"),
        "generator_b_to_a": make_generator(1, 1, "generator_b_to_a"),
        "discriminator_a": make_discriminator(1, "discriminator_a"),
        "discriminator_b": make_discriminator(1, "discriminator_b"),
    }
    model = models.CycleGAN(SHAPE, **{**networks_of_domains, "history_size": 4, "seed": 1, **arguments})
    model.compile(**_optimizers(optimizer, rate))
    return model


def make_cyclegan_of_the_paper(**arguments):
    """The paper's networks, narrow and with one residual block, for 32x32."""
    keras.utils.set_random_seed(0)
    model = models.CycleGAN((32, 32, 1), width=2, num_blocks=1, seed=1, **arguments)
    model.compile()
    return model


def make_cut(optimizer=None, rate=1e-2, **arguments):
    """The smallest CUT, all patches compared: nothing is drawn."""
    keras.utils.set_random_seed(0)
    networks = {
        "generator": _make_named_generator(),
        "discriminator": make_discriminator(1),
        "projector": PatchProjector((3, 3), width=4),
    }
    # The gradient of a direction is as large as its vector is small: of these, devices can be compared.
    networks["projector"].set_weights([50 * weight + 0.1 for weight in networks["projector"].get_weights()])
    model = models.CUT(SHAPE, **{**networks, "feature_layers": ["first", "second"], "seed": 1, **arguments})
    model.compile(**_optimizers(optimizer, rate, ("generator", "discriminator", "projector")))
    return model


def make_random_cut(**arguments):
    """The same with mirrored batches and few patches."""
    return make_cut(**{**models.CUT.CONFIGS["fastcut"], "num_patches": 16, **arguments})


def make_cut_of_the_paper(**arguments):
    """The paper's networks, narrow and with one residual block, for 32x32."""
    keras.utils.set_random_seed(0)
    model = models.CUT((32, 32, 1), width=2, num_blocks=1, num_patches=16, seed=1, **arguments)
    model.compile()
    return model


def _make_named_generator():
    images = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(3, 3, padding="same", name="first")(images)
    x = keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="tanh", name="second")(x)
    x = keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model(images, x, name="generator")


def make_linear_pix2pix(rate, **arguments):
    """`G(x) = w x + a`, `D(x, y) = v x + u y + c` pixel by pixel, plain SGD."""
    return _compiled_with_sgd(
        models.Pix2Pix(
            (2, 2, 1), generator=_pixelwise(1, 1), discriminator=_pixelwise(2, 2), seed=1, **arguments
        ),
        rate,
    )


def make_linear_cyclegan(rate, **arguments):
    """`G(x) = w x + a` and `D(x) = v x + c` pixel by pixel, of both domains, plain SGD, no history."""
    names = ("generator_a_to_b", "generator_b_to_a", "discriminator_a", "discriminator_b")
    model = models.CycleGAN(
        (2, 2, 1),
        **{name: _pixelwise(1, index) for index, name in enumerate(names)},
        **{"history_size": 0, "seed": 1, **arguments},
    )
    return _compiled_with_sgd(model, rate)


def _pixelwise(channels, seed):
    images = keras.Input((None, None, channels))
    network = keras.Model(images, keras.layers.Conv2D(1, 1)(images))
    rng = np.random.default_rng(seed)
    network.set_weights([rng.uniform(0.3, 0.9, weight.shape) for weight in network.weights])
    return network


def _compiled_with_sgd(model, rate):
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def _optimizers(name, rate, players=("generator", "discriminator")):
    """No name stands for the paper's."""
    if name is None:
        return {}
    make = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[name]
    return {f"{player}_optimizer": make(rate) for player in players}


def numerical_gradient(function, parameters, step=1e-5):
    """Central differences of a function of a float64 vector."""
    gradient = np.zeros_like(parameters)
    for index in range(len(parameters)):
        change = np.zeros_like(parameters)
        change[index] = step
        gradient[index] = (function(parameters + change) - function(parameters - change)) / (2 * step)
    return gradient


def flat_weights(*chosen):
    """The weights of networks as one float64 vector."""
    return np.concatenate([weight.ravel() for network in chosen for weight in network.get_weights()]).astype(
        "float64"
    )
