"""Which classes a classifier sees in samples."""

import numpy as np

from keras_genzoo.metrics.measures import an_extractor, measure


def _labels(subject):
    if subject.model.condition is None:
        return "a conditional model. This one has no classes: 'classes_seen' measures it"


def _no_labels(subject):
    if subject.model.condition is not None:
        return "a model without classes. This one has labels: 'label_agreement' measures it"


def _a_classifier_of_the_classes(subject):
    wanted = (subject.model.condition or subject.info).num_classes
    if subject.extractor.num_classes != wanted:
        return f"a classifier of the {wanted} classes as `extractor`. Received: {subject.extractor.name!r}"


@measure("label_agreement", ability="sample", needs=(_labels, an_extractor, _a_classifier_of_the_classes))
def _label_agreement(subject):
    """Of a conditional model, the share of samples that a classifier reads as the label asked for."""
    seen = subject.fake_logits.argmax(-1)
    return [subject.about_both("label_agreement", np.mean(seen == subject.labels_asked))]


@measure("classes_seen", ability="sample", needs=(_no_labels, an_extractor, _a_classifier_of_the_classes))
def _classes_seen(subject):
    """Of a model without classes, the number of classes that a classifier sees in the samples, each in at
    least 1 % of them."""
    seen = subject.fake_logits.argmax(-1)
    shares = np.bincount(seen, minlength=subject.extractor.num_classes) / subject.num_samples
    return [subject.about_both("classes_seen", int((shares >= 0.01).sum()))]
