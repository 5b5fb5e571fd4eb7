"""From folders of pictures to a served model, on the command line; and recipes that name folders and presets."""

import functools
import inspect
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import cli, own_pictures, pixels, training
from keras_genzoo.datasets import sources
from tests import support


def genzoo(*arguments):
    """Runs the command in this process and returns its exit status."""
    return cli.main([str(argument) for argument in arguments])


def save_picture(path, seed=0, size=(20, 14), mode="RGB", **arguments):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (3, 4, 3)).astype("uint8")
    Image.fromarray(values).resize(size, Image.Resampling.BILINEAR).convert(mode).save(path, **arguments)


def save_odd_pictures(folder):
    """Eight pictures of several kinds, depths and sizes."""
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned by 90 degrees.
    save_picture(folder / "wide.png", 1, (40, 11))
    save_picture(folder / "deep" / "tall.jpg", 2, (9, 30))
    save_picture(folder / "turned.jpg", 3, exif=exif)
    save_picture(folder / "grey.png", 4, mode="L")
    save_picture(folder / "clear.png", 5, mode="RGBA")
    save_picture(folder / "palette.gif", 6, mode="P")
    save_picture(folder / "small.bmp", 7, (5, 5))
    save_picture(folder / "capital.JPEG", 8)
    (folder / "notes.txt").write_text("no picture")
    return folder


def save_pictures(folder, num=4, **arguments):
    for number in range(num):
        save_picture(folder / f"{number}.png", number, **arguments)
    return folder


def label_maps_and_pictures(folder, num):
    """Folders of gray pictures of three labels, and of the pictures that belong to them."""
    (folder / "maps").mkdir()
    for number in range(num):
        labels = np.random.default_rng(number).integers(0, 3, (7, 10)).astype("uint8")
        picture = Image.fromarray(labels.repeat(2, axis=0).repeat(2, axis=1))
        picture.save(folder / "maps" / f"{number}.png")
    return [folder / "maps", save_pictures(folder / "pictures", num)]


# What a server does: it has TensorFlow, and not this package.
SERVE = """
import sys
import numpy as np
sys.modules["keras_genzoo"] = None
import tensorflow as tf

folder, signature, arguments, results = sys.argv[1:]
served = tf.saved_model.load(folder).signatures[signature]
given = {name: tf.constant(value) for name, value in np.load(arguments).items()}
np.save(results, served(**given)["images"])
"""


def serve(folder, signature, tmp_path, **arguments):
    """What an exported model gives in a process that has TensorFlow alone."""
    np.savez(tmp_path / "arguments.npz", **arguments)
    files = [folder, signature, tmp_path / "arguments.npz", tmp_path / "results.npy"]
    process = subprocess.run(
        [sys.executable, "-c", SERVE, *map(str, files)], capture_output=True, text=True, env=os.environ
    )
    assert process.returncode == 0, process.stderr
    return np.load(tmp_path / "results.npy")


@pytest.mark.slow
def test_a_folder_of_odd_pictures_becomes_a_served_model(tmp_path, capsys):
    run = tmp_path / "runs" / "mine"
    words = ("--image-size", 8, "--batch-size", 4, "--epochs", 2, "--output", run)
    assert genzoo("train", "--model", "GAN", "--images", save_odd_pictures(tmp_path / "odd"), *words) == 0
    sample, export = (line.split() for line in capsys.readouterr().out.splitlines()[-2:])
    # What the command says to do next.
    assert genzoo(*sample[1:], "--output", tmp_path / "samples.png") == 0
    assert genzoo(*export[1:]) == 0

    served = serve(run / "saved_model", "sample", tmp_path, num=np.int32(5), seed=np.int64(7))
    images = kg.models.load(run / "preset").sample(5, seed=7)
    assert served.shape == (5, 8, 8, 3) and served.dtype == np.uint8
    np.testing.assert_allclose(served.astype(int), pixels.to_uint8(images).astype(int), atol=1)
    assert sorted(file.name for file in (run / "samples").iterdir()) == ["epoch-0001.png", "epoch-0002.png"]
    card = (run / "preset" / "README.md").read_text()
    assert "8 pictures" in card and "unknown: that of the pictures in odd" in card
    assert str(tmp_path) not in card and "tools/recipes" not in card


