"""Codes of samples, and the images of codes."""

from keras_genzoo.arguments import NonNegative, PositiveInt, array, checked


@checked
def codes(model, latents, labels=None, batch_size: PositiveInt = 64):
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
def images(model, codes, labels=None, batch_size: PositiveInt = 64):
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
    codes = _checked(codes)
    labels = [] if model.maps_latents else model.labels_of(labels, len(codes))
    return model.in_batches(model.images_from_codes, [codes, *labels], batch_size)


@checked
def truncate(model, codes, truncation: NonNegative):
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
    return (mean + truncation * (_checked(codes) - mean)).astype("float32")


def move(codes, directions, index, strength):
    """Moves codes along a direction.

    Args:
        codes: Float array `(num, code_dim)`.
        directions: `Directions`.
        index: Int, which of the directions.
        strength: Float or array `(num,)`, how far, in units of the direction's scale.

    Returns:
        Float32 NumPy array `(num, code_dim)`.

    Example:

    >>> directions = Directions(np.eye(2, dtype="float32"), np.array([1.0, 0.5], "float32"))
    >>> move(np.zeros((1, 2)), directions, 1, strength=3.0)
    array([[0. , 1.5]], dtype=float32)
    """
    codes = _checked(codes)
    strength = array("strength", strength, "float32").reshape(-1, 1)
    return codes + strength * directions.scales[index] * directions.vectors[index]


def _checked(codes):
    codes = array("codes", codes, "float32")
    if codes.ndim != 2 or not len(codes):
        raise ValueError(f"`codes` must have the shape (num, code_dim). Received: {codes.shape}")
    return codes
