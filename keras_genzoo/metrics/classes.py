"""The classes of samples, according to a classifier."""

import numpy as np

from keras_genzoo.metrics.measures import an_extractor, measure


def _labels(subject):
    if subject.model.condition is None:
        return "a conditional model. This one has no classes: use 'classes_seen'"


def _no_labels(subject):
    if subject.model.condition is not None:
        return "a model without classes. This one has labels: use 'label_agreement'"


def _a_classifier_of_the_classes(subject):
    wanted = (subject.model.condition or subject.info).num_classes
    if subject.extractor.num_classes != wanted:
        return f"a classifier of the {wanted} classes as `extractor`. Received: {subject.extractor.name!r}"


@measure("label_agreement", ability="sample", needs=(_labels, an_extractor, _a_classifier_of_the_classes))
def _label_agreement(subject):
    """The fraction of samples of a conditional model that a classifier assigns to the requested class."""
    seen = subject.fake_logits.argmax(-1)
    return [subject.about_both("label_agreement", np.mean(seen == subject.labels_asked))]


@measure("classes_seen", ability="sample", needs=(_no_labels, an_extractor, _a_classifier_of_the_classes))
def _classes_seen(subject):
    """The number of classes that a classifier finds in the samples of an unconditional model; each must make up
    at least 1 % of them."""
    seen = subject.fake_logits.argmax(-1)
    shares = np.bincount(seen, minlength=subject.extractor.num_classes) / subject.num_samples
    return [subject.about_both("classes_seen", int((shares >= 0.01).sum()))]
