"""The base class of GANs: a discriminator that sees images, optionally augmented."""

from keras import ops

from keras_genzoo.models.augmented_discriminator import AugmentedDiscriminator
from keras_genzoo.models.latent_model import LatentModel
from keras_genzoo.models.network_checks import pack_size_of


class AdversarialModel(AugmentedDiscriminator, LatentModel):
    """A model with a discriminator or critic that judges images.

    Args:
        augmentation: `keras_genzoo.augmentation.Augmentation`, its name (`"diff_augment"` or `"adaptive"`),
            or None. Applied to all images that the discriminator sees in training, real and generated, in the
            updates of both players. `"adaptive"` needs a discriminator with logits.
        **kwargs: As for `LatentModel`.

    Raises:
        ValueError: If `augmentation` is unknown or not supported by the model, or for the reasons of
            `LatentModel`.
    """

    def update_augmentation(self, real_logits, training):
        if self.augmentation is not None:
            # One logit per image: that of its pack.
            real_logits = ops.repeat(real_logits, pack_size_of(self.discriminator), axis=0)
        super().update_augmentation(real_logits, training)
