"""What a card reports: results with their protocol, never a bare number."""

import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np

from keras_genzoo import datasets, latent
from keras_genzoo.metrics.extractors import extractor as load_extractor
from keras_genzoo.metrics.frechet import Moments, frechet_distance
from keras_genzoo.metrics.inception import inception_score
from keras_genzoo.metrics.kernel import kernel_distance
from keras_genzoo.metrics.manifold import density_coverage, precision_recall
from keras_genzoo.metrics.modes import class_statistics, mode_statistics
from keras_genzoo.metrics.similarity import psnr, squared_error, ssim
from keras_genzoo.metrics.sliced_wasserstein import SMALLEST_SIDE, sliced_wasserstein
from keras_genzoo.models.classifier import Classifier
from keras_genzoo.presets import registry


def evaluate(
    model,
    dataset,
    extractor=None,
    measures=None,
    num_samples=10_000,
    seed=0,
    split="test",
    data_dir=None,
    importance_samples=5000,
    prior=None,
):
    """Measures a model against a data set.

    The measures, what they report and what they need:

    - `"test_accuracy"`: `test_accuracy` of a `Classifier`.
    - `"frechet_distance"`: with Inception `frechet_inception_distance` (FID), with the zoo's classifiers
      `classifier_frechet_distance`, which is not comparable with it, with others `frechet_distance`. Needs
      `extractor`, as do the next six.
    - `"kernel_distance"`: `kernel_inception_distance` (KID), `classifier_kernel_distance` or
      `kernel_distance`, and its `..._deviation` over the subsets.
    - `"inception_score"`: `inception_score`, with the zoo's classifiers `classifier_score`, and its
      `..._deviation` over the splits. The extractor must have logits.
    - `"precision_recall"`: `precision` and `recall`.
    - `"density_coverage"`: `density` and `coverage`.
    - `"label_agreement"`: of a conditional model, the share of samples that a classifier reads as the label
      asked for.
    - `"classes_seen"`: of a model without classes, the number of classes that a classifier sees in the
      samples, each in at least 1 % of them.
    - `"sliced_wasserstein"`: `sliced_wasserstein_{height}` at each level of the images' Laplacian pyramid, and
      `sliced_wasserstein`, their mean; times 1000. Of as many samples as there are real images.
    - `"modes"`: `modes_covered`, `reverse_kl`, and of points `high_quality_share`. The data set is one of
      points whose modes are known; or its classes are numbers, one digit a channel, which the classifier of
      single channels in `extractor` reads (`"stacked_mnist"` with `"classifier_mnist"`).
    - `"log_likelihood"`: the mean of log p(x) over real images, in nats; they are first binarised at random
      for a model with `binarize`. Needs a model with `log_likelihood`.
    - `"reconstruction"`: `reconstruction_error` (squared, summed over an image's values on the scale from 0
      to 1), `reconstruction_psnr` in decibels and `reconstruction_ssim`, the means over real images. Needs a
      model with `reconstruct`.

    - `"translation"`: of a model with `translate`, on pairs of images at the model's size: `translation_l1` (the
      mean absolute difference between translation and target on the scale from 0 to 1), `translation_ssim` and
      `translation_psnr` in decibels, the means over the pairs. Beside them the likeness to the target of what
      needs no training, `identity_l1` and `identity_ssim` (the source itself, a grey one repeated as colour), and of
      one picture for all, `mean_image_l1` and `mean_image_ssim` (the mean of the training split's targets).
      Of a model of several directions each has all of these, with its name at the end
      (`translation_l1_a_to_b`).

    Args:
        model: `GenerativeModel`, or a `Classifier`.
        dataset: Name of the data set, as for `keras_genzoo.datasets.load`.
        extractor: Name of the network that gives features of images, as for
            `keras_genzoo.metrics.extractor`, or an `Extractor`.
        measures: Sequence of names from the list. Defaults to `test_accuracy` of a classifier, to `translation`
            of a model that translates, to `modes` of data that have them, and else to `frechet_distance`,
            `precision_recall`, `density_coverage`, and `label_agreement` or `classes_seen`.
        num_samples: Int, number of generated images (a conditional model's labels cycle through the
            classes), and the largest number of real ones.
        seed: Int, seed of the samples, and of whatever else a measure draws.
        split: Split of the real images.
        data_dir: Folder with the original files of the data set, as for `keras_genzoo.datasets.load`.
        importance_samples: Int, latents an image for `log_likelihood`.
        prior: `"fitted"` or `"standard"`: what the model draws latents from. Defaults to each that the model can
            sample from. Names of results of another prior than the model's default end in it, such as
            `classifier_frechet_distance_standard_prior`.

    Returns:
        List of dicts with `metric`, `value` and `protocol`, in the order of `measures`; those of the model's default
        prior first.

    Raises:
        ValueError: If a measure is unknown, or the model, the data or the extractor cannot give it.

    Example:

    ```python
    gan = keras_genzoo.models.load("dcgan_fashion_mnist")
    keras_genzoo.metrics.evaluate(
        gan, "fashion_mnist", "classifier_fashion_mnist", ["kernel_distance", "precision_recall"]
    )
    ```
    """
    if isinstance(measures, str):
        raise ValueError(
            f"`measures` must be a sequence of names. Received: {measures!r}. Write [{measures!r}]."
        )
    if prior not in (None, *model.priors):
        raise ValueError(
            f"`prior` must be one of {list(model.priors)}, what this model can sample from. Received: prior={prior!r}"
        )
    subject = _Subject(model, dataset, extractor, num_samples, seed, split, data_dir, importance_samples)
    if prior not in (None, *model.priors[:1]):
        subject = subject.with_prior(prior)
    names = subject.default_measures if measures is None else measures
    for name in names:
        if name not in _MEASURES:
            raise ValueError(f"Unknown measure {name!r} in `measures`. {_hint(name)}")
    # All of what is needed is checked before anything is computed.
    for name in names:
        for need in _MEASURES[name].needs:
            if complaint := need(subject):
                raise ValueError(f"`measures`: {name!r} needs {complaint}")
    results = [result for name in names for result in _MEASURES[name].function(subject)]
    for other in model.priors[1:] if prior is None else ():
        sampling = subject.with_prior(other)
        of_samples = [name for name in names if _samples in _MEASURES[name].needs]
        results += [result for name in of_samples for result in _MEASURES[name].function(sampling)]
    return results


