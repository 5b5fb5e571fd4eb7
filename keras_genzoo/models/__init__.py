"""The families: subclassed Keras models that train with `fit`, load presets by name, and export."""

from keras_genzoo.models.classifier import Classifier
from keras_genzoo.models.gan import GAN
from keras_genzoo.models.generative_model import GenerativeModel
from keras_genzoo.presets import load

__all__ = ["GAN", "Classifier", "GenerativeModel", "load"]
