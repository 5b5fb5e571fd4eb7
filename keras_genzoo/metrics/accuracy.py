"""The accuracy of a classifier."""

import numpy as np

from keras_genzoo.metrics.measures import measure


@measure("test_accuracy", ability="predict_features")
def _test_accuracy(subject):
    """`test_accuracy` of a `Classifier`, in [0, 1]."""
    images, labels = subject.all_images, subject.all_labels
    predicted = subject.model.predict_features(images)[1].argmax(-1)
    return [subject.about_images("test_accuracy", np.mean(predicted == labels), num_real=len(images))]
