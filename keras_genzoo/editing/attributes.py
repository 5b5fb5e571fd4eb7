"""Directions of the attributes that a data set tells of its images."""

from typing import NamedTuple

import numpy as np

from keras_genzoo import datasets
from keras_genzoo.arguments import OptionalPath, PositiveInt, Seed, checked
from keras_genzoo.editing.codes import Sampler
from keras_genzoo.editing.codes import codes as codes_of
from keras_genzoo.editing.codes import images as images_of
from keras_genzoo.editing.directions import attribute_direction


class Attributes(NamedTuple):
    """What `find_attributes` returns.

    Attributes:
        directions: Dict of names to `Directions` of one direction.
        accuracies: Dict of names to the share of held-out images whose attribute the features tell, beside the share
            of the more frequent answer: a pair of floats. A direction of an attribute that they do not tell better
            than that means nothing.
    """

    directions: dict
    accuracies: dict


@checked
def find_attributes(
    model: Sampler,
    dataset,
    extractor,
    *,
    num_samples: PositiveInt = 5000,
    data_dir: OptionalPath = None,
    seed: Seed = 0,
):
    """Finds a direction of a model's codes for each attribute of a data set.

    For each attribute a logistic regression learns, from the features of the training images, which images have it.
    It labels random samples of the model, and `attribute_direction` of their codes is the direction, of a conditional
    model within its classes. Attributes that no sample or all samples have, in every class, have no direction.

    Needs scikit-learn: `pip install "keras_genzoo[priors]"`.

    Args:
        model: Model with the ability `sample`.
        dataset: Name of a data set with attributes (`keras_genzoo.datasets.attributes`).
        extractor: Function from images, uint8 or float in [-1, 1], to features and logits or None, such as a
            `keras_genzoo.metrics.Extractor`.
        num_samples: Int, number of samples to label.
        data_dir: Folder of the data set's original files.
        seed: Int, seed of the samples.

    Returns:
        `Attributes`, a tuple of the directions and of what the regressions are worth.

    Raises:
        ValueError: If the data set has no attributes.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    faces = keras_genzoo.models.load("stylegan2_avatars_64")
    found = find_attributes(faces, "avatar_faces", keras_genzoo.metrics.extractor("effnet_lite0_224_pool1280"))
    faces.directions.update(found.directions)
    ```

    Source: Shen et al. 2020, "Interpreting the latent space of GANs for semantic face editing" (arXiv:1907.10786),
    section 3.1, labels by a classifier; the direction is the difference of means of White 2016 (arXiv:1609.04468).
    """
    regressions, accuracies = _regressions(dataset, extractor, data_dir, model.image_shape[:2])
    latents = np.asarray(model.latents_from_seed(num_samples, seed))
    labels = None if model.condition is None else model.condition.in_turn(num_samples)
    codes = codes_of(model, latents, labels)
    features, _ = extractor(images_of(model, codes, labels))
    directions = {}
    for name, regression in regressions.items():
        has_attribute = regression.predict(features)
        groups = np.zeros(num_samples, int) if labels is None else labels
        mixed = [group for group in np.unique(groups) if len({*has_attribute[groups == group]}) == 2]
        if mixed:
            directions[name] = attribute_direction(codes, has_attribute, groups)
    return Attributes(directions, accuracies)


def _regressions(dataset, extractor, data_dir, image_size):
    """Dict of attributes to fitted regressions, and to their accuracies beside the chance level.

    The images have the size of the samples, so that their features are comparable.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise ImportError(
            'Attributes are learnt by scikit-learn: pip install "keras_genzoo[priors]"'
        ) from error
    parts = []
    for split in ("train", "test"):
        images, _ = datasets.arrays(dataset, split=split, data_dir=data_dir, image_size=image_size)
        parts.append((extractor(images)[0], datasets.attributes(dataset, split, data_dir)))
    (features, attributes), (held_out, known) = parts
    regressions, accuracies = {}, {}
    for name, has_attribute in attributes.items():
        regressions[name] = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        regressions[name].fit(features, has_attribute)
        share = float(known[name].mean())
        right = float((regressions[name].predict(held_out) == known[name]).mean())
        accuracies[name] = (right, max(share, 1 - share))
    return regressions, accuracies
