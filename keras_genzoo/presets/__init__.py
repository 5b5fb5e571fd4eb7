from keras_genzoo.presets.preset_model import PresetModel as PresetModel
from keras_genzoo.presets.preset_model import load as load
from keras_genzoo.presets.registry import describe as describe
from keras_genzoo.presets.registry import names as names
from keras_genzoo.presets.resolution import metadata as metadata
