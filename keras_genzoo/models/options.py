"""Options of a model: constructor arguments that are checked, stored as attributes, and part of the config.

An argument with an annotation is an option. Networks (`Network`) are checked but are not options. Arguments
that only configure the default networks have no annotation:

```
@checked_options
def __init__(self, image_shape=None, *, generator=None, loss: Loss = "hinge", steps: PositiveInt = 1, **kwargs):
    super().__init__(image_shape=image_shape, **kwargs)
```

Inside the constructor, `steps` and `self.steps` are the checked value, and `get_config` returns it.
"""

import functools
import inspect
from typing import Annotated

import keras

from keras_genzoo import arguments, augmentation, latent, likelihoods, losses, modalities, penalties
from keras_genzoo.arguments import Check


def _interval(argument, value):
    bounds = value if isinstance(value, tuple | list) else (value, value)
    low, high = (arguments.number(argument, bound) for bound in bounds) if len(bounds) == 2 else (1, 0)
    if low > high:
        raise ValueError(f"`{argument}` must be a float or a pair (low, high). Received: {value}")
    return (float(low), float(high))


def _positive_scales(argument, value):
    if not (isinstance(value, list | tuple) and value):
        raise ValueError(f"`{argument}` must be a tuple of positive floats. Received: {argument}={value!r}")
    return tuple(arguments.number(argument, scale, above=0) for scale in value)


def _loss_bounds(argument, value):
    if value is not None and not (isinstance(value, dict) and value):
        raise ValueError(
            f"`{argument}` must be a dict that maps players to floats, or None. Received: {argument}={value!r}"
        )
    return value and {
        player: float(arguments.number(f"{argument}[{player!r}]", bound)) for player, bound in value.items()
    }


def named_directions(argument, value):
    """Returns a dict that maps names to `Directions` of one direction each; an empty dict for None."""
    if not isinstance(value or {}, dict):
        raise ValueError(
            f"`{argument}` must be a dict that maps names to `keras_genzoo.editing.Directions`. Received: {value!r}"
        )
    directions = {}
    for name, parts in (value or {}).items():
        is_pair = isinstance(parts, list | tuple)
        arrays = [arguments.array(argument, part, "float32") for part in parts] if is_pair else []
        if [array.ndim for array in arrays] != [2, 1] or not len(arrays[0]) == len(arrays[1]) == 1:
            raise ValueError(
                f"`{argument}` must have one direction per name: vectors (1, code_dim) and scales (1,). "
                f"Received for {name!r}: shapes {[array.shape for array in arrays]}"
            )
        directions[name] = latent.Directions(*arrays)
    return directions


# A float, or a pair (low, high); stored as a pair.
Interval = Annotated[float | tuple, Check(_interval)]
LossBounds = Annotated[dict | None, Check(_loss_bounds)]
PositiveScales = Annotated[tuple, Check(_positive_scales)]
Shape = Annotated[tuple, Check(lambda argument, value: modalities.of_shape(value).shape)]
# None is an empty dict. Not an option: most models have no directions, and their configs omit them.
NamedDirections = Annotated[dict | None, Check(named_directions, kept=False)]
# Objects, their names or configs. `loss` is already an attribute of `keras.Model`.
Loss = Annotated[
    losses.AdversarialLoss | str, Check(lambda argument, value: losses.get(value), "adversarial_loss")
]
Penalty = Annotated[
    penalties.GradientPenalty | str | None, Check(lambda argument, value: penalties.get(value))
]
Augmentation = Annotated[
    augmentation.Augmentation | str | None, Check(lambda argument, value: augmentation.get(value))
]
Likelihood = Annotated[likelihoods.Likelihood | str, Check(lambda argument, value: likelihoods.get(value))]


def checked_options(init):
    """Decorates a constructor whose annotated arguments are options; see this module."""
    signature = inspect.signature(init)
    annotated = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    ]
    checks = dict.fromkeys(annotated, Check(lambda argument, value: value)) | arguments.checks_of(signature)
    options = {name: check for name, check in checks.items() if check.kept}

    @functools.wraps(init)
    def checked_init(self, *args, **kwargs):
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        for name, check in checks.items():
            given.arguments[name] = check.function(name, given.arguments[name])
        for name, check in options.items():
            setattr(self, check.attribute or name, given.arguments[name])
        init(*given.args, **given.kwargs)

    # Keras inspects the signature of the constructor.
    checked_init.__signature__ = signature
    checked_init.options = options
    return checked_init


def config_of(model):
    """Returns a dict of a model's options by name, for `get_config`."""
    inits = [vars(cls).get("__init__") for cls in type(model).__mro__]
    options = {name: check for init in inits for name, check in getattr(init, "options", {}).items()}
    return {name: _serialized(getattr(model, check.attribute or name)) for name, check in options.items()}


def _serialized(value):
    plain = value is None or isinstance(value, bool | int | float | str | tuple | list)
    return value if plain else keras.saving.serialize_keras_object(value)
