"""Evaluation of models: results together with their protocol."""

import copy
import os
from collections.abc import Sequence
from functools import cached_property

from keras_genzoo import datasets
from keras_genzoo.arguments import OptionalPath, PositiveInt, Seed, checked
from keras_genzoo.metrics.extractors import Extractor
from keras_genzoo.metrics.extractors import extractor as load_extractor
from keras_genzoo.metrics.measures import MEASURES, an_extractor
from keras_genzoo.models.zoo_model import ZooModel
from keras_genzoo.presets import registry


@checked
def evaluate(
    model: ZooModel,
    dataset: str,
    extractor: str | os.PathLike | Extractor | None = None,
    measures: Sequence[str] | None = None,
    num_samples: PositiveInt = 10_000,
    seed: Seed = 0,
    split: str = "test",
    data_dir: OptionalPath = None,
    importance_samples: PositiveInt = 5000,
    prior: str | None = None,
) -> list[dict]:
    """Evaluates a model on a dataset.

    The measures and their results:

    MEASURES

    Args:
        model: Model of `keras_genzoo.models`. Its abilities (`model.abilities`) determine the measures that apply.
        dataset: String, name of the dataset; see `keras_genzoo.datasets.load`.
        extractor: Name of the feature extractor, see `keras_genzoo.metrics.extractor`; or an `Extractor`.
        measures: Sequence of names from the list above. Defaults to the default measures of the dataset that apply to
            the model; if there are none, to those of the model: `test_accuracy` for classifiers; `translation` for
            translation models (`domain_translation` between domains), together with `colorization` or `deblurring` if
            they apply; `upscaling` for super-resolution; `modes` for models of points; `frechet_distance`,
            `precision_recall`, `density_coverage`, and `label_agreement` or `classes_seen` for models of images.
        num_samples: Int, number of generated images, and the maximum number of real ones. The labels of a conditional
            model cycle through the classes.
        seed: Int, seed of the samples and of all other random draws.
        split: String, split of the real images.
        data_dir: Folder with the original files of the dataset; see `keras_genzoo.datasets.load`.
        importance_samples: Int, number of latents per image for `log_likelihood`.
        prior: `"fitted"` or `"standard"`, the latent distribution to sample from. Defaults to all that the model
            has. The names of results for a prior that is not the model's default end with it, such as
            `classifier_frechet_distance_standard_prior`.

    Returns:
        List of dicts with `metric`, `value` and `protocol`, in the order of `measures`. The results for the model's
        default prior come first.

    Raises:
        ValueError: If a measure is unknown, or does not apply to the model, the dataset or the extractor.

    Example:

    ```python
    gan = keras_genzoo.models.load("dcgan_fashion_mnist")
    keras_genzoo.metrics.evaluate(
        gan, "fashion_mnist", "classifier_fashion_mnist", ["kernel_distance", "precision_recall"]
    )
    ```
    """
    if not hasattr(model, "abilities"):
        raise ValueError(f"`model` must be a model of `keras_genzoo.models`. Received: model={model!r}")
    check_what(dataset, measures, split)
    if prior is not None and str(prior) not in model.priors:
        raise ValueError(
            f"`prior` must be one of {list(model.priors)}, the priors of this model. Received: prior={prior!r}"
        )
    subject = Subject(model, dataset, extractor, num_samples, seed, split, data_dir, importance_samples)
    if prior not in (None, *model.priors[:1]):
        subject = subject.with_prior(prior)
    names = subject.default_measures if measures is None else measures
    chosen = [MEASURES[name] for name in names]
    # All requirements are checked before anything is computed.
    for each in chosen:
        if missing := each.missing(subject):
            raise ValueError(f"`measures`: {each.name!r} needs {missing}")
    results = [result for each in chosen for result in each.function(subject)]
    for other in model.priors[1:] if prior is None else ():
        sampling = subject.with_prior(other)
        of_samples = [each for each in chosen if each.ability == "sample"]
        results += [result for each in of_samples for result in each.function(sampling)]
    return results


def check_what(dataset: str, measures: Sequence[str] | None = None, split: str = "test") -> None:
    """Checks the names of a dataset, a split and measures.

    Args:
        dataset, measures, split: See `evaluate`.

    Raises:
        ValueError: If one of them is unknown.
    """
    try:
        splits = datasets.info(dataset).splits
    except ValueError as error:
        raise ValueError(f"`dataset`: {error}") from None
    if split not in list(splits):
        raise ValueError(f"`split` of {dataset!r} must be one of {list(splits)}. Received: split={split!r}")
    if isinstance(measures, str):
        raise ValueError(
            f"`measures` must be a sequence of names. Received: {measures!r}. Write [{measures!r}]."
        )
    if measures is not None and not isinstance(measures, list | tuple):
        raise ValueError(f"`measures` must be a list of names. Received: measures={measures!r}")
    for name in measures or ():
        if not isinstance(name, str) or name not in MEASURES:
            raise ValueError(f"Unknown measure {name!r} in `measures`. {_hint(name)}")


