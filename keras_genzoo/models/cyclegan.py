"""CycleGAN: two translators that invert each other, trained on two unpaired sets of images."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, layers, modalities
from keras_genzoo.arguments import Network, NonNegative, NonNegativeInt
from keras_genzoo.models.augmented_discriminator import AugmentedDiscriminator
from keras_genzoo.models.network_checks import argument_or_own, check_history, has_batch_normalization
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.translation_model import Task, TranslationModel, mean_absolute_difference
from keras_genzoo.networks import PatchGANDiscriminator, ResNetTranslator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class CycleGAN(AugmentedDiscriminator, TranslationModel):
    """Generators between two domains, and a discriminator for each, trained without pairs (CycleGAN).

    With `image_shape` only, the networks are those of the paper: ResNets with 9 blocks for sides of 256 and
    more, otherwise 6, and 70x70 PatchGANs, all with instance normalization. Both generators minimize their
    adversarial losses plus `cycle_weight * (E[|F(G(a)) - a|] + E[|G(F(b)) - b|])` plus `cycle_weight *
    identity_weight * (E[|G(b) - b|] + E[|F(a) - a|])`; the discriminators half of their adversarial losses
    (appendix 7.1).

    Args:
        image_shape: Tuple `(height, width, channels)` of the images of both domains. The default networks
            need sides that are multiples of 4 and of at least 24.
        generator_a_to_b, generator_b_to_a: `keras.Model`s that map images to images in [-1, 1]. Default to
            `ResNetTranslator`.
        discriminator_a, discriminator_b: `keras.Model`s that map images to logits of patches. Default to
            `PatchGANDiscriminator` with instance normalization.
        width: Positive int, base width of the default networks.
        num_blocks: Int, number of residual blocks of the default generators. Defaults to 9 if the smaller
            side is at least 256, otherwise 6.
        loss: `"mean_squared_error"`, another name for `keras_genzoo.losses.get`, or a
            `keras_genzoo.losses.AdversarialLoss`.
        cycle_weight: Float of at least 0, weight of the mean absolute difference between an image and its
            translation to the other domain and back.
        identity_weight: Float of at least 0, weight of the mean absolute difference between an image and its
            translation to its own domain, relative to `cycle_weight`; 0 omits the translation.
        self_regularization_weight: Float of at least 0, weight of the mean absolute difference between an
            image and its translation; 0 omits it. With this term, `cycle_weight=0` and `identity_weight=0`, each
            direction is trained like a refiner of SimGAN (which uses a sum over the pixels).
        history_size: Int of at least 0, number of earlier translations kept for each discriminator (0 for
            none); see `keras_genzoo.layers.ImageHistory`.
        augmentation: As for `AdversarialModel`.
        average_decay, average_half_life: As for `GenerativeModel`. The paper does not use an average.
        seed: Int from 0 to 2**32 - 1, or None. Seed of the histories.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    rng = np.random.default_rng(0)
    summer = rng.integers(0, 256, (2, 24, 24, 3), dtype="uint8")
    winter = rng.integers(0, 256, (2, 24, 24, 3), dtype="uint8")
    model = kg.models.CycleGAN(image_shape=(24, 24, 3), width=4, num_blocks=1)
    model.compile()
    model.fit(summer, winter, batch_size=2, epochs=1)
    translations = model.translate(summer, direction="a_to_b")  # float32 (2, 24, 24, 3) in [-1, 1]
    ```

    Reference: Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial networks",
    2017, arXiv:1703.10593, equations 1 to 3, sections 4 and 5.2 (identity), appendix 7.1. Shrivastava et al.,
    "Learning from simulated and unsupervised images through adversarial training", 2017, arXiv:1612.07828
    (self-regularization).
    """

    players: ClassVar = {
        "generator": ("generator_a_to_b", "generator_b_to_a"),
        "discriminator": ("discriminator_a", "discriminator_b"),
    }
    loss_names = ("generator_loss", "cycle_loss", "identity_loss", "discriminator_loss")
    trains_on = ("unpaired", "pairs")

    @checked_options
    def __init__(
        self,
        image_shape,
        *,
        generator_a_to_b: Network = None,
        generator_b_to_a: Network = None,
        discriminator_a: Network = None,
        discriminator_b: Network = None,
        width=64,
        num_blocks=None,
        loss: Loss = "mean_squared_error",
        cycle_weight: NonNegative = 10.0,
        identity_weight: NonNegative = 0.5,
        self_regularization_weight: NonNegative = 0.0,
        history_size: NonNegativeInt = 50,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        *size, channels = image_shape
        super().__init__(image_shape=image_shape, source_channels=channels, **kwargs)
        num_blocks = (9 if min(size) >= 256 else 6) if num_blocks is None else num_blocks
        networks = {
            name: given or ResNetTranslator(channels, channels, width, num_blocks, name=name)
            for name, given in (
                ("generator_a_to_b", generator_a_to_b),
                ("generator_b_to_a", generator_b_to_a),
            )
        }
        networks |= {
            name: given or PatchGANDiscriminator(channels, width, normalization="instance", name=name)
            for name, given in (("discriminator_a", discriminator_a), ("discriminator_b", discriminator_b))
        }
        for name, network in networks.items():
            argument_or_own(
                "image_shape[-1]", channels, network, lambda network=network: network.input_shape[-1]
            )
            if name.startswith("generator"):
                argument_or_own(
                    "image_shape[-1]", channels, network, lambda network=network: network.output_shape[-1]
                )
        # Without batch normalization, two batches can be joined and passed through a network at once.
        self._joins_batches = not any(map(has_batch_normalization, networks.values()))
        self.history_a = self._make_history("history_a", 1)
        self.history_b = self._make_history("history_b", 2)
        self.set_networks(**networks)

    @property
    def tasks(self):
        a, b = self.source_modality, self.modality
        return {"a_to_b": Task("generator_a_to_b", a, b), "b_to_a": Task("generator_b_to_a", b, a)}

    def _make_history(self, name, stream):
        if not self.history_size:
            return None
        seed = None if self.seed is None else self.seed + stream
        history = layers.ImageHistory(self.history_size, seed=seed, name=name)
        history.build((None, *self.image_shape))
        return history

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        if training:
            check_history(self.history_size, -(-num // backends.num_replicas_of(self)))

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5, for both generators and for both discriminators.

        The paper keeps this learning rate for 100 epochs and decays it linearly to zero over 100 more. For
        that, pass optimizers with `keras_genzoo.optimizers.ConstantThenLinearDecay`.
        """
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        real_a, real_b = self.unpack(data)
        _, (logs, fake_a, fake_b) = self.minimize(
            lambda: self.generator_loss(real_a, real_b, True), "generator", has_aux=True
        )
        if self.history_size:
            fake_a, fake_b = self.history_a(fake_a), self.history_b(fake_b)
        discriminator_loss = self.minimize(
            lambda: self.discriminator_loss(real_a, real_b, fake_a, fake_b, True), "discriminator"
        )
        self.update_average(ops.shape(real_a)[0])
        return self.update_trackers(**logs, discriminator_loss=discriminator_loss)

    @backends.test_step
    def test_step(self, data):
        real_a, real_b = self.unpack(data)
        _, (logs, fake_a, fake_b) = self.generator_loss(real_a, real_b, False)
        discriminator_loss = self.discriminator_loss(real_a, real_b, fake_a, fake_b, False)
        return self.update_trackers(**logs, discriminator_loss=discriminator_loss)

    def generator_loss(self, real_a, real_b, training=False):
        """Computes the weighted losses of both generators; in inference those of their averages.

        Returns:
            Tuple of the loss, a float32 scalar, and a tuple `(logs, fake_a, fake_b)`: a dict of the logged
            losses, with the cycle and identity losses without weights, and the translations.
        """
        if training:
            a_to_b, b_to_a = self.generator_a_to_b, self.generator_b_to_a
        else:
            a_to_b, b_to_a = self.translator("a_to_b"), self.translator("b_to_a")
        fake_b, same_b = self._translated(a_to_b, real_a, real_b, training)
        fake_a, same_a = self._translated(b_to_a, real_b, real_a, training)
        cycled_a = b_to_a(fake_b, training=training)
        cycled_b = a_to_b(fake_a, training=training)
        adversarial = self.adversarial_loss.generator(
            self.discriminator_a(self.seen(fake_a, training), training=training)
        ) + self.adversarial_loss.generator(
            self.discriminator_b(self.seen(fake_b, training), training=training)
        )
        cycle_loss = mean_absolute_difference(cycled_a, real_a) + mean_absolute_difference(cycled_b, real_b)
        loss = adversarial + self.cycle_weight * cycle_loss
        identity_loss = ops.zeros(())
        if self.identity_weight:
            identity_loss = mean_absolute_difference(same_a, real_a) + mean_absolute_difference(
                same_b, real_b
            )
            loss += self.cycle_weight * self.identity_weight * identity_loss
        if self.self_regularization_weight:
            loss += self.self_regularization_weight * (
                mean_absolute_difference(fake_b, real_a) + mean_absolute_difference(fake_a, real_b)
            )
        logs = {"generator_loss": loss, "cycle_loss": cycle_loss, "identity_loss": identity_loss}
        return loss, (logs, fake_a, fake_b)

    def discriminator_loss(self, real_a, real_b, fake_a, fake_b, training=False):
        """Computes half the adversarial losses of both discriminators, a float32 scalar."""
        loss, of_real = 0.0, []
        for network, real, fake in (
            (self.discriminator_a, real_a, fake_a),
            (self.discriminator_b, real_b, fake_b),
        ):
            real, fake = self.seen(real, training), self.seen(ops.stop_gradient(fake), training)
            real_logits, fake_logits = self._of_both(network, real, fake, training)
            of_real.append(real_logits)
            loss += 0.5 * self.adversarial_loss.discriminator(real_logits, fake_logits)
        if self.augmentation is not None:
            rows = [ops.reshape(logits, (ops.shape(logits)[0], -1)) for logits in of_real]
            self.update_augmentation(ops.concatenate(rows, axis=1), training)
        return loss

    @property
    def chance_level(self):
        # Half of the loss for each of the two domains.
        return self.adversarial_loss.chance_level()

    def _translated(self, generator, sources, targets, training):
        """Translations of the sources, and of images that are already in the target domain (or None)."""
        if not self.identity_weight:
            return generator(sources, training=training), None
        return self._of_both(generator, sources, targets, training)

    def _of_both(self, network, first, second, training):
        if not self._joins_batches:
            return network(first, training=training), network(second, training=training)
        joined = ops.concatenate([first, ops.cast(second, first.dtype)])
        return ops.split(network(joined, training=training), 2)
