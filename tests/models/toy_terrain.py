"""Tiny models of terrain, made by functions of a module so that a fresh process can make them too."""

import keras
import numpy as np
from toy_translators import make_discriminator, make_generator

from keras_genzoo import models, networks

SHAPE = (8, 8, 3)
LATENT_DIM = 4


def make_terrain_gan(**arguments):
    """Networks without normalization: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    latents = keras.Input((LATENT_DIM,))
    x = keras.layers.Dense(64)(latents)
    heights = keras.layers.Reshape((8, 8, 1))(keras.layers.Activation("tanh", dtype="float32")(x))
    own = {
        "height_generator": keras.Model(latents, heights, name="height_generator"),
        "height_discriminator": networks.HeightMapDiscriminator(
            (*arguments.get("image_shape", SHAPE)[:2], 1), 2
        ),
        "texture_generator": make_generator(1, 3, "texture_generator"),
        "texture_discriminator": make_discriminator(4, "texture_discriminator"),
    }
    model = models.TerrainGAN(**{"image_shape": SHAPE, **own, "seed": 1, **arguments})
    model.compile()
    return model


def make_terrain_gan_of_the_paper(**arguments):
    """The paper's networks, narrow, for 32x32: batch normalization and dropout."""
    keras.utils.set_random_seed(0)
    model = models.TerrainGAN((32, 32, 3), LATENT_DIM, width=2, seed=1, **arguments)
    model.compile()
    return model


def make_linear_terrain_gan(rate, **arguments):
    """Networks that are linear, pixel by pixel but for the heights of latents; plain SGD."""
    latents = keras.Input((LATENT_DIM,))
    heights = keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(latents))
    own = {
        "height_generator": _seeded(keras.Model(latents, heights), 1),
        "height_discriminator": _pixelwise(1, 1, 2),
        "texture_generator": _pixelwise(1, 3, 3),
        "texture_discriminator": _pixelwise(4, 1, 4),
    }
    model = models.TerrainGAN((2, 2, 3), **{**own, "seed": 1, **arguments})
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def _pixelwise(channels, filters, seed):
    images = keras.Input((None, None, channels))
    return _seeded(keras.Model(images, keras.layers.Conv2D(filters, 1)(images)), seed)


def _seeded(network, seed):
    rng = np.random.default_rng(seed)
    network.set_weights([rng.uniform(0.1, 0.5, weight.shape) for weight in network.weights])
    return network
