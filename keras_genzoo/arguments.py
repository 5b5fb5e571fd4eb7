"""Checks of the arguments of public functions, driven by annotations.

```python
@checked
def sample(self, num: OptionalPositiveInt = None, batch_size: PositiveInt = 64):
    ...
```

Inside the function, `num` and `batch_size` are checked values of Python's own types.
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

# Not at run time: the server and the image reader check arguments without importing Keras.
if TYPE_CHECKING:
    import keras


def number(argument, value, at_least=None, above=None, below=None):
    """Returns a finite number within bounds.

    Args:
        argument: Name of the argument, for the message.
        value: Int, float or NumPy scalar. Booleans are not numbers.
        at_least, above, below: Bounds, or None: `value >= at_least`, `value > above`, `value < below`.

    Returns:
        The value; a NumPy scalar as the corresponding Python number.

    Raises:
        ValueError: If the value is not a number, not finite, or out of bounds.

    Example:

    ```python
    import numpy as np
    from keras_genzoo.arguments import number

    number("l1_weight", np.float32(0.5), at_least=0)  # 0.5
    ```
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return _checked(argument, value, is_number, "a finite number", at_least, above, below)


def integer(argument, value, at_least=None, below=None):
    """Returns an integer within bounds, as `number` does.

    Floats such as 4.0 and integers of more than 32 bits are rejected.
    """
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    # The message names this bound only where it matters.
    if is_integer and below is None and value >= _INT32_LIMIT:
        below = _INT32_LIMIT
    return _checked(argument, value, is_integer, "an integer", at_least, None, below)


def probability(argument, value):
    """Returns a number from 0 to 1."""
    if number(argument, value, at_least=0) > 1:
        raise ValueError(f"`{argument}` must be from 0 to 1. Received: {argument}={value!r}")
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
    """Returns a bool. 0, 1 and strings are rejected."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ValueError(f"`{argument}` must be True or False. Received: {argument}={value!r}")


def known_object(argument, value, base, classes, accepted):
    """Returns an object of a base class, given the object, its config, or its name.

    Args:
        argument: Name of the argument, for the message.
        value: Object of `base`, returned unchanged; its config, a dict; or a name, which creates the class
            with its default arguments.
        base: Base class.
        classes: Dict that maps names to classes.
        accepted: String, other accepted values, for the message.

    Raises:
        ValueError: If the value is none of these.
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
    """Returns a tuple of positive integers, `num` of them if given."""
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
    """Returns a pair of floats whose first is less than its second."""
    low, high = value if isinstance(value, list | tuple) and len(value) == 2 else (0, 0)
    if not number(argument, low) < number(argument, high):
        raise ValueError(f"`{argument}` must be a pair (low, high) of floats. Received: {argument}={value!r}")
    return (float(low), float(high))


def integer_or_integers(argument, value):
    """Returns a positive integer, or a tuple of positive integers."""
    is_one = not isinstance(value, list | tuple)
    return integer(argument, value, at_least=1) if is_one else integers(argument, value)


def activation(argument, value):
    """Returns an activation that Keras accepts, unchanged."""
    try:
        import keras

        keras.activations.get(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"`{argument}` must be the name of a Keras activation, or a function. Received: {argument}={value!r}"
        ) from None
    return value


def one_of(*choices):
    """Creates a check that accepts only the strings in `choices`."""

    def check(argument, value):
        if isinstance(value, str) and value in choices:
            return value
        accepted = " or ".join(map(repr, choices))
        raise ValueError(f"`{argument}` must be {accepted}. Received: {argument}={value!r}")

    return check


def path(argument, value):
    """Returns a string or path object, unchanged."""
    if isinstance(value, str | os.PathLike) and os.fspath(value):
        return value
    raise ValueError(
        f"`{argument}` must be a path, as a string or path object. Received: {argument}={value!r}"
    )


