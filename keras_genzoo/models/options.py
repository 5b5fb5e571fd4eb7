"""Options of a model: constructor arguments that are checked, kept as attributes, and part of the model's config.

An argument with an annotation is an option; networks, and what only shapes the default ones, have none:

```python
@checked_options
def __init__(self, image_shape=None, *, generator=None, loss: Loss = "hinge", steps: PositiveInt = 1, **kwargs):
    super().__init__(image_shape=image_shape, **kwargs)
```

When the body runs, `steps` and `self.steps` hold the checked value, and `get_config` returns it.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args

import keras

from keras_genzoo import arguments, likelihoods, losses, modalities, penalties


@dataclasses.dataclass(frozen=True)
class Check:
    """How an annotated argument is checked and kept.

    Args:
        function: Callable from the argument's name and value to the value that is kept; it raises a ValueError that
            names the argument where the value cannot be used.
        attribute: String, name of the attribute, or None for the argument's own.
    """

    function: Callable[[str, Any], Any]
    attribute: str | None = None


def _optional(function):
    return lambda argument, value: None if value is None else function(argument, value)


def _interval(argument, value):
    bounds = value if isinstance(value, tuple | list) else (value, value)
    low, high = (arguments.number(argument, bound) for bound in bounds) if len(bounds) == 2 else (1, 0)
    if low > high:
        raise ValueError(f"`{argument}` must be a float or a pair (low, high). Received: {value}")
    return (float(low), float(high))


def _positive_scales(argument, value):
    if not value:
        raise ValueError(f"`{argument}` must hold positive floats. Received: {value}")
    return tuple(arguments.number(argument, scale, above=0) for scale in value)


_integer, _number = arguments.integer, arguments.number

PositiveInt = Annotated[int, Check(functools.partial(_integer, at_least=1))]
NonNegativeInt = Annotated[int, Check(functools.partial(_integer, at_least=0))]
NumClasses = Annotated[int | None, Check(_optional(functools.partial(_integer, at_least=2)))]
Positive = Annotated[float, Check(functools.partial(_number, above=0))]
NonNegative = Annotated[float, Check(functools.partial(_number, at_least=0))]
# From 0 on, below 1.
Share = Annotated[float, Check(functools.partial(_number, at_least=0, below=1))]
OptionalShare = Annotated[float | None, Check(_optional(functools.partial(_number, at_least=0, below=1)))]
OptionalPositive = Annotated[float | None, Check(_optional(functools.partial(_number, above=0)))]
# A float, or a pair (low, high); kept as a pair.
Interval = Annotated[float | tuple, Check(_interval)]
PositiveScales = Annotated[tuple, Check(_positive_scales)]
Shape = Annotated[tuple, Check(lambda argument, value: modalities.of_shape(value).shape)]
# Objects, their names or configs. Keras has an attribute `loss` of its own.
Loss = Annotated[
    losses.AdversarialLoss | str, Check(lambda argument, value: losses.get(value), "adversarial_loss")
]
Penalty = Annotated[
    penalties.GradientPenalty | str | None, Check(lambda argument, value: penalties.get(value))
]
Likelihood = Annotated[likelihoods.Likelihood | str, Check(lambda argument, value: likelihoods.get(value))]


def checked_options(init):
    """Decorates a constructor whose annotated arguments are options; see this module."""
    signature = inspect.signature(init)
    options = {
        name: _check_of(parameter.annotation)
        for name, parameter in signature.parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    }

    @functools.wraps(init)
    def checked_init(self, *args, **kwargs):
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        for name, check in options.items():
            value = check.function(name, given.arguments[name])
            given.arguments[name] = value
            setattr(self, check.attribute or name, value)
        init(*given.args, **given.kwargs)

    # Keras asks for the arguments of what stands in the class.
    checked_init.__signature__ = signature
    checked_init.options = options
    return checked_init


def config_of(model):
    """Dict of a model's options by name, as `get_config` returns them."""
    inits = [vars(cls).get("__init__") for cls in type(model).__mro__]
    options = {name: check for init in inits for name, check in getattr(init, "options", {}).items()}
    return {name: _serialized(getattr(model, check.attribute or name)) for name, check in options.items()}


def _check_of(annotation):
    found = [entry for entry in get_args(annotation) if isinstance(entry, Check)]
    return found[0] if found else Check(lambda argument, value: value)


def _serialized(value):
    plain = value is None or isinstance(value, bool | int | float | str | tuple | list)
    return value if plain else keras.saving.serialize_keras_object(value)
