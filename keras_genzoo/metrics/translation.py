"""The differences between translations and the targets of pairs."""

import numpy as np

from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.similarity import psnr, ssim


def pairs_of_images(subject):
    """Requires a dataset of pairs that fit the model."""
    info = subject.info
    if info.source_modality is None:
        return f"a dataset of image pairs. Received: dataset={subject.dataset!r}"
    if subject.split not in info.paired_splits:
        return (
            f"a split with paired images. {subject.dataset!r} has {list(info.paired_splits)}. Received: "
            f"split={subject.split!r}"
        )
    sides = (subject.model, info)
    if any(side.source_modality.shape[:2] != side.modality.shape[:2] for side in sides):
        return (
            "sources of the same size as the targets; for others use 'upscaling'. Received: "
            f"dataset={subject.dataset!r}"
        )
    if len({side.source_modality.interpolates for side in sides}) > 1:
        return (
            f"pairs whose sources are {subject.model.source_modality.described}. Those of {subject.dataset!r} are "
            f"{info.source_modality.described}"
        )
    # The data are read at the model's size.
    wanted, given = ((side.source_modality.shape[-1], side.modality.shape[-1]) for side in sides)
    if given != wanted:
        return (
            f"image pairs with the model's {wanted[0]} and {wanted[1]} channels. Those of "
            f"{subject.dataset!r} have {given[0]} and {given[1]}"
        )


@measure("translation", ability="translate", needs=(pairs_of_images,))
def _translation(subject):
    """For a model with `translate`, on image pairs at the model's size: `translation_l1`, the mean absolute
    difference between translation and target for values in [0, 1] (lower is better), `translation_ssim` and
    `translation_psnr` in decibels (higher is better), averaged over the pairs. If the model has styles, these are
    translations in the mean style, and `styled_translation_l1` and so on are translations in the style of the target.
    Two baselines are reported for comparison: `identity_l1` and `identity_ssim` of the source itself (gray sources
    repeated as color; not for label maps), and `mean_image_l1` and `mean_image_ssim` of the mean target of the
    training split. If the model has several directions, all results are reported for each, with its name at the end
    (`translation_l1_a_to_b`)."""
    return [result for direction in subject.model.tasks for result in _of_direction(subject, direction)]


def _of_direction(subject, direction):
    model = subject.model
    sources, targets = model.in_direction(direction, *subject.pairs)
    _, mean = model.in_direction(direction, *subject.mean_pair)
    task = model.task(direction)
    # A seed would draw random styles.
    seed = subject.seed if model.sampling_dropout and model.draws(direction) else None
    made = {"translation": model.translate(sources, direction, seed=seed)}
    if task.style_dim:
        made["styled_translation"] = model.translate(sources, direction, styles=model.styles_of(targets))
    constants = {
        "sampling_dropout": model.sampling_dropout,
        "averaged_generator": bool(model.averages),
    }
    if model.sampling_dropout:
        constants["seed"] = subject.seed
    results = [
        subject.about_pairs(f"{kind}_{name}", value, direction, **constants)
        for kind, translations in made.items()
        for name, value in {
            **_likeness(translations, targets),
            "psnr": np.mean(psnr(translations, targets)),
        }.items()
    ]
    baselines = {"mean_image": np.broadcast_to(mean, targets.shape)}
    if task.source.interpolates:
        baselines = {"identity": _in_channels(sources, targets.shape[-1]), **baselines}
    for baseline, images in baselines.items():
        results += [
            subject.about_pairs(f"{baseline}_{name}", value, direction)
            for name, value in _likeness(images, targets).items()
        ]
    return results


def _likeness(images, targets):
    # Half of the difference of values in [-1, 1].
    return {"l1": np.abs(images - targets).mean(dtype="float64") / 2, "ssim": np.mean(ssim(images, targets))}


def _in_channels(images, channels):
    """Converts the number of channels: repeats gray images as color, averages color images to gray."""
    if images.shape[-1] == channels:
        return images
    return np.repeat(images.mean(axis=-1, keepdims=True), channels, axis=-1)
