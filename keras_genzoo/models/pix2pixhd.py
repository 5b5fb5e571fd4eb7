"""pix2pixHD: large images from label maps (Wang et al. 2018)."""

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
    """A residual generator of images from label maps, and discriminators at several scales (pix2pixHD).

    The generator minimizes its adversarial losses, summed over the scales, plus the weighted feature matching
    and perceptual losses; the discriminators half of their adversarial losses. The default generator is the
    paper's global generator. `keras_genzoo.networks.LocalEnhancer` contains both generators of the paper, for
    images of twice the side; train the global one first.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images. The default generator needs sides that
            are multiples of 16.
        num_labels: Int from 2 to 256, number of labels, which are from 0 to `num_labels - 1`.
        has_edges: Bool, whether the label maps have a second channel that is 1 at the edges between objects
            (`keras_genzoo.datasets.instance_edges`) and 0 elsewhere.
        generator: `keras.Model` that maps label maps to images in [-1, 1]. Defaults to
            `keras_genzoo.networks.ResNetTranslator` with four downsamplings.
        discriminator: `keras.Model` that maps label maps and images to a list of features and logits per
            scale. Defaults to `keras_genzoo.networks.MultiScalePatchGAN` with two scales.
        width: Positive int, base width of the default networks.
        loss: Name of an adversarial loss, or a `keras_genzoo.losses.AdversarialLoss`.
        feature_matching_weight: Float of at least 0, weight of the mean absolute difference of the
            discriminator's features.
        perceptual_weight: Float of at least 0, weight of the perceptual loss
            (`keras_genzoo.models.perceptual`), for images with 1 or 3 channels. The paper uses VGG19 with the
            weight 10.
        augmentation: As for `AdversarialModel`. The label maps are moved like the images.
        average_decay, average_half_life, seed: As for `GenerativeModel`. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the networks do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    rng = np.random.default_rng(0)
    label_maps = rng.integers(0, 5, (2, 32, 32, 1), dtype="uint8")
    images = rng.integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    model = kg.models.Pix2PixHD((32, 32, 3), num_labels=5, width=2)
    model.compile()
    model.fit(label_maps, images, batch_size=2, epochs=1)
    samples = model.translate(label_maps)  # float32 (2, 32, 32, 3) in [-1, 1]
    ```

    Reference: Wang et al., "High-resolution image synthesis and semantic manipulation with conditional GANs",
    2018, arXiv:1711.11585, equations 2 to 4 and section 3; the loss of the discriminator is halved as in the
    authors' code. The encoder of instance features (section 3.4) is not implemented.
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
        """As for `ZooModel`: narrow networks, and random flips."""
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
