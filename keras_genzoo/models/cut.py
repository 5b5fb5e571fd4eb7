"""CUT: a one-way translator with a patchwise contrastive loss, trained on two unpaired sets of images."""

from typing import Annotated, ClassVar

import keras
from keras import ops

from keras_genzoo import backends, modalities
from keras_genzoo.arguments import Check, Flag, Network, NonNegative, Positive, PositiveInt, optional
from keras_genzoo.models.augmented_discriminator import AugmentedDiscriminator
from keras_genzoo.models.network_checks import argument_or_own
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.translation_model import Task, TranslationModel
from keras_genzoo.networks import PatchGANDiscriminator, PatchProjector, ResNetTranslator
from keras_genzoo.optimizers import Adam


def _names(argument, value):
    if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError(f"`{argument}` must be a list of layer names. Received: {argument}={value!r}")


@keras.saving.register_keras_serializable(package="keras_genzoo")
class CUT(AugmentedDiscriminator, TranslationModel):
    """A generator, a discriminator and a projector of patches, trained without pairs (CUT).

    CUT replaces the backward translation of CycleGAN by a contrastive loss, PatchNCE. The encoder features of
    a patch of the translation should be closer to those of the same patch of the source than to those of
    other patches of the source. It needs one generator and one discriminator instead of two. The generator
    and the projector minimize the adversarial loss plus `nce_weight` times PatchNCE (equation 5); the
    discriminator half of its adversarial loss.

    With `image_shape` only, the networks are those of the paper: a ResNet with 9 blocks and a PatchGAN, both
    antialiased, and a projector with two dense layers for each of five feature maps.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images of both domains. The default networks
            need sides that are multiples of 4 and of at least 24.
        generator: `keras.Model` that maps images to images in [-1, 1]. Defaults to an antialiased
            `ResNetTranslator`.
        discriminator: `keras.Model` that maps images to logits of patches. Defaults to an antialiased
            `PatchGANDiscriminator` with instance normalization.
        projector: `keras.Model` that maps a list of features `(batch, patches, channels)`, one per layer in
            `feature_layers`, to a list of vectors `(batch, patches, size)`. Defaults to `PatchProjector`.
        width: Positive int, base width of the default networks.
        num_blocks: Int of at least 0, number of residual blocks of the default generator.
        feature_layers: List of names of the generator's layers whose outputs are compared. Defaults to the
            generator's `feature_layers` (`ResNetTranslator.feature_layers`).
        num_patches: Positive int, number of patches drawn from each feature map, the same for all images of a
            batch. Smaller maps use all patches.
        temperature: Positive float, divisor of the cosine similarities.
        loss: `"mean_squared_error"`, another name for `keras_genzoo.losses.get`, or a
            `keras_genzoo.losses.AdversarialLoss`.
        nce_weight: Float of at least 0, weight of PatchNCE.
        identity_nce: Bool, whether PatchNCE is averaged with that of target images, which the generator
            should not change.
        flip_equivariance: Bool. If True, the generator gets horizontally flipped images in half of the steps,
            and the features of their translations are flipped back.
        augmentation: As for `AdversarialModel`.
        average_decay, average_half_life: As for `GenerativeModel`. The paper does not use an average.
        seed: Int from 0 to 2**32 - 1, or None. Seed of patches and flips.
        **kwargs: `name` and other arguments of `keras.Model`.

    `CONFIGS` contains the authors' configurations as arguments: `"cut"` (the defaults) and the faster
    `"fastcut"`.

    Raises:
        ValueError: If an argument is out of its range, the networks do not match the other arguments, or
            `feature_layers` does not name layers of the generator.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    rng = np.random.default_rng(0)
    summer = rng.integers(0, 256, (2, 24, 24, 3), dtype="uint8")
    winter = rng.integers(0, 256, (2, 24, 24, 3), dtype="uint8")
    model = kg.models.CUT((24, 24, 3), width=4, num_blocks=1, **kg.models.CUT.CONFIGS["fastcut"])
    model.compile()
    model.fit(summer, winter, batch_size=2, epochs=1)
    translations = model.translate(summer)  # float32 (2, 24, 24, 3) in [-1, 1]
    ```

    Reference: Park et al., "Contrastive learning for unpaired image-to-image translation", 2020,
    arXiv:2007.15651, equations 1, 2, 3 and 5; means instead of sums, and other details, follow the authors'
    PyTorch code.
    """

    players: ClassVar = {
        "generator": ("generator",),
        "discriminator": ("discriminator",),
        "projector": ("projector",),
    }
    loss_names = ("generator_loss", "nce_loss", "identity_nce_loss", "discriminator_loss")
    trains_on = ("unpaired", "pairs")

    CONFIGS: ClassVar = {
        "cut": {"nce_weight": 1.0, "identity_nce": True, "flip_equivariance": False},
        "fastcut": {"nce_weight": 10.0, "identity_nce": False, "flip_equivariance": True},
    }

    @checked_options
    def __init__(
        self,
        image_shape,
        *,
        generator: Network = None,
        discriminator: Network = None,
        projector: Network = None,
        width=64,
        num_blocks=9,
        feature_layers: Annotated[tuple | None, Check(optional(_names))] = None,
        num_patches: PositiveInt = 256,
        temperature: Positive = 0.07,
        loss: Loss = "mean_squared_error",
        nce_weight: NonNegative = 1.0,
        identity_nce: Flag = True,
        flip_equivariance: Flag = False,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        channels = image_shape[-1]
        super().__init__(image_shape=image_shape, source_channels=channels, **kwargs)
        generator = generator or ResNetTranslator(
            channels, width=width, num_blocks=num_blocks, antialias=True, initialization="xavier"
        )
        discriminator = discriminator or PatchGANDiscriminator(
            channels, width, normalization="instance", antialias=True, initialization="xavier"
        )
        argument_or_own("image_shape[-1]", channels, generator, lambda: generator.input_shape[-1])
        argument_or_own("image_shape[-1]", channels, generator, lambda: generator.output_shape[-1])
        argument_or_own("image_shape[-1]", channels, discriminator, lambda: discriminator.input_shape[-1])
        self.feature_layers = _feature_layers_of(generator, feature_layers)
        channels_of_maps = [generator.get_layer(name).output.shape[-1] for name in self.feature_layers]
        projector = projector or PatchProjector(channels_of_maps)
        taken = [features.shape[-1] for features in projector.inputs] if projector.built else channels_of_maps
        if taken != channels_of_maps:
            raise ValueError(
                f"`projector` must take features with {channels_of_maps} channels, those of the layers "
                f"{', '.join(self.feature_layers)}. Received: {projector.name!r}, which takes {taken}"
            )
        self.set_networks(generator=generator, discriminator=discriminator, projector=projector)

    @property
    def tasks(self):
        return {"source_to_target": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for each.

        The authors keep this learning rate for 200 epochs and decay it linearly to zero over 200 more
        (FastCUT: 150 and 50). For that, pass optimizers with
        `keras_genzoo.optimizers.ConstantThenLinearDecay`.
        """
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        sources, targets = self.unpack(data)
        # The discriminator is updated first. PatchNCE does not depend on it, and is computed with the translations.
        translated, pullback = self.vjp(
            lambda: self.translated(self.generator, sources, targets, True), "generator", "projector"
        )
        fakes, *_ = translated
        discriminator_loss = self.minimize(
            lambda: self.discriminator_loss(targets, fakes, True), "discriminator"
        )
        _, logs = self.minimize_through(
            lambda translated: self.generator_loss(*translated, True),
            translated,
            pullback,
            "generator",
            "projector",
            has_aux=True,
        )
        self.update_average(ops.shape(targets)[0])
        return self.update_trackers(**logs, discriminator_loss=discriminator_loss)

    @backends.test_step
    def test_step(self, data):
        sources, targets = self.unpack(data)
        fakes, *nce_losses = self.translated(self.translator(), sources, targets)
        _, logs = self.generator_loss(fakes, *nce_losses)
        return self.update_trackers(**logs, discriminator_loss=self.discriminator_loss(targets, fakes, False))

    def translated(self, generator, sources, targets, training=False):
        """Translates images, and computes PatchNCE.

        Args:
            generator: The network that translates; in inference, its average if there is one.
            sources, targets: Float tensors `(batch, height, width, channels)` of images in [-1, 1].
            training: Bool.

        Returns:
            List of the translations of the sources (flipped if a flip was drawn), and PatchNCE of the sources
            and of the targets, float32 scalars. The latter is 0 without `identity_nce`.
        """
        images = ops.concatenate([sources, targets]) if self.identity_nce else sources
        flip = self.flip_drawn() if training and self.flip_equivariance else lambda maps: maps
        maps = [generator.get_layer(name).output for name in self.feature_layers]
        encoder = keras.Model(generator.input, maps)
        whole = keras.Model(generator.input, [*maps, *generator.outputs])
        *keys, translations = whole(flip(images), training=training)
        if training and self.flip_equivariance:
            keys = _listed(encoder(images, training=training))
        queries = [flip(features) for features in _listed(encoder(translations, training=training))]
        losses = self.nce_losses(queries, keys, training)
        if not self.identity_nce:
            return [translations, ops.mean(losses), ops.zeros(())]
        fakes, _ = ops.split(translations, 2)
        return [fakes, *map(ops.mean, ops.split(losses, 2))]

    def generator_loss(self, fakes, nce_loss, identity_nce_loss, training=False):
        """Computes the adversarial loss of the generator plus `nce_weight` times PatchNCE (equation 5, one
        weight for both terms).

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses, PatchNCE without its weight.
        """
        share = 0.5 if self.identity_nce else 0.0
        adversarial = self.adversarial_loss.generator(self._logits(fakes, training))
        loss = adversarial + self.nce_weight * ((1.0 - share) * nce_loss + share * identity_nce_loss)
        logs = {"generator_loss": loss, "nce_loss": nce_loss, "identity_nce_loss": identity_nce_loss}
        return loss, logs

    def discriminator_loss(self, targets, fakes, training=False):
        """Computes half the adversarial loss of the discriminator, a float32 scalar, with separate real and
        generated batches.
        """
        fake_logits = self._logits(ops.stop_gradient(fakes), training)
        real_logits = self._logits(targets, training)
        self.update_augmentation(real_logits, training)
        return 0.5 * self.adversarial_loss.discriminator(real_logits, fake_logits)

    def _logits(self, images, training):
        return self.discriminator(self.seen(images, training), training=training)

    @property
    def chance_level(self):
        level = self.adversarial_loss.chance_level()
        return None if level is None else 0.5 * level

    def nce_losses(self, queries, keys, training=False):
        """Computes PatchNCE of each image, averaged over the layers (equation 3).

        Args:
            queries, keys: Lists of feature maps `(batch, height, width, channels)` of the translations and of
                their sources.
            training: Bool.

        Returns:
            Float32 tensor `(batch,)`.
        """
        draws = [self._draw_positions(maps) for maps in queries]
        queries, keys = (
            _listed(self.projector([*map(_patches, each, draws)], training=training))
            for each in (queries, keys)
        )
        losses = [patch_nce(*pair, self.temperature) for pair in zip(queries, keys, strict=True)]
        return sum(losses) / len(losses)

    def flip_drawn(self):
        """Returns a function that flips maps horizontally with probability 1/2, all or none of them."""
        is_flipped = keras.random.uniform((), seed=self.noise) < 0.5
        return lambda maps: ops.where(is_flipped, ops.flip(maps, axis=2), maps)

    def _draw_positions(self, maps):
        _, height, width, _ = ops.shape(maps)
        return keras.random.shuffle(ops.arange(height * width), seed=self.noise)[: self.num_patches]


def patch_nce(queries, keys, temperature):
    """Computes PatchNCE: the cross-entropy of classifying which key belongs to a query among the keys of its
    image.

    Args:
        queries, keys: Float tensors `(batch, patches, size)`, vectors of any length. A query belongs to the
            key at the same position. No gradient flows to the keys.
        temperature: Float, divisor of the cosine similarities between queries and keys.

    Returns:
        Float32 tensor `(batch,)`, the mean over the patches; `log(patches)` if all similarities are equal.

    Reference: Park et al., "Contrastive learning for unpaired image-to-image translation", 2020,
    arXiv:2007.15651, equation 2, with negatives from the same image only.
    """
    queries, keys = _unit(queries), ops.stop_gradient(_unit(keys))
    logits = ops.einsum("bqc,bkc->bqk", queries, keys) / temperature
    own_logits = ops.sum(queries * keys, axis=-1) / temperature
    return ops.mean(ops.logsumexp(logits, axis=-1) - own_logits, axis=-1)


def _unit(vectors):
    vectors = ops.cast(vectors, "float32")
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    # The gradient at a zero vector is zero.
    return vectors * ops.rsqrt(ops.maximum(squares, _SMALLEST_LENGTH**2))


_SMALLEST_LENGTH = 1e-7


def _listed(outputs):
    """Returns a list of tensors; a network with one output returns the tensor itself."""
    return keras.tree.flatten(outputs)


def _patches(maps, positions):
    batch, height, width, channels = ops.shape(maps)
    return ops.take(ops.reshape(maps, (batch, height * width, channels)), positions, axis=1)


def _feature_layers_of(generator, names):
    """Returns the given names, or the generator's own."""
    names = names or getattr(generator, "feature_layers", None)
    known = [layer.name for layer in generator.layers]
    if not names or not {*names} <= {*known}:
        raise ValueError(
            f"`feature_layers` must name layers of the generator {generator.name!r}. It is required for networks "
            f"without `feature_layers`. The layers are {', '.join(known)}. Received: feature_layers={names!r}"
        )
    return tuple(names)
