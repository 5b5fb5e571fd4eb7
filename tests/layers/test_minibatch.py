import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers
from tests import support


class TestPack:
    @pytest.mark.parametrize("shape", [(2,), (4, 3, 2), (5, 1, 3)])
    @pytest.mark.parametrize("num", [1, 2, 3])
    def test_neighbours_are_joined_along_the_last_axis(self, shape, num):
        samples = np.random.default_rng(0).normal(size=(6, *shape)).astype("float32")
        packs = ops.convert_to_numpy(layers.Pack(num)(samples))
        assert packs.shape == (6 // num, *shape[:-1], num * shape[-1])
        for index, pack in enumerate(packs):
            expected = np.concatenate(list(samples[num * index : num * (index + 1)]), axis=-1)
            np.testing.assert_array_equal(pack, expected)

    def test_gradient_goes_back_to_each_sample(self):
        weights = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype("float32")
        samples = ops.convert_to_tensor(support.toy_images(6, (4, 4, 1)))
        _, gradient = backends.input_value_and_grad(lambda x: weights * layers.Pack(3)(x), samples)
        for index, part in enumerate(ops.convert_to_numpy(gradient)):
            np.testing.assert_array_equal(part[..., 0], weights[index // 3, ..., index % 3])

    def test_batch_may_be_unknown_when_the_network_is_made(self):
        samples = keras.Input((4, 4, 2))
        network = keras.Model(samples, layers.Pack(2)(samples))
        assert network.output_shape == (None, 4, 4, 4)
        for num in (2, 8):
            assert network(np.zeros((num, 4, 4, 2), "float32")).shape == (num // 2, 4, 4, 4)

    def test_a_batch_that_does_not_divide_is_refused(self):
        with pytest.raises(
            ValueError,
            match=r"multiple of the pack size 2. Received: 5 samples.*Change the batch size",
        ):
            layers.Pack(2)(np.zeros((5, 2), "float32"))

    def test_empty_packs_are_refused(self):
        with pytest.raises(ValueError, match=r"`num` must be at least 1. Received: num=0"):
            layers.Pack(0)

    def test_config(self):
        layer = layers.Pack.from_config(layers.Pack(3, name="packs").get_config())
        assert (layer.num, layer.name) == (3, "packs")


class TestMinibatchStandardDeviation:
    def test_closed_form(self):
        """Images 0 and 1 differ by 2 everywhere, images 2 and 3 by 6 in one channel of two."""
        x = np.zeros((4, 3, 3, 2), "float32")
        x[1], x[3, ..., 0] = 2, 6
        output = ops.convert_to_numpy(layers.MinibatchStandardDeviation(2)(x))
        np.testing.assert_array_equal(output[..., :2], x)
        for image, deviation in enumerate((1, 1, 1.5, 1.5)):
            np.testing.assert_allclose(output[image, ..., 2], deviation, atol=1e-3)

    def test_batch_that_groups_do_not_fill(self):
        with pytest.raises(ValueError, match="multiple of `group_size`, 4"):
            layers.MinibatchStandardDeviation()(np.zeros((6, 2, 2, 1), "float32"))

    def test_config(self):
        layer = layers.MinibatchStandardDeviation(3, name="deviation")
        layer = layers.MinibatchStandardDeviation.from_config(layer.get_config())
        assert (layer.group_size, layer.name) == (3, "deviation")
