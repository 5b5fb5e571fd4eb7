"""Adversarial losses, each a pair of losses for the discriminator and the generator, computed from logits.

`D` denotes the discriminator's logits, `x` real images, `G(z)` generated images, and `sigma` the logistic
function. All losses are means over the batch, computed in float32.
"""

import functools
import math

import keras
from keras import ops

from keras_genzoo import arguments


class AdversarialLoss:
    """Base class for adversarial losses.

    Subclasses implement `discriminator` and `generator`, which map logits to scalars. An instance can be
    passed to a model as `loss`.

    Attributes:
        uses_targets: Bool, whether the loss compares logits with targets. Such a loss supports label
            smoothing and label flipping.
        is_balanced_at_zero: Bool, whether a discriminator that cannot tell real images from generated ones
            outputs the logit 0.

    Example:

    ```python
    import keras
    from keras import ops
    import keras_genzoo as kg

    @keras.saving.register_keras_serializable(package="my_package")
    class SmoothHinge(kg.losses.AdversarialLoss):
        def discriminator(self, real_logits, fake_logits):
            return ops.mean(ops.softplus(1.0 - real_logits)) + ops.mean(ops.softplus(1.0 + fake_logits))

        def generator(self, fake_logits):
            return -ops.mean(fake_logits)

    gan = kg.models.GAN(image_shape=(8, 8, 1), width=4, loss=SmoothHinge())
    ```
    """

    uses_targets = False
    is_balanced_at_zero = False

    def discriminator(self, real_logits, fake_logits):
        """Computes the loss that the discriminator minimizes.

        Args:
            real_logits: Float tensor of any shape whose first axis is the batch, logits of real images.
            fake_logits: Float tensor of any shape whose first axis is the batch, logits of generated images.

        Returns:
            Scalar float32 tensor.
        """
        raise NotImplementedError

    def generator(self, fake_logits):
        """Computes the loss that the generator minimizes.

        Args:
            fake_logits: Float tensor of any shape whose first axis is the batch, logits of generated images.

        Returns:
            Scalar float32 tensor.
        """
        raise NotImplementedError

    def chance_level(self, real_targets=(1.0, 1.0), fake_targets=(0.0, 0.0)):
        """Computes the loss of a discriminator that cannot tell real images from generated ones.

        This is the smallest loss that equal logits for all images can have. Label flipping does not change
        it.

        Args:
            real_targets, fake_targets: Pairs of floats `(low, high)`. Targets are drawn uniformly from this
                interval. Only used by losses with targets.

        Returns:
            Float, or None if the loss is unbounded.
        """
        return None

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Minimax(AdversarialLoss):
    """Minimax loss of the original GAN.

    Both players optimize the same value:

    `min_G max_D E[log sigma(D(x))] + E[log(1 - sigma(D(G(z))))]`

    The generator's gradient vanishes when the discriminator is confident. Use `NonSaturating` to avoid this.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    loss = kg.losses.Minimax()
    loss.generator(keras.ops.zeros((2, 1)))  # log(1/2) = -0.693
    ```

    Reference: Goodfellow et al., "Generative adversarial nets", 2014, arXiv:1406.2661, equation 1.
    """

    uses_targets = is_balanced_at_zero = True

    def discriminator(self, real_logits, fake_logits, real_targets=1.0, fake_targets=0.0):
        return _cross_entropy(real_logits, real_targets) + _cross_entropy(fake_logits, fake_targets)

    def generator(self, fake_logits):
        return -ops.mean(ops.softplus(_float32(fake_logits)))

    def chance_level(self, real_targets=(1.0, 1.0), fake_targets=(0.0, 0.0)):
        # The loss is linear in the targets, so only their means matter.
        share = (sum(real_targets) + sum(fake_targets)) / 4
        if not 0 < share < 1:
            return None
        return -2 * (share * math.log(share) + (1 - share) * math.log(1 - share))


class NonSaturating(Minimax):
    """Non-saturating loss: `Minimax` for the discriminator, a different loss for the generator.

    The generator minimizes `-E[log sigma(D(G(z)))]`, whose gradient does not vanish when the discriminator is
    confident.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    loss = kg.losses.NonSaturating()
    loss.generator(keras.ops.zeros((2, 1)))  # log 2 = 0.693
    ```

    Reference: Goodfellow et al., "Generative adversarial nets", 2014, arXiv:1406.2661, section 3.
    """

    def generator(self, fake_logits):
        return _cross_entropy(fake_logits, 1.0)


