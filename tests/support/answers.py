"""What a model answers to a user, for each of its abilities, and the same by its networks alone."""

import keras
import numpy as np
from keras import ops

from tests.support.toys import sources_for, to_numpy, toy_images

SEED = 5


def answers(model, num=3):
    """Dict of what a model gives by `sample`, `translate`, `encode` and the like: arrays of `num` rows."""
    return _of_abilities(_ASKED, model, num)


def plain_answers(model, num=3):
    """As `answers`, by the networks as they are, nothing compiled."""
    return {name: to_numpy(result) for name, result in _of_abilities(_PLAIN, model, num).items()}


def assert_same_answers(actual, expected, atol=0.0):
    assert actual.keys() == expected.keys() and expected
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=0, atol=atol, err_msg=name)


def largest_difference(actual, expected):
    """The largest difference of any two answers."""
    return max(np.abs(actual[name] - value).max() for name, value in expected.items())


def labels_for(model, num):
    """Labels in turn, or None where a model takes none."""
    return model.condition and model.condition.in_turn(num).astype("int32")


def domains_for(model, num, argument="domain"):
    """Domains in turn as keywords for what translates; none where a model has none."""
    labels = labels_for(model, num)
    return {} if labels is None else {argument: labels}


def _of_abilities(table, model, num):
    results = {}
    for ability in sorted(model.abilities & table.keys()):
        given = table[ability](model, num)
        results.update(given if isinstance(given, dict) else {ability: given})
    return results


def _images(model, num):
    return toy_images(num, model.modality.shape, seed=2)


def _latents(model, num):
    return to_numpy(model.latent.from_seed(num, 1))


_ASKED = {
    "sample": lambda model, num: model.sample(num, seed=SEED, labels=labels_for(model, num)),
    "translate": lambda model, num: {
        task: model.translate(sources_for(model, task, num), task, **domains_for(model, num))
        for task in model.tasks
    },
    "encode": lambda model, num: model.encode(_images(model, num)),
    "decode": lambda model, num: model.decode(_latents(model, num)),
    "reconstruct": lambda model, num: model.reconstruct(_images(model, num)),
    "predict_features": lambda model, num: dict(
        zip(("features", "logits"), model.predict_features(_images(model, num)), strict=True)
    ),
}


def _samples(model, num):
    labels = [ops.convert_to_tensor(labels_for(model, num))] if model.condition else []
    return model.images_from_latents(model.latents_from_seed(num, SEED), *labels)


_PLAIN = {
    "sample": _samples,
    "translate": lambda model, num: {
        task: model.images_from_images(
            ops.convert_to_tensor(sources_for(model, task, num)),
            task,
            **keras.tree.map_structure(ops.convert_to_tensor, domains_for(model, num, "domains")),
        )
        for task in model.tasks
    },
    "encode": lambda model, num: model.latents_of(ops.convert_to_tensor(_images(model, num))),
    "decode": lambda model, num: model.images_from_latents(ops.convert_to_tensor(_latents(model, num))),
    "reconstruct": lambda model, num: model.images_from_latents(
        model.latents_of(ops.convert_to_tensor(_images(model, num)))
    ),
    "predict_features": lambda model, num: dict(
        zip(("features", "logits"), model.features_and_logits(_images(model, num)), strict=True)
    ),
}
