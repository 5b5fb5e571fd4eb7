"""The only code that knows which Keras backend runs.

A family writes one imperative `train_step`; the functions here adapt it to the backend:

- `train_step`, `test_step`: decorators that give the step the form its trainer calls.
- `value_and_grad`, `input_value_and_grad`, `vjp`: differentiation of a closure that reads (and may update)
  Keras variables.
- `apply_gradients`: an optimizer's update, loss scaling included.
- `batch_normalization`, `instance_normalization`, `fused_adam`: the fused kernel where the backend has one.
- `graph_function`, `checked_within`: what an exported signature is made of.
- `num_replicas`, `num_replicas_of`, `strategy_scope`, `gather_from_workers`, `LOST_WORKER`, `SeedGenerator`: data
  parallel training.
- `TrainedModel`, `state_kept`: a model that is used while it trains, and after an error.
- `Compiled`: a function of tensors, compiled for inference on arrays.
- `JointOptimizer`: several optimizers seen as one.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_genzoo.backends import tensorflow_backend as _backend
elif keras.backend.backend() == "jax":
    from keras_genzoo.backends import jax_backend as _backend
else:
    raise ImportError(
        f"keras_genzoo runs on the TensorFlow and JAX backends of Keras, not on {keras.backend.backend()!r}. "
        "Set the environment variable KERAS_BACKEND to `tensorflow` or `jax` before Python starts."
    )

train_step = _backend.train_step
test_step = _backend.test_step
value_and_grad = _backend.value_and_grad
input_value_and_grad = _backend.input_value_and_grad
vjp = _backend.vjp
apply_gradients = _backend.apply_gradients
batch_normalization = _backend.batch_normalization
instance_normalization = _backend.instance_normalization
fused_adam = _backend.fused_adam
num_replicas = _backend.num_replicas
num_replicas_of = _backend.num_replicas_of
strategy_scope = _backend.strategy_scope
gather_from_workers = _backend.gather_from_workers
LOST_WORKER = _backend.LOST_WORKER
graph_function = _backend.graph_function
checked_within = _backend.checked_within
TrainedModel = _backend.TrainedModel
state_kept = _backend.state_kept
Compiled = _backend.Compiled


class SeedGenerator(keras.random.SeedGenerator):
    """`keras.random.SeedGenerator` whose seeds differ between replicas.

    The stock generator hands the same seed to every replica of a `tf.distribute` strategy, so that all
    replicas draw the same noise. Here the replica's id is folded in; replica 0 draws what a single device
    would draw.
    """

    def next(self, ordered=True):
        return _backend.fold_in_replica(super().next(ordered=ordered))


class JointOptimizer:
    """Several optimizers behind the one attribute `model.optimizer` that Keras' trainers and callbacks look at.

    It has what they ask of a `keras.optimizers.MultiOptimizer`: the list of the optimizers, whose names are those
    of the players, their variables (the JAX trainer passes them through the compiled step) and the number of steps.
    Updates are made by the optimizers themselves.

    Args:
        optimizers: Dict of player -> built `keras.optimizers.Optimizer`. The first player's takes one update per
            training step.
        steps: Variable that counts the training steps, where the first player takes more updates; else None.
    """

    built = True

    def __init__(self, optimizers, steps=None):
        self._by_player = dict(optimizers)
        self._steps = steps

    @property
    def optimizers(self):
        return list(self._by_player.values())

    @property
    def variables(self):
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def iterations(self):
        """Number of training steps."""
        return self.optimizers[0].iterations if self._steps is None else self._steps

    @property
    def learning_rate(self):
        """That of the only optimizer. Several have one each: `model.generator_optimizer.learning_rate`."""
        return self._only_one("read").learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._only_one("set").learning_rate = value

    def _only_one(self, action):
        if len(self._by_player) > 1:
            raise AttributeError(
                f"`model.optimizer.learning_rate` cannot be {action}: each player has an optimizer of its own. Use "
                f"{' and '.join(f'`model.{player}_optimizer.learning_rate`' for player in self._by_player)}."
            )
        return self.optimizers[0]
