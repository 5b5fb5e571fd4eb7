"""Numbers that constructors take, and those that they refuse, in every class by one mechanism."""

import math
from functools import partial

import numpy as np
import pytest

from keras_genzoo import arguments, callbacks, growth, likelihoods, losses, optimizers, penalties
from tests.models.toy_autoencoders import make_autoencoder
from tests.models.toy_gans import make_gan
from tests.models.toy_msg import make_msg_gan
from tests.models.toy_progressive import make_fading
from tests.models.toy_translators import make_cyclegan, make_pix2pix
from tests.models.toy_wgans import make_wgan

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.5), np.int64(0)])
def test_a_number_comes_back_as_that_of_python(value):
    number = arguments.number("weight", value, at_least=0, below=1)
    assert number == value and type(number) in (int, float)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_an_integer_comes_back_as_that_of_python(value):
    number = arguments.integer("num", value, at_least=3)
    assert number == 3 and type(number) is int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (NAN, "`weight` must be a finite number, at least 0 and below 1. Received: weight=nan"),
        (INF, "`weight` must be a finite number, at least 0 and below 1. Received: weight=inf"),
        (True, "`weight` must be a finite number"),
        ("0.5", "`weight` must be a finite number.*Received: weight='0.5'"),
        (None, "`weight` must be a finite number"),
        (-0.1, "`weight` must be at least 0 and below 1. Received: weight=-0.1"),
        (1, "`weight` must be at least 0 and below 1. Received: weight=1"),
    ],
)
def test_a_refusal_says_what_is_accepted(value, message):
    with pytest.raises(ValueError, match=message):
        arguments.number("weight", value, at_least=0, below=1)
    with pytest.raises(ValueError, match=r"`num` must be an integer, at least 1. Received: num=2.0"):
        arguments.integer("num", 2.0, at_least=1)


# Callable -> argument -> values that it must refuse, beside NaN, infinity, a boolean and a string.
WEIGHTS = {
    make_gan: {
        "average_decay": [1, -0.1],
        "average_half_life": [0],
        "discriminator_steps": [0, 1.5],
        "label_flip_probability": [1],
        "instance_noise": [-1],
        "history_size": [-1, 1.5],
        "latent_dim": [0, -1, 4.0],
        "num_classes": [1, 2.5],
    },
    make_wgan: {"critic_steps": [0, 2.5], "clip_value": [0, -0.01], "latent_dim": [0]},
    make_fading: {"drift": [-1]},
    make_msg_gan: {"drift": [-1]},
    partial(make_autoencoder, "VAE"): {"beta": [-1], "kl_floor": [-1], "importance_samples": [0, 1.5]},
    partial(make_autoencoder, "WAEGAN"): {"penalty_weight": [-1], "reconstruction_weight": [0]},
    make_pix2pix: {"l1_weight": [-1]},
    make_cyclegan: {"cycle_weight": [-1], "identity_weight": [-1], "history_size": [-1, 1.5]},
    losses.LeastSquares: {"coefficient": [0, -1]},
    likelihoods.Gaussian: {"stddev": [0, -1]},
    penalties.R1: {"weight": [-1]},
    penalties.WassersteinGradientPenalty: {"weight": [-1], "target": [-1]},
    penalties.DRAGAN: {"scale": [-1]},
    partial(growth.GrowthSchedule, 2): {
        "fading_images": [0],
        "stabilizing_images": [0],
        "batch_size": [0, 1.5],
    },
    partial(optimizers.ConstantThenLinearDecay, 2e-4, 10): {"decay_steps": [0, 1.5]},
    callbacks.TrainingHealth: {"num": [1], "snapshot_every": [0], "cooldown": [0]},
    partial(callbacks.Backup, "backup"): {"every": [0, 1.5]},
}


@pytest.mark.parametrize(
    ("make", "argument", "bad"),
    [(make, argument, bad) for make, table in WEIGHTS.items() for argument, bad in table.items()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_that_make_no_sense_are_refused_by_name(make, argument, bad):
    for value in (NAN, INF, True, "1", *bad):
        with pytest.raises(ValueError, match=f"`{argument}` must be "):
            make(**{argument: value})


@pytest.mark.parametrize("argument", ["real_targets", "fake_targets"])
@pytest.mark.parametrize("value", [NAN, (0.0, INF), (1.0, 0.5), (0.1, 0.2, 0.3), "1"])
def test_targets_that_make_no_sense_are_refused_by_name(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be "):
        make_gan(**{argument: value})


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, NAN)])
def test_scales_that_make_no_sense_are_refused_by_name(scales):
    with pytest.raises(ValueError, match="`kernel_scales` must "):
        make_autoencoder("WAEMMD", kernel_scales=scales)
