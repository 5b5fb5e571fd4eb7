"""The base of every family: networks that take alternating updates by optimizers of their own."""

import inspect
import threading
from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import NumClasses, OptionalPositive, OptionalSeed, OptionalShare
from keras_genzoo.backends import keras_private
from keras_genzoo.models.options import Shape, checked_options, config_of
from keras_genzoo.models.zoo_model import ZooModel


class GenerativeModel(ZooModel):
    """A model made of networks that take alternating updates by optimizers of their own.

    A family names its players, makes its networks in the constructor, and its `train_step` reads like the paper's
    algorithm, with `minimize` for each update. The keywords and the documentation of `compile` follow from `players`,
    and `get_config` from the networks and the annotated arguments of the constructor (`keras_genzoo.models.options`):

    ```python
    players = {"generator": ("generator",), "discriminator": ("discriminator",)}

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        ...
        loss = self.minimize(lambda: self.discriminator_loss(images, fakes), "discriminator")
        return self.update_trackers(discriminator_loss=loss)
    ```

    Args:
        image_shape: Tuple `(height, width, channels)` of the images the model is trained to make, or
            `(num_features,)` for points, which may have any finite values.
        num_classes: Int, or None for a model without labels.
        average_decay: Float in [0, 1) or None. Decay per step of an exponential moving average of the networks
            that make the images; sampling, translation, evaluation, export and presets then use the averages.
            Autoencoders keep none.
        average_half_life: Float or None. The same average, its decay given as a half-life in images seen
            (Karras et al. 2020 use 10,000).
        seed: Int or None, seed of the training noise.
        **kwargs: `name` and other arguments of `keras.Model`.
    """

    trains_on_several_machines = True
    # Player (an optimizer of its own) -> names of the networks that it updates, in the order of `compile`. The first
    # takes one update per step, where `steps` is None. Set by each family.
    players: ClassVar = {}
    # Variable that counts the training steps, or None.
    steps = None
    # Whether `compile` takes `steps_per_execution` above 1.
    several_steps_per_execution = True
    # Names of the losses in the logs. Set by each family.
    loss_names = ()
    # Names of the networks that make the images, those that may be averaged. Set by each base of families.
    image_networks = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # A family may have a `compile` of its own.
        if {"players", "default_optimizers"} & set(vars(cls)) and "compile" not in vars(cls):
            cls.compile = _compile_of(cls)

    @checked_options
    def __init__(
        self,
        *,
        image_shape: Shape,
        num_classes: NumClasses = None,
        average_decay: OptionalShare = None,
        average_half_life: OptionalPositive = None,
        seed: OptionalSeed = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if average_decay is not None and average_half_life is not None:
            raise ValueError(
                "Give either `average_decay` (per step) or `average_half_life` (in images), not both. "
                f"Received: average_decay={average_decay}, average_half_life={average_half_life}"
            )
        self.noise = backends.SeedGenerator(seed)
        self.loss_trackers = [keras.metrics.Mean(name=name) for name in self.loss_names]
        self.gradient_norm_trackers = {}
        # Replicas take their steps in threads of their own.
        self._norms_of_threads_step = {}

    def set_networks(self, **networks):
        """Makes the built networks attributes of the model, and the averages of those that make images."""
        self._network_names = list(networks)
        for name, network in networks.items():
            if not network.built:
                raise ValueError(
                    f"`{name}` must be built. Make it a functional model, or begin it with `keras.Input(...)`."
                )
            if network.losses:
                raise ValueError(
                    f"`{name}` has regularizers, which the training step would not see. Remove them; for weight "
                    "decay give the optimizer `weight_decay`."
                )
            setattr(self, name, network)
        for name in self._averaged_names:
            setattr(self, f"averaged_{name}", _averaged_copy_of(networks[name]))
        self.built = True

    @property
    def networks(self):
        """Dict of the networks that are trained, by name."""
        return {name: getattr(self, name) for name in self._network_names}

    @property
    def averages(self):
        """Dict of the averaged networks, by the name of the one that each follows; empty without an average."""
        return {name: getattr(self, f"averaged_{name}") for name in self._averaged_names}

    @property
    def _averaged_names(self):
        averaging = self.average_decay is not None or self.average_half_life is not None
        return self.image_networks if averaging else ()

    @property
    def preset_networks(self):
        """Dict of the networks that a preset stores: averages in the place of what they average."""
        return {**self.networks, **self.averages}

    def network_of(self, name, training=False):
        """The network of a name; in inference its average, where one is kept."""
        return self.networks[name] if training else self.averages.get(name, self.networks[name])

    @property
    def inference_networks(self):
        """Dict of those of `preset_networks` that the first player trains, or none, as a fitted prior."""
        _, *others = self.players.values()
        only_trained_against = {name for names in others for name in names}
        return {
            name: network
            for name, network in self.preset_networks.items()
            if name not in only_trained_against
        }

    def preset_weights_loaded(self):
        """Starts the trained networks from the averages that a preset has loaded."""
        for name, average in self.averages.items():
            getattr(self, name).set_weights(average.get_weights())

    # Compiling.

    def default_optimizers(self):
        """Dict of the paper's optimizers by player. Each family defines it."""
        raise NotImplementedError

    @classmethod
    def optimizer_arguments(cls):
        """As for `ZooModel`: `optimizer` of a single player, `{player}_optimizer` of several."""
        return {
            player: f"{player}_optimizer" if len(cls.players) > 1 else "optimizer" for player in cls.players
        }

    def check_compile(self, steps_per_execution):
        """Refuses arguments of `compile` that do not suit the model.

        Args:
            steps_per_execution: Int.

        Raises:
            ValueError: If they do not suit.
        """

    def _compile(self, optimizers, run_eagerly=False, steps_per_execution=1, jit_compile="auto"):
        """What `compile` does: builds the optimizers, given as a dict by player; None takes the paper's."""
        if steps_per_execution > 1 and not self.several_steps_per_execution:
            raise ValueError(
                f"`steps_per_execution` must be 1: steps of a {type(self).__name__} differ in the regularizers that "
                f"act in them. Received: {steps_per_execution}"
            )
        self.check_compile(steps_per_execution)
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        given = {player: keras.optimizers.get(value) for player, value in optimizers.items() if value}
        # Keras' own would stand beside a family's loss of that name.
        keras_private.drop_loss_tracker(self)
        with backends.strategy_scope(self):
            chosen = {**self.default_optimizers(), **given}
            if len({id(optimizer) for optimizer in chosen.values()}) < len(chosen):
                arguments = ", ".join(f"`{argument}`" for argument in self.optimizer_arguments().values())
                raise ValueError(
                    f"Each of {arguments} must be an object of its own: an optimizer keeps the moments of the "
                    "variables it was built on. Make two."
                )
            self._arguments_of_compile = keras.saving.serialize_keras_object(
                {
                    "optimizers": chosen,
                    "run_eagerly": run_eagerly,
                    "steps_per_execution": steps_per_execution,
                    "jit_compile": jit_compile,
                }
            )
            self.optimizers = {player: self._built(player, chosen[player]) for player in self.players}
        for player, optimizer in self.optimizers.items():
            setattr(self, f"{player}_optimizer", optimizer)
        self.optimizer = backends.JointOptimizer(self.optimizers, self.steps)

    def _built(self, player, optimizer):
        if optimizer.use_ema:
            raise ValueError(
                f"`{player}_optimizer` has `use_ema=True`, whose end-of-training step would overwrite the other "
                "networks too. Use the model's `average_decay` instead."
            )
        # The precision of the networks decides, not that of the model: they may have come from elsewhere.
        half_precision = any(
            layer.compute_dtype == "float16"
            for network in self.networks.values()
            for layer in keras_private.layers_of(network)
        )
        if half_precision and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.name = player
        # Built now: an optimizer first built in `fit` has no state to resume into.
        optimizer.build(self.variables_of(player))
        return optimizer

    def check_fit(self, arguments):
        for name in ("class_weight", "sample_weight"):
            if arguments.get(name) is not None:
                raise ValueError(
                    f"`{name}` is for losses that are sums over examples, which those of a {type(self).__name__} are "
                    "not. Leave it out; to show some images more often, repeat them in the data."
                )
        callbacks = keras.tree.flatten(arguments.get("callbacks"))
        if any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks):
            raise ValueError(
                "`callbacks` holds a `SwapEMAWeights`, which needs an optimizer with `use_ema=True`; such an "
                "optimizer would overwrite the other networks too. Make the model with `average_decay` or "
                "`average_half_life`: sampling, evaluation and export then use the averages."
            )
        looks_at_loss = any(isinstance(callback, keras.callbacks.TerminateOnNaN) for callback in callbacks)
        if looks_at_loss and "loss" not in self.loss_names:
            raise ValueError(
                "`callbacks` holds a `TerminateOnNaN`, which looks at `loss` alone; this model logs "
                f"{', '.join(f'`{name}`' for name in self.loss_names)}. Use "
                "`keras_genzoo.callbacks.TrainingHealth()`, which stops when any of them is not finite."
            )

    def get_compile_config(self):
        return self._arguments_of_compile

    def compile_from_config(self, config):
        config = keras.saving.deserialize_keras_object(config)
        optimizers = config.pop("optimizers")
        self._compile(optimizers, **config)

    def variables_of(self, player):
        """Trainable variables that a player's optimizer updates."""
        return [
            variable for name in self.players[player] for variable in getattr(self, name).trainable_variables
        ]

    def active_variables_of(self, player):
        """Those of `variables_of` that a step trains: all, but in a network that grows."""
        return self.variables_of(player)

    # The parts of a training step.

    def minimize(self, loss_function, player, has_aux=False):
        """Takes one step of a player's optimizer.

        The only place (with `minimize_through`) where a loss meets an optimizer: the gradient by the
        backend, the division by the number of replicas (whose gradients are summed), and loss scaling.

        Args:
            loss_function: Callable without arguments that returns the mean loss over this replica's batch, or
                with `has_aux` a pair of it and anything else.
            player: Name of the optimizer.
            has_aux: Bool.

        Returns:
            What `loss_function` has returned: the loss, a float32 scalar tensor, or the pair.
        """

        def scaled_and_output():
            output = loss_function()
            return self._scaled(output[0] if has_aux else output, player), output

        variables = self.active_variables_of(player)
        (_, output), gradients = backends.value_and_grad(scaled_and_output, variables, has_aux=True)
        self._apply(gradients, variables, player)
        return output

    def vjp(self, function, *players):
        """Runs `function()` once, for `minimize_through` to take the gradient of later.

        Args:
            function: Callable without arguments that returns a tensor, or a list of tensors.
            *players: Names of the optimizers whose variables take part.

        Returns:
            Tuple `(output, pullback)`.
        """
        variables = [variable for player in players for variable in self.active_variables_of(player)]
        return backends.vjp(function, variables)

    def minimize_through(self, loss_function, output, pullback, *players, has_aux=False):
        """Takes one step of each player's optimizer on a loss of an output that `vjp` has computed.

        The forward pass is not repeated although other networks may have been updated since.

        Args:
            loss_function: Callable that maps `output` to the mean loss over this replica's batch, or with
                `has_aux` to a pair of it and anything else.
            output, pullback: As returned by `vjp`.
            *players: Names of the optimizers, those given to `vjp`.
            has_aux: Bool.

        Returns:
            What `loss_function` has returned: the loss, a float32 scalar tensor, or the pair.
        """

        def scaled_and_result(output):
            result = loss_function(output)
            return self._scaled(result[0] if has_aux else result, players[0]), result

        (_, result), output_gradient = backends.input_value_and_grad(scaled_and_result, output, has_aux=True)
        gradients = iter(pullback(output_gradient))
        for player in players:
            variables = self.active_variables_of(player)
            own = [next(gradients) for _ in variables]
            if player != players[0]:
                # Each optimizer has a loss scale of its own.
                own = [self._scaled(gradient, player) / self._scaled(1.0, players[0]) for gradient in own]
            self._apply(own, variables, player)
        return result

    def _scaled(self, loss, player):
        """Returns the loss as its gradient needs it."""
        return self.optimizers[player].scale_loss(loss / backends.num_replicas())

    def _apply(self, gradients, variables, player):
        if player in self.gradient_norm_trackers:
            squares = [
                ops.sum(ops.square(ops.cast(gradient, "float32")))
                for gradient in gradients
                if gradient is not None
            ]
            scale = self.optimizers[player].scale_loss(1.0 / backends.num_replicas())
            self.gradient_norm_trackers[player].update_state(ops.sqrt(sum(squares)) / scale)
            self._norms_of_threads_step.setdefault(threading.get_ident(), []).append(player)
        backends.apply_gradients(self.optimizers[player], gradients, variables)

    def update_average(self, num_images):
        """Moves the averaged networks towards the trained ones, after the step's last update of those.

        Trainable weights are interpolated, buffers such as moving statistics copied.

        Args:
            num_images: Number of images in this replica's batch.
        """
        if not self.averages:
            return
        if self.average_half_life is not None:
            num_images *= backends.num_replicas()
            decay = 0.5 ** (ops.cast(num_images, "float32") / self.half_life_at(num_images))
        else:
            decay = self.average_decay
        for averaged, current in self._averaged_weights():
            value = ops.convert_to_tensor(current.value)
            if current.trainable:
                value = averaged.value + ops.cast(1.0 - decay, value.dtype) * (value - averaged.value)
            averaged.assign(value)

    def half_life_at(self, num_images):
        """Half-life of the average in images, after a step of `num_images` (of all replicas)."""
        return self.average_half_life

    def _averaged_weights(self):
        """Pairs of the averaged networks' weights and those that they follow."""
        return [
            pair
            for name, average in self.averages.items()
            for pair in zip(average.weights, getattr(self, name).weights, strict=True)
        ]

    def track_gradient_norms(self):
        """Adds `{player}_gradient_norm`, the epoch's largest so far, to the logs of `fit`.

        To be called on a compiled model before `fit`, or by a callback in `set_model`. Under `tf.distribute`
        a norm is that of a replica's own gradient.
        """
        if not self.gradient_norm_trackers:
            with backends.strategy_scope(self):
                self.gradient_norm_trackers = {
                    player: _Maximum(name=f"{player}_gradient_norm") for player in self.players
                }
            # What was traced before does not know the trackers.
            self.train_function = None

    def untrack_gradient_norms(self):
        """Takes back `track_gradient_norms`."""
        if self.gradient_norm_trackers:
            self.gradient_norm_trackers = {}
            self.train_function = None

    def update_trackers(self, **losses):
        """Adds one step's losses to the epoch's means and returns the logs."""
        for tracker in self.loss_trackers:
            # What a step leaves out has the mean of the others.
            if tracker.name in losses:
                tracker.update_state(losses[tracker.name])
        players = self._norms_of_threads_step.pop(threading.get_ident(), [])
        norms = [self.gradient_norm_trackers[player] for player in dict.fromkeys(players)]
        return {tracker.name: tracker.result() for tracker in (*self.loss_trackers, *norms)}

    # Saving.

    def get_config(self):
        config = super().get_config()
        # A loaded model follows the dtype policy in force, as its networks do.
        config.pop("dtype", None)
        networks = {
            name: keras.saving.serialize_keras_object(network) for name, network in self.networks.items()
        }
        return {**config, **networks, **config_of(self)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**keras.saving.deserialize_keras_object(config, custom_objects=custom_objects))


