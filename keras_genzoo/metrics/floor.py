"""The distances between real images, for comparison with the distances of a generator."""

from keras_genzoo.metrics.frechet import frechet_distance
from keras_genzoo.metrics.kernel import kernel_constants, kernel_distance
from keras_genzoo.metrics.measures import an_extractor, measure


def _another_split(subject):
    if len(subject.info.splits) < 2:
        return f"a dataset with two splits. {subject.dataset!r} has {list(subject.info.splits)}"


@measure("real_to_real", ability="sample", needs=(an_extractor, _another_split))
def _real_to_real(subject):
    """`real_frechet_distance` and `real_kernel_distance`: the distances between the real images of the split and the
    same number of real images of another split, a lower bound for a generator with this number of images. Requires
    `extractor`."""
    other = next(split for split in subject.info.splits if split != subject.split)
    images = subject.images
    # Every n-th image, so that all classes are included.
    others = subject.images_of(other)
    others = others[:: max(1, len(others) // len(images))][: len(images)]
    real, fake = subject.real_features, subject.read(others)[0]
    constants = kernel_constants(real, fake)
    about = {"other_split": other, "num_other": len(others), **subject.extractor_protocol}
    distance, _ = kernel_distance(real, fake, **constants, seed=subject.seed)
    return [
        subject.about_images("real_frechet_distance", frechet_distance(real, fake), **about),
        subject.about_images("real_kernel_distance", distance, **about, **constants),
    ]
