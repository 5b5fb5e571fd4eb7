"""The only code that depends on the Keras backend.

A family writes one imperative `train_step`; the functions here adapt it to the backend:

- `train_step`, `test_step`: decorators that give a step the form that the backend's trainer calls.
- `value_and_grad`, `input_value_and_grad`, `vjp`: differentiation of a function that reads, and may update,
  Keras variables.
- `apply_gradients`: the update of an optimizer, including loss scaling.
- `batch_normalization`, `instance_normalization`, `fused_adam`: fused kernels, if the backend has them.
- `graph_function`, `checked_within`: building blocks of exported signatures.
- `mean_over_replicas`, `num_replicas`, `num_replicas_of`, `strategy_scope`, `gather_from_workers`, `LOST_WORKER`,
  `SeedGenerator`: data parallel training.
- `TrainedModel`, `state_kept`: use of a model while it is trained, and after an error.
- `Compiled`: a function of tensors, compiled for inference on arrays.
- `JointOptimizer`: several optimizers behind one interface.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_genzoo.backends import tensorflow_backend as _backend
elif keras.backend.backend() == "jax":
    from keras_genzoo.backends import jax_backend as _backend
else:
    raise ImportError(
        f"keras_genzoo supports the TensorFlow and JAX backends of Keras, not {keras.backend.backend()!r}. "
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
mean_over_replicas = _backend.mean_over_replicas
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
    """`keras.random.SeedGenerator` with different seeds for each replica.

    `keras.random.SeedGenerator` returns the same seed on every replica of a `tf.distribute` strategy, so that
    all replicas draw the same noise. Here the replica id is folded into the seed. Replica 0 draws what a
    single device would draw.
    """

    def next(self, ordered=True):
        return _backend.fold_in_replica(super().next(ordered=ordered))


class JointOptimizer:
    """Several optimizers behind the attribute `model.optimizer`, which trainers and callbacks of Keras use.

    It provides what they expect of a `keras.optimizers.MultiOptimizer`: the list of optimizers, whose names
    are those of the players, their variables (which the JAX trainer passes through the compiled step), and
    the number of steps. It does not apply updates.

    Args:
        optimizers: Dict that maps players to built `keras.optimizers.Optimizer`s. The first player is updated
            once per training step.
        steps: Variable that counts the training steps if the first player has more or fewer updates,
            otherwise None.
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
        """Learning rate of a single optimizer. With several, use `model.generator_optimizer.learning_rate`."""
        return self._only_one("read").learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._only_one("set").learning_rate = value

    def _only_one(self, action):
        if len(self._by_player) > 1:
            raise AttributeError(
                f"`model.optimizer.learning_rate` cannot be {action}: each player has its own optimizer. Use "
                f"{' and '.join(f'`model.{player}_optimizer.learning_rate`' for player in self._by_player)}."
            )
        return self.optimizers[0]