def _compile_of(cls):
    """The `compile` of a family, with an argument for the optimizer of each of its players."""
    players = cls.optimizer_arguments()

    def compile(self, *args, **kwargs):
        try:
            given = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            unknown = [name for name in kwargs if name not in signature.parameters]
            raise TypeError(
                _about_keywords(type(self), signature, unknown) if unknown else str(error)
            ) from None
        arguments = given.arguments
        optimizers = {player: arguments.get(argument) for player, argument in players.items()}
        options = {name: arguments[name] for name in _COMPILE_OPTIONS if name in arguments}
        self._compile(optimizers, **options)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [
            inspect.Parameter("self", kind),
            *(inspect.Parameter(argument, kind, default=None) for argument in players.values()),
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
                for name, default in _COMPILE_OPTIONS.items()
            ),
        ]
    )
    # None under `python -OO`.
    default = (inspect.getdoc(cls.default_optimizers) or "").partition("\n")[0].rstrip(".")
    lines = [
        "Configures the model for training.",
        "",
        f"Default optimizers: {default}.",
        "",
        "Args:",
        *(
            f"    {argument}: `keras.optimizers.Optimizer` of {' and '.join(cls.players[player])}, or None."
            for player, argument in players.items()
        ),
        "    run_eagerly, steps_per_execution, jit_compile: As for `keras.Model.compile`.",
        "",
        "Raises:",
        "    ValueError: If two players share an optimizer, or one has `use_ema=True`.",
        "    TypeError: If an argument is unknown.",
    ]
    compile.__signature__ = signature
    compile.__doc__ = "\n".join(lines)
    compile.__qualname__ = f"{cls.__qualname__}.compile"
    compile.__module__ = cls.__module__
    return compile


