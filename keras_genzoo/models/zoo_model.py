"""The base class of all models: description of the model, data checks, resumable state, and export."""

import contextlib
import inspect
import warnings

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, conditions, modalities
from keras_genzoo.arguments import OptionalPositiveInt, checked
from keras_genzoo.backends import keras_private
from keras_genzoo.models.data_checks import CheckedData, check_batch_sizes
from keras_genzoo.models.inference import Inference
from keras_genzoo.presets import PresetModel


class ZooModel(PresetModel, keras_private.BuiltByConstructor, backends.TrainedModel, keras.Model):
    """A `keras.Model` that describes what it generates, validates its data, and saves its random state.

    A subclass sets `image_shape` and `num_classes` (None if it does not use labels), and builds all layers in
    the constructor. Exports, recipes, metrics, callbacks and the command line use the attributes and methods
    of this class. They never check the class of a model.
    """

    # Names of the methods by which a trained model is used: "sample", "translate", "encode", "decode", "reconstruct",
    # "log_likelihood", "predict_features".
    abilities = frozenset()
    # Kinds of data that `fit` accepts, the usual one first: "images", "pairs", or "unpaired" images of two domains.
    trains_on = ("images",)
    # Priors that models of this class may sample from: "standard", "fitted".
    known_priors = ()
    # Whether `fit` works under a multi-worker strategy: Keras' own step fails there.
    trains_on_several_machines = False
    # Name of the constructor argument that schedules training, an object with `num_steps` and the batch sizes; None
    # if the data and the number of epochs determine them.
    planned_by = None
    # Name of the log with the purely adversarial loss of the generator, for `TrainingHealth`; None if there is none.
    adversarial_log = None
    # Whether `log_likelihood` expects binary images.
    binarize = False
    # Distribution of the latents, such as `keras_genzoo.latent.Normal`; None for a model without latents.
    latent = None

    @property
    def modality(self):
        """Modality of the samples, such as `keras_genzoo.modalities.Images`."""
        return modalities.of_shape(self.image_shape)

    @property
    def condition(self):
        """Condition of the samples, a `keras_genzoo.conditions.Labels`; None for an unconditional model."""
        return conditions.Labels(self.num_classes) if self.num_classes else None

    def default_measures(self):
        """Returns the names of the default metrics of `keras_genzoo.metrics.evaluate`, a tuple of strings."""
        return ()

    def preview(self, examples=None, seed=0, num=None):
        """Draws an image that shows what the model generates, used for cards and during training.

        Args:
            examples: Data to show next to the samples: arrays of sources and targets for pairs, the centers
                of the modes `(num_modes, 2)` for points, or None.
            seed: Int, seed of the latents.
            num: Int, number of samples. Defaults to a number that suits the model.

        Returns:
            uint8 NumPy array `(height, width, 1 or 3)`, or None if the model has nothing to show.
        """
        return None

    def check_drawable(self):
        """Checks that `preview` can be drawn.

        Raises:
            ValueError: If it cannot be drawn.
            ImportError: If a package that drawing needs is not installed.
        """

    def training_batches(self, load, step=0):
        """Creates the dataset for training by a recipe.

        Args:
            load: Callable with the keyword arguments `initial_step` and, unless already fixed, `batch_size`
                of `keras_genzoo.datasets.load`.
            step: Int, step at which training starts.

        Returns:
            Endless `tf.data.Dataset`.
        """
        return load(initial_step=step)

    @classmethod
    def optimizer_arguments(cls):
        """Returns a dict that maps each player to the argument of `compile` that takes its optimizer."""
        return {"optimizer": "optimizer"}

    @classmethod
    def recipe_defaults(cls, image_shape):
        """Returns the defaults of `genzoo train --images`.

        Args:
            image_shape: Tuple `(height, width, channels)`.

        Returns:
            Dict with `model`, the arguments of the constructor in the form of a recipe; `data`, the arguments
            of the loader, including `batch_size`; and `num_steps`, the total number of training steps.
        """
        return {"model": {}, "data": {"batch_size": 64}, "num_steps": 10_000}

    @property
    def priors(self):
        """The priors that this model can sample from, the default one first."""
        return self.known_priors

    @property
    def chance_level(self):
        """Float, the `discriminator_loss` in training if generated images cannot be told from real ones.

        None for a model without a discriminator, or if the loss has no such level: with a Wasserstein loss,
        or with a penalty on small gradients.
        """
        return None

    def track_gradient_norms(self):
        """Adds gradient norms to the logs of `fit`. Models that train with the step of Keras do nothing."""

    def untrack_gradient_norms(self):
        """Reverts `track_gradient_norms`."""

    def preview_samples(self, num, seed):
        """Returns samples of a seed for monitoring training, or None if the model does not draw samples."""
        return None

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains the model, as `keras.Model.fit`, and validates the data first.

        Args:
            x: Images, uint8 in [0, 255] or float in [-1, 1]: an array, or a `tf.data.Dataset`, `PyDataset` or
                generator of batches (pairs `(images, labels)` with labels). Arrays are validated before
                training starts, batches before each step.
            y: Array of int labels from 0 to `num_classes - 1`, if `x` is an array and the model has classes.
            *args, **kwargs: As for `keras.Model.fit`. `validation_data` is validated like `x` and `y`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: If there is no data, if images have the wrong shape or range or contain NaN, if labels
                are missing or out of range, if a batch has fewer images than there are replicas, or if an
                argument is not supported by the model.
        """
        arguments = _FIT_SIGNATURE.bind(self, x, y, *args, **kwargs).arguments
        del arguments["self"]
        self.check_fit(arguments)
        validation = arguments.get("validation_data")
        batch_size = arguments.get("batch_size")
        validation_batch_size = arguments.get("validation_batch_size") or batch_size
        share = 1.0 if validation is not None else 1.0 - arguments.get("validation_split", 0.0)
        data = CheckedData(self, x, y, batch_size, share=share)
        arguments["x"] = data.x
        if share < 1.0 and hasattr(x, "shape"):
            check_batch_sizes(self, len(x) - int(len(x) * share), validation_batch_size, training=False)
        if not hasattr(x, "shape"):
            # Otherwise Keras warns at every call that it cannot shuffle a dataset of batches.
            arguments.setdefault("shuffle", False)
        watching = contextlib.ExitStack()
        if validation is not None:
            validation_x, *rest = validation if isinstance(validation, list | tuple) else (validation,)
            validation_data = CheckedData(
                self,
                validation_x,
                *rest[:1],
                batch_size=validation_batch_size,
                training=False,
            )
            arguments["validation_data"] = (validation_data.x, *rest) if rest else validation_data.x
            watching.enter_context(validation_data.reporting())
        if self.compiled:  # otherwise Keras raises an error
            self.training_begins()
        with watching, data.reporting(), backends.state_kept(self):
            return super().fit(**arguments)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Evaluates the model, as `keras.Model.evaluate`, and validates the data as `fit` does."""
        if keras_private.is_evaluation_of_fit(kwargs):
            # `fit` has already checked this data.
            return super().evaluate(x, y, *args, **kwargs)
        batch_size = args[0] if args else kwargs.get("batch_size")
        data = CheckedData(self, x, y, batch_size, training=False)
        with data.reporting(), backends.state_kept(self):
            return super().evaluate(data.x, y, *args, **kwargs)

    def check_fit(self, arguments):
        """Checks for arguments of `fit` that the model does not support.

        Args:
            arguments: Dict of the arguments of `fit` by name.

        Raises:
            ValueError: If an argument is not supported.
        """

    def training_begins(self):
        """Called by `fit` after its arguments have been checked."""
        if self.untrained_networks:
            warnings.warn(
                f"The preset that this model was loaded from has no weights for {sorted(self.untrained_networks)}, "
                "so these networks start untrained. To continue training, load a preset with all networks, such as "
                "those of a checkout: see docs/weights.md.",
                stacklevel=3,
            )
            self.untrained_networks = frozenset()

    # Requirements on the data. Families add to them.

    def expected_data(self):
        """Returns a dict that maps `"x"`, and `"y"` if it is used, to the modality or condition of a batch."""
        return {"x": self.modality, **({"y": self.condition} if self.condition else {})}

    def check_batch(self, x, y, first):
        """Checks a batch, or an array as a whole.

        Args:
            x: `keras_genzoo.modalities.Summary`.
            y: `keras_genzoo.modalities.Summary`, or None.
            first: Bool, whether this is an array or the first batch of a dataset.

        Raises:
            ValueError: If the batch cannot be used.
        """
        given = {"x": x, "y": y}
        for argument, expected in self.expected_data().items():
            expected.check(given[argument], argument, first)
        if "y" in self.expected_data() and x.shape[0] != y.shape[0]:
            raise ValueError(
                f"`y` must have one entry for each of the {x.shape[0]} entries of `x`. Received: shape {y.shape}"
            )

    def check_batch_size(self, num, training):
        """Checks the size of a batch.

        Args:
            num: Int, number of images of the batch (of all replicas).
            training: Bool, whether the batch is for `fit`.

        Raises:
            ValueError: If a step cannot use a batch of this size.
        """
        replicas = backends.num_replicas_of(self)
        if num < replicas:
            raise ValueError(
                f"A batch of {num} images cannot be split over {replicas} replicas. Raise the batch size, "
                "or drop the last partial batch (`drop_remainder=True`)."
            )

    def coming_batch_sizes(self, dataset):
        """Returns the set of known sizes of later batches that differ from the first."""
        return set()

    # Using a trained model.

    def signatures(self):
        """Returns the signatures of an exported model, the default one first.

        Returns:
            Dict that maps the name of a signature to a tuple `(function, inputs)`. `inputs` is a dict of
            `keras.KerasTensor`s with the shape and dtype of each input. The function takes tensors by these
            names and returns a dict of tensors.
        """
        raise NotImplementedError

    @property
    def inference(self):
        """The compiled functions of this model."""
        # Bypasses the attribute tracking of Keras: the functions are not saved.
        return vars(self).setdefault("_inference", Inference())

    @property
    def compiled_state(self):
        """State on which `sample`, `translate` and similar methods depend, besides networks and variables.

        If this value changes, the functions are compiled again. A subclass whose functions read mutable
        attributes returns them here.
        """
        return None

    def in_batches(self, function, arrays, batch_size, **options):
        """Applies a compiled function to arrays of equal length, one batch at a time.

        Args:
            function, **options: As for `Inference`.
            arrays: List of NumPy arrays.
            batch_size: Int.

        Returns:
            NumPy array, or tuple of NumPy arrays.
        """
        parts = [
            self.inference(
                self,
                function,
                [array[start : start + batch_size] for array in arrays],
                batch_size,
                **options,
            )
            for start in range(0, len(arrays[0]), batch_size)
        ]
        return joined(parts)

    def exported_networks(self, batch_size=None):
        """Returns the networks for export formats that contain a single network, the default one first.

        Args:
            batch_size: Int, or None for a variable batch size.

        Returns:
            Dict that maps the name of a signature to a `keras.Model` with named float32 inputs (int32 for
            labels) and a dict of named float32 outputs.
        """
        raise NotImplementedError

    def serving_description(self):
        """Returns what a server or a web page must know to use the networks of `exported_networks`.

        Returns:
            JSON-serializable dict of `abilities` (list of strings), `image_shape`, `num_classes` (None
            without classes), `latent` (dict of `distribution`, `dim` and its parameters; None without
            latents), `prior` (dict of the `weights`, `means` and Cholesky `factors` of the mixture that
            `sample` draws from; None if `sample` draws from `latent`) and `tasks` (direction -> dict of
            `network`, `source_kind` and `target_kind` (`keras_genzoo.modalities.Images.kind`, or `"labels"`),
            `source_channels`, `size_multiple`, `max_pixels`, `scale`, `size`).
        """
        return {
            "abilities": sorted(self.abilities),
            "image_shape": list(self.image_shape),
            "num_classes": self.condition and self.condition.num_classes,
            "latent": self.latent and self.latent.description(),
            "prior": None,
            "tasks": {},
        }

    @checked
    def export(
        self,
        filepath,
        format="tf_saved_model",
        signature=None,
        dtype=None,
        batch_size: OptionalPositiveInt = None,
        metadata=None,
        verbose=False,
    ):
        """Exports the model for serving.

        Args:
            filepath: String or path of the folder or file to write.
            format: `"tf_saved_model"`, `"onnx"`, `"litert"` or `"openvino"`. A SavedModel contains all
                signatures of the model (`keras_genzoo.export.export_saved_model`). The other formats contain
                one network, such as the generator from latents to images
                (`keras_genzoo.export.export_network`).
            signature: String, name of the network to export in a format other than SavedModel, such as
                `"decode"` or `"encode"`. Defaults to the first of `exported_networks()`.
            dtype: `"float32"` (default), `"int16"` or `"float16"`, data type of the large weights in a format
                other than SavedModel. Inputs and outputs stay float32.
            batch_size: Int, a fixed batch size for a format other than SavedModel, as required by runtimes in
                browsers. Defaults to a variable batch size.
            metadata: Dict of strings to store in the file in a format other than SavedModel, such as `name`
                and `license`.
            verbose: Bool, whether to print what was written.

        Raises:
            ValueError: If an argument is unknown, or not supported by the format.
            ImportError: If a package that the format needs is not installed.
            OSError: If the file or folder cannot be written.

        Example:

        ```python
        import tempfile
        import keras_genzoo as kg

        gan = kg.models.GAN(image_shape=(8, 8, 1), latent_dim=8, width=4)
        gan.export(f"{tempfile.mkdtemp()}/gan/1")
        ```
        """
        # Imported here, because exporting is rare and needs more imports.
        from keras_genzoo import export

        if format == "tf_saved_model":
            given = {"signature": signature, "dtype": dtype, "batch_size": batch_size, "metadata": metadata}
            if given := {name: value for name, value in given.items() if value is not None}:
                raise ValueError(
                    f"`{next(iter(given))}` is for formats with one network, such as 'onnx': a SavedModel contains "
                    f"all signatures, in float32, for any batch size. Received: {given}"
                )
            export.export_saved_model(self, filepath, verbose=verbose)
            return
        networks = self.exported_networks(batch_size)
        signature = next(iter(networks)) if signature is None else signature
        if signature not in networks:
            raise ValueError(f"`signature` must be one of {list(networks)}. Received: {signature!r}")
        described = {"class": type(self).__name__, "signature": signature, "value_range": "[-1, 1]"}
        export.export_network(
            networks[signature],
            filepath,
            format,
            dtype="float32" if dtype is None else dtype,
            metadata={**described, **(metadata or {})},
            verbose=verbose,
        )

    def build_from_config(self, config):
        """Does nothing: the constructor has built the networks."""

    def save_own_variables(self, store):
        # Keras does not save seeds in weight files. Without them a resumed run would repeat its noise.
        super().save_own_variables(store)
        for index, seed in enumerate(keras_private.seed_states(self)):
            store[f"seed_{index}"] = ops.convert_to_numpy(seed)

    def load_own_variables(self, store):
        seeds = keras_private.seed_states(self)
        if seeds and "seed_0" not in store.keys():
            raise ValueError(
                "These are the weights of a preset, which contains networks but not the whole state of a model, as a "
                "`.keras` file does. Load its folder, name, `hf://` or `https://` address with "
                "`keras_genzoo.models.load(...)`, which also checks the files."
            )
        rest = {name: store[name] for name in store.keys() if not name.startswith("seed_")}
        super().load_own_variables(rest)
        for index, seed in enumerate(seeds):
            seed.assign(store[f"seed_{index}"])


def joined(parts):
    """Concatenates batches of arrays, or of tuples of arrays."""
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


_FIT_SIGNATURE = inspect.signature(keras.Model.fit)
