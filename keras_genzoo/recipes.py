"""Recipes: TOML files with everything needed to reproduce the training of a checkpoint."""

import functools
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import keras
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, with_config
from typing_extensions import TypedDict

from keras_genzoo import datasets, disk, models, presets
from keras_genzoo.datasets import sources
from keras_genzoo.models.zoo_model import ZooModel

PositiveInt = Annotated[int, Field(ge=1)]


@with_config(ConfigDict(extra="forbid", strict=True))
class Evaluation(TypedDict):
    """The arguments of `keras_genzoo.metrics.evaluate`."""

    dataset: str
    extractor: NotRequired[str]
    measures: NotRequired[list[str]]
    num_samples: NotRequired[PositiveInt]
    seed: NotRequired[int]
    split: NotRequired[str]
    importance_samples: NotRequired[PositiveInt]
    prior: NotRequired[str]


@with_config(ConfigDict(extra="forbid", strict=True))
class Best(TypedDict):
    """The arguments of `keras_genzoo.callbacks.KeepBest`."""

    monitor: str
    mode: NotRequired[Literal["min", "max"]]


@with_config(ConfigDict(extra="forbid", strict=True))
class Prior(TypedDict):
    """The arguments of `fit_prior` of autoencoders."""

    num_components: PositiveInt
    seed: NotRequired[int]


# An object: the name of its class, and the arguments of its constructor.
Described = with_config(ConfigDict(extra="allow", strict=True))(TypedDict("Described", {"class": str}))


