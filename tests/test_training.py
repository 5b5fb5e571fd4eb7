"""Training a checkpoint from its recipe: the run folder, resuming, strategies, and what is refused."""

import contextlib
import functools
import inspect
import json
import signal
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import callbacks, disk, recipes, training
from tests import support
from tests.faults.toy_runs import fall_after
from tests.support import toy_dataset, toy_pairs

ROOT = Path(__file__).parent.parent

RECIPE = """
name = "toy_gan"
description = "A GAN of the test."
license = "none"
epochs = 3
seed = 1

[model]
class = "GAN"
image_shape = [28, 28, 1]
width = 4
num_classes = 10
average_decay = 0.9
seed = 1

[data]
name = "mnist"
batch_size = 8
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "toy_gan.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def toy_mnist(monkeypatch):
    toy_dataset.install(monkeypatch.setattr)


@pytest.mark.ci
def test_run_folder_holds_logs_pictures_and_a_preset(recipe_file, tmp_path, toy_mnist):
    model = training.train(training.Recipe.load(recipe_file), tmp_path / "run", verbose=0)

    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert all(np.isfinite(line["generator_loss"]) for line in lines)
    assert len(list((tmp_path / "run" / "samples").glob("epoch-*.png"))) == 3
    metadata = kg.presets.metadata(tmp_path / "run" / "preset")
    assert metadata["dataset"]["name"] == "mnist"
    assert metadata["training"]["time"].startswith("3 epochs of")
    again = kg.models.load(tmp_path / "run" / "preset")
    np.testing.assert_array_equal(again.sample(3, seed=0, labels=1), model.sample(3, seed=0, labels=1))


def test_a_prior_of_a_model_without_an_encoder_is_refused(recipe_file):
    recipe_file.write_text(RECIPE + "[prior]\nnum_components = 3\n")
    with pytest.raises(ValueError, match=r"`prior` in .* which a GAN does not have"):
        training.Recipe.load(recipe_file)


@pytest.mark.slow
def test_best_epoch_is_kept_by_its_measure(recipe_file, tmp_path, toy_mnist):
    judge = kg.models.Classifier(image_shape=(28, 28, 1), num_classes=10, filters=(2, 2, 2), feature_dim=4)
    judge.save_to_preset(tmp_path / "judge")
    best = f"""
    [evaluation]
    dataset = "mnist"
    extractor = "{tmp_path / "judge"}"
    num_samples = 64
    [best]
    monitor = "classifier_frechet_distance"
    mode = "min"
    """
    recipe_file.write_text(RECIPE + textwrap.dedent(best))
    training.train(training.Recipe.load(recipe_file), tmp_path / "run", verbose=0)

    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    distances = [line["classifier_frechet_distance"] for line in lines]
    metadata = kg.presets.metadata(tmp_path / "run" / "preset")
    assert metadata["best"]["value"] == min(distances)
    assert metadata["best"]["epoch"] == 1 + int(np.argmin(distances))
    assert {result["metric"] for result in metadata["results"]} == {
        "classifier_frechet_distance",
        "precision",
        "recall",
        "density",
        "coverage",
        "label_agreement",
    }
    assert metadata["results"][0]["protocol"]["split"] == "test"


def train_toy(recipe_file, output, stop=None, **arguments):
    """Trains on the stand-in with a backup every five steps; `stop` is a step and the signal sent after it."""
    fall_after(stop)
    recipe = training.Recipe.load(recipe_file)
    try:
        training.train(recipe, output, verbose=0, deterministic=True, **arguments)
    except callbacks.Interrupted as interruption:
        return interruption.step


def newest_backup(output):
    path = max((output / "backup").glob("step-*.weights.h5"))
    return int(path.name.split("-")[1]), support.arrays_in(path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Run folder of the recipe, trained without a stop."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "toy_gan.toml").write_text(RECIPE)
    support.fresh_process(train_toy, folder / "toy_gan.toml", folder / "run")
    return folder / "run"


@pytest.mark.representative
@pytest.mark.slow
def test_a_growing_model_is_trained_by_its_schedule(recipe_file, tmp_path, toy_mnist):
    """One recipe grows a model from 4x4, in epochs that divide the schedule."""
    recipe_file.write_text(GROWING_RECIPE)
    recipe = training.Recipe.load(recipe_file)
    # 2 batches of 8 images, and 4 of 4 images to fade in and to stay.
    assert recipe.steps_per_epoch == 5
    model = training.train(recipe, tmp_path / "run", verbose=0)
    assert int(model.images_seen.numpy()) == 48 and model.phase.level == 1
    again = kg.models.load(tmp_path / "run" / "preset")
    np.testing.assert_array_equal(again.sample(3, seed=0), model.sample(3, seed=0))
    # Ten rows of ten samples of the trained level, 8 pixels each and their margins.
    assert Image.open(tmp_path / "run" / "samples.png").height == 10 * (8 + 2) + 2

    for added, message in (("batch_size = 8", "batch_size"), ('[best]\nmonitor = "loss"', "differ in size")):
        recipe_file.write_text(f"{GROWING_RECIPE}{added}\n")
        with pytest.raises(ValueError, match=message):
            training.Recipe.load(recipe_file)


@pytest.mark.slow
def test_a_grown_model_is_trained_further_by_the_batches_of_the_data(recipe_file, tmp_path, toy_mnist):
    recipe_file.write_text(GROWING_RECIPE)
    model = training.Recipe.load(recipe_file).make_model()
    schedule = model.training_batches(functools.partial(kg.datasets.load, "mnist", image_size=8))
    assert next(iter(schedule))[0].shape == (8, 8, 8, 1)
    model.images_seen.assign(model.schedule.num_images)
    model.save_to_preset(tmp_path / "grown")

    text = (
        GROWING_RECIPE[: GROWING_RECIPE.index("[model]")] + GROWING_RECIPE[GROWING_RECIPE.index("[data]") :]
    )
    recipe_file.write_text(text + 'batch_size = 6\n[model]\nfrom = "grown"\n')
    recipe = training.Recipe.load(recipe_file)
    assert recipe.steps_per_epoch == 96 // 6
    batches = recipe.make_model().training_batches(recipe.source.load)
    assert next(iter(batches))[0].shape == (6, 8, 8, 1)


GROWING_RECIPE = """
name = "toy_gan"
description = "A progressive GAN of the test."
license = "none"
epochs = 2

