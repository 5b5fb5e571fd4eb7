"""Tricks against an overconfident discriminator: noise on the images that it sees, and targets other than 1 and 0."""

import dataclasses

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class Targets:
    """Targets of real and generated images that are drawn per image.

    Args:
        real, fake: Pairs `(low, high)` from which a target is drawn uniformly (label smoothing; Salimans et al. 2016,
            section 3.4).
        flip_probability: Float in [0, 1), share of images whose target is that of the other side.
    """

    real: tuple = (1.0, 1.0)
    fake: tuple = (0.0, 0.0)
    flip_probability: float = 0.0

    @property
    def are_constant(self):
        """Whether all targets are the usual 1 and 0."""
        return self == Targets()

    def draw(self, real_logits, fake_logits, noise):
        """Draws targets for the logits of a batch of real and one of generated images.

        Returns:
            Pair of float32 tensors, or floats, that broadcast with the logits.
        """
        return (
            self._draw(real_logits, self.real, self.fake, noise),
            self._draw(fake_logits, self.fake, self.real, noise),
        )

    def _draw(self, logits, own, other, noise):
        shape = (ops.shape(logits)[0], *[1] * (len(logits.shape) - 1))
        targets = uniform(shape, own, noise)
        if not self.flip_probability:
            return targets
        flipped = keras.random.uniform(shape, seed=noise) < self.flip_probability
        return ops.where(flipped, uniform(shape, other, noise), targets)


def with_noise(images, stddev, noise):
    """Images with Gaussian noise of a standard deviation (instance noise; Sonderby et al. 2017, section 3.2)."""
    return images + keras.random.normal(ops.shape(images), stddev=stddev, seed=noise)


def uniform(shape, bounds, noise):
    """Values uniform between two bounds, or the one number where both are the same."""
    low, high = bounds
    return keras.random.uniform(shape, low, high, seed=noise) if low < high else low
