"""The only code that knows which Keras backend runs.

A family writes one imperative `train_step`; the functions here adapt it to the backend:

- `train_step`, `test_step`: decorators that give the step the form its trainer calls.
- `value_and_grad`, `input_value_and_grad`, `vjp`: differentiation of a closure that reads (and may update)
  Keras variables.
- `apply_gradients`: an optimizer's update, loss scaling included.
- `batch_normalization`, `instance_normalization`, `fused_adam`: the fused kernel where the backend has one.
- `num_replicas`, `num_replicas_of`, `strategy_scope`, `SeedGenerator`: data parallel training.
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
    """Several optimizers behind the one attribute `model.optimizer` that a Keras trainer looks at.

    It only lists variables (the JAX trainer passes them through the compiled step); updates are made by the
    optimizers themselves.

    Args:
        optimizers: Dict of built `keras.optimizers.Optimizer`s.
    """

    built = True

    def __init__(self, optimizers):
        self.optimizers = dict(optimizers)

    @property
    def variables(self):
        return [variable for optimizer in self.optimizers.values() for variable in optimizer.variables]
