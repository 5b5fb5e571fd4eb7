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

# Length of the part of a latent for each block.
_PART = 20
# Side of the map with self-attention.
_ATTENTION_SIDE = 64


@keras.saving.register_keras_serializable(package="keras_genzoo")
class BigGAN(SNGAN):
    """A large class-conditional GAN that samples from truncated latents (BigGAN).

    For BigGAN-deep, pass `BigGANDeepGenerator` and `BigGANDeepDiscriminator`.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the output shape of `generator`. The
            default networks need a square image with a side of 4 * 2^k or 7 * 2^k, k from 1 to 7.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 20 for the
            first map and for each block of the default generator.
        generator: `keras.Model` as for `SNGAN`. Defaults to `BigGANGenerator`, with self-attention at a side
            of 64 if images are larger.
        discriminator: `keras.Model` as for `SNGAN`. Defaults to `BigGANDiscriminator`, with the same
            self-attention.
        width: Positive int, base width of the default networks.
        num_classes: Int of at least 2, or None for an unconditional model, which ignores labels in the data.
        orthogonal_weight: Float of at least 0, weight of orthogonal regularization in the loss of the
            generator: `sum |W' W * (1 - I)|^2` over the kernels W of the generator except the label
            embedding, as matrices with one column per output. It makes the columns orthogonal without
            constraining their norms.
        truncation: Positive float, or None. Samples are generated from normal latents whose values are drawn
            again if they exceed this threshold. Values below 1 give less diverse and usually better images.
            Training does not truncate. It can be changed at any time; see `accumulate_statistics`.
        discriminator_steps, split_batches, generator_batches: As for `SNGAN`.
        loss, augmentation, average_decay, average_half_life, seed, **kwargs: As for `SNGAN`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), dtype="uint8")
    labels = np.arange(8) % 4
    gan = kg.models.BigGAN(image_shape=(8, 8, 3), width=2, num_classes=4, discriminator_steps=1)
    gan.compile()
    gan.fit(images, labels, batch_size=8, epochs=1)
    gan.truncation = 0.5
    gan.accumulate_statistics(num_batches=2, batch_size=4)
    samples = gan.sample(4, seed=0, labels=3)  # float32 (4, 8, 8, 3) in [-1, 1]
    ```

    Reference: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019,
    arXiv:1809.11096, sections 3 and 3.1, equation 3.
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
        """Computes the orthogonal regularization of the generator, a float32 scalar."""
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
        """As for `LatentModel`, with quantiles: the values that drawing again beyond the threshold would
        give.
        """
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
        """Recomputes the batch normalization statistics of the sampling network from its own samples.

        The moving statistics become the means over `num_batches` batches, drawn as `sample` draws them, with
        random labels. Call it after training, and after changing `truncation`: truncated latents have other
        statistics than those of training. Nothing else in the model changes.

        Args:
            num_batches: Positive int, number of batches.
            batch_size: Positive int, number of images per batch.
            seed: Int from 0 to 2**32 - 1. Defaults to a random seed.

        Raises:
            ValueError: If an argument is out of its range.

        Reference: Brock et al., "Large scale GAN training for high fidelity natural image synthesis", 2019,
        arXiv:1809.11096, section 4.1, "standing statistics".
        """
        seed = latent.fresh_seed() if seed is None else seed
        layers = keras_private.layers_of(self.sampling_network)
        normalizations = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        own = {
            id(weight) for layer in normalizations for weight in (layer.moving_mean, layer.moving_variance)
        }
        # Calls in training mode also update the vectors of the power iteration.
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
                    # Mean over all batches so far.
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
    """Computes `|W' W * (1 - I)|^2` for the kernel W as a matrix with one column per output, a float32
    scalar.
    """
    matrix = ops.cast(ops.reshape(kernel, (-1, kernel.shape[-1])), "float32")
    products = ops.matmul(ops.transpose(matrix), matrix)
    return ops.sum(ops.square(products * (1.0 - ops.eye(kernel.shape[-1]))))
