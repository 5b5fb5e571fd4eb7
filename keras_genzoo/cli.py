"""The `genzoo` command.

Arguments are checked before Keras is imported wherever possible: the import takes seconds (`_command.start`).
"""

import argparse
import dataclasses
import json
import os
import shlex
import shutil
import sys
import textwrap
import warnings
from pathlib import Path

from keras_genzoo import _command
from keras_genzoo._version import __version__
from keras_genzoo.serving.limits import Limits


def main(arguments=None):
    """Runs the command line; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        options.command, options.run = "help", lambda _: parser.print_help()
    try:
        with warnings.catch_warnings():
            _show_warnings_as_lines(options.command)
            status = options.run(options) or 0
        # Flushed here, so that a full disk is still reported.
        _flush_stdout()
        return status
    except KeyboardInterrupt:
        print(f"genzoo {options.command}: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader closed the pipe, as in `genzoo list | head -1`. 141 is the status of a process ended by SIGPIPE.
        _discard_stdout()
        return 141
    except Exception as error:
        if not isinstance(error, _expected_failures()):
            raise
        print(f"genzoo {options.command}: {error}", file=sys.stderr)
        _discard_stdout()
        return 1


def _show_warnings_as_lines(command):
    def show(message, category, filename, lineno, file=None, line=None):
        print(f"genzoo {command}: {message}", file=sys.stderr)

    warnings.showwarning = show
    # The library has its own limit on pixels, with its own message.
    warnings.filterwarnings("ignore", module="PIL", message=".*decompression bomb")


def _expected_failures():
    """Returns the error classes shown without a traceback: bad input, a full disk, exhausted memory."""
    expected = [ValueError, OSError, ImportError, FloatingPointError, MemoryError, RuntimeError]
    if tensorflow := sys.modules.get("tensorflow"):
        expected += [tensorflow.errors.ResourceExhaustedError, tensorflow.errors.PermissionDeniedError]
    return tuple(expected)


def _discard_stdout():
    """Discards buffered output that cannot be written, so that Python does not try again at exit."""
    try:
        _flush_stdout()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _flush_stdout():
    # `sys.stdout` is None if the descriptor is closed.
    if sys.stdout is not None:
        sys.stdout.flush()


def _list(options):
    from keras_genzoo import presets

    entries = {name: presets.describe(name) for name in presets.names() if options.pattern in name}
    if not entries:
        raise ValueError(f"No pretrained model has {options.pattern!r} in its name.")
    rows = {
        name: (entry["class"], _millions(entry["parameters"]["total"])) for name, entry in entries.items()
    }
    widths = [
        max(map(len, column)) for column in zip(*((name, *row) for name, row in rows.items()), strict=True)
    ]
    indent = sum(widths) + 6
    room = min(shutil.get_terminal_size((100, 24)).columns, 100) - indent
    for name, (class_name, size) in rows.items():
        head = f"{name:{widths[0]}}  {class_name:{widths[1]}}  {size:>{widths[2]}}  "
        first_sentence = entries[name]["description"].split(". ")[0].removesuffix(".")
        print(
            head
            + f"\n{' ' * indent}".join(textwrap.wrap(first_sentence, max(room, 30), break_on_hyphens=False))
        )


def _millions(number):
    return f"{number / 1e6:.1f}M"


def _sample(options):
    output = _writable_file(options.output)
    _check_preset(options.name)
    _command.start()
    from keras_genzoo import models

    model = models.load(options.name)
    _require(model, options.name, "sample")
    model.check_drawable()
    if options.prior not in (None, *model.priors):
        raise ValueError(
            f"--prior of {options.name!r} must be {' or '.join(model.priors)}. Received: {options.prior}"
        )
    # Only models with several priors take the argument.
    prior = {} if options.prior in (None, model.priors[0]) else {"prior": options.prior}
    labels = _labels(model, options, options.num)
    truncation = {} if options.truncation is None else {"truncation": options.truncation}
    samples = model.sample(options.num, seed=options.seed, labels=labels, **truncation, **prior)
    # Without --label, each column of the grid is one class.
    columns = model.condition.columns(options.num) if model.condition and options.label is None else None
    model.modality.save(samples, output, columns, options.scale)
    print(f"Wrote {options.num} samples of {options.name} to {output}.")


def _interpolate(options):
    output = _writable_file(options.output)
    _check_preset(options.name)
    _command.start()
    import numpy as np

    from keras_genzoo import models

    model = models.load(options.name)
    _require(model, options.name, "sample")
    model.check_drawable()
    ends = np.asarray(model.latents_from_seed(2 * options.rows, options.seed))
    latents = np.concatenate(
        [model.latent.between(*ends[row : row + 2], options.steps) for row in range(0, len(ends), 2)]
    )
    labels = _labels(model, options, options.rows)
    if labels is not None:
        labels = labels.repeat(options.steps)
    samples = model.sample(latents=latents, labels=labels)
    model.modality.save(samples, output, options.steps, options.scale)
    print(f"Wrote {options.rows} interpolations of {options.name} to {output}.")


# The lines that `genzoo edit --images` prints: the remaining value of what `--distance` minimizes.
_DISTANCES = {
    "squared_error": "mean squared error {:.4f} (values in [-1, 1])",
    "perceptual": "feature distance {:.4f}",
}


def _edit(options):
    output = _writable_file(options.output)
    _check_preset(options.name)
    _command.start()
    import numpy as np

    from keras_genzoo import editing, models
    from keras_genzoo.images import pictures

    model = models.load(options.name)
    _require(model, options.name, "sample")
    model.check_drawable()
    if options.images:
        if len(model.modality.shape) != 3:
            raise ValueError(f"--images was given, but {options.name!r} generates points. Leave it out.")
        if model.condition and options.label is None:
            raise ValueError(
                f"--label is missing: pass the class of {options.name!r} that the pictures show."
            )
        height, width, channels = model.modality.shape
        given = [pictures.read(file, channels, (height, width), "center") for file in options.images]
    direction = editing.find_direction(model, options.direction)
    if options.images:
        labels = _labels(model, options, len(given))
        codes, errors = editing.project(
            model, np.stack(given), labels, distance=options.distance, seed=options.seed
        )
        for file, error in zip(options.images, errors, strict=True):
            print(f"{file}: {_DISTANCES[options.distance].format(error)}")
    else:
        labels = _labels(model, options, options.rows)
        codes = editing.codes(model, np.asarray(model.latents_from_seed(options.rows, options.seed)), labels)
    if options.truncation is not None:
        codes = editing.truncate(model, codes, options.truncation)
    strengths = np.tile(np.linspace(-options.strength, options.strength, options.steps), len(codes))
    moved = editing.move(codes.repeat(options.steps, axis=0), direction, 0, strengths, model)
    labels = None if labels is None else labels.repeat(options.steps)
    model.modality.save(editing.images(model, moved, labels), output, options.steps, options.scale)
    print(f"Wrote {len(codes)} samples of {options.name}, each with {options.steps} strengths, to {output}.")


def _translate(options):
    return _translate_pictures(options, lambda model: options.size)


def _paint(options):
    def size_of(model):
        if "translate" not in model.abilities:
            raise ValueError(f"{options.name!r} is a {type(model).__name__}, which takes no label maps.")
        if model.task().source.interpolates:
            raise ValueError(f"{options.name!r} takes {model.task().source.described}, not label maps.")
        return model.fixed_size()

    return _translate_pictures(options, size_of)


def _translate_pictures(options, size_of):
    """Translates pictures. `size_of` maps the model to the size to scale them to, or None for no scaling."""
    outputs = _picture_outputs(options.images, Path(options.output))
    if options.reference is not None and not Path(options.reference).is_file():
        raise FileNotFoundError(f"There is no picture {options.reference!r} for --reference.")
    _check_preset(options.name)
    _command.start()
    from keras_genzoo import datasets, models, visualization
    from keras_genzoo.images import pictures

    model = models.load(options.name)
    size = size_of(model)
    _require(model, options.name, "translate")
    source = model.task(options.direction).source
    if not source.interpolates:
        source.check_readable()
    channels = source.shape[-1]
    if options.edges and not (source.interpolates and channels == 1):
        raise ValueError(f"--edges makes gray images, but {options.name!r} translates {source.described}.")
    domain = _domain(model, options)
    styles = _style(model, options, domain)
    if options.seed is not None and not model.draws(options.direction):
        raise ValueError(
            f"--seed was given, but {options.name!r} is deterministic: it has no styles, and no dropout during "
            "translation."
        )

    def translated(file, output):
        if options.edges:
            picture = datasets.edges(pictures.read(file, 3, size))
        else:
            picture = source.read(file, size)
        fit = None if options.fit == "none" else options.fit
        made = model.translate(
            picture[None], options.direction, fit, seed=options.seed, styles=styles, **domain
        )
        visualization.save_grid(made, output, padding=0)

    failures = _of_each_picture(options.command, outputs, translated)
    left_out = f"; {failures} could not be {options.done}" if failures else ""
    print(
        f"Wrote {_counted(len(outputs) - failures, 'translation')} by {options.name} to {options.output}{left_out}."
    )
    return 1 if failures else 0


def _domain(model, options):
    """Returns keyword arguments for the domain that --domain gives by number or name; empty without it."""
    if options.domain is None:
        return {}
    if model.task(options.direction).num_domains is None:
        raise ValueError(f"--domain was given, but {options.name!r} has no domains.")
    # A domain may be named after a folder, whose name may be a number.
    is_number = options.domain.isdecimal() and options.domain not in (model.domain_names or ())
    domain = int(options.domain) if is_number else options.domain
    model.check_domain(domain)
    return {"domain": domain}


def _style(model, options, domain):
    """Returns the style of the picture given by --reference, or None. `domain` is what `_domain` returns."""
    if options.reference is None:
        return None
    if model.task(options.direction).style_dim is None:
        raise ValueError(f"--reference was given, but {options.name!r} has no styles.")
    if options.seed is not None:
        raise ValueError("--seed and --reference both set the style: give only one of them.")
    picture = model.modality.read(options.reference, model.image_shape[:2])
    return model.styles_of(picture[None], **domain)[0]


def _upscale(options):
    scale = options.scale or 4
    name = _released(
        options.model,
        f"esrgan_flowers_x{scale}",
        f"No released model upscales by {scale}. Pass a model of your own with --model. To train one, run "
        "`genzoo train --model SuperResolution --images FOLDER`.",
    )

    def enlarging(model):
        if options.scale not in (None, model.scale):
            raise ValueError(
                f"--scale is {options.scale}, but {name!r} upscales by {model.scale}. Leave it out."
            )
        return lambda picture: model.upscale(picture, tile=options.tile)

    return _remake(options, name, "upscale", enlarging, "{scale} times as large", "enlarged")


def _colorize(options):
    name = _released(
        options.model,
        "colorize_flowers_128",
        "No colorization model is released. Pass a model of your own with --model. To train one, run "
        "`genzoo train --model ColorizationGAN --images FOLDER`.",
    )

    def coloring(model):
        return lambda picture: model.colorize(picture, options.size)

    return _remake(options, name, "colorize", coloring, "in color", "colorized")


def _deblur(options):
    name = _released(
        options.model,
        "deblur_flowers_128",
        "No deblurring model is released. Pass a model of your own with --model. To train one, run "
        "`genzoo train --model DeblurGAN --images FOLDER`.",
    )
    return _remake(options, name, "deblur", lambda model: model.deblur, "deblurred", "deblurred")


def _inpaint(options):
    name = _released(
        options.model,
        "inpaint_flowers_128",
        "No inpainting model is released. Pass a model of your own with --model. To train one, run "
        "`genzoo train --model InpaintingGAN --images FOLDER`.",
    )
    if not Path(options.mask).is_file():
        raise FileNotFoundError(f"There is no mask {options.mask!r}.")

    def filling(model):
        return lambda picture: model.inpaint(picture, options.mask)

    return _remake(options, name, "inpaint", filling, "inpainted", "inpainted")


def _terrain(options):
    name = _released(
        options.model,
        "terrain_64",
        "No terrain model is released. Pass a model of your own with --model. To train one, run "
        "`genzoo train --model TerrainGAN --images HEIGHT_MAPS TEXTURES`.",
    )
    folder = Path(options.output)
    _check_preset(name)
    _command.start()
    from keras_genzoo import arguments, models, visualization
    from keras_genzoo.images import pictures

    arguments.number("relief", options.relief, above=0)
    model = models.load(name)
    _require(model, name, "sample_terrain")
    model.check_drawable()
    made = model.sample_terrain(options.num, seed=options.seed, truncation=options.truncation)
    for number, (heights, texture) in enumerate(zip(*made, strict=True)):
        pictures.write(heights, folder / f"{number:04}_heights.png")
        pictures.write(texture, folder / f"{number:04}_texture.png")
        visualization.save_mesh(heights, texture, folder / f"{number:04}.ply", options.relief)
    print(f"Wrote {_counted(options.num, 'terrain')} (height map, texture and mesh) to {folder}.")


def _released(model, default, message):
    """Returns the preset that --model names, or the released default; raises a ValueError without either."""
    from keras_genzoo import presets

    if model is None and default not in presets.names():
        raise ValueError(message)
    return model or default


def _remake(options, name, ability, maker, made, done):
    """Processes each picture, and writes the result in the format and with the metadata of its file.

    Args:
        options: Parsed command line with `images` and `output`.
        name: String, the preset.
        ability: String, the ability that the model must have; also the name of the command.
        maker: Function that maps the model to a function from a picture, a uint8 array
            `(height, width, channels)`, to the result.
        made: String, describes the results in the last line; `{scale}` is replaced by the model's scale.
        done: String, the participle used in the last line for pictures that failed.
    """
    from keras_genzoo.images import pictures

    outputs = _outputs_of_any_format(options)
    _check_preset(name)
    _command.start()
    from keras_genzoo import models

    model = models.load(name)
    _require(model, name, ability)
    make = maker(model)

    def remade(file, output):
        picture = pictures.read(file, model.picture_channels)
        pictures.write(make(picture), output, pictures.notes_of(file, model.image_shape[-1]))

    failures = _of_each_picture(ability, outputs, remade)
    left_out = f"; {failures} could not be {done}" if failures else ""
    made = made.format(scale=model.task().scale)
    print(f"Wrote {_counted(len(outputs) - failures, 'picture')}, {made}, to {options.output}{left_out}.")
    return 1 if failures else 0


def _outputs_of_any_format(options):
    """As `_picture_outputs`, for files that keep their format. For one picture, --output may name a file."""
    from keras_genzoo.images import pictures

    output = Path(options.output)
    if output.suffix.lower() not in pictures.SUFFIXES:
        return _picture_outputs(options.images, output, pictures.WRITABLE)
    if len(options.images) > 1 or Path(options.images[0]).is_dir():
        raise ValueError(f"--output {options.output!r} is one file: name a folder for several pictures.")
    if not Path(options.images[0]).exists():
        raise FileNotFoundError(f"There is no picture {options.images[0]!r}.")
    if output.resolve() == Path(options.images[0]).resolve():
        raise ValueError(f"{options.images[0]}, an input, would be overwritten. Choose another --output.")
    return {Path(options.images[0]): _writable_file(output)}


def _of_each_picture(command, outputs, make):
    """Calls `make` with each input and output file, with a progress bar; returns the number of failures."""
    import keras

    from keras_genzoo.images import pictures

    failures = 0
    # No progress bar unless the output is a terminal.
    watched = sys.stdout is not None and sys.stdout.isatty()
    progress = keras.utils.Progbar(len(outputs), verbose=int(watched), unit_name="picture")
    for file, output in outputs.items():
        try:
            with _command.usual_lines_dropped():
                make(file, output)
        except (ValueError, OSError) as error:
            failures += 1
            # The full message would name the file twice.
            is_named = isinstance(error, pictures.UnreadablePicture) and error.path == file
            line = f"genzoo {command}: {file}: {error.reason if is_named else error}"
            # On a line of its own, above the progress bar.
            print(f"\n{line}" if watched else line, file=sys.stderr)
        progress.add(1)
    return failures


def _picture_outputs(inputs, folder, suffixes=(".png",)):
    """Returns a dict of input file -> output file; raises a ValueError if a file would be overwritten.

    A file whose suffix is not in `suffixes` gets the first of them.
    """
    from keras_genzoo.images import pictures

    outputs = {}
    for path in map(Path, inputs):
        if not path.is_dir():
            if not path.exists():
                raise FileNotFoundError(f"There is no picture {str(path)!r}.")
            outputs[path] = folder / f"{path.stem}{_suffix_of(path, suffixes)}"
            continue
        # Results of an earlier call, in a subfolder, are not read as inputs.
        earlier = folder.resolve() if folder.resolve() != path.resolve() else None
        found = [file for file in pictures.find(path) if earlier not in file.resolve().parents]
        if not found:
            raise ValueError(f"The folder {str(path)!r} contains no pictures.")
        outputs |= {
            file: folder / file.relative_to(path).with_suffix(_suffix_of(file, suffixes)) for file in found
        }
    sources = {file.resolve() for file in outputs}
    writers = {}
    for file, output in outputs.items():
        if output.resolve() in sources:
            raise ValueError(f"{output}, an input, would be overwritten by {file}. Choose another --output.")
        if (other := writers.setdefault(output, file)) != file:
            raise ValueError(
                f"{other} and {file} would both be written to {output}. Process them in two calls."
            )
    _check_writable(next(iter(outputs.values())))
    return outputs


def _suffix_of(path, suffixes):
    return path.suffix if path.suffix.lower() in suffixes else suffixes[0]


def _train(options):
    if options.recipe is not None and not _recipe_path(options.recipe).is_file():
        raise FileNotFoundError(
            f"There is no recipe {options.recipe!r}. Give the path of a .toml file, such as those in "
            "tools/recipes/ of a checkout."
        )
    _command.start()
    from keras_genzoo import callbacks, disk, training

    recipe = _recipe(options)
    output = Path(options.output or f"runs/{recipe.name}")
    if options.dry_run:
        *earlier, last = [
            {
                "steps_per_epoch": stage.steps_per_epoch,
                "parameters": {name: network.count_params() for name, network in model.networks.items()},
            }
            for stage, model in zip(recipe.stages, training.make_models(recipe), strict=True)
        ]
        plan = {"recipe": recipe.as_json(), **last, "output": str(output)}
        if earlier:
            plan["earlier_stages"] = earlier
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
        print(f"{interruption} Resume with:\n  {_resume_command(options, output)}")
        return 130
    except callbacks.WorkerLost as lost:
        print(f"genzoo train: {lost}", file=sys.stderr)
        # Without a recipe, the run had not started on this worker: there is nothing to resume.
        if (training.run_folder(output, options.strategy) / "recipe.toml").is_file():
            print(f"Resume on every machine with:\n  {_resume_command(options, output)}")
        # A normal exit would block: TensorFlow waits for the worker that does not respond.
        _flush_stdout()
        os._exit(1)
    except OSError as error:
        if disk.is_full(error):
            print(f"Free some disk space, then resume with:\n  {_resume_command(options, output)}")
        raise
    _print_next_steps(output / "preset")


def _recipe(options):
    """Returns the recipe named, the recipe of the run to resume, or one made for the user's pictures."""
    from keras_genzoo import own_pictures, training
    from keras_genzoo.recipes import Recipe

    own = {name: getattr(options, name) for name in _OWN_PICTURES if getattr(options, name)}
    if options.recipe is not None:
        if own:
            option = min(own).removesuffix("_preset").replace("_", "-")
            raise ValueError(
                f"--{option} is for training on your own pictures and cannot be combined with a recipe."
            )
        return Recipe.load(_recipe_path(options.recipe))
    if "images" in own:
        if "from_preset" in own and options.strategy == "multi_worker":
            # The preset would be loaded before the workers are connected.
            raise ValueError(
                "--from cannot be combined with --strategy multi_worker. Write a recipe with `from` in its [model]."
            )
        return own_pictures.make_recipe(epochs=options.epochs, **own)
    if options.resume and options.output and not own:
        path = training.run_folder(options.output, options.strategy) / "recipe.toml"
        if not path.is_file():
            raise ValueError(
                f"--output {options.output!r} has no recipe.toml. Pass the recipe of the run too."
            )
        return Recipe.load(path)
    raise ValueError(
        "Pass a recipe; or --images FOLDER with --model CLASS or --from PRESET; or --resume with the --output of a "
        "run."
    )


