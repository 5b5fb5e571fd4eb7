"""Training checkpoints with recipes."""

import contextlib
import functools
import itertools
import json
import os
import platform
import statistics
from pathlib import Path

import keras
import numpy as np

from keras_genzoo import backends, callbacks, disk, metrics, models
from keras_genzoo.images import pictures
from keras_genzoo.presets import folders
from keras_genzoo.recipes import Recipe


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
    """Trains a checkpoint with a recipe.

    The run folder contains:

    - `recipe.toml`, to repeat the run, and `recipe.json`;
    - `log.jsonl`, one line per epoch;
    - `samples/`, one picture per epoch: samples of the same latents, or translations of the same test images (of
      training images for folders of pictures, which have no test split);
    - `best/`, the best model so far as a preset;
    - `backup/`, the backups;
    - `preset/`, after training: the model with metadata, card and picture;
    - `stage-1/`, ..., the same for the earlier stages of a recipe with stages.

    Args:
        recipe: `Recipe`.
        output: String or path of the run folder.
        data_dir: Folder with the original files of the dataset; see `keras_genzoo.datasets.load`.
        epochs: Int, number of epochs (of the last stage). Defaults to the recipe's.
        strategy: `"none"`, `"mirrored"` (all GPUs of this machine) or `"multi_worker"` (configured by `TF_CONFIG`).
        resume: Bool, whether to resume the run in the run folder.
        deterministic: Bool, whether to use deterministic TensorFlow operations, which are slower. Two runs then give
            the same weights, bit for bit.
        verbose: See `keras.Model.fit`.

    Returns:
        The trained model; the best one if the recipe has `best`.

    Raises:
        FileExistsError: If the run folder contains a run and `resume` is False.
        ValueError: If the run folder contains a run of another recipe, or the recipe, the data or the strategy is
            invalid. Nothing is written then.
        FloatingPointError: If a loss is not finite.
        OSError: If a file cannot be written, for example because the disk is full. The last backup is kept.
        BlockingIOError: If another process is training in the run folder.
        keras_genzoo.callbacks.Interrupted: After Ctrl-C, SIGTERM or SIGHUP, once the state is saved.
        keras_genzoo.callbacks.WorkerLost: If another worker has ended, or has not responded for 10 seconds.
    """
    output = run_folder(output, strategy)
    _check_run_folder(recipe, output, resume)
    with disk.in_use(output):
        try:
            return _train(recipe, output, data_dir, epochs, strategy, deterministic, verbose)
        except backends.LOST_WORKER as error:
            if strategy != "multi_worker":
                raise
            # The worker was lost while the models were built. Later losses are reported by `Backup`.
            raise callbacks.WorkerLost(None) from error


def run_folder(output, strategy):
    """Returns the run folder of this process. Workers other than the first have a subfolder of the first's.

    Every worker does the same work as the first, which keeps them synchronized.
    """
    if strategy == "multi_worker" and (worker := _worker()):
        return Path(output) / f"worker-{worker}"
    return Path(output)


def _train(recipe, output, data_dir, epochs, strategy, deterministic, verbose):
    if deterministic:
        _make_deterministic()
    if strategy == "multi_worker":
        for stage in recipe.stages:
            if not stage.model_class.trains_on_several_machines:
                raise ValueError(
                    "`strategy` 'multi_worker' supports generative models only: Keras' own training step fails."
                )
    with strategy_scope(strategy):
        models_of_stages = make_models(recipe)
    # Read before anything is written, so that a failure leaves no files behind.
    for stage in recipe.stages:
        stage.source.load(data_dir)
    for folder in (output, output / "samples", *output.glob("stage-*"), *output.glob("stage-*/samples")):
        disk.remove_unfinished(folder)
    folders.write_json(output / "recipe.json", recipe.as_json())
    recipe.save(output / "recipe.toml")
    for number, stage in enumerate(recipe.stages[:-1], start=1):
        folder, model = output / f"stage-{number}", models_of_stages.pop(0)
        if not (folder / "preset").exists():
            _train_stage(model, stage, folder, stage.epochs, data_dir, verbose)
        _begin_with(models_of_stages[0], models.load(folder / "preset"))
    return _train_stage(*models_of_stages, recipe, output, epochs or recipe.epochs, data_dir, verbose)


def _check_run_folder(recipe, output, resume):
    """Raises an error if the folder has a run that is not to be resumed, or a run of another recipe."""
    begun = (output / "log.jsonl").exists() or any(output.glob("backup/*")) or any(output.glob("stage-*"))
    if begun and not resume:
        raise FileExistsError(
            f"`output` {str(output)!r} already contains a run. Resume it with `resume` (--resume), or choose "
            "another folder."
        )
    if begun and _own_recipe(output / "recipe.json") != recipe.as_json():
        raise ValueError(
            f"`output` {str(output)!r} contains the run of another recipe, or of an earlier version of this one. "
            f"Choose another folder, or resume with the recipe of the run: genzoo train --resume --output {output}"
        )


def _own_recipe(file):
    try:
        return folders.read_json(file)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{file}, which identifies the run, is missing or damaged ({error}). Restore it from a copy, or start a "
            "new run in another folder."
        ) from error


