"""Differentiation, noise and kernels: one contract on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers
from tests import support


def _variable(*values):
    return keras.Variable(np.array(values, "float32"))


def _numpy(x):
    return ops.convert_to_numpy(x)


class TestValueAndGrad:
    def test_closed_form(self):
        x, y = _variable(1.0, 2.0), _variable(3.0, 4.0)
        value, (dx, dy) = backends.value_and_grad(lambda: ops.sum(x * y * y), [x, y])
        assert float(value) == 1 * 9 + 2 * 16
        np.testing.assert_allclose(_numpy(dx), [9, 16])
        np.testing.assert_allclose(_numpy(dy), [2 * 1 * 3, 2 * 2 * 4])

    def test_variables_not_asked_for_are_constants(self):
        x, y = _variable(2.0), _variable(5.0)
        _, gradients = backends.value_and_grad(lambda: ops.sum(x * y), [x])
        assert len(gradients) == 1
        np.testing.assert_allclose(_numpy(gradients[0]), [5])

    def test_auxiliary_output_is_not_differentiated(self):
        x = _variable(2.0)
        (value, aux), (gradient,) = backends.value_and_grad(
            lambda: (ops.sum(x * x), {"cube": x * x * x}), [x], has_aux=True
        )
        assert float(value) == 4 and float(aux["cube"][0]) == 8
        np.testing.assert_allclose(_numpy(gradient), [4])

    def test_updates_made_inside_are_kept(self):
        x, counter = _variable(2.0), keras.Variable(0.0, trainable=False)

        def function():
            counter.assign(counter + 1.0)
            return ops.sum(x * x)

        backends.value_and_grad(function, [x])
        assert float(counter) == 1

    def test_moving_statistics_are_written_back_through_nested_differentiation(self):
        """As under a gradient penalty: a gradient by the input inside a gradient by the variables."""
        layer = layers.BatchNormalization(momentum=0.9)
        images = support.toy_images(6, (4, 4, 2))
        layer.build(images.shape)

        def penalty():
            _, gradient = backends.input_value_and_grad(
                lambda x: ops.sum(layer(x, training=True) ** 2, axis=(1, 2, 3)), ops.convert_to_tensor(images)
            )
            return ops.mean(gradient**2)

        backends.value_and_grad(penalty, [layer.gamma])
        np.testing.assert_allclose(_numpy(layer.moving_mean), 0.1 * images.mean((0, 1, 2)), atol=1e-6)
        expected = 0.9 + 0.1 * images.var((0, 1, 2))
        np.testing.assert_allclose(_numpy(layer.moving_variance), expected, atol=1e-6)


class TestInputValueAndGrad:
    def test_gradient_of_the_sum_shaped_like_the_input(self):
        x = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
        (value, aux), gradient = backends.input_value_and_grad(
            lambda x: (ops.sum(x**3, axis=1), x + 1), x, has_aux=True
        )
        np.testing.assert_allclose(_numpy(value), [1 + 8, 27 + 64])
        np.testing.assert_allclose(_numpy(aux), _numpy(x) + 1)
        np.testing.assert_allclose(_numpy(gradient), 3 * _numpy(x) ** 2)

    def test_gradient_penalty_of_a_linear_critic(self):
        """`D(x) = x w` has the gradient `w` everywhere: the penalty is `(|w| - 1)^2`."""
        w = _variable(3.0, 4.0)
        x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(5, 2)).astype("float32"))

        def penalty():
            _, gradient = backends.input_value_and_grad(lambda x: ops.matmul(x, w[:, None]), x)
            return ops.mean((ops.sqrt(ops.sum(gradient**2, axis=1)) - 1.0) ** 2)

        value, (gradient,) = backends.value_and_grad(penalty, [w])
        assert float(value) == pytest.approx((5 - 1) ** 2)
        # d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|
        np.testing.assert_allclose(_numpy(gradient), 2 * 4 * np.array([3, 4]) / 5, rtol=1e-5)

    def test_a_tensor_that_is_also_closed_over_is_a_constant_there(self):
        x = ops.convert_to_tensor([2.0, 3.0])
        _, gradient = backends.input_value_and_grad(lambda y: x * y, x)
        np.testing.assert_allclose(_numpy(gradient), [2, 3])

    def test_second_order_gradient_by_the_input(self):
        w = _variable(2.0)

        def slope(x):
            return backends.input_value_and_grad(lambda x: w * x**3, x)[1]

        first, second = backends.input_value_and_grad(slope, ops.convert_to_tensor([1.0, -2.0]))
        np.testing.assert_allclose(_numpy(first), 3 * 2 * np.array([1, 4]))
        np.testing.assert_allclose(_numpy(second), 6 * 2 * np.array([1, -2]))


def test_pullback_of_a_kept_forward_pass_equals_the_whole_gradient():
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)])
    latents = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(5, 3)).astype("float32"))
    target = ops.convert_to_tensor(np.ones((5, 2), "float32"))

    def loss(output):
        return ops.mean((output - target) ** 2)

    variables = generator.trainable_variables
    expected, gradients = backends.value_and_grad(lambda: loss(generator(latents)), variables)
    output, pullback = backends.vjp(lambda: generator(latents), variables)
    value, output_gradient = backends.input_value_and_grad(loss, output)
    assert float(value) == pytest.approx(float(expected))
    for ours, wanted in zip(pullback(output_gradient), gradients, strict=True):
        np.testing.assert_allclose(_numpy(ours), _numpy(wanted), atol=1e-6)


class TestSeedGenerator:
    def test_a_seed_gives_the_same_numbers_and_each_draw_others(self):
        draws = []
        for _ in range(2):
            generator = backends.SeedGenerator(5)
            draws.append([_numpy(keras.random.normal((4,), seed=generator)) for _ in range(2)])
        np.testing.assert_array_equal(draws[0], draws[1])
        assert (draws[0][0] != draws[0][1]).all()

    def test_on_one_device_it_draws_what_keras_draws(self):
        ours, keras_own = backends.SeedGenerator(5), keras.random.SeedGenerator(5)
        np.testing.assert_array_equal(_numpy(ours.next()), _numpy(keras_own.next()))

    @pytest.mark.slow
    @pytest.mark.tensorflow
    def test_dropout_masks_differ_between_replicas(self):
        masks = support.fresh_process(_dropout_masks_of_two_replicas)
        assert 400 < masks[0].sum() < 600 and 400 < masks[1].sum() < 600
        assert 400 < (masks[0] != masks[1]).sum() < 600


def _dropout_masks_of_two_replicas():
    strategy = support.two_logical_devices()
    with strategy.scope():
        dropout = layers.Dropout(0.5, seed=1)
    dropped = strategy.run(lambda: dropout(ops.ones((1000,)), training=True))
    return [values.numpy() > 0 for values in strategy.experimental_local_results(dropped)]


def test_joint_optimizer_lists_the_variables_of_all():
    optimizers = {"a": keras.optimizers.Adam(), "b": keras.optimizers.SGD()}
    for optimizer in optimizers.values():
        optimizer.build([_variable(1.0)])
    joined = backends.JointOptimizer(optimizers)
    expected = [*optimizers["a"].variables, *optimizers["b"].variables]
    assert [id(variable) for variable in joined.variables] == [id(variable) for variable in expected]
    assert joined.built


@pytest.mark.slow
def test_another_keras_backend_is_refused():
    for module in ("jax", "scipy"):
        pytest.importorskip(module, reason=f"Keras' NumPy backend needs {module}")
    with pytest.raises(
        AssertionError, match=r"supports the TensorFlow and JAX backends of Keras, not 'numpy'"
    ):
        support.fresh_process(_import_the_package, backend="numpy")


def _import_the_package():
    import keras_genzoo  # noqa: F401


class TestFusedBatchNormalization:
    images = 2 + 3 * support.toy_images(6, (5, 4, 3))

    def test_plain_formula(self):
        gamma, beta = np.float32([1, 2, 3]), np.float32([0.5, 0, -1])
        output, mean, variance = backends.batch_normalization(
            ops.convert_to_tensor(self.images),
            ops.convert_to_tensor(gamma),
            ops.convert_to_tensor(beta),
            1e-3,
        )
        expected_mean, expected_variance = self.images.mean((0, 1, 2)), self.images.var((0, 1, 2))
        np.testing.assert_allclose(_numpy(mean), expected_mean, atol=1e-5)
        np.testing.assert_allclose(_numpy(variance), expected_variance, rtol=1e-5)
        expected = (self.images - expected_mean) / np.sqrt(expected_variance + 1e-3) * gamma + beta
        np.testing.assert_allclose(_numpy(output), expected, atol=1e-5)

    def test_layer_equals_that_of_keras(self):
        """Output, gradients, moving statistics after two steps, and inference."""
        ours, reference = self._layers()
        weights = ops.convert_to_tensor(
            np.random.default_rng(1).normal(size=self.images.shape).astype("float32")
        )
        results = []
        for layer in (ours, reference):
            for images in (self.images, 2 * self.images[:4]):
                layer(images, training=True)

            def loss(x, layer=layer):
                return ops.sum(weights * layer(x, training=True) ** 2)

            x = ops.convert_to_tensor(self.images)
            _, by_input = backends.input_value_and_grad(loss, x)
            value, by_weights = backends.value_and_grad(lambda loss=loss: loss(x), layer.trainable_variables)  # noqa: B023
            inference = layer(self.images, training=False)
            results.append(
                [_numpy(r) for r in (value, by_input, *by_weights, inference, *layer.get_weights())]
            )
        for actual, expected in zip(*results, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)

    def test_statistics_stay_float32_under_mixed_precision(self):
        layer = layers.BatchNormalization(dtype="mixed_bfloat16")
        output = layer(self.images, training=True)
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        moving_mean = layer.moving_mean
        assert moving_mean.dtype == "float32"
        np.testing.assert_allclose(_numpy(moving_mean), 0.1 * self.images.mean((0, 1, 2)), atol=2e-3)

    @pytest.mark.tensorflow  # JAX computes in float64 only where it is told to at its start
    def test_float64_is_float64(self):
        images = self.images + np.float64(1e6)
        output = layers.BatchNormalization(dtype="float64")(images, training=True)
        expected = (images - images.mean((0, 1, 2))) / np.sqrt(images.var((0, 1, 2)) + 1e-5)
        np.testing.assert_allclose(_numpy(output), expected, atol=1e-6)

    def test_a_frozen_layer_normalises_by_its_moving_statistics(self):
        layer, _ = self._layers()
        layer.trainable = False
        np.testing.assert_allclose(
            _numpy(layer(self.images, training=True)), _numpy(layer(self.images, training=False))
        )
        np.testing.assert_array_equal(_numpy(layer.moving_mean), np.zeros(3))

    def _layers(self):
        arguments = {"momentum": 0.8, "epsilon": 1e-4}
        pair = layers.BatchNormalization(**arguments), keras.layers.BatchNormalization(**arguments)
        for layer in pair:
            layer.build(self.images.shape)
            layer.gamma.assign([1.0, 2.0, 3.0])
            layer.beta.assign([0.5, 0.0, -1.0])
        return pair


def test_one_device_is_one_replica():
    assert backends.num_replicas() == 1
