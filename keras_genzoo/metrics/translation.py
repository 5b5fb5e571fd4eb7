"""How near translations are to the targets of pairs."""

import numpy as np

from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.similarity import psnr, ssim


def pairs_of_images(subject):
    """None for a model and a data set of such pairs as it translates, else what is wanted."""
    info = subject.info
    if info.source_modality is None:
        return f"a data set of pairs of images. Received: dataset={subject.dataset!r}"
    if subject.split not in info.paired_splits:
        return (
            f"a split whose images belong together. Of {subject.dataset!r}: {list(info.paired_splits)}. Received: "
            f"split={subject.split!r}"
        )
    sides = (subject.model, info)
    if any(side.source_modality.shape[:2] != side.modality.shape[:2] for side in sides):
        return (
            "images whose sources are as large as they are; for others there is 'upscaling'. Received: "
            f"dataset={subject.dataset!r}"
        )
    if len({side.source_modality.interpolates for side in sides}) > 1:
        return (
            f"pairs whose sources are {subject.model.source_modality.described}. Those of {subject.dataset!r} are "
            f"{info.source_modality.described}"
        )
    # Their size is the model's: the data are read at it.
    wanted, given = ((side.source_modality.shape[-1], side.modality.shape[-1]) for side in sides)
    if given != wanted:
        return (
            f"pairs of images with the model's {wanted[0]} and {wanted[1]} channels. Those of "
            f"{subject.dataset!r} have {given[0]} and {given[1]}"
        )


@measure("translation", ability="translate", needs=(pairs_of_images,))
def _translation(subject):
    """Of a model with `translate`, on pairs of images at the model's size: `translation_l1` (the mean absolute
    difference between translation and target on the scale from 0 to 1), `translation_ssim` and `translation_psnr`
    in decibels, the means over the pairs. Of a model with styles these are translations in the mean style, and
    `styled_translation_l1` and so on those in the style of the target. Beside them the likeness to the target of
    what needs no training, `identity_l1` and `identity_ssim` (the source itself, a grey one repeated as color; not
    of label maps), and of one picture for all, `mean_image_l1` and `mean_image_ssim` (the mean of the training
    split's targets). Of a model of several directions each has all of these, with its name at the end
    (`translation_l1_a_to_b`)."""
    return [result for direction in subject.model.tasks for result in _of_direction(subject, direction)]


def _of_direction(subject, direction):
    model = subject.model
    sources, targets = model.in_direction(direction, *subject.pairs)
    _, mean = model.in_direction(direction, *subject.mean_pair)
    task = model.task(direction)
    # A seed would draw styles.
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
    # Half of the difference on the scale from -1 to 1.
    return {"l1": np.abs(images - targets).mean(dtype="float64") / 2, "ssim": np.mean(ssim(images, targets))}


def _in_channels(images, channels):
    """Images with another number of channels: grey ones repeated as color, color averaged to grey."""
    if images.shape[-1] == channels:
        return images
    return np.repeat(images.mean(axis=-1, keepdims=True), channels, axis=-1)
