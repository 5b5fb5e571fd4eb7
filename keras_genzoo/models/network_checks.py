"""What families check of the networks that they are given."""

import keras
import numpy as np

from keras_genzoo.backends import keras_private
from keras_genzoo.layers import Pack


def join(x, labels):
    """What a network takes: labels make a list of two."""
    return x if labels is None else [x, labels]


def first_of(shape):
    """The shape of the first input."""
    return shape[0] if isinstance(shape, list) else shape


def check_label_inputs(num_classes, *networks):
    """Refuses networks that do not take labels where there are classes, or take them where there are none."""
    for network in networks:
        if len(network.inputs) != 1 + bool(num_classes):
            raise ValueError(
                f"`num_classes` is {num_classes}, but the network {network.name!r} has {len(network.inputs)} "
                "inputs: a conditional network takes a list of two, the second the labels. Pass `num_classes` "
                "together with conditional networks."
            )


def without_labels(arguments):
    """The arguments of a family whose step passes no labels; refuses `num_classes` among them."""
    if arguments.pop("num_classes", None) is not None:
        raise ValueError(
            "`num_classes` was given, but this family has no networks that take labels. Leave it out."
        )
    return arguments


def check_for_penalty(network):
    """Refuses a network whose gradient at one sample depends on the batch: a penalty would not be of a sample."""
    for layer in keras_private.layers_of(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            raise ValueError(
                f"The network {network.name!r} has batch normalisation, which makes the gradient at one image "
                "depend on the others: a gradient penalty needs layer normalisation, or none."
            )
        if isinstance(layer, Pack):
            raise ValueError(
                f"The network {network.name!r} judges packs of {layer.num}: a gradient penalty is of single "
                "samples. Use `packing=1`, or no penalty."
            )


def has_batch_normalization(network):
    """Whether an image's output depends on the batch it comes with."""
    return any(
        isinstance(layer, keras.layers.BatchNormalization) for layer in keras_private.layers_of(network)
    )


def check_history(history_size, batch):
    """Refuses a history of generated images (0 for none) that cannot hold a replica's batch."""
    if 0 < history_size < batch:
        raise ValueError(
            f"`history_size` must be at least the batch of {batch} images a replica. Received: "
            f"history_size={history_size}"
        )


def pack_size_of(network):
    """Number of samples that a network judges together, by one logit."""
    return next((layer.num for layer in keras_private.layers_of(network) if isinstance(layer, Pack)), 1)


def check_packs(network, size):
    """Refuses a batch of `size` images that a network's packs do not fill."""
    num = pack_size_of(network)
    if size % num:
        raise ValueError(
            f"The network {network.name!r} judges packs of {num}, which must fill each batch (of a replica). "
            f"Received a batch of {size}. Change the batch size, or drop the last partial batch "
            "(`drop_remainder=True`)."
        )


def check_groups(group_size, num, replicas):
    """Refuses a batch that the groups of a discriminator with minibatch deviation do not fill."""
    if num % (group_size * replicas):
        raise ValueError(
            f"A batch (of a replica) must be a multiple of the {group_size} images of a group, over which the "
            f"discriminator looks at their deviation. Received a batch of {num} images on {replicas} "
            f"replica{'s' * (replicas > 1)}. Change the batch size, drop the last partial batch "
            "(`drop_remainder=True`), or change the discriminator's `group_size`."
        )


def argument_or_own(argument, value, network, value_of_network, default=None):
    """The value of an argument, or where it is missing the network's own; refuses two that differ."""
    if network is None:
        if value is None and default is None:
            raise ValueError(f"`{argument}` is needed where no network is passed that has it.")
        return default if value is None else value
    if not network.built:
        raise ValueError(
            f"The network {network.name!r} must be built. Make it a functional model, or begin it with "
            "`keras.Input(...)`."
        )
    found = value_of_network()
    if value is not None and _comparable(value) != _comparable(found):
        raise ValueError(f"`{argument}` is {value}, but the network {network.name!r} has {found}.")
    return found


def shape_and_latent_dim(image_shape, latent_dim, generator, default_latent_dim):
    """The arguments `image_shape` and `latent_dim` of a family, where they are missing those of its generator."""
    image_shape = argument_or_own("image_shape", image_shape, generator, lambda: generator.output_shape[1:])
    latent_dim = argument_or_own(
        "latent_dim",
        latent_dim,
        generator,
        lambda: first_of(generator.input_shape)[-1],
        default=default_latent_dim,
    )
    return image_shape, latent_dim


def _comparable(value):
    return tuple(value) if isinstance(value, tuple | list | np.ndarray) else value
