"""Numbers as constructors take them: finite, in their range, and of Python's own types."""

import math
import numbers

import numpy as np


def number(argument, value, at_least=None, above=None, below=None):
    """Returns a finite number of a range.

    Args:
        argument: Name of the argument, for the message.
        value: Int, float or NumPy scalar. Booleans are no numbers.
        at_least, above, below: Bounds, or None: `value >= at_least`, `value > above`, `value < below`.

    Returns:
        The value; a NumPy scalar as the Python number that it holds.

    Raises:
        ValueError: If the value is not a number, not finite, or out of the range.

    Example:

    >>> number("l1_weight", np.float32(0.5), at_least=0)
    0.5
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return _checked(argument, value, is_number, "a finite number", at_least, above, below)


def integer(argument, value, at_least=None):
    """Returns an integer of a range, as `number` does; 4.0 is none."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return _checked(argument, value, is_integer, "an integer", at_least, None, None)


def _checked(argument, value, is_of_kind, kind, at_least, above, below):
    bounds = [("at least", at_least), ("above", above), ("below", below)]
    accepted = " and ".join(f"{relation} {bound}" for relation, bound in bounds if bound is not None)
    if not (is_of_kind and math.isfinite(value)):
        accepted = f"{kind}{', ' * bool(accepted)}{accepted}"
    elif (
        (at_least is None or value >= at_least)
        and (above is None or value > above)
        and (below is None or value < below)
    ):
        return value.item() if isinstance(value, np.generic) else value
    raise ValueError(f"`{argument}` must be {accepted}. Received: {argument}={value!r}")
