"""The base of the families that translate images into images: pairs of images, translating, export."""

import dataclasses

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
    """One translation that a model can do.

    Args:
        network: String, name of the network that translates.
        source: Modality of what it translates.
        target: Modality of the translations; its sides may be a multiple of those of the source.
        style_dim: Int, length of the styles that the network takes beside the sources, or None.
        num_domains: Int, number of the domains that it translates into, or None for one alone.
    """

    network: str
    source: modalities.Images | modalities.LabelMaps
    target: modalities.Images
    style_dim: int | None = None
    num_domains: int | None = None

    @property
    def scale(self):
        """Int, the side of a translation over that of its source."""
        return self.target.shape[0] // self.source.shape[0]


class TranslationModel(GenerativeModel):
    """A generative model whose networks make images from images.

    It trains on pairs: `fit(sources, targets)` of two arrays, or a dataset of pairs of batches
    (`keras_genzoo.datasets.paired_folder`, `unpaired_folders`).

    Args:
        image_shape, average_decay, average_half_life, seed, **kwargs: As for `GenerativeModel`; the shape is
            that of the targets. Networks are convolutional throughout: other sizes can be translated,
            multiples of `size_multiple`.
        source_channels: Int, channels of the images to translate.
    """

    abilities = frozenset({"translate"})

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: a batch of one, scaled, cropped and mirrored as in the papers."""
        return {"model": {}, "data": {"batch_size": 1, "augment": True}, "num_steps": 40_000}

    def __init__(self, *, image_shape, source_channels, **kwargs):
        super().__init__(image_shape=image_shape, **kwargs)
        if len(self.image_shape) != 3:
            raise ValueError(
                "`image_shape` must be (height, width, channels): images are translated. Received: "
                f"image_shape={self.image_shape}"
            )
        self.source_channels = source_channels

    @property
    def tasks(self):
        """Dict of direction -> `Task`, the default one first. Each family defines it."""
        raise NotImplementedError

    @property
    def modality(self):
        # A picture may well have no dark pixel.
        return modalities.Images(self.image_shape, may_be_bright=True)

    @property
    def source_modality(self):
        """What is translated: images of the size of the targets, but in a family that says otherwise."""
        return modalities.Images((*self.image_shape[:2], self.source_channels), may_be_bright=True)

    def set_networks(self, **networks):
        """As for `GenerativeModel`; refuses networks that do not fit the images' size."""
        sources = {task.network: task.source for task in self.tasks.values()}
        for name, network in networks.items():
            size = sources.get(name, self.modality).shape[:2]
            # Networks of one's own need not say what they take.
            multiple, smallest = getattr(network, "size_multiple", 1), getattr(network, "smallest_side", 1)
            if any(side % multiple for side in size):
                raise ValueError(
                    f"`{name}` takes images whose height and width are multiples of {multiple}. Received: "
                    f"image_shape={self.image_shape}. Choose another size, or another network."
                )
            if min(size) < smallest:
                raise ValueError(
                    f"`{name}` needs images of at least {smallest}x{smallest} pixels: of smaller ones no patch is "
                    f"left. Received: image_shape={self.image_shape}. Choose larger images, or a "
                    "`PatchGANDiscriminator` with fewer `num_layers`."
                )
        super().set_networks(**networks)

    @property
    def picture_channels(self):
        """Channels of the pictures that a source is made of: its own, but in a family that says otherwise."""
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
        """What the card tells a reader to type."""
        first, *others = self.tasks
        if not others:
            python, shell = "", ""
        else:
            python, shell = f', direction="{first}"', f" --direction {first}"
        # It translates best at the size of its training.
        shell += f" --size {max(self.image_shape[:2])}"
        return {
            "python": f"images = model.translate(sources{python})  # uint8 or float in [-1, 1]",
            "shell": f"genzoo translate {{name}} picture.png --output translated{shell}",
        }

    def unpack(self, data):
        """Splits what `fit` hands over into sources and targets, as networks take them."""
        sources, targets, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.source_modality.scale(sources), self.modality.scale(targets)

    def expected_data(self):
        return {"x": self.source_modality, "y": self.modality}

    def check_batch(self, x, y, first):
        if y is None and "images" not in self.trains_on:
            raise ValueError(
                "`y` is missing: this model trains on pairs of images. Call `fit(sources, targets)`, or pass "
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
        """As for `ZooModel`: the first `num` of the examples beside their translations; None without examples."""
        if examples is None:
            return None
        sources, targets = (images if images is None else images[:num] for images in examples)
        return visualization.translation_grid(
            self, sources, targets, scale=max(1, 128 // self.image_shape[0])
        )

    # Using a trained model.

    def translator(self, direction=None):
        """The network of a direction, by default the first; its average where one is kept.

        Raises:
            ValueError: If the model has no such direction.
        """
        return self.network_of(self.task(direction).network)

    def task(self, direction=None):
        """The `Task` of a direction, by default the first.

        Raises:
            ValueError: If the model has no such direction.
        """
        direction = next(iter(self.tasks)) if direction is None else direction
        if str(direction) not in self.tasks:
            raise ValueError(f"`direction` must be one of {list(self.tasks)}. Received: {direction!r}")
        return self.tasks[direction]

    def in_direction(self, direction, sources, targets):
        """A pair of source and target images as the pair of what a direction translates and what it should give."""
        first, *_ = self.tasks
        return (sources, targets) if direction in (None, first) else (targets, sources)

    @property
    def sampling_dropout(self):
        """Whether dropout acts in `translate` too: the model's only noise, and translations then differ."""
        return any(_sampling_layers(self.translator(direction)) for direction in self.tasks)

    def draws(self, direction=None):
        """Whether the translations of a direction, by default the first, are drawn: `translate` then takes a seed.

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
        """Translations of sources as networks take them, as a float32 tensor in [-1, 1].

        Args:
            images: Float tensor; images in [-1, 1].
            direction: String or None.
            styles: Float tensor `(batch, style_dim)` for a task with styles, or None for the mean style, zeros.
        """
        inputs = self._inputs(images, direction, styles)
        return ops.cast(self.translator(direction)(inputs, training=False), "float32")

    def _inputs(self, sources, direction, styles=None):
        """What the network of a direction takes."""
        style_dim = self.task(direction).style_dim
        if style_dim is None:
            return sources
        if styles is None:
            # Of the sources, whose number may not be known.
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
        """Translates images, or pictures.

        Args:
            images: Array `(num, height, width, channels)`, or of one image `(height, width, channels)` or, where
                the network takes grey, `(height, width)`; uint8 or float in [-1, 1], of any size that is a
                multiple of what the network needs (`translator().size_multiple`). Or a picture: the path of a
                file, a string or a path object, or a `PIL.Image.Image`, both read as by
                `keras_genzoo.pictures.read` in the channels of the network. Or a list of pictures.
            direction: String, one of `tasks`. Defaults to the first.
            fit: What is done with other sizes. None refuses them; `"pad"` mirrors the images at the right
                and lower edge up to a multiple and crops the translations; `"resize"` scales the images to the
                nearest multiple and the translations back (bilinear, antialiased).
            batch_size: Int, images translated at once.
            seed: Int from 0 to 2**32 - 1, or None. Where `sampling_dropout` is on, the same seed, images and
                batch size give the same translations, and None draws anew at every call. Where the task has styles,
                a seed draws one for each image, of a list of pictures the same for all, and None stands for the mean
                style, zeros; with domains, of the latent from which the style is made. Refused where nothing is
                drawn (`draws`), and beside `styles` where nothing else is.
            styles: Array `(num, style_dim)` for a task with styles, `(style_dim,)` for one image or one style of
                all; or None.
            domain: Int, or name where the model has `domain_names`, for a task with domains; or a sequence of them,
                one for each image. Defaults to the first. `styles` are of a domain already.

        Returns:
            Float32 NumPy array in [-1, 1], `(num, height, width, target channels)`; height and width are those of
            the images times the `scale` of the task. Of one image or picture `(height, width, target channels)`,
            of a list of pictures, which may differ in size, a list.

        Raises:
            ValueError: If the images have the wrong shape, size or range, a file holds no picture that can be
                read, or an argument is unknown.
            OSError: If a file cannot be opened.

        Label maps, of a model that translates them, are int arrays of the same shapes; pictures of them are read as
        by `keras_genzoo.pictures.read_labels`.

        Example:

        ```python
        model = keras_genzoo.models.load("pix2pix_edges_to_emoji")
        drawings = model.translate(edges)  # uint8 (num, 64, 64, 1) to float32 (num, 64, 64, 3)
        drawing = model.translate("edges.png", fit="pad")  # float32 (height, width, 3)
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
                    f"`domain` must be one for all pictures, or hold one for each of the {len(images)}. Received: "
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
                f"`images` must have the shape (num, height, width, {channels}), or that of one image, or be a "
                f"picture: a path or a `PIL.Image.Image`. Received: {received.shape}"
            )
        source.check_values(images, "images")
        if fit is not None and str(fit) not in ("pad", "resize"):
            raise ValueError(f"`fit` must be None, 'pad' or 'resize'. Received: fit={fit!r}")
        # A network of one's own that takes any size need not say so.
        size, multiple = images.shape[1:3], getattr(network, "size_multiple", 1)
        if fit is None and any(side % multiple for side in size):
            raise ValueError(
                f"`images` must have a height and a width that are multiples of {multiple}. Received: "
                f"{received.shape}. Pass `fit='pad'` or `fit='resize'`, or resize them."
            )

        layers = _sampling_layers(network)
        if seed is not None and not layers:
            _check_seed(seed, task.style_dim, styles)
        images = pixels.as_input(images)
        given = self.given_to_translate(len(images), direction, seed, styles, domain)
        # Hashed, so that no layer draws for one seed what another layer draws for the next.
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
        """What `_translations_of` takes beside `num` images: a list of arrays of as many rows, here of the styles.

        Args:
            num: Int.
            direction: String or None.
            seed, styles, domain: As for `translate`.

        Raises:
            ValueError: If there are no styles or domains, or they do not fit.
        """
        if domain is not None:
            raise ValueError("`domain` was given, but this model has no domains. Leave it out.")
        style_dim = self.task(direction).style_dim
        if style_dim is None:
            if styles is not None:
                raise ValueError("`styles` was given, but this model has no styles. Leave it out.")
            return []
        if styles is not None:
            return [checked_styles(styles, num, style_dim)]
        drawn = np.zeros((num, style_dim)) if seed is None else latent.normal(num, style_dim, seed)
        return [ops.convert_to_numpy(drawn).astype("float32")]

    def _translations_of(self, images, *styles, direction, seeds=None):
        """Translations of a tensor of sources.

        Args:
            images: Tensor.
            *styles: Tensor of styles, for a task that has them.
            direction: String or None.
            seeds: uint32 tensor `(layers, 2)`, for each layer whose dropout acts here; None where there is none.
        """
        images = self.task(direction).source.scale(images)
        if seeds is None:
            return self.images_from_images(images, direction, *styles)
        with sampling_seeds(_sampling_layers(self.translator(direction)), seeds):
            return self.images_from_images(images, direction, *styles)

    def signatures(self):
        """As `ZooModel.signatures`: each direction, of uint8 and of float32 images of any size.

        Of a task with styles these are translations in the mean style, and `_styled` ones take styles too.
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
        return signatures

    def inputs_of_signatures(self, direction):
        """What signatures of a direction take beside images: end of a name -> dict of `keras.KerasTensor`s.

        The names are those of arguments of `images_from_images`.
        """
        style_dim = self.task(direction).style_dim
        styles = {"styles": keras.KerasTensor((None, style_dim), "float32")}
        return {"": {}, **({"_styled": styles} if style_dim else {})}

    def inputs_of_networks(self, direction):
        """What the network of `exported_networks` takes beside images: dict of `keras.KerasTensor`s."""
        return {}

    def checked_in_graph(self, **given):
        """Inputs of a signature, those that could be out of range checked where it is called."""
        return given

    def _shape_of_sources(self, direction):
        """Shape of a batch of what the network of a direction takes, None where any number will do."""
        return (None, *first_of(self.translator(direction).input_shape)[1:])

    def _translating(self, direction):
        """The functions from uint8 and from float32 sources to the same of their translations."""

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
                "source_channels": task.source.shape[-1],
                # Networks of one's own need not say it.
                "size_multiple": getattr(self.translator(direction), "size_multiple", 1),
                "scale": task.scale,
                "size": max(task.source.shape[:2]),
                # Of a network that takes one size alone, that size.
                "fixed_size": self.fixed_size(direction),
                **task.source.serving_description(),
            }
            for direction, task in self.tasks.items()
        }
        return {**super().serving_description(), "tasks": tasks}

    def fixed_size(self, direction=None):
        """List `[height, width]` of the only sources that a network takes; None where it takes others too."""
        size = self._shape_of_sources(direction)[1:3]
        return None if None in size else list(size)

    def exported_networks(self, batch_size=None):
        networks = {}
        for direction in self.tasks:
            shape = self._shape_of_sources(direction)[1:]
            images = keras.Input(shape, batch_size=batch_size, name="images")
            others = {
                name: keras.Input(spec.shape[1:], batch_size=batch_size, dtype=spec.dtype, name=name)
                for name, spec in self.inputs_of_networks(direction).items()
            }
            networks[self._signature(direction)] = keras.Model(
                [images, *others.values()] if others else images,
                # ONNX allows no two names that are equal.
                {"translations": self.images_from_images(images, direction, **others)},
            )
        return networks

    def _signature(self, direction):
        """Name of the exported signature of a direction."""
        return "translate" if len(self.tasks) == 1 else f"translate_{direction}"

    def export(self, filepath, format="tf_saved_model", direction=None, **options):
        """As `ZooModel.export`.

        Args:
            filepath, format, **options: As for `ZooModel.export`. A SavedModel holds all directions; another format
                one, from float images in [-1, 1] to float images, height and width free (multiples of what the
                network needs).
            direction: String, the direction of a format of one network. Defaults to the first.

        Raises:
            ValueError: As for `ZooModel.export`; also if `direction` is unknown, or given for a SavedModel.
        """
        if direction is not None:
            if format == "tf_saved_model":
                raise ValueError(
                    f"`direction` is for a format of one network: a SavedModel holds all of {list(self.tasks)}. "
                    f"Received: direction={direction!r}"
                )
            self.task(direction)
            options["signature"] = self._signature(direction)
        super().export(filepath, format, **options)


def mean_absolute_difference(images, others):
    """Mean absolute difference of two batches of images, float32 scalar."""
    return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(others, "float32")))


def _sampling_layers(network):
    """The layers of a network whose dropout acts in inference too."""
    return [layer for layer in keras_private.layers_of(network) if getattr(layer, "sampling", False)]


def array_of(images, source):
    """A picture as a modality reads it, or images, as a NumPy array."""
    return source.read(images) if pictures.is_picture(images) else array("images", images)


def _check_seed(seed, style_dim, styles):
    """Refuses a seed where no dropout acts and none draws a style."""
    if style_dim is None:
        raise ValueError(
            "`seed` was given, but this model draws nothing: it has no styles, and no dropout that acts in "
            f"translation. Leave it out. Received: seed={seed}"
        )
    if styles is not None:
        raise ValueError(
            f"`seed` draws styles, and `styles` was given: give only one of them. Received: seed={seed}"
        )


def checked_styles(styles, num, style_dim):
    """Styles of `num` images, or one of all, as float32 `(num, style_dim)`."""
    styles = array("styles", styles, "float32")
    if styles.shape not in ((style_dim,), (num, style_dim)) or not np.isfinite(styles).all():
        raise ValueError(
            f"`styles` must be finite floats of the shape ({num}, {style_dim}), or ({style_dim},) for one style of "
            f"all. Received: {styles.shape}"
        )
    return np.broadcast_to(styles, (num, style_dim))


def _check_size(network, images):
    """Refuses images of another size than a network of one's own is made for."""
    wanted, size = first_of(network.input_shape)[1:3], images.shape[1:3]
    if any(side not in (None, given) for side, given in zip(wanted, size, strict=True)):
        raise ValueError(
            f"`images` must be {wanted[0]}x{wanted[1]} for this network. Received: {images.shape}"
        )


def fitted(images, multiple, fit, modality):
    """Images whose sides are multiples of `multiple`, as `translate` makes them of others."""
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
    """Translations of what `fitted` gave, in the size that belongs to the images before it."""
    if fit == "pad":
        return images[:, : size[0], : size[1]]
    return _resized(images, size, modality) if fit == "resize" else images


def _resized(images, size, modality):
    return images if tuple(images.shape[1:3]) == tuple(size) else modality.resize(images, size)
