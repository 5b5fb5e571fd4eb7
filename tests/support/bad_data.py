"""Data and arguments that models must refuse, and what they must say of each."""

import numpy as np

from keras_genzoo import conditions, modalities
from tests.support.toys import as_float, toy_data


def bad_data(model):
    """Pairs of a tuple for `fit` and the message that it must be refused with."""
    good = as_float(toy_data(model))
    cases = [((None, *good[1:]), "`x` is missing")]
    for index, (argument, expected) in enumerate(model.expected_data().items()):
        for bad, message in _BAD[type(expected)](good[index], expected):
            data = (*good[:index], bad, *good[index + 1 :])
            # Later arguments are as many, where it is not the number that is bad.
            if index == 0 and bad.shape[0] == 0:
                data = (bad, *(x[:0] for x in good[1:]))
            cases.append((data, message.replace("ARGUMENT", f"`{argument}`")))
    if len(good) == 2:
        entries = f"`y` must have one entry for each of the {len(good[0])} entries of `x`. Received: shape"
        cases += [((good[0],), "`y` is missing"), ((good[0], good[1][:-1]), entries)]
    return cases


def bad_calls(model):
    """Triples of a method, keyword arguments for it, and the message that they must be refused with."""
    return [
        (getattr(model, ability), arguments, message)
        for ability in model.abilities & _BAD_CALLS.keys()
        for arguments, message in _BAD_CALLS[ability](model)
    ]


def _bad_images(images, expected):
    height, width, channels = expected.shape
    shape = f"ARGUMENT must have the shape \\(batch, {height}, {width}, {channels}\\)"
    larger = np.concatenate([np.concatenate([images] * 2, axis=1)] * 2, axis=2)
    return [
        (larger, f"{shape}.*Received: \\({len(images)}, {2 * height}, {2 * width}"),
        (np.concatenate([images] * 3, axis=-1), shape),
        (images[..., 0], f"{shape}.*Add a channel axis"),
        (_with(images, 3.0), r"ARGUMENT must be in \[-1, 1\]. Received float values from .* to 3"),
        (127.5 * (images + 1), r"ARGUMENT must be in \[-1, 1\].*`images / 127.5 - 1`"),
        (_with(images, np.nan), "ARGUMENT contains NaN or infinite values"),
        (_with(images, np.inf), "ARGUMENT contains NaN or infinite values"),
        (images.astype("int64"), r"ARGUMENT must be uint8 images .* Received dtype int64.*astype\('uint8'\)"),
        (images[:0], "ARGUMENT is empty: there is nothing to train on|must have one entry for each"),
        *(
            []
            if expected.may_be_bright
            else [(np.abs(images), r"none negative: it looks like images in \[0, 1\].*`images \* 2 - 1`")]
        ),
    ]


def _bad_label_maps(label_maps, expected):
    height, width, channels = expected.shape
    last = expected.num_labels - 1
    shape = f"ARGUMENT must contain label maps of shape \\(batch, {height}, {width}, {channels}\\)"
    return [
        (label_maps[..., 0], f"{shape}.*Add a channel axis"),
        (np.concatenate([label_maps] * 2, axis=1), shape),
        (_with(label_maps, last + 1), f"ARGUMENT must contain labels from 0 to {last}.*from 0 to {last + 1}"),
        (_with(label_maps, -1), f"ARGUMENT must contain labels from 0 to {last}.*from -1 to"),
        (label_maps.astype("float32"), f"ARGUMENT must contain int labels from 0 to {last}.*dtype float32"),
    ]


def _bad_points(points, expected):
    (num_features,) = expected.shape
    shape = f"ARGUMENT must contain points of shape \\(batch, {num_features}\\). Received: "
    finite = "ARGUMENT must contain finite float values"
    return [
        (np.concatenate([points] * 2, axis=1), shape),
        (points[:, 0], shape),
        (points[..., None], shape),
        (_with(points, np.nan), f"{finite}.*remove NaN"),
        (_with(points, np.inf), finite),
        (points.astype("int64"), f"{finite}. Received: dtype int64.*astype"),
        (points.astype("uint8"), f"{finite}. Received: dtype uint8"),
        (points[:0], "ARGUMENT is empty"),
    ]


def _bad_labels(labels, expected):
    smallest, largest = expected.bounds
    num = len(labels)
    one_label = "ARGUMENT must have one int label per image"
    return [
        (
            np.full(num, largest + 1),
            f"ARGUMENT must be from {smallest} to {largest}.* Received labels from {largest + 1}",
        ),
        (
            np.full(num, smallest - 1),
            f"ARGUMENT must be from {smallest} to {largest}.* Received labels from {smallest - 1}",
        ),
        (np.zeros((num, largest + 1), "int32"), f"{one_label}, shape \\(batch,\\)"),
        (labels.astype("float32"), f"{one_label}.*dtype float32"),
    ]


