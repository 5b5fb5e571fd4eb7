"""Measures of generative quality."""

from keras_genzoo.metrics.evaluation import evaluate
from keras_genzoo.metrics.frechet import Moments, frechet_distance

__all__ = ["Moments", "evaluate", "frechet_distance"]
