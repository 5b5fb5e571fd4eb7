"""Tiny progressive GANs, made by functions of a module so that a fresh process can make them too."""

import keras

from keras_genzoo import models, networks, penalties
from keras_genzoo.growth import GrowthSchedule
from tests import support

SHAPE = (8, 8, 1)


def make_growing(
    images_seen=0,
    shape=SHAPE,
    group_size=2,
    compile_arguments=None,
    schedule=None,
    optimizer=None,
    penalty=None,
    **arguments,
):
    """4x4 for 12 images, 24 to fade in 8x8, and on: batches of 4. The same weights at every call.

    Without a penalty, whose second derivative takes most of the time to compile.
    """
    keras.utils.set_random_seed(0)
    num_levels = (shape[0] // 4).bit_length()
    gan = models.ProgressiveGAN(
        generator=networks.ProgressiveGenerator(shape, 4, fmap_base=16, fmap_max=4),
        discriminator=networks.ProgressiveDiscriminator(
            shape, fmap_base=16, fmap_max=4, group_size=group_size
        ),
        schedule=schedule or GrowthSchedule(num_levels, 24, 12, batch_size=4),
        images_seen=images_seen,
        penalty=penalty,
        seed=1,
        **arguments,
    )
    if optimizer is not None:
        compile_arguments = {
            f"{player}_optimizer": keras.optimizers.get(
                {"class_name": optimizer, "config": {"learning_rate": 0.01}}
            )
            for player in gan.players
        }
    gan.compile(**(compile_arguments or {}))
    return gan


def make_fading(**arguments):
    """In the middle of the fade to 8x8, where every layer has a part."""
    # Its steps stay in the phase, whatever a test takes.
    schedule = GrowthSchedule(2, 400, 16, batch_size=4)
    return make_growing(images_seen=200, schedule=schedule, **arguments)


def make_fading_wasserstein(**arguments):
    return make_fading(penalty="wasserstein", **arguments)


def make_growing_wasserstein(**arguments):
    return make_growing(penalty="wasserstein", **arguments)


def make_fading_r1(**arguments):
    """A penalty that draws nothing, and plain gradient descent."""
    return make_fading(penalty=penalties.R1(2.0), optimizer="sgd", **arguments)


def fit_growing(gan, num_images=48, batch_size=4, **arguments):
    images = support.toy_images(num_images, gan.image_shape)
    return gan.fit(images, batch_size=batch_size, shuffle=False, verbose=0, **arguments)