class _Subject:
    """What the measures share, each part made once, when the first measure asks for it."""

    def __init__(self, model, dataset, extractor, num_samples, seed, split, data_dir, importance_samples):
        self.model = model
        self.dataset = dataset
        self.split = split
        self.data_dir = data_dir
        self.num_samples = num_samples
        self.seed = seed
        self.importance_samples = importance_samples
        # None is the model's default.
        self.prior = None
        self._extractor = extractor

    def with_prior(self, prior):
        """The same subject, its samples drawn from another prior."""
        other = copy.copy(self)
        other.prior = prior
        for of_samples in ("samples", "_read_samples"):
            vars(other).pop(of_samples, None)
        return other

    @property
    def default_measures(self):
        if isinstance(self.model, Classifier):
            return ("test_accuracy",)
        if hasattr(self.model, "translate"):
            return ("translation",)
        if self.info.modes is not None or (self._extractor is not None and _stacked_digits(self)):
            return ("modes",)
        classes = "label_agreement" if self.model.num_classes else "classes_seen"
        return ("frechet_distance", "precision_recall", "density_coverage", classes)

    @cached_property
    def info(self):
        return datasets.info(self.dataset)

    @cached_property
    def extractor(self):
        return None if self._extractor is None else load_extractor(self._extractor)

    @cached_property
    def _arrays(self):
        # Drawings are read at the model's size; others have one size.
        size = {"image_size": self.model.image_shape[:2]} if self.info.archive is not None else {}
        return datasets.arrays(self.dataset, split=self.split, data_dir=self.data_dir, **size)

    @property
    def all_images(self):
        return self._arrays[0]

    @property
    def all_labels(self):
        return self._arrays[1]

    @property
    def images(self):
        return self.all_images[: self.num_samples]

    @cached_property
    def pairs(self):
        """Sources and targets, float32 in [-1, 1] at the model's size."""
        return tuple(_scaled(images[: self.num_samples]) for images in self._arrays_of_pairs(self.split))

    @cached_property
    def mean_pair(self):
        """The mean source and the mean target of the training split, `(1, height, width, channels)`."""
        return tuple(
            _scaled(images.mean(axis=0, keepdims=True, dtype="float64"))
            for images in self._arrays_of_pairs("train")
        )

    def _arrays_of_pairs(self, split):
        # Scaled by the data set: edges are drawn at the size asked for.
        return datasets.arrays(
            self.dataset, split=split, data_dir=self.data_dir, image_size=self.model.image_shape[:2]
        )

    @property
    def labels_asked(self):
        return latent.labels_in_turn(self.num_samples, self.model.num_classes)

    @cached_property
    def samples(self):
        prior = {} if self.prior is None else {"prior": self.prior}
        return self.model.sample(
            self.num_samples, seed=self.seed, labels=self.labels_asked, batch_size=500, **prior
        )

    @cached_property
    def real_features(self):
        return self.read(self.images)[0]

    @property
    def _margin(self):
        """Pixels at each side that were added to the data, and that the extractor does not know."""
        return 0 if self.extractor.image_shape in (None, self.info.image_shape) else self.info.margin

    def read(self, images):
        """Features and logits of images, without the margin where the extractor has learnt none."""
        margin = self._margin
        return self.extractor(images[:, margin:-margin, margin:-margin] if margin else images)

    @cached_property
    def _read_samples(self):
        return self.read(self.samples)

    @property
    def fake_features(self):
        return self._read_samples[0]

    @property
    def fake_logits(self):
        return self._read_samples[1]

    # Results. Each says what it rests on.

    def about_images(self, metric, value, num_real=None, **constants):
        """A result that compares nothing but the model's answers to real images."""
        num_real = len(self.images) if num_real is None else num_real
        protocol = {"dataset": self.dataset, "split": self.split, "num_real": num_real, **constants}
        return {"metric": metric, "value": _rounded(value), "protocol": protocol}

    def about_pairs(self, metric, value, direction, **constants):
        """A result that compares images with the targets of a direction."""
        protocol = {
            "dataset": self.dataset,
            "split": self.split,
            "num_pairs": len(self.pairs[0]),
            "image_size": list(self.model.image_shape[:2]),
            "direction": direction,
            **constants,
        }
        name = metric if len(self.model.tasks) == 1 else f"{metric}_{direction}"
        return {"metric": name, "value": _rounded(value), "protocol": protocol}

    def about_samples(self, metric, value, **constants):
        """A result that needs samples alone, and what the data set is known to hold."""
        protocol = {"dataset": self.dataset, **self._sampling, **constants}
        return {"metric": self.with_suffix(metric), "value": _rounded(value), "protocol": protocol}

    def about_both(self, metric, value, **constants):
        """A result that compares features of real images with those of samples."""
        return self.about_images(
            self.with_suffix(self.extractor.metric_names.get(metric, metric)),
            value,
            **self._sampling,
            **self.extractor_protocol,
            **constants,
        )

    @property
    def _sampling(self):
        priors = self.model.priors
        return {
            "num_fake": self.num_samples,
            "seed": self.seed,
            "averaged_generator": bool(self.model.averages),
            # Named where there is a choice.
            **({"prior": self.prior or priors[0]} if len(priors) > 1 else {}),
        }

    def with_suffix(self, metric):
        """The name of a result of samples: without a suffix of those that `sample` draws by default."""
        return f"{metric}_{self.prior}_prior" if self.prior else metric

    @property
    def extractor_protocol(self):
        resizing = {"resizing": self.extractor.resizing} if self.extractor.resizing else {}
        if self._margin:
            resizing = {"cropping": f"margin of {self._margin}"}
        return {"extractor": self.extractor.name, "extractor_sha256": self.extractor.sha256, **resizing}


