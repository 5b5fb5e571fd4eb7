"""Directions of a model's codes along which images change in one respect."""

import keras
import numpy as np

from keras_genzoo import arguments
from keras_genzoo.arguments import PositiveInt, Seed, checked
from keras_genzoo.editing.codes import Sampler, checked_codes
from keras_genzoo.editing.codes import codes as codes_of
from keras_genzoo.editing.codes import images as images_of
from keras_genzoo.latent import Directions


@checked
def principal_directions(
    model: Sampler,
    num_directions: PositiveInt = 10,
    num_latents: PositiveInt = 2000,
    seed: Seed = 0,
    of=None,
):
    """Finds the leading directions of a model's codes, by a linear fit.

    The features of random samples are fitted by a linear function of their codes, by least squares; of a conditional
    model with a constant for each class. The codes are made white before: each combination of their values counts in
    its own standard deviations, and those that hardly vary count for nothing. Along the first direction, of all,
    the fitted features change most. With the codes themselves as features these are their principal components.

    Args:
        model: Model with the ability `sample`.
        num_directions: Int, the most to return; codes have no more than they are long.
        num_latents: Int, number of samples, more than the model has classes.
        seed: Int, seed of the latents.
        of: The features: `"images"`, `"codes"`, or the name of a layer of the network that makes the images.
            Defaults to the codes of a model that maps its latents, else to the images.

    Returns:
        `Directions`: orthogonal, the first the strongest, each with the sign that makes its largest value positive;
        the scales are the standard deviations of the codes along each.

    Raises:
        ValueError: If `of` is unknown, or the samples are too few.

    Example:

    >>> directions = principal_directions(keras_genzoo.models.load("dcgan_fashion_mnist"))
    >>> directions.vectors.shape
    (10, 100)

    Source: Härkönen et al. 2020, "GANSpace: Discovering interpretable GAN controls" (arXiv:2004.02546), section 2.2.
    The paper fits the latents to the components of the features instead, which agrees where the fit is exact.
    """
    of = of or ("codes" if model.maps_latents else "images")
    latents, labels, codes = _random_codes(model, num_latents, seed)
    if of == "codes":
        features = codes
    elif of == "images":
        features = images_of(model, codes, labels)
    else:
        features = _outputs_of_layer(model, of, latents, labels)
    codes = _without_class_means(codes, labels)
    features = _without_class_means(features.reshape(num_latents, -1), labels)
    # The rows of `white` have the codes' standard deviations as units, and no correlations.
    white, deviations, components = np.linalg.svd(codes, full_matrices=False)
    varying = deviations > 1e-6 * deviations[0]
    strongest, _, _ = np.linalg.svd(white[:, varying].T @ features, full_matrices=False)
    vectors = (components[varying].T * deviations[varying]) @ strongest[:, :num_directions]
    # Orthogonal again, the first ones left as they are.
    vectors = np.linalg.qr(vectors)[0].T
    return _directions(_with_sign(vectors), codes)


@checked
def weight_directions(
    model: Sampler, num_directions: PositiveInt = 10, num_latents: PositiveInt = 2000, seed: Seed = 0
):
    """Finds the directions that the first layers' weights enlarge most, without a sample.

    Each layer that takes the codes multiplies them by weights (`LatentModel.weights_of_codes`). The weights of each
    output, made of unit length, are a row of a matrix `A`; the directions are the eigenvectors of `A^T A`, the one of
    the largest eigenvalue first.

    Args:
        model: Model with the ability `sample`.
        num_directions: Int, the most to return.
        num_latents: Int, number of samples for the scales, more than the model has classes.
        seed: Int, seed of their latents.

    Returns:
        `Directions`, as for `principal_directions`.

    Raises:
        ValueError: If the model's codes enter no layer with a matrix of weights, or the samples are too few.

    Example:

    >>> weight_directions(keras_genzoo.models.load("dcgan_fashion_mnist"), num_directions=3).scales.shape
    (3,)

    Source: Shen & Zhou 2021, "Closed-form factorization of latent semantics in GANs" (arXiv:2007.06600), equation 6;
    unit length as in the authors' program.
    """
    matrices = [np.asarray(matrix, "float64") for matrix in model.weights_of_codes()]
    if not matrices:
        raise ValueError(
            f"`model` has no matrix of weights that its codes are multiplied by. Received: {type(model).__name__}. "
            "Use `principal_directions`."
        )
    columns = np.concatenate(matrices, axis=1)
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    _, vectors = np.linalg.eigh(columns @ columns.T)
    vectors = vectors[:, ::-1][:, :num_directions].T
    _, labels, codes = _random_codes(model, num_latents, seed)
    return _directions(_with_sign(vectors), _without_class_means(codes, labels))


