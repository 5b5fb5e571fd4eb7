"""The base class of families that translate images: pairs of images, translation, and export."""

import dataclasses
from functools import partial

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, latent, modalities, visualization
from keras_genzoo.arguments import OptionalSeed, PositiveInt, array, checked
from keras_genzoo.backends import keras_private
from keras_genzoo.images import pictures, pixels
from keras_genzoo.layers import sampling_seeds
from keras_genzoo.models.generative_model import GenerativeModel
from keras_genzoo.models.network_checks import first_of
from keras_genzoo.models.zoo_model import joined


@dataclasses.dataclass(frozen=True)
class Task:
    """A translation that a model can perform.

    Args:
        network: String, name of the network that translates.
        source: Modality of the sources.
        target: Modality of the translations. Its sides may be a multiple of those of the source.
        style_dim: Int, length of the styles that the network also takes, or None.
        num_domains: Int, number of target domains, or None for a single domain.
    """

    network: str
    source: modalities.Images | modalities.LabelMaps
    target: modalities.Images
    style_dim: int | None = None
    num_domains: int | None = None

    @property
    def scale(self):
        """Int, the side of a translation divided by the side of its source."""
        return self.target.shape[0] // self.source.shape[0]


class TranslationModel(GenerativeModel):
    """A generative model whose networks translate images to images.

    It is trained on pairs: two arrays, `fit(sources, targets)`, or a dataset of pairs of batches
    (`keras_genzoo.datasets.paired_folder`, `unpaired_folders`).

    Args:
        image_shape, average_decay, average_half_life, seed, **kwargs: As for `GenerativeModel`. The shape is
            that of the targets. The networks are fully convolutional: images of other sizes can be translated
            if their sides are multiples of `size_multiple`.
        source_channels: Positive int, number of channels of the source images.

    Raises:
        ValueError: If `image_shape` is not `(height, width, channels)`, or for the reasons of
            `GenerativeModel`.
    """

    abilities = frozenset({"translate"})

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: batches of one image, with random scaling, cropping and flipping as in the
        papers.
        """
        return {"model": {}, "data": {"batch_size": 1, "augment": True}, "num_steps": 40_000}

    def __init__(self, *, image_shape, source_channels, **kwargs):
        super().__init__(image_shape=image_shape, **kwargs)
        if len(self.image_shape) != 3:
            raise ValueError(
                "`image_shape` must be (height, width, channels): the model translates images. Received: "
                f"image_shape={self.image_shape}"
            )
        self.source_channels = source_channels

    @property
    def tasks(self):
        """Dict that maps each direction to its `Task`, the default one first. Each family defines it."""
        raise NotImplementedError

    @property
    def modality(self):
        # Images without dark pixels are allowed.
        return modalities.Images(self.image_shape, may_be_bright=True)

    @property
    def source_modality(self):
        """Modality of the sources. By default, images of the size of the targets."""
        return modalities.Images((*self.image_shape[:2], self.source_channels), may_be_bright=True)

    def set_networks(self, **networks):
        """As for `GenerativeModel`; also checks that the networks support the size of the images."""
        sources = {task.network: task.source for task in self.tasks.values()}
        for name, network in networks.items():
            size = sources.get(name, self.modality).shape[:2]
            # Custom networks need not declare these attributes.
            multiple, smallest = getattr(network, "size_multiple", 1), getattr(network, "smallest_side", 1)
            if any(side % multiple for side in size):
                raise ValueError(
                    f"`{name}` takes images whose height and width are multiples of {multiple}. Received: "
                    f"image_shape={self.image_shape}. Choose another size, or another network."
                )
            if min(size) < smallest:
                raise ValueError(
                    f"`{name}` needs images of at least {smallest}x{smallest} pixels, the size of a patch. Received: "
                    f"image_shape={self.image_shape}. Choose larger images, or a `PatchGANDiscriminator` with fewer "
                    "`num_layers`."
                )
        super().set_networks(**networks)

    @property
    def picture_channels(self):
        """Number of channels of the image files from which sources are read. By default, that of the sources."""
        return self.source_channels

    @property
    def source_shape(self):
        """Shape of a source image in training."""
        return self.source_modality.shape

    @property
    def image_networks(self):
        return tuple(dict.fromkeys(task.network for task in self.tasks.values()))

    @property
    def preset_usage(self):
        """Usage examples for the card of a preset."""
        first, *others = self.tasks
        if not others:
            python, shell = "", ""
        else:
            python, shell = f', direction="{first}"', f" --direction {first}"
        # Translations are best at the size used in training.
        shell += f" --size {max(self.image_shape[:2])}"
        return {
            "python": f"images = model.translate(sources{python})  # uint8 or float in [-1, 1]",
            "shell": f"genzoo translate {{name}} picture.png --output translated{shell}",
        }

    def unpack(self, data):
        """Splits a batch into sources and targets, scaled for the networks."""
        sources, targets, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.source_modality.scale(sources), self.modality.scale(targets)

    def expected_data(self):
        return {"x": self.source_modality, "y": self.modality}

    def check_batch(self, x, y, first):
        if y is None and "images" not in self.trains_on:
            raise ValueError(
                "`y` is missing: this model is trained on pairs of images. Call `fit(sources, targets)`, or pass "
                "a dataset of pairs (`keras_genzoo.datasets.paired_folder`, `unpaired_folders`)."
            )
        super().check_batch(x, y, first)

    def default_measures(self):
        return ("translation",)

    def check_drawable(self):
        for task in self.tasks.values():
            task.source.check_drawable()
            task.target.check_drawable()

    def preview(self, examples=None, seed=0, num=None):
        """As for `ZooModel`: the first `num` examples next to their translations; None without examples."""
        if examples is None:
            return None
        sources, targets = (images if images is None else images[:num] for images in examples)
        return visualization.translation_grid(
            self, sources, targets, scale=max(1, 128 // self.image_shape[0])
        )

    # Using a trained model.

    def translator(self, direction=None):
        """Returns the network of a direction, or its average if there is one.

        Args:
            direction: String. Defaults to the first direction.

        Raises:
            ValueError: If the model has no such direction.
        """
        return self.network_of(self.task(direction).network)

    def task(self, direction=None):
        """Returns the `Task` of a direction.

        Args:
            direction: String. Defaults to the first direction.

        Raises:
            ValueError: If the model has no such direction.
        """
        direction = next(iter(self.tasks)) if direction is None else direction
        if str(direction) not in self.tasks:
            raise ValueError(f"`direction` must be one of {list(self.tasks)}. Received: {direction!r}")
        return self.tasks[direction]

    def in_direction(self, direction, sources, targets):
        """Orders a pair of sources and targets as the inputs and the expected translations of a direction."""
        first, *_ = self.tasks
        return (sources, targets) if direction in (None, first) else (targets, sources)

    @property
    def sampling_dropout(self):
        """Whether dropout is also applied in `translate`. It is then the only noise, and translations of an
        image differ.
        """
        return any(_sampling_layers(self.translator(direction)) for direction in self.tasks)

    def draws(self, direction=None):
        """Whether translations are random, so that `translate` takes a seed.

        Args:
            direction: String. Defaults to the first direction.

        Raises:
            ValueError: If the model has no such direction.
        """
        return self.task(direction).style_dim is not None or bool(
            _sampling_layers(self.translator(direction))
        )

    def call(self, inputs, training=False):
        sources = self.source_modality.scale(inputs)
        return self.translator()(self._inputs(sources, None), training=training)

    def images_from_images(self, images, direction=None, styles=None):
        """Translates sources that are scaled for the networks.

        Args:
            images: Float tensor; images in [-1, 1].
            direction: String or None.
            styles: Float tensor `(batch, style_dim)` for a task with styles. Defaults to the mean style,
                zeros.

        Returns:
            Float32 tensor in [-1, 1].
        """
        inputs = self._inputs(images, direction, styles)
        return ops.cast(self.translator(direction)(inputs, training=False), "float32")

    def _inputs(self, sources, direction, styles=None):
        """Inputs of the network of a direction."""
        style_dim = self.task(direction).style_dim
        if style_dim is None:
            return sources
        if styles is None:
            # Derived from the sources, whose number may be unknown.
            styles = ops.repeat(ops.zeros_like(sources[:, 0, 0, :1]), style_dim, axis=-1)
        return [sources, styles]

    @checked
    def translate(
        self,
        images,
        direction=None,
        fit=None,
        batch_size: PositiveInt = 8,
        seed: OptionalSeed = None,
        styles=None,
        domain=None,
    ):
        """Translates images or image files.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1]; one image `(height,
                width, channels)` or, for grayscale sources, `(height, width)`; the path of an image file, a
                string or path object; a `PIL.Image.Image`; or a list of files and PIL images. Sides must be
                multiples of `translator().size_multiple`, unless `fit` is given. Files are read by
                `keras_genzoo.pictures.read` with the number of channels of the network.
            direction: String, one of `tasks`. Defaults to the first.
            fit: How to handle other sizes. None raises an error; `"pad"` pads images at the right and bottom
                by reflection and crops the translations; `"resize"` resizes images to the nearest multiple
                and resizes the translations back (bilinear, with antialiasing).
            batch_size: Positive int, number of images translated at once.
            seed: Int from 0 to 2**32 - 1, for random translations (`draws`). With `sampling_dropout`, the
                same seed, images and batch size give the same translations; the default is a random seed. For
                a task with styles, it draws a style per image, or one style for a list of files; the default
                is the mean style, zeros. For a task with domains, it draws the latents of the styles.
            styles: Float array `(num, style_dim)`, or `(style_dim,)` for one style for all images, for a task
                with styles. Excludes `seed` unless dropout is random, too.
            domain: Int, or a name if the model has `domain_names`, for a task with domains; or a sequence
                with one per image. Defaults to the first domain. Not needed with `styles`, which already
                belong to a domain.

        Returns:
            Float32 NumPy array in [-1, 1], `(num, height, width, target channels)`, with height and width of
            the images times the `scale` of the task. One image returns `(height, width, target channels)`, a
            list of files returns a list of such arrays.

        Raises:
            ValueError: If the images have the wrong shape, size or range, a file is not an image, or an
                argument is unknown or not supported by the model.
            OSError: If a file cannot be opened.

        For a model that translates label maps, `images` are int arrays of the same shapes. Image files are
        then read by `keras_genzoo.pictures.read_labels`.

        Example:

        ```python
        import numpy as np
        import keras_genzoo as kg

        images = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 3), dtype="uint8")
        model = kg.models.Pix2Pix(image_shape=(32, 32, 3), width=4)
        translations = model.translate(images, fit="pad")  # float32 (2, 30, 30, 3) in [-1, 1]
        ```
        """
        if isinstance(images, (list, tuple)) and any(map(pictures.is_picture, images)):
            task = self.task(direction)
            of_each = [styles] * len(images)
            if styles is not None and task.style_dim is not None:
                of_each = checked_styles(styles, len(images), task.style_dim)
            is_one_domain = domain is None or isinstance(domain, str) or np.ndim(domain) == 0
            domains = [domain] * len(images) if is_one_domain else domain
            if len(domains) != len(images):
                raise ValueError(
                    f"`domain` must be one domain for all images, or a sequence of {len(images)} domains. Received: "
                    f"{len(domains)}"
                )
            return [
                self.translate(image, direction, fit, batch_size, seed, style, of_image)
                for image, style, of_image in zip(images, of_each, domains, strict=True)
            ]
        network, task = self.translator(direction), self.task(direction)
        source, scale = task.source, task.scale
        channels = source.shape[-1]
        received = images = array_of(images, source)
        if images.ndim == 2 and channels == 1:
            images = images[..., None]
        is_one = images.ndim == 3
        images = images[None] if is_one else images
        if images.ndim != 4 or images.shape[-1] != channels or not images.size:
            raise ValueError(
                f"`images` must have the shape (num, height, width, {channels}) or that of one image, or be an image "
                f"file or a `PIL.Image.Image`. Received: {received.shape}"
            )
        source.check_values(images, "images")
        if fit is not None and str(fit) not in ("pad", "resize"):
            raise ValueError(f"`fit` must be None, 'pad' or 'resize'. Received: fit={fit!r}")
        # A custom network that supports any size need not declare it.
        size, multiple = images.shape[1:3], getattr(network, "size_multiple", 1)
        if fit is None and any(side % multiple for side in size):
            raise ValueError(
                f"`images` must have a height and a width that are multiples of {multiple}. Received: "
                f"{received.shape}. Pass `fit='pad'` or `fit='resize'`, or resize them."
            )

        max_pixels = getattr(network, "max_pixels", None)
        if max_pixels is not None and size[0] * size[1] > max_pixels:
            raise ValueError(
                f"`images` must have at most {max_pixels:,} pixels each: larger ones need too much memory. Received: "
                f"{received.shape}. Resize them."
            )

        layers = _sampling_layers(network)
        if seed is not None and not layers:
            _check_seed(seed, task.style_dim, styles)
        images = pixels.as_input(images)
        given = self.given_to_translate(len(images), direction, seed, styles, domain)
        # Hashed, so that layers and consecutive seeds do not share random numbers.
        words = np.random.SeedSequence(latent.fresh_seed() if seed is None else seed).generate_state(
            len(layers)
        )
        parts = []
        for index, start in enumerate(range(0, len(images), batch_size)):
            batch = fitted(images[start : start + batch_size], multiple, fit, source)
            _check_size(network, batch)
            options = {"seeds": np.stack([words, np.full_like(words, index)], axis=1)} if layers else {}
            translated = self.inference(
                self,
                self._translations_of,
                [batch, *(each[start : start + batch_size] for each in given)],
                batch_size,
                direction=direction,
                **options,
            )
            parts.append(fitted_back(translated, [scale * side for side in size], fit, task.target))
        translations = joined(parts)
        return translations[0] if is_one else translations

    def given_to_translate(self, num, direction, seed, styles, domain):
        """Returns the other inputs of `_translations_of`: a list of arrays with `num` rows; in this class,
        the styles.

        Args:
            num: Int.
            direction: String or None.
            seed, styles, domain: As for `translate`.

        Raises:
            ValueError: If styles or domains are not supported by the model, or invalid.
        """
        if domain is not None:
            raise ValueError("`domain` was given, but this model has no domains. Remove it.")
        style_dim = self.task(direction).style_dim
        if style_dim is None:
            if styles is not None:
                raise ValueError("`styles` was given, but this model has no styles. Remove it.")
            return []
        if styles is not None:
            return [checked_styles(styles, num, style_dim)]
        drawn = np.zeros((num, style_dim)) if seed is None else latent.normal(num, style_dim, seed)
        return [ops.convert_to_numpy(drawn).astype("float32")]

    def _translations_of(self, images, *styles, direction, seeds=None):
        """Translates a tensor of sources.

        Args:
            images: Tensor.
            *styles: Tensor of styles, for a task with styles.
            direction: String or None.
            seeds: uint32 tensor `(layers, 2)`, one row per layer with dropout in inference; None without such
                layers.
        """
        images = self.task(direction).source.scale(images)
        if seeds is None:
            return self.images_from_images(images, direction, *styles)
        with sampling_seeds(_sampling_layers(self.translator(direction)), seeds):
            return self.images_from_images(images, direction, *styles)

    def signatures(self):
        """As `ZooModel.signatures`: each direction, for uint8 and float32 images of any size.

        For a task with styles, these use the mean style, and signatures with the suffix `_styled` also take
        styles. `encode_styles` computes the styles of reference images.
        """
        signatures = {}
        for direction in self.tasks:
            name = self._signature(direction)
            shape = self._shape_of_sources(direction)
            for suffix, others in self.inputs_of_signatures(direction).items():
                of_uint8, of_float32 = self._translating(direction)
                signatures[f"{name}{suffix}"] = (
                    of_uint8,
                    {"images": keras.KerasTensor(shape, "uint8"), **others},
                )
                signatures[f"{name}{suffix}_float32"] = (
                    of_float32,
                    {"images": keras.KerasTensor(shape, "float32"), **others},
                )
        return {**signatures, **self._signatures_of_styles()}

    def _signatures_of_styles(self):
        others = self.inputs_of_styles()
        if others is None:
            return {}

        def of_float32(images, **given):
            return {"styles": self.styles_from_images(images, **self.checked_in_graph(**given))}

        of_float32 = backends.graph_function(of_float32)

        def of_uint8(images, **given):
            return of_float32(self.modality.scale(images), **given)

        # Encoders have a fixed size.
        shape = (None, *self.image_shape)
        return {
            "encode_styles": (of_uint8, {"images": keras.KerasTensor(shape, "uint8"), **others}),
            "encode_styles_float32": (of_float32, {"images": keras.KerasTensor(shape, "float32"), **others}),
        }

    def inputs_of_signatures(self, direction):
        """Returns the other inputs of signatures: suffix of the name -> dict of `keras.KerasTensor`s.

        The names of the inputs are those of arguments of `images_from_images`.
        """
        style_dim = self.task(direction).style_dim
        styles = {"styles": keras.KerasTensor((None, style_dim), "float32")}
        return {"": {}, **({"_styled": styles} if style_dim else {})}

    def inputs_of_networks(self, direction):
        """Returns the other inputs of the network of `exported_networks`: dict of `keras.KerasTensor`s."""
        return {}

    def inputs_of_styles(self):
        """Returns the other inputs of `styles_from_images`: dict of `keras.KerasTensor`s, or None for a model
        that has no styles of images.
        """
        return None

    def styles_from_images(self, images, **others):
        """Computes the styles of reference images that are scaled for the networks, a float32 tensor."""
        raise NotImplementedError

    def styles_of_tensor(self, images, *others):
        """As `styles_from_images`, for a tensor of images that are not scaled."""
        return self.styles_from_images(self.modality.scale(images), *others)

    def checked_in_graph(self, **given):
        """Returns the inputs of a signature, with in-graph checks of those that could be out of range."""
        return given

    def _shape_of_sources(self, direction):
        """Shape of a batch of sources of a direction; None where any size is allowed."""
        return (None, *first_of(self.translator(direction).input_shape)[1:])

    def _translating(self, direction):
        """The functions that translate uint8 and float32 sources."""

        def of_float32(images, **given):
            return {"images": self.images_from_images(images, direction, **self.checked_in_graph(**given))}

        of_float32 = backends.graph_function(of_float32)

        def of_uint8(images, **given):
            sources = self.task(direction).source.scale(images)
            return {"images": pixels.rounded(of_float32(sources, **given)["images"])}

        return of_uint8, of_float32

    def serving_description(self):
        tasks = {
            direction: {
                "network": self._signature(direction),
                "source_kind": task.source.kind,
                "target_kind": task.target.kind,
                "source_channels": task.source.shape[-1],
                # Custom networks need not declare it.
                "size_multiple": getattr(self.translator(direction), "size_multiple", 1),
                # The largest number of pixels of an image that the network supports, or None.
                "max_pixels": getattr(self.translator(direction), "max_pixels", None),
                "scale": task.scale,
                "size": max(task.source.shape[:2]),
                # The only size that the network supports, or None.
                "fixed_size": self.fixed_size(direction),
                **task.source.serving_description(),
                **self._described_styles(direction),
            }
            for direction, task in self.tasks.items()
        }
        return {**super().serving_description(), "tasks": tasks}

    def _described_styles(self, direction):
        """The networks that take and encode the styles of a direction, and their length."""
        style_dim, name = self.task(direction).style_dim, self._signature(direction)
        if style_dim is None:
            return {}
        encoder = None if self.inputs_of_styles() is None else "encode_styles"
        return {"styles": {"network": f"{name}_styled", "encoder": encoder, "dim": style_dim}}

    def fixed_size(self, direction=None):
        """Returns the only size that the network of a direction supports, or None.

        Args:
            direction: String. Defaults to the first direction.

        Returns:
            List `[height, width]` of the sources; None if the network supports other sizes too.
        """
        size = self._shape_of_sources(direction)[1:3]
        return None if None in size else list(size)

    def exported_networks(self, batch_size=None):
        def network(shape, others, function, output):
            images = keras.Input(shape, batch_size=batch_size, name="images")
            others = {
                name: keras.Input(spec.shape[1:], batch_size=batch_size, dtype=spec.dtype, name=name)
                for name, spec in others.items()
            }
            inputs = [images, *others.values()] if others else images
            return keras.Model(inputs, {output: function(images, **others)})

        networks = {}
        for direction in self.tasks:
            translate = partial(self.images_from_images, direction=direction)
            taken = {"": self.inputs_of_networks(direction)}
            taken |= {
                suffix: others for suffix, others in self.inputs_of_signatures(direction).items() if suffix
            }
            for suffix, others in taken.items():
                shape = self._shape_of_sources(direction)[1:]
                # ONNX requires unique names.
                networks[f"{self._signature(direction)}{suffix}"] = network(
                    shape, others, translate, "translations"
                )
        if (others := self.inputs_of_styles()) is not None:
            networks["encode_styles"] = network(self.image_shape, others, self.styles_from_images, "styles")
        return networks

    def _signature(self, direction):
        """Name of the exported signature of a direction."""
        return "translate" if len(self.tasks) == 1 else f"translate_{direction}"

    def export(self, filepath, format="tf_saved_model", direction=None, **options):
        """Exports the model for serving, as `ZooModel.export`.

        Args:
            filepath, format, **options: As for `ZooModel.export`. A SavedModel contains all directions. Other
                formats contain one direction, from float images in [-1, 1] to float images, with variable
                height and width (multiples of `size_multiple`).
            direction: String, direction for a format other than SavedModel. Defaults to the first.

        Raises:
            ValueError: As for `ZooModel.export`; also if `direction` is unknown, or given for a SavedModel.
            ImportError: As for `ZooModel.export`.
            OSError: As for `ZooModel.export`.
        """
        if direction is not None:
            if format == "tf_saved_model":
                raise ValueError(
                    f"`direction` is for formats with one network: a SavedModel contains all of {list(self.tasks)}. "
                    f"Received: direction={direction!r}"
                )
            self.task(direction)
            options["signature"] = self._signature(direction)
        super().export(filepath, format, **options)


def mean_absolute_difference(images, others):
    """Computes the mean absolute difference of two batches of images, a float32 scalar."""
    return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(others, "float32")))


def _sampling_layers(network):
    """Layers of a network with dropout in inference."""
    return [layer for layer in keras_private.layers_of(network) if getattr(layer, "sampling", False)]


def array_of(images, source):
    """Reads an image file with a modality, or converts images to a NumPy array."""
    return source.read(images) if pictures.is_picture(images) else array("images", images)


def _check_seed(seed, style_dim, styles):
    """Checks a seed for a model without random dropout: it must draw styles."""
    if style_dim is None:
        raise ValueError(
            "`seed` was given, but translations of this model are not random: it has no styles and no dropout in "
            f"translation. Remove it. Received: seed={seed}"
        )
    if styles is not None:
        raise ValueError(
            f"`seed` draws styles, but `styles` was also given. Pass only one of them. Received: seed={seed}"
        )


def checked_styles(styles, num, style_dim):
    """Checks styles of `num` images, or one style for all; returns float32 `(num, style_dim)`."""
    styles = array("styles", styles, "float32")
    if styles.shape not in ((style_dim,), (num, style_dim)) or not np.isfinite(styles).all():
        raise ValueError(
            f"`styles` must be finite floats of shape ({num}, {style_dim}), or ({style_dim},) for one style for all "
            f"images. Received: {styles.shape}"
        )
    return np.broadcast_to(styles, (num, style_dim))


def _check_size(network, images):
    """Checks that a custom network supports the size of images."""
    wanted, size = first_of(network.input_shape)[1:3], images.shape[1:3]
    if any(side not in (None, given) for side, given in zip(wanted, size, strict=True)):
        raise ValueError(
            f"`images` must be {wanted[0]}x{wanted[1]} for this network. Received: {images.shape}"
        )


def fitted(images, multiple, fit, modality):
    """Pads or resizes images so that their sides are multiples of `multiple`; see `translate`."""
    height, width = images.shape[1:3]
    if fit == "pad":
        return np.pad(
            images, [(0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0)], mode="symmetric"
        )
    if fit == "resize":
        return _resized(
            images, [max(1, round(side / multiple)) * multiple for side in (height, width)], modality
        )
    return images


def fitted_back(images, size, fit, modality):
    """Crops or resizes translations of fitted images to the size of the images before `fitted`."""
    if fit == "pad":
        return images[:, : size[0], : size[1]]
    return _resized(images, size, modality) if fit == "resize" else images


def _resized(images, size, modality):
    return images if tuple(images.shape[1:3]) == tuple(size) else modality.resize(images, size)
