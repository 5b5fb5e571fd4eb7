"""The known signs of failing training, as pure functions of losses, gradients and samples."""

import math

import numpy as np

# Number of values (one per execution) over which losses are checked.
WINDOW = 200
# Fraction of the chance level below which the discriminator is right about nearly every image: the cross-entropy of
# a probability of 99.5 % for both real and generated images.
NEAR_ZERO = -math.log(0.995) / math.log(2)
# Fraction of the chance level above which the discriminator is considered to guess.
GUESSING = 0.95
# Decrease of the generator's loss over a window, as a fraction of the chance level.
FALL = 0.05
# Chintala et al. 2016: gradient norms over 100 indicate failing training.
LARGE_GRADIENT = 100.0
# Standard deviation from one value to the next, as a fraction of the scale of the loss: the largest mean over a
# window so far, and at least the chance level if it is known.
UNSTEADY = 0.5
# Mean distance between two samples, as a fraction of the reference.
ALIKE = 0.1


def near_zero(discriminator_losses, chance_level):
    """Returns whether the discriminator's loss stays near 0."""
    return np.mean(discriminator_losses) < NEAR_ZERO * chance_level


def generator_wins(generator_losses, discriminator_losses, chance_level):
    """Returns whether the generator's adversarial loss decreases steadily, with the discriminator at chance level."""
    falling, guessing = quarters(generator_losses), quarters(discriminator_losses)
    steadily = (np.diff(falling) < 0).all() and falling[0] - falling[-1] > FALL * chance_level
    return bool(steadily and (guessing > GUESSING * chance_level).all())


def large_gradient(norm):
    """Returns whether a gradient norm is over 100. Infinite norms are left to loss scaling."""
    return math.isfinite(norm) and norm > LARGE_GRADIENT


def unsteady(values, size):
    """Returns whether the loss varies from one value to the next by more than half of its scale."""
    return spread(values) > UNSTEADY * size


def look_alike(diversity, reference):
    """Returns whether the mean distance between samples is less than a tenth of the reference."""
    return diversity < ALIKE * reference


def spread(values):
    """Computes the standard deviation of values around their trend, from successive differences.

    Reference: von Neumann et al. 1941, "The mean square successive difference".
    """
    return float(np.sqrt(np.mean(np.square(np.diff(values))) / 2))


def mean_pairwise_distance(samples):
    """Computes the mean Euclidean distance over all pairs of samples.

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


# Sign -> explanation and common remedies, with references.
ADVICE = {
    "discriminator loss near 0": (
        "The discriminator is nearly always right, so its gradient for the generator vanishes (Arjovsky & Bottou "
        "2017, section 2). Common remedies: add noise to its images (`instance_noise`; section 3 there), smooth the "
        "targets of real images (`real_targets=0.9`; Salimans et al. 2016, section 3.4), lower its learning "
        "rate, or use a Wasserstein loss (`WGANGP`)."
    ),
    "generator wins": (
        "The generator may fool the discriminator with unrealistic images (Chintala et al. 2016). Check the samples. "
        "Common remedies strengthen the discriminator: a wider network, a higher learning rate than the generator's "
        "(Heusel et al. 2017), more `discriminator_steps`, less noise."
    ),
    "large gradient": (
        "Gradient norms over 100 indicate a problem (Chintala et al. 2016). Common remedies: lower the learning "
        "rate, clip gradients (`global_clipnorm` of the optimizer), or penalize the gradient of the discriminator "
        "(`keras_genzoo.penalties`)."
    ),
    "unsteady loss": (
        "A healthy loss varies little and has no spikes (Chintala et al. 2016). Common remedies: lower the learning "
        "rates, increase the batch size, clip gradients (`global_clipnorm`), and in a GAN lower `beta_1` of Adam to "
        "0.5 (Radford et al. 2015, section 4) or train the discriminator on earlier samples too (`history_size`)."
    ),
    "samples look alike": (
        "The generator collapses to one image (Goodfellow 2016, section 5.1.1). Common remedies: return to earlier "
        "weights, and let the discriminator judge several samples together (minibatch discrimination, Salimans "
        "et al. 2016, section 3.2; packing, Lin et al. 2018), or use `WGANGP`. In an autoencoder, it means that the "
        "decoder ignores the latent: lower the weight of the divergence."
    ),
}
