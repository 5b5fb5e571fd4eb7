"""A static page that runs models in the browser: `genzoo explore`."""

import shutil
from pathlib import Path

from keras_genzoo import arguments, disk, presets
from keras_genzoo.explore import runtime
from keras_genzoo.presets import folders
from keras_genzoo.serving import DESCRIPTION

__all__ = ["build", "write_page"]

SITE = Path(__file__).parent / "site"


def build(names, output, cdn=False, verbose=False):
    """Writes a page that runs models in the browser.

    The folder contains static files for any file server, such as `python -m http.server`: the page, ONNX Runtime
    Web, and in `models/` a bundle of each model (`keras_genzoo.export.export_bundle`).

    The runtime is the npm package `onnxruntime-web`. It is downloaded with npm once and cached in Keras' home folder,
    or taken from the installed distribution `keras-genzoo-checkpoints`.

    Args:
        names: List of names or folders of presets, of models that sample or translate images.
        output: String or path of the folder to create. It may exist if it is empty. It is written atomically.
        cdn: Bool, whether the page loads the runtime from a public CDN instead, which requires a network connection.
        verbose: Bool, whether to print progress.

    Raises:
        ValueError: If there are no names, names are repeated, or a model is not supported: one that neither samples
            nor translates images, or that needs masks or instance edges as inputs.
        OSError: If `output` is not an empty folder, or cannot be written.
        RuntimeError: If the runtime cannot be found or downloaded.

    Example:

    ```python
    keras_genzoo.explore.build(["dcgan_fashion_mnist", "vae_mnist"], "site", cdn=True)
    ```
    """
    arguments.flag("cdn", cdn)
    names = [names] if isinstance(names, str) else [*names]
    named = {Path(name).resolve().name: name for name in names}
    if not names or len(named) < len(names):
        raise ValueError(f"`names` must be names of presets, without repetitions. Received: names={names}")
    target = disk.free_folder("output", arguments.path("output", output))
    # Checked before any work.
    source = None if cdn else runtime.find()
    with disk.unfinished_folder(target, hint="Choose another `output`.") as folder:
        for key, name in named.items():
            _add_model(name, folder / "models" / key, verbose)
        _write_page(folder, source, [*named])
        disk.replace_folder(target, folder)
    if verbose:
        print(f"Wrote {target}. To view it, run:\n  python -m http.server --directory {target}")


def write_page(folder, bundles):
    """Writes the page for existing bundles, without Keras. `genzoo serve` shows it at `/`.

    Args:
        folder: Path of an existing folder.
        bundles: Dict of name -> path of a folder written by `keras_genzoo.export.export_bundle`. Models that the page
            does not support are left out.

    Raises:
        RuntimeError: If the runtime cannot be found or downloaded.
        OSError: If the folder cannot be written.
    """
    source = runtime.find()
    shown = []
    for name, bundle in bundles.items():
        described = folders.read_json(bundle / DESCRIPTION)
        makes_images = {"sample", "translate"} & {*described["abilities"]} and len(
            described["image_shape"]
        ) == 3
        if makes_images and not _not_drawable(described):
            shutil.copytree(bundle, folder / "models" / name)
            shown.append(name)
    (folder / "models").mkdir(exist_ok=True)
    _write_page(folder, source, shown)


def _write_page(folder, source, names):
    """Adds the page, its runtime and the index to the models in a folder."""
    shutil.copytree(SITE, folder, dirs_exist_ok=True)
    if source is None:
        _link_runtime(folder)
    else:
        shutil.copytree(source, folder / "runtime")
    models = [folders.read_json(folder / "models" / name / DESCRIPTION) for name in names]
    index = [
        {"name": name, **{key: model[key] for key in _TOLD}}
        for name, model in zip(names, models, strict=True)
    ]
    folders.write_json(folder / "models" / "index.json", index)


# The keys of a model's description in the index.
_TOLD = ("class", "description", "abilities")


def _link_runtime(folder):
    disk.write_text(folder / "runtime.js", f'export * from "{runtime.CDN}ort.wasm.min.mjs";\n')
    page = folder / "index.html"
    host = "/".join(runtime.CDN.split("/")[:3])
    text = page.read_text(encoding="utf-8")
    # The content security policy of the page must allow the host of the runtime.
    text = text.replace("script-src 'self'", f"script-src 'self' {host} blob:")
    disk.write_text(page, text.replace("connect-src 'self'", f"connect-src 'self' {host}"))


def _add_model(name, folder, verbose):
    """Writes the bundle of a model."""
    from keras_genzoo import models
    from keras_genzoo.export import bundle

    if verbose:
        print(f"Adding {name} ...")
    model = models.load(name)
    _check(model, name)
    told = bundle.told_of(presets.metadata(name), folder.name)
    bundle.export_bundle(model, folder, metadata={**told, "name": folder.name})


def _check(model, name):
    if model.abilities.isdisjoint({"sample", "translate"}) or len(model.image_shape) != 3:
        raise ValueError(
            f"{name!r} is a {type(model).__name__}, which does not generate images to show. Leave it out."
        )
    model.check_drawable()
    if reason := _not_drawable(model.serving_description()):
        raise ValueError(f"{name!r} {reason}, which the page does not support. Leave it out.")


def _not_drawable(description):
    """Returns the input of a model that the page does not support, or None."""
    tasks = description.get("tasks", {}).values()
    reasons = (reason for key, reason in _NOT_DRAWABLE.items() if any(key in task for task in tasks))
    return next(reasons, None)


# Key of the description of a task -> its meaning in messages.
_NOT_DRAWABLE = {
    "has_holes": "fills holes",
    "has_edges": "takes label maps with the edges between objects",
}
