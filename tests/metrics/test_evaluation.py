"""What a card reports: results with their protocol."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_genzoo import conditions, datasets, metrics, modalities, models, pixels
from keras_genzoo.datasets import named
from keras_genzoo.metrics import domains, evaluation, measures
from keras_genzoo.models.translation_model import Task
from tests import support

IMAGES, LABELS = support.toy_images(60), support.toy_labels(60)
DIGITS = support.toy_images(40, (12, 12, 1))
CENTERS = np.array([[0.0, 0.0], [4.0, 0.0]])


@dataclasses.dataclass
class Modes:
    centers: np.ndarray
    stddev: float


def info(name, shape, num_classes=0, source_shape=None, **fields):
    return datasets.Info(
        name=name,
        description="",
        modality=modalities.of_shape(shape),
        source_modality=source_shape and modalities.of_shape(source_shape),
        condition=conditions.Labels(num_classes) if num_classes else None,
        splits={"train": 10, "test": 10},
        make=None,
        license="",
        homepage="",
        citation="",
        **fields,
    )


INFOS = {
    each.name: each
    for each in (
        info("toy", (8, 8, 1), 3),
        info("digits", (12, 12, 1), 10),
        info("padded", (12, 12, 1), 3, margin=2),
        info("large", (32, 32, 1), 3),
        info("points", (2,), 2, modes=Modes(CENTERS, 0.1)),
        info("stacked", (8, 8, 2), 9, default_measures=("modes",)),
        info("drawings", (12, 12, 3), source_shape=(12, 12, 1), paired_splits=("test",)),
        info("styles", (24, 24, 3), source_shape=(24, 24, 3), paired_splits=("test",)),
        info("seasons", (12, 12, 3), source_shape=(12, 12, 1)),
    )
}
DRAWINGS = tuple(pixels.to_uint8(support.toy_images(20, (12, 12, channels), channels)) for channels in (1, 3))
# Of one colour each: scaled, they are that colour still.
COLOURS = np.random.default_rng(0).integers(0, 256, (2, 20, 1, 1, 3)).astype("uint8")
STYLES = tuple(np.broadcast_to(colours, (20, 24, 24, 3)) for colours in COLOURS)
ARRAYS = {
    "toy": (IMAGES, LABELS),
    "digits": (pixels.to_uint8(DIGITS), None),
    "drawings": DRAWINGS,
    "styles": STYLES,
}
# Only what is learnt from the training split is asked of it: the mean of the first half.
TRAINING_ARRAYS = {name: tuple(images[:10] for images in ARRAYS[name]) for name in ("drawings", "styles")}


@pytest.fixture(autouse=True)
def _toy_data(monkeypatch):
    def arrays(name, split="train", data_dir=None, image_size=None):
        assert data_dir is None
        first, second = {"test": ARRAYS, "train": TRAINING_ARRAYS}[split][name]
        if image_size is None:
            return first, second
        return tuple(images[:, : image_size[0], : image_size[1]] for images in (first, second))

    monkeypatch.setattr(datasets, "arrays", arrays)
    monkeypatch.setattr(datasets, "info", INFOS.get)


@pytest.fixture
def judge(tmp_path):
    """Folder of an untrained classifier that sees all of three classes."""
    keras.utils.set_random_seed(3)
    models.Classifier((8, 8, 1), 3, (4, 4, 4), feature_dim=5).save_to_preset(tmp_path / "judge")
    return tmp_path / "judge"


class FeaturesAlone(metrics.Extractor):
    """Means of the rows, without logits: an extractor as a user may write one."""

    name, sha256, feature_dim, resizing = "row means", "0" * 64, 8, "none to speak of"

    def __call__(self, images):
        return np.asarray(images).mean(axis=(2, 3)), None


class Sampler:
    """A model of nothing but samples, which it was given."""

    abilities = frozenset({"sample"})
    averages = {}  # noqa: RUF012
    condition = None
    priors = ("standard",)

    def __init__(self, samples):
        self.samples = np.asarray(samples, "float32")
        self.modality = modalities.of_shape(self.samples.shape[1:])

    def default_measures(self):
        return self.modality.default_measures(self.condition)

    def sample(self, num, seed, labels, batch_size):
        assert num == len(self.samples) and labels is None
        return self.samples


class Decoder:
    """A model that can say log p(x) and reconstruct, both in ways that are easy to check."""

    abilities = frozenset({"log_likelihood", "reconstruct"})
    priors = ()

    def __init__(self, binarize):
        self.binarize = binarize
        self.asked = []

    def log_likelihood(self, images, num_samples, seed):
        self.asked.append((images, num_samples, seed))
        return np.arange(len(images), dtype="float64")

    def reconstruct(self, images):
        return (0.5 * pixels.normalize(images)).__array__()


class Inverter:
    """A translator whose translations are easy to check: negatives, in colour."""

    abilities = frozenset({"translate"})
    sampling_dropout, averages, priors = True, {}, ()
    in_direction = models.TranslationModel.in_direction
    task = models.TranslationModel.task
    default_measures = models.TranslationModel.default_measures

    def __init__(self, directions=("source_to_target",), source_channels=1):
        self.modality = modalities.Images((12, 12, 3))
        self.source_modality = modalities.Images((12, 12, source_channels))
        self.tasks = dict.fromkeys(directions, Task("generator", self.source_modality, self.modality))

    def draws(self, direction):
        return True

    def translate(self, images, direction, seed):
        assert direction in self.tasks and images.dtype == "float32" and seed == 0
        return -np.broadcast_to(images, (*images.shape[:3], 3))


class Painter:
    """A translator between domains whose translations are easy to check."""

    abilities = frozenset({"translate"})
    averages, priors = {}, ()
    modality = modalities.Images((32, 32, 1))
    image_shape = modality.shape
    default_measures = models.StarGANv2.default_measures

    def __init__(self, num_domains=3, draws=True):
        self.condition = conditions.Labels(num_domains)
        self.draws = lambda: draws

    def translate(self, images, domain, seed):
        assert images.dtype == "float32" and (seed is not None) == self.draws()
        offset = 0.1 * (seed - 7) if self.draws() else 0.0
        return 0.3 * images * (np.arange(32) % (domain + 2) == 0)[:, None] + offset


def gan(**arguments):
    return models.GAN((8, 8, 1), 4, width=2, **arguments)


def by_name(results):
    return {result["metric"]: result for result in results}


class TestDefaults:
    def test_a_classifier_by_its_accuracy(self):
        classifier = models.Classifier((8, 8, 1), 3, (4, 4, 4))
        (result,) = metrics.evaluate(classifier, "toy")
        expected = np.mean(classifier.predict(IMAGES, verbose=0).argmax(-1) == LABELS)
        assert result["metric"] == "test_accuracy" and result["value"] == pytest.approx(expected, abs=1e-4)
        assert result["protocol"] == {"dataset": "toy", "split": "test", "num_real": 60}

    def test_an_unconditional_model(self, judge):
        model = gan(average_decay=0.9)
        distance, *variety, seen = metrics.evaluate(model, "toy", extractor=judge, num_samples=50, seed=7)

        classifier = models.load(judge)
        fakes = classifier.predict_features(model.sample(50, seed=7))
        expected = metrics.frechet_distance(classifier.predict_features(IMAGES[:50])[0], fakes[0])
        assert distance["metric"] == "classifier_frechet_distance"
        assert distance["value"] == pytest.approx(expected, rel=1e-3)
        assert [result["metric"] for result in variety] == ["precision", "recall", "density", "coverage"]
        assert seen["metric"] == "classes_seen"
        assert seen["value"] == len(np.unique(fakes[1].argmax(-1)))
        sha256 = metrics.extractor(judge).sha256
        assert seen["protocol"] == distance["protocol"]
        assert distance["protocol"] == {
            "dataset": "toy",
            "split": "test",
            "num_real": 50,
            "num_fake": 50,
            "seed": 7,
            "averaged_generator": True,
            "extractor": str(judge),
            "extractor_sha256": sha256,
        }

    def test_sliced_wasserstein_by_levels(self):
        real, samples = support.toy_images(2 * 20, (32, 32, 1)).reshape(2, 20, 32, 32, 1)
        ARRAYS["large"] = (pixels.to_uint8(real), None)
        results = metrics.evaluate(Sampler(samples), "large", measures=["sliced_wasserstein"], num_samples=20)
        # On the same scale, where rounding would be seen.
        expected = metrics.sliced_wasserstein(pixels.to_uint8(real) / 127.5 - 1, samples)
        values = {result["metric"]: result["value"] for result in results}
        assert values["sliced_wasserstein_32"] == pytest.approx(expected[32], rel=1e-4)
        assert values["sliced_wasserstein"] == pytest.approx((expected[32] + expected[16]) / 2, rel=1e-4)
        assert results[0]["protocol"]["num_real"] == results[0]["protocol"]["num_fake"] == 20
        with pytest.raises(ValueError, match="sides of at least 16"):
            metrics.evaluate(gan(), "toy", measures=["sliced_wasserstein"])

    @pytest.mark.ci
    def test_a_margin_is_cut_off_for_a_classifier_of_what_it_encloses(self, judge):
        """The same numbers as for the data without their margin."""
        padded = [np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0))), LABELS]
        ARRAYS["padded"] = tuple(padded)
        results = [
            metrics.evaluate(Sampler(samples), dataset, judge, ["frechet_distance"], num_samples=40)
            for samples, dataset in ((IMAGES[:40] ** 3, "toy"), (padded[0][:40] ** 3, "padded"))
        ]
        assert results[0][0]["value"] == results[1][0]["value"] > 0
        assert results[1][0]["protocol"]["cropping"] == "margin of 2"
        assert "cropping" not in results[0][0]["protocol"]

    @pytest.mark.ci
    def test_a_conditional_model_is_asked_for_every_class(self, judge):
        model = gan(num_classes=3)
        *_, agreement = metrics.evaluate(model, "toy", extractor=judge, num_samples=60)
        asked = np.arange(60) % 3
        read = models.load(judge).predict_features(model.sample(60, seed=0, labels=asked))[1].argmax(-1)
        assert agreement["metric"] == "label_agreement"
        assert agreement["value"] == pytest.approx(np.mean(read == asked), abs=1e-4)

    def test_points_by_their_modes(self):
        points = [[0.0, 0.0], [0.1, 0.0], [0.2, 0.0], [0.0, 1.0]]
        results = metrics.evaluate(Sampler(points), "points", num_samples=4)
        assert {result["metric"]: result["value"] for result in results} == {
            "modes_covered": 1,
            "high_quality_share": 0.75,
            "reverse_kl": round(np.log(2), 4),
        }
        assert results[0]["protocol"] == {
            "dataset": "points",
            "num_fake": 4,
            "seed": 0,
            "averaged_generator": False,
            "num_modes": 2,
            "high_quality_within": "3 standard deviations",
        }

    def test_stacked_digits_are_read_channel_by_channel(self, judge):
        samples = support.toy_images(40, (8, 8, 2))
        covered, reverse_kl = metrics.evaluate(Sampler(samples), "stacked", extractor=judge, num_samples=40)
        first, second = (
            models.load(judge).predict_features(samples[..., c : c + 1])[1].argmax(-1) for c in (0, 1)
        )
        expected = metrics.class_statistics(3 * first + second, 9)
        assert (covered["metric"], covered["value"]) == ("modes_covered", expected.modes_covered)
        assert (reverse_kl["metric"], reverse_kl["value"]) == (
            "reverse_kl",
            pytest.approx(expected.reverse_kl, abs=1e-4),
        )
        protocol = covered["protocol"]
        assert protocol["num_modes"] == 9
        assert protocol["extractor_sha256"] == metrics.extractor(judge).sha256

    def test_measures_of_a_data_set_only_of_models_that_have_them(self):
        classifier = models.Classifier((8, 8, 2), 9, (4, 4, 4))
        ARRAYS["stacked"] = (support.toy_images(9, (8, 8, 2)), np.arange(9))
        (result,) = metrics.evaluate(classifier, "stacked")
        assert result["metric"] == "test_accuracy"


class TestRegistration:
    def test_a_measure_is_one_function_with_what_it_needs(self, monkeypatch):
        monkeypatch.setattr(measures, "MEASURES", dict(measures.MEASURES))
        monkeypatch.setattr(evaluation, "MEASURES", measures.MEASURES)

        def many(subject):
            return None if subject.num_samples > 3 else f"4 samples. Received: {subject.num_samples}"

        @measures.measure("brightness", ability="sample", needs=(many,), abbreviation="BR")
        def brightness(subject):
            """`brightness`, the mean of all samples."""
            return [subject.about_samples("brightness", subject.samples.mean())]

        (result,) = metrics.evaluate(Sampler(IMAGES), "toy", measures=["brightness"], num_samples=60)
        assert result["value"] == pytest.approx(IMAGES.mean(), rel=1e-3, abs=1e-4)
        with pytest.raises(ValueError, match=r"'brightness' needs 4 samples\. Received: 2"):
            metrics.evaluate(Sampler(IMAGES), "toy", measures=["brightness"], num_samples=2)
        with pytest.raises(ValueError, match="'brightness' needs a model with `sample`"):
            metrics.evaluate(Decoder(False), "toy", measures=["brightness"])
        with pytest.raises(ValueError, match=r"BR is `measures=\['brightness'\]`"):
            metrics.evaluate(Sampler(IMAGES), "toy", measures=["br"])
        assert measures.listing().endswith('- `"brightness"`: `brightness`, the mean of all samples.')

    def test_the_documentation_lists_every_measure(self):
        for name in measures.MEASURES:
            assert f'    - `"{name}"`: ' in metrics.evaluate.__doc__
        assert len(measures.MEASURES) == 20

    def test_default_measures_of_every_data_set_exist(self):
        for each in named._DATASETS.values():
            assert set(each.default_measures) <= set(measures.MEASURES)
        assert named._DATASETS["stacked_mnist"].default_measures == ("modes",)


class TestMeasuresOfFeatures:
    @pytest.mark.slow
    def test_each_is_the_function_of_its_name(self, judge):
        names = ["kernel_distance", "inception_score", "precision_recall", "density_coverage"]
        model = gan()
        results = by_name(metrics.evaluate(model, "toy", judge, names, num_samples=50, seed=7))

        classifier = models.load(judge)
        real = classifier.predict_features(IMAGES[:50])[0]
        fake, logits = classifier.predict_features(model.sample(50, seed=7))
        expected = {}
        names = ("classifier_kernel_distance", "classifier_kernel_distance_deviation")
        expected.update(zip(names, metrics.kernel_distance(real, fake, 100, 25, seed=7), strict=True))
        names = ("classifier_score", "classifier_score_deviation")
        expected.update(zip(names, metrics.inception_score(logits, 10), strict=True))
        expected.update(zip(("precision", "recall"), metrics.precision_recall(real, fake), strict=True))
        expected.update(zip(("density", "coverage"), metrics.density_coverage(real, fake), strict=True))
        assert list(results) == list(expected)
        for name, value in expected.items():
            assert results[name]["value"] == pytest.approx(value, rel=2e-3, abs=1e-12), name

    def test_the_protocol_holds_the_constants(self, judge):
        names = ["kernel_distance", "inception_score", "precision_recall", "density_coverage"]
        results = by_name(metrics.evaluate(gan(), "toy", judge, names, num_samples=50))
        constants = {
            "classifier_kernel_distance": {"num_subsets": 100, "subset_size": 25},
            "classifier_score": {"num_splits": 10},
            "precision": {"num_neighbours": 3},
            "recall": {"num_neighbours": 3},
            "density": {"num_neighbours": 5},
            "coverage": {"num_neighbours": 5},
        }
        for name, expected in constants.items():
            assert expected.items() <= results[name]["protocol"].items()
            assert results[name]["protocol"]["extractor"] == str(judge)

    def test_samples_and_features_are_made_once(self, judge, monkeypatch):
        extractor = metrics.extractor(judge)
        seen = []
        call = type(extractor).__call__
        monkeypatch.setattr(
            type(extractor), "__call__", lambda self, images: seen.append(len(images)) or call(self, images)
        )
        names = ["frechet_distance", "kernel_distance", "precision_recall", "classes_seen"]
        metrics.evaluate(gan(), "toy", extractor, names, num_samples=30)
        assert seen == [30, 30]

    def test_names_by_the_extractor(self):
        """The plain names, unless the extractor has its own; resizing is told where there is any."""
        (result,) = metrics.evaluate(gan(), "toy", FeaturesAlone(), ["frechet_distance"], num_samples=30)
        assert result["metric"] == "frechet_distance"
        assert result["protocol"]["resizing"] == "none to speak of"

        class Inception(FeaturesAlone):
            metric_names = metrics.extractors.InceptionExtractor.metric_names

        names = ["frechet_distance", "kernel_distance"]
        results = metrics.evaluate(gan(), "toy", Inception(), names, num_samples=30)
        assert [result["metric"] for result in results] == [
            "frechet_inception_distance",
            "kernel_inception_distance",
            "kernel_inception_distance_deviation",
        ]

    def test_too_few_samples_are_warned_of(self, judge):
        with pytest.warns(UserWarning, match=r"5 samples do not determine a covariance of 5 dimensions"):
            metrics.evaluate(gan(), "toy", judge, ["frechet_distance"], num_samples=5)


class TestPriors:
    @pytest.mark.slow
    def test_both_are_measured_and_named_the_other_than_the_default_by_its_suffix(self, judge):
        vae = models.VAE(image_shape=(8, 8, 1), latent_dim=2, num_components=2)
        vae.prior.set_weights(
            [np.array([0.5, 0.5]), np.array([[4.0, 0.0], [-4.0, 0.0]]), np.zeros((2, 2, 2))]
        )
        results = by_name(metrics.evaluate(vae, "toy", judge, ["frechet_distance"], num_samples=24))
        name = "classifier_frechet_distance"
        assert list(results) == [name, f"{name}_standard_prior"]
        assert results[name]["protocol"]["prior"] == "fitted"
        assert results[f"{name}_standard_prior"]["protocol"]["prior"] == "standard"
        assert results[name]["value"] != results[f"{name}_standard_prior"]["value"]
        for prior, key in (("fitted", name), ("standard", f"{name}_standard_prior")):
            (alone,) = metrics.evaluate(vae, "toy", judge, ["frechet_distance"], num_samples=24, prior=prior)
            assert alone == results[key]

    def test_a_prior_that_the_model_does_not_have_is_refused(self, judge):
        vae = models.VAE(image_shape=(8, 8, 1), latent_dim=2)
        with pytest.raises(ValueError, match=r"`prior` must be one of \['standard'\].*prior='fitted'"):
            metrics.evaluate(vae, "toy", judge, prior="fitted")


class TestMeasuresOfRealImages:
    def test_log_likelihood(self):
        model = Decoder(binarize=False)
        (result,) = metrics.evaluate(
            model, "digits", measures=["log_likelihood"], num_samples=10, seed=3, importance_samples=6
        )
        ((images, num_samples, seed),) = model.asked
        np.testing.assert_array_equal(images, ARRAYS["digits"][0][:10])
        assert (num_samples, seed) == (6, 3)
        assert result == {
            "metric": "log_likelihood",
            "value": 4.5,
            "protocol": {
                "dataset": "digits",
                "split": "test",
                "num_real": 10,
                "seed": 3,
                "importance_samples": 6,
            },
        }

    def test_a_model_of_binary_images_gets_binary_images(self, monkeypatch):
        level = np.uint8(51)
        monkeypatch.setitem(ARRAYS, "digits", (np.full((200, 12, 12, 1), level), None))
        model = Decoder(binarize=True)
        for seed in (1, 1, 2):
            (result,) = metrics.evaluate(model, "digits", measures=["log_likelihood"], seed=seed)
        first, again, other = (images for images, *_ in model.asked)
        assert set(np.unique(first)) == {-1, 1}
        assert np.mean(first == 1) == pytest.approx(51 / 255, abs=0.01)
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()
        assert result["protocol"]["binarized"] == "stochastically"

    def test_reconstruction(self):
        results = by_name(
            metrics.evaluate(Decoder(False), "digits", measures=["reconstruction"], num_samples=30)
        )
        images = ARRAYS["digits"][0][:30] / 127.5 - 1
        squares = np.square(images / 4).sum(axis=(1, 2, 3))
        expected = {
            "reconstruction_error": squares.mean(),
            "reconstruction_psnr": np.mean(-10 * np.log10(squares / 144)),
            "reconstruction_ssim": metrics.ssim(images, images / 2).mean(),
        }
        for name, value in expected.items():
            assert results[name]["value"] == pytest.approx(value, rel=1e-3), name
            assert results[name]["protocol"] == {"dataset": "digits", "split": "test", "num_real": 30}


class TestTranslation:
    def test_of_pairs_beside_what_needs_no_training(self):
        results = metrics.evaluate(Inverter(), "drawings", num_samples=15)
        sources, targets = (images[:15] / 255 for images in DRAWINGS)
        mean = np.broadcast_to(DRAWINGS[1][:10].mean(axis=0) / 255, targets.shape)
        sources = np.broadcast_to(sources, targets.shape)

        def l1(images):
            return np.abs(images - targets).mean()

        def ssim(images):
            return metrics.ssim(2 * images - 1, 2 * targets - 1).mean()

        assert {result["metric"]: result["value"] for result in results} == pytest.approx(
            {
                "translation_l1": l1(1 - sources),
                "translation_ssim": ssim(1 - sources),
                "translation_psnr": np.mean(-10 * np.log10(np.mean((1 - sources - targets) ** 2, (1, 2, 3)))),
                "identity_l1": l1(sources),
                "identity_ssim": ssim(sources),
                "mean_image_l1": l1(mean),
                "mean_image_ssim": ssim(mean),
            },
            rel=1e-3,
        )
        protocol = {
            "dataset": "drawings",
            "split": "test",
            "num_pairs": 15,
            "image_size": [12, 12],
            "direction": "source_to_target",
        }
        for result in results:
            is_translation = result["metric"].startswith("translation")
            noise = {"sampling_dropout": True, "averaged_generator": False, "seed": 0}
            constants = noise if is_translation else {}
            assert result["protocol"] == {**protocol, **constants}

    def test_both_directions_by_name(self):
        """Images are asked for at the model's size; what is translated back is compared with the sources."""
        model = Inverter(("a_to_b", "b_to_a"), source_channels=3)
        results = by_name(metrics.evaluate(model, "styles"))
        first, second = COLOURS / 255
        mean_a, mean_b = COLOURS[:, :10].mean(axis=1) / 255
        expected = {
            "translation_l1_a_to_b": np.abs(1 - first - second).mean(),
            "translation_l1_b_to_a": np.abs(1 - second - first).mean(),
            "identity_l1_b_to_a": np.abs(first - second).mean(),
            "mean_image_l1_a_to_b": np.abs(mean_b - second).mean(),
            "mean_image_l1_b_to_a": np.abs(mean_a - first).mean(),
        }
        assert len(results) == 14
        for name, value in expected.items():
            assert results[name]["value"] == pytest.approx(value, rel=1e-3), name
            assert results[name]["protocol"]["direction"] == name[-6:]


