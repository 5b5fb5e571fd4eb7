"""Keeps the released checkpoints, their cards and the registry of presets consistent.

Usage:
    python tools/publish.py card NAME         after editing checkpoints/NAME/metadata.json or a picture
    python tools/publish.py update NAME       after a change of its recipe's `evaluation`: evaluates it again
    python tools/publish.py expected NAME     after `update`: writes the results with 1,000 samples for the tests
    python tools/publish.py registry          after adding or removing a checkpoint
    python tools/publish.py check             prints inconsistencies; exits with status 1 if there are any
    python tools/publish.py check --evaluate  also evaluates all checkpoints again, with the protocols of their cards

To prepare the files for download in an empty folder, to be copied to a server (docs/weights.md):
    python tools/publish.py static --output DIR             for a static host: DIR/NAME/FILE
    python tools/publish.py assets --output DIR             for the assets of a release: DIR/NAME.FILE
    python tools/publish.py hub --owner OWNER --output DIR  for the Hub: the files of the repository NAME in DIR/NAME
"""

import argparse
import math
import re
import shutil
import sys
import tomllib
from pathlib import Path

from keras_genzoo import disk, metrics, models, presets
from keras_genzoo.presets import card, folders, hub, registry
from keras_genzoo.presets.folders import CARD, CONFIG, METADATA, PICTURES, WEIGHTS
from keras_genzoo.presets.resolution import checkpoints_folder