def attribute_direction(codes, has_attribute, groups=None):
    """Finds the direction from codes without an attribute to codes with it: the difference of their means.

    Codes of labeled images come from `encode` of an autoencoder or from `project`; a GAN's own samples can be labeled
    by a classifier.

    Args:
        codes: Float array `(num, code_dim)`.
        has_attribute: Bools `(num,)`.
        groups: Ints `(num,)` of another attribute that goes along with this one in the data, or None. The
            direction is then the mean of the groups' own, so that it does not carry the other attribute along; groups
            that lack codes of either kind are left out.

    Returns:
        `Directions` of one direction; a step of strength 1 is as long as the difference of the means.

    Raises:
        ValueError: If the arrays differ in length, or there are no codes of either kind.

    Example:

    >>> codes = np.array([[0.0, 1.0], [0.0, 3.0], [4.0, 1.0], [4.0, 3.0]])
    >>> attribute_direction(codes, [False, False, True, True])
    Directions(vectors=array([[1., 0.]], dtype=float32), scales=array([4.], dtype=float32))

    Source: White 2016, "Sampling generative networks" (arXiv:1609.04468), section 3.1; with groups, section 3.2.
    """
    codes = checked_codes(codes).astype("float64")
    has_attribute = arguments.array("has_attribute", has_attribute).astype(bool)
    groups = np.zeros(len(codes), int) if groups is None else arguments.array("groups", groups)
    for argument, given in (("has_attribute", has_attribute), ("groups", groups)):
        if given.shape != (len(codes),):
            raise ValueError(
                f"`{argument}` must hold {len(codes)}, one for each code. Received: shape {given.shape}"
            )
    differences = []
    for group in np.unique(groups):
        with_it, without_it = (codes[(groups == group) & (has_attribute == has)] for has in (True, False))
        if len(with_it) and len(without_it):
            differences.append(with_it.mean(axis=0) - without_it.mean(axis=0))
    if not differences:
        raise ValueError(
            "`has_attribute` must be true of some codes and false of others, in one group at least. Received: true "
            f"of {has_attribute.sum()} of {len(codes)}"
        )
    difference = np.mean(differences, axis=0)
    length = np.linalg.norm(difference)
    if not length > 0:
        raise ValueError("`codes` with and without the attribute have the same mean: there is no direction.")
    return Directions((difference / length)[None].astype("float32"), np.array([length], "float32"))


@checked
def find_direction(model: Sampler, name):
    """Returns a direction by its name.

    Args:
        model: Model with the ability `sample`.
        name: `"principal:K"` or `"weights:K"`, direction K, counted from 0, of `principal_directions` or
            `weight_directions`; or one of `model.directions`.

    Returns:
        `Directions` of one direction.

    Raises:
        ValueError: If there is no such direction.

    Example:

    >>> find_direction(keras_genzoo.models.load("dcgan_fashion_mnist"), "principal:0").vectors.shape
    (1, 100)
    """
    if name in model.directions:
        return model.directions[name]
    kind, _, number = str(name).partition(":")
    if kind not in _FINDERS or not number.isdecimal():
        own = "".join(f"{known!r}, " for known in model.directions)
        raise ValueError(
            f"`direction` must be {own}'principal:K' or 'weights:K' with a number K from 0. Received: {name!r}"
        )
    found = _FINDERS[kind](model, num_directions=int(number) + 1)
    if len(found.scales) <= int(number):
        raise ValueError(
            f"`direction` {name!r}: the model has {len(found.scales)} directions, counted from 0."
        )
    return Directions(found.vectors[int(number) :], found.scales[int(number) :])


_FINDERS = {"principal": principal_directions, "weights": weight_directions}


def _random_codes(model, num, seed):
    """Latents, labels (the classes in turn, or None) and codes, more of them than of one for each class."""
    num_classes = 1 if model.condition is None else model.condition.num_classes
    if num <= num_classes:
        raise ValueError(f"`num_latents` must be above {num_classes}. Received: num_latents={num}")
    latents = np.asarray(model.latents_from_seed(num, seed))
    labels = None if model.condition is None else model.condition.in_turn(num)
    return latents, labels, codes_of(model, latents, labels)


def _outputs_of_layer(model, name, latents, labels):
    network = model.sampling_network
    known = [layer.name for layer in network.layers]
    if name not in known:
        raise ValueError(
            f"`of` must be 'images', 'codes', or a layer of the network that makes the images: {', '.join(known)}. "
            f"Received: of={name!r}"
        )
    part = keras.Model(network.inputs, network.get_layer(name).output)
    inputs = [latents, *model.labels_of(labels, len(latents))]
    return np.asarray(part.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0))


def _without_class_means(values, labels):
    values = np.array(values, "float64")
    for label in [None] if labels is None else np.unique(labels):
        rows = slice(None) if label is None else labels == label
        values[rows] -= values[rows].mean(axis=0)
    return values


def _with_sign(vectors):
    """Of the two unit vectors of each direction always the same."""
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    return vectors * np.sign(largest)[:, None]


def _directions(vectors, codes):
    return Directions(vectors.astype("float32"), (codes @ vectors.T).std(axis=0).astype("float32"))
