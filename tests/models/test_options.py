"""Annotated arguments of a constructor are checked, kept, and part of the config; `compile` follows the players."""

import inspect

import keras
import numpy as np
import pytest

from keras_genzoo import losses, models
from keras_genzoo.arguments import NonNegative, PositiveInt, Share
from keras_genzoo.models.generative_model import GenerativeModel
from keras_genzoo.models.options import Interval, Loss, Penalty, checked_options, config_of


class _Base(GenerativeModel):
    players = {"maker": ("maker",), "judge": ("judge",)}  # noqa: RUF012

    @checked_options
    def __init__(self, *, loss: Loss = "hinge", steps: PositiveInt = 1, **kwargs):
        # The body finds the checked values.
        assert self.steps == steps
        super().__init__(image_shape=(2,), **kwargs)

    def default_optimizers(self):
        """SGD for both.

        Only here.
        """
        return {player: keras.optimizers.SGD() for player in self.players}


class _Family(_Base):
    @checked_options
    def __init__(
        self,
        width=4,
        *,
        weight: NonNegative = 1.0,
        share: Share = 0.5,
        interval: Interval = 0.0,
        penalty: Penalty = None,
        flag: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        inputs = keras.Input((2,))
        self.set_networks(
            maker=keras.Model(inputs, keras.layers.Dense(width)(inputs)),
            judge=keras.Model(inputs, keras.layers.Dense(1)(inputs)),
        )


class TestOptions:
    def test_of_all_classes_are_the_config_and_what_is_not_annotated_is_not(self):
        config = _Family(3, weight=2, penalty="r1", steps=5, seed=7).get_config()
        assert {name: config[name] for name in ("weight", "share", "interval", "flag", "steps", "seed")} == {
            "weight": 2,
            "share": 0.5,
            "interval": (0.0, 0.0),
            "flag": False,
            "steps": 5,
            "seed": 7,
        }
        assert config["penalty"]["class_name"] == "R1"
        assert config["loss"]["class_name"] == "Hinge"
        assert {"maker", "judge"} < set(config) and "width" not in config

    def test_are_kept_as_attributes_of_their_names_but_for_the_loss(self):
        model = _Family(loss="hinge", steps=np.int64(2))
        assert isinstance(model.adversarial_loss, losses.Hinge)
        # Python's own type, which JSON can hold.
        assert type(model.steps) is int

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("weight", -1, "`weight` must be at least 0. Received: weight=-1"),
            ("share", 1.0, "`share` must be at least 0 and below 1"),
            ("interval", (1, 0), r"`interval` must be a float or a pair \(low, high\)"),
            ("steps", 0, "`steps` must be at least 1"),
            ("steps", 1.5, "`steps` must be an integer"),
            ("image_shape", (1, 2), "image_shape"),
        ],
    )
    def test_that_cannot_be_used_are_refused_by_name(self, name, value, message):
        with pytest.raises((ValueError, TypeError), match=message):
            _Family(**{name: value})

    def test_read_back_by_the_config(self):
        config = config_of(models.GAN((8, 8, 1), 4, width=2, real_targets=(0.8, 1), discriminator_steps=2))
        assert config["real_targets"] == (0.8, 1.0)
        assert config["discriminator_steps"] == 2


class TestCompile:
    def test_has_an_argument_per_player_then_those_of_keras(self):
        assert list(inspect.signature(_Family.compile).parameters) == [
            "self",
            "maker_optimizer",
            "judge_optimizer",
            "run_eagerly",
            "steps_per_execution",
            "jit_compile",
        ]
        assert list(inspect.signature(models.Autoencoder.compile).parameters)[1] == "optimizer"

    def test_is_documented_by_the_players_and_the_default_optimizers(self):
        assert "maker_optimizer: `keras.optimizers.Optimizer` of maker, or None." in _Family.compile.__doc__
        assert "Default optimizers: SGD for both." in _Family.compile.__doc__
        assert "Only here" not in _Family.compile.__doc__

    def test_takes_optimizers_in_the_order_of_the_players(self):
        maker, judge = keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.25)
        model = _Family()
        model.compile(maker, judge)
        assert model.optimizers == {"maker": maker, "judge": judge}
        model.compile(judge_optimizer=keras.optimizers.SGD(0.125))
        assert float(model.judge_optimizer.learning_rate) == 0.125
        assert float(model.maker_optimizer.learning_rate) == pytest.approx(0.01)

    def test_of_a_family_may_be_its_own(self):
        class Own(_Family):
            players = {"maker": ("maker",)}  # noqa: RUF012

            def compile(self, rate):
                """Its own."""

        assert Own.compile.__doc__ == "Its own."

    def test_names_the_arguments_where_one_is_unknown(self):
        with pytest.raises(
            TypeError, match=r"of _Family has no argument `optimizer`\. Each player has .* own"
        ):
            _Family().compile(optimizer="adam")
