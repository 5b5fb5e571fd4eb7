"""What all converters share."""

import argparse

import keras
import numpy as np
import pytest

from keras_genzoo.layers import SpectralDense
from tests import support

torch = pytest.importorskip("torch")


class TestArranged:
    def network(self):
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(2, name="dense")(inputs), name="net")

    KEYS = ("fc.weight", "fc.bias")

    def state(self, **changes):
        return {"fc.weight": np.zeros((2, 3)), "fc.bias": np.zeros(2)} | changes

    def test_turns_matrices_round(self, tool):
        kernel, bias = tool.arranged(self.state(), self.network(), self.KEYS)
        assert kernel.shape == (3, 2) and bias.shape == (2,)

    def test_names_what_is_missing(self, tool):
        state = self.state()
        del state["fc.bias"]
        with pytest.raises(ValueError, match=r"lacks 'fc.bias', needed for 'dense' of 'net'"):
            tool.arranged(state, self.network(), self.KEYS)

    def test_names_what_is_left_over(self, tool):
        state = self.state(**{"fc.scale": np.zeros(2), "counter": np.zeros(())})
        with pytest.raises(ValueError, match=r"keys that 'net' has no layers for: fc.scale$"):
            tool.arranged(state, self.network(), self.KEYS, ignored={"counter"})

    def test_names_what_has_another_shape(self, tool):
        state = self.state(**{"fc.weight": np.zeros((3, 2))})
        with pytest.raises(
            ValueError, match=r"'fc.weight' has the shape \(3, 2\).*'dense' .*kernel of \(3, 2\)"
        ):
            tool.arranged(state, self.network(), self.KEYS)


class TestSpectralVectors:
    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
    @pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
    def test_give_a_divisor_between_the_singular_values(self, tool, shape, share):
        matrix = np.random.default_rng(0).normal(size=shape)
        values = np.linalg.svd(matrix, compute_uv=False)
        divisor = values[-1] + share * (values[0] - values[-1])
        layer = SpectralDense(shape[0], use_bias=False)
        layer.build((None, shape[1]))
        layer.set_weights([matrix.T, tool.vector_for(matrix, divisor)])
        np.testing.assert_allclose(support.to_numpy(layer.normalized_kernel()), matrix.T / divisor, rtol=1e-4)

    @pytest.mark.parametrize("divisor", [1.0, 4.0])
    def test_are_refused_for_other_divisors(self, tool, divisor):
        with pytest.raises(
            ValueError, match=r"singular values from 2 to 3: the vectors are of another matrix"
        ):
            tool.vector_for(np.diag([3.0, 2.0]), divisor)


class TestFiles:
    def test_of_a_training_have_a_part(self, tool, tmp_path):
        content = {
            "g": {"weight": torch.zeros(1)},
            "g_ema": {"weight": torch.ones(1)},
            "average": torch.ones(2),
            "optimizer": {"lr": 0.1},
            "options": argparse.Namespace(size=64),
        }
        torch.save(content, tmp_path / "net.pt")
        state = tool.read_state(tmp_path / "net.pt", ("G_ema", "g_ema"))
        assert set(state) == {"weight", "average"} and state["weight"] == 1.0

    def test_without_the_part_are_state_dictionaries(self, tool, tmp_path):
        torch.save({"weight": torch.ones(1)}, tmp_path / "net.pt")
        assert set(tool.read_state(tmp_path / "net.pt", ("G_ema", "g_ema"))) == {"weight"}