def _print_next_steps(preset):
    from keras_genzoo import presets

    print(f"Wrote {preset}. Use it:")
    name = shlex.quote(str(preset))
    metadata = presets.metadata(preset)
    commands = metadata["usage"]["shell"].format(name=name).splitlines()
    if not metadata.get("evaluation"):
        commands = [command for command in commands if not command.startswith("genzoo evaluate")]
    if (preset / "samples.png").exists():
        commands.append(f"genzoo export {name} --output {shlex.quote(str(preset.parent / 'saved_model'))}")
    for command in commands:
        print(f"  {command}")


def _resume_command(options, output):
    words = ["genzoo", "train", "--resume", "--output", str(output)]
    for option in ("data_dir", "epochs", "strategy"):
        value = getattr(options, option)
        if value not in (None, "none"):
            words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words + ["--deterministic"] * options.deterministic)


def _evaluate(options):
    arguments = dict(_check_preset(options.name).get("evaluation") or {})
    for name in ("dataset", "extractor", "measures", "num_samples"):
        if (value := getattr(options, name)) is not None:
            arguments[name] = value
    if "dataset" not in arguments:
        raise ValueError(
            f"The metadata of {options.name!r} has no `evaluation`, so there are no defaults. Pass --dataset and "
            "--extractor."
        )
    _command.start()
    from keras_genzoo import metrics, models
    from keras_genzoo.presets import folders

    model = models.load(options.name)
    for result in metrics.evaluate(model, **arguments, data_dir=options.data_dir):
        print(json.dumps(folders.json_safe(result)))


