"""Arguments as public functions take them: checked by their annotations, and of Python's own types.

```python
@checked
def sample(self, num: OptionalPositiveInt = None, batch_size: PositiveInt = 64):
```

When the body runs, `num` and `batch_size` hold checked values.
"""

import dataclasses
import functools
import inspect
import math
import numbers
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_args

import numpy as np

# Not at run time: the server and the reader of pictures check arguments without Keras.
if TYPE_CHECKING:
    import keras


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


def integer(argument, value, at_least=None, below=None):
    """Returns an integer of a range, as `number` does; 4.0 is none, nor is what 32 bits do not hold."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    # Said only to those whom it concerns.
    if is_integer and below is None and value >= _INT32_LIMIT:
        below = _INT32_LIMIT
    return _checked(argument, value, is_integer, "an integer", at_least, None, below)


def probability(argument, value):
    """Returns a number from 0 to 1."""
    if number(argument, value, at_least=0) > 1:
        raise ValueError(f"`{argument}` must lie from 0 to 1. Received: {argument}={value!r}")
    return number(argument, value)


def seed(argument, value):
    """Returns a seed, an integer from 0 to 2**32 - 1."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_integer and 0 <= value < 2**32:
        return int(value)
    raise ValueError(
        f"`{argument}` must be an integer from 0 to 2**32 - 1. Received: {argument}={_plain(value)!r}"
    )


def flag(argument, value):
    """Returns a bool; 0, 1 and strings are none."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ValueError(f"`{argument}` must be True or False. Received: {argument}={value!r}")


def known_object(argument, value, base, classes, accepted):
    """Returns an object of a class, made of its name or of a config where it is not one already.

    Args:
        argument: Name of the argument.
        value: Object of `base`, returned unchanged; its config, a dict; or a name, for the class with its defaults.
        base: Class.
        classes: Dict of names to classes.
        accepted: String, what is accepted beside the names.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(value, base):
        return value
    if isinstance(value, dict) and value:
        import keras

        return keras.saving.deserialize_keras_object(value)
    if not isinstance(value, str) or value not in classes:
        raise ValueError(f"`{argument}` must be one of {sorted(classes)}{accepted}. Received: {value!r}")
    return classes[value]()


def integers(argument, value, num=None):
    """Returns a tuple of positive integers, `num` of them where that is given."""
    is_tuple = isinstance(value, list | tuple | np.ndarray) and num in (None, len(value))
    if not (
        is_tuple and all(isinstance(each, numbers.Integral) and 0 < each < _INT32_LIMIT for each in value)
    ):
        of_num = "" if num is None else f"{num} "
        raise ValueError(
            f"`{argument}` must be a tuple of {of_num}positive integers. Received: {argument}={value!r}"
        )
    return tuple(map(int, value))


def interval(argument, value):
    """Returns a pair of floats, the first less than the second."""
    low, high = value if isinstance(value, list | tuple) and len(value) == 2 else (0, 0)
    if not number(argument, low) < number(argument, high):
        raise ValueError(f"`{argument}` must be a pair (low, high) of floats. Received: {argument}={value!r}")
    return (float(low), float(high))


def integer_or_integers(argument, value):
    """Returns a positive integer, or a tuple of them."""
    is_one = not isinstance(value, list | tuple)
    return integer(argument, value, at_least=1) if is_one else integers(argument, value)


def activation(argument, value):
    """Returns what Keras knows as an activation, as it came."""
    try:
        import keras

        keras.activations.get(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"`{argument}` must be the name of an activation of Keras, or a function. Received: {argument}={value!r}"
        ) from None
    return value


def one_of(*choices):
    """The check that passes the strings of `choices`."""

    def check(argument, value):
        if isinstance(value, str) and value in choices:
            return value
        accepted = " or ".join(map(repr, choices))
        raise ValueError(f"`{argument}` must be {accepted}. Received: {argument}={value!r}")

    return check


def path(argument, value):
    """Returns a string or path, as it came."""
    if isinstance(value, str | os.PathLike) and os.fspath(value):
        return value
    raise ValueError(
        f"`{argument}` must be a path, as a string or path object. Received: {argument}={value!r}"
    )


