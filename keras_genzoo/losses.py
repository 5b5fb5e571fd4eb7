"""Adversarial losses, each a pair for the discriminator and the generator, on logits.

`D` stands for the logits, real images are `x`, generated ones `G(z)`, `sigma` is the logistic function. All
values are means over the batch, computed in float32.
"""

import functools
import math

import keras
from keras import ops

from keras_genzoo import arguments


class AdversarialLoss:
    """Base class: two scalars from the discriminator's logits.

    Subclasses implement `discriminator` and `generator`. `uses_targets` says whether the loss compares the
    logits with targets, which label smoothing and label flipping can move.
    """

    uses_targets = False
    # Whether a discriminator that cannot tell has the logit 0.
    is_balanced_at_zero = False

    def discriminator(self, real_logits, fake_logits):
        """Loss that the discriminator minimizes.

        Args:
            real_logits: Tensor of any shape, first axis the batch.
            fake_logits: Tensor of any shape, first axis the batch.

        Returns:
            Scalar float32 tensor.
        """
        raise NotImplementedError

    def generator(self, fake_logits):
        """Loss that the generator minimizes, a scalar float32 tensor, given the logits of its images."""
        raise NotImplementedError

    def chance_level(self, real_targets=(1.0, 1.0), fake_targets=(0.0, 0.0)):
        """Loss of a discriminator that cannot tell real from generated: the least of equal logits for all.

        Label flips do not move it: they take from one side what they give to the other.

        Args:
            real_targets, fake_targets: Pairs `(low, high)` that targets are uniform in, for a loss with targets.

        Returns:
            Float, or None for a loss without bounds, whose size says nothing.
        """
        return None

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Minimax(AdversarialLoss):
    """The zero-sum game: `min_G max_D E[log sigma(D(x))] + E[log(1 - sigma(D(G(z))))]`.

    The generator's gradient vanishes where the discriminator wins; see `NonSaturating`.

    Source: Goodfellow et al. 2014, equation 1.

    Example:

    >>> Minimax().generator(ops.zeros((2, 1)))  # log(1/2) = -0.693
    """

    uses_targets = is_balanced_at_zero = True

    def discriminator(self, real_logits, fake_logits, real_targets=1.0, fake_targets=0.0):
        return _cross_entropy(real_logits, real_targets) + _cross_entropy(fake_logits, fake_targets)

    def generator(self, fake_logits):
        return -ops.mean(ops.softplus(_float32(fake_logits)))

    def chance_level(self, real_targets=(1.0, 1.0), fake_targets=(0.0, 0.0)):
        # Linear in the targets: of each side the mean counts.
        share = (sum(real_targets) + sum(fake_targets)) / 4
        if not 0 < share < 1:
            return None
        return -2 * (share * math.log(share) + (1 - share) * math.log(1 - share))


class NonSaturating(Minimax):
    """The discriminator of `Minimax` with the generator maximizing `E[log sigma(D(G(z)))]`.

    Source: Goodfellow et al. 2014, section 3, last paragraph.

    Example:

    >>> NonSaturating().generator(ops.zeros((2, 1)))  # log 2 = 0.693
    """

    def generator(self, fake_logits):
        return _cross_entropy(fake_logits, 1.0)


class LeastSquares(AdversarialLoss):
    """`c E[(D(x) - 1)^2] + c E[D(G(z))^2]` against `c E[(D(G(z)) - 1)^2]`.

    Args:
        coefficient: Float, c. Defaults to Mao et al.'s 1/2, which is the name `"least_squares"`. 1 is the name
            `"mean_squared_error"`, the loss of Zhu et al. 2017: image translators weigh other terms against it,
            so that the factor matters.

    Source: Mao et al. 2017, equation 9 (a = 0, b = c = 1); Zhu et al. 2017, section 4, "Training details".

    Example:

    >>> LeastSquares().generator(ops.zeros((2, 1)))  # 0.5
    """

    uses_targets = True

    def __init__(self, coefficient=0.5):
        self.coefficient = arguments.number("coefficient", coefficient, above=0)

    def discriminator(self, real_logits, fake_logits, real_targets=1.0, fake_targets=0.0):
        return self._squares(real_logits, real_targets) + self._squares(fake_logits, fake_targets)

    def generator(self, fake_logits):
        return self._squares(fake_logits, 1.0)

    def chance_level(self, real_targets=(1.0, 1.0), fake_targets=(0.0, 0.0)):
        # At the mean of all targets: their variance, of both sides.
        sides = (real_targets, fake_targets)
        mean = sum(low + high for low, high in sides) / 4
        squares = sum(low**2 + low * high + high**2 for low, high in sides) / 3
        return self.coefficient * (squares - 2 * mean**2)

    def _squares(self, logits, targets):
        return self.coefficient * ops.mean(ops.square(_float32(logits) - targets))

    def get_config(self):
        return {"coefficient": self.coefficient}


class Hinge(AdversarialLoss):
    """`E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]` against `-E[D(G(z))]`.

    Source: Lim & Ye 2017, equations 12 and 13; Miyato et al. 2018, equations 16 and 17.

    Example:

    >>> Hinge().discriminator(ops.ones((2, 1)), -ops.ones((2, 1)))  # 0.0
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
    """`E[D(G(z))] - E[D(x)]` against `-E[D(G(z))]`; the critic must be kept Lipschitz by other means.

    Source: Arjovsky et al. 2017, equation 2 and algorithm 1.

    Example:

    >>> Wasserstein().discriminator(ops.ones((2, 1)), ops.zeros((2, 1)))  # -1.0
    """

    def discriminator(self, real_logits, fake_logits):
        return ops.mean(_float32(fake_logits)) - ops.mean(_float32(real_logits))

    def generator(self, fake_logits):
        return -ops.mean(_float32(fake_logits))


def get(identifier):
    """Returns the loss of a name (`"non_saturating"`), a loss object unchanged.

    Raises:
        ValueError: If the name is unknown.
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
