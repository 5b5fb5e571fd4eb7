"""Likelihoods of images given the output of a decoder, in nats.

A decoder outputs one logit per value of an image. The sigmoid of the logit is the mean of the value on the
scale from 0 to 1. Images are in [-1, 1]; densities are those of images scaled to [0, 1].
"""

import math

import keras
from keras import ops

from keras_genzoo import arguments


class Likelihood:
    """Base class for likelihoods `p(x | z)`. Subclasses implement `log_prob`."""

    def log_prob(self, images, logits):
        """Computes the log-likelihood of each image, summed over its values.

        Args:
            images: Float tensor `(..., height, width, channels)` in [-1, 1].
            logits: Float tensor of the same shape, output of the decoder.

        Returns:
            Float32 tensor of the shape of `images` without the last three axes, in nats.
        """
        raise NotImplementedError

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Bernoulli(Likelihood):
    """Bernoulli likelihood: `sum x log m + (1 - x) log(1 - m)`.

    `x` is the image on the scale from 0 to 1 and `m` the sigmoid of the logits. This is a likelihood of
    binary images. For other images it is the cross-entropy that is commonly used in its place.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    likelihood = kg.likelihoods.Bernoulli()
    images = keras.ops.ones((2, 28, 28, 1))
    likelihood.log_prob(images, keras.ops.zeros((2, 28, 28, 1)))  # 784 * log(1/2) = -543.4, shape (2,)
    ```

    Reference: Kingma & Welling, "Auto-encoding variational Bayes", 2013, arXiv:1312.6114, appendix C.1.
    """

    def log_prob(self, images, logits):
        logits = ops.cast(logits, "float32")
        targets = 0.5 * (images + 1.0)
        return ops.sum(targets * logits - ops.softplus(logits), axis=(-3, -2, -1))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Gaussian(Likelihood):
    """Gaussian likelihood with a fixed standard deviation: `sum log N(x; m, stddev^2)`.

    `x` is the image on the scale from 0 to 1 and `m` the sigmoid of the logits.

    Args:
        stddev: Positive float, standard deviation on the scale from 0 to 1. With large values the
            reconstruction error counts less than the divergence of the latents, and the posterior may
            collapse. With `sqrt(1/2)` the loss is the summed squared error, up to a constant.

    Raises:
        ValueError: If `stddev` is not a positive number.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    likelihood = kg.likelihoods.Gaussian(stddev=0.1)
    likelihood.log_prob(keras.ops.zeros((2, 28, 28, 1)), keras.ops.zeros((2, 28, 28, 1)))  # shape (2,)
    ```

    Reference: Kingma & Welling, "Auto-encoding variational Bayes", 2013, arXiv:1312.6114, appendix C.2.
    """

    def __init__(self, stddev=0.1):
        self.stddev = arguments.number("stddev", stddev, above=0)

    def log_prob(self, images, logits):
        num_values = math.prod(images.shape[-3:])
        constant = num_values * (math.log(self.stddev) + 0.5 * math.log(2 * math.pi))
        return -squared_error(images, logits) / (2 * self.stddev**2) - constant

    def get_config(self):
        return {"stddev": self.stddev}


def squared_error(images, logits):
    """Computes the squared error of each image on the scale from 0 to 1, summed over its values.

    Args:
        images: Float tensor `(..., height, width, channels)` in [-1, 1].
        logits: Float tensor of the same shape, output of a decoder.

    Returns:
        Float32 tensor of the shape of `images` without the last three axes.
    """
    errors = 0.5 * (images + 1.0) - ops.sigmoid(ops.cast(logits, "float32"))
    return ops.sum(ops.square(errors), axis=(-3, -2, -1))


def get(identifier):
    """Retrieves a likelihood.

    Args:
        identifier: Name of a likelihood (`"bernoulli"` or `"gaussian"`), its config as a dict, or a
            `Likelihood`, which is returned unchanged.

    Returns:
        `Likelihood`.

    Raises:
        ValueError: If `identifier` is none of these.

    Example:

    ```python
    import keras_genzoo as kg

    kg.likelihoods.get("gaussian").stddev  # 0.1
    ```
    """
    accepted = " or a `Likelihood`"
    return arguments.known_object("likelihood", identifier, Likelihood, _LIKELIHOODS, accepted)


_LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}
