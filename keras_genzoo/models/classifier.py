"""A small image classifier: what the zoo's cards measure samples of digits and clothes with."""

from typing import ClassVar

import keras
from keras import layers, ops

from keras_genzoo import backends, modalities
from keras_genzoo.arguments import PositiveInt, PositiveInts, array, checked
from keras_genzoo.backends import keras_private
from keras_genzoo.images import pixels
from keras_genzoo.layers import Dropout
from keras_genzoo.models.zoo_model import ZooModel


class PredictsFeatures:
    """A model that reads images by its `reading_network`, from images in [-1, 1] to features and logits."""

    def features_and_logits(self, images):
        """Features and logits of a tensor of images, uint8 or float in [-1, 1]: two float32 tensors."""
        outputs = self.reading_network(pixels.normalize(images), training=False)
        return tuple(ops.cast(output, "float32") for output in outputs)

    @checked
    def predict_features(self, images, batch_size: PositiveInt = 500):
        """Computes features and logits.

        Args:
            images: NumPy array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            batch_size: Int.

        Returns:
            Tuple of float32 NumPy arrays `(num, feature_dim)` and `(num, num_classes)`.
        """
        images = array("images", images)
        if images.shape[1:] != self.image_shape or not len(images):
            raise ValueError(
                f"`images` must have the shape (num, {', '.join(map(str, self.image_shape))}). "
                f"Received: {images.shape}"
            )
        pixels.check_range(images, "images")
        return self.in_batches(self.features_and_logits, [pixels.as_input(images)], batch_size)

    def signatures_of_reading(self):
        """Those of `ZooModel.signatures` that go from images to logits and features."""

        def classify(images):
            features, logits = self.features_and_logits(images)
            return {"logits": logits, "features": features}

        return {
            name: (classify, {"images": keras.KerasTensor((None, *self.image_shape), dtype)})
            for name, dtype in (("classify", "uint8"), ("classify_float32", "float32"))
        }

    def exported_reader(self, batch_size=None):
        """The network of `ZooModel.exported_networks` that reads images."""
        images = keras.Input(self.image_shape, batch_size=batch_size, name="images")
        features, logits = self.reading_network(images, training=False)
        return keras.Model(images, {"logits": logits, "features": features})


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Classifier(PredictsFeatures, ZooModel):
    """A convolutional classifier whose last hidden layer gives the features of the zoo's measures.

    Three 3x3 convolutions with ReLU (the first two followed by 2x2 max pooling), a dense layer of features
    with ReLU, dropout 0.5, and a dense layer of logits.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Int.
        filters: Sequence of three ints, channels of the convolutions.
        feature_dim: Int, length of the features.
        **kwargs: As for `keras.Model`.

    Call arguments:
        images: uint8 in [0, 255] or float in [-1, 1], `(batch, height, width, channels)`.

    Returns:
        Float32 logits `(batch, num_classes)`.

    Example:

    ```python
    classifier = keras_genzoo.models.Classifier.from_preset("classifier_mnist")
    features, logits = classifier.predict_features(images)
    ```
    """

    abilities = frozenset({"predict_features"})
    preset_usage: ClassVar = {
        "python": "labels = model.predict(images).argmax(-1)",
        "shell": "genzoo evaluate {name}",
    }

    @checked
    def __init__(
        self,
        image_shape,
        num_classes: PositiveInt,
        filters: PositiveInts = (32, 64, 128),
        feature_dim: PositiveInt = 128,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = modalities.of_shape(image_shape).shape
        self.num_classes = num_classes
        self.filters = tuple(filters)
        self.feature_dim = feature_dim
        images = keras.Input(self.image_shape, name="images")
        x = images
        for level, channels in enumerate(self.filters):
            x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
            if level < 2:
                x = layers.MaxPooling2D()(x)
        x = layers.Dense(feature_dim, activation="relu", name="hidden")(layers.Flatten()(x))
        features = layers.Activation("linear", dtype="float32", name="features")(x)
        logits = layers.Dense(num_classes, dtype="float32", name="logits")(Dropout(0.5)(features))
        self.network = keras.Model(images, [features, logits], name="network")
        self.built = True

    @property
    def networks(self):
        """Dict of the one network, which gives features and logits."""
        return {"network": self.network}

    def default_measures(self):
        return ("test_accuracy",)

    def call(self, images, training=False):
        return self.network(pixels.normalize(images), training=training)[1]

    def compile(self, optimizer=None, loss=None, metrics=("accuracy",), **kwargs):
        """As `keras.Model.compile`; by default Adam (1e-3), cross-entropy on logits, and accuracy."""
        with backends.strategy_scope(self):
            super().compile(
                optimizer=optimizer or keras.optimizers.Adam(1e-3),
                loss=loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=list(metrics),
                **kwargs,
            )
            # Now, since `fit` does not: an optimizer has a state to resume into, and metrics work under a strategy.
            keras_private.build_for_training(
                self, keras.KerasTensor((None, *self.image_shape)), keras.KerasTensor((None,), "int32")
            )

    def compile_from_config(self, config):
        # Keras compiles no model with a `compile` of its own.
        self.compile(**keras.saving.deserialize_keras_object(config))

    @property
    def optimizers(self):
        """Dict of the one optimizer of a compiled model."""
        return {"optimizer": self.optimizer}

    @property
    def reading_network(self):
        return self.network

    def signatures(self):
        """As `ZooModel.signatures`: from images to logits and features."""
        return self.signatures_of_reading()

    def exported_networks(self, batch_size=None):
        return {"classify": self.exported_reader(batch_size)}

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "filters": self.filters,
            "feature_dim": self.feature_dim,
        }
