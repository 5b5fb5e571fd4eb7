"""The base class of GANs: a discriminator that sees images, optionally augmented."""

from keras_genzoo.models.latent_model import LatentModel
from keras_genzoo.models.options import Augmentation, checked_options


class AdversarialModel(LatentModel):
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

    # Whether the discriminator outputs logits, which are positive for images that it considers real. The values of a
    # critic have no such threshold, and least squares has the targets 0 and 1.
    has_logits = True

    @checked_options
    def __init__(self, *, augmentation: Augmentation = None, **kwargs):
        super().__init__(**kwargs)
        if augmentation is None:
            return
        if len(self.image_shape) != 3:
            raise ValueError(
                f"`augmentation` is only for images. Remove it for samples of shape {self.image_shape}."
            )
        if augmentation.is_adaptive and not self.has_logits:
            raise ValueError(
                f"`augmentation` adapts to the logits of a discriminator, which a {type(self).__name__} does not "
                "have. "
                'Use "diff_augment", or, if the model supports it, a `loss` with logits, such as "non_saturating". '
                f"Received: {type(augmentation).__name__}"
            )
        if not augmentation.built:
            augmentation.build((None, *self.image_shape))

    def seen(self, images, training):
        """Returns images, or a list of images at several sizes, as the discriminator sees them."""
        if self.augmentation is None or not training:
            return images
        return self.augmentation(images, seed=self.noise)

    def update_augmentation(self, real_logits, training):
        """Passes the logits of real images to the augmentation, once per update of the discriminator."""
        if self.augmentation is not None and training and self.has_logits:
            self.augmentation.update(real_logits)
