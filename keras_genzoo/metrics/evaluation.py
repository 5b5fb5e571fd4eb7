"""What a card reports: results with their protocol, never a bare number."""

import numpy as np

from keras_genzoo import datasets, latent, presets
from keras_genzoo.metrics.frechet import Moments, frechet_distance
from keras_genzoo.models.classifier import Classifier
from keras_genzoo.presets.folders import WEIGHTS


def evaluate(model, dataset, classifier=None, num_samples=10_000, seed=0, split="test", data_dir=None):
    """Measures a model: a generative one by a classifier of the same data, a classifier by its accuracy.

    Args:
        model: `GenerativeModel`, or a `Classifier`.
        dataset: Name of the data set, as for `keras_genzoo.datasets.load`.
        classifier: Name or folder of the `Classifier` preset that measures samples.
        num_samples: Int, number of generated images (a conditional model's labels cycle through the
            classes), and the largest number of real ones.
        seed: Int, seed of the samples.
        split: Split of the real images.
        data_dir: Folder with the original files of the data set, as for `keras_genzoo.datasets.load`.

    Returns:
        List of dicts with `metric`, `value` and `protocol`:

        - `test_accuracy` of a classifier;
        - `classifier_frechet_distance`, the Frechet distance between the classifier's features of real and
          of generated images (not comparable with FID, which uses Inception features);
        - `label_agreement` of a conditional model, the share of samples that the classifier reads as the
          label asked for;
        - `classes_seen`, the number of classes that the classifier sees in the samples of an unconditional
          model, each in at least 1 % of them.
    """
    images, labels = datasets.arrays(dataset, split=split, data_dir=data_dir)
    data = {"dataset": dataset, "split": split}
    if isinstance(model, Classifier):
        predicted = model.predict_features(images)[1].argmax(-1)
        return [_result("test_accuracy", np.mean(predicted == labels), {**data, "num_real": len(images)})]

    if classifier is None:
        raise ValueError("`classifier` is missing: name the `Classifier` preset that measures the samples.")
    judge = Classifier.from_preset(classifier)
    images = images[:num_samples]
    asked = latent.labels_in_turn(num_samples, model.num_classes)
    real, fake = Moments(judge.feature_dim), Moments(judge.feature_dim)
    real.update(judge.predict_features(images)[0])
    samples = model.sample(num_samples, seed=seed, labels=asked, batch_size=500)
    features, logits = judge.predict_features(samples)
    fake.update(features)
    protocol = {
        **data,
        "num_real": len(images),
        "num_fake": num_samples,
        "seed": seed,
        "averaged_generator": model.averaged_network is not None,
        "classifier": str(classifier),
        "classifier_sha256": presets.metadata(classifier)["files"][WEIGHTS]["sha256"],
    }
    results = [_result("classifier_frechet_distance", frechet_distance(real, fake), protocol)]
    seen = logits.argmax(-1)
    if asked is not None:
        results.append(_result("label_agreement", np.mean(seen == asked), protocol))
    else:
        shares = np.bincount(seen, minlength=judge.num_classes) / num_samples
        results.append(_result("classes_seen", int((shares >= 0.01).sum()), protocol))
    return results


def _result(metric, value, protocol):
    value = value if isinstance(value, int) else round(float(value), 4)
    return {"metric": metric, "value": value, "protocol": protocol}
