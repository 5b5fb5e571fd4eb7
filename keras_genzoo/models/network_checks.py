"""Checks of the networks that are passed to a family."""

import keras
import numpy as np

from keras_genzoo.backends import keras_private
from keras_genzoo.layers import Pack


def join(x, labels):
    """Joins inputs and labels for a network: a list of two if there are labels."""
    return x if labels is None else [x, labels]


def first_of(shape):
    """Returns the shape of the first input."""
    return shape[0] if isinstance(shape, list) else shape


def check_label_inputs(num_classes, *networks):
    """Checks that networks take labels if and only if there are classes."""
    for network in networks:
        if len(network.inputs) != 1 + bool(num_classes):
            raise ValueError(
                f"`num_classes` is {num_classes}, but the network {network.name!r} has {len(network.inputs)} "
                "inputs. A conditional network takes a list of two inputs, the second one the labels. Pass "
                "`num_classes` together with conditional networks."
            )


def without_labels(arguments):
    """Checks that `num_classes` is not among the arguments of a family; returns the other arguments."""
    if arguments.pop("num_classes", None) is not None:
        raise ValueError(
            "`num_classes` was given, but this family has no networks that take labels. Remove it."
        )
    return arguments


def check_for_penalty(network):
    """Checks that the gradient of a network at a sample does not depend on the other samples of the batch."""
    for layer in keras_private.layers_of(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            raise ValueError(
                f"The network {network.name!r} has batch normalization, which makes the gradient at one image "
                "depend on the others. With a gradient penalty, use layer normalization, or none."
            )
        if isinstance(layer, Pack):
            raise ValueError(
                f"The network {network.name!r} judges packs of {layer.num} samples, but a gradient penalty is for "
                "single samples. Use `packing=1`, or no penalty."
            )


def has_batch_normalization(network):
    """Whether the output for an image depends on the other images of the batch."""
    return any(
        isinstance(layer, keras.layers.BatchNormalization) for layer in keras_private.layers_of(network)
    )


def check_history(history_size, batch):
    """Checks that a history of generated images (0 for none) is at least as large as a replica's batch."""
    if 0 < history_size < batch:
        raise ValueError(
            f"`history_size` must be at least the batch size of {batch} images per replica. Received: "
            f"history_size={history_size}"
        )


def check_packs(network, size):
    """Checks that a batch of `size` images is a multiple of the pack size of a network."""
    num = next((layer.num for layer in keras_private.layers_of(network) if isinstance(layer, Pack)), 1)
    if size % num:
        raise ValueError(
            f"The network {network.name!r} judges packs of {num} samples, so the batch size (per replica) must be a "
            f"multiple of {num}. Received a batch of {size}. Change the batch size, or drop the last partial batch "
            "(`drop_remainder=True`)."
        )


def check_groups(group_size, num, replicas):
    """Checks that a batch is a multiple of the group size of the minibatch standard deviation."""
    if num % (group_size * replicas):
        raise ValueError(
            f"The batch size (per replica) must be a multiple of {group_size}, the discriminator's `group_size` for "
            f"the minibatch standard deviation. Received a batch of {num} images on {replicas} "
            f"replica{'s' * (replicas > 1)}. Change the batch size, drop the last partial batch "
            "(`drop_remainder=True`), or change `group_size`."
        )


def argument_or_own(argument, value, network, value_of_network, default=None):
    """Returns the value of an argument, or that of a network if it is missing; checks that they agree."""
    if network is None:
        if value is None and default is None:
            raise ValueError(f"`{argument}` is required unless it is determined by a network that is passed.")
        return default if value is None else value
    if not network.built:
        raise ValueError(
            f"The network {network.name!r} must be built. Make it a functional model, or start it with "
            "`keras.Input(...)`."
        )
    found = value_of_network()
    if value is not None and _comparable(value) != _comparable(found):
        raise ValueError(f"`{argument}` is {value}, but the network {network.name!r} has {found}.")
    return found


def shape_and_latent_dim(image_shape, latent_dim, generator, default_latent_dim):
    """Returns `image_shape` and `latent_dim` of a family, by default those of its generator."""
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
