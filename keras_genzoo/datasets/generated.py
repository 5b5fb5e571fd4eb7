"""Data sets without photographs: mixtures of Gaussians in the plane, and digits stacked as colours."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Modes:
    """A mixture of equally likely Gaussians of one isotropic width, the distribution of a data set of points.

    Args:
        centers: Array `(num_modes, 2)`, float64.
        stddev: Float, standard deviation of every mode along each axis.
    """

    centers: np.ndarray
    stddev: float

    def __post_init__(self):
        self.centers.flags.writeable = False

    def draw(self, num, seed):
        """Draws points and the modes they come from.

        Args:
            num: Int, number of points.
            seed: Int, or sequence of ints. The same seed gives the same points at every call.

        Returns:
            Pair of points `(num, 2)`, float32, and indices of their modes `(num,)`, int32.

        Example:

        >>> points, labels = Modes(np.array([[0.0, 0.0], [5.0, 0.0]]), stddev=0.1).draw(100, seed=0)
        >>> points.shape, int(labels.max())
        ((100, 2), 1)
        """
        rng = _stream(seed)
        labels = rng.randint(len(self.centers), size=num, dtype="int32")
        points = self.centers[labels] + self.stddev * rng.standard_normal((num, 2))
        return points.astype("float32"), labels


# The "2D ring" and "2D grid" of Srivastava et al., VEEGAN (2017), with the constants of Lin et al., PacGAN (2018).
# Mode k of the ring lies at the angle 2 pi k / 8, mode 5 i + j of the grid in column i and row j.
_ANGLES = 2 * np.pi * np.arange(8) / 8
RING = Modes(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1), stddev=0.01)
GRID = Modes(np.array([(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)], "float64"), stddev=0.05)


def stack_digits(images, labels, num, seed):
    """Images whose three colours are grey images drawn at random, with replacement.

    Args:
        images: uint8 array `(n, height, width, 1)`.
        labels: Integer array `(n,)` of digits in [0, 9].
        num: Int, number of stacked images.
        seed: Int, or sequence of ints.

    Returns:
        Pair of images `(num, height, width, 3)`, uint8, and labels `(num,)`, int32: 100 a + 10 b + c for the
        digits a, b and c of the first, second and third channel.

    Source: Metz et al., Unrolled Generative Adversarial Networks (2017).
    """
    chosen = _stream(seed).randint(len(images), size=(num, 3), dtype="int32")
    # Filled in place: at full size, stacking arrays of chosen images would hold everything twice.
    stacked = np.empty((num, *images.shape[1:3], 3), "uint8")
    for channel in range(3):
        stacked[..., channel] = images[..., 0][chosen[:, channel]]
    return stacked, labels[chosen].astype("int32") @ np.array([100, 10, 1], "int32")


def _stream(seed):
    # NumPy never changes the numbers of this generator, as it may those of `default_rng`: a data set is the
    # same under every version.
    return np.random.RandomState(seed)
