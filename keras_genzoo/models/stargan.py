"""StarGAN: translation between several domains, without styles (Choi et al. 2018)."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, losses, penalties
from keras_genzoo.arguments import Flag, Network, NonNegative, PositiveInt
from keras_genzoo.models.acgan import cross_entropy
from keras_genzoo.models.augmented_discriminator import AugmentedDiscriminator
from keras_genzoo.models.batch_parts import batch_parts, check_parts
from keras_genzoo.models.domain_translation_model import DomainTranslationModel
from keras_genzoo.models.network_checks import argument_or_own, check_for_penalty
from keras_genzoo.models.options import Penalty, checked_options
from keras_genzoo.models.translation_model import Task, mean_absolute_difference
from keras_genzoo.networks import StarGANDiscriminator, StarGANGenerator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGAN(AugmentedDiscriminator, DomainTranslationModel):
    """Translation between several domains with one generator that is given the target domain (StarGAN).

    The discriminator outputs one value per patch, and predicts the domain of an image. The model is trained
    on images with the index of their domain as label. The target domains of a batch are a random permutation
    of its domains. Each image has one translation into each domain.

    The discriminator minimizes `E[D(G(x, c))] - E[D(x)]` plus the penalty and `domain_weight` times the
    cross-entropy of the domains of real images. The generator minimizes `-E[D(G(x, c))]` plus `domain_weight`
    times the cross-entropy of the target domains and `cycle_weight * E[|G(G(x, c), c') - x|]` (equations 5, 6
    and 8).

    Args:
        image_shape: Tuple `(height, width, channels)`. The default generator needs sides that are multiples
            of 4. For the default discriminator, see `keras_genzoo.networks.StarGANDiscriminator`.
        num_classes: Int of at least 2, number of domains.
        generator: `keras.Model` that maps a list of images and one-hot domains `(batch, num_classes)` to
            images in [-1, 1]. Defaults to `keras_genzoo.networks.StarGANGenerator`.
        discriminator: `keras.Model` without batch normalization that maps images to a list of values `(batch,
            height, width, 1)` and logits `(batch, num_classes)`. Defaults to
            `keras_genzoo.networks.StarGANDiscriminator`.
        width: Positive int, number of channels after the first convolution of the default networks.
        num_blocks: Int of at least 0, number of residual blocks of the default generator.
        domain_names: Tuple of different strings, names of the domains, or None.
        domain_weight: Float of at least 0, weight of the cross-entropy of the domains: of real images for the
            discriminator, of translations for the generator.
        cycle_weight: Float of at least 0, weight of the mean absolute difference between an image and its
            translation to another domain and back.
        penalty: `keras_genzoo.penalties.GradientPenalty`, or its name. Defaults to
            `WassersteinGradientPenalty(weight=10)`. The gradient is that of the sum over the patches, as in
            the authors' code.
        discriminator_steps: Positive int, number of discriminator updates per step.
        split_batches: Bool. If True, each update of the discriminator uses its own part of the batch. With
            batches of `discriminator_steps * b` images, each update uses `b` new images, as in the authors'
            code. If False, each update uses the whole batch.
        augmentation: As for `AdversarialModel`; `"adaptive"` needs logits, which a critic does not have. For
            domains that differ in color, use `DiffAugment("translation,cutout")`: the policy "color" changes
            such an image into one of another domain.
        average_decay, average_half_life, seed: As for `GenerativeModel`. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is missing, or the networks or
            `domain_names` do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype="uint8")
    domains = np.array([0, 1, 0, 1])
    model = kg.models.StarGAN((8, 8, 3), num_classes=2, width=4, num_blocks=1, discriminator_steps=2)
    model.compile()
    model.fit(images, domains, batch_size=4, epochs=1)
    translations = model.translate(images, domain=1)  # float32 (4, 8, 8, 3) in [-1, 1]
    ```

    Reference: Choi et al., "StarGAN: Unified generative adversarial networks for multi-domain image-to-image
    translation", 2018, arXiv:1711.09020, equations 1 to 8 and section 5.
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
    # A critic's loss has no chance level.
    chance_level = None
    has_logits = False

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
                f"{generator.name!r}, whose number of inputs is {len(generator.inputs)}"
            )
        if len(discriminator.outputs) != 2:
            raise ValueError(
                "`discriminator` must output a list of values of patches and logits of domains. Received: "
                f"{discriminator.name!r}, whose number of outputs is {len(discriminator.outputs)}"
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

        The paper keeps this learning rate for half of the training and decays it linearly to zero over the
        other half. For that, pass optimizers with `keras_genzoo.optimizers.ConstantThenLinearDecay`.
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
        # The generator is updated with the images and domains of the last part.
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
        """Draws the target domains of a batch: a permutation of its domains, int32 `(batch,)`."""
        return keras.random.shuffle(domains, seed=self.noise)

    def translated(self, generator, images, domains, training=False):
        """Translates images `(batch, *image_shape)` to int domains `(batch,)` with a generator."""
        return generator([images, ops.one_hot(domains, self.num_classes)], training=training)

    def discriminator_loss(self, images, domains, fakes, training=False):
        """Computes the loss of the discriminator (equation 5).

        Args:
            images: Float tensor `(batch, *image_shape)` of images in [-1, 1].
            domains: Int tensor `(batch,)`, the domains of the images.
            fakes: Float tensor of translations, with the shape of `images`.
            training: Bool.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, the penalty, and the
            cross-entropy of the domains without weight.
        """
        fakes = ops.stop_gradient(ops.cast(fakes, images.dtype))
        real_values, logits = self._judged(images, training)
        fake_values, _ = self._judged(fakes, training)
        penalty = self.penalty(lambda images: self._judged(images, training)[0], images, fakes, self.noise)
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
        """Computes the adversarial loss plus the weighted domain and cycle losses (equation 6).

        Args:
            generator: `keras.Model`, the generator or its average.
            images: Float tensor `(batch, *image_shape)` of images in [-1, 1].
            domains, targets: Int tensors `(batch,)`, source and target domains.
            training: Bool.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, and the terms
            without weights.
        """
        fakes = self.translated(generator, images, targets, training)
        values, logits = self._judged(fakes, training)
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

    def _judged(self, images, training):
        return self.discriminator(self.seen(images, training), training=training)

    # Description of the model.

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if training and self.split_batches:
            check_parts(num, backends.num_replicas_of(self) * self.discriminator_steps, "discriminator_steps")

    def images_from_images(self, images, direction=None, domains=None):
        """As for `DomainTranslationModel`."""
        domains = self.first_domains(images) if domains is None else domains
        return ops.cast(self.translated(self.translator(direction), images, domains), "float32")


_ADVERSARIAL = losses.Wasserstein()