def name(argument, value):
    """Returns a name that is safe as a file or folder name and in server configurations."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        return value
    raise ValueError(
        f"`{argument}` must contain only letters, digits, '_', '-' and '.', and start with a letter, a digit or '_'. "
        f"Received: {argument}={value!r}"
    )


def network(argument, value):
    """Returns a `keras.Model`."""
    import keras

    if isinstance(value, keras.Model):
        return value
    raise ValueError(
        f"`{argument}` must be a `keras.Model`, such as one of `keras_genzoo.networks`. Received: "
        f"{argument}={value!r}"
    )


def array(argument, value, dtype=None):
    """Returns a NumPy array of numbers.

    Args:
        argument: Name of the argument, for the message.
        value: Array, tensor, or nested sequence of numbers.
        dtype: Data type to convert to, or None to keep that of the array.

    Raises:
        ValueError: If the value contains anything but numbers, or has no regular shape.
    """
    try:
        found = value if isinstance(value, np.ndarray) else _array_of(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.dtype.kind not in "biuf":
        raise ValueError(f"`{argument}` must be an array of numbers. Received: {argument}={value!r}")
    return found if dtype is None else found.astype(dtype, copy=False)


def _array_of(value):
    # A tensor can only exist if Keras has been imported.
    if keras := sys.modules.get("keras"):
        if keras.ops.is_tensor(value):
            return keras.ops.convert_to_numpy(value)
    return np.asarray(value)


def optional(function):
    """Creates a check that accepts None and passes other values to `function`."""
    return lambda argument, value: None if value is None else function(argument, value)


@dataclasses.dataclass(frozen=True)
class Check:
    """How an annotated argument is checked and stored.

    Args:
        function: Callable that takes the name and the value of the argument. It returns the value to use, or
            raises a ValueError that names the argument.
        attribute: String, name of the model attribute that stores the value. Defaults to the name of the
            argument.
        kept: Bool, whether the argument is an option of a model (`keras_genzoo.models.options`).
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
# Any 64-bit integer, such as a seed of tf.data.
Int64 = Annotated[int, Check(functools.partial(integer, at_least=-(2**63), below=2**63))]
NumClasses = Annotated[int | None, Check(optional(functools.partial(integer, at_least=2)))]
Seed = Annotated[int, Check(seed)]
OptionalSeed = Annotated[int | None, Check(optional(seed))]
Finite = Annotated[float, Check(number)]
Positive = Annotated[float, Check(functools.partial(number, above=0))]
OptionalPositive = Annotated[float | None, Check(optional(functools.partial(number, above=0)))]
NonNegative = Annotated[float, Check(functools.partial(number, at_least=0))]
OptionalNonNegative = Annotated[float | None, Check(optional(functools.partial(number, at_least=0)))]
# In [0, 1).
Share = Annotated[float, Check(functools.partial(number, at_least=0, below=1))]
OptionalShare = Annotated[float | None, Check(optional(functools.partial(number, at_least=0, below=1)))]
# In [0, 1].
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
# A custom network.
Network = Annotated["keras.Model | None", Check(optional(network), kept=False)]


def checked(function):
    """Decorates a function so that its annotated arguments are checked; see this module."""
    signature = inspect.signature(function)
    checks = checks_of(signature)

    @functools.wraps(function)
    def checked_function(*args, **kwargs):
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            given = None
        if given is None:
            # Python reports what is missing or unknown.
            return function(*args, **kwargs)
        _check(given, checks)
        return function(*given.args, **given.kwargs)

    # Keras inspects the signature of the decorated function.
    checked_function.__signature__ = signature
    return checked_function


def check_call(function, *args, **kwargs):
    """Checks the arguments of a function that is decorated with `checked`, without calling it."""
    signature = inspect.signature(function)
    _check(signature.bind(*args, **kwargs), checks_of(signature))


def checks_of(signature):
    """Returns a dict with the `Check` of each annotated argument that has one."""
    found = {
        name: [entry for entry in get_args(parameter.annotation) if isinstance(entry, Check)]
        for name, parameter in signature.parameters.items()
    }
    return {name: checks[0] for name, checks in found.items() if checks}


def _check(given, checks):
    # Defaults are not checked.
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
    """Converts a NumPy scalar to the corresponding Python number; returns other values unchanged."""
    return value.item() if isinstance(value, np.generic) else value


def _is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:
        # An integer that is too large for a float.
        return False


_INT32_LIMIT = 2**31