[model]
class = "ProgressiveGAN"
image_shape = [8, 8, 1]
latent_dim = 4
penalty = {class = "R1"}

[model.generator]
class = "ProgressiveGenerator"
image_shape = [8, 8, 1]
latent_dim = 4
fmap_max = 4

[model.discriminator]
class = "ProgressiveDiscriminator"
image_shape = [8, 8, 1]
fmap_max = 4

[model.schedule]
class = "GrowthSchedule"
num_levels = 2
fading_images = 16
stabilizing_images = 16
batch_size = [8, 4]

[data]
name = "mnist"
image_size = 8
"""


STAGED_RECIPE = """
name = "toy_vae"
description = "A VAE that begins as an autoencoder."
license = "none"
seed = 1

[model]
image_shape = [28, 28, 1]
latent_dim = 2
decoder = { class = "MLPDecoder", latent_dim = 2, image_shape = [28, 28, 1], hidden = [4] }
seed = 1

[data]
name = "mnist"
batch_size = 8

[[stages]]
epochs = 1
model = { class = "Autoencoder" }
optimizers.autoencoder = { class = "SGD", learning_rate = 1e-5 }

[[stages]]
epochs = 2
model = { class = "VAE" }
prior = { num_components = 2 }
"""


@pytest.mark.slow
def test_a_stage_begins_with_the_networks_of_the_stage_before(recipe_file, tmp_path, toy_mnist, monkeypatch):
    recipe_file.write_text(STAGED_RECIPE)
    recipe, run = training.Recipe.load(recipe_file), tmp_path / "run"
    assert [(stage.model["class"], stage.epochs) for stage in recipe.stages] == [
        ("Autoencoder", 1),
        ("VAE", 2),
    ]
    # What is saved is the same recipe, however it was laid out.
    recipe.save(tmp_path / "saved.toml")
    again = training.Recipe.load(tmp_path / "saved.toml")
    assert again == recipe and again.stages[0] == recipe.stages[0] != recipe

    begun_with = []
    monkeypatch.setattr(
        kg.models.VAE, "training_begins", lambda self: begun_with.append(self.decoder.get_weights())
    )
    model = training.train(recipe, run, verbose=0)
    first = kg.models.load(run / "stage-1" / "preset")
    assert type(first) is kg.models.Autoencoder and type(model) is kg.models.VAE
    for given, weight in zip(first.decoder.get_weights(), begun_with[0], strict=True):
        np.testing.assert_array_equal(given, weight)
    metadata = kg.presets.metadata(run / "preset")
    assert metadata["class"] == "VAE" and metadata["training"]["time"].startswith("2 epochs")
    assert metadata["training"]["earlier stages"] == "Autoencoder for 1 epochs"
    assert len((run / "stage-1" / "log.jsonl").read_text().splitlines()) == 1

    with pytest.raises(FileExistsError, match="--resume"):
        training.train(recipe, run, verbose=0)


@pytest.mark.slow
def test_a_run_of_stages_resumes_in_the_stage_that_was_stopped(recipe_file, tmp_path, toy_mnist, monkeypatch):
    recipe_file.write_text(STAGED_RECIPE)
    recipe, run = training.Recipe.load(recipe_file), tmp_path / "run"
    whole = training.train(recipe, tmp_path / "whole", verbose=0)

    after_step = callbacks.Backup.on_train_batch_end
    for stopped in ("stage-1", "."):

        def stop_at_step_five(self, batch, logs=None, folder=run / stopped / "backup"):
            after_step(self, batch, logs)
            if self.directory == folder and self.step == 5:
                self._remember_signal(signal.SIGTERM, None)

        with monkeypatch.context() as patch:
            patch.setattr(callbacks.Backup, "on_train_batch_end", stop_at_step_five)
            with pytest.raises(callbacks.Interrupted):
                training.train(recipe, run, verbose=0, resume=True)
        assert not (run / stopped / "preset").exists()
    resumed = training.train(training.Recipe.load(run / "recipe.toml"), run, verbose=0, resume=True)
    for weight, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 1", "", "Missing key `epochs` in stage 1 of"),
        ("epochs = 2", "epoch = 2", "Unknown key `epoch` in stage 2 of"),
        ('"VAE"', '"VAEE"', "`model.class` in stage 2 of .*'VAEE'"),
    ],
)
def test_stages_are_checked_before_work_starts(recipe_file, old, new, message):
    recipe_file.write_text(STAGED_RECIPE.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        training.Recipe.load(recipe_file)


def test_stages_without_a_common_network_are_refused(recipe_file, tmp_path, toy_mnist):
    text = STAGED_RECIPE.replace("decoder = {", "#").replace(
        'model = { class = "VAE" }', 'model = { class = "VAE", latent_dim = 3 }'
    )
    recipe_file.write_text(text)
    with pytest.raises(ValueError, match="The stage of the VAE shares no network with the previous stage"):
        training.train(training.Recipe.load(recipe_file), tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, signal.SIGTERM],
    ids=["SIGKILL", "SIGTERM"],
)
def test_run_stopped_in_mid_epoch_resumes_to_the_same_weights(recipe_file, tmp_path, undisturbed, number):
    # An epoch has 12 steps: step 18 is in the middle of the second, a step after the backup five steps into it.
    process = support.start_process(train_toy, recipe_file, tmp_path / "stopped", stop=(18, number))
    if number == signal.SIGKILL:
        support.finish(process, killed_by=number)
    else:
        assert support.finish(process) == 19
    step, _ = newest_backup(tmp_path / "stopped")
    assert step == (17 if number == signal.SIGKILL else 19)

    assert support.fresh_process(train_toy, recipe_file, tmp_path / "stopped", resume=True) is None
    whole_step, whole = newest_backup(undisturbed)
    resumed_step, resumed = newest_backup(tmp_path / "stopped")
    assert whole_step == resumed_step == 36
    assert any("optimizer" in name for name in whole) and any("seed_" in name for name in whole)
    # The epoch's mean of the losses starts again with the process.
    for name in whole.keys() - {name for name in whole if "loss_trackers" in name}:
        np.testing.assert_array_equal(whole[name], resumed[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_two_workers_write_apart_and_end_with_equal_weights(recipe_file, tmp_path):
    # Statistics of batch normalisation are each worker's own, so only trained weights are compared.
    run = tmp_path / "run"
    support.run_as_two_workers(train_toy, recipe_file, run, strategy="multi_worker", epochs=1)
    _, first = newest_backup(run)
    _, second = newest_backup(run / "worker-1")
    trained = [name for name in first if name.startswith(("generator/", "discriminator/"))]
    kernels = [name for name in trained if "batch_normalization" not in name]
    assert len(kernels) > 4
    for name in kernels:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 3", "epoch = 3", "Unknown key `epoch`"),
        ("epochs = 3", "", "Missing key `epochs`"),
        (
            "[data]",
            "[stages]\nepochs = 1\n[data]",
            r"`stages` .*must be tables with the header \[\[stages\]\]",
        ),
        ("epochs = 3", "epochs = 0", "`epochs`.*greater than or equal to 1. Received: 0"),
        ("epochs = 3", 'epochs = "3"', "`epochs`.*must be a valid integer. Received: '3'"),
        ("seed = 1", "seed = 1.5", "`seed`.*must be a valid integer. Received: 1.5"),
        ("epochs = 3", "epochs = 3\nprior = 3", "`prior`.*must be a table. Received: 3"),
        ("batch_size = 8", "batch_sise = 8", "Unknown key `data.batch_sise`"),
        ('name = "mnist"', 'name = "mnits"', "Did you mean 'mnist'"),
        ('class = "GAN"', 'class = "GANN"', "`model.class`"),
        ("epochs = 3", "epochs = = 3", "not valid TOML"),
        ("batch_size = 8", "batch_size = 0", "`data.batch_size`"),
        ("batch_size = 8", 'batch_size = "8"', "`data.batch_size`"),
        ("batch_size = 8", "batch_size = 60001", "from 1 to the 60000 images"),
        ("[data]", '[optimizers]\ngenerator = "Adam"\n[data]', "optimizers.generator"),
        ("[data]", '[optimizers.generator]\nclass = "get"\n[data]', "optimizers.generator"),
        ("[data]", '[optimizers.generator]\nclass = "Adamm"\n[data]', "optimizers.generator.*'Adamm'"),
        (
            "[data]",
            '[optimizers.critic]\nclass = "Adam"\n[data]',
            "optimizers.critic.*discriminator.*generator",
        ),
        ('class = "GAN"', 'class = "load"', "`model.class`.*Received: 'load'"),
        ("[28, 28, 1]", "[32, 32, 1]", r"`model.image_shape`.*that of the data, \[28, 28, 1\]"),
        ("batch_size = 8", 'batch_size = 8\nsplit = "tran"', r"`data.split`.*\['train', 'test'\].*'tran'"),
        ("[data]", '[best]\nmonitor = "label_agreement"\n[data]', "`best`.*needs.*an `evaluation`"),
        ("[data]", "[evaluation]\nnum_samples = 5\n[data]", "Missing key `evaluation.dataset`"),
        (
            "[data]",
            '[best]\nmode = "min"\n[evaluation]\ndataset = "mnist"\n[data]',
            "Missing key `best.monitor`",
        ),
        (
            "[data]",
            '[evaluation]\ndataset = "mnist"\nextractor = "clasifier_mnist"\n[data]',
            "clasifier_mnist.*Did you mean 'classifier_mnist'",
        ),
    ],
)
def test_recipe_is_checked_before_work_starts(recipe_file, old, new, message):
    recipe_file.write_text(RECIPE.replace(old, new))
    with pytest.raises(ValueError, match=message):
        training.Recipe.load(recipe_file)


def test_the_evaluation_of_a_recipe_takes_what_evaluate_takes():
    parameters = set(inspect.signature(kg.metrics.evaluate).parameters)
    assert set(recipes.Evaluation.__annotations__) == parameters - {"model", "data_dir"}


def test_classes_are_found_where_they_register():
    assert recipes.registered("UNetGenerator") is kg.networks.UNetGenerator
    assert recipes.registered("Adam") is kg.optimizers.Adam
    assert recipes.registered("CosineDecay") is keras.optimizers.schedules.CosineDecay
    assert recipes.registered("Conv2D") is None and recipes.registered("get") is None
    assert recipes.model_classes().keys() == set(kg.models.__all__) - {
        "GenerativeModel",
        "LatentModel",
        "TranslationModel",
        "UpscalingModel",
        "load",
    }


def test_every_released_recipe_can_be_read():
    for path in sorted((ROOT / "tools" / "recipes").glob("*.toml")):
        recipe = training.Recipe.load(path)
        assert recipe.name == path.stem


@pytest.mark.slow
def test_every_released_recipe_makes_its_model():
    for path in sorted((ROOT / "tools" / "recipes").glob("*.toml")):
        assert training.Recipe.load(path).make_model().networks


def test_a_second_run_in_the_same_folder_is_refused_at_its_start(recipe_file, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "make_models", lambda recipe: pytest.fail("too late"))
    with (
        disk.in_use(tmp_path / "run"),
        pytest.raises(BlockingIOError, match=r"run' is in use by another process. Wait until it ends"),
    ):
        training.train(training.Recipe.load(recipe_file), tmp_path / "run", resume=True, verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.tensorflow
def test_a_worker_that_is_lost_while_models_are_made_is_told(recipe_file, tmp_path, monkeypatch):
    import tensorflow as tf

    def make_models(recipe):
        raise tf.errors.UnavailableError(None, None, "Collective ops is aborted")

    monkeypatch.setattr(training, "strategy_scope", lambda name: contextlib.nullcontext())
    monkeypatch.setattr(training, "make_models", make_models)
    recipe = training.Recipe.load(recipe_file)
    with pytest.raises(callbacks.WorkerLost, match=r"does not respond\. Start all workers again"):
        training.train(recipe, tmp_path / "run", strategy="multi_worker", verbose=0)
    with pytest.raises(tf.errors.UnavailableError):
        training.train(recipe, tmp_path / "run", verbose=0)


@pytest.mark.ci
def test_a_run_is_neither_overwritten_nor_mixed_with_another(recipe_file, tmp_path, toy_mnist):
    recipe = training.Recipe.load(recipe_file)
    training.train(recipe, tmp_path / "run", epochs=1, verbose=0)
    with pytest.raises(FileExistsError, match="--resume"):
        training.train(recipe, tmp_path / "run", verbose=0)
    recipe_file.write_text(RECIPE.replace("width = 4", "width = 8"))
    with pytest.raises(ValueError, match="another recipe"):
        training.train(training.Recipe.load(recipe_file), tmp_path / "run", resume=True, verbose=0)


@pytest.mark.parametrize("content", [None, b"", b'{"name', b"\xff"])
def test_a_run_whose_record_is_damaged_is_refused_by_its_name(recipe_file, tmp_path, content):
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.jsonl").touch()
    if content is not None:
        (run / "recipe.json").write_bytes(content)
    with pytest.raises(ValueError, match=f"{run}/recipe.json, .*is missing or damaged.*new run in another"):
        training.train(training.Recipe.load(recipe_file), run, resume=True, verbose=0)


def test_optimizers_of_a_recipe_reach_the_model(recipe_file):
    recipe_file.write_text(RECIPE + '[optimizers.generator]\nclass = "RMSprop"\nlearning_rate = 4e-4\n')
    model = training.Recipe.load(recipe_file).make_model()
    assert isinstance(model.generator_optimizer, keras.optimizers.RMSprop)
    assert float(model.generator_optimizer.learning_rate) == pytest.approx(4e-4)
    assert isinstance(model.discriminator_optimizer, keras.optimizers.Adam)


def test_an_optimizer_s_name_is_first_looked_for_in_the_zoo(recipe_file):
    recipe_file.write_text(RECIPE + '[optimizers.generator]\nclass = "Adam"\nlearning_rate = 4e-4\n')
    optimizer = training.Recipe.load(recipe_file).make_model().generator_optimizer
    assert type(optimizer) is kg.optimizers.Adam
    assert (float(optimizer.learning_rate), optimizer.epsilon) == (pytest.approx(4e-4), 1e-8)


CLASSIFIER_RECIPE = """
name = "toy_classifier"
description = "A classifier of the test."
license = "none"
epochs = 1

