"""The base class of all generative families: networks that are updated alternately by their own optimizers."""

import inspect
import threading
from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import NumClasses, OptionalPositive, OptionalSeed, OptionalShare
from keras_genzoo.backends import keras_private
from keras_genzoo.models.options import LossBounds, Shape, checked_options, config_of
from keras_genzoo.models.zoo_model import ZooModel


class GenerativeModel(ZooModel):
    """A model whose networks are updated alternately, each by its own optimizer.

    A family declares its `players` and creates its networks in the constructor. Its `train_step` reads like
    the algorithm of the paper, with one call of `minimize` per update. `compile` and its documentation are
    derived from `players`. `get_config` is derived from the networks and from the annotated arguments of the
    constructor (`keras_genzoo.models.options`).

    ```
    players = {"generator": ("generator",), "discriminator": ("discriminator",)}

    @backends.train_step
    def train_step(self, data):
        images, labels = self.unpack(data)
        ...
        loss = self.minimize(lambda: self.discriminator_loss(images, fakes), "discriminator")
        return self.update_trackers(discriminator_loss=loss)
    ```

    Args:
        image_shape: Tuple `(height, width, channels)` of the generated images, or `(num_features,)` for
            points, which may have any finite values.
        num_classes: Int of at least 2, or None for a model without labels.
        average_decay: Float in [0, 1), decay per step of an exponential moving average of the networks that
            generate images. Sampling, translation, evaluation, export and presets then use the averages.
            Defaults to no average. Autoencoders do not support it.
        average_half_life: Positive float, half-life of the same average in images seen; an alternative to
            `average_decay`.
        loss_bounds: Dict that maps players to floats, or None. A player whose loss is not above its bound
            skips its update ("train the player whose loss is above its bound"); players that are not in the
            dict are always updated. See `minimize`.
        seed: Int from 0 to 2**32 - 1, or None. Seed of the training noise.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, both `average_decay` and `average_half_life` are
            given, or `loss_bounds` names no player of the model.
    """

    trains_on_several_machines = True
    # Player (with its own optimizer) -> names of the networks that it updates, in the order of `compile`. If `steps`
    # is None, the first player is updated once per step. Set by each family.
    players: ClassVar = {}
    # Variable that counts the training steps, or None. The second is for models whose first player may skip updates.
    steps = counted_steps = None
    # Whether `compile` supports `steps_per_execution` above 1.
    several_steps_per_execution = True
    # Names of the losses in the logs. Set by each family.
    loss_names = ()
    # Names of the networks that generate images, which can be averaged. Set by each base class.
    image_networks = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # A family may define its own `compile`.
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
        loss_bounds: LossBounds = None,
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
        unknown = set(loss_bounds or ()) - set(self.players)
        if unknown:
            raise ValueError(
                f"`loss_bounds` must map players of {type(self).__name__} ({', '.join(map(repr, self.players))}) to "
                f"floats. Received: {', '.join(map(repr, sorted(unknown)))}"
            )
        self.update_share_trackers = {
            player: keras.metrics.Mean(name=f"{player}_updates") for player in loss_bounds or ()
        }
        # Each replica runs its steps in its own thread.
        self._extra_trackers_of_threads_step = {}

    def set_networks(self, **networks):
        """Sets the built networks as attributes of the model, and creates the averages.

        Args:
            **networks: `keras.Model`s by attribute name.

        Raises:
            ValueError: If a network is not built, or has regularizers.
        """
        self._network_names = list(networks)
        for name, network in networks.items():
            if not network.built:
                raise ValueError(
                    f"`{name}` must be built. Make it a functional model, or start it with `keras.Input(...)`."
                )
            if network.losses:
                raise ValueError(
                    f"`{name}` has regularizers, which the training step would ignore. Remove them. For weight "
                    "decay, pass an optimizer with `weight_decay`."
                )
            setattr(self, name, network)
        for name in self._averaged_names:
            setattr(self, f"averaged_{name}", _averaged_copy_of(networks[name]))
        if self.steps is None and self._first_player in (self.loss_bounds or ()):
            # The optimizer of the first player does not count the steps that skip its update.
            self.counted_steps = self.add_counter("counted_steps")
        self.built = True

    def add_counter(self, name, start=0):
        """Creates an int32 variable that training counts with. It is saved with the model, and is the same on all
        replicas.
        """
        return self.add_weight(
            name=name,
            shape=(),
            dtype="int32",
            initializer=keras.initializers.Constant(start),
            trainable=False,
            aggregation="only_first_replica",
        )

    @property
    def networks(self):
        """Dict of the trained networks by name."""
        return {name: getattr(self, name) for name in self._network_names}

    @property
    def averages(self):
        """Dict of the averaged networks by the name of the network that they follow; may be empty."""
        return {name: getattr(self, f"averaged_{name}") for name in self._averaged_names}

    @property
    def _averaged_names(self):
        averaging = self.average_decay is not None or self.average_half_life is not None
        return self.image_networks if averaging else ()

    @property
    def preset_networks(self):
        """Dict of the networks that a preset stores: averages replace the networks that they follow."""
        return {**self.networks, **self.averages}

    def network_of(self, name, training=False):
        """Returns the network of a name; in inference, its average if there is one."""
        return self.networks[name] if training else self.averages.get(name, self.networks[name])

    @property
    def inference_networks(self):
        """Dict of the `preset_networks` used in inference.

        These are the networks of the first player, and untrained ones such as a fitted prior.
        """
        _, *others = self.players.values()
        only_trained_against = {name for names in others for name in names}
        return {
            name: network
            for name, network in self.preset_networks.items()
            if name not in only_trained_against
        }

    def preset_weights_loaded(self):
        """Copies the averages that a preset has loaded to the trained networks."""
        for name, average in self.averages.items():
            getattr(self, name).set_weights(average.get_weights())

    # Compiling.

    def default_optimizers(self):
        """Returns a dict of the paper's optimizers by player. Each family defines it."""
        raise NotImplementedError

    @classmethod
    def optimizer_arguments(cls):
        """As for `ZooModel`: `optimizer` for a single player, otherwise `{player}_optimizer`."""
        return {
            player: f"{player}_optimizer" if len(cls.players) > 1 else "optimizer" for player in cls.players
        }

    def check_compile(self, steps_per_execution):
        """Checks for arguments of `compile` that the model does not support.

        Args:
            steps_per_execution: Int.

        Raises:
            ValueError: If it is not supported.
        """

    def _compile(self, optimizers, run_eagerly=False, steps_per_execution=1, jit_compile="auto"):
        """Implements `compile`.

        Args:
            optimizers: Dict of optimizers by player; None selects the paper's optimizer.
            run_eagerly, steps_per_execution, jit_compile: As for `keras.Model.compile`.
        """
        if steps_per_execution > 1 and not self.several_steps_per_execution:
            raise ValueError(
                f"`steps_per_execution` must be 1: the steps of a {type(self).__name__} apply different "
                f"regularizers. Received: {steps_per_execution}"
            )
        self.check_compile(steps_per_execution)
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        given = {player: keras.optimizers.get(value) for player, value in optimizers.items() if value}
        # The tracker of Keras would duplicate a loss of the family with the same name.
        keras_private.drop_loss_tracker(self)
        with backends.strategy_scope(self):
            chosen = {**self.default_optimizers(), **given}
            if len({id(optimizer) for optimizer in chosen.values()}) < len(chosen):
                arguments = ", ".join(f"`{argument}`" for argument in self.optimizer_arguments().values())
                raise ValueError(
                    f"Each of {arguments} must be a separate object: an optimizer keeps the moments of the variables "
                    "it was built on. Create one optimizer for each."
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
        steps = self.counted_steps if self.steps is None else self.steps
        self.optimizer = backends.JointOptimizer(self.optimizers, steps)

    def _built(self, player, optimizer):
        if optimizer.use_ema:
            raise ValueError(
                f"`{player}_optimizer` has `use_ema=True`, which would also overwrite the other networks at the end "
                "of training. Use the model's `average_decay` instead."
            )
        # The precision of the networks matters, not that of the model: custom networks may have their own.
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
                    f"`{name}` is not supported: the losses of a {type(self).__name__} are not sums over examples. "
                    "Remove it. To weight some images more, repeat them in the data."
                )
        callbacks = keras.tree.flatten(arguments.get("callbacks"))
        if any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks):
            raise ValueError(
                "`callbacks` contains a `SwapEMAWeights`, which needs an optimizer with `use_ema=True`; such an "
                "optimizer would also overwrite the other networks. Create the model with `average_decay` or "
                "`average_half_life`: sampling, evaluation and export then use the averages."
            )
        looks_at_loss = any(isinstance(callback, keras.callbacks.TerminateOnNaN) for callback in callbacks)
        if looks_at_loss and "loss" not in self.loss_names:
            raise ValueError(
                "`callbacks` contains a `TerminateOnNaN`, which only monitors `loss`; this model logs "
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
        """Returns the list of trainable variables that a player's optimizer updates."""
        return [
            variable for name in self.players[player] for variable in getattr(self, name).trainable_variables
        ]

    def active_variables_of(self, player):
        """Returns those of `variables_of` that the current step trains: all, except in a growing network."""
        return self.variables_of(player)

    # The parts of a training step.

    @property
    def _first_player(self):
        return next(iter(self.players), None)

    def minimize(self, loss_function, player, has_aux=False, bounded=True):
        """Takes one step of a player's optimizer.

        Only this method and `minimize_through` apply optimizers. They compute gradients with the backend,
        divide the loss by the number of replicas (whose gradients are summed), and scale the loss in half
        precision. If the player has a bound in `loss_bounds`, and the loss (the mean over all replicas) is not
        above it, they leave the variables and the optimizer as they are.

        Args:
            loss_function: Callable without arguments that returns the mean loss over this replica's batch, or
                with `has_aux` a pair of the loss and anything else.
            player: String, name of the player.
            has_aux: Bool, whether `loss_function` returns a pair.
            bounded: Bool. Pass False for a regularizer, to which the bound of the player's loss does not apply.

        Returns:
            The result of `loss_function`: the loss, a float32 scalar tensor, or the pair.
        """

        def scaled_and_output():
            output = loss_function()
            return self._scaled(output[0] if has_aux else output, player), output

        variables = self.active_variables_of(player)
        (_, output), gradients = backends.value_and_grad(scaled_and_output, variables, has_aux=True)
        loss = output[0] if has_aux else output
        self._apply_above_bound(loss if bounded else None, gradients, variables, player)
        return output

    def vjp(self, function, *players):
        """Runs `function()` once and keeps what `minimize_through` needs for its gradient.

        Args:
            function: Callable without arguments that returns a tensor, or a list of tensors.
            *players: Strings, names of the players whose variables are trained.

        Returns:
            Tuple `(output, pullback)`.
        """
        variables = [variable for player in players for variable in self.active_variables_of(player)]
        return backends.vjp(function, variables)

    def minimize_through(self, loss_function, output, pullback, *players, has_aux=False):
        """Takes one step of each player's optimizer on a loss of an output that `vjp` has computed.

        The forward pass is not repeated, even if other networks have been updated in the meantime.

        Args:
            loss_function: Callable that maps `output` to the mean loss over this replica's batch, or with
                `has_aux` to a pair of the loss and anything else.
            output, pullback: Results of `vjp`.
            *players: Strings, names of the players given to `vjp`.
            has_aux: Bool, whether `loss_function` returns a pair.

        Returns:
            The result of `loss_function`: the loss, a float32 scalar tensor, or the pair.
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
                # Each optimizer has its own loss scale.
                own = [self._scaled(gradient, player) / self._scaled(1.0, players[0]) for gradient in own]
            self._apply_above_bound(result[0] if has_aux else result, own, variables, player)
        return result

    def _scaled(self, loss, player):
        """Returns the loss divided by the number of replicas and multiplied by the optimizer's loss scale."""
        return self.optimizers[player].scale_loss(loss / backends.num_replicas())

    def _apply_above_bound(self, loss, gradients, variables, player):
        """Applies gradients, unless the loss is within the player's bound."""
        if loss is None or player not in self.update_share_trackers:
            self._apply(gradients, variables, player)
            return
        is_above = backends.mean_over_replicas(loss) > self.loss_bounds[player]
        # Undone rather than left out: under `tf.distribute`, an optimizer cannot be applied in a conditional branch.
        state = [*variables, *self.optimizers[player].variables]
        before = [ops.copy(variable.value) for variable in state]
        self._apply(gradients, variables, player)
        for variable, value in zip(state, before, strict=True):
            variable.assign(ops.where(is_above, variable.value, value))
        self._track(self.update_share_trackers[player], ops.cast(is_above, "float32"))
        if self.counted_steps is not None and player == self._first_player:
            self.counted_steps.assign(self.counted_steps.value + 1)

    def _apply(self, gradients, variables, player):
        if player in self.gradient_norm_trackers:
            squares = [
                ops.sum(ops.square(ops.cast(gradient, "float32")))
                for gradient in gradients
                if gradient is not None
            ]
            scale = self.optimizers[player].scale_loss(1.0 / backends.num_replicas())
            self._track(self.gradient_norm_trackers[player], ops.sqrt(sum(squares)) / scale)
        backends.apply_gradients(self.optimizers[player], gradients, variables)

    def _track(self, tracker, value):
        """Updates a tracker other than those of losses, which the logs of the running step then contain."""
        tracker.update_state(value)
        self._extra_trackers_of_threads_step.setdefault(threading.get_ident(), []).append(tracker)

    def update_average(self, num_images):
        """Updates the averaged networks. Called after the last update of the networks in a step.

        Trainable weights are interpolated. Buffers, such as moving statistics, are copied.

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
        """Returns the half-life of the average in images, after a step of `num_images` (of all replicas)."""
        return self.average_half_life

    def _averaged_weights(self):
        """Pairs of the weights of the averaged networks and the weights that they follow."""
        return [
            pair
            for name, average in self.averages.items()
            for pair in zip(average.weights, getattr(self, name).weights, strict=True)
        ]

    def track_gradient_norms(self):
        """Adds `{player}_gradient_norm` to the logs of `fit`: the largest gradient norm of the epoch so far.

        Call it on a compiled model before `fit`, or from a callback in `set_model`. Under `tf.distribute` the
        norm is that of a replica's gradient.
        """
        if not self.gradient_norm_trackers:
            with backends.strategy_scope(self):
                self.gradient_norm_trackers = {
                    player: _Maximum(name=f"{player}_gradient_norm") for player in self.players
                }
            # The traced function does not contain the trackers.
            self.train_function = None

    def untrack_gradient_norms(self):
        """Reverts `track_gradient_norms`."""
        if self.gradient_norm_trackers:
            self.gradient_norm_trackers = {}
            self.train_function = None

    def update_trackers(self, **losses):
        """Adds the losses of a step to the means of the epoch.

        Args:
            **losses: Float32 scalar tensors by name, a subset of `loss_names`.

        Returns:
            Dict of the logs.
        """
        for tracker in self.loss_trackers:
            # A loss that a step omits keeps the mean of the other steps.
            if tracker.name in losses:
                tracker.update_state(losses[tracker.name])
        others = self._extra_trackers_of_threads_step.pop(threading.get_ident(), [])
        return {tracker.name: tracker.result() for tracker in (*self.loss_trackers, *others)}

    # Saving.

    def get_config(self):
        config = super().get_config()
        # A loaded model uses the current global dtype policy, as its networks do.
        config.pop("dtype", None)
        networks = {
            name: keras.saving.serialize_keras_object(network) for name, network in self.networks.items()
        }
        return {**config, **networks, **config_of(self)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**keras.saving.deserialize_keras_object(config, custom_objects=custom_objects))


def _compile_of(cls):
    """Creates the `compile` of a family, with one optimizer argument per player."""
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
        "    ValueError: If two players share an optimizer, an optimizer has `use_ema=True`, or",
        "        `steps_per_execution` is not supported by the model.",
        "    TypeError: If an argument is unknown.",
    ]
    compile.__signature__ = signature
    compile.__doc__ = "\n".join(lines)
    compile.__qualname__ = f"{cls.__qualname__}.compile"
    compile.__module__ = cls.__module__
    return compile


_COMPILE_OPTIONS = {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": "auto"}


def _about_keywords(cls, signature, unknown):
    """Error message about unknown keyword arguments of `compile`, with alternatives."""
    known = [name for name in signature.parameters if name != "self"]
    hints = [_INSTEAD_OF[name].format(optimizer=known[0]) for name in unknown if name in _INSTEAD_OF]
    return " ".join(
        [
            f"`compile` of {cls.__name__} has no argument {', '.join(f'`{name}`' for name in unknown)}.",
            *hints,
            f"The arguments are {', '.join(f'`{name}`' for name in known)}.",
        ]
    )


# Keyword argument of Keras' `compile` -> alternative.
_INSTEAD_OF = {
    "optimizer": "Each player has its own optimizer, such as `{optimizer}`.",
    "learning_rate": "Pass an optimizer: `{optimizer}=keras_genzoo.optimizers.Adam(learning_rate=1e-4)`.",
    "loss": "The loss is part of the model: see the arguments of its constructor.",
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
    """Largest finite value since the last reset. A step that loss scaling skips has an infinite norm."""

    def __init__(self, name):
        super().__init__(name=name)
        # Over replicas, the mean of their largest values.
        self.largest = self.add_variable((), "zeros", aggregation="mean", name="largest")

    def update_state(self, value):
        self.largest.assign(ops.maximum(self.largest.value, ops.where(ops.isfinite(value), value, 0.0)))

    def result(self):
        # The addition makes it a tensor: under `tf.distribute` the value is a distributed variable.
        return self.largest.value + 0.0
