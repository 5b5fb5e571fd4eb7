"""Regularization of the discriminator: noise on its images, label smoothing and label flipping."""

import dataclasses

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class Targets:
    """Targets for real and generated images, drawn per image.

    Args:
        real, fake: Pairs `(low, high)` from which a target is drawn uniformly (label smoothing; Salimans et
            al. 2016, section 3.4).
        flip_probability: Float in [0, 1), fraction of images whose target is swapped.
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
    """Adds Gaussian noise to images (instance noise; Sønderby et al. 2017, section 3.2)."""
    return images + keras.random.normal(ops.shape(images), stddev=stddev, seed=noise)


def uniform(shape, bounds, noise):
    """Draws values uniformly between two bounds; returns the float if both bounds are equal."""
    low, high = bounds
    return keras.random.uniform(shape, low, high, seed=noise) if low < high else low
