"""The base of the GANs: a discriminator that sees images, augmented or not."""

from keras import ops

from keras_genzoo.models.latent_model import LatentModel
from keras_genzoo.models.network_checks import pack_size_of
from keras_genzoo.models.options import Augmentation, checked_options


class AdversarialModel(LatentModel):
    """A model whose images a discriminator or critic judges.

    Args:
        augmentation: `keras_genzoo.augmentation.Augmentation`, or its name (`"diff_augment"`), of all images that the
            discriminator sees in training, real and generated, in its own updates and in those of the generator; or
            None. `"adaptive"` takes a discriminator with logits.
        **kwargs: As for `LatentModel`.
    """

    # Whether the discriminator gives logits, positive for what it takes to be real. A critic's values have no such
    # zero, and least squares ask for 0 and 1.
    has_logits = True

    @checked_options
    def __init__(self, *, augmentation: Augmentation = None, **kwargs):
        super().__init__(**kwargs)
        if augmentation is None:
            return
        if len(self.image_shape) != 3:
            raise ValueError(
                f"`augmentation` is for images. Leave it out for samples of the shape {self.image_shape}."
            )
        if augmentation.is_adaptive and not self.has_logits:
            raise ValueError(
                f"`augmentation` follows the logits of a discriminator, which a {type(self).__name__} does not have. "
                'Use "diff_augment", or a `loss` of logits, such as "non_saturating", where the model takes one. '
                f"Received: {type(augmentation).__name__}"
            )
        if not augmentation.built:
            augmentation.build((None, *self.image_shape))

    def seen(self, images, training):
        """Images, or a list of the same ones at several sizes, as the discriminator sees them."""
        if self.augmentation is None or not training:
            return images
        return self.augmentation(images, seed=self.noise)

    def update_augmentation(self, real_logits, training):
        """Tells the augmentation how the discriminator judges real images, once per update of the discriminator."""
        if self.augmentation is not None and training and self.has_logits:
            # As many as there are images: each has the logit of its pack.
            self.augmentation.update(ops.repeat(real_logits, pack_size_of(self.discriminator), axis=0))
