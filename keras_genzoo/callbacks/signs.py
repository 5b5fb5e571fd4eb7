"""The signs by which a training is known to fail, as pure functions of losses, gradients and samples."""

import math

import numpy as np

# Values (one per step, or one per execution of several) from which the signs of the losses are read.
WINDOW = 200
# Share of the guessing discriminator's loss below which it is right about practically every image: that of the
# cross-entropy of a probability of 99.5 % for real and for generated images alike.
NEAR_ZERO = -math.log(0.995) / math.log(2)
# Share of the guessing discriminator's loss above which it is said to guess.
GUESSING = 0.95
# Fall of the generator's loss over a window, as a share of the guessing discriminator's loss.
FALL = 0.05
# Chintala et al. 2016: norms over 100 tell that things go wrong.
LARGE_GRADIENT = 100.0
# Standard deviation from one value to the next, as a share of the loss's size: the largest mean over a window
# so far, and at least what guessing costs where that is known.
UNSTEADY = 0.5
# Mean distance of two samples, as a share of what it should be.
ALIKE = 0.1


def near_zero(discriminator_losses, chance_level):
    """The discriminator's loss is near 0, and stays there."""
    return np.mean(discriminator_losses) < NEAR_ZERO * chance_level


def generator_wins(generator_losses, discriminator_losses, chance_level):
    """The generator's adversarial loss falls steadily, while the discriminator's stays at its chance level."""
    falling, guessing = quarters(generator_losses), quarters(discriminator_losses)
    steadily = (np.diff(falling) < 0).all() and falling[0] - falling[-1] > FALL * chance_level
    return bool(steadily and (guessing > GUESSING * chance_level).all())


def large_gradient(norm):
    """The norm of a player's gradient is over 100. An infinite one is what loss scaling looks for."""
    return math.isfinite(norm) and norm > LARGE_GRADIENT


def unsteady(values, size):
    """The loss varies from one value to the next by more than half of its size."""
    return spread(values) > UNSTEADY * size


def look_alike(diversity, reference):
    """Samples lie closer together than a tenth of the distance they should have."""
    return diversity < ALIKE * reference


def spread(values):
    """Standard deviation of the values around their trend, by the differences of neighbors.

    Source: von Neumann 1941, the mean square successive difference.
    """
    return float(np.sqrt(np.mean(np.square(np.diff(values))) / 2))


def mean_pairwise_distance(samples):
    """Mean Euclidean distance over all pairs of different samples.

    Args:
        samples: Array `(num, ...)` of at least 2 samples.

    Returns:
        Float, 0 for equal samples.

    Example:

    >>> mean_pairwise_distance(np.array([[0.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    samples = np.asarray(samples, "float64").reshape(len(samples), -1)
    samples = samples - samples.mean(axis=0)
    squares = np.square(samples).sum(axis=1)
    products = samples @ samples.T
    pairs = np.triu_indices(len(samples), k=1)
    squared_distances = (squares[:, None] + squares - 2 * products)[pairs]
    return float(np.sqrt(np.clip(squared_distances, 0, None)).mean())


def quarters(values):
    return np.reshape(values, (4, -1)).mean(axis=1)


# What people do about each sign, and who says so.
ADVICE = {
    "discriminator loss near 0": (
        "The discriminator is never wrong, so it teaches the generator nothing (Arjovsky & Bottou 2017, section "
        "2). People add noise to the images that it sees (`instance_noise`; section 3 there), smooth the "
        "targets of real images (`real_targets=0.9`; Salimans et al. 2016, section 3.4), lower its learning "
        "rate, or change to a Wasserstein loss (`WGANGP`)."
    ),
    "generator wins": (
        "The generator has found something other than realism that the discriminator takes for real (Chintala "
        "et al. 2016). People look at the samples, and strengthen the discriminator: a wider network, a higher "
        "learning rate than the generator's (Heusel et al. 2017), more `discriminator_steps`, less noise."
    ),
    "large gradient": (
        "Norms over 100 tell that things go wrong (Chintala et al. 2016). People lower the learning rate, clip "
        "gradients (`global_clipnorm` of the optimizer), or penalise the gradient of the discriminator "
        "(`keras_genzoo.penalties`)."
    ),
    "unsteady loss": (
        "A healthy loss varies little and does not spike (Chintala et al. 2016). People lower the learning "
        "rates, raise the batch size, clip gradients (`global_clipnorm`), and in a GAN lower Adam's `beta_1` to "
        "0.5 (Radford et al. 2015, section 4) or show the discriminator earlier samples too (`history_size`)."
    ),
    "samples look alike": (
        "The generator collapses to one image (Goodfellow 2016, section 5.1.1). People go back to earlier "
        "weights, and let the discriminator judge several samples together (minibatch discrimination, Salimans "
        "et al. 2016, section 3.2; packing, Lin et al. 2018) or change to `WGANGP`; in an autoencoder, where it "
        "means that the decoder ignores the latent, they lower the weight of the divergence."
    ),
}