class TestDomains:
    images, labels = support.toy_images(21, (32, 32, 1)), support.toy_labels(21)

    def test_translations_are_compared_with_the_images_of_the_domain(self, monkeypatch):
        def distances_of(real, fake, seed):
            return {32: seed + np.abs(real - fake).mean(), 16: np.square(real - fake).mean()}

        monkeypatch.setattr(domains, "sliced_wasserstein", distances_of)
        ARRAYS["large"] = (pixels.to_uint8(self.images), self.labels)
        model = Painter()
        results = by_name(metrics.evaluate(model, "large", seed=7))
        real = pixels.to_uint8(self.images).astype("float32") / 127.5 - 1
        rng = np.random.default_rng(7)
        distances, untranslated = [], []
        for domain in range(3):
            own = real[rng.permutation(np.flatnonzero(self.labels == domain))]
            others = real[rng.permutation(np.flatnonzero(self.labels != domain))[:7]]
            for found, images in (
                (distances, model.translate(others, domain, 7)),
                (untranslated, others),
            ):
                found.append(np.mean([*distances_of(own, images, 7).values()]))
        expected = {f"domain_sliced_wasserstein_{domain}": value for domain, value in enumerate(distances)}
        expected |= {
            "domain_sliced_wasserstein": np.mean(distances),
            "untranslated_sliced_wasserstein": np.mean(untranslated),
            # The seeds 7 and 8 differ by 0.1 on the scale from -1 to 1.
            "style_spread": 0.05,
        }
        assert {name: result["value"] for name, result in results.items()} == pytest.approx(
            expected, rel=1e-4
        )
        assert results["style_spread"]["protocol"] == {
            "dataset": "large",
            "split": "test",
            "num_real": 21,
            "seed": 7,
            "averaged_generator": False,
        }
        fewer = by_name(metrics.evaluate(model, "large", num_samples=9))
        assert fewer["style_spread"]["protocol"]["num_real"] == 9

    def test_a_model_without_styles_has_no_spread_of_them(self):
        ARRAYS["large"] = (pixels.to_uint8(self.images), self.labels)
        with_styles, without = (
            by_name(metrics.evaluate(Painter(draws=draws), "large", seed=7)) for draws in (True, False)
        )
        assert {*with_styles} - {*without} == {"style_spread"}
        name = "domain_sliced_wasserstein"
        assert without[name]["value"] == pytest.approx(with_styles[name]["value"])

    def test_a_split_without_a_domain_is_refused(self):
        ARRAYS["large"] = (pixels.to_uint8(self.images), 0 * self.labels)
        with pytest.raises(ValueError, match="needs images of every domain in the split 'test'"):
            metrics.evaluate(Painter(), "large")


