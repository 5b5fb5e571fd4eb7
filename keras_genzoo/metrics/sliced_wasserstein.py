"""The sliced Wasserstein distance between patches of images, which needs no feature extractor."""

import numpy as np
from numpy.typing import ArrayLike

from keras_genzoo.metrics.measures import measure

SMALLEST_SIDE = 16
# Batch size.
_CHUNK = 500


def sliced_wasserstein(
    real: ArrayLike,
    fake: ArrayLike,
    num_patches: int = 128,
    patch_size: int = 7,
    num_projections: int = 512,
    seed: int = 0,
) -> dict[int, float]:
    """Computes the sliced Wasserstein distance at each level of the images' Laplacian pyramids.

    The patches of a level are normalized per channel to mean 0 and standard deviation 1, separately for real and
    generated images. Their distance is the mean, over random directions, of the one-dimensional Wasserstein-1
    distance between their projections. Coarse levels compare large structures, the finest level compares texture and
    noise.

    Args:
        real: Array `(num, height, width, channels)`, uint8 or float. Both sides are halved from level to level, as
            long as they are even and the result is at least 16.
        fake: Array of the same shape and range.
        num_patches: Int, number of random patches per image and level.
        patch_size: Int, side of a patch in pixels.
        num_projections: Int, number of random directions.
        seed: Int, seed of the positions and directions.

    Returns:
        Dict that maps the height of a level to the distance times 1000, the finest level first.

    Raises:
        ValueError: If the shapes differ, or the images are too small.

    Example:

    >>> images = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 3))
    >>> keras_genzoo.metrics.sliced_wasserstein(images, images)
    {32: 0.0, 16: 0.0}

    Reference: Karras et al. 2018, "Progressive growing of GANs for improved quality, stability, and variation"
    (arXiv:1710.10196), section 5 (128 patches of 7x7, down to 16x16) and table 1 (times 1000).
    """
    real, fake = np.asarray(real), np.asarray(fake)
    if real.shape != fake.shape or real.ndim != 4 or len(real) == 0:
        raise ValueError(
            "`real` and `fake` must have the same shape (num, height, width, channels). Received: "
            f"{real.shape} and {fake.shape}"
        )
    if min(real.shape[1:3]) < SMALLEST_SIDE:
        raise ValueError(
            f"`real` must have sides of at least {SMALLEST_SIDE} pixels. Received: {real.shape}. Enlarge the images."
        )
    # The same positions for both sets, so that equal images have distance 0.
    patches = [_patches_of_levels(images, num_patches, patch_size, seed) for images in (real, fake)]
    rng = np.random.default_rng([seed, 1])
    distances = {}
    for side in patches[0]:
        of_real, of_fake = (_normalized(of_images[side]) for of_images in patches)
        directions = rng.normal(size=(of_real.shape[1], num_projections)).astype("float32")
        directions /= np.linalg.norm(directions, axis=0)
        # A few directions at a time: a projection of all patches is as large as the images.
        parts = np.array_split(directions, max(1, num_projections // 32), axis=1)
        means = [
            np.abs(np.sort(of_real @ part, axis=0) - np.sort(of_fake @ part, axis=0)).mean(0)
            for part in parts
        ]
        distances[side] = float(1000 * np.concatenate(means).mean())
    return distances


def _large_images(subject):
    shape = subject.model.modality.shape
    if len(shape) != 3 or min(shape[:2]) < SMALLEST_SIDE:
        return f"images with sides of at least {SMALLEST_SIDE}. Received: a model of {shape}"


@measure("sliced_wasserstein", ability="sample", needs=(_large_images,), abbreviation="SWD")
def _sliced_wasserstein(subject):
    """`sliced_wasserstein_{height}` for each level of the images' Laplacian pyramid, and `sliced_wasserstein`, their
    mean; times 1000 (lower is better). Uses the same number of samples as of real images."""
    real = subject.scaled_images
    constants = {"num_patches": 128, "patch_size": 7, "num_projections": 512}
    distances = sliced_wasserstein(real, subject.samples[: len(real)], **constants, seed=subject.seed)
    values = {f"sliced_wasserstein_{height}": distance for height, distance in distances.items()}
    values["sliced_wasserstein"] = float(np.mean(list(distances.values())))
    protocol = {**subject.sampling_protocol, "num_fake": len(real), **constants}
    return [
        subject.about_images(subject.with_suffix(metric), value, **protocol)
        for metric, value in values.items()
    ]


def _patches_of_levels(images, num_patches, patch_size, seed):
    """Returns a dict of height -> patches of all images, `(num * num_patches, patch_size, patch_size, channels)`."""
    rng = np.random.default_rng([seed, 0])
    parts: dict[int, list[np.ndarray]] = {}
    for first in range(0, len(images), _CHUNK):
        for level in laplacian_pyramid(images[first : first + _CHUNK]):
            num, height, width, _ = level.shape
            rows, columns = (
                rng.integers(0, side - patch_size + 1, (num, num_patches, 1, 1)) for side in (height, width)
            )
            offsets = np.arange(patch_size)
            image = np.arange(num)[:, None, None, None]
            patches = level[image, rows + offsets[:, None], columns + offsets]
            parts.setdefault(height, []).append(patches.reshape(-1, *patches.shape[2:]))
    return {height: np.concatenate(patches) for height, patches in parts.items()}


def _normalized(patches):
    patches = patches - patches.mean((0, 1, 2))
    deviation = patches.std((0, 1, 2))
    return (patches / np.where(deviation > 0, deviation, 1)).reshape(len(patches), -1)


def laplacian_pyramid(images):
    """Returns the Laplacian pyramid of images, the finest level first, as a list of float32 arrays.

    Reference: Burt & Adelson 1983, "The Laplacian pyramid as a compact image code", with the binomial filter
    (1, 4, 6, 4, 1) / 16.
    """
    images = images.astype("float32")
    levels = []
    while all(side % 2 == 0 and side // 2 >= SMALLEST_SIDE for side in images.shape[1:3]):
        halved = _blurred(images)[:, ::2, ::2]
        spread = np.zeros_like(images)
        spread[:, ::2, ::2] = 4 * halved
        levels.append(images - _blurred(spread))
        images = halved
    return [*levels, images]


def _blurred(images):
    for axis in (1, 2):
        padding = [(0, 0)] * 4
        padding[axis] = (2, 2)
        padded = np.pad(images, padding, mode="reflect")
        size = padded.shape[axis] - 4
        images = sum(
            np.float32(weight / 16) * np.take(padded, range(first, first + size), axis=axis)
            for first, weight in enumerate((1, 4, 6, 4, 1))
        )
    return images
