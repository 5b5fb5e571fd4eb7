"""Adam with a fused kernel, and the learning rate schedule of CycleGAN."""

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


# A number, a schedule, or a callable.
LearningRate = Annotated[float, Check(_learning_rate)]


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with one fused operation per variable on TensorFlow.

    The state and the results are those of `keras.optimizers.Adam`. It is faster for large networks with small
    batches. On other backends, for sparse gradients and with `amsgrad=True` it runs the code of
    `keras.optimizers.Adam`.

    Args:
        learning_rate: Float of at least 0, or a `keras.optimizers.schedules.LearningRateSchedule`.
        beta_1: Float in [0, 1), decay of the first moment.
        beta_2: Float in [0, 1), decay of the second moment.
        epsilon: Positive float. The default 1e-8 is that of PyTorch and of most papers; the default of Keras
            is 1e-7.
        l2: Float of at least 0. Weight of the L2 penalty, whose gradient is added to that of the loss, as
            `weight_decay` does in PyTorch's Adam. The `weight_decay` of Keras is decoupled from the gradient
            (AdamW).
        **kwargs: As for `keras.optimizers.Adam`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras_genzoo as kg

    gan = kg.models.GAN(image_shape=(8, 8, 1), width=4)
    gan.compile(generator_optimizer=kg.optimizers.Adam(learning_rate=1e-4, beta_1=0.5))
    ```

    Reference: Kingma & Ba, "Adam: A method for stochastic optimization", 2015, arXiv:1412.6980, algorithm 1.
    The defaults are those of Radford et al., "Unsupervised representation learning with deep convolutional
    generative adversarial networks", 2015, arXiv:1511.06434, section 4.
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
    """A learning rate that is constant at first and then decays linearly to zero.

    Args:
        initial_learning_rate: Float, at least 0.
        constant_steps: Int, at least 0. Number of steps with `initial_learning_rate`.
        decay_steps: Int, at least 1. Number of steps of the decay. The learning rate is 0 from step
            `constant_steps + decay_steps` on.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras_genzoo as kg

    schedule = kg.optimizers.ConstantThenLinearDecay(2e-4, constant_steps=100, decay_steps=100)
    float(schedule(150))  # 1e-4
    optimizer = kg.optimizers.Adam(schedule, beta_1=0.5)
    ```

    Reference: Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial networks",
    2017, arXiv:1703.10593, appendix 7.1: 100 epochs each. The authors' code changes the learning rate once
    per epoch.
    """

    def __init__(self, initial_learning_rate, constant_steps, decay_steps):
        super().__init__()
        self.initial_learning_rate = arguments.number(
            "initial_learning_rate", initial_learning_rate, at_least=0
        )
        self.constant_steps = arguments.integer("constant_steps", constant_steps, at_least=0)
        self.decay_steps = arguments.integer("decay_steps", decay_steps, at_least=1)

    def __call__(self, step):
        decayed = (ops.cast(step, "float32") - self.constant_steps) / self.decay_steps
        return self.initial_learning_rate * (1.0 - ops.clip(decayed, 0.0, 1.0))

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "constant_steps": self.constant_steps,
            "decay_steps": self.decay_steps,
        }
