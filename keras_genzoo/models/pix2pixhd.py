"""pix2pixHD (Wang et al. 2018): large images from label maps."""

import keras

from keras_genzoo import modalities
from keras_genzoo.arguments import Flag, Network, NonNegative, PositiveInt
from keras_genzoo.models.label_map_gan import LabelMapGAN
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.translation_model import Task
from keras_genzoo.networks import MultiScalePatchGAN, ResNetTranslator
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Pix2PixHD(LabelMapGAN):
    """A residual generator of images from label maps, and discriminators at several scales.

    The default generator is the paper's global one. `keras_genzoo.networks.LocalEnhancer` holds both of its
    generators, for images of twice the side; train the global one first.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images.
        num_labels: Int, number of labels; they lie from 0 to `num_labels - 1`.
        has_edges: Bool, whether the label maps have a second channel: 1 at the edges between objects
            (`keras_genzoo.datasets.instance_edges`), 0 elsewhere.
        generator: `keras.Model` of label maps to images in [-1, 1]. Defaults to
            `keras_genzoo.networks.ResNetTranslator` with four downsamplings.
        discriminator: `keras.Model` of label maps and images to a list of features and logits for each scale.
            Defaults to `keras_genzoo.networks.MultiScalePatchGAN` of two scales.
        width: Int, base width of the default networks.
        loss: Name of an adversarial loss or a `keras_genzoo.losses.AdversarialLoss`.
        feature_matching_weight: Float, weight of the mean absolute difference of the discriminator's features.
        perceptual_weight: Float, weight of the difference of features (`keras_genzoo.models.perceptual`), for images
            of 1 or 3 channels. The paper's are those of VGG19, with the weight 10.
        average_decay, average_half_life, seed: As for `GenerativeModel`; the paper keeps no average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    model = keras_genzoo.models.Pix2PixHD((64, 64, 3), num_labels=5, width=16)
    model.compile()
    model.fit(keras_genzoo.datasets.load("avatar_label_maps", batch_size=4), epochs=50)
    faces = model.translate(label_maps)  # uint8 (num, 64, 64, 1) to float32 (num, 64, 64, 3)
    ```

    Source: Wang et al. 2018, "High-resolution image synthesis and semantic manipulation with conditional GANs"
    (arXiv:1711.11585), equations 2 to 4 and section 3; the discriminator's loss is halved as in the authors' code.
    The encoder of the features of objects (section 3.4) is left out.
    """

    sums_scales = True

    @checked_options
    def __init__(
        self,
        image_shape,
        num_labels: PositiveInt,
        has_edges: Flag = False,
        *,
        generator: Network = None,
        discriminator: Network = None,
        width=64,
        loss: Loss = "mean_squared_error",
        feature_matching_weight: NonNegative = 10.0,
        perceptual_weight: NonNegative = 0.0,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        super().__init__(image_shape=image_shape, source_channels=1 + has_edges, **kwargs)
        generator = generator or ResNetTranslator(
            1 + has_edges, image_shape[-1], width, num_downsamplings=4, num_labels=num_labels
        )
        discriminator = discriminator or MultiScalePatchGAN(num_labels, has_edges, image_shape[-1], width)
        self.set_networks(generator=generator, discriminator=discriminator)

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: narrow networks, and mirrored pairs."""
        return {"model": {"width": 32}, "data": {"batch_size": 1, "augment": True}, "num_steps": 40_000}

    @property
    def tasks(self):
        return {"labels_to_image": Task("generator", self.source_modality, self.modality)}

    def default_optimizers(self):
        """Adam with learning rate 2e-4 and beta_1 0.5 for both (Wang et al. 2018, section 4)."""
        return {player: Adam(learning_rate=2e-4, beta_1=0.5) for player in self.players}

    def discriminator_loss(self, sources, targets, fakes, training=False):
        """As for `LabelMapGAN`, halved."""
        return 0.5 * super().discriminator_loss(sources, targets, fakes, training)

    @property
    def chance_level(self):
        level = self.adversarial_loss.chance_level()
        return None if level is None else 0.5 * level * len(self.discriminator.output)