@pytest.mark.slow
@pytest.mark.representative
def test_two_folders_become_a_served_translator(tmp_path):
    save_pictures(tmp_path / "summer", 5)
    save_pictures(tmp_path / "winter", 3)
    (tmp_path / "seasons.toml").write_text(UNPAIRED_RECIPE)
    run, saved = tmp_path / "run", tmp_path / "saved"
    assert genzoo("train", tmp_path / "seasons.toml", "--output", run) == 0
    assert genzoo("export", run / "preset", "--output", saved) == 0

    pictures = np.random.default_rng(0).integers(0, 256, (2, 20, 16, 3)).astype("uint8")
    served = serve(saved, "translate_b_to_a", tmp_path, images=pictures)
    translated = pixels.to_uint8(kg.models.load(run / "preset").translate(pictures, "b_to_a"))
    assert served.shape == (2, 20, 16, 3) and served.dtype == np.uint8
    np.testing.assert_allclose(served.astype(int), translated.astype(int), atol=1)
    # A row of both pictures, each with its translation, enlarged to 128; the smaller folder's come again.
    assert Image.open(run / "samples" / "epoch-0001.png").size == (8 * (4 * 18 + 2), 8 * (5 * 18 + 2))


# Folders are found from the recipe's own.
UNPAIRED_RECIPE = """
name = "seasons"
description = "A CycleGAN of the test."
license = "none"
epochs = 1

[model]
class = "CycleGAN"
image_shape = [16, 16, 3]
width = 2
num_blocks = 1
discriminator_a = {class = "PatchGANDiscriminator", channels = 3, width = 2, num_layers = 1}
discriminator_b = {class = "PatchGANDiscriminator", channels = 3, width = 2, num_layers = 1}

[data]
folder_a = "summer"
folder_b = "./winter"
image_size = 16
batch_size = 1
augment = true
"""


@pytest.mark.slow
def test_the_recipe_of_a_run_repeats_it(tmp_path):
    pictures = save_pictures(tmp_path / "pictures")
    words = ("train", "--model", "GAN", "--images", pictures, "--image-size", 8, "--batch-size", 2, "--flip")
    first, again = tmp_path / "first", tmp_path / "again"
    exact = ("--epochs", 3, "--deterministic")
    assert support.fresh_process(genzoo, *words, "--output", first, *exact) == 0
    assert support.fresh_process(genzoo, "train", first / "recipe.toml", "--output", again, *exact) == 0
    before, after = kg.models.load(first / "preset"), kg.models.load(again / "preset")
    assert len(before.get_weights()) == 14
    for weight, repeated in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, repeated)
    assert (first / "recipe.toml").read_text() == (again / "recipe.toml").read_text()


@pytest.mark.ci
def test_a_run_is_gone_on_with_by_its_folder_alone(tmp_path, capsys):
    pictures, run = save_pictures(tmp_path / "pictures"), tmp_path / "run"
    words = ("train", "--model", "GAN", "--images", pictures, "--image-size", 8, "--batch-size", 2)
    assert genzoo(*words, "--output", run, "--epochs", 1) == 0
    assert genzoo(*words, "--output", run, "--epochs", 1) == 1
    assert "already contains a run" in capsys.readouterr().err
    assert genzoo("train", "--resume", "--output", run, "--epochs", 3) == 0
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert kg.presets.metadata(run / "preset")["training"]["time"].startswith("3 epochs")


@pytest.mark.slow
def test_a_preset_is_trained_further(tmp_path):
    pictures = tmp_path / "pictures"
    for name in ("cats", "dogs"):
        save_pictures(pictures / name)
    start = kg.models.GAN(image_shape=(8, 8, 1), width=4, num_classes=2, average_decay=0.9)
    support.as_if_trained(start).save_to_preset(tmp_path / "start")
    recipe = own_pictures.make_recipe([pictures], from_preset=tmp_path / "start", batch_size=4, epochs=1)
    recipe.save(tmp_path / "further.toml")
    # Size, channels and classes are the preset's; a recipe may stand where it is written.
    recipe = training.Recipe.load(tmp_path / "further.toml")
    assert recipe.model == {"from": str(tmp_path / "start")}
    model = recipe.make_model()
    for weight, given in zip(model.averaged_generator.weights, start.averaged_generator.weights, strict=True):
        np.testing.assert_array_equal(weight, given)
    trained = training.train(recipe, tmp_path / "run", verbose=0)
    moved = [
        np.abs(np.asarray(weight) - np.asarray(given)).max()
        for weight, given in zip(
            trained.discriminator.trainable_weights, start.discriminator.trainable_weights, strict=True
        )
    ]
    # Two steps of Adam at the paper's rate of 2e-4: it went on from the preset, and did move.
    assert 0 < max(moved) < 1e-3
    assert kg.presets.metadata(tmp_path / "run" / "preset")["dataset"]["classes"] == "0 cats, 1 dogs"


