"""Tiny MSG-GANs, made by functions of a module so that a fresh process can make them too."""

import keras

from keras_genzoo import models, networks, penalties

SHAPE = (8, 8, 1)


def make_msg_gan(group_size=2, compile_arguments=None, penalty=None, **arguments):
    """4x4 and 8x8, the same weights at every call; without the penalty, which takes most of the time to compile."""
    keras.utils.set_random_seed(0)
    gan = models.MSGGAN(
        generator=networks.ProgressiveGenerator(SHAPE, 4, fmap_base=16, fmap_max=4),
        discriminator=networks.MultiScaleDiscriminator(
            SHAPE, fmap_base=16, fmap_max=4, group_size=group_size
        ),
        penalty=penalty,
        seed=1,
        **arguments,
    )
    gan.compile(**(compile_arguments or {}))
    return gan


def make_wasserstein_msg_gan(**arguments):
    return make_msg_gan(penalty="wasserstein", **arguments)


def make_r1_msg_gan(**arguments):
    """A penalty that draws nothing, and plain gradient descent."""
    optimizers = {
        f"{player}_optimizer": keras.optimizers.SGD(0.01) for player in ("generator", "discriminator")
    }
    return make_msg_gan(penalty=penalties.R1(2.0), compile_arguments=optimizers, **arguments)