class LeastSquares(AdversarialLoss):
    """Least squares loss (LSGAN).

    With `c` the coefficient, the discriminator minimizes `c E[(D(x) - 1)^2] + c E[D(G(z))^2]`, the generator
    `c E[(D(G(z)) - 1)^2]`.

    Args:
        coefficient: Positive float, `c`. The default 1/2 is that of LSGAN and of the name `"least_squares"`.
            The value 1 is that of CycleGAN and of the name `"mean_squared_error"`. It matters when the loss
            is added to other terms.

    Raises:
        ValueError: If `coefficient` is not a positive number.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    loss = kg.losses.LeastSquares()
    loss.generator(keras.ops.zeros((2, 1)))  # 0.5
    ```

    Reference: Mao et al., "Least squares generative adversarial networks", 2017, arXiv:1611.04076, equation 9
    with a = 0, b = c = 1. Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial
    networks", 2017, arXiv:1703.10593, section 4.
    """

    uses_targets = True

    def __init__(self, coefficient=0.5):
        self.coefficient = arguments.number("coefficient", coefficient, above=0)

    def discriminator(self, real_logits, fake_logits, real_targets=1.0, fake_targets=0.0):
        return self._squares(real_logits, real_targets) + self._squares(fake_logits, fake_targets)

    def generator(self, fake_logits):
        return self._squares(fake_logits, 1.0)

    def chance_level(self, real_targets=(1.0, 1.0), fake_targets=(0.0, 0.0)):
        # The best constant is the mean of all targets, which leaves their variance as the loss.
        sides = (real_targets, fake_targets)
        mean = sum(low + high for low, high in sides) / 4
        squares = sum(low**2 + low * high + high**2 for low, high in sides) / 3
        return self.coefficient * (squares - 2 * mean**2)

    def _squares(self, logits, targets):
        return self.coefficient * ops.mean(ops.square(_float32(logits) - targets))

    def get_config(self):
        return {"coefficient": self.coefficient}


class Hinge(AdversarialLoss):
    """Hinge loss.

    The discriminator minimizes `E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]`, the generator `-E[D(G(z))]`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    loss = kg.losses.Hinge()
    loss.discriminator(keras.ops.ones((2, 1)), -keras.ops.ones((2, 1)))  # 0.0
    ```

    Reference: Lim & Ye, "Geometric GAN", 2017, arXiv:1705.02894, equations 12 and 13. Miyato et al.,
    "Spectral normalization for generative adversarial networks", 2018, arXiv:1802.05957, equations 16 and 17.
    """

    is_balanced_at_zero = True

    def discriminator(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits), _float32(fake_logits)
        return ops.mean(ops.relu(1.0 - real_logits)) + ops.mean(ops.relu(1.0 + fake_logits))

    def generator(self, fake_logits):
        return -ops.mean(_float32(fake_logits))

    def chance_level(self, real_targets=(1.0, 1.0), fake_targets=(0.0, 0.0)):
        return 2.0


class Wasserstein(AdversarialLoss):
    """Wasserstein loss.

    The critic minimizes `E[D(G(z))] - E[D(x)]`, the generator `-E[D(G(z))]`. The loss does not keep the
    critic Lipschitz continuous. Combine it with weight clipping, a gradient penalty or spectral
    normalization.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    loss = kg.losses.Wasserstein()
    loss.discriminator(keras.ops.ones((2, 1)), keras.ops.zeros((2, 1)))  # -1.0
    ```

    Reference: Arjovsky et al., "Wasserstein GAN", 2017, arXiv:1701.07875, equation 2 and algorithm 1.
    """

    def discriminator(self, real_logits, fake_logits):
        return ops.mean(_float32(fake_logits)) - ops.mean(_float32(real_logits))

    def generator(self, fake_logits):
        return -ops.mean(_float32(fake_logits))


def get(identifier):
    """Retrieves an adversarial loss.

    Args:
        identifier: Name of a loss (`"minimax"`, `"non_saturating"`, `"least_squares"`,
            `"mean_squared_error"`, `"hinge"` or `"wasserstein"`), its config as a dict, or an
            `AdversarialLoss`, which is returned unchanged.

    Returns:
        `AdversarialLoss`.

    Raises:
        ValueError: If `identifier` is none of these.

    Example:

    ```python
    import keras_genzoo as kg

    kg.losses.get("mean_squared_error").coefficient  # 1.0
    ```
    """
    accepted = " or an `AdversarialLoss`"
    return arguments.known_object("loss", identifier, AdversarialLoss, _LOSSES, accepted)


_LOSSES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "mean_squared_error": functools.partial(LeastSquares, coefficient=1.0),
    "hinge": Hinge,
    "wasserstein": Wasserstein,
}
for _loss in (Minimax, NonSaturating, LeastSquares, Hinge, Wasserstein):
    keras.saving.register_keras_serializable(package="keras_genzoo")(_loss)


def _float32(logits):
    return ops.cast(logits, "float32")


def _cross_entropy(logits, targets):
    # softplus(l) - t l = -t log sigma(l) - (1 - t) log(1 - sigma(l)), without overflow for any logit.
    logits = _float32(logits)
    return ops.mean(ops.softplus(logits) - targets * logits)