# Modality or condition -> what is none of it.
_BAD = {
    modalities.Images: _bad_images,
    modalities.MaskedImages: _bad_images,
    modalities.LabelMaps: _bad_label_maps,
    modalities.Points: _bad_points,
    conditions.Labels: _bad_labels,
    conditions.PartialLabels: _bad_labels,
}


def _with(array, value):
    array = array.copy()
    array[(0,) * array.ndim] = value
    return array


def _bad_arguments_of_sample(model):
    dim = model.latent.dim
    labels = {"labels": 0} if model.condition else {}
    cases = [
        ({}, "`num` is missing: pass the number of images"),
        ({"num": 0, **labels}, "`num` must be at least 1. Received: num=0"),
        ({"latents": np.zeros((2, dim + 1))}, rf"`latents` must have the shape \(num, {dim}\)\. Received"),
        ({"num": 3, "latents": np.zeros((2, dim))}, "`latents` has 2 rows, but `num` is 3"),
        ({"latents": np.full((2, dim), np.nan)}, "`latents` must contain finite.*in 2 of 2 rows"),
        *(
            (
                {"num": 3, "seed": seed, **labels},
                rf"`seed` must be an integer from 0 to 2\*\*32 - 1.*seed={seed}",
            )
            for seed in (-1, 2**32)
        ),
    ]
    if not model.condition:
        return [*cases, ({"num": 3, "labels": 1}, "`labels` was given")]
    last = model.condition.num_classes - 1
    return [
        *cases,
        ({"num": 3}, "`labels` is missing: this model has .* classes"),
        (
            {"num": 3, "labels": last + 1},
            f"`labels` must be from 0 to {last}. Received labels from {last + 1}",
        ),
        ({"num": 2, "labels": [0, -1]}, f"`labels` must be from 0 to {last}. Received labels from -1"),
        ({"num": 3, "labels": [0, 1]}, "`labels` must contain 3 labels, one per image. Received: 2"),
        ({"num": 3, "labels": 1.5}, "`labels` must have one int label.*dtype float64"),
    ]


def _bad_arguments_of_images(model, **other_arguments):
    (height, width, channels) = model.modality.shape
    shape = rf"`images` must have the shape \(num, {height}, {width}, {channels}\)\. Received: "
    good = as_float(toy_data(model))[0]
    cases = [
        (np.concatenate([good] * 3, axis=-1), shape),
        (good[0], shape),
        (good[:0], shape),
        (good * 100, r"`images` must be in \[-1, 1\]"),
        (np.abs(good), r"looks like images in \[0, 1\]"),
        (np.full_like(good, np.nan), "`images` contains NaN"),
        (np.zeros(good.shape, "int32"), "`images` must be uint8 images .* or float"),
    ]
    return [({"images": images, **other_arguments}, message) for images, message in cases]


def _bad_arguments_of_translate(model):
    good = as_float(toy_data(model))[0]
    images = [
        (np.concatenate([good] * 3, axis=-1), r"\(num, height, width, "),
        (good[:0], "Received: "),
    ]
    if model.task().source.interpolates:
        images += [
            (good * 100, r"`images` must be in \[-1, 1"),
            (np.full_like(good, np.nan), "NaN"),
            (good.astype("int64"), "astype"),
        ]
    else:
        images += [
            (good + 256, "`images` must contain labels from 0 to .* from 256"),
            (good.astype("float32"), "astype"),
        ]
    options = [
        ({"fit": "crop"}, "`fit` must be None, 'pad' or 'resize'"),
        ({"direction": "?"}, r"`direction` must be one of \["),
        *(({"seed": seed}, r"`seed` must be an integer from 0 to 2\*\*32 - 1") for seed in (-1, 2**32, 1.5)),
    ]
    return [
        *(({"images": bad}, message) for bad, message in images),
        *(({"images": good, **bad}, message) for bad, message in options),
    ]


# Ability -> function of a model to pairs of bad arguments and the message that they must be refused with.
_BAD_CALLS = {
    "sample": _bad_arguments_of_sample,
    "encode": _bad_arguments_of_images,
    "reconstruct": _bad_arguments_of_images,
    "translate": _bad_arguments_of_translate,
    "predict_features": _bad_arguments_of_images,
}