def name(argument, value):
    """Returns a name that is safe as that of a file or folder, and in the configurations of servers."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        return value
    raise ValueError(
        f"`{argument}` must hold letters, digits, '_', '-' and '.' alone, and begin with a letter, a digit or '_'. "
        f"Received: {argument}={value!r}"
    )


def network(argument, value):
    """Returns a `keras.Model`."""
    import keras

    if isinstance(value, keras.Model):
        return value
    raise ValueError(
        f"`{argument}` must be a `keras.Model`, such as those of `keras_genzoo.networks`. Received: "
        f"{argument}={value!r}"
    )


def array(argument, value, dtype=None):
    """Returns a NumPy array of numbers.

    Args:
        argument: Name of the argument, for the message.
        value: Array, tensor, or nested sequence of numbers.
        dtype: Data type to convert to, or None for the array's own.

    Raises:
        ValueError: If it holds anything but numbers, or has no regular shape.
    """
    try:
        found = value if isinstance(value, np.ndarray) else _array_of(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.dtype.kind not in "biuf":
        raise ValueError(f"`{argument}` must be an array of numbers. Received: {argument}={value!r}")
    return found if dtype is None else found.astype(dtype, copy=False)


def _array_of(value):
    # A tensor can come only from a program that has imported Keras.
    if keras := sys.modules.get("keras"):
        if keras.ops.is_tensor(value):
            return keras.ops.convert_to_numpy(value)
    return np.asarray(value)


def optional(function):
    """The check that passes None, and other values to `function`."""
    return lambda argument, value: None if value is None else function(argument, value)


@dataclasses.dataclass(frozen=True)
class Check:
    """How an annotated argument is checked and kept.

    Args:
        function: Callable from the argument's name and value to the value that is used; it raises a ValueError that
            names the argument where the value cannot be used.
        attribute: String, name of a model's attribute that keeps it, or None for the argument's own.
        kept: Bool, whether it is an option of a model (`keras_genzoo.models.options`).
    """

    function: Callable[[str, Any], Any]
    attribute: str | None = None
    kept: bool = True


PositiveInt = Annotated[int, Check(functools.partial(integer, at_least=1))]
OptionalPositiveInt = Annotated[int | None, Check(optional(functools.partial(integer, at_least=1)))]
NonNegativeInt = Annotated[int, Check(functools.partial(integer, at_least=0))]
OptionalNonNegativeInt = Annotated[int | None, Check(optional(functools.partial(integer, at_least=0)))]
PositiveInts = Annotated[tuple, Check(integers)]
# (height, width, channels).
ImageShape = Annotated[tuple, Check(functools.partial(integers, num=3))]
OptionalPositiveInts = Annotated[tuple | None, Check(optional(integers))]
# Any that 64 bits hold, such as a seed of tf.data.
Int64 = Annotated[int, Check(functools.partial(integer, at_least=-(2**63), below=2**63))]
NumClasses = Annotated[int | None, Check(optional(functools.partial(integer, at_least=2)))]
Seed = Annotated[int, Check(seed)]
OptionalSeed = Annotated[int | None, Check(optional(seed))]
Finite = Annotated[float, Check(number)]
Positive = Annotated[float, Check(functools.partial(number, above=0))]
OptionalPositive = Annotated[float | None, Check(optional(functools.partial(number, above=0)))]
NonNegative = Annotated[float, Check(functools.partial(number, at_least=0))]
OptionalNonNegative = Annotated[float | None, Check(optional(functools.partial(number, at_least=0)))]
# From 0 on, below 1.
Share = Annotated[float, Check(functools.partial(number, at_least=0, below=1))]
OptionalShare = Annotated[float | None, Check(optional(functools.partial(number, at_least=0, below=1)))]
# From 0 to 1.
Probability = Annotated[float, Check(probability)]
OptionalProbability = Annotated[float | None, Check(optional(probability))]
FloatRange = Annotated[tuple, Check(interval)]
OptionalFloatRange = Annotated[tuple | None, Check(optional(interval))]
PositiveIntOrInts = Annotated[int | tuple, Check(integer_or_integers)]
Activation = Annotated[str | Callable, Check(activation)]
Padding = Annotated[str, Check(one_of("same", "valid"))]
Flag = Annotated[bool, Check(flag)]
Path = Annotated[str | os.PathLike, Check(path)]
OptionalPath = Annotated[str | os.PathLike | None, Check(optional(path))]
# A network of one's own.
Network = Annotated["keras.Model | None", Check(optional(network), kept=False)]


def checked(function):
    """Decorates a function whose annotated arguments are checked; see this module."""
    signature = inspect.signature(function)
    checks = checks_of(signature)

    @functools.wraps(function)
    def checked_function(*args, **kwargs):
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            given = None
        if given is None:
            # Python says what is missing or unknown.
            return function(*args, **kwargs)
        _check(given, checks)
        return function(*given.args, **given.kwargs)

    # Keras asks for the arguments of what stands in the class.
    checked_function.__signature__ = signature
    return checked_function


def check_call(function, *args, **kwargs):
    """Refuses arguments that a function which `checked` decorates would refuse, without calling it."""
    signature = inspect.signature(function)
    _check(signature.bind(*args, **kwargs), checks_of(signature))


def checks_of(signature):
    """Dict of the `Check` of each annotated argument that has one."""
    found = {
        name: [entry for entry in get_args(parameter.annotation) if isinstance(entry, Check)]
        for name, parameter in signature.parameters.items()
    }
    return {name: checks[0] for name, checks in found.items() if checks}


def _check(given, checks):
    # A default is as the author wants it.
    for name, check in checks.items():
        if name in given.arguments:
            given.arguments[name] = check.function(name, given.arguments[name])


def _checked(argument, value, is_of_kind, kind, at_least, above, below):
    bounds = [("at least", at_least), ("above", above), ("below", below)]
    accepted = " and ".join(f"{relation} {bound}" for relation, bound in bounds if bound is not None)
    if not (is_of_kind and _is_finite(value)):
        accepted = f"{kind}{', ' * bool(accepted)}{accepted}"
    elif (
        (at_least is None or value >= at_least)
        and (above is None or value > above)
        and (below is None or value < below)
    ):
        return _plain(value)
    raise ValueError(f"`{argument}` must be {accepted}. Received: {argument}={_plain(value)!r}")


def _plain(value):
    """A NumPy scalar as the Python number that it holds, others as they are."""
    return value.item() if isinstance(value, np.generic) else value


def _is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:
        # An integer that no float holds.
        return False


_INT32_LIMIT = 2**31