class Subject:
    """The data shared by the measures. Each part is computed once, when it is first needed."""

    def __init__(self, model, dataset, extractor, num_samples, seed, split, data_dir, importance_samples):
        self.model = model
        self.dataset = dataset
        self.split = split
        self.data_dir = data_dir
        self.num_samples = num_samples
        self.seed = seed
        self.importance_samples = importance_samples
        # None stands for the model's default.
        self.prior = None
        self._extractor = extractor

    def with_prior(self, prior):
        """Returns the same subject with samples drawn from another prior."""
        other = copy.copy(self)
        other.prior = prior
        for of_samples in ("samples", "_read_samples"):
            vars(other).pop(of_samples, None)
        return other

    @property
    def default_measures(self):
        """The default measures of the dataset whose requirements are met; if there are none, those of the model."""
        own = self.info.default_measures
        able = own and not any(MEASURES[name].missing(self) for name in own)
        return own if able else self.model.default_measures()

    @cached_property
    def info(self):
        return datasets.info(self.dataset)

    @cached_property
    def extractor(self):
        return None if self._extractor is None else load_extractor(self._extractor)

    @cached_property
    def _arrays(self):
        return self._arrays_of(self.split)

    def _arrays_of(self, split):
        size = {"image_size": self._size} if self.info.any_size else {}
        return datasets.arrays(self.dataset, split=split, data_dir=self.data_dir, **size)

    def images_of(self, split):
        """Returns all real images of a split; for pairs, the targets."""
        return self._arrays_of(split)[0 if self.info.source_modality is None else 1]

    @property
    def _size(self):
        """Height and width of the model's images."""
        return self.model.modality.shape[:2]

    @property
    def all_images(self):
        return self.images_of(self.split)

    @property
    def all_labels(self):
        return self._arrays[1]

    @property
    def images(self):
        return self.all_images[: self.num_samples]

    @property
    def scaled_images(self):
        """The real images, float32 in [-1, 1]."""
        return _scaled(self.images)

    @cached_property
    def pairs(self):
        """Sources and targets at the model's size, float32 in [-1, 1]; label maps are unchanged."""
        sources, targets = (images[: self.num_samples] for images in self._arrays_of_pairs(self.split))
        return (_scaled(sources) if self.info.source_modality.interpolates else sources), _scaled(targets)

    @cached_property
    def mean_pair(self):
        """The mean source and the mean target of the training split, `(1, height, width, channels)`."""
        return tuple(
            _scaled(images.mean(axis=0, keepdims=True, dtype="float64"))
            for images in self._arrays_of_pairs("train")
        )

    def _arrays_of_pairs(self, split):
        # Resized by the dataset: edges are computed at the requested size.
        return datasets.arrays(self.dataset, split=split, data_dir=self.data_dir, image_size=self._size)

    @property
    def labels_asked(self):
        return self.model.condition and self.model.condition.in_turn(self.num_samples)

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
        """Number of pixels added to each side of the data that the extractor was not trained on."""
        return 0 if self.extractor.image_shape in (None, self.info.image_shape) else self.info.margin

    def read(self, images):
        """Returns features and logits of images, cropped if the extractor was trained without the margin."""
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

    # Results with their protocols.

    def about_images(self, metric, value, num_real=None, **constants):
        """A result that depends only on real images and the model's outputs for them."""
        num_real = len(self.images) if num_real is None else num_real
        protocol = {"dataset": self.dataset, "split": self.split, "num_real": num_real, **constants}
        return {"metric": metric, "value": _rounded(value), "protocol": protocol}

    def about_pairs(self, metric, value, direction, **constants):
        """A result that compares images with the targets of a translation direction."""
        protocol = {
            "dataset": self.dataset,
            "split": self.split,
            "num_pairs": len(self.pairs[0]),
            "image_size": list(self._size),
            "direction": direction,
            **constants,
        }
        name = metric if len(self.model.tasks) == 1 else f"{metric}_{direction}"
        return {"metric": name, "value": _rounded(value), "protocol": protocol}

    def about_samples(self, metric, value, **constants):
        """A result that depends only on samples and the known properties of the dataset."""
        protocol = {"dataset": self.dataset, **self.sampling_protocol, **constants}
        return {"metric": self.with_suffix(metric), "value": _rounded(value), "protocol": protocol}

    def about_both(self, metric, value, **constants):
        """A result that compares the features of real images and of samples."""
        return self.about_images(
            self.with_suffix(self.extractor.metric_names.get(metric, metric)),
            value,
            **self.sampling_protocol,
            **self.extractor_protocol,
            **constants,
        )

    def mean_and_deviation(self, metric, mean, deviation, **constants):
        """Two results as by `about_both`: a mean and its standard deviation."""
        metric = self.extractor.metric_names.get(metric, metric)
        return [
            self.about_both(metric, mean, **constants),
            self.about_both(f"{metric}_deviation", deviation, **constants),
        ]

    @property
    def sampling_protocol(self):
        priors = self.model.priors
        return {
            "num_fake": self.num_samples,
            "seed": self.seed,
            "averaged_generator": bool(self.model.averages),
            # Recorded only if the model has several priors.
            **({"prior": self.prior or priors[0]} if len(priors) > 1 else {}),
        }

    def with_suffix(self, metric):
        """Returns the name of a result, with a suffix unless the samples are from the default prior."""
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
    # Kernel distances and divergences are small: four significant digits, not four decimals.
    return round(float(value), 4) if abs(value) >= 0.1 else float(f"{value:.4g}")


def _scaled(images):
    """Scales images from [0, 255] to float32 in [-1, 1]."""
    return (images / 127.5 - 1.0).astype("float32")


def _hint(name):
    """Returns a suggestion for an unknown measure."""
    for each in MEASURES.values():
        if each.abbreviation == str(name).upper():
            python, shell = f"measures=[{each.name!r}]", f"--measures {each.name}"
            if an_extractor in each.needs:
                # In the literature, it is computed from Inception features.
                python, shell = f"{python}, extractor='inception'", f"{shell} --extractor inception"
            return f"{each.abbreviation} is `{python}`; on the command line use `{shell}`."
    near = registry.alike(str(name), MEASURES)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known measures: {list(MEASURES)}."
