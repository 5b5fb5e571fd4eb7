"""Recipes for training on the user's own pictures, with defaults of the model family."""

import inspect
import re
from pathlib import Path

from keras_genzoo import modalities, models
from keras_genzoo.datasets import sources
from keras_genzoo.recipes import Recipe, model_classes

# The origin of the values of the recipe, for messages.
_PLACE = "the command line"
# The maximum number of epochs, for small folders of pictures.
_MOST_EPOCHS = 500
# The number of epochs of a schedule, which sets the number of steps. There is a grid of samples per epoch.
_EPOCHS_OF_A_SCHEDULE = 20


def make_recipe(
    images,
    model=None,
    from_preset=None,
    *,
    image_size=None,
    channels=None,
    labels=False,
    flip=False,
    source_side=None,
    num_labels=None,
    on_error=None,
    batch_size=None,
    epochs=None,
    name=None,
):
    """Makes the recipe of `genzoo train --images`.

    Args:
        images: Sequence of one folder, of single images or of pairs side by side; or of two folders: of sources and
            targets for paired models, of the two domains for unpaired models.
        model: String, name of a class of `keras_genzoo.models`, built with its `recipe_defaults`.
        from_preset: String, name or folder of a preset to fine-tune, instead of `model`.
        image_size: Int, side of the images. Defaults to 64, or to that of `from_preset`.
        channels: 3 or 1. Defaults to 3, or to that of `from_preset`.
        labels: Bool, whether to train a conditional model with one class per subfolder.
        flip: Bool, whether to mirror images at random. For single images only.
        source_side: `"left"` or `"right"`, side of the source in pairs side by side. Defaults to `"left"`.
        num_labels: Int, number of labels of label maps, which are in the first folder.
        on_error: `"raise"` or `"skip"`, how to handle damaged files. Defaults to `"raise"`.
        batch_size: Int. Defaults to that of the model family.
        epochs: Int. Defaults to the number of epochs for the family's number of steps, at most 500.
        name: String, name of the trained model. Defaults to the names of the class and of the folders.

    Returns:
        `keras_genzoo.recipes.Recipe`.

    Raises:
        ValueError: If arguments do not fit together, or a folder does not exist or contains no pictures.
    """
    if (model is None) == (from_preset is None):
        raise ValueError("--images requires either --model CLASS, or --from PRESET to fine-tune a preset.")
    if from_preset is None:
        if model not in (known := model_classes()):
            raise ValueError(f"--model must be one of {sorted(known)}. Received: {model!r}")
        model_class = known[model]
        image_shape = (*[image_size or 64] * 2, channels or 3)
    else:
        start = models.load(from_preset)
        model_class, image_shape = type(start), start.modality.shape
        if start.modality != modalities.Images(image_shape):
            raise ValueError(
                f"--from {from_preset} generates {type(start.modality).__name__.lower()}, not images."
            )
        given = (image_size or image_shape[0], channels or image_shape[-1])
        if given != (image_shape[0], image_shape[-1]):
            raise ValueError(
                f"--from {from_preset} has images of {image_shape}. Leave --image-size and --channels out."
            )
        labels = labels or start.condition is not None
    if (labels or flip) and "images" not in model_class.trains_on:
        raise ValueError(
            f"--labels and --flip do not apply to translation models such as {model_class.__name__}. Leave them out."
        )
    defaults = model_class.recipe_defaults(image_shape)
    if "num_labels" in inspect.signature(model_class).parameters:
        if from_preset is not None:
            if num_labels not in (None, start.num_labels):
                raise ValueError(
                    f"--num-labels is {num_labels}, but --from {from_preset} has {start.num_labels} labels: leave "
                    "--num-labels out."
                )
            num_labels = start.num_labels
        if num_labels is None or len(images) != 2:
            needed = "" if num_labels else "--num-labels, and "
            raise ValueError(
                f"{model_class.__name__} needs {needed}--images with two folders: label maps and pictures."
            )
    elif num_labels is not None:
        raise ValueError(
            f"--num-labels applies to models of label maps only, not to {model_class.__name__}. Leave it out."
        )
    is_made = bool({"scale", "sources"} & set(defaults["data"]))
    data = {
        **_folders(images, model_class, source_side, is_made),
        "image_size": image_shape[0] if image_shape[0] == image_shape[1] else list(image_shape[:2]),
        "channels": image_shape[-1],
        **defaults["data"],
        **({"labels": "folder"} if labels else {}),
        **({"flip": True} if flip else {}),
        **({"num_labels": num_labels} if num_labels else {}),
        **({"on_error": on_error} if on_error else {}),
        **({"batch_size": batch_size} if batch_size else {}),
    }
    if from_preset is not None and "scale" in data:
        data["scale"] = start.task().scale
    source = sources.of(data)
    source.check(_PLACE)
    needs_classes = inspect.signature(model_class).parameters.get("num_classes")
    if needs_classes and needs_classes.default is inspect.Parameter.empty and source.condition is None:
        raise ValueError(
            f"{model_class.__name__} needs classes: put the pictures of each class in a subfolder of "
            f"{source.label}, and pass --labels."
        )
    num, size = source.num_files, data["batch_size"]
    if num < size:
        raise ValueError(
            f"--images {source.label} has {num or 'no'} pictures, fewer than the batch size {size}. Add pictures, or "
            "choose a smaller --batch-size."
        )
    if from_preset is not None:
        path = Path(from_preset)
        table = {"from": str(path.resolve()) if path.is_dir() else from_preset}
    else:
        table = {"class": model, "image_shape": list(image_shape), **defaults["model"]}
        if source.condition is not None:
            table["num_classes"] = source.condition.num_classes
        if "domain_names" in inspect.signature(model_class).parameters:
            table["domain_names"] = source.class_names
        if num_labels:
            table["num_labels"] = num_labels
    if (plan := model_class.planned_by) in table:
        table[plan] = {**table[plan], "batch_size": data.pop("batch_size")}
        epochs = epochs or _EPOCHS_OF_A_SCHEDULE
    title = " and ".join(Path(folder).resolve().name for folder in images)
    recipe = Recipe(
        name=name
        or re.sub("[^a-z0-9]+", "_", f"{Path(from_preset or model_class.__name__).name} {title}".lower()),
        description=_description(model_class, from_preset, image_shape, num, title),
        license=f"unknown: that of the pictures in {title}",
        model=table,
        data=data,
        epochs=epochs or min(_MOST_EPOCHS, -(-defaults["num_steps"] // (num // size))),
    )
    recipe.check(_PLACE)
    return recipe


def _folders(images, model_class, source_side, is_made):
    """Returns the folders as keys of the `[data]` table. If sources are made from pictures, there is one folder."""
    kind = "images" if is_made else model_class.trains_on[0]
    for folder in images:
        if not Path(folder).expanduser().is_dir():
            raise ValueError(f"--images must be existing folders of pictures. Received: {str(folder)!r}")
    paths = [str(Path(folder).expanduser().resolve()) for folder in images]
    wanted, keys = {
        "images": ("one folder of pictures", {1: ["folder"]}),
        "pairs": (
            "one folder of pairs side by side, or two folders, sources and targets, with matching file names",
            {1: ["folder"], 2: ["folder", "target_folder"]},
        ),
        "unpaired": ("two folders, one per domain", {2: ["folder_a", "folder_b"]}),
    }[kind]
    if len(paths) not in keys:
        raise ValueError(
            f"--images of {model_class.__name__} must be {wanted}. Received: {len(paths)} folders."
        )
    side_by_side = kind == "pairs" and len(paths) == 1
    if source_side and not side_by_side:
        raise ValueError("--source-side applies to pairs side by side, in one folder, only. Leave it out.")
    table = dict(zip(keys[len(paths)], paths, strict=True))
    return {**table, "source": source_side or "left"} if side_by_side else table


def _description(model_class, from_preset, image_shape, num, title):
    made = f"{model_class.__name__} of {image_shape[0]}x{image_shape[1]} images"
    further = f", trained further from {Path(from_preset).name}," if from_preset else " trained"
    return f"{made}{further} on {num} pictures of {title}."