[model]
class = "Classifier"
image_shape = [28, 28, 1]
num_classes = 10
filters = [2, 2, 2]
feature_dim = 4

[optimizers.optimizer]
class = "SGD"
learning_rate = 0.25

[data]
name = "mnist"
batch_size = 8
"""


def test_the_optimizer_of_a_classifier_s_recipe_reaches_it(recipe_file):
    recipe_file.write_text(CLASSIFIER_RECIPE)
    optimizer = training.Recipe.load(recipe_file).make_model().optimizer
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert float(optimizer.learning_rate) == 0.25


def test_classifier_on_several_machines_is_refused(recipe_file, tmp_path, toy_mnist):
    recipe_file.write_text(CLASSIFIER_RECIPE)
    with pytest.raises(ValueError, match="'multi_worker' supports generative models only"):
        training.train(
            training.Recipe.load(recipe_file), tmp_path / "run", strategy="multi_worker", verbose=0
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_start_without_the_data_does_not_block_the_next(recipe_file, tmp_path, monkeypatch):
    recipe, run = training.Recipe.load(recipe_file), tmp_path / "run"
    with pytest.raises(ValueError, match="`data_dir` must contain the original files of 'mnist'"):
        training.train(recipe, run, data_dir=tmp_path, epochs=1, verbose=0)
    assert not run.exists()
    toy_dataset.install(monkeypatch.setattr)
    training.train(recipe, run, epochs=1, verbose=0)
    assert (run / "preset" / "model.weights.h5").exists()


TRANSLATOR_RECIPE = """
name = "toy_translator"
description = "A translator of the test."
license = "none"
epochs = 2

