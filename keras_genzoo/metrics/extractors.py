"""Feature extractors: networks that map images to the features that the measures compare."""

import hashlib
import os
import types
from pathlib import Path
from typing import Any, ClassVar, cast

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike
from PIL import Image

from keras_genzoo import disk, models, presets
from keras_genzoo.images import pixels
from keras_genzoo.metrics import efficientnet
from keras_genzoo.presets.folders import WEIGHTS, fingerprint
from keras_genzoo.presets.resolution import cache_folder

INCEPTION_URL = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1?tf-hub-format=compressed"
SAVED_MODEL = "saved_model.pb"


def extractor(name: "str | os.PathLike | Extractor") -> "Extractor":
    """Loads a feature extractor.

    | name | network | names of the results |
    | --- | --- | --- |
    | a `Classifier` preset (name, folder or address), such as `"classifier_mnist"` | the preset | `classifier_...` |
    | `"effnet_lite0_224_pool1280"` | EfficientNet-Lite0, included in the package | as in `evaluate` |
    | `"inception"` | the network of the original FID, published by TF-GAN | `..._inception_distance` |
    | `"keras_applications/MobileNetV2"` or another name | ImageNet weights of Keras | as in `evaluate` |

    Args:
        name: String or path, see the table. An `Extractor` is returned unchanged.

    Returns:
        `Extractor`.

    Raises:
        ValueError: If the name is unknown, or the SHA-256 of a file differs from the expected one.
        ImportError: If the name is `"inception"` and TensorFlow is not installed.
        OSError: If the files are not on this machine and cannot be downloaded.

    Example:

    ```python
    features, logits = keras_genzoo.metrics.extractor("classifier_mnist")(images)
    ```
    """
    if isinstance(name, Extractor):
        return name
    if name == "inception":
        return InceptionExtractor()
    if name == EfficientNetExtractor.name:
        return EfficientNetExtractor()
    if str(name).startswith("keras_applications/"):
        return KerasApplicationsExtractor(str(name))
    is_preset = str(name) in presets.names() or "://" in str(name)
    if isinstance(name, str | os.PathLike) and (is_preset or Path(name).is_dir()):
        return ClassifierExtractor(name)
    raise ValueError(
        f"`extractor` must be {EfficientNetExtractor.name!r}, 'inception', 'keras_applications/NAME', one of "
        f"{_classifiers()}, or the folder of a `Classifier` preset. Received: {name!r}"
    )


def _classifiers():
    return [name for name in presets.names() if name.startswith("classifier_")]


class Extractor:
    """Base class of feature extractors. Subclasses set the attributes and implement `__call__`.

    Attributes:
        name: String, recorded in the protocol.
        sha256: String, hash of the weights, recorded in the protocol.
        feature_dim: Int, length of a feature vector.
        resizing: String, recorded in the protocol, or None if images are not resized.
        metric_names: Dict that maps names of measures to the names of their results, where these differ.
        gives_logits: Bool, whether logits are returned.
        image_shape: Tuple `(height, width, channels)`, the only accepted shape, or None.
        num_classes: Int, number of classes of the logits, or None.
    """

    metric_names: ClassVar[dict[str, str]] = {}
    resizing: str | None = None
    gives_logits = False
    image_shape = None
    num_classes = None

    def __call__(self, images: ArrayLike) -> tuple[np.ndarray, np.ndarray | None]:
        """Computes the features, and the logits if there are any, of images.

        Args:
            images: Array `(num, height, width, channels)`, uint8 in [0, 255] or float in [-1, 1].

        Returns:
            Tuple of float32 NumPy arrays: features `(num, feature_dim)`, and logits `(num, num_classes)` or None.

        Raises:
            ValueError: If the shape or range of the images is invalid.
        """
        raise NotImplementedError


class ClassifierExtractor(Extractor):
    """The last hidden layer and the logits of a `Classifier` preset.

    Args:
        name: Name or folder of the preset.
    """

    metric_names: ClassVar[dict[str, str]] = {
        "frechet_distance": "classifier_frechet_distance",
        "kernel_distance": "classifier_kernel_distance",
        "inception_score": "classifier_score",
    }
    gives_logits = True

    def __init__(self, name):
        self._classifier = cast(Any, models.load(name))
        if "predict_features" not in self._classifier.abilities:
            raise ValueError(
                f"`extractor` must be a `Classifier` preset, such as {' or '.join(_classifiers())}. Received: "
                f"{str(name)!r}, a {type(self._classifier).__name__}."
            )
        self.name = str(name)
        self.sha256 = presets.metadata(name)["files"][WEIGHTS]["sha256"]
        self.feature_dim = self._classifier.feature_dim
        self.image_shape = self._classifier.image_shape
        self.num_classes = self._classifier.num_classes

    def __call__(self, images):
        return self._classifier.predict_features(np.asarray(images))


