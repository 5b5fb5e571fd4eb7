"""Points in the plane, drawn from mixtures of Gaussians, to count the modes that a model covers."""

import dataclasses

import numpy as np

from keras_genzoo.conditions import Labels
from keras_genzoo.datasets.generated import SEEDS
from keras_genzoo.datasets.named import Info, register
from keras_genzoo.modalities import Points


@dataclasses.dataclass(frozen=True, eq=False)
class Modes:
    """A mixture of equally likely isotropic Gaussians with the same standard deviation.

    Args:
        centers: Float64 array `(num_modes, 2)`.
        stddev: Float, standard deviation of every mode along each axis.
    """

    centers: np.ndarray
    stddev: float

    def __post_init__(self):
        self.centers.flags.writeable = False

    def draw(self, num, seed):
        """Draws points.

        Args:
            num: Int, number of points.
            seed: Int, or sequence of ints. The same seed always gives the same points.

        Returns:
            Tuple of float32 points `(num, 2)` and the int32 indices of their modes `(num,)`.

        Example:

        >>> points, labels = Modes(np.array([[0.0, 0.0], [5.0, 0.0]]), stddev=0.1).draw(100, seed=0)
        >>> points.shape, int(labels.max())
        ((100, 2), 1)
        """
        rng = np.random.RandomState(seed)
        labels = rng.randint(len(self.centers), size=num, dtype="int32")
        points = self.centers[labels] + self.stddev * rng.standard_normal((num, 2))
        return points.astype("float32"), labels


def _drawn(dataset, split, data_dir, image_size):
    return dataset.modes.draw(dataset.splits[split], SEEDS[split])


# The "2D ring" and "2D grid" of Srivastava et al., VEEGAN (2017), with the constants of Lin et al., PacGAN (2018).
# Mode k of the ring is at the angle 2 pi k / 8, mode 5 i + j of the grid in column i and row j.
_ANGLES = 2 * np.pi * np.arange(8) / 8

_RING = register(
    Info(
        name="ring",
        description="points of 8 Gaussians on a circle",
        modality=Points((2,)),
        condition=Labels(8),
        class_names=tuple(map(str, range(8))),
        splits={"train": 100_000, "test": 10_000},
        make=_drawn,
        modes=Modes(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1), stddev=0.01),
        license="generated",
        homepage="arxiv.org/abs/1705.07761",
        citation="Srivastava, Valkov, Russell, Gutmann, Sutton, VEEGAN: Reducing Mode Collapse in GANs using "
        "Implicit Variational Learning, 2017.",
    )
)

register(
    dataclasses.replace(
        _RING,
        name="grid",
        description="points of 25 Gaussians on a grid",
        condition=Labels(25),
        class_names=tuple(map(str, range(25))),
        modes=Modes(
            np.array([(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)], "float64"), stddev=0.05
        ),
    )
)
