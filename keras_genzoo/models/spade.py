"""SPADE: images from label maps, with spatially-adaptive normalization (Park et al. 2019)."""

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
    """A generator of images from label maps, a discriminator, and a style encoder (SPADE).

    With styles, one label map can give many images. The encoder infers the style of an image, and `translate`
    draws styles from a seed. Generator and encoder are trained together, as a variational autoencoder. They
    minimize the adversarial loss plus the weighted feature matching loss, perceptual loss and divergence of
    the styles.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images.
        num_labels: Int from 2 to 256, number of labels, which are from 0 to `num_labels - 1`.
        has_edges: Bool, whether the label maps have a second channel that is 1 at the edges between objects
            (`keras_genzoo.datasets.instance_edges`) and 0 elsewhere.
        style_dim: Positive int, length of a style, or None for one image per label map. The paper uses 256.
        generator: `keras.Model` that maps label maps, or a list of label maps and styles, to images in [-1,
            1]. Defaults to `keras_genzoo.networks.SPADEGenerator`.
        discriminator: `keras.Model` that maps label maps and images to a list of features and logits per
            scale. Defaults to `keras_genzoo.networks.MultiScalePatchGAN`.
        encoder: `keras.Model` that maps images to the mean and log variance of their styles. Defaults to
            `keras_genzoo.networks.StyleEncoder` with styles.
        width: Positive int, base width of the default networks.
        loss: Name of an adversarial loss, or a `keras_genzoo.losses.AdversarialLoss`.
        feature_matching_weight: Float of at least 0, weight of the mean absolute difference of the
            discriminator's features.
        perceptual_weight: Float of at least 0, weight of the perceptual loss
            (`keras_genzoo.models.perceptual`), for images with 1 or 3 channels. The paper uses VGG19 with the
            weight 10.
        style_weight: Float of at least 0, weight of the Kullback-Leibler divergence of the styles of an image
            from the standard normal distribution, averaged over the batch.
        augmentation: As for `AdversarialModel`. The label maps are moved like the images.
        average_decay, average_half_life, seed: As for `GenerativeModel`. The paper does not use an average.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, the networks do not match the other arguments, or
            `encoder` is given without `style_dim`.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    rng = np.random.default_rng(0)
    label_maps = rng.integers(0, 5, (2, 32, 32, 1), dtype="uint8")
    images = rng.integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    generator = kg.networks.SPADEGenerator(
        5, image_shape=(32, 32, 3), width=2, multiples=(4, 2, 1), hidden=4, style_dim=8
    )
    model = kg.models.SPADE((32, 32, 3), num_labels=5, style_dim=8, generator=generator, width=2)
    model.compile()
    model.fit(label_maps, images, batch_size=2, epochs=1)
    samples = model.translate(label_maps, seed=0)  # float32 (2, 32, 32, 3) in [-1, 1]
    in_style_of_images = model.translate(label_maps, styles=model.styles_of(images))
    ```

    Reference: Park et al., "Semantic image synthesis with spatially-adaptive normalization", 2019,
    arXiv:1903.07291, equations 1 to 3, appendix A; weights as in the authors' code.
    """

    players: ClassVar = {"generator": ("generator", "encoder"), "discriminator": ("discriminator",)}
    loss_names = (*LabelMapGAN.loss_names, "style_divergence")

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: narrow networks with styles, and random flips."""
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
            raise ValueError("`encoder` was given without `style_dim`. Pass the length of a style, too.")
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
            # Bypasses the attribute tracking of Keras, which would wrap the dict.
            vars(self)["players"] = {**self.players, "generator": ("generator",)}
        self.set_networks(**networks)

    def set_networks(self, **networks):
        """As for `LabelMapGAN`; also checks the styles that the networks expect."""
        num_inputs = len(networks["generator"].inputs)
        if num_inputs != 1 + (self.style_dim is not None):
            raise ValueError(
                f"`style_dim` is {self.style_dim}, but `generator` has {num_inputs} inputs. With styles it takes "
                "label maps and styles, otherwise only label maps."
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
        """As for `PairedGAN`; with styles a list of the images, and of the means and log variances of the
        styles.
        """
        if self.style_dim is None:
            return super().generate(sources, targets)
        mean, log_variance = self.encoder(targets, training=True)
        noise = keras.random.normal(ops.shape(mean), seed=self.noise)
        styles = mean + ops.exp(0.5 * log_variance) * noise
        return [self.generator([sources, styles], training=True), mean, log_variance]

    def generator_loss(self, sources, targets, generated, training=False):
        """As for `LabelMapGAN`, plus the weighted divergence of the styles."""
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
        """Computes the styles of images: the means that the encoder outputs.

        Args:
            images: Array `(num, *image_shape)`, uint8 or float in [-1, 1].
            batch_size: Positive int, number of images encoded at once.

        Returns:
            Float32 NumPy array `(num, style_dim)`.

        Raises:
            ValueError: If the model has no styles, or the images do not match it.
        """
        if self.style_dim is None:
            raise ValueError("This model has no styles. Create it with `style_dim`.")
        images = array("images", images)
        self.modality.check(modalities.Summary.of(images), "images")
        return self.in_batches(self.styles_of_tensor, [images], batch_size)

    def inputs_of_styles(self):
        """As for `TranslationModel`."""
        return None if self.style_dim is None else {}

    def styles_from_images(self, images):
        """As for `TranslationModel`: the means that the encoder outputs."""
        return ops.cast(self.encoder(images, training=False)[0], "float32")


def _divergence(mean, log_variance):
    """Kullback-Leibler divergence from the standard normal distribution, averaged over the batch; a float32
    scalar.
    """
    elements = ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance
    return 0.5 * ops.mean(ops.sum(ops.cast(elements, "float32"), axis=-1))