def test_folders_answer_as_data_sets_do(tmp_path):
    for name in ("b", "a"):
        save_pictures(tmp_path / "classes" / name)
    labelled = {"folder": str(tmp_path / "classes"), "image_size": 8, "channels": 1, "labels": "folder"}
    images = sources.of(labelled)
    assert (images.kind, images.image_shape, images.source_shape) == ("images", (8, 8, 1), None)
    assert (images.num_images, images.num_classes, images.class_names) == (8, 2, ["a", "b"])

    save_pictures(tmp_path / "sides", 3, size=(20, 10))
    (tmp_path / "sides" / "torn.png").write_bytes(b"torn")
    table = {"folder": str(tmp_path / "sides"), "source": "right", "source_channels": 1, "image_size": 8}
    with pytest.raises(ValueError, match=r"torn\.png"):
        sources.of(table).num_images  # noqa: B018
    with pytest.warns(UserWarning, match=r"torn\.png"):
        pairs = sources.of({**table, "on_error": "skip"})
        assert (pairs.kind, pairs.num_images, pairs.source_shape) == ("pairs", 3, (8, 8, 1))
        shown, targets = pairs.examples(8)
    # All there are: the left half is the target, and every file comes once.
    assert shown.shape == (3, 8, 8, 1) and targets.shape == (3, 8, 8, 3)
    loaded = kg.datasets.paired_folder(
        tmp_path / "sides", 8, source="right", source_channels=1, batch_size=3, shuffle=False, on_error="skip"
    )
    expected = pixels.to_uint8(next(iter(loaded))[1])
    assert sorted(targets.sum((1, 2, 3))) == sorted(expected.sum((1, 2, 3)))


BASES = {"GenerativeModel", "LatentModel", "TranslationModel", "UpscalingModel"}
FAMILIES = sorted(set(kg.models.__all__) - {*BASES, "load"})


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_defaults_that_train(family, tmp_path):
    """A step of the recipe that a folder of 70 pictures gets, at 32x32, where nothing else is said."""
    for half in ("one", "two"):
        save_pictures(tmp_path / "first" / half, 35)
    save_pictures(tmp_path / "second", 40)
    folders = [tmp_path / "first", tmp_path / "second"]
    unpaired = kg.models.__dict__[family].trains_on[0] == "unpaired"
    own = {"labels": True} if family == "Classifier" else {}
    if "num_labels" in inspect.signature(kg.models.__dict__[family]).parameters:
        folders, own = label_maps_and_pictures(tmp_path, 20), {"num_labels": 3}
    recipe = own_pictures.make_recipe(
        folders if unpaired or own.get("num_labels") else folders[:1], family, image_size=32, **own
    )
    assert recipe.epochs <= 500 and recipe.steps_per_epoch >= 1
    model = recipe.make_model()
    before = [np.array(weight) for weight in model.trainable_weights]
    batches = model.training_batches(functools.partial(recipe.source.load, seed=recipe.seed))
    history = model.fit(batches, steps_per_epoch=1, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    moved = [not np.array_equal(old, new) for old, new in zip(before, model.trainable_weights, strict=True)]
    assert any(moved)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "Gan", "--images", "FEW"), "--model must be one of"),
        (("--images", "FEW"), "requires either --model CLASS, or --from PRESET"),
        (("--model", "GAN", "--from", "cgan_mnist", "--images", "FEW"), "requires either --model"),
        (("--model", "GAN"), "Pass a recipe; or --images"),
        (("--model", "SPADE", "--images", "FEW"), "SPADE needs --num-labels"),
        (
            ("--model", "GAN", "--num-labels", "3", "--images", "FEW"),
            "--num-labels applies to models of label maps only",
        ),
        (
            ("--from", "spade_avatars_64", "--num-labels", "7", "--images", "FEW", "FEW"),
            "--num-labels is 7, but --from spade_avatars_64 has 5 labels",
        ),
        (("--from", "spade_avatars_64", "--images", "FEW"), "SPADE needs --images with two folders"),
        (("cgan_mnist", "--from", "cgan_mnist"), "--from is for training on your own pictures"),
        (("cgan_mnist", "--images", "FEW"), "--images is for training on your own pictures"),
        (("--resume", "--output", "FEW"), "has no recipe.toml"),
        (("--model", "GAN", "--images", "FEW"), "has 4 pictures, fewer than the batch size 32"),
        (("--model", "GAN", "--images", "EMPTY"), "has no pictures"),
        (
            ("--model", "GAN", "--images", "nowhere"),
            "must be existing folders of pictures. Received: 'nowhere'",
        ),
        (("--model", "GAN", "--images", "FEW", "FEW"), "one folder of pictures. Received: 2 folders"),
        (("--model", "CycleGAN", "--images", "FEW"), "two folders, one per domain"),
        (
            ("--model", "Pix2Pix", "--images", "FEW", "FEW", "--source-side", "left"),
            "--source-side applies to",
        ),
        (("--model", "Pix2Pix", "--images", "FEW", "--flip"), "do not apply to translation models"),
        (("--model", "GAN", "--images", "FEW", "--batch-size", 2, "--image-size", 9), "side of 4 * 2^k"),
        (
            ("--model", "GAN", "--images", "FEW", "--batch-size", 2, "--labels"),
            "needs every picture in a subf",
        ),
        (("--model", "GAN", "--images", "TORN", "--batch-size", 2), "torn.png"),
        (("--from", "cgan_mnist", "--images", "FEW", "--batch-size", 2), "has 10 classes"),
        (
            ("--from", "cgan_mnist", "--images", "FEW", "--image-size", 64),
            "Leave --image-size and --channels",
        ),
    ],
)
def test_what_cannot_train_is_refused_before_anything_is_written(arguments, message, tmp_path, capsys):
    folders = {name: tmp_path / name.lower() for name in ("FEW", "EMPTY", "TORN")}
    folders["EMPTY"].mkdir()
    save_pictures(folders["FEW"])
    save_pictures(folders["TORN"])
    (folders["TORN"] / "torn.png").write_bytes(b"torn")
    words = [folders.get(word, word) for word in arguments]
    if "--output" not in words:
        words += ["--output", tmp_path / "run"]
    assert genzoo("train", *words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("genzoo train: ") and message in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('folder_b = "./winter"', "", "Missing key `data.folder_b`"),
        ('folder_b = "./winter"', 'folder_b = "autumn"', "`data.folder_b`.*existing folder.*autumn"),
        ("batch_size = 1", "", "Missing key `data.batch_size`"),
        ("batch_size = 1", "batch_size = 0", "`data.batch_size`.*at least 1"),
        ("batch_size = 1", 'batch_size = 1\nlabels = "folder"', "Unknown key `data.labels`"),
        ("image_size = 16", "image_size = 32", r"`model.image_shape`.*that of the data, \[32, 32, 3\]"),
        ('folder_a = "summer"\nfolder_b', "folder", "two kinds of images or pairs.*Received single images"),
        ('class = "CycleGAN"', 'from = "cyclegan_noto_twemoji"', "Unknown key `model.image_shape`"),
    ],
)
def test_a_recipe_of_folders_is_checked_before_work_starts(old, new, message, tmp_path):
    save_pictures(tmp_path / "summer")
    save_pictures(tmp_path / "winter")
    text = UNPAIRED_RECIPE.replace(old, new, 1)
    (tmp_path / "seasons.toml").write_text(
        text.replace("augment = true", "") if "single" in message else text
    )
    with pytest.raises(ValueError, match=message):
        training.Recipe.load(tmp_path / "seasons.toml")