def _export(options):
    given = {
        option: getattr(options, option)
        for option in ("signature", "dtype", "batch_size")
        if getattr(options, option) is not None
    }
    if options.format in _FOLDERS:
        takes_dtype = options.format != "tensorflow_serving"
        for option in [*given, *(["direction"] if options.direction else [])]:
            if option != "dtype" or not takes_dtype:
                raise ValueError(f"--{option.replace('_', '-')} is not for --format {options.format}.")
    metadata = _check_preset(options.name)
    _check_writable(Path(options.output))
    _command.start()
    from keras_genzoo import export, models
    from keras_genzoo.export import bundle

    model = models.load(options.name)
    if options.direction is not None:
        _require(model, options.name, "translate", "--direction")
        given["direction"] = options.direction
    told = bundle.told_of(metadata, Path(options.name).name)
    with _command.usual_lines_dropped():
        if folder := _FOLDERS.get(options.format):
            getattr(export, folder)(model, options.output, metadata=told, **given)
            print(f"Wrote the folder {options.output}.")
        elif options.format == "tf_saved_model":
            model.export(options.output, verbose=True, **given)
        else:
            model.export(options.output, options.format, metadata=told, verbose=True, **given)


# Format -> the function of `keras_genzoo.export` that writes its folder. Other formats are written by `model.export`.
_FOLDERS = {
    "bundle": "export_bundle",
    "triton": "export_triton",
    "tensorflow_serving": "export_tensorflow_serving",
}


