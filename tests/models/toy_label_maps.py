"""Tiny models of label maps, made by functions of a module so that a fresh process can make them too."""

import keras

from keras_genzoo import models, networks

SHAPE = (8, 8, 3)
NUM_LABELS = 3


def make_spade(style_dim=2, synchronized=False, **arguments):
    """The networks of the paper, narrow and with two blocks: the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    generator = networks.SPADEGenerator(
        NUM_LABELS,
        image_shape=SHAPE,
        width=2,
        multiples=(2, 1),
        hidden=2,
        style_dim=style_dim,
        synchronized=synchronized,
    )
    styles = {"style_dim": style_dim}
    if style_dim:
        styles["encoder"] = networks.StyleEncoder(SHAPE, style_dim, width=2)
    discriminator = networks.MultiScalePatchGAN(NUM_LABELS, width=2, num_layers=1, spectral=True)
    for scale in (1, 2):
        # While all logits are within the margins of the hinge loss, the gradients of their bias cancel.
        kernel = discriminator.get_layer(f"scale_{scale}_logits").kernel
        kernel.assign(100.0 * keras.ops.convert_to_tensor(kernel))
    model = models.SPADE(
        SHAPE,
        NUM_LABELS,
        generator=generator,
        discriminator=discriminator,
        **{"seed": 1, **styles, **arguments},
    )
    model.compile()
    return model


def make_exact_spade(**arguments):
    """Without styles, which a step draws, and normalized by the statistics of all replicas."""
    return make_spade(style_dim=None, synchronized=keras.backend.backend() == "tensorflow", **arguments)


def make_averaged_spade(**arguments):
    return make_spade(**{"average_decay": 0.9, **arguments})


def make_pix2pixhd(**arguments):
    """The networks of the paper, narrow, with one downsampling, one block and one scale more than one."""
    keras.utils.set_random_seed(0)
    generator = networks.ResNetTranslator(
        1, 3, width=2, num_blocks=1, num_downsamplings=1, num_labels=NUM_LABELS
    )
    model = models.Pix2PixHD(
        SHAPE,
        NUM_LABELS,
        **{
            "generator": generator,
            "discriminator": networks.MultiScalePatchGAN(NUM_LABELS, width=2, num_layers=1),
            "seed": 1,
            **arguments,
        },
    )
    model.compile()
    return model
