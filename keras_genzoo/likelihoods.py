"""Likelihoods of images given a decoder's output, in nats.

A decoder puts out a logit for each value of an image: the mean of the value, on the scale from 0 to 1, is the
logistic function of it. Images come in [-1, 1], as everywhere; densities are on the scale from 0 to 1.
"""

import math

import keras
from keras import ops

from keras_genzoo import arguments


class Likelihood:
    """Base class: log p(x | z). Subclasses implement `log_prob`."""

    def log_prob(self, images, logits):
        """Log-likelihood of each image, summed over its values.

        Args:
            images: Float tensor `(..., height, width, channels)` in [-1, 1].
            logits: Float tensor of the same shape.

        Returns:
            Float32 tensor without the last three axes.
        """
        raise NotImplementedError

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Bernoulli(Likelihood):
    """`sum x log m + (1 - x) log(1 - m)`, on the scale from 0 to 1.

    A true likelihood of binary images; for grey ones the usual cross-entropy.

    Source: Kingma & Welling 2013, appendix C.1.
    """

    def log_prob(self, images, logits):
        logits = ops.cast(logits, "float32")
        targets = 0.5 * (images + 1.0)
        return ops.sum(targets * logits - ops.softplus(logits), axis=(-3, -2, -1))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Gaussian(Likelihood):
    """`sum log N(x; m, stddev^2)`, on the scale from 0 to 1.

    Args:
        stddev: Float. Defaults to 0.1. A large one invites collapse: at 1 the squared error of a grey image weighs
            less than the divergence of its latents. Of the square root of 1/2 the logarithm is the negative summed
            squared error, up to a constant.

    Source: Kingma & Welling 2013, appendix C.2, with a fixed variance.
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
    """Squared error of each image on the scale from 0 to 1, summed over its values."""
    errors = 0.5 * (images + 1.0) - ops.sigmoid(ops.cast(logits, "float32"))
    return ops.sum(ops.square(errors), axis=(-3, -2, -1))


def get(identifier):
    """Returns the likelihood of `"bernoulli"` or `"gaussian"`, a likelihood object unchanged.

    Raises:
        ValueError: If the name is unknown.
    """
    accepted = " or a `Likelihood`"
    return arguments.known_object("likelihood", identifier, Likelihood, _LIKELIHOODS, accepted)


_LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}
