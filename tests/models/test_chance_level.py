"""What a discriminator's loss is when it cannot tell: what options do to it, beside the least of equal logits."""

import numpy as np
import pytest
from keras import ops, tree
from toy_gans import make_gan
from toy_msg import make_msg_gan
from toy_progressive import make_fading

from keras_genzoo import losses, penalties
from tests import support

IMAGES = support.toy_images(4)


def least_of_equal_logits(model, discriminator_loss, names=("discriminator",)):
    """The least loss over discriminators that say the same of all they see."""
    values = []
    for logit in np.linspace(-1, 2, 121, dtype="float32"):
        for name in names:
            setattr(model, name, _saying(logit))
        loss = discriminator_loss(model)
        values.append(float(loss[0] if isinstance(loss, tuple) else loss))
    return min(values)


def _saying(logit):
    # Zero times the input, so that penalties find a gradient.
    return lambda inputs, **_: (
        sum(
            0.0 * ops.mean(part, axis=tuple(range(1, len(part.shape))))[:, None]
            for part in tree.flatten(inputs)
        )
        + ops.convert_to_tensor(logit)
    )


def of_images(model):
    return model.discriminator_loss(IMAGES, IMAGES[::-1], None, True)


@pytest.mark.slow_but("loss0-make_fading", ci=True)
@pytest.mark.parametrize("make_model", [make_msg_gan, make_fading])
@pytest.mark.parametrize("loss", [losses.NonSaturating(), losses.Hinge(), losses.LeastSquares()])
def test_a_drift_that_moves_the_least_leaves_no_level(loss, make_model):
    model = make_model(loss=loss, penalty=None, drift=0.1)
    if isinstance(loss, losses.LeastSquares):
        assert model.chance_level is None
        return
    real = ops.convert_to_tensor(support.toy_images(4, model.image_shape))
    arguments = (model.pyramid(real),) * 2 if make_model is make_msg_gan else (real, real, 0.5)
    found = least_of_equal_logits(model, lambda model: model.discriminator_loss(*arguments))
    assert model.chance_level == pytest.approx(found, abs=1e-4)


@pytest.mark.slow_but("non_saturating-arguments1", ci=True)
@pytest.mark.parametrize(
    "arguments",
    [
        {"real_targets": 0.9},
        {"real_targets": (0.7, 1.2), "fake_targets": (0.0, 0.3)},
        {"real_targets": 0.8, "label_flip_probability": 0.2},
        {"instance_noise": 0.5, "history_size": 8},
    ],
)
@pytest.mark.parametrize("loss", ["non_saturating", "least_squares"])
def test_what_moves_targets_or_images(loss, arguments):
    model = make_gan(loss=loss, **arguments)
    # By many images the mean of drawn targets is that of their distribution.
    images = np.zeros((20_000 if "real_targets" in arguments else 4, 8, 8, 1), "float32")

    def drawn(model):
        return model.discriminator_loss(images, images, None, True)

    assert model.chance_level == pytest.approx(least_of_equal_logits(model, drawn), abs=0.01)


@pytest.mark.slow_but("penalty0", ci=True)
@pytest.mark.parametrize(
    "penalty", [penalties.R1(5.0), penalties.R2(5.0), penalties.WassersteinGradientPenalty(one_sided=True)]
)
def test_a_penalty_that_a_constant_does_not_pay(penalty):
    model = make_gan(penalty=penalty)
    assert model.chance_level == pytest.approx(least_of_equal_logits(model, of_images), abs=1e-4)


@pytest.mark.parametrize("penalty", ["wasserstein", "dragan"])
def test_a_penalty_on_small_gradients_leaves_no_level(penalty):
    assert make_gan(penalty=penalty).chance_level is None
    assert make_gan(penalty=type(penalties.get(penalty))(weight=0)).chance_level is not None
