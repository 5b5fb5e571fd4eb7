"""CUT: a translator whose patches keep what tells them apart, trained on two sets of images without pairs."""

from typing import Annotated, ClassVar

import keras
from keras import ops

from keras_genzoo import backends, modalities
from keras_genzoo.arguments import Check, Flag, Network, NonNegative, Positive, PositiveInt, optional
from keras_genzoo.models.network_checks import argument_or_own
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.translation_model import Task, TranslationModel
from keras_genzoo.networks import PatchGANDiscriminator, PatchProjector, ResNetTranslator
from keras_genzoo.optimizers import Adam


def _names(argument, value):
    if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError(f"`{argument}` must be a list of names of layers. Received: {argument}={value!r}")


@keras.saving.register_keras_serializable(package="keras_genzoo")
class CUT(TranslationModel):
    """A generator from one domain to another, a discriminator of the other, and a projector of patches.

    The way back of CycleGAN is replaced by a contrastive loss, PatchNCE: the features that the generator's first half
    has of a patch of the translation are to be nearer to those of the same patch of the source than to those of
    the source's other patches. One generator and one discriminator are trained instead of two.

    With `image_shape` alone these are the paper's networks: a ResNet of 9 blocks and a PatchGAN, both with blurs in
    the place of strides, and a projector of two dense layers for each of five maps.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images of both domains.
        generator: `keras.Model` from images to images in [-1, 1]. Defaults to an antialiased `ResNetTranslator`.
        discriminator: `keras.Model` from images to logits of patches. Defaults to an antialiased
            `PatchGANDiscriminator` with instance normalization.
        projector: `keras.Model` from a list of features `(batch, patches, channels)`, one for each of
            `feature_layers`, to a list of vectors `(batch, patches, size)`. Defaults to `PatchProjector`.
        width: Int, base width of the default networks.
        num_blocks: Int, residual blocks of the default generator.
        feature_layers: List of the names of the generator's layers whose outputs are compared. Defaults to those that
            the generator names (`ResNetTranslator.feature_layers`).
        num_patches: Int, patches drawn from each map, the same of all images of a batch; all where a map has fewer.
        temperature: Float, divisor of the cosines between patches.
        loss: `"mean_squared_error"`, another name of `keras_genzoo.losses.get`, or a
            `keras_genzoo.losses.AdversarialLoss`. The discriminator's is halved.
        nce_weight: Float, weight of PatchNCE.
        identity_nce: Bool, whether PatchNCE is the mean of that of the sources and that of images of the target
            domain, which the generator should leave as they are.
        flip_equivariance: Bool, whether the generator gets half of the batches mirrored, and the features of its
            translations are mirrored back.
        average_decay, average_half_life: As for `GenerativeModel`; the paper keeps no average.
        seed: Int or None, seed of the patches and the flips.
        **kwargs: `name` and other arguments of `keras.Model`.

    `CONFIGS` holds the authors' settings, as arguments, for `"cut"` (the defaults) and the lighter `"fastcut"`.

    Example:

    ```python
    model = keras_genzoo.models.CUT(image_shape=(128, 128, 3), **keras_genzoo.models.CUT.CONFIGS["fastcut"])
    model.compile()
    model.fit(keras_genzoo.datasets.unpaired_folders("summer", "winter", 128, augment=True), epochs=200)
    winter = model.translate(summer)
    ```

    Source: Park et al. 2020, "Contrastive learning for unpaired image-to-image translation" (arXiv:2007.15651),
    equations 1, 2, 3 and 5; means in the place of sums, and other details, follow the authors' PyTorch code.
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
                f"`projector` must take features of {channels_of_maps} channels, those of the layers "
                f"{', '.join(self.feature_layers)}. Received: {projector.name!r}, which takes {taken}"
            )
        self.set_networks(generator=generator, discriminator=discriminator, projector=projector)

    @property
    def tasks(self):
        return {"source_to_target": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for each.

        The authors keep the learning rate for 200 epochs and lower it linearly to zero over 200 more (FastCUT: 150
        and 50): pass optimizers with `keras_genzoo.optimizers.ConstantThenLinearDecay` for that.
        """
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        sources, targets = self.unpack(data)
        # The discriminator goes first. PatchNCE does not depend on it, and is computed with the translations.
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
        """Translations, and how well their patches are told apart.

        Args:
            generator: The network that translates: in inference, its average if kept.
            sources, targets: Float tensors `(batch, height, width, channels)` of images in [-1, 1].
            training: Bool.

        Returns:
            List of the translations of the sources (of the mirrored ones, where a flip was drawn), and the PatchNCE
            of the sources and of the targets, float32 scalars; that of the targets is 0 without `identity_nce`.
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
        """Adversarial loss of the generator, and `nce_weight` times PatchNCE (equation 5, one weight for both).

        Returns:
            Tuple of the float32 scalar and a dict of the logged losses, those of PatchNCE without their weight.
        """
        share = 0.5 if self.identity_nce else 0.0
        adversarial = self.adversarial_loss.generator(self.discriminator(fakes, training=training))
        loss = adversarial + self.nce_weight * ((1.0 - share) * nce_loss + share * identity_nce_loss)
        logs = {"generator_loss": loss, "nce_loss": nce_loss, "identity_nce_loss": identity_nce_loss}
        return loss, logs

    def discriminator_loss(self, targets, fakes, training=False):
        """Half the adversarial loss of the discriminator, float32 scalar. Real images and translations pass apart."""
        fake_logits = self.discriminator(ops.stop_gradient(fakes), training=training)
        return 0.5 * self.adversarial_loss.discriminator(
            self.discriminator(targets, training=training), fake_logits
        )

    @property
    def chance_level(self):
        level = self.adversarial_loss.chance_level()
        return None if level is None else 0.5 * level

    def nce_losses(self, queries, keys, training=False):
        """PatchNCE of each image, the mean over the layers (equation 3).

        Args:
            queries, keys: Lists of maps `(batch, height, width, channels)` of the translations and of their sources.
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
        """A function that mirrors all the maps that it is given, or none, each with probability 1/2."""
        is_flipped = keras.random.uniform((), seed=self.noise) < 0.5
        return lambda maps: ops.where(is_flipped, ops.flip(maps, axis=2), maps)

    def _draw_positions(self, maps):
        _, height, width, _ = ops.shape(maps)
        return keras.random.shuffle(ops.arange(height * width), seed=self.noise)[: self.num_patches]


