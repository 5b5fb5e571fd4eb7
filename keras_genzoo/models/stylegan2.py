"""StyleGAN2 (Karras et al. 2020), with the configurations of "Training GANs with limited data"."""

import math
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, losses, penalties
from keras_genzoo.arguments import (
    NonNegative,
    OptionalNonNegative,
    OptionalPositive,
    OptionalPositiveInt,
    OptionalSeed,
    Positive,
    PositiveInt,
    Probability,
    checked,
)
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.lazy_regularization import LazyRegularization, corrected_adam
from keras_genzoo.models.network_checks import argument_or_own, check_groups, join
from keras_genzoo.models.options import checked_options
from keras_genzoo.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StyleGAN2(LazyRegularization, AdversarialModel):
    """A style-based generator with modulated convolutions, and a residual discriminator (StyleGAN2).

    The discriminator minimizes `E[softplus(D(G(z)))] + E[softplus(-D(x))]`, the generator
    `E[softplus(-D(G(z)))]`. Two regularizers are applied lazily, in separate updates: R1 for the
    discriminator, by default every 16 steps, and path length regularization for the generator, by default
    every 4 steps. The latter makes a step in style space change the image by a constant amount. Training
    draws new noise in each step. Sampling uses noise maps that are saved with the generator, so that a seed
    always gives the same images.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k. Defaults to that of
            `generator`.
        latent_dim: Positive int, length of a latent. Defaults to the input of `generator`, or 512.
        generator: `keras_genzoo.networks.StyleGAN2Generator`. Defaults to one with the following arguments.
        discriminator: `keras_genzoo.networks.StyleGAN2Discriminator`. Defaults to one with the following
            arguments.
        style_dim, num_mapping_layers, channel_base, channel_max, noise: As for `StyleGAN2Generator`.
        architecture, group_size: As for `StyleGAN2Discriminator`.
        num_classes: Int of at least 2, or None for an unconditional model, which ignores labels in the data.
        r1_weight: Float of at least 0, gamma of R1; 0 omits it. The authors use values from 0.01 (32x32) to
            10 (1024x1024). Their heuristic is 0.0002 * side^2 / batch.
        r1_interval: Positive int, interval of R1 in steps. An epoch without such a step logs 0.
        path_length_weight: Float of at least 0, weight of path length regularization; 0 omits it.
        path_length_interval: Positive int, interval of path length regularization in steps. An epoch without
            such a step logs 0.
        style_mixing: Float from 0 to 1, probability that the images of a batch use the styles of a second
            latent from a random convolution on.
        learning_rate: Positive float, learning rate of both default optimizers, before the correction for
            lazy regularization.
        truncation: Float of at least 0, psi: factor of the distance of the styles from their average, in
            sampling and export. It does not affect training.
        average_ramp: Positive float, or None. Bounds the half-life of the average by this fraction of the
            images seen, so that the average of a short run does not include its start. The authors use
            0.05 for small data sets.
        augmentation, average_decay, average_half_life, seed, **kwargs: As for `AdversarialModel`.

    `CONFIGS` contains the authors' configurations as arguments: `"f"` (1024x1024), `"paper256"`,
    `"paper512"`, `"paper1024"` and `"cifar"`. Their batch sizes are 32, 64, 64, 32 and 64.

    Raises:
        ValueError: If an argument is out of its range, or the networks have another class or do not match the
            other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype="uint8")
    gan = kg.models.StyleGAN2(
        image_shape=(8, 8, 3), latent_dim=8, style_dim=8, num_mapping_layers=2, channel_max=8
    )
    gan.compile()
    gan.fit(images, batch_size=4, epochs=1)
    samples = gan.sample(4, seed=0, truncation=0.7)  # float32 (4, 8, 8, 3) in [-1, 1]
    ```

    Reference: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020, arXiv:1912.04958.
    Configurations and labels as in Karras et al., "Training generative adversarial networks with limited
    data", 2020, arXiv:2006.06676. Both main updates of a step use the same latents.
    """

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = ("discriminator_loss", "generator_loss", "gradient_penalty", "path_length")
    adversarial_log = "generator_loss"
    maps_latents = True

    _PAPER: ClassVar = {"learning_rate": 0.0025, "average_half_life": 20_000}
    CONFIGS: ClassVar = {
        "f": {"r1_weight": 10.0},
        "paper256": {**_PAPER, "channel_base": 16384, "r1_weight": 1.0, "group_size": 8},
        "paper512": {**_PAPER, "r1_weight": 0.5, "group_size": 8},
        "paper1024": {"r1_weight": 2.0},
        "cifar": {
            **_PAPER,
            "architecture": "plain",
            "num_mapping_layers": 2,
            "r1_weight": 0.01,
            "path_length_weight": 0.0,
            "style_mixing": 0.0,
            "group_size": 32,
            "average_half_life": 500_000,
            "average_ramp": 0.05,
        },
    }

    @checked_options
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        generator=None,
        discriminator=None,
        style_dim=512,
        num_mapping_layers=8,
        channel_base=32768,
        channel_max=512,
        noise=True,
        architecture="resnet",
        group_size=4,
        num_classes=None,
        r1_weight: NonNegative = 10.0,
        r1_interval: PositiveInt = 16,
        path_length_weight: NonNegative = 2.0,
        path_length_interval: PositiveInt = 4,
        style_mixing: Probability = 0.9,
        learning_rate: Positive = 0.002,
        truncation: NonNegative = 1.0,
        average_half_life=10_000,
        average_ramp: OptionalPositive = None,
        **kwargs,
    ):
        for argument, network, kind in (
            ("generator", generator, StyleGAN2Generator),
            ("discriminator", discriminator, StyleGAN2Discriminator),
        ):
            if network is not None and not isinstance(network, kind):
                raise ValueError(
                    f"`{argument}` must be a `keras_genzoo.networks.{kind.__name__}`. Received: {network!r}"
                )
            if network is not None and network.num_classes != num_classes:
                raise ValueError(
                    f"`num_classes` is {num_classes}, but the network {network.name!r} has {network.num_classes}."
                )
        image_shape = argument_or_own("image_shape", image_shape, generator, lambda: generator.image_shape)
        latent_dim = argument_or_own(
            "latent_dim", latent_dim, generator, lambda: generator.latent_dim, default=512
        )
        super().__init__(
            image_shape=image_shape,
            latent_dim=latent_dim,
            num_classes=num_classes,
            average_half_life=average_half_life,
            **kwargs,
        )
        channels = {"channel_base": channel_base, "channel_max": channel_max}
        generator = generator or StyleGAN2Generator(
            image_shape, latent_dim, num_classes, style_dim, num_mapping_layers, noise=noise, **channels
        )
        discriminator = discriminator or StyleGAN2Discriminator(
            image_shape, num_classes, architecture=architecture, group_size=group_size, **channels
        )
        argument_or_own("image_shape", image_shape, discriminator, lambda: discriminator.image_shape)
        self.adversarial_loss = losses.NonSaturating()
        self.penalty = penalties.R1(self.r1_weight)
        self.mean_path_length = self.add_weight(
            name="mean_path_length", shape=(), initializer="zeros", trainable=False, aggregation="mean"
        )
        self.set_networks(generator=generator, discriminator=discriminator)

    def default_optimizers(self):
        """Adam with `learning_rate`, beta_1 0, beta_2 0.99, epsilon 1e-8, corrected for lazy regularization."""
        intervals = self.regularizer_intervals
        return {
            player: corrected_adam(intervals[regularizer], self.learning_rate, beta_1=0.0, beta_2=0.99)
            for player, regularizer in (("generator", "path_length"), ("discriminator", "r1"))
        }

    @property
    def regularizer_intervals(self):
        """As for `LazyRegularization`."""
        return {
            "r1": self.r1_interval if self.r1_weight else None,
            "path_length": self.path_length_interval if self.path_length_weight else None,
        }

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        mixing, noise = self.draw_mixing(num), self.draw_noise(num)
        fakes, pullback = self.vjp(lambda: self.generate(latents, labels, mixing, noise), "generator")
        discriminator_loss = self.minimize(
            lambda: self.discriminator_loss(images, fakes, labels, True), "discriminator"
        )
        generator_loss = self.minimize_through(
            lambda fakes: self.generator_loss(fakes, labels, True), fakes, pullback, "generator"
        )
        logs = {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}
        if self.is_due("r1"):
            logs["gradient_penalty"] = self.minimize_r1(images, labels)
        if self.is_due("path_length"):
            logs["path_length"] = self.minimize_path_length(num, labels)
        self.update_average(num)
        self.count_step()
        return self.update_trackers(**logs)

    @backends.test_step
    def test_step(self, data):
        images, labels = self.unpack(data)
        latents = self.draw_latents(ops.shape(images)[0])
        fakes = self.sampling_network(join(latents, labels))
        styles = self.generator.repeated(self.generator.styles(join(latents, labels)))
        lengths = (
            self.path_lengths(styles, None, self.draw_directions(latents)) if self.path_length_weight else 0.0
        )
        return self.update_trackers(
            discriminator_loss=self.discriminator_loss(images, fakes, labels),
            generator_loss=self.generator_loss(fakes, labels),
            gradient_penalty=self.r1(images, labels),
            path_length=ops.mean(lengths),
        )

    # The main losses.

    def draw_mixing(self, num):
        """Draws a second batch of latents and the number of styles before theirs; None without style mixing."""
        if not self.style_mixing:
            return None
        num_styles = self.generator.num_styles
        is_mixed, place = ops.unstack(keras.random.uniform((2,), seed=self.noise))
        first = 1.0 + ops.floor(place * (num_styles - 1))
        return self.draw_latents(num), ops.where(is_mixed < self.style_mixing, first, num_styles)

    def draw_noise(self, num):
        """Draws the noise of all convolutions for a batch; None for a generator without noise."""
        if not self.generator.has_noise:
            return None
        return [
            keras.random.normal((num, side, side, 1), seed=self.noise) for side in self.generator.noise_sides
        ]

    def generate(self, latents, labels=None, mixing=None, noise=None):
        """Generates float32 images with the generator that is being trained, and updates its average style."""
        styles = self.generator.styles(join(latents, labels))
        self.generator.mapping.track_average(styles)
        return self.generator.synthesize(self.mixed(styles, labels, mixing), noise)

    def mixed(self, styles, labels, mixing):
        """Returns the styles of all convolutions, `(batch, num_styles, style_dim)`; `mixing` is the result of
        `draw_mixing`.
        """
        repeated = self.generator.repeated(styles)
        if mixing is None:
            return repeated
        latents, first = mixing
        others = self.generator.repeated(self.generator.styles(join(latents, labels)))
        is_own = ops.arange(self.generator.num_styles, dtype="float32") < first
        return ops.where(is_own[None, :, None], repeated, others)

    def discriminator_loss(self, images, fakes, labels=None, training=False):
        """Computes `E[softplus(D(G(z)))] + E[softplus(-D(x))]`, a float32 scalar."""
        # Groups of the minibatch standard deviation are consecutive images, so one pass over both does not mix them.
        both = ops.concatenate([images, ops.stop_gradient(fakes)])
        both_labels = None if labels is None else ops.concatenate([labels, labels])
        real_logits, fake_logits = ops.split(self._logits(both, both_labels, training), 2)
        self.update_augmentation(real_logits, training)
        return self.adversarial_loss.discriminator(real_logits, fake_logits)

    def generator_loss(self, fakes, labels=None, training=False):
        """Computes `E[softplus(-D(G(z)))]`, a float32 scalar."""
        return self.adversarial_loss.generator(self._logits(fakes, labels, training))

    def _logits(self, images, labels, training):
        return self.discriminator(join(self.seen(images, training), labels))

    # The regularizers.

    def minimize_r1(self, images, labels=None):
        """Takes a step of the discriminator on R1, and returns its value."""

        def loss():
            penalty = self.r1(images, labels, True)
            return self.r1_interval * penalty, penalty

        return self.minimize(loss, "discriminator", has_aux=True, bounded=False)[1]

    def r1(self, images, labels=None, training=False):
        """Computes `gamma / 2 * E[|grad D(x)|^2]`, a float32 scalar."""
        return self.penalty(lambda images: self._logits(images, labels, training), images, None, self.noise)

    def minimize_path_length(self, num, labels=None):
        """Takes a step of the generator on the path lengths of half a batch, and returns their mean."""
        num = (num + 1) // 2
        latents, noise = self.draw_latents(num), self.draw_noise(num)
        mixing, directions = self.draw_mixing(num), self.draw_directions(latents)
        labels = None if labels is None else labels[:num]

        def loss():
            styles = self.generator.styles(join(latents, labels))
            lengths = self.path_lengths(self.mixed(styles, labels, mixing), noise, directions)
            # Moving average of the lengths, the target of the regularization.
            before = ops.convert_to_tensor(self.mean_path_length)
            mean = before + 0.01 * (ops.mean(lengths) - before)
            penalty = self.path_length_weight * ops.mean(ops.square(lengths - mean))
            return self.path_length_interval * penalty, (mean, ops.mean(lengths))

        _, (mean, length) = self.minimize(loss, "generator", has_aux=True, bounded=False)
        self.mean_path_length.assign(mean)
        return length

    def draw_directions(self, latents):
        """Draws random directions in image space: normal noise with expected length 1 per channel."""
        height, width, channels = self.image_shape
        shape = (ops.shape(latents)[0], height, width, channels)
        return keras.random.normal(shape, seed=self.noise) / math.sqrt(height * width)

    def path_lengths(self, styles, noise, directions):
        """Computes path lengths `|J^T y|`, the change of an image along a direction per change of its styles.

        Args:
            styles: Float tensor `(batch, num_styles, style_dim)`.
            noise: As for `StyleGAN2Generator.synthesize`.
            directions: Float tensor with the shape of the images.

        Returns:
            Float32 tensor `(batch,)`.

        Reference: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020,
        arXiv:1912.04958, section 3.2, equation 4; the mean over convolutions as in the authors' code.
        """

        def along(styles):
            return ops.sum(self.generator.synthesize(styles, noise) * directions)

        _, gradients = backends.input_value_and_grad(along, styles)
        squares = ops.mean(ops.sum(ops.square(gradients), axis=2), axis=1)
        return ops.sqrt(squares + 1e-12)

    # Description of the model.

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; small networks, and four times the authors' heuristic for R1, for small data
        sets.
        """
        batch_size = 16
        return {
            "model": {
                "latent_dim": 128,
                "style_dim": 128,
                "num_mapping_layers": 4,
                "channel_base": 1024,
                "channel_max": 128,
                "r1_weight": 4 * 0.0002 * image_shape[0] ** 2 / batch_size,
                "average_ramp": 0.05,
            },
            "data": {"batch_size": batch_size},
            "num_steps": 30_000,
        }

    def check_batch_size(self, num, training):
        super().check_batch_size(num, training)
        # The discriminator also uses groups in evaluation.
        check_groups(self.discriminator.group_size, num, backends.num_replicas_of(self))

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    def half_life_at(self, num_images):
        if self.average_ramp is None:
            return self.average_half_life
        seen = ops.cast(self.steps.value * num_images, "float32")
        return ops.clip(self.average_ramp * seen, 1e-8, self.average_half_life)

    # Editing, in the space of styles.

    def codes_from_latents(self, latents, labels=None):
        """Computes the styles of latents, `(num, style_dim)`, with the truncation of the model."""
        network = self.sampling_network
        return network.truncated(network.styles(join(latents, labels)), self.truncation)

    def images_from_codes(self, codes, labels=None):
        """As for `LatentModel`; the labels are already part of the styles."""
        network = self.sampling_network
        return ops.clip(network.synthesize(network.repeated(codes)), -1.0, 1.0)

    def nearest_codes(self, codes):
        """As for `LatentModel`; all styles are allowed."""
        return codes

    def mean_code(self):
        """As for `LatentModel`: the average style."""
        return ops.convert_to_numpy(self.sampling_network.mapping.average)

    def weights_of_codes(self):
        """As for `LatentModel`: the weights that map codes to the styles of each convolution."""
        network = self.sampling_network
        layers = [*network.convolutions, *network.images]
        return [ops.convert_to_numpy(layer.affine.kernel) for layer in layers]

    # Using a trained model.

    def call(self, inputs, training=False):
        latents, labels = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        return self.images_from_latents(latents, labels)

    def images_from_latents(self, latents, labels=None, truncation=None):
        """Generates images in [-1, 1] with the sampling network.

        Args:
            latents: Float tensor `(batch, latent_dim)`.
            labels: Int tensor `(batch,)`, or None.
            truncation: As for `sample`.

        Returns:
            Float32 tensor of images.
        """
        truncation = self.truncation if truncation is None else truncation
        return ops.clip(self.sampling_network(join(latents, labels), truncation=truncation), -1.0, 1.0)

    @checked
    def sample(
        self,
        num: OptionalPositiveInt = None,
        seed: OptionalSeed = None,
        latents=None,
        labels=None,
        batch_size: PositiveInt = 64,
        truncation: OptionalNonNegative = None,
    ):
        """Generates images.

        Args:
            num, seed, latents, labels, batch_size: As for `LatentModel.sample`.
            truncation: Float of at least 0, factor of the distance of the styles from their average. Below 1,
                images are less diverse, and often better; at 0, all images are equal. Defaults to the
                `truncation` of the model.

        Returns:
            Float32 NumPy array `(num, height, width, channels)` in [-1, 1].

        Raises:
            ValueError: If the number of images is not given, or the arguments are out of range or do not
                match each other or the model.
        """
        truncation = self.truncation if truncation is None else truncation
        latents = self.latents_of_call(num, seed, latents, labels)
        return self.images_of(latents, labels, batch_size, truncation=np.float32(truncation))

    @property
    def compiled_state(self):
        return self.truncation
