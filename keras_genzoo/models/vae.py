"""Variational autoencoders: VAE, beta-VAE, the importance-weighted autoencoder, and the VAE of World Models."""

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
    """An encoder and a decoder, trained with a lower bound of `log p(x)` (variational autoencoder).

    The prior is a standard normal distribution, the posterior a normal distribution with diagonal covariance.
    The loss is the negative bound in nats, averaged over the batch: `-E[log p(x | z)] + beta * KL(q(z | x) ||
    p(z))`.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the input shape of `encoder`. The default
            networks need a square image with a side of 4 * 2^k or 7 * 2^k.
        latent_dim: Positive int, length of a latent. Defaults to that of `decoder` or `encoder`, or 20.
        encoder: `keras.Model` that maps images in [-1, 1] to a list of the mean and log variance of the
            posterior. Defaults to `ConvEncoder`.
        decoder: `keras.Model` that maps latents to logits of images. Defaults to `ConvDecoder`.
        likelihood: `"bernoulli"`, `"gaussian"` (with a standard deviation of 0.1 on the scale from 0 to 1),
            or a `keras_genzoo.likelihoods.Likelihood`.
        beta: Float of at least 0, weight of the divergence (beta-VAE; Higgins et al. 2017, equation 4).
        kl_floor: Float of at least 0, nats per latent dimension. The divergence of an image is not reduced
            below this value.
        importance_samples: Positive int, number of latents drawn per image. Above 1, the bound is that of the
            importance-weighted autoencoder, which needs `beta` 1 and `kl_floor` 0.
        binarize: Bool. If True, `fit` and `evaluate` draw binary images in every step: each value is 1 with
            the probability that is its gray level (Salakhutdinov & Murray 2008).
        seed: Int from 0 to 2**32 - 1, or None. Seed of the training noise.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, `importance_samples` is above 1 with another `beta` or
            `kl_floor`, or for the reasons of `Autoencoder`.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    vae = kg.models.VAE(image_shape=(8, 8, 1), latent_dim=4)
    vae.compile()
    vae.fit(images, batch_size=8, epochs=1)
    latents = vae.encode(images)  # float32 (8, 4)
    samples = vae.sample(4, seed=0)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Kingma & Welling, "Auto-encoding variational Bayes", 2013, arXiv:1312.6114, equation 10 and
    appendix B. Burda et al., "Importance weighted autoencoders", 2015, arXiv:1509.00519, equation 8.
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
                "`importance_samples` above 1 needs `beta` 1 and `kl_floor` 0: the bound has no divergence term. "
                f"Received: beta={beta}, kl_floor={kl_floor}"
            )

    @classmethod
    def world_models(cls, **kwargs):
        """Creates the vision model of World Models, with 64x64x3 images and latents of length 32.

        It has 4,348,547 parameters.

        The loss has the summed squared error, and a floor of half a nat per latent dimension.

        Args:
            **kwargs: As for `VAE`, except shape, latents and networks.

        Returns:
            `VAE`.

        Reference: Ha & Schmidhuber, "World models", 2018, arXiv:1803.10122, appendix A.1, and the authors'
        code for the floor.
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
        """Computes the negative bound and its two terms, in nats.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses.
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
        """Computes `log p(x, z) - log q(z | x)` and `log p(x | z)` of random latents, each `(batch,
        num_samples)`.
        """
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
        """Estimates `log p(x)` of images by importance sampling from the posterior.

        The estimate is a lower bound that increases with `num_samples`. For a model with `binarize`, pass
        binary images with values -1 and 1.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            num_samples: Positive int, number of latents drawn per image.
            seed: Int from 0 to 2**32 - 1, seed of the latents.
            samples_at_once: Positive int, number of latents decoded at once.

        Returns:
            Float64 NumPy array `(num,)`, in nats; for the Gaussian likelihood the log density on the scale
            from 0 to 1.

        Raises:
            ValueError: If the images have the wrong shape or range.

        Example:

        ```python
        import numpy as np
        import keras_genzoo as kg

        images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
        vae = kg.models.VAE(image_shape=(8, 8, 1), latent_dim=4)
        values = vae.log_likelihood(images, num_samples=10)  # float64 (8,)
        ```

        Reference: Burda et al., "Importance weighted autoencoders", 2015, arXiv:1509.00519, section 5 (k =
        5,000).
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
    """Computes KL(N(mean, diag(variance)) || N(0, 1)) in nats.

    Args:
        mean, log_variance: Float tensors `(batch, latent_dim)`.

    Returns:
        Float tensor `(batch,)`.

    Reference: Kingma & Welling, "Auto-encoding variational Bayes", 2013, arXiv:1312.6114, appendix B.
    """
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance, axis=-1)
