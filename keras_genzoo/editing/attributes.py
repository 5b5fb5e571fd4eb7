"""Latent directions of the attributes of a dataset."""

from typing import NamedTuple

import numpy as np

from keras_genzoo import datasets
from keras_genzoo.arguments import OptionalPath, PositiveInt, Seed, checked
from keras_genzoo.editing.codes import Sampler
from keras_genzoo.editing.codes import codes as codes_of
from keras_genzoo.editing.codes import images as images_of
from keras_genzoo.editing.directions import attribute_direction


class Attributes(NamedTuple):
    """The result of `find_attributes`.

    Attributes:
        directions: Dict that maps the name of an attribute to `Directions` with one direction.
        accuracies: Dict that maps the name of an attribute to a tuple of floats: the accuracy of the classifier on
            held-out images, and the accuracy of always predicting the more frequent value. If the first is not
            clearly larger, the direction is not meaningful.
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
    """Finds a direction of a model's codes for each attribute of a dataset.

    For each attribute, a logistic regression is trained on features of the training images. It then labels random
    samples of the model, and `attribute_direction` computes the direction from their codes (within the classes of a
    conditional model). An attribute that all samples or no samples have, in every class, gets no direction.

    Requires scikit-learn: `pip install "keras_genzoo[priors]"`.

    Args:
        model: Model with the ability `sample`.
        dataset: String, name of a dataset with attributes (`keras_genzoo.datasets.attributes`).
        extractor: Function that maps images, uint8 or float in [-1, 1], to features and logits (or None), such as a
            `keras_genzoo.metrics.Extractor`.
        num_samples: Int, number of samples to label.
        data_dir: Folder with the original files of the dataset.
        seed: Int, seed of the samples.

    Returns:
        `Attributes`, a named tuple of the directions and of the accuracies of the classifiers.

    Raises:
        ValueError: If the dataset has no attributes, or an argument is invalid.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    model = keras_genzoo.models.GAN(image_shape=(64, 64, 3))
    extractor = keras_genzoo.metrics.extractor("effnet_lite0_224_pool1280")
    found = keras_genzoo.editing.find_attributes(model, "avatar_faces", extractor, num_samples=100)
    model.directions.update(found.directions)
    ```

    Reference: Shen et al. 2020, "Interpreting the latent space of GANs for semantic face editing" (arXiv:1907.10786),
    section 3.1, for labels by a classifier; White 2016, "Sampling generative networks" (arXiv:1609.04468), for the
    direction as a difference of means.
    """
    regressions, accuracies = _regressions(dataset, extractor, data_dir)
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


def _regressions(dataset, extractor, data_dir):
    """Returns dicts that map attributes to fitted regressions, and to their accuracies and chance levels."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise ImportError(
            '`find_attributes` requires scikit-learn. Install it with `pip install "keras_genzoo[priors]"`.'
        ) from error
    parts = []
    for split in ("train", "test"):
        images, _ = datasets.arrays(dataset, split=split, data_dir=data_dir)
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
