"""StarGAN v2: translation between several domains, controlled by styles (Choi et al. 2020)."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, latent, losses, modalities, penalties
from keras_genzoo.arguments import Network, NonNegative, PositiveInt, array, checked
from keras_genzoo.models.domain_translation_model import DomainTranslationModel
from keras_genzoo.models.network_checks import argument_or_own, first_of
from keras_genzoo.models.options import checked_options
from keras_genzoo.models.translation_model import Task, checked_styles, mean_absolute_difference
from keras_genzoo.networks import (
    StarGANv2Discriminator,
    StarGANv2Generator,
    StarGANv2Mapping,
    StarGANv2StyleEncoder,
)
from keras_genzoo.networks.progressive import num_levels_of
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class StarGANv2(DomainTranslationModel):
    """Translation between several domains with one generator that is controlled by styles (StarGAN v2).

    The discriminator has one logit per domain. A style belongs to a domain. The mapping network computes it
    from a latent, the style encoder from a reference image. The model is trained on images with the index of
    their domain as label.

    The target domains of a batch are a random permutation of its domains, and the images of the permutation
    are the references. The second reference is another image of the batch from the same domain, or the same
    image if there is no other. Batches should therefore contain several images per domain.

    The generator, the mapping and the encoder minimize the adversarial loss, plus `style_weight` and
    `cycle_weight` times the style and cycle losses, minus the diversity (equation 5). The discriminator
    minimizes the non-saturating loss plus R1.

    The high-pass filter of the authors' model for faces is not implemented: it needs a network for facial
    landmarks. The networks are those for animals.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k.
        num_classes: Int of at least 2, number of domains.
        latent_dim, style_dim: Positive ints, lengths of a latent and of a style.
        generator: `keras.Model` that maps a list of images and styles to images. Defaults to
            `keras_genzoo.networks.StarGANv2Generator`.
        mapping: `keras.Model` that maps a list of latents and domains to styles. Defaults to
            `keras_genzoo.networks.StarGANv2Mapping`.
        encoder: `keras.Model` that maps a list of images and domains to styles. Defaults to
            `keras_genzoo.networks.StarGANv2StyleEncoder`.
        discriminator: `keras.Model` that maps a list of images and domains to logits `(batch, 1)`. Defaults
            to `keras_genzoo.networks.StarGANv2Discriminator`.
        width: Positive int, number of channels after the first convolution of the default networks. Defaults
            to 2^14 / height.
        max_width: Positive int, largest number of channels of the default networks.
        hidden: Positive int, number of units of the layers of the default mapping.
        domain_names: Tuple of different strings, names of the domains, or None.
        r1_weight: Float of at least 0, weight of R1 on real images, half the mean squared gradient norm.
        style_weight: Float of at least 0, weight of the mean absolute difference between a style and the
            style that the encoder infers from the translation.
        diversity_weight: Float of at least 0, initial weight of the mean absolute difference between
            translations to two styles, which is maximized. The authors use 2 for animals and 1 for faces.
        diversity_steps: Positive int, number of training steps over which `diversity_weight` decays linearly
            to 0. The variable `steps` counts them; backups and `.keras` files contain it, presets do not.
        cycle_weight: Float of at least 0, weight of the mean absolute difference between an image and its
            translation to another domain and back to its own style.
        average_decay, average_half_life, seed, **kwargs: As for `GenerativeModel`. The generator, the mapping
            and the encoder are averaged.

    Raises:
        ValueError: If an argument is out of its range, `num_classes` is missing, or the networks or
            `domain_names` do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype="uint8")
    domains = np.array([0, 1, 0, 1])
    generator = kg.networks.StarGANv2Generator(
        style_dim=8, width=4, max_width=8, num_downsamplings=1, num_blocks=0
    )
    model = kg.models.StarGANv2(
        (8, 8, 3), num_classes=2, style_dim=8, generator=generator, width=4, max_width=8, hidden=8
    )
    model.compile()
    model.fit(images, domains, batch_size=4, epochs=1)
    translations = model.translate(images, domain=1, seed=0)  # float32 (4, 8, 8, 3) in [-1, 1]
    styles = model.styles_of(images, domain=domains)  # float32 (4, 8)
    in_style_of_first = model.translate(images, styles=styles[0])
    ```

    Reference: Choi et al., "StarGAN v2: Diverse image synthesis for multiple domains", 2020,
    arXiv:1912.01865, equations 1 to 5 and appendix B; weight decay and the order of updates as in the
    authors' code.
    """

    players: ClassVar = {
        "generator": ("generator",),
        "mapping": ("mapping",),
        "encoder": ("encoder",),
        "discriminator": ("discriminator",),
    }
    loss_names = (
        "discriminator_loss",
        "gradient_penalty",
        "generator_loss",
        "adversarial_loss",
        "style_loss",
        "diversity",
        "cycle_loss",
    )
    adversarial_log = "adversarial_loss"
    image_networks = ("generator", "mapping", "encoder")

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`; narrow networks."""
        num_steps = 40_000
        return {
            "model": {"width": 32, "max_width": 128, "hidden": 128, "diversity_steps": num_steps},
            "data": {"batch_size": 8},
            "num_steps": num_steps,
        }

    @checked_options
    def __init__(
        self,
        image_shape,
        num_classes,
        latent_dim: PositiveInt = 16,
        style_dim: PositiveInt = 64,
        *,
        generator: Network = None,
        mapping: Network = None,
        encoder: Network = None,
        discriminator: Network = None,
        width=None,
        max_width=512,
        hidden=512,
        domain_names=None,
        r1_weight: NonNegative = 1.0,
        style_weight: NonNegative = 1.0,
        diversity_weight: NonNegative = 2.0,
        diversity_steps: PositiveInt = 100_000,
        cycle_weight: NonNegative = 1.0,
        average_decay=0.999,
        **kwargs,
    ):
        super().__init__(
            image_shape=image_shape,
            num_classes=num_classes,
            domain_names=domain_names,
            average_decay=average_decay,
            **kwargs,
        )
        side, *_, channels = self.image_shape
        num_levels = num_levels_of(self.image_shape)
        widths = {"width": max(1, 2**14 // side) if width is None else width, "max_width": max_width}
        networks = {
            # Downsamplings to a side of 16, at least one.
            "generator": generator
            or StarGANv2Generator(channels, style_dim, num_downsamplings=max(1, num_levels - 3), **widths),
            "mapping": mapping or StarGANv2Mapping(num_classes, latent_dim, style_dim, hidden),
            "encoder": encoder or StarGANv2StyleEncoder(num_classes, self.image_shape, style_dim, **widths),
            "discriminator": discriminator or StarGANv2Discriminator(num_classes, self.image_shape, **widths),
        }
        for name, network in networks.items():
            if len(network.inputs) != 2:
                raise ValueError(
                    f"`{name}` must take a list of two inputs. Received: {network.name!r}, which takes "
                    f"{len(network.inputs)}"
                )
        for name in ("generator", "encoder", "discriminator"):
            argument_or_own(
                "image_shape[-1]", channels, networks[name], lambda name=name: _channels(networks[name])
            )
        for argument, value, name, shape_of in (
            ("style_dim", style_dim, "generator", lambda network: network.input_shape[1]),
            ("style_dim", style_dim, "mapping", lambda network: network.output_shape),
            ("style_dim", style_dim, "encoder", lambda network: network.output_shape),
            ("latent_dim", latent_dim, "mapping", lambda network: network.input_shape[0]),
        ):
            argument_or_own(
                argument,
                value,
                networks[name],
                lambda name=name, shape_of=shape_of: shape_of(networks[name])[-1],
            )
        self.adversarial_loss = losses.NonSaturating()
        self.penalty = penalties.R1(self.r1_weight)
        self.steps = self.add_counter("steps")
        self.set_networks(**networks)

    @property
    def tasks(self):
        task = Task("generator", self.source_modality, self.modality, self.style_dim, self.num_classes)
        return {"between_domains": task}

    @property
    def latent(self):
        """Distribution of the latents from which the mapping computes styles."""
        return latent.Normal(self.latent_dim)

    def default_optimizers(self):
        """Adam with learning rate 1e-4 (the mapping 1e-6), beta_1 0, beta_2 0.99 and an L2 penalty of 1e-4."""
        return {
            player: Adam(1e-6 if player == "mapping" else 1e-4, beta_1=0.0, beta_2=0.99, l2=1e-4)
            for player in self.players
        }

    @backends.train_step
    def train_step(self, data):
        images, domains = self.unpack(data)
        num = ops.shape(images)[0]
        targets, *references = self.draw_references(images, domains)
        latents = [self.draw_latents(num), self.draw_latents(num)]

        # The translations do not depend on the discriminator, which is updated first.
        translated, pullback = self.vjp(
            lambda: self.translated(images, domains, targets, self.styles_by_latents(latents, targets)),
            "generator",
            "mapping",
            "encoder",
        )
        judged = [self.minimize_discriminator(images, domains, translated[0], targets)]
        styles, *_ = self.styles_by_references(references[:1], targets)
        fakes = self.generator([images, styles], training=True)
        judged.append(self.minimize_discriminator(images, domains, fakes, targets))

        _, by_latents = self.minimize_through(
            lambda translated: self.generator_loss(images, targets, translated, True),
            translated,
            pullback,
            "generator",
            "mapping",
            "encoder",
            has_aux=True,
        )
        # With references, only the generator is updated.
        styles = self.styles_by_references(references, targets)
        _, by_references = self.minimize(
            lambda: self.generator_loss(
                images, targets, self.translated(images, domains, targets, styles), True
            ),
            "generator",
            has_aux=True,
        )
        self.update_average(num)
        self.steps.assign(self.steps.value + 1)
        return self.update_trackers(**_means(*judged), **_means(by_latents, by_references))

    @backends.test_step
    def test_step(self, data):
        images, domains = self.unpack(data)
        num = ops.shape(images)[0]
        targets, *references = self.draw_references(images, domains)
        latents = [self.draw_latents(num), self.draw_latents(num)]
        judged, made = [], []
        for styles in (
            self.styles_by_latents(latents, targets, False),
            self.styles_by_references(references, targets, False),
        ):
            translated = self.translated(images, domains, targets, styles, False)
            judged.append(self.discriminator_loss(images, domains, translated[0], targets)[1])
            made.append(self.generator_loss(images, targets, translated)[1])
        return self.update_trackers(**_means(*judged), **_means(*made))

    # Random values of a step.

    def draw_latents(self, num):
        """Draws latents for training, float32 `(num, latent_dim)`."""
        return self.latent.draw(num, self.noise)

    def draw_references(self, images, domains):
        """Draws the target domains of a batch, and two reference images for each.

        Args:
            images: Float tensor `(batch, *image_shape)`.
            domains: Int tensor `(batch,)`.

        Returns:
            Tuple of the domains `(batch,)` and two tensors of images.
        """
        num = ops.shape(images)[0]
        places = keras.random.shuffle(ops.arange(num), seed=self.noise)
        targets = ops.take(domains, places, axis=0)
        # Another image of the domain has the largest score, followed by the first reference itself.
        is_of_domain = ops.cast(targets[:, None] == domains[None], "float32")
        is_another = ops.cast(ops.arange(num)[None] != places[:, None], "float32")
        scores = keras.random.uniform((num, num), seed=self.noise) + 2.0 * is_of_domain + is_another
        return targets, ops.take(images, places, axis=0), ops.take(images, ops.argmax(scores, axis=1), axis=0)

    # The parts of a step.

    def styles_by_latents(self, latents, targets, training=True):
        """Returns a list with the styles for each batch of latents."""
        mapping = self.network_of("mapping", training)
        return [mapping([each, targets], training=training) for each in latents]

    def styles_by_references(self, references, targets, training=True):
        """Returns a list with the styles for each batch of reference images."""
        encoder = self.network_of("encoder", training)
        return [encoder([each, targets], training=training) for each in references]

    def translated(self, images, domains, targets, styles, training=True):
        """Computes all tensors that the losses of the generator compare.

        Args:
            images: Float tensor `(batch, *image_shape)` of images in [-1, 1].
            domains, targets: Int tensors `(batch,)`, source and target domains.
            styles: List of two float tensors `(batch, style_dim)`.
            training: Bool. In inference, the averages are used if there are any.

        Returns:
            List of the translations to the first styles; the translations to the second styles, without
            gradient; the first styles; the styles that the encoder infers from the translations; and the
            translations back.
        """
        generator, encoder = self.network_of("generator", training), self.network_of("encoder", training)
        fakes, others = (generator([images, each], training=training) for each in styles)
        found = encoder([fakes, targets], training=training)
        own = encoder([images, domains], training=training)
        back = generator([fakes, own], training=training)
        return [fakes, ops.stop_gradient(others), styles[0], found, back]

    def minimize_discriminator(self, images, domains, fakes, targets):
        """Takes a step of the discriminator against translations, and returns the logged losses."""
        _, logs = self.minimize(
            lambda: self.discriminator_loss(images, domains, fakes, targets, True),
            "discriminator",
            has_aux=True,
        )
        return logs

    def discriminator_loss(self, images, domains, fakes, targets, training=False):
        """Computes `E[softplus(-D_y(x))] + E[softplus(D_t(G(x, s)))]` plus R1.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of both terms.
        """

        def logits_of(images):
            return self.discriminator([images, domains], training=training)

        fake_logits = self.discriminator([ops.stop_gradient(fakes), targets], training=training)
        adversarial = self.adversarial_loss.discriminator(logits_of(images), fake_logits)
        penalty = self.penalty(logits_of, images, None, self.noise)
        return adversarial + penalty, {"discriminator_loss": adversarial, "gradient_penalty": penalty}

    def generator_loss(self, images, targets, translated, training=False):
        """Computes the adversarial loss plus the weighted style, diversity and cycle losses (equation 5).

        Args:
            images, targets: As for `translated`.
            translated: Result of `translated`.
            training: Bool.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses: the sum, and the terms
            without weights.
        """
        fakes, others, styles, found, back = translated
        adversarial_loss = self.adversarial_loss.generator(
            self.discriminator([fakes, targets], training=training)
        )
        style_loss = mean_absolute_difference(found, styles)
        diversity = mean_absolute_difference(fakes, others)
        cycle_loss = mean_absolute_difference(back, images)
        loss = (
            adversarial_loss
            + self.style_weight * style_loss
            - self.current_diversity_weight() * diversity
            + self.cycle_weight * cycle_loss
        )
        return loss, {
            "generator_loss": loss,
            "adversarial_loss": adversarial_loss,
            "style_loss": style_loss,
            "diversity": diversity,
            "cycle_loss": cycle_loss,
        }

    def current_diversity_weight(self):
        """Returns `diversity_weight` after its decay over `steps`, a float32 scalar."""
        done = ops.cast(self.steps.value, "float32") / self.diversity_steps
        return self.diversity_weight * ops.relu(1.0 - done)

    # Description of the model.

    @property
    def inference_networks(self):
        """As for `GenerativeModel`: all networks except the discriminator."""
        return {name: network for name, network in self.preset_networks.items() if name != "discriminator"}

    @property
    def chance_level(self):
        return self.adversarial_loss.chance_level()

    # Using a trained model.

    def images_from_images(self, images, direction=None, styles=None, domains=None, latents=None):
        """As for `TranslationModel`.

        Args:
            images: Float tensor; images in [-1, 1].
            direction: String or None.
            styles: Float tensor `(batch, style_dim)`. Defaults to the styles of the next arguments.
            domains: Int tensor `(batch,)`. Defaults to the first domain.
            latents: Float tensor `(batch, latent_dim)`. Defaults to zeros.
        """
        if styles is None:
            domains = self.first_domains(images) if domains is None else domains
            if latents is None:
                # Derived from the images, whose number may be unknown.
                latents = ops.repeat(ops.zeros_like(images[:, 0, 0, :1]), self.latent_dim, axis=-1)
            styles = self.network_of("mapping")([latents, domains], training=False)
        images = self.network_of("generator")([images, styles], training=False)
        return ops.clip(ops.cast(images, "float32"), -1.0, 1.0)

    def given_to_translate(self, num, direction, seed, styles, domain):
        """As for `TranslationModel`: the given styles, or styles of the latents of a seed in a domain."""
        if styles is not None:
            if domain is not None:
                self.numbers_of_domains(domain, num)
            return [checked_styles(styles, num, self.style_dim)]
        latents = (
            np.zeros((num, self.latent_dim), "float32")
            if seed is None
            else ops.convert_to_numpy(self.latent.from_seed(num, seed))
        )
        return [self.styles_from_latents(latents, domain)]

    @checked
    def styles_from_latents(self, latents, domain=None, batch_size: PositiveInt = 64):
        """Computes the styles of latents with the mapping.

        Args:
            latents: Float array `(num, latent_dim)`.
            domain: As for `translate`.
            batch_size: Positive int, number of latents mapped at once.

        Returns:
            Float32 NumPy array `(num, style_dim)`.

        Raises:
            ValueError: If the latents or the domain do not match the model.
        """
        latents = array("latents", latents, "float32")
        self.latent.check(latents)
        return self.in_batches(
            self._styles_of_latents, [latents, self.numbers_of_domains(domain, len(latents))], batch_size
        )

    @checked
    def styles_of(self, images, domain=None, batch_size: PositiveInt = 64):
        """Computes the styles of reference images with the encoder.

        Args:
            images: Array `(num, *image_shape)`, uint8 or float in [-1, 1].
            domain: As for `translate`; the domain of the images.
            batch_size: Positive int, number of images encoded at once.

        Returns:
            Float32 NumPy array `(num, style_dim)`.

        Raises:
            ValueError: If the images or the domain do not match the model.
        """
        images = array("images", images)
        self.modality.check(modalities.Summary.of(images), "images")
        return self.in_batches(
            self.styles_of_tensor, [images, self.numbers_of_domains(domain, len(images))], batch_size
        )

    def _styles_of_latents(self, latents, domains):
        return self.network_of("mapping")([latents, domains], training=False)

    def styles_from_images(self, images, domains):
        """As for `TranslationModel`: styles of images of domains, from the encoder."""
        return ops.cast(self.network_of("encoder")([images, domains], training=False), "float32")

    # Exports.

    def inputs_of_signatures(self, direction):
        """As for `DomainTranslationModel`; signatures with the suffix `_styled` take styles."""
        styles = {"styles": keras.KerasTensor((None, self.style_dim), "float32")}
        return {**super().inputs_of_signatures(direction), "_styled": styles}

    def inputs_of_networks(self, direction):
        """As for `DomainTranslationModel`, plus the latents."""
        latents = {"latents": keras.KerasTensor((None, self.latent_dim), "float32")}
        return {**super().inputs_of_networks(direction), **latents}

    def inputs_of_styles(self):
        """As for `TranslationModel`: the domains of the images."""
        return super().inputs_of_networks(None)


def _channels(network):
    return first_of(network.input_shape)[-1]


def _means(logs, others):
    """Means of two dicts of numbers."""
    return {name: 0.5 * (value + others[name]) for name, value in logs.items()}