class _ColourExtractor(Extractor):
    """Base class of extractors for color images of one size.

    Other images are resized, and gray images are repeated in three channels. Subclasses set `image_size` and
    implement `features_of`.
    """

    image_size: int
    # Batch size: 50 images of Inception's size take 54 MB, and the network's activations several times that.
    batch_size = 50

    @property
    def resizing(self):  # type: ignore[override]
        return f"bilinear to {self.image_size}x{self.image_size}, not antialiased"

    def __call__(self, images):
        images = np.asarray(images)
        if images.ndim != 4 or not len(images) or images.shape[-1] not in (1, 3):
            raise ValueError(
                f"`images` must have the shape (num, height, width, 1 or 3). Received: {images.shape}"
            )
        pixels.check_range(images, "images")
        starts = range(0, len(images), self.batch_size)
        parts = [self.features_of(images[start : start + self.batch_size]) for start in starts]
        features, logits = zip(*parts, strict=True)
        return np.concatenate(features), np.concatenate(logits) if self.gives_logits else None

    def features_of(self, images):
        """Returns the features of a batch, and its logits or None, as NumPy arrays."""
        raise NotImplementedError

    def in_colour(self, images):
        """Returns the images of a batch in the network's size and channels, in [-1, 1]."""
        images = ops.image.resize(
            pixels.normalize(images),
            (self.image_size, self.image_size),
            interpolation="bilinear",
            antialias=False,
            data_format="channels_last",
        )
        return ops.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


class EfficientNetExtractor(_ColourExtractor):
    """The 1,280 features of EfficientNet-Lite0, trained on ImageNet, for natural images.

    A picture is rounded to 8 bits and resized to 224x224 with Pillow's bicubic filter, without preserving the aspect
    ratio. Frechet distances of these features are not FID. For fewer than about 5,000 images, use `kernel_distance`
    and compare with `real_to_real`.

    Raises:
        ValueError: If the file of the weights is damaged.
    """

    name = "effnet_lite0_224_pool1280"
    image_size = 224
    resizing = "bicubic to 224x224, antialiased"
    feature_dim = efficientnet.FEATURE_DIM
    sha256 = efficientnet.WEIGHTS_SHA256

    def __init__(self):
        if fingerprint(efficientnet.WEIGHTS)["sha256"] != self.sha256:
            raise ValueError(f"{efficientnet.WEIGHTS} is damaged. Install keras_genzoo again.")
        self._network = efficientnet.efficientnet_lite0()

    def in_colour(self, images):
        size = (self.image_size, self.image_size)
        # Pillow expects gray pictures without a channel axis.
        pictures = [Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image) for image in images]
        return np.stack(
            [np.asarray(each.resize(size, Image.Resampling.BICUBIC).convert("RGB")) for each in pictures]
        )

    def features_of(self, images):
        inputs = (self.in_colour(pixels.to_uint8(images)).astype("float32") - 127.0) / 128.0
        return self._network.predict_on_batch(inputs), None


class InceptionExtractor(_ColourExtractor):
    """The Inception network of the original FID, a SavedModel that TF-GAN publishes on TensorFlow Hub.

    It is downloaded at first use to the folder `keras_genzoo/inception` in Keras' home folder. On a machine without a
    network, set the environment variable `KERAS_GENZOO_INCEPTION` to the folder of a copy. There is no published hash
    of the SavedModel to compare with. The protocol records the hash of the files that were used; set
    `KERAS_GENZOO_INCEPTION_SHA256` to require a hash. It is the hash of the list that `sha256sum` prints:

    ```shell
    (cd FOLDER; find * -type f | LC_ALL=C sort | xargs sha256sum) | sha256sum
    ```

    Images are resized to 299x299 (bilinear, not antialiased), as in TF-GAN's examples, without prior rounding to
    8 bits.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If `KERAS_GENZOO_INCEPTION` is not the folder of the SavedModel, or its hash differs from
            `KERAS_GENZOO_INCEPTION_SHA256`.
        OSError: If the SavedModel cannot be downloaded.

    Reference: Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium"
    (arXiv:1706.08500); Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision"
    (arXiv:1512.00567).
    """

    name = "inception"
    image_size = 299
    metric_names: ClassVar[dict[str, str]] = {
        "frechet_distance": "frechet_inception_distance",
        "kernel_distance": "kernel_inception_distance",
    }
    gives_logits = True

    def __init__(self):
        try:
            import tensorflow as tf
        except ImportError as error:
            raise ImportError(
                f"The extractor 'inception' requires TensorFlow, which could not be imported ({error}). Install it "
                "with `pip install tensorflow`."
            ) from error
        folder = os.environ.get("KERAS_GENZOO_INCEPTION")
        if folder and not (Path(folder) / SAVED_MODEL).is_file():
            raise ValueError(
                f"`KERAS_GENZOO_INCEPTION` must be the folder of the SavedModel, which contains {SAVED_MODEL}. "
                f"Received: {folder!r}. Unset it to download {INCEPTION_URL}."
            )
        folder = folder or _downloaded()
        self.sha256 = sha256_of_folder(folder)
        expected = os.environ.get("KERAS_GENZOO_INCEPTION_SHA256")
        if expected and expected.lower() != self.sha256:
            raise ValueError(
                f"The SavedModel in {folder} has the sha256 {self.sha256}, but "
                f"`KERAS_GENZOO_INCEPTION_SHA256` is {expected!r}. Delete the folder to download it again, or "
                "correct the environment variable."
            )
        self._module = tf.saved_model.load(str(folder))
        self.feature_dim = self.features_of(np.zeros((1, 299, 299, 3), "float32"))[0].shape[1]

    def features_of(self, images):
        # Converted to NumPy: the SavedModel runs in TensorFlow on every backend.
        outputs = self._module(ops.convert_to_numpy(self.in_colour(images)))
        return tuple(np.asarray(outputs[name]).reshape(len(images), -1) for name in ("pool_3", "logits"))


