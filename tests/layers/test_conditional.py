import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import layers
from tests import support

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(6, 4, 4, 5)).astype("float32")
LABELS = np.array([0, 2, 1, 2, 0, 1], "int32")
CONDITIONS = RNG.normal(size=(6, 3)).astype("float32")


def _normalized(epsilon):
    mean, variance = IMAGES.mean((0, 1, 2)), IMAGES.var((0, 1, 2))
    return (IMAGES - mean) / np.sqrt(variance + epsilon)


@pytest.fixture(params=["classes", "vectors"])
def layer_and_inputs(request):
    if request.param == "classes":
        return layers.ConditionalBatchNormalization(3), [IMAGES, LABELS]
    return layers.ModulatedBatchNormalization(), [IMAGES, CONDITIONS]


def test_each_class_has_a_scale_and_an_offset():
    layer = layers.ConditionalBatchNormalization(3)
    layer.build([IMAGES.shape, LABELS.shape])
    scales, offsets = (RNG.normal(size=(3, 5)).astype("float32") for _ in range(2))
    np.testing.assert_array_equal(support.to_numpy(layer.scales.value), np.ones((3, 5)))
    np.testing.assert_array_equal(support.to_numpy(layer.offsets.value), np.zeros((3, 5)))
    layer.scales.assign(scales)
    layer.offsets.assign(offsets)
    output = support.to_numpy(layer([IMAGES, LABELS], training=True))
    expected = _normalized(2e-5) * scales[LABELS][:, None, None] + offsets[LABELS][:, None, None]
    np.testing.assert_allclose(output, expected, atol=1e-4)


def test_scale_is_one_more_than_a_linear_function_of_the_condition():
    layer = layers.ModulatedBatchNormalization(spectral=False)
    output = support.to_numpy(layer([IMAGES, CONDITIONS], training=True))
    scale, offset = (CONDITIONS @ support.to_numpy(part.kernel) for part in (layer.scales, layer.offsets))
    expected = _normalized(1e-5) * (1 + scale)[:, None, None] + offset[:, None, None]
    np.testing.assert_allclose(output, expected, atol=1e-4)


def test_the_linear_functions_are_spectrally_normalised():
    layer = layers.ModulatedBatchNormalization()
    layer.build([IMAGES.shape, CONDITIONS.shape])
    assert [type(part) for part in (layer.scales, layer.offsets)] == [layers.SpectralDense] * 2
    assert [part.epsilon for part in (layer.scales, layer.offsets)] == [1e-6] * 2
    before = support.to_numpy(layer.scales.u.value)
    layer([IMAGES, CONDITIONS])
    np.testing.assert_array_equal(support.to_numpy(layer.scales.u.value), before)
    layer([IMAGES, CONDITIONS], training=True)
    assert (support.to_numpy(layer.scales.u.value) != before).any()


def test_moving_statistics_are_those_of_the_images(layer_and_inputs):
    layer, inputs = layer_and_inputs
    layer(inputs, training=True)
    np.testing.assert_allclose(support.to_numpy(layer.moving_mean), 0.1 * IMAGES.mean((0, 1, 2)), atol=1e-5)
    variance = 0.9 + 0.1 * IMAGES.var((0, 1, 2))
    np.testing.assert_allclose(support.to_numpy(layer.moving_variance), variance, atol=1e-5)


def test_in_half_precision(layer_and_inputs):
    layer, inputs = layer_and_inputs
    config = {**layer.get_config(), "dtype": "mixed_bfloat16"}
    output = type(layer).from_config(config)(inputs, training=True)
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"


def test_config_and_weights_round_trip(layer_and_inputs):
    layer, inputs = layer_and_inputs
    layer(inputs, training=True)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    again(inputs)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(support.to_numpy(again(inputs)), support.to_numpy(layer(inputs)))
    assert ops.shape(again(inputs)) == again.compute_output_shape([x.shape for x in inputs])