def _serve(options):
    from keras_genzoo.serving import bundles

    limits = Limits(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Limits)})
    bundles.check_installed()
    token = options.token or os.environ.get("KERAS_GENZOO_TOKEN")
    bundles.check_address(options.host, options.port, token)
    folders = [bundles.bundle(name) for name in options.names]
    from keras_genzoo.serving import server

    server.serve(folders, limits, options.host, options.port, token, options.threads)


def _explore(options):
    for name in options.names:
        _check_preset(name)
    _check_writable(Path(options.output))
    _command.start()
    from keras_genzoo import explore

    with _command.usual_lines_dropped():
        explore.build(options.names, options.output, cdn=options.cdn, verbose=True)


def _labels(model, options, num):
    """Returns `num` labels: the one that --label gives, or all in turn; None for a model without classes."""
    if model.condition is None:
        if options.label is not None:
            raise ValueError(f"--label was given, but {options.name!r} has no classes.")
        return None
    labels = model.condition.in_turn(num)
    if options.label is not None:
        labels[:] = options.label
    return labels


def _require(model, name, ability, option=None):
    """Raises a ValueError if the model lacks an ability that the command, or an option, needs."""
    if ability not in model.abilities:
        # Ability -> the commands that use it.
        commands = {
            "sample": "genzoo sample, genzoo interpolate, genzoo edit",
            "sample_terrain": "genzoo terrain",
            "translate": "genzoo translate",
            "upscale": "genzoo upscale",
            "colorize": "genzoo colorize",
            "deblur": "genzoo deblur",
            "inpaint": "genzoo inpaint",
        }
        able = [
            f"{each} ({commands[each]})" if each in commands else each for each in sorted(model.abilities)
        ]
        needed_by = f"{option} was given, but " if option else ""
        raise ValueError(
            f"{needed_by}{name!r} is a {type(model).__name__}, which cannot {ability}. It can: {', '.join(able)}."
        )


