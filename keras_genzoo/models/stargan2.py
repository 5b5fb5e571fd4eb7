"""StarGAN v2 (Choi et al. 2020): one translator between several domains, led by a style."""

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
    """A generator that translates into a style, what makes styles, and a discriminator with a logit for each domain.

    A style is of a domain, and comes from a latent, by the mapping, or from a reference picture, by the encoder. It
    trains on images with the number of their domain as label.

    The domains to translate into are those of the batch in another order, whose images are the references. A second
    reference is another image of the batch from the same domain, drawn at random, or the first again where there is
    no other: batches should hold several images of a domain.

    The high-pass filter of the authors' model of faces is left out: it needs a network that finds the landmarks of
    faces. These are their networks for animals.

    Args:
        image_shape: Tuple `(height, width, channels)`; height = width = 4 * 2^k.
        num_classes: Int, number of domains.
        latent_dim, style_dim: Ints, lengths of a latent and of a style.
        generator: `keras.Model` of a list of images and styles to images. Defaults to
            `keras_genzoo.networks.StarGANv2Generator`.
        mapping: `keras.Model` of a list of latents and domains to styles. Defaults to
            `keras_genzoo.networks.StarGANv2Mapping`.
        encoder: `keras.Model` of a list of images and domains to styles. Defaults to
            `keras_genzoo.networks.StarGANv2StyleEncoder`.
        discriminator: `keras.Model` of a list of images and domains to logits `(batch, 1)`. Defaults to
            `keras_genzoo.networks.StarGANv2Discriminator`.
        width: Int, channels of the default networks behind the first convolution. Defaults to 2^14 / height.
        max_width: Int, the most channels of the default networks.
        hidden: Int, units of the default mapping's layers.
        domain_names: Tuple of strings, names of the domains, or None for numbers alone.
        r1_weight: Float, weight of R1 on real images, half the mean squared norm of the gradient.
        style_weight: Float, weight of the mean absolute difference between a style and that which the encoder finds
            in the translation.
        diversity_weight: Float, weight at the start of the mean absolute difference between translations into two
            styles, which is to be large. 2 is for animals; the authors' for faces is 1.
        diversity_steps: Int, training steps in which `diversity_weight` falls linearly to 0. They are counted by
            `steps`, which backups and `.keras` files hold, and presets do not.
        cycle_weight: Float, weight of the mean absolute difference between an image and its translation there and
            back, in its own style.
        average_decay, average_half_life, seed, **kwargs: As for `GenerativeModel`. Averaged are the generator, the
            mapping and the encoder.

    Example:

    ```python
    model = keras_genzoo.models.StarGANv2((64, 64, 3), num_classes=4, width=32, max_width=128)
    model.compile()
    model.fit(keras_genzoo.datasets.load("emoji_styles", batch_size=8, image_size=64), epochs=20)
    drawings = model.translate(images, domain=2, seed=0)
    like = model.translate(images, domain=2, styles=model.styles_of(references, domain=2))
    ```

    Source: Choi et al. 2020, "StarGAN v2: diverse image synthesis for multiple domains" (arXiv:1912.01865), equations
    1 to 5 and appendix B; weight decay and the order of updates as in the authors' program.
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
            # As many as lead to a side of 16, at least one.
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
        self.steps = self.add_weight(
            name="steps",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.set_networks(**networks)

    @property
    def tasks(self):
        task = Task("generator", self.source_modality, self.modality, self.style_dim, self.num_classes)
        return {"between_domains": task}

    @property
    def latent(self):
        """Distribution of the latents that styles are made of."""
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

        # What the generator makes does not depend on the discriminator, which goes first.
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
        # By references the generator alone.
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

    # What a step draws.

    def draw_latents(self, num):
        """Draws latents for training, float32 `(num, latent_dim)`."""
        return self.latent.draw(num, self.noise)

    def draw_references(self, images, domains):
        """Draws the domains to translate a batch into, and two reference images of each.

        Args:
            images: Float tensor `(batch, *image_shape)`.
            domains: Int tensor `(batch,)`.

        Returns:
            Tuple of the domains `(batch,)` and two tensors of images.
        """
        num = ops.shape(images)[0]
        places = keras.random.shuffle(ops.arange(num), seed=self.noise)
        targets = ops.take(domains, places, axis=0)
        # The largest is that of another image of the domain, then that of the first reference itself.
        is_of_domain = ops.cast(targets[:, None] == domains[None], "float32")
        is_another = ops.cast(ops.arange(num)[None] != places[:, None], "float32")
        scores = keras.random.uniform((num, num), seed=self.noise) + 2.0 * is_of_domain + is_another
        return targets, ops.take(images, places, axis=0), ops.take(images, ops.argmax(scores, axis=1), axis=0)

    # The parts of a step.

    def styles_by_latents(self, latents, targets, training=True):
        """List of the styles of each of several batches of latents."""
        mapping = self._used("mapping", training)
        return [mapping([each, targets], training=training) for each in latents]

    def styles_by_references(self, references, targets, training=True):
        """List of the styles of each of several batches of reference images."""
        encoder = self._used("encoder", training)
        return [encoder([each, targets], training=training) for each in references]

    def translated(self, images, domains, targets, styles, training=True):
        """All that the losses of the generator compare.

        Args:
            images: Float tensor `(batch, *image_shape)` of images in [-1, 1].
            domains, targets: Int tensors `(batch,)`, their own domains and those to translate into.
            styles: List of two float tensors `(batch, style_dim)`.
            training: Bool. In inference the networks are the averages, if kept.

        Returns:
            List of the translations into the first styles, of those into the second, to which no gradient passes, of
            the first styles, of the styles that the encoder finds in the translations, and of the translations back.
        """
        generator, encoder = self._used("generator", training), self._used("encoder", training)
        fakes, others = (generator([images, each], training=training) for each in styles)
        found = encoder([fakes, targets], training=training)
        own = encoder([images, domains], training=training)
        back = generator([fakes, own], training=training)
        return [fakes, ops.stop_gradient(others), styles[0], found, back]

    def minimize_discriminator(self, images, domains, fakes, targets):
        """Takes the discriminator's step against translations, and returns the logged losses."""
        _, logs = self.minimize(
            lambda: self.discriminator_loss(images, domains, fakes, targets, True),
            "discriminator",
            has_aux=True,
        )
        return logs

    def discriminator_loss(self, images, domains, fakes, targets, training=False):
        """`E[softplus(-D_y(x))] + E[softplus(D_t(G(x, s)))]` and R1.

        Returns:
            Tuple of their sum, a float32 scalar, and a dict of both.
        """

        def logits_of(images):
            return self.discriminator([images, domains], training=training)

        fake_logits = self.discriminator([ops.stop_gradient(fakes), targets], training=training)
        adversarial = self.adversarial_loss.discriminator(logits_of(images), fake_logits)
        penalty = self.penalty(logits_of, images, None, self.noise)
        return adversarial + penalty, {"discriminator_loss": adversarial, "gradient_penalty": penalty}

    def generator_loss(self, images, targets, translated, training=False):
        """The adversarial loss, and the weighted ones of style, diversity and cycle (equation 5).

        Args:
            images, targets: As for `translated`.
            translated: What `translated` gives.
            training: Bool.

        Returns:
            Tuple of the float32 scalar and a dict of what is logged, all but the sum without weights.
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
        """`diversity_weight` as it has fallen after `steps`, a float32 scalar."""
        done = ops.cast(self.steps.value, "float32") / self.diversity_steps
        return self.diversity_weight * ops.relu(1.0 - done)

    def _used(self, name, training):
        """The network of a name, in inference its average if kept."""
        return self.networks[name] if training else self.averages.get(name) or self.networks[name]

    # What is asked of the model.

    @property
    def inference_networks(self):
        """As for `GenerativeModel`: all but the discriminator."""
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
            styles: Float tensor `(batch, style_dim)`, or None for those of the next arguments.
            domains: Int tensor `(batch,)`, or None for the first domain.
            latents: Float tensor `(batch, latent_dim)`, or None for zeros.
        """
        if styles is None:
            domains = self.first_domains(images) if domains is None else domains
            if latents is None:
                # Of the images, whose number may not be known.
                latents = ops.repeat(ops.zeros_like(images[:, 0, 0, :1]), self.latent_dim, axis=-1)
            styles = self._used("mapping", False)([latents, domains], training=False)
        images = self._used("generator", False)([images, styles], training=False)
        return ops.clip(ops.cast(images, "float32"), -1.0, 1.0)

    def given_to_translate(self, num, direction, seed, styles, domain):
        """As for `TranslationModel`: the styles given, or those of the latents of a seed in a domain."""
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
        """The styles that the mapping makes of latents.

        Args:
            latents: Float array `(num, latent_dim)`.
            domain: As for `translate`.
            batch_size: Int, latents mapped at once.

        Returns:
            Float32 NumPy array `(num, style_dim)`.

        Raises:
            ValueError: If the latents or the domain do not fit the model.
        """
        latents = array("latents", latents, "float32")
        self.latent.check(latents)
        return self.in_batches(
            self._styles_of_latents, [latents, self.numbers_of_domains(domain, len(latents))], batch_size
        )

    @checked
    def styles_of(self, images, domain=None, batch_size: PositiveInt = 64):
        """The styles of reference images, as the encoder finds them.

        Args:
            images: Array `(num, *image_shape)`, uint8 or float in [-1, 1].
            domain: As for `translate`: the domain that the images are of.
            batch_size: Int, images encoded at once.

        Returns:
            Float32 NumPy array `(num, style_dim)`.

        Raises:
            ValueError: If the images or the domain do not fit the model.
        """
        images = array("images", images)
        self.modality.check(modalities.Summary.of(images), "images")
        return self.in_batches(
            self._styles_of_images, [images, self.numbers_of_domains(domain, len(images))], batch_size
        )

    def _styles_of_latents(self, latents, domains):
        return self._used("mapping", False)([latents, domains], training=False)

    def _styles_of_images(self, images, domains):
        images = self.modality.scale(images)
        return self._used("encoder", False)([images, domains], training=False)

    # Exports.

    def inputs_of_signatures(self, direction):
        """As for `DomainTranslationModel`; `_styled` ones take styles."""
        styles = {"styles": keras.KerasTensor((None, self.style_dim), "float32")}
        return {**super().inputs_of_signatures(direction), "_styled": styles}

    def inputs_of_networks(self, direction):
        """As for `DomainTranslationModel`: the latents too."""
        latents = {"latents": keras.KerasTensor((None, self.latent_dim), "float32")}
        return {**super().inputs_of_networks(direction), **latents}

    def signatures(self):
        """As for `TranslationModel`; `encode_styles` gives the styles of reference images of a domain."""

        def encode_float32(images, domains):
            domains = self.checked_in_graph(domains=domains)["domains"]
            return {"styles": self._styles_of_images(images, domains)}

        encode_float32 = backends.graph_function(encode_float32)

        def encode_uint8(images, domains):
            return encode_float32(self.modality.scale(images), domains)

        domains = super().inputs_of_networks(None)
        shape = (None, *self.image_shape)
        return {
            **super().signatures(),
            "encode_styles": (encode_uint8, {"images": keras.KerasTensor(shape, "uint8"), **domains}),
            "encode_styles_float32": (
                encode_float32,
                {"images": keras.KerasTensor(shape, "float32"), **domains},
            ),
        }


def _channels(network):
    return first_of(network.input_shape)[-1]


def _means(logs, others):
    """The means of two dicts of numbers."""
    return {name: 0.5 * (value + others[name]) for name, value in logs.items()}
