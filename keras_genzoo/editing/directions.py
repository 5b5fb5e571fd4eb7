"""Directions in the space of a model's codes along which one property of the images changes."""

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
    """Finds the principal directions of a model's codes: those along which the features of images change most.

    The features of random samples are fitted with a linear function of their whitened codes by least squares, with
    one constant per class for conditional models. The directions are sorted by the change of the fitted features.
    With the codes themselves as features, they are the principal components of the codes.

    Args:
        model: Model with the ability `sample`.
        num_directions: Int, maximum number of directions; at most `code_dim` are returned.
        num_latents: Int, number of samples. Must be larger than the number of classes.
        seed: Int, seed of the latents.
        of: String, the features: `"images"`, `"codes"`, or the name of a layer of the network that generates the
            images. Defaults to `"codes"` for models with a mapping network, else to `"images"`.

    Returns:
        `Directions`: orthogonal unit vectors, the strongest first, with the sign that makes the component of the
        largest absolute value positive. The scales are the standard deviations of the codes along the directions.

    Raises:
        ValueError: If `of` is unknown, or there are too few samples.

    Example:

    >>> model = keras_genzoo.models.load("dcgan_fashion_mnist")
    >>> keras_genzoo.editing.principal_directions(model).vectors.shape
    (10, 100)

    Reference: Härkönen et al. 2020, "GANSpace: Discovering interpretable GAN controls" (arXiv:2004.02546), section
    2.2. The paper fits the latents to the principal components of the features instead, which is equivalent for an
    exact fit.
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
    # The whitened codes are uncorrelated and have unit variance.
    white, deviations, components = np.linalg.svd(codes, full_matrices=False)
    varying = deviations > 1e-6 * deviations[0]
    strongest, _, _ = np.linalg.svd(white[:, varying].T @ features, full_matrices=False)
    vectors = (components[varying].T * deviations[varying]) @ strongest[:, :num_directions]
    # Orthogonalized, starting with the first direction.
    vectors = np.linalg.qr(vectors)[0].T
    return _directions(_with_sign(vectors), codes)


@checked
def weight_directions(
    model: Sampler, num_directions: PositiveInt = 10, num_latents: PositiveInt = 2000, seed: Seed = 0
):
    """Finds directions from the weights of the layers that take the codes, without sampling.

    The rows of a matrix `A` are the weights (`LatentModel.weights_of_codes`) of each output of these layers, scaled
    to unit length. The directions are the eigenvectors of `A^T A`, sorted by decreasing eigenvalue.

    Args:
        model: Model with the ability `sample`.
        num_directions: Int, maximum number of directions.
        num_latents: Int, number of samples for the scales. Must be larger than the number of classes.
        seed: Int, seed of the latents.

    Returns:
        `Directions`; see `principal_directions`.

    Raises:
        ValueError: If no layer multiplies the codes by a weight matrix, or there are too few samples.

    Example:

    >>> model = keras_genzoo.models.load("dcgan_fashion_mnist")
    >>> keras_genzoo.editing.weight_directions(model, num_directions=3).scales.shape
    (3,)

    Reference: Shen & Zhou 2021, "Closed-form factorization of latent semantics in GANs" (arXiv:2007.06600), equation
    6, with rows of unit length as in the authors' code.
    """
    matrices = [np.asarray(matrix, "float64") for matrix in model.weights_of_codes()]
    if not matrices:
        raise ValueError(
            "`model` must have a layer that multiplies the codes by a weight matrix. "
            f"Received: {type(model).__name__}. "
            "Use `principal_directions`."
        )
    columns = np.concatenate(matrices, axis=1)
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    _, vectors = np.linalg.eigh(columns @ columns.T)
    vectors = vectors[:, ::-1][:, :num_directions].T
    _, labels, codes = _random_codes(model, num_latents, seed)
    return _directions(_with_sign(vectors), _without_class_means(codes, labels))


def attribute_direction(codes, has_attribute, groups=None):
    """Computes the direction of an attribute: the difference between the mean codes with and without it.

    The codes of labeled images come from `encode` of an autoencoder or from `project`. The samples of a GAN can be
    labeled with a classifier.

    Args:
        codes: Float array `(num, code_dim)`.
        has_attribute: Bool array `(num,)`.
        groups: Int array `(num,)` with the values of an attribute that is correlated with this one, or None. The
            direction is then the mean of the directions within the groups, so that it does not change the other
            attribute. Groups without codes of both kinds are ignored.

    Returns:
        `Directions` with one direction. Its scale is the length of the difference.

    Raises:
        ValueError: If the arrays differ in length, there are no codes with or no codes without the attribute, or both
            have the same mean.

    Example:

    >>> codes = np.array([[0.0, 1.0], [0.0, 3.0], [4.0, 1.0], [4.0, 3.0]])
    >>> keras_genzoo.editing.attribute_direction(codes, [False, False, True, True])
    Directions(vectors=array([[1., 0.]], dtype=float32), scales=array([4.], dtype=float32))

    Reference: White 2016, "Sampling generative networks" (arXiv:1609.04468), section 3.1; with groups, section 3.2.
    """
    codes = checked_codes(codes).astype("float64")
    has_attribute = arguments.array("has_attribute", has_attribute).astype(bool)
    groups = np.zeros(len(codes), int) if groups is None else arguments.array("groups", groups)
    for argument, given in (("has_attribute", has_attribute), ("groups", groups)):
        if given.shape != (len(codes),):
            raise ValueError(
                f"`{argument}` must have {len(codes)} values, one per code. Received: shape {given.shape}"
            )
    differences = []
    for group in np.unique(groups):
        with_it, without_it = (codes[(groups == group) & (has_attribute == has)] for has in (True, False))
        if len(with_it) and len(without_it):
            differences.append(with_it.mean(axis=0) - without_it.mean(axis=0))
    if not differences:
        raise ValueError(
            "`has_attribute` must be True for some codes and False for others, within at least one group. Received: "
            f"True for {has_attribute.sum()} of {len(codes)}"
        )
    difference = np.mean(differences, axis=0)
    length = np.linalg.norm(difference)
    if not length > 0:
        raise ValueError(
            "`codes` with and without the attribute must have different means. Received equal means."
        )
    return Directions((difference / length)[None].astype("float32"), np.array([length], "float32"))


@checked
def find_direction(model: Sampler, name):
    """Returns a direction by its name.

    Args:
        model: Model with the ability `sample`.
        name: String, the name of one of `model.directions`; or `"principal:K"` or `"weights:K"` for the direction
            with the index K, from 0, of `principal_directions` or `weight_directions`.

    Returns:
        `Directions` with one direction.

    Raises:
        ValueError: If there is no such direction.

    Example:

    >>> model = keras_genzoo.models.load("dcgan_fashion_mnist")
    >>> keras_genzoo.editing.find_direction(model, "principal:0").vectors.shape
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
    """Returns random latents, labels (all classes in turn, or None) and codes; `num` must exceed the classes."""
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
            f"`of` must be 'images', 'codes', or a layer of the network that generates images: {', '.join(known)}. "
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
    """Fixes the signs of the vectors."""
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    return vectors * np.sign(largest)[:, None]


def _directions(vectors, codes):
    return Directions(vectors.astype("float32"), (codes @ vectors.T).std(axis=0).astype("float32"))
