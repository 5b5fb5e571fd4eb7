"""Training a checkpoint from its recipe: one data file that holds everything needed to train it again."""

import contextlib
import functools
import inspect
import json
import os
import platform
import statistics
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import keras
import numpy as np

from keras_genzoo import (
    callbacks,
    datasets,
    growth,
    latent,
    likelihoods,
    losses,
    metrics,
    models,
    networks,
    optimizers,
    penalties,
    presets,
    visualization,
)
from keras_genzoo.datasets import sources
from keras_genzoo.presets import folders


@dataclass(frozen=True)
class Recipe:
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
    folder_a = "summer"        # two kinds of pictures without partners
    folder_b = "winter"
    image_size = 256
    batch_size = 1
    ```

    Args:
        name: Name of the checkpoint.
        description: One paragraph for the card.
        licence: Licence of the trained weights.
        model: Dict with `class` (a name in `keras_genzoo.models`) and the constructor's arguments. A dict among
            them is an object too: `class` is a name in `keras_genzoo.networks`, `.penalties`, `.likelihoods`,
            `.losses` or `.growth`. Or dict with `from` alone: a preset's name or folder, whose model is trained
            further, with the optimizers of the paper or of the recipe.
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

    name: str
    description: str
    licence: str
    model: dict
    data: dict
    epochs: int
    seed: int = 0
    optimizers: dict = field(default_factory=dict)
    evaluation: dict = field(default_factory=dict)
    best: dict = field(default_factory=dict)
    prior: dict = field(default_factory=dict)

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
            values = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"The recipe {path} is not valid TOML: {error}") from error
        known = {entry.name for entry in fields(cls)}
        _check_keys(
            path, "", values, known, required={"name", "description", "licence", "model", "data", "epochs"}
        )
        for table in ("model", "data", "optimizers", "evaluation", "best", "prior"):
            if not isinstance(values.get(table, {}), dict):
                raise ValueError(f"`{table}` in {path} must be a table. Received: {values[table]!r}")
        values["data"] = sources.with_absolute_paths(values["data"], path.parent)
        start = values["model"].get("from")
        if isinstance(start, str) and (folder := sources.absolute(start, path.parent)).is_dir():
            values["model"] = {**values["model"], "from": str(folder)}
        recipe = cls(**values)
        recipe.check(path)
        return recipe

    def save(self, path):
        """Writes the recipe as a TOML file, which `load` reads as the same recipe."""
        import tomli_w

        values = {key: value for key, value in asdict(self).items() if value != {}}
        folders.write_text(Path(path), tomli_w.dumps(values))

    def check(self, path):
        """Refuses values that cannot be used, naming the `path` or other place that they came from.

        Raises:
            ValueError: As for `load`.
        """
        if not isinstance(self.epochs, int) or self.epochs < 1:
            raise ValueError(f"`epochs` in {path} must be an int of at least 1. Received: {self.epochs!r}")
        source, grows = self.source, self._grows
        required = source.required if grows else source.required | {"batch_size"}
        _check_keys(
            path, "data.", self.data, source.keys - {"batch_size"} if grows else source.keys, required
        )
        source.check(path)
        evaluation_keys = set(inspect.signature(metrics.evaluate).parameters) - {"model", "data_dir"}
        required = {"dataset"} if self.evaluation else set()
        _check_keys(path, "evaluation.", self.evaluation, evaluation_keys, required)
        _check_keys(path, "best.", self.best, {"monitor", "mode"})
        if self.best and grows:
            raise ValueError(
                f"`best` in {path} cannot compare the epochs of a model that grows: their images differ in size. "
                "Leave it out, and the last epoch is kept."
            )
        if self.best and not (self.evaluation and "monitor" in self.best):
            raise ValueError(f"`best` in {path} needs `monitor`, and an `evaluation` whose result it names.")
        required = {"num_components"} if self.prior else set()
        _check_keys(path, "prior.", self.prior, {"num_components", "seed"}, required)
        if self.best.get("mode", "min") not in ("min", "max"):
            raise ValueError(f"`best.mode` in {path} must be 'min' or 'max'. Received: {self.best['mode']!r}")
        extractor = self.evaluation.get("extractor", "inception")
        if extractor != "inception" and not extractor.startswith("keras_applications/"):
            # Its metadata alone: nothing may be made before a strategy is.
            presets.metadata(extractor)
        if "from" in self.model:
            _check_keys(path, "model.", self.model, {"from"})
        else:
            model_class(self.model.get("class"), f"`model.class` in {path}")
        if source.kind not in self.model_class.trains_on:
            wanted = " or ".join(_DATA_OF_KIND[kind] for kind in self.model_class.trains_on)
            raise ValueError(
                f"`data` in {path} must be {wanted} for a {self.model_class.__name__}. Received "
                f"{_DATA_OF_KIND[source.kind]}: {source.label!r}"
            )
        if self.prior and "fitted" not in self.model_class.known_priors:
            raise ValueError(
                f"`prior` in {path} is fitted to the latents of images, which a {self.model_class.__name__} does not "
                "have. Leave it out."
            )
        if (
            source.source_shape
            and self.best
            and "train" not in datasets.info(self.evaluation["dataset"]).paired_splits
        ):
            raise ValueError(
                f"`best` in {path} needs training images that belong together, to compare translations with. Those "
                f"of {self.evaluation['dataset']!r} do not: leave `best` out, and the last epoch is kept."
            )
        if "class" in self.model and self.model.get("image_shape") != list(source.image_shape):
            raise ValueError(
                f"`model.image_shape` in {path} must be that of the data, {list(source.image_shape)}. Received: "
                f"{self.model.get('image_shape')}. Change it, or set `data.image_size`."
            )
        players = self.model_class.optimizer_arguments()
        for player, entry in self.optimizers.items():
            known = isinstance(entry, dict) and _optimizer_class(entry.get("class"))
            if player not in players or not known:
                raise ValueError(
                    f"`optimizers.{player}` in {path} must name one of the players {sorted(players)} and the "
                    f"`class` of its optimizer. Received: {entry}"
                )

    @functools.cached_property
    def model_class(self):
        name = presets.metadata(self.model["from"])["class"] if "from" in self.model else self.model["class"]
        return getattr(models, name)

    @functools.cached_property
    def source(self):
        """What the data come from, an object of `keras_genzoo.datasets.sources`."""
        return sources.of(self.data)

    @property
    def _grows(self):
        return "schedule" in self.model

    @property
    def steps_per_epoch(self):
        if self._grows:
            return -(-_object("schedule", self.model["schedule"]).num_steps // self.epochs)
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
                arguments = {name: _object(name, value) for name, value in _without_class(self.model).items()}
                model = self.model_class(**arguments)
            chosen = {
                player: _optimizer_class(entry["class"])(
                    **{name: _object(name, value) for name, value in _without_class(entry).items()}
                )
                for player, entry in self.optimizers.items()
            }
        except TypeError as error:
            raise ValueError(
                f"`model` or `optimizers` of the recipe {self.name!r} has an unusable argument: {error}"
            ) from error
        self._check_fit(model)
        arguments = model.optimizer_arguments()
        model.compile(**{arguments[player]: optimizer for player, optimizer in chosen.items()})
        return model

    def _check_fit(self, model):
        """Refuses data of another shape or other classes than the model was made for."""
        shape, classes = self.source.image_shape, self.source.num_classes
        if tuple(model.image_shape) != tuple(shape):
            raise ValueError(
                f"`model` of the recipe {self.name!r} is of images {tuple(model.image_shape)}, the data are "
                f"{tuple(shape)}. Set `data.image_size` and `data.channels`, or choose another model."
            )
        if model.num_classes and model.num_classes != classes:
            raise ValueError(
                f"`model` of the recipe {self.name!r} has {model.num_classes} classes, the data "
                f"{self.source.label!r} have {classes or 'no labels'}. A folder gives labels by "
                '`data.labels = "folder"`, a class for each of its sub-folders.'
            )
        if self.source.source_shape and model.source_channels != (channels := self.source.source_shape[-1]):
            raise ValueError(
                f"`model` of the recipe {self.name!r} translates images of {model.source_channels} channels. The "
                f"sources of {self.source.label!r} have {channels}: set `model.source_channels`, and "
                "`image_shape` or `channels` of a generator of your own."
            )


def train(
    recipe,
    output,
    data_dir=None,
    epochs=None,
    strategy="none",
    resume=False,
    deterministic=False,
    verbose="auto",
):
    """Trains a checkpoint.

    The run folder holds `recipe.toml`, which repeats the run, `recipe.json`, `log.jsonl` (a line per epoch),
    `samples/` (per epoch a grid of the same latents, or of translations of the same test images; of folders of
    pictures, which have no test images, of a few that are trained on), `best/` (the best model so far as a
    preset), `backup/`, and in the end `preset/`: the model of the recipe with metadata, card and picture.

    Args:
        recipe: `Recipe`.
        output: String or path of the run folder.
        data_dir: Folder with the data set's original files; see `keras_genzoo.datasets.load`.
        epochs: Int, instead of the recipe's.
        strategy: `"none"`, `"mirrored"` (all GPUs of this machine) or `"multi_worker"` (by `TF_CONFIG`).
        resume: Bool. Whether to go on from the run folder's backup.
        deterministic: Bool. Whether to make TensorFlow's operations deterministic, which is slower: two runs
            then end with the same weights, bit for bit.
        verbose: As for `keras.Model.fit`.

    Returns:
        The trained model: the best one where the recipe says how to tell it.

    Raises:
        FileExistsError: If the run folder holds a run and `resume` is False.
        ValueError: If the run folder holds the run of another recipe, or the recipe, the data or the strategy
            do not suit; nothing is written then.
        FloatingPointError: If a loss is not finite.
        keras_genzoo.callbacks.Interrupted: After Ctrl-C or SIGTERM, once the state is saved.
    """
    output = Path(output)
    epochs = epochs or recipe.epochs
    begun = (output / "log.jsonl").exists() or any(output.glob("backup/*"))
    if begun and not resume:
        raise FileExistsError(
            f"`output` {str(output)!r} already holds a run. Go on with it by `resume` (--resume), or choose "
            "another folder."
        )
    if begun and folders.read_json(output / "recipe.json") != _as_json(recipe):
        raise ValueError(
            f"`output` {str(output)!r} holds the run of another recipe, or of an earlier form of this one. "
            f"Choose another folder, or go on with its own recipe: genzoo train --resume --output {output}"
        )
    keras.utils.set_random_seed(recipe.seed)
    if deterministic:
        _make_deterministic()
    if strategy == "multi_worker" and not issubclass(recipe.model_class, models.GenerativeModel):
        raise ValueError(
            "`strategy` 'multi_worker' trains generative models only: Keras' own step fails there."
        )
    with strategy_scope(strategy) as worker:
        model = recipe.make_model()
    # Read before anything is written: where they are not to be had, the next start finds no trace of this one.
    recipe.source.load(data_dir)
    steps_per_epoch = recipe.steps_per_epoch
    if worker > 0:
        # Every worker does all that the first does, which keeps them in step, and writes to its own folder.
        output = output / f"worker-{worker}"
    output.mkdir(parents=True, exist_ok=True)
    folders.write_json(output / "recipe.json", _as_json(recipe))
    recipe.save(output / "recipe.toml")
    watchers = []
    if isinstance(model, models.TranslationModel):
        watchers.append(callbacks.TranslationGrid(output / "samples", *recipe.source.examples(8, data_dir)))
    elif isinstance(model, models.GenerativeModel):
        watchers.append(callbacks.SampleGrid(output / "samples", real=recipe.source.examples(8, data_dir)))
    if recipe.best:
        # The best epoch is chosen on training images: the card's results are of images never looked at.
        chosen_on = {**recipe.evaluation, "split": "train", "data_dir": data_dir}
        watchers += [callbacks.Evaluate(**chosen_on), callbacks.KeepBest(output / "best", **recipe.best)]
    watchers.append(callbacks.JSONLines(output / "log.jsonl"))

    callbacks.Backup(output / "backup").fit(
        model,
        functools.partial(_batches, model, recipe, data_dir),
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
        callbacks=watchers,
        verbose=verbose,
    )
    if recipe.best:
        model = models.load(output / "best")
    if recipe.prior:
        model.fit_prior(_all_images(recipe.source, data_dir), **recipe.prior)
    write_preset(model, recipe, output, data_dir)
    return model


def _batches(model, recipe, data_dir, step):
    """The endless data set of a training that begins at a step."""
    load = functools.partial(recipe.source.load, data_dir, seed=recipe.seed)
    if recipe._grows:
        return model.schedule.batches(load, initial_step=step)
    return load(initial_step=step)


def _all_images(source, data_dir):
    """The images of a source in its own order, float32 in [-1, 1]."""
    # One by one first: a loader drops its last partial batch.
    batches = source.load(data_dir, batch_size=1, shuffle=False).unbatch().batch(1000).as_numpy_iterator()
    return np.concatenate([keras.utils.unpack_x_y_sample_weight(batch)[0] for batch in batches])


def write_preset(model, recipe, output, data_dir=None):
    """Writes `output/preset`: the trained model with its metadata, results and picture."""
    output = Path(output)
    log = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    seconds = statistics.median(line["seconds"] for line in log)
    metadata = {
        "name": recipe.name,
        "description": recipe.description,
        "licence": recipe.licence,
        "dataset": recipe.source.metadata,
        **_released(recipe),
        "training": {
            "time": f"{len(log)} epochs of {seconds:.0f} s (median)",
            "hardware": _hardware(),
            "software": f"keras {keras.__version__} on {keras.backend.backend()}",
        },
        "evaluation": recipe.evaluation,
    }
    if recipe.prior:
        components = recipe.prior["num_components"]
        metadata["training"]["prior"] = (
            f"{components} Gaussians, fitted to the latents of the training images"
        )
    if recipe.best:
        metadata["best"] = folders.read_json(output / "best" / folders.METADATA)["best"]
        metadata["training"]["checkpoint"] = (
            f"epoch {metadata['best']['epoch']}, the best by {metadata['best']['monitor']} on training images"
        )
    if recipe.evaluation:
        metadata["results"] = metrics.evaluate(model, **recipe.evaluation, data_dir=data_dir)
    samples = None
    if isinstance(model, models.GenerativeModel):
        samples = output / "samples.png"
        draw(model, recipe, samples, data_dir)
    model.save_to_preset(output / "preset", metadata=metadata, samples=samples, overwrite=True)


def draw(model, recipe, path, data_dir=None):
    """Writes the picture of a card: samples of a fixed seed, or translations of some pictures."""
    if isinstance(model, models.TranslationModel):
        shown, targets = recipe.source.examples(8, data_dir)
        scale = max(1, 128 // model.image_shape[0])
        visualization.save_translations(model, shown, path, targets, scale=scale)
    elif len(model.image_shape) == 1:
        centers = recipe.source.examples(8, data_dir)
        visualization.save_scatter(model.sample(1000, seed=0), path, real=centers)
    elif isinstance(model, models.ProgressiveGAN | models.MSGGAN):
        # The same latents at every level, enlarged to the last one's size, then others at the last.
        strips = [model.sample(12, seed=0, level=level) for level in range(model.num_levels)]
        sides = [model.image_shape[0] // strip.shape[1] for strip in strips]
        strips = [strip.repeat(side, 1).repeat(side, 2) for strip, side in zip(strips, sides, strict=True)]
        visualization.save_grid(np.concatenate([*strips, model.sample(72, seed=1)]), path, columns=12)
    else:
        images = model.sample(100, seed=0, labels=latent.labels_in_turn(100, model.num_classes))
        visualization.save_grid(images, path, columns=10)


@contextlib.contextmanager
def strategy_scope(name):
    """Context of the strategy `"none"`, `"mirrored"` or `"multi_worker"`; gives the worker's index."""
    if name == "none":
        yield 0
        return
    if name not in ("mirrored", "multi_worker"):
        raise ValueError(f"`strategy` must be 'none', 'mirrored' or 'multi_worker'. Received: {name!r}")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"`strategy` {name!r} needs the TensorFlow backend: set KERAS_BACKEND=tensorflow.")
    import tensorflow as tf

    if name == "mirrored":
        strategy, worker = tf.distribute.MirroredStrategy(), 0
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        worker = strategy.cluster_resolver.task_id or 0
    with strategy.scope():
        yield worker


def _as_json(recipe):
    """The recipe as `recipe.json` holds it."""
    return json.loads(json.dumps(asdict(recipe)))


def _make_deterministic():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


_DATA_OF_KIND = {"images": "single images", "pairs": "pairs of images", "unpaired": "two kinds of images"}


def model_class(name, argument):
    """The class of models of a name; `argument` is what an error calls it."""
    bases = {"GenerativeModel", "LatentModel", "TranslationModel", "load"}
    if name not in (classes := sorted(set(models.__all__) - bases)):
        raise ValueError(f"{argument} must be one of {classes}. Received: {name!r}")
    return getattr(models, name)


def _optimizer_class(name):
    """An optimizer by name, the zoo's own first; None where there is none."""
    found = getattr(optimizers, str(name), None) or getattr(keras.optimizers, str(name), None)
    return found if isinstance(found, type) and issubclass(found, keras.optimizers.Optimizer) else None


def _object(argument, value):
    """The object that a dict describes; any other value unchanged."""
    if not isinstance(value, dict):
        return value
    for room in (networks, penalties, likelihoods, losses, growth, optimizers, keras.optimizers.schedules):
        found = getattr(room, str(value.get("class")), None)
        if isinstance(found, type):
            return found(**{name: _object(name, entry) for name, entry in _without_class(value).items()})
    raise ValueError(
        f"`{argument}.class` must be a class of keras_genzoo.networks, penalties, likelihoods, losses or growth, or "
        f"of keras.optimizers.schedules. Received: {value.get('class')!r}"
    )


def _without_class(entry):
    return {key: value for key, value in entry.items() if key != "class"}


def _check_keys(path, prefix, values, known, required=frozenset()):
    for key in values:
        if key not in known:
            raise ValueError(f"Unknown key `{prefix}{key}` in {path}. Known keys: {sorted(known)}")
    for key in sorted(required):
        if key not in values:
            raise ValueError(f"Missing key `{prefix}{key}` in {path}.")


def _released(recipe):
    """Where a checkout keeps the recipe, for the card; nothing of any other."""
    path = Path(__file__).parent.parent / "tools" / "recipes" / f"{recipe.name}.toml"
    found = path.is_file() and Recipe.load(path) == recipe
    return {"recipe": f"tools/recipes/{recipe.name}.toml"} if found else {}


def _hardware():
    if keras.backend.backend() == "jax":
        import jax

        devices = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    else:
        import tensorflow as tf

        devices = [
            tf.config.experimental.get_device_details(device).get("device_name", "GPU")
            for device in tf.config.list_physical_devices("GPU")
        ]
    if devices:
        return ", ".join(devices)
    # The cores that this process may use, where the system tells.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU core{'s' if cores > 1 else ''} ({platform.machine()})"
