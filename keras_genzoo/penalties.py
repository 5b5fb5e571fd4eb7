"""Penalties on the gradient of a critic or discriminator with respect to its input.

`D` is the critic, `x` are real samples, `x~` generated ones. A gradient's norm is taken over all of a sample's
values, in float32, whatever the precision of the networks.

Where a sample is a list of inputs, as one image at several sizes, each input's gradient has its norm, and the
penalty is the mean over the inputs (Karnewar & Wang 2020, section 2).
"""

import keras
from keras import ops, tree

from keras_genzoo import arguments, backends


class GradientPenalty:
    """Base class: a scalar that is added to the critic's loss.

    Subclasses implement `__call__`.

    Args:
        weight: Float, at least 0; multiplies the penalty.
    """

    # Norm below which a gradient is penalized for being too small.
    asked_norm = 0.0

    def __init__(self, weight):
        self.weight = arguments.number("weight", weight, at_least=0)

    @property
    def is_zero_for_constants(self):
        """Whether a critic that says the same of every sample pays nothing."""
        return self.weight == 0 or self.asked_norm == 0

    def __call__(self, critic, real, fake, seed):
        """Computes the weighted penalty.

        Args:
            critic: Callable from samples to logits `(batch, ...)`.
            real: Float tensor `(batch, ...)`, or a list of such tensors of one rank.
            fake: Float tensor of the same shape, or a list alike.
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
        one_sided: Bool. True penalizes only norms above `target`.

    Example:

    >>> penalty = WassersteinGradientPenalty()
    >>> seed = keras.random.SeedGenerator(0)
    >>> penalty(lambda x: ops.sum(3.0 * x, axis=1), ops.zeros((2, 1)), ops.ones((2, 1)), seed)  # 10 (3 - 1)^2

    Source: Gulrajani et al. 2017, equation 3; section 4 on the two sides.
    """

    def __init__(self, weight=10.0, target=1.0, one_sided=False):
        super().__init__(weight)
        self.target = arguments.number("target", target, at_least=0)
        self.one_sided = one_sided

    @property
    def asked_norm(self):
        return 0.0 if self.one_sided else self.target

    def __call__(self, critic, real, fake, seed):
        real, fake = _float32(real), _float32(fake)
        share = keras.random.uniform(_one_a_sample(real), seed=seed)
        between = tree.map_structure(lambda real, fake: real + share * (fake - real), real, fake)
        excess = _gradient_norm(critic, between) - self.target
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
        self.target = arguments.number("target", target, at_least=0)
        self.scale = arguments.number("scale", scale, at_least=0)

    @property
    def asked_norm(self):
        return self.target

    def __call__(self, critic, real, fake, seed):
        share = keras.random.uniform(_one_a_sample(real), seed=seed)

        def perturbed(real):
            noise = self.scale * ops.std(real) * keras.random.uniform(ops.shape(real), seed=seed)
            return real + share * noise

        excess = _gradient_norm(critic, tree.map_structure(perturbed, _float32(real))) - self.target
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self):
        return {**super().get_config(), "target": self.target, "scale": self.scale}


def get(identifier):
    """Returns the penalty of a name (`"r1"`) with its defaults or of a config, a penalty object or None unchanged.

    Raises:
        ValueError: If the name is unknown, or it is none of these.
    """
    if identifier is None:
        return None
    accepted = ", an object of `keras_genzoo.penalties`, such as `R1(weight=10.0)`, or None"
    return arguments.known_object("penalty", identifier, GradientPenalty, _PENALTIES, accepted)


_PENALTIES = {"wasserstein": WassersteinGradientPenalty, "r1": R1, "r2": R2, "dragan": DRAGAN}


def _gradient_norm(critic, samples):
    # Zero has no slope of the root: the constant keeps the gradient finite there.
    return ops.sqrt(_squared_gradient_norm(critic, samples) + 1e-12)


def _squared_gradient_norm(critic, samples):
    """One a sample and input, `(inputs, batch)`."""
    _, gradients = backends.input_value_and_grad(critic, _float32(samples))
    return ops.stack(
        [
            ops.sum(ops.square(gradient), axis=tuple(range(1, len(gradient.shape))))
            for gradient in tree.flatten(_float32(gradients))
        ]
    )


def _float32(samples):
    return tree.map_structure(lambda x: ops.cast(x, "float32"), samples)


def _one_a_sample(samples):
    first = tree.flatten(samples)[0]
    return (ops.shape(first)[0], *[1] * (len(first.shape) - 1))
