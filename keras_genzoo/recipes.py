"""Recipes: one data file that holds everything needed to train a checkpoint again."""

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
    """The arguments of `fit_prior` of an autoencoder."""

    num_components: PositiveInt
    seed: NotRequired[int]


# An object: the name of its class, and the arguments of the constructor.
Described = with_config(ConfigDict(extra="allow", strict=True))(TypedDict("Described", {"class": str}))


class Recipe(BaseModel):
    """Everything needed to train a checkpoint, as read from a TOML file.

    The data are a data set of the zoo, or folders of pictures:

    ```toml
    [data]
    name = "mnist"             # a data set by its name
    batch_size = 64

    [data]
    folder = "photographs"     # images
    image_size = 64
    batch_size = 32
    labels = "folder"          # only of a conditional model: a class for each sub-folder

    [data]
    folder = "sketches"        # pairs of two folders, ...
    target_folder = "photographs"
    image_size = 256
    batch_size = 1
    augment = true

    [data]
    folder = "facades"         # ... or side by side in a file
    source = "right"
    image_size = 256
    batch_size = 1

    [data]
    folder = "photographs"     # large pictures, and the same reduced, for super-resolution
    scale = 4
    image_size = 128
    batch_size = 16

    [data]
    folder_a = "summer"        # two kinds of pictures without partners
    folder_b = "winter"
    image_size = 256
    batch_size = 1
    ```

    A recipe may have stages, trained one after the other. A stage is the file's own tables with those of the stage
    laid over them, key by key. It begins with the networks of the stage before that it has too: those of the same
    name, with weights of the same shapes. The last stage gives the checkpoint:

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
        name: Name of the checkpoint.
        description: One paragraph for the card.
        license: License of the trained weights.
        model: Dict with `class` (a name in `keras_genzoo.models`) and the constructor's arguments. A dict among
            them is an object too: `class` is the name of a class that this package registers with Keras, such as a
            network, a penalty or a loss. Or dict with `from` alone: a preset's name or folder, whose model is
            trained further, with the optimizers of the paper or of the recipe.
        data: Dict with the arguments of `keras_genzoo.datasets.load`, `name` and `batch_size` among them; or
            with folders and the other arguments of `image_folder`, `paired_folder` or `unpaired_folders`, as
            above (`crop = "none"` for None). A relative path is that from the recipe's own folder, here and in
            `model.from`. A `TranslationModel` takes pairs. A model with a `schedule` has the batch sizes there.
        epochs: Int. Where there is a `schedule`, the parts that it is divided into.
        seed: Int, seed of the initial weights, of the noise and of the order of the data.
        optimizers: Dict of player -> dict with `class` (a name in `keras_genzoo.optimizers` or
            `keras.optimizers`) and its arguments; a missing player takes the paper's. A dict among the
            arguments is a schedule of `keras_genzoo.optimizers` or `keras.optimizers.schedules`. A classifier's
            one player is `optimizer`.
        evaluation: Dict with the arguments of `keras_genzoo.metrics.evaluate`.
        best: Dict with `monitor` and `mode`: the result by which the best epoch is kept.
        prior: Dict with `num_components` and `seed` for `fit_prior` of an autoencoder, which then takes the images of
            `data` after training.
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
                f"There is no recipe {str(path)!r}. Give the path of a .toml file, such as those in "
                "tools/recipes/ of a checkout."
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"The recipe {path} is not valid TOML: {error}") from error
        stages = values.pop("stages", [{}])
        if not (isinstance(stages, list) and stages and all(isinstance(stage, dict) for stage in stages)):
            raise ValueError(
                f"`stages` in {path} must be tables, each headed [[stages]]. Received: {stages!r}"
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
            # What is unknown first: it may well be what is missing, misspelt.
            errors = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
            raise ValueError(" ".join(_told(each, where) for each in errors)) from None

    def save(self, path):
        """Writes the recipe as a TOML file, which `load` reads as the same recipe."""
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
        """The recipe as a dict that JSON can hold, with the list `earlier_stages` where there are some."""
        earlier = [stage.as_json() for stage in self._earlier_stages]
        return {**self.model_dump(mode="json"), **({"earlier_stages": earlier} if earlier else {})}

    def check(self, where):
        """Refuses parts that do not fit one another; makes no model and reads no data.

        Args:
            where: String or path, what messages say the recipe comes from.

        Raises:
            ValueError: If the data, a class or a measure is unknown, or they do not fit one another.
        """
        if "from" in self.model:
            _check_keys(where, "model.", self.model, {"from"})
        elif (named := self.model.get("class")) not in (known := model_classes()):
            raise ValueError(f"`model.class` in {where} must be one of {sorted(known)}. Received: {named!r}")
        self._check_data(where)
        self._check_evaluation(where)
        if self.prior and "fitted" not in self.model_class.known_priors:
            raise ValueError(
                f"`prior` in {where} is fitted to the latents of images, which a {self.model_class.__name__} does "
                "not have. Leave it out."
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
                f"`best` in {where} cannot compare the epochs of a model that grows: their images differ in size. "
                "Leave it out, and the last epoch is kept."
            )
        if self.best and not self.evaluation:
            raise ValueError(f"`best` in {where} needs an `evaluation` whose result it names.")
        extractor = self.evaluation.get("extractor", "inception")
        named = extractor in ("inception", "effnet_lite0_224_pool1280")
        if not named and not extractor.startswith("keras_applications/"):
            # Its metadata alone: nothing may be made before a strategy is.
            presets.metadata(extractor)
        if (
            self.best
            and self.source.source_modality
            and "train" not in datasets.info(self.evaluation["dataset"]).paired_splits
        ):
            raise ValueError(
                f"`best` in {where} needs training images that belong together, to compare translations with. Those "
                f"of {self.evaluation['dataset']!r} do not: leave `best` out, and the last epoch is kept."
            )

    @property
    def stages(self):
        """List of the recipes of all stages in their order, this one the last."""
        return [*self._earlier_stages, self]

    @functools.cached_property
    def model_class(self):
        name = presets.metadata(self.model["from"])["class"] if "from" in self.model else self.model["class"]
        return model_classes()[name]

    @functools.cached_property
    def source(self):
        """What the data come from, an object of `keras_genzoo.datasets.sources`."""
        return sources.of(self.data)

    def examples(self, num, data_dir=None):
        """What `preview` of the model shows beside it: see `keras_genzoo.datasets.sources`."""
        return self.source.examples(num, data_dir, labelled="translate" in self.model_class.abilities)

    @property
    def planned_steps(self):
        """Int, the steps of a training that an argument of the model plans, such as a schedule; else None."""
        planned_by = self.model_class.planned_by
        return made(planned_by, self.model[planned_by]).num_steps if planned_by in self.model else None

    @property
    def steps_per_epoch(self):
        """Int."""
        if (planned := self.planned_steps) is not None:
            return -(-planned // self.epochs)
        return self.source.num_images // self.data["batch_size"]

    def make_model(self):
        """Builds and compiles the model.

        Raises:
            ValueError: If the model or an optimizer refuses an argument, or the data do not fit the model.
        """
        try:
            if "from" in self.model:
                model = models.load(self.model["from"])
            else:
                model = self.model_class(**_made_arguments(self.model))
            chosen = {player: made(player, entry) for player, entry in self.optimizers.items()}
        except TypeError as error:
            raise ValueError(
                f"`model` or `optimizers` of the recipe {self.name!r} has an unusable argument: {error}"
            ) from error
        self._check_fit(model)
        arguments = model.optimizer_arguments()
        model.compile(**{arguments[player]: optimizer for player, optimizer in chosen.items()})
        return model

    def _check_fit(self, model):
        """Refuses data of another modality or condition than the model was made for."""
        source = self.source
        if model.modality != source.modality:
            raise ValueError(
                f"`model` of the recipe {self.name!r} is of images {tuple(model.modality.shape)}, the data are "
                f"{tuple(source.modality.shape)}. Set `data.image_size` and `data.channels`, or choose another "
                "model."
            )
        if model.condition not in (None, source.condition):
            classes = source.condition.num_classes if source.condition else "no labels"
            raise ValueError(
                f"`model` of the recipe {self.name!r} has {model.condition.num_classes} classes, the data "
                f"{source.label!r} have {classes}. A folder gives labels by "
                '`data.labels = "folder"`, a class for each of its sub-folders.'
            )
        expected = model.expected_data()["x"]
        if source.source_modality not in (None, expected):
            raise ValueError(
                f"`model` of the recipe {self.name!r} translates {expected.described}. The sources of "
                f"{source.label!r} are {source.source_modality.described}: set `model.source_channels` or "
                "`model.num_labels`, and what belongs to them of a generator of your own."
            )


_DATA_OF_KIND = {"images": "single images", "pairs": "pairs of images", "unpaired": "two kinds of images"}


def model_classes():
    """Dict of the families by name: the models that this package registers with Keras."""
    return {
        name.removeprefix(_PACKAGE): found
        for name, found in keras.saving.get_custom_objects().items()
        if name.startswith(_PACKAGE) and isinstance(found, type) and issubclass(found, ZooModel)
    }


def registered(name):
    """The class of a name that this package registers with Keras, or an optimizer or schedule of Keras; or None."""
    rooms = (keras.optimizers, keras.optimizers.schedules)
    found = [keras.saving.get_registered_object(f"{_PACKAGE}{name}")]
    found += [getattr(room, str(name), None) for room in rooms]
    return next((each for each in found if isinstance(each, type)), None)


_PACKAGE = "keras_genzoo>"


def made(argument, value):
    """The object that a dict describes by its `class` and arguments; any other value unchanged."""
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
    """The values with those of a stage in their place; of two tables the keys."""
    both = {
        key: {**values[key], **stage[key]}
        for key in values.keys() & stage.keys()
        if _are_tables(values[key], stage[key])
    }
    return {**values, **stage, **both}


def _are_tables(*values):
    return all(isinstance(value, dict) for value in values)


def _with_absolute_paths(values, base):
    """The values with the folders of their data, and that of a preset in `model.from`, as absolute paths."""
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
    """One error of pydantic as a sentence that names the key with its table."""
    *tables, _ = path = error["loc"]
    key = ".".join(map(str, path))
    if error["type"] == "missing":
        return f"Missing key `{key}` in {where}."
    if error["type"] == "extra_forbidden":
        # Of the recipe itself or of one of its tables.
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