ROOT = Path(__file__).resolve().parents[1]
# A small number of samples, with which the tests evaluate all checkpoints.
EXPECTED = ROOT / "tests" / "expected_results.json"
EXPECTED_SAMPLES = 1000
# Required metadata of a released checkpoint, besides those that `save_to_preset` computes.
REQUIRED = ("name", "description", "dataset", "license", "recipe", "training", "results")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    card_command = commands.add_parser("card", help="write a card from its metadata, then the registry")
    card_command.add_argument("name", metavar="NAME")
    update_command = commands.add_parser("update", help="evaluate checkpoints again, then write their cards")
    update_command.add_argument("names", metavar="NAME", nargs="+")
    commands.add_parser("registry", help="write registry.json from the checkpoints")
    check_command = commands.add_parser(
        "check", help="exit 1 if checkpoints, cards and registry are out of step"
    )
    check_command.add_argument("--evaluate", action="store_true", help="evaluate all checkpoints again")
    expected_command = commands.add_parser("expected", help="write the results that the tests expect")
    expected_command.add_argument("names", metavar="NAME", nargs="+")
    for command in (update_command, check_command, expected_command):
        command.add_argument("--data-dir", help="folder with the original files of the datasets")
    layouts = {"static": lay_out_folders, "assets": lay_out_assets, "hub": lay_out_repositories}
    for name in layouts:
        layout_command = commands.add_parser(name, help="prepare the files for download; see above")
        layout_command.add_argument("--output", required=True, type=Path, help="output folder")
    layout_command.add_argument("--owner", required=True, help="user or organization of the repositories")
    options = parser.parse_args(arguments)

    if options.command in layouts:
        problems = check() or lay_out(layouts[options.command], options)
    elif options.command == "card":
        problems = write_card(checkpoints_folder() / options.name) or write_registry()
    elif options.command == "update":
        problems = [
            problem
            for name in options.names
            for problem in update(checkpoints_folder() / name, options.data_dir) or write_registry()
        ]
    elif options.command == "registry":
        problems = write_registry()
    elif options.command == "expected":
        problems = write_expected(options.names, options.data_dir)
    else:
        problems = check()
        if options.evaluate and not problems:
            problems = [problem for folder in checkpoints() for problem in evaluate(folder, options.data_dir)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def write_card(folder):
    """Updates the hashes of the pictures and the card. Config and weights must be unchanged."""
    if not (folder / METADATA).is_file():
        return [f"{folder.name}: {folder / METADATA} is missing."]
    metadata = folders.read_json(folder / METADATA)
    for name in PICTURES:
        metadata["files"].pop(name, None)
    if mismatch := folders.mismatch(folder, metadata["files"]):
        return [f"{folder.name}: {mismatch} Save the preset again."]
    metadata["files"] = folders.fingerprints(folder)
    folders.write_json(folder / METADATA, metadata)
    disk.write_text(folder / CARD, card.render(metadata))
    return []


def update(folder, data_dir=None):
    """Evaluates a checkpoint as its recipe says. Only its results and its card change."""
    if problems := check_checkpoint(folder):
        return problems
    metadata = folders.read_json(folder / METADATA)
    recipe = ROOT / metadata["recipe"]
    if recipe.is_file():
        metadata["evaluation"] = tomllib.loads(recipe.read_text(encoding="utf-8")).get("evaluation")
    if not metadata.get("evaluation"):
        return [f"{folder.name}: neither {metadata['recipe']} nor {METADATA} has an `evaluation`."]
    results = metrics.evaluate(models.load(folder), **metadata["evaluation"], data_dir=data_dir)
    metadata["results"] = folders.json_safe(results)
    with disk.unfinished_folder(folder, hint="Make the checkpoints' folder writable.") as fresh:
        shutil.copytree(folder, fresh, dirs_exist_ok=True)
        folders.write_json(fresh / METADATA, metadata)
        disk.write_text(fresh / CARD, card.render(metadata))
        disk.replace_folder(folder, fresh)
    return []


def write_registry():
    problems = [problem for folder in checkpoints() for problem in check_checkpoint(folder)]
    if not problems:
        folders.write_json(registry.PATH, {folder.name: entry(folder) for folder in checkpoints()})
    return problems


def check():
    problems = [problem for folder in checkpoints() for problem in check_checkpoint(folder)]
    if problems:
        return problems
    registered = folders.read_json(registry.PATH)
    present = {folder.name: entry(folder) for folder in checkpoints()}
    return [
        f"{name}: the registry and the checkpoint are out of step. Run `python tools/publish.py registry`."
        for name in sorted({*registered, *present})
        if registered.get(name) != present.get(name)
    ]


def evaluate(folder, data_dir=None):
    """Evaluates a checkpoint as its card says. Returns a list of the results that differ."""
    metadata = folders.read_json(folder / METADATA)
    if not metadata.get("evaluation"):
        return []
    print(f"Measuring {folder.name}.", file=sys.stderr)
    measured = metrics.evaluate(models.load(folder), **metadata["evaluation"], data_dir=data_dir)
    return [f"{folder.name}: {difference}" for difference in differences(measured, metadata["results"])]


def differences(measured, told):
    """Lists how measured results differ from those on the card, beyond rounding."""
    about = [[(result["metric"], result["protocol"]) for result in results] for results in (measured, told)]
    if about[0] != about[1]:
        return [f"measured {about[0]}, where {about[1]} are told. Run `python tools/publish.py update`."]
    return [
        f"{result['metric']} is {result['value']}, where {expected['value']} is told."
        for result, expected in zip(measured, told, strict=True)
        # Another processor or backend rounds differently.
        if not math.isclose(result["value"], float(expected["value"]), rel_tol=2e-3)
    ]


def write_expected(names, data_dir=None):
    """Evaluates checkpoints with few samples and writes the results for the tests."""
    expected = folders.read_json(EXPECTED) if EXPECTED.exists() else {}
    for name in names:
        expected[name] = folders.json_safe(measure_by_few_samples(name, data_dir))
    folders.write_json(EXPECTED, dict(sorted(expected.items())))
    return []


def measure_by_few_samples(name, data_dir=None):
    """Returns a dict of results by metric."""
    evaluation = presets.metadata(name)["evaluation"]
    evaluation["num_samples"] = min(evaluation.get("num_samples", EXPECTED_SAMPLES), EXPECTED_SAMPLES)
    results = metrics.evaluate(models.load(name), **evaluation, data_dir=data_dir)
    return {result["metric"]: result["value"] for result in results}


def lay_out(layout, options):
    """Fills a new folder with the files of all checkpoints."""
    if options.output.exists() and any(options.output.iterdir()):
        return [f"--output {str(options.output)!r} is not empty. Choose another folder."]
    options.output.mkdir(parents=True, exist_ok=True)
    for checkpoint in checkpoints():
        layout(checkpoint, options)
    return []


def lay_out_folders(checkpoint, options):
    folder = options.output / checkpoint.name
    folder.mkdir()
    for name in folders.fingerprints(checkpoint, folders.FILES):
        shutil.copyfile(checkpoint / name, folder / name)


def lay_out_assets(checkpoint, options):
    for name in folders.fingerprints(checkpoint, folders.FILES):
        shutil.copyfile(checkpoint / name, options.output / f"{checkpoint.name}.{name}")


def lay_out_repositories(checkpoint, options):
    lay_out_folders(checkpoint, options)
    abilities = getattr(models, presets.metadata(checkpoint)["class"]).abilities
    hub.write_card(
        options.output / checkpoint.name, f"{hub.PREFIX}{options.owner}/{checkpoint.name}", abilities
    )


def checkpoints():
    return sorted(path for path in checkpoints_folder().glob("*") if path.is_dir())


def check_checkpoint(folder):
    """Lists the problems of a checkpoint, independently of the registry."""
    # The name is used as a folder of the cache and in addresses.
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", folder.name):
        return [f"{folder.name}: a name must be lower-case letters, digits and underscores."]
    if not (folder / METADATA).is_file():
        return [f"{folder.name}: {METADATA} is missing."]
    metadata = folders.read_json(folder / METADATA)
    problems = [f"{folder.name}: {METADATA} lacks {key!r}." for key in REQUIRED if not metadata.get(key)]
    if problems:
        return problems
    if metadata["name"] != folder.name:
        problems.append(f"{folder.name}: {METADATA} gives the name {metadata['name']!r}.")
    if mismatch := folders.mismatch(folder, {name: metadata["files"][name] for name in (CONFIG, WEIGHTS)}):
        problems.append(f"{folder.name}: {mismatch} Save the preset again.")
    remedy = f"Run `python tools/publish.py card {folder.name}`."
    for name in PICTURES:
        if metadata["files"].get(name) != folders.fingerprints(folder).get(name):
            problems.append(f"{folder.name}: {name} is not the picture that {METADATA} lists. {remedy}")
    if not (folder / CARD).is_file() or (folder / CARD).read_text(encoding="utf-8") != card.render(metadata):
        problems.append(f"{folder.name}: {CARD} does not show {METADATA}. {remedy}")
    return problems


def entry(folder):
    metadata = folders.read_json(folder / METADATA)
    return {
        "class": metadata["class"],
        "description": metadata["description"],
        "parameters": metadata["parameters"],
        "dataset": metadata["dataset"]["name"],
        "files": folders.fingerprints(folder, (CONFIG, METADATA, WEIGHTS, CARD, *PICTURES)),
    }


if __name__ == "__main__":
    sys.exit(main())
