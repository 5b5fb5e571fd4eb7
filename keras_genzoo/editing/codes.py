"""Codes of samples, and the images of codes."""

from typing import Annotated, Any

import numpy as np

from keras_genzoo.arguments import Check, NonNegative, PositiveInt, array, checked, integer


def _sampler(argument, value):
    if "sample" not in getattr(value, "abilities", ()):
        raise ValueError(
            f"`{argument}` must be a model that samples, such as a GAN or an autoencoder. Received: "
            f"{type(value).__name__}"
        )
    return value


Sampler = Annotated[Any, Check(_sampler)]


@checked
def codes(model: Sampler, latents, labels=None, batch_size: PositiveInt = 64):
    """Computes the codes of latents.

    Args:
        model: Model with the ability `sample`.
        latents: Float array `(num, latent_dim)`.
        labels: Ints `(num,)` or an int; needed by a conditional model.
        batch_size: Int, latents at once.

    Returns:
        Float32 NumPy array `(num, code_dim)`: the latents themselves, unless the model maps them.

    Raises:
        ValueError: If the arguments do not fit the model.
    """
    latents = model.latents_to_sample(None, None, latents)
    return model.in_batches(
        model.codes_from_latents, [latents, *model.labels_of(labels, len(latents))], batch_size
    )


@checked
def images(model: Sampler, codes, labels=None, batch_size: PositiveInt = 64):
    """Computes the images of codes.

    Args:
        model: Model with the ability `sample`.
        codes: Float array `(num, code_dim)`.
        labels: Ints `(num,)` or an int; needed by a conditional model whose codes are its latents.
        batch_size: Int, codes at once.

    Returns:
        Float32 NumPy array `(num, height, width, channels)` in [-1, 1].

    Raises:
        ValueError: If the arguments do not fit the model.
    """
    codes = checked_codes(codes, len(model.mean_code()))
    labels = [] if model.maps_latents else model.labels_of(labels, len(codes))
    return model.in_batches(model.images_from_codes, [codes, *labels], batch_size)


@checked
def truncate(model: Sampler, codes, truncation: NonNegative):
    """Moves codes towards the model's mean code: fewer kinds of images, more typical ones.

    Args:
        model: Model with the ability `sample`.
        codes: Float array `(num, code_dim)`.
        truncation: Float: 1 leaves the codes where they are, 0 gives the mean code.

    Returns:
        Float32 NumPy array `(num, code_dim)`.

    Source: Karras et al. 2019, "A style-based generator architecture" (arXiv:1812.04948), appendix B.
    """
    mean = model.mean_code()
    return (mean + truncation * (checked_codes(codes, len(mean)) - mean)).astype("float32")


def move(codes, directions, index, strength, model=None):
    """Moves codes along a direction.

    Args:
        codes: Float array `(num, code_dim)`; `(1, code_dim)` moves by each of the strengths.
        directions: `Directions`.
        index: Int, which of the directions, counted from 0.
        strength: Float or array `(num,)`, how far, in units of the direction's scale.
        model: Model of the codes, or None. With it, codes that samples of the model cannot have, such as those beyond
            the bounds of uniform latents, are replaced by the nearest ones that they can have.

    Returns:
        Float32 NumPy array `(num, code_dim)`.

    Raises:
        ValueError: If the arguments do not fit one another.

    Example:

    >>> directions = Directions(np.eye(2, dtype="float32"), np.array([1.0, 0.5], "float32"))
    >>> move(np.zeros((1, 2)), directions, 1, strength=3.0)
    array([[0. , 1.5]], dtype=float32)
    """
    index = integer("index", index, at_least=0, below=len(directions.scales))
    codes = checked_codes(codes, directions.vectors.shape[1])
    strength = array("strength", strength, "float32")
    if strength.ndim > 1:
        raise ValueError(
            f"`strength` must be a float or have the shape (num,). Received: shape {strength.shape}"
        )
    if not np.isfinite(strength).all():
        raise ValueError("`strength` must be finite. Received NaN or infinite ones.")
    if strength.ndim and len(codes) not in (1, len(strength)):
        raise ValueError(
            f"`strength` must be a float, or hold {len(codes)}, one for each code. Received: {len(strength)}"
        )
    moved = codes + strength.reshape(-1, 1) * directions.scales[index] * directions.vectors[index]
    return moved if model is None else np.asarray(model.nearest_codes(moved))


def checked_codes(codes, code_dim=None):
    """Codes as a float32 array `(num, code_dim)`, any of one length where `code_dim` is None.

    Raises:
        ValueError: If they are none.
    """
    codes = array("codes", codes, "float32")
    fits = codes.ndim == 2 and len(codes) and code_dim in (None, codes.shape[1])
    if not fits:
        raise ValueError(
            f"`codes` must have the shape (num, {code_dim or 'code_dim'}). Received: {codes.shape}"
        )
    if not np.isfinite(codes).all():
        raise ValueError("`codes` must hold finite float32 values. Received NaN or infinite ones.")
    return codes
