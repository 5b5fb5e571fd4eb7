"""A page to play with models in a browser, without a server: `genzoo explore`."""

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

    The folder is static: any file server shows it, and `python -m http.server`, without a network. It has the page,
    ONNX Runtime for browsers, and in `models/` what `keras_genzoo.export.export_bundle` writes of each model.

    The runtime, the package `onnxruntime-web` of npm, is fetched by npm once and kept in Keras' home folder, or taken
    from the installed distribution `keras-genzoo-checkpoints`.

    Args:
        names: List of names or folders of presets. Models that sample images or translate them.
        output: String or path. The folder to create; it may exist if it is empty. It appears complete or not at all.
        cdn: Bool, whether the page loads the runtime from a public server instead, and so needs a network.
        verbose: Bool, whether to print what is done.

    Raises:
        ValueError: If there are no names, two are the same, or a model neither samples images nor translates, or
            takes what cannot be drawn: holes, or edges between objects.
        OSError: If `output` is not an empty folder, or cannot be written.
        RuntimeError: If the runtime is not to be had.

    Example:

    ```python
    keras_genzoo.explore.build(["dcgan_fashion_mnist", "vae_mnist"], "site")
    ```
    """
    arguments.flag("cdn", cdn)
    names = [names] if isinstance(names, str) else [*names]
    named = {Path(name).resolve().name: name for name in names}
    if not names or len(named) < len(names):
        raise ValueError(f"`names` must be names of presets, each once. Received: names={names}")
    target = disk.free_folder("output", arguments.path("output", output))
    # Before any work.
    source = None if cdn else runtime.find()
    with disk.unfinished_folder(target, hint="Choose another `output`.") as folder:
        for key, name in named.items():
            _add_model(name, folder / "models" / key, verbose)
        _write_page(folder, source, [*named])
        disk.replace_folder(target, folder)
    if verbose:
        print(f"Wrote {target}. Look at it:\n  python -m http.server --directory {target}")


def write_page(folder, bundles):
    """Writes the page of bundles that exist, without Keras: what `genzoo serve` shows at `/`.

    Args:
        folder: Path of an existing folder.
        bundles: Dict of name -> path of a folder that `keras_genzoo.export.export_bundle` wrote. Models that make no
            images, or of what cannot be drawn, are left out.

    Raises:
        RuntimeError: If the runtime is not to be had.
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


# Of each model, in the index.
_TOLD = ("class", "description", "abilities")


def _link_runtime(folder):
    disk.write_text(folder / "runtime.js", f'export * from "{runtime.CDN}ort.wasm.min.mjs";\n')
    page = folder / "index.html"
    host = "/".join(runtime.CDN.split("/")[:3])
    text = page.read_text(encoding="utf-8")
    # The page may load from its own host alone unless its policy says otherwise.
    text = text.replace("script-src 'self'", f"script-src 'self' {host} blob:")
    disk.write_text(page, text.replace("connect-src 'self'", f"connect-src 'self' {host}"))


def _add_model(name, folder, verbose):
    """Writes a model's bundle."""
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
            f"{name!r} is a {type(model).__name__} that makes no images: the page has nothing to show. Leave it out."
        )
    model.check_drawable()
    if reason := _not_drawable(model.serving_description()):
        raise ValueError(f"{name!r} {reason}, which cannot be drawn on the page. Leave it out.")


def _not_drawable(description):
    """What a model takes that the page has no tool for; None where it can be drawn."""
    tasks = description.get("tasks", {}).values()
    reasons = (reason for key, reason in _NOT_DRAWABLE.items() if any(key in task for task in tasks))
    return next(reasons, None)


# Key of the description of a task -> what it says of the model.
_NOT_DRAWABLE = {
    "has_holes": "fills holes",
    "has_edges": "takes label maps with the edges between objects",
}
