"""The base class of families that translate images between several domains."""

import shlex
from typing import Annotated

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, modalities, visualization
from keras_genzoo.arguments import Check, OptionalPositiveInt, Seed, array, checked, optional
from keras_genzoo.models.options import checked_options
from keras_genzoo.models.translation_model import TranslationModel


def _names(argument, value):
    if isinstance(value, list | tuple) and all(isinstance(name, str) and name for name in value):
        if len({*value}) == len(value):
            return tuple(value)
    raise ValueError(f"`{argument}` must be a tuple of different strings. Received: {argument}={value!r}")


class DomainTranslationModel(TranslationModel):
    """A model that translates images between several domains.

    It is trained on images with the index of their domain as label. A subclass has one task, whose
    `num_domains` is `num_classes`, and defines `images_from_images`. If a translation depends on more than
    the domain, it also extends `given_to_translate` and `inputs_of_networks`.

    Args:
        image_shape: Tuple `(height, width, channels)` of the images of all domains.
        num_classes: Int of at least 2, number of domains.
        domain_names: Tuple of different strings, names of the domains, or None.
        average_decay, average_half_life, seed, **kwargs: As for `GenerativeModel`.

    Raises:
        ValueError: If `num_classes` is missing, or `domain_names` does not have one name per domain.
    """

    trains_on = ("images",)

    @checked_options
    def __init__(
        self,
        *,
        image_shape,
        num_classes,
        domain_names: Annotated[tuple | None, Check(optional(_names))] = None,
        **kwargs,
    ):
        image_shape = modalities.of_shape(image_shape).shape
        super().__init__(
            image_shape=image_shape, source_channels=image_shape[-1], num_classes=num_classes, **kwargs
        )
        if num_classes is None:
            raise ValueError("`num_classes` must be the number of domains, at least 2. Received: None")
        if domain_names is not None and len(domain_names) != num_classes:
            raise ValueError(
                f"`domain_names` must contain {num_classes} names, one per domain. Received: {domain_names}"
            )

    def unpack(self, data):
        """Splits a batch into float32 images in [-1, 1] and their domains."""
        images, domains, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.modality.scale(images), ops.cast(domains, "int32")

    def default_measures(self):
        return ("domain_translation",)

    def expected_data(self):
        return {"x": self.modality, "y": self.condition}

    @property
    def preset_usage(self):
        """As for `TranslationModel`."""
        domain = self.domain_names[-1] if self.domain_names else self.num_classes - 1
        python, shell = (", seed=0", " --seed 0") if self.draws() else ("", "")
        return {
            "python": f"images = model.translate(pictures, domain={domain!r}{python})  # uint8 or float in [-1, 1]",
            "shell": "genzoo translate {name} picture.png --output translated "
            f"--domain {shlex.quote(str(domain))}{shell} --size {max(self.image_shape[:2])}",
        }

    # Using a trained model.

    def call(self, inputs, training=False):
        images, domains = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        return self.images_from_images(self.modality.scale(images), domains=domains)

    def images_from_images(self, images, direction=None, domains=None):
        """As for `TranslationModel`.

        Args:
            images: Float tensor; images in [-1, 1].
            direction: String or None.
            domains: Int tensor `(batch,)`. Defaults to the first domain.
        """
        raise NotImplementedError

    def given_to_translate(self, num, direction, seed, styles, domain):
        """As for `TranslationModel`, plus the domains."""
        others = super().given_to_translate(num, direction, seed, styles, None)
        return [*others, self.numbers_of_domains(domain, num)]

    def first_domains(self, images):
        """Returns the first domain for each image of a tensor, int32 `(batch,)`. The number may be unknown."""
        return ops.cast(ops.zeros_like(images[:, 0, 0, 0]), "int32")

    def check_domain(self, domain):
        """Checks a domain.

        Args:
            domain: As for `translate`, for one image.

        Raises:
            ValueError: If the model has no such domain.
        """
        self.numbers_of_domains(domain, 1)

    def numbers_of_domains(self, domain, num):
        """Returns the indices of domains, int32 `(num,)`.

        Args:
            domain: Int or name, a sequence with one per image, or None for the first domain.
            num: Int, number of images.

        Raises:
            ValueError: If the model has no such domain, or the sequence has another length.
        """
        if isinstance(domain, str) or (
            isinstance(domain, list | tuple) and any(isinstance(each, str) for each in domain)
        ):
            names = [domain] if isinstance(domain, str) else list(domain)
            known = self.domain_names or ()
            if unknown := [name for name in names if name not in known]:
                of_names = f"one of {', '.join(known)}, or " if known else ""
                raise ValueError(
                    f"`domain` must be {of_names}a number from 0 to {self.num_classes - 1}. Received: "
                    f"domain={unknown[0]!r}"
                )
            numbers = [known.index(name) for name in names]
            domain = numbers[0] if isinstance(domain, str) else numbers
        domains = array("domain", 0 if domain is None else domain)
        if domains.ndim == 0:
            domains = np.full(num, domains)
        self.condition.check(modalities.Summary.of(domains), "domain")
        if len(domains) != num:
            raise ValueError(
                f"`domain` must be one domain for all images, or a sequence of {num} domains. Received: "
                f"{len(domains)}"
            )
        return domains.astype("int32")

    @checked
    def preview(self, examples=None, seed: Seed = 0, num: OptionalPositiveInt = None):
        """As for `ZooModel`: a row per image, with the image and its translations to each domain; None
        without examples.

        Args:
            examples: Pair of arrays, images and their domains, or None.
            seed: Int, seed of the styles, one per row, for models with styles.
            num: Int, number of rows. Defaults to all examples.
        """
        if examples is None:
            return None
        images = examples[0][:num]
        drawn = {"seed": seed} if self.draws() else {}
        columns = [images] + [
            self.translate(images, domain=domain, **drawn) for domain in range(self.num_classes)
        ]
        return visualization.columns_grid(columns, scale=max(1, 128 // self.image_shape[0]))

    # Exports.

    def serving_description(self):
        """As for `TranslationModel`; tasks also have `domains`, the list of domain names."""
        description = super().serving_description()
        names = self.domain_names or map(str, range(self.num_classes))
        tasks = {name: {**task, "domains": list(names)} for name, task in description["tasks"].items()}
        return {**description, "tasks": tasks}

    def inputs_of_signatures(self, direction):
        """As for `TranslationModel`: the inputs of the network."""
        return {"": self.inputs_of_networks(direction)}

    def inputs_of_networks(self, direction):
        """As for `TranslationModel`: the domains."""
        return {"domains": keras.KerasTensor((None,), "int32")}

    def checked_in_graph(self, **given):
        """As for `TranslationModel`: checks the range of the domains."""
        if "domains" in given:
            given["domains"] = backends.checked_within(0, self.num_classes - 1, given["domains"], "domains")
        return given
