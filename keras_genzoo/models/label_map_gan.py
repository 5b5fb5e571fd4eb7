"""The base class of families that generate images from label maps, with feature matching."""

import numpy as np
from keras import ops

from keras_genzoo import modalities
from keras_genzoo.backends import keras_private
from keras_genzoo.layers import LabelMapEncoding
from keras_genzoo.models.augmented_discriminator import AugmentedDiscriminator
from keras_genzoo.models.network_checks import first_of
from keras_genzoo.models.paired_gan import PairedGAN
from keras_genzoo.models.translation_model import mean_absolute_difference


class LabelMapGAN(AugmentedDiscriminator, PairedGAN):
    """A generator of images from label maps, with adversarial and feature matching losses at each scale.

    A family has the options `num_labels`, `has_edges`, `adversarial_loss`, `feature_matching_weight` and
    `perceptual_weight`.
    """

    loss_names = (
        "discriminator_loss",
        "generator_loss",
        "adversarial_loss",
        "feature_matching_loss",
        "perceptual_loss",
    )
    adversarial_log = "adversarial_loss"
    # Whether adversarial losses are summed over the scales, not averaged.
    sums_scales = False

    @property
    def source_modality(self):
        """`keras_genzoo.modalities.LabelMaps` with the size of the images."""
        return modalities.LabelMaps((*self.image_shape[:2], self.source_channels), self.num_labels)

    def set_networks(self, **networks):
        """As for `PairedGAN`; also checks the label maps and images that the networks expect."""
        super().set_networks(**networks)
        channels = self.image_shape[-1]
        for name in ("generator", "discriminator"):
            network = networks[name]
            if (found := first_of(network.input_shape)[-1]) != self.source_channels:
                raise ValueError(
                    f"`has_edges` is {self.has_edges}, so label maps have {self.source_channels} channels, but "
                    f"`{name}` takes {found}."
                )
            for layer in keras_private.layers_of(network):
                if isinstance(layer, LabelMapEncoding) and layer.num_labels != self.num_labels:
                    raise ValueError(
                        f"`num_labels` is {self.num_labels}, but `{name}` encodes {layer.num_labels} labels."
                    )
        size = first_of(networks["generator"].input_shape)[1:3]
        if any(side not in (None, own) for side, own in zip(size, self.image_shape, strict=False)):
            raise ValueError(
                f"`image_shape` is {self.image_shape}, but `generator` takes label maps of {size}."
            )
        of_images = {"generator": networks["generator"].output_shape[-1]}
        of_images["discriminator"] = networks["discriminator"].input_shape[1][-1]
        for name, found in of_images.items():
            if found != channels:
                raise ValueError(
                    f"`image_shape` is {self.image_shape}, with {channels} channels, but the images of `{name}` have "
                    f"{found} channels."
                )

    @property
    def preset_usage(self):
        """As for `TranslationModel`."""
        task = self.task()
        if self.has_edges:
            maps = f"ints (num, height, width, 2): labels from 0 to {self.num_labels - 1}, and edges, 0 or 1"
            return {
                "python": f"images = model.translate(label_maps)  # {maps}",
                "shell": "genzoo serve {name}",
            }
        style = ", seed=0" if task.style_dim else ""
        seed = " --seed 0" if task.style_dim else ""
        return {
            "python": f"images = model.translate(label_maps{style})  # ints from 0 to {self.num_labels - 1}",
            "shell": f"genzoo paint labels.png --model {{name}} --output painted{seed}",
        }

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """Computes the adversarial loss of the discriminator, a float32 scalar."""
        real, fake = (
            self._judged(sources, [images], training)[0] for images in (targets, ops.stop_gradient(fakes))
        )
        self.update_augmentation(real[0][-1], training)
        losses = [
            self.adversarial_loss.discriminator(of_real[-1], of_fake[-1])
            for of_real, of_fake in zip(real, fake, strict=True)
        ]
        return self._over_scales(losses)

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def generator_loss(self, sources, targets, fakes, training=False):
        """Computes the adversarial loss plus the weighted feature matching and perceptual losses.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, and the terms
            without weights.
        """
        # Features are compared at the same places.
        fake, real = self._judged(sources, [fakes, targets], training)
        adversarial_loss = self._over_scales([self.adversarial_loss.generator(maps[-1]) for maps in fake])
        feature_matching_loss = sum(
            mean_absolute_difference(ops.stop_gradient(of_real), of_fake)
            for real_maps, fake_maps in zip(real, fake, strict=True)
            for of_real, of_fake in zip(real_maps[:-1], fake_maps[:-1], strict=True)
        ) / len(fake)
        perceptual_loss = self.perceptual_difference(targets, fakes)
        loss = (
            adversarial_loss
            + self.feature_matching_weight * feature_matching_loss
            + self.perceptual_weight * perceptual_loss
        )
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "feature_matching_loss": feature_matching_loss,
            "perceptual_loss": perceptual_loss,
        }

    def _judged(self, sources, batches, training):
        """Returns the discriminator's features and logits of batches of images of the same label maps."""
        if self.augmentation is not None and training:
            # A pixel that is not on the map has no label: 0 in the augmentation, and -1 in the map.
            no_label = np.arange(self.source_channels) == 0
            labels = ops.cast(ops.round(sources), "int32") + no_label.astype("int32")
            batches, labels = self.seen(batches, training, beside=labels)
            sources = labels - no_label.astype("int32")
        return [self.discriminator([sources, images], training=training) for images in batches]

    def _over_scales(self, losses):
        return sum(losses) / (1 if self.sums_scales else len(losses))
