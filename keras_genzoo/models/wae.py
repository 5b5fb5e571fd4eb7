"""Wasserstein autoencoders: WAE-MMD and WAE-GAN."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, likelihoods, losses
from keras_genzoo.arguments import Network, NonNegative, Positive, checked
from keras_genzoo.models.autoencoder import Autoencoder
from keras_genzoo.models.network_checks import argument_or_own
from keras_genzoo.models.options import PositiveScales, checked_options
from keras_genzoo.networks import MLPDiscriminator
from keras_genzoo.optimizers import Adam


class WAE(Autoencoder):
    """Base class of `WAEMMD` and `WAEGAN`: an autoencoder whose latents are regularized to match the prior.

    The loss is `reconstruction_weight` times the squared error of an image on the scale from 0 to 1, summed
    over its values, plus `penalty_weight` times a divergence between the latents of a batch and the prior, a
    standard normal distribution. Subclasses implement `penalty`.

    Args:
        image_shape, latent_dim, encoder, decoder, seed, **kwargs: As for `Autoencoder`.
        penalty_weight: Float of at least 0, lambda of the paper.
        reconstruction_weight: Positive float, weight of the squared error. The default 0.05 is that of the
            authors' code (`cost = "l2sq"`). The text of the paper has no weight, which is 1.

    Raises:
        ValueError: As for `Autoencoder`.
    """

    loss_names = ("loss", "reconstruction_loss", "penalty")

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        penalty_weight: NonNegative = 10.0,
        reconstruction_weight: Positive = 0.05,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)

    def penalty(self, latents):
        """Computes the divergence of a batch of latents from the prior, a float32 scalar."""
        raise NotImplementedError

    def autoencoder_loss(self, images, training=False):
        """Computes the weighted sum of the two terms.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, and the terms
            without weights.
        """
        latents = self.encoded(images, training)
        logits = self.decoder(latents, training=training)
        reconstruction = ops.mean(likelihoods.squared_error(images, logits))
        penalty = self.penalty(latents)
        loss = self.reconstruction_weight * reconstruction + self.penalty_weight * penalty
        return loss, {"loss": loss, "reconstruction_loss": reconstruction, "penalty": penalty}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class WAEMMD(WAE):
    """A Wasserstein autoencoder with the maximum mean discrepancy (WAE-MMD).

    The kernel is a sum of inverse multiquadratic kernels `C / (C + |a - b|^2)` with `C = scale * 2 *
    latent_dim` for each scale in `kernel_scales`. `2 * latent_dim` is the expected squared distance of two
    latents of the prior. Under `tf.distribute`, each replica uses its own latents.

    The defaults are those of the authors' code, which produced the results of the paper. The text of the
    paper has one scale and no weight of the squared error: `kernel_scales=(1.0,)` and
    `reconstruction_weight=1.0`. The penalty is then 20 times weaker relative to the error.

    Args:
        image_shape, latent_dim, encoder, decoder, penalty_weight, reconstruction_weight, seed: As for `WAE`.
        kernel_scales: Sequence of positive floats.
        **kwargs: As for `Autoencoder`.

    Raises:
        ValueError: If `kernel_scales` is empty or contains a value that is not positive, or for the reasons
            of `Autoencoder`.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    wae = kg.models.WAEMMD(image_shape=(8, 8, 1), latent_dim=4)
    wae.compile()
    wae.fit(images, batch_size=8, epochs=1)
    samples = wae.sample(4, seed=0)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Tolstikhin et al., "Wasserstein auto-encoders", 2018, arXiv:1711.01558, algorithm 2; section 4
    for lambda 10 and latents of length 8; the authors' code (github.com/tolstikhin/wae) for the weight and
    the scales.
    """

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        kernel_scales: PositiveScales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)

    def default_optimizers(self):
        """Adam with learning rate 1e-3 and beta_1 0.5 (Tolstikhin et al. 2018, appendix C)."""
        return {"autoencoder": Adam(learning_rate=1e-3, beta_1=0.5)}

    def penalty(self, latents):
        """Computes the squared maximum mean discrepancy to the same number of latents of the prior, a float32
        scalar.
        """
        prior = self.draw_latents(ops.shape(latents)[0])
        scales = [2.0 * self.latent_dim * scale for scale in self.kernel_scales]
        return maximum_mean_discrepancy(prior, latents, scales)

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if num < 2 * backends.num_replicas_of(self):
            raise ValueError(
                "The maximum mean discrepancy needs at least 2 images per batch and replica. Received a batch of "
                f"{num}. Change the batch size, or drop the last partial batch (`drop_remainder=True`)."
            )


@keras.saving.register_keras_serializable(package="keras_genzoo")
class WAEGAN(WAE):
    """A Wasserstein autoencoder with a discriminator between latents of images and of the prior (WAE-GAN).

    The penalty is the non-saturating loss `-E[log D(Q(x))]` of the encoder `Q` against the discriminator.

    Args:
        image_shape, latent_dim, encoder, decoder, penalty_weight, reconstruction_weight, seed: As for `WAE`.
        discriminator: `keras.Model` that maps latents to logits. Defaults to an `MLPDiscriminator` with four
            hidden layers of 512 units.
        **kwargs: As for `Autoencoder`.

    Raises:
        ValueError: If `discriminator` does not match `latent_dim`, or for the reasons of `Autoencoder`.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    wae = kg.models.WAEGAN(image_shape=(8, 8, 1), latent_dim=4)
    wae.compile()
    wae.fit(images, batch_size=8, epochs=1)
    samples = wae.sample(4, seed=0)  # float32 (4, 8, 8, 1) in [-1, 1]
    ```

    Reference: Tolstikhin et al., "Wasserstein auto-encoders", 2018, arXiv:1711.01558, algorithm 1; section 4
    and appendix C for the constants.
    """

    players: ClassVar = {"autoencoder": ("encoder", "decoder"), "discriminator": ("discriminator",)}
    loss_names = ("loss", "reconstruction_loss", "penalty", "discriminator_loss")
    adversarial_log = "penalty"

    @checked
    def __init__(self, image_shape=None, latent_dim=None, *, discriminator: Network = None, **kwargs):
        super().__init__(image_shape, latent_dim, **kwargs)
        discriminator = discriminator or MLPDiscriminator((self.latent_dim,), hidden=(512, 512, 512, 512))
        argument_or_own("latent_dim", self.latent_dim, discriminator, lambda: discriminator.input_shape[-1])
        self.adversarial_loss = losses.NonSaturating()
        self.set_networks(encoder=self.encoder, decoder=self.decoder, discriminator=discriminator)

    def default_optimizers(self):
        """Adam with beta_1 0.5, learning rates 1e-3 and 5e-4 (Tolstikhin et al. 2018, appendix C)."""
        return {
            "discriminator": Adam(learning_rate=5e-4, beta_1=0.5),
            "autoencoder": Adam(learning_rate=1e-3, beta_1=0.5),
        }

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        prior = self.draw_latents(ops.shape(images)[0])
        latents = self.encoded(images, True)
        discriminator_loss = self.minimize(
            lambda: self.discriminator_loss(prior, latents, True), "discriminator"
        )
        _, logs = self.minimize(lambda: self.autoencoder_loss(images, True), "autoencoder", has_aux=True)
        return self.update_trackers(**logs, discriminator_loss=discriminator_loss)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        prior = self.draw_latents(ops.shape(images)[0])
        _, logs = self.autoencoder_loss(images, False)
        discriminator_loss = self.discriminator_loss(prior, self.encoded(images))
        return self.update_trackers(**logs, discriminator_loss=discriminator_loss)

    def discriminator_loss(self, prior, latents, training=False):
        """Computes `-E[log D(z)] - E[log(1 - D(Q(x)))]`, a float32 scalar; `z` are latents of the prior.

        The paper weights this loss, which makes no difference for Adam. Without weight, it is 2 log 2 at the
        equilibrium.
        """
        latents = ops.stop_gradient(latents)
        return self.adversarial_loss.discriminator(
            self.discriminator(prior, training=training), self.discriminator(latents, training=training)
        )

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def penalty(self, latents):
        """Computes `-E[log D(Q(x))]`, a float32 scalar."""
        return self.adversarial_loss.generator(self.discriminator(latents, training=False))


def maximum_mean_discrepancy(first, second, scales):
    """Computes the unbiased squared maximum mean discrepancy of two sets.

    The kernel is the sum of `scale / (scale + |a - b|^2)` over the scales.

    Args:
        first: Float tensor `(num, dim)`, num at least 2.
        second: Float tensor of the same shape.
        scales: Sequence of positive floats, the values C of the paper.

    Returns:
        Float32 scalar tensor, which may be negative.

    Reference: Tolstikhin et al., "Wasserstein auto-encoders", 2018, arXiv:1711.01558, algorithm 2.
    """
    num = ops.cast(ops.shape(first)[0], "float32")

    def kernel(a, b):
        squared_distances = (
            ops.sum(ops.square(a), axis=1)[:, None]
            + ops.sum(ops.square(b), axis=1)[None]
            - 2.0 * ops.matmul(a, ops.transpose(b))
        )
        squared_distances = ops.relu(squared_distances)
        return sum(scale / (scale + squared_distances) for scale in scales)

    # The diagonals, where each scale gives 1, are excluded.
    diagonals = 2.0 * num * len(scales)
    within = ops.sum(kernel(first, first)) + ops.sum(kernel(second, second)) - diagonals
    # For a single latent, as in a dataset's last batch, this gives 0 / 1 instead of 0 / 0.
    return within / ops.maximum(num * (num - 1.0), 1.0) - 2.0 * ops.mean(kernel(first, second))