_COMPILE_OPTIONS = {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": "auto"}


def _about_keywords(cls, signature, unknown):
    """What is wrong with keywords that `compile` does not know, and what it offers instead."""
    known = [name for name in signature.parameters if name != "self"]
    hints = [_INSTEAD_OF[name].format(optimizer=known[0]) for name in unknown if name in _INSTEAD_OF]
    return " ".join(
        [
            f"`compile` of {cls.__name__} has no argument {', '.join(f'`{name}`' for name in unknown)}.",
            *hints,
            f"The arguments are {', '.join(f'`{name}`' for name in known)}.",
        ]
    )


# Keyword of Keras' `compile` -> what is done instead.
_INSTEAD_OF = {
    "optimizer": "Each player has an optimizer of its own, such as `{optimizer}`.",
    "learning_rate": "Give an optimizer: `{optimizer}=keras_genzoo.optimizers.Adam(learning_rate=1e-4)`.",
    "loss": "The loss belongs to the model: see the arguments of its constructor.",
    "metrics": "Measures of generated images are computed by the callback `keras_genzoo.callbacks.Evaluate`.",
}


def _averaged_copy_of(network):
    config = keras.saving.serialize_keras_object(network)
    config["config"]["name"] = f"averaged_{network.name}"
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


class _Maximum(keras.metrics.Metric):
    """The largest finite value since the last reset: a step that loss scaling skips has an infinite norm."""

    def __init__(self, name):
        super().__init__(name=name)
        # Over replicas the mean of each one's largest.
        self.largest = self.add_variable((), "zeros", aggregation="mean", name="largest")

    def update_state(self, value):
        self.largest.assign(ops.maximum(self.largest.value, ops.where(ops.isfinite(value), value, 0.0)))

    def result(self):
        # Computed, so that it is a tensor: under `tf.distribute` the value is the replicas' variable.
        return self.largest.value + 0.0
