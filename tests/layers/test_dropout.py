import numpy as np
import pytest
from keras import ops

from keras_genzoo import layers


class TestDropout:
    def test_rate_and_scale(self):
        output = ops.convert_to_numpy(layers.Dropout(0.4, seed=0)(ops.ones((100, 100)), training=True))
        assert (output == 0).mean() == pytest.approx(0.4, abs=0.02)
        np.testing.assert_allclose(output[output > 0], 1 / 0.6, rtol=1e-6)

    def test_masks_change_from_call_to_call_and_follow_the_seed(self):
        def two_masks():
            layer = layers.Dropout(0.5, seed=3)
            return [ops.convert_to_numpy(layer(ops.ones((50,)), training=True)) for _ in range(2)]

        (first, second), again = two_masks(), two_masks()
        assert (first != second).any()
        np.testing.assert_array_equal([first, second], again)

    def test_inference_passes_everything(self):
        x = np.arange(5, dtype="float32")
        np.testing.assert_array_equal(ops.convert_to_numpy(layers.Dropout(0.5)(x, training=False)), x)

    def test_sampling_acts_at_inference_too(self):
        layer = layers.Dropout(0.4, seed=0, sampling=True)
        first, second = (ops.convert_to_numpy(layer(ops.ones((100, 100)), training=False)) for _ in range(2))
        assert (first == 0).mean() == pytest.approx(0.4, abs=0.02)
        assert (first != second).any()

    @pytest.mark.parametrize("rate", [-0.1, 1.0])
    def test_rate_outside_its_range_is_refused(self, rate):
        with pytest.raises(ValueError, match=f"`rate` must be at least 0 and below 1. Received: rate={rate}"):
            layers.Dropout(rate)

    def test_config(self):
        for sampling in (False, True):
            layer = layers.Dropout(0.3, seed=4, sampling=sampling, name="drop")
            layer = layers.Dropout.from_config(layer.get_config())
            assert (layer.rate, layer.seed, layer.sampling, layer.name) == (0.3, 4, sampling, "drop")
