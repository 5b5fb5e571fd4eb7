"""Motion blur by camera shake: blur kernels from random trajectories.

A trajectory has constant speed. Noise turns its direction, a force pulls it back to its start, and it is almost
reversed at random. Each picture is blurred with one of a fixed set of kernels.

Reference: Kupyn et al. 2018, "DeblurGAN: Blind motion deblurring using conditional adversarial networks"
(arXiv:1711.07064), section 3.3, after Boracchi & Foi 2012, with the constants of the authors' code for 256x256
pictures. The exposed part of a trajectory is drawn at random here.
"""

import functools
import math

import numpy as np

from keras_genzoo.datasets import pipeline

_STEPS, _LENGTH, _SIDE = 2000, 60.0, 256
# Scale of all disturbances, and the largest strength of each.
_ANXIETY, _PULL, _NOISE, _REVERSAL = 0.005, 0.7, 10.0, 0.2
_SHORTEST_EXPOSURE = 0.1
_NUM_KERNELS = 512


def blurred(images, choice):
    """Blurs images in [-1, 1] with kernels selected by the draws of a `Choice`, and quantizes them to 256 levels."""
    tf = pipeline.require("tensorflow")
    known = tf.constant(kernels(_NUM_KERNELS, tuple(images.shape[1:3])))
    # The low bits of the 23-bit draw: the high bits determine the crop.
    numbers = tf.cast(2.0**23 * choice.offsets[:, 0], tf.int32) % _NUM_KERNELS
    return _levels(127.5 * (_convolved(images, tf.gather(known, numbers)) + 1.0)) / 127.5 - 1.0


def blurred_of(images):
    """Blurs uint8 images `(num, height, width, channels)`, each with a kernel of its own."""
    tf = pipeline.require("tensorflow")
    # Different kernels than in training.
    known = kernels(len(images), images.shape[1:3], seed=1)
    made = np.empty_like(images)
    with tf.device("CPU"):
        for part in np.array_split(np.arange(len(images)), max(1, len(images) // 64)):
            made[part] = _levels(_convolved(tf.constant(images[part], tf.float32), known[part]))
    return made


def _convolved(images, kernels):
    """Convolves each float image, padded by reflection, with its kernel."""
    tf = pipeline.require("tensorflow")
    half = kernels.shape[1] // 2
    padded = tf.pad(images, [(0, 0), (half, half), (half, half), (0, 0)], "SYMMETRIC")
    by_channel = tf.transpose(padded, [0, 3, 1, 2])
    size = by_channel.shape[2:]
    spectra = tf.signal.rfft2d(by_channel) * tf.signal.rfft2d(kernels, size)[:, None]
    # The pixels before are affected by circular wrap-around.
    return tf.transpose(tf.signal.irfft2d(spectra, size)[..., 2 * half :, 2 * half :], [0, 2, 3, 1])


def _levels(images):
    tf = pipeline.require("tensorflow")
    return tf.clip_by_value(tf.round(images), 0.0, 255.0)


@functools.lru_cache(maxsize=4)
def kernels(num, size, seed=0):
    """Computes blur kernels.

    Args:
        num: Int, number of kernels.
        size: Tuple `(height, width)` of the pictures. Trajectories scale with `sqrt(height * width)`.
        seed: Int.

    Returns:
        Read-only float32 array `(num, side, side)` with an odd side. Each kernel sums to 1.
    """
    scale = math.sqrt(math.prod(size)) / _SIDE
    places, exposed = _trajectories(num, seed)
    half = math.ceil(scale * _LENGTH / 2) + 1
    side = 2 * half + 1
    made = np.zeros((num, side * side))
    for kernel, own, seen in zip(made, scale * places, exposed, strict=True):
        own = own[:seen]
        middle = (own.real.min() + own.real.max()) / 2 + 1j * (own.imag.min() + own.imag.max()) / 2
        own = own - middle + half * (1 + 1j)
        column, row = np.floor(own.real).astype(int), np.floor(own.imag).astype(int)
        right, down = own.real - column, own.imag - row
        # Each position is distributed bilinearly to the four pixels around it.
        for below, vertical in ((0, 1 - down), (1, down)):
            for beside, horizontal in ((0, 1 - right), (1, right)):
                np.add.at(kernel, (row + below) * side + column + beside, vertical * horizontal)
    made = (made / made.sum(axis=1, keepdims=True)).reshape(num, side, side).astype("float32")
    made.flags.writeable = False
    return made


def _trajectories(num, seed):
    """Returns complex positions `(num, steps)` in pixels, and the number of exposed steps of each trajectory."""
    rng = np.random.default_rng(seed)
    pull, noise, reversal = (_ANXIETY * most * rng.uniform(size=num) for most in (_PULL, _NOISE, _REVERSAL))
    velocity = np.exp(2j * np.pi * rng.uniform(size=num))
    exposed = np.ceil(_STEPS * rng.uniform(_SHORTEST_EXPOSURE, 1.0, num)).astype(int)
    place, places = np.zeros(num, complex), np.zeros((num, _STEPS), complex)
    for step in range(1, _STEPS):
        reversed_ = rng.uniform(size=num) < reversal
        turn = 2 * velocity * np.exp(1j * (np.pi + rng.uniform(-0.5, 0.5, num)))
        disturbance = noise * (rng.normal(size=num) + 1j * rng.normal(size=num)) - pull * place
        velocity = velocity + np.where(reversed_, turn, 0) + disturbance
        velocity /= np.abs(velocity)
        place = place + velocity * _LENGTH / (_STEPS - 1)
        places[:, step] = place
    return places, exposed
