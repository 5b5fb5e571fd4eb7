"""The base of every family: compile, the parts of a training step, sampling, presets and export."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_genzoo import backends, latent, pixels
from keras_genzoo.presets import PresetModel


class GenerativeModel(PresetModel, keras.Model):
    """A `keras.Model` made of networks that take alternating updates by optimizers of their own.

    A family's constructor makes its networks, calls `set_networks`, and its `train_step` reads like the
    paper's algorithm, with `minimize` for each update:

    ```python
    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        ...
        loss = self.minimize(lambda: self.discriminator_loss(images, fakes), "discriminator")
        return self.update_trackers(discriminator_loss=loss)
    ```

    Args:
        image_shape: Tuple `(height, width, channels)` of the images the model is trained on.
        latent_dim: Int, length of a latent.
        num_classes: Int, or None for a model without labels.
        average_decay: Float in [0, 1) or None. Decay a step of an exponential moving average of the network
            that makes the images; sampling, evaluation, export and presets then use the average.
        average_half_life: Float or None. The same average, its decay given as a half-life in images seen
            (Karras et al. 2020 use 10,000).
        seed: Int or None, seed of the training noise.
        **kwargs: `name` and other arguments of `keras.Model`.
    """

    # Player (an optimizer of its own) -> names of the networks it updates. Set by each family.
    players: ClassVar = {}
    # Names of the losses in the logs. Set by each family.
    loss_names = ()
    # Name of the network that makes the images. Set by each family.
    image_network = "generator"

    def __init__(
        self,
        *,
        image_shape,
        latent_dim,
        num_classes=None,
        average_decay=None,
        average_half_life=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if average_decay is not None and average_half_life is not None:
            raise ValueError(
                "Give either `average_decay` (a step) or `average_half_life` (in images), not both. "
                f"Received: average_decay={average_decay}, average_half_life={average_half_life}"
            )
        if average_decay is not None and not 0 <= average_decay < 1:
            raise ValueError(f"`average_decay` must be in [0, 1). Received: average_decay={average_decay}")
        if average_half_life is not None and average_half_life <= 0:
            raise ValueError(
                f"`average_half_life` must be positive. Received: average_half_life={average_half_life}"
            )
        if num_classes is not None and num_classes < 2:
            raise ValueError(
                f"`num_classes` must be at least 2, or None. Received: num_classes={num_classes}"
            )
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.average_decay = average_decay
        self.average_half_life = average_half_life
        self.seed = seed
        self.noise = backends.SeedGenerator(seed)
        self.loss_trackers = [keras.metrics.Mean(name=name) for name in self.loss_names]

    def set_networks(self, **networks):
        """Makes the built networks attributes of the model, and the average of the one that makes images."""
        self._network_names = list(networks)
        for name, network in networks.items():
            setattr(self, name, network)
        self.averaged_network = None
        if self.average_decay is not None or self.average_half_life is not None:
            self.averaged_network = _averaged_copy_of(networks[self.image_network])
        self.built = True

    @property
    def networks(self):
        """Dict of the networks that are trained, by name."""
        return {name: getattr(self, name) for name in self._network_names}

    @property
    def sampling_network(self):
        """The network that samples: the averaged one where an average is kept."""
        return self.averaged_network or getattr(self, self.image_network)

    @property
    def preset_networks(self):
        """Dict of the networks that a preset stores: the average in the place of what it averages."""
        return {**self.networks, self.image_network: self.sampling_network}

    def preset_weights_loaded(self):
        """Starts the trained network from the average that a preset has loaded."""
        if self.averaged_network is not None:
            getattr(self, self.image_network).set_weights(self.averaged_network.get_weights())

    # Compiling.

    def default_optimizers(self):
        """Returns a dict of the paper's optimizers, one a player. Each family defines it."""
        raise NotImplementedError

    def compile(
        self, optimizers=None, *, run_eagerly=False, steps_per_execution=1, jit_compile="auto", **kwargs
    ):
        """Builds the optimizers. Families offer each player's by keyword, such as `generator_optimizer`.

        Args:
            optimizers: Dict of player -> `keras.optimizers.Optimizer`; a missing player or None takes the
                paper's.
            run_eagerly, steps_per_execution, jit_compile, **kwargs: As for `keras.Model.compile`.
        """
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            **kwargs,
        )
        given = {player: keras.optimizers.get(value) for player, value in (optimizers or {}).items() if value}
        with backends.strategy_scope(self):
            self.optimizers = {**self.default_optimizers(), **given}
            self._compile_config = keras.saving.serialize_keras_object(
                {
                    "optimizers": dict(self.optimizers),
                    "run_eagerly": run_eagerly,
                    "steps_per_execution": steps_per_execution,
                    "jit_compile": jit_compile,
                }
            )
            for player, optimizer in self.optimizers.items():
                if optimizer.use_ema:
                    raise ValueError(
                        f"The optimizer of {player!r} has `use_ema=True`, whose end-of-training step would "
                        "overwrite the other networks too. Use the model's `average_decay` instead."
                    )
                if self.dtype_policy.name == "mixed_float16":
                    optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
                    self.optimizers[player] = optimizer
                # Built now: an optimizer first built in `fit` has no state to resume into.
                optimizer.build(self.variables_of(player))
                setattr(self, f"{player}_optimizer", optimizer)
        self.optimizer = backends.JointOptimizer(self.optimizers)

    def get_compile_config(self):
        return self._compile_config

    def compile_from_config(self, config):
        config = keras.saving.deserialize_keras_object(config)
        optimizers = config.pop("optimizers")
        GenerativeModel.compile(self, optimizers, **config)

    def variables_of(self, player):
        """Trainable variables that a player's optimizer updates."""
        return [
            variable for name in self.players[player] for variable in getattr(self, name).trainable_variables
        ]

    # The parts of a training step.

    def unpack(self, data):
        """Splits what `fit` hands over into float32 images in [-1, 1] and labels (None without classes)."""
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        return pixels.normalize(images), labels if self.num_classes else None

    def draw_latents(self, num):
        """Draws standard normal latents for training, float32 `(num, latent_dim)`."""
        return keras.random.normal((num, self.latent_dim), seed=self.noise)

    def minimize(self, loss_function, player):
        """Takes one step of a player's optimizer.

        The only place (with `minimize_through`) where a loss meets an optimizer: the gradient by the
        backend, the division by the number of replicas (whose gradients are summed), and loss scaling.

        Args:
            loss_function: Callable without arguments that returns the mean loss over this replica's batch.
            player: Name of the optimizer.

        Returns:
            The loss, float32 scalar tensor.
        """
        variables = self.variables_of(player)
        (_, loss), gradients = backends.value_and_grad(
            lambda: self._scaled(loss_function(), player), variables, has_aux=True
        )
        self._apply(gradients, variables, player)
        return loss

    def keep_forward(self, function, player):
        """Runs `function()` once, for `minimize_through` to go back through.

        Returns:
            Tuple `(output, pullback)`.
        """
        return backends.vjp(function, self.variables_of(player))

    def minimize_through(self, loss_function, output, pullback, player):
        """Takes one step of a player's optimizer on a loss of an output that `keep_forward` has made.

        The forward pass is not repeated although other networks may have been updated since.

        Args:
            loss_function: Callable that maps `output` to the mean loss over this replica's batch.
            output, pullback: As returned by `keep_forward`.
            player: Name of the optimizer.

        Returns:
            The loss, float32 scalar tensor.
        """
        (_, loss), output_gradient = backends.input_value_and_grad(
            lambda output: self._scaled(loss_function(output), player), output, has_aux=True
        )
        self._apply(pullback(output_gradient), self.variables_of(player), player)
        return loss

    def _scaled(self, loss, player):
        """Returns the loss as its gradient needs it, and as the logs show it."""
        return self.optimizers[player].scale_loss(loss / backends.num_replicas()), loss

    def _apply(self, gradients, variables, player):
        backends.apply_gradients(self.optimizers[player], gradients, variables)

    def update_average(self, num_images):
        """Moves the averaged network towards the trained one, after the step's last update of it.

        Trainable weights are interpolated, buffers such as moving statistics copied.

        Args:
            num_images: Number of images in this replica's batch.
        """
        if self.averaged_network is None:
            return
        if self.average_half_life is not None:
            decay = 0.5 ** (
                ops.cast(num_images * backends.num_replicas(), "float32") / self.average_half_life
            )
        else:
            decay = self.average_decay
        source = getattr(self, self.image_network)
        for averaged, current in zip(self.averaged_network.weights, source.weights, strict=True):
            value = ops.convert_to_tensor(current.value)
            if current.trainable:
                value = averaged.value + (1.0 - decay) * (value - averaged.value)
            averaged.assign(value)

    def update_trackers(self, **losses):
        """Adds one step's losses to the epoch's means and returns the logs."""
        for tracker in self.loss_trackers:
            tracker.update_state(losses[tracker.name])
        return {tracker.name: tracker.result() for tracker in self.loss_trackers}

    # Fitting.

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`, after a check of the images.

        Args:
            x: Images, uint8 in [0, 255] or float in [-1, 1], as an array or a dataset of batches (with
                labels as a pair `(images, labels)`).
            y: Labels, ints from 0 to `num_classes - 1`, where `x` is an array and the model has classes.
            *args, **kwargs: As for `keras.Model.fit`.

        Raises:
            ValueError: If the images have the wrong shape or range, contain NaN, or do not fill a batch of
                one image a replica; if labels are missing or out of range; if there is no data.
        """
        self._check_data(x, y, kwargs.get("batch_size") or (args[0] if args else 32))
        if not hasattr(x, "shape"):
            # Keras would warn at every call that it cannot shuffle a dataset of batches.
            kwargs.setdefault("shuffle", False)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`, after the checks of `fit`: the mean losses, of the averaged generator."""
        self._check_data(x, y, kwargs.get("batch_size") or (args[0] if args else 32))
        return super().evaluate(x, y, *args, **kwargs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras 3.15 takes a batch away to build what is unbuilt, and fails on that of several workers. Here
        # the constructor and `compile` have built everything.
        pass

    def _check_data(self, x, y, batch_size):
        images, labels, whole = _look_at(x, y)
        if images is None:
            return
        if images.ndim != 4 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"`x` must have the shape (batch, {', '.join(map(str, self.image_shape))}), which this model "
                f"was made for. Received: {images.shape}. Load the images at that size and number of "
                f"channels, or make the model with image_shape={tuple(images.shape[1:])}."
            )
        if len(images) == 0:
            raise ValueError("`x` is empty: there is nothing to train on.")
        pixels.check_range(images, "x")
        smallest = len(images) if not whole else (len(images) % batch_size or batch_size)
        if smallest < backends.num_replicas_of(self):
            raise ValueError(
                f"A batch of {smallest} images cannot be split over {backends.num_replicas_of(self)} "
                "replicas. Raise the batch size, or drop the last partial batch (`drop_remainder=True`)."
            )
        if self.num_classes:
            self._check_labels(labels, len(images), "y")

    def _check_labels(self, labels, num, argument):
        if labels is None:
            raise ValueError(
                f"`{argument}` is missing: this model is conditional on {self.num_classes} classes. Give one "
                f"int label from 0 to {self.num_classes - 1} an image."
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

    # Using a trained model.

    def call(self, inputs, training=False):
        return self.sampling_network(inputs, training=training)

    def sample(self, num=None, seed=None, latents=None, labels=None, batch_size=64):
        """Draws images.

        Args:
            num: Int, number of images. Defaults to the number of latents or labels.
            seed: Int from 0 to 2**32 - 1. The same seed gives the same images on every backend, and the
                first `k` of them do not depend on `num`. Defaults to a fresh seed.
            latents: Float array `(num, latent_dim)` to use instead of drawn ones.
            labels: Ints `(num,)`, or one int for all images; needed by a conditional model.
            batch_size: Int, images generated at once.

        Returns:
            Float32 NumPy array `(num, height, width, channels)` in [-1, 1].

        Raises:
            ValueError: If the arguments do not fit one another or the model.

        Example:

        ```python
        images = gan.sample(16, seed=0)
        threes = conditional_gan.sample(16, seed=0, labels=3)
        ```
        """
        if latents is not None:
            latents = np.asarray(latents, "float32")
            if latents.ndim != 2 or latents.shape[1] != self.latent_dim:
                raise ValueError(
                    f"`latents` must have the shape (num, {self.latent_dim}). Received: {latents.shape}"
                )
        if num is None:
            counted = latents if latents is not None else labels
            if counted is None or np.ndim(counted) == 0:
                raise ValueError("`num` is missing: give the number of images, for example `sample(16)`.")
            num = len(counted)
        if num < 1:
            raise ValueError(f"`num` must be at least 1. Received: num={num}")
        if latents is None:
            seed = keras.random.SeedGenerator().state.numpy()[0] if seed is None else seed
            latents = ops.convert_to_numpy(latent.normal(num, self.latent_dim, seed))
        elif len(latents) != num:
            raise ValueError(f"`latents` holds {len(latents)} rows, but `num` is {num}.")
        inputs = latents
        if self.num_classes:
            labels = np.full(num, labels) if labels is not None and np.ndim(labels) == 0 else labels
            inputs = [latents, self._check_labels(labels, num, "labels")]
        elif labels is not None:
            raise ValueError("`labels` was given, but this model was not trained with classes.")
        batches = [
            self.sampling_network(keras.tree.map_structure(lambda x: x[start : start + batch_size], inputs))  # noqa: B023
            for start in range(0, num, batch_size)
        ]
        return np.concatenate([ops.convert_to_numpy(batch) for batch in batches])

    def export(self, filepath, format="tf_saved_model", verbose=False):
        """Writes a SavedModel with the signatures `generate` and `sample`. See `keras_genzoo.export`."""
        from keras_genzoo.export import export_saved_model

        if format != "tf_saved_model":
            raise ValueError(
                f"`format` must be 'tf_saved_model'. Received: {format!r}. Other formats are written from "
                "the network: `model.sampling_network.export(path, format=...)`."
            )
        export_saved_model(self, filepath, verbose=verbose)

    # Saving.

    def get_config(self):
        return {
            **super().get_config(),
            "average_decay": self.average_decay,
            "average_half_life": self.average_half_life,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**keras.saving.deserialize_keras_object(config, custom_objects=custom_objects))

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


def _averaged_copy_of(network):
    config = keras.saving.serialize_keras_object(network)
    config["config"]["name"] = f"averaged_{network.name}"
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


def _look_at(x, y):
    """Returns `(images, labels, whole)` as NumPy arrays: all of an array's, or a dataset's first batch."""
    if x is None:
        raise ValueError("`x` is missing: give images, or a dataset of batches of images.")
    if hasattr(x, "shape"):
        labels = None if y is None else ops.convert_to_numpy(y)
        return ops.convert_to_numpy(x), labels, True
    if isinstance(x, keras.utils.PyDataset):
        if len(x) == 0:
            raise ValueError("`x` is empty: the dataset has no batch.")
        batch = x[0]
    elif hasattr(x, "take") and hasattr(x, "element_spec"):
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
