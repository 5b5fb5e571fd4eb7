"""Penalties on the gradient of a critic or discriminator with respect to its input.

`D` is the critic, `x` are real samples, `x~` generated ones. A gradient's norm is taken over all of a sample's
values, in float32, whatever the precision of the networks.
"""

import keras
from keras import ops

from keras_genzoo import backends


class GradientPenalty:
    """Base class: a scalar that is added to the critic's loss.

    Subclasses implement `__call__`.

    Args:
        weight: Float, at least 0; multiplies the penalty.
    """

    def __init__(self, weight):
        if weight < 0:
            raise ValueError(f"`weight` must be at least 0. Received: weight={weight}")
        self.weight = weight

    def __call__(self, critic, real, fake, seed):
        """Computes the weighted penalty.

        Args:
            critic: Callable from samples to logits `(batch, ...)`.
            real: Float tensor `(batch, ...)`.
            fake: Float tensor of the same shape.
            seed: `keras.random.SeedGenerator` that the penalty's noise comes from.

        Returns:
            Scalar float32 tensor.
        """
        raise NotImplementedError

    def get_config(self):
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class WassersteinGradientPenalty(GradientPenalty):
    """`weight * E[(|grad D(x^)| - target)^2]` at points x^ between a real and a generated sample.

    Each pair's point is uniform on the line between them.

    Args:
        weight: Float.
        target: Float, the norm that is asked for.
        one_sided: Bool. True penalises only norms above `target`.

    Example:

    >>> penalty = WassersteinGradientPenalty()
    >>> seed = keras.random.SeedGenerator(0)
    >>> penalty(lambda x: ops.sum(3.0 * x, axis=1), ops.zeros((2, 1)), ops.ones((2, 1)), seed)  # 10 (3 - 1)^2

    Source: Gulrajani et al. 2017, equation 3; section 4 on the two sides.
    """

    def __init__(self, weight=10.0, target=1.0, one_sided=False):
        super().__init__(weight)
        self.target = target
        self.one_sided = one_sided

    def __call__(self, critic, real, fake, seed):
        real, fake = ops.cast(real, "float32"), ops.cast(fake, "float32")
        share = keras.random.uniform(_one_a_sample(real), seed=seed)
        excess = _gradient_norm(critic, real + share * (fake - real)) - self.target
        if self.one_sided:
            excess = ops.relu(excess)
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self):
        return {**super().get_config(), "target": self.target, "one_sided": self.one_sided}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class R1(GradientPenalty):
    """`weight / 2 * E[|grad D(x)|^2]` on real samples.

    Args:
        weight: Float, gamma of the paper.

    Source: Mescheder et al. 2018, equation 9.
    """

    def __init__(self, weight=10.0):
        super().__init__(weight)

    def __call__(self, critic, real, fake, seed):
        return 0.5 * self.weight * ops.mean(_squared_gradient_norm(critic, real))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class R2(GradientPenalty):
    """`weight / 2 * E[|grad D(x~)|^2]` on generated samples.

    Args:
        weight: Float, gamma of the paper.

    Source: Mescheder et al. 2018, equation 10.
    """

    def __init__(self, weight=10.0):
        super().__init__(weight)

    def __call__(self, critic, real, fake, seed):
        return 0.5 * self.weight * ops.mean(_squared_gradient_norm(critic, fake))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class DRAGAN(GradientPenalty):
    """`weight * E[(|grad D(x + d)| - target)^2]` around real samples.

    The perturbation `d` is a share, uniform in [0, 1] and one a sample, of noise that is uniform in
    `[0, scale * s]` for each value, `s` the standard deviation of all values of the batch (under `tf.distribute`
    of the replica's): the form of the authors' program. The paper's equation has a Gaussian of a fixed size.

    Args:
        weight: Float.
        target: Float, the norm that is asked for.
        scale: Float, largest perturbation in standard deviations of the data.

    Source: Kodali et al. 2017, section 2.3 and algorithm 1.
    """

    def __init__(self, weight=10.0, target=1.0, scale=0.5):
        super().__init__(weight)
        self.target = target
        self.scale = scale

    def __call__(self, critic, real, fake, seed):
        real = ops.cast(real, "float32")
        share = keras.random.uniform(_one_a_sample(real), seed=seed)
        noise = self.scale * ops.std(real) * keras.random.uniform(ops.shape(real), seed=seed)
        excess = _gradient_norm(critic, real + share * noise) - self.target
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self):
        return {**super().get_config(), "target": self.target, "scale": self.scale}


def get(identifier):
    """Returns a penalty object or None unchanged, and the object of a serialised config."""
    if identifier is None or isinstance(identifier, GradientPenalty):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    raise ValueError(
        "`penalty` must be an object of `keras_genzoo.penalties`, such as `R1(weight=10.0)`, or None. "
        f"Received: {identifier!r}"
    )


def _gradient_norm(critic, samples):
    # Zero has no slope of the root: the constant keeps the gradient finite there.
    return ops.sqrt(_squared_gradient_norm(critic, samples) + 1e-12)


def _squared_gradient_norm(critic, samples):
    _, gradient = backends.input_value_and_grad(critic, ops.cast(samples, "float32"))
    return ops.sum(ops.square(ops.cast(gradient, "float32")), axis=tuple(range(1, len(samples.shape))))


def _one_a_sample(samples):
    return (ops.shape(samples)[0], *[1] * (len(samples.shape) - 1))
