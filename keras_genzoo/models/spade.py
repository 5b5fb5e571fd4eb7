"""SPADE (Park et al. 2019): images from label maps, by normalization that the label map adapts."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import modalities
from keras_genzoo.arguments import (
    Flag,
    Network,
    NonNegative,
    OptionalPositiveInt,
    PositiveInt,
    array,
    checked,
)
from keras_genzoo.models.label_map_gan import LabelMapGAN
from keras_genzoo.models.options import Loss, checked_options
from keras_genzoo.models.translation_model import Task
from keras_genzoo.networks import MultiScalePatchGAN, SPADEGenerator, StyleEncoder
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SPADE(LabelMapGAN):
    """A generator of images from label maps and styles, a discriminator at two scales, and an encoder of styles.

    With a style a label map has many images: the encoder says in which style an image is drawn, and `translate` draws
    styles by a seed. Generator and encoder are trained together, as a variational autoencoder.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images.
        num_labels: Int, number of labels; they lie from 0 to `num_labels - 1`.
        has_edges: Bool, whether the label maps have a second channel: 1 at the edges between objects
            (`keras_genzoo.datasets.instance_edges`), 0 elsewhere.
        style_dim: Int, length of a style, or None for one image of each label map. The paper's is 256.
        generator: `keras.Model` of label maps, or with styles of a list of both, to images in [-1, 1]. Defaults to
            `keras_genzoo.networks.SPADEGenerator`.
        discriminator: `keras.Model` of label maps and images to a list of features and logits for each scale.
            Defaults to `keras_genzoo.networks.MultiScalePatchGAN`.
        encoder: `keras.Model` of images to the mean and the logarithm of the variance of their styles. Defaults to
            `keras_genzoo.networks.StyleEncoder` where there are styles.
        width: Int, base width of the default networks.
        loss: Name of an adversarial loss or a `keras_genzoo.losses.AdversarialLoss`.
        feature_matching_weight: Float, weight of the mean absolute difference of the discriminator's features.
        perceptual_weight: Float, weight of the difference of features (`keras_genzoo.models.perceptual`), for images
            of 1 or 3 channels. The paper's are those of VGG19, with the weight 10.
        style_weight: Float, weight of the Kullback-Leibler divergence of an image's styles from the standard normal.
            The divergence is that of an image, the mean over the batch.
        average_decay, average_half_life, seed: As for `GenerativeModel`; the paper keeps no average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    model = keras_genzoo.models.SPADE((64, 64, 3), num_labels=5, style_dim=32, width=16)
    model.compile()
    model.fit(keras_genzoo.datasets.load("avatar_label_maps", batch_size=16), epochs=50)
    faces = model.translate(label_maps, seed=0)  # uint8 (num, 64, 64, 1) to float32 (num, 64, 64, 3)
    like = model.translate(label_maps, styles=model.styles_of(images))
    ```

    Source: Park et al. 2019, "Semantic image synthesis with spatially-adaptive normalization" (arXiv:1903.07291),
    equations 1 to 3, appendix A; weights as in the authors' code.
    """

    players: ClassVar = {"generator": ("generator", "encoder"), "discriminator": ("discriminator",)}
    loss_names = (*LabelMapGAN.loss_names, "style_divergence")

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: narrow networks with styles, and mirrored pairs."""
        return {
            "model": {"width": 32, "style_dim": 64},
            "data": {"batch_size": 4, "augment": True},
            "num_steps": 40_000,
        }

    @checked_options
    def __init__(
        self,
        image_shape,
        num_labels: PositiveInt,
        has_edges: Flag = False,
        style_dim: OptionalPositiveInt = None,
        *,
        generator: Network = None,
        discriminator: Network = None,
        encoder: Network = None,
        width=64,
        loss: Loss = "hinge",
        feature_matching_weight: NonNegative = 10.0,
        perceptual_weight: NonNegative = 0.0,
        style_weight: NonNegative = 0.05,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        super().__init__(image_shape=image_shape, source_channels=1 + has_edges, **kwargs)
        if (encoder is not None) and style_dim is None:
            raise ValueError("`encoder` was given, but no `style_dim`: give the length of a style too.")
        generator = generator or SPADEGenerator(
            num_labels, has_edges, image_shape, width, style_dim=style_dim
        )
        discriminator = discriminator or MultiScalePatchGAN(
            num_labels, has_edges, image_shape[-1], width, spectral=True
        )
        networks = {"generator": generator, "discriminator": discriminator}
        if style_dim is not None:
            networks["encoder"] = encoder or StyleEncoder(image_shape, style_dim, width)
        else:
            # Past Keras, which would make the names of networks layers.
            vars(self)["players"] = {**self.players, "generator": ("generator",)}
        self.set_networks(**networks)

    def set_networks(self, **networks):
        """As for `LabelMapGAN`; refuses networks without styles where there are some, the other way, or of others."""
        num_inputs = len(networks["generator"].inputs)
        if num_inputs != 1 + (self.style_dim is not None):
            raise ValueError(
                f"`style_dim` is {self.style_dim}, but `generator` has {num_inputs} inputs: with styles it takes "
                "label maps and styles, without them label maps alone."
            )
        super().set_networks(**networks)
        if self.style_dim is None:
            return
        found = {"generator": self.generator.input_shape[1][-1]}
        found["encoder"] = self.encoder.output_shape[0][-1]
        for name, style_dim in found.items():
            if style_dim != self.style_dim:
                raise ValueError(
                    f"`style_dim` is {self.style_dim}, but `{name}` has styles of length {style_dim}."
                )
        taken = self.encoder.input_shape[1:]
        if any(side not in (None, own) for side, own in zip(taken, self.image_shape, strict=True)):
            raise ValueError(f"`image_shape` is {self.image_shape}, but `encoder` takes images of {taken}.")

    @property
    def tasks(self):
        return {"labels_to_image": Task("generator", self.source_modality, self.modality, self.style_dim)}

    def default_optimizers(self):
        """Adam with learning rate 1e-4 for the generator and 4e-4 for the discriminator, beta_1 0, beta_2 0.9."""
        rates = {"generator": 1e-4, "discriminator": 4e-4}
        return {player: Adam(rate, beta_1=0.0, beta_2=0.9) for player, rate in rates.items()}

    def generate(self, sources, targets):
        """As for `PairedGAN`; with styles a list of the images, and of the means and log variances of styles."""
        if self.style_dim is None:
            return super().generate(sources, targets)
        mean, log_variance = self.encoder(targets, training=True)
        noise = keras.random.normal(ops.shape(mean), seed=self.noise)
        styles = mean + ops.exp(0.5 * log_variance) * noise
        return [self.generator([sources, styles], training=True), mean, log_variance]

    def generator_loss(self, sources, targets, generated, training=False):
        """As for `LabelMapGAN`, and the weighted divergence of the styles."""
        fakes, *styles = generated if isinstance(generated, list) else [generated]
        loss, logs = super().generator_loss(sources, targets, fakes, training)
        divergence = _divergence(*styles) if styles else ops.zeros(())
        loss += self.style_weight * divergence
        return loss, {**logs, "generator_loss": loss, "style_divergence": divergence}

    def discriminator_loss(self, sources, targets, generated, training=False):
        """As for `LabelMapGAN`."""
        fakes = generated[0] if isinstance(generated, list) else generated
        return super().discriminator_loss(sources, targets, fakes, training)

    @checked
    def styles_of(self, images, batch_size: PositiveInt = 64):
        """The styles in which images are drawn: the means that the encoder gives.

        Args:
            images: Array `(num, *image_shape)`, uint8 or float in [-1, 1].
            batch_size: Int, images encoded at once.

        Returns:
            Float32 NumPy array `(num, style_dim)`.

        Raises:
            ValueError: If the model has no styles, or the images do not fit it.
        """
        if self.style_dim is None:
            raise ValueError("This model has no styles. Make it with `style_dim`.")
        images = array("images", images)
        self.modality.check(modalities.Summary.of(images), "images")
        return self.in_batches(self._mean_styles, [images], batch_size)

    def _mean_styles(self, images):
        return self.encoder(self.modality.scale(images), training=False)[0]


def _divergence(mean, log_variance):
    """Of normal distributions from the standard one, the mean over the batch; float32 scalar."""
    elements = ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance
    return 0.5 * ops.mean(ops.sum(ops.cast(elements, "float32"), axis=-1))
