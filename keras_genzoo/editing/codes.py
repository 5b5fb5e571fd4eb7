"""The codes of latents, and the images of codes."""

from typing import Annotated, Any

import numpy as np

from keras_genzoo.arguments import Check, NonNegative, PositiveInt, array, checked, integer


def _sampler(argument, value):
    if "sample" not in getattr(value, "abilities", ()):
        raise ValueError(
            f"`{argument}` must be a model with the ability 'sample', such as a GAN or an autoencoder. Received: "
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
        labels: Int array `(num,)`, or an int for all; required for conditional models.
        batch_size: Int, number of latents per batch.

    Returns:
        Float32 NumPy array `(num, code_dim)`: the latents themselves, unless the model has a mapping network.

    Raises:
        ValueError: If the arguments do not fit the model.

    Example:

    ```python
    model = keras_genzoo.models.load("dcgan_fashion_mnist")
    codes = keras_genzoo.editing.codes(model, np.zeros((4, 100), "float32"))
    ```
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
        labels: Int array `(num,)`, or an int for all; required for conditional models whose codes are their latents.
        batch_size: Int, number of codes per batch.

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
    """Moves codes toward the model's mean code, for more typical but less varied images (truncation trick).

    `mean + truncation * (codes - mean)`

    Args:
        model: Model with the ability `sample`.
        codes: Float array `(num, code_dim)`.
        truncation: Float: 1 does not change the codes, 0 gives the mean code.

    Returns:
        Float32 NumPy array `(num, code_dim)`.

    Raises:
        ValueError: If `truncation` is negative, or the codes do not fit the model.

    Reference: Karras et al. 2019, "A style-based generator architecture for generative adversarial networks"
    (arXiv:1812.04948), appendix B.
    """
    mean = model.mean_code()
    return (mean + truncation * (checked_codes(codes, len(mean)) - mean)).astype("float32")


def move(codes, directions, index, strength):
    """Moves codes along a direction.

    Args:
        codes: Float array `(num, code_dim)`. A single code `(1, code_dim)` is moved by each of the strengths.
        directions: `Directions`.
        index: Int, index of the direction, from 0.
        strength: Float or array `(num,)`, distance to move in units of the direction's scale.

    Returns:
        Float32 NumPy array `(num, code_dim)`: `codes + strength * scale * vector`.

    Raises:
        ValueError: If the arguments do not fit one another.

    Example:

    >>> vectors, scales = np.eye(2, dtype="float32"), np.array([1.0, 0.5], "float32")
    >>> directions = keras_genzoo.editing.Directions(vectors, scales)
    >>> keras_genzoo.editing.move(np.zeros((1, 2)), directions, 1, strength=3.0)
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
        raise ValueError("`strength` must be finite. Received NaN or infinite values.")
    if strength.ndim and len(codes) not in (1, len(strength)):
        raise ValueError(
            f"`strength` must be a float, or have {len(codes)} values, one per code. Received: {len(strength)}"
        )
    return codes + strength.reshape(-1, 1) * directions.scales[index] * directions.vectors[index]


def checked_codes(codes, code_dim=None):
    """Returns codes as a float32 array `(num, code_dim)`; None allows any `code_dim`.

    Raises:
        ValueError: If the shape is invalid, or a value is not finite.
    """
    codes = array("codes", codes, "float32")
    fits = codes.ndim == 2 and len(codes) and code_dim in (None, codes.shape[1])
    if not fits:
        raise ValueError(
            f"`codes` must have the shape (num, {code_dim or 'code_dim'}). Received: {codes.shape}"
        )
    if not np.isfinite(codes).all():
        raise ValueError("`codes` must be finite float32 values. Received NaN or infinite values.")
    return codes
