"""Tiny models that restore pictures, made by functions of a module so that a fresh process can make them too."""

import keras
import numpy as np
from toy_translators import make_discriminator, make_generator

from keras_genzoo import models, networks

SHAPE = (8, 8, 3)


def make_colorizer(**arguments):
    """Two convolutions each, without randomness: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    own = {"generator": make_generator(1, 3), "discriminator": make_discriminator(4)}
    model = models.ColorizationGAN(SHAPE, **{**own, "seed": 1, **arguments})
    model.compile()
    return model


def make_colorizer_of_the_paper(**arguments):
    """The paper's networks, narrow: batch normalization and dropout."""
    keras.utils.set_random_seed(0)
    own = {
        "generator": networks.ColorizationUNet((2, 4, 4, 4)),
        "discriminator": networks.ColorizationDiscriminator(4, 2),
    }
    model = models.ColorizationGAN(SHAPE, **{**own, "seed": 1, **arguments})
    model.compile()
    return model


def make_linear_colorizer(rate, **arguments):
    """`G(x) = w x + a`, `D(x, y) = v x + u y + c` pixel by pixel, plain SGD."""
    model = models.ColorizationGAN(
        (2, 2, 3), generator=_pixelwise(1, 3, 1), discriminator=_pixelwise(4, 1, 2), seed=1, **arguments
    )
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def _pixelwise(channels, filters, seed):
    images = keras.Input((None, None, channels))
    network = keras.Model(images, keras.layers.Conv2D(filters, 1)(images))
    rng = np.random.default_rng(seed)
    network.set_weights([rng.uniform(0.1, 0.5, weight.shape) for weight in network.weights])
    return network


def make_inpainter(**arguments):
    """A convolution for each stage, without randomness: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 4))
    coarse = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", dtype="float32")(images)
    joined = keras.layers.Concatenate()([coarse, images])
    refined = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", dtype="float32")(joined)
    own = {"generator": keras.Model(images, [coarse, refined]), "discriminator": make_discriminator(4)}
    model = models.InpaintingGAN(SHAPE, **{**own, "seed": 1, **arguments})
    model.compile()
    return model


def make_inpainter_of_the_paper(**arguments):
    """The paper's networks, narrow."""
    keras.utils.set_random_seed(0)
    own = {
        "generator": networks.GatedInpainter(3, 4),
        "discriminator": networks.SNPatchGANDiscriminator(4, 2),
    }
    # So many gates of so few channels would let nothing through, and the first kernels would not move.
    for kernel in own["generator"].trainable_variables[::2]:
        kernel.assign(3 * kernel)
    model = models.InpaintingGAN(SHAPE, **{**own, "seed": 1, **arguments})
    model.compile()
    return model


def make_linear_inpainter(rate, **arguments):
    """Coarse and refined images and scores, each linear pixel by pixel; plain SGD."""
    images = keras.Input((None, None, 4))
    stages = [keras.layers.Conv2D(3, 1)(images) for _ in range(2)]
    generator = keras.Model(images, stages)
    rng = np.random.default_rng(1)
    generator.set_weights([rng.uniform(0.1, 0.3, weight.shape) for weight in generator.weights])
    model = models.InpaintingGAN(
        (2, 2, 3), generator=generator, discriminator=_pixelwise(4, 1, 2), seed=1, **arguments
    )
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def make_deblurrer(**arguments):
    """Two convolutions each, without randomness: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    own = {
        "generator": make_generator(3, 3),
        # A bias of all values cancels.
        "discriminator": make_discriminator(3, use_bias=False),
        "perceptual_weight": 0.0,
        "l1_weight": 1.0,
    }
    model = models.DeblurGAN(SHAPE, **{**own, "seed": 1, **arguments})
    model.compile()
    return model


def make_deblurrer_of_the_paper(**arguments):
    """The paper's generator, narrow, with its dropout."""
    generator = networks.ResNetTranslator(
        3, width=2, num_blocks=1, block_convolutions=1, dropout=0.5, residual=True
    )
    return make_deblurrer(generator=generator, **arguments)


def make_linear_deblurrer(rate, **arguments):
    """`G(x) = W x + a`, `D(y) = u y + c` pixel by pixel, plain SGD."""
    model = models.DeblurGAN(
        (2, 2, 3), generator=_pixelwise(3, 3, 1), discriminator=_pixelwise(3, 1, 2), seed=1, **arguments
    )
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model
