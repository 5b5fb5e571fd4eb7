"""Kernel initializers by name."""

from keras import initializers

_DEVIATION = 0.02


def check_initialization(initialization):
    if initialization not in _INITIALIZERS:
        raise ValueError(
            f"`initialization` must be {' or '.join(map(repr, _INITIALIZERS))}. Received: {initialization!r}"
        )


def kernel_initializer(initialization):
    """Returns an initializer: normal(0, 0.02), or Xavier's normal distribution times 0.02."""
    return _INITIALIZERS[initialization]()


_INITIALIZERS = {
    "normal": lambda: initializers.RandomNormal(0.0, _DEVIATION),
    "xavier": lambda: initializers.VarianceScaling(_DEVIATION**2, "fan_avg", "untruncated_normal"),
}
