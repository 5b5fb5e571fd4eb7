"""The densities of a VAE restated in NumPy, and its networks by themselves."""

import numpy as np
from keras import ops


def sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def softplus(x):
    return np.logaddexp(0, np.float64(x))


def log_normal(x, mean, log_variance):
    """Log density of a normal with diagonal covariance, constants included."""
    squares = np.square(x - mean) / np.exp(log_variance)
    return -0.5 * (squares + log_variance + np.log(2 * np.pi)).sum(-1)


def log_bernoulli(images, logits):
    targets = (np.float64(images) + 1) / 2
    return (targets * logits - softplus(logits)).sum((-3, -2, -1))


def log_gaussian(images, logits, stddev):
    errors = (np.float64(images) + 1) / 2 - sigmoid(logits)
    constant = np.log(stddev) + 0.5 * np.log(2 * np.pi)
    return -(np.square(errors / stddev) / 2 + constant).sum((-3, -2, -1))


def give_noise(vae, noise):
    """Latents' noise in the place of what the model would draw."""
    vae.draw_latents = lambda num: ops.convert_to_tensor(np.reshape(noise, (num, -1)).astype("float32"))


def posterior(vae, images):
    return [ops.convert_to_numpy(x).astype("float64") for x in vae.encoder(images, training=False)]


def decoded(vae, latents):
    """Float64 logits of latents with any leading axes."""
    flat = np.reshape(latents, (-1, vae.latent_dim)).astype("float32")
    logits = ops.convert_to_numpy(vae.decoder(flat, training=False)).astype("float64")
    return logits.reshape(*latents.shape[:-1], *vae.image_shape)