def make_models(recipe):
    """Builds the compiled models of all stages, in order.

    Raises:
        ValueError: If a model cannot be built, or shares no network with the previous stage.
    """
    made = []
    for stage in recipe.stages:
        keras.utils.set_random_seed(stage.seed)
        made.append(stage.make_model())
    for earlier, later in itertools.pairwise(made):
        _shared_networks(earlier, later)
    return made


def _shared_networks(earlier, later):
    """Returns pairs of networks of the models of two stages with the same name and weight shapes.

    Raises:
        ValueError: If there are none.
    """
    given = earlier.preset_networks
    pairs = [
        (given[name], network)
        for name, network in later.preset_networks.items()
        if name in given and _shapes(network) == _shapes(given[name])
    ]
    if not pairs:
        raise ValueError(
            f"The stage of the {type(later).__name__} shares no network with the previous stage: networks of the "
            f"same name need weights of the same shapes. Previous: {list(given)}; then: "
            f"{list(later.preset_networks)}."
        )
    return pairs


def _shapes(network):
    return [tuple(weight.shape) for weight in network.weights]


def _begin_with(model, earlier):
    """Copies the weights of the networks shared with the model of the previous stage."""
    for given, network in _shared_networks(earlier, model):
        network.set_weights(given.get_weights())
    model.preset_weights_loaded()


def _train_stage(model, recipe, output, epochs, data_dir, verbose):
    """Trains a compiled model in its folder, from the backup if there is one; returns the final model."""
    output.mkdir(parents=True, exist_ok=True)
    examples = recipe.examples(8, data_dir)
    watchers = [callbacks.SampleGrid(output / "samples", examples)]
    if recipe.best:
        # The best epoch is selected on training images, so that the results on the card are of unseen images.
        chosen_on = {**recipe.evaluation, "split": "train", "data_dir": data_dir}
        watchers += [callbacks.Evaluate(**chosen_on), callbacks.KeepBest(output / "best", **recipe.best)]
    watchers.append(callbacks.JSONLines(output / "log.jsonl"))
    callbacks.Backup(output / "backup").fit(
        model,
        functools.partial(
            model.training_batches, functools.partial(recipe.source.load, data_dir, seed=recipe.seed)
        ),
        steps_per_epoch=recipe.steps_per_epoch,
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


def _all_images(source, data_dir):
    """Returns all images of a source in order, float32 in [-1, 1]."""
    # Loaded with batch size 1: a loader drops its last, partial batch.
    batches = source.load(data_dir, batch_size=1, shuffle=False).unbatch().batch(1000).as_numpy_iterator()
    return np.concatenate([keras.utils.unpack_x_y_sample_weight(batch)[0] for batch in batches])


def write_preset(model, recipe, output, data_dir=None):
    """Saves the trained model with its metadata, results and picture as `output/preset`."""
    output = Path(output)
    log = callbacks.JSONLines.read(output / "log.jsonl")
    seconds = statistics.median(line["seconds"] for line in log)
    metadata = {
        "name": recipe.name,
        "description": recipe.description,
        "license": recipe.license,
        "dataset": recipe.source.metadata,
        **_released(recipe),
        "training": {
            "time": f"{len(log)} epochs of {seconds:.0f} s (median)",
            "hardware": _hardware(),
            "software": f"keras {keras.__version__} on {keras.backend.backend()}",
        },
        "evaluation": recipe.evaluation,
    }
    if earlier := recipe.stages[:-1]:
        metadata["training"]["earlier stages"] = ", ".join(
            f"{stage.model_class.__name__} for {stage.epochs} epochs" for stage in earlier
        )
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
    if (picture := model.preview(recipe.examples(8, data_dir))) is not None:
        samples = output / "samples.png"
        pictures.write(picture, samples)
    model.save_to_preset(output / "preset", metadata=metadata, samples=samples, overwrite=True)


@contextlib.contextmanager
def strategy_scope(name):
    """Returns the context of the strategy `"none"`, `"mirrored"` or `"multi_worker"`."""
    if name == "none":
        yield
        return
    if name not in ("mirrored", "multi_worker"):
        raise ValueError(f"`strategy` must be 'none', 'mirrored' or 'multi_worker'. Received: {name!r}")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"`strategy` {name!r} requires the TensorFlow backend. Set KERAS_BACKEND=tensorflow."
        )
    import tensorflow as tf

    if name == "mirrored":
        strategy = tf.distribute.MirroredStrategy()
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        yield


def _worker():
    """Returns the index of this worker in its cluster, 0 for the chief, as in `MultiWorkerMirroredStrategy`."""
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    task = config.get("task", {})
    after_the_chief = task.get("type") == "worker" and "chief" in config.get("cluster", {})
    return task.get("index", 0) + after_the_chief


def _make_deterministic():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _released(recipe):
    """Returns the path of the recipe in the repository, for the card, if it is one of the repository's."""
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
    # The cores available to this process, if the system reports them.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU core{'s' if cores > 1 else ''} ({platform.machine()})"
