"""Variational autoencoders: the VAE, beta-VAE, the importance-weighted bound, and the World Models VAE."""

import math

import keras
import numpy as np
from keras import ops

from keras_genzoo import likelihoods
from keras_genzoo.arguments import Flag, NonNegative, PositiveInt, Seed, checked
from keras_genzoo.images import pixels
from keras_genzoo.models.autoencoder import Autoencoder
from keras_genzoo.models.options import Likelihood, checked_options
from keras_genzoo.networks import ConvDecoder, ConvEncoder


@keras.saving.register_keras_serializable(package="keras_genzoo")
class VAE(Autoencoder):
    """An encoder and a decoder trained on a lower bound of log p(x).

    The prior is a standard normal, the posterior a normal with diagonal covariance, its divergence from the
    prior in closed form. The loss is the negative bound in nats, averaged over the batch.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to what `encoder` takes.
        latent_dim: Int, length of a latent. Defaults to that of `decoder` or `encoder`, or 20.
        encoder: `keras.Model` from images in [-1, 1] to a list of the posterior's mean and log variance.
            Defaults to `ConvEncoder`.
        decoder: `keras.Model` from latents to logits of images. Defaults to `ConvDecoder`.
        likelihood: `"bernoulli"`, `"gaussian"` (a standard deviation of 0.1 on the scale from 0 to 1), or a
            `keras_genzoo.likelihoods.Likelihood`.
        beta: Float, weight of the divergence (Higgins et al. 2017, equation 4).
        kl_floor: Float, nats per latent dimension below which an image's divergence is not pushed further.
        importance_samples: Int, number of latents drawn per image. Above 1 the bound is that of the
            importance-weighted autoencoder (Burda et al. 2015, equation 8), with `beta` 1 and no `kl_floor`.
        binarize: Bool. True draws binary images in every step of `fit` and `evaluate`, each value 1 with the
            probability that is its grey level (Salakhutdinov & Murray 2008).
        seed: Int or None, seed of the training noise.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    vae = keras_genzoo.models.VAE(image_shape=(28, 28, 1), latent_dim=20)
    vae.compile()
    vae.fit(keras_genzoo.datasets.load("mnist", batch_size=128), epochs=30)
    latents = vae.encode(images)
    pictures = vae.sample(16, seed=0)
    ```

    Source: Kingma & Welling 2013, equation 10 and appendix B.
    """

    abilities = Autoencoder.abilities | {"log_likelihood"}
    loss_names = ("loss", "reconstruction_loss", "kl_loss")
    stochastic_encoder = True

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        likelihood: Likelihood = "bernoulli",
        beta: NonNegative = 1.0,
        kl_floor: NonNegative = 0.0,
        importance_samples: PositiveInt = 1,
        binarize: Flag = False,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        if importance_samples > 1 and (beta, kl_floor) != (1.0, 0.0):
            raise ValueError(
                "`importance_samples` above 1 is a bound of its own: `beta` must be 1 and `kl_floor` 0. "
                f"Received: beta={beta}, kl_floor={kl_floor}"
            )

    @classmethod
    def world_models(cls, **kwargs):
        """The vision model of World Models: 64x64x3, latent 32, 4,348,547 parameters.

        Summed squared error and a floor of half a nat a dimension.

        Args:
            **kwargs: As for `VAE`, without shape, latent and networks.

        Source: Ha & Schmidhuber 2018, appendix A.1 and the authors' program for the floor.
        """
        shape, latent_dim = (64, 64, 3), 32
        encoder = ConvEncoder(
            shape, latent_dim, filters=(32, 64, 128, 256), hidden=(), kernel_size=4, padding="valid"
        )
        decoder = ConvDecoder(
            latent_dim,
            shape,
            initial_shape=(1, 1, 1024),
            filters=(128, 64, 32, 3),
            strides=(2, 2, 2, 2),
            kernel_sizes=(5, 5, 6, 6),
            padding="valid",
            initial_activation="linear",
        )
        likelihood = likelihoods.Gaussian(math.sqrt(0.5))
        return cls(
            **{
                "encoder": encoder,
                "decoder": decoder,
                "likelihood": likelihood,
                "kl_floor": 0.5,
                **kwargs,
            }
        )

    def unpack(self, data):
        images, labels = super().unpack(data)
        if self.binarize:
            chance = keras.random.uniform(ops.shape(images), seed=self.noise)
            images = ops.where(chance < 0.5 * (images + 1.0), 1.0, -1.0)
        return images, labels

    def autoencoder_loss(self, images, training=False):
        """The negative bound and its two parts, in nats.

        Returns:
            Tuple of the float32 scalar and a dict of the logged losses.
        """
        mean, log_variance = self.encoded(images, training)
        kl = kl_divergence(mean, log_variance)
        if self.importance_samples == 1:
            noise = self.draw_latents(ops.shape(images)[0])
            logits = self.decoder(mean + ops.exp(0.5 * log_variance) * noise, training=training)
            reconstruction = -ops.mean(self.likelihood.log_prob(images, logits))
            floored = ops.maximum(kl, self.kl_floor * self.latent_dim) if self.kl_floor else kl
            loss = reconstruction + self.beta * ops.mean(floored)
        else:
            log_weights, log_likelihoods = self._log_weights(
                images, mean, log_variance, self.importance_samples, self.draw_latents, training
            )
            loss = math.log(self.importance_samples) - ops.mean(ops.logsumexp(log_weights, axis=1))
            reconstruction = -ops.mean(log_likelihoods)
        return loss, {"loss": loss, "reconstruction_loss": reconstruction, "kl_loss": ops.mean(kl)}

    def _log_weights(self, images, mean, log_variance, num_samples, draw, training):
        """`log p(x, z) - log q(z | x)` and `log p(x | z)` of drawn latents, `(batch, num_samples)` each."""
        batch = ops.shape(images)[0]
        noise = ops.reshape(draw(batch * num_samples), (batch, num_samples, self.latent_dim))
        latents = mean[:, None] + ops.exp(0.5 * log_variance)[:, None] * noise
        logits = self.decoder(ops.reshape(latents, (-1, self.latent_dim)), training=training)
        logits = ops.reshape(logits, (batch, num_samples, *self.image_shape))
        log_likelihoods = self.likelihood.log_prob(images[:, None], logits)
        # The constants of the two normal densities cancel.
        log_prior = -0.5 * ops.sum(ops.square(latents), axis=-1)
        log_posterior = -0.5 * ops.sum(ops.square(noise) + log_variance[:, None], axis=-1)
        return log_likelihoods + log_prior - log_posterior, log_likelihoods

    # Using a trained model.

    def latents_of(self, images):
        return self.encoded(images)[0]

    @checked
    def log_likelihood(
        self, images, num_samples: PositiveInt = 5000, seed: Seed = 0, samples_at_once: PositiveInt = 5000
    ):
        """Estimates log p(x) of images by importance sampling from the posterior.

        The estimate is a lower bound that grows with `num_samples`. A model of binary images (`binarize`) wants
        binary images: -1 and 1.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            num_samples: Int, latents drawn per image.
            seed: Int, seed of the latents.
            samples_at_once: Int, latents decoded at once.

        Returns:
            Float64 NumPy array `(num,)`, in nats; of `Gaussian` the log density on the scale from 0 to 1.

        Raises:
            ValueError: If the images have the wrong shape or range.

        Source: Burda et al. 2015, section 5 (k = 5,000).
        """
        images = self._checked(images)
        noise = keras.random.SeedGenerator(seed)
        samples = min(num_samples, samples_at_once)
        at_once = max(1, samples_at_once // samples)
        estimates = []
        for start in range(0, len(images), at_once):
            batch = pixels.normalize(images[start : start + at_once])
            mean, log_variance = self.encoded(batch)
            parts = []
            for done in range(0, num_samples, samples):
                log_weights, _ = self._log_weights(
                    batch,
                    mean,
                    log_variance,
                    min(samples, num_samples - done),
                    lambda num: keras.random.normal((num, self.latent_dim), seed=noise),
                    False,
                )
                parts.append(ops.convert_to_numpy(log_weights).astype("float64"))
            estimates.append(np.logaddexp.reduce(np.concatenate(parts, axis=1), axis=1) - np.log(num_samples))
        return np.concatenate(estimates)


def kl_divergence(mean, log_variance):
    """KL(N(mean, diag(variance)) || N(0, 1)) in nats, `(batch,)`. Source: Kingma & Welling 2013, appendix B."""
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance, axis=-1)
