"""The distance of real images to the closest samples of a model, found by optimization."""

import numpy as np

from keras_genzoo import editing
from keras_genzoo.metrics.measures import measure

_NUM_IMAGES = 100
_NUM_RESTARTS = 3
_NUM_STEPS = 200


@measure("inversion", ability="sample", abbreviation="IVOM")
def _inversion(subject):
    """`inversion_error` and `inversion_error_median`: mean and median over the first 100 real images of the mean
    squared difference, for values in [-1, 1], to the closest sample that `keras_genzoo.editing.project` finds. Lower
    values mean better coverage. If the model has an encoder, its code is one of the starting points."""
    images = subject.images[:_NUM_IMAGES]
    labels = subject.all_labels[:_NUM_IMAGES] if subject.model.condition else None
    constants = {"num_restarts": _NUM_RESTARTS, "num_steps": _NUM_STEPS, "seed": subject.seed}
    _, errors = editing.project(subject.model, images, labels, **constants)
    return [
        subject.about_images(name, value, num_real=len(images), **constants)
        for name, value in (("inversion_error", errors.mean()), ("inversion_error_median", np.median(errors)))
    ]
