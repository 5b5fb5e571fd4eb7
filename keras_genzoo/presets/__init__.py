"""Pretrained models: the registry of released presets, and their folders. The registry does not import Keras."""

from typing import TYPE_CHECKING

from keras_genzoo.presets.folders import PresetError
from keras_genzoo.presets.registry import describe, names
from keras_genzoo.presets.resolution import metadata

if TYPE_CHECKING:
    from keras_genzoo.presets.preset_model import PresetModel, load

__all__ = ["PresetError", "PresetModel", "describe", "load", "metadata", "names"]


def __getattr__(name):
    if name in ("PresetModel", "load"):
        from keras_genzoo.presets import preset_model

        return getattr(preset_model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