def _rounded(value):
    if isinstance(value, int):
        return value
    # Kernel distances and divergences are small: four digits of those, not four decimals.
    return round(float(value), 4) if abs(value) >= 0.1 else float(f"{value:.4g}")


# The measures: functions from a subject to a list of results.


def _test_accuracy(subject):
    images, labels = subject.all_images, subject.all_labels
    predicted = subject.model.predict_features(images)[1].argmax(-1)
    return [subject.about_images("test_accuracy", np.mean(predicted == labels), num_real=len(images))]


def _frechet_distance(subject):
    real, fake = (Moments(subject.extractor.feature_dim) for _ in range(2))
    real.update(subject.real_features)
    fake.update(subject.fake_features)
    return [subject.about_both("frechet_distance", frechet_distance(real, fake))]


def _kernel_distance(subject):
    real, fake = subject.real_features, subject.fake_features
    constants = {"num_subsets": 100, "subset_size": max(2, min(1000, len(real) // 2, len(fake) // 2))}
    mean, deviation = kernel_distance(real, fake, **constants, seed=subject.seed)
    return _with_deviation(subject, "kernel_distance", mean, deviation, constants)


def _inception_score(subject):
    constants = {"num_splits": 10}
    mean, deviation = inception_score(subject.fake_logits, **constants)
    return _with_deviation(subject, "inception_score", mean, deviation, constants)


def _with_deviation(subject, metric, mean, deviation, constants):
    metric = subject.extractor.metric_names.get(metric, metric)
    return [
        subject.about_both(metric, mean, **constants),
        subject.about_both(f"{metric}_deviation", deviation, **constants),
    ]


def _precision_recall(subject):
    constants = {"num_neighbours": 3}
    values = precision_recall(subject.real_features, subject.fake_features, **constants)
    names = ("precision", "recall")
    return [subject.about_both(name, value, **constants) for name, value in zip(names, values, strict=True)]


def _density_coverage(subject):
    constants = {"num_neighbours": 5}
    values = density_coverage(subject.real_features, subject.fake_features, **constants)
    names = ("density", "coverage")
    return [subject.about_both(name, value, **constants) for name, value in zip(names, values, strict=True)]


def _sliced_wasserstein(subject):
    num = min(len(subject.images), subject.num_samples)
    constants = {"num_patches": 128, "patch_size": 7, "num_projections": 512}
    distances = sliced_wasserstein(
        _scaled(subject.images[:num]), subject.samples[:num], **constants, seed=subject.seed
    )
    values = {f"sliced_wasserstein_{height}": distance for height, distance in distances.items()}
    values["sliced_wasserstein"] = np.mean(list(distances.values()))
    protocol = {**subject._sampling, "num_fake": num, **constants}
    return [
        subject.about_images(subject.with_suffix(metric), value, num_real=num, **protocol)
        for metric, value in values.items()
    ]


def _label_agreement(subject):
    seen = subject.fake_logits.argmax(-1)
    return [subject.about_both("label_agreement", np.mean(seen == subject.labels_asked))]


def _classes_seen(subject):
    seen = subject.fake_logits.argmax(-1)
    shares = np.bincount(seen, minlength=subject.extractor.num_classes) / subject.num_samples
    return [subject.about_both("classes_seen", int((shares >= 0.01).sum()))]


def _modes(subject):
    if subject.info.modes is not None:
        centers, stddev = subject.info.modes.centers, subject.info.modes.stddev
        statistics = mode_statistics(subject.samples, centers, stddev)
        constants = {"num_modes": len(centers), "high_quality_within": "3 standard deviations"}
    else:
        # Channel by channel: the channels' digits, in order, are the digits of the class.
        digits = [
            subject.extractor(subject.samples[..., channel : channel + 1])[1].argmax(-1)
            for channel in range(subject.samples.shape[-1])
        ]
        base = subject.extractor.num_classes
        classes = np.ravel_multi_index(digits, (base,) * len(digits))
        statistics = class_statistics(classes, subject.info.num_classes)
        constants = {"num_modes": subject.info.num_classes, **subject.extractor_protocol}
    return [subject.about_samples(name, value, **constants) for name, value in statistics._asdict().items()]


def _log_likelihood(subject):
    images, protocol = (
        subject.images,
        {"seed": subject.seed, "importance_samples": subject.importance_samples},
    )
    if getattr(subject.model, "binarize", False):
        chance = np.random.default_rng(subject.seed).random(images.shape)
        images = np.where(chance < _from_0_to_1(images), 1.0, -1.0).astype("float32")
        protocol["binarized"] = "stochastically"
    values = subject.model.log_likelihood(images, num_samples=subject.importance_samples, seed=subject.seed)
    return [subject.about_images("log_likelihood", np.mean(values), **protocol)]


def _from_0_to_1(images):
    return images / 255.0 if images.dtype == np.uint8 else (images + 1.0) / 2.0


def _reconstruction(subject):
    images = subject.images
    pairs = images, subject.model.reconstruct(images)
    values = {"error": squared_error(*pairs), "psnr": psnr(*pairs), "ssim": ssim(*pairs)}
    return [subject.about_images(f"reconstruction_{name}", np.mean(each)) for name, each in values.items()]


def _translation(subject):
    return [result for direction in subject.model.tasks for result in _of_direction(subject, direction)]


def _of_direction(subject, direction):
    sources, targets = subject.model.in_direction(direction, *subject.pairs)
    _, mean = subject.model.in_direction(direction, *subject.mean_pair)
    translations = subject.model.translate(sources, direction, seed=subject.seed)
    constants = {
        "sampling_dropout": subject.model.sampling_dropout,
        "averaged_generator": bool(subject.model.averages),
    }
    if subject.model.sampling_dropout:
        constants["seed"] = subject.seed
    results = [
        subject.about_pairs(f"translation_{name}", value, direction, **constants)
        for name, value in {
            **_likeness(translations, targets),
            "psnr": np.mean(psnr(translations, targets)),
        }.items()
    ]
    baselines = {
        "identity": _in_channels(sources, targets.shape[-1]),
        "mean_image": np.broadcast_to(mean, targets.shape),
    }
    for baseline, images in baselines.items():
        results += [
            subject.about_pairs(f"{baseline}_{name}", value, direction)
            for name, value in _likeness(images, targets).items()
        ]
    return results


def _likeness(images, targets):
    # Half of the difference on the scale from -1 to 1.
    return {"l1": np.abs(images - targets).mean(dtype="float64") / 2, "ssim": np.mean(ssim(images, targets))}


def _scaled(images):
    """Images in [0, 255] as float32 in [-1, 1]."""
    return (images / 127.5 - 1.0).astype("float32")


def _in_channels(images, channels):
    """Images with another number of channels: grey ones repeated as colour, colour averaged to grey."""
    if images.shape[-1] == channels:
        return images
    return np.repeat(images.mean(axis=-1, keepdims=True), channels, axis=-1)


# What a measure needs: functions from a subject to a complaint, or nothing.


def _a_classifier(subject):
    if not isinstance(subject.model, Classifier):
        return f"a `Classifier`. Received: model of class {type(subject.model).__name__}"


def _samples(subject):
    if not hasattr(subject.model, "sample"):
        return f"a model with `sample`. Received: model of class {type(subject.model).__name__}"


def _large_images(subject):
    shape = tuple(subject.model.image_shape)
    if len(shape) != 3 or min(shape[:2]) < SMALLEST_SIDE:
        return f"images with sides of at least {SMALLEST_SIDE}. Received: a model of {shape}"


def _an_extractor(subject):
    if subject.extractor is None:
        return "`extractor`: the name of the network that measures the samples. Received: extractor=None"
    taken = subject.extractor.image_shape
    for owner, shape in (("data", subject.info.image_shape), ("model", subject.model.image_shape)):
        if (
            taken is not None
            and tuple(shape) != taken
            and _without_margin(shape, subject.info.margin) != taken
        ):
            return (
                f"an extractor of images of the {owner}'s shape {tuple(shape)}. {subject.extractor.name!r} takes "
                f"{taken} alone"
            )


def _without_margin(shape, margin):
    height, width, channels = shape
    return (height - 2 * margin, width - 2 * margin, channels)


def _logits(subject):
    if not subject.extractor.gives_logits:
        return f"an extractor with logits, a classifier or 'inception'. {subject.extractor.name!r} has none"


def _labels(subject):
    if not subject.model.num_classes:
        return "a conditional model. This one has no classes: 'classes_seen' measures it"


def _no_labels(subject):
    if subject.model.num_classes:
        return "a model without classes. This one has labels: 'label_agreement' measures it"


def _the_classes(subject):
    num_classes = subject.extractor.num_classes
    wanted = subject.model.num_classes or subject.info.num_classes
    if num_classes != wanted:
        return f"a classifier of the {wanted} classes as `extractor`. Received: {subject.extractor.name!r}"


def _known_modes(subject):
    if subject.info.modes is None and not _stacked_digits(subject):
        name = None if subject.extractor is None else subject.extractor.name
        return (
            "points of known modes, or `extractor`: a classifier of images of one channel, whose classes are the "
            f"digits of the data's. Received: dataset={subject.dataset!r}, extractor={name!r}"
        )


def _stacked_digits(subject):
    """Whether the extractor reads each channel of an image as a digit of its class."""
    *size, channels = subject.info.image_shape
    read = subject.extractor
    return (
        read is not None
        and read.image_shape == (*size, 1)
        and read.num_classes**channels == subject.info.num_classes
        and channels > 1
    )


def _likelihoods(subject):
    return _method_missing(subject, "log_likelihood")


def _reconstructions(subject):
    return _method_missing(subject, "reconstruct")


def _translations(subject):
    return _method_missing(subject, "translate")


def _pairs(subject):
    info = subject.info
    if info.source_shape is None:
        return f"a data set of pairs of images. Received: dataset={subject.dataset!r}"
    if subject.split not in info.paired_splits:
        return (
            f"a split whose images belong together. Of {subject.dataset!r}: {list(info.paired_splits)}. Received: "
            f"split={subject.split!r}"
        )
    wanted = subject.model.source_channels, subject.model.image_shape[-1]
    if (info.source_shape[-1], info.image_shape[-1]) != wanted:
        return (
            f"pairs of images with the model's {wanted[0]} and {wanted[1]} channels. Those of "
            f"{subject.dataset!r} have {info.source_shape[-1]} and {info.image_shape[-1]}"
        )


def _method_missing(subject, method):
    if not hasattr(subject.model, method):
        return f"a model with `{method}`. Received: model of class {type(subject.model).__name__}"


class _Measure(NamedTuple):
    function: object
    needs: tuple


_MEASURES = {
    "test_accuracy": _Measure(_test_accuracy, (_a_classifier,)),
    "frechet_distance": _Measure(_frechet_distance, (_samples, _an_extractor)),
    "kernel_distance": _Measure(_kernel_distance, (_samples, _an_extractor)),
    "inception_score": _Measure(_inception_score, (_samples, _an_extractor, _logits)),
    "precision_recall": _Measure(_precision_recall, (_samples, _an_extractor)),
    "density_coverage": _Measure(_density_coverage, (_samples, _an_extractor)),
    "sliced_wasserstein": _Measure(_sliced_wasserstein, (_samples, _large_images)),
    "label_agreement": _Measure(_label_agreement, (_samples, _labels, _an_extractor, _the_classes)),
    "classes_seen": _Measure(_classes_seen, (_samples, _no_labels, _an_extractor, _the_classes)),
    "modes": _Measure(_modes, (_samples, _known_modes)),
    "log_likelihood": _Measure(_log_likelihood, (_likelihoods,)),
    "reconstruction": _Measure(_reconstruction, (_reconstructions,)),
    "translation": _Measure(_translation, (_translations, _pairs)),
}

# Abbreviation -> the measure and the extractor that it stands for.
_ABBREVIATIONS = {
    "fid": ("frechet_distance", "inception"),
    "kid": ("kernel_distance", "inception"),
    "is": ("inception_score", "inception"),
    "swd": ("sliced_wasserstein", None),
}


def _hint(name):
    """What to write instead of an unknown measure."""
    name = str(name).lower()
    if name in _ABBREVIATIONS:
        measure, extractor = _ABBREVIATIONS[name]
        python, shell = f"measures=[{measure!r}]", f"--measures {measure}"
        if extractor is not None:
            python, shell = f"{python}, extractor={extractor!r}", f"{shell} --extractor {extractor}"
        return f"{name.upper()} is `{python}`; on the command line use `{shell}`."
    near = registry.alike(name, _MEASURES)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known measures: {list(_MEASURES)}."
