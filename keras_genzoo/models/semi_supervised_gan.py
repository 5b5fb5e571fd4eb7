"""Semi-supervised GANs: a classifier that learns from few labels and from unlabeled and generated images."""

from typing import Annotated, ClassVar

import keras
from keras import layers, ops

from keras_genzoo import backends, conditions, latent
from keras_genzoo.arguments import (
    Check,
    Network,
    NonNegative,
    NonNegativeInt,
    PositiveInt,
    PositiveInts,
    checked,
    one_of,
)
from keras_genzoo.layers import (
    BatchNormalization,
    GaussianNoise,
    MinibatchDiscrimination,
    WeightNormalizedDense,
)
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.classifier import PredictsFeatures
from keras_genzoo.models.network_checks import argument_or_own, check_label_inputs, shape_and_latent_dim
from keras_genzoo.models.options import checked_options
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.optimizers import Adam

Objective = Annotated[str, Check(one_of("feature_matching", "adversarial"))]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SemiSupervisedGAN(PredictsFeatures, AdversarialModel):
    """A generator, and a classifier that learns from a few labels and from all images (semi-supervised GAN).

    The classifier has one logit `l_y` per class. Let `Z` be the log-sum-exp of the logits. An image is real
    with probability `sigma(Z)`, which is a softmax with one more class for generated images, whose logit
    is 0. The classifier minimizes `E[Z(x) - l_y(x)]` on labeled images plus `unlabeled_weight * (0.5
    E[softplus(-Z(x))] + 0.5 E[softplus(Z(G(z)))])` on unlabeled and generated images. Unlabeled images have
    the label -1. If a batch has no unlabeled images, all images are used as unlabeled.

    Latents are uniform in (0, 1). The model generates images without a class, and classifies images with
    `predict_features` and in the metric `test_accuracy`. With an average, both networks are averaged.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the output shape of `generator`.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 100.
        num_classes: Int of at least 2. Required.
        generator: `keras.Model` that maps latents to images in [-1, 1]. Defaults to
            `SemiSupervisedGenerator`.
        discriminator: `keras.Model` that maps images to a list of features `(batch, feature_dim)` and class
            logits `(batch, num_classes)`. Defaults to `SemiSupervisedDiscriminator`.
        objective: Loss of the generator. `"feature_matching"` is the squared difference of the mean features
            of real and generated images. `"adversarial"` is the non-saturating loss; the default
            discriminator then has a `MinibatchDiscrimination` layer. In the paper, the first gives better
            classifiers, the second better images.
        unlabeled_weight: Float of at least 0, weight of the loss of unlabeled and generated images.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    Raises:
        ValueError: If `num_classes` is missing, an argument is out of its range, or the networks do not match
            the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    labels = np.array([0, 1, 2, 3, -1, -1, -1, -1])
    gan = kg.models.SemiSupervisedGAN(image_shape=(8, 8, 1), num_classes=4)
    gan.compile()
    gan.fit(images, labels, batch_size=8, epochs=1)
    features, logits = gan.predict_features(images)  # (8, 250) and (8, 4)
    ```

    Reference: Salimans et al., "Improved techniques for training GANs", 2016, arXiv:1606.03498, sections 3.1,
    3.2 and 5.
    """

    abilities = frozenset({"sample", "predict_features"})
    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = ("discriminator_loss", "labeled_loss", "unlabeled_loss", "generator_loss")

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        num_classes=None,
        generator: Network = None,
        discriminator: Network = None,
        objective: Objective = "feature_matching",
        unlabeled_weight: NonNegative = 1.0,
        **kwargs,
    ):
        image_shape, latent_dim = shape_and_latent_dim(image_shape, latent_dim, generator, 100)
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, num_classes=num_classes, **kwargs)
        if num_classes is None:
            raise ValueError("`num_classes` is required: pass the number of classes in the data.")
        generator = generator or SemiSupervisedGenerator(image_shape, latent_dim)
        if discriminator is None:
            num_kernels = 0 if objective == "feature_matching" else 100
            discriminator = SemiSupervisedDiscriminator(image_shape, num_classes, num_kernels=num_kernels)
        check_label_inputs(None, generator, discriminator)
        _check_discriminator(discriminator, num_classes)
        argument_or_own("image_shape", image_shape, discriminator, lambda: discriminator.input_shape[1:])
        self.set_networks(generator=generator, discriminator=discriminator)

    def default_optimizers(self):
        """Adam with learning rate 3e-3 and beta_1 0.5 for both."""
        return {player: Adam(learning_rate=3e-3, beta_1=0.5) for player in self.players}

    def unpack(self, data):
        """As for `LatentModel`, with labels, some of which are -1."""
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.modality.scale(images), ops.convert_to_tensor(labels)

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        fakes, pullback = self.vjp(lambda: self.generator(latents, training=True), "generator")
        _, logs = self.minimize(
            lambda: self.discriminator_loss(images, labels, fakes, True), "discriminator", has_aux=True
        )
        generator_loss = self.minimize_through(
            lambda fakes: self.generator_loss(images, labels, fakes, True), fakes, pullback, "generator"
        )
        self.update_average(num)
        return self.update_trackers(**logs, generator_loss=generator_loss)

    @backends.test_step
    def test_step(self, data):
        images, labels = self.unpack(data)
        fakes = self.sampling_network(self.draw_latents(ops.shape(images)[0]), training=False)
        _, logs = self.discriminator_loss(images, labels, fakes)
        return self.update_trackers(**logs, generator_loss=self.generator_loss(images, labels, fakes))

    def discriminator_loss(self, images, labels, fakes, training=False):
        """Computes the loss of labeled images plus the weighted loss of unlabeled and generated images.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged values.
        """
        _, logits = self._read(images, training)
        _, fake_logits = self._read(ops.stop_gradient(fakes), training)
        real_total = ops.logsumexp(logits, axis=-1)
        self.update_augmentation(real_total, training)
        # The one-hot vector of the label -1 is zero.
        of_label = ops.sum(logits * ops.one_hot(labels, self.num_classes, dtype="float32"), axis=-1)
        labeled_loss = _mean(real_total - of_label, _is_labeled(labels))
        unlabeled_loss = 0.5 * (
            _mean(ops.softplus(-real_total), _is_unlabeled(labels))
            + ops.mean(ops.softplus(ops.logsumexp(fake_logits, axis=-1)))
        )
        loss = labeled_loss + self.unlabeled_weight * unlabeled_loss
        return loss, {
            "discriminator_loss": loss,
            "labeled_loss": labeled_loss,
            "unlabeled_loss": unlabeled_loss,
        }

    def generator_loss(self, images, labels, fakes, training=False):
        """Computes the objective of the generator, a float32 scalar. Features of real images are those of
        unlabeled images.
        """
        fake_features, fake_logits = self._read(fakes, training)
        if self.objective == "adversarial":
            return ops.mean(ops.softplus(-ops.logsumexp(fake_logits, axis=-1)))
        features, _ = self._read(images, training)
        weights = _is_unlabeled(labels)[:, None]
        real_mean = ops.sum(features * weights, axis=0) / ops.sum(weights)
        return ops.mean(ops.square(ops.mean(fake_features, axis=0) - ops.stop_gradient(real_mean)))

    def _read(self, images, training):
        outputs = self.discriminator(self.seen(images, training), training=training)
        return tuple(ops.cast(output, "float32") for output in outputs)

    # Description of the model.

    @property
    def latent(self):
        """Uniform latents in (0, 1)."""
        return latent.Uniform(self.latent_dim, 0.0, 1.0)

    @property
    def condition(self):
        """None: samples have no class."""
        return None

    def expected_data(self):
        return {"x": self.modality, "y": conditions.PartialLabels(self.num_classes)}

    @property
    def image_networks(self):
        """Names of the averaged networks; the discriminator is also used in inference."""
        return ("generator", "discriminator")

    @property
    def inference_networks(self):
        return self.preset_networks

    @property
    def reading_network(self):
        """The discriminator, or its average if there is one."""
        return self.averages.get("discriminator", self.discriminator)

    def signatures(self):
        return {**super().signatures(), **self.signatures_of_reading()}

    def exported_networks(self, batch_size=None):
        return {**super().exported_networks(batch_size), "classify": self.exported_reader(batch_size)}

    def default_measures(self):
        return (*super().default_measures(), "test_accuracy")

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`."""
        return {"model": {"average_decay": 0.9999}, "data": {"batch_size": 100}, "num_steps": 40_000}


def _is_labeled(labels):
    return ops.cast(labels >= 0, "float32")


def _is_unlabeled(labels):
    """1 for unlabeled and 0 for labeled images; 1 for all images if all are labeled."""
    unlabeled = 1.0 - _is_labeled(labels)
    return unlabeled + (1.0 - ops.max(unlabeled))


def _mean(values, weights):
    """Mean of the values with weight 1; 0 if there are none."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def _check_discriminator(network, num_classes):
    shapes = [tuple(output.shape[1:]) for output in network.outputs]
    if len(shapes) != 2 or len(shapes[0]) != 1 or shapes[1] != (num_classes,):
        raise ValueError(
            "`discriminator` must return a list of features (batch, feature_dim) and class logits (batch, "
            f"{num_classes}). Received: {network.name!r} with outputs of shapes {shapes}"
        )


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SemiSupervisedGenerator(ConfigurableNetwork):
    """Generator of semi-supervised GANs: dense layers with batch normalization and softplus.

    The last layer has weight normalization and a sigmoid, scaled to [-1, 1]. For 28x28x1 and latents of
    length 100 it has 693,784 weights and biases; the last layer adds one length per pixel.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        latent_dim: Positive int, length of a latent.
        hidden: Sequence of positive ints, units of the hidden layers.

    Call arguments:
        latents: Float `(batch, latent_dim)`.

    Returns:
        Float32 images in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range.

    Reference: Salimans et al., "Improved techniques for training GANs", 2016, arXiv:1606.03498; the authors'
    code for MNIST.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        latent_dim: PositiveInt = 100,
        hidden: PositiveInts = (500, 500),
        name="generator",
    ):
        x = latents = keras.Input((latent_dim,), name="latents")
        for width in hidden:
            x = layers.Dense(width, use_bias=False, kernel_initializer="glorot_uniform")(x)
            x = layers.Activation("softplus")(BatchNormalization(scale=False)(x))
        height, breadth, channels = image_shape
        x = WeightNormalizedDense(height * breadth * channels, name="pixels")(x)
        x = layers.Activation("sigmoid", dtype="float32")(layers.Reshape(tuple(image_shape))(x))
        super().__init__(latents, layers.Rescaling(2.0, -1.0, dtype="float32", name="images")(x), name=name)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SemiSupervisedDiscriminator(ConfigurableNetwork):
    """Discriminator of semi-supervised GANs: dense layers with weight normalization, ReLU and noise.

    For 28x28x1 it has 1,538,760 weights and biases; each layer adds one length per unit. The authors
    initialize lengths and biases from a batch of data so that units have mean 0 and variance 1. Here the
    initial lengths are 2.3 in the first layer and 1.3 in the others, which gives a similar variance for
    digits.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Positive int.
        hidden: Sequence of positive ints, units of the hidden layers. The features are the output of the last
            one.
        num_kernels: Int of at least 0, number of kernels of a `MinibatchDiscrimination` layer before the
            logits; 0 for none.

    Call arguments:
        images: Float images in [-1, 1].

    Returns:
        List of float32 features `(batch, hidden[-1])` and float32 logits `(batch, num_classes)`.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: Salimans et al., "Improved techniques for training GANs", 2016, arXiv:1606.03498; the authors'
    code for MNIST.
    """

    @checked
    def __init__(
        self,
        image_shape: PositiveInts,
        num_classes: PositiveInt,
        hidden: PositiveInts = (1000, 500, 250, 250, 250),
        num_kernels: NonNegativeInt = 0,
        name="discriminator",
    ):
        images = keras.Input(tuple(image_shape), name="images")
        x = layers.Flatten()(layers.Rescaling(0.5, 0.5)(images))
        for level, width in enumerate(hidden):
            x = GaussianNoise(0.5 if level else 0.3)(x)
            x = layers.ReLU()(WeightNormalizedDense(width, gain=1.3 if level else 2.3)(x))
        features = layers.Activation("linear", dtype="float32", name="features")(x)
        x = GaussianNoise(0.5)(x)
        if num_kernels:
            x = MinibatchDiscrimination(num_kernels, name="minibatch_discrimination")(x)
        logits = WeightNormalizedDense(num_classes, gain=0.1, dtype="float32", name="logits")(x)
        super().__init__(images, [features, logits], name=name)
