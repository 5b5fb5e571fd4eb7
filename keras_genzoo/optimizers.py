"""Adam on the backend's fused kernel, and the learning rate of CycleGAN."""

from typing import Annotated

import keras
from keras import ops

from keras_genzoo import arguments, backends
from keras_genzoo.arguments import Check, NonNegative, Positive, Share
from keras_genzoo.backends import keras_private


def _learning_rate(argument, value):
    if callable(value) or isinstance(value, dict) or keras.ops.is_tensor(value):
        return value
    return arguments.number(argument, value, at_least=0)


# A number, or what gives one at each step.
LearningRate = Annotated[float, Check(_learning_rate)]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with one fused operation a variable on TensorFlow.

    The same state and the same result; faster where the networks are large and the batch is small. On other
    backends, for sparse gradients and with `amsgrad=True` it is the stock optimizer.

    Args:
        learning_rate: Float or schedule. Defaults to 2e-4.
        beta_1: Float. Defaults to 0.5.
        beta_2: Float. Defaults to 0.999.
        epsilon: Float. Defaults to 1e-8, PyTorch's and the papers'; Keras' own is 1e-7.
        l2: Float, times each variable added to its gradient, as PyTorch's Adam does with its `weight_decay`. That of
            Keras acts on the variable alone (AdamW).
        **kwargs: As for `keras.optimizers.Adam`.

    Source: Kingma & Ba 2015, algorithm 1 in the form before section 2.1; the defaults are those of Radford et
    al. 2015, section 4.
    """

    @arguments.checked
    def __init__(
        self,
        learning_rate: LearningRate = 2e-4,
        beta_1: Share = 0.5,
        beta_2: Share = 0.999,
        epsilon: Positive = 1e-8,
        l2: NonNegative = 0.0,
        name="adam",
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, name=name, **kwargs
        )
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        if self.l2:
            gradient = ops.convert_to_tensor(gradient) + self.l2 * ops.convert_to_tensor(variable)
        updated = not self.amsgrad and backends.fused_adam(
            variable,
            *keras_private.adam_moments(self, variable),
            gradient,
            step=self.iterations + 1,
            learning_rate=learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )
        if not updated:
            super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ConstantThenLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that stays for a time and then falls linearly to zero.

    Args:
        initial_learning_rate: Float.
        constant_steps: Int, steps at `initial_learning_rate`.
        decay_steps: Int, steps after them in which it falls; at step `constant_steps + decay_steps` it is zero.

    Example:

    >>> schedule = ConstantThenLinearDecay(2e-4, constant_steps=100, decay_steps=100)
    >>> float(schedule(150))  # half of 2e-4

    Source: Zhu et al. 2017, appendix 7.1: 100 epochs and 100 more. The authors' code lowers it once an epoch.
    """

    def __init__(self, initial_learning_rate, constant_steps, decay_steps):
        super().__init__()
        self.initial_learning_rate = arguments.number(
            "initial_learning_rate", initial_learning_rate, at_least=0
        )
        self.constant_steps = arguments.integer("constant_steps", constant_steps, at_least=0)
        self.decay_steps = arguments.integer("decay_steps", decay_steps, at_least=1)

    def __call__(self, step):
        fallen = (ops.cast(step, "float32") - self.constant_steps) / self.decay_steps
        return self.initial_learning_rate * (1.0 - ops.clip(fallen, 0.0, 1.0))

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "constant_steps": self.constant_steps,
            "decay_steps": self.decay_steps,
        }
