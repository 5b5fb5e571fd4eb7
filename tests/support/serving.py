"""What an exported model's signatures must give."""

import numpy as np

from keras_genzoo import pixels
from tests.support.answers import labels_for
from tests.support.toys import sources_for, to_numpy, toy_images


def inputs_of(model, signature, specs):
    """Arrays and scalars for the inputs of a signature, as its specifications have them."""
    takes_labels = signature.startswith("translate") and not model.task().source.interpolates
    return {name: _drawn(model, name, spec, takes_labels) for name, spec in specs.items()}


def _drawn(model, name, spec, takes_labels):
    if name == "images" and takes_labels:
        return sources_for(model, None, 3, seed=4).astype(spec.dtype)
    if name == "images":
        height, width = (side or 32 for side in spec.shape[1:3])
        images = toy_images(3, (height, width, spec.shape[-1]), seed=4)
        return pixels.to_uint8(images) if spec.dtype == "uint8" else images
    if name in ("latents", "styles"):
        return np.random.default_rng(4).normal(size=(3, *spec.shape[1:])).astype("float32")
    if name in ("labels", "domains"):
        return labels_for(model, 3)
    # `num`, `seed` and `label` of samples: the largest seed needs all of its 32 bits.
    return np.array({"num": 3, "seed": 2**32 - 1, "label": 1}[name], spec.dtype)


def assert_serves(model, signatures):
    """Compares the results of functions with those of the model's own methods.

    Args:
        model: `ZooModel`.
        signatures: Dict of name -> function of keyword arguments that returns a dict of tensors.
    """
    for name, (_, specs) in model.signatures().items():
        given = inputs_of(model, name, specs)
        expected = _expected(model, name, given)
        results = {key: to_numpy(value) for key, value in signatures[name](**given).items()}
        assert results.keys() == expected.keys(), name
        for key, value in expected.items():
            if results[key].dtype == np.uint8:
                # On either side of a half, rounding is another level.
                value, tolerance = pixels.to_uint8(value).astype(int), 1
            else:
                assert results[key].dtype == np.float32
                tolerance = 1e-4
            np.testing.assert_allclose(results[key], value, rtol=0, atol=tolerance, err_msg=f"{name} {key}")


def _expected(model, name, given):
    if name.startswith("translate"):
        task = (
            name.removesuffix("_float32").removesuffix("_styled").removeprefix("translate").removeprefix("_")
        )
        images, styles, domains = (given.get(each) for each in ("images", "styles", "domains"))
        if "latents" in given:
            styles = model.styles_from_latents(given["latents"], domains)
        if not model.task(task or None).source.interpolates:
            images = images.astype("uint8")
        return {"images": model.translate(images, task or None, styles=styles, domain=domains)}
    return _METHODS[name.removesuffix("_float32")](model, **given)


_METHODS = {
    "generate": lambda model, **given: {"images": model.sample(**given)},
    "generate_heights": lambda model, latents: {"heights": model.sample_terrain(latents=latents)[0]},
    "decode": lambda model, latents: {"images": model.decode(latents)},
    "sample": lambda model, num, seed, label=None: {
        "images": model.sample(int(num), seed=int(seed), labels=None if label is None else int(label))
    },
    "encode": lambda model, images: {"latents": model.encode(images)},
    "encode_styles": lambda model, images, **domains: {"styles": model.styles_of(images, *domains.values())},
    "reconstruct": lambda model, images: {"images": model.reconstruct(images)},
    "classify": lambda model, images: dict(
        zip(("features", "logits"), model.predict_features(images), strict=True)
    ),
}
