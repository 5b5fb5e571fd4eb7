"""Tiny models of super-resolution, made by functions of a module so that a fresh process can make them too."""

import keras
import numpy as np
from toy_translators import make_discriminator

from keras_genzoo import models, networks

SHAPE = (8, 8, 1)


def make_super_resolution(**arguments):
    """The compact generator, without randomness: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    generator = networks.CompactSuperResolver(1, 2, width=3, num_layers=1)
    model = models.SuperResolution(SHAPE, 2, **{"generator": generator, "seed": 1, **arguments})
    model.compile()
    return model


def make_srgan(**arguments):
    """The networks of the paper, narrow: batch normalization in both."""
    keras.utils.set_random_seed(0)
    model = models.SRGAN(
        **{
            "image_shape": SHAPE,
            "scale": 2,
            "generator": networks.SRResNet(1, 2, width=3, num_blocks=1),
            "discriminator": networks.CroppedDiscriminator(SHAPE, width=2, hidden=4),
            "seed": 1,
            **arguments,
        },
    )
    model.compile()
    return model


def make_esrgan(**arguments):
    """A dense block of the paper, and a discriminator of patches without normalization."""
    keras.utils.set_random_seed(0)
    model = models.ESRGAN(
        SHAPE,
        2,
        **{
            "generator": networks.RRDBSuperResolver(1, 2, width=4, growth=2, num_blocks=1),
            "discriminator": make_discriminator(1),
            "perceptual_weight": 0.0,
            "seed": 1,
            **arguments,
        },
    )
    model.compile()
    return model


def make_real_esrgan(**arguments):
    """An ESRGAN of absolute logits, each image judged by itself."""
    discriminator = networks.SpectralUNetDiscriminator(1, width=2)
    return make_esrgan(**{"discriminator": discriminator, "relativistic": False, **arguments})


def make_exact_srgan(**arguments):
    """Networks without batch normalization."""
    keras.utils.set_random_seed(0)
    generator = networks.CompactSuperResolver(1, 2, width=3, num_layers=1)
    return make_srgan(**{"generator": generator, "discriminator": make_discriminator(1), **arguments})


def make_linear(model_class, rate, **arguments):
    """`G(x) = w x + a` of the nearest pixels, and `D(x) = v x + c` pixel by pixel, plain SGD."""
    model = model_class(
        (4, 4, 1), 2, generator=_pixelwise(1, 2), discriminator=_pixelwise(2), seed=1, **arguments
    )
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def _pixelwise(seed, scale=1):
    images = keras.Input((None, None, 1))
    x = keras.layers.UpSampling2D(scale)(images) if scale > 1 else images
    network = keras.Model(images, keras.layers.Conv2D(1, 1)(x))
    rng = np.random.default_rng(seed)
    network.set_weights([rng.uniform(0.3, 0.7, weight.shape) for weight in network.weights])
    return network
