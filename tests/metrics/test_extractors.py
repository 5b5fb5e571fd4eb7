"""Networks that give the features: the zoo's classifiers, Inception, and those of Keras."""

import subprocess
import tarfile

import keras
import numpy as np
import pytest

from keras_genzoo import metrics, models, presets
from keras_genzoo.metrics import extractors
from keras_genzoo.metrics.extractors import sha256_of_folder
from tests import support


@pytest.fixture
def classifier_folder(tmp_path):
    models.Classifier((8, 8, 1), 3, (4, 4, 4), feature_dim=5).save_to_preset(tmp_path / "judge")
    return tmp_path / "judge"


class TestClassifiers:
    def test_features_and_logits_are_those_of_the_preset(self, classifier_folder):
        extractor = metrics.extractor(classifier_folder)
        images = support.toy_images(7)
        features, logits = extractor(images)
        expected = models.load(classifier_folder).predict_features(images)
        np.testing.assert_allclose(features, expected[0], atol=1e-6)
        np.testing.assert_allclose(logits, expected[1], atol=1e-6)
        assert (extractor.feature_dim, extractor.num_classes, extractor.image_shape) == (5, 3, (8, 8, 1))

    def test_the_hash_is_that_of_the_weights_file(self, classifier_folder):
        files = presets.metadata(classifier_folder)["files"]
        assert metrics.extractor(classifier_folder).sha256 == files["model.weights.h5"]["sha256"]

    def test_released_ones_come_by_name(self):
        extractor = metrics.extractor("classifier_mnist")
        assert (extractor.name, extractor.feature_dim, extractor.resizing) == ("classifier_mnist", 128, None)

    def test_a_preset_without_features_is_refused(self, tmp_path):
        models.GAN((8, 8, 1), 4, width=2).save_to_preset(tmp_path / "gan")
        with pytest.raises(ValueError, match=r"such as classifier_fashion_mnist .*gan', a GAN"):
            metrics.extractor(tmp_path / "gan")

    def test_an_extractor_stays_what_it_is(self, classifier_folder):
        extractor = metrics.extractor(classifier_folder)
        assert metrics.extractor(extractor) is extractor


@pytest.fixture
def inception_folder(tmp_path, monkeypatch):
    """Folder of a SavedModel that answers as the Inception module does, with means of some of the pixels."""
    tf = pytest.importorskip("tensorflow")

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.matrix = tf.Variable([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])

        @tf.function(input_signature=[tf.TensorSpec((None, 299, 299, 3), "float32")])
        def __call__(self, images):
            pooled = tf.reduce_mean(images[:, 11::23, 11::23], axis=(1, 2), keepdims=True)
            return {"pool_3": pooled, "logits": tf.squeeze(pooled, (1, 2)) @ self.matrix}

    folder = tmp_path / "inception"
    tf.saved_model.save(Module(), str(folder))
    monkeypatch.setenv("KERAS_GENZOO_INCEPTION", str(folder))
    return folder


class TestInception:
    @pytest.mark.slow
    def test_images_arrive_at_299_pixels_in_colour(self, inception_folder):
        images = support.toy_images(3, (299, 299, 3))
        images[..., 1] *= 0.5
        extractor = metrics.extractor("inception")
        features, logits = extractor(images)
        assert (extractor.feature_dim, features.shape, logits.shape) == (3, (3, 3), (3, 2))
        np.testing.assert_allclose(features, images[:, 11::23, 11::23].mean(axis=(1, 2)), atol=1e-5)
        np.testing.assert_allclose(logits, features @ [[1, 0], [0, 1], [1, -1]], atol=1e-5)

    def test_small_grey_uint8_images_are_normalised_repeated_and_resized(self, inception_folder):
        levels = np.array([0, 255, 51], "uint8")
        images = np.ones((3, 28, 28, 1), "uint8") * levels[:, None, None, None]
        features, _ = metrics.extractor("inception")(images)
        np.testing.assert_allclose(features, np.repeat([[-1], [1], [-0.6]], 3, axis=1), atol=1e-5)

    def test_resizing_is_bilinear(self, inception_folder):
        images = np.repeat(np.array([[[[-1.0], [1.0]]]], "float32"), 2, axis=1)
        extractor = metrics.extractor("inception")
        assert extractor.resizing == "bilinear to 299x299, not antialiased"
        enlarged = np.asarray(extractor.in_colour(images))[0, 0, :, 0]
        # Half-pixel centres: output pixel i lies at (i + 1/2) 2 / 299 - 1/2 between the columns 0 and 1.
        place = np.clip((np.arange(299) + 0.5) * 2 / 299 - 0.5, 0, 1)
        np.testing.assert_allclose(enlarged, 2 * place - 1, atol=1e-4)

    def test_the_hash_is_what_sha256sum_prints(self, inception_folder):
        command = "find * -type f | LC_ALL=C sort | xargs sha256sum"
        listing = subprocess.run(
            ["bash", "-c", f"({command}) | sha256sum"], cwd=inception_folder, capture_output=True, check=True
        )
        assert listing.stdout.decode().split()[0] == metrics.extractor("inception").sha256

    def test_the_hash_sees_content_and_names(self, tmp_path):
        hashes = set()
        for path, content in (("a", "x"), ("a", "y"), ("b", "y"), ("sub/b", "y")):
            folder = tmp_path / str(len(hashes))
            (folder / path).parent.mkdir(parents=True)
            (folder / path).write_text(content)
            hashes.add(sha256_of_folder(folder))
        assert len(hashes) == 4

    def test_a_given_hash_must_agree(self, inception_folder, monkeypatch):
        monkeypatch.setenv("KERAS_GENZOO_INCEPTION_SHA256", sha256_of_folder(inception_folder))
        metrics.extractor("inception")
        with (inception_folder / "saved_model.pb").open("ab") as file:
            file.write(b" ")
        with pytest.raises(ValueError, match=r"has the sha256 \w{64}, but `KERAS_GENZOO_INCEPTION_SHA256`"):
            metrics.extractor("inception")

    def test_a_folder_without_a_module_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_GENZOO_INCEPTION", str(tmp_path))
        with pytest.raises(
            ValueError, match=r"`KERAS_GENZOO_INCEPTION` must be the folder of the SavedModel"
        ):
            metrics.extractor("inception")

    def test_it_is_downloaded_once(self, inception_folder, tmp_path, monkeypatch):
        expected = metrics.extractor("inception").sha256
        with tarfile.open(tmp_path / "module.tar.gz", "w:gz") as archive:
            archive.add(inception_folder, ".")
        monkeypatch.delenv("KERAS_GENZOO_INCEPTION")
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
        monkeypatch.setattr(extractors, "INCEPTION_URL", (tmp_path / "module.tar.gz").as_uri())
        for _ in range(2):
            extractor = metrics.extractor("inception")
            assert (extractor.sha256, extractor.feature_dim) == (expected, 3)
            (tmp_path / "module.tar.gz").unlink(missing_ok=True)
        assert [path.name for path in (tmp_path / "home" / "keras_genzoo").iterdir()] == ["inception"]

    @pytest.mark.filterwarnings("ignore:Could not extract archive")
    def test_without_a_network_the_message_names_the_way_out(self, tmp_path, monkeypatch):
        pytest.importorskip("tensorflow")
        monkeypatch.delenv("KERAS_GENZOO_INCEPTION", raising=False)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        page = tmp_path / "page.html"
        monkeypatch.setattr(extractors, "INCEPTION_URL", page.as_uri())
        with pytest.raises(ConnectionError, match=r"page\.html: .* set KERAS_GENZOO_INCEPTION"):
            metrics.extractor("inception")
        page.write_text("Log in first.")
        with pytest.raises(ConnectionError, match="the downloaded file is not the archive of a SavedModel"):
            metrics.extractor("inception")
        assert list((tmp_path / "keras_genzoo").iterdir()) == []


