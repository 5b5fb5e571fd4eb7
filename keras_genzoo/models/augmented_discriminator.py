"""The option `augmentation` of models with a discriminator of images."""

from keras_genzoo.models.options import Augmentation, checked_options


class AugmentedDiscriminator:
    """Mixin for models whose discriminator sees augmented images.

    The family calls `seen` wherever the discriminator is called, and `update_augmentation` with the logits of real
    images.

    Args:
        augmentation: `keras_genzoo.augmentation.Augmentation`, its name (`"diff_augment"` or `"adaptive"`),
            or None. Applied to all images that the discriminator sees in training, real and generated, in the
            updates of both players. Sources and label maps that it sees beside an image are moved in the same
            way. `"adaptive"` needs a discriminator with logits.
        **kwargs: As for the base class.

    Raises:
        ValueError: If `augmentation` is unknown or not supported by the model, or for the reasons of the base
            class.
    """

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

    @property
    def has_logits(self):
        """Whether the discriminator outputs logits, which are positive for images that it considers real.

        The values of a critic have no such threshold, and least squares has the targets 0 and 1. Families without
        the option `loss` have logits, or set the attribute to False.
        """
        loss = getattr(self, "adversarial_loss", None)
        return loss is None or loss.is_balanced_at_zero

    def seen(self, images, training, beside=None):
        """Returns images as the discriminator sees them.

        Args:
            images: Float tensor, or a list of tensors that are changed alike, such as images at several sizes.
            training: Bool.
            beside: Tensor with the height and width of the images that the discriminator also sees, or None.

        Returns:
            Images with the structure of `images`; with `beside` a pair of them and of `beside`.
        """
        if self.augmentation is None or not training:
            return images if beside is None else (images, beside)
        return self.augmentation(images, seed=self.noise, beside=beside)

    def update_augmentation(self, real_logits, training):
        """Passes the logits of real images to the augmentation, once per update of the discriminator."""
        if self.augmentation is not None and training and self.has_logits:
            self.augmentation.update(real_logits)
