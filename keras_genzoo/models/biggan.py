"""BigGAN and BigGAN-deep: hierarchical latents, orthogonal regularization, truncated sampling."""

import math

import keras
import numpy as np
from keras import ops

from keras_genzoo import latent, modalities
from keras_genzoo.arguments import (
    Network,
    NonNegative,
    OptionalPositive,
    OptionalSeed,
    PositiveInt,
    checked,
)
from keras_genzoo.backends import keras_private
from keras_genzoo.models.network_checks import argument_or_own, join
from keras_genzoo.models.options import checked_options
from keras_genzoo.models.sngan import SNGAN
from keras_genzoo.networks import BigGANDiscriminator, BigGANGenerator
from keras_genzoo.networks.sngan import side_and_depth
from keras_genzoo.optimizers import Adam

# What each block has of a latent.
_PART = 20
# The side of the map that attends to itself.
_ATTENTION_SIDE = 64


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BigGAN(SNGAN):
    """A large class-conditional GAN whose samples are drawn from truncated latents.

    `BigGANDeepGenerator` and `BigGANDeepDiscriminator` as networks make it BigGAN-deep.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to what `generator` makes.
        latent_dim: Int, length of a latent. Defaults to what `generator` takes, or 20 for the first map and each
            block of the default one.
        generator: `keras.Model` as for `SNGAN`. Defaults to `BigGANGenerator`, with attention at a side of 64 where
            images are larger.
        discriminator: `keras.Model` as for `SNGAN`. Defaults to `BigGANDiscriminator`, with the same attention.
        width: Int, width of the default networks.
        num_classes: Int, or None for an unconditional model (labels in the data are then ignored).
        orthogonal_weight: Float, weight in the generator's loss of `sum |W' W * (1 - I)|^2`, over the kernels W of
            the generator as matrices of one column per output, but for the labels' embedding: their columns shall be
            orthogonal, of any length.
        truncation: Float, or None. Samples are drawn from normal latents whose values are drawn again where they
            exceed it; less than 1 gives less variety and usually better images. Training draws from all. May be set
            at any time; see `accumulate_statistics`.
        discriminator_steps, split_batches, generator_batches: As for `SNGAN`.
        loss, augmentation, average_decay, average_half_life, seed, **kwargs: As for `SNGAN`.

    Example:

    ```python
    gan = keras_genzoo.models.BigGAN(image_shape=(32, 32, 3), width=16, num_classes=7, average_decay=0.9999)
    gan.compile()
    gan.fit(keras_genzoo.datasets.load("dcss_tiles", batch_size=64), epochs=100)
    gan.truncation = 0.5
    gan.accumulate_statistics()
    images = gan.sample(16, seed=0, labels=3)
    ```

    Source: Brock et al. 2019, sections 3 and 3.1, equation 3.
    """

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=96,
        num_classes=None,
        orthogonal_weight: NonNegative = 1e-4,
        truncation: OptionalPositive = None,
        discriminator_steps: PositiveInt = 2,
        generator_batches: PositiveInt = 1,
        **kwargs,
    ):
        image_shape = argument_or_own(
            "image_shape", image_shape, generator, lambda: generator.output_shape[1:]
        )
        image_shape = modalities.of_shape(image_shape).shape
        attention = _ATTENTION_SIDE if image_shape[0] > _ATTENTION_SIDE else None
        if generator is None:
            _, doublings = side_and_depth(image_shape)
            latent_dim = latent_dim or _PART * (doublings + 1)
            generator = BigGANGenerator(image_shape, latent_dim, width, num_classes, attention_side=attention)
        if discriminator is None:
            discriminator = BigGANDiscriminator(image_shape, width, num_classes, attention)
        super().__init__(
            image_shape,
            latent_dim,
            generator=generator,
            discriminator=discriminator,
            num_classes=num_classes,
            discriminator_steps=discriminator_steps,
            generator_batches=generator_batches,
            **kwargs,
        )

    def default_optimizers(self):
        """Adam, 5e-5 for the generator and 2e-4 for the discriminator, beta_1 0 (Brock et al. 2019, appendix C)."""
        rates = {"generator": 5e-5, "discriminator": 2e-4}
        return {
            player: Adam(learning_rate=rates[player], beta_1=0.0, beta_2=0.999, epsilon=1e-8)
            for player in self.players
        }

    def regularization(self):
        """Orthogonal regularization of the generator, float32 scalar."""
        if not self.orthogonal_weight:
            return 0.0
        return self.orthogonal_weight * sum(
            orthogonality_error(layer.kernel)
            for layer in keras_private.layers_of(self.generator)
            if getattr(layer, "kernel", None) is not None
        )

    # Sampling.

    @property
    def latent(self):
        if self.truncation is None:
            return latent.Normal(self.latent_dim)
        return latent.TruncatedNormal(self.latent_dim, self.truncation)

    def truncated(self, latents, truncation):
        """As for `LatentModel`, by quantiles: what values drawn again beyond the threshold would give."""
        if truncation == 0:
            return np.zeros_like(latents)
        drawn = getattr(self.latent, "mass", 1.0)
        quantiles = ops.clip(ops.erf(latents / math.sqrt(2.0)) / drawn, -1.0 + 1e-6, 1.0 - 1e-6)
        return ops.convert_to_numpy(
            latent.TruncatedNormal(self.latent_dim, truncation).of_quantiles(quantiles)
        )

    @property
    def compiled_state(self):
        return (super().compiled_state, self.truncation)

    @checked
    def accumulate_statistics(
        self, num_batches: PositiveInt = 16, batch_size: PositiveInt = 64, seed: OptionalSeed = None
    ):
        """Makes the statistics of the sampling network's batch normalization those of its own samples.

        The moving statistics become the means of those of `num_batches` batches of images, drawn as `sample` draws,
        with random labels. To be called after training, and where `truncation` has been changed: truncated latents
        have other statistics than those of training. Nothing else of the model changes.

        Args:
            num_batches: Int.
            batch_size: Int.
            seed: Int from 0 to 2**32 - 1, or None for a fresh one.

        Source: Brock et al. 2019, section 4.1: "standing statistics".
        """
        seed = latent.fresh_seed() if seed is None else seed
        layers = keras_private.layers_of(self.sampling_network)
        normalizations = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        own = {
            id(weight) for layer in normalizations for weight in (layer.moving_mean, layer.moving_variance)
        }
        # Power iterations go on in training calls.
        others = [weight for weight in self.sampling_network.non_trainable_variables if id(weight) not in own]
        values = [ops.convert_to_numpy(weight.value) for weight in others]
        momenta = [layer.momentum for layer in normalizations]
        trainable = [layer.trainable for layer in normalizations]
        labels = None
        latents = self.latents_to_sample(num_batches * batch_size, seed, None)
        if self.num_classes:
            labels = np.random.default_rng(seed).integers(self.num_classes, size=len(latents), dtype="int32")
        try:
            for number in range(num_batches):
                for layer in normalizations:
                    # The mean of all batches so far.
                    layer.momentum, layer.trainable = number / (number + 1), True
                batch = slice(number * batch_size, (number + 1) * batch_size)
                inputs = join(latents[batch], None if labels is None else labels[batch])
                self.sampling_network(inputs, training=True)
        finally:
            for layer, momentum, was_trainable in zip(normalizations, momenta, trainable, strict=True):
                layer.momentum, layer.trainable = momentum, was_trainable
            for weight, value in zip(others, values, strict=True):
                weight.assign(value)


def orthogonality_error(kernel):
    """`|W' W * (1 - I)|^2`, W the kernel as a matrix of one column per output; float32 scalar."""
    matrix = ops.cast(ops.reshape(kernel, (-1, kernel.shape[-1])), "float32")
    products = ops.matmul(ops.transpose(matrix), matrix)
    return ops.sum(ops.square(products * (1.0 - ops.eye(kernel.shape[-1]))))
