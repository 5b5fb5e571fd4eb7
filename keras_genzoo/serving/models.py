"""Models served from bundles (`keras_genzoo.export.export_bundle`), whose networks run in ONNX Runtime.

Their signatures are those of the model's SavedModel.
"""

import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from keras_genzoo import arguments
from keras_genzoo.images import pixels
from keras_genzoo.serving import DESCRIPTION, FORMAT, latents
from keras_genzoo.serving.batching import Batcher


class BadRequest(ValueError):
    """Raised for an invalid request. The message names the argument and what it must be."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A named input or output.

    Args:
        name: String.
        dtype: String, a NumPy data type.
        shape: Tuple of ints, with None for free dimensions.
        bounds: Tuple of the smallest and largest allowed value, or None.
    """

    name: str
    dtype: str
    shape: tuple
    bounds: tuple | None = None

    def checked(self, values):
        """Converts values of a request to an array of this dtype and shape.

        Raises:
            BadRequest: If that is impossible.
        """
        try:
            given = np.asarray(values)
            # Values that change in the conversion are detected below.
            with np.errstate(invalid="ignore", over="ignore"):
                array = given.astype(self.dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadRequest(
                f"`{self.name}` must be a regular array of {self.dtype} values: {error}"
            ) from None
        if array.ndim != len(self.shape) and array.size == 1:
            # Protocols without scalars send arrays with one value.
            array, given = array.reshape([1] * len(self.shape)), given.reshape([1] * len(self.shape))
        fits = array.ndim == len(self.shape) and all(
            side in (None, size) for side, size in zip(self.shape, array.shape, strict=True)
        )
        if not fits or not array.size:
            wanted = ", ".join("any" if side is None else str(side) for side in self.shape)
            raise BadRequest(f"`{self.name}` must have the shape ({wanted}). Received: {given.shape}")
        if not np.isfinite(array).all() or (given.dtype.kind == "f" and not np.isfinite(given).all()):
            raise BadRequest(f"`{self.name}` must have finite values.")
        if given.dtype.kind not in "iufb":
            raise BadRequest(f"`{self.name}` must have {self.dtype} values. Received: {given.dtype}")
        if np.dtype(self.dtype).kind in "iu" and np.any(lost := array != given):
            raise BadRequest(f"`{self.name}` must have {self.dtype} values. Received: {given[lost].flat[0]}")
        self.check_values(array)
        return array

    def check_values(self, array):
        """Checks the values of an array of this dtype and shape.

        Raises:
            BadRequest: If a value is not valid.
        """
        if self.bounds is not None:
            self.check_within_bounds(array.min(), None if array.size == 1 else array.max())

    def check_within_bounds(self, smallest, largest=None):
        """Raises a BadRequest if values are outside `bounds`; `largest` is None for a single value."""
        low, high = self.bounds
        if smallest < low or (smallest if largest is None else largest) > high:
            given = smallest if largest is None else f"{smallest} to {largest}"
            raise BadRequest(f"`{self.name}` must be from {low} to {high}. Received: {given}")


@dataclasses.dataclass(frozen=True)
class LabelMaps(Tensor):
    """An input of label maps: labels within `bounds` in the first channel, edges (0 or 1) in an optional second."""

    def check_values(self, array):
        """See `Tensor.check_values`."""
        if (broken := array != np.rint(array)).any():
            raise BadRequest(
                f"`{self.name}` must have labels, integers from {self.bounds[0]} to {self.bounds[1]}. Received: "
                f"{array[broken].flat[0]}"
            )
        axes = tuple(range(array.ndim - 1))
        try:
            pixels.check_label_extent(array.min(axes), array.max(axes), self.bounds[1] + 1, self.name)
        except ValueError as error:
            raise BadRequest(str(error)) from None


@dataclasses.dataclass(frozen=True)
class Signature:
    """A named function of a served model.

    Args:
        inputs, outputs: Lists of `Tensor`.
        function: Coroutine function of positional arrays that returns a list of arrays.
        max_rows: Int, maximum number of rows per request.
    """

    inputs: list[Tensor]
    outputs: list[Tensor]
    function: Callable[..., Awaitable[list]]
    max_rows: int

    async def __call__(self, given):
        """Answers a request.

        Args:
            given: Dict of values by name.

        Returns:
            Dict of arrays by name.

        Raises:
            BadRequest: If an input is missing, unknown or invalid.
            Overloaded: If too many requests are waiting.
        """
        names = [tensor.name for tensor in self.inputs]
        if unknown := [name for name in given if name not in names]:
            raise BadRequest(f"`{unknown[0]}` is not an input. The inputs are: {', '.join(names)}.")
        if missing := [name for name in names if name not in given]:
            raise BadRequest(f"`{missing[0]}` is missing. The inputs are: {', '.join(names)}.")
        arrays = [tensor.checked(given[tensor.name]) for tensor in self.inputs]
        if len({len(array) for array in arrays if array.ndim}) > 1:
            raise BadRequest(
                f"{' and '.join(f'`{name}`' for name in names)} must have the same number of rows."
            )
        if arrays[0].ndim and len(arrays[0]) > self.max_rows:
            raise BadRequest(
                f"`{names[0]}` must have at most {self.max_rows} rows. Received: {len(arrays[0])}"
            )
        results = await self.function(*arrays)
        return dict(zip([tensor.name for tensor in self.outputs], results, strict=True))


class ServedModel:
    """The networks of a bundle, and the signatures that use them.

    Args:
        folder: Path of a bundle.
        limits: `keras_genzoo.serving.limits.Limits`.
        executor: `concurrent.futures.Executor` in which networks run.
        threads: Int, number of threads of a network.
        observe: Function that is called with the model's name and the number of rows of each batch.

    Raises:
        ValueError: If the folder is not a bundle.
    """

    def __init__(self, folder, limits, executor, threads=1, observe=lambda name, rows: None):
        folder = Path(folder)
        try:
            self.description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            self.name = arguments.name("name", self.description["name"])
            networks = self.description["networks"]
            if self.description["format"] != FORMAT:
                raise ValueError(f"its format is {self.description['format']}, not {FORMAT}: export it again")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{folder} is not a bundle of `genzoo export --format bundle`: {error!r}"
            ) from error
        self.limits = limits
        self._executor = executor
        self._observe = observe
        self._batchers = []
        self._runners = {
            name: _runner(folder / network["file"], network, threads) for name, network in networks.items()
        }
        # The task of each network that translates pictures.
        self._translators = {
            name: task
            for task in self.description["tasks"].values()
            for name in (task["network"], task.get("styles", {}).get("network"))
            if name
        }
        encoders = {task.get("styles", {}).get("encoder") for task in self._translators.values()} - {None}
        takes_pictures = {*self._translators, *encoders}
        self._networks = {
            name: self._batched(run, name in takes_pictures) for name, run in self._runners.items()
        }
        # Pre- and postprocessing is batched too.
        self._of_uint8 = {
            name: self._batched(
                _uint8(self._runners[name], "label_colors" not in self._translators.get(name, {})), True
            )
            for name in takes_pictures
        }
        self._sampler = self._batched(self._samples) if self.can("sample") else None
        self.signatures = self._signatures()

    @property
    def default_signature(self):
        """Name of the default signature."""
        return next(iter(self.signatures))

    @property
    def waiting(self):
        """Number of samples that wait for all networks; of pixels for translation models."""
        return sum(batcher.waiting for batcher in self._batchers)

    def can(self, ability):
        """Returns whether the model has an ability, such as `"sample"`."""
        return ability in self.description["abilities"]

    async def sample(self, num, seed, label=None):
        """Generates samples from a seed: uint8 images, or float32 points.

        Args:
            num: Int.
            seed: Int.
            label: Int, or None for all classes in turn.

        Raises:
            BadRequest: If an argument is out of range, or the model has no classes and a label is given.
        """
        self._require("sample")
        given = {"num": num, "seed": seed, "label": label}
        for tensor in self.signatures["sample"].inputs:
            if given[tensor.name] is not None:
                tensor.check_within_bounds(given[tensor.name])
        classes = self.description["num_classes"]
        if label is not None and not classes:
            raise BadRequest(f"`label` was given, but {self.name!r} has no classes.")
        if not classes:
            return await self._sample(num, seed)
        labels = np.arange(num) % classes if label is None else np.full(num, label)
        return await self._sample(num, seed, labels.astype("int32"))

    async def translate(self, image, direction=None, domain=None, seed=None, style=None, reference=None):
        """Translates a picture of any size. It is padded by reflection to a valid size, and the result is cropped.

        Args:
            image: uint8 array `(height, width, channels)`; see `source_channels`.
            direction: String, or None for the first.
            domain: String, name or number of a domain, or None for the first. Only for models with domains.
            seed: Int, seed of the style, for models with styles. Without `seed`, `style` and `reference`, it is the
                mean style, or that of the zero latent.
            style: List of floats, a style, instead of a seed.
            reference: uint8 array of the size of the model's images, whose style is used, instead of a seed. With
                domains, it belongs to `domain`.

        Returns:
            uint8 array `(height, width, channels)`.

        Raises:
            BadRequest: If the direction or the domain is unknown, the model does not take a given argument, or more
                than one argument determines the style.
        """
        task = self.task(direction)
        network, others = await self._beside_images(task, domain, seed, style, reference)
        height, width = image.shape[:2]
        multiple, scale = task["size_multiple"], task["scale"]
        margins = -height % multiple, -width % multiple
        # Padding enlarges narrow pictures.
        self._check_pixels((height + margins[0]) * (width + margins[1]), task)
        padded = np.pad(image, [(0, margins[0]), (0, margins[1]), (0, 0)], mode="symmetric")
        (translated,) = await self._of_uint8[network](padded[None], *others)
        return translated[0, : scale * height, : scale * width]

    async def _beside_images(self, task, domain, seed, style, reference):
        """Returns the network for a task and the inputs other than the image: a domain, a latent, or a style."""
        taken = {each["name"] for each in self.description["networks"][task["network"]]["inputs"]}
        styles = task.get("styles", {})
        if domain is not None and "domains" not in taken:
            raise BadRequest(f"`domain` was given, but {self.name!r} has no domains.")
        given = {"seed": seed, "style": style, "reference": reference}
        given = [name for name, value in given.items() if value is not None]
        if given and not styles.get("encoder" if "reference" in given else "network"):
            raise BadRequest(f"`{given[-1]}` was given, but {self.name!r} has no styles.")
        if len(given) > 1:
            raise BadRequest(f"Only one of {' and '.join(f'`{name}`' for name in given)} can set the style.")
        domains = []
        if "domains" in taken:
            domains = [np.full(1, self._number_of_domain(task["domains"], domain), "int32")]
        if style is not None:
            vector = Tensor("style", "float32", (styles["dim"],)).checked(style)
            return styles["network"], [vector[None]]
        if reference is not None:
            return styles["network"], await self._of_uint8[styles["encoder"]](reference[None], *domains)
        if "latents" in taken:
            return task["network"], [*domains, self._latent_of(seed)]
        if seed is not None:
            return styles["network"], [self._drawn(latents.normal, seed, styles["dim"])]
        return task["network"], domains

    def _number_of_domain(self, names, domain):
        known = {str(number): number for number in range(len(names))}
        known |= {name: number for number, name in enumerate(names)}
        if domain is not None and domain not in known:
            raise BadRequest(
                f"`domain` must be one of {', '.join(names)}, or a number from 0 to {len(names) - 1}. Received: "
                f"{domain!r}"
            )
        return known.get(domain, 0)

    def _latent_of(self, seed):
        """Returns the latent of a seed, or zeros without one, float32 `(1, dim)`."""
        if seed is None:
            return np.zeros((1, self.description["latent"]["dim"]), "float32")
        return self._drawn(lambda *of_row: latents.draw(self.description, *of_row), seed)

    def _drawn(self, draw, seed, *arguments):
        """Draws the first row of a seed."""
        Tensor("seed", "int64", (), (0, 2**32 - 1)).check_within_bounds(seed)
        return draw(np.full(1, seed, "uint32"), np.zeros(1, "uint32"), *arguments)

    def task(self, direction=None):
        """Returns the description of a translation direction, by default the first.

        Raises:
            BadRequest: If the direction is unknown.
        """
        self._require("translate")
        tasks = self.description["tasks"]
        direction = next(iter(tasks)) if direction is None else direction
        if direction not in tasks:
            raise BadRequest(f"`direction` must be one of {', '.join(tasks)}. Received: {direction!r}")
        return tasks[direction]

    def _require(self, ability):
        if not self.can(ability):
            able = ", ".join(self.description["abilities"])
            raise BadRequest(f"`model` {self.name!r} cannot {ability}. It can: {able}.")

    def _signatures(self):
        """Returns a dict of name -> `Signature`, the default first."""
        signatures = {}
        tasks = self._translators
        for name, network in self.description["networks"].items():
            inputs = [self._input(each, tasks.get(name, {})) for each in network["inputs"]]
            outputs = [_tensor(each) for each in network["outputs"]]
            if name in self._of_uint8:
                to_uint8 = outputs
                if name in tasks:
                    outputs = [dataclasses.replace(outputs[0], name="images")]
                    to_uint8 = [dataclasses.replace(outputs[0], dtype="uint8")]
                # All uint8 values are valid in images; label maps keep their bounds.
                bounds = inputs[0].bounds if "label_colors" in tasks.get(name, {}) else None
                of_uint8 = [dataclasses.replace(inputs[0], dtype="uint8", bounds=bounds), *inputs[1:]]
                signatures[name] = Signature(
                    of_uint8, to_uint8, self._of_images(name, self._of_uint8[name]), self.limits.max_num
                )
                signatures[f"{name}_float32"] = Signature(
                    inputs, outputs, self._of_images(name, self._networks[name]), self.limits.max_num
                )
            else:
                signatures[name] = Signature(inputs, outputs, self._networks[name], self.limits.max_num)
        if self.can("sample"):
            first = signatures[next(iter(signatures))]
            scalars = [
                Tensor("num", "int32", (), (1, self.limits.max_num)),
                Tensor("seed", "int64", (), (0, 2**32 - 1)),
            ]
            if self.description["num_classes"]:
                scalars.append(Tensor("label", "int32", (), (0, self.description["num_classes"] - 1)))
            is_image = len(first.outputs[0].shape) == 4
            samples = [dataclasses.replace(first.outputs[0], dtype="uint8" if is_image else "float32")]
            signatures["sample"] = Signature(scalars, samples, self._sample_signature, self.limits.max_num)
        if self.can("reconstruct"):
            signatures["reconstruct"] = Signature(
                signatures["encode"].inputs,
                signatures["decode"].outputs,
                self._reconstruct,
                self.limits.max_num,
            )
        return signatures

    def _input(self, described, task):
        tensor = _tensor(described)
        if tensor.name == "images" and "label_colors" in task:
            return LabelMaps(**{**vars(tensor), "bounds": (0, len(task["label_colors"]) - 1)})
        if tensor.name == "images":
            return dataclasses.replace(tensor, bounds=(-1 - pixels.SLACK, 1 + pixels.SLACK))
        if tensor.name in ("labels", "domains"):
            return dataclasses.replace(tensor, bounds=(0, self.description["num_classes"] - 1))
        return tensor

    async def _sample_signature(self, num, seed, label=None):
        labels = [] if label is None else [np.full(int(num), label, "int32")]
        return [await self._sample(int(num), int(seed), *labels)]

    async def _sample(self, num, seed, *labels):
        (samples,) = await self._sampler(
            np.full(num, seed, "uint32"), np.arange(num, dtype="uint32"), *labels
        )
        return samples

    def _samples(self, seeds, rows, *labels):
        """Generates the samples of rows of seeds."""
        run = next(iter(self._runners.values()))
        (samples,) = run(latents.draw(self.description, seeds, rows), *labels)
        return [pixels.to_uint8(samples) if samples.ndim == 4 else samples]

    def _batched(self, function, takes_pictures=False):
        """Returns a batched version of a function. Pictures, which may have any size, are weighed by their pixels."""
        limits = self.limits
        max_weight, options = limits.max_batch, {}
        if takes_pictures:
            max_weight, options = limits.max_pixels, {"weigh": _pixels_of_a_row}
        batcher = Batcher(
            function,
            self._executor,
            max_weight,
            limits.batch_delay,
            # The same amount of work may wait in both cases.
            max_waiting=max_weight * limits.max_waiting // limits.max_batch,
            observe=lambda rows: self._observe(self.name, rows),
            **options,
        )
        self._batchers.append(batcher)
        return batcher

    def _of_images(self, name, translate):
        """Returns a function that runs a network on images of any valid size."""
        # The shape of the input of an encoder is fixed.
        task = self._translators.get(name, {})
        multiple = task.get("size_multiple", 1)

        async def checked(images, *others):
            self._check_pixels(int(np.prod(images.shape[:3])))
            self._check_pixels(int(np.prod(images.shape[1:3])), task)
            if any(side % multiple for side in images.shape[1:3]):
                raise BadRequest(
                    f"`images` must have a height and a width that are multiples of {multiple}. Received: "
                    f"{images.shape}"
                )
            return await translate(images, *others)

        return checked

    def _check_pixels(self, number, task=None):
        """Checks the pixels of a batch, or with `task` those of one image for its network."""
        limit = min(self.limits.max_pixels, (task or {}).get("max_pixels") or self.limits.max_pixels)
        if number > limit:
            raise BadRequest(f"`images` must have at most {limit} pixels. Received: {number}")

    async def _reconstruct(self, images):
        (codes,) = await self._networks["encode"](images)
        return await self._networks["decode"](codes)


def _tensor(described):
    return Tensor(
        described["name"],
        described["dtype"],
        tuple(side if isinstance(side, int) else None for side in described["shape"]),
    )


def _runner(file, network, threads):
    """Returns a function of a network's positional inputs that runs it in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads would slow down other models.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    inputs = [each["name"] for each in network["inputs"]]
    outputs = [each["name"] for each in network["outputs"]]

    def run(*arrays):
        return session.run(outputs, dict(zip(inputs, arrays, strict=True)))

    return run


def _pixels_of_a_row(images, *others):
    return images.shape[1] * images.shape[2]


def _uint8(run, scales):
    """Wraps a network of float images in [-1, 1] as a function of uint8 images. Labels and styles are not scaled."""

    def of_uint8(images, *others):
        images = images.astype("float32")
        (results,) = run(images / np.float32(127.5) - np.float32(1) if scales else images, *others)
        return [pixels.to_uint8(results) if results.ndim == 4 else results]

    return of_uint8
