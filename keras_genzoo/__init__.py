"""keras_genzoo: generative image models for Keras that train with `fit`, load by name, and export."""

import importlib

from keras_genzoo import _command
from keras_genzoo._version import __version__

# The classes of all modules are registered with Keras, so that it loads what was saved; the command starts later.
if not _command.is_this_process():
    from keras_genzoo import (
        augmentation,
        callbacks,
        datasets,
        editing,
        explore,
        growth,
        latent,
        layers,
        likelihoods,
        losses,
        metrics,
        models,
        networks,
        optimizers,
        penalties,
        presets,
        visualization,
    )
    from keras_genzoo.images import pictures, pixels

__all__ = [
    "__version__",
    "augmentation",
    "callbacks",
    "datasets",
    "editing",
    "explore",
    "growth",
    "latent",
    "layers",
    "likelihoods",
    "losses",
    "metrics",
    "models",
    "networks",
    "optimizers",
    "penalties",
    "pictures",
    "pixels",
    "presets",
    "visualization",
]


def __getattr__(name):
    if name in ("pictures", "pixels"):
        return importlib.import_module(f"{__name__}.images.{name}")
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
