"""What every model of the zoo shares, generative or not: checked data, and state that resumes."""

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, pixels
from keras_genzoo.presets import PresetModel


class ZooModel(PresetModel, keras.Model):
    """A `keras.Model` of images that refuses bad data, and whose weight files hold its random state.

    A subclass sets `image_shape` and `num_classes` (None where labels are not used), and builds all its layers
    in the constructor.
    """

    # Name of the logged loss that pays the generator for images taken for real, and for nothing else.
    adversarial_log = None

    @property
    def chance_level(self):
        """Float, the logged `discriminator_loss` in training where no image can be told from a generated one.

        None in a model without a discriminator, or where the loss has no such level: with a Wasserstein loss, or
        with a penalty on gradients that are too small.
        """
        return None

    def track_gradient_norms(self):
        """Adds norms of gradients to the logs of `fit`; a model trained by Keras' own step has none."""

    def preview_samples(self, num, seed):
        """Samples of a seed for looking at the model while it trains; None of a model that draws none."""
        return None

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`, after a check of the data.

        Args:
            x: Images, uint8 in [0, 255] or float in [-1, 1], as an array or a dataset of batches (with
                labels as a pair `(images, labels)`). Of a dataset the first batch is checked.
            y: Labels, ints from 0 to `num_classes - 1`, where `x` is an array and the model has classes.
            *args, **kwargs: As for `keras.Model.fit`.

        Raises:
            ValueError: If the images have the wrong shape or range, contain NaN, or do not fill a batch of
                one image a replica; if labels are missing or out of range; if there is no data.
        """
        self._check_data(x, y, *args, training=True, **kwargs)
        if not hasattr(x, "shape"):
            # Keras would warn at every call that it cannot shuffle a dataset of batches.
            kwargs.setdefault("shuffle", False)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`, after the checks of `fit`."""
        self._check_data(x, y, *args, training=False, **kwargs)
        return super().evaluate(x, y, *args, **kwargs)

    def _check_data(self, x, y, batch_size=None, *_, training, **__):
        images, labels, whole = _look_at(x, y)
        if images is None:
            return
        self._check_examples(images, labels)
        self._check_batches(x, len(images), (batch_size or 32) if whole else None, training)

    def _check_examples(self, images, labels):
        """Checks the images and labels that an array or a dataset's first batch holds."""
        if self.makes_points:
            self._check_points(images)
        else:
            check_images(images, self.image_shape, "x")
        if len(images) == 0:
            raise ValueError("`x` is empty: there is nothing to train on.")
        if not self.makes_points:
            pixels.check_range(images, "x")
        if self.num_classes:
            self._check_labels(labels, len(images), "y")

    @property
    def makes_points(self):
        """Whether a sample is a vector of any values, not an image."""
        return len(self.image_shape) == 1

    def _check_points(self, points):
        if points.ndim != 2 or points.shape[1:] != self.image_shape:
            raise ValueError(
                f"`x` must hold points, shape (batch, {self.image_shape[0]}). Received: {points.shape}"
            )
        if not np.issubdtype(points.dtype, np.floating) or not np.isfinite(points).all():
            raise ValueError(
                "`x` must hold finite float values. Received: dtype "
                f"{points.dtype}. Convert with `.astype('float32')`, and remove NaN."
            )

    def _check_batches(self, x, num, batch_size, training):
        """Checks that every batch can be split over the replicas.

        Args:
            x: The data.
            num: Number of images in an array, or in a dataset's first batch.
            batch_size: Number of images a batch of an array; None for a dataset.
            training: Whether the batches are for `fit`.
        """
        replicas = backends.num_replicas_of(self)
        smallest = num if batch_size is None else (num % batch_size or batch_size)
        if smallest < replicas:
            raise ValueError(
                f"A batch of {smallest} images cannot be split over {replicas} replicas. Raise the batch size, "
                "or drop the last partial batch (`drop_remainder=True`)."
            )
        known = batch_size is not None or has_fixed_batches(x) or self._coming_batch_sizes(x)
        if replicas > 1 and not known:
            raise ValueError(
                "`x` may end with a partial batch, which cannot be split evenly over replicas. Batch it with "
                "`drop_remainder=True`."
            )

    def _coming_batch_sizes(self, x):
        """Sizes of whole batches to come that the first does not show, where they are known."""
        return set()

    def _check_labels(self, labels, num, argument):
        if labels is None:
            raise ValueError(
                f"`{argument}` is missing: this model has {self.num_classes} classes. Give one int label from "
                f"0 to {self.num_classes - 1} an image."
            )
        labels = np.asarray(labels)
        if labels.shape != (num,) or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"`{argument}` must hold one int label an image, shape ({num},). Received: shape "
                f"{labels.shape}, dtype {labels.dtype}."
            )
        if labels.size and not (0 <= labels.min() and labels.max() < self.num_classes):
            raise ValueError(
                f"`{argument}` must lie from 0 to {self.num_classes - 1}. Received labels from "
                f"{labels.min()} to {labels.max()}."
            )
        return labels.astype("int32")

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras 3.15 takes a batch away to build what is unbuilt, and fails on that of several workers. Here
        # the constructor and `compile` have built everything.
        pass

    def build_from_config(self, config):
        """The constructor has built the networks."""

    def save_own_variables(self, store):
        # Keras leaves seeds out of weight files; without them a resumed run would repeat its noise.
        super().save_own_variables(store)
        for index, seed in enumerate(self._seed_states()):
            store[f"seed_{index}"] = ops.convert_to_numpy(seed)

    def load_own_variables(self, store):
        rest = {name: store[name] for name in store.keys() if not name.startswith("seed_")}
        super().load_own_variables(rest)
        for index, seed in enumerate(self._seed_states()):
            seed.assign(store[f"seed_{index}"])

    def _seed_states(self):
        return [
            variable for variable in self.non_trainable_variables if variable.name == "seed_generator_state"
        ]


