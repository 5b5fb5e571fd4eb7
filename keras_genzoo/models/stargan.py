"""StarGAN (Choi et al. 2018): one translator between several domains, which is told the domain alone."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, losses, penalties
from keras_genzoo.arguments import Flag, Network, NonNegative, PositiveInt
from keras_genzoo.models.acgan import cross_entropy
from keras_genzoo.models.batch_parts import batch_parts, check_parts
from keras_genzoo.models.domain_translation_model import DomainTranslationModel
from keras_genzoo.models.network_checks import argument_or_own, check_for_penalty
from keras_genzoo.models.options import Penalty, checked_options
from keras_genzoo.models.translation_model import Task, mean_absolute_difference
from keras_genzoo.networks import StarGANDiscriminator, StarGANGenerator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGAN(DomainTranslationModel):
    """A generator that translates into a domain, and a critic of patches that also finds the domain of an image.

    It trains on images with the number of their domain as label. The domains to translate into are those of the batch
    in another order. An image has one translation into each domain.

    Args:
        image_shape: Tuple `(height, width, channels)`, of sides that are multiples of 4.
        num_classes: Int, number of domains.
        generator: `keras.Model` of a list of images and one-hot domains `(batch, num_classes)` to images in [-1, 1].
            Defaults to `keras_genzoo.networks.StarGANGenerator`.
        discriminator: `keras.Model` from images to a list of values `(batch, height, width, 1)` and logits
            `(batch, num_classes)`, without batch normalization. Defaults to
            `keras_genzoo.networks.StarGANDiscriminator`.
        width: Int, channels of the default networks behind the first convolution.
        num_blocks: Int, residual blocks of the default generator.
        domain_names: Tuple of strings, names of the domains, or None for numbers alone.
        domain_weight: Float, weight of the cross-entropy of the domains, of real images for the discriminator and of
            translations for the generator.
        cycle_weight: Float, weight of the mean absolute difference between an image and its translation there and
            back.
        penalty: `keras_genzoo.penalties.GradientPenalty`, or its name. Defaults to
            `WassersteinGradientPenalty(weight=10)`. The gradient is that of the sum over the patches, as in the
            authors' code.
        discriminator_steps: Int, updates of the discriminator per step.
        split_batches: Bool. True gives each of these updates its own part of the batch: a data set batched by
            `discriminator_steps * b` is then used as by the authors, every update with `b` new images. False uses
            the whole batch in each.
        average_decay, average_half_life, seed: As for `GenerativeModel`; the paper keeps no average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    model = keras_genzoo.models.StarGAN((64, 64, 3), num_classes=4, width=16, num_blocks=3)
    model.compile()
    model.fit(keras_genzoo.datasets.load("emoji_styles", batch_size=8, image_size=64), epochs=20)
    drawings = model.translate(images, domain=2)
    ```

    Source: Choi et al. 2018, "StarGAN: unified generative adversarial networks for multi-domain image-to-image
    translation" (arXiv:1711.09020), equations 1 to 8 and section 5.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = (
        "discriminator_loss",
        "gradient_penalty",
        "real_domain_loss",
        "generator_loss",
        "adversarial_loss",
        "domain_loss",
        "cycle_loss",
    )
    adversarial_log = "adversarial_loss"
    # The critic's loss is no distance from chance.
    chance_level = None

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; narrow networks."""
        return {"model": {"width": 16, "num_blocks": 3}, "data": {"batch_size": 8}, "num_steps": 20_000}

    @checked_options
    def __init__(
        self,
        image_shape,
        num_classes,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        num_blocks=6,
        domain_names=None,
        domain_weight: NonNegative = 1.0,
        cycle_weight: NonNegative = 10.0,
        penalty: Penalty = None,
        discriminator_steps: PositiveInt = 5,
        split_batches: Flag = False,
        **kwargs,
    ):
        super().__init__(
            image_shape=image_shape, num_classes=num_classes, domain_names=domain_names, **kwargs
        )
        channels = self.image_shape[-1]
        generator = generator or StarGANGenerator(num_classes, channels, width, num_blocks)
        discriminator = discriminator or StarGANDiscriminator(num_classes, self.image_shape, width)
        if len(generator.inputs) != 2:
            raise ValueError(
                "`generator` must take a list of images and one-hot domains. Received: "
                f"{generator.name!r}, which takes {len(generator.inputs)} input"
            )
        if len(discriminator.outputs) != 2:
            raise ValueError(
                "`discriminator` must give a list of values of patches and logits of domains. Received: "
                f"{discriminator.name!r}, which gives {len(discriminator.outputs)} output"
            )
        for argument, value, network, of_network in (
            ("image_shape[-1]", channels, generator, lambda network: network.input_shape[0]),
            ("image_shape[-1]", channels, generator, lambda network: network.output_shape),
            ("image_shape[-1]", channels, discriminator, lambda network: network.input_shape),
            ("num_classes", num_classes, generator, lambda network: network.input_shape[1]),
            ("num_classes", num_classes, discriminator, lambda network: network.output_shape[1]),
        ):
            argument_or_own(
                argument, value, network, lambda network=network, shape=of_network: shape(network)[-1]
            )
        check_for_penalty(discriminator)
        self.penalty = penalty or penalties.WassersteinGradientPenalty()
        self.set_networks(generator=generator, discriminator=discriminator)

    @property
    def tasks(self):
        task = Task("generator", self.source_modality, self.modality, num_domains=self.num_classes)
        return {"between_domains": task}

    def default_optimizers(self):
        """Adam with learning rate 1e-4 and beta_1 0.5 for both.

        The paper trains half of the time so and lowers the learning rate linearly to zero over the other half: pass
        optimizers with `keras_genzoo.optimizers.ConstantThenLinearDecay` for that.
        """
        return {player: Adam(learning_rate=1e-4, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, domains = self.unpack(data)
        judged = []
        for real, own in batch_parts(images, domains, self.discriminator_steps, self.split_batches):
            targets = self.draw_targets(own)
            fakes = self.translated(self.generator, real, targets, True)
            _, logs = self.minimize(
                lambda: self.discriminator_loss(real, own, fakes, True),  # noqa: B023
                "discriminator",
                has_aux=True,
            )
            judged.append(logs)
        # By the images and domains of the last update.
        _, logs = self.minimize(
            lambda: self.generator_loss(self.generator, real, own, targets, True), "generator", has_aux=True
        )
        self.update_average(ops.shape(images)[0])
        means = {name: sum(each[name] for each in judged) / len(judged) for name in judged[0]}
        return self.update_trackers(**means, **logs)

    @backends.test_step
    def test_step(self, data):
        images, domains = self.unpack(data)
        targets = self.draw_targets(domains)
        generator = self.translator()
        _, judged = self.discriminator_loss(
            images, domains, self.translated(generator, images, targets, False)
        )
        _, logs = self.generator_loss(generator, images, domains, targets)
        return self.update_trackers(**judged, **logs)

    def draw_targets(self, domains):
        """Draws the domains to translate a batch into: its own in another order, int32 `(batch,)`."""
        return keras.random.shuffle(domains, seed=self.noise)

    def translated(self, generator, images, domains, training=False):
        """What a generator makes of images `(batch, *image_shape)` for int domains `(batch,)`."""
        return generator([images, ops.one_hot(domains, self.num_classes)], training=training)

    def discriminator_loss(self, images, domains, fakes, training=False):
        """`E[D(G(x, c))] - E[D(x)]`, the penalty, and the cross-entropy of the domains of real images (equation 5).

        Returns:
            Tuple of the float32 scalar and a dict of what is logged, all but the sum without weights.
        """
        fakes = ops.stop_gradient(ops.cast(fakes, images.dtype))
        real_values, logits = self.discriminator(images, training=training)
        fake_values, _ = self.discriminator(fakes, training=training)
        penalty = self.penalty(
            lambda images: self.discriminator(images, training=training)[0], images, fakes, self.noise
        )
        domain_loss = cross_entropy(domains, logits)
        loss = (
            _ADVERSARIAL.discriminator(real_values, fake_values) + penalty + self.domain_weight * domain_loss
        )
        return loss, {
            "discriminator_loss": loss,
            "gradient_penalty": penalty,
            "real_domain_loss": domain_loss,
        }

    def generator_loss(self, generator, images, domains, targets, training=False):
        """The losses against the discriminator, of the domains of translations, and of the way back (equation 6).

        Returns:
            As `discriminator_loss`.
        """
        fakes = self.translated(generator, images, targets, training)
        values, logits = self.discriminator(fakes, training=training)
        adversarial_loss, domain_loss = _ADVERSARIAL.generator(values), cross_entropy(targets, logits)
        back = self.translated(generator, fakes, domains, training)
        cycle_loss = mean_absolute_difference(back, images)
        loss = adversarial_loss + self.domain_weight * domain_loss + self.cycle_weight * cycle_loss
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "domain_loss": domain_loss,
            "cycle_loss": cycle_loss,
        }

    # What is asked of the model.

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if training and self.split_batches:
            check_parts(num, backends.num_replicas_of(self) * self.discriminator_steps, "discriminator_steps")

    def images_from_images(self, images, direction=None, domains=None):
        """As for `DomainTranslationModel`."""
        domains = self.first_domains(images) if domains is None else domains
        return ops.cast(self.translated(self.translator(direction), images, domains), "float32")


_ADVERSARIAL = losses.Wasserstein()
