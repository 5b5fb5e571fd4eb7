"""A small image classifier, used by the metrics of samples of MNIST and Fashion-MNIST."""

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
    """Mixin of models with a `reading_network` that maps images in [-1, 1] to features and logits."""

    def features_and_logits(self, images):
        """Computes features and logits of a tensor of images, uint8 or float in [-1, 1]: two float32 tensors."""
        outputs = self.reading_network(pixels.normalize(images), training=False)
        return tuple(ops.cast(output, "float32") for output in outputs)

    @checked
    def predict_features(self, images, batch_size: PositiveInt = 500):
        """Computes features and logits of images.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            batch_size: Positive int, number of images at once.

        Returns:
            Tuple of float32 NumPy arrays `(num, feature_dim)` and `(num, num_classes)`.

        Raises:
            ValueError: If the images have the wrong shape or range.
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
        """Returns the signatures of `ZooModel.signatures` from images to logits and features."""

        def classify(images):
            features, logits = self.features_and_logits(images)
            return {"logits": logits, "features": features}

        return {
            name: (classify, {"images": keras.KerasTensor((None, *self.image_shape), dtype)})
            for name, dtype in (("classify", "uint8"), ("classify_float32", "float32"))
        }

    def exported_reader(self, batch_size=None):
        """Returns the network of `ZooModel.exported_networks` from images to logits and features."""
        images = keras.Input(self.image_shape, batch_size=batch_size, name="images")
        features, logits = self.reading_network(images, training=False)
        return keras.Model(images, {"logits": logits, "features": features})


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Classifier(PredictsFeatures, ZooModel):
    """A convolutional classifier whose last hidden layer provides the features for metrics of samples.

    It has three 3x3 convolutions with ReLU (the first two followed by 2x2 max pooling), a dense layer with
    ReLU (the features), dropout 0.5, and a dense layer (the logits).

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Positive int.
        filters: Sequence of three positive ints, channels of the convolutions.
        feature_dim: Positive int, length of the features.
        **kwargs: As for `keras.Model`.

    Call arguments:
        images: `(batch, height, width, channels)`, uint8 in [0, 255] or float in [-1, 1].

    Returns:
        Float32 logits `(batch, num_classes)`.

    Raises:
        ValueError: If an argument is out of its range or has the wrong form.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    labels = np.arange(8) % 4
    classifier = kg.models.Classifier(image_shape=(8, 8, 1), num_classes=4)
    classifier.compile()
    classifier.fit(images, labels, batch_size=8, epochs=1)
    features, logits = classifier.predict_features(images)  # (8, 128) and (8, 4)
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
        """Dict of the network, which outputs features and logits."""
        return {"network": self.network}

    def default_measures(self):
        return ("test_accuracy",)

    def call(self, images, training=False):
        return self.network(pixels.normalize(images), training=training)[1]

    def compile(self, optimizer=None, loss=None, metrics=("accuracy",), **kwargs):
        """Configures the model for training, as `keras.Model.compile`.

        Args:
            optimizer: `keras.optimizers.Optimizer`. Defaults to Adam with learning rate 1e-3.
            loss: Loss as for `keras.Model.compile`. Defaults to cross-entropy on logits.
            metrics: List of metrics as for `keras.Model.compile`.
            **kwargs: As for `keras.Model.compile`.
        """
        with backends.strategy_scope(self):
            super().compile(
                optimizer=optimizer or keras.optimizers.Adam(1e-3),
                loss=loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=list(metrics),
                **kwargs,
            )
            # Built here, because `fit` does not: a resumed run needs the optimizer's state, a strategy the metrics.
            keras_private.build_for_training(
                self, keras.KerasTensor((None, *self.image_shape)), keras.KerasTensor((None,), "int32")
            )

    def compile_from_config(self, config):
        # Keras does not compile models that override `compile`.
        self.compile(**keras.saving.deserialize_keras_object(config))

    @property
    def optimizers(self):
        """Dict of the optimizer of a compiled model."""
        return {"optimizer": self.optimizer}

    @property
    def reading_network(self):
        return self.network

    def signatures(self):
        """As `ZooModel.signatures`: logits and features from images."""
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
