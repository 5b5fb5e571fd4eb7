"""The command `genzoo`."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path


def main(arguments=None):
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        print(f"genzoo {options.command}: stopped.", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        print(f"genzoo {options.command}: {error}", file=sys.stderr)
        return 1


def _list(options):
    from keras_genzoo import presets

    for name in presets.names():
        entry = presets.describe(name)
        print(f"{name:28} {entry['class']:12} {entry['parameters']['total']:>12,}  {entry['description']}")


def _sample(options):
    from keras_genzoo import models, visualization

    output = _writable_file(options.output)
    model = models.load(options.name)
    _require_generator(model, options.name)
    images = model.sample(options.num, seed=options.seed, labels=_labels(model, options, options.num))
    if model.makes_points:
        visualization.save_scatter(images, output)
    else:
        columns = model.num_classes if model.num_classes and options.label is None else None
        visualization.save_grid(images, output, columns=columns, scale=options.scale)
    print(f"Wrote {options.num} samples of {options.name} to {output}.")


def _interpolate(options):
    import numpy as np

    from keras_genzoo import latent, models, visualization

    output = _writable_file(options.output)
    model = models.load(options.name)
    _require_generator(model, options.name)
    if model.makes_points:
        raise ValueError(f"{options.name!r} makes points, which are not drawn as rows of images.")
    ends = np.asarray(latent.normal(2 * options.rows, model.latent_dim, options.seed))
    latents = np.concatenate(
        [latent.slerp(*ends[row : row + 2], options.steps) for row in range(0, len(ends), 2)]
    )
    labels = _labels(model, options, options.rows)
    if labels is not None:
        labels = labels.repeat(options.steps)
    images = model.sample(latents=latents, labels=labels)
    visualization.save_grid(images, output, columns=options.steps, scale=options.scale)
    print(f"Wrote {options.rows} interpolations of {options.name} to {output}.")


def _translate(options):
    from tqdm import tqdm

    from keras_genzoo import datasets, models, pictures, visualization

    outputs = _translation_outputs(options.images, Path(options.output))
    model = models.load(options.name)
    if not hasattr(model, "translate"):
        raise ValueError(f"{options.name!r} is a {type(model).__name__}, which does not translate images.")
    channels = model.translator(options.direction).input_shape[-1]
    if options.edges and channels != 1:
        raise ValueError(
            f"--edges makes grey images, but {options.name!r} translates images of {channels} channels."
        )
    failures = 0
    # None: no bar where nobody watches.
    with tqdm(outputs.items(), unit="picture", disable=None) as progress:
        for file, output in progress:
            try:
                picture = pictures.read(file, 3 if options.edges else channels, options.size)
                if options.edges:
                    picture = datasets.edges(picture)
                fit = None if options.fit == "none" else options.fit
                translated = model.translate(picture[None], options.direction, fit, seed=options.seed)
                visualization.save_grid(translated, output, padding=0)
            except (ValueError, OSError) as error:
                failures += 1
                progress.write(f"genzoo translate: {file}: {error}", file=sys.stderr)
    left_out = f"; {failures} could not be translated" if failures else ""
    print(f"Wrote {len(outputs) - failures} translations by {options.name} to {options.output}{left_out}.")
    return 1 if failures else 0


def _translation_outputs(inputs, folder):
    """Dict of the picture files to translate -> the files to write; refused where one would be lost."""
    from keras_genzoo import pictures

    outputs = {}
    for path in map(Path, inputs):
        if not path.is_dir():
            if not path.exists():
                raise FileNotFoundError(f"There is no picture {str(path)!r}.")
            outputs[path] = folder / f"{path.stem}.png"
            continue
        # What an earlier call has written to a folder inside is not translated again.
        earlier = folder.resolve() if folder.resolve() != path.resolve() else None
        found = [file for file in pictures.find(path) if earlier not in file.resolve().parents]
        if not found:
            raise ValueError(f"The folder {str(path)!r} holds no pictures.")
        outputs |= {file: folder / file.relative_to(path).with_suffix(".png") for file in found}
    sources = {file.resolve() for file in outputs}
    writers = {}
    for file, output in outputs.items():
        if output.resolve() in sources:
            raise ValueError(f"{file} would be written over {output}. Choose another --output.")
        if (other := writers.setdefault(output, file)) != file:
            raise ValueError(f"{other} and {file} would both be written to {output}. Translate them apart.")
    _writable_file(next(iter(outputs.values())))
    return outputs


def _train(options):
    from keras_genzoo import callbacks, training

    recipe = training.Recipe.load(_recipe_path(options.recipe))
    output = Path(options.output or f"runs/{recipe.name}")
    if options.dry_run:
        plan = {
            "recipe": training.asdict(recipe),
            "steps_per_epoch": recipe.steps_per_epoch,
            "parameters": {name: net.count_params() for name, net in recipe.make_model().networks.items()},
            "output": str(output),
        }
        print(json.dumps(plan, indent=2))
        return 0
    try:
        training.train(
            recipe,
            output,
            data_dir=options.data_dir,
            epochs=options.epochs,
            strategy=options.strategy,
            resume=options.resume,
            deterministic=options.deterministic,
            verbose=1 if sys.stdout.isatty() else 2,
        )
    except callbacks.Interrupted as interruption:
        print(f"{interruption} Go on with:\n  {_resume_command(options, output)}")
        return 130
    print(f"Wrote {output / 'preset'}.")


def _resume_command(options, output):
    words = ["genzoo", "train", options.recipe, "--output", str(output), "--resume"]
    for option in ("data_dir", "epochs", "strategy"):
        value = getattr(options, option)
        if value not in (None, "none"):
            words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words + ["--deterministic"] * options.deterministic)


def _evaluate(options):
    from keras_genzoo import metrics, models, presets
    from keras_genzoo.presets import folders

    model = models.load(options.name)
    arguments = dict(presets.metadata(options.name).get("evaluation") or {})
    for name in ("dataset", "extractor", "measures", "num_samples"):
        if (value := getattr(options, name)) is not None:
            arguments[name] = value
    if "dataset" not in arguments:
        raise ValueError(
            f"{options.name!r} does not say how it is measured: its metadata has no `evaluation`. Name the data "
            "with --dataset, and an --extractor."
        )
    for result in metrics.evaluate(model, **arguments, data_dir=options.data_dir):
        print(json.dumps(folders.json_safe(result)))


def _export(options):
    from keras_genzoo import models

    model = models.load(options.name)
    if hasattr(model, "translate"):
        model.export(options.output, options.format, direction=options.direction, verbose=True)
        return
    _require_generator(model, options.name)
    if options.direction is not None:
        raise ValueError(f"--direction was given, but {options.name!r} does not translate images.")
    model.export(options.output, options.format, verbose=True)


def _labels(model, options, num):
    """The label asked for, or all in turn; None for a model without classes."""
    from keras_genzoo import latent

    labels = latent.labels_in_turn(num, model.num_classes)
    if options.label is None:
        return labels
    if labels is None:
        raise ValueError(f"--label was given, but {options.name!r} has no classes.")
    labels[:] = options.label
    return labels


def _require_generator(model, name):
    if hasattr(model, "translate"):
        raise ValueError(
            f"{name!r} is a {type(model).__name__}, which makes images from images: use genzoo translate."
        )
    if not hasattr(model, "sample"):
        raise ValueError(f"{name!r} is a {type(model).__name__}, which does not make images.")


def _writable_file(path):
    """The path of an output file, refused before any work where it cannot be written."""
    path = Path(path)
    parent = path.parent
    if path.suffix.lower() != ".png":
        raise ValueError(f"--output {str(path)!r} must end with .png.")
    if path.is_dir():
        raise ValueError(f"--output {str(path)!r} is a folder: give the name of a file.")
    while not parent.exists():
        parent = parent.parent
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise ValueError(f"--output {str(path)!r} cannot be written: {parent} is not a writable folder.")
    return path


def _recipe_path(name):
    """A recipe's path, or the path that its name has in a checkout."""
    if name.endswith(".toml") or Path(name).exists():
        return Path(name)
    return Path(__file__).parent.parent / "tools" / "recipes" / f"{name}.toml"


