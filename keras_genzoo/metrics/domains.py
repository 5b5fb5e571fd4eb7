"""The distance between translations into a domain and the images of that domain."""

import numpy as np
from keras import ops

from keras_genzoo.images import pixels
from keras_genzoo.metrics.measures import measure
from keras_genzoo.metrics.sliced_wasserstein import SMALLEST_SIDE, sliced_wasserstein


def _images_of_the_domains(subject):
    wanted, given = subject.model.condition, subject.info.condition
    if wanted is None or wanted != given:
        domains = "several domains" if wanted is None else f"the model's {wanted.num_classes} domains"
        classes = given.num_classes if given else "no"
        return (
            f"a model and images of {domains}, with the domain as label. Received: {subject.dataset!r} with "
            f"{classes} classes"
        )
    if min(subject.model.modality.shape[:2]) < SMALLEST_SIDE:
        return (
            f"images with sides of at least {SMALLEST_SIDE}. Received: a model of {subject.model.image_shape}"
        )
    if not {*range(wanted.num_classes)} <= {*subject.all_labels.tolist()}:
        return f"images of every domain in the split {subject.split!r}"


@measure("domain_translation", ability="translate", needs=(_images_of_the_domains,))
def _domain_translation(subject):
    """For a model that translates between domains: `domain_sliced_wasserstein_{domain}`, the sliced Wasserstein
    distance (mean over the levels) between the images of a domain and the same number of translations into it, with
    random styles; and `domain_sliced_wasserstein`, the mean over the domains (lower is better). Also reported are
    `untranslated_sliced_wasserstein`, the distance of the untranslated images, and `style_spread`, the mean absolute
    difference between translations with two seeds, for values in [0, 1]."""
    model, rng = subject.model, np.random.default_rng(subject.seed)
    num_domains = model.condition.num_classes
    seeds = (subject.seed, (subject.seed + 1) % 2**32)
    distances, untranslated, spreads, num_real = [], [], [], 0
    for domain in range(num_domains):
        of_domain = subject.all_labels == domain
        num = min(of_domain.sum(), (~of_domain).sum(), max(1, subject.num_samples // num_domains))
        own, others = (
            _scaled(subject.all_images[rng.permutation(np.flatnonzero(each))[:num]])
            for each in (of_domain, ~of_domain)
        )
        made, again = (model.translate(others, domain=domain, seed=seed) for seed in seeds)
        num_real += len(own)
        distances.append(_distance(own, made, subject.seed))
        untranslated.append(_distance(own, others, subject.seed))
        spreads.append(np.abs(made - again).mean(dtype="float64") / 2)
    constants = {"seed": subject.seed, "averaged_generator": bool(model.averages)}
    values = {f"domain_sliced_wasserstein_{domain}": value for domain, value in enumerate(distances)}
    values |= {
        "domain_sliced_wasserstein": np.mean(distances),
        "untranslated_sliced_wasserstein": np.mean(untranslated),
        "style_spread": np.mean(spreads),
    }
    return [subject.about_images(metric, value, num_real, **constants) for metric, value in values.items()]


def _scaled(images):
    return ops.convert_to_numpy(pixels.normalize(images))


def _distance(real, fake, seed):
    return float(np.mean([*sliced_wasserstein(real, fake, seed=seed).values()]))
