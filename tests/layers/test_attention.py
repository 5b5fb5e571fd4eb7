import keras
import numpy as np
import pytest

from keras_genzoo import layers
from tests import support

MAPS = np.random.default_rng(0).normal(size=(2, 4, 4, 16)).astype("float32")


@pytest.mark.any_backend
@pytest.mark.parametrize(("channels", "count"), [(256, 81_921), (128, 20_481)])
def test_parameters(channels, count):
    layer = layers.SelfAttention()
    layer.build((None, 32, 32, channels))
    assert sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables) == count


def test_starts_as_the_identity():
    layer = layers.SelfAttention()
    np.testing.assert_array_equal(support.to_numpy(layer(MAPS)), MAPS)
    assert layer.compute_output_shape(MAPS.shape) == MAPS.shape


def test_each_pixel_adds_the_values_of_the_pixels_it_attends_to():
    layer = layers.SelfAttention()
    layer.build(MAPS.shape)
    layer.gamma.assign(0.7)
    theta, phi, g, o = (
        support.to_numpy(part.normalized_kernel())[0, 0]
        for part in (layer.theta, layer.phi, layer.g, layer.o)
    )

    def pooled(x):
        return x.reshape(2, 2, 2, 2, 2, -1).max(axis=(2, 4)).reshape(2, 4, -1)

    scores = (MAPS @ theta).reshape(2, 16, -1) @ pooled(MAPS @ phi).transpose(0, 2, 1)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    attended = (weights @ pooled(MAPS @ g)).reshape(2, 4, 4, 8)
    np.testing.assert_allclose(support.to_numpy(layer(MAPS)), MAPS + 0.7 * attended @ o, atol=1e-4)


def test_maps_too_small_are_refused():
    for shape in ((None, 4, 4, 7), (None, 1, 4, 16)):
        with pytest.raises(ValueError, match=r"at least 8 channels and sides of at least 2. Received: a map"):
            layers.SelfAttention().build(shape)


def test_config():
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layers.SelfAttention(epsilon=1e-4))
    )
    assert again.epsilon == 1e-4
