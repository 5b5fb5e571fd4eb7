"""FastGAN, for small data sets (Liu et al. 2021)."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Network, NonNegative
from keras_genzoo.augmentation import DiffAugment
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.discriminator_inputs import uniform
from keras_genzoo.models.network_checks import argument_or_own, first_of, without_labels
from keras_genzoo.models.options import Interval, checked_options
from keras_genzoo.networks import FastGANDecoder, FastGANDiscriminator, FastGANGenerator
from keras_genzoo.networks.fastgan import small_side_of
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class FastGAN(AdversarialModel):
    """A fast generator, and a discriminator that is regularized by reconstructing real images (FastGAN).

    Three decoders reconstruct small images from feature maps of the discriminator for real images: from its
    two last maps, and a quarter of the image from the same quarter of an earlier map. This self-supervision,
    and augmentation, keep the discriminator from overfitting. The generator outputs each image at two sizes,
    and the discriminator judges both.

    The discriminator minimizes a hinge loss with random margins plus the weighted reconstruction error, the
    generator `-E[D(G(z))]`. `discriminator_loss` in the logs is the adversarial part only.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 32, 64, 128, 256, 512 or 1024.
            Defaults to the output shape of `generator`. The paper has sizes of 256 and more.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 256.
        generator: `keras.Model` that maps latents to a list of images in [-1, 1] and small images. Defaults
            to `FastGANGenerator`.
        discriminator: `keras.Model` that maps such a list to a list of logits and three maps. Defaults to
            `FastGANDiscriminator`.
        decoder_of_part, decoder_of_images, decoder_of_small_images: `keras.Model`s that map a quarter of the
            first map, and the two other maps, to small images. Default to `FastGANDecoder`.
        width: Positive int, base width of the default networks.
        reconstruction_weight: Float of at least 0, weight of the mean absolute errors of the three
            reconstructions. The authors' code uses the sum, over a batch of 8, of a perceptual distance with
            VGG features, whose weights are not freely licensed.
        margins: Float, or a pair `(low, high)` from which the margin of each logit in the hinge loss is
            drawn.
        augmentation: As for `AdversarialModel`; `"paper"` is `DiffAugment("color,translation")`.
        average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is given, or the networks do not match
            the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype="uint8")
    gan = kg.models.FastGAN(image_shape=(32, 32, 3), latent_dim=16, width=4)
    gan.compile()
    gan.fit(images, batch_size=4, epochs=1)
    samples = gan.sample(4, seed=0)  # float32 (4, 32, 32, 3) in [-1, 1]
    ```

    Reference: Liu et al., "Towards faster and stabilized GAN training for high-fidelity few-shot image
    synthesis", 2021, arXiv:2101.04775, section 3, and the authors' code.
    """

    players: ClassVar = {
        "generator": ("generator",),
        "discriminator": (
            "discriminator",
            "decoder_of_part",
            "decoder_of_images",
            "decoder_of_small_images",
        ),
    }
    loss_names = ("discriminator_loss", "reconstruction_loss", "generator_loss")
    adversarial_log = "generator_loss"

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator: Network = None,
        discriminator: Network = None,
        decoder_of_part: Network = None,
        decoder_of_images: Network = None,
        decoder_of_small_images: Network = None,
        width=64,
        reconstruction_weight: NonNegative = 8.0,
        margins: Interval = (0.8, 1.0),
        augmentation="paper",
        average_decay=0.999,
        **kwargs,
    ):
        image_shape = argument_or_own(
            "image_shape", image_shape, generator, lambda: first_of(generator.output_shape)[1:]
        )
        latent_dim = argument_or_own(
            "latent_dim", latent_dim, generator, lambda: generator.input_shape[-1], default=256
        )
        augmentation = DiffAugment("color,translation") if augmentation == "paper" else augmentation
        super().__init__(
            image_shape=image_shape,
            latent_dim=latent_dim,
            augmentation=augmentation,
            average_decay=average_decay,
            **without_labels(kwargs),
        )
        generator = generator or FastGANGenerator(image_shape, latent_dim, width)
        discriminator = discriminator or FastGANDiscriminator(image_shape, width)
        argument_or_own(
            "image_shape", image_shape, discriminator, lambda: first_of(discriminator.input_shape)[1:]
        )
        _check_outputs("generator", generator, 2, "images and small images")
        _check_outputs("discriminator", discriminator, 4, "logits and three maps")
        side = small_side_of(image_shape)
        decoders = {
            "decoder_of_part": decoder_of_part,
            "decoder_of_images": decoder_of_images,
            "decoder_of_small_images": decoder_of_small_images,
        }
        decoders = {
            name: decoder
            or FastGANDecoder((side, side, image_shape[-1]), features.shape[-1], width, name=name)
            for (name, decoder), features in zip(decoders.items(), discriminator.outputs[1:], strict=True)
        }
        self.set_networks(generator=generator, discriminator=discriminator, **decoders)

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for both, as in the authors' code."""
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        # Both updates see the same images, augmented once.
        fakes, pullback = self.vjp(
            lambda: self.seen(self.generator(latents, training=True), True), "generator"
        )
        _, logs = self.minimize(
            lambda: self.discriminator_loss(self.seen(images, True), fakes, True),
            "discriminator",
            has_aux=True,
        )
        generator_loss = self.minimize_through(
            lambda fakes: self.generator_loss(fakes, True), fakes, pullback, "generator"
        )
        self.update_average(num)
        return self.update_trackers(**logs, generator_loss=generator_loss)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        fakes = self.sampling_network(self.draw_latents(ops.shape(images)[0]), training=False)
        _, logs = self.discriminator_loss(images, fakes)
        return self.update_trackers(**logs, generator_loss=self.generator_loss(fakes))

    def discriminator_loss(self, images, fakes, training=False):
        """Computes the hinge loss with random margins and the weighted reconstruction error.

        Args:
            images: Float tensor `(batch, height, width, channels)`, augmented real images.
            fakes: List of augmented generated images and small images.
            training: Bool.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged values.
        """
        both_sizes = [images, shrunk(images, small_side_of(self.image_shape))]
        real_logits, *maps = self.discriminator(both_sizes, training=training)
        fake_logits, *_ = self.discriminator(fakes, training=training)
        self.update_augmentation(real_logits, training)
        adversarial = self._hinge(-real_logits) + self._hinge(fake_logits)
        reconstruction = self.reconstruction_loss(images, *maps, training)
        logs = {"discriminator_loss": adversarial, "reconstruction_loss": reconstruction}
        return adversarial + self.reconstruction_weight * reconstruction, logs

    def generator_loss(self, fakes, training=False):
        """Computes `-E[D(G(z))]`, a float32 scalar."""
        logits, *_ = self.discriminator(fakes, training=training)
        return -ops.mean(logits)

    def reconstruction_loss(self, images, first_map, last_map, small_map, training=False):
        """Computes the sum of the mean absolute errors of the quarter and of both images, a float32 scalar."""
        side = small_side_of(self.image_shape)
        part = self.draw_part()
        errors = [
            _error(
                shrunk(quarter(images, part), side),
                self.decoder_of_part(quarter(first_map, part), training=training),
            ),
            _error(shrunk(images, side), self.decoder_of_images(last_map, training=training)),
            _error(shrunk(images, side), self.decoder_of_small_images(small_map, training=training)),
        ]
        return sum(errors)

    def draw_part(self):
        """Draws the quarter to reconstruct, the same for the whole batch: an int32 scalar from 0 to 3."""
        return keras.random.randint((), 0, 4, seed=self.noise)

    def _hinge(self, logits):
        return ops.mean(ops.relu(uniform(ops.shape(logits), self.margins, self.noise) + logits))

    # Using a trained model.

    def call(self, inputs, training=False):
        return self.sampling_network(inputs, training=training)[0]

    def images_from_latents(self, latents, labels=None):
        """As for `LatentModel`: the images of full size."""
        return self.sampling_network(latents, training=False)[0]

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`."""
        return {"model": {"width": 32}, "data": {"batch_size": 8}, "num_steps": 50_000}


def quarter(images, part):
    """Returns the upper left (`part` 0), upper right, lower left or lower right quarter of images or maps."""
    height, width = (side // 2 for side in images.shape[1:3])
    quarters = [
        images[:, top : top + height, left : left + width] for top in (0, height) for left in (0, width)
    ]
    return ops.take(ops.stack(quarters), part, axis=0)


def shrunk(images, side):
    """Downsamples images to a smaller side with nearest-neighbor interpolation."""
    step = images.shape[1] // side
    return images[:, ::step, ::step]


def _check_outputs(argument, network, num, meaning):
    if len(network.outputs) != num:
        raise ValueError(
            f"`{argument}` must return a list of {meaning}, as `FastGAN{argument.capitalize()}` does. Received: "
            f"{network.name!r} with {len(network.outputs)} output{'s' * (len(network.outputs) > 1)}"
        )


def _error(images, reconstructions):
    return ops.mean(ops.abs(images - reconstructions))
