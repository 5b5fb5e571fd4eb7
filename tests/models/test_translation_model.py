"""What both families of translators share: averages of the networks that translate."""

import numpy as np
import pytest
from keras import ops
from toy_translators import make_cyclegan, make_pix2pix

from tests import support

PAIRS = (support.toy_images(8, (8, 8, 2)), support.toy_images(8, (8, 8, 1), seed=1))
DOMAINS = (support.toy_images(4, (8, 8, 1)), support.toy_images(4, (8, 8, 1), seed=1))
# A family's model, and what it trains on.
FAMILIES = pytest.mark.parametrize(
    ("make_model", "data"), [(make_pix2pix, PAIRS), (make_cyclegan, DOMAINS)], ids=["pix2pix", "cyclegan"]
)
# Far enough in one step for an average to differ from what it follows.
RATE = 0.3


@FAMILIES
class TestAverages:
    def test_every_network_that_translates_is_averaged(self, make_model, data):
        model = make_model("sgd", RATE, average_decay=0.9)
        names = list(model.directions.values())
        assert list(model.averages) == names
        expected = {name: getattr(model, name).get_weights() for name in names}
        for _ in range(2):
            model.train_on_batch(*data)
            for name in names:
                trained = getattr(model, name).get_weights()
                expected[name] = [
                    0.9 * average + 0.1 * weight
                    for average, weight in zip(expected[name], trained, strict=True)
                ]
        for name in names:
            for average, value, trained in zip(
                model.averages[name].get_weights(),
                expected[name],
                getattr(model, name).get_weights(),
                strict=True,
            ):
                np.testing.assert_allclose(average, value, atol=1e-6)
                assert (average != trained).any()

    def test_averages_translate(self, make_model, data):
        model = make_model("sgd", RATE, average_decay=0.9)
        model.train_on_batch(*data)
        for direction, name in model.directions.items():
            sources, _ = model.in_direction(direction, *data)
            expected = ops.convert_to_numpy(model.averages[name](sources))
            np.testing.assert_allclose(model.translate(sources, direction), expected, atol=1e-6)
            trained = ops.convert_to_numpy(getattr(model, name)(sources))
            assert np.abs(expected - trained).max() > 1e-4

    def test_evaluate_is_about_the_averages(self, make_model, data):
        model = make_model("sgd", RATE, average_decay=0.9)
        model.train_on_batch(*data)
        losses = model.evaluate(*data, verbose=0, return_dict=True)
        for name, average in model.averages.items():
            getattr(model, name).set_weights(average.get_weights())
        assert losses == pytest.approx(model.evaluate(*data, verbose=0, return_dict=True), rel=1e-5)

    def test_a_preset_holds_the_averages_and_training_goes_on_from_them(self, make_model, data, tmp_path):
        model = make_model("sgd", RATE, average_decay=0.9)
        model.train_on_batch(*data)
        model.save_to_preset(tmp_path / "preset")
        loaded = type(model).from_preset(tmp_path / "preset")
        for name, average in model.averages.items():
            for network in (loaded.averages[name], getattr(loaded, name)):
                for weight, expected in zip(network.get_weights(), average.get_weights(), strict=True):
                    np.testing.assert_array_equal(weight, expected)

    def test_bad_decays_are_refused(self, make_model, data):
        with pytest.raises(ValueError, match=r"`average_decay` must be in \[0, 1\)"):
            make_model(average_decay=1.0)