class TestUpscaling:
    """Plain pictures are reduced to make the sources."""

    @pytest.mark.ci
    def test_recipe_of_a_folder(self, tmp_path):
        folder = save_pictures(tmp_path / "photographs", 20)
        recipe = own_pictures.make_recipe([folder], "ESRGAN", image_size=32)
        assert recipe.data["scale"] == recipe.model["scale"] == 4 and recipe.data["batch_size"] == 16
        assert recipe.source.source_modality.shape == (8, 8, 3)
        assert type(recipe.make_model().generator).__name__ == "CompactSuperResolver"

    def test_recipe_from_a_preset_has_its_scale(self, tmp_path):
        generator = kg.networks.CompactSuperResolver(3, 2, width=2, num_layers=0)
        kg.models.SuperResolution((16, 16, 3), 2, generator=generator).save_to_preset(tmp_path / "double")
        folder = save_pictures(tmp_path / "photographs", 20)
        recipe = own_pictures.make_recipe([folder], from_preset=str(tmp_path / "double"))
        assert recipe.data["scale"] == 2 and recipe.source.source_modality.shape == (8, 8, 3)

    @pytest.mark.slow
    def test_a_folder_becomes_a_model_that_enlarges(self, tmp_path):
        folder, run = save_pictures(tmp_path / "photographs"), tmp_path / "run"
        words = ("--image-size", 16, "--batch-size", 2, "--epochs", 1, "--output", run)
        assert genzoo("train", "--model", "SuperResolution", "--images", folder, *words) == 0
        output = tmp_path / "large.png"
        assert genzoo("upscale", folder / "0.png", "--model", run / "preset", "--output", output) == 0
        assert Image.open(output).size == (80, 56)