class KerasApplicationsExtractor(_ColourExtractor):
    """A network of `keras.applications` with ImageNet weights, without its top layers, and with average pooling.

    The hash is that of the values of the weights, in the order of `get_weights()`.

    Args:
        name: String, `"keras_applications/"` followed by the name of the constructor.
        weights: `"imagenet"`, which Keras downloads at first use, the path of a weights file, or None for random
            weights.

    Raises:
        ValueError: If there is no such network.
    """

    def __init__(self, name, weights="imagenet"):
        constructor_name = name.removeprefix("keras_applications/")
        # Unlike all others, the module of MobileNetV3 does not contain the constructors.
        modules = [
            module
            for module_name, module in vars(keras.applications).items()
            if isinstance(module, types.ModuleType)
            and (
                hasattr(module, constructor_name)
                or (module_name == "mobilenet_v3" and constructor_name.startswith("MobileNetV3"))
            )
        ]
        constructor = getattr(keras.applications, constructor_name, None)
        if not modules or constructor is None:
            raise ValueError(
                "`extractor` must be 'keras_applications/' followed by the name of a network, such as "
                f"'keras_applications/MobileNetV2'. Received: {name!r}"
            )
        self.name = name
        self.image_size = _IMAGE_SIZES.get(constructor_name, 224)
        self._preprocess = modules[0].preprocess_input
        self._network = constructor(
            include_top=False,
            pooling="avg",
            weights=weights,
            input_shape=(self.image_size, self.image_size, 3),
        )
        self.feature_dim = self._network.output_shape[-1]
        digest = hashlib.sha256()
        for values in self._network.get_weights():
            digest.update(np.ascontiguousarray(values).data)
        self.sha256 = digest.hexdigest()

    def features_of(self, images):
        grey_levels = (self.in_colour(images) + 1.0) * 127.5
        return self._network.predict_on_batch(self._preprocess(grey_levels)).astype("float32"), None


# Training image sizes of `keras.applications` other than 224.
_IMAGE_SIZES = {
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "EfficientNetV2M": 480,
    "EfficientNetV2L": 480,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "NASNetLarge": 331,
    "Xception": 299,
}


def sha256_of_folder(folder: str | os.PathLike) -> str:
    """Returns the SHA-256 of the `sha256sum` lines of a folder's files, sorted by path; see `InceptionExtractor`."""
    files = {path.relative_to(folder).as_posix(): path for path in Path(folder).rglob("*") if path.is_file()}
    lines = [f"{fingerprint(files[name])['sha256']}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _downloaded() -> Path:
    """Returns the folder of the SavedModel in the cache, after downloading it if necessary."""
    folder = cache_folder() / "inception"
    if (folder / SAVED_MODEL).is_file():
        return folder
    with disk.unfinished_folder(folder, "Set KERAS_HOME to a writable folder.") as fresh:
        try:
            archive = {"extract": True, "archive_format": "tar"}
            keras.utils.get_file("inception", INCEPTION_URL, cache_dir=str(fresh), cache_subdir="", **archive)
            if not (fresh / "inception" / SAVED_MODEL).is_file():
                raise ValueError("the downloaded file is not the archive of a SavedModel")
        # `get_file` raises a bare Exception for HTTP errors.
        except Exception as error:
            raise ConnectionError(
                f"Could not download {INCEPTION_URL}: {error}. On a machine without a network, set "
                "KERAS_GENZOO_INCEPTION to the folder of a copy of the SavedModel."
            ) from error
        disk.replace_folder(folder, fresh / "inception")
    return folder
