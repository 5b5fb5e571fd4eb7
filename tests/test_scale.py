"""`tools/scale.py`: counts in closed form, and the cost of a progressive GAN restated from the paper's widths."""

import keras
import pytest

jax = pytest.importorskip("jax")
from jax import numpy as jnp  # noqa: E402

from tools import scale  # noqa: E402


def _traced(function, *shapes):
    return jax.make_jaxpr(function)(*(jnp.zeros(shape) for shape in shapes)).jaxpr


def _convolved(x, kernel, **options):
    options = {"window_strides": (1, 1), "padding": "SAME", **options}
    return jax.lax.conv_general_dilated(x, kernel, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)


X, KERNEL = (2, 8, 8, 3), (5, 5, 3, 4)
CONVOLUTION = 2 * (2 * 8 * 8 * 4) * (5 * 5 * 3)


class TestFlop:
    def test_of_a_matrix_product(self):
        assert scale.flop_of(_traced(jnp.matmul, (7, 5), (5, 3))) == 2 * 7 * 5 * 3
        # Of each of four pairs.
        assert scale.flop_of(_traced(jnp.matmul, (4, 7, 5), (4, 5, 3))) == 4 * 2 * 7 * 5 * 3

    def test_of_a_convolution(self):
        assert scale.flop_of(_traced(_convolved, X, KERNEL)) == CONVOLUTION
        strided = _traced(lambda x, kernel: _convolved(x, kernel, window_strides=(2, 2)), X, KERNEL)
        assert scale.flop_of(strided) == CONVOLUTION / 4

    def test_of_a_depthwise_convolution(self):
        depthwise = _traced(lambda x, k: _convolved(x, k, feature_group_count=3), X, (5, 5, 1, 3))
        assert scale.flop_of(depthwise) == 2 * (2 * 8 * 8 * 3) * 25

    @pytest.mark.parametrize("stride", [1, 2])
    def test_gradients_cost_as_much_as_the_convolution(self, stride):
        """Also with strides, where one of them is a transposed convolution and the other has a dilated kernel."""

        def loss(x, kernel):
            return jnp.sum(jnp.square(_convolved(x, kernel, window_strides=(stride, stride))))

        one = CONVOLUTION / stride**2
        for arguments, times in ((0, 2), (1, 2), ((0, 1), 3)):
            counted = scale.flop_of(_traced(jax.grad(loss, arguments), X, KERNEL))
            assert counted == pytest.approx(times * one), arguments

    def test_of_what_is_called_and_repeated(self):
        def repeated(x, kernel):
            return jax.lax.scan(lambda x, _: (jax.jit(jnp.matmul)(x, kernel), None), x, length=6)[0]

        assert scale.flop_of(_traced(repeated, (7, 5), (5, 5))) == 6 * 2 * 7 * 5 * 5


class TestBytes:
    def test_a_value_lives_until_its_last_use(self):
        def function(x):
            first = x + 1.0  # 400 bytes
            second = first * 2.0  # with `first`, 800
            third = second * first  # all three, 1200
            return jnp.sum(third)

        assert scale.bytes_of(_traced(function, (100,))) == 1200

    def test_values_of_a_gradient_are_kept(self):
        """The output of each tanh is kept until its gradient."""

        def loss(x):
            for _ in range(10):
                x = jnp.tanh(x)
            return jnp.sum(x)

        forward, backward = (scale.bytes_of(_traced(function, (100,))) for function in (loss, jax.grad(loss)))
        assert forward == 800 and 4000 <= backward <= 10_000

    @pytest.mark.parametrize("num_updates", [1, 2])
    def test_a_new_state_takes_the_place_of_the_old_one(self, num_updates):
        """Momentum, whose weights and moments are updated one after the other, in a step of one or two updates."""

        def step(weights, moments, x):
            for _ in range(num_updates):
                for index in range(5):
                    moments[index] = moments[index] + x  # 400 bytes until they replace the old ones
                    weights[index] = weights[index] - moments[index]
            return weights, moments

        five = [jnp.zeros(100)] * 5
        jaxpr = jax.make_jaxpr(step)(five, five, jnp.zeros(100)).jaxpr
        assert scale.bytes_of(jaxpr, num_state=10) == 400
        assert scale.bytes_of(jaxpr) >= 10 * 400


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="counts steps of the JAX backend")
class TestModels:
    def test_of_a_progressive_gan(self):
        """The step of an image restated from the widths of the paper, at 8x8."""
        model = scale.progressive_gan(8)
        model.compile()
        num = 16
        # Convolutions and dense layers per image, in multiply-adds; upsampling has 16 weights for a quarter of
        # the pixels.
        generator = 16 * 512 * 512 + 16 * 9 * 512**2
        generator += 64 // 4 * 16 * 512 * 512 + 64 * 9 * 512**2 + 64 * 512 * 3
        before_deviation = 64 * 3 * 512 + 64 * 9 * (512**2 + 512 * 512)
        discriminator = before_deviation + 16 * 9 * 513 * 512 + 16 * 512**2
        # Three passes of the generator; two batches with three passes each, a penalty with four (six before the
        # minibatch standard deviation), and two for the generator's update.
        expected = 2 * (3 * generator + 12 * discriminator + 2 * before_deviation)
        cost = scale.cost_of_step(model, num)
        assert cost.flop / num == pytest.approx(expected, rel=2e-3)
        # The gradients of a player, but not new weights and moments, 12 bytes per parameter.
        sizes = [sum(variable.value.size for variable in model.variables_of(each)) for each in model.players]
        assert 4 * max(sizes) < cost.num_bytes < 12 * sum(sizes)

    def test_regularizers_count_as_their_share(self):
        from keras_genzoo import models

        small = {"style_dim": 8, "num_mapping_layers": 1, "channel_base": 64, "channel_max": 8}
        flop = []
        for weights in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
            model = models.StyleGAN2(
                (8, 8, 3), 8, r1_weight=weights[0], path_length_weight=weights[1], **small
            )
            model.compile()
            flop.append(scale.cost_of_step(model, 4).flop)
        main, r1, path_length, both = flop
        assert r1 > main and path_length > main
        assert both - main == pytest.approx((r1 - main) + (path_length - main))
        # An R1 update is two passes over the discriminator and their gradients: of the order of a step.
        assert 0.1 * main < 16 * (r1 - main) < main

    def test_a_row_is_in_the_units_of_its_columns(self):
        """At 1 TFLOP/s and 2 GB/s; a ring of eight passes 7/8 of the gradients on, twice."""
        row = scale.row_of("progressive_gan", 4, teraflops=1.0, bandwidth=2.0)
        millions = sum(float(part) for part in row["parameters of G and D, millions"].split(" + "))
        work, sums = row["work per step, ms"], row["sums of gradients, ms"]
        assert work == pytest.approx(16 * row["step, GFLOP per image"])
        assert sums == pytest.approx(4 * millions * 2 * 7 / 8 / 2, rel=0.01)
        num_steps = 800_000 / 16
        assert row["work, EFLOP"] == pytest.approx(num_steps * work * 1e9 / 1e18)
        assert row["hours, one device"] == pytest.approx(num_steps * work / 3.6e6)
        assert row["hours, 8 devices"] == pytest.approx(num_steps / 8 * (work + sums) / 3.6e6)
        assert row["its memory, GB"] == pytest.approx(16 * row["memory, MB per image"] / 1e3)
