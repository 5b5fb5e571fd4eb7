import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers
from tests import support

LAYERS = {
    "dense": (lambda **kwargs: layers.SpectralDense(4, **kwargs), (5, 3)),
    "convolution": (lambda **kwargs: layers.SpectralConv2D(4, 3, padding="same", **kwargs), (2, 5, 5, 3)),
    "upsampling": (lambda **kwargs: layers.SpectralResizeConv2D(4, **kwargs), (2, 3, 3, 3)),
    "embedding": (lambda **kwargs: layers.SpectralEmbedding(6, 4, **kwargs), None),
}


@pytest.fixture(params=LAYERS)
def layer_and_inputs(request):
    make, shape = LAYERS[request.param]
    if shape is None:
        return make(), np.array([0, 5, 2])
    return make(), np.random.default_rng(0).normal(size=shape).astype("float32")


def _kernel_of(layer):
    return support.to_numpy(layer.trainable_variables[0].value)


def _as_matrix(kernel):
    return kernel.reshape(-1, kernel.shape[-1])


@pytest.mark.ci
def test_the_kernel_is_divided_by_its_largest_singular_value(layer_and_inputs):
    layer, inputs = layer_and_inputs
    for _ in range(100):
        layer(inputs, training=True)
    kernel = _kernel_of(layer)
    largest = np.linalg.svd(_as_matrix(kernel), compute_uv=False)[0]
    np.testing.assert_allclose(support.to_numpy(layer.normalized_kernel()), kernel / largest, atol=1e-5)


def test_the_output_is_that_of_the_quotient(layer_and_inputs):
    layer, inputs = layer_and_inputs
    output = support.to_numpy(layer(inputs))
    quotient = support.to_numpy(layer.normalized_kernel())
    layer.trainable_variables[0].assign(quotient)
    of_keras = type(layer).__mro__[2].call(layer, ops.convert_to_tensor(inputs))
    np.testing.assert_allclose(output, support.to_numpy(of_keras), atol=1e-5)


def test_one_step_of_the_power_method_per_training_call(layer_and_inputs):
    layer, inputs = layer_and_inputs
    layer(inputs)
    kernel, start = _kernel_of(layer), support.to_numpy(layer.u.value)
    matrix = kernel.T if isinstance(layer, layers.SpectralEmbedding) else _as_matrix(kernel)
    v = matrix @ start
    u = (v / np.linalg.norm(v)) @ matrix
    np.testing.assert_array_equal(support.to_numpy(layer.u.value), start)
    layer(inputs, training=True)
    np.testing.assert_allclose(support.to_numpy(layer.u.value), u / np.linalg.norm(u), atol=1e-5)
    np.testing.assert_array_equal(_kernel_of(layer), kernel)


def test_the_gradient_passes_through_the_singular_value():
    """With G the gradient of the quotient: `(G - (G . W/sigma) v u') / sigma`, u and v constants."""
    layer = layers.SpectralDense(4, use_bias=False)
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(5, 3)).astype("float32")
    weights = rng.normal(size=(5, 4)).astype("float32")
    layer(inputs)
    kernel, start = _kernel_of(layer), support.to_numpy(layer.u.value)
    _, (gradient,) = backends.value_and_grad(
        lambda: ops.sum(layer(ops.convert_to_tensor(inputs), training=True) * weights),
        layer.trainable_variables,
    )
    v = kernel @ start
    v /= np.linalg.norm(v)
    u = v @ kernel
    u /= np.linalg.norm(u)
    sigma = v @ kernel @ u
    of_quotient = inputs.T @ weights
    expected = (of_quotient - (of_quotient * kernel / sigma).sum() * np.outer(v, u)) / sigma
    np.testing.assert_allclose(support.to_numpy(gradient), expected, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_power_method_is_float32_under_mixed_precision(policy):
    inputs = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype("float32")
    single = layers.SpectralConv2D(4, 3)
    half = layers.SpectralConv2D(4, 3, dtype=policy)
    for layer in (single, half):
        layer.build(inputs.shape)
    half.set_weights(single.get_weights())
    for layer in (single, half):
        layer(inputs, training=True)
    assert keras.backend.standardize_dtype(half(inputs).dtype) == half.compute_dtype
    assert keras.backend.standardize_dtype(half.u.dtype) == "float32"
    np.testing.assert_allclose(*(support.to_numpy(layer.u.value) for layer in (single, half)), atol=1e-6)


def test_config_and_weights_round_trip(layer_and_inputs):
    layer, inputs = layer_and_inputs
    layer(inputs, training=True)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    again(inputs)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(support.to_numpy(again(inputs)), support.to_numpy(layer(inputs)))


@pytest.mark.slow
@pytest.mark.tensorflow
def test_replicas_store_the_same_vector():
    vectors, expected = support.fresh_process(_vectors_of_two_replicas)
    for vector in vectors:
        np.testing.assert_allclose(vector, expected, atol=1e-6)


def _vectors_of_two_replicas():
    """What two replicas hold after two steps, and what one device holds."""
    import tensorflow as tf

    strategy = support.two_logical_devices()
    alone = layers.SpectralDense(4)
    with strategy.scope():
        layer = layers.SpectralDense(4)
        layer.build((None, 3))
    alone.build((None, 3))
    alone.set_weights(layer.get_weights())

    @tf.function
    def step():
        strategy.run(lambda: layer(tf.ones((2, 3)), training=True))

    for _ in range(2):
        step()
        alone(np.ones((2, 3), "float32"), training=True)
    values = strategy.experimental_local_results(layer.u.value)
    return [value.numpy().tolist() for value in values], support.to_numpy(alone.u.value).tolist()


def test_files_hold_the_vector_of_the_power_method(tmp_path):
    def network():
        return keras.Sequential(
            [
                keras.Input((4, 4, 2)),
                layers.SpectralConv2D(3, 3, use_bias=False),
                layers.SpectralResizeConv2D(3),
                keras.layers.Flatten(),
                layers.SpectralDense(2),
            ]
        )

    saved, loaded = network(), network()
    saved.save_weights(tmp_path / "network.weights.h5")
    loaded.load_weights(tmp_path / "network.weights.h5")
    support.assert_same_state(support.state_of(loaded), support.state_of(saved))
