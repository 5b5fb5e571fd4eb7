"""The names by which saved networks find the layers."""

import keras
import pytest

from keras_genzoo import layers

NAMES = [name for name in layers.__all__ if name[0].isupper()]


@pytest.mark.parametrize("name", NAMES)
def test_registered_name(name):
    layer = getattr(layers, name)
    assert keras.saving.get_registered_name(layer) == f"keras_genzoo>{name}"
    assert keras.saving.get_registered_object(f"keras_genzoo>{name}") is layer


def test_a_layer_saved_when_all_were_one_module_is_loaded():
    config = {
        "module": "keras_genzoo.layers",
        "class_name": "LeakyReLU",
        "config": {"name": "leaky", "negative_slope": 0.3},
        "registered_name": "keras_genzoo>LeakyReLU",
    }
    layer = keras.saving.deserialize_keras_object(config)
    assert (type(layer), layer.name, layer.negative_slope) == (layers.LeakyReLU, "leaky", 0.3)
