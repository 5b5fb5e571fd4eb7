"""A tiny StarGAN and a tiny StarGAN v2, made by functions of a module so that a fresh process can make them too."""

from functools import partial

import keras

from keras_genzoo import models
from keras_genzoo.networks import (
    StarGANDiscriminator,
    StarGANGenerator,
    StarGANv2Discriminator,
    StarGANv2Generator,
    StarGANv2Mapping,
    StarGANv2StyleEncoder,
)

SHAPE = (8, 8, 3)
NUM_DOMAINS = 3


def make_stargan(**arguments):
    """The networks of the paper, narrow: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    networks = {
        "generator": StarGANv2Generator(3, 3, width=2, max_width=4, num_downsamplings=1, num_blocks=0),
        "mapping": StarGANv2Mapping(NUM_DOMAINS, 4, 3, hidden=8),
        "encoder": StarGANv2StyleEncoder(NUM_DOMAINS, SHAPE, 3, width=2, max_width=4),
        "discriminator": StarGANv2Discriminator(NUM_DOMAINS, SHAPE, width=2, max_width=4),
    }
    model = models.StarGANv2(
        SHAPE, NUM_DOMAINS, latent_dim=4, style_dim=3, **{**networks, "seed": 1, **arguments}
    )
    model.compile()
    return model


def make_exact_stargan(**arguments):
    """References are the images themselves, to be drawn in the next domain, and mirrored ones."""
    model = make_stargan(**arguments)
    model.draw_references = _next_domains
    model.styles_by_latents = partial(_styles_of_opposites, model)
    return model


def make_with_half_life(**arguments):
    return make_stargan(**{"average_decay": None, "average_half_life": 100.0, **arguments})


def _styles_of_opposites(model, latents, targets, training=True):
    # Of the same latents twice, the sign of what should be no difference would be random.
    return models.StarGANv2.styles_by_latents(model, [latents[0], -latents[1]], targets, training)


def make_first_stargan(**arguments):
    """StarGAN of 2018: the networks of the paper, narrow and shallow; one update of the discriminator per step."""
    keras.utils.set_random_seed(0)
    networks = {
        "generator": StarGANGenerator(NUM_DOMAINS, width=2, num_blocks=0),
        "discriminator": StarGANDiscriminator(NUM_DOMAINS, SHAPE, width=2, num_layers=1),
    }
    model = models.StarGAN(
        SHAPE, NUM_DOMAINS, **{**networks, "discriminator_steps": 1, "seed": 1, **arguments}
    )
    model.compile()
    return model


def make_exact_first_stargan(**arguments):
    """Into the next domain, with a penalty that draws no points."""
    model = make_first_stargan(**{"penalty": "r1", **arguments})
    model.draw_targets = lambda domains: (domains + 1) % NUM_DOMAINS
    return model


def _next_domains(images, domains):
    return (domains + 1) % NUM_DOMAINS, images, images[:, :, ::-1]
