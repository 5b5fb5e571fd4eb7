"""The base class of families that generate images from latents: latents, sampling and export."""

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, latent
from keras_genzoo.arguments import (
    OptionalNonNegative,
    OptionalPositiveInt,
    OptionalSeed,
    PositiveInt,
    Seed,
    array,
    checked,
)
from keras_genzoo.backends import keras_private
from keras_genzoo.modalities import Summary
from keras_genzoo.models.generative_model import GenerativeModel
from keras_genzoo.models.options import NamedDirections, checked_options, named_directions

# Largest number of samples per request to an exported model.
MAX_SERVED = 1024


class LatentModel(GenerativeModel):
    """A generative model with a network that generates images from latents.

    Args:
        image_shape, num_classes, average_decay, average_half_life, seed, **kwargs: As for `GenerativeModel`.
        latent_dim: Positive int, length of a latent.
        directions: Dict that maps names to `keras_genzoo.editing.Directions` of one direction each, or None.
            Presets and `.keras` files save them. More can be added to the attribute `directions` at any time.

    Raises:
        ValueError: If an argument is out of its range or has the wrong form.
    """

    abilities = frozenset({"sample"})
    known_priors = ("standard",)
    # Name of the network that generates images. Set by each family.
    image_network = "generator"
    # Name of the exported signature from latents to images.
    image_signature = "generate"
    # Whether the codes that `keras_genzoo.editing` moves differ from the latents.
    maps_latents = False

    @checked_options
    def __init__(self, *, latent_dim: PositiveInt, directions: NamedDirections = None, **kwargs):
        super().__init__(**kwargs)
        self.directions = directions

    @property
    def latent(self):
        """Distribution of the latents."""
        return latent.Normal(self.latent_dim)

    @property
    def image_networks(self):
        return (self.image_network,)

    @property
    def averaged_network(self):
        """The average of the network that generates images, or None without an average."""
        return self.averages.get(self.image_network)

    @property
    def sampling_network(self):
        """The network used for sampling: the average if there is one."""
        return self.averaged_network or getattr(self, self.image_network)

    @property
    def preset_usage(self):
        """Usage examples for the card of a preset."""
        if not self.condition:
            return super().preset_usage
        label = min(3, self.condition.num_classes - 1)
        return {
            "python": f"images = model.sample(16, seed=0, labels={label})",
            "shell": "genzoo sample {name}             # all classes in turn\n"
            f"genzoo sample {{name}} --label {label}",
        }

    # The parts of a training step.

    def unpack(self, data):
        """Splits a batch into float32 images in [-1, 1] and labels (None without classes)."""
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        images = self.modality.scale(images)
        return images, ops.convert_to_tensor(labels) if self.condition else None

    def draw_latents(self, num):
        """Draws latents for training, float32 `(num, latent_dim)`."""
        return self.latent.draw(num, self.noise)

    # Using a trained model.

    def call(self, inputs, training=False):
        return self.sampling_network(inputs, training=training)

    def images_from_latents(self, latents, labels=None):
        """Generates images in [-1, 1] with the sampling network.

        Args:
            latents: Float32 tensor `(num, latent_dim)`.
            labels: Int tensor `(num,)` for a conditional model, otherwise None.

        Returns:
            Float32 tensor of images.
        """
        inputs = latents if labels is None else [latents, labels]
        return ops.cast(self.sampling_network(inputs, training=False), "float32")

    # Editing: see `keras_genzoo.editing`.

    def codes_from_latents(self, latents, labels=None):
        """Computes the codes that `keras_genzoo.editing` moves: the latents, or the output of a mapping
        network.

        Args:
            latents: Float32 tensor `(num, latent_dim)`.
            labels: Int tensor `(num,)` for a conditional model, otherwise None.

        Returns:
            Float32 tensor `(num, code_dim)`.
        """
        return latents

    def images_from_codes(self, codes, labels=None):
        """Generates images in [-1, 1] from a tensor of codes, float32."""
        return self.images_from_latents(codes, labels)

    def nearest_codes(self, codes):
        """Projects a tensor onto the codes that samples can have."""
        return self.latent.nearest(codes)

    def mean_code(self):
        """Returns the mean of the codes of samples, a float32 NumPy array `(code_dim,)`."""
        return np.full(self.latent_dim, self.latent.mean, "float32")

    def weights_of_codes(self):
        """Returns the weights that are first applied to the codes: a list of matrices `(code_dim, ...)`."""
        network_layers = keras_private.layers_of(self.sampling_network)
        layer = next((each for each in network_layers if getattr(each, "kernel", None) is not None), None)
        # The kernel of a transposed convolution has the input channels last.
        axis = -1 if isinstance(layer, keras.layers.Conv2DTranspose) else -2
        if layer is None or layer.kernel.shape[axis] < self.latent_dim:
            return []
        matrix = np.moveaxis(ops.convert_to_numpy(layer.kernel), axis, 0).reshape(
            layer.kernel.shape[axis], -1
        )
        # The labels follow the latents.
        return [matrix[: self.latent_dim]]

    def latents_from_seed(self, num, seed):
        """Draws the latents of `sample`, a pure function of the seed, with tensors and in exports, too.

        Args:
            num: Int or scalar tensor, number of latents.
            seed: Int or scalar integer tensor, from 0 to 2**32 - 1.

        Returns:
            Float32 tensor `(num, latent_dim)`.
        """
        return self.latent.from_seed(num, seed)

    @checked
    def sample(
        self,
        num: OptionalPositiveInt = None,
        seed: OptionalSeed = None,
        latents=None,
        labels=None,
        batch_size: PositiveInt = 64,
        truncation: OptionalNonNegative = None,
    ):
        """Generates images.

        Args:
            num: Positive int, number of images. Defaults to the number of latents or labels.
            seed: Int from 0 to 2**32 - 1. The same seed gives the same images on every backend, and the first
                `k` images do not depend on `num`. Defaults to a random seed.
            latents: Float array `(num, latent_dim)` to use instead of random latents.
            labels: Int array `(num,)`, or one int for all images. Required for a conditional model.
            batch_size: Positive int, number of images generated at once.
            truncation: Float of at least 0, factor of the distance of the latents from their mean. Below 1,
                images are less diverse, and often better. Defaults to no truncation.

        Returns:
            Float32 NumPy array `(num, height, width, channels)` in [-1, 1], or `(num, num_features)` for
            points.

        Raises:
            ValueError: If the number of images is not given, or the arguments are out of range or do not
                match each other or the model.

        Example:

        ```python
        import keras_genzoo as kg

        gan = kg.models.ACGAN(image_shape=(8, 8, 1), num_classes=10, width=4)
        images = gan.sample(4, seed=0, labels=3)  # float32 (4, 8, 8, 1) in [-1, 1]
        ```
        """
        latents = self.latents_of_call(num, seed, latents, labels)
        if truncation is not None:
            latents = self.truncated(latents, truncation)
        return self.images_of(latents, labels, batch_size)

    def latents_of_call(self, num, seed, latents, labels):
        """As `latents_to_sample`; the number of labels is the default of `num`."""
        if num is None and latents is None and np.ndim(labels):
            num = len(labels)
        return self.latents_to_sample(num, seed, latents)

    def truncated(self, latents, truncation):
        """Moves latents towards their mean, as `sample` does; returns a float32 NumPy array."""
        mean = self.mean_code()
        return (mean + truncation * (latents - mean)).astype("float32")

    def images_of(self, latents, labels, batch_size, **options):
        """Generates images from latents as `sample` does; other options are passed to `images_from_latents`."""
        inputs = [latents, *self.labels_of(labels, len(latents))]
        return self.in_batches(self.images_from_latents, inputs, batch_size, **options)

    def preview_samples(self, num, seed):
        return self.sample(num, seed=seed, labels=self.condition and self.condition.in_turn(num))

    @checked
    def preview(self, examples=None, seed: Seed = 0, num: OptionalPositiveInt = None):
        """As for `ZooModel`: samples. With classes, each column shows one class."""
        num = num or self.modality.num_shown
        columns = self.condition and self.condition.columns(num)
        return self.modality.show(self.preview_samples(num, seed), columns=columns, examples=examples)

    def check_drawable(self):
        self.modality.check_drawable()

    def default_measures(self):
        return self.modality.default_measures(self.condition)

    def labels_of(self, labels, num):
        """Checks the labels of `num` images.

        Returns:
            List of one int32 array `(num,)`, or an empty list for a model without classes.

        Raises:
            ValueError: If labels are missing, not supported, or invalid.
        """
        if not self.condition:
            if labels is not None:
                raise ValueError("`labels` was given, but this model was not trained with classes.")
            return []
        labels = None if labels is None else array("labels", labels)
        if labels is not None and labels.ndim == 0:
            labels = np.full(num, labels)
        self.condition.check(Summary.of(labels), "labels")
        if len(labels) != num:
            raise ValueError(f"`labels` must contain {num} labels, one per image. Received: {len(labels)}")
        return [labels.astype("int32")]

    def latents_to_sample(self, num, seed, latents, **drawing):
        """Checks the `latents` of `sample`, or draws them from `seed`: float32 `(num, latent_dim)`.

        Other arguments are passed to `latents_from_seed`.
        """
        if latents is not None:
            latents = array("latents", latents, "float32")
            self.latent.check(latents)
        if num is None:
            if latents is None:
                raise ValueError("`num` is missing: pass the number of images, for example `sample(16)`.")
            num = len(latents)
        if latents is None:
            seed = latent.fresh_seed() if seed is None else seed
            rows = np.empty((num, 0), "float32")
            latents = self.inference(self, self._drawn, [rows], seed=np.uint32(seed), **drawing)
        elif len(latents) != num:
            raise ValueError(f"`latents` has {len(latents)} rows, but `num` is {num}.")
        return latents

    def _drawn(self, rows, seed, **drawing):
        """As `latents_from_seed`, with as many rows as a tensor."""
        return self.latents_from_seed(ops.shape(rows)[0], seed, **drawing)

    def signatures(self):
        """As `ZooModel.signatures`: images from latents, and images from a seed."""

        def generate(latents, labels=None):
            if labels is not None:
                labels = backends.checked_within(0, self.condition.num_classes - 1, labels, "labels")
            return {"images": self.images_from_latents(latents, labels)}

        generate = backends.graph_function(generate)

        def sample(num, seed, label=None):
            num = backends.checked_within(1, MAX_SERVED, num, "num")
            latents = self.latents_from_seed(num, backends.checked_within(0, 2**32 - 1, seed, "seed"))
            labels = [] if label is None else [ops.broadcast_to(label, (num,))]
            images = generate(latents, *labels)["images"]
            return {"images": self.modality.serve(images)}

        of_latents = {"latents": self.latent.spec}
        of_seed = {"num": keras.KerasTensor((), "int32"), "seed": keras.KerasTensor((), "int64")}
        if self.condition:
            of_latents["labels"] = self.condition.spec
            of_seed["label"] = keras.KerasTensor((), "int32")
        return {self.image_signature: (generate, of_latents), "sample": (sample, of_seed)}

    def get_config(self):
        config = super().get_config()
        if self.directions:
            config["directions"] = {
                name: [np.asarray(values).tolist() for values in found]
                # The attribute may contain unchecked entries.
                for name, found in named_directions("directions", self.directions).items()
            }
        return config

    def exported_networks(self, batch_size=None):
        """As for `ZooModel`. A model with a mapping network also has `edit`, which adds `shift` to the codes."""
        specs = [self.latent.spec, *([self.condition.spec] if self.condition else [])]
        inputs = [
            keras.Input(spec.shape[1:], batch_size=batch_size, dtype=spec.dtype, name=spec.name)
            for spec in specs
        ]
        images = self.images_from_latents(*inputs)
        network = keras.Model(inputs if len(inputs) > 1 else inputs[0], {"images": images})
        networks = {self.image_signature: network}
        if self.maps_latents:
            shift = keras.Input(self.mean_code().shape, batch_size=batch_size, name="shift")
            edited = _Edited(self, name="edited")([*inputs, shift])
            networks["edit"] = keras.Model([*inputs, shift], {"images": edited})
        return networks


class _Edited(keras.layers.Layer):
    """Generates images from latents, labels (if any) and a shift of the codes."""

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        self.model = model

    def call(self, inputs):
        *inputs, shift = inputs
        return self.model.images_from_codes(self.model.codes_from_latents(*inputs) + shift)

    def compute_output_shape(self, shapes):
        return (shapes[0][0], *self.model.image_shape)
