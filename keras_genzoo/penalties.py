"""Penalties on the gradient of a critic or discriminator with respect to its input.

`D` denotes the critic, `x` real samples, and `x~` generated samples. Norms are taken over all values of a
sample, in float32, also under mixed precision.

A sample may be a list of inputs, such as one image at several sizes. Then each input's gradient has its own
norm, and the penalty is the mean over the inputs (Karnewar & Wang 2020, section 2).
"""

import keras
from keras import ops, tree

from keras_genzoo import arguments, backends


class GradientPenalty:
    """Base class for penalties on the gradient of a critic.

    Subclasses implement `__call__`, which returns a scalar that is added to the critic's loss. An instance
    can be passed to a model as `penalty`.

    Args:
        weight: Float, at least 0. Factor of the penalty.

    Raises:
        ValueError: If `weight` is not a number of at least 0.

    Example:

    ```python
    import keras
    from keras import ops
    import keras_genzoo as kg

    @keras.saving.register_keras_serializable(package="my_package")
    class BothSides(kg.penalties.GradientPenalty):
        def __init__(self, weight=10.0):
            super().__init__(weight)

        def __call__(self, critic, real, fake, seed):
            penalties = kg.penalties.R1(self.weight), kg.penalties.R2(self.weight)
            return sum(penalty(critic, real, fake, seed) for penalty in penalties)

    gan = kg.models.WGANGP(image_shape=(8, 8, 1), width=4, penalty=BothSides())
    ```
    """

    # Gradients with a smaller norm than this are penalized.
    asked_norm = 0.0

    def __init__(self, weight):
        self.weight = arguments.number("weight", weight, at_least=0)

    @property
    def is_zero_for_constants(self):
        """Whether the penalty of a critic that is constant is 0."""
        return self.weight == 0 or self.asked_norm == 0

    def __call__(self, critic, real, fake, seed):
        """Computes the weighted penalty.

        Args:
            critic: Callable that maps samples to logits `(batch, ...)`.
            real: Float tensor `(batch, ...)`, real samples, or a list of such tensors of equal rank.
            fake: Float tensor of the same shape, generated samples, or a list of the same structure.
            seed: `keras.random.SeedGenerator`, source of the penalty's noise.

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
    """Gradient penalty of WGAN-GP.

    The penalty is `weight * E[(|grad D(x^)| - target)^2]`. Each point `x^` is drawn uniformly from the line
    between a real and a generated sample.

    Args:
        weight: Float, at least 0. Factor of the penalty.
        target: Float, at least 0. Norm that the gradient should have.
        one_sided: Bool. If True, only norms above `target` are penalized.

    Raises:
        ValueError: If `weight` or `target` is not a number of at least 0.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    penalty = kg.penalties.WassersteinGradientPenalty(weight=10.0)
    real, fake = keras.ops.zeros((2, 1)), keras.ops.ones((2, 1))
    seed = keras.random.SeedGenerator(0)
    penalty(lambda x: keras.ops.sum(3.0 * x, axis=1), real, fake, seed)  # 10 * (3 - 1)^2 = 40
    ```

    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, arXiv:1704.00028, equation 3;
    section 4 on one-sided and two-sided penalties.
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
        share = keras.random.uniform(_shape_per_sample(real), seed=seed)
        between = tree.map_structure(lambda real, fake: real + share * (fake - real), real, fake)
        excess = _gradient_norm(critic, between) - self.target
        if self.one_sided:
            excess = ops.relu(excess)
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self):
        return {**super().get_config(), "target": self.target, "one_sided": self.one_sided}


@keras.saving.register_keras_serializable(package="keras_genzoo")
class R1(GradientPenalty):
    """R1 penalty on real samples: `weight / 2 * E[|grad D(x)|^2]`.

    Args:
        weight: Float, at least 0. Gamma of the paper.

    Raises:
        ValueError: If `weight` is not a number of at least 0.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    penalty = kg.penalties.R1(weight=10.0)
    real = keras.ops.zeros((2, 1))
    seed = keras.random.SeedGenerator(0)
    penalty(lambda x: keras.ops.sum(3.0 * x, axis=1), real, None, seed)  # 10 / 2 * 3^2 = 45
    ```

    Reference: Mescheder et al., "Which training methods for GANs do actually converge?", 2018,
    arXiv:1801.04406, equation 9.
    """

    def __init__(self, weight=10.0):
        super().__init__(weight)

    def __call__(self, critic, real, fake, seed):
        return 0.5 * self.weight * ops.mean(_squared_gradient_norm(critic, real))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class R2(GradientPenalty):
    """R2 penalty on generated samples: `weight / 2 * E[|grad D(x~)|^2]`.

    Args:
        weight: Float, at least 0. Gamma of the paper.

    Raises:
        ValueError: If `weight` is not a number of at least 0.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    penalty = kg.penalties.R2(weight=10.0)
    fake = keras.ops.ones((2, 1))
    seed = keras.random.SeedGenerator(0)
    penalty(lambda x: keras.ops.sum(3.0 * x, axis=1), None, fake, seed)  # 10 / 2 * 3^2 = 45
    ```

    Reference: Mescheder et al., "Which training methods for GANs do actually converge?", 2018,
    arXiv:1801.04406, equation 10.
    """

    def __init__(self, weight=10.0):
        super().__init__(weight)

    def __call__(self, critic, real, fake, seed):
        return 0.5 * self.weight * ops.mean(_squared_gradient_norm(critic, fake))


@keras.saving.register_keras_serializable(package="keras_genzoo")
class DRAGAN(GradientPenalty):
    """Gradient penalty of DRAGAN, around real samples.

    The penalty is `weight * E[(|grad D(x + d)| - target)^2]`. The perturbation is `d = u * n`. `u` is uniform
    in [0, 1], one value per sample. `n` is uniform in `[0, scale * s]`, one value per element, with `s` the
    standard deviation of all values of the batch (of the replica under `tf.distribute`). This follows the
    authors' code; the paper's equation has Gaussian noise of a fixed size.

    Args:
        weight: Float, at least 0. Factor of the penalty.
        target: Float, at least 0. Norm that the gradient should have.
        scale: Float, at least 0. Largest perturbation, in standard deviations of the data.

    Raises:
        ValueError: If `weight`, `target` or `scale` is not a number of at least 0.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    penalty = kg.penalties.DRAGAN(weight=10.0)
    real = keras.ops.zeros((2, 1))
    seed = keras.random.SeedGenerator(0)
    penalty(lambda x: keras.ops.sum(3.0 * x, axis=1), real, None, seed)  # 10 * (3 - 1)^2 = 40
    ```

    Reference: Kodali et al., "On convergence and stability of GANs", 2017, arXiv:1705.07215, section 2.3 and
    algorithm 1.
    """

    def __init__(self, weight=10.0, target=1.0, scale=0.5):
        super().__init__(weight)
        self.target = arguments.number("target", target, at_least=0)
        self.scale = arguments.number("scale", scale, at_least=0)

    @property
    def asked_norm(self):
        return self.target

    def __call__(self, critic, real, fake, seed):
        share = keras.random.uniform(_shape_per_sample(real), seed=seed)

        def perturbed(real):
            noise = self.scale * ops.std(real) * keras.random.uniform(ops.shape(real), seed=seed)
            return real + share * noise

        excess = _gradient_norm(critic, tree.map_structure(perturbed, _float32(real))) - self.target
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self):
        return {**super().get_config(), "target": self.target, "scale": self.scale}


def get(identifier):
    """Retrieves a gradient penalty.

    Args:
        identifier: Name of a penalty (`"wasserstein"`, `"r1"`, `"r2"` or `"dragan"`, with its default
            arguments), its config as a dict, a `GradientPenalty`, which is returned unchanged, or None.

    Returns:
        `GradientPenalty`, or None.

    Raises:
        ValueError: If `identifier` is none of these.

    Example:

    ```python
    import keras_genzoo as kg

    kg.penalties.get("r1").weight  # 10.0
    ```
    """
    if identifier is None:
        return None
    accepted = ", an object of `keras_genzoo.penalties`, such as `R1(weight=10.0)`, or None"
    return arguments.known_object("penalty", identifier, GradientPenalty, _PENALTIES, accepted)


_PENALTIES = {"wasserstein": WassersteinGradientPenalty, "r1": R1, "r2": R2, "dragan": DRAGAN}


def _gradient_norm(critic, samples):
    # The square root has no finite gradient at 0. The constant avoids this.
    return ops.sqrt(_squared_gradient_norm(critic, samples) + 1e-12)


def _squared_gradient_norm(critic, samples):
    """Squared norm for each input and sample, `(inputs, batch)`."""
    _, gradients = backends.input_value_and_grad(critic, _float32(samples))
    return ops.stack(
        [
            ops.sum(ops.square(gradient), axis=tuple(range(1, len(gradient.shape))))
            for gradient in tree.flatten(_float32(gradients))
        ]
    )


def _float32(samples):
    return tree.map_structure(lambda x: ops.cast(x, "float32"), samples)


def _shape_per_sample(samples):
    first = tree.flatten(samples)[0]
    return (ops.shape(first)[0], *[1] * (len(first.shape) - 1))