class TestKerasApplications:
    @pytest.mark.slow
    def test_features_are_the_networks_pooled_output(self, monkeypatch):
        # A smaller size than VGG16's own, for a fast test.
        monkeypatch.setitem(extractors._IMAGE_SIZES, "VGG16", 32)
        keras.utils.set_random_seed(0)
        extractor = extractors.KerasApplicationsExtractor("keras_applications/VGG16", weights=None)
        images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
        features, logits = extractor(images)

        keras.utils.set_random_seed(0)
        network = keras.applications.VGG16(
            include_top=False, weights=None, pooling="avg", input_shape=(32, 32, 3)
        )
        # Blue first, less the mean colour of ImageNet: what VGG16 was trained on.
        prepared = images[..., ::-1] - np.array([103.939, 116.779, 123.68], "float32")
        np.testing.assert_allclose(features, network.predict(prepared, verbose=0), rtol=1e-3, atol=1e-3)
        assert logits is None and not extractor.gives_logits
        assert extractor.feature_dim == 512
        assert len(extractor.sha256) == 64

    @pytest.mark.parametrize(("name", "size"), [("MobileNetV2", 224), ("Xception", 299)])
    def test_imagenet_weights_at_the_networks_own_size(self, name, size, monkeypatch):
        """Downloaded by Keras, so here only what it is asked for."""
        asked = {}

        def constructor(**arguments):
            asked.update(arguments)
            return keras.Sequential([keras.Input(arguments["input_shape"]), keras.layers.GlobalMaxPool2D()])

        monkeypatch.setattr(keras.applications, name, constructor)
        extractor = metrics.extractor(f"keras_applications/{name}")
        assert asked == {
            "include_top": False,
            "pooling": "avg",
            "weights": "imagenet",
            "input_shape": (size, size, 3),
        }
        assert extractor.resizing == f"bilinear to {size}x{size}, not antialiased"
        # White, as the preprocessing of both scales it.
        features, _ = extractor(np.full((1, 8, 8, 1), 255, "uint8"))
        np.testing.assert_allclose(features, [[1, 1, 1]])


@pytest.mark.parametrize(
    "name", ["keras_applications/MobileNet9", "classifier_mnits", "keras_applications/", 3]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=r"`extractor` must be 'effnet|`extractor` must be 'keras_app"):
        metrics.extractor(name)


class TestBadImages:
    def test_of_a_classifier(self, classifier_folder):
        extractor = metrics.extractor(classifier_folder)
        with pytest.raises(ValueError, match=r"`images` must have the shape \(num, 8, 8, 1\)"):
            extractor(np.zeros((8, 8, 1)))
        with pytest.raises(ValueError, match=r"looks like images in \[0, 1\]"):
            extractor(np.ones((2, 8, 8, 1)))

    def test_of_inception(self, inception_folder):
        extractor = metrics.extractor("inception")
        with pytest.raises(ValueError, match=r"\(num, height, width, 1 or 3\). Received: \(2, 8, 8, 4\)"):
            extractor(np.zeros((2, 8, 8, 4)))
        with pytest.raises(ValueError, match=r"looks like images in \[0, 1\]"):
            extractor(np.ones((2, 8, 8, 1)))