def _parser():
    parser = argparse.ArgumentParser(prog="genzoo", description="Generative image models for Keras.")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name, run, help):
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    add("list", _list, "List the pretrained models.")

    command = add("sample", _sample, "Draw images from a pretrained model into a PNG grid.")
    _add_picture_options(command, "samples.png")
    command.add_argument("--num", type=_positive_int, default=64, help="number of images (default 64)")

    command = add("interpolate", _interpolate, "Draw paths between random latents, a row each.")
    _add_picture_options(command, "paths.png")
    command.add_argument("--rows", type=_positive_int, default=8, help="number of paths (default 8)")
    command.add_argument("--steps", type=_positive_int, default=10, help="images a path (default 10)")

    command = add("translate", _translate, "Translate pictures, each into a PNG file of its name.")
    command.add_argument("name", help="name or folder of a pretrained model")
    command.add_argument("images", nargs="+", metavar="IMAGE", help="picture, or folder of pictures")
    command.add_argument("--output", required=True, help="folder for the translations")
    command.add_argument("--direction", help="direction of the translation (default: the model's first)")
    command.add_argument(
        "--fit",
        choices=("pad", "resize", "none"),
        default="pad",
        help="what to do with sizes that the model cannot take: mirror the edges and crop again (default), scale, "
        "or refuse",
    )
    command.add_argument("--size", type=_positive_int, help="scale the longer side to this many pixels first")
    command.add_argument("--edges", action="store_true", help="translate the edges of the pictures")
    command.add_argument(
        "--seed",
        type=int,
        help="seed of a model whose dropout acts in translation, for each picture the same",
    )

    command = add("train", _train, "Train a model from its recipe.")
    command.add_argument("recipe", help="path of a recipe, or its name in tools/recipes of a checkout")
    command.add_argument("--output", help="run folder (default runs/NAME)")
    command.add_argument("--data-dir", help="folder with the data set's original files")
    command.add_argument("--epochs", type=_positive_int, help="number of epochs instead of the recipe's")
    command.add_argument("--strategy", choices=("none", "mirrored", "multi_worker"), default="none")
    command.add_argument("--resume", action="store_true", help="go on with the run in the run folder")
    command.add_argument("--deterministic", action="store_true", help="same weights bit for bit, slower")
    command.add_argument("--dry-run", action="store_true", help="print what would run")

    command = add("evaluate", _evaluate, "Measure a pretrained model as its card does, a JSON line a result.")
    command.add_argument("name", help="name or folder of a pretrained model")
    command.add_argument("--num-samples", type=_positive_int, help="number of samples instead of the card's")
    command.add_argument("--dataset", help="data set instead of the card's")
    command.add_argument("--extractor", help="network that gives features, instead of the card's")
    command.add_argument("--measures", nargs="+", metavar="MEASURE", help="measures instead of the card's")
    command.add_argument("--data-dir", help="folder with the data set's original files")

    command = add("export", _export, "Export a pretrained model for serving.")
    command.add_argument("name", help="name or folder of a pretrained model")
    command.add_argument("--output", required=True, help="folder of the SavedModel, or file")
    formats = ("tf_saved_model", "onnx", "litert", "openvino")
    command.add_argument("--format", choices=formats, default=formats[0], help="default tf_saved_model")
    command.add_argument("--direction", help="direction of a translator, for the formats of one network")
    return parser


def _add_picture_options(command, output):
    command.add_argument("name", help="name or folder of a pretrained model")
    command.add_argument("--output", default=output, help=f"PNG file (default {output})")
    command.add_argument("--seed", type=int, default=0, help="seed of the latents (default 0)")
    command.add_argument("--label", type=int, help="class to draw (default: all in turn)")
    command.add_argument(
        "--scale", type=_positive_int, default=2, help="size of an image's pixel (default 2)"
    )


def _positive_int(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


if __name__ == "__main__":
    sys.exit(main())
