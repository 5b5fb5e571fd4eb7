"""Tiny GANs, made by functions of a module so that a fresh process can make them too."""

import keras

from keras_genzoo import models, networks

SHAPE = (8, 8, 1)


def make_gan(compile_arguments=None, **arguments):
    """The smallest DCGAN: 8x8x1, the same initial weights at every call."""
    keras.utils.set_random_seed(0)
    gan = models.GAN(**{"image_shape": SHAPE, "latent_dim": 4, "width": 4, "seed": 1, **arguments})
    gan.compile(**(compile_arguments or {}))
    return gan


def make_plain_gan(optimizer="adam", rate=1e-3, num_classes=None, **arguments):
    """Convolutions alone: neither batch normalisation nor dropout. No optimizer stands for the defaults."""
    keras.utils.set_random_seed(0)
    generator = networks.ConvGenerator(
        4, (4, 4, 4), (4, 1), (2, 1), 3, batch_norm_momentum=None, num_classes=num_classes
    )
    discriminator = networks.ConvDiscriminator(
        SHAPE, (4,), (2,), 3, "leaky_relu", dropout=0.0, num_classes=num_classes
    )
    own = {"generator": generator, "discriminator": discriminator, "num_classes": num_classes, "seed": 1}
    gan = models.GAN(**{**own, **arguments})
    gan.compile(**_optimizers(optimizer, rate))
    return gan


def make_synchronized_gan(**arguments):
    """Batch normalisation in both networks, by the statistics of all replicas."""
    keras.utils.set_random_seed(0)
    generator = networks.DCGANGenerator((16, 16, 1), 4, 4, synchronized=True)
    discriminator = networks.DCGANDiscriminator((16, 16, 1), 4, synchronized=True)
    gan = models.GAN(generator=generator, discriminator=discriminator, seed=1, **arguments)
    gan.compile(**_optimizers("sgd", 1e-1))
    return gan


def make_dropout_gan(**arguments):
    """Everything random at once: dropout, noise, history, drawn and flipped targets; and an average."""
    keras.utils.set_random_seed(0)
    discriminator = networks.ConvDiscriminator(SHAPE, (4,), (2,), 3, dropout=0.4, num_classes=3)
    return make_gan(
        discriminator=discriminator,
        num_classes=3,
        history_size=8,
        instance_noise=0.1,
        real_targets=(0.7, 1.2),
        fake_targets=(0.0, 0.3),
        label_flip_probability=0.1,
        average_decay=0.9,
        **arguments,
    )


def make_packed_gan(image_shape=SHAPE, packing=2, **arguments):
    """Perceptrons, the discriminator of which judges several samples together; of images or of points."""
    keras.utils.set_random_seed(0)
    gan = models.GAN(
        generator=networks.MLPGenerator(4, image_shape, (5,)),
        discriminator=networks.MLPDiscriminator(image_shape, (6,), packing=packing),
        seed=1,
        **arguments,
    )
    gan.compile()
    return gan


def make_linear_gan(rate=0.5, **arguments):
    """`G(z) = z W + a` and `D(x) = x v + c`, trained by plain gradient descent."""
    latents, images = keras.Input((3,)), keras.Input((2, 2, 1))
    pixels = keras.layers.Dense(4, bias_initializer="normal")(latents)
    generator = keras.Model(latents, keras.layers.Reshape((2, 2, 1))(pixels))
    logits = keras.layers.Dense(1, bias_initializer="normal")(keras.layers.Flatten()(images))
    gan = models.GAN(generator=generator, discriminator=keras.Model(images, logits), **arguments)
    gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return gan


def _optimizers(name, rate):
    if name is None:
        return {}
    return {
        f"{player}_optimizer": keras.optimizers.get({"class_name": name, "config": {"learning_rate": rate}})
        for player in ("generator", "discriminator")
    }