def _counted(num, noun):
    return f"{num} {noun}" if num == 1 else f"{num} {noun}s"


def _check_preset(name):
    """Returns the metadata of a preset. Its files are downloaded and verified before Keras is imported."""
    from keras_genzoo import presets

    return presets.metadata(name)


def _writable_file(path):
    """Returns the path of the picture to write; raises a ValueError early if it cannot be written."""
    from keras_genzoo.images import pictures

    path = Path(path)
    if path.suffix.lower() not in pictures.WRITABLE:
        *kinds, last = pictures.WRITABLE
        raise ValueError(f"--output {str(path)!r} must end with {', '.join(kinds)} or {last}.")
    if path.is_dir():
        raise ValueError(f"--output {str(path)!r} is a folder. Pass the path of a file.")
    _check_writable(path)
    return path


def _check_writable(path):
    """Raises a ValueError if the path is in a folder that is not writable and cannot be created."""
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise ValueError(f"--output {str(path)!r} cannot be written: {parent} is not a writable folder.")


def _recipe_path(name):
    """Returns the path of a recipe, which may be given by its name in tools/recipes of a checkout."""
    if name.endswith(".toml") or Path(name).exists():
        return Path(name)
    return Path(__file__).parent.parent / "tools" / "recipes" / f"{name}.toml"