[model]
class = "Pix2Pix"
image_shape = [32, 32, 3]
seed = 1

[model.generator]
class = "UNetGenerator"
image_shape = [32, 32, 1]
output_channels = 3
width = 2

[model.discriminator]
class = "PatchGANDiscriminator"
channels = 4
width = 2
num_layers = 1

[optimizers.generator]
class = "Adam"
[optimizers.generator.learning_rate]
class = "ConstantThenLinearDecay"
initial_learning_rate = 2e-4
constant_steps = 4
decay_steps = 4

[data]
name = "edges_to_emoji"
batch_size = 4
image_size = 32
augment = true

[evaluation]
dataset = "edges_to_emoji"

[best]
monitor = "translation_ssim"
mode = "max"
"""

UNPAIRED_RECIPE = """
name = "toy_translator"
description = "A CycleGAN of the test."
license = "none"
epochs = 1

[model]
class = "CycleGAN"
image_shape = [32, 32, 3]
width = 2
num_blocks = 1

[data]
name = "summer2winter_yosemite"
batch_size = 2
image_size = 32
"""


@pytest.fixture
def pairs_folder(tmp_path, monkeypatch):
    toy_pairs.install(tmp_path / "pairs", monkeypatch.setattr)
    return tmp_path / "pairs"


@pytest.mark.representative
@pytest.mark.slow
def test_a_translator_is_trained_shown_and_measured(recipe_file, tmp_path, pairs_folder):
    recipe_file.write_text(TRANSLATOR_RECIPE)
    recipe, run = training.Recipe.load(recipe_file), tmp_path / "run"
    schedule = recipe.make_model().generator_optimizer.get_config()["learning_rate"]
    assert schedule["class_name"] == "ConstantThenLinearDecay"
    model = training.train(recipe, run, data_dir=pairs_folder, verbose=0)

    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    metadata = kg.presets.metadata(run / "preset")
    assert metadata["best"]["value"] == max(line["translation_ssim"] for line in lines)
    sources, targets = kg.datasets.arrays("edges_to_emoji", "test", pairs_folder, image_size=32)
    difference = np.abs((model.translate(sources) + 1) / 2 - targets / 255).mean()
    results = {result["metric"]: result for result in metadata["results"]}
    assert results["translation_l1"]["value"] == pytest.approx(difference, abs=1e-4)
    assert results["translation_l1"]["protocol"]["num_pairs"] == len(sources) == 2
    # Two rows of source, translation and target, four times as large.
    assert sorted(file.name for file in (run / "samples").iterdir()) == ["epoch-0001.png", "epoch-0002.png"]
    width, height = 3 * 34 + 2, 2 * 34 + 2
    assert Image.open(run / "samples" / "epoch-0002.png").size == (4 * width, 4 * height)
    picture = np.asarray(Image.open(run / "preset" / "samples.png"))[::4, ::4]
    assert picture.shape == (height, width, 3)
    np.testing.assert_array_equal(picture[36:68, 70:102], targets[1])
    assert "genzoo translate toy_translator" in (run / "preset" / "README.md").read_text()


@pytest.mark.slow
def test_a_translator_without_pairs_is_trained_and_shown(recipe_file, tmp_path, pairs_folder):
    recipe_file.write_text(UNPAIRED_RECIPE)
    recipe = training.Recipe.load(recipe_file)
    # Five pictures of one kind, three of the other.
    assert recipe.steps_per_epoch == 2
    training.train(recipe, tmp_path / "run", data_dir=pairs_folder, verbose=0)
    # A row of both images, each with its translation: there is one picture of the second kind.
    assert Image.open(tmp_path / "run" / "samples" / "epoch-0001.png").size == (
        4 * (4 * 34 + 2),
        4 * (34 + 2),
    )
    assert "results" not in kg.presets.metadata(tmp_path / "run" / "preset")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'name = "edges_to_emoji"',
            'name = "mnist"',
            "`data`.*pairs of images for a Pix2Pix. Received single images: 'mnist'",
        ),
        ("image_size = 32", "image_size = 64", r"`model.image_shape`.*that of the data, \[64, 64, 3\]"),
        (
            'name = "edges_to_emoji"',
            'name = "noto_to_twemoji"',
            r"of 1 channels, but the sources.* are images of 3 channels. Set",
        ),
        ("decay_steps = 4", "decay_stepz = 4", "invalid argument: .*decay_stepz"),
        ("augment = true", "augmented = true", "Unknown key `data.augmented`"),
        (
            'dataset = "edges_to_emoji"',
            'dataset = "noto_twemoji_unpaired"',
            "`best`.*paired training images.*'noto_twemoji_unpaired' are unpaired",
        ),
    ],
)
def test_a_translator_s_recipe_is_checked_before_work_starts(recipe_file, old, new, message):
    recipe_file.write_text(TRANSLATOR_RECIPE.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        training.Recipe.load(recipe_file).make_model()


def test_pairs_do_not_train_a_model_of_latents(recipe_file):
    recipe_file.write_text(RECIPE.replace('name = "mnist"', 'name = "facades"'))
    with pytest.raises(
        ValueError, match=r"`data`.*single images for a GAN. Received pairs of images: 'facades'"
    ):
        training.Recipe.load(recipe_file)
