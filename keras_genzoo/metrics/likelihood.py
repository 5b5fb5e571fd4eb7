"""The likelihood of real images under a model."""

import numpy as np

from keras_genzoo.metrics.measures import measure


@measure("log_likelihood", ability="log_likelihood")
def _log_likelihood(subject):
    """The mean of log p(x) over real images, in nats (higher is better). The images are binarized at random if the
    model has `binarize`. Requires a model with `log_likelihood`."""
    images = subject.images
    protocol = {"seed": subject.seed, "importance_samples": subject.importance_samples}
    if subject.model.binarize:
        chance = np.random.default_rng(subject.seed).random(images.shape)
        images = np.where(chance < _from_0_to_1(images), 1.0, -1.0).astype("float32")
        protocol["binarized"] = "stochastically"
    values = subject.model.log_likelihood(images, num_samples=subject.importance_samples, seed=subject.seed)
    return [subject.about_images("log_likelihood", np.mean(values), **protocol)]


def _from_0_to_1(images):
    return images / 255.0 if images.dtype == np.uint8 else (images + 1.0) / 2.0
