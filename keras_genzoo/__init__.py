"""keras_genzoo: generative image models for Keras that train with `fit`, load by name, and export."""

from keras_genzoo import (
    callbacks,
    datasets,
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
    pixels,
    presets,
    visualization,
)
from keras_genzoo._version import __version__

__all__ = [
    "__version__",
    "callbacks",
    "datasets",
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
    "pixels",
    "presets",
    "visualization",
]
