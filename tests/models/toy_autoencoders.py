"""Tiny autoencoders, made by functions of a module so that a fresh process can make them too."""

import keras
import numpy as np

from keras_genzoo import models, networks

SHAPE = (8, 8, 1)
LATENT_DIM = 3


def make_autoencoder(family="VAE", compile_arguments=None, **arguments):
    """The smallest autoencoder of a family: 8x8x1, dense layers, the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    family = getattr(models, family)
    own = {
        "encoder": networks.MLPEncoder(SHAPE, LATENT_DIM, (16,), "tanh", family.stochastic_encoder),
        "decoder": networks.MLPDecoder(LATENT_DIM, SHAPE, (16,), "tanh"),
    }
    if family is models.WAEGAN:
        own["discriminator"] = networks.MLPDiscriminator((LATENT_DIM,), (16,))
    model = family(**{**own, "seed": 1, **arguments})
    model.compile(**(compile_arguments or {}))
    return model


def make_sgd_autoencoder(family="VAE", rate=1e-2, **arguments):
    """Plain gradient descent for every player: steps in proportion to the gradients."""
    return make_autoencoder(family, _of_every_player(family, keras.optimizers.SGD, rate), **arguments)


def adam_of_every_player(family, *arguments, **keywords):
    """Arguments of `compile`: an Adam of its own for each player."""
    return _of_every_player(family, keras.optimizers.Adam, *arguments, **keywords)


def _of_every_player(family, make_optimizer, *arguments, **keywords):
    names = ["optimizer"]
    if family == "WAEGAN":
        names = ["autoencoder_optimizer", "discriminator_optimizer"]
    return {name: make_optimizer(*arguments, **keywords) for name in names}


def make_convolutional_autoencoder(family="VAE", **arguments):
    """Convolutions in both networks."""
    keras.utils.set_random_seed(0)
    stochastic = getattr(models, family).stochastic_encoder
    encoder = networks.ConvEncoder(SHAPE, LATENT_DIM, (4,), (8,), stochastic=stochastic)
    decoder = networks.ConvDecoder(LATENT_DIM, SHAPE, (4, 4, 4), (4, 1), (2, 1))
    return make_autoencoder(family, encoder=encoder, decoder=decoder, **arguments)


def make_linear_vae(rate=0.1, latent_dim=2, **arguments):
    """`mean = x A + a`, `log variance = x B + b`, `logits = z W + c` of 2x2x1 images, plain SGD."""
    keras.utils.set_random_seed(0)
    encoder = networks.MLPEncoder((2, 2, 1), latent_dim, hidden=())
    decoder = networks.MLPDecoder(latent_dim, (2, 2, 1), hidden=())
    rng = np.random.default_rng(3)
    for network in (encoder, decoder):
        network.set_weights([rng.normal(size=weight.shape) * 0.5 for weight in network.weights])
    vae = models.VAE(encoder=encoder, decoder=decoder, seed=1, **arguments)
    vae.compile(keras.optimizers.SGD(rate))
    return vae