class TestRefusals:
    """Before anything is computed: the models here cannot do what would be asked of them."""

    @pytest.mark.parametrize(
        ("model", "dataset", "measure", "message"),
        [
            (
                gan,
                "toy",
                "frechet_distence",
                r"Unknown measure 'frechet_distence'.*mean 'frechet_distance'",
            ),
            (gan, "toy", "beauty", r"Known measures: \['test_accuracy', "),
            (gan, "toy", "FID", r"`measures=\['frechet_distance'\], extractor='inception'`"),
            (gan, "toy", "swd", r"on the command line use `--measures sliced_wasserstein`\."),
            (
                gan,
                "toy",
                "test_accuracy",
                r"needs a model with `predict_features`. Received: model of class GAN",
            ),
            (gan, "toy", "frechet_distance", r"'frechet_distance' needs `extractor`, the name of"),
            (gan, "toy", "label_agreement", r"needs a conditional model.*'classes_seen'"),
            (gan, "toy", "log_likelihood", r"needs a model with `log_likelihood`"),
            (gan, "toy", "reconstruction", r"needs a model with `reconstruct`"),
            (
                gan,
                "toy",
                "modes",
                r"needs a dataset of points with known modes.*`extractor`.*dataset='toy', extractor=None",
            ),
            (lambda: Decoder(False), "digits", "modes", r"needs a model with `sample`"),
            (gan, "drawings", "translation", r"needs a model with `translate`"),
            (Inverter, "digits", "translation", r"needs a dataset of image pairs.*dataset='digits'"),
            (Inverter, "seasons", "translation", r"needs a split with paired images.*split='test'"),
            (Inverter, "styles", "translation", r"model's 1 and 3 channels. Those of 'styles' have 3 and 3"),
            (Inverter, "digits", "modes", r"needs a model with `sample`"),
            (
                lambda: Painter(4),
                "large",
                "domain_translation",
                r"images of the model's 4 domains, .*'large' with 3 cl",
            ),
            (Painter, "drawings", "domain_translation", r"the model's 3 domains.*'drawings' with no classes"),
        ],
    )
    def test_without_an_extractor(self, model, dataset, measure, message):
        with pytest.raises(ValueError, match=message):
            metrics.evaluate(model(), dataset, measures=[measure])

    def test_with_an_extractor_that_does_not_fit(self, judge):
        for model, dataset, measure, message in [
            (gan(num_classes=3), "toy", "classes_seen", r"a model without classes.*'label_agreement'"),
            (gan(num_classes=2), "toy", "label_agreement", r"a classifier of the 2 classes"),
            (
                gan(),
                "digits",
                "frechet_distance",
                r"of the data's shape \(12, 12, 1\).*takes \(8, 8, 1\) alone",
            ),
            (Sampler(DIGITS), "toy", "frechet_distance", r"of the model's shape \(12, 12, 1\)"),
        ]:
            with pytest.raises(ValueError, match=message):
                metrics.evaluate(model, dataset, judge, [measure])
        with pytest.raises(ValueError, match=r"'inception_score' needs an extractor with logits"):
            metrics.evaluate(gan(), "toy", FeaturesAlone(), ["inception_score"])
        with pytest.raises(ValueError, match=r"'classes_seen' needs a classifier of the 3 classes"):
            metrics.evaluate(gan(), "toy", FeaturesAlone(), ["classes_seen"])

    def test_a_name_alone_is_no_sequence(self):
        with pytest.raises(ValueError, match=r"`measures` must be a sequence of names.*\['modes'\]"):
            metrics.evaluate(gan(), "toy", measures="modes")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, 3),
        (5.25683, 5.2568),
        (0.99391, 0.9939),
        (0.00123456, 0.001235),
        (-0.0000123, -1.23e-05),
        (0.0, 0.0),
    ],
)
def test_values_keep_four_decimals_and_small_ones_four_digits(value, told):
    assert evaluation._rounded(value) == told