def check_images(images, image_shape, argument):
    """Refuses an array of images of another shape than a model was made for."""
    if images.ndim == 3:
        raise ValueError(
            f"`{argument}` must have the shape (batch, {', '.join(map(str, image_shape))}). Received: "
            f"{images.shape}. Add a channel axis to grey images (`images[..., None]`), or batch the dataset "
            "(`dataset.batch(64, drop_remainder=True)`)."
        )
    if images.ndim != 4 or images.shape[1:] != image_shape:
        raise ValueError(
            f"`{argument}` must have the shape (batch, {', '.join(map(str, image_shape))}), which this model "
            f"was made for. Received: {images.shape}. Load the images at that size and number of "
            f"channels, or make the model with image_shape={tuple(images.shape[1:])}."
        )


def _look_at(x, y):
    """Returns `(images, labels, whole)` as NumPy arrays: all of an array's, or a dataset's first batch."""
    if x is None:
        raise ValueError("`x` is missing: give images, or a dataset of batches of images.")
    if isinstance(x, list | tuple):
        raise ValueError(
            f"`x` must be an array or a dataset. Received: a {type(x).__name__} of {len(x)}. Stack images with "
            "`numpy.stack(x)`, and pass labels as `y`."
        )
    if hasattr(x, "shape"):
        labels = None if y is None else ops.convert_to_numpy(y)
        return ops.convert_to_numpy(x), labels, True
    if isinstance(x, keras.utils.PyDataset):
        if len(x) == 0:
            raise ValueError("`x` is empty: the dataset has no batch.")
        batch = x[0]
    elif _is_tf_dataset(x):
        batch = next(iter(x.take(1)), None)
        if batch is None:
            raise ValueError(
                "`x` is empty: the dataset has no batch. With `drop_remainder=True` a set smaller than the "
                "batch size gives none."
            )
    else:
        # A generator's first batch cannot be looked at without taking it away.
        return None, None, False
    images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
    return ops.convert_to_numpy(images), None if labels is None else ops.convert_to_numpy(labels), False


def _is_tf_dataset(x):
    return hasattr(x, "take") and hasattr(x, "element_spec")


def has_fixed_batches(x):
    if not _is_tf_dataset(x):
        return True
    images, _, _ = keras.utils.unpack_x_y_sample_weight(x.element_spec)
    return images.shape[0] is not None
