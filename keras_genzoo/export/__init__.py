"""Export for serving: SavedModels with named signatures, and single networks for other runtimes."""

from keras_genzoo.export.bundle import export_bundle
from keras_genzoo.export.deployment import export_tensorflow_serving, export_triton
from keras_genzoo.export.networks import export_network
from keras_genzoo.export.saved_model import export_saved_model

__all__ = [
    "export_bundle",
    "export_network",
    "export_saved_model",
    "export_tensorflow_serving",
    "export_triton",
]
