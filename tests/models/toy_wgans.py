"""Tiny Wasserstein GANs, made by functions of a module so that a fresh process can make them too."""

import keras

from keras_genzoo import models, networks
from keras_genzoo.layers import Dropout, LeakyReLU

SHAPE = (8, 8, 1)


def make_wgan(compile_arguments=None, family=models.WGAN, **arguments):
    """The smallest Wasserstein GAN of images, 8x8x1: the default networks, the same weights at every call."""
    keras.utils.set_random_seed(0)
    defaults = {"image_shape": SHAPE, "latent_dim": 4, "width": 4, "critic_steps": 2, "seed": 1}
    gan = family(**{**defaults, **arguments})
    gan.compile(**(compile_arguments or {}))
    return gan


def make_critic(dropout=0.0):
    """A critic all of whose weights move: the offset of a last layer would cancel in `D(G(z)) - D(x)`."""
    images = keras.Input(SHAPE)
    x = LeakyReLU(0.2)(keras.layers.Conv2D(4, 3, strides=2, padding="same")(images))
    x = keras.layers.Flatten()(x)
    if dropout:
        x = Dropout(dropout, seed=3)(x)
    return keras.Model(images, keras.layers.Dense(1, use_bias=False)(x), name="critic")


def make_plain_wgan(optimizer=None, rate=1e-3, family=models.WGAN, dropout=0.0, **arguments):
    """Convolutions alone, no batch normalisation. No optimizer stands for the defaults."""
    keras.utils.set_random_seed(0)
    generator = networks.ConvGenerator(4, (4, 4, 4), (4, 1), (2, 1), 3, batch_norm_momentum=None)
    networks_of_images = {"generator": generator, "critic": make_critic(dropout)}
    gan = family(**{**networks_of_images, "critic_steps": 2, "seed": 1, **arguments})
    gan.compile(**_optimizers(optimizer, rate))
    return gan


def make_plain_wgan_gp(optimizer=None, rate=1e-3, **arguments):
    return make_plain_wgan(optimizer, rate, models.WGANGP, **arguments)


def make_synchronized_wgan_gp(**arguments):
    """Batch normalisation in the generator, by the statistics of all replicas."""
    keras.utils.set_random_seed(0)
    generator = networks.UpsamplingGenerator(SHAPE, 4, 4, synchronized=True)
    return make_plain_wgan_gp("sgd", 1e-2, generator=generator, **arguments)


def make_random_wgan_gp(**arguments):
    """Everything random at once: dropout, points of the penalty, split batches; and an average."""
    return make_plain_wgan_gp(dropout=0.3, split_batches=True, average_decay=0.9, **arguments)


def make_conditional_wgan_gp(**arguments):
    """A generator with batch normalisation, a critic with dropout and a projection of the label."""
    keras.utils.set_random_seed(0)
    generator = networks.ConvGenerator(4, (4, 4, 4), (4, 1), (2, 1), 3, num_classes=3)
    critic = networks.ConvDiscriminator(
        SHAPE, (4,), (2,), 3, dropout=0.3, num_classes=3, conditioning="projection", name="critic"
    )
    networks_of_images = {"generator": generator, "critic": critic}
    gan = models.WGANGP(**{**networks_of_images, "num_classes": 3, "critic_steps": 2, "seed": 1, **arguments})
    gan.compile()
    return gan


def make_point_wgan_gp(**arguments):
    """Points of the plane, by small perceptrons."""
    keras.utils.set_random_seed(0)
    networks_of_points = {
        "generator": networks.MLPGenerator(3, (2,), (8,)),
        "critic": networks.MLPDiscriminator((2,), (8,), name="critic"),
    }
    gan = models.WGANGP(**{**networks_of_points, "critic_steps": 2, "seed": 1, **arguments})
    gan.compile()
    return gan


def make_linear_wgan(rate=0.5, family=models.WGAN, generator_rate=None, compile_arguments=None, **arguments):
    """`G(z) = z W + a`, `D(x) = x v + c` on 2x2 images, by plain gradient descent."""
    keras.utils.set_random_seed(0)
    latents, images = keras.Input((3,)), keras.Input((2, 2, 1))
    pixels = keras.layers.Dense(4, bias_initializer="normal")(latents)
    generator = keras.Model(latents, keras.layers.Reshape((2, 2, 1))(pixels))
    values = keras.layers.Dense(1, bias_initializer="normal")(keras.layers.Flatten()(images))
    gan = family(generator=generator, critic=keras.Model(images, values, name="critic"), **arguments)
    generator_rate = rate if generator_rate is None else generator_rate
    gan.compile(keras.optimizers.SGD(generator_rate), keras.optimizers.SGD(rate), **(compile_arguments or {}))
    return gan


def _optimizers(name, rate):
    if name is None:
        return {}
    return {
        f"{player}_optimizer": keras.optimizers.get({"class_name": name, "config": {"learning_rate": rate}})
        for player in ("generator", "critic")
    }