class Recipe(BaseModel):
    """A recipe for training a checkpoint, usually read from a TOML file.

    The data are a named dataset, or folders of pictures:

    ```toml
    [data]
    name = "mnist"             # a named dataset
    batch_size = 64

    [data]
    folder = "photographs"     # single images
    image_size = 64
    batch_size = 32
    labels = "folder"          # only for conditional models: one class per subfolder

    [data]
    folder = "sketches"        # pairs in two folders
    target_folder = "photographs"
    image_size = 256
    batch_size = 1
    augment = true

    [data]
    folder = "facades"         # pairs side by side in one file
    source = "right"
    image_size = 256
    batch_size = 1

    [data]
    folder = "photographs"     # pictures and their reductions, for super-resolution
    scale = 4
    image_size = 128
    batch_size = 16

    [data]
    folder_a = "summer"        # unpaired pictures of two domains
    folder_b = "winter"
    image_size = 256
    batch_size = 1
    ```

    A recipe may have several stages, which are trained in order. The keys of a stage override those of the file. A
    stage starts with the trained networks of the previous stage that have the same name and the same weight shapes.
    The last stage gives the checkpoint:

    ```toml
    [model]
    image_shape = [28, 28, 1]
    latent_dim = 8

    [data]
    name = "mnist"
    batch_size = 64

    [[stages]]
    epochs = 5
    model = { class = "Autoencoder" }

    [[stages]]
    epochs = 20
    model = { class = "WAEGAN" }
    ```

    Args:
        name: String, name of the checkpoint.
        description: String, one paragraph for the card.
        license: String, license of the trained weights.
        model: Dict with `class` (a name in `keras_genzoo.models`) and the arguments of its constructor. Arguments may
            themselves be dicts with `class`, the name of a class that this package registers with Keras, such as a
            network, a penalty or a loss. To fine-tune a preset, a dict with only `from`, the name or folder of the
            preset.
        data: Dict with the arguments of `keras_genzoo.datasets.load`, including `name` and `batch_size`; or with
            folders and the other arguments of the loader, as above (`crop = "none"` stands for None). Relative paths,
            here and in `model.from`, are relative to the folder of the recipe. The batch sizes of a model with a
            `schedule` are part of the schedule.
        epochs: Int, number of epochs; with a `schedule`, the number of epochs that it is divided into.
        seed: Int, seed of the initial weights, of the noise and of the order of the data.
        optimizers: Dict that maps players to dicts with `class` (a name in `keras_genzoo.optimizers` or
            `keras.optimizers`) and its arguments. Defaults to the optimizers of the paper. Arguments may be dicts
            that describe a schedule of `keras_genzoo.optimizers` or `keras.optimizers.schedules`. The only player of
            a classifier is `optimizer`.
        evaluation: Dict with the arguments of `keras_genzoo.metrics.evaluate`.
        best: Dict with `monitor` and `mode`, the result that determines the best epoch.
        prior: Dict with `num_components` and `seed` of `fit_prior` of an autoencoder, which is fitted to the images
            of `data` after training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    description: str
    license: str
    model: dict[str, Any]
    data: dict[str, Any]
    epochs: PositiveInt
    seed: int = 0
    optimizers: dict[str, Described] = {}
    evaluation: Evaluation = {}
    best: Best = {}
    prior: Prior = {}
    _earlier_stages: list["Recipe"] = PrivateAttr(default_factory=list)

    @classmethod
    def load(cls, path):
        """Reads and checks a recipe.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not TOML, a key is unknown or missing, or a value cannot be used.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"There is no recipe {str(path)!r}. Pass the path of a .toml file, such as those in "
                "tools/recipes/ of a checkout."
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"The recipe {path} is not valid TOML: {error}") from error
        stages = values.pop("stages", [{}])
        if not (isinstance(stages, list) and stages and all(isinstance(stage, dict) for stage in stages)):
            raise ValueError(
                f"`stages` in {path} must be tables with the header [[stages]]. Received: {stages!r}"
            )
        recipes = []
        for number, stage in enumerate(stages, start=1):
            where = path if len(stages) == 1 else f"stage {number} of {path}"
            recipe = cls._of(_with_absolute_paths(_laid_over(values, stage), path.parent), where)
            recipe.check(where)
            recipes.append(recipe)
        recipe._earlier_stages = recipes[:-1]
        return recipe

    @classmethod
    def _of(cls, values, where):
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            # Unknown keys first: they may be misspelled required keys.
            errors = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
            raise ValueError(" ".join(_told(each, where) for each in errors)) from None

    def save(self, path):
        """Saves the recipe as a TOML file, which `load` reads as an equal recipe."""
        import tomli_w

        values = _without_empty(self.model_dump(mode="json"))
        if self._earlier_stages:
            common = {key: values[key] for key in ("name", "description", "license")}
            stages = [_without_empty(stage.model_dump(mode="json")) for stage in self.stages]
            different = [
                {key: value for key, value in stage.items() if value != common.get(key)} for stage in stages
            ]
            values = {**common, "stages": different}
        disk.write_text(Path(path), tomli_w.dumps(values))

    def as_json(self):
        """Returns the recipe as a dict for JSON, with the list `earlier_stages` if there are any."""
        earlier = [stage.as_json() for stage in self._earlier_stages]
        return {**self.model_dump(mode="json"), **({"earlier_stages": earlier} if earlier else {})}

    def check(self, where):
        """Checks that the parts of the recipe fit together, without building a model or reading data.

        Args:
            where: String or path, the origin of the recipe in messages.

        Raises:
            ValueError: If the data, a class or a measure is unknown, or they do not fit together.
        """
        if "from" in self.model:
            _check_keys(where, "model.", self.model, {"from"})
        elif (named := self.model.get("class")) not in (known := model_classes()):
            raise ValueError(f"`model.class` in {where} must be one of {sorted(known)}. Received: {named!r}")
        self._check_data(where)
        self._check_evaluation(where)
        if self.prior and "fitted" not in self.model_class.known_priors:
            raise ValueError(
                f"`prior` in {where} applies to autoencoders only: it is fitted to the latents of images, which a "
                f"{self.model_class.__name__} does not have. Leave it out."
            )
        players = self.model_class.optimizer_arguments()
        for player, entry in self.optimizers.items():
            if player not in players or not _is_optimizer(registered(entry["class"])):
                raise ValueError(
                    f"`optimizers.{player}` in {where} must name one of the players {sorted(players)} and the "
                    f"`class` of its optimizer. Received: {entry}"
                )

    def _check_data(self, where):
        source, model_class = self.source, self.model_class
        keys, required = set(source.keys), set(source.required)
        if planned_by := "class" in self.model and model_class.planned_by:
            _check_keys(where, "model.", self.model, self.model, {planned_by})
            keys -= {"batch_size"}
        else:
            required |= {"batch_size"}
        _check_keys(where, "data.", self.data, keys, required)
        source.check(where)
        if source.kind not in model_class.trains_on:
            wanted = " or ".join(_DATA_OF_KIND[kind] for kind in model_class.trains_on)
            raise ValueError(
                f"`data` in {where} must be {wanted} for a {model_class.__name__}. Received "
                f"{_DATA_OF_KIND[source.kind]}: {source.label!r}"
            )
        shape = list(source.modality.shape)
        if "class" in self.model and self.model.get("image_shape") != shape:
            raise ValueError(
                f"`model.image_shape` in {where} must be that of the data, {shape}. Received: "
                f"{self.model.get('image_shape')}. Change it, or set `data.image_size`."
            )

    def _check_evaluation(self, where):
        if self.best and self.planned_steps is not None:
            raise ValueError(
                f"`best` in {where} does not apply to growing models: the images of their epochs differ in size. "
                "Leave it out to keep the last epoch."
            )
        if self.best and not self.evaluation:
            raise ValueError(f"`best` in {where} needs an `evaluation` that reports its `monitor`.")
        extractor = self.evaluation.get("extractor", "inception")
        named = extractor in ("inception", "effnet_lite0_224_pool1280")
        if not named and not extractor.startswith("keras_applications/"):
            # Only the metadata: the model must be built within the strategy's scope.
            presets.metadata(extractor)
        if (
            self.best
            and self.source.source_modality
            and "train" not in datasets.info(self.evaluation["dataset"]).paired_splits
        ):
            raise ValueError(
                f"`best` in {where} needs paired training images, to compare translations with. Those of "
                f"{self.evaluation['dataset']!r} are unpaired. Leave `best` out to keep the last epoch."
            )

    @property
    def stages(self):
        """List of the recipes of all stages in order; the last one is this recipe."""
        return [*self._earlier_stages, self]

    @functools.cached_property
    def model_class(self):
        name = presets.metadata(self.model["from"])["class"] if "from" in self.model else self.model["class"]
        return model_classes()[name]

    @functools.cached_property
    def source(self):
        """The source of the data, an object of `keras_genzoo.datasets.sources`."""
        return sources.of(self.data)

    def examples(self, num, data_dir=None):
        """Returns the examples for `preview` of the model; see `keras_genzoo.datasets.sources`."""
        return self.source.examples(num, data_dir, labelled="translate" in self.model_class.abilities)

    @property
    def planned_steps(self):
        """Int, total number of training steps if an argument of the model, such as a schedule, sets it; else None."""
        planned_by = self.model_class.planned_by
        return made(planned_by, self.model[planned_by]).num_steps if planned_by in self.model else None

    @property
    def steps_per_epoch(self):
        """Int, number of training steps per epoch."""
        if (planned := self.planned_steps) is not None:
            return -(-planned // self.epochs)
        return self.source.num_images // self.data["batch_size"]

    def make_model(self):
        """Builds and compiles the model.

        Raises:
            ValueError: If an argument of the model or an optimizer is invalid, or the data do not fit the model.
        """
        try:
            if "from" in self.model:
                model = models.load(self.model["from"])
            else:
                model = self.model_class(**_made_arguments(self.model))
            chosen = {player: made(player, entry) for player, entry in self.optimizers.items()}
        except TypeError as error:
            raise ValueError(
                f"`model` or `optimizers` of the recipe {self.name!r} has an invalid argument: {error}"
            ) from error
        self._check_fit(model)
        arguments = model.optimizer_arguments()
        model.compile(**{arguments[player]: optimizer for player, optimizer in chosen.items()})
        return model

    def _check_fit(self, model):
        """Raises a ValueError if the modality or condition of the data is not that of the model."""
        source = self.source
        if model.modality != source.modality:
            raise ValueError(
                f"`model` of the recipe {self.name!r} has images of shape {tuple(model.modality.shape)}, but the "
                f"data have {tuple(source.modality.shape)}. Set `data.image_size` and `data.channels`, or another "
                "model."
            )
        if model.condition not in (None, source.condition):
            classes = source.condition.num_classes if source.condition else "no labels"
            raise ValueError(
                f"`model` of the recipe {self.name!r} has {model.condition.num_classes} classes, but the data "
                f"{source.label!r} have {classes}. Set "
                '`data.labels = "folder"` to use each subfolder as a class.'
            )
        expected = model.expected_data()["x"]
        if source.source_modality not in (None, expected):
            raise ValueError(
                f"`model` of the recipe {self.name!r} translates {expected.described}, but the sources of "
                f"{source.label!r} are {source.source_modality.described}. Set `model.source_channels` or "
                "`model.num_labels`, and the corresponding arguments of a custom generator."
            )


_DATA_OF_KIND = {"images": "single images", "pairs": "pairs of images", "unpaired": "two kinds of images"}


def model_classes():
    """Returns a dict of the model classes that this package registers with Keras, by name."""
    return {
        name.removeprefix(_PACKAGE): found
        for name, found in keras.saving.get_custom_objects().items()
        if name.startswith(_PACKAGE) and isinstance(found, type) and issubclass(found, ZooModel)
    }


def registered(name):
    """Returns a class registered by this package, an optimizer or schedule of Keras, or None, by its name."""
    rooms = (keras.optimizers, keras.optimizers.schedules)
    found = [keras.saving.get_registered_object(f"{_PACKAGE}{name}")]
    found += [getattr(room, str(name), None) for room in rooms]
    return next((each for each in found if isinstance(each, type)), None)


_PACKAGE = "keras_genzoo>"


def made(argument, value):
    """Makes the object that a dict with `class` and arguments describes; returns other values unchanged."""
    if not isinstance(value, dict):
        return value
    found = registered(value.get("class"))
    if found is None:
        raise ValueError(
            f"`{argument}.class` must be a class that keras_genzoo registers, such as a network, a penalty or a "
            f"loss, or an optimizer or schedule of keras.optimizers. Received: {value.get('class')!r}"
        )
    return found(**_made_arguments(value))


def _made_arguments(table):
    return {name: made(name, value) for name, value in table.items() if name != "class"}


def _is_optimizer(found):
    return found is not None and issubclass(found, keras.optimizers.Optimizer)


def _laid_over(values, stage):
    """Returns the values overridden by those of a stage; tables are merged by key."""
    both = {
        key: {**values[key], **stage[key]}
        for key in values.keys() & stage.keys()
        if _are_tables(values[key], stage[key])
    }
    return {**values, **stage, **both}


def _are_tables(*values):
    return all(isinstance(value, dict) for value in values)


def _with_absolute_paths(values, base):
    """Returns the values with absolute paths of the data folders and of the preset in `model.from`."""
    model, data = values.get("model"), values.get("data")
    if isinstance(data, dict):
        values = {**values, "data": sources.with_absolute_paths(data, base)}
    start = model.get("from") if isinstance(model, dict) else None
    if isinstance(start, str) and (folder := sources.absolute(start, base)).is_dir():
        values = {**values, "model": {**model, "from": str(folder)}}
    return values


def _without_empty(values):
    return {key: value for key, value in values.items() if value not in ({}, [])}


def _told(error, where):
    """Converts an error of pydantic to a message that names the key with its table."""
    *tables, _ = path = error["loc"]
    key = ".".join(map(str, path))
    if error["type"] == "missing":
        return f"Missing key `{key}` in {where}."
    if error["type"] == "extra_forbidden":
        # The keys of the recipe itself, or of one of its tables.
        known = Recipe.model_fields[tables[0]].annotation.__annotations__ if tables else _KEYS
        return f"Unknown key `{key}` in {where}. Known keys: {sorted(known)}."
    wanted = error["msg"].removeprefix("Input should ").replace("a valid dictionary", "a table")
    return f"`{key}` in {where} must {wanted}. Received: {error['input']!r}."


_KEYS = {*Recipe.model_fields, "stages"}


def _check_keys(where, prefix, values, known, required=frozenset()):
    for key in values:
        if key not in known:
            raise ValueError(f"Unknown key `{prefix}{key}` in {where}. Known keys: {sorted(known)}.")
    for key in sorted(required):
        if key not in values:
            raise ValueError(f"Missing key `{prefix}{key}` in {where}.")
