"""Measures of generative quality."""

# Measures.
from keras_genzoo.metrics import (  # noqa: F401
    accuracy,
    classes,
    colorization,
    deblurring,
    domains,
    floor,
    inversion,
    likelihood,
    reconstruction,
    translation,
    upscaling,
)
from keras_genzoo.metrics.evaluation import evaluate
from keras_genzoo.metrics.extractors import Extractor, extractor
from keras_genzoo.metrics.frechet import Moments, frechet_distance
from keras_genzoo.metrics.inception import inception_score
from keras_genzoo.metrics.kernel import kernel_distance
from keras_genzoo.metrics.manifold import density_coverage, precision_recall
from keras_genzoo.metrics.measures import listing
from keras_genzoo.metrics.modes import class_statistics, mode_statistics
from keras_genzoo.metrics.path_length import path_length
from keras_genzoo.metrics.similarity import psnr, ssim
from keras_genzoo.metrics.sliced_wasserstein import sliced_wasserstein

__all__ = [
    "Extractor",
    "Moments",
    "class_statistics",
    "density_coverage",
    "evaluate",
    "extractor",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "mode_statistics",
    "path_length",
    "precision_recall",
    "psnr",
    "sliced_wasserstein",
    "ssim",
]

if evaluate.__doc__:
    evaluate.__doc__ = evaluate.__doc__.replace("MEASURES", listing())