def patch_nce(queries, keys, temperature):
    """How hard it is to tell the patch that belongs to a query from the others of its image.

    Args:
        queries, keys: Float tensors `(batch, patches, size)`, vectors of any length; those of one place belong
            together. No gradient goes to the keys.
        temperature: Float, divisor of the cosines between queries and keys.

    Returns:
        Float32 tensor `(batch,)`, the mean over the patches of the cross entropy, log(patches) where all are equal.

    Source: Park et al. 2020, equation 2, with the negatives of the image itself alone.
    """
    queries, keys = _unit(queries), ops.stop_gradient(_unit(keys))
    logits = ops.einsum("bqc,bkc->bqk", queries, keys) / temperature
    own_logits = ops.sum(queries * keys, axis=-1) / temperature
    return ops.mean(ops.logsumexp(logits, axis=-1) - own_logits, axis=-1)


def _unit(vectors):
    vectors = ops.cast(vectors, "float32")
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    # The gradient of a vector of zeros is zero.
    return vectors * ops.rsqrt(ops.maximum(squares, _SMALLEST_LENGTH**2))


_SMALLEST_LENGTH = 1e-7


def _listed(outputs):
    """A list of tensors: a network of one output gives the tensor itself."""
    return keras.tree.flatten(outputs)


def _patches(maps, positions):
    batch, height, width, channels = ops.shape(maps)
    return ops.take(ops.reshape(maps, (batch, height * width, channels)), positions, axis=1)


def _feature_layers_of(generator, names):
    """The names given, or the generator's own."""
    names = names or getattr(generator, "feature_layers", None)
    known = [layer.name for layer in generator.layers]
    if not names or not {*names} <= {*known}:
        raise ValueError(
            f"`feature_layers` must name layers of the generator {generator.name!r}: those of a network that names "
            f"none itself must be given. It has {', '.join(known)}. Received: feature_layers={names!r}"
        )
    return tuple(names)
