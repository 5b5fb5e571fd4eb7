"""What every model of the zoo shares, generative or not: it answers for itself, checks its data, and resumes."""

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
    """A `keras.Model` that says what it makes, refuses bad data, and whose weight files hold its random state.

    A subclass sets `image_shape` and `num_classes` (None where labels are not used), and builds all its layers
    in the constructor. Exports, recipes, measures, callbacks and the command line ask a model by the attributes and
    methods of this class, and never which class it is.
    """

    # Names of the methods by which a trained model is used: "sample", "translate", "encode", "decode", "reconstruct",
    # "log_likelihood", "predict_features".
    abilities = frozenset()
    # The kinds of data that `fit` takes, the usual one first: "images", "pairs" that belong together, or
    # "unpaired" images of two kinds.
    trains_on = ("images",)
    # The densities of latents that some models of the class sample from: "standard", "fitted".
    known_priors = ()
    # Whether `fit` works under a strategy of several machines: Keras' own step fails there.
    trains_on_several_machines = False
    # Name of the constructor's argument that plans a training, an object with its `num_steps` and with the batch
    # sizes; None where the data and the epochs say them.
    planned_by = None
    # Name of the generator's logged loss that is adversarial and nothing else, for `TrainingHealth`; None where there
    # is none.
    adversarial_log = None
    # Whether `log_likelihood` is that of binary images.
    binarize = False
    # Distribution of the latents, a `keras_genzoo.latent.Normal` or the like; None of a model without latents.
    latent = None

    @property
    def modality(self):
        """What a sample is, such as `keras_genzoo.modalities.Images`."""
        return modalities.of_shape(self.image_shape)

    @property
    def condition(self):
        """What a sample is asked to be, a `keras_genzoo.conditions.Labels`; None of an unconditional model."""
        return conditions.Labels(self.num_classes) if self.num_classes else None

    def default_measures(self):
        """Names of the measures of `keras_genzoo.metrics.evaluate` where none are named, a tuple of strings."""
        return ()

    def preview(self, examples=None, seed=0, num=None):
        """A picture of what the model makes: that of its card, and of each epoch of a training.

        Args:
            examples: What the data offer to show beside it: of pairs the two arrays of sources and targets, of points
                the centers of their modes `(num_modes, 2)`, or None.
            seed: Int, seed of the latents.
            num: Int, number of samples, or None for the model's own choice.

        Returns:
            uint8 NumPy array `(height, width, 1 or 3)`; None of a model that has nothing to show.
        """
        return None

    def check_drawable(self):
        """Refuses, before any work, a model whose `preview` cannot be drawn.

        Raises:
            ValueError: If it cannot.
            ImportError: If a package that drawing needs is not installed.
        """

    def training_batches(self, load, step=0):
        """The batches of a training.

        Args:
            load: Callable with the keyword arguments `initial_step`, and where not fixed yet `batch_size`, of
                `keras_genzoo.datasets.load`.
            step: Int, the step at which the training begins.

        Returns:
            Endless `tf.data.Dataset`.
        """
        return load(initial_step=step)

    @classmethod
    def optimizer_arguments(cls):
        """Dict of the players that have an optimizer of their own -> the argument of `compile` that takes it."""
        return {"optimizer": "optimizer"}

    @classmethod
    def recipe_defaults(cls, image_shape):
        """What `genzoo train --images` takes where nothing is said.

        Args:
            image_shape: Tuple `(height, width, channels)`.

        Returns:
            Dict of `model`, arguments of the constructor as a recipe has them; `data`, arguments of the loader with
            `batch_size`; and `num_steps`, the int of training steps in all.
        """
        return {"model": {}, "data": {"batch_size": 64}, "num_steps": 10_000}

    @property
    def priors(self):
        """The priors that this model can sample from, the default one first."""
        return self.known_priors

    @property
    def chance_level(self):
        """Float, the logged `discriminator_loss` in training where no image can be told from a generated one.

        None in a model without a discriminator, or where the loss has no such level: with a Wasserstein loss, or
        with a penalty on gradients that are too small.
        """
        return None

    def track_gradient_norms(self):
        """Adds norms of gradients to the logs of `fit`; a model trained by Keras' own step has none."""

    def untrack_gradient_norms(self):
        """Takes back `track_gradient_norms`."""

    def preview_samples(self, num, seed):
        """Samples of a seed for looking at the model while it trains; None of a model that draws none."""
        return None

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`, after a check of the data.

        Args:
            x: Images, uint8 in [0, 255] or float in [-1, 1]: an array, or a `tf.data.Dataset`, `PyDataset` or
                generator of batches (with labels as a pair `(images, labels)`). Arrays are checked at the start,
                and every batch of the others before a step sees it.
            y: Labels, ints from 0 to `num_classes - 1`, where `x` is an array and the model has classes.
            *args, **kwargs: As for `keras.Model.fit`. `validation_data` is checked like `x` and `y`.

        Raises:
            ValueError: If the images have the wrong shape or range, contain NaN, or do not fill a batch of
                one image for each replica; if labels are missing or out of range; if there is no data.
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
            # Keras would warn at every call that it cannot shuffle a dataset of batches.
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
        if self.compiled:  # else Keras refuses
            self.training_begins()
        with watching, data.reporting(), backends.state_kept(self):
            return super().fit(**arguments)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`, after the checks of `fit`."""
        if keras_private.is_evaluation_of_fit(kwargs):
            # Its data have been checked.
            return super().evaluate(x, y, *args, **kwargs)
        batch_size = args[0] if args else kwargs.get("batch_size")
        data = CheckedData(self, x, y, batch_size, training=False)
        with data.reporting(), backends.state_kept(self):
            return super().evaluate(data.x, y, *args, **kwargs)

    def check_fit(self, arguments):
        """Refuses arguments of `fit` that the model would not heed.

        Args:
            arguments: Dict of the arguments of `fit` by name.

        Raises:
            ValueError: If there is one among them.
        """

    def training_begins(self):
        """Called by `fit` once its arguments are accepted."""
        if self.untrained_networks:
            warnings.warn(
                f"The preset that this model was loaded from holds no weights of {sorted(self.untrained_networks)}, "
                "which begin untrained. To train further, load a preset with all networks, such as those of a "
                "checkout: see docs/weights.md.",
                stacklevel=3,
            )
            self.untrained_networks = frozenset()

    # What the data must be. Families add to it.

    def expected_data(self):
        """Dict from `"x"`, and `"y"` where it is used, to the modality or condition of a batch."""
        return {"x": self.modality, **({"y": self.condition} if self.condition else {})}

    def check_batch(self, x, y, first):
        """Refuses a batch that cannot be used, or an array as a whole.

        Args:
            x: `keras_genzoo.modalities.Summary`.
            y: `keras_genzoo.modalities.Summary`, or None.
            first: Bool, whether it is an array or the first batch of a dataset.

        Raises:
            ValueError: If it cannot be used.
        """
        given = {"x": x, "y": y}
        for argument, expected in self.expected_data().items():
            expected.check(given[argument], argument, first)
        if "y" in self.expected_data() and x.shape[0] != y.shape[0]:
            raise ValueError(
                f"`y` must hold one entry for each of the {x.shape[0]} of `x`. Received: shape {y.shape}"
            )

    def check_batch_size(self, num, training):
        """Refuses a batch of `num` images (of all replicas) that a step cannot use.

        Args:
            num: Int.
            training: Bool, whether it is for `fit`.

        Raises:
            ValueError: If it cannot be used.
        """
        replicas = backends.num_replicas_of(self)
        if num < replicas:
            raise ValueError(
                f"A batch of {num} images cannot be split over {replicas} replicas. Raise the batch size, "
                "or drop the last partial batch (`drop_remainder=True`)."
            )

    def coming_batch_sizes(self, dataset):
        """Set of the sizes of batches to come that the first does not show, where they are known."""
        return set()

    # Using a trained model.

    def signatures(self):
        """What an exported model offers: signature -> (function, dict of its inputs), the first the default.

        The function takes tensors by the names of the inputs, each a `keras.KerasTensor` with its shape and
        dtype, and returns a dict of tensors.
        """
        raise NotImplementedError

    @property
    def inference(self):
        """The compiled functions of this model."""
        # Past the tracking of Keras: they are no part of what is saved.
        return vars(self).setdefault("_inference", Inference())

    @property
    def compiled_state(self):
        """What `sample`, `translate` and the like depend on beside networks and variables: a value to compare.

        Where it changes, they are compiled anew. A subclass whose functions read attributes that change returns them.
        """
        return None

    def in_batches(self, function, arrays, batch_size, **options):
        """Applies a compiled function to arrays of equal length, a batch at a time.

        Args:
            function, **options: As for `Inference`.
            arrays: List of NumPy arrays.
            batch_size: Int.

        Returns:
            NumPy array, or tuple of them.
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
        """The networks that the formats of one network hold: name of a signature -> `keras.Model`, the default first.

        Args:
            batch_size: Int, or None for a free one.

        Returns:
            Dict of models with named float32 inputs (labels are int32) and a dict of named float32 outputs.
        """
        raise NotImplementedError

    def serving_description(self):
        """What a server or a page must know to use the networks of `exported_networks`: a dict for JSON.

        Returns:
            Dict of `abilities` (list of strings), `image_shape`, `num_classes` (None without), `latent` (dict of
            `distribution`, `dim` and its parameters, None without latents), `prior` (dict of the `weights`, `means`
            and Cholesky `factors` of the mixture that `sample` draws from, None where it is `latent`) and `tasks`
            (direction -> dict of `network`, `source_channels`, `size_multiple`, `scale`, `size`).
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
            format: `"tf_saved_model"`, with the signatures that `keras_genzoo.export.export_saved_model` names for
                each kind of model, or `"onnx"`, `"litert"` or `"openvino"`: one network, such as the generator from
                latents to images (`keras_genzoo.export.export_network`).
            signature: String, which of the networks another format than a SavedModel holds, such as `"decode"` or
                `"encode"`. Defaults to the first of `exported_networks()`.
            dtype: `"float32"` (default), `"int16"` or `"float16"`: the large weights of another format than a
                SavedModel. Inputs and outputs stay float32.
            batch_size: Int, a fixed batch size for another format than a SavedModel, as runtimes in browsers ask for.
                Defaults to a free one.
            metadata: Dict of strings for the file to hold, in another format than a SavedModel, such as `name` and
                `license`.
            verbose: Bool, whether to print what was written.

        Raises:
            ValueError: If an argument is unknown, or does not go with the format.
            ImportError: If a package that the format needs is not installed.
            OSError: If the file or folder cannot be written.

        Example:

        ```python
        vae.export("serving/vae/1")
        vae.export("encoder.onnx", "onnx", signature="encode", dtype="int16")
        ```
        """
        # Here, not above: exporting is what few processes do, and it brings more imports.
        from keras_genzoo import export

        if format == "tf_saved_model":
            given = {"signature": signature, "dtype": dtype, "batch_size": batch_size, "metadata": metadata}
            if given := {name: value for name, value in given.items() if value is not None}:
                raise ValueError(
                    f"`{next(iter(given))}` is for a format of one network, such as 'onnx': a SavedModel holds all "
                    f"signatures, float32, of any batch size. Received: {given}"
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
        """The constructor has built the networks."""

    def save_own_variables(self, store):
        # Keras leaves seeds out of weight files; without them a resumed run would repeat its noise.
        super().save_own_variables(store)
        for index, seed in enumerate(keras_private.seed_states(self)):
            store[f"seed_{index}"] = ops.convert_to_numpy(seed)

    def load_own_variables(self, store):
        seeds = keras_private.seed_states(self)
        if seeds and "seed_0" not in store.keys():
            raise ValueError(
                "These are the weights of a preset, which holds networks and not the whole state of a model as a "
                "`.keras` file does. Load its folder, name, `hf://` or `https://` address by "
                "`keras_genzoo.models.load(...)`, which also checks the files."
            )
        rest = {name: store[name] for name in store.keys() if not name.startswith("seed_")}
        super().load_own_variables(rest)
        for index, seed in enumerate(seeds):
            seed.assign(store[f"seed_{index}"])


def joined(parts):
    """Batches as one array each; of tuples of arrays, a tuple."""
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


_FIT_SIGNATURE = inspect.signature(keras.Model.fit)