def _parser():
    parser = argparse.ArgumentParser(
        prog="genzoo",
        description="Generative image models for Keras: generate, edit, train, evaluate and export.",
        epilog="Run `genzoo COMMAND --help` for the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name, run, help):
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    command = add(
        "list", _list, "List the pretrained models: name, class, number of parameters, description."
    )
    command.add_argument(
        "pattern", nargs="?", default="", metavar="TEXT", help="list only names that contain this text"
    )

    command = add("sample", _sample, "Generate images with a pretrained model and save them as a grid.")
    _add_picture_options(command, "samples.png")
    command.add_argument("--num", type=_positive_int, default=64, help="number of images (default: 64)")
    command.add_argument(
        "--truncation",
        type=float,
        help="scale of the distance of latents from their mean; values below 1 trade variety for quality "
        "(default: the model's)",
    )
    command.add_argument(
        "--prior",
        choices=("standard", "fitted"),
        help="latent distribution of an autoencoder: the standard normal, or the mixture fitted to the latents of "
        "the training images (default: fitted if the model has one)",
    )

    command = add(
        "terrain", _terrain, "Generate terrains: height maps, textures, and meshes of both (PLY files)."
    )
    command.add_argument("--model", metavar="NAME", help=f"{_PRESET} (default: terrain_64)")
    command.add_argument("--output", default="terrain", help="output folder (default: terrain)")
    command.add_argument("--num", type=_positive_int, default=4, help="number of terrains (default: 4)")
    command.add_argument("--seed", type=int, default=0, help="random seed of the latents (default: 0)")
    command.add_argument(
        "--truncation",
        type=float,
        help="scale of the distance of latents from their mean, as in `genzoo sample`",
    )
    command.add_argument(
        "--relief",
        type=float,
        default=0.15,
        help="height of a white pixel of the height map, as a fraction of the longer side of the mesh "
        "(default: 0.15)",
    )

    command = add(
        "interpolate", _interpolate, "Interpolate between random latents and save one path per row."
    )
    _add_picture_options(command, "paths.png")
    command.add_argument("--rows", type=_positive_int, default=8, help="number of paths (default: 8)")
    command.add_argument("--steps", type=_positive_int, default=10, help="images per path (default: 10)")

    command = add("edit", _edit, "Move samples, or given pictures, along a latent direction; one per row.")
    _add_picture_options(command, "edits.png")
    command.add_argument(
        "--direction",
        default="principal:0",
        help="principal:K, weights:K, or the name of a direction stored with the model (default: principal:0)",
    )
    command.add_argument(
        "--strength",
        type=float,
        default=3.0,
        help="largest move, in units of the direction's scale (default: 3)",
    )
    command.add_argument("--steps", type=_positive_int, default=7, help="images per row (default: 7)")
    command.add_argument("--rows", type=_positive_int, default=8, help="number of samples (default: 8)")
    command.add_argument("--images", nargs="+", metavar="IMAGE", help="pictures to edit instead of samples")
    command.add_argument(
        "--distance",
        choices=_DISTANCES,
        default="squared_error",
        help="distance that is minimized to find the codes of --images (default: squared_error)",
    )
    command.add_argument(
        "--truncation",
        type=float,
        help="move the codes toward the mean code first: 1 does not move them, 0 moves them all the way",
    )

    command = add(
        "translate", _translate, "Translate pictures; each is saved as a png file of the same name."
    )
    command.add_argument("name", help=_PRESET)
    command.add_argument("images", nargs="+", metavar="IMAGE", help="picture, or folder of pictures")
    command.add_argument("--output", required=True, help="output folder")
    command.add_argument("--direction", help="direction of the translation (default: the model's first)")
    command.add_argument(
        "--fit",
        choices=("pad", "resize", "none"),
        default="pad",
        help="how to handle sizes that the model does not accept: pad by reflection and crop the result, resize, or "
        "fail (default: pad)",
    )
    command.add_argument(
        "--size", type=_positive_int, help="resize the longer side to this number of pixels first"
    )
    command.add_argument("--edges", action="store_true", help="translate the edges of the pictures")
    command.add_argument(
        "--domain", help="name or number of the domain to translate into (default: the first)"
    )
    command.add_argument(
        "--seed",
        type=int,
        help="random seed of the style, or of dropout during translation; the same for all pictures",
    )
    command.add_argument(
        "--reference",
        metavar="PICTURE",
        help="use the style of this picture, which must belong to --domain if the model has domains",
    )
    command.set_defaults(done="translated")

    command = add(
        "paint", _paint, "Turn label maps into pictures; each is saved as a png file of the same name."
    )
    command.add_argument(
        "images",
        nargs="+",
        metavar="LABELS",
        help="label map, or folder of label maps, as gray values or in the colors listed in the model's card",
    )
    command.add_argument("--output", default="painted", help="output folder (default: painted)")
    command.add_argument(
        "--model",
        dest="name",
        metavar="NAME",
        default="spade_avatars_64",
        help=f"{_PRESET} (default: spade_avatars_64)",
    )
    command.add_argument("--seed", type=int, help="random seed of the style; the same for all pictures")
    command.add_argument("--reference", metavar="PICTURE", help="use the style of this picture")
    command.set_defaults(direction=None, domain=None, edges=False, fit="pad", done="painted")

    command = add("upscale", _upscale, "Upscale pictures; names and formats are kept.")
    _add_remaking_options(command, "upscaled")
    command.add_argument("--scale", type=_positive_int, help="upscaling factor (default: the model's)")
    command.add_argument(
        "--tile",
        type=_positive_int,
        default=256,
        help="side in pixels of the tiles that are processed one by one; smaller tiles need less memory "
        "(default: 256)",
    )

    command = add("colorize", _colorize, "Colorize gray pictures; names and formats are kept.")
    _add_remaking_options(command, "colorized")
    command.add_argument(
        "--size",
        type=_positive_int,
        help="longer side in pixels at which the model computes the colors (default: its training size); the output "
        "keeps the size of the picture",
    )

    command = add("deblur", _deblur, "Deblur pictures blurred by camera shake; names and formats are kept.")
    _add_remaking_options(command, "sharpened")

    command = add("inpaint", _inpaint, "Fill holes in pictures; names and formats are kept.")
    _add_remaking_options(command, "inpainted")
    command.add_argument(
        "--mask",
        required=True,
        metavar="PICTURE",
        help="mask of the same size as the picture, white in the holes",
    )

    command = add("train", _train, "Train a model with a recipe, or on your own pictures.")
    command.add_argument(
        "recipe", nargs="?", help="path of a recipe, or the name of one in tools/recipes of a checkout"
    )
    command.add_argument("--output", help="run folder (default: runs/NAME)")
    command.add_argument("--data-dir", help="folder with the original files of the dataset")
    command.add_argument(
        "--epochs",
        type=_positive_int,
        help="number of epochs (default: the recipe's); a growing model trains its whole schedule, divided into this "
        "number of epochs",
    )
    command.add_argument(
        "--strategy",
        choices=("none", "mirrored", "multi_worker"),
        default="none",
        help="distribution strategy: one device, all GPUs of this machine, or several machines (default: none)",
    )
    command.add_argument("--resume", action="store_true", help="resume the run in the run folder")
    command.add_argument(
        "--deterministic", action="store_true", help="make runs reproducible bit for bit, which is slower"
    )
    command.add_argument("--dry-run", action="store_true", help="print the configuration without training")
    own = command.add_argument_group("training on your own pictures, without a recipe")
    own.add_argument(
        "--images",
        nargs="+",
        metavar="FOLDER",
        help="folder of pictures. For paired models: one folder of side-by-side pairs, or the folders of the sources "
        "and of the targets. For unpaired models: the folders of both domains",
    )
    own.add_argument("--model", metavar="CLASS", help="class of keras_genzoo.models, such as GAN")
    own.add_argument(
        "--from", dest="from_preset", metavar="PRESET", help="preset to fine-tune, instead of --model"
    )
    own.add_argument("--image-size", type=_positive_int, help="side of the images in pixels (default: 64)")
    own.add_argument("--channels", type=int, choices=(1, 3), help="1 for gray, 3 for color (default: 3)")
    own.add_argument("--labels", action="store_true", help="use each subfolder as a class")
    own.add_argument(
        "--flip", action="store_true", help="mirror images at random; not for translation models"
    )
    own.add_argument(
        "--source-side",
        choices=("left", "right"),
        help="side of the source in side-by-side pairs (default: left)",
    )
    own.add_argument(
        "--num-labels", type=_positive_int, help="number of labels of the label maps in the first folder"
    )
    own.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        help="stop at damaged files, or skip them with a warning (default: raise)",
    )
    own.add_argument("--batch-size", type=_positive_int, help="images per batch (default: the model's)")
    own.add_argument(
        "--name", help="name of the trained model (default: made from the class and folder names)"
    )

    command = add("evaluate", _evaluate, "Evaluate a pretrained model and print one JSON line per result.")
    command.add_argument("name", help=_PRESET)
    command.add_argument(
        "--num-samples", type=_positive_int, help="number of samples (default: as on the card)"
    )
    command.add_argument("--dataset", help="dataset to compare with (default: as on the card)")
    command.add_argument("--extractor", help="feature extractor (default: as on the card)")
    command.add_argument(
        "--measures", nargs="+", metavar="MEASURE", help="measures to compute (default: as on the card)"
    )
    command.add_argument("--data-dir", help="folder with the original files of the dataset")

    command = add("export", _export, "Export a pretrained model for serving.")
    command.add_argument("name", help=_PRESET)
    command.add_argument("--output", required=True, help="output folder, or output file of a single network")
    formats = ("tf_saved_model", "onnx", "litert", "openvino", *_FOLDERS)
    command.add_argument(
        "--format", choices=formats, default=formats[0], help=f"export format (default: {formats[0]})"
    )
    one = command.add_argument_group(
        "options of onnx, litert and openvino (--dtype also of bundle and triton)"
    )
    one.add_argument("--direction", help="direction of a translation model (default: its first)")
    one.add_argument("--signature", help="network to export, such as encode (default: the model's first)")
    one.add_argument(
        "--dtype",
        choices=("float32", "float16", "int16"),
        help="dtype of the large weights; float16 and int16 halve the file size, int16 is not available for litert "
        "(default: float32)",
    )
    one.add_argument("--batch-size", type=_positive_int, help="fixed batch size (default: any)")

    command = add("serve", _serve, "Serve pretrained models over HTTP.")
    command.add_argument(
        "names", nargs="+", metavar="NAME", help="name or folder of a pretrained model, or folder of a bundle"
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    command.add_argument(
        "--port", type=_port, default=8000, help="port to listen on, 0 for any free port (default: 8000)"
    )
    command.add_argument(
        "--token",
        help="bearer token that requests must send (default: the value of KERAS_GENZOO_TOKEN, else no token)",
    )
    command.add_argument(
        "--threads", type=_positive_int, help="number of computing threads (default: all cores)"
    )
    limits = command.add_argument_group("limits")
    for limit in dataclasses.fields(Limits):
        limits.add_argument(
            f"--{limit.name.replace('_', '-')}",
            type=_positive_int if limit.type is int else _seconds,
            default=limit.default,
            help=f"{limit.metadata['help']} (default: {limit.default})",
        )

    command = add("explore", _explore, "Write a static page that runs pretrained models in the browser.")
    command.add_argument("names", nargs="+", metavar="NAME", help="name or folder of a pretrained model")
    command.add_argument("--output", required=True, help="output folder, which any file server can serve")
    command.add_argument(
        "--cdn",
        action="store_true",
        help="load ONNX Runtime Web from a public CDN instead of a copy in the output folder",
    )
    return parser


_PRESET = "name, folder or address (hf://, https://) of a pretrained model"


def _add_remaking_options(command, folder):
    command.add_argument("images", nargs="+", metavar="IMAGE", help="picture, or folder of pictures")
    command.add_argument(
        "--output",
        default=folder,
        help=f"output folder; for one picture also a png, jpg or webp file (default: {folder})",
    )
    command.add_argument(
        "--model", metavar="NAME", help=f"{_PRESET} (default: the released model, if there is one)"
    )


def _add_picture_options(command, output):
    command.add_argument("name", help=_PRESET)
    command.add_argument(
        "--output", default=output, help=f"output file: png, jpg or webp (default: {output})"
    )
    command.add_argument("--seed", type=int, default=0, help="random seed of the latents (default: 0)")
    command.add_argument("--label", type=int, help="class to generate (default: all classes in turn)")
    command.add_argument(
        "--scale", type=_positive_int, default=2, help="enlargement of the saved images (default: 2)"
    )


# The options of `genzoo train` for training on the user's own pictures.
_OWN_PICTURES = (
    "images",
    "model",
    "from_preset",
    "image_size",
    "channels",
    "labels",
    "flip",
    "source_side",
    "num_labels",
    "on_error",
    "batch_size",
    "name",
)


def _seconds(text):
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"must be from 0 to 86400, not {text}")
    return value


def _port(text):
    value = int(text)
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, not {text}")
    return value


def _positive_int(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


if __name__ == "__main__":
    sys.exit(main())
